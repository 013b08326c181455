"""Which of these two shows more of it? Two large pictures and four answers."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QEnterEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QApplication, QLineEdit, QSizePolicy, QWidget

from app import theme
from app.axes import question
from app.evidence import called
from app.shelf import Shelf
from app.widgets.parts import column, label, push, row
from app.widgets.wall import draw_picture
from engine.messages import SteerRequest

ANSWERS = {
    Qt.Key.Key_Left: "a", Qt.Key.Key_Right: "b", Qt.Key.Key_Down: "same",
    Qt.Key.Key_Space: "skip", Qt.Key.Key_S: "skip",
}  # fmt: skip


class Large(QWidget):
    """One of the two."""

    clicked = Signal()

    def __init__(self, name: str, shelf: Shelf):
        super().__init__()
        self._name, self._shelf = name, shelf
        self._request: SteerRequest | None = None
        self.setAccessibleName(name)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(150, 150)

    def sizeHint(self) -> QSize:
        return QSize(320, 320)

    def set_request(self, request: SteerRequest | None) -> None:
        self._request = request
        self.setToolTip(called(request).capitalize() if request else "")
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(
            event.position().toPoint()
        ):
            self.clicked.emit()

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._request is None:
            return
        painter = QPainter(self)
        painter.setRenderHints(
            QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform
        )
        side = float(min(self.width(), self.height()))
        box = QRectF((self.width() - side) / 2, (self.height() - side) / 2, side, side)
        draw_picture(painter, box, self._shelf, self._request)
        if self.underMouse():
            painter.setPen(QPen(theme.colour(theme.ACCENT), 2))
            painter.drawRoundedRect(box.adjusted(1, 1, -1, -1), 5, 5)
        painter.end()


class PairSorting(QWidget):
    """Shows pair after pair; the arrows answer."""

    answered = Signal(object, object, str)
    """(a, b, a | b | same | skip)."""
    more_wanted = Signal()

    def __init__(self, shelf: Shelf):
        super().__init__()
        self._shelf = shelf
        self._queue: list[tuple[SteerRequest, SteerRequest]] = []
        self._now: tuple[SteerRequest, SteerRequest] | None = None
        self.setAccessibleName("Which of these two?")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.words = label(question(""), "head")
        self.words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.a, self.b = Large("The left picture", shelf), Large("The right picture", shelf)
        self.left = push("←  This one", "Left arrow")
        self.left.setAccessibleName("The left one")
        self.same = push("↓  The same", "Down arrow")
        self.skip = push("Skip", "Space")
        self.skip.setAccessibleName("Skip this pair")
        self.right = push("This one  →", "Right arrow")
        self.right.setAccessibleName("The right one")
        layout = column(self, margin=8, spacing=12)
        layout.addWidget(self.words)
        pictures = row(self.a, self.b, spacing=14)
        layout.addLayout(pictures, 1)
        layout.addLayout(row(1, self.left, self.same, self.skip, self.right, 1))
        self.a.clicked.connect(self._a)
        self.b.clicked.connect(self._b)
        self.left.clicked.connect(self._a)
        self.right.clicked.connect(self._b)
        self.same.clicked.connect(self._same)
        self.skip.clicked.connect(self._skip)
        shelf.arrived.connect(self._arrived)

    @property
    def pair(self) -> tuple[SteerRequest, SteerRequest] | None:
        """The two that are shown."""
        return self._now

    def set_name(self, name: str) -> None:
        self.words.setText(question(name))

    def clear(self) -> None:
        self._queue, self._now = [], None
        self._show()

    def add(self, requests: Sequence[SteerRequest]) -> None:
        """Two at a time."""
        self._queue += list(zip(requests[::2], requests[1::2], strict=False))
        if self._now is None:
            self._next()
        self._want()

    def _next(self) -> None:
        self._now = self._queue.pop(0) if self._queue else None
        self._show()
        if len(self._queue) < 3:
            self.more_wanted.emit()

    def _want(self) -> None:
        upcoming = [self._now, *self._queue[:4]]
        self._shelf.want("pairs", [one for pair in upcoming if pair for one in pair])

    def _show(self) -> None:
        a, b = self._now or (None, None)
        self.a.set_request(a)
        self.b.set_request(b)
        for button in (self.left, self.right, self.same, self.skip):
            button.setEnabled(self._now is not None)
        self._want()

    def _arrived(self, request: SteerRequest) -> None:
        if self._now and request in self._now:
            self.a.update()
            self.b.update()

    def _answer(self, answer: str) -> None:
        if self._now is not None:
            a, b = self._now
            self.answered.emit(a, b, answer)
            self._next()

    @Slot()
    def _a(self) -> None:
        self._answer("a")

    @Slot()
    def _b(self) -> None:
        self._answer("b")

    @Slot()
    def _same(self) -> None:
        self._answer("same")

    @Slot()
    def _skip(self) -> None:
        self._answer("skip")

    def keyPressEvent(self, event: QKeyEvent) -> None:
        answer = ANSWERS.get(Qt.Key(event.key()))
        if answer and not event.isAutoRepeat():
            self._answer(answer)
        else:
            super().keyPressEvent(event)

    def enterEvent(self, event: QEnterEvent) -> None:
        if not isinstance(QApplication.focusWidget(), QLineEdit) and self.window().isActiveWindow():
            self.setFocus(Qt.FocusReason.MouseFocusReason)

    def focusInEvent(self, event: QEvent) -> None:
        self.update()

    def focusOutEvent(self, event: QEvent) -> None:
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if self.hasFocus():
            painter = QPainter(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(theme.colour(theme.ACCENT_DEEP), 1))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 8, 8)
            painter.end()
