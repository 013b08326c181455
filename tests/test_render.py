"""Requests to pictures: equal requests, equal results."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.messages import Direction, Edit, LatentPart, SteerRequest, Vector
from engine.runtime import open_runtime
from engine.steer.render import render, render_batch, render_into
from tests import small

direction = Direction("d", "w", Vector.of(np.eye(20)[4]), sigma=1.0)
requests = st.builds(
    SteerRequest,
    model=st.just("small"),
    latent=st.builds(LatentPart, seed=st.integers(0, 50)).map(lambda part: (part,)),
    noise=st.sampled_from(["const", "random", "off"]),
    noise_seed=st.integers(0, 3),
    noise_strength=st.sampled_from([1.0, 0.5]),
    edits=st.floats(-3, 3).map(lambda amount: (Edit(direction, amount),)),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(requests, min_size=1, max_size=6))
def test_together_or_alone_is_the_same(wanted: list[SteerRequest]) -> None:
    together = render_batch(wanted, small.runtime())
    alone = np.concatenate([render(request, small.runtime()) for request in wanted])
    assert together.shape == (len(wanted), 3, 32, 32)
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_equal_requests_give_equal_bytes_whatever_came_between() -> None:
    fresh = open_runtime(small.info(), "cpu")
    request = SteerRequest("small", noise="random", noise_seed=3, edits=(Edit(direction, 1.0),))
    first = render(request, fresh)
    for seed in range(5):
        render(SteerRequest("small", (LatentPart(seed=seed),), noise="off"), fresh)
    np.testing.assert_array_equal(render(request, fresh), first)
    np.testing.assert_array_equal(render(request, small.runtime()), first)


def test_everything_a_request_says_changes_the_picture() -> None:
    plain = SteerRequest("small")
    other = LatentPart(seed=1)
    pictures = [render(plain, small.runtime())]
    for changed in (
        SteerRequest("small", (other,)),
        SteerRequest("small", classes=(0.0, 1.0, 0.0)),
        SteerRequest("small", mix=(other,), mix_layers=(3,)),
        SteerRequest("small", truncation=0.5),
        SteerRequest("small", truncation=0.5, truncation_cutoff=2),
        SteerRequest("small", noise="random"),
        SteerRequest("small", noise="random", noise_seed=1),
        SteerRequest("small", noise="off"),
        SteerRequest("small", noise_strength=2.0),
        SteerRequest("small", edits=(Edit(direction, 1.0),)),
    ):
        picture = render(changed, small.runtime())
        assert all(np.abs(picture - before).max() > 1e-3 for before in pictures)
        pictures.append(picture)


def test_into_a_buffer() -> None:
    out = np.zeros((32, 32, 4), np.uint8)
    request = SteerRequest("small", (LatentPart(seed=2),))
    render_into(request, small.runtime(), out)
    image = render(request, small.runtime())[0]
    expected = np.clip(image * 127.5 + 128, 0, 255).astype(np.uint8)[::-1].transpose(1, 2, 0)
    np.testing.assert_array_equal(out[..., :3], expected)
