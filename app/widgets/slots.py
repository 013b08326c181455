"""Places for the pictures of a blend: A to D, each with a letter and a colour."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QDragEnterEvent,
    QDropEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QAbstractButton, QToolButton, QWidget

from app import theme
from app.widgets.identity import COLOURS, LETTERS
from app.widgets.parts import column, icon_button, row

SIDE = 60
BADGE = 17


class PictureSlot(QAbstractButton):
    """One place: a picture, or a plus. A file can be dropped on it."""

    dropped = Signal(str)
    asked = Signal()
    """An empty place was clicked, or a full one twice: choose a file."""
    let_go = Signal()
    """Delete was pressed on it."""

    def __init__(self, index: int):
        super().__init__()
        self.letter = LETTERS[index]
        self._colour = COLOURS[index]
        self._image = QImage()
        self.setFixedSize(SIDE, SIDE)
        self.setAcceptDrops(index > 0)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.set_image(QImage(), "")

    @property
    def full(self) -> bool:
        return not self._image.isNull()

    def set_image(self, image: QImage, name: str) -> None:
        self._image = image
        self.setCheckable(self.full)
        words = f"Picture {self.letter}: {name}" if self.full else f"Add picture {self.letter}"
        self.setAccessibleName(words)
        tip = f"{words}. Click to paint with it." if self.full else f"{words}: click, or drop it"
        self.setToolTip(tip)
        self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.asked.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace) and self.full:
            self.let_go.emit()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
        else:
            super().keyPressEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            self.dropped.emit(paths[0])

    def sizeHint(self) -> QSize:
        return QSize(SIDE, SIDE)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHints(
            QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform
        )
        box = QRectF(self.rect()).adjusted(2, 2, -2, -2)
        if self.full:
            self._paint_full(painter, box)
        else:
            hot = self.underMouse() and self.isEnabled()
            edge = theme.EDGE if self.isEnabled() else theme.LINE
            painter.setPen(QPen(theme.colour(theme.TEXT if hot else edge), 1, Qt.PenStyle.DashLine))
            painter.drawRoundedRect(box, 5, 5)
            painter.setFont(theme.font(theme.SIZE_LARGE))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, "+")
        if self.hasFocus():
            painter.setPen(QPen(theme.colour(theme.TEXT), 1.5, Qt.PenStyle.DotLine))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(box.adjusted(3, 3, -3, -3), 3, 3)
        painter.end()

    def _paint_full(self, painter: QPainter, box: QRectF) -> None:
        path = QPainterPath()
        path.addRoundedRect(box, 5, 5)
        painter.save()
        painter.setClipPath(path)
        side = min(self._image.width(), self._image.height())
        middle = QRectF(
            (self._image.width() - side) / 2, (self._image.height() - side) / 2, side, side
        )
        painter.drawImage(box, self._image, middle)
        painter.restore()
        painter.setBrush(Qt.BrushStyle.NoBrush)
        chosen = self.isChecked()
        painter.setPen(
            QPen(theme.colour(self._colour if chosen else theme.LINE), 3 if chosen else 1)
        )
        painter.drawRoundedRect(box, 5, 5)
        badge = QRectF(box.left() + 3, box.bottom() - BADGE - 3, BADGE, BADGE)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour(self._colour))
        painter.drawEllipse(badge)
        painter.setPen(theme.colour(theme.ON_ACCENT))
        painter.setFont(theme.font(theme.SIZE_SMALL))
        painter.drawText(badge, Qt.AlignmentFlag.AlignCenter, self.letter)


class PictureSlots(QWidget):
    """A, the source, and up to three more."""

    picked = Signal(int)
    """Paint with this one."""
    asked = Signal(int)
    """Choose a file for this place."""
    dropped = Signal(int, str)
    removed = Signal(int)
    exchanged = Signal(int)
    """With A."""

    def __init__(self) -> None:
        super().__init__()
        self.slots_ = [PictureSlot(i) for i in range(len(LETTERS))]
        self._tools: list[tuple[QToolButton, ...]] = []
        self._chosen = 1
        line = row(spacing=theme.SPACE)
        self.setLayout(line)
        for index, slot in enumerate(self.slots_):
            line.addLayout(self._column(index, slot))
        line.addStretch(1)

    def _column(self, index: int, slot: PictureSlot):  # noqa: ANN202 - QVBoxLayout
        made = column(spacing=1)
        made.addWidget(slot)
        letter = LETTERS[index]
        tools = (
            icon_button("swap", f"Exchange {letter} and A", size=13),
            icon_button("folder", f"Choose another picture {letter}", size=13),
            icon_button("close", f"Remove picture {letter}", size=13),
        )
        for tool in tools:
            tool.setProperty("slim", True)
        slot.clicked.connect(lambda: self._clicked(index))
        slot.asked.connect(lambda: self.asked.emit(index))
        slot.dropped.connect(lambda path: self.dropped.emit(index, path))
        slot.let_go.connect(lambda: self.removed.emit(index))
        for tool, signal in zip(tools, (self.exchanged, self.asked, self.removed), strict=True):
            tool.clicked.connect(lambda _on=False, signal=signal: signal.emit(index))
        self._tools.append(tools)
        below = row(*tools, 1, spacing=0)
        holder = QWidget()
        holder.setLayout(below)
        holder.setFixedSize(SIDE, 22)
        made.addWidget(holder)
        return made

    @property
    def chosen(self) -> int:
        return self._chosen

    def set_pictures(self, pictures: Sequence[tuple[QImage, str]]) -> None:
        """(image, name) of A, B …; the rest is empty."""
        for index, slot in enumerate(self.slots_):
            image, name = pictures[index] if index < len(pictures) else (QImage(), "")
            slot.set_image(image, name)
            slot.setVisible(index <= len(pictures))
            for tool in self._tools[index]:
                tool.setVisible(0 < index < len(pictures))
        self.set_chosen(min(self._chosen, max(len(pictures) - 1, 0)) or min(1, len(pictures) - 1))

    def set_chosen(self, index: int) -> None:
        self._chosen = index
        for place, slot in enumerate(self.slots_):
            slot.setChecked(place == index and slot.full)

    @Slot(int)
    def _clicked(self, index: int) -> None:
        if not self.slots_[index].full:
            self.asked.emit(index)
            return
        self.set_chosen(index)
        self.picked.emit(index)
