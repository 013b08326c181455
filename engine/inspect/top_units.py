"""The units that matter most to a class. Imports torch.

Candidates are ranked by gradient times activation, the first-order effect of setting a unit to
zero (Molchanov et al., arXiv 1611.06440), on the class's log-odds ln p/(1-p), which does not fade
where the network is sure; what they give to ln p of other classes' pictures counts against them.
How strongly, and in which layer, is decided by really ablating each choice.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from engine.inspect.module_edits import ModuleEdits
from engine.inspect.modules import OpenModule
from engine.messages import LodestoneError, NetworkLayer, Unit, UnitEdit
from engine.progress import Progress
from engine.trace import Trace

together = 16
"""Pictures computed at once."""
penalties = (1.0, 5.0, 20.0)
"""How much a unit's worth to other classes counts against it: each is tried."""
tried = 24
"""Pictures of the class, and as many others, that a choice is tried on."""


def answers(
    opened: OpenModule, x: Tensor, progress: Progress, edits: ModuleEdits | None = None
) -> np.ndarray:
    """Prepared pictures (N, C, H, W) -> logits (N, classes), with the edits."""
    found: list[np.ndarray] = []
    for start in range(0, len(x), together):
        progress(start / len(x))
        turned = edits.trace(opened.module) if edits else contextlib.nullcontext()
        with torch.inference_mode(), turned:
            part = x[start : start + together].to(opened.device)
            found.append(opened.module(part).float().cpu().numpy())
    return np.concatenate(found)


def default_layers(layers: Sequence[NetworkLayer]) -> tuple[str, ...]:
    """The last two before the answer among those that one would look at first."""
    usable = [layer.name for layer in layers[:-1] if layer.main and layer.kind != "vector"]
    return tuple(usable[-2:] or [layer.name for layer in layers[:-1]][-2:])


def worths(
    opened: OpenModule, x: Tensor, truth: np.ndarray, layers: Sequence[str], progress: Progress
) -> dict[str, np.ndarray]:
    """Layer -> (N, 2, units): what each unit gives to the truth's log-odds and to its ln p, to
    first order."""
    kinds = {layer.name: layer.kind for layer in opened.info.layers}
    found: dict[str, list[np.ndarray]] = {name: [] for name in layers}
    for start in range(0, len(x), together):
        progress(start / len(x), "Ranking units")
        part = x[start : start + together].to(opened.device)
        rows = torch.as_tensor(truth[start : start + together], device=opened.device)
        with torch.enable_grad(), Trace(opened.module, layers) as trace:
            logits = opened.module(part.clone().requires_grad_(True))
            own = logits.gather(1, rows[:, None])
            rest = logits.scatter(1, rows[:, None], -torch.inf).logsumexp(1)
            outputs = [trace[name] for name in layers]
            odds = torch.autograd.grad((own[:, 0] - rest).sum(), outputs, retain_graph=True)
            logs = torch.autograd.grad((own[:, 0] - logits.logsumexp(1)).sum(), outputs)
        for name, output, *both in zip(layers, outputs, odds, logs, strict=True):
            given = [_summed(output.detach() * one, kinds[name]) for one in both]
            found[name].append(torch.stack(given, dim=1).float().cpu().numpy())
    return {name: np.concatenate(parts) for name, parts in found.items()}


def first_order(opened: OpenModule, x: Tensor, layers: Sequence[str]) -> dict[str, np.ndarray]:
    """Layer -> (N, units): what each unit gives to the picture's largest logit."""
    kinds = {layer.name: layer.kind for layer in opened.info.layers}
    found: dict[str, list[np.ndarray]] = {name: [] for name in layers}
    for start in range(0, len(x), together):
        part = x[start : start + together].to(opened.device)
        with torch.enable_grad(), Trace(opened.module, layers) as trace:
            logits = opened.module(part.clone().requires_grad_(True))
            outputs = [trace[name] for name in layers]
            gradients = torch.autograd.grad(logits.max(dim=1).values.sum(), outputs)
        for name, output, gradient in zip(layers, outputs, gradients, strict=True):
            given = _summed(output.detach() * gradient, kinds[name])
            found[name].append(given.float().cpu().numpy())
    return {name: np.concatenate(parts) for name, parts in found.items()}


def _summed(product: Tensor, kind: str) -> Tensor:
    """Over positions -> (N, units)."""
    if kind == "map":
        return product.sum(dim=(2, 3))
    return product.sum(dim=1) if kind == "tokens" else product


def top_units(
    opened: OpenModule,
    x: Tensor,
    truth: np.ndarray,
    target: int,
    count: int,
    layers: Sequence[str],
    progress: Progress,
) -> tuple[Unit, ...]:
    """The `count` units that take most from `target` and least from the other classes."""
    mine, others = np.flatnonzero(truth == target), np.flatnonzero(truth != target)
    if not len(mine):
        raise LodestoneError(
            f"No picture shows {opened.info.classes[target]}. Add some, or choose another class."
        )
    worth = worths(opened, x, truth, layers, progress.part(0.0, 0.5))
    some = np.concatenate([mine[:tried], others[:: max(1, len(others) // tried)][:tried]])
    best: tuple[float, tuple[Unit, ...]] = (-np.inf, ())
    choices = [(name, penalty) for name in layers for penalty in penalties]
    for place, (name, penalty) in enumerate(choices):
        gives = worth[name][mine, 0].mean(axis=0)
        takes = worth[name][others, 1].clip(0.0).sum(axis=0) / max(len(others), 1)
        order = np.argsort(penalty * takes - gives)[:count]
        chosen = tuple(Unit(name, int(index)) for index in order)
        edits = ModuleEdits((UnitEdit(chosen),), opened.info, opened.device)
        part = progress.part(0.5 + 0.5 * place / len(choices), 0.5 / len(choices))
        shares = softmax(answers(opened, x[some], part, edits))
        left = shares[np.arange(len(some)), truth[some]]
        own = truth[some] == target
        wrong = (shares.argmax(axis=1) != truth[some])[~own]
        # A hit on others weighs more than one on the class: it is the class that was asked for.
        score = -float(left[own].mean()) - 3.0 * float(wrong.sum()) / max(len(wrong), 1)
        if score > best[0]:
            best = (score, chosen)
    return best[1]


def softmax(logits: np.ndarray) -> np.ndarray:
    """(N, classes) -> shares of sum 1."""
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)
