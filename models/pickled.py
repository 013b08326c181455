"""What a pickled model may be made of: tensors, arrays, plain containers, inert modules.

The tables here are the complete list of names the restricted reader accepts; see `unpickler`.
Tensors stay references into the file until someone asks for their numbers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from models.unpickler import Budget, Call, Global, Malformed, Record

_STORAGES: Mapping[str, str] = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "BFloat16Storage": "bf16",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "|i1",
    "ByteStorage": "|u1",
    "BoolStorage": "|b1",
}
_TORCH_DTYPES: Mapping[str, str] = {
    "float64": "<f8",
    "double": "<f8",
    "float32": "<f4",
    "float": "<f4",
    "float16": "<f2",
    "half": "<f2",
    "bfloat16": "bf16",
    "int64": "<i8",
    "int32": "<i4",
    "int16": "<i2",
    "int8": "|i1",
    "uint8": "|u1",
    "bool": "|b1",
}

STORAGE_CLASSES = frozenset(f"torch.{name}" for name in _STORAGES) | {
    "torch.storage.UntypedStorage"
}
CONSTANTS = (
    STORAGE_CLASSES
    | frozenset(f"torch.{name}" for name in _TORCH_DTYPES)
    | {
        "torch.Tensor",
        "torch.nn.parameter.Parameter",
        "numpy.ndarray",
    }
)
"""Names that may appear as values; they are never called."""


def _itemsize(dtype: str) -> int:
    return 2 if dtype == "bf16" else np.dtype(dtype).itemsize


@dataclass
class Storage:
    """Bytes of tensors, read when first needed."""

    dtype: str
    numel: int
    source: Callable[[], bytes | memoryview] | None = None
    """Set once it is known where the bytes lie."""
    _array: np.ndarray | None = None

    @property
    def nbytes(self) -> int:
        return self.numel * _itemsize(self.dtype)

    def array(self) -> np.ndarray:
        """All elements, one dimension; checks the declared size against the bytes there."""
        if self._array is None:
            self._array = self._read()
        return self._array

    def _read(self) -> np.ndarray:
        if self.source is None:
            raise Malformed("a tensor's numbers are missing")
        raw = self.source()
        if len(raw) != self.nbytes:
            raise Malformed(f"a tensor of {self.numel:,} numbers has only {len(raw):,} bytes")
        if self.dtype == "bf16":
            return (np.frombuffer(raw, "<u2").astype(np.uint32) << 16).view(np.float32)
        return np.frombuffer(raw, self.dtype)


@dataclass(frozen=True)
class TensorRef:
    """A strided view into a storage, checked to lie inside it."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    @property
    def numel(self) -> int:
        return math.prod(self.shape)

    def numpy(self) -> np.ndarray:
        """The numbers, a contiguous copy."""
        flat = self.storage.array()[self.offset :]
        strides = tuple(n * flat.itemsize for n in self.stride)
        return np.lib.stride_tricks.as_strided(flat, self.shape, strides, writeable=False).copy()


@dataclass
class Module(Record):
    """A pickled network module. Its source code, if the file holds any, was not even kept."""


@dataclass
class ArrayDtype:
    """A numpy dtype by its code; only plain numbers are of use."""

    code: str

    def build(self, state: Any) -> None:
        order = state[1]
        if order == ">":
            self.code = ">" + self.code.lstrip("<>|=")
        if state[2] is not None or state[4] is not None:
            raise Malformed("it holds a structured array")

    def numpy(self) -> np.dtype:
        if not re.fullmatch(r"[<>|=]?[biuf](1|2|4|8)", self.code) and self.code != "?":
            raise Malformed(f"it holds an array of the kind {self.code[:20]}")
        return np.dtype(self.code)


@dataclass
class ArrayRef:
    """A pickled numpy array; `.numpy()` checks its declared size before reading it."""

    shape: tuple[int, ...] = (0,)
    dtype: ArrayDtype = field(default_factory=lambda: ArrayDtype("u1"))
    fortran: bool = False
    raw: bytes | bytearray | str = b""

    def build(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) != 5:
            raise Malformed("it holds a damaged array")
        _, shape, self.dtype, self.fortran, self.raw = state
        self.shape = _sizes(shape)
        if not isinstance(self.dtype, ArrayDtype):
            raise Malformed("it holds a damaged array")

    def numpy(self) -> np.ndarray:
        dtype = self.dtype.numpy()
        raw = _bytes(self.raw)
        if math.prod(self.shape) * dtype.itemsize != len(raw):
            raise Malformed("an array does not have its declared size")
        order = "F" if self.fortran else "C"
        return np.frombuffer(raw, dtype).reshape(self.shape, order=order)


def _bytes(value: Any) -> bytes:
    if isinstance(value, str):  # written by Python 2
        return value.encode("latin-1")
    if not isinstance(value, bytes | bytearray):
        raise Malformed("it holds an array without numbers")
    return bytes(value)


def _sizes(value: Any) -> tuple[int, ...]:
    if not isinstance(value, tuple | list) or len(value) > 16:
        raise Malformed("it holds a tensor without a shape")
    if not all(type(n) is int and 0 <= n < 2**48 for n in value):
        raise Malformed("it holds a tensor with an impossible shape")
    return tuple(value)


# ---------------------------------------------------------------- tensors


def new_storage(kind: Any, numel: Any) -> Storage:
    """From the class named in a persistent id and its declared number of elements."""
    if not isinstance(kind, Global) or kind.dotted not in STORAGE_CLASSES:
        raise Malformed("it holds a tensor of an unknown kind")
    if type(numel) is not int or not 0 <= numel < 2**48:
        raise Malformed("it holds a tensor of an impossible size")
    return Storage(_STORAGES.get(kind.name, "|u1"), numel)


def _rebuild_tensor(arguments: tuple[Any, ...], _: Budget) -> TensorRef:
    storage, offset, shape, stride = arguments[:4]
    if not isinstance(storage, Storage) or type(offset) is not int or offset < 0:
        raise Malformed("it holds a damaged tensor")
    shape, stride = _sizes(shape), _sizes(stride)
    if len(shape) != len(stride):
        raise Malformed("it holds a damaged tensor")
    numel = math.prod(shape)
    reach = offset + sum((n - 1) * s for n, s in zip(shape, stride, strict=True)) + 1
    if numel > storage.numel or (numel and reach > storage.numel):
        raise Malformed(
            f"it declares a tensor of {numel:,} numbers but holds only {storage.numel:,}"
        )
    return TensorRef(storage, offset, shape, stride)


def _rebuild_tensor_v3(arguments: tuple[Any, ...], budget: Budget) -> TensorRef:
    dtype, storage = arguments[6], arguments[0]
    if not isinstance(dtype, Global) or not isinstance(storage, Storage):
        raise Malformed("it holds a damaged tensor")
    code = _TORCH_DTYPES[dtype.name]
    typed = Storage(code, storage.numel // _itemsize(code), storage.source)
    return _rebuild_tensor((typed, *arguments[1:]), budget)


def _rebuild_parameter(arguments: tuple[Any, ...], _: Budget) -> Any:
    if not isinstance(arguments[0], TensorRef):
        raise Malformed("it holds a damaged parameter")
    return arguments[0]


def _rebuild_from_type(arguments: tuple[Any, ...], budget: Budget) -> Any:
    """`torch._tensor._rebuild_from_type_v2(function, type, arguments, state)`."""
    function, inner = arguments[0], arguments[2]
    if not isinstance(function, Global) or not isinstance(inner, tuple):
        raise Malformed("it holds a damaged tensor")
    rebuild = _TENSOR_CALLS.get(function.dotted)
    if rebuild is None or rebuild is _rebuild_from_type:
        raise Malformed("it holds a damaged tensor")
    return rebuild(inner, budget)


_TENSOR_CALLS: Mapping[str, Call] = {
    "torch._utils._rebuild_tensor": _rebuild_tensor,
    "torch._utils._rebuild_tensor_v2": _rebuild_tensor,
    "torch._utils._rebuild_tensor_v3": _rebuild_tensor_v3,
    "torch._utils._rebuild_parameter": _rebuild_parameter,
    "torch._utils._rebuild_parameter_with_state": _rebuild_parameter,
    "torch._tensor._rebuild_from_type_v2": _rebuild_from_type,
}


# ---------------------------------------------------------------- numpy and containers


def _array_dtype(arguments: tuple[Any, ...], _: Budget) -> ArrayDtype:
    code = arguments[0]
    if isinstance(code, bytes):
        code = code.decode("ascii")
    if not isinstance(code, str) or len(code) > 40:
        raise Malformed("it holds an array of an unknown kind")
    return ArrayDtype(code)


def _array(arguments: tuple[Any, ...], _: Budget) -> ArrayRef:
    return ArrayRef()


def _array_from_buffer(arguments: tuple[Any, ...], _: Budget) -> ArrayRef:
    """`numpy._core.numeric._frombuffer(buffer, dtype, shape, order)` of pickle protocol 5."""
    raw, dtype, shape, order = arguments
    made = ArrayRef()
    made.build((1, shape, dtype, order == "F", raw))
    return made


def _array_scalar(arguments: tuple[Any, ...], budget: Budget) -> Any:
    dtype, raw = arguments
    if not isinstance(dtype, ArrayDtype):
        raise Malformed("it holds a damaged number")
    budget.charge(len(raw))
    return np.frombuffer(_bytes(raw), dtype.numpy(), count=1)[0].item()


def _dictionary(arguments: tuple[Any, ...], budget: Budget) -> dict[Any, Any]:
    """An empty dictionary, or one of text keys from a list of pairs."""
    made: dict[Any, Any] = {}
    for pair in arguments[0] if arguments else ():
        budget.tick()
        key, value = pair
        if not isinstance(key, str | int):
            raise Malformed("it uses a dictionary key that no model needs")
        made[key] = value
    return made


def _set(arguments: tuple[Any, ...], budget: Budget) -> set[Any]:
    made: set[Any] = set()
    for item in arguments[0] if arguments else ():
        budget.tick()
        if not isinstance(item, str | int):
            raise Malformed("it uses a set of things that no model needs")
        made.add(item)
    return made


def _size(arguments: tuple[Any, ...], _: Budget) -> tuple[int, ...]:
    return _sizes(arguments[0])


def _encode(arguments: tuple[Any, ...], budget: Budget) -> bytes:
    """Bytes as protocol 2 spells them: `_codecs.encode(text, "latin1")`."""
    text, coding = arguments
    if not isinstance(text, str) or coding not in ("latin1", "latin-1"):
        raise Malformed("it encodes text in a way no model needs")
    budget.charge(len(text))
    return text.encode("latin-1")


def _device(arguments: tuple[Any, ...], _: Budget) -> Record:
    return Record("torch.device")


def _namespace(arguments: tuple[Any, ...], _: Budget) -> Record:
    return Record("argparse.Namespace")


def _persistent_module(arguments: tuple[Any, ...], _: Budget) -> Module:
    """`torch_utils.persistence._reconstruct_persistent_obj(meta)` without its `module_src`."""
    meta = arguments[0]
    if not isinstance(meta, dict) or not isinstance(meta.get("state"), dict):
        raise Malformed("it holds a damaged network")
    return Module(str(meta.get("class_name", ""))[:100], meta["state"])


def calls() -> dict[str, Call]:
    """Every name that may be called, for a pickle whose storages are persistent ids."""
    table: dict[str, Call] = dict(_TENSOR_CALLS)
    for core in ("numpy.core", "numpy._core"):
        table[f"{core}.multiarray._reconstruct"] = _array
        table[f"{core}.multiarray.scalar"] = _array_scalar
        table[f"{core}.numeric._frombuffer"] = _array_from_buffer
    return table | {
        "numpy.dtype": _array_dtype,
        "collections.OrderedDict": _dictionary,
        "dnnlib.util.EasyDict": _dictionary,
        "dnnlib.EasyDict": _dictionary,
        "builtins.set": _set,
        "builtins.frozenset": _set,
        "__builtin__.set": _set,
        "__builtin__.frozenset": _set,
        "_codecs.encode": _encode,
        "torch.Size": _size,
        "torch.device": _device,
        "argparse.Namespace": _namespace,
        "torch_utils.persistence._reconstruct_persistent_obj": _persistent_module,
    }
