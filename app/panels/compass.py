"""Sort pictures by what you see."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from app.document import Document
from app.link import EngineLink
from app.live import Live
from app.thumbnails import Thumbnails


class CompassPage(QWidget):
    """Sort pictures by what you see."""

    failed = Signal(str)
    """A sentence."""

    def __init__(self, document: Document, live: Live, link: EngineLink, thumbnails: Thumbnails):
        super().__init__()
        self._document, self._live, self._link = document, live, link
        self._thumbnails = thumbnails
