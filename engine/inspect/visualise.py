"""Pictures made so that a unit responds: features, or a generator's latent. Imports torch.

Features (Olah, Mordvintsev, Schubert, *Feature Visualization*, Distill 2017): gradient ascent on a
picture given by its Fourier coefficients, scaled so that all frequencies move alike, and by colours
whose axes are independent in photographs, while it is shifted at random from step to step.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from engine.inspect.modules import OpenModule, open_source
from engine.inspect.sources import find
from engine.inspect.subject import Generator, Subject, by_unit
from engine.messages import (
    LatentPart,
    LodestoneError,
    ModelInfo,
    Picture,
    SteerRequest,
    Unit,
    Vector,
    VisualiseRequest,
)
from engine.pictures import write_png
from engine.progress import Progress
from engine.torch_backend import bgrx_bytes
from engine.trace import Trace

COLOURS = ((0.262, -0.118, 0.016), (0.258, 0.010, -0.037), (0.264, 0.108, 0.020))
"""Rows red, green, blue: principal axes of photographs' colours times their deviations, measured
on 15 photographs (CC0) of this project."""
STEP = 0.05
STARTS = (0.01, 0.02, 0.1, 0.1, 0.3, 0.3, 1.0, 1.0)
"""Deviations of random beginnings. The one that the unit responds to most is taken: a unit that is
silent has no slope to climb."""
SHIFT = 16
"""Largest shift, as a part of the side: a sixteenth."""
SHOW_EVERY = 16
LATENTS = 256
"""Random latents that tell how far latents usually lie from their mean."""
LATENT_STEPS = 96
"""Gradient steps in w: more change nothing once the latent lies on the sphere."""


def visualise(request: VisualiseRequest, progress: Progress) -> str:
    """Make the pictures; returns the file, or the folder of several."""
    if not request.units:
        raise LodestoneError("No unit was chosen. Choose one or more.")
    progress(0.0, "Opening the network")
    source = find(request.network)
    opened = None if source.kind == "generator" else open_source(source)
    generator = Generator(source.info) if source.info else None
    out = Path(request.out).expanduser()
    single = len(request.units) == 1 and out.suffix.lower() == ".png"
    for index, unit in enumerate(request.units):
        count = len(request.units)
        part = progress.part(index / count, 1.0 / count)
        path = out if single else out / f"{_file_name(unit)}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        if opened is not None:
            write_png(path, feature(opened, unit, request, part))
        elif generator is not None:
            pixels, recipe = latent(generator, unit, request, part)
            write_png(path, pixels, recipe, generator.info)
    progress(1.0, "Done")
    return str(out)


def _file_name(unit: Unit) -> str:
    layer = "".join(c if c.isalnum() or c in "._-" else "-" for c in unit.layer)
    return f"{layer.strip('-.')}-{unit.index}"


# ---------------------------------------------------------------- features


def feature(
    opened: OpenModule, unit: Unit, request: VisualiseRequest, progress: Progress
) -> np.ndarray:
    """(rows, columns, 4) uint8 B G R X."""
    subject = Subject(opened.module, opened.info, ())
    subject.check(unit)
    channels, rows, columns = opened.info.input
    if request.size:
        rows = columns = request.size
    random = torch.Generator().manual_seed(request.seed)
    frequencies = _frequencies(rows, columns).to(opened.device)
    shape = (channels, *frequencies.shape, 2)
    starts = [torch.randn(shape, generator=random) * size for size in STARTS]
    pictures = torch.cat(
        [_picture(one.to(opened.device), frequencies, rows, columns) for one in starts]
    )
    best = responses(opened, _normal(opened, pictures), unit).argmax()
    waves = starts[int(best)].to(opened.device).requires_grad_()
    ascent = torch.optim.Adam([waves], STEP)
    for step in range(request.steps):
        picture = _picture(waves, frequencies, rows, columns)
        moved = _shifted(picture, random)
        value = responses(opened, _normal(opened, moved), unit).mean()
        ascent.zero_grad()
        (-value).backward()
        ascent.step()
        shown = None
        if step % SHOW_EVERY == 0:
            shown = Picture.of(bgrx_bytes(picture.detach() * 2.0 - 1.0)[0].cpu().numpy())
        progress(step / request.steps, f"Unit {unit.index} of {unit.layer}", shown)
    final = _picture(waves.detach(), frequencies, rows, columns)
    return bgrx_bytes(final * 2.0 - 1.0)[0].cpu().numpy()


def responses(opened: OpenModule, x: Tensor, unit: Unit) -> Tensor:
    """(N,): the unit's mean over positions, for pictures (N, C, rows, columns)."""
    kind = Subject(opened.module, opened.info, ()).kinds[unit.layer]
    try:
        with torch.enable_grad(), Trace(opened.module, (unit.layer,), stop=True) as trace:
            opened.module(x)
    except RuntimeError as error:
        raise LodestoneError(
            f"This network does not take pictures of {x.shape[3]} x {x.shape[2]}. "
            "Leave the size as it is.",
            str(error),
        ) from error
    return by_unit(trace[unit.layer], kind)[:, unit.index].mean(dim=1)


def _frequencies(rows: int, columns: int) -> Tensor:
    """(rows, columns // 2 + 1): cycles a pixel of each Fourier coefficient."""
    y, x = torch.fft.fftfreq(rows)[:, None], torch.fft.rfftfreq(columns)[None]
    return (y.square() + x.square()).sqrt()


def _picture(waves: Tensor, frequencies: Tensor, rows: int, columns: int) -> Tensor:
    """(C, F, G, 2) -> (1, C, rows, columns) in 0..1."""
    gain = 1.0 / frequencies.clamp_min(1.0 / max(rows, columns))
    spectrum = torch.view_as_complex(waves.contiguous()) * gain
    x = torch.fft.irfft2(spectrum, s=(rows, columns), norm="ortho") / 4.0
    if len(x) == 3:
        axes = torch.tensor(COLOURS, device=x.device)
        x = torch.einsum("rc,chw->rhw", axes / axes.norm(dim=1).amax(), x)
    return torch.sigmoid(x)[None]


def _shifted(picture: Tensor, random: torch.Generator) -> Tensor:
    """Moved by up to a sixteenth of its side; what comes in at the border is its mirror image."""
    rows, columns = picture.shape[2:]
    y, x = max(1, rows // SHIFT), max(1, columns // SHIFT)
    wide = F.pad(picture, (x, x, y, y), mode="reflect")
    top = int(torch.randint(2 * y + 1, (), generator=random))
    left = int(torch.randint(2 * x + 1, (), generator=random))
    return wide[:, :, top : top + rows, left : left + columns]


def _normal(opened: OpenModule, picture: Tensor) -> Tensor:
    """0..1, R G B or grey -> what the network takes."""
    how = opened.preprocessing
    if how.order == "BGR" and picture.shape[1] == 3:
        picture = picture.flip(1)
    mean, scale = (
        torch.tensor(values, device=picture.device)[:, None, None]
        for values in (how.mean, how.scale)
    )
    return (picture * 255.0 - mean) / scale


# ---------------------------------------------------------------- latents


def latent(
    generator: Generator, unit: Unit, request: VisualiseRequest, progress: Progress
) -> tuple[np.ndarray, SteerRequest]:
    """The picture (R, R, 4) uint8 B G R X, and its recipe: a latent in w.

    Begins at the best of some random latents and stays as far from their mean as they lie.
    """
    subject = Subject(generator.synthesis, generator.network, ())
    subject.check(unit)
    seen = generator.latents(request.seed, 0, LATENTS)
    centre = generator.tensor(seen.w.mean(axis=0))
    spread = generator.tensor(np.maximum(seen.w.std(axis=0), 1e-6))
    start = _best(generator, unit, seen.w[:32], progress)
    w = generator.tensor(seen.w[start]).requires_grad_()
    radius = float((((generator.tensor(seen.w) - centre) / spread).norm(dim=1)).median())
    ascent = torch.optim.Adam([w], STEP)
    steps = min(request.steps, LATENT_STEPS)
    for step in range(steps):
        value = _responses(generator, w[None], unit).mean()
        ascent.zero_grad()
        (-value).backward()
        with torch.no_grad():
            if generator.info.class_width and w.grad is not None:
                w.grad[generator.free :] = 0.0  # the class stays
            ascent.step()
            offset = (w - centre) / spread
            w.copy_(centre + spread * offset * min(1.0, radius / float(offset.norm() + 1e-9)))
        progress(step / max(steps, 1), f"Unit {unit.index} of {unit.layer}")
    recipe = _recipe(generator.info, w.detach().cpu().numpy(), seen.turn[start])
    with torch.inference_mode():
        drawn = generator.synthesis(*generator.arguments([recipe]))
    return bgrx_bytes(drawn.float())[0].cpu().numpy(), recipe


def _recipe(info: ModelInfo, w: np.ndarray, turn: int) -> SteerRequest:
    classes = tuple(float(index == turn) for index in range(info.c_dim))
    part = LatentPart(vector=Vector.of(w.astype(np.float32)), space="w")
    return replace(SteerRequest(info.id, (part,)), classes=classes)


def _best(generator: Generator, unit: Unit, w: np.ndarray, progress: Progress) -> int:
    found = []
    with torch.inference_mode():
        for start in range(0, len(w), 8):
            progress.check()
            found.append(_responses(generator, generator.tensor(w[start : start + 8]), unit))
    return int(torch.cat(found).argmax())


def _responses(generator: Generator, w: Tensor, unit: Unit) -> Tensor:
    """(N,): the unit's mean over positions."""
    with Trace(generator.synthesis, (unit.layer,), stop=True) as trace:
        generator.synthesis(generator.rows(w))
    return trace[unit.layer][:, unit.index].float().mean(dim=(1, 2))
