"""Writing a sound: WAV or FLAC at a depth and a rate, whole or not at all. No torch."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from engine.messages import LodestoneError, SoundFormat
from engine.sound.source import resampled

_kinds = {
    ("wav", 16): "PCM_16",
    ("wav", 24): "PCM_24",
    ("wav", 32): "FLOAT",
    ("flac", 16): "PCM_16",
    ("flac", 24): "PCM_24",
}


def write_sound(
    path: str | Path,
    samples: np.ndarray,
    rate: int,
    kind: SoundFormat = "wav",
    depth: int = 24,
    to: int = 0,
) -> Path:
    """`samples` (channels, N) float32 at `rate`; written at `to` Hz (0 = as it is).

    16 and 24 bits hold -1..1, what lies beyond is clipped; 32 bits are floats and keep it.
    Written as `.part`, synced, renamed.
    """
    import soundfile

    path = Path(path)
    subtype = _kinds.get((kind, depth))
    if subtype is None:
        raise LodestoneError(
            f"{kind.upper()} does not hold {depth} bits a sample. Choose 16 or 24 bits, or WAV."
        )
    made = resampled(samples, rate, to) if to and to != rate else samples
    if subtype != "FLOAT":
        made = np.clip(made, -1.0, 1.0)
    part = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            soundfile.write(file, made.T, to or rate, subtype=subtype, format=kind.upper())
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except (OSError, soundfile.SoundFileError) as error:
        part.unlink(missing_ok=True)
        why = getattr(error, "strerror", None) or str(error)
        raise LodestoneError(
            f"{path.name} could not be written: {why}. Choose another place or free some space.",
            repr(error),
        ) from error
    return path
