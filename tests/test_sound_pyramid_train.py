"""Training a sound's pyramid: a budget, a kill, a hole, the shortest sounds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from engine.messages import LodestoneError, SoundRecipe, SoundTrainRequest
from engine.progress import Cancelled, Progress, Report
from engine.sound.pyramid import hearing, store
from engine.sound.pyramid.bands import above
from engine.sound.pyramid.sample import draw
from engine.sound.pyramid.schedule import steps_for
from engine.sound.pyramid.train import train
from engine.sound.pyramid.warm import Teacher
from models.files import load_model
from models.wave import Config, WaveLevel

ROOT = Path(__file__).parent.parent
RATE = 4000


@pytest.fixture(autouse=True)
def one_speed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of known speed, so that a second means as many steps everywhere."""
    monkeypatch.setenv("LODESTONE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(
        "engine.sound.pyramid.train.step_costs", lambda config, _device: (0.01,) * config.levels
    )


def clip(path: Path, seconds: float = 1.0, rate: int = RATE, seed: int = 0) -> str:
    """Bursts of a tone in breath."""
    random, t = np.random.default_rng(seed), np.arange(round(seconds * rate)) / rate
    loud = 0.05 + 0.5 * ((t * 5) % 1 < 0.5)
    samples = loud * np.sin(2 * np.pi * 300 * t) + 0.03 * random.standard_normal(len(t))
    soundfile.write(path, samples.astype(np.float32), rate, subtype="FLOAT")
    return str(path)


def request(tmp_path: Path, out: str = "m", **values: object) -> SoundTrainRequest:
    sources = values.pop("sources", None) or (clip(tmp_path / "a.wav"),)
    plain: dict[str, object] = {"seconds": 0.25, "rate": RATE, "device": "cpu"}
    return SoundTrainRequest(sources, str(tmp_path / out), **(plain | values))  # type: ignore


def weights(path: str) -> dict[str, np.ndarray]:
    return load_model(path)[1]


def same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


def take(path: str, **values: object) -> np.ndarray:
    work = draw(SoundRecipe("", model=path, **values))  # type: ignore[arg-type]
    while True:
        try:
            next(work)
        except StopIteration as done:
            return done.value.samples.array()


# ---------------------------------------------------------------- budget


def test_a_longer_budget_is_more_steps_and_most_time_goes_to_samples() -> None:
    config = Config(16000, (160000,))
    costs = (0.02, 0.03, 0.08, 0.06, 0.07, 0.09, 0.15)
    few, many = (steps_for(seconds, config, costs) for seconds in (60.0, 120.0))
    assert all(a < b for a, b in zip(few, many, strict=True))
    seconds = [n * cost for n, cost in zip(many, costs, strict=True)]
    assert 95 < sum(seconds) < 115
    assert sum(seconds[3:]) > 0.6 * sum(seconds)


# ---------------------------------------------------------------- training


def test_training_learns_the_sound_and_makes_new_ones(tmp_path: Path) -> None:
    reports: list[Report] = []
    path = train(request(tmp_path, seconds=2.0), Progress(reports.append))
    card, _ = load_model(path)
    levels = card.training["levels"]
    assert len(levels) == 5
    assert levels[0]["distance"] < 0.95 * levels[0]["untrained"]
    assert levels[3]["distance"] < levels[3]["untrained"]
    assert card.parity is not None
    assert card.parity < 1e-3
    assert card.training["device"] == "CPU"
    assert any("GB of memory" in report.message for report in reports)
    assert any(dict(report.figures).get("distance") for report in reports)
    made = take(path)
    assert made.shape == (1, RATE)
    assert 0.5 < made.std() / soundfile.read(tmp_path / "a.wav")[0].std() < 2
    assert not store.folder_of(Path(path)).exists()


def test_the_same_seed_is_the_same_pyramid(tmp_path: Path) -> None:
    one, two = (train(request(tmp_path, out), Progress()) for out in ("one", "two"))
    other = train(request(tmp_path, "other", seed=1), Progress())
    assert same(weights(one), weights(two))
    assert not same(weights(one), weights(other))


def test_a_killed_training_goes_on_and_ends_the_same_to_the_bit(tmp_path: Path) -> None:
    whole = train(request(tmp_path, "whole", seconds=0.8), Progress())
    wanted = request(tmp_path, "killed", seconds=0.8)
    code = (
        "from engine.messages import SoundTrainRequest\n"
        "from engine.sound.pyramid import train as module\n"
        "from engine.progress import Progress\n"
        "module.step_costs = lambda config, _device: (0.01,) * config.levels\n"
        f"module.train({wanted!r}, Progress())\n"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    child = subprocess.Popen([sys.executable, "-c", code], env=env)
    first = tmp_path / "killed.training" / "level-0.safetensors"
    while not first.exists() and child.poll() is None:
        time.sleep(0.005)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert first.exists()
    assert (tmp_path / "killed.training" / "plan.json").exists()
    messages: list[str] = []
    path = train(wanted, Progress(lambda report: messages.append(report.message)))
    assert any("finished before" in message for message in messages)
    assert same(weights(whole), weights(path))


def test_a_damaged_level_is_trained_again(tmp_path: Path) -> None:
    whole = train(request(tmp_path, "whole"), Progress())
    wanted = request(tmp_path, "cut")
    _stop_after(wanted, "Level 3")
    level = tmp_path / "cut.training" / "level-1.safetensors"
    level.write_bytes(level.read_bytes()[:100])
    assert same(weights(whole), weights(train(wanted, Progress())))


def _stop_after(wanted: SoundTrainRequest, words: str) -> None:
    def report(one: Report) -> None:
        if one.message.startswith(words):
            progress.cancel()

    progress = Progress(report)
    with pytest.raises(Cancelled):
        train(wanted, progress)


def test_what_is_finished_can_be_heard_before_the_end(tmp_path: Path) -> None:
    wanted = request(tmp_path)
    _stop_after(wanted, "Level 4")
    path = str(tmp_path / "m.safetensors")
    assert take(path, seconds=0.6).shape == (1, round(0.6 * RATE))


def test_another_sound_does_not_go_on_with_the_first_ones_training(tmp_path: Path) -> None:
    _stop_after(request(tmp_path), "Level 2")
    other = request(tmp_path, sources=(clip(tmp_path / "b.wav", seed=1),))
    with pytest.raises(LodestoneError, match="unfinished training"):
        train(other, Progress())


def test_what_lies_in_a_hole_is_never_listened_to(tmp_path: Path) -> None:
    clip(tmp_path / "own.wav", 1.5)
    x, _ = soundfile.read(tmp_path / "own.wav")
    x[2000:3200] = np.random.default_rng(3).uniform(-0.4, 0.4, 1200)
    (tmp_path / "other").mkdir()
    soundfile.write(tmp_path / "other" / "own.wav", x, RATE, subtype="FLOAT")
    trained = [
        train(
            request(tmp_path, f"m{n}", sources=(str(path),), holes=((0.5, 0.8),), seconds=0.3),
            Progress(),
        )
        for n, path in enumerate((tmp_path / "own.wav", tmp_path / "other" / "own.wav"))
    ]
    assert same(weights(trained[0]), weights(trained[1]))


def test_two_sounds_and_stereo_share_one_pyramid(tmp_path: Path) -> None:
    a = clip(tmp_path / "a.wav")
    mono, _ = soundfile.read(clip(tmp_path / "b.wav", 0.8, seed=1))
    soundfile.write(tmp_path / "b.wav", np.stack([mono, 0.4 * mono], 1), RATE, subtype="FLOAT")
    path = train(request(tmp_path, sources=(a, str(tmp_path / "b.wav")), seconds=0.3), Progress())
    card, _ = load_model(path)
    assert card.class_names == ("a", "b")
    made = take(path, task="morph", others=("b.wav",), seconds=0.7)
    assert made.shape == (2, round(0.7 * RATE))


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize("seconds", [0.11, 0.3])
def test_short_sounds_can_be_learnt(tmp_path: Path, seconds: float) -> None:
    source = clip(tmp_path / "short.wav", seconds)
    path = train(request(tmp_path, sources=(source,), seconds=0.2), Progress())
    assert np.isfinite(take(path, seconds=0.5)).all()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"seconds": 0.0}, "budget"),
        ({"seconds": float("nan")}, "budget"),
        ({"sources": ("a",) * 5}, "one to four"),
        ({"holes": ((0.0, 1.0),)}, "whole sound"),
        ({"sources": ("none.wav",)}, "no file"),
    ],
)
def test_impossible_requests_are_told(
    tmp_path: Path, values: dict[str, object], words: str
) -> None:
    with pytest.raises(LodestoneError, match=words):
        train(request(tmp_path, "m", **values), Progress())


def test_silence_and_clicks_are_told(tmp_path: Path) -> None:
    for count, words in ((RATE, "silent"), (200, "lasts")):
        path = tmp_path / "x.wav"
        samples = np.zeros(count) if count == RATE else np.ones(count) * 0.5
        samples[10] += 0.3 if count == 200 else 0
        soundfile.write(path, samples, RATE)
        with pytest.raises(LodestoneError, match=words):
            train(request(tmp_path, sources=(str(path),)), Progress())


def test_faults_of_a_file_do_not_stop_the_training(tmp_path: Path) -> None:
    x, _ = soundfile.read(clip(tmp_path / "a.wav"))
    x[100:110], x[300] = np.nan, np.inf
    soundfile.write(tmp_path / "bad.wav", x + 0.2, RATE, subtype="FLOAT")
    path = train(request(tmp_path, sources=(str(tmp_path / "bad.wav"),), seconds=0.2), Progress())
    assert np.isfinite(take(path)).all()


# ---------------------------------------------------------------- hearing


def test_two_takes_of_one_noise_are_as_near_as_the_noise_itself() -> None:
    ear = hearing.Ear(4000, 0.0, torch.device("cpu"))
    random = torch.Generator().manual_seed(0)
    real, a, b = (torch.randn(4, 4000, generator=random) for _ in range(3))
    flat = torch.sin(torch.arange(4000) * 0.7).expand(4, -1)
    right = float(ear.energy_distance(real, a, b))
    assert float(ear.energy_distance(real, a, a)) > right
    assert float(ear.energy_distance(real, flat, flat)) > 1.5 * right
    assert float(ear.energy_distance(real, 0.3 * a, 0.3 * b)) > right


def test_hidden_frames_have_no_part_in_a_courses_distance() -> None:
    random = torch.Generator().manual_seed(0)
    real, made = (torch.randn(1, 5, 40, generator=random) for _ in range(2))
    known = torch.ones(1, 1, 40)
    known[..., 10:20] = 0
    other = real.clone()
    other[..., 10:20] = 9.0
    for one in (hearing.course_distance,):
        assert torch.equal(one(real, made, known), one(other, made, known))
    along = hearing.directions(8, 5, 4, random)
    assert torch.equal(
        hearing.sliced(real, made, along, known), hearing.sliced(other, made, along, known)
    )


def test_levels_of_samples_begin_with_what_the_bundled_one_knows() -> None:
    config = Config(rate=4000, lengths=(4000,), channels=1, width=48)
    teacher = Teacher()
    rate = config.rate_of(config.courses)
    level = WaveLevel(config, rate, above(rate))
    before = level.head.weight.detach().clone()
    assert teacher.begin(level, rate)
    assert not torch.equal(level.head.weight, before)
    other = WaveLevel(replace(config, channels=2), rate, above(rate))
    before = other.head.weight.detach().clone()
    assert not teacher.begin(other, rate)
    assert torch.equal(other.head.weight, before)
    assert not teacher.begin(level, 3000)
