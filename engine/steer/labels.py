"""Sorted pictures from a table: `seed,label` or `seed_a,seed_b,answer`. No torch.

Tables come out of spreadsheets: a byte order mark, semicolons or tabs, empty lines and columns of
one's own are all read. Whatever cannot be meant is refused with the number of its line.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar, get_args

from engine.messages import (
    Label,
    LabelAnswer,
    LatentPart,
    LodestoneError,
    PairAnswer,
    PairLabel,
    SteerRequest,
)

A = TypeVar("A", bound=str)

label_columns = ("seed", "label")
pair_columns = ("seed_a", "seed_b", "answer")
largest_seed = 2**32 - 1
largest_file = 16 << 20
"""Bytes; a hundred thousand labels are two million."""


def read_labels(
    path: str | Path, template: SteerRequest
) -> tuple[tuple[Label, ...], tuple[PairLabel, ...]]:
    """The labels, or the pairs, in a file; each picture is `template` with the seed.

    An optional column `annotator` says who sorted. Raises LodestoneError.
    """
    path = Path(path)
    rows = _rows(_text(path), path.name)
    number, header = next(rows, (0, []))
    names = [name.strip().lower() for name in header]
    labels, pairs = [], []
    if all(name in names for name in label_columns):
        for number, row in rows:
            labels.append(_label(dict(zip(names, row, strict=False)), template, path.name, number))
    elif all(name in names for name in pair_columns):
        for number, row in rows:
            pairs.append(_pair(dict(zip(names, row, strict=False)), template, path.name, number))
    else:
        raise LodestoneError(_columns_sentence(path.name, number, names))
    if not labels and not pairs:
        raise LodestoneError(f"{path.name} has no rows below its header. Sort some pictures first.")
    return tuple(labels), tuple(pairs)


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > largest_file:
            raise LodestoneError(f"{path.name} is too large for a table of labels. Check the file.")
        data = path.read_bytes()
    except OSError as error:
        raise LodestoneError(
            f"{path.name} could not be read. Check the file.", str(error)
        ) from error
    wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")  # "Unicode text" of a spreadsheet
    try:
        return data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise LodestoneError(
            f"{path.name} is not a text file in UTF-8. Save the table as CSV UTF-8.", str(error)
        ) from error


def _rows(text: str, name: str) -> Iterator[tuple[int, list[str]]]:
    """(line number, cells) of every row that is not blank."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    separator = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                yield reader.line_num, row
    except csv.Error as error:
        raise LodestoneError(
            f"Line {reader.line_num} of {name} cannot be read as a table: {error}. Check the line."
        ) from error


def _columns_sentence(name: str, number: int, names: Sequence[str]) -> str:
    wanted = pair_columns if {"seed_a", "seed_b", "answer"} & set(names) else label_columns
    missing = [column for column in wanted if column not in names]
    listed = " and ".join(f'"{column}"' for column in missing)
    noun = "column" if len(missing) == 1 else "columns"
    return (
        f"Line {max(number, 1)} of {name} lacks the {noun} {listed}. "
        "The first line must be seed,label or seed_a,seed_b,answer."
    )


def _label(cells: dict[str, str], template: SteerRequest, name: str, number: int) -> Label:
    known: tuple[LabelAnswer, ...] = get_args(LabelAnswer)
    answer = _answer(cells.get("label", ""), known, name, number)
    picture = _picture(cells.get("seed", ""), template, name, number)
    return Label(picture, answer, cells.get("annotator", "").strip())


def _pair(cells: dict[str, str], template: SteerRequest, name: str, number: int) -> PairLabel:
    known: tuple[PairAnswer, ...] = get_args(PairAnswer)
    answer = _answer(cells.get("answer", ""), known, name, number)
    first = _picture(cells.get("seed_a", ""), template, name, number)
    second = _picture(cells.get("seed_b", ""), template, name, number)
    return PairLabel(first, second, answer, cells.get("annotator", "").strip())


def _answer(cell: str, known: Sequence[A], name: str, number: int) -> A:
    wanted = cell.strip().lower()
    for answer in known:
        if answer == wanted:
            return answer
    choices = f"{', '.join(known[:-1])} or {known[-1]}"
    raise LodestoneError(f"Line {number} of {name} says {cell.strip()!r:.40}. Write {choices}.")


def _picture(cell: str, template: SteerRequest, name: str, number: int) -> SteerRequest:
    text = cell.strip()
    seed = int(text) if text.isascii() and text.isdecimal() and len(text) <= 10 else -1
    if not 0 <= seed <= largest_seed:
        raise LodestoneError(
            f"Line {number} of {name} has {text!r:.40} for a seed. "
            f"Write a whole number from 0 to {largest_seed}."
        )
    return replace(template, latent=(LatentPart(seed=seed),))
