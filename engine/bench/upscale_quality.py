"""FREDSR on pictures it did not learn from: PSNR by both protocols, and how it looks.

Folders named set5 and set14 are held against the targets of those academic sets, any other folder
against Lanczos. Of a folder that the model learnt from, only what its training kept apart counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from engine.bench.figure import Figure, at_least, at_most, missing
from engine.bench.upscale_seen import SMALLEST, Seen
from engine.messages import UpscaleSettings
from engine.progress import Progress
from engine.upscale.enlarge import enlarge
from engine.upscale.files import KINDS, read_picture
from engine.upscale.opened import open_upscaler
from engine.upscale.resample import apply, cubic, matrix
from engine.upscale.shelf import heads
from engine.upscale.train.data import read_pictures
from engine.upscale.train.judge import psnr
from models.errors import LodestoneError
from models.files import load_model, read_card

SCALE = 3
TARGETS = {"set5": 32.9, "set14": 29.5}
"""PSNR-Y in dB, antialiased bicubic protocol."""
FSRCNN = {"set5": 30.60}
"""dB of OpenCV's FSRCNN weights by the plain protocol: measured once, they are not ours to ship."""
NUMBERS = 37_000
MOST = 40
"""Pictures of a folder."""
LARGEST = 1440
"""Pixels a side of what is used: the middle of larger pictures."""
LOOKED = 480
"""Pixels a side of what is looked at by layers."""
_TAIL = 12
"""Pixels around a picture for the kernels, mirrored or repeated."""


@dataclass(frozen=True, eq=False)
class Folder:
    """Test pictures (H, W, 3) uint8, sides multiples of the scale."""

    name: str
    pictures: tuple[np.ndarray, ...]
    apart: bool
    """They are what a training kept apart."""


def measures(folders: Sequence[str | Path] = ()) -> Iterator[Figure]:
    """Of these folders of large pictures; without any, only what needs none."""
    yield from _numbers()
    known = heads("fredsr")
    if SCALE not in known:
        yield missing("FREDSR x3", "dB", None, "the bundled upscaler is not here")
        return
    if not folders:
        note = "give folders of large pictures: --pictures SET5 SET14 PHOTOGRAPHS"
        yield missing("PSNR-Y x3, antialiased bicubic", "dB", ">= 32.9 (Set5)", note)
        yield missing("PSNR-Y x3, plain bicubic", "dB", ">= 31.6 (Set5)", note)
        yield missing("photographs left out of training", "dB over Lanczos", ">= 1", note)
        yield missing("vivid: looks alike", "", "below fidelity", note)
        return
    for path in folders:
        folder = _read(Path(path), known[SCALE])
        yield from _by_psnr(folder)
        yield from _by_looks(folder)


def _numbers() -> Iterator[Figure]:
    for name in ("fredsr", "fredsr-vivid"):
        for scale, path in heads(name).items():
            count = sum(values.size for values in load_model(path)[1].values())
            yield at_most(f"{name} x{scale}: numbers that are learnt", count, "", NUMBERS)


def _read(path: Path, card: Path) -> Folder:
    """LodestoneError where there is no picture."""
    files = sorted(one for one in path.iterdir() if one.suffix.lower() in KINDS) if (
        path.is_dir()
    ) else []  # fmt: skip
    learnt = read_card(card).training.get("pictures")
    shared = isinstance(learnt, list) and bool({one.name for one in files} & set(learnt))
    if shared:
        found = read_pictures(path, 96, Progress()).apart
    else:
        found = tuple(_rgb(read_picture(one).pixels) for one in files[:MOST])
    if not found:
        raise LodestoneError(f"{path.name} holds no pictures. Choose another folder.")
    return Folder(path.name, tuple(middle(one, LARGEST) for one in found), shared)


def _rgb(pixels: np.ndarray) -> np.ndarray:
    if pixels.dtype == np.uint16:
        pixels = (pixels >> 8).astype(np.uint8)
    return pixels[..., [0, 0, 0]] if pixels.shape[2] < 3 else pixels[..., :3]


def middle(picture: np.ndarray, side: int) -> np.ndarray:
    """At most `side` pixels a side, a multiple of the scale."""
    height, width = (min(n, side) // SCALE * SCALE for n in picture.shape[:2])
    # The academic sets are cut from their upper left corner.
    top, left = (
        0 if n <= side else (n - m) // 2
        for n, m in zip(picture.shape[:2], (height, width), strict=True)
    )
    return picture[top : top + height, left : left + width]


# ---------------------------------------------------------------- by numbers


def shrunk(large: np.ndarray, kernel: str) -> np.ndarray:
    """(H, W, 3) uint8 -> (H/3, W/3, 3) uint8.

    kernel: `bicubic` (antialiased, mirrored borders, as MATLAB) or `plain` (a = -.75, repeated
    borders, as OpenCV's INTER_CUBIC)
    """
    mode = "symmetric" if kernel == "bicubic" else "edge"
    wide = np.pad(large, ((_TAIL, _TAIL), (_TAIL, _TAIL), (0, 0)), mode=mode)
    rows, columns = (
        matrix(n // SCALE, n + 2 * _TAIL, SCALE, "bicubic" if kernel == "bicubic" else "plain",
               _TAIL) for n in large.shape[:2]
    )  # fmt: skip
    small = apply(wide.transpose(2, 0, 1).astype(np.float32), rows, columns)
    return np.rint(small.clip(0, 255)).astype(np.uint8).transpose(1, 2, 0)


def lanczos(small: np.ndarray) -> np.ndarray:
    """(h, w, 3) uint8 -> 3 times, 0..1, 8 by 8 places and repeated borders as OpenCV's LANCZOS4."""
    return _by_kernel(small, lambda t: np.where(np.abs(t) < 4, np.sinc(t) * np.sinc(t / 4), 0))


def bicubic(small: np.ndarray) -> np.ndarray:
    """As OpenCV's INTER_CUBIC."""
    return _by_kernel(small, lambda t: cubic(t, -0.75))


def _by_kernel(small: np.ndarray, kernel: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    def rows(n: int) -> np.ndarray:
        centre = (np.arange(n * SCALE) + 0.5) / SCALE - 0.5 + _TAIL
        weights = kernel(np.arange(n + 2 * _TAIL)[None] - centre[:, None])
        return (weights / weights.sum(1, keepdims=True)).astype(np.float32)

    wide = np.pad(small, ((_TAIL, _TAIL), (_TAIL, _TAIL), (0, 0)), mode="edge")
    made = apply(
        wide.transpose(2, 0, 1).astype(np.float32), rows(small.shape[0]), rows(small.shape[1])
    )
    return made.transpose(1, 2, 0).clip(0, 255) / 255


def made(small: np.ndarray, settings: UpscaleSettings) -> np.ndarray:
    """(h, w, 3) uint8 -> 3 times, uint8 values as 0..1: exactly what a file would hold."""
    large = enlarge(small, open_upscaler(settings), settings)
    return large.astype(np.float32) / 255


def _by_psnr(folder: Folder) -> Iterator[Figure]:
    fredsr = UpscaleSettings("fredsr", SCALE, device="cpu")
    ways = {"fredsr": lambda small: made(small, fredsr), "lanczos": lanczos, "bicubic": bicubic}
    if heads("fredsr-vivid").get(SCALE):
        vivid = replace(fredsr, model="fredsr-vivid")
        ways["vivid"] = lambda small: made(small, vivid)
    count = f"{len(folder.pictures)} pictures" + (" kept apart in training" * folder.apart)
    for kernel, words in (("bicubic", "antialiased bicubic"), ("plain", "plain bicubic")):
        found = {name: _psnr(folder, kernel, way) for name, way in ways.items()}
        yield _held(folder, kernel, f"{folder.name}: PSNR-Y x3, {words}", found, count)
        if kernel == "bicubic" and "vivid" in found:
            yield at_least(f"{folder.name}: PSNR-Y x3 of vivid, {words}", found["vivid"], "dB",
                           round(found["lanczos"], 2), peer="Lanczos", peer_value=found["lanczos"],
                           note=count)  # fmt: skip


def _psnr(folder: Folder, kernel: str, way: Callable[[np.ndarray], np.ndarray]) -> float:
    pictures = folder.pictures
    return float(
        np.mean([psnr(way(shrunk(p, kernel)), p / np.float32(255), SCALE) for p in pictures])
    )


def _held(
    folder: Folder, kernel: str, name: str, found: dict[str, float], count: str
) -> Figure:  # fmt: skip
    ours, set_name = found["fredsr"], folder.name.lower()
    facts = {"peer": "Lanczos", "peer_value": found["lanczos"], "ratio": ours - found["lanczos"]}
    note = f"{count}; bicubic {found['bicubic']:.2f}, ratio = dB over Lanczos"
    if kernel == "plain":
        if set_name in FSRCNN:
            note += f", OpenCV's FSRCNN {FSRCNN[set_name]:.2f} (measured once)"
            return at_least(name, ours, "dB", FSRCNN[set_name] + 1, note=note, **facts)
        return Figure(name, ours, "dB", note=note, **facts)
    if set_name in TARGETS:
        return at_least(name, ours, "dB", TARGETS[set_name], note=note, **facts)
    return at_least(name, ours, "dB", round(found["lanczos"] + 1, 2), note=note, **facts)


# ---------------------------------------------------------------- by looks


def _by_looks(folder: Folder) -> Iterator[Figure]:
    """DISTS-lite (`Seen`) of vivid beside fidelity and Lanczos."""
    name = f"{folder.name}: how alike vivid looks (DISTS-lite, 0 = the same)"
    if not heads("fredsr-vivid").get(SCALE):
        yield missing(name, "", "below fidelity", "there is no bundled vivid model yet")
        return
    try:
        seen = Seen()
    except LodestoneError as error:
        yield missing(name, "", "below fidelity", error.sentence)
        return
    pictures = [middle(p, LOOKED) for p in folder.pictures if min(p.shape[:2]) >= SMALLEST]
    found = {
        model: float(np.mean([seen.distance(way(shrunk(p, "bicubic")), p / 255) for p in pictures]))
        for model, way in {
            "vivid": lambda small: made(small, UpscaleSettings("fredsr-vivid", device="cpu")),
            "fredsr": lambda small: made(small, UpscaleSettings("fredsr", device="cpu")),
            "lanczos": lanczos,
        }.items()
    }
    yield Figure(
        name, found["vivid"], "", "below fidelity", found["vivid"] < found["fredsr"],
        peer="fidelity", peer_value=found["fredsr"], ratio=found["vivid"] / found["fredsr"],
        note=f"{len(pictures)} pictures; Lanczos {found['lanczos']:.4f}",
    )  # fmt: skip
