"""Requests, directions and other messages as JSON text, and back.

The text is `{"lodestone": 1, "type": "SteerRequest", "value": {…}}`. Reading is strict: an unknown
field, a wrong type, a vector whose bytes do not fit its shape, or a newer version is refused with a
sentence, never half-read. Arrays are base64 of little-endian float32 with their shape. No torch.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import functools
import json
import math
import types
from typing import Any, Literal, NoReturn, Union, get_args, get_origin, get_type_hints

import numpy as np

from engine import messages
from engine.messages import LodestoneError, Picture, Vector

version = 1
"""Of the text; raised only when old readers could misread new texts."""

max_characters = 64 << 20
"""A preset is a few kilobytes; a longer text than this is not one of ours."""


def to_json(value: Any, indent: int | None = None) -> str:
    """Text of a message (a dataclass of `engine.messages`) or of a tuple or list of them."""
    if isinstance(value, (tuple, list)):
        body = {"type": "list", "value": [_typed(item) for item in value]}
    else:
        body = _typed(value)
    return json.dumps({"lodestone": version, **body}, indent=indent, allow_nan=False)


def from_json(text: str | bytes) -> Any:
    """The message, or the tuple of messages, that `to_json` wrote. Raises LodestoneError."""
    if len(text) > max_characters:
        _refuse("it is too long")
    try:
        body = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise LodestoneError(
            "This text is not Lodestone JSON. Choose a file that Lodestone saved.", str(error)
        ) from error
    if not isinstance(body, dict) or "lodestone" not in body:
        raise LodestoneError(
            "This JSON was not written by Lodestone. Choose a file that Lodestone saved."
        )
    if not isinstance(body["lodestone"], int) or body["lodestone"] > version:
        raise LodestoneError(
            "This file was written by a newer Lodestone. Update Lodestone, then open it again."
        )
    if set(body) != {"lodestone", "type", "value"}:
        _refuse("it does not have exactly the fields type and value")
    try:
        if body["type"] == "list":
            items = _list(body["value"], "list")
            return tuple(_from_typed(item) for item in items)
        return _from_typed({"type": body["type"], "value": body["value"]})
    except RecursionError as error:
        raise LodestoneError("This Lodestone file is damaged: it is nested too deeply.") from error


def _typed(value: Any) -> dict[str, Any]:
    name = type(value).__name__
    if _kinds().get(name) is not type(value):
        raise TypeError(f"{name} is not a message of engine.messages")
    return {"type": name, "value": _encode(value)}


def _from_typed(item: Any) -> Any:
    if not isinstance(item, dict) or set(item) != {"type", "value"}:
        _refuse("an entry does not have exactly the fields type and value")
    kind = _kinds().get(item["type"]) if isinstance(item["type"], str) else None
    if kind is None:
        _refuse(f"it holds a {item['type']!r:.40}, which this version does not know")
    return _decode(item["value"], kind, kind.__name__)


@functools.cache
def _kinds() -> dict[str, type]:
    """Every dataclass of engine.messages by name: what may appear in a text."""
    found = vars(messages).values()
    return {k.__name__: k for k in found if isinstance(k, type) and dataclasses.is_dataclass(k)}


@functools.cache
def _fields(kind: type) -> dict[str, tuple[Any, bool]]:
    """Field name -> (type, whether it must be given)."""
    hints = get_type_hints(kind)
    return {
        field.name: (
            hints[field.name],
            field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING,
        )
        for field in dataclasses.fields(kind)
    }


def _encode(value: Any) -> Any:
    if isinstance(value, Vector):
        little = value.array().astype("<f4").tobytes()
        return {"shape": list(value.shape), "f32": base64.b64encode(little).decode()}
    if isinstance(value, Picture):
        pixels = base64.b64encode(value.pixels).decode()
        return {"width": value.width, "height": value.height, "bgrx": pixels}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        nested = type(value).__name__
        if isinstance(value, _job_kinds()):
            # A field such as JobUpdate.request holds one of several kinds: say which.
            return {"kind": nested, **_encode_fields(value)}
        return _encode_fields(value)
    if isinstance(value, (tuple, list)):
        return [_encode(item) for item in value]
    if isinstance(value, np.generic):
        return value.item()
    return value


def _encode_fields(value: Any) -> dict[str, Any]:
    fields = dataclasses.fields(value)
    return {field.name: _encode(getattr(value, field.name)) for field in fields}


def _job_kinds() -> tuple[type, ...]:
    return get_args(messages.JobRequest)


def _decode(value: Any, kind: Any, where: str) -> Any:
    """`value` (parsed JSON) as `kind` (a type hint); `where` names the place for the sentence."""
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _decode_union(value, get_args(kind), where)
    if origin is Literal:
        if value not in get_args(kind) or isinstance(value, bool):
            _refuse(f"{where} is {value!r:.40}")
        return value
    if origin is tuple:
        return _decode_tuple(value, get_args(kind), where)
    if kind is Vector:
        return _decode_vector(value, where)
    if kind is Picture:
        return _decode_picture(value, where)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return _decode_fields(value, kind, where)
    return _decode_plain(value, kind, where)


def _decode_plain(value: Any, kind: Any, where: str) -> Any:
    if kind is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        if not math.isfinite(value):
            _refuse(f"{where} is not a finite number")
        return float(value)
    if isinstance(value, bool) and kind is not bool:
        _refuse(f"{where} is {value!r}")
    if not isinstance(kind, type) or not isinstance(value, kind):
        _refuse(f"{where} is {value!r:.40}")
    return value


def _decode_union(value: Any, kinds: tuple[Any, ...], where: str) -> Any:
    if value is None and type(None) in kinds:
        return None
    others = [kind for kind in kinds if kind is not type(None)]
    if len(others) == 1:
        return _decode(value, others[0], where)
    name = value.get("kind") if isinstance(value, dict) else None
    for kind in others:
        if kind.__name__ == name:
            return _decode(value, kind, where)
    return _refuse(f"{where} is of an unknown kind {name!r:.40}")


def _decode_tuple(value: Any, kinds: tuple[Any, ...], where: str) -> tuple[Any, ...]:
    items = _list(value, where)
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        return tuple(_decode(item, kinds[0], f"{where}[{i}]") for i, item in enumerate(items))
    if len(items) != len(kinds):
        _refuse(f"{where} has {len(items)} entries instead of {len(kinds)}")
    pairs = zip(items, kinds, strict=True)
    return tuple(_decode(item, kind, f"{where}[{i}]") for i, (item, kind) in enumerate(pairs))


def _decode_fields(value: Any, kind: type, where: str) -> Any:
    if not isinstance(value, dict):
        _refuse(f"{where} is {value!r:.40}")
    if kind in _job_kinds():
        value = {name: item for name, item in value.items() if name != "kind"}
    fields = _fields(kind)
    unknown = set(value) - set(fields)
    if unknown:
        _refuse(f"{where} has an unknown field {min(unknown)!r:.40}")
    missing = {name for name, (_, needed) in fields.items() if needed} - set(value)
    if missing:
        _refuse(f"{where} lacks {min(missing)!r}")
    return kind(
        **{name: _decode(item, fields[name][0], f"{where}.{name}") for name, item in value.items()}
    )


def _decode_vector(value: Any, where: str) -> Vector:
    if not isinstance(value, dict) or set(value) != {"shape", "f32"}:
        _refuse(f"{where} is not a vector")
    shape = tuple(_list(value["shape"], where))
    if not all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in shape):
        _refuse(f"{where} has a shape of {shape!r:.40}")
    data = _bytes(value["f32"], where)
    if len(data) != 4 * math.prod(shape):
        _refuse(f"{where} has {len(data)} bytes, which does not fit its shape {shape!r:.40}")
    array = np.frombuffer(data, dtype="<f4").astype(np.float32)
    if not np.isfinite(array).all():
        _refuse(f"{where} holds numbers that are not finite")
    return Vector.of(array.reshape(shape))


def _decode_picture(value: Any, where: str) -> Picture:
    if not isinstance(value, dict) or set(value) != {"width", "height", "bgrx"}:
        _refuse(f"{where} is not a picture")
    width, height = (_decode(value[side], int, where) for side in ("width", "height"))
    pixels = _bytes(value["bgrx"], where)
    if width < 1 or height < 1 or len(pixels) != 4 * width * height:
        _refuse(f"{where} has {len(pixels)} bytes, which does not fit {width} x {height}")
    return Picture(width, height, pixels)


def _bytes(value: Any, where: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error):
        return _refuse(f"{where} is not base64")


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        _refuse(f"{where} is not a list")
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a finite number")


def _refuse(why: str) -> NoReturn:
    raise LodestoneError(
        f"This Lodestone file is damaged: {why}. Choose another file, or save it again."
    )
