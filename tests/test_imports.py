"""The rule of imports: app → engine → models, and no torch in the window's process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HEAVY = ("torch", "onnxruntime", "onnx", "av")


def loaded_after(*modules: str) -> set[str]:
    """The top-level modules in a fresh process that has imported these."""
    code = (
        "import importlib, json, sys\n"
        f"for name in {list(modules)!r}: importlib.import_module(name)\n"
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def modules_of(package: str) -> list[str]:
    paths = sorted((ROOT / package).rglob("*.py"))
    return [".".join(p.relative_to(ROOT).with_suffix("").parts) for p in paths]


def test_nothing_in_the_window_brings_torch_or_onnx_runtime() -> None:
    names = [name.removesuffix(".__init__") for name in modules_of("app")]
    assert "app.__main__" in names
    loaded = loaded_after(*names)
    assert "PySide6" in loaded
    assert not loaded & set(HEAVY)


def test_the_three_modules_the_window_uses_are_light() -> None:
    loaded = loaded_after("engine.client", "engine.messages", "engine.project")
    assert not loaded & {*HEAVY, "PySide6", "PIL"}


def test_the_entry_point_is_light() -> None:
    # Every engine process imports it again when it is spawned.
    assert not loaded_after("app.__main__") & {*HEAVY, "PySide6", "numpy"}


def test_the_live_engine_draws_without_torch() -> None:
    loaded = loaded_after("engine.server", "engine.studio", "engine.onnx_backend")
    assert "onnxruntime" in loaded
    assert not loaded & {"torch", "PySide6"}


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    tool = Path(sys.executable).with_name("lint-imports")
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    command = [str(tool), "--no-cache"]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of the rooms, to break the rules in."""
    for room in ("app", "engine", "models"):
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_rules_hold(house: Path) -> None:
    done = lint(house)
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("app/theme.py", "from engine.runtime import Runtime"),
        ("app/theme.py", "import engine.steer.latents"),
        ("app/cli.py", "import torch"),
        ("engine/client.py", "import app.theme"),
        ("engine/server.py", "from PySide6 import QtCore"),
        ("models/files.py", "import engine.paths"),
    ],
)
def test_a_broken_rule_is_found(house: Path, file: str, line: str) -> None:
    path = house / file
    path.write_text(path.read_text() + f"\n{line}\n")
    done = lint(house)
    assert done.returncode != 0
    assert "BROKEN" in done.stdout
