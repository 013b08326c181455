"""Other people's files: the numbers carry over exactly and none of their code runs.

The `GOLDEN` digests were recorded once from the original classes (NVIDIA's StyleGAN2-ADA and
StyleGAN3, rosinality's stylegan2-pytorch) with the weights of `seeded`, on a CPU in float32.
"""

from __future__ import annotations

import argparse
import dataclasses
import pickle
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models import files, registry
from models.errors import RefusedFile
from models.files import Card
from models.foreign import read_foreign
from models.stylegan2 import Config as Config2
from models.stylegan2 import Generator as Generator2
from models.stylegan3 import Config as Config3
from models.stylegan3 import Generator as Generator3
from tests import standins
from tests.seeded import digest, latents, reseeded, seeded

BASE2 = Config2(resolution=16, channels=(16, 16, 8), z_dim=16, w_dim=16)
CHANNELS3 = (16, 16, 16, 16, 16, 16, 3)
BASE3 = Config3(resolution=16, channels=CHANNELS3, z_dim=16, w_dim=16, margin_size=4)

CASES: dict[str, tuple[Any, dict[str, Any], list[float]]] = {
    "skip": (
        dataclasses.replace(BASE2, mapping_layers=2),
        {"mapping_kwargs": {"num_layers": 2}},
        [-0.334008, 0.048499, -0.192392, -1.369375, 0.236614, -0.768657, -0.054673, 1.055576,
         0.476232, -0.137383, 1.70829],
    ),
    "resnet": (
        dataclasses.replace(BASE2, c_dim=3, architecture="resnet", conv_clamp=4.0),
        {"synthesis_kwargs": {"architecture": "resnet", "conv_clamp": 4.0}},
        [0.119886, 0.921123, 1.237683, -1.640719, -0.033009, -0.669623, 0.332373, 0.448349,
         0.017917, 0.172213, 1.137969],
    ),
    "orig": (
        dataclasses.replace(BASE2, mapping_layers=1, architecture="orig", img_channels=1),
        {"synthesis_kwargs": {"architecture": "orig"}},
        [-0.106862, 0.958744, 0.487852, -0.072835, -0.285807, 1.097619, 0.73472, 0.571364,
         0.098181, 0.358581, 0.538741],
    ),
    "stylegan3-t": (
        dataclasses.replace(BASE3, c_dim=3),
        {"margin_size": 4},
        [0.033617, 0.036063, 0.119928, -0.088019, -0.013303, -0.011321, -0.071936, -0.003806,
         -0.001006, -0.004804, 0.068252],
    ),
    "stylegan3-r": (
        dataclasses.replace(BASE3, conv_kernel=1, radial=True, output_scale=0.5),
        {"margin_size": 4, "output_scale": 0.5, "conv_kernel": 1, "use_radial_filters": True},
        [-0.186967, -0.184385, 0.016311, 0.102568, -0.023326, -0.020718, 0.163713, 0.029393,
         0.095001, 0.020877, 0.110451],
    ),
}  # fmt: skip
ROSINALITY = [
    0.950021, -0.095196, 2.676799, 1.483351, 1.631666, 0.091185, 0.393529, 0.577671, 1.404147,
    1.371964, 1.3834,
]  # fmt: skip


def state_of(config: Config2 | Config3) -> dict[str, np.ndarray]:
    generator = Generator2(config) if isinstance(config, Config2) else Generator3(config)
    return reseeded({name: value.numpy() for name, value in generator.state_dict().items()})


def draw(card: Card, state: dict[str, np.ndarray]) -> np.ndarray:
    generator = registry.build(card, state)
    c = None
    if generator.c_dim:
        c = torch.eye(generator.c_dim)[[0, -1]]
    w = generator.mapping(torch.from_numpy(latents(2, generator.z_dim)), c)
    return generator.synthesis(w[:, None].expand(-1, generator.num_ws, -1)).numpy()


@pytest.mark.parametrize("name", CASES)
def test_nvidia_pickles_draw_what_nvidias_classes_drew(name: str, tmp_path: Path) -> None:
    config, kwargs, golden = CASES[name]
    marker = tmp_path / "ran"
    state = state_of(config)
    path = standins.nvidia_pickle(tmp_path / "snapshot.pkl", state, marker, kwargs)
    card, read = read_foreign(path)
    assert card.hyper == {**dataclasses.asdict(config), "channels": list(config.channels)}
    assert all(np.array_equal(read[key], state[key]) for key in state)
    span = 5.0 if name in ("skip", "resnet", "orig") else 1.0
    assert digest(draw(card, read)) == pytest.approx(golden, abs=1e-5 * span)
    assert not marker.exists()


def test_the_embedded_source_would_have_run(tmp_path: Path) -> None:
    """The control: ordinary unpickling of the very same file leaves the marker."""
    marker = tmp_path / "ran"
    path = standins.nvidia_pickle(tmp_path / "a.pkl", state_of(BASE2), marker)
    read_foreign(path)
    assert not marker.exists()
    with standins.their_modules():
        pickle.loads(path.read_bytes())
    assert marker.exists()


def test_nothing_of_theirs_is_imported(tmp_path: Path) -> None:
    path = standins.nvidia_pickle(tmp_path / "a.pkl", state_of(BASE2), tmp_path / "ran")
    read_foreign(path)
    assert not {"torch_utils", "dnnlib", "torch_utils.persistence"} & set(sys.modules)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_pickle_protocol(protocol: int, tmp_path: Path) -> None:
    state = state_of(BASE2)
    path = standins.nvidia_pickle(
        tmp_path / "a.pkl", state, tmp_path / "ran", {"z_dim": 16}, protocol=protocol
    )
    _, read = read_foreign(path)
    assert np.array_equal(read["synthesis.b8.conv0.weight"], state["synthesis.b8.conv0.weight"])


@pytest.mark.parametrize("name", CASES)
def test_hyperparameters_without_stored_arguments(name: str, tmp_path: Path) -> None:
    """Attributes of the modules are enough, and for most networks the shapes alone."""
    config = CASES[name][0]
    attributes = {
        "synthesis": {"margin_size": 4, "output_scale": getattr(config, "output_scale", 1.0)},
        "synthesis.b4.conv1": {"conv_clamp": config.conv_clamp},
        "synthesis.L0_12_16": {"conv_clamp": config.conv_clamp},
        "mapping.fc0": {"bias_gain": 0.01},
    }
    path = standins.nvidia_pickle(
        tmp_path / "a.pkl", state_of(config), tmp_path / "ran", None, attributes
    )
    card, _ = read_foreign(path)
    assert card.hyper == {**dataclasses.asdict(config), "channels": list(config.channels)}


def test_attributes_win_over_arguments(tmp_path: Path) -> None:
    """The default of conv_clamp differs between NVIDIA's repositories; the layer knows it."""
    attributes = {"synthesis.b4.conv1": {"conv_clamp": 256}, "mapping.fc0": {"bias_gain": 1.0}}
    path = standins.nvidia_pickle(
        tmp_path / "a.pkl", state_of(BASE2), tmp_path / "ran", {"z_dim": 16}, attributes
    )
    card, _ = read_foreign(path)
    assert card.hyper["conv_clamp"] == 256.0
    assert card.hyper["lr_multiplier"] == 1.0


def test_trained_without_noise(tmp_path: Path) -> None:
    state = {n: a for n, a in state_of(BASE2).items() if ".noise_" not in n}
    path = standins.nvidia_pickle(tmp_path / "a.pkl", state, tmp_path / "ran")
    card, read = read_foreign(path)
    generator = registry.build(card, read)
    assert float(generator.noise_const().abs().max()) == 0.0


def test_embedding_and_hidden_width_of_their_own(tmp_path: Path) -> None:
    config = dataclasses.replace(BASE2, c_dim=5, embed_width=6, mapping_width=12, mapping_layers=4)
    path = standins.nvidia_pickle(tmp_path / "a.pkl", state_of(config), tmp_path / "ran")
    card, read = read_foreign(path)
    assert registry.build(card, read).config == config


def rosinality_canonical() -> dict[str, np.ndarray]:
    """The canonical tensors of the recorded network, seeded by rosinality's own names."""
    config = Config2(resolution=8, channels=(512, 512), z_dim=16, w_dim=16, mapping_layers=2)
    return {n: v.numpy() for n, v in Generator2(config).state_dict().items()}


@pytest.fixture(scope="module")
def rosinality_weights() -> dict[str, torch.Tensor]:
    theirs = standins.rosinality_state(rosinality_canonical())
    return {
        name: value if "kernel" in name else torch.from_numpy(seeded(name, tuple(value.shape)))
        for name, value in theirs.items()
    }


@pytest.mark.parametrize("zipped", [True, False])
def test_rosinality_draws_what_its_class_drew(
    zipped: bool, rosinality_weights: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    centre = torch.arange(16.0)
    checkpoint = {
        "g": {},
        "g_ema": rosinality_weights,
        "latent_avg": centre,
        "args": argparse.Namespace(size=8),
        "ada_aug_p": 0.1,
    }
    path = tmp_path / "550000.pt"
    torch.save(checkpoint, path, _use_new_zipfile_serialization=zipped)
    card, state = read_foreign(path)
    assert card.architecture == "stylegan2"
    assert card.hyper["channels"] == [512, 512]
    assert np.array_equal(state["mapping.w_avg"], centre.numpy())
    assert digest(draw(card, state)) == pytest.approx(ROSINALITY, abs=5e-5)


def test_rosinality_without_a_truncation_centre(
    rosinality_weights: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    """It is measured: the mean of mapped latents, within its own sampling error."""
    path = tmp_path / "a.pt"
    torch.save({"g_ema": rosinality_weights}, path)
    card, state = read_foreign(path)
    generator = registry.build(card, state)
    w = generator.mapping(torch.from_numpy(np.random.RandomState(9).randn(20_000, 16)).float())
    error = (w.mean(dim=0) - generator.w_avg).abs() / (w.std(dim=0) / 4096**0.5)
    assert float(error.max()) < 5.0


def test_the_extension_does_not_matter(tmp_path: Path) -> None:
    path = standins.nvidia_pickle(tmp_path / "a.png", state_of(BASE2), tmp_path / "ran")
    assert read_foreign(path)[0].architecture == "stylegan2"


def test_plain_tensors_without_a_card(tmp_path: Path) -> None:
    import safetensors.numpy

    path = tmp_path / "вес 模型.safetensors"
    safetensors.numpy.save_file(state_of(BASE2), path)
    card, state = read_foreign(path)
    assert card.name == "вес 模型"
    registry.build(card, state)


def test_broken_weights_are_refused(tmp_path: Path) -> None:
    state = state_of(BASE2)
    state["synthesis.b8.conv0.weight"][0, 0, 0, 0] = np.nan
    path = standins.nvidia_pickle(tmp_path / "a.pkl", state, tmp_path / "ran")
    with pytest.raises(RefusedFile, match=r"`synthesis\.b8\.conv0\.weight` contains NaN"):
        read_foreign(path)


def test_another_activation_is_refused(tmp_path: Path) -> None:
    attributes = {"synthesis.b4.conv1": {"activation": "swish"}}
    path = standins.nvidia_pickle(
        tmp_path / "a.pkl", state_of(BASE2), tmp_path / "ran", None, attributes
    )
    with pytest.raises(RefusedFile, match="activation 'swish'"):
        read_foreign(path)


def test_another_network_is_refused_by_its_class(tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    network = standins.tree({"conv.weight": np.ones((2, 2))}, "", {}, "", "SuperGenerator")
    with standins.their_modules():
        path.write_bytes(pickle.dumps({"G_ema": network}))
    with pytest.raises(RefusedFile, match="`SuperGenerator` that is neither"):
        read_foreign(path)


def tensorflow_pickle(path: Path) -> None:
    with standins.their_modules():
        path.write_bytes(pickle.dumps((standins.TFNetwork(), standins.TFNetwork())))


def torchscript(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(torch.nn.Linear(2, 2)).save(str(path))


def saved(*names: str) -> Any:
    return lambda path: torch.save({name: torch.ones(2, 2) for name in names}, path)


def written(content: bytes) -> Any:
    return lambda path: path.write_bytes(content)


def zipped(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, a=np.ones(3))


OTHERS = {
    "TensorFlow": (tensorflow_pickle, r"for TensorFlow\. Convert it once with `legacy\.py`"),
    "TorchScript": (torchscript, r"a TorchScript archive: a compiled program"),
    "BigGAN": (saved("shared.weight", "blocks.0.0.conv1.weight"), "holds a BigGAN"),
    "StyleGAN1": (saved("generator.progression.0.conv1.conv.weight"), "StyleGAN1 or ProGAN"),
    "discriminator": (saved("convs.0.0.weight"), "holds a discriminator"),
    "diffusion": (saved("model.diffusion_model.out.weight"), "holds a diffusion model"),
    "weights": (saved("fc.weight"), "not those of a generator Lodestone knows"),
    "no weights": (lambda path: torch.save({"a": 1}, path), "holds no model"),
    "PNG": (written(b"\x89PNG\r\n\x1a\n" + bytes(64)), "is a picture"),
    "WebP": (written(b"RIFF\x00\x00\x00\x00WEBPVP8 " + bytes(64)), "is a picture"),
    "ONNX": (written(b"\x08\x08\x12\x07pytorch" + bytes(64)), "is an ONNX graph"),
    "web page": (written(b"\n<!DOCTYPE html><html>"), "is a web page"),
    "LFS": (written(b"version https://git-lfs.github.com/spec/v1\n"), "Git LFS pointer"),
    "empty": (written(b""), "is empty"),
    "zip": (zipped, "a zip archive without a model"),
    "text": (written(b"hello, I am a text file\n" * 9), "cannot be read as a model"),
    "project": (written(b"SQLite format 3\x00" + bytes(64)), "Open it as a project"),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_other_files_get_one_sentence(kind: str, tmp_path: Path) -> None:
    write, words = OTHERS[kind]
    path = tmp_path / "thing.pkl"
    write(path)
    with pytest.raises(RefusedFile, match=words) as caught:
        read_foreign(path)
    assert caught.value.sentence.startswith("thing.pkl ")
    assert "\n" not in caught.value.sentence


def test_a_folder_and_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(RefusedFile, match="is a folder"):
        read_foreign(tmp_path)
    with pytest.raises(RefusedFile, match="There is no file"):
        read_foreign(tmp_path / "absent.pkl")


def test_a_file_larger_than_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import psutil

    path = standins.nvidia_pickle(tmp_path / "a.pkl", state_of(BASE2), tmp_path / "ran")
    tight = psutil.virtual_memory()._replace(available=1000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: tight)
    with pytest.raises(RefusedFile, match="of memory but only"):
        read_foreign(path)


def test_what_was_read_becomes_a_card(tmp_path: Path) -> None:
    config, kwargs, _ = CASES["stylegan3-r"]
    path = standins.nvidia_pickle(tmp_path / "a.pkl", state_of(config), tmp_path / "ran", kwargs)
    card, state = read_foreign(path)
    written_card = files.save_model(tmp_path / "a.safetensors", state, card)
    again, loaded = files.load_model(tmp_path / "a.safetensors")
    assert again == written_card
    assert np.array_equal(draw(again, loaded), draw(card, state))
