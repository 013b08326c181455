"""Directions that leave a layer as it is: what they change, they change later.

Schwettmann et al., "Toward a Visual Concept Vocabulary for GAN Latent Space" (arXiv 2110.04292),
layer-selective directions: min over unit d of mean((G_l(w + a d) - G_l(w))²), layers one after the
other from the last, each in the orthogonal complement of the directions found before. Differences,
each of them measured (`lodestone bench discover`):

* Averaged over several latents, in w with its truncation. `a` is `reach` standard deviations of w.
* The directions of a layer are orthogonal to each other, too: they are distinct.
* For small steps the minimum is known: the eigenvector of the smallest eigenvalue of the moments
  (`engine.discover.moments`). The search starts there, which random starts do not reach in ten
  times the time; Adam on the sphere then does what the true size of the step asks for.
* A direction along which nothing changes at all has the smallest loss and is of no use. So the
  loss is divided by (p + b) / (1 + b), where p is the change of the picture (1 = that of an average
  direction), and b is as small as it can be while the layer changes clearly less than along any of
  fifty random directions: the most visible direction among the selective ones. With the criterion
  `plain` b is infinite and the objective is the paper's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.discover import moments
from engine.discover.finds import Find
from engine.discover.kept import Store
from engine.discover.moments import Space
from engine.discover.source import Source, reached_by, strip
from engine.messages import DiscoverRequest, LodestoneError
from engine.progress import Progress
from engine.steer.directions import measure_sigma

reach = 3.0
"""Length of the step, in standard deviations of w: as far as a slider usually goes."""
steps = 24
rate = 0.005
batch = 4
"""Latents that Adam averages over; fixed, so that the curve tells of the direction alone, and not
those that the moments were measured with."""
strangers = 50
"""Random directions that the found ones are compared with."""
margin = 0.7
"""A found direction changes its layer at most this times what the least of the strangers does."""
softenings = (0.03, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
plain = float("inf")


@dataclass(eq=False)
class Layerful:
    """The directions of one layer while they are sought; unit rows (K, free)."""

    name: str
    rows: np.ndarray
    softening: np.ndarray  # (K,): b of each
    losses: list[np.ndarray]  # of (K,): the objective, 1 = an average random direction


def selective(
    request: DiscoverRequest, source: Source, kept: Store, progress: Progress
) -> list[Find]:
    """`count` directions for each layer, from the last layer to the first."""
    names = layers_of(request, source)
    space = Space(moments.spread_of(source), request.layers)
    seen = request.criterion != "plain"
    measured = moments.measure(
        source, names, space, request.seed, kept, progress.part(0.0, 0.35),
        moments.latents_for(source), seen,
    )  # fmt: skip
    state = kept.load()
    found: list[Layerful] = []
    for index, name in enumerate(names):
        part = progress.part(0.35 + 0.65 * index / len(names), 0.65 / len(names))
        done = _restored(state, name)
        if done is None:
            before = np.concatenate([one.rows for one in found]) if found else None
            search = Search(source, space, request, name, measured, before)
            done = search.run(part)
            state |= _stored(done)
            kept.save(state)
        found.append(done)
    return [find for done in found for find in _finds(done, request, source, measured, space)]


def layers_of(request: DiscoverRequest, source: Source) -> list[str]:
    """Names of the layers to be held still, from the last; refuses what has no room."""
    info = source.info
    able = [one for one in info.layers if not one.to_rgb and reached_by(one, request.layers)]
    if request.at:
        able = [one for one in able if one.name == request.at]
    if not able:
        first, last = request.layers or (0, info.num_ws - 1)
        raise LodestoneError(
            f"The w rows {first} to {last} do not reach {request.at or 'any layer'}, so every "
            "direction leaves it as it is. Choose a later layer or other rows."
        )
    most = (source.free - 1) // len(able)
    if request.count > most:
        many = f"{len(able)} layers" if len(able) > 1 else able[0].name
        raise LodestoneError(
            f"w of {info.name} has room for {most} selective directions "
            f"{'each of' if len(able) > 1 else 'of'} {many}. Ask for {most} or fewer."
        )
    return [one.name for one in reversed(able)]


class Search:
    """For the directions of one layer."""

    def __init__(
        self,
        source: Source,
        space: Space,
        request: DiscoverRequest,
        name: str,
        measured: dict[str, np.ndarray],
        before: np.ndarray | None,
    ):
        self._source, self._request, self._name = source, request, name
        self._reach = reach * space.spread
        self._mask = source.row_mask(space.layers)
        self._seen = request.criterion != "plain"
        self._before = np.zeros((0, source.free)) if before is None else before
        self._still: list[Tensor] = []
        """What the layer (and the picture) is without a step."""
        self._typical = torch.ones(2)
        """(2,): mean square change of layer and picture along an average direction."""
        self._layer = _scaled(measured[name])
        self._picture = _scaled(measured[""]) if self._seen else None
        self._strangers = random_directions(request.seed, strangers, source.free)
        latents = source.latents(request.seed, 1000, batch)
        self._w = source.tensor(latents.truncated(source.truncation))

    def run(self, progress: Progress) -> Layerful:
        """Returns the directions, with the curve of their losses.

        The first loss is that of random directions, where the paper begins; the second that of the
        best for small steps.
        """
        some = self._tensor(self._strangers[:8])
        with torch.no_grad():
            self._still = self._outputs(self._w)
            self._typical = self._change(some).mean(dim=0)
        found = self._start()
        random = float(self._loss(some, found).mean())
        found.losses.append(np.full(len(found.rows), random))
        progress(0.0, f"Holding {self._name} still", None, (("loss", random),))
        return self._descend(found, progress)

    def _start(self) -> Layerful:
        """The best directions for small steps, one after the other."""
        rows: list[np.ndarray] = []
        chosen: list[float] = []
        limit = margin * float(np.einsum("nd,de,ne->n", self._strangers, self._layer,
                                         self._strangers).min())  # fmt: skip
        for _ in range(self._request.count):
            free = complement(np.concatenate([self._before, *[row[None] for row in rows]]))
            row, softening = self._most_visible(free, limit)
            rows.append(row)
            chosen.append(softening)
        return Layerful(self._name, np.stack(rows), np.array(chosen), [])

    def _most_visible(self, free: np.ndarray, limit: float) -> tuple[np.ndarray, float]:
        """Within the columns of `free` (D, k): the unit row, and its softening."""
        for softening in softenings if self._picture is not None else ():
            assert self._picture is not None
            weight = self._picture + softening * np.eye(len(self._picture))
            row = _least(self._layer, weight, free)
            if row @ self._layer @ row <= limit:
                return row, softening
        return _least(self._layer, np.eye(len(self._layer)), free), plain

    def _descend(self, found: Layerful, progress: Progress) -> Layerful:
        """Adam with the true step; the best step counts, the start included."""
        fixed = self._tensor(self._before)
        raw = self._tensor(found.rows).requires_grad_(True)
        adam = torch.optim.Adam([raw], rate)
        best: tuple[float, Tensor] | None = None
        for step in range(steps + 1):
            adam.param_groups[0]["lr"] = rate * 0.5 * (1.0 + np.cos(np.pi * step / steps))
            rows = orthonormal(raw, fixed)
            loss = self._loss(rows, found, gradient=step < steps, raw=raw)
            found.losses.append(loss.cpu().numpy())
            total = float(loss.mean())
            if best is None or total < best[0]:
                best = (total, rows.detach().clone())
            if step < steps:
                adam.step()
            picture = self._preview(best[1][0]) if step in (0, steps) else None
            done = (step + 1) / (steps + 1)
            progress(done, f"Holding {self._name} still", picture, (("loss", total),))
        assert best is not None
        exact = np.concatenate([self._before, best[1].cpu().double().numpy()])
        turned = np.linalg.qr(exact.T)[0].T[len(self._before) :]
        turned *= np.sign((turned * exact[len(self._before) :]).sum(axis=1, keepdims=True))
        return replace(found, rows=turned)

    def _loss(
        self, rows: Tensor, found: Layerful, gradient: bool = False, raw: Tensor | None = None
    ) -> Tensor:
        """(K,): the objective of rows (K, free); with `gradient` into raw.grad, row by row.

        One direction at a time: memory stays that of a few pictures. 1 is a random direction's.
        """
        total: list[Tensor] = []
        if raw is not None:
            raw.grad = None
        softening = np.resize(found.softening, len(rows))
        with torch.set_grad_enabled(gradient):
            for index, soft in enumerate(softening):
                change = self._change(rows[index : index + 1])[0] / self._typical
                loss = change[0]
                if np.isfinite(soft) and self._seen:
                    loss = loss / ((change[1] + soft) / (1.0 + soft))
                total.append(loss.detach())
                if gradient:
                    (loss / len(rows)).backward(retain_graph=index + 1 < len(rows))
        return torch.stack(total)

    def _change(self, rows: Tensor) -> Tensor:
        """(K, 2): mean square change of the layer and of the picture along rows (K, free)."""
        changes: list[Tensor] = []
        for row in rows:
            step = torch.nn.functional.pad(self._reach * row, (0, self._source.info.class_width))
            moved = self._outputs(self._w, self._mask * step)
            pairs = zip(moved, self._still, strict=True)
            changes.append(torch.stack([(a - b).square().mean() for a, b in pairs]))
        found = torch.stack(changes)
        return found if self._seen else torch.cat([found, torch.ones_like(found)], dim=1)

    def _outputs(self, w: Tensor, step: Tensor | None = None) -> list[Tensor]:
        """The layer's activations, and the picture where it counts."""
        ws = self._source.rows(w)
        found = self._source.read(ws if step is None else ws + step, (self._name,), self._seen)
        return [found[self._name], found[""]] if self._seen else [found[self._name]]

    def _preview(self, row: Tensor) -> Any:
        amounts = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])[:, None, None]
        step = np.pad(row.cpu().numpy(), (0, self._source.info.class_width))
        mask = self._mask.cpu().numpy()[None]
        moved = amounts * self._reach * step[None, None] * mask
        return strip(self._source, self._w[0].cpu().numpy(), moved)

    def _tensor(self, array: np.ndarray) -> Tensor:
        return self._source.tensor(array)


def orthonormal(raw: Tensor, fixed: Tensor) -> Tensor:
    """Rows (K, D) made orthonormal and orthogonal to the rows of `fixed` (M, D)."""
    free = raw - (raw @ fixed.T) @ fixed
    turned = torch.linalg.qr(free.T)[0].T
    return turned * torch.sign((turned * free).sum(dim=1, keepdim=True)).detach()


def complement(rows: np.ndarray) -> np.ndarray:
    """(D, D - M): an orthonormal basis of what is orthogonal to the orthonormal rows (M, D)."""
    count, width = rows.shape
    return np.linalg.qr(rows.T, mode="complete")[0][:, count:] if count else np.eye(width)


def random_directions(seed: int, count: int, width: int) -> np.ndarray:
    """(count, width) unit rows, uniform on the sphere."""
    rows = np.random.RandomState([seed, 50]).randn(count, width)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _scaled(moment: np.ndarray) -> np.ndarray:
    """So that an average direction has 1, and a layer that never moves divides by nothing."""
    return moment / max(np.trace(moment) / len(moment), 1e-30) + 1e-9 * np.eye(len(moment))


def _least(layer: np.ndarray, weight: np.ndarray, free: np.ndarray) -> np.ndarray:
    """The unit row of the columns' span with the smallest dᵀ layer d / dᵀ weight d."""
    lower = np.linalg.cholesky(free.T @ weight @ free)
    inner = np.linalg.solve(lower, np.linalg.solve(lower, free.T @ layer @ free).T)
    vector = np.linalg.eigh((inner + inner.T) / 2.0)[1][:, 0]
    row = free @ np.linalg.solve(lower.T, vector)
    row = row / np.linalg.norm(row)
    return row * np.sign(row[np.abs(row).argmax()])


def _finds(
    done: Layerful,
    request: DiscoverRequest,
    source: Source,
    measured: dict[str, np.ndarray],
    space: Space,
) -> list[Find]:
    """By how much more of the picture than of the layer changes; sigma measured."""
    vectors = np.pad(done.rows, ((0, 0), (0, source.info.class_width)))
    sigmas = measure_sigma(vectors, source)
    layer = np.einsum("kd,de,ke->k", done.rows, _scaled(measured[done.name]), done.rows)
    picture = np.ones(len(layer))
    if "" in measured:
        picture = np.einsum("kd,de,ke->k", done.rows, _scaled(measured[""]), done.rows)
    visible = np.full(len(layer), np.nan)
    if "" in measured:
        raw = np.einsum("kd,de,ke->k", done.rows, measured[""], done.rows)
        visible = 127.5 * np.sqrt(raw) * sigmas
    order = np.argsort(-picture / layer)
    finds: list[Find] = []
    for place, index in enumerate(order):
        facts: dict[str, Any] = {
            "layer": done.name,
            "loss": [round(float(one[index]), 5) for one in done.losses],
            "change": round(float(np.sqrt(layer[index])), 4),
            "reach": round(reach * space.spread, 5),
            "latents": moments.latents_for(source),
            "criterion": request.criterion,
        }
        if "" in measured:
            facts["picture"] = round(float(np.sqrt(picture[index])), 4)
            facts["ratio"] = round(float(np.sqrt(picture[index] / layer[index])), 3)
            # Root mean square of the picture's change for one σ, of 255.
            facts["levels"] = round(float(visible[index]), 2)
        name = f"{done.name} still {place + 1}"
        finds.append(Find(name, "w", vectors[index], float(sigmas[index]), request.layers, facts))
    return finds


def _stored(done: Layerful) -> dict[str, np.ndarray]:
    return {
        f"rows {done.name}": done.rows,
        f"soft {done.name}": done.softening,
        f"loss {done.name}": np.stack(done.losses),
    }


def _restored(state: dict[str, np.ndarray], name: str) -> Layerful | None:
    if f"rows {name}" not in state:
        return None
    losses = list(state[f"loss {name}"])
    return Layerful(name, state[f"rows {name}"], state[f"soft {name}"], losses)
