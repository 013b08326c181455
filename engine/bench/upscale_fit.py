"""Fitting to a folder: what half a minute of it gains on pictures of the same hand left out."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from engine.bench.figure import Figure, at_least, missing
from engine.messages import UpscaleTrainRequest
from engine.progress import Progress
from engine.upscale.shelf import heads
from engine.upscale.train.train import train
from models.files import read_card

SECONDS = 30.0
PAGES, SIDE, FINER = 16, 330, 4


def measures() -> Iterator[Figure]:
    """On ink drawings, of which the bundled model has seen none."""
    name = f"fit: {SECONDS:g} s on ink drawings"
    known = heads("fredsr")
    if 3 not in known:
        yield missing(name, "dB more", ">= 0.3", "the bundled upscaler is not here")
        return
    with tempfile.TemporaryDirectory() as folder:
        pages = Path(folder) / "pages"
        pages.mkdir()
        random = np.random.default_rng(0)
        for number in range(PAGES):
            ink_drawing(random).save(pages / f"{number:02d}.png")
        request = UpscaleTrainRequest(
            str(pages), f"{folder}/fitted", seconds=SECONDS, base=str(known[3]), device="cpu"
        )
        facts = read_card(train(request, Progress())).training
    psnr, before = dict(facts["psnr"]), float(facts["before"])
    note = (
        f"{facts['steps']} steps; {facts['apart']} of {PAGES} pages left out: fitted "
        f"{psnr['model']:.2f}, Lanczos {psnr['lanczos']:.2f} dB"
    )
    yield at_least(name, psnr["model"] - before, "dB more", 0.3, peer="the bundled model",
                   peer_value=before, note=note)  # fmt: skip


def ink_drawing(random: np.random.Generator) -> Image.Image:
    """Hatched shapes and loose strokes of one pen on toned paper, `SIDE` pixels a side."""
    side = SIDE * FINER
    paper = tuple(int(v) for v in (238, 231, 214) + random.integers(-6, 7, 3))
    image = Image.new("RGB", (side, side), paper)
    pen, ink = ImageDraw.Draw(image), (38, 34, 46)
    for _ in range(9):
        middle, size = random.uniform(0, side, 2), random.uniform(0.06, 0.2) * side
        turns = np.linspace(0, 2 * np.pi, 40)
        waves = 1 + 0.25 * np.sin(turns * int(random.integers(2, 6)) + random.uniform(0, 6))
        ring = middle + size * waves[:, None] * np.stack([np.cos(turns), np.sin(turns)], 1)
        pen.line([tuple(p) for p in ring], ink, FINER * 2, joint="curve")
        angle, gap = random.uniform(0, np.pi), FINER * int(random.integers(4, 8))
        along = np.array([np.cos(angle), np.sin(angle)])
        across = np.array([-along[1], along[0]])
        for at in np.arange(-0.7 * size, 0.7 * size, gap):
            reach = np.sqrt(max((0.75 * size) ** 2 - at**2, 0)) * random.uniform(0.8, 1)
            ends = middle + at * across + np.outer((-reach, reach), along)
            pen.line([tuple(p) for p in ends], ink, max(1, FINER * 5 // 4))
    return image.resize((SIDE, SIDE), Image.Resampling.BOX)
