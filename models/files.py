"""Our own model file: safetensors whose header carries a model card (metadata key `lodestone`).

Torch-free. A file is checked before anything is allocated: declared sizes against the bytes that
are there and against free memory, then the weights for NaN and infinity and against their sha256.
"""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np
import safetensors.numpy

from models.errors import LodestoneError, RefusedFile

T = TypeVar("T")
CARD_KEY = "lodestone"
CARD_VERSION = 1
_HEADER_LIMIT = 32 * 2**20
_DTYPES: Mapping[str, str] = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2",
    "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "|u1", "BOOL": "|b1",
}  # fmt: skip


@dataclass(frozen=True)
class Card:
    """What a model file says of itself."""

    architecture: str
    """Registry id: `stylegan2`, `stylegan3-t`, `stylegan3-r`, `biggan`, `biggan-deep`."""
    name: str
    hyper: dict[str, Any]
    """The architecture's config as JSON; builds the network together with the weights."""
    class_names: tuple[str, ...] = ()
    licence: str = ""
    attribution: str = ""
    provenance: str = ""
    training: dict[str, Any] = field(default_factory=dict)
    sha256: str = ""
    """Identity: weights + architecture + hyper. Names and licences do not change it."""
    parity: float | None = None
    """Largest |ONNX - torch| over random latents, None until exported."""


@dataclass(frozen=True)
class _Tensor:
    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True)
class _Header:
    tensors: tuple[_Tensor, ...]
    metadata: dict[str, Any]
    data_start: int
    data_size: int


def identity(state: Mapping[str, np.ndarray], architecture: str, hyper: Mapping[str, Any]) -> str:
    """sha256 (hex) over architecture, hyper and every tensor's name, dtype, shape and bytes."""
    digest = hashlib.sha256()
    digest.update(json.dumps([architecture, hyper], sort_keys=True).encode())
    for name in sorted(state):
        array = np.asarray(state[name])
        little = array.dtype.newbyteorder("<")
        digest.update(json.dumps([name, little.str, list(array.shape)]).encode())
        flat = np.ascontiguousarray(array, dtype=little).reshape(-1)
        digest.update(flat.view(np.uint8).data)
    return digest.hexdigest()


def save_model(path: str | Path, state: Mapping[str, np.ndarray], card: Card) -> Card:
    """Write the model atomically; returns the card with its sha256 filled in.

    The file appears under its name only once it is whole and on the disk.
    """
    path = Path(path)
    check_finite(state, path.name)
    arrays = {name: np.array(array, order="C", copy=None) for name, array in state.items()}
    hyper = json.loads(json.dumps(card.hyper))
    sha256 = identity(arrays, card.architecture, hyper)
    card = dataclasses.replace(card, sha256=sha256, hyper=hyper)
    text = json.dumps({"version": CARD_VERSION, **dataclasses.asdict(card)})
    content = safetensors.numpy.save(arrays, metadata={CARD_KEY: text})
    write_atomically(path, content)
    return card


def write_atomically(path: Path, content: bytes) -> None:
    """Write beside `path` under a name ending in .part, flush to the disk, then rename."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(part, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise _write_error(path, error) from error


def _write_error(path: Path, error: OSError) -> LodestoneError:
    if error.errno == errno.ENOSPC:
        why = "the disk is full. Free some space or choose another folder."
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        why = f"the folder {path.parent} is read-only. Choose another folder."
    else:
        why = f"{error.strerror or error}. Choose another folder."
    return LodestoneError(f"{path.name} could not be written: {why}", repr(error))


def update_card(path: str | Path, **changes: Any) -> Card:
    """Rewrite the card of a model file with some fields changed (not the identity)."""
    card, state = load_model(path)
    return save_model(path, state, dataclasses.replace(card, **changes))


def read_card(path: str | Path) -> Card:
    """The card alone: reads the header, never the weights."""
    path = Path(path)
    with open_checked(path) as file:
        return _card(_read_header(file, path), path)


def load_model(path: str | Path) -> tuple[Card, dict[str, np.ndarray]]:
    """The card and every tensor (numpy), checked for size, memory, NaN, infinity and sha256."""
    path = Path(path)
    with open_checked(path) as file:
        header = _read_header(file, path)
        card = _card(header, path)
        state = _read_tensors(file, header, path)
    check_finite(state, path.name)
    if card.sha256 != identity(state, card.architecture, card.hyper):
        raise RefusedFile(
            f"{path.name} is damaged: its weights are not those its card describes. "
            "Copy it again from where it came from."
        )
    return card, state


def is_safetensors(path: str | Path) -> bool:
    """Whether the content (never the extension) begins like a safetensors file."""
    path = Path(path)
    with open_checked(path) as file:
        start = file.read(16)
    length = int.from_bytes(start[:8], "little")
    return 2 <= length <= 100 * 2**20 and start[8:9] == b"{"


def load_tensors(path: str | Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Tensors and metadata of any safetensors file, card or not, with the same checks."""
    path = Path(path)
    with open_checked(path) as file:
        header = _read_header(file, path)
        state = _read_tensors(file, header, path)
    check_finite(state, path.name)
    return state, header.metadata


def open_checked(path: Path) -> BinaryIO:
    """Open for reading; a missing, unreadable or non-file path becomes a plain sentence."""
    try:
        if path.is_dir():
            raise RefusedFile(f"{path.name} is a folder, not a model. Choose a model file.")
        if not path.is_file() and path.exists():
            raise RefusedFile(f"{path.name} is not an ordinary file. Choose a model file.")
        return open(path, "rb")
    except FileNotFoundError as error:
        raise RefusedFile(f"There is no file {path}. Check the name.", repr(error)) from error
    except (OSError, ValueError) as error:
        raise RefusedFile(
            f"{path.name} cannot be opened. Check that you may read it.", repr(error)
        ) from error


def check_finite(state: Mapping[str, np.ndarray], file_name: str) -> None:
    """Refuse weights that are not numbers: they would only draw black pictures."""
    for name, array in state.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise RefusedFile(
                f"{file_name} holds broken weights: `{name}` contains NaN or infinity. "
                "The training run that wrote it probably diverged; use an earlier file of it."
            )


def check_memory(need: int, file_name: str) -> None:
    """Refuse before allocating when `need` bytes of weights would not fit into free memory."""
    import psutil

    free = psutil.virtual_memory().available
    if need > 0.8 * free:
        raise RefusedFile(
            f"{file_name} needs {need / 2**30:.1f} GB of memory but only {free / 2**30:.1f} GB "
            "are free. Close other programs or use a smaller model."
        )


def _read_header(file: BinaryIO, path: Path) -> _Header:
    size = os.fstat(file.fileno()).st_size
    length = int.from_bytes(file.read(8), "little")
    if size < 10 or length > size - 8:
        raise _damaged(path, "it ends before its header does; it is truncated or no model file")
    if length > _HEADER_LIMIT:
        raise _damaged(path, "its header is impossibly large")
    try:
        table = json.loads(file.read(length).decode("utf-8"))
        metadata = table.pop("__metadata__", {})
        tensors = sorted((_tensor(n, t) for n, t in table.items()), key=lambda t: (t.begin, t.end))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _damaged(path, "its header cannot be read", repr(error)) from error
    if not isinstance(metadata, dict):
        raise _damaged(path, "its header cannot be read")
    header = _Header(tuple(tensors), metadata, 8 + length, size - 8 - length)
    _check_extents(header, path)
    return header


def _tensor(name: str, entry: dict[str, Any]) -> _Tensor:
    begin, end = entry["data_offsets"]
    shape = tuple(entry["shape"])
    numbers = (begin, end, *shape)
    if not all(type(n) is int and n >= 0 for n in numbers) or not name.isprintable():
        raise ValueError(f"bad entry for {name!r}")
    if entry["dtype"] not in _DTYPES or len(shape) > 8:
        raise ValueError(f"bad type or shape for {name!r}")
    return _Tensor(name, entry["dtype"], shape, begin, end)


def _check_extents(header: _Header, path: Path) -> None:
    """Tensors must tile the data exactly, as the format demands."""
    position = 0
    for tensor in header.tensors:
        size = math.prod(tensor.shape) * np.dtype(_DTYPES[tensor.dtype]).itemsize
        if tensor.begin != position or tensor.end - tensor.begin != size:
            raise _damaged(path, f"`{tensor.name}` does not have the size its header declares")
        position = tensor.end
    if position > header.data_size:
        missing = position - header.data_size
        raise _damaged(path, f"it is truncated, {missing:,} bytes are missing")
    if position < header.data_size:
        raise _damaged(path, "it holds more bytes than its header declares")


def _read_tensors(file: BinaryIO, header: _Header, path: Path) -> dict[str, np.ndarray]:
    check_memory(header.data_size, path.name)
    state: dict[str, np.ndarray] = {}
    for tensor in header.tensors:
        file.seek(header.data_start + tensor.begin)
        raw = np.empty(tensor.end - tensor.begin, np.uint8)
        if file.readinto(raw.data) != raw.size:  # type: ignore[attr-defined]
            raise _damaged(path, "it became shorter while it was read")
        array = raw.view(_DTYPES[tensor.dtype]).reshape(tensor.shape)
        if tensor.dtype == "BF16":
            array = (array.astype(np.uint32) << 16).view(np.float32)
        state[tensor.name] = array
    return state


def _card(header: _Header, path: Path) -> Card:
    text = header.metadata.get(CARD_KEY)
    if not isinstance(text, str):
        raise RefusedFile(
            f"{path.name} is a safetensors file without a Lodestone model card. "
            "Choose a model saved or imported by Lodestone."
        )
    try:
        values = json.loads(text)
        version = values.pop("version")
        if type(version) is not int:
            raise TypeError("version")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _damaged(path, "its model card cannot be read", repr(error)) from error
    if version > CARD_VERSION:
        raise RefusedFile(f"{path.name} was written by a newer Lodestone. Update Lodestone.")
    try:
        return _card_of(values)
    except (ValueError, TypeError, KeyError) as error:
        raise _damaged(path, "its model card cannot be read", repr(error)) from error


def _card_of(values: dict[str, Any]) -> Card:
    """Strict about types, lenient about unknown keys."""
    known = {f.name: values[f.name] for f in dataclasses.fields(Card) if f.name in values}
    known["class_names"] = tuple(known.get("class_names", ()))
    card = Card(**known)
    texts = (card.architecture, card.name, card.licence, card.attribution, card.provenance)
    if not all(isinstance(text, str) for text in (*texts, card.sha256, *card.class_names)):
        raise TypeError("text expected")
    if not isinstance(card.hyper, dict) or not isinstance(card.training, dict):
        raise TypeError("hyper and training must be objects")
    if card.parity is not None and not isinstance(card.parity, int | float):
        raise TypeError("parity must be a number")
    return card


def _damaged(path: Path, why: str, detail: str = "") -> RefusedFile:
    return RefusedFile(f"{path.name} cannot be read: {why}. Copy or download it again.", detail)


def config_from(kind: type[T], hyper: Mapping[str, Any], what: str) -> T:
    """The card's hyper-parameters as the dataclass `kind`; LodestoneError when they do not fit.

    what: the model in a person's words, such as "pyramid"
    """
    known = {one.name for one in dataclasses.fields(kind)}  # type: ignore[arg-type]
    values = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in hyper.items()
        if name in known
    }
    try:
        return kind(**values)
    except (TypeError, ValueError) as error:
        raise LodestoneError(
            f"The card of this {what} cannot be read. Copy the file again, or train it again.",
            repr(error),
        ) from error
