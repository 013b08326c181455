"""A list of style channels: what each does at both ends, its spread, and a small slider."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPointF,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QImage, QKeyEvent, QMouseEvent, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
)

from app import theme
from app.widgets.painting import draw_rounded
from app.widgets.strip import middle

ENDS = (-8.0, 8.0)
"""σ of the two pictures: one channel alone moves little within its own spread."""
REACH = 10.0
"""σ of the slider to each side."""
HEIGHT = 50
NAME = 74
PICTURE = 44
STEP = 0.5
Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True)
class ChannelRow:
    """One channel of the list."""

    channel: int
    """In the concatenated style vector."""
    name: str
    """Its number inside of its layer, or layer and number."""
    sigma: float
    share: float
    """Length of its bar, 0..1: spread, or how much it moves what was brushed."""
    note: str = ""


class ChannelModel(QAbstractListModel):
    """Rows, pictures as they come, and the amounts of those that are cards already."""

    def __init__(self, parent: QObject | None = None):
        super().__init__(parent)
        self.rows: tuple[ChannelRow, ...] = ()
        self._images: dict[int, dict[int, QImage]] = {}
        self._amounts: dict[int, float] = {}

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(self.rows)

    def data(self, index: Index, role: int = int(Qt.ItemDataRole.DisplayRole)) -> object:
        if not index.isValid() or index.row() >= len(self.rows):
            return None
        row = self.rows[index.row()]
        words = f"channel {row.name}, spread {row.sigma:.3g}"
        if role == Qt.ItemDataRole.DisplayRole:
            return f"{words}, {row.note}" if row.note else words
        if role == Qt.ItemDataRole.ToolTipRole:
            more = f"\n{row.note}" if row.note else ""
            return (
                f"Channel {row.name}   σ {row.sigma:.3g}{more}\nDrag the slider, or click: a card"
            )
        return None

    def show_rows(self, rows: Sequence[ChannelRow]) -> None:
        self.beginResetModel()
        self.rows = tuple(rows)
        self._images.clear()
        self.endResetModel()

    def set_image(self, channel: int, end: int, image: QImage) -> None:
        self._images.setdefault(channel, {})[end] = image
        self._redraw(channel)

    def image(self, channel: int, end: int) -> QImage | None:
        return self._images.get(channel, {}).get(end)

    def show_amounts(self, amounts: Mapping[int, float]) -> None:
        """Channel → amount of its card."""
        old, self._amounts = self._amounts, dict(amounts)
        for channel in {*old, *self._amounts}:
            if old.get(channel) != self._amounts.get(channel):
                self._redraw(channel)

    def amount(self, channel: int) -> float | None:
        """None: it is no card yet."""
        return self._amounts.get(channel)

    def _redraw(self, channel: int) -> None:
        for number, row in enumerate(self.rows):
            if row.channel == channel:
                index = self.index(number)
                self.dataChanged.emit(index, index)


class ChannelList(QListView):
    """Drag the slider of a row, click a row or press Return: the channel becomes a card."""

    moved = Signal(int, float)
    """(channel, amount in σ) while its slider moves."""
    chosen = Signal(int)
    """Make a card of this channel."""
    began = Signal()
    ended = Signal()
    scrolled = Signal()

    def __init__(self, name: str):
        super().__init__()
        self.rows = ChannelModel(self)
        self.setModel(self.rows)
        self.setItemDelegate(_Painter(self))
        self.setAccessibleName(name)
        self.setFrameShape(QListView.Shape.NoFrame)
        self.viewport().setAutoFillBackground(False)
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verticalScrollBar().setSingleStep(HEIGHT // 2)
        self.verticalScrollBar().valueChanged.connect(self._scroll)
        self._sliding: int | None = None

    def visible(self) -> list[ChannelRow]:
        """The rows in sight."""
        first = self.verticalScrollBar().value() // HEIGHT
        count = self.viewport().height() // HEIGHT + 2
        return list(self.rows.rows[first : first + count])

    def _scroll(self, _value: int) -> None:
        self.scrolled.emit()

    # -------------------------------------------------------------- hand

    def _row_at(self, at: QPointF) -> tuple[ChannelRow, QRect] | None:
        index = self.indexAt(at.toPoint())
        if not index.isValid():
            return None
        return self.rows.rows[index.row()], self.visualRect(index)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        super().mousePressEvent(event)
        hit = self._row_at(event.position())
        if event.button() != Qt.MouseButton.LeftButton or hit is None:
            return
        row, rect = hit
        groove = slider_rect(rect)
        if groove.adjusted(-8, 0, 8, 0).contains(event.position()):
            self._sliding = row.channel
            self.began.emit()
            self._slide(event.position().x(), groove)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._sliding is None:
            super().mouseMoveEvent(event)
            return
        self._slide(event.position().x(), slider_rect(self.viewport().rect()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        if self._sliding is not None:
            self._sliding = None
            self.ended.emit()
            return
        hit = self._row_at(event.position())
        if event.button() == Qt.MouseButton.LeftButton and hit is not None:
            self.chosen.emit(hit[0].channel)

    def _slide(self, x: float, groove: QRectF) -> None:
        share = min(max((x - groove.left()) / max(groove.width(), 1.0), 0.0), 1.0)
        amount = (2 * share - 1) * REACH
        near = abs(x - groove.center().x()) < 4
        if self._sliding is not None:
            self.moved.emit(self._sliding, 0.0 if near else round(amount, 2))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        index = self.currentIndex()
        step = {Qt.Key.Key_Left: -STEP, Qt.Key.Key_Right: STEP}.get(Qt.Key(event.key()))
        if index.isValid() and step is not None:
            channel = self.rows.rows[index.row()].channel
            before = self.rows.amount(channel) or 0.0
            self.moved.emit(channel, min(max(before + step, -REACH), REACH))
        elif index.isValid() and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.chosen.emit(self.rows.rows[index.row()].channel)
        else:
            super().keyPressEvent(event)


def slider_rect(row: QRect) -> QRectF:
    """Where the slider of a row lies (its height is the row's)."""
    left = row.left() + NAME + 2 * PICTURE + 26
    return QRectF(left, row.top(), max(row.right() - 16 - left, 20), row.height())


class _Painter(QStyledItemDelegate):
    def __init__(self, view: ChannelList):
        super().__init__(view)
        self._view = view

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(200, HEIGHT)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        model = self._view.rows
        row = model.rows[index.row()]
        rect: QRect = option.rect  # type: ignore[attr-defined]
        state = option.state  # type: ignore[attr-defined]
        painter.save()
        painter.setRenderHints(
            QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform
        )
        hot = bool(state & QStyle.StateFlag.State_MouseOver)
        current = self._view.currentIndex() == index and self._view.hasFocus()
        amount = model.amount(row.channel)
        box = QRectF(rect).adjusted(1, 1, -5, -1)
        painter.setBrush(theme.colour(theme.HOVER if hot else theme.RAISED))
        edge = theme.ACCENT if current else (theme.ACCENT_DEEP if amount is not None else None)
        painter.setPen(QPen(theme.colour(edge), 1.2) if edge else Qt.PenStyle.NoPen)
        painter.drawRoundedRect(box, 6, 6)
        self._paint_name(painter, box, row)
        for end in range(2):
            self._paint_picture(painter, box, end, model.image(row.channel, end))
        self._paint_slider(painter, slider_rect(rect), amount)
        painter.restore()

    def _paint_name(self, painter: QPainter, box: QRectF, row: ChannelRow) -> None:
        inside = QRectF(box.left() + 9, box.top() + 7, NAME - 12, box.height() - 14)
        painter.setFont(theme.font(theme.SIZE_SMALL if len(row.name) > 6 else theme.SIZE))
        painter.setPen(theme.colour(theme.TEXT))
        flags = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap
        painter.drawText(inside, int(flags), row.name)
        bar = QRectF(inside.left(), inside.bottom() - 4, inside.width(), 3)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour(theme.LINE))
        painter.drawRoundedRect(bar, 1.5, 1.5)
        bar.setWidth(max(bar.width() * min(row.share, 1.0), 2.0))
        painter.setBrush(theme.colour(theme.EDGE))
        painter.drawRoundedRect(bar, 1.5, 1.5)

    def _paint_picture(
        self, painter: QPainter, box: QRectF, end: int, image: QImage | None
    ) -> None:
        left = box.left() + NAME + end * (PICTURE + 3)
        place = QRectF(left, box.top() + 2, PICTURE, box.height() - 4)
        part = None if image is None else middle(image, place)
        draw_rounded(painter, place, image, ground=theme.GROUND, part=part)

    def _paint_slider(self, painter: QPainter, groove: QRectF, amount: float | None) -> None:
        middle_y, rest = groove.center().y(), groove.center().x()
        at = rest + (amount or 0.0) / REACH * groove.width() / 2
        at = min(max(at, groove.left()), groove.right())
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour("#4a4a4a"))
        painter.drawRoundedRect(QRectF(groove.left(), middle_y - 1.5, groove.width(), 3), 1.5, 1.5)
        painter.setBrush(theme.colour(theme.ACCENT))
        painter.drawRect(QRectF(min(at, rest), middle_y - 1.5, abs(at - rest), 3))
        painter.setBrush(theme.colour(theme.EDGE))
        painter.drawRoundedRect(QRectF(rest - 1, middle_y - 5, 2, 10), 1, 1)
        painter.setPen(QPen(theme.colour(theme.GROUND), 1.5))
        painter.setBrush(theme.colour(theme.ACCENT if amount else theme.TEXT))
        painter.drawEllipse(QPointF(at, middle_y), 5.5, 5.5)
