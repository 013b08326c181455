"""Suppressing the circuit an attack works through, and what that gives back. Imports torch.

Half of the pictures teach: an attacked picture's margin of the wrong answer over the right one is
traced to units by Σ (a_attacked - a_clean) · ∂margin/∂a, the linear share of each unit in the
deception (arXiv 2404.14349 prunes the circuit of text in the same way). The units with the largest
share are held still: at their mean on clean pictures everywhere; or only where they are more active
than clean pictures ever make them, and there the whole layer. Which of it, and in which layers, is
chosen on the same half; accuracy is told for the other half.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from engine.codec import to_json
from engine.inspect.attacks import EVERYDAY, pasted_patch, pasted_words
from engine.inspect.held import Held, mean_outputs
from engine.inspect.labelled import truths
from engine.inspect.modules import OpenModule, open_module
from engine.inspect.probes import read_probes
from engine.inspect.subject import Arguments, Edit, Subject, file_in, pictures_as_batches, traced
from engine.messages import Defence, DefenceRequest, LodestoneError, Unit, UnitEdit
from engine.progress import Progress
from engine.trace import Trace
from models.files import write_atomically

fewest = 8
"""Pictures."""
dearest = 0.05
"""Accuracy on clean pictures that a defence may cost on the half that teaches."""
patch_share = 0.25
"""Of the picture's side."""
patch_steps = 40
usual = 0.999
"""Quantile of clean activations above which a unit is as it never is."""


def defence(request: DefenceRequest, progress: Progress) -> str:
    """Attack, find the units, suppress them, measure; returns the path of defence.json."""
    progress(0.0, "Opening the network")
    opened = open_module(request.network)
    how = opened.preprocessing
    found = read_probes(request.probes, opened.info, how.shown, how.words(), progress)
    assert found.pixels is not None
    made = defend(opened, np.asarray(found.pixels), found.labels, request, progress)
    path = file_in(request.out, "defence.json")
    write_atomically(path, to_json(made, indent=1).encode())
    progress(1.0, f"{made.clean:.0%} clean, {made.attacked:.0%} attacked, {made.defended:.0%} now")
    return str(path)


class _Half(NamedTuple):
    """Pictures clean and attacked alike, and what they show."""

    clean: tuple[Arguments, ...]
    attacked: tuple[Arguments, ...]
    truth: Tensor


def defend(
    opened: OpenModule,
    pictures: np.ndarray,
    labels: Sequence[str],
    request: DefenceRequest,
    progress: Progress,
) -> Defence:
    """pictures (N, rows, columns, 3) uint8, as the network sees them."""
    if opened.info.kind != "classifier":
        raise LodestoneError(
            f"{opened.info.name} gives no classes, so it cannot be deceived. Choose a classifier."
        )
    if len(pictures) < fewest:
        raise LodestoneError(
            f"A defence is learnt from {fewest} pictures or more, but there are {len(pictures)}. "
            "Add some."
        )
    bench = _Bench(opened)
    clean = bench.batches(pictures)
    answers = bench.logits(clean, progress).argmax(dim=1)
    truth, source = truths(labels, opened.info.classes, answers.cpu().numpy())
    random = np.random.RandomState(request.seed)
    turn = random.permutation(len(pictures))
    teach, test = np.sort(turn[: len(turn) // 2]), np.sort(turn[len(turn) // 2 :])
    attacked = _attacked(opened, pictures, truth, request, random, teach, progress)
    halves = [
        _Half(bench.batches(pictures[i]), bench.batches(attacked[i]), torch.from_numpy(truth[i]))
        for i in (teach, test)
    ]
    best = _Search(bench, halves[0], request.width).best(progress.part(0.4, 0.45))
    half = halves[1]
    return Defence(
        clean=bench.accuracy(half.clean, half.truth, None, progress),
        attacked=bench.accuracy(half.attacked, half.truth, None, progress),
        defended=bench.accuracy(half.attacked, half.truth, best, progress),
        clean_defended=bench.accuracy(half.clean, half.truth, best, progress),
        truth="labels" if source == "labels" else "clean answers",
        edits=best.edits if best else (),
        method=best.words if best else "nothing helped on the half that teaches",
        pictures=len(test),
    )


@dataclass(frozen=True, eq=False)
class _Suppression:
    """An edit of some layers, told in words and as unit edits."""

    edit: Edit
    layers: tuple[str, ...]
    words: str
    edits: tuple[UnitEdit, ...]


class _Bench:
    """The network, and how often it is right."""

    def __init__(self, opened: OpenModule):
        self.opened, self.module = opened, opened.module
        self.subject = Subject(opened.module, opened.info, ())

    def batches(self, pictures: np.ndarray) -> tuple[Arguments, ...]:
        return pictures_as_batches(pictures, self.opened.preprocessing, self.opened.device)

    def shown(self, batches: tuple[Arguments, ...]) -> Subject:
        return Subject(self.module, self.opened.info, batches)

    def logits(
        self, batches: Sequence[Arguments], progress: Progress, how: _Suppression | None = None
    ) -> Tensor:
        found = []
        with torch.inference_mode():
            for arguments in batches:
                progress.check()
                with Trace(self.module, how.layers if how else (), how.edit if how else None):
                    found.append(self.module(*arguments).cpu())
        return torch.cat(found)

    def accuracy(
        self,
        batches: Sequence[Arguments],
        truth: Tensor,
        how: _Suppression | None,
        progress: Progress,
    ) -> float:
        right = self.logits(batches, progress, how).argmax(dim=1) == truth
        known = truth >= 0
        return float(right[known].float().mean()) if bool(known.any()) else 0.0


def _attacked(
    opened: OpenModule,
    pictures: np.ndarray,
    truth: np.ndarray,
    request: DefenceRequest,
    random: np.random.RandomState,
    teach: np.ndarray,
    progress: Progress,
) -> np.ndarray:
    """The pictures with words or a patch over them."""
    if request.attack == "text":
        classes = opened.info.classes
        few = classes if 1 < len(classes) <= 32 else EVERYDAY
        never = [classes[i] if classes and i >= 0 else "" for i in truth]
        return pasted_words(pictures, request.words or few, random, never)
    patch = _made_patch(opened, pictures[teach], truth[teach], request.seed, progress)
    return pasted_patch(pictures, patch, random)


def _made_patch(
    opened: OpenModule, pictures: np.ndarray, truth: np.ndarray, seed: int, progress: Progress
) -> np.ndarray:
    """(h, w, 3) uint8 that lowers the right answers (arXiv 1712.09665)."""
    rows, columns = pictures.shape[1:3]
    side = max(4, round(min(rows, columns) * patch_share))
    random = np.random.RandomState(seed)
    patch = torch.zeros(1, 3, side, side, requires_grad=True)
    ascent = torch.optim.Adam([patch], 0.3)
    how = opened.preprocessing
    mean, scale = (torch.tensor(v)[:, None, None] for v in (how.mean, how.scale))
    for step in range(patch_steps):
        progress(0.1 + 0.3 * step / patch_steps, "Making a patch")
        chosen = random.choice(len(pictures), min(8, len(pictures)), replace=False)
        x = torch.from_numpy(how.numbers(pictures[chosen]))
        top, left = random.randint(rows - side + 1), random.randint(columns - side + 1)
        values = torch.sigmoid(patch) * 255.0
        if how.channels == 1:
            values = values.mean(dim=1, keepdim=True)
        values = (values.flip(1) if how.order == "BGR" else values) - mean
        inset = F.pad(values / scale, (left, columns - left - side, top, rows - top - side))
        mask = F.pad(torch.ones(side, side), (left, columns - left - side, top, rows - top - side))
        with torch.enable_grad():
            answers = opened.module((x * (1 - mask) + inset).to(opened.device)).cpu()
            loss = F.cross_entropy(answers, torch.from_numpy(truth[chosen]).clamp_min(0))
        ascent.zero_grad()
        (-loss).backward()
        ascent.step()
    pixels = (torch.sigmoid(patch.detach()[0]) * 255.0).round().byte()
    return pixels.permute(1, 2, 0).numpy()


class _Search:
    """Which suppression gives most back on the half that teaches."""

    def __init__(self, bench: _Bench, half: _Half, width: int):
        self.bench, self.half, self.width = bench, half, width
        info = bench.opened.info
        answer = info.layers[-1].name
        self.layers = tuple(
            one.name
            for one in info.layers
            if one.main and one.kind in ("map", "vector") and one.name != answer
        )

    def best(self, progress: Progress) -> _Suppression | None:
        """None where nothing helps without costing too much."""
        clean = self.bench.accuracy(self.half.clean, self.half.truth, None, progress)
        least = self.bench.accuracy(self.half.attacked, self.half.truth, None, progress)
        chosen = None
        candidates = list(self._candidates(progress))
        for index, one in enumerate(candidates):
            progress(index / len(candidates), "Trying where to suppress")
            found = self.bench.accuracy(self.half.attacked, self.half.truth, one, progress)
            if found <= least:
                continue
            if self.bench.accuracy(self.half.clean, self.half.truth, one, progress) < (
                clean - dearest
            ):
                continue
            least, chosen = found, one
        return chosen

    def _candidates(self, progress: Progress) -> Iterator[_Suppression]:
        subject = self.bench.shown(self.half.clean)
        means = mean_outputs(subject, self.layers, progress)
        units = self._deceiving(progress)
        levels = self._levels(progress)
        count = len(self.layers)
        spans = {(0, count), (0, count // 2), (count // 2, count), (count // 4, 3 * count // 4)}
        spans |= {(i, i + 1) for i in range(0, count, max(1, count // 6))}
        for first, last in sorted(spans):
            layers = self.layers[first:last]
            if not layers:
                continue
            where = layers[0] if len(layers) == 1 else f"{layers[0]} to {layers[-1]}"
            for width in sorted({max(1, self.width // 4), self.width, 4 * self.width}):
                kept = {name: units[name][:width] for name in layers}
                edits = tuple(_clamps(kept, means))
                held = Held.inside(kept, subject, means)
                yield _Suppression(
                    held, layers, f"{width} units of {where} held at their clean means", edits
                )
            kept = {name: units[name][: self.width] for name in layers}
            places = _Places(kept, levels, means)
            if any(len(levels[name].shape) for name in layers):
                yield _Suppression(
                    places, layers, f"where {self.width} units of {where} are unusually active, "
                    "the layer held at its clean mean", tuple(_clamps(kept, means)),
                )  # fmt: skip

    def _deceiving(self, progress: Progress) -> dict[str, tuple[int, ...]]:
        """Layer -> units by their share in the deception, largest first."""
        total = {name: torch.zeros(self.bench.subject.units[name]) for name in self.layers}
        start = 0
        for clean, attacked in zip(self.half.clean, self.half.attacked, strict=True):
            progress.check()
            truth = self.half.truth[start : start + len(clean[0])]
            start += len(truth)
            with torch.no_grad(), Trace(self.bench.module, self.layers) as plain:
                self.bench.module(*clean)
            with torch.enable_grad(), Trace(self.bench.module, self.layers, _leaf) as deceived:
                margin = _margin(self.bench.module(*attacked), truth)
            outputs = [deceived[name] for name in self.layers]
            slopes = torch.autograd.grad(margin, outputs, allow_unused=True)
            for name, output, slope in zip(self.layers, outputs, slopes, strict=True):
                if slope is not None:
                    share = (output.detach() - plain[name]) * slope
                    total[name] += (
                        share.flatten(2).sum(dim=(0, 2)).cpu()
                        if share.ndim == 4
                        else (share.sum(dim=0).cpu())
                    )
        return {n: tuple(v.argsort(descending=True).tolist()) for n, v in total.items()}

    def _levels(self, progress: Progress) -> dict[str, Tensor]:
        """Layer -> (C,): what a unit hardly ever exceeds at any place of a clean picture."""
        found: dict[str, list[Tensor]] = {name: [] for name in self.layers}
        with torch.inference_mode():
            for _, trace in traced(self.bench.shown(self.half.clean), self.layers, None, progress):
                for name in self.layers:
                    if trace[name].ndim == 4:
                        found[name].append(trace[name].flatten(2).transpose(0, 1).flatten(1).cpu())
        levels = {}
        for name, parts in found.items():
            if parts:
                values = torch.cat(parts, dim=1)
                rank = max(1, round(usual * values.shape[1]))
                levels[name] = values.kthvalue(rank, dim=1).values.clone()
            else:
                levels[name] = torch.zeros(())
        return levels


class _Places:
    """Holds all units of a layer where the chosen ones are more active than clean pictures make
    them, a place's neighbours included."""

    def __init__(
        self, units: dict[str, tuple[int, ...]], levels: dict[str, Tensor], means: dict[str, Tensor]
    ):
        self._units, self._levels, self._means = units, levels, means

    def __call__(self, name: str, output: Tensor) -> Tensor:
        if output.ndim != 4:
            return output
        chosen = list(self._units[name])
        level = self._levels[name][chosen].to(output)[:, None, None]
        over = (output[:, chosen] > level).float().amax(dim=1, keepdim=True)
        wide = F.max_pool2d(over, 3, 1, 1) > 0
        mean = self._means[name].to(output)[:, None, None]
        return torch.where(wide, mean, output)


def _leaf(_name: str, output: Tensor) -> Tensor:
    return output if output.requires_grad else output.detach().requires_grad_()


def _margin(answers: Tensor, truth: Tensor) -> Tensor:
    """Σ over pictures: the strongest wrong answer over the right one."""
    right = truth.clamp_min(0).to(answers.device)[:, None]
    wrong = answers.detach().scatter(1, right, float("-inf")).argmax(dim=1, keepdim=True)
    return (answers.gather(1, wrong) - answers.gather(1, right)).sum()


def _clamps(units: dict[str, tuple[int, ...]], means: dict[str, Tensor]) -> Iterator[UnitEdit]:
    """The suppression as edits that can be kept, turned off, and used elsewhere."""
    for layer, chosen in units.items():
        for index in chosen:
            value = float(means[layer][index])
            yield UnitEdit((Unit(layer, index),), "clamp", value, name="defence")
