"""BigGAN files of two codes: the pictures their code draws, and sentences for everything else."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.library import Library
from models import registry
from models.errors import RefusedFile
from models.foreign import read_foreign
from tests.biggans import Brock, HuggingFace, State, latents, one_hot, without


def drawn(path: Path, z: Tensor, c: Tensor, truncation: float = 1.0) -> Tensor:
    """By Lodestone, through its truncation in w."""
    card, state = read_foreign(path)
    made = registry.build(card, state)
    centre = c @ made.w_avg
    w = centre + truncation * (made.mapping(z, c) - centre)
    return made.synthesis(w[:, None].expand(-1, made.num_ws, -1))


def assert_same(ours: Tensor, theirs: Tensor) -> None:
    assert float(theirs.std()) > 0.05  # a picture, not a flat field
    reach = float(theirs.max() - theirs.min())
    assert float((ours - theirs).abs().max()) < 1e-5 * reach


@pytest.mark.parametrize("truncation", [1.0, 0.5, 0.04, 0.51, 0.0])
def test_huggingface_draws_what_its_code_draws(truncation: float, tmp_path: Path) -> None:
    theirs = HuggingFace()
    z = latents(3, theirs.z_dim)
    c = torch.cat([one_hot(5, [1, 4]), torch.tensor([[0.5, 0.0, 0.25, 0.25, 0.0]])])
    expected = theirs.draw(truncation * z, c, truncation)
    assert_same(drawn(theirs.write(tmp_path), z, c, truncation), expected)


def test_truncation_outside_its_table(tmp_path: Path) -> None:
    """Beyond 1 the statistics stay those of 1; below 0 they are those of the other side."""
    theirs = HuggingFace()
    path = theirs.write(tmp_path)
    z, c = latents(1, theirs.z_dim), one_hot(5, [2])
    assert_same(drawn(path, z, c, 1.5), theirs.draw(1.5 * z, c, 1.0))
    assert_same(drawn(path, z, c, -0.5), theirs.draw(-0.5 * z, c, 0.5))


def test_huggingface_is_deduced_without_its_config(tmp_path: Path) -> None:
    path = HuggingFace().write(tmp_path, zipped=False)
    card, _ = read_foreign(path)
    (tmp_path / "config.json").unlink()
    again, _ = read_foreign(path)
    assert again.hyper == card.hyper
    assert card.architecture == "biggan-deep"
    assert (card.hyper["resolution"], card.hyper["up"]) == (16, [False, True, False, True])
    assert (card.hyper["z_dim"], card.hyper["w_dim"], card.hyper["attention"]) == (6, 13, [2])


def test_an_unusual_config_is_believed(tmp_path: Path) -> None:
    theirs = HuggingFace(
        layers=((True, 2, 1), (True, 1, 1), (False, 1, 1)), attention=1, eps=0.3, steps=3
    )
    path = theirs.write(tmp_path)
    path = path.rename(tmp_path / "biggan-deep-16-pytorch_model.bin")
    (tmp_path / "config.json").rename(tmp_path / "biggan-deep-16-config.json")
    z, c = latents(2, theirs.z_dim), one_hot(5, [0, 3])
    assert_same(drawn(path, z, c, 0.5), theirs.draw(0.5 * z, c, 0.5))


@pytest.mark.parametrize("content", ["{", "[]", '{"model_type": "bert", "layers": 12}', "\xff"])
def test_another_programs_config_is_not_minded(content: str, tmp_path: Path) -> None:
    path = HuggingFace().write(tmp_path)
    (tmp_path / "config.json").write_text(content, "latin-1")
    assert read_foreign(path)[0].hyper["up"] == [False, True, False, True]


@pytest.mark.parametrize(
    "changes",
    [
        {"channel_width": 16},
        {"layers": [[True, 2, 2]]},
        {"layers": 7},
        {"layers": [["no"]]},
        {"eps": "small"},
        {"eps": -1.0},
        {"channel_width": 1e999},
    ],
)
def test_the_config_of_another_biggan(changes: dict[str, object], tmp_path: Path) -> None:
    path = HuggingFace().write(tmp_path)
    told = json.loads((tmp_path / "config.json").read_text()) | changes
    (tmp_path / "config.json").write_text(json.dumps(told))
    with pytest.raises(RefusedFile, match=r"^pytorch_model\.bin .*describes another one"):
        read_foreign(path)


BROCKS = {
    "chunks": Brock(),
    "z whole": Brock(chunked=False),
    "no shared embedding": Brock(chunked=False, shared=False),
    "deep": Brock(deep=True),
    "own batch norm": Brock(norms="bn.stored"),
    "standing statistics": Brock(norms="bn.stored", counter=16.0),
    "synchronised batch norm": Brock(norms="bn.running"),
    "without spectral norm": Brock(spectral=False),
    "converted from TensorFlow": Brock(converted=True),
}


@pytest.mark.parametrize("kind", BROCKS)
def test_brock_draws_what_its_code_draws(kind: str, tmp_path: Path) -> None:
    theirs = BROCKS[kind]
    z, c = latents(2, theirs.z_dim), one_hot(5, [1, 4])
    path = theirs.write(tmp_path / "G_ema.pth")
    card, _ = read_foreign(path)
    assert card.architecture == ("biggan-deep" if theirs.deep else "biggan")
    assert card.hyper["z_dim"] == theirs.z_dim
    assert_same(drawn(path, z, c), theirs.draw(z, c))
    assert_same(drawn(path, z, c, 0.4), theirs.draw(0.4 * z, c))


def test_classes_are_mixed_in_the_embedding(tmp_path: Path) -> None:
    theirs = Brock()
    z, c = latents(1, theirs.z_dim), torch.tensor([[0.7, 0.0, 0.0, 0.3, 0.0]])
    path = theirs.write(tmp_path / "G.pth", prefix="module.")
    assert_same(drawn(path, z, c), theirs.draw(z, c))


def changed(change: Callable[[State], State]) -> Callable[[Path], None]:
    return lambda path: torch.save(change(Brock().state()), path)


def deeply(change: Callable[[State], State]) -> Callable[[Path], None]:
    return lambda path: torch.save(change(HuggingFace().state()), path)


def shortened(path: Path) -> None:
    Brock().write(path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return (os.system, ("echo ran > ran",))


WRONG: dict[str, tuple[Callable[[Path], None], str]] = {
    "no first layer": (
        changed(lambda s: without(s, "linear.weight")),
        r"holds a BigGAN, .*`linear\.weight` is missing",
    ),
    "no convolution": (
        changed(lambda s: without(s, "blocks.1.0.conv2.weight")),
        r"`blocks\.1\.0\.conv2\.weight` is missing",
    ),
    "no statistics": (
        changed(lambda s: without(s, "blocks.0.0.bn1.stored_var")),
        r"`blocks\.0\.0\.bn1\.stored_var` is missing",
    ),
    "one block too few": (
        changed(lambda s: {n: v for n, v in s.items() if not n.startswith("blocks.1.")}),
        "do not fit",
    ),
    "a bias too long": (
        changed(lambda s: s | {"linear.bias": torch.ones(3)}),
        "`linear.bias` is 3 instead of 256",
    ),
    "a flat kernel": (
        changed(lambda s: s | {"output_layer.2.weight": torch.ones(3, 8)}),
        "is 3x8 instead of anyxanyxanyxany",
    ),
    "an empty kernel": (
        changed(lambda s: s | {"linear.weight": torch.ones(0, 3)}),
        "is 0x3 instead of",
    ),
    "channels that do not meet": (
        changed(lambda s: s | {"blocks.1.0.conv2.weight": torch.ones(8, 9, 3, 3)}),
        "do not fit|not built",
    ),
    "no spectral norm": (
        changed(lambda s: s | {"linear.u0": torch.zeros(1, 256)}),
        "the spectral norm of `linear` is nan",
    ),
    "something more": (
        changed(lambda s: s | {"shared_feat.weight": torch.ones(2, 2)}),
        "also has `shared_feat.weight`",
    ),
    "not finite": (
        changed(lambda s: s | {"linear.bias": torch.full((256,), float("nan"))}),
        "linear|start",
    ),
    "no embedding": (
        deeply(lambda s: without(s, "embeddings.weight")),
        r"`embeddings\.weight` is missing",
    ),
    "no u": (
        deeply(lambda s: without(s, "generator.gen_z.weight_u")),
        r"`generator\.gen_z\.weight_u` is missing",
    ),
    "tables of two lengths": (
        deeply(lambda s: s | {"generator.bn.running_vars": torch.ones(50, 8)}),
        "50x8 instead of 51x8",
    ),
    "one normalisation with another table": (
        deeply(
            lambda s: (
                s
                | {
                    "generator.layers.0.bn_0.running_means": torch.ones(7, 16),
                    "generator.layers.0.bn_0.running_vars": torch.ones(7, 16),
                }
            )
        ),
        "do not fit|not built",
    ),
    "a discriminator": (
        lambda path: torch.save({"blocks.0.0.conv1.weight": torch.ones(2, 2)}, path),
        "holds the discriminator of a BigGAN",
    ),
    "half a file": (shortened, "damaged or truncated"),
    "a program": (
        lambda path: torch.save(Brock().state() | {"x": Evil()}, path),
        "asks to run .*Nothing was run",
    ),
}


@pytest.mark.parametrize("kind", WRONG)
def test_bad_files_get_a_sentence(kind: str, tmp_path: Path) -> None:
    write, words = WRONG[kind]
    path = tmp_path / "thing.bin"
    write(path)
    library = Library(tmp_path / "home")
    with pytest.raises(RefusedFile, match=words) as caught:
        library.import_file(path)
    assert "\n" not in caught.value.sentence
    assert not list((tmp_path / "home").rglob("*.safetensors"))
    assert not (tmp_path / "ran").exists()


def test_weights_of_old_torch_have_no_v(tmp_path: Path) -> None:
    """Then σ is |uW|: with u a singular vector the same."""
    state = {n: v for n, v in HuggingFace().state().items() if not n.endswith("weight_v")}
    weight = state["generator.gen_z.weight_orig"]
    left, values, _ = torch.linalg.svd(weight, full_matrices=False)
    state["generator.gen_z.weight_u"] = left[:, 0]
    torch.save(state, tmp_path / "old.bin")
    card, read = read_foreign(tmp_path / "old.bin")
    ours = read["synthesis.start.affine.weight"][0, : weight.shape[1]]
    ours = ours / np.sqrt(card.hyper["w_dim"])
    np.testing.assert_allclose(ours, weight[0] / values[0], rtol=1e-5)


def test_a_thousand_classes_bear_the_names_of_imagenet(tmp_path: Path) -> None:
    library = Library(tmp_path / "home")
    info = library.import_file(HuggingFace(classes=1000).write(tmp_path))
    assert info.class_names[207] == "Golden Retriever"
    assert len(set(info.class_names)) == 1000
    assert "names of ImageNet" in info.provenance
    few = library.import_file(Brock().write(tmp_path / "few.pth"))
    assert few.class_names == tuple(f"class {index}" for index in range(5))
