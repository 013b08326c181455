"""The training job of one to four sounds: coarse to fine, within a budget in seconds.

The card is written again after every level and can be played from at once (levels that are still
missing are noise shaped by the course); what resumes lies beside it until the training is finished
(`engine.sound.pyramid.store`). CUDA runs the same eager steps in TF32.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import psutil
import torch

from engine.messages import SoundTrainRequest
from engine.progress import Progress
from engine.sound.pyramid import store
from engine.sound.pyramid.bands import top_rate
from engine.sound.pyramid.chain import Chain
from engine.sound.pyramid.export import export
from engine.sound.pyramid.level import LevelTrainer, Recipe
from engine.sound.pyramid.material import (
    cut_length,
    material,
    middle_side,
    quantised,
)
from engine.sound.pyramid.schedule import (
    memory_bytes,
    step_costs,
    steps_for,
    trainer_of,
    width_for,
)
from engine.sound.pyramid.store import Finished, Plan
from engine.sound.pyramid.warm import Teacher
from engine.sound.source import check_audible, read_sound, resampled, spans_to_samples
from models.errors import LodestoneError
from models.files import Card, save_model
from models.wave import Config, WaveLevel

LISTENED = 25.0
"""Seconds of a source that are learnt from."""
SHORTEST = 0.1
COURSES = {"speech": (512, 128), "music": (1024, 128)}
"""(window, hop) of the course at 16 kHz: speech changes faster, music has closer pitches."""


def train(request: SoundTrainRequest, progress: Progress) -> str:
    """Run the job; returns the path of the card. Every finished level survives a cancel."""
    out = store.card_path(request.out)
    device = _device(request.device)
    with _few_threads(device):
        return _trained(request, progress, out, device)


def _trained(
    request: SoundTrainRequest, progress: Progress, out: Path, device: torch.device
) -> str:
    rate, sources, known, peaks = _read(request)
    folder = store.folder_of(out)
    store.check_folder(folder)
    config = _config(request, rate, sources, peaks, device)
    plan = _plan(request, folder, config, store.digest_of(sources, known), device, progress)
    config = replace(config, rate=plan.rate, window=plan.window, hop=plan.hop, width=plan.width)
    made = material(sources, known, config.rates, config.window, config.hop, config.bands)
    config = replace(config, deviation=made.deviation)
    chain = Chain(config, made, plan.seed, Recipe(), device)
    _Training(request, plan, out, chain, sources, known).run(progress.part(0.02, 0.98))
    store.forget(folder)
    return str(out)


@contextlib.contextmanager
def _few_threads(device: torch.device) -> Iterator[None]:
    """Half the cores, four at most: these networks are small, and threads that wait for one another
    cost more than they bring as soon as something else runs."""
    before = torch.get_num_threads()
    if device.type == "cpu":
        torch.set_num_threads(max(1, min(4, (psutil.cpu_count(logical=False) or 2) // 2)))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _device(wanted: str) -> torch.device:
    from engine.train.train import choose_device

    name = choose_device(wanted)
    if name.startswith("cuda"):
        torch.backends.cuda.matmul.allow_tf32 = True
        torch.backends.cudnn.allow_tf32 = True
    return torch.device(name)


def _read(
    request: SoundTrainRequest,
) -> tuple[int, list[np.ndarray], list[np.ndarray], list[float]]:
    """Rate; per source int16 (channels, N), (N,) bool and peak. Files are not read again."""
    if not 1 <= len(request.sources) <= 4:
        raise LodestoneError("A pyramid is trained on one to four sounds. Choose that many.")
    if not request.seconds > 0:
        raise LodestoneError("Give a budget above 0 seconds.")
    read = []
    for index, path in enumerate(request.sources):
        region = (request.start, request.end) if index == 0 else (0.0, 0.0)
        end = min(region[1] or region[0] + LISTENED, region[0] + LISTENED)
        sound = read_sound(path, region[0], end)
        check_audible(sound, Path(path).name)
        read.append(sound)
    rate = min(top_rate(request.rate, sound.rate) for sound in read)
    stereo = any(len(sound.samples) == 2 for sound in read)
    sources, known, peaks = [], [], []
    for index, (path, sound) in enumerate(zip(request.sources, read, strict=True)):
        if sound.seconds < SHORTEST:
            raise LodestoneError(
                f"{Path(path).name} lasts {sound.seconds:.2f} s. Choose {SHORTEST:g} s or more."
            )
        samples, seen = sound.samples, np.ones(sound.samples.shape[1], bool)
        if index == 0 and request.holes:
            seen = _seen(request, sound.start, samples.shape[1], sound.rate, Path(path).name)
        if not seen.any():
            raise LodestoneError("The holes hide the whole sound. Leave some to learn from.")
        samples = samples - samples[:, seen].mean(axis=1, keepdims=True)
        samples = np.where(seen, samples, np.float32(0))
        made = middle_side(resampled(samples, sound.rate, rate))
        if stereo and len(made) == 1:
            made = np.concatenate([made, np.zeros_like(made)])
        count = cut_length(made.shape[1], rate)
        made = np.pad(made, ((0, 0), (0, max(0, count - made.shape[1]))))[:, :count]
        whole, peak = quantised(made)
        sources.append(whole)
        known.append(_at_rate(seen, count))
        peaks.append(peak)
    return rate, sources, known, peaks


def _seen(request: SoundTrainRequest, first: int, count: int, rate: int, name: str) -> np.ndarray:
    """(count,) bool of the region: nothing in a hole, nor as far as resampling reaches."""
    seen = np.ones(count, bool)
    last = 10**12  # holes lie in the whole file; those outside the region do not matter
    for a, b in spans_to_samples(request.holes, rate, last, "hole", name):
        reach = rate // 200
        seen[max(0, a - first - reach) : max(0, b - first + reach)] = False
    return seen


def _at_rate(seen: np.ndarray, count: int) -> np.ndarray:
    """(N,) bool -> (count,): what lies wholly in what is seen."""
    hidden = np.concatenate([[0], np.cumsum(~seen)])
    edges = np.linspace(0, len(seen), count + 1)
    low, high = np.floor(edges[:-1]).astype(int), np.ceil(edges[1:]).astype(int)
    return hidden[high.clip(0, len(seen))] == hidden[low]


def _config(
    request: SoundTrainRequest, rate: int, sources: Sequence[np.ndarray],
    peaks: Sequence[float], device: torch.device,
) -> Config:  # fmt: skip
    kind = "speech" if request.kind == "auto" else request.kind
    window, hop = (value * rate // 16000 for value in COURSES[kind])
    return Config(
        rate=rate, lengths=tuple(x.shape[1] for x in sources), channels=len(sources[0]),
        window=window, hop=hop, width=width_for(request.seconds, device.type), peaks=tuple(peaks),
    )  # fmt: skip


def _plan(
    request: SoundTrainRequest, folder: Path, config: Config, digest: str,
    device: torch.device, progress: Progress,
) -> Plan:  # fmt: skip
    names = " and ".join(Path(path).name for path in request.sources)
    plan = store.read_plan(folder)
    if plan is not None:
        if plan.digest != digest:
            raise LodestoneError(
                f"{names} is not the sound that the unfinished training of this name began with, "
                "or its region, rate or holes are others. Put the first sound back, or choose "
                "another name for the model."
            )
        progress(0.01, "Going on with the unfinished training of this name")
        return plan
    progress(0.0, _forecast(memory_bytes(config, Recipe()), device))
    steps = steps_for(request.seconds, config, step_costs(config, device))
    plan = Plan(
        digest, config.rate, config.window, config.hop, config.width, steps, request.seed,
        request.seconds, device.type,
    )  # fmt: skip
    store.write_plan(folder, plan)
    return plan


def _forecast(need: int, device: torch.device) -> str:
    """A sentence; raises when it cannot fit."""
    if device.type == "cuda":
        free, where = torch.cuda.mem_get_info()[0], "graphics memory"
    else:
        free, where = psutil.virtual_memory().available, "memory"
    sentence = (
        f"Training takes about {need / 2**30:.1f} GB of {where}; {free / 2**30:.1f} GB are free."
    )
    if need > 0.9 * free:
        raise LodestoneError(f"{sentence} Choose a shorter region, or close other programs.")
    return sentence


class _Training:
    """The levels one after the other, with reports and files."""

    def __init__(
        self, request: SoundTrainRequest, plan: Plan, out: Path, chain: Chain,
        sources: Sequence[np.ndarray], known: Sequence[np.ndarray],
    ):  # fmt: skip
        self.request, self.plan, self.out, self.chain = request, plan, out, chain
        self.sources, self.known = sources, known
        self.config, self.folder = chain.config, store.folder_of(out)
        self.done: list[Finished] = []
        self.teacher = Teacher()

    def run(self, progress: Progress) -> None:
        shares = self._shares()
        for index in range(self.config.levels):
            start = sum(shares[:index])
            finished = store.read_level(self.folder, index)
            resumed = finished is not None
            if finished is None:
                finished = self._train_level(index, progress.part(start, shares[index]))
                store.write_level(self.folder, index, finished)
            self.done.append(finished)
            last = index == self.config.levels - 1
            if (rate := self.config.rate_of(index)) and not last:
                self._advance(finished, rate)
            if not resumed or last:
                self._save(progress, start + shares[index])
            what = " was finished before" if resumed else " is finished"
            progress(
                start + shares[index], self._title(index) + what, None, _named(finished.distance)
            )

    def _advance(self, finished: Finished, rate: int) -> None:
        from engine.sound.pyramid.bands import above
        from models.wave import load_level

        level = WaveLevel(self.config, rate, above(rate))
        load_level(level, finished.state)
        self.chain.advance(level.to(self.chain.device), rate)

    def _shares(self) -> list[float]:
        """Of the whole work, per level."""
        weights = [1.0, 0.4, 0.7] + [1.6] + [1.3] * (len(self.config.rates) - 1)
        return [one / sum(weights) for one in weights]

    def _title(self, index: int) -> str:
        rate = self.config.rate_of(index)
        what = f"samples at {rate / 1000:g} kHz" if rate else "its course"
        return f"Level {index + 1} of {self.config.levels}, {what}"

    def _train_level(self, index: int, progress: Progress) -> Finished:
        progress(0.0, self._title(index))
        trainer, amplitude = trainer_of(self.chain, index, self.plan.seed * 1009 + index)
        untrained = trainer.evaluate()
        self.teacher.begin(trainer.level, self.config.rate_of(index))
        begun, shown = time.monotonic(), time.monotonic()

        def report(share: float, evaluated: bool) -> None:
            nonlocal shown
            progress.check()
            if evaluated or time.monotonic() - shown > 0.5:
                shown = time.monotonic()
                progress(share, self._title(index), None, _named(trainer.distance))

        trainer.run(self.plan.steps[index], report)
        return Finished(
            state=_arrays(trainer),
            amplitude=amplitude,
            seconds=round(time.monotonic() - begun, 2),
            steps=self.plan.steps[index],
            distance=round(trainer.distance, 5),
            untrained=round(untrained, 5),
        )

    # ------------------------------------------------------------ card

    def _save(self, progress: Progress, share: float) -> None:
        """The card with every finished level, and its graphs."""
        amplitudes = tuple(level.amplitude for level in self.done)
        state = {
            f"levels.{i}.{name}": array
            for i, level in enumerate(self.done)
            for name, array in level.state.items()
        }
        for which, (samples, seen) in enumerate(zip(self.sources, self.known, strict=True)):
            state[f"latents.{which}"] = self.chain.latents[which].astype(np.float32)
            state[f"sources.{which}"] = samples
            if not seen.all():
                state[f"known.{which}"] = seen
        card = Card(
            architecture=store.ARCHITECTURE,
            name=self.request.name or self.out.stem,
            hyper=asdict(replace(self.config, amplitudes=amplitudes)),
            class_names=tuple(Path(path).stem for path in self.request.sources),
            provenance=self._provenance(),
            training=self._facts(),
        )
        progress(min(0.999, share), f"Writing level {len(self.done)}")
        card = replace(card, parity=export(card, state, self.out))
        save_model(self.out, state, card)

    def _provenance(self) -> str:
        device = "CPU" if self.plan.device == "cpu" else torch.cuda.get_device_name()
        names = ", ".join(Path(path).name for path in self.request.sources)
        seconds = sum(level.seconds for level in self.done)
        return f"Trained by Lodestone on a {device} in {seconds:.0f} seconds on {names}."

    def _facts(self) -> dict[str, object]:
        device = "CPU" if self.plan.device == "cpu" else torch.cuda.get_device_name()
        kept = ("seconds", "steps", "distance", "untrained")
        return {
            "device": device,
            "seconds": round(sum(level.seconds for level in self.done), 1),
            "budget": self.plan.seconds,
            "seed": self.plan.seed,
            "start": self.request.start,
            "sounds": [Path(path).name for path in self.request.sources],
            "digest": self.plan.digest,
            "hole": bool(self.request.holes),
            "upper band": "above the finest level: spectral stage, from the source's own frames",
            "levels that fit begin as in": self.teacher.name,
            "planned": list(self.plan.steps),
            "levels": [{name: getattr(level, name) for name in kept} for level in self.done],
            "recipe": asdict(self.chain.recipe),
        }


def _arrays(trainer: LevelTrainer) -> dict[str, np.ndarray]:
    """Rounded to float16: what is kept is exactly what the next levels hear."""
    state = trainer.level.state_dict()
    return {name: t.detach().cpu().numpy().astype(np.float16) for name, t in state.items()}


def _named(distance: float) -> tuple[tuple[str, float], ...]:
    return (("distance", distance),)
