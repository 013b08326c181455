"""The pictures that a network is shown: a folder, a zip, or a generator's own samples. No torch."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from engine import paths
from engine.codec import to_json
from engine.inspect.written import write_text
from engine.messages import LatentPart, LodestoneError, NetworkInfo, Probes, SteerRequest
from engine.progress import Progress

ENDINGS = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".tif", ".tiff", ".gif",
           ".avif", ".ppm", ".pgm", ".tga")  # fmt: skip
SAMPLES = 512
"""Of a generator, where no number is asked for."""
TABLES = ("labels.csv", "captions.csv")
_COLUMNS = ("label", "class", "class_folder", "caption", "text")
_FLAWS = (OSError, ValueError, SyntaxError, KeyError, IndexError, TypeError, EOFError,
          AttributeError, ArithmeticError, MemoryError, Image.DecompressionBombError,
          zipfile.BadZipFile, NotImplementedError, RuntimeError)  # fmt: skip
"""What Pillow and zipfile raise on damaged files."""

Fit = Callable[[np.ndarray], np.ndarray]
"""(H, W, 3) uint8 of any size -> (rows, columns, 3) uint8: what the network sees of it."""


@dataclass(frozen=True, eq=False)
class ProbeSet:
    """Pictures in a fixed order, with their names and labels."""

    names: tuple[str, ...]
    """Paths inside the folder or zip with /, or `seed 17`."""
    labels: tuple[str, ...]
    """One each; all empty where there are none."""
    digest: str
    """sha256 of names, labels and contents (recipes, for a generator's samples)."""
    pixels: np.ndarray | None = None
    """(N, rows, columns, 3) uint8, memory-mapped; None for a generator's samples, which are drawn
    when they are looked at."""
    file: Path | None = None
    """The .npy file of `pixels`."""
    requests: tuple[SteerRequest, ...] = ()
    """Recipes of a generator's samples."""
    skipped: tuple[tuple[str, str], ...] = ()
    """Files that could not be read, and why."""
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.names)


def read_probes(
    probes: Probes, info: NetworkInfo, fit: Fit, key: str, progress: Progress
) -> ProbeSet:
    """The probes for a network. `key` names what `fit` does, for the cache of decoded pictures."""
    if info.kind == "generator":
        return samples(probes, info)
    if not probes.data:
        raise LodestoneError(
            f"{info.name} makes no pictures of its own. Give it a folder or a zip of pictures."
        )
    return read_pictures(probes, info.input[1:], fit, key, progress)


# ---------------------------------------------------------------- a generator's samples


def samples(probes: Probes, info: NetworkInfo) -> ProbeSet:
    """Recipes of a generator's samples; classes take turns by seed."""
    if probes.data:
        raise LodestoneError(
            f"{info.name} is a generator: it is studied on its own samples. Leave the pictures out."
        )
    if probes.requests:
        requests = probes.requests
        names = tuple(f"picture {index + 1}" for index in range(len(requests)))
        labels = ("",) * len(names)
    else:
        seeds = _seeds(probes)
        names = tuple(f"seed {seed}" for seed in seeds)
        requests = tuple(sample(info, seed) for seed in seeds)
        kinds = info.classes
        labels = tuple(kinds[seed % len(kinds)] if kinds else "" for seed in seeds)
    text = to_json(requests) + json.dumps([names, labels])
    digest = hashlib.sha256((info.id + text).encode()).hexdigest()
    return ProbeSet(names, labels, digest, requests=requests, notes=_few(len(names)))


def sample(info: NetworkInfo, seed: int) -> SteerRequest:
    """The recipe of a generator's sample."""
    kinds = len(info.classes)
    classes = tuple(float(i == seed % kinds) for i in range(kinds))
    return SteerRequest(model=info.id, latent=(LatentPart(seed=seed),), classes=classes)


def _seeds(probes: Probes) -> tuple[int, ...]:
    if not probes.names:
        return tuple(range(probes.seed, probes.seed + (probes.count or SAMPLES)))
    found = [re.fullmatch(r"seed (\d+)", name.strip()) for name in probes.names]
    wrong = [name for name, match in zip(probes.names, found, strict=True) if match is None]
    if wrong:
        raise LodestoneError(
            f"{wrong[0]} is no sample of a generator. Samples are named such as seed 17."
        )
    return tuple(int(match[1]) for match in found if match)


# ---------------------------------------------------------------- files


def read_pictures(
    probes: Probes, size: tuple[int, int], fit: Fit, key: str, progress: Progress
) -> ProbeSet:
    """Decode every picture of a folder or zip once; a damaged one is skipped and listed.

    size: rows and columns that `fit` gives
    """
    with _Files(probes.data) as files:
        table = files.table()
        names = _chosen(files.names, probes)
        if not names:
            raise LodestoneError(
                f"There is no picture in {files.path}. Choose a folder or a zip with PNG, JPEG, "
                "WebP, TIFF, AVIF or BMP pictures."
            )
        found = _digest(files, names, table, progress)
        place = f"{found[:20]}-{hashlib.sha256(f'{key} {size}'.encode()).hexdigest()[:12]}"
        folder = paths.cache() / "probes"
        listed = _decoded(files, names, folder / place, (size, fit), progress)
    kept = tuple(name for name in names if name not in listed["skipped"])
    skipped = tuple(listed["skipped"].items())
    if not kept:
        raise LodestoneError(
            f"None of the {len(names)} pictures in {probes.data} can be read. Choose others.",
            "; ".join(f"{name}: {why}" for name, why in skipped[:5]),
        )
    file = folder / f"{place}.npy"
    pixels = np.load(file, mmap_mode="r")
    labels = tuple(label_of(name, table) for name in kept)
    if table is None and len(set(labels)) == 1:
        labels = ("",) * len(kept)  # all in one folder: its name tells nothing apart
    notes = _few(len(kept))
    if skipped:
        count = len(skipped)
        said = "1 file was" if count == 1 else f"{count} files were"
        notes += (f"{said} skipped because no picture could be read from it.",)
    return ProbeSet(kept, labels, found, pixels, file, (), skipped, notes)


def _digest(
    files: _Files, names: Sequence[str], table: Mapping[str, str] | None, progress: Progress
) -> str:
    """sha256 (hex) of names, labels and contents."""
    digest = hashlib.sha256()
    for index, name in enumerate(names):
        digest.update(f"{name}\0{label_of(name, table)}\0".encode("utf-8", "replace"))
        digest.update(hashlib.sha256(files.read(name, missing=b"")).digest())
        if index % 64 == 0:
            progress(0.0, f"Looking through {len(names):,} pictures")
    return digest.hexdigest()


def _few(count: int) -> tuple[str, ...]:
    if count >= 15:
        return ()
    pictures = "picture" if count == 1 else "pictures"
    return (
        f"Only {count} {pictures}: each is an exemplar of every unit, so they tell little. "
        "Some hundreds tell much.",
    )


def _decoded(
    files: _Files, names: Sequence[str], place: Path, how: tuple[tuple[int, int], Fit],
    progress: Progress,
) -> dict[str, Any]:  # fmt: skip
    """Fill the cache at `place` unless it is there; says what was skipped."""
    listing, file = place.with_suffix(".json"), place.with_suffix(".npy")
    if listing.is_file() and file.is_file():
        return json.loads(listing.read_text("utf-8"))
    place.parent.mkdir(parents=True, exist_ok=True)
    (rows, columns), fit = how
    raw = place.with_name(f"{place.name}.{os.getpid()}.part")
    skipped: dict[str, str] = {}
    try:
        with raw.open("wb") as flat:
            # The head is written when the number of pictures is known: 128 bytes are its room.
            flat.write(bytes(128))
            for index, name in enumerate(names):
                progress(0.0, f"Reading picture {index + 1:,} of {len(names):,}")
                try:
                    flat.write(fit(decoded(files.read(name))).tobytes())
                except _FLAWS as error:
                    skipped[name] = str(error) or type(error).__name__
            flat.seek(0)
            shape = (len(names) - len(skipped), rows, columns, 3)
            flat.write(_head(shape))
        os.replace(raw, file)
    finally:
        raw.unlink(missing_ok=True)
    listed = {"skipped": skipped}
    write_text(listing, json.dumps(listed))
    return listed


def _head(shape: tuple[int, ...]) -> bytes:
    """128 bytes: the head of an .npy file (format 1.0) of uint8."""
    text = repr({"descr": "|u1", "fortran_order": False, "shape": shape})
    return b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little") + text.ljust(117).encode() + b"\n"


def decoded(data: bytes) -> np.ndarray:
    """(H, W, 3) uint8, upright, on white where transparent. Raises what Pillow raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(data)) as image:
            return _pixels(image)


def _pixels(image: Image.Image) -> np.ndarray:
    upright: Any = ImageOps.exif_transpose(image)
    if upright.mode[0] in "IF":  # 16 or 32 bits a pixel, which a plain conversion would clip
        deep = np.nan_to_num(np.asarray(upright).astype(np.float64))
        top = float(deep.max(initial=0.0))
        full = (
            (1.0 if top <= 1.0 else max(top, 255.0)) if upright.mode == "F" else max(65535.0, top)
        )
        grey = np.rint(deep.clip(0, full) * (255.0 / full)).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if upright.mode in ("RGBA", "LA", "P", "PA", "La", "RGBa") or "transparency" in upright.info:
        upright = upright.convert("RGBA")
        white = Image.new("RGBA", upright.size, "white")
        upright = Image.alpha_composite(white, upright)
    return np.asarray(upright.convert("RGB"))


def _chosen(names: Sequence[str], probes: Probes) -> list[str]:
    """Those named; then at most `count`, evenly spread so that every sub-folder is there."""
    found = list(names)
    if probes.names:
        known = set(found)
        wrong = [name for name in probes.names if name not in known]
        if wrong:
            raise LodestoneError(f"There is no picture {wrong[0]} in {probes.data}. Check it.")
        found = [name for name in found if name in set(probes.names)]
    if 0 < probes.count < len(found):
        places = np.linspace(0, len(found) - 1, probes.count).round().astype(int)
        found = [found[place] for place in dict.fromkeys(places)]
    return found


# ---------------------------------------------------------------- labels


def label_of(name: str, table: Mapping[str, str] | None) -> str:
    """From the table by path or file name; else the name of the folder it lies in."""
    path = PurePosixPath(name)
    if table is not None:
        return table.get(name, table.get(path.name, ""))
    return path.parent.name


def read_table(text: str, name: str) -> dict[str, str]:
    """File -> label of a CSV with the columns `file` and `label` (or class, caption, text)."""
    rows = list(csv.DictReader(io.StringIO(text)))
    columns = [column for column in (rows[0] if rows else ()) if column]
    label = next((column for column in _COLUMNS if column in columns), None)
    if label is None or "file" not in columns:
        raise LodestoneError(
            f"{name} needs the columns `file` and `label` on its first line. Add them, or sort "
            "the pictures into one folder a label."
        )
    return {str(row["file"]).replace("\\", "/"): str(row[label] or "") for row in rows}


class _Files:
    """The pictures of a folder (with its sub-folders) or of a zip, by name."""

    def __init__(self, data: str):
        self.path = Path(data).expanduser()
        self._zip: zipfile.ZipFile | None = None
        if self.path.is_dir():
            found = self._walk()
        elif not self.path.exists():
            raise LodestoneError(f"There is nothing at {self.path}. Choose a folder or a zip.")
        elif zipfile.is_zipfile(self.path):
            self._zip = zipfile.ZipFile(self.path)
            found = (one for one in self._zip.namelist() if not one.startswith("__MACOSX/"))
        else:
            raise LodestoneError(
                f"{self.path.name} is neither a folder nor a zip. Choose one of pictures."
            )
        self.names = sorted(one for one in found if one.lower().endswith(ENDINGS))

    def _walk(self) -> Iterator[str]:
        for path in self.path.rglob("*"):
            inside = path.relative_to(self.path)
            if path.is_file() and not any(part.startswith(".") for part in inside.parts):
                yield inside.as_posix()

    def __enter__(self) -> _Files:
        return self

    def __exit__(self, *_: object) -> None:
        if self._zip is not None:
            self._zip.close()

    def read(self, name: str, missing: bytes | None = None) -> bytes:
        """A file's bytes; `missing` where it cannot be read, unless that is None."""
        try:
            return self._zip.read(name) if self._zip else (self.path / name).read_bytes()
        except _FLAWS:
            if missing is None:
                raise
            return missing

    def table(self) -> dict[str, str] | None:
        """labels.csv of the folder, in the zip, or beside the zip; None where there is none."""
        for name in TABLES:
            beside = (self.path if self._zip is None else self.path.parent) / name
            if self._zip is not None and name in self._zip.namelist():
                return self._table(self._zip.read(name), name)
            if beside.is_file():
                return self._table(beside.read_bytes(), name)
        return None

    @staticmethod
    def _table(data: bytes, name: str) -> dict[str, str]:
        try:
            return read_table(data.decode("utf-8-sig"), name)
        except (UnicodeDecodeError, csv.Error) as error:
            raise LodestoneError(
                f"The labels {name} cannot be read. Save them as CSV in UTF-8.", repr(error)
            ) from error
