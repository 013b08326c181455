"""Drawing from a sound's pyramid: lengths, loops, holes, a wider band, between two sounds."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from engine.messages import LodestoneError, SoundRecipe, SoundReply
from engine.sound.pyramid.bands import above
from engine.sound.pyramid.chain import Chain
from engine.sound.pyramid.export import config_of, difference, export, graph_path
from engine.sound.pyramid.graph import level_graph
from engine.sound.pyramid.level import Recipe
from engine.sound.pyramid.material import material, quantised
from engine.sound.pyramid.opened import open_pyramid
from engine.sound.pyramid.sample import draw, pyramid_available
from engine.sound.pyramid.snap import snapped, spread_distance
from engine.sound.pyramid.wider import laid, upper_band
from models.files import Card, save_model
from models.wave import Config, WaveLevel, level_of

RATE = 4000


def tone(seconds: float = 1.6, rate: int = RATE, seed: int = 0) -> np.ndarray:
    """Notes of two pitches with a little breath."""
    random, t = np.random.default_rng(seed), np.arange(round(seconds * rate)) / rate
    pitch = np.where((t * 4).astype(int) % 2, 330.0, 220.0) * (1 + seed)
    body = np.sin(2 * np.pi * np.cumsum(pitch) / rate) * (0.3 + 0.2 * np.sin(9 * t))
    return (body + 0.03 * random.standard_normal(len(t))).astype(np.float32) * 0.5


def make(path: Path, sounds: int = 1, channels: int = 1, finished: int = 5) -> Path:
    """A pyramid of tones whose levels have random weights."""
    made = [
        quantised(np.stack([tone(seed=k)] * channels) * np.array([[1.0], [0.2]])[:channels])
        for k in range(sounds)
    ]
    lengths = tuple(samples.shape[1] for samples, _ in made)
    config = Config(
        RATE, lengths, channels, 12, 128, 32, course_width=8, width=8, blocks=3,
        peaks=tuple(peak for _, peak in made),
    )  # fmt: skip
    known = [np.ones(n, bool) for n in lengths]
    inside = material([s for s, _ in made], known, config.rates, 128, 32, 12)
    amplitudes = (1.0, 0.2, 0.1, 1.0, 1.0)[:finished]
    config = Config(**(asdict(config) | {"deviation": inside.deviation, "amplitudes": amplitudes}))
    random, state = torch.Generator().manual_seed(4), {}
    for index in range(finished):
        rate = config.rate_of(index)
        level = level_of(config, index, above(rate) if rate else np.ones(1))
        level.start(random)
        state |= {
            f"levels.{index}.{k}": v.numpy().astype(np.float16)
            for k, v in level.state_dict().items()
        }
    chain = Chain(config, inside, 0, Recipe(), torch.device("cpu"))
    for k, (samples, _) in enumerate(made):
        state |= {f"sources.{k}": samples, f"latents.{k}": chain.latents[k]}
    names = tuple("abcd"[:sounds])
    save_model(path, state, Card("sound-pyramid", "tiny", asdict(config), class_names=names))
    return path


@pytest.fixture
def model(tmp_path: Path) -> str:
    return str(make(tmp_path / "tiny.safetensors"))


def replies(recipe: SoundRecipe) -> list[SoundReply]:
    work, found = draw(recipe), []
    while True:
        try:
            one = next(work)
        except StopIteration as done:
            return [*found, done.value]
        if one is not None:
            found.append(one)


def sound_of(recipe: SoundRecipe) -> np.ndarray:
    return replies(recipe)[-1].samples.array()


def write(path: Path, samples: np.ndarray, rate: int = RATE) -> str:
    soundfile.write(path, samples.T, rate, subtype="FLOAT")
    return str(path)


# ---------------------------------------------------------------- takes


def test_a_take_grows_rate_by_rate_and_comes_with_scores(tmp_path: Path, model: str) -> None:
    source = write(tmp_path / "a.wav", tone())
    found = replies(SoundRecipe(source, model=model))
    assert [r.rate for r in found] == [2000, 4000]
    assert found[-1].level == found[-1].levels == 5
    assert found[-1].engine == "pyramid"
    assert found[-1].near is not None
    made = found[-1].samples.array()
    assert made.shape == (1, len(tone()))
    assert 0.3 < made.std() / tone().std() < 3


@pytest.mark.parametrize("seconds", [0.5, 0.777, 7.3])
@pytest.mark.parametrize("rate", [0, 11025, 48000])
def test_every_length_at_every_rate_is_exact(model: str, seconds: float, rate: int) -> None:
    made = replies(SoundRecipe("", model=model, seconds=seconds, rate=rate))[-1]
    assert made.rate == (rate or RATE)
    assert made.samples.array().shape == (1, round(seconds * made.rate))


def test_seeds_differ_and_repeat(model: str) -> None:
    one, again, two = (sound_of(SoundRecipe("", model=model, seed=s)) for s in (1, 1, 2))
    assert np.array_equal(one, again)
    assert np.abs(np.corrcoef(one[0], two[0])[0, 1]) < 0.5


def test_a_loop_goes_over_into_its_beginning(model: str) -> None:
    made = sound_of(SoundRecipe("", model=model, seconds=1.0, loop=True, rate=RATE))[0]
    steps = np.abs(np.diff(np.concatenate([made, made[:1]])))
    assert made.shape == (RATE,)
    assert steps[-1] <= np.quantile(steps, 0.999)
    # Twice round is the same sound: what lies at the seam has the spectrum of the rest.
    seam = np.roll(made, RATE // 2)
    power = [np.abs(np.fft.rfft(seam[i : i + 400] * np.hanning(400)))[-60:] for i in (1800, 500)]
    assert power[0].mean() < 4 * power[1].mean() + 1e-3


def test_long_takes_are_drawn_in_parts_without_seams(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = sound_of(SoundRecipe("", model=model, seconds=5.0))
    monkeypatch.setattr("engine.sound.pyramid.opened.TILE", 300)
    parts = sound_of(SoundRecipe("", model=model, seconds=5.0))
    assert np.allclose(whole, parts, atol=1e-4)


def test_a_variation_above_the_course_keeps_the_sources_course(tmp_path: Path, model: str) -> None:
    source = write(tmp_path / "a.wav", tone())
    kept = sound_of(SoundRecipe(source, "vary", model=model, start_level=4))[0]
    free = sound_of(SoundRecipe(source, "vary", model=model, start_level=0))[0]
    own = tone()
    assert np.corrcoef(kept[200:-200], own[200:-200])[0, 1] > 0.9
    assert np.corrcoef(free[200:-200], own[200:-200])[0, 1] < 0.5


def test_stereo_stays_stereo(tmp_path: Path) -> None:
    model = str(make(tmp_path / "wide.safetensors", channels=2))
    made = sound_of(SoundRecipe("", model=model, seconds=1.0))
    assert made.shape == (2, RATE)
    assert np.abs(made[0] - made[1]).std() > 1e-3


def test_the_upper_band_comes_from_the_source(tmp_path: Path, model: str) -> None:
    rate = 16000
    t = np.arange(round(1.6 * rate)) / rate
    wide = np.interp(np.arange(len(t)) / rate, np.arange(len(tone())) / RATE, tone())
    high = 0.1 * np.sin(2 * np.pi * 5000 * t)
    source = write(tmp_path / "a.wav", (wide + high).astype(np.float32), rate)
    made = sound_of(SoundRecipe(source, model=model))[0]
    power = np.abs(np.fft.rfft(made * np.hanning(len(made)))) ** 2
    hertz = np.fft.rfftfreq(len(made), 1 / rate)
    near = power[(hertz > 4800) & (hertz < 5200)].sum()
    assert near > 0.8 * power[hertz > 2600].sum()
    assert made.shape == t.shape


def test_levels_that_are_missing_play_shaped_noise(tmp_path: Path) -> None:
    model = str(make(tmp_path / "young.safetensors", finished=2))
    found = replies(SoundRecipe("", model=model, seconds=1.0))
    assert "3 finer levels" in found[-1].note
    assert found[-1].samples.array().std() > 0.01


def test_only_trained_models_and_known_tasks_are_answered(tmp_path: Path, model: str) -> None:
    assert pyramid_available(SoundRecipe("", model=model))
    assert pyramid_available(SoundRecipe("", model=model.removesuffix(".safetensors")))
    assert not pyramid_available(SoundRecipe("", "denoise", model=model))
    assert not pyramid_available(SoundRecipe("", model=str(tmp_path / "none")))
    with pytest.raises(LodestoneError, match="no file"):
        sound_of(SoundRecipe("", model=str(tmp_path / "none")))
    with pytest.raises(LodestoneError, match="noise"):
        sound_of(SoundRecipe("", "denoise", model=model))


def test_a_generator_of_another_kind_is_refused(tmp_path: Path) -> None:
    save_model(tmp_path / "x.safetensors", {"a": np.zeros(3)}, Card("stylegan2", "x", {}))
    with pytest.raises(LodestoneError, match="Sound panel"):
        open_pyramid(tmp_path / "x.safetensors")


# ---------------------------------------------------------------- tasks


def test_holes_are_filled_and_nothing_else_changes(tmp_path: Path, model: str) -> None:
    own = tone(2.0)[None]
    spoilt = own.copy()
    spoilt[:, 2400:4000] = np.random.default_rng(5).standard_normal(1600) * 0.9
    paths = [write(tmp_path / f"{n}.wav", x) for n, x in (("own", own), ("spoilt", spoilt))]
    holes = ((0.6, 1.0), (1.8, 1.9))
    spoilt_holes = [
        sound_of(SoundRecipe(path, "inpaint", model=model, holes=holes, seed=3)) for path in paths
    ]
    a, b = 2400, 4000
    made = spoilt_holes[0]
    assert np.array_equal(made[:, :a], own[:, :a])
    assert np.array_equal(made[:, b:7200], own[:, b:7200])
    assert np.array_equal(made[:, 7600:], own[:, 7600:])
    assert not np.array_equal(made[:, a:b], own[:, a:b])
    assert made[:, a:b].std() > 0.2 * own.std()
    # What lies in a hole is not looked at: only the rest of what was spoilt may matter.
    other = sound_of(SoundRecipe(paths[0], "inpaint", model=model, holes=holes, seed=4))
    assert not np.allclose(made[:, a:b], other[:, a:b], atol=1e-3)
    jump = max(abs(made[0, a] - made[0, a - 1]), abs(made[0, b] - made[0, b - 1]))
    assert jump <= 2 * np.quantile(np.abs(np.diff(own[0])), 0.999)


def test_what_lies_in_a_hole_cannot_matter(tmp_path: Path, model: str) -> None:
    own = tone(2.0)[None]
    spoilt = own.copy()
    spoilt[:, 2400:4000] = 0.7
    made = [
        sound_of(
            SoundRecipe(
                write(tmp_path / f"{n}.wav", x), "inpaint", model=model, holes=((0.6, 1.0),)
            )
        )
        for n, x in (("own", own), ("spoilt", spoilt))
    ]
    assert np.array_equal(made[0], made[1])


@pytest.mark.parametrize("holes", [(), ((0.0, 2.0),), ((1.5, 2.5),), ((1.0, 0.5),)])
def test_impossible_holes_are_told(
    tmp_path: Path, model: str, holes: tuple[tuple[float, float], ...]
) -> None:
    source = write(tmp_path / "a.wav", tone(2.0))
    with pytest.raises(LodestoneError, match=r"\. "):
        sound_of(SoundRecipe(source, "inpaint", model=model, holes=holes))


def test_a_wider_band_keeps_the_band_that_is_there(tmp_path: Path, model: str) -> None:
    own = tone(1.6)
    narrow = np.interp(np.arange(3200) / 2000, np.arange(len(own)) / RATE, own)
    source = write(tmp_path / "old.wav", narrow.astype(np.float32), 2000)
    made = replies(SoundRecipe(source, "extend", model=model))[-1]
    assert made.rate == RATE
    x = made.samples.array()[0]
    assert x.shape == (6400,)
    low = np.fft.rfft(x)[: int(850 * 1.6)]
    was = np.fft.rfft(narrow)[: int(850 * 1.6)] * 2
    error = np.abs(low - was)[5:]
    assert (np.abs(was[5:]) ** 2).sum() > 1000 * (error**2).sum()
    assert np.abs(np.fft.rfft(x))[int(1100 * 1.6) :].mean() > 0


def test_a_recording_that_reaches_as_far_as_the_model_is_told(tmp_path: Path, model: str) -> None:
    noise = np.random.default_rng(0).standard_normal(8000).astype(np.float32) * 0.1
    with pytest.raises(LodestoneError, match="already reaches"):
        sound_of(SoundRecipe(write(tmp_path / "a.wav", noise), "extend", model=model))


def test_a_morph_goes_from_one_sound_to_the_other(tmp_path: Path) -> None:
    model = str(make(tmp_path / "two.safetensors", sounds=2))
    ends = [
        sound_of(
            SoundRecipe(
                "a.wav", "morph", model=model, others=("b.wav",), seconds=1.0, curve=((0.0, v),)
            )
        )
        for v in (0.0, 1.0)
    ]
    between = sound_of(
        SoundRecipe(
            "a.wav", "morph", model=model, others=("b.wav",), seconds=1.0,
            curve=((0.0, 0.0), (1.0, 1.0)),
        )
    )  # fmt: skip
    middle = [np.abs(np.fft.rfft(x[0])) for x in ends]
    hertz = np.fft.rfftfreq(RATE, 1 / RATE)
    centre = [(m * hertz).sum() / m.sum() for m in middle]
    assert centre[1] > centre[0]
    assert between.shape == (1, RATE)


def test_a_morph_of_one_sound_is_told(model: str) -> None:
    with pytest.raises(LodestoneError, match="one sound only"):
        sound_of(SoundRecipe("a.wav", "morph", model=model, others=("b.wav",)))


# ---------------------------------------------------------------- parts


@pytest.mark.parametrize("sounds", [1, 2])
@pytest.mark.parametrize("channels", [1, 2])
def test_graphs_draw_what_torch_draws_at_any_length(
    tmp_path: Path, sounds: int, channels: int
) -> None:
    from engine.sound.pyramid.store import open_card

    path = make(tmp_path / "m.safetensors", sounds, channels)
    card, state = open_card(path)
    config = config_of(card.hyper)
    for index in range(config.levels):
        content = level_graph(card.hyper, state, index)
        assert difference(content, state, config, index) < 1e-3
    assert export(card, state, path) < 1e-3
    assert graph_path(path, 4).is_file()


def test_drawing_needs_no_torch(model: str) -> None:
    code = (
        "import sys\nfrom engine.messages import SoundRecipe\n"
        "from engine.sound.pyramid.sample import draw\n"
        f"list(draw(SoundRecipe('', model={model!r}, seconds=0.5)))\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parent.parent)


def test_snapped_courses_are_made_of_the_sources_patches() -> None:
    random = np.random.default_rng(0)
    source = random.standard_normal((5, 60)).astype(np.float32)
    draft = source[:, 20:50] + 0.3 * random.standard_normal((5, 30)).astype(np.float32)
    made = snapped(draft, [source])
    assert np.abs(made - source[:, 20:50]).mean() < 0.3 * np.abs(draft - source[:, 20:50]).mean()
    assert spread_distance(source, source) == 0
    assert spread_distance(made, source) < spread_distance(draft + 1, source)


def test_grains_of_the_upper_band_keep_its_loudness() -> None:
    rate = 8000
    noise = np.random.default_rng(0).standard_normal((1, 2 * rate)).astype(np.float32)
    upper = upper_band(noise, rate, 4000)
    picks = np.random.default_rng(1).integers(5, 190, 300)
    made = laid(upper, rate, picks, np.ones(300, np.float32), 3 * rate)
    middle = made[:, 400:-400]
    assert made.shape == (1, 3 * rate)
    assert abs(middle.std() / upper.std() - 1) < 0.15


def test_a_level_of_samples_knows_how_much_surroundings_it_needs() -> None:
    from engine.sound.pyramid.graph import wave_margin

    config = Config(4000, (100,))
    assert wave_margin(asdict(config)) == config.margin == WaveLevel(
        config, 4000, above(4000)
    ).margin  # fmt: skip
