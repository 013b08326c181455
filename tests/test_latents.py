"""From requests to synthesis inputs, and the pictures between two pictures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.messages import Direction, Edit, LatentPart, LodestoneError, SteerRequest, Vector
from engine.steer.latents import Memo, class_weights, resolve, seed_latent
from engine.steer.morph import morph
from tests import small


def unit(size: int, seed: int = 0) -> np.ndarray:
    vector = np.random.RandomState(seed).randn(size)
    return vector / np.linalg.norm(vector)


def request(**changes: object) -> SteerRequest:
    return SteerRequest(small.info().id, (LatentPart(seed=5),), **changes)  # type: ignore[arg-type]


def mapped(seed: int, c: tuple[float, ...] = (1, 0, 0)) -> np.ndarray:
    z = np.random.RandomState(seed).randn(1, 24).astype(np.float32)
    return small.runtime().mapping(z, np.array([c], np.float32))


def ws(wanted: SteerRequest) -> np.ndarray:
    return resolve(wanted, small.runtime()).ws


def test_seed_is_what_the_field_draws() -> None:
    expected = np.random.RandomState(1234).randn(1, 512).astype(np.float32)
    np.testing.assert_array_equal(seed_latent(1234, 512), expected)
    with pytest.raises(LodestoneError):
        seed_latent(-1, 512)
    with pytest.raises(LodestoneError):
        seed_latent(2**32, 512)


def test_plain_seed_is_mapped_and_repeated() -> None:
    found = resolve(request(), small.runtime())
    assert found.ws.shape == (1, 8, 20)
    assert found.ws.dtype == np.float32
    np.testing.assert_allclose(found.ws[0], np.repeat(mapped(5), 8, 0), rtol=1e-6)
    assert not found.style_offset.any()
    assert found.noise is None
    np.testing.assert_array_equal(found.noise_strength, np.ones(7))


def test_parts_are_averaged_in_w() -> None:
    parts = (LatentPart(seed=1, weight=3.0), LatentPart(seed=2, weight=1.0))
    expected = 0.75 * mapped(1) + 0.25 * mapped(2)
    np.testing.assert_allclose(ws(replace(request(), latent=parts))[0, 4:5], expected, atol=1e-6)


def test_vectors_of_every_space() -> None:
    w_plus = np.random.RandomState(3).randn(8, 20).astype(np.float32)
    z = np.random.RandomState(5).randn(24)
    for vector, space, expected in (
        (w_plus, "w+", w_plus),
        (w_plus[2], "w", np.repeat(w_plus[2:3], 8, 0)),
        (z, "z", np.repeat(mapped(5), 8, 0)),
    ):
        part = LatentPart(vector=Vector.of(vector), space=space)  # type: ignore[arg-type]
        found = ws(replace(request(), latent=(part,)))[0]
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_style_mixing_takes_rows_of_b() -> None:
    found = ws(request(mix=(LatentPart(seed=9),), mix_layers=(2, 7)))[0]
    for row in range(8):
        np.testing.assert_allclose(found[row], mapped(9 if row in (2, 7) else 5)[0], atol=1e-6)


def test_truncation_and_cutoff() -> None:
    centre = small.runtime().w_avg
    found = ws(request(truncation=0.3, truncation_cutoff=3))[0]
    expected = centre + 0.3 * (mapped(5)[0] - centre)
    np.testing.assert_allclose(found[:3], np.repeat(expected[None], 3, 0), atol=1e-5)
    np.testing.assert_allclose(found[3:], np.repeat(mapped(5), 5, 0), atol=1e-6)


def test_truncation_towards_the_chosen_class() -> None:
    class PerClass:
        info = small.info()
        w_avg = np.random.RandomState(0).randn(3, 20).astype(np.float32)
        noise_const = small.runtime().noise_const
        mapping = staticmethod(small.runtime().mapping)

    found = resolve(request(classes=(0.0, 1.0, 1.0), truncation=0.0), PerClass()).ws
    np.testing.assert_allclose(found[0, 0], PerClass.w_avg[1:].mean(0), atol=1e-6)


def test_edits_act_after_truncation_in_sigmas_on_their_layers() -> None:
    direction = Direction("d", "w", Vector.of(unit(20)), sigma=2.5, layers=(1, 3))
    edited = ws(request(truncation=0.5, edits=(Edit(direction, -2.0),)))
    moved = edited - ws(request(truncation=0.5))
    expected = np.zeros((8, 20))
    expected[1:4] = -5.0 * unit(20)
    np.testing.assert_allclose(moved[0], expected, atol=1e-5)


def test_z_edits_move_before_the_mapping() -> None:
    direction = Direction("d", "z", Vector.of(unit(24)))
    z = np.random.RandomState(5).randn(1, 24) + 1.5 * unit(24)
    found = ws(request(edits=(Edit(direction, 1.5),)))[0, :1]
    expected = small.runtime().mapping(z.astype(np.float32), np.eye(3, dtype=np.float32)[:1])
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_s_edits_become_offsets_of_their_layers() -> None:
    info = small.info()
    styles = sum(layer.style_count for layer in info.layers)
    direction = Direction("d", "s", Vector.of(unit(styles)), sigma=3.0, layers=(2, 4))
    offset = resolve(request(edits=(Edit(direction, 2.0),)), small.runtime()).style_offset[0]
    for layer in info.layers:
        own = slice(layer.style_start, layer.style_start + layer.style_count)
        expected = 6.0 * unit(styles)[own] if 2 <= layer.ws_index <= 4 else 0.0
        np.testing.assert_allclose(offset[own], expected, atol=1e-5)


def test_noise_modes() -> None:
    off = resolve(request(noise="off", noise_strength=3.0), small.runtime())
    assert off.noise is None
    assert not off.noise_strength.any()
    random = resolve(request(noise="random", noise_seed=7, noise_strength=0.5), small.runtime())
    assert random.noise is not None
    size = small.runtime().noise_const.shape[1]
    np.testing.assert_allclose(random.noise, np.random.RandomState(7).randn(1, size), rtol=1e-6)
    np.testing.assert_array_equal(random.noise_strength, np.full(7, 0.5))


def test_class_weights() -> None:
    np.testing.assert_array_equal(class_weights((), 3), [1, 0, 0])
    np.testing.assert_allclose(class_weights((0, 3, 1), 3), [0, 0.75, 0.25])
    assert class_weights((), 0).shape == (0,)
    for bad in ((1.0,), (-1.0, 0.0, 0.0), (float("nan"), 0.0, 1.0)):
        with pytest.raises(LodestoneError):
            class_weights(bad, 3)


@pytest.mark.parametrize(
    "changes",
    [
        {"latent": ()},
        {"latent": (LatentPart(),)},
        {"latent": (LatentPart(seed=1, weight=0.0),)},
        {"latent": (LatentPart(vector=Vector.of(np.ones(7))),)},
        {"latent": (LatentPart(vector=Vector.of(np.ones((3, 20))), space="w+"),)},
        {"edits": (Edit(Direction("d", "w", Vector.of(np.ones(21))), 1.0),)},
        {"edits": (Edit(Direction("d", "s", Vector.of(np.ones(21))), 1.0),)},
        {"edits": (Edit(Direction("d", "z", Vector.of(np.ones(21))), 1.0),)},
        {"classes": (1.0, 0.0)},
    ],
)
def test_what_does_not_fit_is_a_sentence(changes: dict[str, object]) -> None:
    with pytest.raises(LodestoneError):
        resolve(replace(request(), **changes), small.runtime())  # type: ignore[arg-type]


def test_memo_maps_each_latent_once() -> None:
    calls: list[int] = []

    class Counting:
        info = small.info()
        w_avg = small.runtime().w_avg
        noise_const = small.runtime().noise_const

        def mapping(self, z: np.ndarray, c: np.ndarray) -> np.ndarray:
            calls.append(len(z))
            return small.runtime().mapping(z, c)

    counting = Counting()
    memo = Memo(counting, mapped=2)
    direction = Direction("d", "w", Vector.of(unit(20)))
    for amount in (0.0, 1.0, 2.0):
        resolve(request(edits=(Edit(direction, amount),)), counting, memo)
    assert calls == [1]
    for seed in (1, 2, 5):
        resolve(replace(request(), latent=(LatentPart(seed=seed),)), counting, memo)
    assert len(calls) == 4  # seed 5 was forgotten: only two are kept


# ---------------------------------------------------------------- morph

d1 = Direction("d1", "w", Vector.of(unit(20, 1)))
d2 = Direction("d2", "w", Vector.of(unit(20, 2)), layers=(0, 3))
seeds = st.integers(0, 5).map(lambda seed: LatentPart(seed=seed))
ends = st.builds(
    SteerRequest,
    model=st.just("m"),
    latent=st.lists(seeds, min_size=1, max_size=2).map(tuple),
    classes=st.sampled_from([(), (0.0, 1.0, 0.0), (2.0, 0.0, 2.0)]),
    mix=st.lists(seeds, max_size=1).map(tuple),
    mix_layers=st.lists(st.integers(0, 7), max_size=3, unique=True).map(tuple),
    truncation=st.sampled_from([1.0, 0.5]),
    truncation_cutoff=st.just(4),
    noise=st.sampled_from(["const", "random", "off"]),
    noise_seed=st.integers(0, 2),
    edits=st.lists(st.builds(Edit, st.sampled_from([d1, d2]), st.floats(-2, 2)), max_size=2).map(
        tuple
    ),
)


@settings(max_examples=60, deadline=None)
@given(ends, ends)
def test_morph_is_straight_and_starts_and_ends_at_its_ends(
    a: SteerRequest, b: SteerRequest
) -> None:
    assert morph(a, b, 0.0) == a
    assert morph(a, b, 1.0) == b or a == b
    # One class on both sides: the mapping is not linear in the class.
    a, b = replace(a, classes=(), truncation=1.0), replace(b, classes=(), truncation=1.0)
    first, last = ws(a), ws(b)
    for t in (0.25, 0.5, 0.9):
        np.testing.assert_allclose(ws(morph(a, b, t)), (1 - t) * first + t * last, atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(ends, ends, st.floats(0, 1))
def test_morph_never_jumps(a: SteerRequest, b: SteerRequest, t: float) -> None:
    near = min(t + 1e-4, 1.0)
    one, two = (resolve(morph(a, b, at), small.runtime()) for at in (t, near))
    assert np.abs(one.ws - two.ws).max() < 0.05
    const = small.runtime().noise_const
    drawn = [
        item.noise_strength[0] * (const if item.noise is None else item.noise)
        for item in (one, two)
    ]
    assert np.abs(drawn[0] - drawn[1]).max() < 0.01


def test_morph_of_a_morph_keeps_its_mixing() -> None:
    a = request(mix=(LatentPart(seed=1),), mix_layers=(0, 1))
    b = request(mix=(LatentPart(seed=2),), mix_layers=(1, 2))
    middle = morph(a, b, 0.5)
    expected = 0.5 * ws(middle) + 0.5 * ws(a)
    np.testing.assert_allclose(ws(morph(middle, a, 0.5)), expected, atol=1e-5)


def test_morph_between_generators_is_refused() -> None:
    with pytest.raises(LodestoneError):
        morph(SteerRequest("a"), SteerRequest("b"), 0.5)
