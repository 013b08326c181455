"""Small widgets side by side that go on in a next line where the width ends."""

from __future__ import annotations

from PySide6.QtCore import QSize
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget


class Flow(QWidget):
    """Lays its `add`ed widgets out by their size hints; hidden ones take no room."""

    def __init__(self, gap: int = 4):
        super().__init__()
        self._gap = gap
        self._items: list[QWidget] = []
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def add(self, widget: QWidget) -> None:
        widget.setParent(self)
        self._items.append(widget)

    def refresh(self) -> None:
        """Something was shown, hidden or renamed."""
        self.setFixedHeight(self._lay(self.width(), True))
        self.updateGeometry()

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return self._lay(width, False)

    def sizeHint(self) -> QSize:
        return QSize(200, self._lay(max(self.width(), 200), False))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._lay(self.width(), True)
        self.setFixedHeight(self._lay(self.width(), False))

    def _lay(self, width: int, move: bool) -> int:
        x = y = line = 0
        for item in self._items:
            if item.isHidden():
                continue
            size = item.sizeHint()
            if x and x + size.width() > width:
                x, y, line = 0, y + line + self._gap, 0
            if move:
                item.setGeometry(x, y, min(size.width(), max(width, 1)), size.height())
            x += size.width() + self._gap
            line = max(line, size.height())
        return y + line
