"""Before a network has been looked into: what there is to see, and the button."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QSizePolicy, QWidget

from app import theme
from app.widgets.parts import column, label, push, row
from engine.messages import NetworkInfo


class InspectBegin(QWidget):
    """What one sees first."""

    asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.head = label("What does each unit see?", "head")
        self.words = label("", "dim", wrap=True)
        self.words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.words.setMinimumHeight(56)
        self.start = push("Look inside", "Show it the pictures now", primary=True)
        self.drop = label(
            "Or drop a network here: .safetensors, .pth, .pt2, .onnx; a folder or zip of pictures "
            "is what it is shown.",
            "small",
            wrap=True,
        )
        self.drop.setAlignment(Qt.AlignmentFlag.AlignCenter)
        frame = QFrame()
        frame.setObjectName("drop")
        frame.setMaximumWidth(520)
        inside = column(frame, margin=26, spacing=12)
        middle = Qt.AlignmentFlag.AlignHCenter
        inside.addWidget(_Sketch(), 0, middle)
        inside.addWidget(self.head, 0, middle)
        inside.addWidget(self.words)
        inside.addWidget(self.start, 0, middle)
        inside.addSpacing(4)
        inside.addWidget(self.drop)
        layout = column(self, margin=24)
        layout.addStretch(2)
        line = row(1, frame, 1)
        line.setStretch(1, 6)
        layout.addLayout(line)
        layout.addStretch(3)
        self.start.clicked.connect(self.asked)

    def show_state(self, source: str, info: NetworkInfo | None, busy: str) -> None:
        """Another network, or none; `busy`: how far the looking is, in words."""
        self.start.setVisible(not busy)
        self.drop.setVisible(not busy)
        if busy:
            words = busy
        elif info is not None:
            shown = "its own samples" if info.kind == "generator" else "pictures that you choose"
            words = (
                f"{info.name} is shown {shown}; what every unit responds to most comes here, "
                "side by side, to be named, turned and traced."
            )
        elif source:
            words = "Opening it … the first time this takes a while."
        else:
            words = "Open a generator on the Start page, or choose a network at the left."
        self.words.setText(words)
        self.start.setEnabled(info is not None)


class _Sketch(QWidget):
    """A few units of a network, one of them awake."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedSize(QSize(200, 74))
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        columns = ((14.0, 3), (70.0, 4), (130.0, 4), (186.0, 2))
        places = [
            [QPointF(x, 37 + (i - (count - 1) / 2) * 19) for i in range(count)]
            for x, count in columns
        ]
        awake = (1, 2, 1, 0)
        for at, (left, right) in enumerate(zip(places, places[1:], strict=False)):
            for i, start in enumerate(left):
                for j, end in enumerate(right):
                    bright = i == awake[at] and j == awake[at + 1]
                    colour = theme.colour(theme.ACCENT if bright else theme.LINE)
                    painter.setPen(QPen(colour, 1.8 if bright else 1.0))
                    painter.drawLine(start, end)
        painter.setPen(Qt.PenStyle.NoPen)
        for at, column_ in enumerate(places):
            for i, place in enumerate(column_):
                bright = i == awake[at]
                painter.setBrush(theme.colour(theme.ACCENT if bright else theme.QUIET))
                radius = 6.0 if bright else 4.5
                painter.drawEllipse(
                    QRectF(place.x() - radius, place.y() - radius, 2 * radius, 2 * radius)
                )
        painter.end()
