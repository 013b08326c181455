"""EfficientNet-Lite's sizes, from which its weights are recognised. No torch."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    """A run of equal inverted-residual blocks."""

    expand: int
    channels: int
    blocks: int
    stride: int
    kernel: int


STAGES = (
    Stage(1, 16, 1, 1, 3),
    Stage(6, 24, 2, 2, 3),
    Stage(6, 40, 2, 2, 5),
    Stage(6, 80, 3, 2, 3),
    Stage(6, 112, 3, 1, 5),
    Stage(6, 192, 4, 2, 5),
    Stage(6, 320, 1, 1, 3),
)
FEATURES = 1280
SCALES = ((1.0, 1.0), (1.0, 1.1), (1.1, 1.2), (1.2, 1.4), (1.4, 1.8))
"""Width and depth of Lite0, Lite1 … against Lite0's."""
SIDES = (224, 240, 260, 280, 300)
"""Pixels of a picture's side, Lite0, Lite1 …"""


def stages(version: int) -> tuple[Stage, ...]:
    """Those of a version: channels to multiples of 8, the first and last stage never deeper."""
    width, depth = SCALES[version]
    found = []
    for index, stage in enumerate(STAGES):
        channels = _eighths(stage.channels * width)
        deeper = 0 < index < len(STAGES) - 1
        blocks = math.ceil(stage.blocks * depth) if deeper else stage.blocks
        found.append(dataclasses.replace(stage, channels=channels, blocks=blocks))
    return tuple(found)


def _eighths(channels: float) -> int:
    """The nearest multiple of 8, but never less than nine tenths (arXiv 1905.11946's code)."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * channels else nearest
