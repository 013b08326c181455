"""Holes, a wider band, less noise, morphs: what must stay stays, what is missing comes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.messages import LodestoneError, SoundRecipe
from engine.sound.band import band_limit
from engine.sound.morph import shares
from engine.sound.noise import expint
from engine.sound.predict import continued
from engine.sound.source import resampled
from tests.sounds import saved, slam, tune
from tests.test_sound_grains import answers, take


def snr(made: np.ndarray, truth: np.ndarray) -> float:
    """dB."""
    return float(10 * np.log10((truth**2).sum() / ((made - truth) ** 2).sum()))


def low_passed(samples: np.ndarray, hertz: float, rate: int) -> np.ndarray:
    spectrum = np.fft.rfft(samples)
    spectrum[np.fft.rfftfreq(samples.shape[-1], 1 / rate) > hertz] = 0
    return np.fft.irfft(spectrum, samples.shape[-1])


def test_holes_are_filled_and_nothing_else_changes(tmp_path: Path) -> None:
    truth = np.stack([tune(), 0.5 * tune()]) + np.float32(0.1)
    path = saved(tmp_path / "a.wav", truth)
    recipe = SoundRecipe(path, "inpaint", holes=((3.0, 3.2), (1.0, 1.75)))
    replies = answers(recipe)
    assert [reply.level for reply in replies] == [1, 2]
    made = replies[-1].samples.array()
    hole = np.zeros(80000, bool)
    hole[16000:28000] = hole[48000:51200] = True
    assert np.array_equal(made[:, ~hole], truth[:, ~hole])
    for a, b in ((16000, 28000), (48000, 51200)):
        inside = made[0, a:b] - 0.1
        assert 0.3 < np.std(inside) / np.std(truth[0]) < 3
        usual = np.quantile(np.abs(np.diff(truth[0])), 0.999)
        for border in (a, b):
            assert abs(made[0, border] - made[0, border - 1]) <= usual
    other = take(SoundRecipe(path, "inpaint", holes=((1.0, 1.75),), seed=1))
    assert np.std((other - made)[0, 16000:28000]) > 0.2 * np.std(truth[0])


def test_a_hole_is_never_read(tmp_path: Path) -> None:
    answered = []
    for n in range(2):
        samples = tune()
        samples[20000:28000] = (0.9, -0.2)[n]
        samples[24000] = np.nan
        path = saved(tmp_path / f"{n}.wav", samples)
        answered.append(take(SoundRecipe(path, "inpaint", holes=((1.25, 1.75),))))
    assert np.array_equal(*answered)


@pytest.mark.parametrize("holes", [((0.0, 0.5),), ((4.5, 5.0),), ((2.0, 2.01),), ((1.0, 3.5),)])
def test_holes_at_the_ends_tiny_and_large(
    tmp_path: Path, holes: tuple[tuple[float, float], ...]
) -> None:
    made = take(SoundRecipe(saved(tmp_path / "a.wav", tune()), "inpaint", holes=holes))
    a, b = (round(16000 * second) for second in holes[0])
    assert np.isfinite(made).all()
    assert np.std(made[0, a:b]) > 0.1 * np.std(tune())


def test_impossible_holes_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.wav", tune(2.0))
    for holes, words in (
        (((1.0, 9.0),), "lies outside a.wav"),
        (((3.0, 4.0),), "lies outside a.wav"),
        (((1.0, 1.0),), "is empty"),
        (((0.0, 1.99),), "Too little"),
    ):
        with pytest.raises(LodestoneError, match=words):
            take(SoundRecipe(path, "inpaint", holes=holes))


def test_a_sine_goes_on() -> None:
    time = np.arange(4000) / 16000
    wave = np.stack([np.sin(2 * np.pi * 440 * time), np.cos(2 * np.pi * 300 * time)])
    made = continued(wave[:, :3600].astype(np.float32), 400)
    assert np.abs(made - wave[:, 3600:]).max() < 0.1
    assert not continued(np.zeros((1, 100), np.float32), 50).any()


def test_the_band_is_extended_and_what_was_there_stays(tmp_path: Path) -> None:
    truth, other = tune(4.0, seed=3), tune(6.0, seed=4)
    narrow = resampled(truth, 16000, 4000, "VHQ")
    path = saved(tmp_path / "narrow.wav", narrow, 4000)
    train = saved(tmp_path / "other.wav", other)
    reply = answers(SoundRecipe(path, "extend", rate=16000, others=(train,)))[-1]
    made = reply.samples.array()[0]
    assert (reply.rate, made.shape) == (16000, truth.shape)
    plain = resampled(narrow, 4000, 16000, "VHQ")
    kept = snr(low_passed(made, 1800, 16000), low_passed(plain, 1800, 16000))
    assert kept >= 30
    assert snr(made, truth) >= snr(plain, truth) - 1

    def above(samples: np.ndarray) -> float:
        return float(np.std(samples - low_passed(samples, 2100, 16000)))

    assert 0.2 < above(made) / above(truth) < 1.5
    assert above(plain) < 0.1 * above(truth)


def test_the_band_limit_is_found() -> None:
    noise = np.random.default_rng(0).standard_normal(64000)
    for limit in (2000.0, 3400.0, 5500.0):
        found = band_limit(low_passed(noise, limit, 16000).astype(np.float32), 16000)
        assert abs(found - limit) < 300
    assert band_limit(noise.astype(np.float32), 16000) > 7000


def test_a_full_band_or_a_narrow_teacher_is_said(tmp_path: Path) -> None:
    wide = saved(tmp_path / "w.wav", np.random.default_rng(0).standard_normal(32000) * 0.1)
    narrow = saved(tmp_path / "n.wav", tune(2.0, 4000), 4000)
    with pytest.raises(LodestoneError, match="already full"):
        take(SoundRecipe(wide, "extend", others=(wide,)))
    with pytest.raises(LodestoneError, match="has no band above"):
        take(SoundRecipe(narrow, "extend", rate=16000, others=(narrow,)))
    with pytest.raises(LodestoneError, match="already has 16,000 Hz"):
        take(SoundRecipe(wide, "extend", rate=8000, others=(wide,)))


def test_noise_is_taken_out(tmp_path: Path) -> None:
    truth = tune(6.0) + np.float32(0.05)
    spread = np.std(truth) / 10**0.5
    noisy = truth + spread * np.random.default_rng(1).standard_normal(truth.shape)
    noisy[:8000] = 0.05 + noisy[:8000] - truth[:8000]
    path = saved(tmp_path / "noisy.wav", noisy.astype(np.float32))
    found = take(SoundRecipe(path, "denoise"))[0]
    shown = take(SoundRecipe(path, "denoise", noise=((0.0, 0.5),)))[0]
    half = take(SoundRecipe(path, "denoise", amount=0.5))[0]
    none = take(SoundRecipe(path, "denoise", amount=0.0))[0]
    before = snr(noisy[8000:] - 0.05, truth[8000:] - 0.05)
    gains = [snr(x[8000:] - 0.05, truth[8000:] - 0.05) - before for x in (found, shown, half)]
    assert min(gains[:2]) > 3
    assert gains[2] > 1
    assert np.array_equal(none, noisy.astype(np.float32))
    assert np.std(shown[:8000]) < 0.25 * spread
    with pytest.raises(LodestoneError, match="lies outside"):
        take(SoundRecipe(path, "denoise", noise=((7.0, 8.0),)))


def test_the_exponential_integral() -> None:
    # Abramowitz & Stegun, table 5.1.
    x = np.array([0.1, 0.5, 1.0, 2.0, 5.0])
    table = np.array([1.8229240, 0.5597736, 0.2193839, 0.0489005, 0.0011483])
    assert np.abs(expint(x) - table).max() < 1e-4


def test_a_morph_goes_from_one_sound_to_the_other(tmp_path: Path) -> None:
    a = saved(tmp_path / "a.wav", tune())
    hiss = 0.05 * np.random.default_rng(0).standard_normal((2, 88200)).astype(np.float32)
    b = saved(tmp_path / "b.wav", hiss, 44100)
    recipe = SoundRecipe(a, "morph", others=(b,), seconds=6.0, curve=((1.0, 0.0), (5.0, 1.0)))
    replies = answers(recipe)
    made = replies[-1].samples.array()
    assert made.shape == (2, 96000)
    assert np.isfinite(made).all()

    def brightness(samples: np.ndarray) -> float:
        return float(np.std(np.diff(samples)) / np.std(samples))

    thirds = [brightness(made[0, n : n + 16000]) for n in (0, 40000, 80000)]
    assert thirds[0] < thirds[1] < thirds[2]
    first = replies[0].samples.array()
    assert np.abs(made[:, 1000:14000] - first[:, 1000:14000]).max() < 1e-4
    times = np.array([0.0, 3.0, 6.0])
    assert np.allclose(shares(recipe, times, 6.0), [0, 0.5, 1])
    loop = take(SoundRecipe(a, "morph", others=(b,), seconds=3.0, loop=True,
                            curve=((0.0, 0.0), (1.5, 1.0), (3.0, 0.0))))  # fmt: skip
    step = abs(float(loop[0, 0] - loop[0, -1]))
    assert step <= np.quantile(np.abs(np.diff(loop[0])), 0.999)
    one = take(SoundRecipe(a, "morph", others=(saved(tmp_path / "s.wav", slam()),), seconds=2.0))
    assert one.shape == (1, 32000)
