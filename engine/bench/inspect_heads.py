"""Classifier heads on real features: what a tag's head responds to is known to be the tag."""

from __future__ import annotations

import csv
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from engine.bench.portrait_recipes import unpack
from engine.inspect.tags import tags

taught, shown = 300, 300
"""Portraits the heads learn from, and others that words are chosen and judged on."""
fewest = 25
"""Portraits of a tag in each part."""
ridge = 30.0
noise = 0.25
"""Of a head's spread, added: real units are not clean."""


@dataclass(frozen=True)
class Heads:
    names: tuple[str, ...]
    labels: tuple[str, ...]
    values: np.ndarray
    """(N, U) answers of the heads on pictures they did not learn from."""
    truth: tuple[str, ...]


@dataclass(frozen=True)
class Observer:
    """Sees which tags a portrait has: ridge regression of each on Lite0's 1,280 features."""

    tags: tuple[str, ...]
    mean: np.ndarray
    spread: np.ndarray
    weights: np.ndarray
    levels: np.ndarray
    """(T,) above which a tag is said: as often as the recipes have it."""

    def answers(self, features: np.ndarray) -> np.ndarray:
        """(N, 1280) -> (N, T)."""
        return (features - self.mean) / self.spread @ self.weights

    def captions(self, pictures: Sequence[np.ndarray]) -> list[str]:
        """(H, W, 3) uint8 each -> what it sees of the recipe."""
        found = self.answers(_features(pictures)) > self.levels
        return [
            ", ".join(tag for tag, there in zip(self.tags, row, strict=True) if there)
            for row in found
        ]


def heads(archive: Path, first: int = 5000) -> Heads:
    """Answers on portraits that the heads did not learn from, with some noise."""
    made, features, rows = learn(archive, first)
    values = made.answers(features[taught:])
    values += noise * values.std(0) * np.random.RandomState(0).randn(*values.shape)
    kept = rows[taught:]
    return Heads(
        tuple(row["file"] for row in kept), tuple(row["caption"] for row in kept),
        values.astype(np.float32), made.tags,
    )  # fmt: skip


def learn(archive: Path, first: int = 5000) -> tuple[Observer, np.ndarray, list[dict[str, str]]]:
    """The observer, and features and captions of all portraits: those taught come first."""
    with tempfile.TemporaryDirectory() as folder:
        unpack(archive, Path(folder), taught + shown, first)
        with (Path(folder) / "captions.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        pictures = [Image.open(Path(folder) / row["file"]).convert("RGB") for row in rows]
        features = _features([np.asarray(picture) for picture in pictures])
    found = [set(tags(row["caption"])) for row in rows]
    count = [Counter(t for one in part for t in one) for part in (found[:taught], found[taught:])]
    known = sorted(tag for tag in count[0] if min(count[0][tag], count[1][tag]) >= fewest)
    wanted = np.array([[tag in one for tag in known] for one in found[:taught]], np.float64)
    mean, spread = features[:taught].mean(0), features[:taught].std(0) + 1e-6
    x = (features[:taught] - mean) / spread
    gram = x @ x.T + ridge * x.shape[1] / 100 * np.eye(taught)
    weights = x.T @ np.linalg.solve(gram, wanted - wanted.mean(0))
    seen = (features[taught:] - mean) / spread @ weights
    levels = np.array(
        [np.quantile(seen[:, tag], 1.0 - wanted[:, tag].mean()) for tag in range(len(known))]
    )
    return Observer(tuple(known), mean, spread, weights, levels), features, rows


def _features(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """(N, 1280) float64."""
    import torch

    from engine.inspect.modules import open_module
    from models.efficientnet_lite import preprocess

    module: Any = open_module("efficientnet-lite0", "cpu").module
    out: list[np.ndarray] = []
    with torch.inference_mode():
        for start in range(0, len(pictures), 16):
            small = [
                np.asarray(Image.fromarray(np.ascontiguousarray(one)).resize((160, 160)))
                for one in pictures[start : start + 16]
            ]
            x = preprocess(torch.from_numpy(np.stack(small)))
            out.append(module.features(x).double().numpy())
    return np.concatenate(out)
