from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.messages import Direction, Edit, LodestoneError, Vector
from engine.steer.compass import finished, fit_axis
from engine.steer.features import features
from engine.steer.regressed import to_latent
from tests import small
from tests.test_compass import axis, picture, planted, sorted_by


def test_a_slider_of_w_moves_the_activations_along() -> None:
    of = axis(sorted_by(planted(40, "a", "b8.conv1")), space="a", at="b8.conv1")
    direction = fit_axis(of, (), small.runtime()).direction
    assert direction is not None
    in_w = finished(to_latent(direction, of.template, small.runtime(), count=200))
    assert (in_w.space, in_w.at) == ("w", "")
    assert np.linalg.norm(in_w.vector.array()) == pytest.approx(1.0, abs=1e-5)
    start = [picture(seed) for seed in range(100, 120)]
    ends = [replace(one, edits=(Edit(in_w, 1.5),)) for one in start]
    before, after = (features(some, "a", "b8.conv1", small.runtime()) for some in (start, ends))
    gained = (after - before) @ direction.vector.array() / direction.sigma
    assert (gained > 0).mean() >= 0.9
    assert gained.mean() > 0.5


def test_a_direction_of_w_needs_none() -> None:
    w = Direction("rounder", "w", Vector.of(np.eye(small.info().w_dim)[0]))
    with pytest.raises(LodestoneError, match="rounder does not lie in a layer"):
        finished(to_latent(w, picture(0), small.runtime()))
