"""The containers of pickled models: a bare pickle, torch's old stream, torch's zip archive.

`read_archive` returns inert data (see `pickled`) whose tensors still point into the file.
"""

from __future__ import annotations

import io
import mmap
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any, BinaryIO

from models.pickled import CONSTANTS, STORAGE_CLASSES, Storage, calls, new_storage
from models.unpickler import Budget, Call, Malformed, Rules, unpickle

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001
_PICKLE_LIMIT = 512 * 2**20


class TorchScript(Exception):
    """The archive holds a compiled program instead of weights."""


class NotAModelArchive(Exception):
    """A zip file without a pickled model in it."""


def read_archive(file: BinaryIO) -> Any:
    """The content of an open file of any of the three kinds. `file` must stay open."""
    data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    budget = Budget(copies=2**26 + 2 * len(data))
    if data[:4] == b"PK\x03\x04":
        return _read_zip(file, budget)
    return _read_stream(data, memoryview(data), budget, nested=True)


# ---------------------------------------------------------------- bare pickles, torch's old stream


def _read_stream(stream: Any, view: memoryview, budget: Budget, nested: bool) -> Any:
    """A pickle, or torch's old stream: magic, version, system, pickle, storage keys, storages.

    `stream` reads from the same bytes as `view`.
    """
    first = unpickle(stream, _bare_rules(nested), budget)
    if first != _LEGACY_MAGIC:
        return first
    plain = Rules(calls={})
    if unpickle(stream, plain, budget) != _LEGACY_PROTOCOL:
        raise Malformed("it was written by an unknown version of torch")
    system = unpickle(stream, plain, budget)
    if isinstance(system, dict) and system.get("little_endian") is False:
        raise Malformed("it was written on a big-endian machine")
    storages: dict[str, Storage] = {}
    data = unpickle(stream, _stream_rules(storages, nested), budget)
    keys = unpickle(stream, plain, budget)
    _place(storages, keys, stream, view)
    return data


def _place(storages: Mapping[str, Storage], keys: Any, stream: Any, view: memoryview) -> None:
    """Tell each storage where its bytes lie: one after another, each behind its count."""
    if not isinstance(keys, list):
        raise Malformed("its list of tensors is damaged")
    position = stream.tell()
    for key in keys:
        storage = storages.get(key) if isinstance(key, str) else None
        if storage is None:
            raise Malformed("its list of tensors is damaged")
        count = int.from_bytes(view[position : position + 8], "little")
        size = storage.nbytes
        begin, end = position + 8, position + 8 + size
        if count != storage.numel or end > len(view):
            raise Malformed("it is truncated: a tensor's numbers are missing")
        storage.source = _slice(view, begin, end)
        position = end
    stream.seek(position)


def _slice(view: memoryview, begin: int, end: int) -> Any:
    return lambda: view[begin:end]


def _bare_rules(nested: bool) -> Rules:
    table = calls()
    if nested:
        table["torch.storage._load_from_bytes"] = _load_from_bytes
    return Rules(table, CONSTANTS)


def _load_from_bytes(arguments: tuple[Any, ...], budget: Budget) -> Any:
    """A storage pickled by value: again torch's old stream, read by the same restricted rules."""
    content = arguments[0]
    if not isinstance(content, bytes):
        raise Malformed("it holds a damaged tensor")
    storage = _read_stream(io.BytesIO(content), memoryview(content), budget, nested=False)
    if not isinstance(storage, Storage):
        raise Malformed("it holds something else where a tensor's numbers should be")
    return storage


def _stream_rules(storages: dict[str, Storage], nested: bool) -> Rules:
    def persistent(identity: Any) -> Storage:
        if not isinstance(identity, tuple) or len(identity) < 5 or identity[0] != "storage":
            raise Malformed("it refers to data outside itself")
        _, kind, key, _, numel = identity[:5]
        if not isinstance(key, str) or (len(identity) > 5 and identity[5] is not None):
            raise Malformed("its list of tensors is damaged")
        if key not in storages:
            storages[key] = new_storage(kind, numel)
        return storages[key]

    # A storage by value is itself one of these streams; it may hold no further ones.
    table: dict[str, Call] = calls() if nested else {}
    return Rules(table, CONSTANTS if nested else STORAGE_CLASSES, persistent)


# ---------------------------------------------------------------- torch's zip archive


def _read_zip(file: BinaryIO, budget: Budget) -> Any:
    try:
        archive = zipfile.ZipFile(file)
        return _read_entries(archive, budget)
    except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, OSError, ValueError) as error:
        raise Malformed(f"its archive is damaged or truncated ({type(error).__name__})") from error


def _read_entries(archive: zipfile.ZipFile, budget: Budget) -> Any:
    entries = {info.filename: info for info in archive.infolist()}
    budget.tick(len(entries))
    pickles = [name for name in entries if name == "data.pkl" or name.endswith("/data.pkl")]
    if not pickles:
        raise NotAModelArchive
    root = pickles[0].removesuffix("data.pkl")
    if f"{root}constants.pkl" in entries or any(n.startswith(f"{root}code/") for n in entries):
        raise TorchScript
    order = entries.get(f"{root}byteorder")
    if order is not None and _entry(archive, order, 16) != b"little":
        raise Malformed("it was written on a big-endian machine")

    storages: dict[str, Storage] = {}

    def persistent(identity: Any) -> Storage:
        if not isinstance(identity, tuple) or len(identity) != 5 or identity[0] != "storage":
            raise Malformed("it refers to data outside itself")
        _, kind, key, _, numel = identity
        if isinstance(key, str) and key in storages:
            return storages[key]
        storage = new_storage(kind, numel)
        info = entries.get(f"{root}data/{key}") if isinstance(key, str) else None
        if info is None or info.file_size != storage.nbytes:
            raise Malformed("it is truncated: a tensor's numbers are missing")
        storage.source = lambda: _entry(archive, info, storage.nbytes)
        storages[key] = storage
        return storage

    content = _entry(archive, entries[pickles[0]], _PICKLE_LIMIT)
    return unpickle(io.BytesIO(content), Rules(calls(), CONSTANTS, persistent), budget)


def _entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limit: int) -> bytes:
    """One file of the archive. Torch never compresses, so packed size is real size."""
    if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
        raise Malformed("its archive is compressed, which torch never does")
    if info.file_size > limit:
        raise Malformed("it holds more than any model needs")
    try:
        with archive.open(info) as entry:
            return entry.read(info.file_size)
    except (zipfile.BadZipFile, RuntimeError, EOFError, OSError, ValueError) as error:
        raise Malformed(f"its archive is damaged or truncated ({type(error).__name__})") from error
