"""A circuit as a graph: layers are columns, units are pictures, edges as thick as they count."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QHelpEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app import theme
from app.inspect_state import unit_words
from app.widgets.painting import draw_rounded, smooth
from engine.messages import Circuit, CircuitEdge, CircuitNode, Unit

LARGE, SMALL = (84, 66), (60, 48)
"""Width of a node and height of its picture, pixels; the small one where room is scarce."""
ROOMY = 130
"""Pixels between columns from which on nodes are large."""
WORDS, HEAD, STEP, MARGIN = 32, 34, 176, 28
THIN, THICK = 0.8, 9.0


class CircuitGraph(QWidget):
    """Grows to the size it needs; lies in a scroll area."""

    chosen = Signal(object)
    """Unit."""

    def __init__(self) -> None:
        super().__init__()
        self._circuit: Circuit | None = None
        self._columns: list[tuple[str, list[CircuitNode]]] = []
        self._boxes: dict[Unit, QRectF] = {}
        self._images: dict[Unit, QImage] = {}
        self._names: dict[Unit, str] = {}
        self._hot: Unit | None = None
        self.current: Unit | None = None
        self.setAccessibleName("Circuit")
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    @property
    def units(self) -> tuple[Unit, ...]:
        return tuple(self._boxes)

    def show_circuit(self, circuit: Circuit | None, order: Mapping[str, int]) -> None:
        """`order`: layer -> its place in the network."""
        self._circuit = circuit
        self._images.clear()
        self._columns = columns_of(circuit, order) if circuit is not None else []
        self.current = circuit.target if circuit is not None else None
        if circuit is not None:
            words = f"{len(circuit.nodes)} units, {len(circuit.edges)} edges"
            self.setAccessibleDescription(words)
        self._place()

    def set_picture(self, unit: Unit, image: QImage, words: str) -> None:
        """A unit's first exemplar and its words."""
        self._images[unit] = image
        if words:
            self._names[unit] = words
        self.update()

    # -------------------------------------------------------------- places

    def _place(self) -> None:
        """Columns from left to right, each in the middle of the height."""
        self._boxes.clear()
        most = max((len(nodes) for _layer, nodes in self._columns), default=1)
        wide, high = self._size
        pitch = high + WORDS + 10
        tall = max(self._room().height() - HEAD - MARGIN, most * pitch)
        step = self._step()
        for column, (_layer, nodes) in enumerate(self._columns):
            top = HEAD + (tall - len(nodes) * pitch) / 2
            for row, node in enumerate(nodes):
                x = MARGIN + column * step
                self._boxes[node.unit] = QRectF(x, top + row * pitch, wide, high)
        width = 2 * MARGIN + max(len(self._columns) - 1, 0) * step + wide
        self.setMinimumSize(QSize(round(width), round(HEAD + most * pitch + MARGIN)))
        self.update()

    @property
    def _size(self) -> tuple[int, int]:
        gaps = max(len(self._columns) - 1, 1)
        across = (self._room().width() - 2 * MARGIN - LARGE[0]) / gaps
        return LARGE if across >= ROOMY else SMALL

    def _room(self) -> QSize:
        parent = self.parentWidget()
        return parent.size() if parent is not None else self.size()

    def _step(self) -> float:
        """Columns use the width there is, and more of it only when they must."""
        gaps = max(len(self._columns) - 1, 1)
        node = self._size[0]
        return min(max((self._room().width() - 2 * MARGIN - node) / gaps, node + 34.0), STEP * 1.3)

    def resizeEvent(self, event: QEvent) -> None:
        self._place()

    def _at(self, place: QPointF) -> Unit | None:
        grown = (unit for unit, box in self._boxes.items()
                 if box.adjusted(0, 0, 0, WORDS).contains(place))  # fmt: skip
        return next(grown, None)

    # -------------------------------------------------------------- hand

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        hot = self._at(event.position())
        if hot != self._hot:
            self._hot = hot
            self.setCursor(Qt.CursorShape.PointingHandCursor if hot else Qt.CursorShape.ArrowCursor)
            self.update()

    def leaveEvent(self, event: QEvent) -> None:
        self._hot = None
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        unit = self._at(event.position())
        if unit is not None and event.button() == Qt.MouseButton.LeftButton:
            self._choose(unit)

    def _choose(self, unit: Unit) -> None:
        self.current = unit
        self.setAccessibleDescription(unit_words(unit))
        self.chosen.emit(unit)
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {
            Qt.Key.Key_Left: (-1, 0),
            Qt.Key.Key_Right: (1, 0),
            Qt.Key.Key_Up: (0, -1),
            Qt.Key.Key_Down: (0, 1),
        }
        step = steps.get(Qt.Key(event.key()))
        if step is None or self.current is None:
            super().keyPressEvent(event)
            return
        table = [[node.unit for node in nodes] for _layer, nodes in self._columns]
        for column, units in enumerate(table):
            if self.current in units:
                across = min(max(column + step[0], 0), len(table) - 1)
                down = units.index(self.current) + step[1]
                self._choose(table[across][min(max(down, 0), len(table[across]) - 1)])
                return

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent):
            unit = self._at(QPointF(event.pos()))
            if unit is not None:
                name = self._names.get(unit, "")
                QToolTip.showText(event.globalPos(), f"{unit_words(unit)}\n{name}".strip(), self)
            return True
        return super().event(event)

    # -------------------------------------------------------------- look

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = smooth(self)
        painter.fillRect(self.rect(), theme.colour(theme.SURROUND))
        if self._circuit is not None:
            self._paint_edges(painter, self._circuit)
            self._paint_heads(painter)
            for _layer, nodes in self._columns:
                for node in nodes:
                    self._paint_node(painter, node)
        painter.end()

    def _paint_edges(self, painter: QPainter, circuit: Circuit) -> None:
        # Into every layer the strongest edge is the thickest: far layers would be hairs otherwise.
        best: dict[str, float] = {}
        for edge in circuit.edges:
            best[edge.target.layer] = max(best.get(edge.target.layer, 1e-30), edge.score)
        meant = self._hot or self.current
        weak_first = sorted(circuit.edges, key=lambda edge: edge.score)
        for bright in (False, True):
            for edge in weak_first:
                if (meant in (edge.source, edge.target)) == bright:
                    self._paint_edge(painter, edge, edge.score / best[edge.target.layer], bright)

    def _paint_edge(self, painter: QPainter, edge: CircuitEdge, share: float, bright: bool) -> None:
        start, end = self._boxes.get(edge.source), self._boxes.get(edge.target)
        if start is None or end is None:
            return
        a = QPointF(start.right(), start.center().y())
        b = QPointF(end.left(), end.center().y())
        bend = max((b.x() - a.x()) * 0.45, 24.0)
        path = QPainterPath(a)
        path.cubicTo(a + QPointF(bend, 0), b - QPointF(bend, 0), b)
        share = max(share, 0.0) ** 0.7
        colour = theme.colour(theme.ACCENT if bright else theme.EDGE, round(70 + 150 * share))
        pen = QPen(colour, THIN + (THICK - THIN) * share)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(path)

    def _paint_heads(self, painter: QPainter) -> None:
        painter.setFont(theme.font(theme.SIZE_SMALL))
        painter.setPen(theme.colour(theme.DIM))
        step, node = self._step(), self._size[0]
        for column, (layer, _nodes) in enumerate(self._columns):
            room = QRectF(MARGIN + column * step - 20, 8, node + 40, 20)
            words = painter.fontMetrics().elidedText(
                layer, Qt.TextElideMode.ElideMiddle, int(room.width())
            )
            painter.drawText(room, Qt.AlignmentFlag.AlignCenter, words)

    def _paint_node(self, painter: QPainter, node: CircuitNode) -> None:
        box = self._boxes[node.unit]
        image = self._images.get(node.unit)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour(theme.SURROUND))
        painter.drawRoundedRect(box.adjusted(-3, -3, 3, WORDS), 7, 7)
        part = None
        if image is not None and not image.isNull():
            # The middle band of a square exemplar.
            tall = image.width() * box.height() / box.width()
            part = QRectF(0, (image.height() - tall) / 2, image.width(), tall)
        draw_rounded(painter, box, image if part is not None else None, 6, theme.RAISED, part)
        chosen = node.unit == self.current
        target = self._circuit is not None and node.unit == self._circuit.target
        if chosen or target or node.unit == self._hot:
            colour = theme.ACCENT if chosen or target else theme.EDGE
            painter.setPen(QPen(theme.colour(colour), 2.5 if chosen else 1.5))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(box, 6, 6)
        name = self._names.get(node.unit) or node.words
        painter.setFont(theme.font(theme.SIZE_SMALL))
        painter.setPen(theme.colour(theme.TEXT if name else theme.DIM))
        room = QRectF(box.x() - 14, box.bottom() + 2, box.width() + 28, 15)
        words = painter.fontMetrics().elidedText(
            name or f"unit {node.unit.index}", Qt.TextElideMode.ElideRight, int(room.width())
        )
        painter.drawText(room, Qt.AlignmentFlag.AlignCenter, words)


def columns_of(circuit: Circuit, order: Mapping[str, int]) -> list[tuple[str, list[CircuitNode]]]:
    """Layers in the network's order, each with its units, strongest first; the target is last."""
    layers: dict[str, list[CircuitNode]] = {}
    known = {node.unit for node in circuit.nodes}
    nodes = list(circuit.nodes)
    if circuit.target not in known:
        nodes.append(CircuitNode(circuit.target, 1.0))
    for node in nodes:
        layers.setdefault(node.unit.layer, []).append(node)
    for inside in layers.values():
        inside.sort(key=lambda node: -node.score)
    last = len(order)
    named = sorted(layers, key=lambda name: (name == circuit.target.layer, order.get(name, last)))
    return [(name, layers[name]) for name in named]
