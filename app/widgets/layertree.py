"""A network's layers as a tree with ticks: which of them are looked into."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHeaderView, QTreeWidget, QTreeWidgetItem

from app import theme
from app.inspect_state import layer_words, tree_of
from engine.messages import NetworkLayer

NAME = Qt.ItemDataRole.UserRole
_CHECK = 0


class LayerTree(QTreeWidget):
    """Real names; a module's tick is that of everything below it."""

    ticked = Signal()
    """Other layers are ticked."""

    def __init__(self, name: str):
        super().__init__()
        self._leaves: dict[str, QTreeWidgetItem] = {}
        self._names: tuple[str, ...] = ()
        self.setAccessibleName(name)
        self.setColumnCount(2)
        self.setHeaderHidden(True)
        self.setIndentation(14)
        self.setUniformRowHeights(True)
        self.setRootIsDecorated(True)
        self.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.header().setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        self.header().setStretchLastSection(False)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setStyleSheet(
            f"QTreeWidget {{ background: {theme.GROUND}; border: none; border-radius: 6px;"
            f" outline: none; }}"
            f"QTreeWidget:focus {{ border: 1px solid {theme.ACCENT_DEEP}; }}"
            f"QTreeWidget::item {{ padding: 2px 2px; }}"
            f"QTreeWidget::item:selected {{ background: {theme.HOVER}; color: {theme.TEXT}; }}"
            f"QTreeWidget::indicator {{ width: 12px; height: 12px;"
            f" border: 1px solid {theme.EDGE}; border-radius: 3px; background: {theme.GROUND}; }}"
            f"QTreeWidget::indicator:checked {{ background: {theme.ACCENT};"
            f" border-color: {theme.ACCENT}; }}"
            f"QTreeWidget::indicator:indeterminate {{ background: {theme.ACCENT_DEEP};"
            f" border-color: {theme.ACCENT}; }}"
        )
        self.itemChanged.connect(self._changed)

    def set_layers(self, layers: Sequence[NetworkLayer], ticks: Sequence[str]) -> None:
        """Another network; `ticks` are the names ticked at first."""
        blocked = self.blockSignals(True)
        self.clear()
        self._leaves.clear()
        self._names = tuple(layer.name for layer in layers)
        for branch, inside in tree_of(layers):
            parent = self.invisibleRootItem()
            if branch and len(inside) > 1:
                parent = QTreeWidgetItem(self.invisibleRootItem(), [branch, ""])
                flags = parent.flags() | Qt.ItemFlag.ItemIsAutoTristate
                parent.setFlags(flags | Qt.ItemFlag.ItemIsUserCheckable)
            for layer in inside:
                self._leaf(parent, layer, branch, layer.name in ticks)
            if parent is not self.invisibleRootItem():
                parent.setExpanded(any(layer.name in ticks for layer in inside))
        self.blockSignals(blocked)
        self.ticked.emit()

    def _leaf(
        self, parent: QTreeWidgetItem, layer: NetworkLayer, branch: str, ticked: bool
    ) -> None:
        inside = parent is not self.invisibleRootItem()
        shown = (layer.name[len(branch) + 1 :] or "output") if inside else layer.name
        item = QTreeWidgetItem(parent, [shown, layer_words(layer)])
        item.setForeground(1, theme.colour(theme.DIM))
        item.setFont(1, theme.font(theme.SIZE_SMALL))
        item.setTextAlignment(1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        item.setData(_CHECK, NAME, layer.name)
        tip = f"{layer.name}: {layer.type or 'layer'}, {layer_words(layer)}"
        item.setToolTip(0, tip)
        item.setToolTip(1, tip)
        item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
        item.setCheckState(_CHECK, Qt.CheckState.Checked if ticked else Qt.CheckState.Unchecked)
        self._leaves[layer.name] = item

    @property
    def ticks(self) -> tuple[str, ...]:
        """Names of the ticked layers, in the network's order."""
        return tuple(
            name
            for name in self._names
            if self._leaves[name].checkState(_CHECK) == Qt.CheckState.Checked
        )

    def set_ticks(self, names: Sequence[str]) -> None:
        blocked = self.blockSignals(True)
        wanted = set(names)
        for name, item in self._leaves.items():
            on = Qt.CheckState.Checked if name in wanted else Qt.CheckState.Unchecked
            item.setCheckState(_CHECK, on)
        self.blockSignals(blocked)
        self.viewport().update()
        self.ticked.emit()

    @Slot(QTreeWidgetItem, int)
    def _changed(self, _item: QTreeWidgetItem, column: int) -> None:
        if column == _CHECK:
            self.ticked.emit()
