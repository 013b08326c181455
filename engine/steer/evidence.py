"""Descriptions of steps as matrices: whose words count, and in which space. Numpy only."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np

from engine.messages import Annotation, Direction, ModelInfo, Pair, Space, VocabularyQuestion
from engine.steer.words import Mention, forms, is_long, mentions, most_words, prepare_words, signs

meant = 3
"""A spelling used in so many annotations is no slip."""
slice_of_texts = 64


@dataclass(frozen=True)
class Row:
    """One annotation that counts, and what it describes."""

    pair: Pair
    note: Annotation
    mentions: tuple[Mention, ...]


@dataclass(frozen=True, eq=False)
class Table:
    """The annotations as matrices."""

    words: tuple[str, ...]  # V, by falling count
    said: np.ndarray  # W (N, V) float64 of -1, 0, 1
    steps: np.ndarray  # D (N, P) float64, the sign of flipped ones turned
    short: np.ndarray  # (N, <= P) float64: D in fewer coordinates, with equal inner products
    units: np.ndarray  # (M, P) unit rows: what was stepped along
    lengths: np.ndarray  # (M,) length of one σ along each


@dataclass(frozen=True)
class Frame:
    """Where the steps live: what all of them share."""

    space: Space
    at: str
    layers: tuple[int, int] | None
    shape: tuple[int, ...]


def read(question: VocabularyQuestion, notes: list[str]) -> Generator[None, None, list[Row]]:
    """The annotations with a pair of this generator."""
    pairs = {pair.key: pair for pair in question.pairs}
    known = [note for note in question.annotations if note.pair in pairs]
    own = [note for note in known if pairs[note.pair].before.model in ("", question.model)]
    lost, foreign = len(question.annotations) - len(known), len(known) - len(own)
    if lost:
        notes.append(f"{many(lost, 'annotation')} put aside: their pairs are gone.")
    if foreign:
        notes.append(f"{many(foreign, 'annotation')} put aside: made with another generator.")
    yield from _dictionaries()
    uses: Counter[str] = Counter()
    for index, note in enumerate(own):
        uses.update(forms(note.text))
        if index % slice_of_texts == slice_of_texts - 1:
            yield
    kept = frozenset(form for form, count in uses.items() if count >= meant)
    rows: list[Row] = []
    for note in own:
        rows.append(Row(pairs[note.pair], note, mentions(note.text, kept)))
        if len(rows) % slice_of_texts == 0:
            yield
    long = sum(is_long(note.text) for note in own)
    if long:
        notes.append(f"Of {many(long, 'long annotation')} only the first {most_words} words read.")
    return rows


def _dictionaries() -> Generator[None, None, None]:
    """Load them beside, the first time: pictures are drawn meanwhile."""
    loading = threading.Thread(target=prepare_words, daemon=True)
    loading.start()
    while loading.is_alive():
        loading.join(0.005)
        yield


def in_one_space(
    rows: list[Row], info: ModelInfo | None, notes: list[str]
) -> tuple[list[Row], Frame | None]:
    """The rows whose steps share a space with most, and that space."""
    wide = info.num_ws if info else _rows_of([row.pair.direction for row in rows])
    kinds = Counter(_frame(row.pair.direction, wide) for row in rows)
    if not kinds:
        return rows, None
    frame = max(kinds, key=lambda kind: kinds[kind])
    kept = [row for row in rows if _frame(row.pair.direction, wide) == frame]
    if len(kept) < len(rows):
        left = many(len(rows) - len(kept), "annotation")
        notes.append(f"{left} put aside: their steps are not in {_called(frame)} as most are.")
    own = {(row.pair.direction.space, row.pair.direction.layers) for row in kept}
    if frame.space == "w+" and len(own) == 1:
        only = kept[0].pair.direction
        if only.space == "w":
            frame = Frame("w", "", only.layers, only.vector.shape)
    return kept, frame


def _frame(direction: Direction, wide: int) -> Frame:
    """w counts as w+ where the number of rows is known."""
    shape = direction.vector.shape
    if direction.space == "w" and wide:
        return Frame("w+", "", None, (wide, shape[-1]))
    if direction.space == "w+":
        return Frame("w+", "", None, shape)
    return Frame(direction.space, direction.at, direction.layers, shape)


def _rows_of(directions: Sequence[Direction]) -> int:
    """Rows of w+ by what the directions tell; 0 = unknown."""
    return max((one.vector.shape[0] for one in directions if one.space == "w+"), default=0)


def _called(frame: Frame) -> str:
    where = f" of {frame.at}" if frame.at else ""
    layers = f" on layers {frame.layers[0]} to {frame.layers[1]}" if frame.layers else ""
    return f"{frame.space}{where}{layers}"


# ---------------------------------------------------------------- matrices


def tabulate(rows: Sequence[Row], frame: Frame) -> Table:
    said = [signs(row.mentions) for row in rows]
    counts = Counter(word for row in said for word in row)
    words = tuple(sorted(counts, key=lambda word: (-counts[word], word)))
    place = {word: index for index, word in enumerate(words)}
    matrix = np.zeros((len(rows), len(words)))
    for index, row in enumerate(said):
        for word, sign in row.items():
            matrix[index, place[word]] = sign
    directions = list(dict.fromkeys(row.pair.direction for row in rows))
    number = {direction: index for index, direction in enumerate(directions)}
    sigmas = np.stack([_one_sigma(direction, frame) for direction in directions])  # (M, P)
    which = np.array([number[row.pair.direction] for row in rows])
    amounts = np.array(
        [-row.pair.amount if row.note.flipped else row.pair.amount for row in rows], np.float64
    )
    steps = amounts[:, None] * sigmas[which]
    lengths = np.linalg.norm(sigmas, axis=1)
    units = sigmas / np.where(lengths > 0.0, lengths, 1.0)[:, None]
    short = steps
    if len(directions) < steps.shape[1]:
        # Cosines need inner products only, and those of M directions fit into M coordinates.
        values, vectors = np.linalg.eigh(sigmas @ sigmas.T)
        short = amounts[:, None] * (vectors * np.sqrt(np.maximum(values, 0.0)))[which]
    return Table(words, matrix, steps, short, units, lengths)


def _one_sigma(direction: Direction, frame: Frame) -> np.ndarray:
    """(P,): one σ of a direction in the coordinates of the frame."""
    step = direction.sigma * direction.vector.array().astype(np.float64)
    if frame.space == "w+" and direction.space in ("w", "w+"):
        first, last = direction.layers or (0, frame.shape[0] - 1)
        index = np.arange(frame.shape[0])
        acts = (index >= first) & (index <= last)
        step = acts[:, None] * np.broadcast_to(step, frame.shape)
    return step.reshape(-1)


def many(count: int, what: str) -> str:
    return f"{count:,} {what} was" if count == 1 else f"{count:,} {what}s were"
