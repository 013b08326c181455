"""The head of the compass: the axis' name, the other axes, and how it is learnt."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QLineEdit, QMenu, QSizePolicy, QToolButton, QWidget

from app import axes, theme
from app.compass import ANNOTATOR, Compass
from app.document import Document
from app.settings import save_choice
from app.widgets.amount import AmountRow
from app.widgets.parts import Choice, Segments, column, icon_button, label, row
from engine.messages import ModelInfo

VIEWS = (
    ("sort", "Sort", "Sort pictures by what you see."),
    ("generalise", "Generalise", "The same direction on other seeds, classes and layers."),
    ("evidence", "Evidence", "Which pictures, which answers, by whom."),
)
SPACES = (
    ("w", "w", "What the layers listen to: the usual choice."),
    ("z", "z", "The noise the pictures come from."),
    ("s", "s", "Single channels of every layer's style: local changes."),
    ("a", "Layer", "The output of one layer."),
)
LEARNERS = (
    ("ridge", "Ridge", "Least squares with the penalty that leave-one-out likes best."),
    ("logistic", "Logistic", "Counts pictures near the boundary more; needs some more of them."),
)
NAME = "What do you see?  e.g. rounder"


class Head(QWidget):
    """Names, chooses, makes and deletes axes."""

    view_chosen = Signal(str)

    def __init__(self, compass: Compass, document: Document):
        super().__init__()
        self._compass, self._document = compass, document
        self.list = QToolButton()
        self.list.setText("Axes")
        self.list.setAccessibleName("Axes of this project")
        self.list.setToolTip("Axes of this project")
        self.list.setProperty("segment", True)
        self.list.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.list.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.menu = QMenu(self)
        self.menu.setAccessibleName("Axes of this project")
        self.list.setMenu(self.menu)
        self.list.setFixedHeight(34)
        self.name = QLineEdit()
        self.name.setPlaceholderText(NAME)
        self.name.setAccessibleName("Name of the axis: what do you see?")
        self.name.setFont(theme.font(theme.SIZE_LARGE))
        self.name.setStyleSheet(f"font-size: {theme.SIZE_LARGE}px; padding: 4px 10px;")
        self.name.setFixedHeight(34)
        self.name.setMinimumWidth(220)
        self.name.setMaximumWidth(420)
        self.plus = icon_button("plus", "New axis")
        self.bin = icon_button("trash", "Delete this axis (its slider stays)")
        self.views = Segments(VIEWS, "View")
        self.gear = icon_button(
            "more", "How it is learnt, which pictures are shown", checkable=True
        )
        line = row(self.list, self.name, self.plus, self.bin, 1, self.views, self.gear, spacing=6)
        line.setStretch(1, 3)
        line.setContentsMargins(12, 8, 12, 8)
        self.setLayout(line)
        self.name.editingFinished.connect(self._named)
        self.name.textEdited.connect(self._typed)
        self.plus.clicked.connect(self._new)
        self.bin.clicked.connect(compass.delete)
        self.views.chosen.connect(self.view_chosen)
        self.menu.aboutToShow.connect(self._fill)
        compass.changed.connect(self._show)

    @Slot()
    def _named(self) -> None:
        self.name.setModified(False)
        self._compass.rename(self.name.text())

    @Slot(str)
    def _typed(self, text: str) -> None:
        # An axis without pictures takes the name while it is typed: the first click may follow.
        if not self._compass.kept:
            self._compass.rename(text)

    @Slot()
    def _new(self) -> None:
        self._compass.new()
        self.name.setFocus()

    @Slot()
    def _fill(self) -> None:
        self.menu.clear()
        info, current = self._document.info, self._compass.axis
        for axis in self._document.state.axes:
            less, more = axes.counts(axis)
            words = f"{axis.name or 'without a name'}   {less + more} sorted"
            if info is not None and axis.model != info.id:
                words += ", other generator"
            action = self.menu.addAction(words)
            action.setCheckable(True)
            action.setChecked(current is not None and axis.key == current.key)
            action.triggered.connect(lambda _checked=False, key=axis.key: self._compass.choose(key))
        if self._document.state.axes:
            self.menu.addSeparator()
        self.menu.addAction("New axis").triggered.connect(self._new)

    @Slot()
    def _show(self) -> None:
        axis = self._compass.axis
        if axis is None:
            return
        typing = self.name.hasFocus() and self.name.isModified()
        if self.name.text().strip() != axis.name and not typing:
            self.name.setText(axis.name)
        count = len(self._document.state.axes)
        self.list.setText(f"Axes  {count}" if count else "Axes")
        self.bin.setEnabled(self._compass.kept)
        self.plus.setEnabled(self._compass.kept)


class Settings(QFrame):
    """How an axis is learnt and which pictures are sorted; folded away."""

    def __init__(self, compass: Compass, document: Document):
        super().__init__()
        self._compass, self._document = compass, document
        self._info: ModelInfo | None = None
        self.setObjectName("panel")
        self.truncation = AmountRow("Truncation of the wall", 0.0, 1.5, 1.0, 0.05)
        self.truncation.setToolTip("How various the pictures are: 0 is the average, 1 everything.")
        self.truncation.setMinimumWidth(190)
        self.kind = Choice("Class of the pictures")
        self.annotator = QLineEdit()
        self.annotator.setAccessibleName("Your name")
        self.annotator.setPlaceholderText("who sorts")
        self.annotator.setToolTip("Kept with every picture you sort.")
        self.annotator.setFixedWidth(120)
        self.space = Segments(SPACES, "Space")
        self.layer = Choice("Layer whose output is moved")
        self.learner = Segments(LEARNERS, "Learner")
        self.fixed = QToolButton()
        self.fixed.setText("Keep fixed …")
        self.fixed.setAccessibleName("Directions that are kept fixed")
        self.fixed.setToolTip("The slider leaves these directions alone.")
        self.fixed.setProperty("segment", True)
        self.fixed.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.fixed.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.menu = QMenu(self)
        self.menu.setAccessibleName("Directions that are kept fixed")
        self.fixed.setMenu(self.menu)
        self._kind_label = label("Class", "dim")
        self._build()
        self._wire()

    def _build(self) -> None:
        layout = column(self, spacing=6)
        layout.setContentsMargins(12, 8, 12, 10)
        pictures, direction = label("Pictures", "section"), label("Direction", "section")
        pictures.setFixedWidth(72)
        direction.setFixedWidth(72)
        first = row(
            pictures, label("Truncation", "dim"), self.truncation, self._kind_label, self.kind, 1,
            label("Your name", "dim"), self.annotator, spacing=10,
        )  # fmt: skip
        second = row(
            direction, label("Space", "dim"), self.space, self.layer, label("Learner", "dim"),
            self.learner, 1, self.fixed, spacing=10,
        )  # fmt: skip
        for part in (self.kind, self.layer):
            part.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
            part.setMinimumWidth(132)
        layout.addLayout(first)
        layout.addLayout(second)

    def _wire(self) -> None:
        self.truncation.moved.connect(self._truncation)
        self.kind.activated.connect(self._kind)
        self.annotator.setText(self._compass.annotator)
        self.annotator.editingFinished.connect(self._annotator)
        self.space.chosen.connect(self._space)
        self.layer.activated.connect(self._layer)
        self.learner.chosen.connect(self._learner)
        self.menu.aboutToShow.connect(self._fill)
        self._compass.changed.connect(self.show_axis)

    def set_model(self, info: ModelInfo) -> None:
        """The classes and layers there are to choose from."""
        self._info = info
        names = info.class_names or tuple(f"class {i}" for i in range(info.c_dim))
        self.kind.clear()
        self.kind.addItems(list(names))
        self.kind.setVisible(bool(info.c_dim))
        self._kind_label.setVisible(bool(info.c_dim))
        self.layer.clear()
        for layer in info.layers:
            if not layer.to_rgb:
                self.layer.addItem(f"{layer.name}   {layer.resolution} px", layer.name)

    @Slot()
    def show_axis(self) -> None:
        axis = self._compass.axis
        if axis is None:
            return
        self.truncation.set_amount(axis.template.truncation)
        if axis.template.classes and len(axis.template.classes) == self.kind.count():
            weights = axis.template.classes
            self.kind.setCurrentIndex(max(range(len(weights)), key=weights.__getitem__))
        self.space.set_value(axis.space)
        self.layer.setVisible(axis.space == "a")
        self.layer.setCurrentIndex(max(self.layer.findData(axis.at), 0))
        self.learner.set_value(axis.learner)
        card = self._document.state.card(axis.key)
        self.fixed.setEnabled(card is not None and len(self._document.state.cards) > 1)
        count = len(card.fixed) if card is not None else 0
        self.fixed.setText(f"Keep fixed: {count}" if count else "Keep fixed …")

    # -------------------------------------------------------------- hand → compass

    @Slot(float)
    def _truncation(self, psi: float) -> None:
        self._template("Truncation of the wall", truncation=psi)

    @Slot(int)
    def _kind(self, index: int) -> None:
        classes = tuple(float(i == index) for i in range(self.kind.count()))
        self._template("Class of the wall", classes=classes)

    def _template(self, text: str, **fields: object) -> None:
        from dataclasses import replace

        axis = self._compass.axis
        if axis is not None:
            self._compass.set_fields(text, template=replace(axis.template, **fields))  # type: ignore[arg-type]

    @Slot()
    def _annotator(self) -> None:
        save_choice(ANNOTATOR, self.annotator.text().strip())

    @Slot(str)
    def _space(self, space: str) -> None:
        at = str(self.layer.currentData() or "") if space == "a" else ""
        self._compass.set_fields("Choose a space", space=space, at=at)

    @Slot(int)
    def _layer(self, _index: int) -> None:
        self._compass.set_fields("Choose a layer", at=str(self.layer.currentData() or ""))

    @Slot(str)
    def _learner(self, learner: str) -> None:
        self._compass.set_fields("Choose a learner", learner=learner)

    @Slot()
    def _fill(self) -> None:
        self.menu.clear()
        axis, state = self._compass.axis, self._document.state
        card = state.card(axis.key) if axis is not None else None
        if card is None:
            return
        for other in state.cards:
            # Only directions of the same space can be taken out of this one.
            if other.key == card.key or other.direction.space != card.direction.space:
                continue
            action = self.menu.addAction(other.direction.name or other.key)
            action.setCheckable(True)
            action.setChecked(other.key in card.fixed)
            action.triggered.connect(lambda on, key=other.key: self._fix(key, on))

    def _fix(self, key: str, on: bool) -> None:
        axis = self._compass.axis
        card = self._document.state.card(axis.key) if axis is not None else None
        if card is not None:
            kept = tuple(other for other in card.fixed if other != key)
            fixed = (*kept, key) if on else kept
            self._document.change_card("Keep directions fixed", card.key, fixed=fixed)
