"""The paper's formulation draws what ours draws, and the figures say what they should."""

from __future__ import annotations

import json

import pytest
import torch

from engine.bench import measures, steer, window
from engine.bench.figure import at_least, at_most, interleaved, missing
from engine.bench.reference import random_generator, synthesis
from models.errors import LodestoneError
from tests import small


@pytest.mark.parametrize("changes", [{}, {"conv_clamp": 1.0}, {"img_channels": 1}])
def test_reference_draws_what_we_draw(changes: dict) -> None:
    made = small.generator(**changes)
    ws = torch.randn(3, made.num_ws, made.w_dim)
    with torch.inference_mode():
        ours, reference = made.synthesis(ws), synthesis(made, ws)
    assert (ours - reference).abs().max() < 1e-4
    assert ours.std() > 0.1


def test_random_generator_has_the_usual_widths() -> None:
    made = random_generator(64, 1024, 2)
    assert made.config.channels == (256, 128, 64, 32, 16)
    assert made.synthesis.b64.conv1.noise_strength == pytest.approx(0.1)


def test_figures() -> None:
    assert at_least("a", 2.0, "x", 1.4).met is True
    assert at_least("a", 1.0, "x", 1.4).met is False
    assert at_most("a", float("nan"), "MB", 200).met is False
    unmeasured = missing("a", "x", ">= 1", "no GPU")
    assert (unmeasured.value, unmeasured.met) == (None, None)
    expected = {"name", "value", "unit", "target", "met", "peer", "peer_value", "ratio", "note"}
    assert set(json.loads(json.dumps(unmeasured.as_dict()))) == expected


def test_interleaved_takes_turns() -> None:
    calls: list[str] = []
    medians = interleaved((lambda: calls.append("a"), lambda: calls.append("b")), 2)
    assert "".join(calls) == "ababab"
    assert len(medians) == 2


def test_a_measure_that_fails_says_so_and_the_rest_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken():
        raise RuntimeError("no such thing")
        yield

    monkeypatch.setattr(steer, "_against_eager", broken)
    monkeypatch.setattr(steer, "_film_memory", lambda: iter([at_least("b", 1.0, "x", 0.5)]))
    monkeypatch.setattr(steer, "_cuda", lambda: iter(()))
    monkeypatch.setattr(steer, "in_window", lambda area: iter(()))
    found = list(measures("steer"))
    assert [figure["met"] for figure in found] == [None, True]
    assert "no such thing" in found[0]["note"]
    with pytest.raises(LodestoneError):
        list(measures("nonsense"))


def test_window_lines_pass_only_when_they_are_figures() -> None:
    figure = missing("a", "ms", None, "").as_dict()
    assert window._parse(json.dumps(figure)) == figure
    for line in ("", "QObject: warning", "[]", '{"name": 1}'):
        assert window._parse(line) is None
