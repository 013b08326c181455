"""What is measured of upscaling, on small pictures: the protocols, the eye, the peers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from PIL import Image

from engine.bench import measures, upscale_exact, upscale_fit, upscale_quality, upscale_speed
from engine.bench.upscale_seen import Seen
from engine.upscale.store import plain
from engine.upscale.train.judge import psnr
from models.errors import LodestoneError
from tests.upscalers import bytes_of, photo


def test_what_has_to_hold_holds() -> None:
    figures = list(upscale_exact.measures())
    assert len(figures) >= 10
    # Pure colours are a matter of training; all else holds for any weights.
    missed = [figure.name for figure in figures if figure.met is False]
    assert not set(missed) - {"flat pure colours stay"}


def test_small_pictures_are_made_by_both_protocols() -> None:
    ramp = np.linspace(20, 220, 90)[None, :, None] * np.ones((60, 1, 3))
    for kernel in ("bicubic", "plain"):
        small = upscale_quality.shrunk(np.rint(ramp).astype(np.uint8), kernel)
        assert small.shape == (20, 30, 3)
        # Half-pixel centres: every third pixel's neighbourhood is its own mean.
        assert np.abs(small[:, 2:-2] - ramp[1::3, 7:-6:3]).max() < 1
    fine = (np.indices((60, 90)).sum(0) % 2 * 255).astype(np.uint8)[..., None].repeat(3, 2)
    assert np.ptp(upscale_quality.shrunk(fine, "bicubic")[3:-3, 3:-3].astype(int)) < 40
    assert np.ptp(upscale_quality.shrunk(fine, "plain")[3:-3, 3:-3].astype(int)) > 200


def test_the_peers_enlarge_without_a_shift() -> None:
    picture = bytes_of(photo(40, 50))
    for way in (upscale_quality.lanczos, upscale_quality.bicubic):
        made = way(picture)
        assert made.shape == (120, 150, 3)
        ours = plain(picture.astype(np.float32) / 255, 3)
        assert np.abs(made - ours)[6:-6, 6:-6].mean() < 0.02
        assert abs(float((made - ours).mean())) < 1e-3


def test_a_folder_is_measured_and_an_empty_one_refused(tmp_path: Path) -> None:
    folder = tmp_path / "Set5"
    folder.mkdir()
    with pytest.raises(LodestoneError, match="holds no pictures"):
        list(upscale_quality.measures([folder]))
    Image.fromarray(bytes_of(photo(151, 130))).save(folder / "a.png")
    found = {figure.name: figure for figure in upscale_quality.measures([folder])}
    first = found["Set5: PSNR-Y x3, antialiased bicubic"]
    assert first.target == ">= 32.9"
    assert first.peer_value is not None
    assert found["Set5: PSNR-Y x3, plain bicubic"].target == ">= 31.6"


def test_without_folders_it_says_what_is_missing() -> None:
    figures = list(upscale_quality.measures())
    counts = [figure for figure in figures if figure.name.endswith("learnt")]
    assert counts
    assert all(figure.met for figure in counts)
    rest = [figure for figure in figures if figure not in counts]
    assert rest
    assert all(figure.value is None and "--pictures" in figure.note for figure in rest)


def test_the_eye_forgives_moved_grain_and_not_blur() -> None:
    try:
        seen = Seen()
    except LodestoneError as error:  # the package is for development
        pytest.skip(str(error))
    random = np.random.default_rng(0)
    still = np.full((96, 96, 3), 0.5, np.float32)
    still[:, 48:] = 0.7
    truth, other = (
        (still + random.normal(0, 0.06, (96, 96, 1))).clip(0, 1).astype(np.float32)
        for _ in range(2)
    )
    assert seen.distance(truth, truth) == pytest.approx(0, abs=1e-9)
    # PSNR has it the other way round.
    assert psnr(still, truth, 3) > psnr(other, truth, 3)
    assert seen.distance(other, truth) < 0.8 * seen.distance(still, truth)
    little, much = (
        np.asarray(Image.fromarray(bytes_of(truth)).reduce(n).resize((96, 96))) / np.float32(255)
        for n in (2, 4)
    )
    assert seen.distance(little, truth) < seen.distance(much, truth)


def test_the_peer_has_fsrcnns_shape() -> None:
    session = ort.InferenceSession(upscale_speed.fsrcnn(), providers=["CPUExecutionProvider"])
    assert session.get_outputs()[0].shape == [1, 1, 1080, 1920]


def test_speed_is_told_beside_its_peers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upscale_speed, "SMALL", (24, 40))
    monkeypatch.setattr(upscale_speed, "CUDA_TARGETS", (((24, 40), 1),))
    monkeypatch.setattr(upscale_speed, "ROUNDS", 1)
    figures = list(upscale_speed.measures())
    assert sum("FREDSR, the network" in figure.name for figure in figures) == 2
    judged = [figure for figure in figures if figure.target and "thread" in figure.name]
    assert len(judged) == 1
    assert all("CPU-seconds" in f.note for f in figures if "thread" in f.name)
    assert "CUDA" in figures[-1].name


def test_fitting_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upscale_fit, "SECONDS", 0.5)
    monkeypatch.setattr(upscale_fit, "PAGES", 3)
    monkeypatch.setattr("engine.upscale.train.data.DRAWN", 2)
    (figure,) = upscale_fit.measures()
    assert figure.target == ">= 0.3"
    assert figure.value is not None
    assert "1 of 3 pages left out" in figure.note


def test_upscale_is_an_area() -> None:
    assert next(measures("upscale"))["name"].startswith("Fourier unit")
