"""Any picture: depth, alpha, orientation, size, and files that are not pictures."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.messages import LodestoneError
from engine.picture.source import bgrx, hole_of, read_mask, read_source, resized


def coloured(height: int = 24, width: int = 40) -> np.ndarray:
    """(H, W, 3) uint8: every corner and every channel is another."""
    y, x = np.mgrid[0:height, 0:width]
    planes = (x * 255 // (width - 1), y * 255 // (height - 1), (x + y) * 255 // (width + height))
    return np.stack(planes, -1).astype(np.uint8)


def saved(path: Path, array: np.ndarray, **options: object) -> Path:
    Image.fromarray(array).save(path, **options)
    return path


def as_bytes(pixels: np.ndarray) -> np.ndarray:
    return bgrx(pixels)[..., 2::-1]


def test_an_ordinary_picture_is_read_exactly(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", coloured())
    source = read_source(path)
    assert source.pixels.dtype == np.float32
    assert np.array_equal(as_bytes(source.pixels), coloured())
    assert (source.alpha, source.note, source.size) == (None, "", (40, 24))
    assert source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_once(tmp_path: Path, orientation: int) -> None:
    turns = (2, 3, 4, 5, 6, 7, 8)
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Pillow's Transpose that undoes each
    stored = Image.fromarray(coloured())
    if orientation in turns:
        stored = stored.transpose(Image.Transpose(back[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "a.png", exif=exif)
    source = read_source(tmp_path / "a.png")
    assert source.size == (40, 24)
    assert np.array_equal(as_bytes(source.pixels), coloured())
    halved = read_source(tmp_path / "a.png", 20)
    assert halved.pixels.shape == (12, 20, 3)
    assert np.abs(as_bytes(halved.pixels).astype(int) - coloured()[::2, ::2]).max() < 40


def test_large_pictures_are_worked_smaller_and_say_so(tmp_path: Path) -> None:
    for name in ("wide.jpg", "wide.png"):
        path = saved(tmp_path / name, np.tile(coloured(50, 100), (1, 30, 1)))
        source = read_source(path, 250)
        assert source.pixels.shape == (4, 250, 3)
        assert source.size == (3000, 50)
        assert "250 x 4" in source.note
        assert "3,000 x 50" in source.note


def test_grey_palette_and_sixteen_bits(tmp_path: Path) -> None:
    grey = coloured()[..., 0]
    whole = read_source(saved(tmp_path / "g.png", grey)).pixels
    deep = read_source(saved(tmp_path / "d.png", grey.astype(np.uint16) * 257)).pixels
    assert np.allclose(whole, deep, atol=1e-6)
    assert np.array_equal(whole[..., 0], whole[..., 2])
    Image.fromarray(coloured()).quantize(255).save(tmp_path / "p.gif")
    assert (
        np.abs(as_bytes(read_source(tmp_path / "p.gif").pixels) - coloured().astype(int)).mean()
        < 12
    )


def test_alpha_is_kept_apart_and_laid_back(tmp_path: Path) -> None:
    alpha = np.zeros((24, 40, 1), np.uint8)
    alpha[4:20, 10:30] = 255
    source = read_source(saved(tmp_path / "a.png", np.concatenate([coloured(), alpha], -1)))
    assert source.alpha is not None
    assert np.array_equal(source.alpha > 0.5, alpha[..., 0] > 0)
    other = np.where(alpha > 0, coloured(), 255 - coloured())
    changed = read_source(saved(tmp_path / "b.png", np.concatenate([other, alpha], -1)))
    assert np.array_equal(source.pixels, changed.pixels)  # what is under no alpha is no picture
    shown = bgrx(resized(source.pixels, 48, 80), source.alpha)
    assert shown.shape == (48, 80, 4)
    assert (shown[20:28, 30:50, 3] == 255).all()
    assert (shown[:4, :, 3] < 8).all()


def test_cmyk_says_what_happened(tmp_path: Path) -> None:
    Image.fromarray(coloured()).convert("CMYK").save(tmp_path / "a.jpg", quality=95)
    source = read_source(tmp_path / "a.jpg")
    assert "CMYK" in source.note
    assert np.abs(as_bytes(source.pixels).astype(int) - coloured()).mean() < 6


def test_floats_with_holes_are_cleaned(tmp_path: Path) -> None:
    values = coloured()[..., 0].astype(np.float32) / 255
    values[3, 4], values[5, 6] = np.nan, np.inf
    source = read_source(saved(tmp_path / "a.tif", values))
    assert np.isfinite(source.pixels).all()
    assert np.abs(source.pixels).max() <= 1
    assert "2 pixels were NaN" in source.note
    strange = read_source(saved(tmp_path / "b.tif", np.full((9, 9), 1e30, np.float32)))
    assert np.isfinite(strange.pixels).all()
    with pytest.raises(LodestoneError, match="only NaN"):
        read_source(saved(tmp_path / "c.tif", np.full((9, 9), np.nan, np.float32)))


@pytest.mark.parametrize("shape", [(8, 8), (1, 64), (64, 1), (1, 1)])
def test_tiny_pictures_are_read_as_they_are(tmp_path: Path, shape: tuple[int, int]) -> None:
    array = np.full((*shape, 3), 90, np.uint8)
    assert np.array_equal(as_bytes(read_source(saved(tmp_path / "a.png", array)).pixels), array)


def test_what_is_hidden_has_no_influence_at_any_size(tmp_path: Path) -> None:
    mask = np.zeros((101, 203), np.float32)
    mask[31:64, 50:121] = 1
    first = np.repeat(coloured(101, 203), 1, 0)
    second = np.where(mask[..., None] > 0, 255 - first[::-1], first).astype(np.uint8)
    for longest in (300, 203, 90, 61):
        a, b = (
            read_source(saved(tmp_path / "a.png", array), longest, mask).pixels
            for array in (first, second)
        )
        assert np.array_equal(a, b)
        outside = ~hole_of(mask, *a.shape[:2])
        plain = np.asarray(Image.fromarray(first).resize(a.shape[1::-1], Image.Resampling.BOX))
        if longest < 203:
            assert np.array_equal(as_bytes(a)[outside], plain[outside])


def test_masks(tmp_path: Path) -> None:
    array = np.zeros((10, 12), np.uint8)
    array[2:5, 3:7] = 255
    mask = read_mask(saved(tmp_path / "m.png", array))
    assert np.array_equal(mask > 0.5, array > 0)
    assert hole_of(mask, 5, 6).sum() == 2 * 3  # every pixel that is touched


def test_what_is_no_picture_says_so(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    whole = saved(
        tmp_path / "whole.png", np.random.default_rng(0).integers(0, 255, (90, 90, 3), np.uint8)
    )
    (tmp_path / "half.png").write_bytes(whole.read_bytes()[:5000])
    for name, words in (
        ("text.png", "not a picture"),
        ("half.png", "damaged"),
        ("none.png", "no file"),
        ("", "could not be read"),
    ):
        with pytest.raises(LodestoneError, match=words) as caught:
            read_source(tmp_path / name)
        assert caught.value.sentence.count(".") >= 2
