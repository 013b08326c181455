"""The model card: what is written comes back, what is damaged is refused with a sentence."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models import files
from models.errors import LodestoneError, RefusedFile
from models.files import Card

STATE = {
    "mapping.fc0.weight": np.arange(6, dtype=np.float32).reshape(2, 3).T,  # not contiguous
    "synthesis.b4.conv1.noise_strength": np.array(0.5, np.float32),
    "half": np.ones(3, np.float16),
    "empty": np.zeros((0, 4), np.float32),
}
CARD = Card(
    architecture="stylegan2",
    name="früchte 果物",
    hyper={"resolution": 8, "channels": (4, 4)},
    class_names=("apple", "cherry"),
    licence="CC BY-SA 4.0",
    attribution="somebody",
    provenance="trained on fruit",
    training={"images": 1000},
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "ünïcode 模型" / "a.safetensors"
    files.save_model(path, STATE, CARD)
    return path


def header(path: Path) -> tuple[dict[str, Any], bytes]:
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def rewrite(path: Path, table: dict[str, Any], data: bytes) -> None:
    text = json.dumps(table).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def test_round_trip(path: Path) -> None:
    card, state = files.load_model(path)
    assert card == dataclasses.replace(
        CARD, sha256=card.sha256, hyper={"resolution": 8, "channels": [4, 4]}
    )
    assert files.read_card(path) == card
    assert set(state) == set(STATE)
    for name, array in STATE.items():
        assert state[name].dtype == array.dtype
        assert np.array_equal(state[name], array)
        assert state[name].shape == array.shape


def test_other_programs_can_read_it(path: Path) -> None:
    loaded = safetensors.numpy.load_file(path)
    assert np.array_equal(loaded["mapping.fc0.weight"], STATE["mapping.fc0.weight"])


def test_nothing_but_the_file_is_left(path: Path) -> None:
    assert os.listdir(path.parent) == ["a.safetensors"]


def test_identity_is_weights_architecture_and_hyper(tmp_path: Path) -> None:
    def sha(state: dict[str, np.ndarray] = STATE, **changes: Any) -> str:
        card = dataclasses.replace(CARD, **changes)
        return files.save_model(tmp_path / "a.safetensors", state, card).sha256

    first = sha()
    assert len(first) == 64
    assert sha(name="other", licence="", parity=1e-6) == first
    assert sha(architecture="stylegan3-t") != first
    assert sha(hyper={"resolution": 16}) != first
    assert sha({**STATE, "half": np.full(3, 2, np.float16)}) != first
    assert sha({**STATE, "half": np.ones((1, 3), np.float16)}) != first
    assert sha(dict(reversed(STATE.items()))) == first


def test_a_changed_card_keeps_the_model(path: Path) -> None:
    before = files.read_card(path)
    after = files.update_card(path, parity=2e-6, name="new")
    assert (after.name, after.parity, after.sha256) == ("new", 2e-6, before.sha256)
    assert files.load_model(path)[0] == after


def test_bfloat16_is_read_as_float32(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    values = torch.tensor([1.0, -2.5, 3e38, 1e-30]).bfloat16()
    save_file({"a": values}, tmp_path / "a.safetensors")
    state, _ = files.load_tensors(tmp_path / "a.safetensors")
    assert np.array_equal(state["a"], values.float().numpy())


def test_reading_needs_no_torch(path: Path) -> None:
    code = (
        "import sys; from models import files, registry; "
        f"files.load_model({str(path)!r}); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_broken_weights(bad: float, tmp_path: Path) -> None:
    state = {**STATE, "w": np.array([0.0, bad], np.float32)}
    with pytest.raises(RefusedFile, match="`w` contains NaN or infinity"):
        files.save_model(tmp_path / "a.safetensors", state, CARD)
    assert not (tmp_path / "a.safetensors").exists()
    safetensors.numpy.save_file(state, tmp_path / "b.safetensors")
    with pytest.raises(RefusedFile, match="`w` contains NaN or infinity"):
        files.load_tensors(tmp_path / "b.safetensors")


def test_truncation_anywhere(path: Path) -> None:
    content = path.read_bytes()
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        with pytest.raises(RefusedFile, match="Copy or download it again"):
            files.load_model(path)


def test_bytes_behind_the_end(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(RefusedFile, match="more bytes than its header declares"):
        files.load_model(path)


def test_flipped_weights(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(RefusedFile, match="is damaged: its weights are not those"):
        files.load_model(path)


def test_a_declared_tensor_of_ten_gigabytes(path: Path) -> None:
    table, data = header(path)
    size = 10 * 2**30
    end = max(entry["data_offsets"][1] for name, entry in table.items() if name[0] != "_")
    table["huge"] = {"dtype": "F32", "shape": [size // 4], "data_offsets": [end, end + size]}
    rewrite(path, table, data)
    with pytest.raises(RefusedFile, match=r"truncated, 10,737,418,240 bytes are missing"):
        files.load_model(path)


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": [2**62, 4], "data_offsets": [0, 24]},
        {"dtype": "F32", "shape": [-2, -3], "data_offsets": [0, 24]},
        {"dtype": "F32", "shape": [2.0, 3.0], "data_offsets": [0, 24]},
        {"dtype": "F32", "shape": [True, 6], "data_offsets": [0, 24]},
        {"dtype": "F32", "shape": [6], "data_offsets": [24, 0]},
        {"dtype": "F32", "shape": [6], "data_offsets": [1, 25]},
        {"dtype": "F32", "shape": [6], "data_offsets": [0]},
        {"dtype": "O", "shape": [6], "data_offsets": [0, 24]},
        {"shape": [6], "data_offsets": [0, 24]},
        [],
        None,
    ],
)
def test_false_declarations(entry: Any, path: Path) -> None:
    table, data = header(path)
    table["mapping.fc0.weight"] = entry
    rewrite(path, table, data)
    with pytest.raises(RefusedFile):
        files.load_model(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"\xff" * 8 + b"{}",
        (2**40).to_bytes(8, "little") + b"{" * 100,
        (100_000).to_bytes(8, "little") + b"[" * 100_000,
        (10).to_bytes(8, "little") + b'{"a":\xff\xff}  ',
        (4).to_bytes(8, "little") + b"null",
    ],
)
def test_false_headers(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    with pytest.raises(RefusedFile, match="Copy or download it again"):
        files.read_card(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "without a Lodestone model card"),
        ("{", "its model card cannot be read"),
        ("[]", "its model card cannot be read"),
        ("[" * 100_000, "its model card cannot be read"),
        ('{"version": 1}', "its model card cannot be read"),
        ('{"version": 99, "architecture": "x"}', "written by a newer Lodestone"),
        ('{"version": 1, "architecture": 3, "name": "", "hyper": {}}', "card cannot be read"),
        ('{"version": 1, "architecture": "a", "name": "", "hyper": []}', "card cannot be read"),
    ],
)
def test_false_cards(text: str | None, words: str, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    metadata = None if text is None else {"lodestone": text}
    safetensors.numpy.save_file({"a": np.ones(2, np.float32)}, path, metadata)
    with pytest.raises(RefusedFile, match=words):
        files.read_card(path)


def test_a_card_of_the_future_may_say_more(path: Path) -> None:
    table, data = header(path)
    card = json.loads(table["__metadata__"]["lodestone"])
    table["__metadata__"]["lodestone"] = json.dumps({**card, "mood": "blue"})
    rewrite(path, table, data)
    assert files.load_model(path)[0].name == CARD.name


def test_a_model_larger_than_memory(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import psutil

    tight = psutil.virtual_memory()._replace(available=10)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: tight)
    with pytest.raises(RefusedFile, match="of memory but only"):
        files.load_model(path)


def test_a_full_disk_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = path.read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LodestoneError, match="the disk is full"):
        files.save_model(path, {"a": np.ones(1, np.float32)}, CARD)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="needs a read-only file system")
def test_a_read_only_folder() -> None:
    with pytest.raises(LodestoneError, match=r"could not be written: the folder /sys/kernel is"):
        files.save_model("/sys/kernel/a.safetensors", STATE, CARD)


def test_a_folder_that_is_a_file(path: Path) -> None:
    with pytest.raises(LodestoneError, match="Choose another folder"):
        files.save_model(path / "inside.safetensors", STATE, CARD)


def test_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(RefusedFile, match="is a folder"):
        files.read_card(tmp_path)
    with pytest.raises(RefusedFile, match="There is no file"):
        files.read_card(tmp_path / "absent")
    with pytest.raises(RefusedFile, match="cannot be opened"):
        files.read_card("nul\0byte")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(RefusedFile, match="not an ordinary file"):
        files.read_card(tmp_path / "pipe")


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    changes=st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), min_size=1, max_size=8)
)
def test_mutated_files_are_read_or_refused(changes: list[tuple[int, int]], tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    files.save_model(path, STATE, CARD)
    content = bytearray(path.read_bytes())
    for at, value in changes:
        content[at % len(content)] = value
    path.write_bytes(content)
    try:
        card, _ = files.load_model(path)
    except RefusedFile:
        return
    assert card.sha256 == files.read_card(path).sha256
