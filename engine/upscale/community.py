"""Other people's upscalers as ONNX: what they take and give is found out by trying. No torch."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from engine.messages import LodestoneError
from engine.upscale.opened import Span, Upscaler, session_of
from engine.upscale.tiles import Shape

_GRIDS = (1, 2, 4, 8, 16, 32, 64)
_SIDE = 64
"""Pixels of a trial picture's side."""
SPAN = "lodestone_span"
"""Of an ONNX file's notes: the span it counts in, where it is known."""
_SPANS = (Span(0, 1), Span(0, 255), Span(-1, 1))
_REACHES = (8, 16, 24, 32, 48)
_REACH = 64
"""Where what a pixel depends on does not end within a trial picture."""
_BYTES = 20_000
"""Of memory, for a pixel of the small picture: networks of 64 channels and more."""
_LARGEST_SCALE = 8


def open_community(path: Path, device: str) -> Upscaler:
    """Open an ONNX upscaler of RGB or single channels, x1 to x8."""
    session = session_of(str(path), path.name, device)
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(inputs) != 1 or len(outputs) < 1 or len(inputs[0].shape) != 4:
        raise _no_upscaler(path, "it does not take one picture and give one")
    half = inputs[0].type == "tensor(float16)"
    if not half and inputs[0].type != "tensor(float)":
        raise _no_upscaler(path, f"it takes {inputs[0].type}")
    _, channels, height, width = inputs[0].shape
    if isinstance(channels, int) and channels not in (1, 3):
        raise _no_upscaler(path, f"it takes {channels} channels")
    if isinstance(height, int) != isinstance(width, int):
        raise _no_upscaler(path, "it takes pictures of one height or width only")
    fixed = (height, width) if isinstance(height, int) else None
    trial = _Trial(path, session, half, 1 if channels == 1 else 3)
    side = fixed or (_SIDE, _SIDE)
    scale = trial.scale(side)
    grid = 1 if fixed else trial.grid(scale)
    told = session.get_modelmeta().custom_metadata_map.get(SPAN) == "0 1"
    takes, gives = (Span(), Span()) if told else trial.spans(side, scale)
    reach = min(16, min(fixed) // 6) if fixed else trial.reach(scale, grid, takes)
    shape = Shape(scale, reach, grid, fixed)
    return Upscaler(path.stem, shape, session, False, takes, gives, half, channels == 1, _BYTES)


def _no_upscaler(path: Path, why: str, detail: str = "") -> LodestoneError:
    return LodestoneError(
        f"{path.name} is not an upscaler of pictures: {why}. Choose another model.", detail
    )


class _Trial:
    """Runs a network on small pictures."""

    def __init__(self, path: Path, session: Any, half: bool, channels: int):
        self._path, self._session, self._channels = path, session, channels
        self._kind = np.float16 if half else np.float32
        self._name = session.get_inputs()[0].name

    def run(self, picture: np.ndarray) -> np.ndarray:
        """(1, C, h, w) -> (1, C, H, W) float32."""
        made = self._session.run(None, {self._name: picture.astype(self._kind)})[0]
        return np.asarray(made, np.float32)

    def scale(self, side: tuple[int, int]) -> int:
        try:
            made = self.run(_photo(side, self._channels))
        except Exception as error:  # ONNX Runtime's own exceptions share no base class
            raise _no_upscaler(self._path, "it does not run on a picture", repr(error)) from error
        scale = made.shape[-1] // side[1] if made.ndim == 4 else 0
        fits = made.ndim == 4 and made.shape[1] == self._channels
        if not fits or made.shape[2:] != (side[0] * scale, side[1] * scale):
            raise _no_upscaler(self._path, f"what it gives has the shape {made.shape}")
        if not 1 <= scale <= _LARGEST_SCALE:
            raise _no_upscaler(self._path, f"it enlarges {scale} times")
        return scale

    def grid(self, scale: int) -> int:
        """What the sides of a picture have to be multiples of."""
        for grid in _GRIDS:
            side = (_SIDE + grid, _SIDE + 3 * grid)
            try:
                made = self.run(_photo(side, self._channels))
            except Exception:  # noqa: BLE001, S112 - a size it does not take is what is looked for
                continue
            if made.shape[2:] == (side[0] * scale, side[1] * scale):
                return grid
        raise _no_upscaler(self._path, "it takes no picture but of one size")

    def spans(self, side: tuple[int, int], scale: int) -> tuple[Span, Span]:
        """How it counts brightness: the way in which it changes a smooth picture least."""
        picture = _photo(side, self._channels)
        plain = _plain(picture, scale)
        made = {span: self.run(span.there(picture)) for span in _SPANS}
        errors = {
            (takes, gives): float(np.abs(gives.back(made[takes]) - plain).mean())
            for takes, gives in product(_SPANS, _SPANS)
        }
        found = {pair: error for pair, error in errors.items() if np.isfinite(error)}
        best = min(found, key=lambda pair: found[pair], default=None)
        if best is None or found[best] > 0.25:
            raise _no_upscaler(self._path, "what it gives does not look like what it was given")
        usual = (_SPANS[0], _SPANS[0])
        # Networks of rectified convolutions hardly mind the span: another one has to be far better.
        return usual if found.get(usual, np.inf) < 3 * found[best] else best

    def reach(self, scale: int, grid: int, takes: Span) -> int:
        """How far around a pixel it looks: one changes, and what changes with it is measured."""
        side = -(-112 // grid) * grid
        picture = _photo((side, side), self._channels)
        other = picture.copy()
        middle = side // 2
        other[:, :, middle, middle] = 1 - np.rint(other[:, :, middle, middle])
        change = np.abs(self.run(takes.there(picture)) - self.run(takes.there(other)))[0].max(0)
        touched = change > 1e-4 * max(float(change.max()), 1e-12)
        rows, columns = np.nonzero(touched)
        if not len(rows):
            return _REACHES[0]
        far = max(np.abs(rows // scale - middle).max(), np.abs(columns // scale - middle).max())
        return next((reach for reach in _REACHES if far + 1 <= reach), _REACH)


def _photo(side: tuple[int, int], channels: int) -> np.ndarray:
    """(1, C, h, w) 0..1: smooth, with a little of everything in it."""
    random = np.random.default_rng(7)
    coarse = random.uniform(0.1, 0.9, (channels, 6, 6)).astype(np.float32)
    size = (side[1], side[0])
    planes = [np.asarray(Image.fromarray(c).resize(size, Image.Resampling.BICUBIC)) for c in coarse]
    return np.stack(planes)[None].clip(0, 1)


def _plain(picture: np.ndarray, scale: int) -> np.ndarray:
    size = (picture.shape[3] * scale, picture.shape[2] * scale)
    planes = [
        np.asarray(Image.fromarray(np.ascontiguousarray(c)).resize(size, Image.Resampling.BICUBIC))
        for c in picture[0]
    ]
    return np.stack(planes)[None]
