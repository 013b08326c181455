"""`lodestone sound …` and the files it writes, end to end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from app.cli import main
from app.cli_sound import parse_curve, parse_span
from app.jobs import title
from engine.messages import LodestoneError, SoundRecipe, SoundRequest, SoundTrainRequest
from engine.progress import Progress, Report
from engine.sound.files import read_recipe, write_sound
from engine.sound.run import run as run_job
from tests.sounds import saved, slam, tune


@pytest.fixture
def clip(tmp_path: Path) -> str:
    return saved(tmp_path / "mein Klang.wav", tune(), subtype="PCM_16")


def run(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    code = main([str(word) for word in ("sound", *words)])
    streams = capsys.readouterr()
    return code, streams.out, streams.err


def files(capsys: pytest.CaptureFixture[str], *words: str | Path) -> list[np.ndarray]:
    code, out, error = run(capsys, *words, "--json")
    assert code == 0, error
    return [soundfile.read(path, always_2d=True)[0].T for path in json.loads(out)["files"]]


def test_takes_of_a_length_that_remember_their_recipe(
    clip: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    words = ("sample", clip, "--seconds", "2.5", "-n", "2", "--seed", "7", "--loop", "-o", out)
    first, second = files(capsys, *words)
    assert first.shape == second.shape == (1, 40000)
    assert not np.array_equal(first, second)
    path = out / "mein Klang-sample-8.wav"
    assert read_recipe(path) == SoundRecipe(clip, seed=8, seconds=2.5, loop=True)
    assert soundfile.info(str(path)).subtype == "PCM_24"
    assert sorted(p.name for p in out.iterdir()) == [
        "mein Klang-sample-7.wav",
        "mein Klang-sample-8.wav",
    ]


def test_variations_as_flac_at_another_rate(
    clip: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    words = ("vary", clip, "-n", "1", "--format", "flac", "--depth", "16", "--rate", "44100")
    (made,) = files(capsys, *words, "-o", out)
    assert made.shape == (1, 220500)
    info = soundfile.info(str(out / "mein Klang-vary-0.flac"))
    assert (info.format, info.subtype, info.samplerate) == ("FLAC", "PCM_16", 44100)
    assert read_recipe(out / "mein Klang-vary-0.flac").start_level == 1


def test_filled_holes_leave_the_file_as_it_was(
    clip: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("inpaint", clip, "--hole", "1.2-1.95", "--hole", "3-3.25", "-n", "3")
    made = files(capsys, *words, "-o", tmp_path / "out")
    original = soundfile.read(clip, always_2d=True)[0].T
    hole = np.zeros(80000, bool)
    hole[19200:31200] = hole[48000:52000] = True
    assert len(made) == 3
    for one in made:
        assert np.array_equal(one[:, ~hole], original[:, ~hole])
        assert not np.array_equal(one[:, hole], original[:, hole])


def test_extending_denoising_and_morphing(
    clip: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    narrow = saved(tmp_path / "narrow.wav", tune(3.0, 4000, seed=2), 4000)
    words = ("extend", narrow, "--to", "16000", "--train", clip, "-o", out)
    (wide,) = files(capsys, *words)
    assert wide.shape == (1, 48000)
    (clean,) = files(capsys, "denoise", clip, "--amount", "0.8", "-o", out)
    assert clean.shape == (1, 80000)
    other = saved(tmp_path / "b.wav", np.stack([slam(), slam()]))
    words = ("morph", clip, other, "--curve", "0:0,3:1", "--seconds", "3", "-o", out)
    (between,) = files(capsys, *words)
    assert between.shape == (2, 48000)


def test_what_cannot_be_done_is_said_in_words(
    clip: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    silent = saved(tmp_path / "silent.wav", np.zeros(8000, np.float32))
    for words, sentence in (
        (("sample", silent, "-o", out), "silent.wav is silent"),
        (("sample", clip, "-n", "0", "-o", out), "No sounds were asked for"),
        (("sample", clip, "--engine", "pyramid", "-o", out), "no trained pyramid"),
        (("inpaint", clip, "--hole", "9-10", "-o", out), "lies outside"),
        (("vary", tmp_path / "none.wav", "-o", out), "There is no file"),
        (("sample", clip, "--format", "flac", "--depth", "32", "-o", out), "does not hold 32"),
    ):
        code, _, error = run(capsys, *words)
        assert code == 1
        assert sentence in error
    with pytest.raises(SystemExit) as usage:
        run(capsys, "inpaint", clip, "--hole", "late", "-o", out)
    assert usage.value.code == 2


def test_spans_and_curves_are_read() -> None:
    assert parse_span("3.2-3.95") == (3.2, 3.95)
    assert parse_curve("0:0, 10:1") == ((0.0, 0.0), (10.0, 1.0))
    for parse, text in (
        (parse_span, "3"),
        (parse_span, "4-3"),
        (parse_span, "nan-nan"),
        (parse_curve, "0:2"),
        (parse_curve, "5:0,1:1"),
        (parse_curve, "rise"),
    ):
        with pytest.raises(ValueError, match=r"FROM-TO|SECONDS|shares|rise"):
            parse(text)


@pytest.mark.parametrize(("kind", "depth"), [("wav", 16), ("wav", 24), ("flac", 16), ("flac", 24)])
def test_samples_on_the_grid_are_written_as_they_were(
    tmp_path: Path, kind: str, depth: int
) -> None:
    grid = np.array([-32768, -32767, -1, 0, 1, 12345, 32767], np.float32) / 32768
    path = write_sound(tmp_path / f"a.{kind}", grid[None], 44100, kind, depth)  # type: ignore[arg-type]
    assert np.array_equal(soundfile.read(path, dtype="float32")[0], grid)


def test_loud_samples_are_clipped_and_told_or_kept(tmp_path: Path, clip: str) -> None:
    loud = saved(tmp_path / "loud.wav", 8 * tune())
    recipe = SoundRecipe(loud, "denoise", amount=0.0)
    heard: list[Report] = []
    run_job(SoundRequest((recipe,), str(tmp_path / "a"), ("x",)), Progress(heard.append))
    assert "above full scale" in heard[-1].message
    assert np.abs(soundfile.read(tmp_path / "a" / "x.wav")[0]).max() <= 1
    run_job(SoundRequest((recipe,), str(tmp_path / "b"), ("x",), depth=32), Progress())
    assert np.array_equal(soundfile.read(tmp_path / "b" / "x.wav", dtype="float32")[0], 8 * tune())


def test_a_file_without_a_recipe_says_so(clip: str) -> None:
    with pytest.raises(LodestoneError, match="holds no recipe"):
        read_recipe(clip)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="RLIMIT_FSIZE")
def test_a_full_disk_leaves_no_half_file(tmp_path: Path, clip: str) -> None:
    script = (
        "import resource, sys\n"
        "from engine.messages import LodestoneError, SoundRecipe, SoundRequest\n"
        "from engine.progress import Progress\n"
        "from engine.sound.run import run\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, resource.RLIM_INFINITY))\n"
        "for kind in ('wav', 'flac'):\n"
        "    try:\n"
        "        run(SoundRequest((SoundRecipe(sys.argv[1]),), sys.argv[2], format=kind),\n"
        "            Progress())\n"
        "    except LodestoneError as error:\n"
        "        print(error.sentence)\n"
    )
    out = tmp_path / "out"
    done = subprocess.run(
        [sys.executable, "-c", script, clip, str(out)],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.count("the disk is full. Free some space") == 2, done.stdout + done.stderr
    assert list(out.iterdir()) == []


def test_a_job_has_a_title() -> None:
    assert title(SoundTrainRequest(("a/bell.wav",), "bell.safetensors")) == "Sound pyramid bell.wav"
    assert title(SoundRequest((), "/x/takes")) == "Sounds takes"
