"""Files in other people's formats, written without their code.

The classes here only pickle the way theirs do. The source each network carries would leave a
marker file if anyone ran it: `torch_utils.persistence` stand-in really runs it, as theirs does.
"""

from __future__ import annotations

import contextlib
import pickle
import sys
import types
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch


class EasyDict(dict):
    """Pickles as `dnnlib.util.EasyDict`."""


class TFNetwork:
    """Pickles as `dnnlib.tflib.network.Network`."""


def _reconstruct_persistent_obj(meta: dict[str, Any]) -> Any:
    exec(meta["module_src"], {})
    return types.SimpleNamespace(**meta)


class Network:
    """One module of a network, pickled as NVIDIA's persistence does."""

    def __init__(self, class_name: str, state: dict[str, Any], source: str):
        self.class_name, self.state, self.source = class_name, state, source

    def __reduce__(self) -> tuple[Any, ...]:
        meta = {
            "type": "class",
            "version": 6,
            "module_src": self.source,
            "class_name": self.class_name,
            "state": self.state,
        }
        return (_reconstruct_persistent_obj, (meta,), None)


@contextlib.contextmanager
def their_modules() -> Iterator[None]:
    """While open, the stand-ins can be imported (and so pickled) under the original names."""
    placed = {
        ("torch_utils.persistence", "_reconstruct_persistent_obj"): _reconstruct_persistent_obj,
        ("dnnlib.util", "EasyDict"): EasyDict,
        ("dnnlib.tflib.network", "Network"): TFNetwork,
    }
    before = dict(sys.modules)
    for (module_name, name), thing in placed.items():
        parts = module_name.split(".")
        for depth in range(1, len(parts) + 1):
            sys.modules.setdefault(".".join(parts[:depth]), types.ModuleType(parts[0]))
        setattr(sys.modules[module_name], name, thing)
        thing.__module__, thing.__qualname__ = module_name, name
    try:
        yield
    finally:
        for name in set(sys.modules) - set(before):
            del sys.modules[name]


def marker_source(marker: Path) -> str:
    return f"import pathlib\npathlib.Path({str(marker)!r}).write_text('ran')"


def tree(
    state: Mapping[str, np.ndarray],
    source: str,
    attributes: Mapping[str, Mapping[str, Any]],
    prefix: str = "",
    class_name: str = "Generator",
) -> Network:
    """Nested stand-in modules out of flat tensor names; attributes by dotted module name."""
    parameters: OrderedDict[str, Any] = OrderedDict()
    buffers: OrderedDict[str, Any] = OrderedDict()
    children: OrderedDict[str, Any] = OrderedDict()
    for name, array in state.items():
        if not name.startswith(prefix):
            continue
        first, _, rest = name[len(prefix) :].partition(".")
        tensor = torch.tensor(np.asarray(array))
        if rest:
            if first not in children:
                inner = f"{prefix}{first}."
                children[first] = tree(state, source, attributes, inner, "Layer")
        elif first in ("weight", "bias", "const", "noise_strength"):
            parameters[first] = torch.nn.Parameter(tensor, requires_grad=False)
        else:
            buffers[first] = tensor
    members = {
        "training": False,
        "_parameters": parameters,
        "_buffers": buffers,
        "_non_persistent_buffers_set": set(),
        "_modules": children,
        "weight_gain": np.float64(0.25),
        "size": np.array([4, 4]),
    }
    members |= attributes.get(prefix.rstrip("."), {})
    return Network(class_name, members, source)


def nvidia_pickle(
    path: Path,
    state: Mapping[str, np.ndarray],
    marker: Path,
    kwargs: Mapping[str, Any] | None = None,
    attributes: Mapping[str, Mapping[str, Any]] | None = None,
    protocol: int = 4,
) -> Path:
    """A training snapshot as `training_loop.py` of NVIDIA's repositories pickles it."""
    attributes = {key: dict(value) for key, value in (attributes or {}).items()}
    if kwargs is not None:
        attributes.setdefault("", {})["_init_kwargs"] = EasyDict(kwargs)
    network = tree(state, marker_source(marker), attributes)
    snapshot = {
        "G": None,
        "D": None,
        "G_ema": network,
        "augment_pipe": None,
        "training_set_kwargs": EasyDict(path="x.zip", use_labels=False),
    }
    with their_modules(), open(path, "wb") as file:
        pickle.dump(snapshot, file, protocol=protocol)
    return path


def rosinality_state(canonical: Mapping[str, np.ndarray]) -> dict[str, torch.Tensor]:
    """Canonical StyleGAN2 (skip) tensors under rosinality's names and in its shapes."""
    made: dict[str, np.ndarray] = {}
    sizes = sorted(
        int(name.split(".")[1][1:]) for name in canonical if name.endswith("conv1.weight")
    )
    for name, array in canonical.items():
        if name.startswith("mapping.fc"):
            layer, kind = name.removeprefix("mapping.fc").split(".")
            made[f"style.{int(layer) + 1}.{kind}"] = array
        elif name == "synthesis.b4.const":
            made["input.input"] = array[None]
    for level, size in enumerate(sizes):
        for conv in ("conv0", "conv1"):
            source = f"synthesis.b{size}.{conv}"
            if f"{source}.weight" not in canonical:
                continue
            index = 2 * (level - 1) + int(conv[-1])
            target = "conv1" if level == 0 else f"convs.{index}"
            made[f"{target}.conv.weight"] = canonical[f"{source}.weight"][None]
            for kind in ("weight", "bias"):
                made[f"{target}.conv.modulation.{kind}"] = canonical[f"{source}.affine.{kind}"]
            made[f"{target}.noise.weight"] = canonical[f"{source}.noise_strength"].reshape(1)
            made[f"{target}.activate.bias"] = canonical[f"{source}.bias"]
            made[f"noises.noise_{index + 1 if level else 0}"] = canonical[f"{source}.noise_const"][
                None, None
            ]
            if conv == "conv0":
                made[f"{target}.conv.blur.kernel"] = canonical[f"{source}.resample_filter"] * 4
        source = f"synthesis.b{size}.torgb"
        target = "to_rgb1" if level == 0 else f"to_rgbs.{level - 1}"
        made[f"{target}.conv.weight"] = canonical[f"{source}.weight"][None]
        for kind in ("weight", "bias"):
            made[f"{target}.conv.modulation.{kind}"] = canonical[f"{source}.affine.{kind}"]
        made[f"{target}.bias"] = canonical[f"{source}.bias"].reshape(1, -1, 1, 1)
        if level:
            made[f"{target}.upsample.kernel"] = canonical[f"synthesis.b{size}.resample_filter"] * 4
    return {name: torch.tensor(np.asarray(array)) for name, array in made.items()}
