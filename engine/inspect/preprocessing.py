"""From a picture to what a network takes. Part of a network's card, and tested. No torch."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from PIL import Image

from models.errors import LodestoneError

Resampling = Literal["bilinear", "bicubic"]


@dataclass(frozen=True)
class Preprocessing:
    """Shorter side to `shorter`, centre crop of `size`, then (x - mean) / scale, x in 0..255."""

    size: tuple[int, int] = (224, 224)
    """Rows and columns."""
    shorter: int = 256
    """Pixels of the shorter side before the crop; 0 = stretched to `size`, nothing cropped."""
    mean: tuple[float, ...] = (123.675, 116.28, 103.53)
    scale: tuple[float, ...] = (58.395, 57.12, 57.375)
    """One number a channel; torchvision's for ImageNet."""
    resampling: Resampling = "bilinear"
    order: Literal["RGB", "BGR"] = "RGB"

    @property
    def channels(self) -> int:
        return len(self.mean)

    def words(self) -> str:
        """As a card says it."""
        mean, scale = (_numbers(values) for values in (self.mean, self.scale))
        colours = self.order if self.channels == 3 else "grey"
        rows, columns = self.size
        side = str(rows) if rows == columns else f"{rows} x {columns}"
        if self.shorter:
            shape = f"shorter side {self.shorter} ({self.resampling}), centre crop of {side}"
        else:
            shape = f"stretched to {side} ({self.resampling})"
        value = f"(x - {mean})" if any(self.mean) else "x"
        return f"{value} / {scale}, {colours}, {shape}"

    def as_dict(self) -> dict[str, Any]:
        """As `of` reads it."""
        return dataclasses.asdict(self)

    def shown(self, picture: np.ndarray) -> np.ndarray:
        """(H, W, 3) uint8 -> (rows, columns, 3) uint8: the part that the network sees."""
        rows, columns = self.size
        image = Image.fromarray(np.ascontiguousarray(picture[..., :3]))
        method = Image.Resampling[self.resampling.upper()]
        if not self.shorter:
            return np.asarray(image.resize((columns, rows), method))
        ratio = self.shorter / min(image.size)
        width, height = (max(round(side * ratio), self.shorter) for side in image.size)
        image = image.resize((width, height), method)
        left, top = round((width - columns) / 2), round((height - rows) / 2)
        return np.asarray(image.crop((left, top, left + columns, top + rows)))

    def numbers(self, shown: np.ndarray) -> np.ndarray:
        """(N, rows, columns, 3) uint8 -> (N, C, rows, columns) float32."""
        if self.channels == 1:
            weights = np.asarray([0.299, 0.587, 0.114], np.float32)  # ITU-R 601, as Pillow's "L"
            x = (shown.astype(np.float32) @ weights)[:, None]
        else:
            order = slice(None) if self.order == "RGB" else slice(None, None, -1)
            x = shown[..., order].transpose(0, 3, 1, 2).astype(np.float32)
        mean, scale = (np.asarray(v, np.float32)[:, None, None] for v in (self.mean, self.scale))
        return np.ascontiguousarray((x - mean) / scale)

    def __call__(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        """(H, W, 3) uint8 each -> (N, C, rows, columns) float32."""
        if not pictures:
            return np.zeros((0, self.channels, *self.size), np.float32)
        return self.numbers(np.stack([self.shown(one) for one in pictures]))

    @staticmethod
    def of(values: Mapping[str, Any]) -> Preprocessing:
        """From a card's JSON: any of this class's fields; the others keep their defaults."""
        known = {field.name for field in dataclasses.fields(Preprocessing)}
        try:
            unknown = sorted(set(values) - known)
            if unknown:
                raise ValueError(f"{unknown[0]} is no part of it")
            kept: dict[str, Any] = {
                k: tuple(v) if isinstance(v, list) else v for k, v in values.items()
            }
            made = Preprocessing(**kept)
            made.check()
        except (TypeError, ValueError) as error:
            raise LodestoneError(
                f"The preprocessing on this network's card cannot be used: {error}. "
                "It is size, shorter, mean, scale, resampling and order."
            ) from error
        return made

    def check(self) -> None:
        """ValueError where the numbers make no picture."""
        if len(self.size) != 2 or not all(type(n) is int and 1 <= n <= 4096 for n in self.size):
            raise ValueError("size is two numbers of pixels")
        if len(self.mean) not in (1, 3) or len(self.mean) != len(self.scale):
            raise ValueError("mean and scale are 1 or 3 numbers each")
        if not np.isfinite([*self.mean, *self.scale]).all() or not all(self.scale):
            raise ValueError("mean and scale must be numbers, and scale not 0")
        if self.resampling not in ("bilinear", "bicubic") or self.order not in ("RGB", "BGR"):
            raise ValueError("resampling is bilinear or bicubic, order RGB or BGR")
        if self.shorter and self.shorter < max(self.size):
            raise ValueError("the crop is larger than the picture it is cut from")


def _numbers(values: Sequence[float]) -> str:
    if len(set(values)) == 1:
        return f"{values[0]:g}"
    return "(" + ", ".join(f"{value:g}" for value in values) + ")"


def lite(side: int) -> Preprocessing:
    """EfficientNet-Lite's: its evaluation crops 32 pixels less than the shorter side."""
    return Preprocessing((side, side), side + 32, (127.0,) * 3, (128.0,) * 3, "bicubic")


def assumed(channels: int, size: tuple[int, int], classes: int) -> Preprocessing:
    """Where nothing says how: ImageNet's for what looks like its networks, else x / 255."""
    if channels == 3 and classes in (1000, 1001) and min(size) >= 160:
        return Preprocessing(size, round(max(size) * 256 / 224))
    return Preprocessing(size, max(size), (0.0,) * channels, (255.0,) * channels)
