"""Reading the picture that is shown as the source; the engine reads the file by itself."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QImage, QImageReader, QPainter

from engine.messages import LodestoneError

SHOWN = 1024
"""Longest side that is shown, pixels."""
KINDS = "Pictures (*.png *.jpg *.jpeg *.webp *.tif *.tiff *.bmp *.gif);;All files (*)"


@dataclass(frozen=True)
class Source:
    """The picture everything is made from."""

    path: str
    image: QImage
    """RGB, at most `SHOWN` pixels a side, the right way up."""
    size: tuple[int, int]
    """(width, height) of the file in pixels, the right way up."""

    @property
    def name(self) -> str:
        return Path(self.path).stem


def read_source(path: str) -> Source:
    """Any picture file; LodestoneError says what is wrong with it."""
    image, whole = _read(path)
    turned = (image.width() > image.height()) != (whole.width() > whole.height())
    size = (whole.height(), whole.width()) if turned else (whole.width(), whole.height())
    flat = QImage(image.size(), QImage.Format.Format_RGB32)
    flat.fill(0xFF808080)
    _paint_over(flat, image)
    return Source(path, flat, size)


def read_layer(path: str) -> QImage:
    """A picture that is laid on another: its alpha is kept. LodestoneError as above."""
    return _read(path)[0].convertToFormat(QImage.Format.Format_ARGB32)


def _read(path: str) -> tuple[QImage, QSize]:
    """The picture, upright, at most `SHOWN` pixels a side; and how large the file's is."""
    name = Path(path).name
    if not Path(path).is_file():
        raise LodestoneError(f"There is no file {name} any more. Choose another picture.")
    reader = QImageReader(path)
    reader.setDecideFormatFromContent(True)
    reader.setAutoTransform(True)
    reader.setAllocationLimit(1024)
    whole = reader.size()
    if whole.isValid() and max(whole.width(), whole.height()) > SHOWN:
        shown = QSize(whole)
        shown.scale(SHOWN, SHOWN, Qt.AspectRatioMode.KeepAspectRatio)
        reader.setScaledSize(shown)
    image = reader.read()
    if image.isNull():
        raise LodestoneError(
            f"{name} cannot be read as a picture. Choose a JPEG, PNG, WebP or TIFF file."
        )
    if not whole.isValid():
        whole = image.size()
    return image, whole


def card_name(paths: Sequence[str], hole: bytes = b"") -> str:
    """File name of a pyramid of these pictures: the same pictures (and hole) find it again."""
    digests = [hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in paths]
    digest = digests[0]
    if hole or len(digests) > 1:
        digest = hashlib.sha256("".join(digests).encode() + hole).hexdigest()
    stems = "+".join(Path(path).stem[:24] for path in paths) if len(paths) > 1 else ""
    name = (stems or Path(paths[0]).stem) + ("-hole" if hole else "")
    safe = "".join(c if c.isalnum() or c in "-_+" else "-" for c in name)
    return f"{safe}-{digest[:8]}.safetensors"


def _paint_over(flat: QImage, image: QImage) -> None:
    painter = QPainter(flat)
    painter.drawImage(0, 0, image)
    painter.end()
