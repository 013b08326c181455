"""The circuit that computes a unit for a concept, and whether it really does. Imports torch.

After "Automatic Discovery of Visual Circuits" (Rajaram et al., arXiv 2404.14349): cross-layer
attribution s(m -> n) = |a_m| · |∂a_n/∂a_m|, mean over a few examples of the concept, k units a
layer, built layer by layer from the target and refined. What the paper leaves open is ours:

* a unit's activation a_n is its mean over positions, the target's its maximum, both within the
  brushed region where there is one; the product is summed over the positions of m;
* first pass: a unit's importance is the share it has in the units above it, weighted by theirs;
* refinement: a layer is set free while all other layers keep to the circuit, and its units are
  ranked by their attribution to the target itself;
* units outside the circuit are held at their mean over pictures without the concept, at zero where
  none are given;
* of the edges into a unit those below a tenth of the strongest are dropped, then units from which
  no edge leads to the target.

The causal test compares with random circuits of as many units a layer, drawn outside the circuit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from engine.codec import to_json
from engine.inspect.held import Held, mean_outputs
from engine.inspect.subject import Subject, by_unit, file_in, open_subject, places, traced
from engine.messages import (
    Circuit,
    CircuitEdge,
    CircuitNode,
    CircuitRequest,
    LodestoneError,
    Unit,
)
from engine.messages.inspecting import LayerKind
from engine.progress import Progress
from models.files import write_atomically

weakest_edge = 0.1
"""Of the strongest into the same unit."""

Kept = dict[str, tuple[int, ...]]
"""Layer -> units, most important first."""


def circuit(request: CircuitRequest, progress: Progress) -> str:
    """Find it, test it, write it; returns the path of circuit.json."""
    progress(0.0, "Opening the network")
    subject = open_subject(request.network, request.examples, progress, regions=request.regions)
    others = None
    if request.others is not None:
        others = open_subject(request.network, request.others, progress)
    found = find_circuit(subject, request, others, progress)
    path = file_in(request.out, "circuit.json")
    write_atomically(path, to_json(found, indent=1).encode())
    progress(1.0, f"{len(found.nodes)} units, {len(found.edges)} edges")
    return str(path)


def find_circuit(
    subject: Subject, request: CircuitRequest, others: Subject | None, progress: Progress
) -> Circuit:
    """The circuit of `request.target` in `subject`; the request's paths are not looked at."""
    subject.check(request.target)
    layers = passable(subject, request.target, request.layers)
    rest = mean_outputs(others, layers, progress) if others else {}
    search = _Search(subject, layers, request.target, request.width, rest)
    kept = search.first(progress.part(0.05, 0.2))
    for turn in range(request.rounds):
        part = progress.part(0.25 + 0.35 * turn / request.rounds, 0.35 / request.rounds)
        kept = search.refined(kept, part)
    edges = search.edges(kept, progress)
    nodes = _nodes(request.target, edges)
    whole = _by_layer(nodes, layers)
    test = CausalTest(subject, layers, request.target, rest)
    kept_share, lost = test.shares(whole, progress.part(0.65, 0.05))
    random = np.random.RandomState(request.seed)
    shares = [
        test.shares(test.random(whole, random), progress.part(0.7 + 0.3 * i / request.random, 0.0))
        for i in range(request.random if kept_share is not None else 0)
    ]
    means = [_mean(values) for values in zip(*shares, strict=True)] if shares else [None, None]
    held = "at their mean over the other pictures" if others else "at zero"
    note = f"Units outside are held {held}. " + test.words()
    return Circuit(request.target, nodes, edges, kept_share, lost, means[0], means[1], note.strip())


def passable(subject: Subject, target: Unit, wanted: Sequence[str]) -> tuple[str, ...]:
    """Layers a circuit may pass, in the order they run, all before the target's."""
    order = subject.order()
    if target.layer not in order:
        raise LodestoneError(f"{target.layer} never runs for these examples. Choose another layer.")
    for name in wanted:
        subject.check(Unit(name, 0))
    main = {layer.name for layer in subject.info.layers if layer.main}
    before = order[: order.index(target.layer)]
    chosen = tuple(name for name in before if name in (wanted or main))
    if not chosen:
        raise LodestoneError(
            f"No layer comes before {target.layer}. Choose a unit of a later layer as target."
        )
    return chosen


class _Search:
    """Which units of each layer belong to the circuit."""

    def __init__(
        self,
        subject: Subject,
        layers: tuple[str, ...],
        target: Unit,
        width: int,
        rest: Mapping[str, Tensor],
    ):
        self.subject, self.layers, self.target, self.width = subject, layers, target, width
        self.rest = rest
        self.all = (*layers, target.layer)

    def first(self, progress: Progress) -> Kept:
        """Layer by layer from the target down."""
        kept: Kept = {self.target.layer: (self.target.index,)}
        importance = {self.target.layer: torch.ones(1)}
        for step, (layer, above) in enumerate(reversed(list(_pairs(self.all)))):
            progress(step / len(self.layers), f"Looking at {layer}")
            scores = self._scores(layer, above, kept[above], progress)  # (n, C)
            shares = scores / scores.sum(dim=1, keepdim=True).clamp_min(1e-20)
            kept[layer], importance[layer] = self._best(importance[above] @ shares)
        del kept[self.target.layer]
        return kept

    def refined(self, kept: Kept, progress: Progress) -> Kept:
        """Every layer chosen again while the others keep to the circuit."""
        for step, layer in enumerate(reversed(self.layers)):
            progress(step / len(self.layers), f"Refining {layer}")
            fixed = {name: units for name, units in kept.items() if name != layer}
            scores = self._scores(
                layer, self.target.layer, (self.target.index,), progress, self._held(fixed)
            )
            if scores.sum() > 0:  # else nothing passes the circuit: leave it as it is
                kept = kept | {layer: self._best(scores[0])[0]}
        return kept

    def edges(self, kept: Kept, progress: Progress) -> tuple[CircuitEdge, ...]:
        """Between neighbouring layers, weak ones and what leads nowhere left out."""
        found: list[CircuitEdge] = []
        reaching: Kept = {self.target.layer: (self.target.index,)}
        for layer, above in reversed(list(_pairs(self.all))):
            targets = reaching[above]
            if not targets:
                break
            scores = self._scores(layer, above, targets, progress)[:, list(kept[layer])]
            strong = (scores > weakest_edge * scores.amax(dim=1, keepdim=True)) & (scores > 0)
            for row, column in strong.nonzero().tolist():
                source = Unit(layer, kept[layer][column])
                goal = Unit(above, targets[row])
                found.append(CircuitEdge(source, goal, float(scores[row, column])))
            alive = strong.any(dim=0)
            reaching[layer] = tuple(
                u for u, on in zip(kept[layer], alive.tolist(), strict=True) if on
            )
        return tuple(reversed(found))

    def _best(self, scores: Tensor) -> tuple[tuple[int, ...], Tensor]:
        best = scores.topk(min(self.width, len(scores)))
        count = max(1, int((best.values > 0).sum()))
        return tuple(best.indices[:count].tolist()), best.values[:count]

    def _held(self, kept: Kept) -> Held:
        return Held.outside(kept, self.subject, self.rest)

    def _scores(
        self,
        layer: str,
        above: str,
        targets: Sequence[int],
        progress: Progress,
        held: Held | None = None,
    ) -> Tensor:
        """s(m -> n), (targets, units of `layer`), mean over the examples."""
        kinds = self.subject.kinds
        layers = tuple(dict.fromkeys((*(held.layers if held else ()), layer, above)))

        def edit(name: str, output: Tensor) -> Tensor:
            output = output if held is None else held(name, output)
            return output if output.requires_grad else output.detach().requires_grad_()

        total = torch.zeros(len(targets), self.subject.units[layer])
        count = 0
        with torch.enable_grad():
            for index, trace in traced(self.subject, layers, edit, progress):
                a, b = trace[layer], trace[above]
                region = self.subject.region(index)
                goals = self._pooled(b, above, region)[:, list(targets)].sum(dim=0)
                for row in range(len(targets)):
                    (gradient,) = torch.autograd.grad(
                        goals[row], a, retain_graph=row + 1 < len(targets), allow_unused=True
                    )
                    if gradient is not None:
                        product = by_unit(a.detach().abs() * gradient.abs(), kinds[layer])
                        total[row] += product.sum(dim=(0, 2)).float().cpu()
                count += len(a)
        return total.nan_to_num() / max(count, 1)

    def _pooled(self, output: Tensor, layer: str, region: Tensor | None) -> Tensor:
        """(N, C): the target's layer by its maximum, others by their mean."""
        kind = self.subject.kinds[layer]
        return pooled(output, kind, region, greatest=layer == self.target.layer)


def pooled(output: Tensor, kind: LayerKind, region: Tensor | None, greatest: bool) -> Tensor:
    """(N, C): the maximum or mean over positions, within the region where there is one."""
    values = by_unit(output, kind)
    weights = places(region, output, kind)
    if weights is None:
        return values.amax(dim=2) if greatest else values.mean(dim=2)
    if greatest:
        inside = weights > 0.5 * weights.amax(dim=2, keepdim=True)
        return values.masked_fill(~inside, float("-inf")).amax(dim=2)
    return (values * weights).sum(dim=2)


class CausalTest:
    """What is left of the target when only the circuit works, and when it alone does not."""

    def __init__(
        self, subject: Subject, layers: tuple[str, ...], target: Unit, rest: Mapping[str, Tensor]
    ):
        self.subject, self.layers, self.target, self.rest = subject, layers, target, rest
        nothing = Progress()
        self.full = self.value(None, nothing)
        """The target's mean activation over the examples …"""
        self.none = self.value(Held.outside(dict.fromkeys(layers, ()), subject, rest), nothing)
        """… and with every unit of the layers held."""

    def value(self, held: Held | None, progress: Progress) -> float:
        layers = tuple(dict.fromkeys((*(held.layers if held else ()), self.target.layer)))
        kind = self.subject.kinds[self.target.layer]
        total, count = 0.0, 0
        with torch.inference_mode():
            for index, trace in traced(self.subject, layers, held, progress):
                output = trace[self.target.layer]
                found = pooled(output, kind, self.subject.region(index), True)
                total += float(found[:, self.target.index].sum())
                count += len(output)
        return total / max(count, 1)

    def shares(self, kept: Kept, progress: Progress) -> tuple[float | None, float | None]:
        """(share that only these units keep, share that is lost without them)."""
        span = self.full - self.none
        if not np.isfinite(span) or abs(span) < 1e-9:
            return None, None
        everywhere = {name: kept.get(name, ()) for name in self.layers}
        only = self.value(Held.outside(everywhere, self.subject, self.rest), progress)
        without = self.value(Held.inside(kept, self.subject, self.rest), progress)
        return (only - self.none) / span, (self.full - without) / span

    def random(self, kept: Kept, random: np.random.RandomState) -> Kept:
        """As many units of each layer, from those outside the circuit where there are enough."""
        drawn: Kept = {}
        for layer, units in kept.items():
            everyone = np.arange(self.subject.units[layer])
            outside = np.setdiff1d(everyone, units)
            pool = outside if len(outside) >= len(units) else everyone
            drawn[layer] = tuple(random.choice(pool, len(units), replace=False).tolist())
        return drawn

    def words(self) -> str:
        if abs(self.full - self.none) < 1e-9:
            return "The target does not respond to these examples, so nothing could be tested."
        return f"The target responds with {self.full:.3g}, with all units held {self.none:.3g}."


def _pairs(layers: Sequence[str]) -> zip[tuple[str, str]]:
    return zip(layers[:-1], layers[1:], strict=True)


def _nodes(target: Unit, edges: Sequence[CircuitEdge]) -> tuple[CircuitNode, ...]:
    """Units that an edge leads from, with their share in their layer; the target last."""
    units = list(dict.fromkeys(edge.source for edge in edges))
    strength = {unit: sum(e.score for e in edges if e.source == unit) for unit in units}
    totals: dict[str, float] = {}
    for unit, value in strength.items():
        totals[unit.layer] = totals.get(unit.layer, 0.0) + value
    nodes = [CircuitNode(unit, strength[unit] / totals[unit.layer]) for unit in units]
    return (*nodes, CircuitNode(target, 1.0))


def _by_layer(nodes: Sequence[CircuitNode], layers: Sequence[str]) -> Kept:
    """Without the target."""
    return {
        layer: tuple(node.unit.index for node in nodes[:-1] if node.unit.layer == layer)
        for layer in layers
    }


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
