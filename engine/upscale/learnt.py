"""What can be fitted, and what a training made of it. Light: the window asks it too."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engine.upscale.shelf import BUNDLED, bundled_folder, find
from models.errors import LodestoneError
from models.files import read_card


@dataclass(frozen=True)
class Learnt:
    """How good a trained upscaler is on pictures it did not learn from; mean PSNR-Y in dB."""

    apart: int
    """Pictures that were kept apart."""
    lanczos: float
    model: float
    before: float | None = None
    """Of a fit: what it began from."""
    kept: bool = True
    """False: it was not better, and stayed as it was."""


def scales(model: str) -> tuple[int, ...]:
    """What a FREDSR model can be fitted for; nothing for any other model."""
    if model in BUNDLED:
        found = bundled_folder().glob(f"{model}-x[0-9].safetensors")
        return tuple(sorted(int(path.stem[-1]) for path in found))
    try:
        card = read_card(find(model, 1))
    except (LodestoneError, OSError):
        return ()
    scale = card.hyper.get("scale")
    return (scale,) if card.architecture == "fredsr" and isinstance(scale, int) else ()


def learnt(path: str | Path) -> Learnt | None:
    """What the card of a trained upscaler says of it; None when it does not."""
    facts = read_card(path).training
    psnr, before = facts.get("psnr"), facts.get("before")
    try:
        return Learnt(
            int(str(facts["apart"])),
            float(psnr["lanczos"]),  # type: ignore[index]
            float(psnr["model"]),  # type: ignore[index]
            None if before is None else float(str(before)),
            facts.get("kept") is not False,
        )
    except (KeyError, TypeError, ValueError):
        return None
