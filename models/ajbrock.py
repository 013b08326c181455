"""Checkpoints of BigGAN-PyTorch (A. Brock's `G_ema.pth`, `G.pth`) as canonical tensors.

BigGAN and BigGAN-deep of that code, with z in chunks or whole, with a shared class embedding or a
gain and a bias per class, and the conversions of the published TensorFlow weights that its
converter writes. Its conditions are [class, z]; ours are [z, class].

Its synchronised batch norm multiplies by the gain when it trains on several cards, but adds it when
it draws; here it is multiplied by, as in training.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from models.biggan_parts import Condition, Tensors
from models.pickled import TensorRef

_BLOCK = re.compile(r"blocks\.(\d{1,2})\.0\.conv1\.weight")
_ATTENTION = re.compile(r"blocks\.(\d{1,2})\.1\.theta\.weight")


def is_ajbrock(state: Mapping[str, Any]) -> bool:
    """A generator (a discriminator has neither normalisations nor an output layer)."""
    return "blocks.0.0.conv1.weight" in state and any(
        name.startswith(("blocks.0.0.bn1.", "output_layer.", "shared.")) for name in state
    )


def canonical(
    state: Mapping[str, TensorRef], file_name: str
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Tensors under our names, and what the file says of itself beyond shapes."""
    tensors = Tensors(state, file_name)
    blocks = 1 + max(int(m[1]) for name in state if (m := _BLOCK.fullmatch(name)))
    deep = "blocks.0.0.conv4.weight" in state
    # The converter of TensorFlow weights leaves `sv0` out; those use another epsilon.
    converted = "linear.u0" in state and "linear.sv0" not in state
    condition, chunk = _condition(tensors, blocks, deep)
    made = condition.mapping() | _first(tensors, condition, chunk, deep)
    for index in range(blocks):
        places = _places(condition, index, chunk, deep)
        made |= _block(tensors, index, condition, places, deep)
    for index in sorted(int(m[1]) for name in state if (m := _ATTENTION.fullmatch(name))):
        made |= _attention(tensors, index)
    made |= _output(tensors)
    tensors.refuse_others("sv0", "accumulation_counter", "num_batches_tracked")
    return made, {"eps": 1e-4 if converted else 1e-5}


def _condition(tensors: Tensors, blocks: int, deep: bool) -> tuple[Condition, int]:
    """The layout of w, and how many numbers of z each layer reads (0 = all in the first layer)."""
    inputs = tensors.shape("linear.weight")[-1]
    gain = tensors.shape("blocks.0.0.bn1.gain.weight")
    if "shared.weight" not in tensors:
        # Without a shared embedding every normalisation has one of its own: (classes, channels).
        return Condition(inputs, np.eye(gain[0], dtype=np.float32)), 0
    embed = tensors.take("shared.weight", None, None).T
    if deep:
        if inputs <= len(embed):
            raise tensors.refusal("its first layer does not read the class")
        return Condition(inputs - len(embed), embed), 0
    chunk = gain[-1] - len(embed)
    if chunk not in (0, inputs):
        raise tensors.refusal(f"its blocks read {chunk} numbers of z and its first layer {inputs}")
    return Condition(inputs * (blocks + 1) if chunk else inputs, embed), chunk


def _places(condition: Condition, block: int, chunk: int, deep: bool) -> np.ndarray:
    """Which numbers of w the normalisations of a block read, in the file's order."""
    if deep:
        return np.concatenate([condition.of_class(), condition.of_z(0, condition.z_dim)])
    return np.concatenate([condition.of_class(), condition.of_z((block + 1) * chunk, chunk)])


def _first(tensors: Tensors, condition: Condition, chunk: int, deep: bool) -> dict[str, np.ndarray]:
    weight = tensors.weight("linear", None, None)
    bias = tensors.take("linear.bias", len(weight))
    places = condition.of_z(0, chunk or condition.z_dim)
    if deep:
        places = _places(condition, 0, 0, deep)
    return condition.affine("start", (weight,), places, bias)


def _block(
    tensors: Tensors, index: int, condition: Condition, places: np.ndarray, deep: bool
) -> dict[str, np.ndarray]:
    theirs, ours = f"blocks.{index}.0", f"synthesis.block{index}"
    made: dict[str, np.ndarray] = {}
    for number in range(4 if deep else 2):
        norm = f"{theirs}.bn{number + 1}"
        made |= condition.norm(
            f"block{index}.norm{number}",
            _gain_or_bias(tensors, f"{norm}.gain", len(places)),
            _gain_or_bias(tensors, f"{norm}.bias", len(places)),
            places,
        )
        made |= _statistics(tensors, norm, f"{ours}.norm{number}")
        made |= _conv(tensors, f"{theirs}.conv{number + 1}", f"{ours}.conv{number}")
    if not deep:
        made |= _conv(tensors, f"{theirs}.conv_sc", f"{ours}.skip")
    return made


def _gain_or_bias(tensors: Tensors, prefix: str, inputs: int) -> np.ndarray:
    """(channels, inputs)."""
    if "shared.weight" in tensors:
        return tensors.weight(prefix, None, inputs)
    return tensors.take(f"{prefix}.weight", inputs, None).T


def _conv(tensors: Tensors, theirs: str, ours: str) -> dict[str, np.ndarray]:
    weight = tensors.weight(theirs, None, None, None, None)
    return {f"{ours}.weight": weight, f"{ours}.bias": tensors.take(f"{theirs}.bias", len(weight))}


def _statistics(tensors: Tensors, theirs: str, ours: str) -> dict[str, np.ndarray]:
    """Mean and variance, (1, channels) each, of whichever batch norm the file was trained with.

    Its own batch norm can hold sums over batches ("standing statistics") beside their count.
    """
    made: dict[str, np.ndarray] = {}
    for ending in ("mean", "var"):
        names = [f"{theirs}.{part}_{ending}" for part in ("stored", "bn.stored", "bn.running")]
        name = next((n for n in names if n in tensors), names[0])
        values = tensors.take(name, None)
        counter = f"{theirs}.bn.accumulation_counter"
        count = float(tensors.number(counter)) if counter in tensors else 0.0
        made[f"{ours}.{ending}"] = values[None] / np.float32(count if count > 0.0 else 1.0)
    return made


def _attention(tensors: Tensors, block: int) -> dict[str, np.ndarray]:
    """The non-local block behind `block`, its gain γ folded into its last convolution."""
    theirs, ours = f"blocks.{block}.1", f"synthesis.attention{block + 1}"
    gamma = tensors.number(f"{theirs}.gamma")
    names = {"theta": "theta", "phi": "phi", "g": "value", "o": "out"}
    made = {
        f"{ours}.{mine}.weight": tensors.weight(f"{theirs}.{name}", None, None, 1, 1)
        for name, mine in names.items()
    }
    made[f"{ours}.out.weight"] = made[f"{ours}.out.weight"] * gamma
    return made


def _output(tensors: Tensors) -> dict[str, np.ndarray]:
    gain = tensors.take("output_layer.0.gain", None)
    bias = tensors.take("output_layer.0.bias", len(gain))
    return {
        "synthesis.output.gain": gain[None],
        "synthesis.output.bias": bias[None],
        **_statistics(tensors, "output_layer.0", "synthesis.output"),
        **_conv(tensors, "output_layer.2", "synthesis.output.conv"),
    }
