"""Patches to learn from: an artist's pictures made smaller in many ways, and drawn lines.

Every draw takes another place, size, turn and way of shrinking, so that a few pictures last long.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from engine.progress import Progress
from engine.upscale.resample import Kernel, apply, matrix
from engine.upscale.train.drawn import drawn
from models.errors import LodestoneError

LONGEST = 1920
"""Pixels: larger pictures are shrunk first, which also takes their JPEG noise away."""
MOST_PIXELS = 160_000_000
"""Of all pictures together; more of them are left out."""
MARGIN = 8
"""Pixels of the large patch around what is learnt from, for the kernels' tails."""
DRAWN, DRAWN_SIDE = 24, 400
"""Drawn sheets, and their side in pixels."""
KINDS = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".avif", ".gif")


@dataclass(frozen=True)
class Mix:
    """How often a patch is made smaller in which way; shares of all."""

    bicubic: float = 0.70
    plain: float = 0.14
    area: float = 0.07
    lanczos: float = 0.04
    lines: float = 0.06
    """Patches of drawn edges, text and gradients."""
    flat: float = 0.04
    """Patches of one colour, from pale to pure: they have to stay what they are."""
    spoilt: float = 0.06
    """Of the small patches, how many get a mild blur, noise or JPEG on top."""


FITTED = Mix(0.8, 0.1, 0.05, 0.05, lines=0.0, flat=0.02, spoilt=0.03)
"""For an artist's own pictures: edges in general are known already."""


@dataclass(frozen=True, eq=False)
class Pictures:
    """The pictures of a folder in memory, (H, W, 3) uint8."""

    learnt: tuple[np.ndarray, ...]
    """At three sizes each."""
    apart: tuple[np.ndarray, ...]
    """Kept to judge by."""
    names: tuple[str, ...]


def read_pictures(data: str | Path, smallest: int, progress: Progress) -> Pictures:
    """Every readable picture of a folder or zip; each eighth (at least one) is kept apart.

    smallest: pixels a side that a patch needs
    Raises `LodestoneError` when there is nothing to learn from.
    """
    found, names, pixels = [], [], 0
    for name, content in _files(Path(data)):
        progress.check()
        picture = _opened(content)
        if picture is None or min(picture.shape[:2]) < smallest:
            continue
        pixels += picture.shape[0] * picture.shape[1]
        if pixels > MOST_PIXELS:
            break
        found.append(picture)
        names.append(name)
    if not found:
        raise LodestoneError(
            f"{Path(data).name} holds no picture of {smallest} x {smallest} pixels or more. "
            "Choose another folder."
        )
    if len(found) == 1:
        # A single picture: its right end is kept apart.
        cut = max(smallest, found[0].shape[1] * 3 // 4)
        apart = [found[0][:, cut:]] if found[0].shape[1] - cut >= smallest else [found[0]]
        learnt = [found[0][:, :cut]]
    else:
        apart = found[3::8] or found[-1:]
        learnt = [p for i, p in enumerate(found) if not any(p is one for one in apart)]
    smaller = [half for p in learnt for half in _smaller(p) if min(half.shape[:2]) >= smallest]
    return Pictures((*learnt, *smaller), tuple(apart), tuple(names))


def _files(data: Path) -> Iterator[tuple[str, bytes]]:
    try:
        if data.is_dir():
            for path in sorted(data.rglob("*")):
                if path.suffix.lower() in KINDS and path.is_file():
                    yield path.name, path.read_bytes()
        else:
            with zipfile.ZipFile(data) as archive:
                for entry in sorted(archive.namelist()):
                    if Path(entry).suffix.lower() in KINDS:
                        yield Path(entry).name, archive.read(entry)
    except (OSError, zipfile.BadZipFile) as error:
        raise LodestoneError(
            f"{data.name} cannot be read as a folder or zip of pictures. Choose another.",
            repr(error),
        ) from error


def _opened(content: bytes) -> np.ndarray | None:
    """(H, W, 3) uint8; None for what is no picture."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            noisy = image.format in ("JPEG", "WEBP")
            picture = ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    longest = max(picture.size)
    share = min(1.0, LONGEST / longest)
    if noisy and longest >= 1200:
        share = min(share, 0.5)
    if share < 1.0:
        size = (max(1, round(picture.width * share)), max(1, round(picture.height * share)))
        picture = picture.resize(size, Image.Resampling.BOX if share <= 0.5 else _SMOOTH)
    return np.asarray(picture)


_SMOOTH = Image.Resampling.LANCZOS


def _smaller(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    image = Image.fromarray(picture)
    thirds = (image.width * 2 // 3, image.height * 2 // 3)
    halves = (image.width // 2, image.height // 2)
    return (
        np.asarray(image.resize(thirds, Image.Resampling.BICUBIC)),
        np.asarray(image.resize(halves, Image.Resampling.BOX)),
    )


class Patches:
    """Endless batches of (small, plain enlargement, large)."""

    def __init__(
        self, pictures: Pictures, scale: int, side: int, seed: int, mix: Mix | None = None
    ):
        self.scale, self.side = scale, side
        self.mix = mix or Mix()
        self.random = np.random.default_rng(seed)
        lines = [drawn(DRAWN_SIDE, self.random) for _ in range(DRAWN)]
        self._sheets = (*pictures.learnt, *lines)
        sizes = np.sqrt([sheet.shape[0] * sheet.shape[1] for sheet in pictures.learnt])
        shares = sizes / sizes.sum() * (1 - self.mix.lines)
        self._shares = np.concatenate([shares, np.full(DRAWN, self.mix.lines / DRAWN)])
        self.span = side * scale + 2 * MARGIN
        kernels: tuple[Kernel, ...] = ("bicubic", "plain", "area", "lanczos")
        self._shrink = [matrix(side, self.span, scale, kernel, MARGIN) for kernel in kernels]
        self._enlarge = matrix(side * scale, side, 1 / scale, "bicubic")

    def batch(self, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(N, 3, s, s), (N, 3, s·scale, …), (N, 3, s·scale, …) float32 in 0..1.

        The outer pixels of the enlargement lack their neighbours: leave them out of a loss.
        """
        large = np.stack([self._patch() for _ in range(count)]).transpose(0, 3, 1, 2)
        large = np.ascontiguousarray(large)
        mix = self.mix
        shares = np.array([mix.bicubic, mix.plain, mix.area, mix.lanczos])
        ways = self.random.choice(4, count, p=shares / shares.sum())
        small = np.empty((count, 3, self.side, self.side), np.float32)
        for way, rows in enumerate(self._shrink):
            chosen = ways == way
            if chosen.any():
                small[chosen] = apply(large[chosen], rows, rows)
        for index in np.flatnonzero(self.random.random(count) < mix.spoilt):
            small[index] = spoilt(small[index].transpose(1, 2, 0), self.random).transpose(2, 0, 1)
        small = np.rint(small.clip(0, 1) * 255) / np.float32(255)
        plain = apply(small, self._enlarge, self._enlarge)
        inside = slice(MARGIN, -MARGIN)
        return small, plain, np.ascontiguousarray(large[:, :, inside, inside])

    def _patch(self) -> np.ndarray:
        """(span, span, 3) float32 in 0..1: of two places the one where more happens."""
        random = self.random
        if random.random() < self.mix.flat:
            # Twice the range, cut: each value is 0 or 1 half of the time.
            colour = np.clip(2 * random.random(3) - 0.5, 0, 1)
            return np.broadcast_to(colour.astype(np.float32), (self.span, self.span, 3))
        picture = self._sheets[random.choice(len(self._sheets), p=self._shares)]
        places = [self._cut(picture) for _ in range(2)]
        patch = max(places, key=_activity).astype(np.float32) / 255
        if random.random() < 0.5:
            patch = patch[::-1]
        if random.random() < 0.5:
            patch = patch[:, ::-1]
        if random.random() < 0.5:
            patch = patch.transpose(1, 0, 2)
        if random.random() < 0.3:
            patch = patch[..., random.permutation(3)]
        return patch

    def _cut(self, picture: np.ndarray) -> np.ndarray:
        top = self.random.integers(0, picture.shape[0] - self.span + 1)
        left = self.random.integers(0, picture.shape[1] - self.span + 1)
        return picture[top : top + self.span, left : left + self.span]


def _activity(patch: np.ndarray) -> float:
    return float(np.abs(np.diff(patch[::2, ::2, 1].astype(np.int16), axis=0)).mean())


def spoilt(small: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """(h, w, 3) with a mild blur, noise or JPEG, as pictures from the world have them."""
    way = random.integers(3)
    if way == 0:
        share = np.float32(random.uniform(0.05, 0.25))
        around = np.pad(small, ((1, 1), (1, 1), (0, 0)), mode="edge")
        cross = around[2:, 1:-1] + around[:-2, 1:-1] + around[1:-1, 2:] + around[1:-1, :-2]
        return small * (1 - share) + cross * (share / 4)
    if way == 1:
        sigma = np.float32(random.uniform(1, 5) / 255)
        return small + sigma * random.standard_normal(small.shape, dtype=np.float32)
    buffer = io.BytesIO()
    image = Image.fromarray(np.rint(small.clip(0, 1) * 255).astype(np.uint8))
    image.save(buffer, "JPEG", quality=int(random.integers(60, 95)))
    return np.asarray(Image.open(buffer), np.float32) / 255
