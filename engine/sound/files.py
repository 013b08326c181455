"""Writing a sound: WAV or FLAC at a depth and a rate, whole or not at all. No torch."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import numpy as np

from engine.codec import from_json, to_json
from engine.disk import why
from engine.messages import LodestoneError, SoundFormat, SoundRecipe
from engine.sound.source import resampled

_kinds = {
    ("wav", 16): "PCM_16",
    ("wav", 24): "PCM_24",
    ("wav", 32): "FLOAT",
    ("flac", 16): "PCM_16",
    ("flac", 24): "PCM_24",
}
_mark = "lodestone "
"""Stands before the recipe in a file's comment."""


def check_kind(kind: SoundFormat, depth: int, rate: int) -> None:
    """LodestoneError when a file cannot be of this kind."""
    if (kind, depth) not in _kinds:
        raise LodestoneError(
            f"{kind.upper()} does not hold {depth} bits a sample. Choose 16 or 24 bits, or WAV."
        )
    if rate and not 1000 <= rate <= 384000:
        raise LodestoneError(f"{rate:,} Hz is no rate for a file. Choose 1,000 to 384,000 Hz.")


def write_sound(
    path: str | Path,
    samples: np.ndarray,
    rate: int,
    kind: SoundFormat = "wav",
    depth: int = 24,
    to: int = 0,
    recipe: SoundRecipe | None = None,
) -> Path:
    """`samples` (channels, N) float32 at `rate`; written at `to` Hz (0 = as it is).

    16 and 24 bits hold -1..1, what lies beyond is clipped; 32 bits are floats and keep it. A
    sample that came from a file of that depth is written as it was. Written as `.part`, synced,
    renamed; `recipe` goes into the comment.
    """
    import soundfile

    path = Path(path)
    check_kind(kind, depth, to)
    made = resampled(samples, rate, to) if to and to != rate else samples
    part = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.touch()
        _write(part, made, to or rate, kind, depth, recipe)
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(path)
    except (OSError, soundfile.SoundFileError) as error:
        reason = why(error) if isinstance(error, OSError) else _reason(part)
        raise LodestoneError(f"{path.name} could not be written: {reason}.", repr(error)) from error
    finally:
        with contextlib.suppress(OSError):  # a part whose folder is none was never there
            part.unlink(missing_ok=True)
    return path


def _write(
    part: Path,
    samples: np.ndarray,
    rate: int,
    kind: SoundFormat,
    depth: int,
    recipe: SoundRecipe | None,
) -> None:
    import soundfile

    shape = (rate, len(samples), _kinds[kind, depth])
    with soundfile.SoundFile(str(part), "w", *shape, format=kind.upper()) as file:
        if recipe is not None:
            file.comment = _mark + to_json(recipe)
        file.write(_quantised(samples, depth).T)
    if soundfile.info(str(part)).frames != samples.shape[1]:
        raise soundfile.SoundFileRuntimeError("fewer samples than were written")


def _reason(part: Path) -> str:
    """The sound library only says that it failed: a try of our own says why."""
    try:
        with part.open("ab") as file:
            file.write(bytes(1 << 16))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return why(error)
    return "the sound library refused. Choose another folder or format"


def _quantised(samples: np.ndarray, depth: int) -> np.ndarray:
    """Integers exactly as a reader turns them back, in the upper bits of 32."""
    if depth == 32:
        return np.ascontiguousarray(samples, np.float32)
    full = 2.0 ** (depth - 1)
    limited = np.clip(np.rint(samples.astype(np.float64) * full), -full, full - 1)
    return np.ascontiguousarray(limited.astype(np.int32) << (32 - depth))


def read_recipe(path: str | Path) -> SoundRecipe:
    """The recipe inside a file that Lodestone wrote."""
    import soundfile

    try:
        with soundfile.SoundFile(str(path)) as file:
            comment = file.comment
    except (soundfile.SoundFileError, OSError) as error:
        raise LodestoneError(
            f"{path} is not a sound that can be read. Choose another.", repr(error)
        ) from error
    found = from_json(comment.removeprefix(_mark)) if comment.startswith(_mark) else None
    if not isinstance(found, SoundRecipe):
        raise LodestoneError(f"{Path(path).name} holds no recipe. Choose a sound made here.")
    return found
