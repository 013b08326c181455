"""Pairs to describe, their order, and descriptions as files."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.messages import (
    Annotation,
    Direction,
    LatentPart,
    LodestoneError,
    Pair,
    SteerRequest,
    Vector,
    VocabularyQuestion,
)
from engine.steer.annotations import read_annotations, write_annotations
from engine.steer.pairs import make_pair, order, propose_pairs
from engine.steer.vocabulary import fit_vocabulary
from tests import small


def direction(index: int, size: int = 20, **changes: object) -> Direction:
    vector = np.random.RandomState(index).randn(size)
    one = Direction(f"d{index}", "w", Vector.of(vector / np.linalg.norm(vector)), 1.5 + index)
    return replace(one, **changes)  # type: ignore[arg-type]


def pairs(count: int = 6) -> tuple[Pair, ...]:
    info = small.info()
    made = []
    for index in range(count):
        classes = tuple(float(index % 3 == other) for other in range(3))
        before = SteerRequest(info.id, (LatentPart(seed=index),), classes)
        made.append(make_pair(direction(index), before, 2.0 - 4.0 * (index % 2)))
    return tuple(made)


# ---------------------------------------------------------------- order


def test_the_order_is_blind_and_each_persons_own() -> None:
    laid = pairs(40)
    ada, bo = order(laid, "Ada"), order(laid, "Bo")
    assert ada == order(tuple(reversed(laid)), " Ada ")
    assert {pair.key for pair, _ in ada} == {pair.key for pair in laid}
    assert [pair for pair, _ in ada] != [pair for pair, _ in bo]
    assert [pair for pair, _ in ada] != list(laid)
    assert 10 < sum(flipped for _, flipped in ada) < 30
    sides = dict(bo)
    assert any(sides[pair] != flipped for pair, flipped in ada)


def test_it_goes_on_where_it_stopped() -> None:
    laid = pairs(12)
    first = order(laid, "Ada")
    notes = tuple(
        Annotation(pair.key, "red", "Ada", flipped, 100.0 - index)
        for index, (pair, flipped) in enumerate(first[:4])
    )
    notes += (Annotation(first[5][0].key, "red", "Bo"),)
    later = order(laid, "Ada", notes)
    assert later[:8] == first[4:]
    # Those described are looked at again last, the longest ago first.
    assert later[8:] == tuple(reversed(first[:4]))


def test_more_pairs_slip_in_without_moving_the_others() -> None:
    laid = pairs(20)
    before = order(laid[:12], "Ada")
    after = [turn for turn in order(laid, "Ada") if turn[0] in laid[:12]]
    assert tuple(after) == before


# ---------------------------------------------------------------- proposals


def test_directions_and_classes_take_turns() -> None:
    info = small.info()
    found = [direction(index, model=info.id) for index in range(4)]
    template = SteerRequest(info.id, truncation=0.7, noise="off", mix_layers=(1,))
    made = propose_pairs(found, template, 12, (), info)
    shown = {(pair.direction.name, pair.before.classes) for pair in made}
    assert len(shown) == 12
    seeds = [pair.before.latent[0].seed for pair in made]
    assert len(set(seeds)) == 12
    assert {(pair.before.truncation, pair.before.noise) for pair in made} == {(0.7, "off")}
    assert all(not pair.before.edits and not pair.before.mix_layers for pair in made)
    assert len({pair.key for pair in made}) == 12
    again = propose_pairs(found, template, 12, (), info)
    assert [pair.key for pair in again] == [pair.key for pair in made]


def test_more_pairs_repeat_none_and_favour_what_was_shown_least() -> None:
    info = small.info()
    found = [direction(index, model=info.id) for index in range(3)]
    template = SteerRequest(info.id)
    first = propose_pairs(found[:2], template, 4, (), info)
    more = propose_pairs(found, template, 2, first, info)
    assert [pair.direction.name for pair in more] == ["d2", "d2"]
    taken = {pair.before.latent[0].seed for pair in first}
    assert not taken & {pair.before.latent[0].seed for pair in more}


def test_the_templates_class_stays_where_there_are_none_or_very_many() -> None:
    template = SteerRequest("", classes=(0.2, 0.8))
    found = [direction(0)]
    assert propose_pairs(found, template, 1)[0].before.classes == (0.2, 0.8)
    many = replace(small.info(), c_dim=1000)
    assert propose_pairs(found, template, 1, (), many)[0].before.classes == (0.2, 0.8)


def test_directions_of_another_generator_are_not_proposed() -> None:
    info = small.info()
    found = [direction(0, model="other"), direction(1, model=info.id)]
    assert {p.direction.name for p in propose_pairs(found, SteerRequest(info.id), 3, (), info)} == {
        "d1"
    }
    for none in ((), found[:1]):
        with pytest.raises(LodestoneError, match="Find some first"):
            propose_pairs(none, SteerRequest(info.id), 3, (), info)
    assert propose_pairs(found, SteerRequest(info.id), 0, (), info) == ()


# ---------------------------------------------------------------- files


def described() -> tuple[tuple[Pair, ...], tuple[Annotation, ...]]:
    laid = pairs()
    texts = ("rounder", 'red, "very" big', "", "туман 🌫️;\nless red", "yelow", "no")
    notes = tuple(
        Annotation(pair.key, text, "Ada, B.", index % 2 == 0, 10.5 + index)
        for index, (pair, text) in enumerate(zip(laid, texts, strict=True))
    )
    return laid, (*notes, Annotation(laid[0].key, "bigger", "Bo"))


def test_out_and_in_again(tmp_path: Path) -> None:
    laid, notes = described()
    path = tmp_path / "große Worte.csv"
    beside = write_annotations(path, laid, notes)
    assert beside == tmp_path / "große Worte.npy"
    again, read = read_annotations(path, info=small.info())
    assert read == notes
    assert [pair.key for pair in again] == [pair.key for pair in laid]
    assert [pair.before.classes for pair in again] == [pair.before.classes for pair in laid]
    for one, other in zip(laid, again, strict=True):
        step = one.amount * one.direction.vector.array()
        np.testing.assert_allclose(
            other.amount * other.direction.vector.array(), step, rtol=1e-4, atol=1e-6
        )
        assert other.direction.sigma == one.direction.sigma
    info = small.info()
    before, after = (
        fit_vocabulary(VocabularyQuestion(info.id, some, notes)) for some in (laid, again)
    )
    assert [word.text for word in before.words] == [word.text for word in after.words]
    for one, other in zip(before.words, after.words, strict=True):
        np.testing.assert_allclose(
            one.direction.vector.array(), other.direction.vector.array(), atol=1e-5
        )
        assert one.direction.sigma == pytest.approx(other.direction.sigma, rel=1e-5)


def test_it_is_the_format_of_visual_vocab(tmp_path: Path) -> None:
    laid, notes = described()
    beside = write_annotations(tmp_path / "annotations.csv", laid, notes)
    with (tmp_path / "annotations.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[:2] == ["d_id", "annotation"]
    assert [int(row["d_id"]) for row in rows] == [0, 1, 2, 3, 4, 5, 0]
    steps = np.load(beside, allow_pickle=False)
    assert steps.shape == (6, 20)
    one = laid[3]
    wanted = one.amount * one.direction.sigma * one.direction.vector.array()
    np.testing.assert_allclose(steps[3], wanted, rtol=1e-6)


def test_layers_and_w_plus_survive(tmp_path: Path) -> None:
    info = small.info()
    before = SteerRequest(info.id)
    ranged = make_pair(direction(1, layers=(2, 3)), before)
    write_annotations(tmp_path / "a.csv", (ranged,), (Annotation(ranged.key, "red"),))
    assert read_annotations(tmp_path / "a.csv", info=info)[0][0].direction.layers == (2, 3)
    rows = np.zeros((info.num_ws, info.w_dim))
    rows[1] = 1 / np.sqrt(info.w_dim)
    wide = make_pair(direction(1, space="w+", vector=Vector.of(rows)), before)
    write_annotations(tmp_path / "b.csv", (wide,), (Annotation(wide.key, "red"),))
    again = read_annotations(tmp_path / "b.csv", info=info)[0][0].direction
    assert again.space == "w+"
    np.testing.assert_allclose(again.vector.array(), rows, atol=1e-6)


def test_two_spaces_do_not_fit_one_array(tmp_path: Path) -> None:
    one, other = (
        make_pair(direction(0), SteerRequest("")),
        make_pair(direction(1, space="z"), SteerRequest("")),
    )
    notes = (Annotation(one.key, "red"), Annotation(other.key, "blue"))
    with pytest.raises(LodestoneError, match="w, z"):
        write_annotations(tmp_path / "a.csv", (one, other), notes)
    with pytest.raises(LodestoneError, match="none"):
        write_annotations(tmp_path / "a.csv", (one,), ())
    assert not list(tmp_path.iterdir())


def saved(folder: Path, text: str | bytes, steps: object = None) -> Path:
    path = folder / "annotations.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    np.save(folder / "ds.npy", np.eye(3, 24) if steps is None else steps)
    return path


def test_a_released_file_is_read(tmp_path: Path) -> None:
    path = saved(tmp_path, "d_id,annotation\n0,more red\n0,redder sky\n2,\n")
    laid, notes = read_annotations(path)
    assert [note.text for note in notes] == ["more red", "redder sky", ""]
    assert len(laid) == 2
    assert laid[0].direction.space == "z"
    assert laid[0].direction.sigma * laid[0].amount == 1.0
    # 24 numbers are a z of the small generator, whose w is 20 wide.
    fitted = read_annotations(path, info=small.info())[0]
    assert (fitted[0].direction.space, fitted[0].before.model) == ("z", small.info().id)
    assert read_annotations(path, space="w")[0][0].direction.space == "w"


def test_a_torch_tensor_is_read_and_nothing_in_it_runs(tmp_path: Path) -> None:
    import torch

    path = saved(tmp_path, "d_id,annotation\n1,red\n")
    (tmp_path / "ds.npy").unlink()
    torch.save(torch.eye(3, 24), tmp_path / "ds.pth")
    np.testing.assert_array_equal(
        read_annotations(path)[0][0].direction.vector.array(), np.eye(3, 24)[1]
    )
    torch.save([torch.eye(3)], tmp_path / "ds.pth")
    with pytest.raises(LodestoneError, match="one tensor"):
        read_annotations(path)
    (tmp_path / "ds.pth").write_bytes(b"cos\nsystem\n(S'touch pwned'\ntR.")
    with pytest.raises(LodestoneError, match="not a tensor of steps"):
        read_annotations(path)
    (tmp_path / "ds.pth").write_bytes(b"")
    with pytest.raises(LodestoneError, match="not a"):
        read_annotations(path)


@pytest.mark.parametrize(
    "text",
    [
        "d_id;annotation\r\n1;red, blue\r\n",
        "\ufeffD_ID , Annotation\n1,\"red, blue\"\n\n",
        "annotation\td_id\nred, blue\t1\n",
        "d_id,annotation\n1,\"red, blue\"\n".encode("utf-16"),
    ],
)  # fmt: skip
def test_what_spreadsheets_write(tmp_path: Path, text: str | bytes) -> None:
    _, notes = read_annotations(saved(tmp_path, text))
    assert [note.text for note in notes] == ["red, blue"]


def test_classes_by_name_or_number(tmp_path: Path) -> None:
    text = "d_id,annotation,class,flipped\n0,red,Cherry,yes\n0,red,2,0\n1,blue,,\n"
    laid, notes = read_annotations(saved(tmp_path, text), info=small.info())
    assert [pair.before.classes for pair in laid] == [(0, 1, 0), (0, 0, 1), ()]
    assert [note.flipped for note in notes] == [True, False, False]
    alone, _ = read_annotations(saved(tmp_path, text))
    assert [pair.before.classes for pair in alone] == [(0, 1), (1, 0), ()]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "Line 1 .* no column d_id and no annotation"),
        ("d_id,text\n0,red\n", "Line 1 .* no column annotation"),
        ("annotation\nred\n", "Line 1 .* no column d_id"),
        ("0,red\n", "must name the columns"),
        ("d_id,annotation\n0,red\n1\n", "Line 3 .* no annotation"),
        ("d_id,annotation\n3,red\n", "Line 2 .* number from 0 to 2"),
        ("d_id,annotation\n-1,red\n", "Line 2 .* number from 0 to 2"),
        ("d_id,annotation\n0.5,red\n", "number from 0 to 2"),
        (f"d_id,annotation\n{'1' * 6000},red\n", "number from 0 to 2"),
        ("d_id,annotation,flipped\n0,red,perhaps\n", "Line 2 .* Write 1 or 0"),
        ("d_id,annotation,sigma\n0,red,x\n", "Write a number"),
        ("d_id,annotation,sigma\n0,red,nan\n", "Write a number"),
        ("d_id,annotation,sigma\n0,red,-1\n", "moves nothing"),
        ("d_id,annotation,layers\n0,red,7-4\n", "such as 4-7"),
        ("d_id,annotation,class\n0,red,Durian\n", "Line 2 .* no class"),
        ("d_id,annotation,space\n0,red,w\n", "not in w of small"),
        ("d_id,annotation,space\n0,red,q\n", "not in q"),
        ("d_id,annotation,pair\n0,red,p\n1,red,p\n", "Line 3 .* another step"),
        (f"d_id,annotation\n0,{'x' * 200_000}\n", "Line 2 .* could not be read"),
        (b"d_id,annotation\n0,\xff\xfe\xfa\n", "not text in UTF-8"),
        (b"d_id,annotation\n0,\x00\n", None),
    ],
)
def test_a_bad_csv_is_refused_with_its_line(
    tmp_path: Path, text: str | bytes, why: str | None
) -> None:
    path = saved(tmp_path, text)
    if why is None:
        assert len(read_annotations(path, info=small.info())[1]) == 1
        return
    with pytest.raises(LodestoneError, match=why):
        read_annotations(path, info=small.info())


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        (np.zeros((3, 24)), "moves nothing"),
        (np.full((3, 24), np.nan), "not finite"),
        (np.zeros(24), "one a row"),
        (np.zeros((0, 24)), "one a row"),
        (np.eye(3, 7), "any space of small"),
        (np.zeros((3, 2, 24)), "any space of small"),
        (np.array([["red"]]), "array of numbers"),
        (np.array([{}], object), "not an array of steps"),
    ],
)
def test_bad_steps_are_refused(tmp_path: Path, steps: np.ndarray, why: str) -> None:
    path = saved(tmp_path, "d_id,annotation\n0,red\n", steps)
    with pytest.raises(LodestoneError, match=why):
        read_annotations(path, info=small.info())


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(LodestoneError, match="could not be read"):
        read_annotations(tmp_path / "none.csv")
    path = saved(tmp_path, "d_id,annotation\n0,red\n")
    (tmp_path / "ds.npy").unlink()
    with pytest.raises(LodestoneError, match="steps that .* missing"):
        read_annotations(path)
    with pytest.raises(LodestoneError, match="There is no file"):
        read_annotations(path, tmp_path / "other.npy")
