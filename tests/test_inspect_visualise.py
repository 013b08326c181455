"""Pictures made so that units respond: they do respond, alike for the same seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from engine.bench.planted import PLAIN, Planted, plant
from engine.inspect.modules import OpenModule
from engine.inspect.visualise import COLOURS, feature, responses, visualise
from engine.messages import LodestoneError, Unit, VisualiseRequest
from engine.pictures import read_state
from engine.progress import Cancelled, Progress, Report


@pytest.fixture(scope="module")
def opened() -> OpenModule:
    planted = plant(1)
    assert isinstance(planted.network, Planted)
    return OpenModule(planted.network, planted.examples.info, PLAIN, torch.device("cpu"))


def asked(unit: Unit, **changes: object) -> VisualiseRequest:
    values = {"steps": 40, "size": 24, **changes}
    return VisualiseRequest("", (unit,), "", **values)  # type: ignore[arg-type]


def test_the_unit_responds_more_than_to_noise(opened: OpenModule) -> None:
    unit = plant(1).target
    made = feature(opened, unit, asked(unit, steps=100), Progress())
    assert made.shape == (24, 24, 4)
    noise = np.random.RandomState(0).randint(0, 256, (8, 24, 24, 3), dtype=np.uint8)
    with torch.inference_mode():
        ours = responses(opened, torch.from_numpy(PLAIN.numbers(made[None, ..., 2::-1])), unit)
        theirs = responses(opened, torch.from_numpy(PLAIN.numbers(noise)), unit)
    assert float(ours.mean()) > 2.0 * float(theirs.max())


def test_seeds_and_cancelling(opened: OpenModule) -> None:
    unit = Unit("relu2", 3)
    once, again, other = (
        feature(opened, unit, asked(unit, steps=6, seed=seed), Progress()) for seed in (1, 1, 2)
    )
    assert np.array_equal(once, again)
    assert not np.array_equal(once, other)
    seen: list[Report] = []
    progress = Progress(seen.append)
    progress.cancel()
    with pytest.raises(Cancelled):
        feature(opened, unit, asked(unit), progress)
    assert seen[0].preview is not None
    assert np.array(COLOURS).shape == (3, 3)


def test_what_is_not_there_is_refused(opened: OpenModule) -> None:
    for unit, why in ((Unit("relu9", 0), "nearest are relu"), (Unit("relu3", 99), "no unit 99")):
        with pytest.raises(LodestoneError, match=why):
            feature(opened, unit, asked(unit), Progress())


def test_a_generators_latent(tmp_path: Path) -> None:
    out = tmp_path / "made.png"
    request = VisualiseRequest("fruit", (Unit("b8.conv1", 5),), str(out), steps=6)
    assert visualise(request, Progress()) == str(out)
    with Image.open(out) as image:
        assert image.size == (128, 128)
    recipe = read_state(out)
    assert recipe.latent[0].space == "w"
    assert recipe.latent[0].vector is not None
