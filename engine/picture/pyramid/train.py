"""The training job of one to four pictures: coarse to fine, within a budget in seconds.

The card is written again after every level and can be drawn from at once; what resumes lies
beside it until the training is finished (`engine.picture.pyramid.store`). CUDA runs the same
eager steps in TF32; CUDA graphs are left for later.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import psutil
import torch

from engine.backend import available_cores
from engine.messages import Picture, PictureTrainRequest
from engine.picture.pyramid import store
from engine.picture.pyramid.chain import Chain
from engine.picture.pyramid.export import export
from engine.picture.pyramid.grid import level_size
from engine.picture.pyramid.level import Figures, LevelTrainer
from engine.picture.pyramid.recipe import Recipe, memory_bytes, width_for
from engine.picture.pyramid.schedule import levels_for, step_cost, steps_for
from engine.picture.pyramid.store import Finished, Plan
from engine.picture.source import read_source
from engine.progress import Progress
from models.errors import LodestoneError
from models.files import Card, save_model
from models.pyramid import Config, Level

PREVIEW_SECONDS = 2.0


def train(request: PictureTrainRequest, progress: Progress) -> str:
    """Run the job; returns the path of the card. Every finished level survives a cancel."""
    out = Path(request.out)
    if out.suffix != ".safetensors":
        out = out.with_name(out.name + ".safetensors")
    device = _device(request.device)
    pictures, known = _read(request)
    folder = store.folder_of(out)
    store.check_folder(folder)
    plan = _plan(request, folder, pictures, known, device, progress)
    training = _Training(request, plan, out, Chain(
        Config(plan.sizes, plan.scales, plan.width), pictures, known, plan.seed, Recipe(), device
    ))  # fmt: skip
    training.run(progress.part(0.02, 0.98))
    store.forget(folder)
    return str(out)


def _device(wanted: str) -> torch.device:
    from engine.train.train import choose_device

    name = choose_device(wanted)
    if name == "cpu":
        # One core is the window's.
        torch.set_num_threads(max(1, available_cores() - 1))
    if name.startswith("cuda"):
        torch.backends.cuda.matmul.allow_tf32 = True
        torch.backends.cudnn.allow_tf32 = True
    return torch.device(name)


def _read(request: PictureTrainRequest) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """(3, H, W) pictures and (H, W) known pixels; the files are not looked at again."""
    if not 1 <= len(request.sources) <= 4:
        raise LodestoneError("A pyramid is trained on one to four pictures. Choose that many.")
    if not request.seconds > 0 or request.longest < 8:
        raise LodestoneError("Give a budget above 0 seconds and a longest side of 8 px or more.")
    hidden = None if request.mask is None else request.mask.array()
    pictures, known = [], []
    for index, path in enumerate(request.sources):
        hole = hidden if index == 0 else None
        source = read_source(path, request.longest, hole)
        picture = np.ascontiguousarray(source.pixels.transpose(2, 0, 1), dtype=np.float32)
        pictures.append(picture)
        known.append(store.known_at(hole, (picture.shape[1], picture.shape[2])))
    if not known[0].any():
        raise LodestoneError("The mask hides the whole picture. Leave some of it to learn from.")
    return pictures, known


# ---------------------------------------------------------------- plan


def _plan(
    request: PictureTrainRequest, folder: Path, pictures: Sequence[np.ndarray],
    known: Sequence[np.ndarray], device: torch.device, progress: Progress,
) -> Plan:  # fmt: skip
    digest = store.digest_of(pictures, known)
    names = " and ".join(Path(path).name for path in request.sources)
    plan = store.read_plan(folder)
    if plan is not None:
        if plan.digest != digest:
            raise LodestoneError(
                f"{names} is not the picture that the unfinished training of this name began with, "
                "or its size or mask is another. Put the first picture back, or choose another "
                "name for the model."
            )
        progress(0.01, "Going on with the unfinished training of this name")
        return plan
    sizes = tuple((p.shape[1], p.shape[2]) for p in pictures)
    width = width_for(request.seconds, device.type)
    largest = max(sizes, key=lambda size: size[0] * size[1])
    need = memory_bytes(largest, width, Recipe(), len(sizes))
    progress(0.0, _forecast(need, device))
    scales = levels_for(sizes, request.seconds)
    cost = step_cost(width, len(sizes), device)
    steps = steps_for(request.seconds, sizes, scales, cost, Recipe().window)
    plan = Plan(
        digest, sizes, scales, steps, width, request.seed, request.seconds, device.type
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
        raise LodestoneError(f"{sentence} Choose a smaller longest side, or close other programs.")
    return sentence


# ---------------------------------------------------------------- levels


class _Training:
    """The levels one after the other, with reports and files."""

    def __init__(self, request: PictureTrainRequest, plan: Plan, out: Path, chain: Chain):
        self.request, self.plan, self.out, self.chain = request, plan, out, chain
        self.folder = store.folder_of(out)
        self.done: list[Finished] = []
        self._shown = 0.0

    def run(self, progress: Progress) -> None:
        shares = self._shares()
        for index in range(self.plan.levels):
            start = sum(shares[:index])
            finished = store.read_level(self.folder, index)
            resumed = finished is not None
            if finished is None:
                finished = self._train_level(index, progress.part(start, shares[index]))
                store.write_level(self.folder, index, finished)
            self.done.append(finished)
            level = Level(self.chain.config)
            level.load_state_dict({k: torch.from_numpy(v) for k, v in finished.state.items()})
            self.chain.advance(level.to(self.chain.device).eval(), finished.amplitude)
            if not resumed or index == self.plan.levels - 1:
                self._save(progress)
            progress(
                start + shares[index],
                self._title(index) + (" was finished before" if resumed else " is finished"),
                thumbnail(self.chain.samples[0][0], self.chain.samples[0][1]),
                _named(Figures(finished.rebuild_db, finished.sliced)),
            )

    def _shares(self) -> list[float]:
        """Of the whole work, per level."""
        work = []
        for steps, scale in zip(self.plan.steps, self.plan.scales, strict=True):
            height, width = level_size(self.plan.sizes[0], scale)
            work.append(steps * (min(height * width, Recipe().window ** 2) + 500.0))
        return [one / sum(work) for one in work]

    def _title(self, index: int) -> str:
        height, width = level_size(self.plan.sizes[0], self.plan.scales[index])
        return f"Level {index + 1} of {self.plan.levels}, {width} x {height} px"

    def _train_level(self, index: int, progress: Progress) -> Finished:
        progress(0.0, self._title(index))
        targets, amplitude = self.chain.targets()
        config, recipe = self.chain.config, self.chain.recipe
        seed = self.plan.seed * 1009 + index
        trainer = LevelTrainer(config, targets, amplitude, recipe, seed, self.chain.device)
        if index > 0:
            _warm(trainer, self.done[-1], generator=index > 1)
        untrained = trainer.evaluate().sliced
        begun = time.monotonic()

        def report(share: float, evaluated: bool) -> None:
            progress.check()
            now = time.monotonic()
            shown = now - self._shown > PREVIEW_SECONDS
            if shown or evaluated:
                preview = self._preview(trainer) if shown else None
                progress(share, self._title(index), preview, _named(trainer.figures))

        steps = trainer.run(self.plan.steps[index], report)
        return Finished(
            state=_arrays(trainer.level),
            critic=_arrays(trainer.critic),
            amplitude=amplitude,
            seconds=round(time.monotonic() - begun, 2),
            steps=steps,
            rebuild_db=round(trainer.figures.rebuild_db, 3),
            sliced=round(trainer.figures.sliced, 5),
            untrained=round(untrained, 5),
        )

    def _preview(self, trainer: LevelTrainer) -> Picture:
        self._shown = time.monotonic()
        random = torch.Generator().manual_seed(9)
        drawn = trainer.drawn(0, 0, random)[0].cpu().numpy()
        return thumbnail(trainer.rebuilt(0)[0].cpu().numpy(), drawn)

    # ------------------------------------------------------------ card

    def _save(self, progress: Progress) -> None:
        """The card with every finished level, and its graphs."""
        count = len(self.done)
        amplitudes = tuple(level.amplitude for level in self.done)
        config = replace(self.chain.config, amplitudes=amplitudes)
        state = {
            f"levels.{i}.{name}": array
            for i, level in enumerate(self.done)
            for name, array in level.state.items()
        }
        state |= {f"latents.{k}": latent for k, latent in enumerate(self.chain.latents)}
        if self.request.mask is not None:
            state["seen"] = np.packbits(self.chain.known[0])
        card = Card(
            architecture=store.ARCHITECTURE,
            name=self.request.name or self.out.stem,
            hyper=asdict(config),
            class_names=tuple(Path(path).stem for path in self.request.sources),
            provenance=self._provenance(),
            training=self._facts(),
        )
        last = count == self.plan.levels
        message = "Writing the graphs" if last else f"Writing level {count}"
        progress(min(0.999, sum(self._shares()[:count])), message)
        card = replace(card, parity=export(card, state, self.out))
        save_model(self.out, state, card)

    def _provenance(self) -> str:
        device = "CPU" if self.plan.device == "cpu" else torch.cuda.get_device_name()
        names = ", ".join(Path(path).name for path in self.request.sources)
        seconds = sum(level.seconds for level in self.done)
        return f"Trained by Lodestone on a {device} in {seconds:.0f} seconds on {names}."

    def _facts(self) -> dict[str, object]:
        device = "CPU" if self.plan.device == "cpu" else torch.cuda.get_device_name()
        kept = ("seconds", "steps", "rebuild_db", "sliced", "untrained")
        mask = self.request.mask
        return {
            "device": device,
            "seconds": round(sum(level.seconds for level in self.done), 1),
            "budget": self.plan.seconds,
            "seed": self.plan.seed,
            "pictures": [Path(path).name for path in self.request.sources],
            "digest": self.plan.digest,
            "hole": mask is not None,
            "hole_digest": "" if mask is None else store.mask_digest(mask.array()),
            "planned": list(self.plan.steps),
            "levels": [{name: getattr(level, name) for name in kept} for level in self.done],
            "recipe": asdict(self.chain.recipe),
        }


def _warm(trainer: LevelTrainer, before: Finished, generator: bool) -> None:
    """Begin where the level below ended; the coarsest level's generator, which makes pictures out
    of noise alone, has nothing to hand on."""
    critic = {k: torch.from_numpy(v.copy()) for k, v in before.critic.items()}
    trainer.critic.load_state_dict(critic)
    if generator:
        level = {k: torch.from_numpy(v.copy()) for k, v in before.state.items()}
        trainer.level.load_state_dict(level)


def _arrays(module: torch.nn.Module) -> dict[str, np.ndarray]:
    return {name: t.detach().cpu().numpy().copy() for name, t in module.state_dict().items()}


def _named(figures: Figures) -> tuple[tuple[str, float], ...]:
    return (("reconstruction dB", figures.rebuild_db), ("SWD", figures.sliced))


def thumbnail(*pictures: np.ndarray) -> Picture:
    """(3, H, W) each, -1..1, side by side."""
    row = np.concatenate(pictures, axis=2).transpose(1, 2, 0)
    pixels = np.nan_to_num((row + 1.0) * 127.5).clip(0, 255).astype(np.uint8)
    bgrx = np.full((*pixels.shape[:2], 4), 255, np.uint8)
    bgrx[..., :3] = pixels[..., ::-1]
    return Picture.of(bgrx)
