"""The architectures Lodestone knows: an explicit list, nothing registers itself.

Torch is imported only inside the functions that build networks, so listing models stays cheap.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from models import deduce
from models.errors import RefusedFile
from models.files import Card
from models.layers import Layer

C = TypeVar("C")

if TYPE_CHECKING:
    from models.biggan import Generator as BigGAN
    from models.stylegan2 import Generator as StyleGAN2
    from models.stylegan3 import Generator as StyleGAN3

    Generator = StyleGAN2 | StyleGAN3 | BigGAN


@dataclass(frozen=True)
class Architecture:
    """How one kind of generator is recognised, described and built."""

    id: str
    detect: Callable[[deduce.State], bool]
    """Whether these (canonical) tensor names and shapes are of this architecture."""
    hyper: Callable[[deduce.State, Mapping[str, Any]], dict[str, Any]]
    """(state, what the file says of itself) -> hyper-parameters; shapes win."""
    layers: Callable[[Mapping[str, Any]], tuple[Layer, ...]]
    build: Callable[[Mapping[str, Any]], Generator]
    """Hyper-parameters -> network with random weights."""


def architectures() -> tuple[Architecture, ...]:
    """Every architecture; the first whose `detect` agrees reads the file."""
    stylegan3 = (deduce.stylegan3_hyper, deduce.stylegan3_layers, _build_stylegan3)
    biggan = (deduce.biggan_hyper, deduce.biggan_layers, _build_biggan)
    return (
        Architecture(
            "stylegan2",
            deduce.is_stylegan2,
            deduce.stylegan2_hyper,
            deduce.stylegan2_layers,
            _build_stylegan2,
        ),
        Architecture("stylegan3-t", lambda s: _is_stylegan3(s, radial=False), *stylegan3),
        Architecture("stylegan3-r", lambda s: _is_stylegan3(s, radial=True), *stylegan3),
        Architecture("biggan", lambda s: deduce.is_biggan(s, deep=False), *biggan),
        Architecture("biggan-deep", lambda s: deduce.is_biggan(s, deep=True), *biggan),
    )


def detect(state: deduce.State) -> Architecture | None:
    """The architecture of a canonical state dict, None when none is known."""
    return next((kind for kind in architectures() if kind.detect(state)), None)


def architecture(card: Card) -> Architecture:
    """The architecture a card names."""
    for kind in architectures():
        if kind.id == card.architecture:
            return kind
    if card.architecture == "pyramid":
        raise RefusedFile(
            f"{card.name} is a pyramid, learnt from one picture. It draws in the Picture workspace "
            "and with `lodestone picture`."
        )
    raise RefusedFile(
        f"{card.name} is a `{card.architecture}` model, which this Lodestone does not know. "
        "Update Lodestone."
    )


def generator_layers(card: Card) -> tuple[Layer, ...]:
    """The layer table from the card alone; no torch, no weights."""
    try:
        with np.errstate(all="raise"):
            return architecture(card).layers(card.hyper)
    except (LookupError, ValueError, TypeError, ArithmeticError) as error:
        raise RefusedFile(
            f"The model card of {card.name} does not describe a generator. "
            "Import the original file again.",
            repr(error),
        ) from error


def build(card: Card, state: Mapping[str, np.ndarray]) -> Generator:
    """The generator of a card with its weights, on the CPU, in eval mode, without gradients.

    Its shape is deduced from the weights again, so that a wrong card cannot build a wrong or
    an enormous network.
    """
    import torch

    kind = architecture(card)
    if not kind.detect(state):
        raise _mismatch(card, f"the tensors are not those of {kind.id}")
    try:
        hyper = kind.hyper(state, card.hyper)
        # On `meta` nothing is allocated or initialised; the weights are then put in place.
        with torch.device("meta"):
            generator = kind.build(hyper)
        tensors = {
            name: torch.from_numpy(np.require(array, np.float32, ["C", "W"]))
            for name, array in state.items()
        }
        generator.load_state_dict(tensors, strict=True, assign=True)
    except (RuntimeError, ValueError, TypeError, LookupError, ArithmeticError) as error:
        raise _mismatch(card, "some tensors are missing or of another size", str(error)) from error
    return generator.eval().requires_grad_(False)


def _mismatch(card: Card, why: str, detail: str = "") -> RefusedFile:
    return RefusedFile(
        f"The weights of {card.name} do not fit its model card: {why}. "
        "Import the original file again.",
        detail,
    )


def _is_stylegan3(state: deduce.State, radial: bool) -> bool:
    if not deduce.is_stylegan3(state):
        return False
    kernels = [a.shape for name, a in state.items() if name.endswith("down_filter")]
    return any(len(shape) == 2 for shape in kernels) == radial


def _build_stylegan2(hyper: Mapping[str, Any]) -> Generator:
    from models.stylegan2 import Config, Generator

    return Generator(_config(Config, hyper))


def _build_stylegan3(hyper: Mapping[str, Any]) -> Generator:
    from models.stylegan3 import Config, Generator

    return Generator(_config(Config, hyper))


def _build_biggan(hyper: Mapping[str, Any]) -> Generator:
    from models.biggan import Config, Generator

    return Generator(_config(Config, hyper))


def _config(kind: Callable[..., C], hyper: Mapping[str, Any]) -> C:
    """JSON to a frozen config: known fields only, lists become tuples."""
    names = {f.name for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    return kind(
        **{
            key: tuple(value) if isinstance(value, list) else value
            for key, value in hyper.items()
            if key in names
        }
    )
