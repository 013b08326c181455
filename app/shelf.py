"""Small pictures by their recipe: what was drawn once is at hand wherever it is shown."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtGui import QImage, QPixmap

from app.thumbnails import Thumbnails
from app.widgets.enlarge import enlarged
from engine.messages import SteerRequest


class Shelf(QObject):
    """Asks for what is missing, keeps the newest `room` pictures."""

    arrived = Signal(object)
    """SteerRequest whose picture is there now."""

    def __init__(
        self,
        thumbnails: Thumbnails,
        name: str,
        size: int = 128,
        room: int = 800,
        parent: QObject | None = None,
    ):
        """`size`: longest side in pixels."""
        super().__init__(parent)
        self._thumbnails, self._prefix = thumbnails, f"shelf:{name}:"
        self._size, self._room = size, room
        self._images: OrderedDict[SteerRequest, QImage] = OrderedDict()
        self._scaled: OrderedDict[tuple[SteerRequest, int], QPixmap] = OrderedDict()
        self._asked: dict[str, tuple[SteerRequest, ...]] = {}
        thumbnails.arrived.connect(self._take)

    def image(self, request: SteerRequest) -> QImage | None:
        """The picture, when it is there."""
        found = self._images.get(request)
        if found is not None:
            self._images.move_to_end(request)
        return found

    def pixmap(self, request: SteerRequest, side: int) -> QPixmap | None:
        """The picture at `side` device pixels: scaled once, not with every repaint."""
        key = (request, side)
        found = self._scaled.get(key)
        if found is not None:
            self._scaled.move_to_end(key)
            return found
        image = self.image(request)
        if image is None:
            return None
        fine = enlarged(image, side / image.width())
        smooth = Qt.TransformationMode.SmoothTransformation
        found = QPixmap.fromImage(
            fine.scaled(side, side, Qt.AspectRatioMode.KeepAspectRatio, smooth)
        )
        self._scaled[key] = found
        while len(self._scaled) > 2 * self._room:
            self._scaled.popitem(last=False)
        return found

    def want(self, owner: str, requests: Sequence[SteerRequest]) -> None:
        """Ask for those that are missing, first things first; replaces what `owner` asked."""
        missing = tuple(dict.fromkeys(one for one in requests if one not in self._images))
        if not missing:
            if self._asked.pop(owner, ()):
                self._thumbnails.cancel(self._prefix + owner)
            return
        pending = self._asked.get(owner, ())
        if missing == pending[-len(missing) :]:
            return  # On its way already.
        self._asked[owner] = missing
        self._thumbnails.forget(self._prefix + owner)
        self._thumbnails.ask(self._prefix + owner, missing, self._size)

    def clear(self) -> None:
        """Another generator: nothing is on its way any more."""
        for owner in list(self._asked):
            self._thumbnails.cancel(self._prefix + owner)
        self._asked.clear()

    @Slot(str, int, object)
    def _take(self, key: str, index: int, image: QImage) -> None:
        if not key.startswith(self._prefix):
            return
        owner = key.removeprefix(self._prefix)
        asked = self._asked.get(owner, ())
        if index >= len(asked):
            return
        request = asked[index]
        self._images[request] = image
        while len(self._images) > self._room:
            self._images.popitem(last=False)
        if index + 1 == len(asked):
            del self._asked[owner]
        self.arrived.emit(request)
