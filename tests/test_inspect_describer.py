"""The learnt describer: learns from captions, says what regions share, and knows its limits."""

from __future__ import annotations

import csv
import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from engine.inspect.describer import train as training
from engine.inspect.describer.apply import retold
from engine.inspect.describer.decode import Told, prior, prior_weight, tell
from engine.inspect.describer.model import END, PAD, SPECIAL, START, Describer, Encoder, Shape
from engine.inspect.describer.train import train
from engine.inspect.exemplars import study
from engine.inspect.study import Study
from engine.messages import DescriberRequest, LodestoneError, Probes, StudyRequest, Unit
from engine.progress import Cancelled, Progress

COLOURS = {"red": (220, 30, 30), "blue": (30, 60, 220)}
SMALL = Shape(side=32, channels=(8, 12, 16), embedding=8, hidden=16, longest=4)


def write_pictures(folder: Path, count: int, captions: bool) -> None:
    """A red or a blue disc, large or small, somewhere on grey."""
    rng = np.random.RandomState(4)
    folder.mkdir()
    y, x = np.mgrid[:32, :32]
    rows = []
    for index in range(count):
        picture = np.full((32, 32, 3), rng.randint(110, 150), np.uint8)
        colour = str(rng.choice(list(COLOURS)))
        row, column = rng.randint(8, 24, 2)
        picture[(y - row) ** 2 + (x - column) ** 2 < 36] = COLOURS[colour]
        Image.fromarray(picture).save(folder / f"{index}.png")
        rows.append((f"{index}.png", f"{colour} disc, picture"))
    if captions:
        with (folder / "captions.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("file", "caption"), *rows])


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Folder of captioned pictures, and a describer trained on them for a moment."""
    place = tmp_path_factory.mktemp("describer")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LODESTONE_HOME", str(place / "home"))
        patch.setattr(training, "Shape", lambda: SMALL)
        patch.setattr(training, "fewest_steps", 80)
        write_pictures(place / "pictures", 80, captions=True)
        made = train(
            DescriberRequest(str(place / "pictures"), str(place / "made"), 1.0), Progress()
        )
    return place / "pictures", Path(made)


def test_it_learns_and_says_what_a_set_shares(learnt: tuple[Path, Path]) -> None:
    pictures, path = learnt
    assert path.name == "made.safetensors"
    describer = Describer.open(path)
    assert set(describer.tags) == {"red disc", "blue disc"}  # what all share says nothing
    assert min(describer.seen) > 0.9
    with (pictures / "captions.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for colour in COLOURS:
        names = [row["file"] for row in rows if colour in row["caption"]][:6]
        stack = np.stack([np.asarray(Image.open(pictures / name)) for name in names])
        x = torch.from_numpy(stack).permute(0, 3, 1, 2).float() / 255.0
        with torch.no_grad():
            pyramid = describer.encoder.pyramid(x)
            whole = torch.ones(len(x), 1, 24, 24)
            found = tell(describer, describer.encoder.under(pyramid, whole))
        assert found[0].words == f"{colour} disc"


def test_it_names_units_of_pictures_without_labels(
    learnt: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, path = learnt
    monkeypatch.setenv("LODESTONE_HOME", str(tmp_path / "home"))
    write_pictures(tmp_path / "pictures", 60, captions=False)
    network = tmp_path / "network.onnx"
    write_network(network)
    request = StudyRequest(
        str(network), Probes(str(tmp_path / "pictures")), ("answer",), str(tmp_path / "study")
    )
    made = Study.open(study(request, Progress()))
    assert not any(made.labels)
    found = retold(made, path, ["answer"], {}, Progress())
    assert found[Unit("answer", 0)].words == "red disc"
    assert found[Unit("answer", 1)].words == "blue disc"
    assert found[Unit("answer", 0)].method == "describer"
    assert (found[Unit("answer", 0)].score or 0) > 0.9
    assert Unit("answer", 2) not in found  # constant


def write_network(path: Path) -> None:
    """Red, blue, and nothing."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    mix = np.array([[1, -0.5, -0.5], [-0.5, -0.5, 1], [0, 0, 0]], np.float32)[..., None, None]
    nodes = [helper.make_node("Conv", ["x", "w"], ["found"]),
             helper.make_node("Relu", ["found"], ["answer"])]  # fmt: skip
    graph = helper.make_graph(
        nodes, "colours",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 32, 32])],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, ["n", 3, 32, 32])],
        [numpy_helper.from_array(mix, "w")],
    )  # fmt: skip
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), str(path))


def test_beam_and_prior_are_exact_where_all_can_be_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("engine.inspect.describer.decode.least_likely", 1e9)
    torch.manual_seed(0)
    shape = dataclasses.replace(SMALL, longest=3)
    describer = Describer(shape, (*SPECIAL, "a", "b"), ("a", "b")).eval()
    exemplars = torch.randn(4, sum(shape.channels))
    found = {one.words: one for one in tell(describer, exemplars)}
    texts = [
        " ".join(words) for length in (1, 2) for words in itertools.product("ab", repeat=length)
    ]
    assert set(found) == set(texts)  # all six: the beam is wider than that
    usual = prior(describer, texts)
    for text, log in zip(texts, usual, strict=True):
        ids = describer.ids([text])
        with torch.no_grad():
            logits = describer.decoder(exemplars[None], ids)
        # START and PAD are never said
        logits[..., [PAD, START]] = -torch.inf
        if len(text.split()) == 2:  # the longest can only end
            logits[0, -1, [at for at in range(5) if at != END]] = -torch.inf
        given = torch.log_softmax(logits, -1)[0].gather(1, ids[0, 1:, None]).sum()
        assert found[text].given == pytest.approx(float(given), abs=1e-4)
        assert found[text].usual == pytest.approx(log, abs=1e-4)


def test_what_is_said_of_everything_loses() -> None:
    usual = Told("picture", given=-1.0, usual=-0.1)
    rare = Told("red disc", given=-1.3, usual=-4.0)
    assert rare.score == pytest.approx(-1.3 + prior_weight * 4.0)
    assert rare.score > usual.score


def test_features_come_from_inside_the_mask_alone() -> None:
    torch.manual_seed(0)
    maps = [torch.randn(2, 3, 8, 8), torch.randn(2, 5, 4, 4)]
    mask = torch.zeros(2, 1, 8, 8)
    mask[:, :, :4] = 1.0
    found = Encoder.under(maps, mask)
    maps[0][:, :, 4:] = 100.0
    maps[1][:, :, 2:] = -100.0
    torch.testing.assert_close(Encoder.under(maps, mask), found)
    torch.testing.assert_close(found[:, :3], maps[0][:, :, :4].mean((2, 3)))


def test_data_without_shared_labels_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LODESTONE_HOME", str(tmp_path / "home"))
    write_pictures(tmp_path / "plain", 10, captions=False)
    with pytest.raises(LodestoneError, match="At least two labels"):
        train(DescriberRequest(str(tmp_path / "plain"), str(tmp_path / "m")), Progress())
    stopped = Progress()
    stopped.cancel()
    with pytest.raises(Cancelled):
        train(DescriberRequest(str(tmp_path / "plain"), str(tmp_path / "m")), stopped)
    assert not list(tmp_path.glob("m*"))


def test_another_file_is_no_describer(tmp_path: Path) -> None:
    path = tmp_path / "odd.safetensors"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(LodestoneError, match="no describer"):
        Describer.open(path)
