"""What unit edits do to a picture, measured."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.codec import from_json
from engine.inspect.artifacts import Likeness, artifacts
from engine.inspect.edit_sets import as_directions
from engine.inspect.effect import colours, effect, heat_map, random_edits
from engine.inspect.effects import effects
from engine.inspect.exemplars import study
from engine.inspect.layers import generator_info
from engine.inspect.probes import sample
from engine.inspect.study import Study
from engine.messages import (
    ArtifactsRequest,
    Edit,
    EditSet,
    EditSetQuestion,
    EffectQuestion,
    EffectReply,
    EffectsRequest,
    LatentPart,
    LodestoneError,
    Probes,
    SteerRequest,
    StudyRequest,
    Unit,
    UnitEdit,
    Vector,
)
from engine.progress import Progress
from engine.runtime import Runtime
from engine.steer.features import features
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


def test_a_set_becomes_a_direction_that_moves_as_far():
    silent = UnitEdit((Unit("b32.conv1", 1), Unit("synthesis.b32.conv1", 3)))
    loud = UnitEdit((Unit("b16.conv0", 2),), "clamp", 4.0, Vector.of(np.ones((2, 2))))
    asked = EditSetQuestion(EditSet("k", "softer", (silent, loud), small.info().id))
    steps = as_directions(asked, Shelf())  # type: ignore[arg-type]
    while True:
        try:
            assert next(steps) is None
        except StopIteration as end:
            reply = end.value
            break
    assert "brush" in reply.note
    assert [one.name for one in reply.directions] == ["softer b32.conv1", "softer b16.conv0"]
    first = reply.directions[0]
    assert first.space == "a"
    assert np.flatnonzero(first.vector.array()).tolist() == [1, 3]
    request = SteerRequest(small.info().id, (LatentPart(seed=1),))
    moved = dataclasses.replace(request, edits=(Edit(first, 1.0),))
    before, after = features([request, moved], "a", "b32.conv1", small.runtime())
    samples = [sample(generator_info(small.info()), seed) for seed in range(32)]
    mean = features(samples, "a", "b32.conv1", small.runtime()).mean(axis=0)
    np.testing.assert_allclose((after - before)[[1, 3]], -mean[[1, 3]], atol=1e-3)
    nothing = EditSetQuestion(EditSet("k", "still", (), small.info().id))
    with pytest.raises(LodestoneError, match="changes nothing"):
        list(as_directions(nothing, Shelf()))  # type: ignore[arg-type]


def test_patches_tell_what_was_spoilt():
    random = np.random.RandomState(0)
    waves = np.sin(np.arange(32) / 3.0)
    real = [np.outer(waves, waves)[None].repeat(3, 0) * 0.3 + 0.5 for _ in range(32)]
    real = [np.clip(one + 0.05 * random.randn(*one.shape), 0, 1) for one in real]
    likeness = Likeness.of(real[:16])
    spoilt, flat = [one.copy() for one in real[16:]], [np.full_like(one, 0.5) for one in real[16:]]
    for one in spoilt:
        one[:, ::8, ::8] = 1.0
    assert likeness.distance(real[16:]) < 0.7 * likeness.distance(spoilt)
    assert likeness.distance(real[16:]) < 0.7 * likeness.distance(flat)


def test_the_finder_mutes_what_was_put_in(tmp_path: Path):
    """Real pictures are the generator's own but for two units: muting them must come out."""
    bad = (Unit("b32.conv1", 2), Unit("b32.conv1", 5))
    info = generator_info(small.info())
    (tmp_path / "real").mkdir()
    for seed in range(100, 140):
        clean = dataclasses.replace(sample(info, seed), units=(UnitEdit(bad),))
        picture = colours(clean, small.runtime())
        pixels = np.rint(picture.transpose(1, 2, 0) * 255).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / "real" / f"{seed}.png")
    request = ArtifactsRequest(
        small.info().path, str(tmp_path / "real"), str(tmp_path), ("b32.conv1",), 8, 2
    )
    report = json.loads(Path(artifacts(request, Progress())).read_text("utf-8"))
    assert report["units_tried"] == 8
    assert report["distance_after"] < report["distance_before"]
    assert report["distance_after"] < report["distance_random"]
    muted = from_json((tmp_path / "muted.json").read_text("utf-8"))
    assert isinstance(muted, EditSet)
    assert set(muted.edits[0].units) & set(bad)
    wrong = dataclasses.replace(request, layers=("b99",))
    with pytest.raises(LodestoneError, match="no layer 'b99'"):
        artifacts(wrong, Progress())


def test_effects_of_every_unit_are_written_into_the_study(tmp_path: Path):
    probes = Probes(count=4)
    folder = study(
        StudyRequest(small.info().path, probes, ("b32.conv1",), str(tmp_path)), Progress()
    )
    assert effects(EffectsRequest(folder, pictures=2), Progress()) == folder
    found = Study.open(folder).effects
    assert len(found) == 8
    request = sample(generator_info(small.info()), 0), sample(generator_info(small.info()), 1)
    unit = Unit("b32.conv1", 3)
    expected = [
        np.abs(
            colours(dataclasses.replace(one, units=(UnitEdit((unit,)),)), small.runtime())
            - colours(one, small.runtime())
        ).mean()
        for one in request
    ]
    assert found[unit] == pytest.approx(np.mean(expected), rel=1e-4)
