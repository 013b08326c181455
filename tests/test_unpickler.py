"""Hostile files: nothing runs, nothing is allocated that is not there, and the answer is prompt."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import struct
import time
import tracemalloc
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from models.errors import RefusedFile
from models.foreign import read_foreign
from models.pickled import CONSTANTS, calls
from models.stylegan2 import Config, Generator
from models.unpickler import Budget, Forbidden, Malformed, Rules, unpickle
from tests import standins

SECONDS = 20.0
"""Within which every answer must come, on a busy machine."""


class Runs:
    """Pickles into a call of `function`; unpickling it the ordinary way runs that."""

    def __init__(self, function: Callable[..., Any], *arguments: Any):
        self.call = function, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


def read(content: bytes) -> Any:
    return unpickle(io.BytesIO(content), Rules(calls(), CONSTANTS), Budget(seconds=SECONDS))


def refused(path: Path, content: bytes) -> str:
    """The sentence a hostile file is refused with, promptly."""
    path.write_bytes(content)
    began = time.monotonic()
    with pytest.raises(RefusedFile) as caught:
        read_foreign(path)
    assert time.monotonic() - began < SECONDS
    sentence = caught.value.sentence
    assert sentence.startswith(path.name)
    assert "\n" not in sentence
    return sentence


# ---------------------------------------------------------------- code


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", ["model.pkl", "model.pt", "model.safetensors", "picture.png"])
def test_os_system_in_every_protocol_and_extension(
    protocol: int, name: str, tmp_path: Path
) -> None:
    marker = tmp_path / "ran"
    content = pickle.dumps({"G_ema": Runs(os.system, f"touch '{marker}'")}, protocol)
    sentence = refused(tmp_path / name, content)
    assert "asks to run `posix.system`" in sentence or "asks to run `nt.system`" in sentence
    assert "Nothing was run." in sentence
    assert not marker.exists()
    pickle.loads(content)
    assert marker.exists()  # the control: it would have run


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"cos\nsystem\n(S'true'\ntR.", "os.system"),
        (b"(S'true'\nios\nsystem\n.", "os.system"),
        (b"(cos\nsystem\nS'true'\no.", "os.system"),
        (pickle.dumps(Runs(eval, "1+1")), "builtins.eval"),
        (pickle.dumps(Runs(exec, "1+1")), "builtins.exec"),
        (pickle.dumps(Runs(getattr, {}, "get")), "builtins.getattr"),
        (b"cbuiltins\n__import__\n(S'os'\ntR.", "builtins.__import__"),
        (b"\x80\x04\x8c\x05posix\x8c\x06system\x93.", "posix.system"),
        (b"ctorch.hub\nload\n.", "torch.hub.load"),
        (b"ctorch.h\\oub\nload\n.", None),  # Python itself would warn of the escape
        (b"ctorch.storage\n_load_from_bytes\n(S'x'\ntR.", None),
    ],
)
def test_calls_are_refused_by_name(content: bytes, name: str | None, tmp_path: Path) -> None:
    sentence = refused(tmp_path / "a.pkl", content)
    if name:
        assert f"`{name}`" in sentence


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("collections", "OrderedDict.__init__.__globals__"),
        ("collections", "OrderedDict.__reduce_ex__"),
        ("collections.OrderedDict", "__init__"),
        ("numpy", "dtype.__class__"),
        ("torch._utils", "_rebuild_tensor_v2.__globals__"),
        ("torch", "FloatStorage.__init__"),
        ("torch_utils.persistence", "_src_to_module"),
        ("torch_utils", "persistence._src_to_module"),
        ("", "os.system"),
        ("os", "system\u2028"),
    ],
)
def test_dotted_names_are_not_followed(module: str, name: str, tmp_path: Path) -> None:
    def text(value: str) -> bytes:
        raw = value.encode()
        return b"\x8c" + bytes([len(raw)]) + raw

    content = b"\x80\x04" + text(module) + text(name) + b"\x93)R."
    with pytest.raises(Forbidden):
        read(content)
    assert "which a picture model never needs" in refused(tmp_path / "a.pkl", content)


def test_a_name_split_otherwise_is_still_only_a_name() -> None:
    """`torch` + `Size` and a forged split of an allowed dotted name mean the same inert call."""
    assert read(b"\x80\x04\x8c\x05torch\x8c\x04Size\x93K\x02K\x03\x86\x85R.") == (2, 3)
    forged = b"\x80\x04\x8c\x00\x8c\x0atorch.Size\x93."
    with pytest.raises(Forbidden):
        read(forged)


def test_values_are_not_callable(tmp_path: Path) -> None:
    for content in (b"ctorch\nFloatStorage\n(tR.", b"ctorch\nTensor\n)\x81."):
        with pytest.raises(Forbidden):
            read(content)
    with pytest.raises(Malformed):
        read(b"S'os.system'\n(S'true'\ntR.")


def test_pickles_nested_in_storages(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    inner = pickle.dumps(Runs(os.system, f"touch '{marker}'"), 2)
    load = getattr(torch.storage, "_load_from_bytes")  # noqa: B009 - a private name, on purpose
    for depth in range(1, 4):
        inner = pickle.dumps(Runs(load, inner), 2)
        sentence = refused(tmp_path / f"{depth}.pkl", inner)
        assert "system`" in sentence or "_load_from_bytes`" in sentence
    assert not marker.exists()


@pytest.mark.parametrize("part", range(1, 5))
def test_hostile_parts_of_torchs_old_stream(part: int, tmp_path: Path) -> None:
    """Magic, version, system, content and keys are pickles each; any of them may be hostile."""
    marker = tmp_path / "ran"
    hostile = pickle.dumps(Runs(os.system, f"touch '{marker}'"), 2)
    parts = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, {}, []]
    pickles = [pickle.dumps(value, 2) for value in parts]
    pickles[part] = hostile
    assert "system`" in refused(tmp_path / "a.pt", b"".join(pickles))
    assert not marker.exists()


def test_a_hostile_pickle_in_torchs_zip(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a/data.pkl", pickle.dumps(Runs(os.system, f"touch '{marker}'")))
    assert "system`" in refused(tmp_path / "a.pt", buffer.getvalue())
    assert not marker.exists()


# ---------------------------------------------------------------- bombs


def doubling(levels: int, end: bytes) -> bytes:
    """A tuple of two of the one before, and so on: tiny, but 2**levels leaves."""
    return b"\x80\x04)" + b"".join(b"2\x86" for _ in range(levels)) + end


BOMBS = {
    "doubling tuples": doubling(200_000, b"."),
    "hash of doubling tuples": doubling(60, b"0})" + b"2\x86" * 60 + b"Ns."),
    "set of doubling tuples": b"\x80\x04\x8f()" + b"2\x86" * 60 + b"\x90.",
    "deep lists": b"\x80\x04" + b"]" * 300_000 + b"a" * 299_999 + b".",
    "marks": b"(" * 300_000 + b".",
    "endless": b"\x80\x04" + b"N0" * 3_000_000 + b".",
    "huge bytes declared": b"\x80\x04\x8e" + struct.pack("<Q", 10 * 2**30) + b"x.",
    "huge bytearray declared": b"\x80\x05\x96" + struct.pack("<Q", 10 * 2**30) + b"x.",
    "huge text declared": b"\x80\x04\x8d" + struct.pack("<Q", 2**62) + b"x.",
    "negative length": b"\x80\x02T\xff\xff\xff\xff.",
    "huge memo index": b"\x80\x02Nr\xff\xff\xff\xff0j\xfe\xff\xff\xff.",
    "huge number": b"L" + b"9" * 2_000_000 + b"L\n.",
    "huge binary number": b"\x80\x02\x8b" + struct.pack("<i", 2**22) + b"\x7f" * 2**22 + b".",
    "colliding keys": b"\x80\x02}("
    + b"".join(
        b"\x8a\x0c" + (k * (2**61 - 1)).to_bytes(12, "little", signed=True) + b"N"
        for k in range(50_000)
    )
    + b"u.",
    "copies": b"\x80\x02X"
    + struct.pack("<I", 2**20)
    + b"x" * 2**20
    + b"q\x000"
    + b"c_codecs\nencode\nq\x010"
    + b"(" + b"h\x01h\x00U\x06latin1\x86R" * 5_000 + b"t.",
    "extension": b"\x80\x02\x82\x01.",
    "persistent id": b"Pstorage\n.",
    "outside itself": b"\x80\x02)Q.",
    "no stop": b"\x80\x04N",
    "empty stack": b"\x80\x040.",
    "tuple of nothing": b"\x80\x04\x87.",
    "append to nothing": b"\x80\x04NNa.",
    "state of a number": b"\x80\x04K\x01}b.",
    "itself": b"\x80\x04]q\x00h\x00a.",
}  # fmt: skip


@pytest.mark.parametrize("kind", BOMBS)
def test_bombs(kind: str, tmp_path: Path) -> None:
    content = BOMBS[kind]
    tracemalloc.start()
    try:
        refused(tmp_path / "bomb.pkl", content)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 400 * 2**20


def test_a_loop_of_modules_is_refused(tmp_path: Path) -> None:
    """A network that contains itself, and one whose parts double at every level."""
    looped = standins.Network("Generator", {}, "")
    members: dict[str, Any] = {"_modules": OrderedDict()}
    inner: Any = standins.Network("Layer", {"_modules": OrderedDict()}, "")
    for _ in range(11):
        inner = standins.Network("Layer", {"_modules": OrderedDict(a=inner, b=inner, c=inner)}, "")
    members["_modules"]["x"] = inner
    looped.state = members
    with standins.their_modules():
        content = pickle.dumps({"G_ema": looped})
    assert "nested deeper" in refused(tmp_path / "a.pkl", content)


# ---------------------------------------------------------------- sizes


def tensor_file(path: Path, zipped: bool = True) -> bytes:
    torch.save(
        {"g_ema": {"input.input": torch.ones(1, 4, 4, 4), "x": torch.ones(1000)}},
        path,
        _use_new_zipfile_serialization=zipped,
    )
    return path.read_bytes()


@pytest.mark.parametrize("zipped", [True, False])
def test_a_declared_tensor_of_ten_gigabytes(zipped: bool, tmp_path: Path) -> None:
    """1000 floats are there, 2.5 billion are declared: in the storage, then in the shape."""
    content = tensor_file(tmp_path / "whole.pt", zipped)
    small, huge = b"M\xe8\x03", b"J" + struct.pack("<i", 2**31 - 1)
    if zipped:
        huge_files = [rezipped(content, lambda data: data.replace(small, huge))]
    else:
        huge_files = [content.replace(small, huge, n) for n in (1, 2)]
    for index, changed in enumerate(huge_files):
        assert changed != content
        refused(tmp_path / f"{index}.pt", changed)


def rezipped(content: bytes, change: Callable[[bytes], bytes], compress: bool = False) -> bytes:
    """The same archive with its pickle changed (or everything compressed)."""
    buffer = io.BytesIO()
    method = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(buffer, "w", method) as new,
    ):
        for info in old.infolist():
            data = old.read(info)
            new.writestr(info.filename, change(data) if "data.pkl" in info.filename else data)
    return buffer.getvalue()


def test_a_compressed_archive(tmp_path: Path) -> None:
    content = rezipped(tensor_file(tmp_path / "whole.pt"), lambda data: data, compress=True)
    assert "compressed" in refused(tmp_path / "a.pt", content)


def test_a_view_that_repeats_one_number(tmp_path: Path) -> None:
    """Stride 0: a billion numbers out of one."""
    torch.save({"g_ema": {"fc.weight": torch.ones(1).expand(2**30)}}, tmp_path / "whole.pt")
    refused(tmp_path / "a.pt", (tmp_path / "whole.pt").read_bytes())


def test_many_views_of_one_storage(tmp_path: Path) -> None:
    base = torch.ones(2**18)
    views: dict[str, Any] = {f"synthesis.{i}": base for i in range(2000)}
    views |= {"synthesis.b4.const": base, "mapping.fc0.weight": base}
    torch.save({"g_ema": views}, tmp_path / "whole.pt")
    sentence = refused(tmp_path / "a.pt", (tmp_path / "whole.pt").read_bytes())
    assert "unfolds to more data" in sentence


def test_views_outside_their_storage() -> None:
    rebuild = calls()["torch._utils._rebuild_tensor_v2"]
    from models.pickled import Storage

    storage = Storage("<f4", 8)
    for offset, shape, stride in [
        (0, (9,), (1,)),
        (1, (8,), (1,)),
        (0, (2, 4), (5, 1)),
        (0, (2,), (-1,)),
        (-1, (2,), (1,)),
        (0, (2**40, 2**40), (1, 1)),
        (0, (2,), (1, 1)),
    ]:
        with pytest.raises(Malformed):
            rebuild((storage, offset, shape, stride, False, {}), Budget())


def test_arrays_of_objects_and_false_sizes() -> None:
    honest = pickle.dumps(np.arange(6.0).reshape(2, 3))
    assert np.array_equal(read(honest).numpy(), np.arange(6.0).reshape(2, 3))
    for array in (np.array([print, os]), np.zeros(2, [("a", "f4")]), np.array(["text"])):
        content = pickle.dumps(array) if array.dtype.kind != "O" else objects_pickle()
        with pytest.raises((Malformed, Forbidden)):
            read(content).numpy()
    with pytest.raises(Malformed):
        read(honest.replace(b"K\x02K\x03", b"K\x02K\xff")).numpy()


def objects_pickle() -> bytes:
    return pickle.dumps(np.array([{}, []], dtype=object))


# ---------------------------------------------------------------- damage


class Honest(dict[str, bytes]):
    """Kind -> content; short to print when a test fails."""

    def __repr__(self) -> str:
        return f"Honest({', '.join(self)})"


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Honest:
    """One small readable file of each kind."""
    folder = tmp_path_factory.mktemp("honest")
    torch.manual_seed(0)
    config = Config(resolution=8, channels=(4, 4), z_dim=4, w_dim=4, mapping_layers=1)
    state = {n: v.numpy() for n, v in Generator(config).state_dict().items()}
    pkl = standins.nvidia_pickle(folder / "a.pkl", state, folder / "ran", {"z_dim": 4})
    theirs = {"g_ema": standins.rosinality_state(state), "latent_avg": torch.zeros(4)}
    torch.save(theirs, folder / "zip.pt")
    torch.save(theirs, folder / "old.pt", _use_new_zipfile_serialization=False)
    made = {"pkl": pkl, "zip": folder / "zip.pt", "old": folder / "old.pt"}
    for path in made.values():
        read_foreign(path)
    return Honest({kind: path.read_bytes() for kind, path in made.items()})


@pytest.mark.parametrize("kind", ["pkl", "zip", "old"])
def test_truncation_anywhere(kind: str, honest: Honest, tmp_path: Path) -> None:
    content = honest[kind]
    for part in range(1, 40):
        refused(tmp_path / "cut.bin", content[: len(content) * part // 40])


def survives(path: Path, content: bytes) -> None:
    """Read or refused, promptly; any other exception fails the test."""
    path.write_bytes(content)
    began = time.monotonic()
    with contextlib.suppress(RefusedFile):
        read_foreign(path)
    assert time.monotonic() - began < SECONDS


fuzz = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    return tmp_path / "fuzz.bin"


@fuzz
@given(content=st.binary(max_size=300))
@example(content=b"\x80\x04.")
def test_random_bytes(content: bytes, scratch: Path) -> None:
    survives(scratch, content)


@fuzz
@given(content=st.lists(st.sampled_from([bytes([n]) for n in range(128)]), max_size=60))
def test_random_opcodes(content: list[bytes], scratch: Path) -> None:
    survives(scratch, b"\x80\x04" + b"".join(content) + b".")


mutations = st.lists(st.tuples(st.integers(0, 5999), st.integers(0, 255)), min_size=1, max_size=6)


@fuzz
@given(changes=mutations)
@pytest.mark.parametrize("kind", ["pkl", "zip", "old"])
def test_mutated_models(
    kind: str, changes: list[tuple[int, int]], honest: Honest, scratch: Path
) -> None:
    """Most of a file is numbers; the structure lies in its first 6,000 bytes."""
    content = bytearray(honest[kind])
    for at, value in changes:
        content[at % len(content)] = value
    survives(scratch, bytes(content))


@fuzz
@given(begin=st.integers(0, 20_000), end=st.integers(0, 20_000))
def test_spliced_models(begin: int, end: int, honest: Honest, scratch: Path) -> None:
    survives(scratch, honest["pkl"][:begin] + honest["pkl"][end:])
