"""Any recording: depth, rate, channels, damage; and files that are no sounds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.messages import LodestoneError
from engine.sound import spectra
from engine.sound.source import check_audible, read_sound, resampled, spans_to_samples
from tests.sounds import saved, slam, tune


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    stereo = np.stack([tune(1.0), tune(1.0, seed=1)])
    sound = read_sound(saved(tmp_path / "a.wav", stereo))
    assert np.array_equal(sound.samples, stereo)
    assert (sound.rate, sound.note, sound.seconds) == (16000, "", 1.0)
    region = read_sound(tmp_path / "a.wav", 0.25, 0.5)
    assert np.array_equal(region.samples, stereo[:, 4000:8000])
    assert (region.start, region.whole) == (4000, 16000)


@pytest.mark.parametrize(
    ("name", "kind"), [("a.flac", "FLAC"), ("a.aiff", "AIFF"), ("a.ogg", "OGG"), ("a.mp3", "MP3")]
)
def test_kinds_of_files_are_known_by_their_content(tmp_path: Path, name: str, kind: str) -> None:
    soundfile.write(tmp_path / name, tune(1.0, 44100), 44100, format=kind)
    wrong = tmp_path / f"{name}.raw"
    (tmp_path / name).rename(wrong)
    sound = read_sound(wrong)
    assert sound.rate == 44100
    assert abs(sound.seconds - 1.0) < 0.06
    assert 0.5 < np.std(sound.samples) / np.std(tune(1.0, 44100)) < 1.5


def test_damage_is_mended_and_told(tmp_path: Path) -> None:
    samples = tune(1.0)
    samples[100], samples[200] = np.nan, np.inf
    sound = read_sound(saved(tmp_path / "nan.wav", samples))
    assert np.isfinite(sound.samples).all()
    assert "2 samples were NaN" in sound.note
    loud = np.clip(8 * tune(1.0), -0.8, 0.8)
    assert "clipped" in read_sound(saved(tmp_path / "clipped.wav", loud)).note
    offset = read_sound(saved(tmp_path / "dc.wav", tune(1.0) + 0.2))
    assert "DC offset of 0.20" in offset.note
    assert abs(float(offset.samples.mean()) - 0.2) < 0.01
    assert abs(float(offset.middle.mean())) < 1e-4
    eight = saved(tmp_path / "eight.wav", tune(1.0), subtype="PCM_U8")
    assert "8 bits" in read_sound(eight).note


def test_many_channels_high_rates_and_opposite_phase(tmp_path: Path) -> None:
    six = np.stack([tune(0.5, seed=n) for n in range(6)])
    sound = read_sound(saved(tmp_path / "six.wav", six))
    assert sound.samples.shape == (2, 8000)
    assert "6 channels" in sound.note
    high = read_sound(saved(tmp_path / "high.wav", tune(0.2, 384000), 384000))
    assert high.rate == 384000
    opposite = read_sound(saved(tmp_path / "o.wav", np.stack([tune(1.0), -tune(1.0)])))
    assert np.std(opposite.middle) > 0.5 * np.std(tune(1.0))


def test_what_is_no_sound_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("not a sound at all")
    with pytest.raises(LodestoneError, match="is not a sound that can be read"):
        read_sound(tmp_path / "text.wav")
    with pytest.raises(LodestoneError, match="There is no file"):
        read_sound(tmp_path / "none.wav")
    with pytest.raises(LodestoneError, match="holds no sound"):
        read_sound(saved(tmp_path / "empty.wav", np.zeros(0, np.float32)))
    with pytest.raises(LodestoneError, match="lies outside"):
        read_sound(saved(tmp_path / "short.wav", tune(1.0)), 3.0, 4.0)
    silent = read_sound(saved(tmp_path / "silent.wav", np.zeros(16000, np.float32)))
    assert silent.note == "It is silent."
    with pytest.raises(LodestoneError, match="is silent"):
        check_audible(silent, "silent.wav")


def test_a_file_that_changes_is_read_again(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.wav", tune(1.0))
    first = read_sound(path)
    assert read_sound(path) is first
    saved(tmp_path / "a.wav", tune(1.5, seed=2))
    assert read_sound(path).seconds == 1.5


def test_a_long_recording_is_used_in_part(tmp_path: Path) -> None:
    sound = read_sound(saved(tmp_path / "long.wav", tune(2.0, 1000).repeat(160), 1000))
    assert sound.seconds == 300
    assert "longer than 5 minutes" in sound.note


def test_resampling_gives_the_exact_length() -> None:
    samples = np.stack([tune(0.731, 44100), tune(0.731, 44100, 1)])
    for rate in (8000, 22050, 48000, 384000):
        assert resampled(samples, 44100, rate).shape == (2, round(samples.shape[1] * rate / 44100))
    there = resampled(resampled(tune(1.0), 16000, 48000), 48000, 16000)
    assert np.abs(there - tune(1.0))[400:-400].max() < 0.02


def test_spans_are_ordered_joined_and_checked() -> None:
    spans = ((2.0, 3.0), (0.5, 1.0), (0.9, 1.5))
    assert spans_to_samples(spans, 100, 400, "hole", "a") == [(50, 150), (200, 300)]
    with pytest.raises(LodestoneError, match=r"hole 3-5 s lies outside a, which lasts 4\.00 s"):
        spans_to_samples(((3.0, 5.0),), 100, 400, "hole", "a")
    with pytest.raises(LodestoneError, match="is empty"):
        spans_to_samples(((3.0, 3.0),), 100, 400, "hole", "a")


def test_a_spectrogram_has_time_to_the_right_and_high_notes_on_top() -> None:
    time = np.arange(16000) / 16000
    chirp = np.where(time < 0.5, np.sin(2 * np.pi * 300 * time), np.sin(2 * np.pi * 5000 * time))
    image = spectra.spectrogram(chirp.astype(np.float32), 16000, 120, 80)
    assert image.shape == (80, 120)
    assert image.dtype == np.float32
    assert image.min() >= 0
    assert image.max() == 1
    rows = image.argmax(0)
    assert rows[20] > 55  # low: near the bottom
    assert rows[100] < 25
    tiny = spectra.spectrogram(np.zeros(10, np.float32), 16000, 50, 20)
    assert tiny.shape == (20, 50)
    assert np.isfinite(tiny).all()


def test_peaks_of_every_column() -> None:
    samples = np.zeros((2, 1000), np.float32)
    samples[0, 510], samples[1, 990] = 0.5, -0.7
    low, high = spectra.peaks(samples, 10)
    assert high[5] == np.float32(0.5)
    assert low[9] == np.float32(-0.7)
    assert np.count_nonzero(low) == np.count_nonzero(high) == 1
    assert spectra.peaks(slam()[:5], 10).shape == (2, 10)
    assert spectra.peaks(np.zeros((1, 0), np.float32), 10).shape == (2, 10)


def test_a_transform_and_back_changes_nothing() -> None:
    samples = tune(0.7)
    back = spectra.istft(spectra.stft(samples, 512, 128), 512, 128, len(samples))
    assert np.abs(back - samples).max() < 1e-5
