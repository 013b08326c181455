"""Any picture file as numbers: (H, W, 3) float32, RGB, -1..1, at a size that fits. No torch.

Alpha is kept apart and laid back on what is drawn. Colour profiles are not applied.
"""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.messages import LodestoneError

_TURNS = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}
"""EXIF orientation → Pillow's Transpose: flips and turns that set the picture upright."""
seen = 0.05
"""A mask's value above which a pixel is hidden: JPEG masks are never quite black."""
largest = 400_000_000
"""Pixels: above this a file is refused before it is read into memory."""


@dataclass(frozen=True, eq=False)
class Source:
    """One picture at its working size."""

    pixels: np.ndarray
    """(H, W, 3) float32 RGB, -1..1."""
    alpha: np.ndarray | None
    """(H, W) float32, 0..1; None when it is opaque."""
    sha256: str
    """Of the file."""
    note: str
    """Sentences about what was changed on reading; may be empty."""
    size: tuple[int, int]
    """Width and height of the file, upright."""


def read_source(path: str | Path, longest: int = 250, hidden: np.ndarray | None = None) -> Source:
    """Read a picture so that its longest side is at most `longest` pixels.

    `hidden` (h, w) of any size: what lies under values above `seen` is replaced before anything
    is computed, so that it has no influence, not even on the pixels beside it.
    """
    path = Path(path)
    image, digest = _opened(path)
    with image:
        try:
            return _read(image, max(8, longest), digest, path.name, hidden)
        except (OSError, ValueError, SyntaxError) as error:
            raise LodestoneError(
                f"{path.name} breaks off or is damaged. Choose another picture.", repr(error)
            ) from error


def read_mask(path: str | Path) -> np.ndarray:
    """(H, W) float32, 0..1: the brightness of a picture; where it has alpha, that times it."""
    source = read_source(path, 4096)
    grey = (source.pixels @ np.array([0.299, 0.587, 0.114], np.float32) + 1) / 2
    return grey if source.alpha is None else grey * source.alpha


def _opened(path: Path) -> tuple[Any, str]:
    from PIL import Image, UnidentifiedImageError

    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        with warnings.catch_warnings():
            # Pillow warns of large pictures; the limit here is its own, and says so in words.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(path)
    except FileNotFoundError as error:
        raise LodestoneError(f"There is no file {path}. Check the name.", repr(error)) from error
    except (UnidentifiedImageError, Image.DecompressionBombError, SyntaxError) as error:
        raise LodestoneError(
            f"{path.name} is not a picture that can be read. Choose a PNG, JPEG, TIFF or WebP.",
            repr(error),
        ) from error
    except OSError as error:
        raise LodestoneError(
            f"{path.name} could not be read: {error.strerror or error}. Choose another picture.",
            repr(error),
        ) from error
    if image.width * image.height > largest:
        raise LodestoneError(
            f"{path.name} has {image.width:,} x {image.height:,} pixels, which is too many to "
            "open. Scale it down first."
        )
    return image, digest


def _read(image: Any, longest: int, digest: str, name: str, hidden: np.ndarray | None) -> Source:
    from PIL import Image

    notes: list[str] = []
    turn = _TURNS.get(image.getexif().get(0x0112, 1))
    full: tuple[int, int] = image.size
    target = working_size(*full, longest)
    if image.format == "JPEG" and image.mode in ("L", "RGB") and hidden is None:
        image.draft(image.mode, (2 * target[0], 2 * target[1]))
    if image.mode == "CMYK":
        notes.append("It was CMYK and is shown in RGB without its colour profile.")
    if turn is not None:
        image = image.transpose(Image.Transpose(turn))
        if turn in (2, 4, 5, 6):
            full, target = (full[1], full[0]), (target[1], target[0])
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        rgb, alpha = _deep(image, target, notes, name, hidden), None
    else:
        rgb, alpha = _shallow(image, target, hidden)
    if target != full:
        notes.append(
            f"Worked at {target[0]} x {target[1]} pixels; the file has {full[0]:,} x {full[1]:,}."
        )
    return Source(np.ascontiguousarray(rgb), alpha, digest, " ".join(notes), full)


def working_size(width: int, height: int, longest: int) -> tuple[int, int]:
    """Width and height whose longest side is at most `longest`, same shape."""
    scale = min(1.0, longest / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _shallow(
    image: Any, target: tuple[int, int], hidden: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray | None]:
    """8 bits a channel: reduced before it becomes floats, so that memory stays bounded."""
    from PIL import Image

    seen = "A" in image.getbands() or "transparency" in image.info
    image = image.convert("RGBA" if seen else "RGB")
    if hidden is not None:
        image = _without(image, hidden)
    if image.size != target:
        # Areas only touch what they cover: a hidden pixel's neighbours stay themselves.
        way = Image.Resampling.LANCZOS if hidden is None else Image.Resampling.BOX
        image = image.resize(target, way, reducing_gap=None if hidden is not None else 3.0)
    values = np.asarray(image, dtype=np.float32)
    rgb = values[..., :3] / 127.5 - 1
    alpha = values[..., 3] / 255 if seen else None
    if alpha is None or alpha.min() == 1.0:
        return rgb, None
    # What lies under full transparency is not part of the picture: any colour may be stored there.
    total = float(alpha.sum())
    mean = (rgb * alpha[..., None]).sum((0, 1)) / total if total > 0 else np.zeros(3)
    return np.where(alpha[..., None] > 0, rgb, mean).astype(np.float32), alpha


def _without(image: Any, hidden: np.ndarray) -> Any:
    """An RGB or RGBA picture whose hidden pixels are grey (and opaque)."""
    from PIL import Image

    values = np.array(image)
    values[hole_of(hidden, *values.shape[:2])] = 255 if values.shape[2] == 4 else 128
    values[hole_of(hidden, *values.shape[:2]), :3] = 128
    return Image.fromarray(values)


def hole_of(mask: np.ndarray, height: int, width: int) -> np.ndarray:
    """(height, width) bool: the pixels that a mask of any size touches."""
    from PIL import Image

    plane = Image.fromarray(np.ascontiguousarray(mask > seen, dtype=np.float32))
    if plane.size != (width, height):
        shrinks = plane.width > width or plane.height > height
        way = Image.Resampling.BOX if shrinks else Image.Resampling.NEAREST
        plane = plane.resize((width, height), way)
    return np.asarray(plane) > 1e-4


def _deep(
    image: Any, target: tuple[int, int], notes: list[str], name: str, hidden: np.ndarray | None
) -> np.ndarray:
    """16-bit and 32-bit grey: its own range where it is known, else the range it fills."""
    from PIL import Image

    values = np.asarray(image).astype(np.float32)
    if hidden is not None:
        under = hole_of(hidden, *values.shape)
        values[under] = values[~under].mean() if not under.all() else 0.0
    bad = ~np.isfinite(values)
    if bad.all():
        raise LodestoneError(f"{name} holds no numbers, only NaN. Choose another picture.")
    if bad.any():
        values[bad] = np.median(values[~bad])
        notes.append(f"{int(bad.sum()):,} pixels were NaN or infinite and became the median.")
    low, high = float(values.min()), float(values.max())
    if image.mode != "F" and low >= 0 and high <= 65535:
        low, high = 0.0, 65535.0
    elif image.mode == "F" and low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    elif image.mode == "F" and low >= 0 and high <= 255:
        low, high = 0.0, 255.0
    else:
        notes.append(f"Its range {low:.4g} to {high:.4g} was stretched to black and white.")
    # In float64: the range of a float32 file may not fit into float32.
    values = ((values.astype(np.float64) - low) / max(float(high) - low, 1e-30)).astype(np.float32)
    grey = Image.fromarray(values)
    if grey.size != target:
        grey = grey.resize(target, Image.Resampling.BOX)
    return np.repeat(np.asarray(grey)[..., None] * 2 - 1, 3, axis=2)


def resized(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """(H, W) or (H, W, C) float32 at another size: bicubic, antialiased when it shrinks."""
    from PIL import Image

    if values.shape[:2] == (height, width):
        return values
    if values.ndim == 3:
        planes = [resized(values[..., c], height, width) for c in range(values.shape[2])]
        return np.stack(planes, axis=-1)
    plane = Image.fromarray(np.ascontiguousarray(values, dtype=np.float32))
    return np.asarray(plane.resize((width, height), Image.Resampling.BICUBIC))


def bgrx(pixels: np.ndarray, alpha: np.ndarray | None = None) -> np.ndarray:
    """(H, W, 3) -1..1 RGB → (H, W, 4) uint8 B G R A; alpha (any size) is resized, 255 without."""
    height, width = pixels.shape[:2]
    out = np.full((height, width, 4), 255, np.uint8)
    shown = np.clip((pixels + 1) * 127.5, 0, 255)
    out[..., :3] = np.rint(shown[..., ::-1]).astype(np.uint8)
    if alpha is not None:
        clear = np.clip(resized(alpha, height, width), 0, 1)
        out[..., 3] = np.rint(clear * 255).astype(np.uint8)
    return out
