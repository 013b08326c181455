"""Small building blocks: buttons with icons, labels of a rank, segments, sections, pictures."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QImage, QKeyEvent, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QButtonGroup,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app import icons, theme
from engine.messages import Picture


def label(text: str, rank: str = "", wrap: bool = False) -> QLabel:
    """A label of a rank of the typographic scale: head, section, dim, small or plain."""
    made = QLabel(text)
    made.setProperty("rank", rank)
    made.setWordWrap(wrap)
    return made


def section(text: str) -> QLabel:
    return label(text.upper(), "section")


def icon_button(name: str, tip: str, checkable: bool = False, size: int = 16) -> QToolButton:
    """An icon-only button; the tip is its accessible name."""
    button = QToolButton()
    button.setIcon(icons.icon(name))
    button.setIconSize(QSize(size, size))
    button.setToolTip(tip)
    button.setAccessibleName(tip)
    button.setCheckable(checkable)
    button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    return button


class _Push(QPushButton):
    """Enter presses it as Space does, outside dialogs too."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        held = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not held:
            if not event.isAutoRepeat():
                self.animateClick()
            return
        super().keyPressEvent(event)


def push(text: str, tip: str = "", primary: bool = False, icon: str = "") -> QPushButton:
    button = _Push(text)
    button.setProperty("primary", primary)
    button.setAccessibleName(text.replace("&", ""))
    button.setToolTip(tip)
    if icon:
        button.setIcon(icons.icon(icon, theme.ON_ACCENT if primary else theme.TEXT))
    return button


def row(*items: QWidget | int, spacing: int = theme.SPACE) -> QHBoxLayout:
    """Widgets side by side; an int is a stretch."""
    made = QHBoxLayout()
    made.setContentsMargins(0, 0, 0, 0)
    made.setSpacing(spacing)
    for item in items:
        if isinstance(item, int):
            made.addStretch(item)
        else:
            made.addWidget(item)
    return made


def column(
    parent: QWidget | None = None, margin: int = 0, spacing: int = theme.SPACE
) -> QVBoxLayout:
    made = QVBoxLayout(parent) if parent is not None else QVBoxLayout()
    made.setContentsMargins(margin, margin, margin, margin)
    made.setSpacing(spacing)
    return made


def scroll(content: QWidget, name: str) -> QScrollArea:
    """A vertical scroll area around `content`."""
    area = QScrollArea()
    area.setWidget(content)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setAccessibleName(name)
    return area


def panel() -> QFrame:
    made = QFrame()
    made.setObjectName("panel")
    return made


class Choice(QComboBox):
    """A drop-down that leaves the wheel to the panel around it until it has the focus."""

    def __init__(self, name: str, tip: str = ""):
        super().__init__()
        self.setAccessibleName(name)
        self.setToolTip(tip or name)
        self.setSizeAdjustPolicy(self.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(4)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Qt cuts a long text off in the middle of a letter; an ellipsis says that it goes on."""
        if self.isEditable():
            super().paintEvent(event)
            return
        painter = QStylePainter(self)
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        room = self.style().subControlRect(
            QStyle.ComplexControl.CC_ComboBox,
            option,
            QStyle.SubControl.SC_ComboBoxEditField,
            self,
        )
        words, right = option.currentText, Qt.TextElideMode.ElideRight  # type: ignore[attr-defined]
        option.currentText = self.fontMetrics().elidedText(words, right, room.width() - 4)  # type: ignore[attr-defined]
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)


class Segments(QWidget):
    """One choice out of a few, side by side."""

    chosen = Signal(str)

    def __init__(self, options: Sequence[tuple[str, str, str]], name: str):
        """`options`: (value, text, tip)."""
        super().__init__()
        self._values = [value for value, _text, _tip in options]
        self._group = QButtonGroup(self)
        line = row(spacing=0)
        self.setLayout(line)
        for index, (_value, text, tip) in enumerate(options):
            button = QToolButton()
            button.setText(text)
            button.setCheckable(True)
            button.setProperty("segment", True)
            button.setToolTip(tip)
            button.setAccessibleName(f"{name}: {text}")
            button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            self._group.addButton(button, index)
            line.addWidget(button)
        self._group.idClicked.connect(self._clicked)
        self.set_value(self._values[0])

    @Slot(int)
    def _clicked(self, index: int) -> None:
        self.chosen.emit(self._values[index])

    @property
    def value(self) -> str:
        return self._values[max(self._group.checkedId(), 0)]

    def set_value(self, value: str) -> None:
        """Show a choice without announcing it."""
        if value in self._values:
            self._group.button(self._values.index(value)).setChecked(True)

    def button(self, value: str) -> QAbstractButton:
        return self._group.button(self._values.index(value))


def image_of(picture: Picture) -> QImage:
    """A QImage that owns its pixels."""
    stride = picture.width * 4
    made = QImage(picture.pixels, picture.width, picture.height, stride, QImage.Format.Format_RGB32)
    return made.copy()
