"""Pictures as they came: their pixels at full depth, and all that goes along. No torch."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from engine.messages import LodestoneError
from engine.upscale.deep import EXIF_TAGS, read_deep

KINDS = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".tif", ".tiff", ".avif", ".bmp",
         ".gif", ".tga", ".ppm", ".pgm", ".mpo", ".apng")  # fmt: skip
FILMS = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".wmv", ".ogv",
         ".flv", ".3gp")  # fmt: skip
_ORIENTATION, _WIDTH, _HEIGHT, _DETAILS = 0x0112, 0xA002, 0xA003, 0x8769
_TURNS = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}
"""EXIF orientation → Pillow's Transpose: flips and turns that set the picture upright."""
_MODES = {
    "1": "L", "L": "L", "LA": "LA", "La": "LA", "RGB": "RGB", "RGBA": "RGBA", "RGBa": "RGBA",
    "RGBX": "RGB", "P": "RGB", "PA": "RGBA", "CMYK": "RGB", "YCbCr": "RGB", "LAB": "RGB",
    "HSV": "RGB",
}  # fmt: skip
FLAWS = (OSError, ValueError, SyntaxError, KeyError, IndexError, TypeError, EOFError,
         AttributeError, OverflowError, ArithmeticError, MemoryError)  # fmt: skip
"""What Pillow's readers raise on damaged files."""


@dataclass(frozen=True, eq=False)
class Opened:
    """One picture, upright."""

    pixels: np.ndarray
    """(H, W, C) uint8 or uint16; C: 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha."""
    format: str
    """As Pillow names it: PNG, JPEG, WEBP, TIFF, AVIF …"""
    icc: bytes = b""
    exif: bytes = b""
    """Its orientation says upright."""
    dpi: tuple[float, float] | None = None
    xmp: bytes = b""
    notes: tuple[str, ...] = ()
    """Sentences about what could not stay as it was."""


def read_picture(path: str | Path) -> Opened:
    """The first (or only) picture of a file. LodestoneError with a sentence for what is none."""
    path = Path(path)
    with quiet(), opened(path) as image:
        try:
            return _read(image, path)
        except FLAWS as error:
            raise LodestoneError(
                f"{path.name} breaks off or is damaged. Choose another picture.", repr(error)
            ) from error


@contextmanager
def quiet() -> Iterator[None]:
    """Pillow warns of what is said here in sentences, or does not matter."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def opened(path: Path) -> Any:
    """Pillow's image, its header read; too many pixels and no picture become sentences."""
    from PIL import Image, UnidentifiedImageError

    try:
        return Image.open(path)
    except FileNotFoundError as error:
        raise LodestoneError(f"There is no file {path}. Check the name.", repr(error)) from error
    except Image.DecompressionBombError as error:
        raise LodestoneError(
            f"{path.name} has too many pixels to open. Scale it down, or cut it in parts.",
            repr(error),
        ) from error
    except IsADirectoryError as error:
        raise LodestoneError(f"{path.name} is a folder. Choose a picture.", repr(error)) from error
    except (UnidentifiedImageError, *FLAWS) as error:
        raise LodestoneError(
            f"{path.name} is not a picture that can be read. Choose a PNG, JPEG, WebP, TIFF or "
            "AVIF.",
            repr(error),
        ) from error


def _read(image: Any, path: Path) -> Opened:
    kind = "JPEG" if image.format == "MPO" else str(image.format)
    _check_memory(image, path)
    exif = _exif_of(image)
    turn = _TURNS.get(image.getexif().get(_ORIENTATION, 1))
    xmp = image.info.get("xmp") or b""
    dpi = _dpi(image.info.get("dpi"))
    notes: list[str] = []
    if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":
        notes.append(f"{path.name} holds several pictures; only the first is used.")
    icc = image.info.get("icc_profile") or b""
    # Also what PyAV will decode: it takes damaged files without a word, Pillow does not.
    image.load()
    pixels = _deep(image, path)
    if pixels is None:
        if image.mode in ("CMYK", "LAB"):
            notes.append(f"{path.name} was converted from {image.mode} to RGB.")
            # Its profile describes inks: it has done its work, and would only mislead.
            image, icc = _converted(image, icc), b""
        pixels = _shallow(image)
    if turn is not None:
        pixels = _turned(pixels, turn)
    exif = upright(exif)
    return Opened(pixels, kind, icc, exif, dpi, xmp if isinstance(xmp, bytes) else b"",
                  tuple(notes))  # fmt: skip


def _check_memory(image: Any, path: Path) -> None:
    need = image.width * image.height * 12
    free = psutil.virtual_memory().available
    if need > 0.8 * free:
        raise LodestoneError(
            f"{path.name} has {image.width:,} x {image.height:,} pixels, too many for the "
            f"{free / 2**30:.1f} GB of free memory. Scale it down, or cut it in parts."
        )


def _dpi(value: Any) -> tuple[float, float] | None:
    try:
        across, down = (float(one) for one in value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (across, down) if 0 < across < 1e6 and 0 < down < 1e6 else None


# ---------------------------------------------------------------- pixels


def _deep(image: Any, path: Path) -> np.ndarray | None:
    """(H, W, C) uint16 of what has more than 8 bits; None for all others."""
    codec = _deep_codec(image, path)
    if codec:
        pixels = read_deep(path, codec)
        if pixels is not None and pixels.shape[:2] == (image.height, image.width):
            return pixels
    if image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16)[..., None]
    if image.mode not in ("I", "F"):
        return None
    values = np.nan_to_num(np.asarray(image, np.float64))
    top = float(values.max(initial=0.0))
    # Floats span 0..1 where they say nothing else; whole numbers are those of 16 or 32 bits.
    full = (1.0 if top <= 1.0 else top) if image.mode == "F" else max(65535.0, top)
    return np.rint(values.clip(0, full) / full * 65535).astype(np.uint16)[..., None]


def _deep_codec(image: Any, path: Path) -> str:
    if image.format == "PNG":
        with path.open("rb") as file:
            return "png" if file.read(25)[24:] == b"\x10" else ""
    if image.format == "TIFF":
        bits = image.tag_v2.get(258, (1,))
        kind = image.tag_v2.get(339, (1,))
        whole = set(bits) == {16} and set(kind) == {1}
        return "tiff" if whole and image.tag_v2.get(262) in (0, 1, 2) else ""
    return ""


def _converted(image: Any, icc: bytes) -> Any:
    """In sRGB by its own profile; as it is where the profile is of no use."""
    from PIL import ImageCms

    if not icc:
        return image
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        made = ImageCms.profileToProfile(
            image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image
    return made if made is not None else image


def _shallow(image: Any) -> np.ndarray:
    """(H, W, C) uint8."""
    mode = _MODES.get(image.mode, "RGB")
    if "transparency" in image.info:
        mode = "LA" if mode == "L" else "RGBA"
    if image.mode in ("1", "L") and mode == "LA":
        image = image.convert("RGBA")
        return np.ascontiguousarray(np.asarray(image)[..., [0, 3]])
    if image.mode != mode:
        image = image.convert(mode)
    values = np.asarray(image)
    return values[..., None] if values.ndim == 2 else values


def _turned(pixels: np.ndarray, turn: int) -> np.ndarray:
    """Pillow's Transpose on an array."""
    from PIL import Image

    how = Image.Transpose(turn)
    rows = {
        Image.Transpose.FLIP_LEFT_RIGHT: lambda p: p[:, ::-1],
        Image.Transpose.FLIP_TOP_BOTTOM: lambda p: p[::-1],
        Image.Transpose.ROTATE_90: lambda p: np.rot90(p, 1),
        Image.Transpose.ROTATE_180: lambda p: p[::-1, ::-1],
        Image.Transpose.ROTATE_270: lambda p: np.rot90(p, 3),
        Image.Transpose.TRANSPOSE: lambda p: p.swapaxes(0, 1),
        Image.Transpose.TRANSVERSE: lambda p: np.rot90(p, 2).swapaxes(0, 1),
    }
    return np.ascontiguousarray(rows[how](pixels))


# ---------------------------------------------------------------- what goes along


def _exif_of(image: Any) -> bytes:
    if image.format == "TIFF":
        return _exif_of_tiff(image)
    content = image.info.get("exif") or b""
    if not content and len(image.getexif()):
        # PNGs may carry it as text.
        content = image.getexif().tobytes()
    return content if isinstance(content, bytes) else b""


def _exif_of_tiff(image: Any) -> bytes:
    from PIL import Image

    own, made = image.getexif(), Image.Exif()
    for tag in EXIF_TAGS:
        if tag in (34665, 34853):
            nested = own.get_ifd(tag)
            if nested:
                made.get_ifd(tag).update(nested)
                made[tag] = dict(nested)
        elif tag in own and tag not in (700, 33723):
            made[tag] = own[tag]
    try:
        return made.tobytes() if len(made) else b""
    except FLAWS:
        return b""  # tags that no writer takes are left behind


def upright(exif: bytes, size: tuple[int, int] | None = None) -> bytes:
    """EXIF whose orientation is 1, the same byte for byte elsewhere; empty if it is damaged.

    size: (width, height) to write into it where it names one
    """
    try:
        tags = _Tags(exif)
        first = tags.number(tags.start + 4, 4)
        top = tags.entries(first)
        if _ORIENTATION in top:
            turned = tags.number(top[_ORIENTATION] + 8, 2) != 1
            tags.put(top[_ORIENTATION], 1)
            if turned:
                # The small picture inside still lies on its side: readers shall not find it.
                following = tags.start + first + 2 + 12 * len(top)
                tags.data[following : following + 4] = bytes(4)
        if size is not None and _DETAILS in top:
            details = tags.entries(tags.number(top[_DETAILS] + 8, 4))
            for tag, value in zip((_WIDTH, _HEIGHT), size, strict=True):
                if tag in details:
                    tags.put(details[tag], value)
    except ValueError:
        return b""
    return bytes(tags.data)


class _Tags:
    """EXIF's tables of tags (TIFF 6.0), changed in place. ValueError where they are damaged."""

    def __init__(self, exif: bytes):
        self.data = bytearray(exif)
        self.start = 6 if exif.startswith(b"Exif\0\0") else 0
        orders: dict[bytes, Any] = {b"II": "little", b"MM": "big"}
        mark = bytes(self.data[self.start : self.start + 2])
        if mark not in orders:
            raise ValueError("no order of bytes")
        self._order: Any = orders[mark]

    def number(self, at: int, length: int) -> int:
        if at + length > len(self.data):
            raise ValueError("beyond its end")
        return int.from_bytes(self.data[at : at + length], self._order)

    def entries(self, offset: int) -> dict[int, int]:
        """Tag -> where its entry begins."""
        at = self.start + offset
        places = (at + 2 + 12 * i for i in range(self.number(at, 2)))
        return {self.number(place, 2): place for place in places}

    def put(self, at: int, value: int) -> None:
        """A whole number, where the entry has room for it."""
        length = {3: 2, 4: 4}.get(self.number(at + 2, 2), 0)
        if length and value < 256**length:
            self.data[at + 8 : at + 8 + length] = value.to_bytes(length, self._order)


def same_file(a: Path, b: Path) -> bool:
    try:
        return os.path.samefile(a, b)
    except OSError:
        return a.absolute() == b.absolute()
