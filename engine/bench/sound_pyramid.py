"""The trained pyramid: how alike at a second's scale, how new, and what its training costs.

The published schedule (Catch-A-Waveform, NeurIPS 2021): fourteen rates from 500 to 16,000 Hz, 2000
epochs each of one critic and one generator step over the whole sound; nets of eight dilated
convolutions, 96 channels, kernel 9, gradient penalty. One step is measured on half a second here
and scaled by samples; nothing of it is trained.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.bench.figure import Figure, at_least, at_most, missing
from engine.bench.sound_grains import samples, shuffled
from engine.messages import SoundRecipe, SoundReply
from engine.sound import scores
from engine.sound.answers import draw
from engine.sound.pyramid.opened import open_pyramid
from engine.sound.source import read_sound

if TYPE_CHECKING:
    import torch

seeds = 5
published_rates = (
    500, 640, 800, 1000, 1280, 1600, 2000, 2500, 4000, 8000, 10000, 12000, 14400, 16000,
)  # fmt: skip
published_epochs = 2000
_chunk = 8000


def measures(clips: Sequence[tuple[str | Path, str | Path]] = ()) -> Iterator[Figure]:
    """On (clip, its trained model) pairs, or on the bundled one."""
    pairs = [(Path(a), Path(b)) for a, b in clips] or _bundled()
    if not pairs:
        yield missing("pyramid", "", None, "the bundled model is not here")
        return
    rows = [_taken(clip, model) for clip, model in pairs]
    note = f"{len(pairs)} trained sounds, {seeds} takes each"
    ours, grains, shuffles, copies = (float(np.median([row[k] for row in rows])) for k in range(4))
    yield Figure(
        "pyramid: log-mel sliced Wasserstein distance, 64 frames", ours, "",
        "below granular shuffling", ours < shuffles, "granular shuffling", shuffles, note=note,
    )  # fmt: skip
    yield Figure(
        "pyramid: the same beside grains", ours, "", "below the grains", ours < grains, "grains",
        grains, note=note,
    )  # fmt: skip
    yield at_most("pyramid: copy score", copies, "", scores.copy_above, note=note)
    parity = max(open_pyramid(model).card.parity or 0.0 for _, model in pairs)
    yield at_most("pyramid: ONNX beside torch", parity, "", 1e-3, note="at lengths not trained")
    yield _cost(pairs[0][1])


def _bundled() -> list[tuple[Path, Path]]:
    found = sorted(samples.glob("*.ogg"))
    return [(p, m) for p in found if (m := p.with_suffix(".safetensors")).is_file()]


def _taken(clip: Path, model: Path) -> tuple[float, float, float, float]:
    """Medians: far of the pyramid, of the grains, of shuffling; copy of the pyramid."""
    pyramid = open_pyramid(model)
    start = float(pyramid.card.training.get("start", 0.0))
    end = start + pyramid.material.frames(0) / 500
    sound = read_sound(clip, start, end)
    recipes = [SoundRecipe(str(clip), start=start, end=end, seed=seed) for seed in range(seeds)]
    trained = [
        _last(SoundRecipe(r.source, "sample", "pyramid", str(model), r.seed)) for r in recipes
    ]
    instant = [_last(recipe) for recipe in recipes]
    far = scores.scored(shuffled(sound), sound.samples, sound.rate)[1]
    return (
        float(np.median([r.far or 0.0 for r in trained])),
        float(np.median([r.far or 0.0 for r in instant])),
        far or 0.0,
        float(np.median([r.copy or 0.0 for r in trained])),
    )


def _last(recipe: SoundRecipe) -> SoundReply:
    work = draw(recipe)
    while True:
        try:
            next(work)
        except StopIteration as done:
            return done.value


# ---------------------------------------------------------------- cost


def _cost(model: Path) -> Figure:
    """CPU seconds of the published schedule for this clip over those of ours."""
    import torch

    from engine.sound.pyramid.export import config_of
    from engine.sound.pyramid.schedule import measured_costs

    card = open_pyramid(model).card
    config, before = config_of(card.hyper), torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        costs = measured_costs(config, torch.device("cpu"))
        steps = card.training["planned"]
        ours = sum(count * cost for count, cost in zip(steps, costs, strict=True))
        theirs = _published(config.lengths[0] / config.rate)
    finally:
        torch.set_num_threads(before)
    return at_least(
        "pyramid: less computing than the published schedule", theirs / ours, "x", 50,
        peer="published schedule, CPU s", peer_value=theirs,
        note=f"ours {ours:.0f} CPU s of one core for {config.lengths[0] / config.rate:.0f} s",
    )  # fmt: skip


def _published(seconds: float) -> float:
    """CPU seconds of one core, from one step measured now."""
    total = sum(rate * seconds for rate in published_rates) * published_epochs
    return _published_step() / _chunk * total


def _published_step() -> float:
    """One critic step with its gradient penalty and one generator step over half a second."""
    import torch

    critic, generator = _net(), _net()
    real = torch.randn(1, 1, _chunk, generator=torch.Generator().manual_seed(0))
    times = []
    for _ in range(2):
        began = time.process_time()
        made = generator(real)
        mixed = (0.5 * real + 0.5 * made.detach()).requires_grad_()
        slope = torch.autograd.grad(critic(mixed).sum(), mixed, create_graph=True)[0]
        loss = critic(made.detach()).mean() - critic(real).mean() + slope.square().mean()
        loss.backward()
        (((made - real) ** 2).mean() - critic(made).mean()).backward()
        times.append(time.process_time() - began)
    return min(times)


def _net() -> torch.nn.Sequential:
    import torch

    layers: list[torch.nn.Module] = []
    for k in range(8):
        width = 1 if k == 0 else 96
        layers += [
            torch.nn.Conv1d(width, 96, 9, dilation=1 << k, padding=4 << k),
            torch.nn.BatchNorm1d(96), torch.nn.LeakyReLU(0.2),
        ]  # fmt: skip
    return torch.nn.Sequential(*layers, torch.nn.Conv1d(96, 1, 1))
