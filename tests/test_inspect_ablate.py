"""Unit edits measured over pictures: a small classifier whose units are known, and a generator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from engine.inspect.ablate import ablate
from engine.inspect.exemplars import study
from engine.inspect.labelled import class_index, truths
from engine.inspect.module_edits import ModuleEdits
from engine.inspect.study import say
from engine.messages import (
    AblateRequest,
    LodestoneError,
    NameUnit,
    NetworkInfo,
    NetworkLayer,
    Probes,
    StudyRequest,
    Unit,
    UnitEdit,
    Vector,
)
from engine.progress import Progress
from tests import small


class Colours(nn.Module):
    """Red, green or blue: three convolution units see one colour each, twelve hardly anything."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Conv2d(3, 15, 1)
        self.bend = nn.ReLU()
        self.fc = nn.Linear(15, 3)
        with torch.no_grad():
            self.features.weight.zero_()
            self.features.bias.zero_()  # type: ignore[union-attr]
            self.features.weight[:3, :, 0, 0] = torch.eye(3) * 1.5 - 0.5
            self.features.weight[3:] = 0.01
            self.fc.weight.zero_()
            self.fc.bias.zero_()
            self.fc.weight[:, :3] = torch.eye(3) * 8.0
            self.fc.weight[:, 3:] = 0.01 * torch.randn(3, 12)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.bend(self.features(x)).mean(dim=(2, 3)))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network as a torch.export program with its card, and labelled pictures."""
    folder = tmp_path_factory.mktemp("ablate")
    torch.manual_seed(0)
    program = torch.export.export(
        Colours().eval(),
        (torch.rand(2, 3, 32, 32),),
        dynamic_shapes=({0: torch.export.Dim("N", min=1)},),
    )
    torch.export.save(program, folder / "colours.pt2")
    card = {
        "classes": ["red", "green", "blue"],
        "preprocessing": {"size": [32, 32], "shorter": 32, "mean": [0, 0, 0], "scale": [255] * 3},
    }
    (folder / "colours.pt2.json").write_text(json.dumps(card))
    random = np.random.RandomState(0)
    for channel, name in enumerate(card["classes"]):
        (folder / "data" / str(name)).mkdir(parents=True)
        for index in range(8):
            pixels = random.randint(0, 90, (32, 32, 3), np.uint8)
            pixels[..., channel] += 120
            Image.fromarray(pixels).save(folder / "data" / str(name) / f"{index}.png")
    return folder


def measured(place: Path, *edits: UnitEdit, **more: Any) -> dict[str, Any]:
    request = AblateRequest(
        str(place / "colours.pt2"), edits, Probes(str(place / "data")), str(place / "out"), **more
    )
    return json.loads(Path(ablate(request, Progress())).read_text("utf-8"))


def layer(place: Path) -> str:
    """The name the program's layers have for the three colour units."""
    from engine.inspect.modules import open_module

    found = open_module(str(place / "colours.pt2")).info.layers
    return next(one.name for one in found if one.units == 15)


def test_a_class_loses_its_unit(place: Path):
    found = measured(place, UnitEdit((Unit(layer(place), 1),)), target="green")
    assert found["truth"] == "labels"
    assert found["accuracy"]["before"] == 1.0
    assert found["accuracy"]["after"] == pytest.approx(2 / 3, abs=1e-3)
    target = found["target"]
    assert (target["class"], target["pictures"]) == ("green", 8)
    assert (target["accuracy_before"], target["accuracy_after"]) == (1.0, 0.0)
    assert target["others_drop"] == 0.0
    assert target["share_after"] < 0.4 < target["share_before"]
    by_class = {one["class"]: one for one in found["classes"]}
    assert by_class["green"]["logit_after"] < by_class["green"]["logit_before"] - 1.0
    assert by_class["red"]["logit_after"] == pytest.approx(by_class["red"]["logit_before"])


def test_the_units_of_a_class_are_found_on_other_pictures(place: Path):
    found = measured(place, target="blue", top=1, layers=(layer(place),))
    assert found["edits"][0]["units"] == {layer(place): [2]}
    assert found["chosen_on"] + found["pictures"] == 24
    target = found["target"]
    assert target["accuracy_after"] == 0.0
    assert target["others_drop"] == 0.0
    assert target["share_before"] - target["share_after"] > 5 * (
        target["share_before"] - target["share_random"]
    )


def test_without_labels_the_networks_own_answers_count(place: Path):
    found = measured(place, UnitEdit((Unit(layer(place), 0),), "boost", 3.0), random=0)
    assert found["accuracy"]["random"] is None
    plain, taken_from = truths(("", ""), ("a", "b"), np.array([1, 0]))
    assert list(plain) == [1, 0]
    assert "own answers" in taken_from
    named, taken_from = truths(("n01440764_great_White", "b "), ("b, bee", "great white"), plain)
    assert (list(named), taken_from) == ([1, 0], "labels")
    assert class_index("1", ("a", "b")) == 1
    assert class_index("Great_White", ("b", "great white")) == 1


@pytest.mark.parametrize("kind", ["map", "tokens", "vector"])
def test_every_kind_of_layer_is_turned(kind: Any):
    mask = np.zeros((4, 4))
    mask[:2] = 1.0
    info = NetworkInfo("id", "n", "p", "classifier", (NetworkLayer("l", kind, 4, (4, 4)),))
    edits = ModuleEdits(
        (UnitEdit((Unit("l", 1),), "clamp", 5.0, Vector.of(mask)),), info, torch.device("cpu")
    )
    shape = {"map": (2, 4, 4, 4), "tokens": (2, 17, 4), "vector": (2, 4)}[kind]
    after = edits("l", torch.ones(shape))
    if kind == "map":
        assert (after[:, 1, :2] == 5.0).all()
        assert (after[:, 1, 2:] == 1.0).all()
        assert (after[:, [0, 2, 3]] == 1.0).all()
    elif kind == "tokens":
        assert (after[:, 1:9, 1] == 5.0).all()
        assert (after[:, [0, *range(9, 17)], 1] == 1.0).all()
    else:
        assert after[0].tolist() == [1.0, 3.0, 1.0, 1.0]


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image, np.float64)


def test_a_generator_writes_pictures_before_and_after(tmp_path: Path):
    edit = UnitEdit((Unit("b32.conv1", 2),), "clamp", 3.0)
    request = AblateRequest(small.info().path, (edit,), Probes(count=3), str(tmp_path), random=2)
    found = json.loads(Path(ablate(request, Progress())).read_text("utf-8"))
    assert found["pictures"] == 3
    assert found["changed"] == pytest.approx(
        np.mean([one["changed"] for one in found["samples"]]), abs=1e-5
    )
    assert found["changed_random"] > 0.0
    for one in found["samples"]:
        pair = [pixels(tmp_path / side / f"{one['name']}.png") for side in ("before", "after")]
        assert np.abs(pair[1] - pair[0]).mean() / 255 == pytest.approx(one["changed"], abs=2e-3)
    assert pixels(tmp_path / "sheet.png").shape == (32, 6 * 32, 3)


def test_units_are_found_by_words_and_switched_off(tmp_path: Path):
    made = study(
        StudyRequest(small.info().path, Probes(count=3), ("b32.conv1",), str(tmp_path / "study")),
        Progress(),
    )
    for index in (2, 5):
        say(NameUnit(made, Unit("b32.conv1", index), "shiny rim"))
    request = AblateRequest(
        small.info().path, (), Probes(count=2), str(tmp_path), random=0, study=made, words="shiny"
    )
    found = json.loads(Path(ablate(request, Progress())).read_text("utf-8"))
    assert found["words"] == "shiny"
    assert found["edits"][0]["units"] == {"b32.conv1": [2, 5]}
    assert found["changed"] > 0.0


@pytest.mark.parametrize(
    ("edits", "more", "message"),
    [
        ((), {}, "No units are turned"),
        ((UnitEdit((Unit("nope", 1),)),), {}, "no layer 'nope'. The nearest are"),
        ((UnitEdit((Unit("fc", 99),)),), {}, "no unit 99. Choose one from 0 to 2"),
        ((), {"target": "gren", "top": 2}, "no class 'gren'. The nearest are green"),
        ((), {"target": "green", "top": 2, "layers": ("x",)}, "no layer 'x'"),
        ((), {"words": "text"}, "looked up in a study"),
    ],
)
def test_what_cannot_be_measured_is_said(
    place: Path, edits: tuple[UnitEdit, ...], more: dict[str, Any], message: str
):
    with pytest.raises(LodestoneError, match=message):
        measured(place, *edits, **more)
