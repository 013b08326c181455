"""A generator small enough to be made, exported and drawn within a second: real in every part."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from models.files import Card, save_model


def tiny_card(path: Path, name: str = "tiny", seed: int = 0, c_dim: int = 0) -> Card:
    """A StyleGAN2 of 16 px with random weights, as a model file at `path`."""
    import torch

    from models.stylegan2 import Config, Generator

    torch.manual_seed(seed)
    config = Config(
        resolution=16, channels=(16, 16, 8), z_dim=16, w_dim=16, c_dim=c_dim, mapping_layers=2
    )
    generator = Generator(config)
    state = {key: value.numpy() for key, value in generator.state_dict().items()}
    return save_model(path, state, Card("stylegan2", name, dataclasses.asdict(config)))
