"""A small real generator on a shelf of its own, made once for all the tests of a process."""

from __future__ import annotations

import atexit
import dataclasses
import functools
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from engine.library import model_info
from engine.messages import ModelInfo
from engine.runtime import Runtime, open_runtime
from models.files import Card, read_card, save_model


def generator(c_dim: int = 3, **changes: Any) -> Any:
    """A StyleGAN2 of 32 px with random weights, biases and noise: nothing that is zero hides."""
    import torch

    from models.stylegan2 import Config, Generator

    torch.manual_seed(4)
    config = Config(32, (24, 24, 16, 8), 24, 20, c_dim, mapping_layers=2)
    made = Generator(dataclasses.replace(config, **changes)).eval().requires_grad_(False)
    for name, value in made.named_parameters():
        if name.endswith(("noise_strength", "bias")):
            value.add_(0.1 * torch.randn(value.shape))
    made.mapping.w_avg.copy_(torch.randn(made.mapping.w_avg.shape))
    return made


def save(made: Any, path: Path, name: str = "small") -> ModelInfo:
    state = {key: value.numpy() for key, value in made.state_dict().items()}
    names = tuple(("apple", "cherry", "tomato")[: made.c_dim])
    hyper = dataclasses.asdict(made.config)
    card = Card("stylegan2", name, hyper, class_names=names, attribution="Ada Löwe")
    return model_info(save_model(path, state, card), path)


@functools.cache
def folder() -> Path:
    """Where it lies; a process started by a test is told, and makes none of its own."""
    if "LODESTONE_TEST_SMALL" in os.environ:
        return Path(os.environ["LODESTONE_TEST_SMALL"])
    path = Path(tempfile.mkdtemp(prefix="lodestone-small-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


@functools.cache
def info() -> ModelInfo:
    """The generator as a card with its ONNX graphs beside it."""
    if "LODESTONE_TEST_SMALL" in os.environ:
        path = folder() / "small.safetensors"
        return model_info(read_card(path), path)
    from engine.export import export_onnx

    made = save(generator(), folder() / "small.safetensors")
    export_onnx(generator(), read_card(made.path), folder(), stem="small")
    return made


@functools.cache
def runtime() -> Runtime:
    return open_runtime(info(), "cpu")
