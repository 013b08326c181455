"""A folder or a zip of pictures as training data: decoded once, then read from a flat file."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from engine.progress import Progress
from models.errors import LodestoneError

ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
FEWEST = 16


@dataclass(frozen=True)
class PictureSet:
    """Pictures of one size, and their classes."""

    pixels: np.ndarray
    """(N, H, W, C) uint8, memory-mapped."""
    classes: np.ndarray
    """(N,) int64; all zero without classes."""
    class_names: tuple[str, ...]
    """Empty without classes."""
    skipped: int
    """Files that could not be read as pictures."""

    def __len__(self) -> int:
        return len(self.pixels)


def _members(source: Path) -> Iterator[tuple[str, bytes]]:
    """(relative posix name, file bytes) in sorted order."""
    if source.is_dir():
        for path in sorted(source.rglob("*")):
            if path.suffix.lower() in ENDINGS and path.is_file():
                yield path.relative_to(source).as_posix(), path.read_bytes()
        return
    with zipfile.ZipFile(source) as archive:
        for name in sorted(archive.namelist()):
            if name.lower().endswith(ENDINGS) and not name.startswith("__MACOSX/"):
                yield name, archive.read(name)


def _count(source: Path) -> int:
    if not source.exists():
        raise LodestoneError(
            f"There is nothing at {source}. Choose a folder or a zip file of pictures."
        )
    if source.is_dir():
        return sum(path.suffix.lower() in ENDINGS for path in source.rglob("*"))
    if not zipfile.is_zipfile(source):
        raise LodestoneError(
            f"{source.name} is neither a folder nor a zip file. Training needs a folder or a zip "
            "of pictures."
        )
    with zipfile.ZipFile(source) as archive:
        return sum(name.lower().endswith(ENDINGS) for name in archive.namelist())


def square(picture: Image.Image, resolution: int) -> np.ndarray:
    """Upright, on white where transparent, centre-cropped: (R, R, 3) uint8."""
    picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith("I"):  # 16 bits a pixel, which a plain conversion would clip
        deep = np.asarray(picture).astype(np.int64)
        picture = Image.fromarray((deep // 257).clip(0, 255).astype(np.uint8))
    if picture.mode in ("RGBA", "LA", "P", "PA"):
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    picture = picture.convert("RGB")
    fitted = ImageOps.fit(picture, (resolution, resolution), Image.Resampling.LANCZOS)
    return np.asarray(fitted)


def read_labels(path: Path) -> dict[str, str]:
    """File name -> class, from a CSV with columns `file` and `class` (or `class_folder`)."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LodestoneError(f"The labels {path.name} cannot be read: {error}.") from error
    columns = rows[0].keys() if rows else ()
    column = next((name for name in ("class", "class_folder") if name in columns), None)
    if column is None or "file" not in columns:
        raise LodestoneError(
            f"{path.name} needs the columns `file` and `class` on its first line. "
            "Add them, or sort the pictures into one folder per class."
        )
    return {PurePosixPath(row["file"]).name: row[column] for row in rows}


def _class_of(name: str, labels: dict[str, str] | None) -> str | None:
    path = PurePosixPath(name)
    if labels is not None:
        return labels.get(path.name)
    return path.parent.name or None


def load_pictures(
    source: Path,
    resolution: int,
    cache: Path,
    progress: Progress,
    conditional: bool = False,
    labels: Path | None = None,
) -> PictureSet:
    """Decode every picture to `resolution` px once, into the flat file `cache`.

    With `conditional`, the class is the name of the folder a picture lies in, or comes from
    `labels`; pictures without a class are left out. Raises LodestoneError when fewer than 16
    pictures can be used.
    """
    total = _count(source)
    table = read_labels(labels) if labels else None
    names: list[str] = []
    skipped = 0
    cache.parent.mkdir(parents=True, exist_ok=True)
    with cache.open("wb") as flat:
        for index, (name, data) in enumerate(_members(source)):
            kind = _class_of(name, table) if conditional else ""
            try:
                if kind is None:
                    raise ValueError("no class")
                with Image.open(io.BytesIO(data)) as picture:
                    flat.write(square(picture, resolution).tobytes())
                names.append(kind)
            except (OSError, ValueError, UnidentifiedImageError, Image.DecompressionBombError):
                skipped += 1
            if index % 50 == 0:
                progress(index / max(total, 1), f"Reading picture {index + 1} of {total}")
    if len(names) < FEWEST:
        raise LodestoneError(
            f"Only {len(names)} usable pictures were found in {source.name}; training needs at "
            f"least {FEWEST}. Add pictures (PNG, JPEG, WebP, TIFF)."
        )
    shape = (len(names), resolution, resolution, 3)
    pixels = np.memmap(cache, dtype=np.uint8, mode="r", shape=shape)
    kinds = tuple(sorted(set(names))) if conditional else ()
    order = {kind: index for index, kind in enumerate(kinds)}
    classes = np.array([order.get(name, 0) for name in names], dtype=np.int64)
    return PictureSet(pixels, classes, kinds, skipped)
