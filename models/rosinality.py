"""Checkpoints of rosinality's stylegan2-pytorch under the canonical names.

The same function in other words: its convolution weights carry a leading 1, its blur kernels are
multiplied by 4 for upsampling, its noise lies in a module of its own, and the truncation centre
(`latent_avg`) beside the state dict. Its demodulation works on weights scaled by 1/sqrt(fan-in),
which differs only through an epsilon of 1e-8.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from models.errors import RefusedFile
from models.pickled import TensorRef

_CENTRE_SAMPLES = 4096


def is_rosinality(state: Mapping[Any, Any]) -> bool:
    return "input.input" in state and "conv1.conv.modulation.weight" in state


def canonical(state: Mapping[str, TensorRef], centre: TensorRef | None) -> dict[str, np.ndarray]:
    """The tensors under the names of StyleGAN2-ADA, float32."""
    made: dict[str, np.ndarray] = {}
    for name, value in state.items():
        for pattern, rename in _rules():
            match = pattern.fullmatch(name)
            if match:
                target, array = rename(match, value.numpy())
                made[target] = array.astype(np.float32, copy=False)
                break
        else:
            raise RefusedFile(
                f"This rosinality checkpoint holds `{name[:80]}`, which the published code "
                "does not have. It comes from a changed version; convert it there."
            )
    _complete(made)
    made["mapping.w_avg"] = _centre(made) if centre is None else _flat(centre.numpy())
    return made


def _flat(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float32).reshape(-1)


Rename = Callable[[re.Match[str], np.ndarray], tuple[str, np.ndarray]]


def _conv_name(index: str) -> str:
    """`convs.0` is b8.conv0, `convs.1` b8.conv1, `convs.2` b16.conv0 …"""
    block, conv = divmod(int(index), 2)
    return f"synthesis.b{8 * 2**block}.conv{conv}"


def _rgb_name(index: str) -> str:
    return f"synthesis.b{8 * 2 ** int(index)}.torgb"


def _noise_name(index: str) -> str:
    return "synthesis.b4.conv1" if index == "0" else _conv_name(str(int(index) - 1))


def _layer_rules(prefix: str, name: Callable[[str], str]) -> list[tuple[str, Rename]]:
    """Rules of one styled convolution; `name` turns the digits of `prefix` into a layer."""

    def target(match: re.Match[str]) -> str:
        return name(match[1])

    return [
        (rf"{prefix}\.conv\.weight", lambda m, a: (f"{target(m)}.weight", a[0])),
        (
            rf"{prefix}\.conv\.modulation\.(weight|bias)",
            lambda m, a: (f"{target(m)}.affine.{m[2]}", a),
        ),
        (rf"{prefix}\.conv\.blur\.kernel", lambda m, a: (f"{target(m)}.resample_filter", a / 4)),
        (
            rf"{prefix}\.noise\.weight",
            lambda m, a: (f"{target(m)}.noise_strength", a.reshape(())),
        ),
        (rf"{prefix}\.activate\.bias", lambda m, a: (f"{target(m)}.bias", a)),
        (rf"{prefix}\.bias", lambda m, a: (f"{target(m)}.bias", a.reshape(-1))),
        (
            rf"{prefix}\.upsample\.kernel",
            lambda m, a: (f"{target(m).rpartition('.')[0]}.resample_filter", a / 4),
        ),
    ]


@functools.cache
def _rules() -> tuple[tuple[re.Pattern[str], Rename], ...]:
    rules: list[tuple[str, Rename]] = [
        (
            r"style\.(\d{1,2})\.(weight|bias)",
            lambda m, a: (f"mapping.fc{int(m[1]) - 1}.{m[2]}", a),
        ),
        (r"input\.input", lambda m, a: ("synthesis.b4.const", a[0])),
        (
            r"noises\.noise_(1[0-8]|\d)",
            lambda m, a: (f"{_noise_name(m[1])}.noise_const", a[0, 0]),
        ),
        *_layer_rules(r"conv(1)", lambda _: "synthesis.b4.conv1"),
        *_layer_rules(r"to_rgb(1)", lambda _: "synthesis.b4.torgb"),
        *_layer_rules(r"convs\.(1[0-7]|\d)", _conv_name),
        *_layer_rules(r"to_rgbs\.(\d)", _rgb_name),
    ]
    return tuple((re.compile(pattern), rename) for pattern, rename in rules)


def _complete(made: dict[str, np.ndarray]) -> None:
    """Fill in what some versions leave out: filters of layers without upsampling, noise."""
    taps = np.array([1.0, 3.0, 3.0, 1.0], np.float32)
    default = np.outer(taps, taps) / 64.0
    known = [array for name, array in made.items() if name.endswith("resample_filter")]
    for name in [n for n in made if n.endswith(".affine.weight")]:
        layer = name.removesuffix(".affine.weight")
        block = layer.rpartition(".")[0]
        made.setdefault(f"{block}.resample_filter", known[0] if known else default)
        if layer.endswith("torgb"):
            continue
        made.setdefault(f"{layer}.resample_filter", known[0] if known else default)
        size = int(block.rpartition("b")[2])
        if f"{layer}.noise_const" not in made:
            values = np.random.RandomState(size).randn(size, size)
            made[f"{layer}.noise_const"] = values.astype(np.float32)


def _centre(made: Mapping[str, np.ndarray]) -> np.ndarray:
    """Mean of mapped latents, when the file stores none."""
    width = made["mapping.fc0.weight"].shape[1]
    x = np.random.RandomState(0).randn(_CENTRE_SAMPLES, width).astype(np.float32)
    x /= np.sqrt(np.mean(x * x, axis=1, keepdims=True) + 1e-8)
    index = 0
    while f"mapping.fc{index}.weight" in made:
        weight = made[f"mapping.fc{index}.weight"]
        gain = 0.01 / np.sqrt(weight.shape[1])
        x = x @ (weight.T * np.float32(gain)) + made[f"mapping.fc{index}.bias"] * np.float32(0.01)
        x = np.where(x > 0, x, 0.2 * x) * np.float32(np.sqrt(2.0))
        index += 1
    return x.mean(axis=0).astype(np.float32)
