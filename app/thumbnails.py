"""Asks for small pictures and hands them to whoever asked last under a key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PySide6.QtCore import QObject, Signal, Slot

from app.link import EngineLink
from app.widgets.parts import image_of
from engine.messages import LatentPart, SteerRequest, Thumbnail, ThumbnailsRequest


class Thumbnails(QObject):
    """Latest wins per key; pictures of an older question are dropped."""

    arrived = Signal(str, int, object)
    """(key, index, QImage)."""

    def __init__(self, link: EngineLink, parent: QObject | None = None):
        super().__init__(parent)
        self._link = link
        self._stamps: dict[str, int] = {}
        self._asked: dict[str, ThumbnailsRequest] = {}
        link.thumbnail.connect(self._take)

    def ask(self, key: str, requests: Sequence[SteerRequest], size: int = 96) -> None:
        """Ask unless the same was asked last under this key."""
        wanted = ThumbnailsRequest(tuple(requests), size)
        if self._asked.get(key) == wanted:
            return
        self._asked[key] = wanted
        self._stamps[key] = self._link.client.thumbnails(wanted, key)

    def forget(self, key: str) -> None:
        self._asked.pop(key, None)

    def cancel(self, key: str) -> None:
        """Nobody looks any more."""
        if self._asked.pop(key, None) is not None:
            self._stamps[key] = self._link.client.thumbnails(ThumbnailsRequest(()), key)

    def cancel_all(self, prefix: str) -> None:
        """Nobody looks at any of these any more; what is asked next is drawn at once."""
        for key in [key for key in self._asked if key.startswith(prefix)]:
            self.cancel(key)

    @Slot(object)
    def _take(self, thumbnail: Thumbnail) -> None:
        if self._stamps.get(thumbnail.key) == thumbnail.stamp:
            self.arrived.emit(thumbnail.key, thumbnail.index, image_of(thumbnail.picture))


def plain(request: SteerRequest, seed: int) -> SteerRequest:
    """A bare seed with the truncation, kind and noise of a request."""
    return replace(
        request,
        latent=(LatentPart(seed=seed),),
        mix=(),
        mix_layers=(),
        edits=(),
        units=(),
        noise_seed=0,
    )
