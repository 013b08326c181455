"""Large pictures to files: whole or not at all, with all that went along. No torch."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from engine.disk import why
from engine.messages import LodestoneError
from engine.messages.upscaling import PictureFormat
from engine.upscale.deep import write_png, write_tiff
from engine.upscale.files import Opened, upright

SUFFIXES: dict[str, str] = {"png": ".png", "jpg": ".jpg", "webp": ".webp", "tiff": ".tif",
                            "avif": ".avif"}  # fmt: skip
_BY_SUFFIX: dict[str, PictureFormat] = {
    ".png": "png", ".jpg": "jpg", ".jpeg": "jpg", ".webp": "webp", ".tif": "tiff",
    ".tiff": "tiff", ".avif": "avif",
}  # fmt: skip
_BY_PILLOW: dict[str, PictureFormat] = {
    "PNG": "png", "JPEG": "jpg", "WEBP": "webp", "TIFF": "tiff", "AVIF": "avif",
}  # fmt: skip
_LONGEST = {"jpg": ("JPEG", 65_535), "webp": ("WebP", 16_383), "avif": ("AVIF", 65_535)}


def format_of(opened: Opened, asked: PictureFormat) -> PictureFormat:
    """What it is written as: as asked, or as it came; what is not written here becomes PNG."""
    return _BY_PILLOW.get(opened.format, "png") if asked == "same" else asked


def format_of_name(path: Path) -> PictureFormat | None:
    return _BY_SUFFIX.get(path.suffix.lower())


def check_format(kind: PictureFormat, large: tuple[int, int]) -> None:
    """Before anything is computed: (height, width) that the format cannot hold."""
    name, longest = _LONGEST.get(kind, ("", 0))
    if longest and max(large) > longest:
        raise LodestoneError(
            f"{name} pictures are at most {longest:,} pixels long, and this one would have "
            f"{max(large):,}. Choose PNG or TIFF."
        )


def write_picture(
    path: Path, pixels: np.ndarray, opened: Opened, kind: PictureFormat, quality: int
) -> tuple[str, ...]:
    """(H, W, C) uint8 or uint16; returns sentences about what the format cannot hold."""
    notes = []
    exif = upright(opened.exif, (pixels.shape[1], pixels.shape[0]))
    deep = pixels.dtype == np.uint16
    if deep and kind not in ("png", "tiff"):
        notes.append(f"{path.name} has 8 bits a channel: its format holds no more.")
        pixels = np.rint(pixels / np.float32(257)).astype(np.uint8)
        deep = False
    if kind == "jpg" and pixels.shape[2] in (2, 4):
        notes.append(f"{path.name} has no transparency: its format holds none. It lies on white.")
        pixels = _on_white(pixels)
    if pixels.shape[2] == 2 and (kind == "avif" or (kind == "tiff" and deep)):
        # Few readers know grey with alpha in these.
        pixels = pixels[..., [0, 0, 0, 1]]
    _save(path, pixels, opened, exif, kind, quality)
    return tuple(notes)


def _save(
    path: Path, pixels: np.ndarray, opened: Opened, exif: bytes, kind: PictureFormat, quality: int
) -> None:
    """Under another name first."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with part.open("w+b") as file:
                if pixels.dtype == np.uint16 or kind == "tiff":
                    _write_own(file, pixels, opened, exif, kind)
                else:
                    _write(file, pixels, opened, exif, kind, quality)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise LodestoneError(f"{path.name} could not be written: {why(error)}.", repr(error)) from (
            error
        )
    except (ValueError, OverflowError, RuntimeError) as error:
        raise LodestoneError(
            f"{path.name} could not be written in this format. Choose PNG.", repr(error)
        ) from error


def _write_own(
    file: Any, pixels: np.ndarray, opened: Opened, exif: bytes, kind: PictureFormat
) -> None:
    if kind == "png":
        write_png(file, pixels, opened.icc, exif, opened.dpi)
        return
    from PIL import Image

    tags = Image.Exif()
    if exif:
        tags.load(exif)
    write_tiff(file, pixels, opened.icc, tags, opened.dpi)


def _write(
    file: Any, pixels: np.ndarray, opened: Opened, exif: bytes, kind: PictureFormat, quality: int
) -> None:
    from PIL import Image

    options: dict[str, Any] = {}
    if opened.icc:
        options["icc_profile"] = opened.icc
    if exif:
        options["exif"] = exif
    if opened.dpi and kind in ("png", "jpg"):
        options["dpi"] = opened.dpi
    if opened.xmp and kind in ("jpg", "webp", "avif"):
        options["xmp"] = opened.xmp
    quality = min(100, max(1, quality))
    if kind == "png":
        options["compress_level"] = 4
    elif kind == "jpg":
        # Colour at full size: it was enlarged with care.
        options.update(quality=quality, subsampling=0, optimize=True)
    else:
        options["quality"] = quality
    name = {"jpg": "JPEG", "webp": "WEBP", "avif": "AVIF", "png": "PNG"}[kind]
    values = np.ascontiguousarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    Image.fromarray(values).save(file, format=name, **options)


def _on_white(pixels: np.ndarray) -> np.ndarray:
    alpha = pixels[..., -1:].astype(np.float32) / 255
    mixed = pixels[..., :-1] * alpha + 255 * (1 - alpha)
    return np.rint(mixed).astype(np.uint8)
