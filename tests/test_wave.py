"""The networks of a sound's pyramid, and the exact arithmetic beside them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine.sound.pyramid.bands import (
    above,
    course,
    doubled,
    gains,
    halved,
    stretched,
    top_rate,
)
from models.errors import RefusedFile
from models.wave import Config, CourseLevel, WaveLevel, bins_of, level_of, load_level


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def wave_inputs(config: Config, rate: int, frames: int) -> list[torch.Tensor]:
    random, hop = seeded(), rate // 500
    long = frames + 2 * config.margin
    shapes = [
        (1, config.channels, long * hop),
        (1, config.channels, long * hop),
        (1, config.course_channels, long - 3),
        (1, config.channels * bins_of(rate), long - 3),
    ]
    return [torch.randn(*shape, generator=random) for shape in shapes]


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [2000, 8000])
def test_an_untrained_level_plays_the_noise_it_was_given(channels: int, rate: int) -> None:
    config = Config(8000, (8000,), channels, width=8, blocks=3)
    level = WaveLevel(config, rate, np.ones(bins_of(rate)))
    for one in level.tail.parameters():
        torch.nn.init.zeros_(one)
    below, noise, told, gain = wave_inputs(config, rate, 30)
    with torch.no_grad():
        made = level(below * 0, noise, told, gain * 0 + 1)
    edge = config.margin * rate // 500
    assert made.shape == (1, channels, 30 * rate // 500)
    assert torch.allclose(made, noise[:, :, edge:-edge], atol=1e-5)


def test_what_a_level_adds_leaves_the_band_below_alone() -> None:
    config = Config(8000, (8000,), width=8, blocks=3)
    level = WaveLevel(config, 8000, above(8000))
    level.start(seeded())
    below, noise, told, gain = wave_inputs(config, 8000, 500)
    with torch.no_grad():
        added = level(below * 0, noise, told, gain * 0 + 1)[0, 0].numpy()
    power = np.abs(np.fft.rfft(added * np.hanning(len(added)))) ** 2
    hertz = np.fft.rfftfreq(len(added), 1 / 8000)
    # Windows of 8 ms reach 250 Hz to either side of what they hold.
    assert power[hertz < 1500].mean() < 1e-4 * power[hertz > 2500].mean()


def test_windows_are_exact_parts_of_the_whole() -> None:
    config = Config(4000, (8000,), width=8, blocks=3)
    level = WaveLevel(config, 4000, above(4000))
    level.start(seeded())
    fed = wave_inputs(config, 4000, 60)
    with torch.no_grad():
        whole = level(*fed)
        long = 20 + 2 * config.margin
        part = level(
            fed[0][:, :, 80 : 80 + long * 8], fed[1][:, :, 80 : 80 + long * 8],
            fed[2][:, :, 10 : 10 + long - 3], fed[3][:, :, 10 : 10 + long - 3],
        )  # fmt: skip
    assert torch.allclose(whole[:, :, 80:240], part, atol=1e-5)


def test_a_course_level_begins_near_what_lies_below() -> None:
    config = Config(4000, (8000,), bands=6, course_width=8)
    level = CourseLevel(config)
    level.start(seeded())
    below = torch.randn(1, 6, 30, generator=seeded())
    with torch.no_grad():
        made = level(below, torch.zeros_like(below))
    m = config.course_margin
    assert made.shape == (1, 6, 30 - 2 * m)
    assert (made - below[:, :, m:-m]).std() < 0.5


def test_weights_of_other_shapes_are_refused_in_words() -> None:
    config = Config(4000, (8000,), width=8)
    state = level_of(config, 0, np.ones(1)).state_dict()
    arrays = {name: value.numpy() for name, value in state.items()}
    arrays["convs.0.weight"] = arrays["convs.0.weight"][:1]
    with pytest.raises(RefusedFile, match="Train it again"):
        load_level(level_of(config, 0, np.ones(1)), arrays)


@pytest.mark.parametrize(
    "values", [{"lengths": ()}, {"lengths": (0,)}, {"channels": 3}, {"rate": 100}]
)
def test_impossible_configurations_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="one|two|rate"):
        Config(**({"rate": 4000, "lengths": (100,)} | values))  # type: ignore[arg-type]


# ---------------------------------------------------------------- arithmetic


def test_half_the_rate_and_back_keeps_the_lower_band() -> None:
    t = np.arange(8000) / 8000
    low = np.sin(2 * np.pi * 700 * t).astype(np.float32)
    high = np.sin(2 * np.pi * 3000 * t).astype(np.float32)
    assert np.abs(doubled(halved(low)) - low)[200:-200].max() < 1e-3
    assert np.abs(doubled(halved(high)))[200:-200].max() < 1e-3


def test_round_the_corner_there_is_no_seam() -> None:
    random = np.random.default_rng(0)
    x = random.standard_normal((1, 400)).astype(np.float32)
    moved = np.roll(x, 150, axis=1)
    assert np.allclose(np.roll(doubled(x, True), 300, axis=1), doubled(moved, True), atol=1e-5)


def test_the_course_of_white_noise_is_level_and_gives_its_loudness_back() -> None:
    noise = np.random.default_rng(0).standard_normal(64000).astype(np.float32) * 0.1
    logs = course(noise, 16000, 512, 128, 40)
    assert logs.shape == (40, 500)
    assert np.abs(np.exp(logs).mean() - 0.01) < 0.001
    flat = np.log(np.exp(logs).mean(axis=1, keepdims=True))
    gain = gains(np.zeros_like(flat), flat, 1.0, 16000, 16000, 1)
    assert np.allclose(gain, 0.1, rtol=0.15)
    low = gains(np.zeros_like(flat), flat, 1.0, 2000, 16000, 1)
    assert np.allclose(low[2:], 0.1 / np.sqrt(8), rtol=0.15)


def test_times_are_stretched_between_frames_and_averaged_over_them() -> None:
    x = np.arange(8, dtype=np.float32)[None]
    assert np.allclose(stretched(x, 4), [[0.5, 2.5, 4.5, 6.5]])
    assert np.allclose(stretched(x, 16)[0, 1:-1], np.arange(0.25, 7.0, 0.5))
    wrapped = stretched(x, 16, wrap=True)
    assert wrapped[0, 0] == wrapped[0, -1] - 3.5


@pytest.mark.parametrize(
    ("wanted", "source", "found"),
    [(16000, 44100, 16000), (16000, 10000, 8000), (48000, 48000, 32000), (500, 8000, 2000)],
)
def test_the_finest_rate_doubles_and_stays_within_the_source(
    wanted: int, source: int, found: int
) -> None:
    assert top_rate(wanted, source) == found
