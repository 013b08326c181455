"""BigGAN-deep as `pytorch-pretrained-BigGAN` stores it: `pytorch_model.bin` and `config.json`.

DeepMind's published weights, ported. Each normalisation has its statistics for 51 truncations from
0 to 1; they are kept, and looked up by the picture's truncation with linear interpolation (that
code swaps the two weights between its 51 steps; on the steps it draws the same).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from models.biggan_parts import Condition, Tensors
from models.errors import RefusedFile
from models.pickled import TensorRef

_LAYER = re.compile(r"generator\.layers\.(\d{1,2})\.(conv_0|snconv1x1_theta)\.weight(_orig)?")
_CONFIG_LIMIT = 2**16
_EPS = 1e-4
_BOTTOM = 4


def is_huggingface(state: Mapping[str, Any]) -> bool:
    return any(name.startswith(("generator.gen_z.", "generator.layers.0.bn_0.")) for name in state)


def canonical(
    state: Mapping[str, TensorRef], path: Path
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Tensors under our names, and what the config beside `path` says beyond shapes, if any."""
    tensors = Tensors(state, path.name)
    embed = tensors.take("embeddings.weight", None, None)
    first = tensors.weight("generator.gen_z", None, None)
    if first.shape[1] <= len(embed):
        raise tensors.refusal("its first layer reads no z beside the class")
    steps = tensors.shape("generator.bn.running_means")[0]
    condition = Condition(first.shape[1] - len(embed), embed, tells_truncation=steps > 1)
    made = condition.mapping() | _first(tensors, condition, first)
    found = {int(m[1]): m[2] for name in state if (m := _LAYER.fullmatch(name))}
    blocks = [index for index in sorted(found) if found[index] == "conv_0"]
    for index in sorted(found):
        # Here a non-local block takes a number of its own among the layers.
        ours = sum(block < index for block in blocks)
        theirs = f"generator.layers.{index}"
        if found[index] == "conv_0":
            made |= _block(tensors, theirs, ours, condition)
        else:
            made |= _attention(tensors, theirs, f"synthesis.attention{ours}")
    made |= _output(tensors)
    tensors.refuse_others("num_batches_tracked")
    return made, _facts(path, made, len(blocks))


def read_config(path: Path) -> dict[str, Any]:
    """The BigGAN config beside a weights file; empty when there is none."""
    own = path.name.replace("pytorch_model.bin", "config.json")
    for name in dict.fromkeys((own, "config.json")):
        try:
            with path.with_name(name).open("rb") as file:
                found = json.loads(file.read(_CONFIG_LIMIT))
        except (OSError, ValueError, RecursionError):
            continue  # not there, or another program's: the weights tell as much
        if isinstance(found, dict) and "channel_width" in found and "layers" in found:
            return found
    return {}


def _facts(path: Path, made: Mapping[str, np.ndarray], blocks: int) -> dict[str, Any]:
    """Epsilon and which blocks double the resolution; a config of other weights is refused."""
    config = read_config(path)
    if not config:
        return {"eps": _EPS}
    try:
        width = int(config["channel_width"])
        told = [(bool(up), width * int(i), width * int(o)) for up, i, o in config["layers"]]
        eps = float(config.get("eps", _EPS))
    except (TypeError, ValueError, OverflowError) as error:
        raise _other_config(path) from error
    shapes = [made[f"synthesis.block{i}.conv0.weight"].shape[1] for i in range(blocks)]
    ends = [made[f"synthesis.block{i}.conv3.weight"].shape[0] for i in range(blocks)]
    if [layer[1:] for layer in told] != list(zip(shapes, ends, strict=True)) or not 0 < eps < 1:
        raise _other_config(path)
    return {"eps": eps, "up": [up for up, _, _ in told]}


def _other_config(path: Path) -> RefusedFile:
    return RefusedFile(
        f"{path.name} holds a BigGAN, but the config.json beside it describes another one. "
        "Put the one that belongs to it there, or take it away."
    )


def _first(tensors: Tensors, condition: Condition, weight: np.ndarray) -> dict[str, np.ndarray]:
    """Its first feature map has its channels last; ours come first."""
    bias = tensors.take("generator.gen_z.bias", len(weight))
    if len(weight) % _BOTTOM**2:
        raise tensors.refusal(f"its first layer makes {len(weight)} numbers")
    order = np.arange(len(weight)).reshape(_BOTTOM**2, -1).T.reshape(-1)
    places = np.arange(weight.shape[1])
    return condition.affine("start", (weight[order],), places, bias[order])


def _block(
    tensors: Tensors, theirs: str, index: int, condition: Condition
) -> dict[str, np.ndarray]:
    ours = f"synthesis.block{index}"
    places = np.concatenate([condition.of_z(0, condition.z_dim), condition.of_class()])
    made: dict[str, np.ndarray] = {}
    for number in range(4):
        norm = f"{theirs}.bn_{number}"
        gain = tensors.weight(f"{norm}.scale", None, len(places))
        bias = tensors.weight(f"{norm}.offset", len(gain), len(places))
        made |= condition.norm(f"block{index}.norm{number}", gain, bias, places)
        made |= _statistics(tensors, norm, f"{ours}.norm{number}")
        made |= _conv(tensors, f"{theirs}.conv_{number}", f"{ours}.conv{number}")
    return made


def _conv(tensors: Tensors, theirs: str, ours: str) -> dict[str, np.ndarray]:
    weight = tensors.weight(theirs, None, None, None, None)
    return {f"{ours}.weight": weight, f"{ours}.bias": tensors.take(f"{theirs}.bias", len(weight))}


def _statistics(tensors: Tensors, theirs: str, ours: str) -> dict[str, np.ndarray]:
    """Means and variances, (truncations, channels)."""
    means = tensors.take(f"{theirs}.running_means", None, None)
    return {
        f"{ours}.mean": means,
        f"{ours}.var": tensors.take(f"{theirs}.running_vars", *means.shape),
    }


def _attention(tensors: Tensors, theirs: str, ours: str) -> dict[str, np.ndarray]:
    """Its gain γ is folded into its last convolution."""
    gamma = tensors.number(f"{theirs}.gamma")
    names = {"theta": "theta", "phi": "phi", "g": "value", "o_conv": "out"}
    made = {
        f"{ours}.{mine}.weight": tensors.weight(f"{theirs}.snconv1x1_{name}", None, None, 1, 1)
        for name, mine in names.items()
    }
    made[f"{ours}.out.weight"] = made[f"{ours}.out.weight"] * gamma
    return made


def _output(tensors: Tensors) -> dict[str, np.ndarray]:
    """Its last convolution makes as many channels as it reads; only three are colours."""
    gain = tensors.take("generator.bn.weight", None)
    conv = _conv(tensors, "generator.conv_to_rgb", "synthesis.output.conv")
    return {
        "synthesis.output.gain": gain[None],
        "synthesis.output.bias": tensors.take("generator.bn.bias", len(gain))[None],
        **_statistics(tensors, "generator.bn", "synthesis.output"),
        **{name: array[:3] for name, array in conv.items()},
    }
