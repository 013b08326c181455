"""A pickle machine that cannot run anything.

It interprets the opcodes itself and never imports, looks up or calls a Python object: a global is
only ever a name, and calling one means looking that name up in an explicit table of `Rules` whose
functions build inert data. A name that is not in the table is refused with `Forbidden` at the
moment it is mentioned. Work is bounded by a `Budget` shared by nested pickles.
"""

from __future__ import annotations

import pickletools
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO


class Forbidden(Exception):
    """The pickle mentions a global that is not in the table. `str()` is its dotted name."""

    def __init__(self, module: str, name: str):
        super().__init__(f"{module}.{name}")
        self.module, self.name = module, name


class Malformed(Exception):
    """Not a pickle, damaged, or larger than any honest one. `str()` says how."""


@dataclass(frozen=True)
class Global:
    """The name of a Python object. Nothing more: it is never resolved."""

    module: str
    name: str

    @property
    def dotted(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass
class Record:
    """An object reduced to its attributes; `kind` is the name of its class."""

    kind: str
    state: dict[Any, Any] = field(default_factory=dict)

    def build(self, state: Any) -> None:
        """What pickle's BUILD does to a plain object."""
        if isinstance(state, tuple) and len(state) == 2 and state[0] is None:
            state = state[1]
        if not isinstance(state, dict):
            raise Malformed(f"the state of {self.kind} is not a dictionary")
        self.state = state


@dataclass
class Budget:
    """Limits no honest model file comes near; one budget for a file and all that is nested."""

    operations: int = 1_000_000
    """Opcodes and items, in all."""
    copies: int = 2**30
    """Bytes that rules may copy, in all."""
    seconds: float = 60.0

    def __post_init__(self) -> None:
        self._deadline = time.monotonic() + self.seconds

    def tick(self, items: int = 1) -> None:
        self.operations -= items
        if self.operations < 0:
            raise Malformed("it holds more operations than any model needs")
        if self.operations & 255 == 0 or items > 256:
            self.check_time()

    def check_time(self) -> None:
        if time.monotonic() > self._deadline:
            raise Malformed("reading it takes longer than any model needs")

    def charge(self, size: int) -> None:
        self.copies -= size
        if self.copies < 0:
            raise Malformed("it unfolds to more data than it holds")


Call = Callable[[tuple[Any, ...], Budget], Any]


@dataclass(frozen=True)
class Rules:
    """All a pickle may mention."""

    calls: Mapping[str, Call]
    """Dotted name -> function of (arguments, budget) that builds inert data."""
    constants: frozenset[str] = frozenset()
    """Dotted names that may appear as values (dtypes, storage classes) but not be called."""
    persistent: Callable[[Any], Any] | None = None
    """Resolves persistent ids (tensor storages); None where a pickle may hold none."""


FAULTS = (
    ArithmeticError, AttributeError, EOFError, LookupError, MemoryError,
    RecursionError, TypeError, ValueError,
)  # fmt: skip


def unpickle(stream: BinaryIO, rules: Rules, budget: Budget) -> Any:
    """Read one pickle from `stream`, which is left just behind it."""
    machine = _Machine(rules, budget)
    try:
        with warnings.catch_warnings():
            # Python warns of odd escapes in the file's strings: no matter of the person's.
            warnings.simplefilter("ignore", DeprecationWarning)
            for opcode, argument, _ in pickletools.genops(stream):
                budget.tick()
                if opcode.name == "STOP":
                    return machine.stack.pop()
                machine.step(opcode.name, argument)
    except FAULTS as error:
        raise Malformed(f"it is damaged or no pickle ({type(error).__name__})") from error
    raise Malformed("it ends too early")


_PUSH = frozenset(
    {
        "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT",
        "STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE",
        "BINUNICODE8", "SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8",
    }
)  # fmt: skip
_FRESH: Mapping[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "EMPTY_DICT": dict,
    "EMPTY_SET": set,
}
_IGNORED = frozenset({"PROTO", "FRAME", "READONLY_BUFFER"})
_MEMO_PUT = frozenset({"PUT", "BINPUT", "LONG_BINPUT"})
_MEMO_GET = frozenset({"GET", "BINGET", "LONG_BINGET"})
_TUPLES: Mapping[str, int] = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class _Machine:
    """Stack, marks and memo of one pickle."""

    def __init__(self, rules: Rules, budget: Budget):
        self.rules = rules
        self.budget = budget
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def step(self, name: str, argument: Any) -> None:
        """Carry out one opcode."""
        if name in _PUSH:
            self.stack.append(argument)
        elif name in _FRESH:
            self.stack.append(_FRESH[name]())
        elif name in _MEMO_PUT:
            self.memo[argument] = self.stack[-1]
        elif name in _MEMO_GET:
            self.stack.append(self.memo[argument])
        elif name in _TUPLES:
            count = _TUPLES[name]
            items = tuple(self.stack[-count:])
            if len(items) != count:
                raise Malformed("it is damaged")
            self.stack[-count:] = [items]
        elif name not in _IGNORED:
            operation = getattr(self, f"_{name.lower()}", None)
            if operation is None:
                raise Malformed(f"it uses the pickle operation {name}")
            operation(argument)

    # ------------------------------------------------ stack

    def _mark(self, _: Any) -> None:
        self.marks.append(self.stack)
        self.stack = []

    def _since_mark(self) -> list[Any]:
        items = self.stack
        self.stack = self.marks.pop()
        self.budget.tick(len(items))
        return items

    def _pop(self, _: Any) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self._since_mark()

    def _pop_mark(self, _: Any) -> None:
        self._since_mark()

    def _dup(self, _: Any) -> None:
        self.stack.append(self.stack[-1])

    def _memoize(self, _: Any) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    # ------------------------------------------------ containers

    def _list(self, _: Any) -> None:
        items = self._since_mark()
        self.stack.append(items)

    def _tuple(self, _: Any) -> None:
        items = tuple(self._since_mark())
        self.stack.append(items)

    def _dict(self, _: Any) -> None:
        items = self._since_mark()
        self.stack.append(self._filled({}, items))

    def _frozenset(self, _: Any) -> None:
        items = self._since_mark()
        self.stack.append(self._added(set(), items))

    def _append(self, _: Any) -> None:
        value = self.stack.pop()
        self._top(list).append(value)

    def _appends(self, _: Any) -> None:
        items = self._since_mark()
        self._top(list).extend(items)

    def _setitem(self, _: Any) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._filled(self._top(dict), [key, value])

    def _setitems(self, _: Any) -> None:
        items = self._since_mark()
        self._filled(self._top(dict), items)

    def _additems(self, _: Any) -> None:
        items = self._since_mark()
        self._added(self._top(set), items)

    def _top(self, kind: type) -> Any:
        if not isinstance(self.stack[-1], kind):
            raise Malformed(f"it fills something that is not a {kind.__name__}")
        return self.stack[-1]

    def _filled(self, target: dict[Any, Any], items: list[Any]) -> dict[Any, Any]:
        if len(items) % 2:
            raise Malformed("it is damaged")
        for index in range(0, len(items), 2):
            target[_key(items[index])] = items[index + 1]
            if index & 255 == 0:  # colliding keys make every insertion slow
                self.budget.check_time()
        return target

    def _added(self, target: set[Any], items: list[Any]) -> set[Any]:
        for index, item in enumerate(items):
            target.add(_key(item))
            if index & 255 == 0:
                self.budget.check_time()
        return target

    # ------------------------------------------------ globals and objects

    def _global(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self.stack.append(self._allowed(module, name))

    def _stack_global(self, _: Any) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise Malformed("it names a global with something that is not text")
        self.stack.append(self._allowed(module, name))

    def _allowed(self, module: str, name: str) -> Global:
        found = Global(module, name)
        if found.dotted not in self.rules.calls and found.dotted not in self.rules.constants:
            raise Forbidden(module, name)
        return found

    def _call(self, function: Any, arguments: Any) -> Any:
        if not isinstance(function, Global) or not isinstance(arguments, tuple):
            raise Malformed("it calls something that is not a function")
        call = self.rules.calls.get(function.dotted)
        if call is None:
            raise Forbidden(function.module, function.name)
        return call(arguments, self.budget)

    def _reduce(self, _: Any) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        self.stack.append(self._call(function, arguments))

    def _newobj(self, _: Any) -> None:
        self._reduce(None)

    def _newobj_ex(self, _: Any) -> None:
        if self.stack.pop():
            raise Malformed("it makes an object with keyword arguments")
        self._reduce(None)

    def _inst(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        arguments = tuple(self._since_mark())
        self.stack.append(self._call(self._allowed(module, name), arguments))

    def _obj(self, _: Any) -> None:
        function, *arguments = self._since_mark()
        self.stack.append(self._call(function, tuple(arguments)))

    def _build(self, _: Any) -> None:
        state = self.stack.pop()
        target = self.stack[-1]
        if isinstance(target, dict):
            return  # attributes of a dictionary, such as a state dict's `_metadata`
        if not hasattr(type(target), "build"):
            raise Malformed("it sets the state of a plain value")
        target.build(state)

    def _binpersid(self, _: Any) -> None:
        if self.rules.persistent is None:
            raise Malformed("it refers to data outside itself")
        self.stack.append(self.rules.persistent(self.stack.pop()))


def _key(value: Any) -> Any:
    """A dictionary key whose hash is cheap: text, bytes, small numbers, flat tuples of those."""
    if isinstance(value, tuple) and len(value) <= 8 and not any(type(v) is tuple for v in value):
        return tuple(_key(item) for item in value)
    if value is None or isinstance(value, str | bytes | bool | Global):
        return value
    if isinstance(value, int) and abs(value) < 2**61 - 1:
        return value
    raise Malformed("it uses a dictionary key that no model needs")
