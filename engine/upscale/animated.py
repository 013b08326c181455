"""GIF, WebP and APNG that move, larger: their pictures, times and loops stay. No torch."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from engine.messages import LodestoneError, UpscaleRequest
from engine.upscale.enlarge import check_size, large_size
from engine.upscale.files import FLAWS, opened

_TRANSPARENT = 255
"""Index of a GIF's palette."""
Enlarged = Callable[[np.ndarray, int, int], np.ndarray]
"""(picture, its number, how many) -> the large one; (H, W, C) uint8."""


def enlarge_pictures(
    source: Path, part: Path, kind: str, request: UpscaleRequest, enlarged: Enlarged
) -> None:
    """Write `part`, a file of `kind` as Pillow names it."""
    with opened(source) as image:
        count = int(getattr(image, "n_frames", 1))
        loop = image.info.get("loop", 0 if image.format != "GIF" else None)
        height, width = large_size(image.height, image.width, request.settings.scale)
        # All of them are held until they are written.
        check_size(np.empty((0, 0, 4), np.uint8), (height * count, width))
        made, times = [], []
        for index in range(count):
            frame, time = _frame(image, index, source)
            times.append(time)
            large = enlarged(frame, index, count)
            made.append(_for_gif(large) if kind == "GIF" else _image(large))
    options: dict[str, Any] = {"duration": times, "save_all": True, "append_images": made[1:]}
    if loop is not None:
        options["loop"] = loop
    if kind == "GIF":
        options.update(disposal=2, optimize=False)
    elif kind == "WEBP":
        options["quality"] = min(100, max(1, request.quality))
    with open(part, "wb") as file:
        made[0].save(file, format=kind, **options)
        file.flush()
        os.fsync(file.fileno())


def _frame(image: Any, index: int, path: Path) -> tuple[np.ndarray, float]:
    """(H, W, 3 or 4) uint8, and how long it is shown in milliseconds."""
    try:
        image.seek(index)
        pixels = np.asarray(image.convert("RGBA"))
    except FLAWS as error:
        raise LodestoneError(
            f"{path.name} breaks off or is damaged. Choose another picture.", repr(error)
        ) from error
    if pixels[..., 3].min() == 255:
        pixels = pixels[..., :3]
    return np.ascontiguousarray(pixels), float(image.info.get("duration", 100))


def _image(pixels: np.ndarray) -> Any:
    from PIL import Image

    return Image.fromarray(np.ascontiguousarray(pixels))


def _for_gif(pixels: np.ndarray) -> Any:
    """A palette of its own for every picture; half-transparent becomes one or the other."""
    from PIL import Image

    colours = _image(pixels[..., :3])
    palette = colours.quantize(_TRANSPARENT)
    made = colours.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
    if pixels.shape[2] == 4:
        indices = np.array(made)
        indices[pixels[..., 3] < 128] = _TRANSPARENT
        entries = [*(made.getpalette() or [])[: 3 * _TRANSPARENT]]
        entries += [0] * (768 - len(entries))
        made = Image.fromarray(indices)
        made.putpalette(entries)
        made.info["transparency"] = _TRANSPARENT
    return made
