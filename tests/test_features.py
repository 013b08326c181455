"""Pictures as points of z, w and s."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from engine.messages import Direction, Edit, LatentPart, LodestoneError, SteerRequest, Vector
from engine.steer.features import features
from engine.steer.latents import resolve, seed_latent
from models.files import load_model
from models.registry import build
from tests import small


def request(seed: int = 1, **changes: object) -> SteerRequest:
    plain = SteerRequest(small.info().id, (LatentPart(seed=seed),), truncation=0.7)
    return dataclasses.replace(plain, **changes)


def torch_styles(ws: np.ndarray) -> np.ndarray:
    """(num_styles,) by the network's own modules."""
    import torch

    generator = build(*load_model(small.info().path)).eval()
    with torch.no_grad():
        rows = torch.from_numpy(ws)
        drawn = [
            generator.synthesis.get_submodule(f"{layer.name}.affine")(rows[:, layer.ws_index])
            for layer in generator.layers
        ]
    return torch.cat(drawn, dim=1).numpy()[0]


def test_z_and_w_are_those_of_the_picture():
    runtime = small.runtime()
    up = Direction("up", "z", Vector.of(np.eye(24)[3]))
    asked = [request(1), request(2, edits=(Edit(up, 2.0),)), request(1)]
    z = features(asked, "z", "", runtime)
    np.testing.assert_array_equal(z[0], seed_latent(1, 24)[0])
    np.testing.assert_allclose(z[1] - seed_latent(2, 24)[0], 2.0 * np.eye(24)[3], atol=1e-6)
    ws = resolve(asked[1], runtime).ws[0]
    w = features(asked, "w", "", runtime)
    assert w.shape == (3, 20)
    np.testing.assert_array_equal(w[0], w[2])
    np.testing.assert_allclose(w[1], ws.mean(axis=0), atol=1e-6)
    rows = Direction("rows", "w", Vector.of(np.eye(20)[0]), layers=(2, 3))
    moved = [request(1, edits=(Edit(rows, 1.0),))]
    shift = features(moved, "w", "", runtime, (2, 3)) - features(
        asked[:1], "w", "", runtime, (2, 3)
    )
    np.testing.assert_allclose(shift[0], np.eye(20)[0], atol=1e-5)
    assert features(asked, "w+", "", runtime).shape == (3, ws.size)


def test_styles_are_the_networks_own():
    runtime = small.runtime()
    ws = resolve(request(5), runtime).ws
    expected = torch_styles(ws)
    found = features([request(5)], "s", "", runtime)[0]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    channel = Direction("one channel", "s", Vector.of(np.eye(len(expected))[7]))
    moved = features([request(5, edits=(Edit(channel, 3.0),))], "s", "", runtime)[0]
    np.testing.assert_allclose(moved - found, 3.0 * np.eye(len(expected))[7], atol=1e-5)


def test_a_picture_is_looked_at_once(monkeypatch: pytest.MonkeyPatch):
    runtime = small.runtime()
    first = features([request(31), request(32)], "s", "", runtime)
    with monkeypatch.context() as patched:
        patched.setattr("engine.steer.features.resolve", None)
        np.testing.assert_array_equal(
            features([request(32), request(31)], "s", "", runtime), first[::-1]
        )


def test_what_has_no_place_in_a_space_is_said():
    runtime = small.runtime()
    drawn_in_w = request(latent=(LatentPart(vector=Vector.of(np.zeros(20)), space="w"),))
    with pytest.raises(LodestoneError, match="no z"):
        features([drawn_in_w], "z", "", runtime)
    with pytest.raises(LodestoneError, match="no w rows"):
        features([request()], "w", "", runtime, (40, 41))
    assert features([], "w", "", runtime).shape[0] == 0
