"""Units turned by hand: ONNX Runtime against torch, brushes, films, toggles and bad input."""

from __future__ import annotations

import dataclasses
import functools
import gc
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.persist import with_records
from app.state import SteerState
from engine.backend import Inputs, Turn, read_constants
from engine.codec import from_json, to_json
from engine.export import recorded
from engine.film import frame_at
from engine.graphs import GraphFiles
from engine.messages import (
    Direction,
    Edit,
    EditSet,
    LatentPart,
    LodestoneError,
    ModelInfo,
    RenderRequest,
    SteerRequest,
    Unit,
    UnitAction,
    UnitEdit,
    Vector,
)
from engine.onnx_backend import OnnxBackend, kept_taps
from engine.project import Project
from engine.runtime import Runtime
from engine.steer.features import features
from engine.steer.latents import resolve
from engine.steer.morph import morph
from engine.steer.render import joined, render, render_batch, render_into
from engine.steer.turns import layer_mask
from engine.torch_backend import TorchBackend
from models import stylegan3
from models.files import Card, load_model, save_model
from models.registry import build
from tests import small
from tests.seeded import reseeded

LAYERS = {"b4.conv1": 24, "b8.conv0": 24, "b8.conv1": 24, "b16.conv0": 16, "b32.conv1": 8}


def turned(
    layer: str = "b16.conv0",
    index: tuple[int, ...] = (3, 5),
    action: UnitAction = "ablate",
    amount: float = 0.0,
    mask: np.ndarray | None = None,
) -> UnitEdit:
    brush = None if mask is None else Vector.of(mask)
    return UnitEdit(tuple(Unit(layer, one) for one in index), action, amount, brush)


def request(*units: UnitEdit, seed: int = 1, edits: tuple[Edit, ...] = ()) -> SteerRequest:
    return SteerRequest(small.info().id, (LatentPart(seed=seed),), edits=edits, units=units)


def left_half(size: int = 16) -> np.ndarray:
    mask = np.zeros((size, size), np.float32)
    mask[:, : size // 2] = 1.0
    return mask


@functools.cache
def torch_runtime() -> Runtime:
    constants = read_constants(small.info())
    network = build(*load_model(small.info().path))
    return Runtime(small.info(), TorchBackend(network, small.info(), constants), constants)


@st.composite
def unit_edits(draw: st.DrawFn) -> UnitEdit:
    layer = draw(st.sampled_from(sorted(LAYERS)))
    index = draw(st.sets(st.integers(0, LAYERS[layer] - 1), min_size=1, max_size=6))
    action: UnitAction = draw(st.sampled_from(("ablate", "boost", "clamp", "invert")))
    mask = None
    if draw(st.booleans()):
        shape = draw(st.tuples(st.integers(1, 40), st.integers(1, 40)))
        mask = np.random.RandomState(draw(st.integers(0, 99))).rand(*shape)
    return turned(layer, tuple(sorted(index)), action, draw(st.floats(-3.0, 3.0)), mask)


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(unit_edits(), min_size=1, max_size=3))
def test_onnx_draws_what_torch_draws(edits: list[UnitEdit]):
    asked = [request(*edits), request(seed=2), request(edits[0], seed=3)]
    ours = render_batch(asked, small.runtime())
    theirs = render_batch(asked, torch_runtime())
    np.testing.assert_allclose(ours, theirs, atol=1e-3 * np.ptp(theirs))
    np.testing.assert_allclose(ours[:1], render(asked[0], small.runtime()), atol=1e-4)


@pytest.mark.parametrize(
    ("edit", "wanted"),
    [
        (turned(action="ablate"), lambda a: 0.0 * a),
        (turned(action="boost", amount=2.5), lambda a: 2.5 * a),
        (turned(action="clamp", amount=-1.5), lambda a: 0.0 * a - 1.5),
        (turned(action="invert"), lambda a: -a),
    ],
)
def test_what_an_action_does(edit: UnitEdit, wanted: object):
    assert callable(wanted)
    runtime = small.runtime()
    plain = features([request()], "a", "b16.conv0", runtime)[0]
    after = features([request(edit)], "a", "b16.conv0", runtime)[0]
    expected = plain.copy()
    expected[[3, 5]] = wanted(plain[[3, 5]])
    np.testing.assert_allclose(after, expected, atol=1e-5)


def test_a_brush_acts_where_it_is():
    """In the layer exactly, in the picture but for the reach of the convolutions behind it."""
    edit = turned("b32.conv1", (0, 1, 2), "clamp", 3.0, left_half(64))
    difference = np.abs(render(request(edit), small.runtime()) - render(request(), small.runtime()))
    assert difference[..., :16].mean() > 1e-2
    # Behind b32.conv1 lies only a 1 x 1 convolution.
    assert difference[..., 16:].max() < 1e-5
    edit = turned("b16.conv1", (0, 1, 2), "clamp", 3.0, left_half())
    difference = np.abs(render(request(edit), small.runtime()) - render(request(), small.runtime()))
    # One doubling (filter of 4) and two 3 x 3 convolutions: at most 6 px of 32 away.
    assert difference[..., 22:].max() < 1e-5
    assert difference[..., :16].mean() > 1e-3


def test_a_soft_brush_blends_and_a_far_layer_shrinks_it():
    half = turned("b8.conv0", (1,), "clamp", 4.0, np.full((3, 5), 0.25))
    plain = features([request()], "a", "b8.conv0", small.runtime())[0]
    after = features([request(half)], "a", "b8.conv0", small.runtime())[0]
    assert after[1] == pytest.approx(0.75 * plain[1] + 0.25 * 4.0, abs=1e-5)
    mask = layer_mask(Vector.of(left_half(64)), "b8.conv0", small.info())
    np.testing.assert_allclose(mask, left_half(8), atol=1e-6)
    mask = layer_mask(Vector.of(np.array([[0.0, 1.0]])), "b8.conv0", small.info())
    np.testing.assert_allclose(mask[0], np.clip((np.arange(8) + 0.5) / 4 - 0.5, 0, 1), atol=1e-6)


def test_edits_act_in_order_after_directions():
    runtime = small.runtime()
    vector = np.zeros(16)
    vector[3] = 1.0
    push = Edit(Direction("d", "a", Vector.of(vector), at="b16.conv0"), 2.0)
    plain = features([request()], "a", "b16.conv0", runtime)[0]
    both = request(turned(action="boost", amount=3.0), turned(index=(3,), action="invert"),
                   edits=(push,))  # fmt: skip
    after = features([both], "a", "b16.conv0", runtime)[0]
    assert after[3] == pytest.approx(-3.0 * (plain[3] + 2.0), abs=1e-4)
    assert after[5] == pytest.approx(3.0 * plain[5], abs=1e-4)
    # A layer that only a direction moves is moved all the same when another one is turned.
    other = Edit(dataclasses.replace(push.direction, at="b16.conv1"), 2.0)
    asked = request(turned(), edits=(other,))
    np.testing.assert_allclose(render(asked, runtime), render(asked, torch_runtime()), atol=1e-4)
    # Drawn together with a picture that moves the same layer by a direction alone.
    two = [request(turned(index=(3,))), request(edits=(push,), seed=2)]
    together = render_batch(two, runtime)
    for one, single in zip(together, two, strict=True):
        np.testing.assert_allclose(one, render(single, runtime)[0], atol=1e-4)


def test_what_changes_nothing_costs_nothing():
    still = (
        turned(action="boost", amount=1.0),
        dataclasses.replace(turned(), on=False),
        turned(mask=np.zeros((4, 4))),
    )
    found = resolve(request(*still), small.runtime())
    assert found.turned == {}
    np.testing.assert_array_equal(
        render(request(*still), small.runtime()), render(request(), small.runtime())
    )


def test_a_thousand_toggles_leave_nothing_behind():
    runtime = small.runtime()
    out, first = np.empty((2, 32, 32, 4), np.uint8)
    render_into(request(), runtime, first)
    random = np.random.RandomState(0)
    edits = [
        turned(layer, (1,), mask=random.rand(9, 9)) for layer in sorted(LAYERS) for _ in range(9)
    ]
    for edit in edits[::9]:
        render_into(request(edit), runtime, out)
    gc.collect()
    before = psutil.Process().memory_info().rss
    for index in range(1000):
        render_into(request(edits[index % len(edits)]), runtime, out)
        assert not np.array_equal(out, first)
    render_into(request(), runtime, out)
    np.testing.assert_array_equal(out, first)
    assert psutil.Process().memory_info().rss - before < 20e6
    assert len(runtime.memo.turns) == 1
    assert isinstance(runtime._backend, OnnxBackend)
    assert len(runtime._backend._tapped) <= kept_taps


def test_a_new_layer_opens_no_new_graph():
    files = GraphFiles.at(small.folder(), "small")
    backend = OnnxBackend(small.info(), files, read_constants(small.info()))
    backend.warm_turns()
    for layer, width in LAYERS.items():
        still = np.ones((1, width, 1, 1), np.float32)
        ws = np.zeros((1, small.info().num_ws, small.info().w_dim), np.float32)
        backend.synthesis(Inputs(ws, None, None, None, {}, {layer: Turn(0.0 * still, still)}))
    assert len(backend._tapped) == 1
    assert backend.channels["b16.conv0"] == torch_runtime().channels["b16.conv0"] == 16


def test_layers_of_stylegan3_reach_beyond_the_picture(tmp_path: Path):
    network = stylegan3.Generator(stylegan3.Config(16, (6, 6, 6, 6, 3), z_dim=6, w_dim=8)).eval()
    state = reseeded({name: value.numpy() for name, value in network.state_dict().items()})
    network.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
    path = tmp_path / "three.safetensors"
    card = save_model(path, state, Card("stylegan3-t", "three", dataclasses.asdict(network.config)))
    info: ModelInfo = small.model_info(card, path)
    layer = next(one for one in info.layers[1:] if not one.to_rgb)
    mask = layer_mask(Vector.of(left_half(32)), layer.name, info)
    assert mask.shape == (layer.resolution,) * 2
    assert (mask[:, : layer.resolution // 2] == 1.0).all()
    assert (mask[:, layer.resolution // 2 :] == 0.0).all()
    assert layer_mask(Vector.of(left_half(32)), info.layers[-2].name, info).shape == (16, 16)
    constants = read_constants(info)
    runtime = Runtime(info, TorchBackend(build(*load_model(path)), info, constants), constants)
    asked = SteerRequest(info.id, units=(turned(layer.name, (1,), "clamp", 2.0, left_half(32)),))
    found = resolve(asked, runtime)
    ws = torch.from_numpy(found.ws)
    with torch.no_grad(), recorded(network.synthesis, (layer.name,)) as plain:
        network.synthesis(ws)
    inputs = joined([found], runtime)[:4]
    found_means = runtime.activations(*inputs, layer.name, 2, turned=found.turned)
    expected = plain[layer.name][0, 1].clone()
    expected[:, : layer.resolution // 2] = 2.0
    quarters = torch.nn.functional.adaptive_avg_pool2d(expected[None, None], 2).numpy().ravel()
    np.testing.assert_allclose(found_means.reshape(-1, 4)[1], quarters, atol=1e-4)


def test_films_and_morphs_do_not_jump():
    brush = left_half(8)
    a = request(turned("b8.conv0", (1,)), turned("b16.conv0", (2,), "boost", 1.0, brush))
    b = request(turned("b16.conv0", (2,), "boost", 3.0, brush), turned("b8.conv1", (0,), "invert"))
    assert morph(a, b, 0.0) == a
    assert morph(a, b, 1.0) == b
    near_a, near_b = morph(a, b, 1e-6), morph(a, b, 1.0 - 1e-6)
    for near, end in ((near_a, a), (near_b, b)):
        np.testing.assert_allclose(
            render(near, small.runtime()), render(end, small.runtime()), atol=1e-3
        )
    middle = morph(a, b, 0.5)
    assert [edit.amount for edit in middle.units if edit.action == "boost"] == [2.0]
    assert {edit.mask for edit in middle.units if edit.action != "boost"} == {
        Vector.of(np.full((1, 1), 0.5))
    }
    film = RenderRequest((a, b), "film.mp4", "mp4", steps_between=4)
    assert frame_at(film, 2) == middle


def test_an_edit_set_survives_files(tmp_path: Path):
    made = EditSet("k1", "no highlights", (turned(mask=left_half()),), small.info().id, "muted")
    assert from_json(to_json(made)) == made
    assert from_json(to_json(request(*made.edits))) == request(*made.edits)
    project = Project.create(tmp_path / "one.lodestone", print)
    project.set_record("edit set", made.key, made)
    state = with_records(SteerState(), {"edit set": project.records("edit set")})
    project.close()
    assert state.edit_set("k1") == made
    assert state.edit_set("k2") is None


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (turned("b16.conv9"), r"no layer 'b16\.conv9'. The nearest are b16\.conv[01], "),
        (turned("b16.torgb"), r"paints the picture and has no activations"),
        (turned(index=(16,)), r"b16\.conv0 of small has no unit 16. Choose one from 0 to 15\."),
        (turned(index=(-1,)), "has no unit -1"),
        (turned(index=()), "turns no units"),
        (turned(amount=float("nan")), "must be a number"),
        (turned(mask=np.zeros((0, 3))), "0x3, which is no picture"),
        (turned(mask=np.zeros((3, 3, 3))), "3x3x3, which is no picture"),
        (turned(mask=np.full((3, 3), np.inf)), "holds no numbers"),
    ],
)
def test_what_cannot_be_turned_is_said(edit: UnitEdit, message: str):
    with pytest.raises(LodestoneError, match=message):
        render(request(edit), small.runtime())


def test_the_networks_own_names_are_understood():
    ours, own = turned("b16.conv0"), turned("synthesis.b16.conv0")
    np.testing.assert_array_equal(
        render(request(ours), small.runtime()), render(request(own), small.runtime())
    )
