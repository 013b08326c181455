"""Directions without labels: each method against its definition, and what interrupts a search."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.codec import from_json
from engine.discover import kept, moments, pca
from engine.discover.kept import Kept, Memory
from engine.discover.moments import Space
from engine.discover.run import discover
from engine.discover.selective import Search, random_directions, reach
from engine.discover.source import Source
from engine.messages import Direction, DiscoverRequest, LodestoneError, Picture
from engine.progress import Cancelled, Progress, Report
from tests import small

root = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def source() -> Source:
    return Source(small.info())


def search(tmp_path: Path, progress: Progress | None = None, **fields: Any) -> list[Direction]:
    fields = {"count": 4, "samples": 900, "out": str(tmp_path / "found.json"), **fields}
    path = discover(DiscoverRequest(small.info().path, **fields), progress or Progress())
    found = from_json(Path(path).read_bytes())
    assert all(isinstance(one, Direction) for one in found)
    return list(found)


def vectors(found: list[Direction]) -> np.ndarray:
    return np.stack([one.vector.array().astype(np.float64) for one in found])


def facts(direction: Direction) -> dict[str, Any]:
    return json.loads(direction.detail)


def drawn(seed: int, chunks: int, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """z, class and w as the search draws them, mapped by the network itself."""
    z = np.concatenate(
        [np.random.RandomState([seed, i]).randn(size, 24).astype(np.float32) for i in range(chunks)]
    )
    kind = np.arange(chunks * size) % 3
    w = small.generator().mapping(torch.from_numpy(z), torch.eye(3)[kind]).double().numpy()
    return z, kind, w


def centred(rows: np.ndarray, kind: np.ndarray) -> np.ndarray:
    return rows - np.stack([rows[kind == k].mean(axis=0) for k in range(3)])[kind]


# ------------------------------------------------ principal components


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 99), st.lists(st.integers(1, 30), min_size=1, max_size=5), st.integers(1, 3))
def test_moments_do_not_depend_on_the_cut(seed: int, sizes: list[int], groups: int) -> None:
    random = np.random.RandomState(seed)
    rows = 100.0 + random.randn(sum(sizes), 4) @ random.randn(4, 4)
    turn = random.randint(groups, size=len(rows))
    found = pca.Moments.empty(groups, 4)
    start = 0
    for size in sizes:
        found.add(rows[start : start + size], turn[start : start + size])
        start += size
    within = np.concatenate(
        [rows[turn == g] - rows[turn == g].mean(axis=0) for g in np.unique(turn)]
    )
    np.testing.assert_allclose(found.squares, within.T @ within, atol=1e-8)
    freedom = max(len(rows) - len(np.unique(turn)), 1)
    np.testing.assert_allclose(found.covariance(), within.T @ within / freedom, atol=1e-8)


def test_components_of_w(tmp_path: Path) -> None:
    found = search(tmp_path, method="pca", seed=5)
    _, kind, w = drawn(5, 1, 900)
    rows = centred(w, kind)
    _, lengths, expected = np.linalg.svd(rows, full_matrices=False)
    assert [one.name for one in found] == ["pca 1", "pca 2", "pca 3", "pca 4"]
    for index, one in enumerate(found):
        assert (one.space, one.method, one.model) == ("w", "pca", small.info().id)
        assert abs(one.vector.array() @ expected[index]) == pytest.approx(1.0, abs=1e-4)
        assert one.sigma == pytest.approx(lengths[index] / np.sqrt(897), rel=1e-4)
        share = lengths[index] ** 2 / (lengths**2).sum()
        assert facts(one)["explained"] == pytest.approx(share, rel=1e-4)
    assert search(tmp_path, method="pca", seed=5)[0].vector == found[0].vector


def test_components_agree_with_scikit_learn(tmp_path: Path) -> None:
    peer = pytest.importorskip("sklearn.decomposition")
    found = vectors(search(tmp_path, method="pca", count=6, samples=3000))
    _, kind, w = drawn(0, 3, 1000)
    fitted = peer.IncrementalPCA(batch_size=500).fit(centred(w, kind))
    cosines = np.linalg.svd(found @ fitted.components_[:6].T, compute_uv=False)
    assert cosines.min() > 0.99


def test_one_class_alone(tmp_path: Path) -> None:
    mixed = search(tmp_path, method="pca")
    alone = search(tmp_path, method="pca", classes=(0.0, 1.0, 0.0))
    z, _, _ = drawn(0, 1, 900)
    w = small.generator().mapping(torch.from_numpy(z), torch.eye(3)[[1] * 900]).double().numpy()
    expected = np.linalg.svd(w - w.mean(axis=0))[2][0]
    assert abs(alone[0].vector.array() @ expected) == pytest.approx(1.0, abs=1e-4)
    assert facts(alone[0])["classes"] == [0.0, 1.0, 0.0]
    assert alone[0].vector != mixed[0].vector


def affine(name: str) -> tuple[np.ndarray, np.ndarray]:
    layer = small.generator().synthesis.get_submodule(name).affine
    return layer.weight.double().numpy() * layer.weight_gain, layer.bias.double().numpy()


def test_components_of_styles(tmp_path: Path) -> None:
    found = search(tmp_path, method="pca", space="s")
    _, kind, w = drawn(0, 1, 900)
    styles = np.concatenate([w @ a.T + b for a, b in map(affine, names())], axis=1)
    _, lengths, expected = np.linalg.svd(centred(styles, kind), full_matrices=False)
    for index, one in enumerate(found):
        assert one.space == "s"
        assert abs(one.vector.array() @ expected[index]) == pytest.approx(1.0, abs=1e-4)
        assert one.sigma == pytest.approx(lengths[index] / np.sqrt(897), rel=1e-3)
    only = search(tmp_path, method="pca", space="s", at="b16.conv1")[0].vector.array()
    layer = next(one for one in small.info().layers if one.name == "b16.conv1")
    moved = np.flatnonzero(only)
    assert moved.min() >= layer.style_start
    assert moved.max() < layer.style_start + layer.style_count


def names() -> list[str]:
    return [layer.name for layer in small.info().layers]


def test_activations_are_regressed_to_latents(tmp_path: Path, source: Source) -> None:
    layer = "b16.conv0"
    found = search(tmp_path, method="pca", space="a", at=layer, samples=300, truncation=0.8)
    _, kind, w = drawn(0, 3, 100)
    kind = np.tile(np.arange(100) % 3, 3)
    parts = []
    for chunk in range(3):
        latents = source.latents(0, chunk, 100)
        kind[chunk * 100 : chunk * 100 + 100] = latents.turn
        moved = torch.from_numpy(latents.truncated(0.8))[:, None].expand(-1, 8, -1)
        taken: list[torch.Tensor] = []
        made = small.generator()
        made.synthesis.get_submodule(layer).register_forward_hook(
            lambda _m, _i, out, taken=taken: taken.append(out)
        )
        made.synthesis(moved)
        parts.append(taken[0].reshape(100, 16, 8, 2, 8, 2).mean(dim=(3, 5)).flatten(1))
        w[chunk * 100 : chunk * 100 + 100] = latents.w
    # GANSpace: components of the activations, then the latents by least squares.
    x, w = centred(torch.cat(parts).double().numpy(), kind), centred(w, kind)
    components = np.linalg.svd(x, full_matrices=False)[2][:4]
    basis = np.linalg.lstsq(x @ components.T, w, rcond=None)[0]
    for index, one in enumerate(found):
        unit = basis[index] / np.linalg.norm(basis[index])
        assert one.space == "w"
        assert abs(one.vector.array() @ unit) == pytest.approx(1.0, abs=1e-3)
        assert one.sigma == pytest.approx((w @ unit).std() * np.sqrt(300 / 297), rel=1e-3)
        told = facts(one)
        expected = np.corrcoef(x @ components[index], w @ unit)[0, 1]
        assert told["correlation"] == pytest.approx(abs(expected), abs=1e-3)
        assert told["layer"] == layer


# ------------------------------------------------ layer-selective directions


def change(source: Source, layer: str, w: torch.Tensor, step: np.ndarray) -> float:
    """Mean square change of a layer, by the network alone."""
    made, taken = small.generator(), []
    made.synthesis.get_submodule(layer).register_forward_hook(
        lambda _m, _i, out: taken.append(out.double())
    )
    for moved in (w, w + torch.from_numpy(step).float()):
        made.synthesis(moved[:, None].expand(-1, 8, -1))
    return float((taken[1] - taken[0]).square().mean())


def test_moments_are_the_change_of_a_step(source: Source) -> None:
    space = Space(moments.spread_of(source), None)
    found = moments.measure(source, ["b8.conv1"], space, 3, Memory(), Progress(), 1)
    w = torch.from_numpy(source.latents(3, 1, 3).w[:1])
    length = moments.step * space.spread
    for axis in (0, 7, 19):
        expected = change(source, "b8.conv1", w, length * np.eye(20)[axis]) / length**2
        assert found["b8.conv1"][axis, axis] == pytest.approx(expected, rel=1e-2)
    np.testing.assert_allclose(found["b8.conv1"], found["b8.conv1"].T)
    assert set(found) == {"", "b8.conv1"}


@pytest.mark.parametrize("criterion", ["visible", "plain"])
def test_selective_directions_hold_their_layer(
    criterion: str, tmp_path: Path, source: Source
) -> None:
    found = search(tmp_path, method="selective", at="b8.conv1", count=2, criterion=criterion)
    w = torch.from_numpy(source.latents(321, 0, 12).w)  # the search never saw these
    length = facts(found[0])["reach"]
    assert length == pytest.approx(reach * moments.spread_of(source), rel=1e-3)
    strangers = random_directions(99, 50, 20)
    theirs = [change(source, "b8.conv1", w, length * row) for row in strangers]
    for one in found:
        losses = facts(one)["loss"]
        assert losses[-1] <= 0.7 * losses[0]
        assert losses[-1] < losses[1]  # the steps do something beyond the closed form
        assert change(source, "b8.conv1", w, length * one.vector.array()) < min(theirs)
        assert one.sigma > 0.0


def test_visible_directions_show_more(tmp_path: Path) -> None:
    ratios: dict[str, float] = {}
    for criterion in ("visible", "plain"):
        found = search(tmp_path, method="selective", at="b8.conv1", count=1, criterion=criterion)
        step = facts(found[0])["reach"] * found[0].vector.array()
        w = torch.from_numpy(Source(small.info()).latents(321, 0, 12).w)
        made = small.generator().synthesis
        before = made(w[:, None].expand(-1, 8, -1))
        after = made((w + torch.from_numpy(step))[:, None].expand(-1, 8, -1))
        ratios[criterion] = float((after - before).square().mean())
    assert ratios["visible"] > 1.5 * ratios["plain"]


def test_layers_from_the_last_all_orthogonal(tmp_path: Path) -> None:
    reports: list[Report] = []
    found = search(tmp_path, Progress(reports.append), method="selective", count=2, layers=(2, 7))
    layers = [facts(one)["layer"] for one in found]
    expected = ["b32.conv1", "b32.conv0", "b16.conv1", "b16.conv0", "b8.conv1"]
    assert layers == [layer for layer in expected for _ in range(2)]
    rows = vectors(found)
    np.testing.assert_allclose(rows @ rows.T, np.eye(10), atol=1e-6)
    assert {one.layers for one in found} == {(2, 7)}
    plotted = [value for report in reports for name, value in report.figures if name == "loss"]
    assert len(plotted) >= 5 * 20
    shown = [report.preview for report in reports if report.preview is not None]
    assert shown
    assert all(isinstance(one, Picture) and one.width == 5 * one.height for one in shown)


def test_rows_that_do_not_reach_the_layer(tmp_path: Path) -> None:
    with pytest.raises(LodestoneError, match="do not reach b8.conv0"):
        search(tmp_path, method="selective", at="b8.conv0", layers=(4, 7))


def test_a_later_layer_avoids_the_earlier_ones(source: Source) -> None:
    space = Space(moments.spread_of(source), None)
    measured = moments.measure(source, ["b8.conv1"], space, 0, Memory(), Progress(), 2)
    before = np.linalg.qr(np.random.RandomState(0).randn(20, 6))[0].T
    request = DiscoverRequest("", "selective", "", at="b8.conv1", count=3)
    done = Search(source, space, request, "b8.conv1", measured, before).run(Progress())
    assert np.abs(done.rows @ before.T).max() < 1e-6
    np.testing.assert_allclose(done.rows @ done.rows.T, np.eye(3), atol=1e-6)


# ------------------------------------------------ sefa and styles


def test_sefa_of_one_layer(tmp_path: Path) -> None:
    found = search(tmp_path, method="sefa", at="b16.conv1", count=2)
    weight = affine("b16.conv1")[0]
    weight = weight / np.linalg.norm(weight, axis=1, keepdims=True)
    expected = np.linalg.svd(weight)[2]
    row = next(layer.ws_index for layer in small.info().layers if layer.name == "b16.conv1")
    for index, one in enumerate(found):
        assert abs(one.vector.array() @ expected[index]) == pytest.approx(1.0, abs=1e-5)
        assert one.layers == (row, row)


def test_strongest_channels_are_strong(tmp_path: Path, source: Source) -> None:
    found = search(tmp_path, method="styles", count=5)
    from engine.steer.channels import channel_direction, spread

    sigma = spread(source).sigma.array()
    w = torch.from_numpy(source.latents(77, 0, 6).w)[:, None].expand(-1, 8, -1)
    made = small.generator().synthesis

    def moved(direction: Direction) -> float:
        offset = torch.from_numpy(direction.vector.array() * direction.sigma)[None].expand(6, -1)
        return float((made(w, offset) - made(w, -offset)).square().mean())

    others = np.random.RandomState(0).choice(len(sigma), 40, replace=False)
    usual = [moved(channel_direction(small.info(), int(i), float(sigma[i]))) for i in others]
    assert min(moved(one) for one in found) > np.percentile(usual, 90)
    told = [facts(one)["levels"] for one in found]
    assert told == sorted(told, reverse=True)
    own = search(tmp_path, method="styles", at="b16.conv1", count=3)
    assert all(one.name.startswith("b16.conv1 · ") for one in own)


def test_where_it_came_from(tmp_path: Path) -> None:
    began = time.time()
    for method in ("sefa", "pca", "selective", "styles"):
        fields = {"at": "b8.conv1"} if method == "selective" else {}
        one = search(tmp_path, method=method, count=1, seed=3, **fields)[0]
        assert (one.method, one.model) == (method, small.info().id)
        told = facts(one)
        assert began - 1 <= told["created"] <= time.time() + 1
        if method != "sefa":  # closed form: nothing is drawn
            assert (told["seed"], told["truncation"]) == (3, 1.0)


# ------------------------------------------------ interruptions


class Stop:
    """A progress that is cancelled once `fraction` of the job is done."""

    def __init__(self, fraction: float):
        self.fractions: list[float] = []
        self.progress = Progress(self._report)
        self._fraction = fraction

    def _report(self, report: Report) -> None:
        self.fractions.append(report.fraction)
        if report.fraction >= self._fraction:
            self.progress.cancel()


def test_a_cancelled_search_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "every", 0.0)
    wish = {"method": "pca", "space": "a", "at": "b8.conv1", "samples": 500}
    whole = search(tmp_path, **wish)
    (tmp_path / "found.json").unlink()
    with pytest.raises(Cancelled):
        search(tmp_path, Stop(0.5).progress, **wish)
    assert (tmp_path / "found.json.search").exists()
    assert not (tmp_path / "found.json").exists()
    rest = Stop(2.0)
    assert vectors(search(tmp_path, rest.progress, **wish)) == pytest.approx(vectors(whole))
    assert min(fraction for fraction in rest.fractions if fraction > 0.0) > 0.3
    assert not (tmp_path / "found.json.search").exists()


def test_a_killed_search_goes_on(tmp_path: Path) -> None:
    out = tmp_path / "found.json"
    script = (
        "import sys; from engine.client import EngineClient; from engine.messages import *\n"
        "client = EngineClient(lambda event: None, local=True)\n"
        "wish = dict(method='selective', at='b8.conv1', count=2)\n"
        "client.run(DiscoverRequest(sys.argv[1], out=sys.argv[2], **wish))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(root), "LODESTONE_HOME": str(tmp_path)}
    command = [sys.executable, "-c", script, small.info().path, str(out)]
    job = subprocess.Popen(command, env=environment)
    searched = tmp_path / "found.json.search"
    deadline = time.monotonic() + 120
    while not searched.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    job.send_signal(signal.SIGKILL)
    job.wait()
    assert searched.exists()
    assert not out.exists()
    rest = Stop(2.0)
    wish = {"method": "selective", "at": "b8.conv1", "count": 2, "samples": 10_000}
    resumed = search(tmp_path, rest.progress, **wish)
    # What the first latents tell is not measured again.
    assert min(fraction for fraction in rest.fractions if fraction > 0.02) > 0.05
    (tmp_path / "other").mkdir()
    whole = search(tmp_path / "other", **wish)
    np.testing.assert_allclose(vectors(resumed), vectors(whole), atol=1e-3)


def test_another_wish_begins_afresh(tmp_path: Path) -> None:
    out = tmp_path / "a.json"
    mine = Kept(out, "mine")
    mine.save({"done": np.array(3)})
    assert int(Kept(out, "mine").load()["done"]) == 3
    assert Kept(out, "another").load() == {}
    (tmp_path / "a.json.search").write_bytes(b"PK\x03\x04 not really")
    assert Kept(out, "mine").load() == {}
    mine.clear()
    mine.clear()
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"method": "selective", "at": "b8.cnv1"}, "nearest are b8.conv1"),
        ({"method": "pca", "space": "a", "at": "b8.torgb"}, "no activations"),
        ({"method": "pca", "space": "a"}, "Say whose activations"),
        ({"method": "styles", "at": "L3"}, "no layer 'L3'"),
        ({"method": "pca", "space": "z"}, "no principal axes"),
        ({"method": "magic"}, "Choose sefa, pca, selective or styles"),
        ({"method": "sefa", "count": 21}, "1 to 20"),
        ({"method": "sefa", "count": 0}, "1 to 20"),
        ({"method": "pca", "space": "s", "at": "b32.conv1", "count": 9}, "1 to 8"),
        ({"method": "pca", "samples": 5}, "too few"),
        ({"method": "selective", "count": 3}, "room for 2 selective directions each of 7 layers"),
        ({"method": "styles", "at": "b32.conv1", "count": 9}, "has 8 style channels"),
        ({"method": "sefa", "layers": (3, 9)}, "w rows 0 to 7"),
        ({"method": "sefa", "layers": (5, 2)}, "w rows 0 to 7"),
        ({"method": "pca", "truncation": 0.0}, "leaves nothing"),
        ({"method": "pca", "seed": -1}, "seed"),
        ({"method": "pca", "classes": (1.0,)}, "classes"),
        ({"method": "sefa", "out": "found.txt"}, "must end in .json"),
    ],
)
def test_what_cannot_be_looked_for(
    fields: dict[str, Any], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LodestoneError, match=words):
        search(tmp_path, **fields)
    assert not list(tmp_path.glob("*.json"))


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LodestoneError, match="in the way"):
        search(tmp_path, method="sefa", out=str(tmp_path / "file" / "found.json"))


def test_a_generator_that_is_not_there(tmp_path: Path) -> None:
    request = DiscoverRequest("nowhere", "sefa", str(tmp_path / "a.json"))
    with pytest.raises(LodestoneError, match="nowhere"):
        discover(replace(request), Progress())
