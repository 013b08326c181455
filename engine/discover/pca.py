"""Principal components of w, of the styles, or of a layer's activations.

Härkönen et al., "GANSpace: Discovering Interpretable GAN Controls" (arXiv 2004.02546): components
of w (section 3.1), and components of activations regressed back to latents (section 3.2).

Moments are summed chunk by chunk (Chan, Golub and LeVeque, "Updating formulae", 1979), each class
around its own mean: the components are exact however the samples were cut, and no sample is kept.
Styles are an affine map of w, so theirs follow from w's moments without summing 9,000 x 9,000.
Activations are averaged over a grid of areas, as fine as `widest` numbers allow: 2 x 2 for 512
channels, 8 x 8 for 32.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from engine.discover.finds import Find
from engine.discover.kept import Store
from engine.discover.source import Source
from engine.messages import DiscoverRequest, Layer, LodestoneError
from engine.progress import Progress
from engine.steer.directions import affine_weights

widest = 2048
"""Numbers of an activation whose components are sought; 32 MiB of moments."""
finest = 8
"""Most areas a side."""
chunk_of = {"w": 1000, "s": 1000, "a": 100}
"""Samples summed at once, and lost at most when the process is killed."""


@dataclass(eq=False)
class Moments:
    """Count, means by group, and the sum of squares around them, of rows (N, D)."""

    counts: np.ndarray  # (groups,)
    means: np.ndarray  # (groups, D) float64
    squares: np.ndarray  # (D, D) float64: Σ (x - its group's mean)(x - its group's mean)ᵀ

    @staticmethod
    def empty(groups: int, width: int) -> Moments:
        return Moments(np.zeros(groups), np.zeros((groups, width)), np.zeros((width, width)))

    @staticmethod
    def of(arrays: Mapping[str, np.ndarray]) -> Moments:
        return Moments(arrays["counts"], arrays["means"], arrays["squares"])

    def arrays(self) -> dict[str, np.ndarray]:
        return {"counts": self.counts, "means": self.means, "squares": self.squares}

    def add(self, rows: np.ndarray, groups: np.ndarray) -> None:
        """Take in rows (N, D) that belong to `groups` (N,)."""
        rows = np.asarray(rows, np.float64)
        for group in np.unique(groups):
            own = rows[groups == group]
            mean = own.mean(axis=0)
            centred = own - mean
            self.squares += centred.T @ centred
            before, here = self.counts[group], len(own)
            moved = mean - self.means[group]
            self.squares += np.outer(moved, moved) * (before * here / (before + here))
            self.means[group] += moved * (here / (before + here))
            self.counts[group] += here

    def covariance(self) -> np.ndarray:
        """(D, D), within the groups."""
        freedom = self.counts.sum() - np.count_nonzero(self.counts)
        return self.squares / max(freedom, 1.0)


def pca(request: DiscoverRequest, source: Source, kept: Store, progress: Progress) -> list[Find]:
    """The first `count` components, by falling variance."""
    layer = next((one for one in source.info.layers if one.name == request.at), None)
    if request.space == "a":
        assert layer is not None
    moments = _summed(request, source, layer, kept, progress.part(0.0, 0.95))
    progress(0.96, "Solving")
    covariance = moments.covariance()
    if request.space == "w":
        return _of_w(request, covariance[: source.free, : source.free], source)
    if request.space == "s":
        return _of_styles(request, covariance, source)
    assert layer is not None
    return _of_activations(request, covariance, source)


def _summed(
    request: DiscoverRequest,
    source: Source,
    layer: Layer | None,
    kept: Store,
    progress: Progress,
) -> Moments:
    """Moments of w, or of activations with w behind them, over all samples."""
    size = min(chunk_of[request.space], request.samples)
    chunks = -(-request.samples // size)
    known = kept.load()
    done = int(known["done"]) if known else 0
    moments = Moments.of(known) if known else None
    what = f"activations of {request.at}" if request.space == "a" else request.space
    for chunk in range(done, chunks):
        count = min(size, request.samples - chunk * size)
        progress(chunk / chunks, f"Sampling {what}: {chunk * size:,} of {request.samples:,}")
        rows, groups = _chunk(request, source, layer, chunk, count, progress)
        if moments is None:
            moments = Moments.empty(source.groups, rows.shape[1])
        moments.add(rows, groups)
        if kept.due():
            kept.save({**moments.arrays(), "done": np.array(chunk + 1)})
    assert moments is not None
    return moments


def _chunk(
    request: DiscoverRequest,
    source: Source,
    layer: Layer | None,
    chunk: int,
    count: int,
    progress: Progress,
) -> tuple[np.ndarray, np.ndarray]:
    """(count, D) rows and their groups: w, or activations and then w."""
    drawn = source.latents(request.seed, chunk, count)
    if request.space != "a" or layer is None:
        return drawn.w, drawn.turn
    w = source.tensor(drawn.truncated(request.truncation))
    pooled: list[np.ndarray] = []
    together = 10
    for start in range(0, count, together):
        progress.check()
        with torch.inference_mode():
            found = source.read(source.rows(w[start : start + together]), (layer.name,), False)
            x = found[layer.name]
            pooled.append(
                nn.functional.adaptive_avg_pool2d(x, grid(x.shape)).flatten(1).cpu().numpy()
            )
    return np.concatenate([np.concatenate(pooled), drawn.w], axis=1), drawn.turn


def grid(shape: tuple[int, ...] | torch.Size) -> int:
    """Areas a side that activations (N, C, H, W) are averaged over."""
    side = int(np.sqrt(widest / shape[1]))
    return max(1, min(side, finest, shape[2], shape[3]))


def components(covariance: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of (D, D): (count, D) unit rows by falling variance, variances, shares of the whole.

    Each row is turned so that its largest number is positive, which makes it repeatable.
    """
    values, vectors = np.linalg.eigh(covariance)
    values = np.maximum(values[::-1], 0.0)
    rows = vectors.T[::-1][:count]
    turned = rows * np.sign(rows[np.arange(len(rows)), np.abs(rows).argmax(axis=1)])[:, None]
    return turned, values[:count], values[:count] / max(values.sum(), 1e-30)


def _of_w(request: DiscoverRequest, covariance: np.ndarray, source: Source) -> list[Find]:
    rows, values, shares = components(covariance, request.count)
    return [
        Find(f"pca {i + 1}", "w", _padded(row, source), float(np.sqrt(value)), request.layers,
             {"explained": float(share)})
        for i, (row, value, share) in enumerate(zip(rows, values, shares, strict=True))
    ]  # fmt: skip


def _of_styles(request: DiscoverRequest, covariance: np.ndarray, source: Source) -> list[Find]:
    """Σ_s = A Σ_w Aᵀ, whose eigenvectors are the left singular vectors of A Σ_w^½."""
    info = source.info
    chosen = [layer for layer in info.layers if _looked_at(layer, request)]
    weights = affine_weights(info.path, chosen)
    stacked = np.concatenate([weights[one.name] for one in chosen]) / np.sqrt(info.w_dim)
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    left, lengths, _ = np.linalg.svd(stacked @ root, full_matrices=False)
    places = np.concatenate(
        [np.arange(one.style_start, one.style_start + one.style_count) for one in chosen]
    )
    whole = float((lengths**2).sum())
    finds: list[Find] = []
    for index in range(request.count):
        row = left[:, index] * np.sign(left[np.abs(left[:, index]).argmax(), index])
        vector = np.zeros(sum(layer.style_count for layer in info.layers))
        vector[places] = row
        share = {"explained": float(lengths[index] ** 2 / max(whole, 1e-30))}
        finds.append(Find(f"pca s {index + 1}", "s", vector, float(lengths[index]), None, share))
    return finds


def _looked_at(layer: Layer, request: DiscoverRequest) -> bool:
    if request.at:
        return layer.name == request.at
    first, last = request.layers or (0, layer.ws_index)
    return layer.name != "input" and first <= layer.ws_index <= last


def _of_activations(request: DiscoverRequest, covariance: np.ndarray, source: Source) -> list[Find]:
    """GANSpace section 3.2: the latents that go with each component, by least squares.

    With coordinates x = V(y - μ), U = argmin Σ |U x - (w - w̄)|² is Σ_wy Vᵀ / λ, as the coordinates
    are uncorrelated. The direction is a column of U at unit length; its σ is that of the latents.
    """
    width = len(covariance) - source.info.w_dim
    rows, values, shares = components(covariance[:width, :width], request.count)
    free = slice(width, width + source.free)
    regressed = rows @ covariance[:width, free] / np.maximum(values, 1e-30)[:, None]
    latents = covariance[free, free]
    finds: list[Find] = []
    for index, column in enumerate(regressed):
        length = float(np.linalg.norm(column))
        if length == 0.0 or values[index] == 0.0:
            raise LodestoneError(
                f"{request.at} has only {index} components that latents move. Ask for fewer."
            )
        unit = column / length
        sigma = float(np.sqrt(unit @ latents @ unit))
        together = float(np.sqrt(values[index]) * length / max(sigma, 1e-30))
        facts = {"explained": float(shares[index]), "correlation": min(together, 1.0)}
        name = f"{request.at} pca {index + 1}"
        finds.append(Find(name, "w", _padded(unit, source), sigma, request.layers, facts))
    return finds


def _padded(row: np.ndarray, source: Source) -> np.ndarray:
    """(w_dim,): zero where w is the class."""
    return np.pad(row, (0, source.info.class_width))
