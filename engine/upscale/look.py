"""A look at what is to be enlarged: which files a folder holds, their sizes, small pictures. Light.

No torch and no ONNX Runtime: the window asks it, in a thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.messages import LodestoneError, Picture
from engine.upscale.files import FILMS, FLAWS, KINDS, opened, quiet
from engine.upscale.films import glance

_DECODED = 60_000_000
"""Pixels: of larger pictures (but JPEGs) only the size is read."""


@dataclass(frozen=True)
class Look:
    width: int
    height: int
    """Upright, pixels."""
    frames: int = 1
    """0 = unknown."""
    picture: Picture | None = None


def files_within(source: Path, out: Path | None = None) -> tuple[tuple[Path, Path], ...]:
    """Every picture and film of a folder, or the file itself: (file, its place below `source`).

    out: where results go; they may lie within the folder and are not taken again.
    """
    if not source.is_dir():
        return ((source, Path(source.name)),)
    inside = (p for p in sorted(source.rglob("*")) if p.is_file() and _known(p))
    return tuple((p, p.relative_to(source)) for p in inside if out is None or not _below(p, out))


def _known(path: Path) -> bool:
    return path.suffix.lower() in (*KINDS, *FILMS) and not path.name.startswith(".")


def _below(path: Path, folder: Path) -> bool:
    return folder.is_dir() and folder.absolute() in path.absolute().parents


def look_at(path: Path, side: int = 128) -> Look:
    """Its size, and a picture of `side` pixels at most. LodestoneError for what is none."""
    if path.suffix.lower() in FILMS:
        pixels, frames = glance(path)
        return Look(pixels.shape[1], pixels.shape[0], frames, preview_of(pixels, side))
    from PIL import ImageOps

    with quiet(), opened(path) as image:
        try:
            width, height = image.size
            if image.getexif().get(0x0112, 1) >= 5:
                width, height = height, width
            frames = int(getattr(image, "n_frames", 1)) if image.format != "MPO" else 1
            image.draft("RGB", (2 * side, 2 * side))
            if image.width * image.height > _DECODED:
                return Look(width, height, frames)
            small = _small(ImageOps.exif_transpose(image), side)
        except FLAWS as error:
            raise LodestoneError(
                f"{path.name} breaks off or is damaged. Choose another picture.", repr(error)
            ) from error
    return Look(width, height, frames, preview_of(small, side))


def _small(image: Any, side: int) -> np.ndarray:
    """(h, w, C) uint8 or uint16, near `side` pixels."""
    if image.mode[0] in "IF":  # one deep channel
        return np.asarray(image).clip(0, 65535).astype(np.uint16)[..., None]
    image = image.convert("RGBA")
    image.thumbnail((side, side))
    return np.asarray(image)


def preview_of(pixels: np.ndarray, side: int) -> Picture:
    """(H, W, C) uint8 or uint16, small; transparency on grey."""
    height, width, channels = pixels.shape
    step = max(1, -(-max(height, width) // side))
    small = pixels[::step, ::step]
    full = np.iinfo(small.dtype).max
    colour = small[..., :3] if channels > 2 else small[..., :1].repeat(3, axis=2)
    values = colour.astype(np.float32) / full
    if channels in (2, 4):
        alpha = small[..., -1:].astype(np.float32) / full
        values = values * alpha + np.float32(0.5) * (1 - alpha)
    bgrx = np.full((*values.shape[:2], 4), 255, np.uint8)
    bgrx[..., :3] = np.rint(values * 255)[..., ::-1]
    return Picture.of(bgrx)
