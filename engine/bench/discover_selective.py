"""Directions without labels: do they hold what they promise, and agree with the field?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from safetensors import safe_open

from engine.bench.figure import Figure, at_least, at_most, missing
from engine.messages import DiscoverRequest, ModelInfo

generators = ("fruit", "portraits")
held_out = 12
"""Latents that the search never saw."""
wanted = 2
"""Directions a layer."""
held = (("b16.conv1", "visible"), ("b8.conv1", "plain"))
"""Layer and criterion, in the order of the search: the second avoids the first's directions."""
samples = 10_000


def measures() -> Iterator[Figure]:
    """On each bundled generator; about a minute of processor time."""
    from engine.library import Library

    infos = [one for one in Library().models() if one.name in generators and one.bundled]
    if not infos:
        yield missing("selective directions", "", None, "the bundled generators are not here")
    for info in infos:
        yield _sefa(info)
        yield _pca(info)
        yield from _selective(info)


def smallest_cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Of the principal angles between the spans of rows (K, D), the cosine of the largest."""
    turned = np.linalg.qr(a.T)[0].T @ np.linalg.qr(b.T)[0]
    return float(np.linalg.svd(turned, compute_uv=False).min())


def _sefa(info: ModelInfo) -> Figure:
    """Against right singular vectors of the raw weights, read and stacked here once more."""
    from engine.discover.source import Source
    from engine.steer.directions import sefa

    found = np.stack([one.vector.array() for one in sefa(Source(info), count=20)])
    with safe_open(info.path, framework="numpy") as card:
        names = [n for n in card.keys() if n.endswith("affine.weight")]  # noqa: SIM118
        last = f"b{info.resolution}.torgb"
        wanted_here = [n for n in names if "torgb" not in n or last in n]
        rows = np.concatenate([card.get_tensor(n).astype(np.float64) for n in wanted_here])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    independent = np.asarray(np.linalg.svd(rows, full_matrices=False)[2])[:20]
    cosine = smallest_cosine(found, independent)
    name = f"{info.name}: SeFa's first 20 against a singular value decomposition"
    return at_least(name, cosine, "cosine", 0.999, peer="numpy svd", note="largest angle")


def _pca(info: ModelInfo) -> Figure:
    """Against scikit-learn on the same latents, each class around its own mean."""
    from engine.discover.pca import Moments, components
    from engine.discover.source import Source

    name = f"{info.name}: first 20 components of w against IncrementalPCA"
    try:
        from sklearn.decomposition import IncrementalPCA
    except ImportError:
        return missing(name, "cosine", ">= 0.99", "scikit-learn is not installed")
    source = Source(info)
    chunks = [source.latents(0, index, 1000) for index in range(samples // 1000)]
    moments = Moments.empty(source.groups, info.w_dim)
    for chunk in chunks:
        moments.add(chunk.w, chunk.turn)
    ours = components(moments.covariance(), 20)[0]
    w, turn = np.concatenate([c.w for c in chunks]), np.concatenate([c.turn for c in chunks])
    means = np.stack([w[turn == group].mean(axis=0) for group in range(source.groups)])
    peer = IncrementalPCA(n_components=min(80, info.w_dim), batch_size=1000).fit(w - means[turn])
    cosine = smallest_cosine(ours, np.asarray(peer.components_)[:20])
    return at_least(name, cosine, "cosine", 0.99, peer="scikit-learn", note="largest angle")


def _selective(info: ModelInfo) -> Iterator[Figure]:
    """Two layers as the job does them, then judged on latents the search never saw."""
    from engine.discover import moments
    from engine.discover.kept import Memory
    from engine.discover.selective import Search, reach
    from engine.discover.source import Source
    from engine.progress import Progress

    source = Source(info)
    space = moments.Space(moments.spread_of(source), None)
    names = [name for name, _ in held]
    count = moments.latents_for(source)
    measured = moments.measure(source, names, space, 0, Memory(), Progress(), count)
    before: np.ndarray | None = None
    for name, criterion in held:
        request = _request(info, name, criterion)
        done = Search(source, space, request, name, measured, before).run(Progress())
        yield from _judged(info, source, name, criterion, done, reach * space.spread)
        before = done.rows if before is None else np.concatenate([before, done.rows])
    assert before is not None
    off = float(np.abs(before @ before.T - np.eye(len(before))).max())
    yield at_most(f"{info.name}: selective directions are orthogonal", off, "cosine", 1e-4)


def _request(info: ModelInfo, name: str, criterion: str) -> DiscoverRequest:
    return DiscoverRequest(
        model=info.id, method="selective", out="", at=name, count=wanted,
        criterion="plain" if criterion == "plain" else "visible",
    )  # fmt: skip


def _judged(
    info: ModelInfo, source: Any, name: str, criterion: str, done: Any, length: float
) -> Iterator[Figure]:
    what = f"{info.name}, {name} held still, {criterion}"
    fall = 100.0 * float(np.min(1.0 - done.losses[-1] / done.losses[0]))
    note = (
        f"{wanted} directions, the lesser; from random directions to {len(done.losses) - 2} steps"
    )
    yield at_least(f"{what}: loss falls", fall, "%", 30.0, note=note)
    strangers = np.random.RandomState(99).randn(50, source.free)
    strangers /= np.linalg.norm(strangers, axis=1, keepdims=True)
    w = source.tensor(source.latents(12345, 0, held_out).w)
    mine = change_of(source, name, w, done.rows, length)
    theirs = change_of(source, name, w, strangers, length)
    yield at_most(
        f"{what}: change of the layer, of the least of 50 random directions",
        float(mine.max() / theirs.min()), "times", 1.0, peer="random directions",
        note=f"{held_out} unseen latents; {mine.max() / theirs.mean():.2f} times their mean",
    )  # fmt: skip
    seen = change_of(source, "", w[:4], done.rows, length)
    usual = change_of(source, "", w[:4], strangers[:16], length).mean()
    yield Figure(
        f"{what}: change of the picture, of the mean of random directions",
        float(seen.min() / usual), "times", note="mean squares, the less visible direction",
    )  # fmt: skip


def change_of(
    source: Any, name: str, w: Any, rows: np.ndarray | Sequence[np.ndarray], length: float
) -> np.ndarray:
    """(K,): mean square change of a layer (or of the picture, ``) for a step of `length`."""
    import torch

    wanted_here, picture = ((name,), False) if name else ((), True)
    changes: list[float] = []
    with torch.inference_mode():
        still = source.read(source.rows(w), wanted_here, picture)[name]
        for row in rows:
            step = source.tensor(np.pad(length * row, (0, source.info.class_width)))
            moved = source.read(source.rows(w + step), wanted_here, picture)[name]
            changes.append(float((moved - still).square().mean()))
    return np.array(changes)
