"""Small line icons, drawn as SVG so that they are sharp at any scale."""

from __future__ import annotations

import functools

from PySide6.QtCore import QByteArray, QSize, Qt
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from app import theme


def _dot(x: float, y: float) -> str:
    return f"M{x - 0.5} {y}a.5.5 0 1 0 1 0 .5.5 0 1 0-1 0"


_PATHS = {
    "undo": "M8 5 4 9l4 4M4 9h9a5 5 0 0 1 0 10h-3",
    "redo": "m16 5 4 4-4 4M20 9h-9a5 5 0 0 0 0 10h3",
    "dice": "M5 5h14v14H5z" + _dot(9, 9) + _dot(15, 9) + _dot(12, 12) + _dot(9, 15) + _dot(15, 15),
    "left": "m14 6-6 6 6 6",
    "right": "m10 6 6 6-6 6",
    "down": "m6 9 6 6 6-6",
    "eye": "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12Z"
    "M12 9.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5",
    "eye-off": "M4 4l16 16M9.5 6A9 9 0 0 1 12 5.5c6 0 9.5 6.5 9.5 6.5a17 17 0 0 1-3 3.6"
    "M6 7.6A17 17 0 0 0 2.5 12s3.5 6.5 9.5 6.5a9 9 0 0 0 4-1",
    "pin": "M9 4h6l-1 6 3 3H7l3-3zM12 13v7",
    "trash": "M5 7h14M10 7V4.500h4V7M7 7l1 12.500h8L17 7M10.500 10.500v6M13.500 10.500v6",
    "camera": "M4 8h4l1.500-2.500h5L16 8h4v11H4zM12 10.500a3 3 0 1 0 0 6 3 3 0 0 0 0-6",
    "reset": "M5 12a7 7 0 1 0 2.500-5.400M5 4.500V8h3.500",
    "plus": "M12 5v14M5 12h14",
    "check": "m6 12.500 4 4 8-9",
    "flame": "M12 3.500c1 4 5.500 6 5.500 11a5.500 5.500 0 0 1-11 0c0-2.500 1.500-3.500 2-5.500"
    " 1.500.5 2 1.500 2 2.500 1.500-1.500 2-4.500 1.500-8",
    "larger": "M9 4.500H4.500V9M15 4.500h4.500V9M9 19.500H4.500V15M15 19.500h4.500V15",
    "close": "m6 6 12 12M18 6 6 18",
    "play": "M8 5.500v13l10.500-6.500z",
    "pause": "M8.500 5.500v13M15.500 5.500v13",
    "stop": "M6.500 6.500h11v11h-11z",
    "loop": "m17 3.500 3 3-3 3M20 6.500H8a4 4 0 0 0-4 4v1M7 20.500l-3-3 3-3"
    "M4 17.500h12a4 4 0 0 0 4-4v-1",
    "speaker": "M4.500 9.500v5H8l4.500 4v-13L8 9.500zM16 9a4 4 0 0 1 0 6"
    "M18.500 6.500a8 8 0 0 1 0 11",
    "layers": "m12 4 9 5-9 5-9-5zM4 13.500l8 4.500 8-4.500",
    "compare": "M12 3.500v17M5 6.500h4v11H5zM15 6.500h4v11h-4z",
    "search": "M10.500 5a5.500 5.500 0 1 0 0 11 5.500 5.500 0 0 0 0-11M15 15l4.500 4.500",
    "folder": "M3.500 6.500h6l2 2.500h9v10h-17z",
    "film": "M4 5.500h16v13H4zM8 5.500v13M16 5.500v13M4 12h16",
    "warn": "M12 4 21.500 20h-19zM12 10v4.500M12 17.200v.1",
    "more": _dot(6, 12) + _dot(12, 12) + _dot(18, 12),
    "brush": "M19.500 4.500 11 13M9.500 12.500l2 2c.8 2-.7 5-6.500 5 2-1 1-2.500 1.500-4.500.3"
    "-1.300 1.600-2.500 3-2.500",
    "lock": "M6 11h12v8.500H6zM8.500 11V8a3.500 3.500 0 0 1 7 0v3",
    "star": "m12 4.500 2.300 4.800 5.200.7-3.800 3.700.9 5.200-4.600-2.500-4.600 2.500.9-5.200"
    "L4.500 10l5.200-.7z",
    "save": "M12 4v11M7.500 10.500 12 15l4.500-4.500M5 19.500h14",
    "lasso": "M12 4.500c5 0 8.500 2.300 8.500 5.200s-3.500 5.300-8.500 5.300-8.500-2.400"
    "-8.500-5.300S7 4.500 12 4.500M8 14.500c-2 .5-2.500 3 0 3.200 2 .2 1.500 2.300 0 2.800",
    "invert": "M12 4a8 8 0 1 0 0 16zM12 4a8 8 0 0 1 0 16M12 7v10",
    "fill": "M5 5h14v14H5zM5 12l7-7M5 19 19 5M12 19l7-7",
    "swap": "M4 8.500h14M14.500 5 18 8.500 14.500 12M20 15.500H6M9.500 12 6 15.500 9.500 19",
    "flip": "M12 4v16M9 7v10H3.500zM15 7v10h5.500z",
    "copy": "M8.500 8.500h11v11h-11zM15.500 5.500v-1h-11v11h1",
    "front": "M9 4.500h10.500V15H9zM6 9H4.500v10.500H15V18",
    "pick": "m13 7 4 4M11.500 8.500 5 15v4h4l6.500-6.500M15 5.500l1-1"
    "a2.300 2.300 0 0 1 3.500 3.500l-1 1",
    "gem": "M7 4.500h10l4 5.500-9 10-9-10zM3 10h18M9.500 10 12 19.500 14.500 10 12 4.500z",
}


@functools.cache
def icon(name: str, colour: str = theme.DIM, active: str = theme.ACCENT) -> QIcon:
    """The named icon; `active` colours its checked state."""
    made = QIcon()
    for scale in (1, 2, 3):
        made.addPixmap(pixmap(name, colour, 18, scale), QIcon.Mode.Normal, QIcon.State.Off)
        made.addPixmap(pixmap(name, active, 18, scale), QIcon.Mode.Normal, QIcon.State.On)
        made.addPixmap(pixmap(name, "#606060", 18, scale), QIcon.Mode.Disabled, QIcon.State.Off)
    return made


def pixmap(name: str, colour: str, size: int, scale: float = 1.0) -> QPixmap:
    """One icon of `size` device-independent pixels at a device pixel ratio."""
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" '
        f'stroke="{colour}" stroke-width="1.7" stroke-linecap="round" stroke-linejoin="round">'
        f'<path d="{_PATHS[name]}"/></svg>'
    )
    drawn = QPixmap(QSize(size, size) * scale)
    drawn.fill(Qt.GlobalColor.transparent)
    painter = QPainter(drawn)
    QSvgRenderer(QByteArray(svg.encode())).render(painter)
    painter.end()
    drawn.setDevicePixelRatio(scale)
    return drawn
