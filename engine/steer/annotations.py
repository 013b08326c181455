"""Descriptions as files: the CSV of visual-vocab, with the steps beside it as an array. No torch.

`annotations.csv` has the columns `d_id` and `annotation`, several rows a step; `d_id` is the row of
the array of steps (`ds.npy`, or `ds.pth` as released with arXiv 2110.04292). Files written here
have further columns, so that nothing but the pictures' seeds is lost; every one may be missing.
"""

from __future__ import annotations

import csv
import hashlib
import io
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.messages import (
    Annotation,
    Direction,
    LatentPart,
    LodestoneError,
    ModelInfo,
    Pair,
    Space,
    SteerRequest,
    Vector,
)
from engine.steer.latents import num_styles
from models.files import write_atomically

needed = ("d_id", "annotation")
more = ("annotator", "flipped", "class", "layers", "sigma", "space", "pair", "created")
largest_file = 64 << 20
_TRUE = frozenset(("1", "true", "yes", "y", "x"))
_FALSE = frozenset(("", "0", "false", "no", "n"))


def write_annotations(
    path: str | Path, pairs: Sequence[Pair], annotations: Sequence[Annotation]
) -> Path:
    """The CSV at `path` and the steps (amount times σ times vector) beside it as `NAME.npy`.

    Returns the array's path. All pairs must be in one space, as an array has one shape.
    """
    path = Path(path)
    used = {note.pair for note in annotations}
    kept = [pair for pair in pairs if pair.key in used]
    kinds = Counter((pair.direction.space, pair.direction.vector.shape) for pair in kept)
    if len(kinds) != 1:
        spaces = ", ".join(sorted({space for space, _ in kinds})) or "none"
        raise LodestoneError(
            f"One CSV holds steps of one space, but these are in {spaces}. "
            "Save the project instead, or describe directions of one space."
        )
    steps = np.stack(
        [pair.amount * pair.direction.sigma * pair.direction.vector.array() for pair in kept]
    )
    number = {pair.key: index for index, pair in enumerate(kept)}
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow((*needed, *more))
    for note in annotations:
        if note.pair in number:
            index = number[note.pair]
            table.writerow((index, note.text, *_extras(note, kept[index])))
    array = io.BytesIO()
    np.save(array, steps.astype(np.float32))
    beside = path.with_suffix(".npy")
    write_atomically(beside, array.getvalue())
    write_atomically(path, text.getvalue().encode("utf-8", "replace"))
    return beside


def read_annotations(
    path: str | Path,
    vectors: str | Path | None = None,
    info: ModelInfo | None = None,
    space: Space | None = None,
) -> tuple[tuple[Pair, ...], tuple[Annotation, ...]]:
    """Pairs and annotations of a CSV; `vectors` are looked for beside it unless given.

    With `info` the steps must fit that generator. `space` is what the CSV says, else this, else
    what the shape says (z where z and w are equally wide, as in the paper).
    """
    path = Path(path)
    rows = list(_rows(path))
    steps = _steps(_beside(path) if vectors is None else Path(vectors))
    said = rows[0].cells.get("space") if rows else ""
    where = _space(said or space, steps, info)
    names = sorted({row.cells.get("class", "") for row in rows} - {""}, key=_by_number)
    pairs: dict[str, Pair] = {}
    notes: list[Annotation] = []
    for row in rows:
        pair = _pair(row, steps, where, names, info)
        if pairs.setdefault(pair.key, pair).direction.vector != pair.direction.vector:
            raise row.refuse(f"pair {pair.key:.40} is another step above. Give it another name.")
        notes.append(
            Annotation(
                pair.key,
                row.cells["annotation"],
                row.cells.get("annotator", "").strip(),
                row.flag("flipped"),
                row.number("created", 0.0),
            )
        )
    return tuple(pairs.values()), tuple(notes)


def _extras(note: Annotation, pair: Pair) -> tuple[object, ...]:
    one = pair.direction
    classes = pair.before.classes
    return (
        note.annotator,
        int(note.flipped),
        int(np.argmax(classes)) if classes else "",
        f"{one.layers[0]}-{one.layers[1]}" if one.layers else "",
        repr(one.sigma),
        one.space if not one.at else f"a:{one.at}",
        pair.key,
        repr(note.created),
    )


# ---------------------------------------------------------------- rows


@dataclass(frozen=True)
class _Row:
    cells: Mapping[str, str]
    file: str
    line: int

    def refuse(self, why: str) -> LodestoneError:
        return LodestoneError(f"Line {self.line} of {self.file}: {why}")

    def flag(self, name: str) -> bool:
        text = self.cells.get(name, "").strip().lower()
        if text not in _TRUE | _FALSE:
            raise self.refuse(f"{name} is {text!r:.40}. Write 1 or 0.")
        return text in _TRUE

    def number(self, name: str, default: float) -> float:
        text = self.cells.get(name, "").strip()
        try:
            value = float(text) if text else default
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise self.refuse(f"{name} is {text!r:.40}. Write a number.")
        return value

    def layers(self) -> tuple[int, int] | None:
        text = self.cells.get("layers", "").strip()
        if not text:
            return None
        first, dash, last = text.partition("-")
        if not (dash and first.isdecimal() and last.isdecimal() and int(first) <= int(last)):
            raise self.refuse(f"layers is {text!r:.40}. Write such as 4-7.")
        return int(first), int(last)


def _rows(path: Path) -> Iterator[_Row]:
    lines = csv.reader(io.StringIO(_text(path), newline=""), delimiter=_delimiter(_text(path)))
    try:
        header = [name.strip().lower() for name in next(lines, [])]
        missing = [name for name in needed if name not in header]
        if missing:
            raise LodestoneError(
                f"Line 1 of {path.name} has no column {' and no '.join(missing)}. "
                "The first line must name the columns d_id and annotation."
            )
        for cells in lines:
            if not any(cell.strip() for cell in cells):
                continue
            row = _Row(dict(zip(header, cells, strict=False)), path.name, lines.line_num)
            absent = [name for name in needed if name not in row.cells]
            if absent:
                raise row.refuse(f"there is no {absent[0]}. Fill the cell, or remove the line.")
            yield row
    except csv.Error as error:
        raise LodestoneError(
            f"Line {lines.line_num} of {path.name} could not be read. Save it as CSV again.",
            str(error),
        ) from error


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > largest_file:
            raise LodestoneError(f"{path.name} is too large for a CSV of descriptions.")
        content = path.read_bytes()
        wide = content[:2] in (b"\xff\xfe", b"\xfe\xff")
        return content.decode("utf-16" if wide else "utf-8-sig")
    except OSError as error:
        raise LodestoneError(
            f"{path.name} could not be read. Check the name.", str(error)
        ) from error
    except UnicodeDecodeError as error:
        raise LodestoneError(
            f"{path.name} is not text in UTF-8. Save it as CSV in UTF-8.", str(error)
        ) from error


def _delimiter(text: str) -> str:
    """Spreadsheets of many countries write semicolons."""
    first = text.partition("\n")[0]
    return max(",;\t", key=first.count)


# ---------------------------------------------------------------- steps


def _beside(path: Path) -> Path:
    for name in (f"{path.stem}.npy", "ds.npy", "ds.pth"):
        if (path.parent / name).is_file():
            return path.parent / name
    raise LodestoneError(
        f"The steps that {path.name} describes are missing. Put ds.npy beside it, or name the file."
    )


def _steps(path: Path) -> np.ndarray:
    """(N, P), or (N, num_ws, w_dim), float64."""
    try:
        if path.suffix.lower() == ".npy":
            array = np.load(path, allow_pickle=False)
        else:
            array = _tensor(path)
    except FileNotFoundError as error:
        raise LodestoneError(f"There is no file {path}. Check the name.", str(error)) from error
    except (OSError, ValueError, EOFError) as error:
        raise LodestoneError(
            f"{path.name} is not an array of steps. Save it with numpy.save.", str(error)
        ) from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
        raise LodestoneError(f"{path.name} does not hold an array of numbers.")
    if array.ndim not in (2, 3) or not array.size:
        shape = "x".join(map(str, array.shape))
        raise LodestoneError(f"{path.name} is {shape}, but steps are one a row. Choose another.")
    if not np.isfinite(array).all():
        raise LodestoneError(f"{path.name} holds numbers that are not finite.")
    return array.astype(np.float64)


def _tensor(path: Path) -> np.ndarray:
    """The one tensor of a torch file, by the restricted reader: nothing in it runs."""
    from models import archives, unpickler
    from models.pickled import TensorRef

    try:
        with open(path, "rb") as file:
            found = archives.read_archive(file)
            if isinstance(found, TensorRef):
                return found.numpy()
    except (
        unpickler.Forbidden,
        unpickler.Malformed,
        archives.TorchScript,
        archives.NotAModelArchive,
        *unpickler.FAULTS,
    ) as error:
        raise LodestoneError(
            f"{path.name} is not a tensor of steps. Save it with numpy.save as ds.npy.", repr(error)
        ) from error
    raise LodestoneError(f"{path.name} does not hold one tensor. Save it with numpy.save.")


def _space(said: str | None, steps: np.ndarray, info: ModelInfo | None) -> str:
    """`z`, `w`, `w+`, `s`, or `a:LAYER`."""
    shape = steps.shape[1:]
    if steps.ndim == 3:
        fitting = ["w+"] if info is None or shape == (info.num_ws, info.w_dim) else []
    elif info is None:
        fitting = ["z", "w", "s"]
    else:
        sizes = {"z": info.z_dim, "w": info.w_dim, "s": num_styles(info)}
        fitting = [name for name, size in sizes.items() if shape == (size,)]
    if said and (said in fitting or (said.startswith("a:") and steps.ndim == 2)):
        return said
    if said or not fitting:
        whom = f" of {info.name}" if info else ""
        raise LodestoneError(
            f"Steps of {'x'.join(map(str, shape))} numbers are not in {said or 'any space'}{whom}. "
            "Choose the generator they were made with, or another space."
        )
    return fitting[0]


def _pair(
    row: _Row, steps: np.ndarray, where: str, names: Sequence[str], info: ModelInfo | None
) -> Pair:
    text = row.cells["d_id"].strip()
    if not (text.isdecimal() and len(text) < 10 and int(text) < len(steps)):
        raise row.refuse(f"d_id is {text!r:.40}. Write a number from 0 to {len(steps) - 1}.")
    step = steps[int(text)]
    sigma = row.number("sigma", 1.0)
    length = float(np.linalg.norm(np.atleast_2d(step), axis=-1).max())
    if not length > 0.0 or not sigma > 0.0:
        raise row.refuse("this step moves nothing. Remove the line.")
    kind, _, at = where.partition(":")
    name = row.cells.get("class", "")
    direction = Direction(
        f"step {text}", _KINDS[kind], Vector.of(step / length), sigma, row.layers(), "file",
        info.id if info else "", at=at,
    )  # fmt: skip
    key = row.cells.get("pair", "").strip()
    if not key:
        key = hashlib.sha256(step.tobytes() + f"\n{text}\n{name}".encode()).hexdigest()[:16]
    before = SteerRequest(
        info.id if info else "", (LatentPart(seed=0),), _classes(name, names, info, row)
    )
    return Pair(key, direction, before, length / sigma)


_KINDS: Mapping[str, Space] = {"z": "z", "w": "w", "w+": "w+", "s": "s", "a": "a"}


def _classes(
    name: str, names: Sequence[str], info: ModelInfo | None, row: _Row
) -> tuple[float, ...]:
    """One-hot; without a generator, over the classes that the file names."""
    if not name or (info is not None and info.c_dim < 2):
        return ()
    known = list(names) if info is None else [one.casefold() for one in info.class_names]
    wanted = name if info is None else name.strip().casefold()
    if wanted in known:
        index = known.index(wanted)
    elif wanted.isdecimal() and len(wanted) < 10 and int(wanted) < len(known):
        index = int(wanted)
    else:
        raise row.refuse(f"there is no class {name!r:.40}. Write its name or number.")
    return tuple(float(index == other) for other in range(len(known)))


def _by_number(name: str) -> tuple[bool, int, str]:
    return (not name.isdecimal(), len(name) if name.isdecimal() else 0, name)
