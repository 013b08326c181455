"""New takes, variations and one-shots from grains: length, likeness, novelty, seams."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.messages import LodestoneError, SoundRecipe, SoundReply
from engine.sound import scores
from engine.sound.answers import draw
from engine.sound.joins import cross
from engine.sound.source import Sound
from engine.sound.takes import is_single
from tests.sounds import saved, slam, tune


class Recipe:
    """Recipes for one tune."""

    def __init__(self, path: str):
        self._path = path

    def __call__(self, **values: Any) -> SoundRecipe:
        return SoundRecipe(self._path, **values)


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    return Recipe(saved(tmp_path / "tune.wav", tune()))


def answers(recipe: SoundRecipe) -> list[SoundReply]:
    """All replies, the last one at the end."""
    work, found = draw(recipe), []
    while True:
        try:
            reply = next(work)
        except StopIteration as done:
            return [*found, done.value]
        if reply is not None:
            found.append(reply)


def take(recipe: SoundRecipe) -> np.ndarray:
    return answers(recipe)[-1].samples.array()


def test_a_take_is_alike_and_new_and_comes_coarse_to_fine(recipe: Recipe) -> None:
    replies = answers(recipe())
    assert [reply.level for reply in replies] == [1, 2, 3]
    assert all(reply.samples.shape == (1, 80000) for reply in replies)
    last = replies[-1]
    assert (last.engine, last.rate, last.levels) == ("grains", 16000, 3)
    assert last.near is not None
    assert last.far is not None
    assert last.copy is not None
    other = scores.scored(
        tune(5.0, seed=9)[None] * 0 + slam().repeat(9)[:80000], tune()[None], 16000
    )
    assert other[0] is not None
    assert last.near < 0.3 < other[0]
    assert last.far < 0.4
    assert last.copy < 0.97  # its notes are all alike; half of a copy's windows would be at 1
    ours = last.samples.array()
    assert 0.7 < np.std(ours) / np.std(tune()) < 1.4


def test_seeds_decide(recipe: Recipe) -> None:
    first = take(recipe(seed=4))
    assert np.array_equal(first, take(recipe(seed=4)))
    assert np.abs(first - take(recipe(seed=5))).max() > 0.05


@pytest.mark.parametrize("rate", [8000, 11025, 44100, 48000, 96000])
@pytest.mark.parametrize("seconds", [0.5, 1.2345, 7.0])
def test_the_length_is_exact_at_every_rate(tmp_path: Path, rate: int, seconds: float) -> None:
    path = saved(tmp_path / "a.wav", np.stack([tune(2.0, rate), tune(2.0, rate, 1)]), rate)
    reply = answers(SoundRecipe(path, seconds=seconds))[-1]
    assert reply.samples.shape == (2, round(seconds * rate))
    assert reply.rate == rate
    assert np.isfinite(reply.samples.array()).all()


def test_a_loop_has_no_seam(recipe: Recipe) -> None:
    steps = []
    for loop in (True, False):
        made = take(recipe(seconds=3.0, loop=loop, seed=2))[0]
        # Predicted from both sides: a seam is a jump in the wave or in its slope.
        around = np.concatenate([made[-3:], made[:3]]).astype(np.float64)
        steps.append(np.abs(np.diff(around, 2)).max())
        usual = np.quantile(np.abs(np.diff(made, 2)), 0.999)
        if loop:
            assert steps[0] < 2 * usual
    assert np.abs(take(recipe(seconds=3.0, loop=True))).max() > 0.05


def test_a_variation_keeps_the_course(recipe: Recipe) -> None:
    def course(samples: np.ndarray) -> np.ndarray:
        return np.log((samples[0].reshape(-1, 3200) ** 2).mean(1) + 1e-6)

    original = tune()[None]
    kept = take(recipe(task="vary", start_level=1))
    free = [take(recipe(task="sample", seed=seed)) for seed in range(4)]
    assert np.corrcoef(course(kept), course(original))[0, 1] > 0.8
    assert np.median([np.corrcoef(course(f), course(original))[0, 1] for f in free]) < 0.6
    assert np.abs(kept - original).max() > 0.05
    same = take(recipe(task="vary", start_level=2, variation=0.0))
    assert np.std(same - original) < 0.2 * np.std(original) < np.std(kept - original)


def test_stereo_is_one_structure(tmp_path: Path) -> None:
    left = tune()
    path = saved(tmp_path / "s.wav", np.stack([left, 0.5 * left]))
    made = take(SoundRecipe(path))
    assert made.shape == (2, 80000)
    assert np.abs(made[1] - 0.5 * made[0]).max() < 1e-4


def test_dc_is_kept_and_does_not_swell_in_the_joins(tmp_path: Path) -> None:
    path = saved(tmp_path / "dc.wav", tune() + 0.3)
    made = take(SoundRecipe(path))
    assert abs(float(made.mean()) - 0.3) < 0.02


def test_one_event_gives_takes_that_differ_and_keep_its_attack(tmp_path: Path) -> None:
    path = saved(tmp_path / "slam.wav", slam())
    assert is_single(Sound(slam()[None], 16000, ""))
    assert not is_single(Sound(tune(2.0)[None], 16000, ""))
    takes = [answers(SoundRecipe(path, seed=seed))[-1] for seed in range(6)]
    assert "one event" in takes[0].note
    made = [reply.samples.array()[0] for reply in takes]
    for one in made:
        assert one.shape == slam().shape
        start = int(np.argmax(np.abs(one) > 0.1 * np.abs(one).max()))
        assert abs(start - int(np.argmax(np.abs(slam()) > 0.04))) < 160
        assert 0.5 < np.std(one) / np.std(slam()) < 2
    gaps = [np.std(a - b) / np.std(slam()) for i, a in enumerate(made) for b in made[:i]]
    assert min(gaps) > 0.2
    longer = take(SoundRecipe(path, seconds=4.0))
    assert longer.shape == (1, 64000)
    assert np.abs(longer[0, 32000:]).max() > 0.1


def test_a_click_is_enough(tmp_path: Path) -> None:
    path = saved(tmp_path / "click.wav", slam(seconds=0.2))
    assert take(SoundRecipe(path)).shape == (1, 3200)


def test_what_cannot_be_made_is_said(tmp_path: Path, recipe: Recipe) -> None:
    silent = saved(tmp_path / "silent.wav", np.zeros(16000, np.float32))
    cases = {
        "is silent": SoundRecipe(silent),
        "No sound was chosen": SoundRecipe(""),
        "no length for a sound": recipe(seconds=700.0),
        "no trained pyramid": recipe(engine="pyramid"),
        "There is no hole": recipe(task="inpaint"),
        "another recording of the same source": recipe(task="extend", rate=32000),
        "needs a second sound": recipe(task="morph"),
        "ends before it begins": recipe(start=2.0, end=1.0),
    }
    for words, asked in cases.items():
        with pytest.raises(LodestoneError, match=words):
            answers(asked)


def test_fades_keep_the_power() -> None:
    random = np.random.default_rng(0)
    a, b = random.standard_normal((2, 1, 200000)).astype(np.float32)
    for x, y, correlation in ((a, b, 0.0), (a, a, 1.0)):
        made = cross(x, y, correlation)
        parts = made.reshape(10, -1).std(1)
        assert np.abs(parts - 1).max() < 0.05


def test_scores_tell_copies_and_strangers() -> None:
    source = tune()[None]
    near, far, copy = scores.scored(source, source, 16000)
    assert near == 0
    assert far == 0
    assert copy == pytest.approx(1, abs=0.01)
    noise = np.random.default_rng(0).standard_normal((1, 80000)).astype(np.float32)
    stranger = scores.scored(noise, source, 16000)
    assert stranger[0] is not None
    assert stranger[2] is not None
    assert stranger[0] > 0.5
    assert stranger[2] < 0.3
    assert scores.scored(source[:, :900], source, 16000) == (None, None, None)


def test_the_whole_long_take_is_made(recipe: Recipe) -> None:
    replies = answers(dataclasses.replace(recipe(), seconds=90.0))
    made = replies[-1].samples.array()
    assert made.shape == (1, 1440000)
    loud = (made.reshape(90, -1) ** 2).mean(1)
    assert loud.min() > 0.1 * np.median(loud)
