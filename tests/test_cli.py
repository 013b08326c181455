"""The command line, end to end in processes of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from app.cli import build_parser, main
from app.recipes import film_frames, parse_direction, parse_seeds
from app.terminal import bar_line
from engine.client import Report
from engine.codec import to_json
from engine.messages import Direction, Edit, LatentPart, SteerRequest, Vector
from engine.pictures import read_state
from engine.steer.directions import direction_from_array, sefa
from engine.steer.render import render
from tests import small

root = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("zu Hause")
    small.info()
    shutil.copytree(small.folder(), path / "models")
    return path


def lodestone(home: Path, *words: str | Path, **extra: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app", *map(str, words)],
        capture_output=True, text=True, cwd=root, check=False,
        env={**os.environ, "LODESTONE_HOME": str(home), "PYTHONWARNINGS": "error", **extra},
    )  # fmt: skip


def good(home: Path, *words: str | Path) -> str:
    done = lodestone(home, *words)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@dataclass(frozen=True)
class Here:
    """The command line inside this process: saves a start for every wrong word."""

    home: Path
    patch: pytest.MonkeyPatch
    capture: pytest.CaptureFixture[str]

    def __call__(self, *words: str | Path) -> tuple[int, str, str]:
        self.patch.setenv("LODESTONE_HOME", str(self.home))
        try:
            code = main([str(word) for word in words])
        except SystemExit as stop:
            code = int(stop.code or 0)
        out, err = self.capture.readouterr()
        return code, out, err

    def bad(self, *words: str | Path) -> str:
        """The one sentence a person reads."""
        code, out, err = self(*words)
        assert (code, out) == (1, "")
        assert err.startswith("lodestone: ")
        assert err.count("\n") == 1
        return err

    def npy(self, out: Path, *words: str | Path) -> np.ndarray:
        code, _, err = self("render", "small", *words, "--format", "npy", "-o", out)
        assert (code, err) == (0, "")
        return np.load(out / "images.npy")


@pytest.fixture
def here(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Here:
    return Here(home, monkeypatch, capsys)


def picture(seed: int = 0, **changes: object) -> np.ndarray:
    request = SteerRequest(small.info().id, (LatentPart(seed=seed),), **changes)  # type: ignore[arg-type]
    return render(request, small.runtime())


def test_models(home: Path) -> None:
    listed = json.loads(good(home, "models", "--json"))
    facts = next(facts for facts in listed if facts["name"] == "small")
    assert facts["id"] == small.info().id
    assert facts["class_names"] == ["apple", "cherry", "tomato"]
    text = good(home, "models")
    assert "small" in text
    assert "apple, cherry, tomato" in text


def test_render_png_with_its_recipe(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "bílder"
    answer = json.loads(
        good(
            home, "render", "small", "--seeds", "0-2,7", "--truncation", "0.7", "--json", "-o", out
        )
    )
    names = ["seed0000.png", "seed0001.png", "seed0002.png", "seed0007.png"]
    assert sorted(os.listdir(out)) == names
    assert [Path(path).name for path in answer["files"]] == names
    state = read_state(out / "seed0007.png")
    assert state == SteerRequest(small.info().id, (LatentPart(seed=7),), truncation=0.7)
    with Image.open(out / "seed0007.png") as image:
        pixels = np.asarray(image).astype(int)
    expected = np.clip(render(state, small.runtime())[0] * 127.5 + 128, 0, 255)
    assert np.abs(pixels - expected.transpose(1, 2, 0).astype(int)).max() <= 1


def test_npy_is_what_comes_out_of_the_network(here: Here, tmp_path: Path) -> None:
    array = here.npy(tmp_path, "--seeds", "3,1")
    assert (array.shape, array.dtype) == ((2, 3, 32, 32), np.float32)
    np.testing.assert_allclose(array, np.concatenate([picture(3), picture(1)]), atol=1e-5)
    made = small.generator()
    import torch

    z = np.random.RandomState(3).randn(1, 24)
    w = made.mapping(torch.from_numpy(z).float(), torch.eye(3)[:1])
    theirs = made.synthesis(w[:, None].expand(-1, 8, -1)).numpy()
    assert np.abs(array[:1] - theirs).max() < 1e-4


def test_latents_of_every_space(here: Here, tmp_path: Path) -> None:
    random = np.random.RandomState(0)
    for space, shape in (("z", (3, 24)), ("w", (3, 20)), ("w+", (3, 8, 20))):
        latents = random.randn(*shape)
        np.save(tmp_path / "l.npy", latents)
        array = here.npy(tmp_path, "--latents", tmp_path / "l.npy", "--space", space)
        for row, found in zip(latents, array, strict=True):
            part = LatentPart(vector=Vector.of(row), space=space)  # type: ignore[arg-type]
            expected = render(SteerRequest(small.info().id, (part,)), small.runtime())
            np.testing.assert_allclose(found, expected[0], atol=1e-5)


def test_classes_by_row_name_and_index(here: Here, tmp_path: Path) -> None:
    np.save(tmp_path / "c.npy", np.array([[0, 1, 0], [0.5, 0, 0.5]]))
    array = here.npy(tmp_path, "--seeds", "4,4", "--classes", tmp_path / "c.npy")
    np.testing.assert_allclose(array[:1], picture(4, classes=(0.0, 1.0, 0.0)), atol=1e-5)
    np.testing.assert_allclose(array[1:], picture(4, classes=(0.5, 0.0, 0.5)), atol=1e-5)
    np.save(tmp_path / "i.npy", np.array([2, 1]))
    array = here.npy(tmp_path, "--seeds", "4,4", "--classes", tmp_path / "i.npy")
    np.testing.assert_allclose(array[:1], picture(4, classes=(0.0, 0.0, 1.0)), atol=1e-5)
    for name in ("Tomato", "2"):
        array = here.npy(tmp_path, "--seeds", "4", "--class", name)
        np.testing.assert_allclose(array, picture(4, classes=(0.0, 0.0, 1.0)), atol=1e-5)


def test_directions_truncation_and_noise(here: Here, tmp_path: Path) -> None:
    first = sefa(small.runtime(), count=1)[0]
    vector = np.random.RandomState(8).randn(20)
    np.save(tmp_path / "a=b@c.npy", vector)
    other = direction_from_array(vector, "v", small.runtime())
    third = Direction("prickly", "w", Vector.of(np.eye(20)[2]), sigma=0.3, layers=(0, 1))
    (tmp_path / "p.json").write_text(to_json(third), "utf-8")
    array = here.npy(
        tmp_path, "--seeds", "2", "--truncation", "0.6", "--cutoff", "5",
        "--noise", "random", "--noise-seed", "9", "--noise-strength", "0.5",
        "--direction", "sefa 1=2.0@4-7", "--direction", f"{tmp_path / 'a=b@c.npy'}=-1.5",
        "--direction", f"{tmp_path / 'p.json'}=1e0",
    )  # fmt: skip
    edits = (Edit(replace(first, layers=(4, 7)), 2.0), Edit(other, -1.5), Edit(third, 1.0))
    expected = picture(
        2, truncation=0.6, truncation_cutoff=5, noise="random", noise_seed=9, noise_strength=0.5,
        edits=edits,
    )  # fmt: skip
    np.testing.assert_allclose(array, expected, atol=1e-4)


def test_film_of_a_rate_and_length(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.mp4"
    good(home, "render", "small", "--seeds", "0-2", "--format", "mp4",
         "--fps", "23.976", "--seconds", "2", "-o", out)  # fmt: skip
    with av.open(str(out)) as container:
        assert container.streams.video[0].average_rate == Fraction(24000, 1001)
        assert sum(1 for _ in container.decode(video=0)) == 48


def test_steer_film(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "steer.webm"
    answer = good(home, "film", "small", "--seconds", "1.5", "--fps", "12.5", "--json", "-o", out)
    assert json.loads(answer) == {"path": str(out), "pictures": 19, "format": "webm"}
    with av.open(str(out)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == 19
    assert np.abs(frames[0].astype(int) - frames[9]).mean() > 2


def test_a_card_anywhere_is_a_model(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "wo anders.safetensors"
    info = small.save(small.generator(c_dim=0), path, "elsewhere")
    small_graphs = tmp_path / "out"
    array = np.load(
        json.loads(good(home, "render", path, "--format", "npy", "-o", small_graphs, "--json"))[
            "path"
        ]
    )
    assert array.shape == (1, 3, 32, 32)
    assert info.name not in good(home, "models")


def test_export_import_and_parity(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.onnx"
    answer = json.loads(good(home, "export", "small", "-o", out, "--json"))
    assert answer["model"] == small.info().id
    assert answer["parity"] < 1e-4
    assert out.is_file()
    new = tmp_path / "new home"
    answer = json.loads(good(new, "import", small.info().path, "--name", "Früchte", "--json"))
    assert (answer["name"], answer["id"]) == ("Früchte", small.info().id)
    assert answer["parity"] < 1e-4
    assert "Früchte" in good(new, "models")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("render", "nobody", "-o", "{out}"), "no model and no file"),
        (("render", "small", "--direction", "sefa 99=1", "-o", "{out}"), "SeFa directions"),
        (("render", "small", "--direction", "x.json=1", "-o", "{out}"), "x.json"),
        (("render", "small", "--direction", "sefa 1=1@4-8", "-o", "{out}"), "layers 0 to 7"),
        (("render", "small", "--class", "plum", "-o", "{out}"), "apple, cherry, tomato"),
        (("render", "small", "--latents", "none.npy", "-o", "{out}"), "no file"),
        (("render", "small", "--latents", "{text}", "-o", "{out}"), "numpy array"),
        (("render", "small", "--latents", "{wrong}", "-o", "{out}"), "Nx24"),
        (("render", "small", "--latents", "{nan}", "-o", "{out}"), "not finite"),
        (("render", "small", "--classes", "{wrong}", "-o", "{out}"), "want 1x3"),
        (("render", "small", "-o", "{text}/inside"), "could not be written"),
        (("render", "small", "--format", "mp4", "--fps", "0", "-o", "{out}"), "cannot be filmed"),
        (("render", "{text}", "-o", "{out}"), ""),
        (("import", "{text}"), ""),
        (("export", "small", "-o", "{text}/x.onnx"), "could not be written"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    here: Here, tmp_path: Path, words: tuple[str, ...], says: str
) -> None:
    np.save(tmp_path / "wrong.npy", np.zeros((2, 5)))
    np.save(tmp_path / "nan.npy", np.full((1, 24), np.nan))
    (tmp_path / "text.npy").write_text("hello")
    places = {name: str(tmp_path / f"{name}.npy") for name in ("wrong", "nan", "text")}
    places["out"] = str(tmp_path / "out")
    assert says in here.bad(*(word.format(**places) for word in words))


@pytest.mark.parametrize(
    "words",
    [
        ("render", "small"),
        ("render", "small", "--seeds", "7-3", "-o", "x"),
        ("render", "small", "--seeds", "0-9999999999", "-o", "x"),
        ("render", "small", "--direction", "sefa 1", "-o", "x"),
        ("render", "small", "--direction", "sefa 1=1@5-2", "-o", "x"),
        ("render", "small", "--space", "v", "-o", "x"),
        ("export", "small", "-o", "x.pt"),
        ("fly",),
        ("bench", "clouds"),
    ],
)
def test_what_is_not_understood_is_code_two(here: Here, words: tuple[str, ...]) -> None:
    code, out, err = here(*words)
    assert (code, out) == (2, "")
    assert err.startswith("usage: lodestone")


def test_errors_leave_a_process_as_a_sentence_and_a_code(home: Path, tmp_path: Path) -> None:
    done = lodestone(home, "render", "nobody", "-o", tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith("lodestone: There is no model")


def test_surprises_are_a_sentence_too(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    def surprise(_client: object) -> None:
        raise KeyError("gone")

    monkeypatch.setattr("engine.client.EngineClient.models", surprise)
    assert "inside Lodestone (KeyError: 'gone')" in here.bad("models")


def test_cuda_asked_for_and_absent_is_said(home: Path, tmp_path: Path) -> None:
    from engine.onnx_backend import cuda_device_present

    if cuda_device_present():
        pytest.skip("there is a CUDA device")
    done = lodestone(home, "render", "small", "--device", "cuda", "-o", tmp_path)
    assert done.returncode == 0
    assert done.stderr == "There is no CUDA device here; this generator runs on the CPU.\n"


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_keeps_a_shorter_film(home: Path, tmp_path: Path) -> None:
    command = ["render", "small", "--format", "mp4", "--seconds", "3000", "-o", tmp_path / "a.mp4"]
    process = subprocess.Popen(
        [sys.executable, "-m", "app", *map(str, command)],
        cwd=root, env={**os.environ, "LODESTONE_HOME": str(home)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    part = tmp_path / "a.mp4.part"
    until = time.monotonic() + 60
    while time.monotonic() < until and not (part.exists() and part.stat().st_size > 20_000):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, "")
    assert err == "lodestone: Stopped. What was finished is kept.\n"
    assert os.listdir(tmp_path) == ["a.incomplete.mp4"]


def test_bundled_generators_draw(tmp_path: Path) -> None:
    listed = json.loads(good(tmp_path / "home", "models", "--json"))
    bundled = [facts["name"] for facts in listed if facts["bundled"]]
    if not bundled:
        pytest.skip("no generator is bundled yet")
    for name in bundled:
        good(tmp_path / "home", "render", name, "--seeds", "0-1", "-o", tmp_path / name)
        assert sorted(os.listdir(tmp_path / name)) == ["seed0000.png", "seed0001.png"]


# ---------------------------------------------------------------- the words themselves


def test_parsers() -> None:
    assert parse_seeds("0-3, 9,1") == [0, 1, 2, 3, 9, 1]
    assert parse_direction("sefa 1=-.5@4-7") == ("sefa 1", -0.5, (4, 7))
    assert parse_direction("C:/a=b.npy=2@3") == ("C:/a=b.npy", 2.0, (3, 3))
    for text in ("", "a", "=1", "a=", "a=x", "a=1@", "a=1@x"):
        with pytest.raises(ValueError, match="is not"):
            parse_direction(text)


def test_film_frames_are_counted_exactly() -> None:
    keys = [SteerRequest("m", (LatentPart(seed=seed),)) for seed in range(3)]
    frames = film_frames(keys, 30.0, 10.0, loop=False)
    assert (len(frames), frames[0], frames[-1]) == (300, keys[0], keys[-1])
    looped = film_frames(keys, 23.976, 10.0, loop=True)
    assert (len(looped), looped[0]) == (240, keys[0])
    assert looped[-1] not in keys
    assert film_frames(keys[:1], 30.0, 0.1, loop=False) == (keys[0],) * 3


def test_help_is_plain_text() -> None:
    """Windows consoles without UTF-8 print it too."""
    parser = build_parser()
    actions = parser._subparsers._group_actions[0].choices.values()  # type: ignore[union-attr]
    for command in (parser, *actions):
        assert command.format_help().isascii()


def test_bar_line_fits_the_terminal() -> None:
    line = bar_line(Report(0.5, "Picture 5 of 10", 75.2), 200)
    assert line == "[############            ]  50%  Picture 5 of 10  1:15 left"
    assert len(bar_line(Report(0.5, "x" * 300), 79)) == 79
