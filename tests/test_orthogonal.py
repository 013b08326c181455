from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.messages import Direction, LodestoneError, Space, Vector
from engine.steer.orthogonal import orthogonal


def made(
    vector: np.ndarray, space: Space = "w", layers: tuple[int, int] | None = None, at: str = ""
) -> Direction:
    vector = np.asarray(vector, np.float64)
    longest = np.linalg.norm(np.atleast_2d(vector), axis=1).max()
    return Direction("rounder", space, Vector.of(vector / longest), 2.0, layers, at=at)


def step(direction: Direction, rows: int) -> np.ndarray:
    """(rows, D): what one σ adds to w+."""
    vector = np.atleast_2d(direction.vector.array()).astype(np.float64) * direction.sigma
    full = np.broadcast_to(vector, (rows, vector.shape[1])).copy()
    if direction.layers:
        full[: direction.layers[0]] = 0.0
        full[direction.layers[1] + 1 :] = 0.0
    return full


@given(
    width=st.integers(4, 512),
    count=st.integers(1, 20),
    seed=st.integers(0, 10_000),
    space=st.sampled_from(["z", "w", "s"]),
)
def test_the_result_is_exactly_orthogonal_to_everything_fixed(
    width: int, count: int, seed: int, space: Space
) -> None:
    rng = np.random.RandomState(seed)
    count = min(count, width - 2)
    fixed = [made(rng.randn(width), space) for _ in range(count)]
    fixed.append(fixed[0])  # the same one twice is no reason to stumble
    before = made(rng.randn(width), space)
    after, residual = orthogonal(before, fixed)
    d = after.vector.array().astype(np.float64)
    assert np.linalg.norm(d) == pytest.approx(1.0, abs=1e-5)
    assert max(abs(d @ one.vector.array()) for one in fixed) <= 1e-5
    assert 0.0 < residual <= 1.0
    # What is left and what was taken away make up the whole step.
    basis = np.stack([one.vector.array() for one in fixed[:-1]]).astype(np.float64)
    whole = 2.0 * before.vector.array().astype(np.float64)
    taken = basis.T @ np.linalg.lstsq(basis.T, whole, rcond=None)[0]
    assert np.allclose(after.sigma * d + taken, whole, atol=1e-5)
    assert after.sigma == pytest.approx(2.0 * residual, rel=1e-4)


def test_nearly_equal_fixed_directions_stay_exact() -> None:
    rng = np.random.RandomState(0)
    first = rng.randn(512)
    fixed = [made(first), made(first + 1e-3 * rng.randn(512))]
    after, _ = orthogonal(made(rng.randn(512)), fixed)
    assert max(abs(after.vector.array() @ one.vector.array()) for one in fixed) <= 1e-5


def test_nothing_fixed_changes_nothing() -> None:
    direction = made(np.ones(8))
    assert orthogonal(direction, ()) == (direction, 1.0)


def test_nothing_left_is_said_in_a_sentence() -> None:
    with pytest.raises(LodestoneError, match=r"nothing of it is left\. Keep fewer"):
        orthogonal(made(np.ones(8)), [made(-np.ones(8))])


def test_other_rows_are_left_alone() -> None:
    rng = np.random.RandomState(1)
    early, late = made(rng.randn(8), layers=(0, 3)), made(rng.randn(8), layers=(4, 7))
    assert orthogonal(early, [late], 8) == (early, 1.0)


@given(
    seed=st.integers(0, 1000),
    a=st.tuples(st.integers(0, 7), st.integers(0, 7)),
    b=st.tuples(st.integers(0, 7), st.integers(0, 7)),
    plus=st.booleans(),
)
def test_rows_are_projected_one_by_one(
    seed: int, a: tuple[int, int], b: tuple[int, int], plus: bool
) -> None:
    rng = np.random.RandomState(seed)
    own, other = (min(a), max(a)), (min(b), max(b))
    before = made(rng.randn(8), layers=own)
    vector, space = (rng.randn(8, 8), "w+") if plus else (rng.randn(8), "w")
    fixed = made(vector, space, other)
    after, residual = orthogonal(before, [fixed], 8)
    was, now, kept = step(before, 8), step(after, 8), step(fixed, 8)
    assert np.abs((now * kept).sum(axis=1)).max() <= 1e-5
    free = ~kept.any(axis=1)
    assert np.allclose(now[free], was[free], atol=1e-5)
    assert np.linalg.norm(now) / np.linalg.norm(was) == pytest.approx(residual, abs=1e-5)
    longest = np.linalg.norm(np.atleast_2d(after.vector.array()), axis=1).max()
    assert longest == pytest.approx(1.0, abs=1e-5)


def test_without_the_number_of_rows_all_are_projected() -> None:
    rng = np.random.RandomState(2)
    before, fixed = made(rng.randn(8)), made(rng.randn(8), layers=(0, 3))
    after, _ = orthogonal(before, [fixed])
    assert after.space == "w"
    assert abs(after.vector.array() @ fixed.vector.array()) <= 1e-5


def test_what_does_not_belong_together_is_refused() -> None:
    rng = np.random.RandomState(3)
    here = made(rng.randn(8))
    elsewhere = [
        (made(rng.randn(8), "z"), "same space"),
        (made(rng.randn(6)), "same width"),
        (made(rng.randn(5, 8), "w+"), None),
    ]
    for other, words in elsewhere:
        if words is None:
            with pytest.raises(LodestoneError, match="w\\+ rows"):
                orthogonal(made(rng.randn(4, 8), "w+"), [other])
        else:
            with pytest.raises(LodestoneError, match=words):
                orthogonal(here, [other])
    with pytest.raises(LodestoneError, match="same layer"):
        orthogonal(made(rng.randn(8), "a", at="b8.conv0"), [made(rng.randn(8), "a", at="b4.conv1")])
