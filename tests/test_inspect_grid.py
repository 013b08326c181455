"""The grid of units and the card of one, as the live engine answers them."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest

from engine.inspect import grid
from engine.inspect.shown import DARKENED, mask
from engine.inspect.study import Study, keep_descriptions, keep_effects
from engine.messages import (
    Description,
    LodestoneError,
    NameUnit,
    Unit,
    UnitQuestion,
    UnitReply,
    UnitsQuestion,
    UnitsReply,
)
from tests.probing import made_study

Last = TypeVar("Last")


def last(work: Generator[Any, None, Last]) -> Last:
    while True:
        try:
            next(work)
        except StopIteration as stop:
            return stop.value


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Layer `a`: 4 x 4 maps whose units 0 and 2 do the same, 5 is constant; `b`: vectors."""
    random = np.random.RandomState(0)
    maps = random.rand(30, 6, 4, 4).astype(np.float32)
    maps[:, 2] = 2.0 * maps[:, 0] + 1.0
    maps[:, 4] *= random.rand(30, 1, 1) < 0.2
    maps[:, 5] = 1.0
    vectors = random.randn(30, 3, 1, 1).astype(np.float32)
    return made_study(tmp_path / "study", {"a": maps, "b": vectors})


@pytest.fixture
def ask(study: Study) -> Callable[..., UnitsReply]:
    return lambda **rest: last(grid.units(UnitsQuestion(str(study.folder), **rest)))


@pytest.fixture
def card(study: Study) -> Callable[..., UnitReply]:
    def answer(layer: str, index: int, **rest: Any) -> UnitReply:
        return last(grid.unit(UnitQuestion(str(study.folder), Unit(layer, index), **rest)))

    return answer


def units_of(reply: UnitsReply) -> list[str]:
    return [f"{one.unit.layer}:{one.unit.index}" for one in reply.units]


def test_all_units_in_the_networks_order_with_strips(ask: Callable[..., UnitsReply]) -> None:
    reply = ask(size=20, thumbnails=3)
    assert reply.total == 9
    assert reply.layers == ("a", "b")
    assert units_of(reply) == [*(f"a:{i}" for i in range(6)), *(f"b:{i}" for i in range(3))]
    strip = reply.units[0].strip
    assert strip is not None
    assert (strip.width, strip.height) == (60, 20)
    assert units_of(ask(first=7, count=10)) == ["b:1", "b:2"]
    assert units_of(ask(first=99)) == []
    assert ask(layers=("b",), thumbnails=0).total == 3


def test_orders(study: Study, ask: Callable[..., UnitsReply]) -> None:
    keep_effects(study.folder, {Unit("b", 1): 0.5, Unit("a", 3): 0.25})
    keep_descriptions(
        study.folder,
        (
            Description(Unit("a", 1), "zebra", "soft-wpmi", 0.9),
            Description(Unit("b", 0), "apple", "soft-wpmi", 0.7),
        ),
    )
    assert units_of(ask(order="effect"))[:3] == ["b:1", "a:3", "a:0"]
    assert units_of(ask(order="score"))[:3] == ["a:1", "b:0", "a:0"]
    assert units_of(ask(order="label"))[:3] == ["b:0", "a:1", "a:0"]
    largest = [one.largest for one in ask(order="largest").units]
    assert largest == sorted(largest, reverse=True)
    selective = ask(order="selectivity")
    assert [one.selectivity for one in selective.units][-1] == 0.0
    assert units_of(selective)[-1] == "a:5"
    last(grid.name_unit(NameUnit(str(study.folder), Unit("b", 2), starred=True)))
    assert units_of(ask(order="starred"))[:2] == ["b:2", "a:0"]


def test_search_by_words_by_unit_and_by_candidates(
    study: Study, ask: Callable[..., UnitsReply]
) -> None:
    keep_descriptions(
        study.folder,
        (
            Description(Unit("a", 1), "red stripe", evidence=(("red stripe", 1.0), ("tiger", 0.5))),
            Description(Unit("a", 3), "red dot"),
        ),
    )
    assert units_of(ask(search="Red")) == ["a:1", "a:3"]
    assert units_of(ask(search="stripe red")) == ["a:1"]
    assert units_of(ask(search="b:2")) == ["b:2"]
    assert units_of(ask(search="b:99")) == []
    assert units_of(ask(search="red", layers=("b",))) == []
    found = ask(search="tiger")
    assert units_of(found) == ["a:1"]
    assert "candidates" in found.note
    assert ask(search="cat").total > 0, "labels of the leading pictures"


def test_a_persons_words_win_and_are_kept(study: Study, ask: Callable[..., UnitsReply]) -> None:
    folder = str(study.folder)
    keep_descriptions(study.folder, (Description(Unit("a", 1), "stripes", "detector", 0.8),))
    assert ask(search="stripes").units[0].words == "stripes"
    named = NameUnit(folder, Unit("a", 1), " my fence ", True, "look again")
    reply = last(grid.name_unit(named))
    assert reply.description.words == "my fence"
    assert reply.description.method == "human"
    assert reply.summary.starred
    assert ask(search="fence again").total == 1
    assert ask(search="stripes").total == 0
    assert ask(order="label").units[0].words == "my fence"
    back = last(grid.name_unit(NameUnit(folder, Unit("a", 1), "")))
    assert back.description.words == "stripes"
    assert back.summary.starred
    assert back.summary.note == "look again"


def test_a_card_at_any_quantile(study: Study, card: Callable[..., UnitReply]) -> None:
    reply = card("a", 0, size=16)
    assert len(reply.exemplars) == 15
    assert [one.value for one in reply.exemplars] == sorted(
        (one.value for one in reply.exemplars), reverse=True
    )
    first = reply.exemplars[0]
    assert (first.picture.width, first.picture.height) == (16, 13)
    assert first.label in ("cat", "dog")
    levels = [card("a", 0, quantile=q).level for q in (0.9, 0.95, 0.99, 0.999)]
    assert levels == sorted(levels)
    assert levels[0] < levels[-1]
    assert sum(reply.counts) > 0
    assert len(reply.edges) == len(reply.counts) + 1

    def lit(quantile: float) -> int:
        shown = card("a", 0, quantile=quantile).exemplars
        return sum(int((e.picture.array() == e.plain.array()).all(axis=2).sum()) for e in shown)

    assert lit(0.9) > lit(0.999) > 0, "a higher level lights less, but the peak itself stays"
    dark, plain = (picture.array()[..., :3] for picture in (first.picture, first.plain))
    outside = (dark != plain).any(axis=2)
    np.testing.assert_array_equal(dark[outside], (plain[outside] * DARKENED).astype(np.uint8))


def test_vectors_have_histograms_and_levels_too(
    study: Study, card: Callable[..., UnitReply]
) -> None:
    peaks = study.peaks("b")[1]
    reply = card("b", 1, quantile=0.95)
    assert sum(reply.counts) == 30
    assert reply.edges[0] == pytest.approx(peaks.min())
    assert reply.edges[-1] == pytest.approx(peaks.max())
    assert reply.level == pytest.approx(np.quantile(peaks, 0.95))
    assert reply.exemplars[0].picture == reply.exemplars[0].plain


def test_neighbours_correlate(card: Callable[..., UnitReply]) -> None:
    best, correlation = card("a", 0).neighbours[0]
    assert best == Unit("a", 2)
    assert correlation == pytest.approx(1.0, abs=1e-5)
    assert card("a", 5).neighbours == ()
    assert "tells nothing apart" in card("a", 5).note


def test_masks() -> None:
    activations = np.zeros((4, 4), np.float32)
    activations[0, 0] = 1.0
    lit = mask(activations, 0.5, (16, 16))
    assert lit[0, 0]
    assert not lit[8:, :].any()
    assert mask(np.ones((1, 1)), 5.0, (3, 3)).all(), "a vector has no places"
    assert not mask(activations, 2.0, (16, 16)).any()


def test_what_is_not_there_is_a_sentence(
    tmp_path: Path, ask: Callable[..., UnitsReply], card: Callable[..., UnitReply]
) -> None:
    with pytest.raises(LodestoneError, match="no study"):
        last(grid.units(UnitsQuestion(str(tmp_path / "nowhere"))))
    with pytest.raises(LodestoneError, match="no layer of this study"):
        ask(layers=("c",))
    with pytest.raises(LodestoneError, match="units 0 to 5"):
        card("a", 6)


def test_ten_thousand_units_are_answered_in_slices(tmp_path: Path) -> None:
    values = np.random.RandomState(0).rand(20, 10_500, 1, 1).astype(np.float32)
    study = made_study(tmp_path / "large", {"wide": values})
    work = grid.units(UnitsQuestion(str(study.folder), order="selectivity", first=9000, count=60))
    pauses = 0
    while True:
        try:
            assert next(work) is None
            pauses += 1
        except StopIteration as stop:
            reply = stop.value
            break
    assert pauses >= 9
    assert reply.total == 10_500
    assert len(reply.units) == 60
