"""What unit edits do to a picture, measured."""

from __future__ import annotations

import numpy as np
import pytest

from engine.inspect.effect import effect, heat_map, random_edits
from engine.messages import (
    EffectQuestion,
    EffectReply,
    LatentPart,
    LodestoneError,
    SteerRequest,
    Unit,
    UnitEdit,
    Vector,
)
from engine.runtime import Runtime
from engine.steer.render import render
from tests import small


class Shelf:
    """The part of a studio that is asked."""

    def runtime(self, request: SteerRequest) -> Runtime:
        assert request.model == small.info().id
        return small.runtime()


def measured(*edits: UnitEdit, random: int = 2, seed: int = 0) -> tuple[EffectReply, int]:
    """The reply, and after how many slices."""
    request = SteerRequest(small.info().id, (LatentPart(seed=3),))
    steps = effect(EffectQuestion(request, edits, random, seed), Shelf())  # type: ignore[arg-type]
    count = 0
    while True:
        try:
            assert next(steps) is None
            count += 1
        except StopIteration as end:
            return end.value, count


def edit(*index: int, mask: np.ndarray | None = None) -> UnitEdit:
    units = tuple(Unit("b32.conv1", one) for one in index)
    return UnitEdit(units, "clamp", 2.0, None if mask is None else Vector.of(mask))


def test_the_measures_are_those_of_the_pictures():
    found, slices = measured(edit(1, 2))
    assert slices == 4  # the picture, the edited one, and one for each random set
    request = SteerRequest(small.info().id, (LatentPart(seed=3),))
    two = [
        np.clip(render(one, small.runtime())[0] / 2 + 0.5, 0, 1)
        for one in (request, SteerRequest(request.model, request.latent, units=(edit(1, 2),)))
    ]
    change = np.abs(two[1] - two[0])
    assert found.changed == pytest.approx(change.mean(), rel=1e-5)
    assert found.area == (change.max(axis=0) > 0.02).mean()
    assert found.inside is None
    assert found.chance > 0.0
    assert found.heat is not None
    assert (found.heat.width, found.heat.height) == (32, 32)


def test_a_brush_holds_what_it_changes():
    mask = np.zeros((8, 8), np.float32)
    mask[:, :4] = 1.0
    found, _ = measured(edit(1, 2, mask=mask), random=0)
    assert found.inside == pytest.approx(1.0, abs=0.1)
    assert found.area <= 0.55
    assert found.chance == 0.0
    nothing, _ = measured(edit(1, mask=np.zeros((2, 2))), random=0)
    assert (nothing.changed, nothing.area, nothing.inside) == (0.0, 0.0, None)


def test_random_units_are_others_and_equally_many():
    random = np.random.RandomState(0)
    edits = (edit(0, 1, 2), edit(3))
    for _ in range(20):
        first, second = random_edits(edits, {"b32.conv1": 8}, random)
        assert len(set(first.units)) == 3
        assert {unit.index for unit in (*first.units, *second.units)} <= {4, 5, 6, 7}
    (all_of_them,) = random_edits((edit(*range(8)),), {"b32.conv1": 8}, random)
    assert len(set(all_of_them.units)) == 8
    assert measured(edit(1), seed=5)[0] == measured(edit(1), seed=5)[0]


def test_heat_glows_where_the_change_is():
    plain, change = np.full((3, 4, 4), 0.5), np.zeros((3, 4, 4))
    change[:, 0, 0] = 0.5
    glow = heat_map(plain, change).array()[..., :3].astype(int)
    assert glow[0, 0].min() == 255
    assert np.ptp(glow[1:]) == 0  # grey, and equally dim everywhere else


@pytest.mark.parametrize(
    ("edits", "message"),
    [
        ((), "no edit to measure"),
        ((UnitEdit((Unit("b32.conv7", 1),)),), "no layer 'b32.conv7'. The nearest are b32"),
        ((UnitEdit((Unit("mapping", 1),)),), "makes the latent w"),
        ((edit(8),), "has no unit 8"),
    ],
)
def test_bad_edits_are_said(edits: tuple[UnitEdit, ...], message: str):
    with pytest.raises(LodestoneError, match=message):
        measured(*edits)
