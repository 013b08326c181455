"""Patch sliced-Wasserstein descent: the source's statistics, without another layout."""

from __future__ import annotations

import numpy as np
import pytest

from engine.picture import scores
from engine.picture.descent import descended


def made(picture: np.ndarray, source: np.ndarray, wrap: bool = False) -> np.ndarray:
    work = descended(picture, source, np.random.default_rng(0), wrap)
    while True:
        try:
            next(work)
        except StopIteration as done:
            return done.value


def stripes(height: int = 60, width: int = 80) -> np.ndarray:
    """(H, W, 3) -1..1"""
    y, x = np.mgrid[0:height, 0:width] / 60
    grey = 0.6 * np.sign(np.sin(30 * (x + 0.4 * y))) + 0.3 * np.cos(9 * x * y)
    return np.stack([grey, 0.5 * grey + 0.2, -grey], -1).astype(np.float32) * 0.9


@pytest.mark.parametrize("wrap", [False, True])
@pytest.mark.parametrize("size", [(60, 80), (50, 120)])
def test_statistics_come_nearer_and_the_layout_stays(wrap: bool, size: tuple[int, int]) -> None:
    source = stripes()
    dull = 0.6 * stripes(*size) + 0.2
    sharp = made(dull, source, wrap)
    assert sharp.shape == dull.shape
    for one, other in zip(
        scores.distances(sharp, source), scores.distances(dull, source), strict=True
    ):
        assert one < 0.5 * other
    assert np.corrcoef(sharp.ravel(), dull.ravel())[0, 1] > 0.95


def test_the_source_is_where_it_stays() -> None:
    assert np.abs(made(stripes(), stripes()) - stripes()).max() < 1e-4


def test_constant_pictures_stay_smooth() -> None:
    flat = np.full((20, 20, 3), 0.25, np.float32)
    moved = made(flat, flat + 0.1)
    assert (np.abs(moved[10, 10] - flat[10, 10] - 0.1) < 0.06).all()
    assert np.abs(np.diff(moved, axis=0)).max() < 0.02
    assert np.array_equal(made(flat, stripes()), made(flat, stripes()))
