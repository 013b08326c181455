"""Hyper-parameters of a generator from its tensors' shapes, and its layer table from those.

Torch-free, so that the library can list models and read foreign files without torch. `state`
maps canonical names to anything with a `.shape`; `kwargs` is what the file says of itself, which
may be empty or wrong: shapes win.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from models.errors import RefusedFile
from models.layers import Layer, LayerSpec, number_styles


class Shaped(Protocol):
    @property
    def shape(self) -> tuple[int, ...]: ...


State = Mapping[str, Any]

_STYLEGAN2_BLOCK = re.compile(r"synthesis\.b(\d{1,6})\.conv1\.weight")
_STYLEGAN3_LAYER = re.compile(r"synthesis\.(L(\d{1,3})_(\d{1,6})_(\d{1,6}))\.weight")
_BIGGAN_BLOCK = re.compile(r"synthesis\.block(\d{1,2})\.conv0\.weight")
_BIGGAN_ATTENTION = re.compile(r"synthesis\.attention(\d{1,2})\.theta\.weight")


# ---------------------------------------------------------------- what both share


def _mapping_hyper(state: State, kwargs: Mapping[str, Any]) -> dict[str, Any]:
    depth = 0
    while f"mapping.fc{depth}.weight" in state:
        depth += 1
    if not 1 <= depth <= 64:
        raise _unusual("its mapping network has no layers that Lodestone knows")
    first = _shape(state, "mapping.fc0.weight", 2)
    last = _shape(state, f"mapping.fc{depth - 1}.weight", 2)
    c_dim = embed = 0
    if "mapping.embed.weight" in state:
        embed, c_dim = _shape(state, "mapping.embed.weight", 2)
    per_class = "mapping.w_avg" in state and len(state["mapping.w_avg"].shape) == 2
    return {
        "z_dim": first[1] - embed,
        "w_dim": last[0],
        "c_dim": c_dim,
        "mapping_layers": depth,
        "mapping_width": None if depth == 1 or first[0] == last[0] else first[0],
        "embed_width": None if embed in (0, last[0]) else embed,
        "lr_multiplier": _number(kwargs.get("lr_multiplier", 0.01)),
        "w_avg_per_class": bool(per_class and c_dim),
    }


def _shape(state: State, name: str, dimensions: int) -> tuple[int, ...]:
    if name not in state:
        raise _unusual(f"`{name}` is missing")
    shape = tuple(int(n) for n in state[name].shape)
    if len(shape) != dimensions or min(shape, default=1) < 1:
        raise _unusual(f"`{name}` has the shape {shape}")
    return shape


def _clamp(kwargs: Mapping[str, Any], default: float | None) -> float | None:
    clamp = kwargs.get("conv_clamp", default)
    return None if clamp is None else _number(clamp)


def _number(value: Any) -> float:
    if not isinstance(value, int | float) or not abs(value) < 1e9:
        raise _unusual(f"one of its settings is {str(value)[:20]!r} instead of a number")
    return float(value)


def _unusual(what: str) -> RefusedFile:
    return RefusedFile(
        f"This generator is not built like a published one: {what}. "
        "Save it again with the code that trained it."
    )


# ---------------------------------------------------------------- StyleGAN2


def is_stylegan2(state: State) -> bool:
    return "synthesis.b4.const" in state and "mapping.fc0.weight" in state


def stylegan2_hyper(state: State, kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON form of `models.stylegan2.Config`."""
    found = sorted(int(m[1]) for name in state if (m := _STYLEGAN2_BLOCK.fullmatch(name)))
    if not found or found != [4 * 2**i for i in range(len(found))] or len(found) > 11:
        raise _unusual(f"its resolutions are {found}")
    resolution = found[-1]
    channels = [_shape(state, f"synthesis.b{r}.conv1.weight", 4)[0] for r in found]
    if any(name.endswith(".skip.weight") for name in state):
        architecture = "resnet"
    elif "synthesis.b4.torgb.weight" in state:
        architecture = "skip"
    else:
        architecture = "orig"
    return {
        "resolution": resolution,
        "channels": channels,
        "img_channels": _shape(state, f"synthesis.b{resolution}.torgb.weight", 4)[0],
        "architecture": architecture,
        "conv_clamp": _clamp(kwargs, None),
        **_mapping_hyper(state, kwargs),
    }


def stylegan2_layers(hyper: Mapping[str, Any]) -> tuple[Layer, ...]:
    """The layer table of a StyleGAN2, as `models.stylegan2.layer_table` gives it."""
    specs: list[LayerSpec] = []
    index = inputs = 0
    levels = len(hyper["channels"])
    if not 1 <= levels <= 11 or hyper["resolution"] != 4 * 2 ** (levels - 1):
        raise ValueError("resolution and channels do not belong together")
    for level, outputs in enumerate(hyper["channels"]):
        size = 4 * 2**level
        if inputs:
            specs.append(LayerSpec(f"b{size}.conv0", index, size, inputs, noise=True))
            index += 1
        specs.append(LayerSpec(f"b{size}.conv1", index, size, outputs, noise=True))
        index += 1
        if hyper.get("architecture", "skip") == "skip" or size == hyper["resolution"]:
            # A toRGB shares its row of w+ with the next block's first convolution.
            specs.append(LayerSpec(f"b{size}.torgb", index, size, outputs, to_rgb=True))
        inputs = outputs
    return number_styles(specs)


# ---------------------------------------------------------------- StyleGAN3


@dataclass(frozen=True)
class Band:
    """Signal of one StyleGAN3 layer's output (arXiv 2106.12423, appendix C.1)."""

    size: int
    """Pixels of one side, margin included."""
    rate: int
    """Sampling rate, samples per picture width."""
    cutoff: float
    """Cutoff frequency f_c."""
    half_width: float
    """Half of the filter's transition band, f_h."""


_STYLEGAN3_DEFAULTS: Mapping[str, Any] = {
    "num_critical": 2,
    "first_cutoff": 2.0,
    "first_stopband": 2.0**2.1,
    "last_stopband_rel": 2.0**0.3,
    "margin_size": 10,
    "output_scale": 0.25,
    "filter_size": 6,
    "lrelu_upsampling": 2,
}


def is_stylegan3(state: State) -> bool:
    return "synthesis.input.freqs" in state and "mapping.fc0.weight" in state


def stylegan3_bands(hyper: Mapping[str, Any]) -> tuple[Band, ...]:
    """One band a layer, the toRGB included; the first is also the Fourier input's."""
    count = len(hyper["channels"]) - 1
    last_cutoff = hyper["resolution"] / 2
    last_stopband = last_cutoff * hyper["last_stopband_rel"]
    first_cutoff, first_stopband = hyper["first_cutoff"], hyper["first_stopband"]
    ramp = np.minimum(np.arange(count + 1) / (count - hyper["num_critical"]), 1.0)
    cutoffs = first_cutoff * (last_cutoff / first_cutoff) ** ramp
    stopbands = first_stopband * (last_stopband / first_stopband) ** ramp
    rates = np.exp2(np.ceil(np.log2(np.minimum(stopbands * 2, hyper["resolution"]))))
    half_widths = np.maximum(stopbands, rates / 2) - cutoffs
    sizes = rates + hyper["margin_size"] * 2
    sizes[-2:] = hyper["resolution"]
    return tuple(
        Band(int(size), int(rate), float(cutoff), float(half))
        for size, rate, cutoff, half in zip(sizes, rates, cutoffs, half_widths, strict=True)
    )


def stylegan3_names(hyper: Mapping[str, Any]) -> tuple[str, ...]:
    """`L0_36_512` …: index, output size, output channels."""
    bands = stylegan3_bands(hyper)
    pairs = zip(bands, hyper["channels"], strict=True)
    return tuple(f"L{i}_{band.size}_{channels}" for i, (band, channels) in enumerate(pairs))


def stylegan3_layers(hyper: Mapping[str, Any]) -> tuple[Layer, ...]:
    """The layer table of a StyleGAN3. `input` has four styles: rotation (2) and shift (2)."""
    bands, channels = stylegan3_bands(hyper), list(hyper["channels"])
    specs = [LayerSpec("input", 0, bands[0].size, 4)]
    inputs = [channels[0], *channels[:-1]]
    for index, name in enumerate(stylegan3_names(hyper)):
        rgb = index == len(channels) - 1
        specs.append(LayerSpec(name, index + 1, bands[index].size, inputs[index], to_rgb=rgb))
    return number_styles(specs)


def stylegan3_hyper(state: State, kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON form of `models.stylegan3.Config`."""
    matches = [m for name in state if (m := _STYLEGAN3_LAYER.fullmatch(name))]
    matches.sort(key=lambda m: int(m[2]))
    if len(matches) < 4 or [int(m[2]) for m in matches] != list(range(len(matches))):
        raise _unusual("its synthesis layers are not numbered L0, L1, L2 …")
    names = [m[1] for m in matches]
    weights = [_shape(state, f"synthesis.{name}.weight", 4) for name in names]
    filters = [state.get(f"synthesis.{name}.down_filter") for name in names]
    hyper = {
        "resolution": int(matches[-1][3]),
        "channels": [shape[0] for shape in weights],
        "conv_kernel": weights[0][2],
        "radial": any(f is not None and len(f.shape) == 2 for f in filters),
        "conv_clamp": _clamp(kwargs, 256.0),
        **{
            key: type(value)(_number(kwargs.get(key, value)))
            for key, value in _STYLEGAN3_DEFAULTS.items()
        },
        **_mapping_hyper(state, kwargs),
    }
    for key in ("mapping_width", "embed_width", "w_avg_per_class"):
        hyper.pop(key)
    if stylegan3_names(hyper) != tuple(names):
        raise _unusual("its layer sizes do not follow the StyleGAN3 schedule")
    return hyper


# ---------------------------------------------------------------- BigGAN

_BIGGAN_LARGEST = 2048
"""Pixels, one side: four times the largest published one."""


def is_biggan(state: State, deep: bool) -> bool:
    return (
        "synthesis.start.affine.weight" in state
        and "synthesis.block0.conv0.weight" in state
        and ("synthesis.block0.conv3.weight" in state) == deep
    )


def biggan_hyper(state: State, kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON form of `models.biggan.Config`.

    Which blocks double the resolution is in no shape: `kwargs["up"]` tells, else it is as published
    (every block of a BigGAN, every second of a BigGAN-deep). So is the normalisation's epsilon.
    """
    blocks = sorted(int(m[1]) for name in state if (m := _BIGGAN_BLOCK.fullmatch(name)))
    if not blocks or blocks != list(range(len(blocks))):
        raise _unusual("its blocks are not numbered 0, 1, 2 …")
    firsts = [_shape(state, f"synthesis.block{i}.conv0.weight", 4) for i in blocks]
    deep = "synthesis.block0.conv3.weight" in state
    last = "conv3" if deep else "conv1"
    outputs = [_shape(state, f"synthesis.block{i}.{last}.weight", 4)[0] for i in blocks]
    embed, c_dim = _shape(state, "mapping.embed.weight", 2)
    elements, w_dim = _shape(state, "synthesis.start.affine.weight", 2)
    steps = _shape(state, "synthesis.output.mean", 2)[0]
    class_width = embed + (steps > 1)
    bottom = math.isqrt(elements // firsts[0][1])
    up = kwargs.get("up") or [not deep or index % 2 == 1 for index in blocks]
    up = [bool(doubles) for doubles in up]
    resolution = bottom * 2 ** sum(up)
    if len(up) != len(blocks) or w_dim <= class_width or resolution > _BIGGAN_LARGEST:
        raise _unusual(f"{len(blocks)} blocks do not make {resolution} pixels")
    return {
        "resolution": resolution,
        "channels": [shape[1] for shape in firsts] + outputs[-1:],
        "up": up,
        "z_dim": w_dim - class_width,
        "class_width": class_width,
        "w_dim": w_dim,
        "c_dim": c_dim,
        "hidden": [shape[0] for shape in firsts] if deep else [],
        "attention": sorted(int(m[1]) for n in state if (m := _BIGGAN_ATTENTION.fullmatch(n))),
        "bottom": bottom,
        "img_channels": _shape(state, "synthesis.output.conv.weight", 4)[0],
        "steps": steps,
        "eps": _number(kwargs.get("eps", 1e-5)),
    }


def biggan_layers(hyper: Mapping[str, Any]) -> tuple[Layer, ...]:
    """The layer table of a BigGAN: whatever reads the condition, each with a row of its own.

    `start` makes the first feature map and has all its numbers as styles; a conditional batch
    normalisation of C channels has C gains and C biases.
    """
    channels, hidden, up = hyper["channels"], hyper["hidden"], hyper["up"]
    size = hyper["bottom"]
    specs = [LayerSpec("start", 0, size, channels[0] * size**2)]
    for block, doubles in enumerate(up):
        before, after = size, size * (1 + bool(doubles))
        if hidden:
            inside = hidden[block]
            norms = [(before, channels[block]), (before, inside), (after, inside), (after, inside)]
        else:
            norms = [(before, channels[block]), (after, channels[block + 1])]
        for index, (pixels, width) in enumerate(norms):
            specs.append(LayerSpec(f"block{block}.norm{index}", len(specs), pixels, 2 * width))
        size = after
    return number_styles(specs)
