"""Which classes the picture is of: one into the other by a slider, chosen by typing."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QFocusEvent, QWheelEvent
from PySide6.QtWidgets import QComboBox, QCompleter, QWidget

from app import theme
from app.document import Document
from app.state import SteerState
from app.widgets.amount import AmountRow
from app.widgets.parts import column, icon_button, label, row, section
from engine.messages import ModelInfo

FEW = 12
"""Up to so many classes, each also has a slider of its own."""


class ClassChooser(QComboBox):
    """A class by name; typing any part of it finds it."""

    picked = Signal(int)

    def __init__(self, name: str):
        super().__init__()
        self.setEditable(True)
        self.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.setAccessibleName(name)
        self.setToolTip("Click for all classes, or type a part of a name.")
        self.setMaxVisibleItems(16)
        self.setSizeAdjustPolicy(self.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(6)
        completer = QCompleter(self.model(), self)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setCompletionMode(QCompleter.CompletionMode.PopupCompletion)
        self.setCompleter(completer)
        self.activated.connect(self.picked)
        edit = self.lineEdit()
        if edit is not None:
            edit.setAccessibleName(f"{name}, by typing")
            edit.editingFinished.connect(self._typed)

    def set_names(self, names: tuple[str, ...]) -> None:
        self.blockSignals(True)
        self.clear()
        self.addItems(list(names))
        self.blockSignals(False)

    def show_class(self, index: int) -> None:
        """Show a class without announcing it."""
        if self.currentIndex() != index or self.currentText() != self.itemText(index):
            self.blockSignals(True)
            self.setCurrentIndex(index)
            self.setEditText(self.itemText(index))
            self.blockSignals(False)
            edit = self.lineEdit()
            if edit is not None:
                edit.setCursorPosition(0)

    def find_class(self, text: str) -> int:
        """The class that is meant: the whole name, else the first that holds the text; or -1."""
        wanted = text.strip().casefold()
        names = [self.itemText(index).casefold() for index in range(self.count())]
        if wanted in names:
            return names.index(wanted)
        return next((i for i, name in enumerate(names) if wanted and wanted in name), -1)

    @Slot()
    def _typed(self) -> None:
        index = self.find_class(self.currentText())
        before = self.currentIndex()
        self.show_class(index if index >= 0 else before)
        if index >= 0 and index != before:
            self.picked.emit(index)

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        edit = self.lineEdit()
        if edit is not None:
            edit.selectAll()


class KindsPanel(QWidget):
    """Class A, class B and the way between; below, the weight of every class where they are few."""

    def __init__(self, document: Document):
        super().__init__()
        self._document = document
        self._info: ModelInfo | None = None
        self._pair = (0, 0)
        self.sliders: list[KindRow] = []
        self.a = ClassChooser("Class A")
        self.b = ClassChooser("Class B")
        self.swap = icon_button("compare", "Swap A and B", size=14)
        self.mix = AmountRow("From class A to class B", 0.0, 1.0, 0.0, 0.05)
        self.mix.setToolTip("0: A alone, 1: B alone, between: both mixed.")
        self.more = label("", "small", wrap=True)
        self.every = icon_button("down", "A slider for every class", checkable=True, size=14)
        self._all = QWidget()
        self._all_layout = column(self._all, spacing=4)
        self._all.hide()
        layout = column(self, spacing=4)
        layout.addLayout(row(section("Kind"), 1, self.every))
        ends = row(self.a, self.swap, self.b, spacing=3)
        ends.setStretch(0, 1)
        ends.setStretch(2, 1)
        layout.addLayout(ends)
        layout.addWidget(self.mix)
        layout.addWidget(self.more)
        layout.addWidget(self._all)
        layout.addSpacing(theme.SPACE)
        self._wire()

    def _wire(self) -> None:
        self.a.picked.connect(self._pick_a)
        self.b.picked.connect(self._pick_b)
        self.swap.clicked.connect(self._swap)
        self.every.toggled.connect(self._all.setVisible)
        self.mix.moved.connect(self._mixed)
        self.mix.began.connect(self._document.begin_gesture)
        self.mix.ended.connect(self._document.end_gesture)

    # -------------------------------------------------------------- document → panel

    def set_model(self, info: ModelInfo) -> None:
        self._info = info
        self.setVisible(info.c_dim > 0)
        names = info.class_names
        self.a.set_names(names)
        self.b.set_names(names)
        self._pair = (0, min(1, max(info.c_dim - 1, 0)))
        while (item := self._all_layout.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.deleteLater()
        self.sliders = []
        for index, name in enumerate(names if 2 < len(names) <= FEW else ()):
            self._all_layout.addWidget(self._slider(index, name))
        self.every.setVisible(bool(self.sliders))

    def _slider(self, index: int, name: str) -> QWidget:
        slider = KindRow(index, name)
        slider.setToolTip("Classes are mixed in proportion to their sliders.")
        slider.weighed.connect(self._weighed)
        slider.began.connect(self._document.begin_gesture)
        slider.ended.connect(self._document.end_gesture)
        self.sliders.append(slider)
        words = label(name, "dim")
        words.setFixedWidth(62)
        words.setToolTip(name)
        holder = QWidget()
        line = row(words, slider)
        line.setStretch(1, 1)
        holder.setLayout(line)
        return holder

    def show_state(self, state: SteerState) -> None:
        """A and B stay what was chosen as long as the picture is made of them."""
        if self._info is None or self._info.c_dim == 0:
            return
        weights = self._weights(state)
        there = sorted((i for i, w in enumerate(weights) if w > 0.0), key=lambda i: -weights[i])
        a, b = self._pair
        if len(there) > 2 or not set(there) <= {a, b}:
            a = there[0] if there else 0
            b = there[1] if len(there) > 1 else (b if b != a else self._other(a))
            self._pair = (a, b)
        self.a.show_class(a)
        self.b.show_class(b)
        both = weights[a] + weights[b] if a != b else 1.0
        self.mix.set_amount(weights[b] / both if both > 0.0 and a != b else 0.0)
        rest = len(set(there) - {a, b})
        self.more.setText(f"and {rest} more class{'es' if rest > 1 else ''}")
        self.more.setVisible(rest > 0)
        for index, slider in enumerate(self.sliders):
            slider.set_amount(weights[index])

    def _weights(self, state: SteerState) -> tuple[float, ...]:
        """(c_dim,); nothing chosen is the first class."""
        count = self._info.c_dim if self._info is not None else 0
        weights = (*state.classes[:count], *(0.0,) * (count - len(state.classes)))
        return weights if any(weights) else (1.0, *(0.0,) * (count - 1))

    def _other(self, index: int) -> int:
        return 1 if index == 0 and self._info is not None and self._info.c_dim > 1 else 0

    # -------------------------------------------------------------- hand → document

    @Slot(int)
    def _pick_a(self, index: int) -> None:
        share = self.mix.amount if index != self._pair[1] else 0.0
        self._choose(index, self._pair[1], share)

    @Slot(int)
    def _pick_b(self, index: int) -> None:
        # Who names a second class wants to see some of it.
        share = self.mix.amount if self.mix.amount > 0.0 else 0.5
        self._choose(self._pair[0], index, share if index != self._pair[0] else 0.0)

    @Slot()
    def _swap(self) -> None:
        a, b = self._pair
        self._choose(b, a, 1.0 - self.mix.amount)

    @Slot(float)
    def _mixed(self, share: float) -> None:
        self._choose(*self._pair, share, "kinds")

    def _choose(self, a: int, b: int, share: float, merge: str = "") -> None:
        if self._info is None:
            return
        self._pair = (a, b)
        weights = [0.0] * self._info.c_dim
        weights[a] += 1.0 - share
        weights[b] += share
        names = self._info.class_names
        text = f"Mix {names[a]} and {names[b]}" if 0.0 < share < 1.0 else "Choose the class"
        self._document.change(text, merge, classes=tuple(weights))
        self.show_state(self._document.state)

    @Slot(int)
    def _weighed(self, index: int) -> None:
        weights = tuple(slider.amount for slider in self.sliders)
        if sum(weights) <= 0.0:
            # The last class cannot be taken away: there would be nothing to draw.
            weights = tuple(1.0 if i == index else 0.0 for i in range(len(weights)))
        self._document.change("Mix classes", "kinds", classes=weights)


class KindRow(AmountRow):
    """The weight of one class."""

    weighed = Signal(int)

    def __init__(self, index: int, name: str):
        super().__init__(f"Kind: {name}", 0.0, 1.0, 0.0, 0.05)
        self._index = index
        self.moved.connect(self._tell)

    @Slot(float)
    def _tell(self, _amount: float) -> None:
        self.weighed.emit(self._index)
