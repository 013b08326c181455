"""Classifier heads on real features: what a tag's head responds to is known to be the tag."""

from __future__ import annotations

import csv
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

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


def heads(archive: Path, first: int = 5000) -> Heads:
    """Ridge regression of each tag on Lite0's 1,280 features."""
    with tempfile.TemporaryDirectory() as folder:
        unpack(archive, Path(folder), taught + shown, first)
        with (Path(folder) / "captions.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        features = _features([Path(folder) / row["file"] for row in rows])
    found = [set(tags(row["caption"])) for row in rows]
    count = [Counter(t for one in part for t in one) for part in (found[:taught], found[taught:])]
    known = sorted(tag for tag in count[0] if min(count[0][tag], count[1][tag]) >= fewest)
    wanted = np.array([[tag in one for tag in known] for one in found[:taught]], np.float64)
    mean, spread = features[:taught].mean(0), features[:taught].std(0) + 1e-6
    x = (features - mean) / spread
    a = x[:taught]
    weights = a.T @ np.linalg.solve(a @ a.T + ridge * a.shape[1] / 100 * np.eye(taught),
                                    wanted - wanted.mean(0))  # fmt: skip
    values = x[taught:] @ weights
    values += noise * values.std(0) * np.random.RandomState(0).randn(*values.shape)
    kept = rows[taught:]
    return Heads(
        tuple(row["file"] for row in kept), tuple(row["caption"] for row in kept),
        values.astype(np.float32), tuple(known),
    )  # fmt: skip


def _features(paths: list[Path]) -> np.ndarray:
    """(N, 1280) float64."""
    import torch

    from engine.inspect.modules import open_module
    from models.efficientnet_lite import preprocess

    module = open_module("efficientnet-lite0", "cpu").module
    out: list[np.ndarray] = []
    with torch.inference_mode():
        for start in range(0, len(paths), 16):
            pictures = [
                np.asarray(Image.open(path).convert("RGB").resize((160, 160)))
                for path in paths[start : start + 16]
            ]
            x = preprocess(torch.from_numpy(np.stack(pictures)))
            out.append(module.features(x).double().numpy())  # type: ignore[operator]
    return np.concatenate(out)
