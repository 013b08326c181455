"""What Lodestone measures of itself, each figure beside its target and its peer or limit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

AREAS = ("steer", "discover", "picture", "sound", "upscale", "inspect")


def measures(area: str, pictures: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
    """Measure one of `AREAS`; yields `figure.Figure`s as dictionaries, as they are ready.

    pictures: folders of large ones, for `upscale`; for `inspect` a folder of probes, and the zip
        of drawn portraits
    """
    from models.errors import LodestoneError

    if area == "steer":
        from engine.bench import steer

        return steer.measures()
    if area == "discover":
        from engine.bench import discover

        return discover.measures()
    if area == "picture":
        from engine.bench import (
            picture_accelerated,
            picture_blend,
            picture_compose,
            picture_cost,
            picture_patches,
            picture_pyramid,
        )
        from engine.bench.figure import told

        return told(
            (
                ("patches", picture_patches.measures),
                ("pyramid", picture_pyramid.measures),
                ("compose", picture_compose.measures),
                ("identity map", picture_blend.measures),
                ("reference schedule", picture_cost.measures),
                ("accelerated", picture_accelerated.measures),
            )
        )
    if area == "sound":
        from engine.bench import sound_grains, sound_pyramid
        from engine.bench.figure import told

        return told((("grains", sound_grains.measures), ("pyramid", sound_pyramid.measures)))
    if area == "upscale":
        return _upscale(pictures)
    if area == "inspect":
        from engine.bench import inspect

        return inspect.measures(pictures)
    raise LodestoneError(f"There are no measures of {area!r:.40}. Measure {' or '.join(AREAS)}.")


def _upscale(pictures: Sequence[str]) -> Iterator[dict[str, Any]]:
    from engine.bench import upscale_exact, upscale_fit, upscale_quality, upscale_speed
    from engine.bench.figure import told

    return told(
        (
            ("exactness", upscale_exact.measures),
            ("speed", upscale_speed.measures),
            ("quality", lambda: upscale_quality.measures(pictures)),
            ("fit", upscale_fit.measures),
        )
    )
