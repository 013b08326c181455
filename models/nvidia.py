"""Networks pickled by NVIDIA's StyleGAN2-ADA (PyTorch) and StyleGAN3 repositories.

Such a file carries the source code of its classes. None of it is kept or run: the reader sees a
tree of modules with their tensors and plain attributes, and that is all that is needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from models.pickled import Module, TensorRef
from models.unpickler import Malformed

_MAX_DEPTH = 12
_MAX_MODULES = 5_000


def find_generator(data: Any) -> Module | None:
    """The averaged generator of a snapshot, else the plain one, else the network itself."""
    if isinstance(data, Module):
        return data
    if isinstance(data, dict):
        for key in ("G_ema", "g_ema", "G", "generator"):
            if isinstance(data.get(key), Module):
                return data[key]
    return None


def modules(root: Module) -> Iterator[tuple[str, Module]]:
    """Every module with its dotted name; a tree of absurd size or depth is refused."""
    pending = [("", root, 0)]
    count = 0
    while pending:
        name, module, depth = pending.pop()
        count += 1
        if count > _MAX_MODULES or depth > _MAX_DEPTH:
            raise Malformed("its network is nested deeper than any generator")
        yield name, module
        for key, child in _members(module, "_modules").items():
            if isinstance(child, Module):
                pending.append((f"{name}{key}.", child, depth + 1))


def tensors(root: Module) -> dict[str, TensorRef]:
    """Parameters and buffers under their dotted names, not read yet."""
    found: dict[str, TensorRef] = {}
    for name, module in modules(root):
        for group in ("_parameters", "_buffers"):
            for key, value in _members(module, group).items():
                if isinstance(value, TensorRef):
                    found[f"{name}{key}"] = value
    return found


def _members(module: Module, group: str) -> dict[str, Any]:
    """One of a module's dictionaries; entries without a proper name are left out."""
    found = module.state.get(group)
    if not isinstance(found, dict):
        return {}
    return {k: v for k, v in found.items() if isinstance(k, str) and k.isprintable()}


def arguments(root: Module) -> dict[str, Any]:
    """What the network says of its hyper-parameters, flat: constructor arguments, attributes.

    Attributes win over arguments, because defaults differ between the two repositories and are
    not among the arguments.
    """
    found: dict[str, Any] = {}
    _merge(found, root.state.get("_init_kwargs"))
    for name, module in modules(root):
        if name == "synthesis.":
            attributes = ("num_critical", "margin_size", "output_scale")
            found |= _plain({key: module.state.get(key) for key in attributes})
        elif name.startswith("synthesis.") and "conv_clamp" in module.state:
            clamp = module.state["conv_clamp"]
            if clamp is None or isinstance(clamp, int | float):
                found["conv_clamp"] = clamp
        elif name == "mapping.fc0." and "bias_gain" in module.state:
            found |= _plain({"lr_multiplier": module.state["bias_gain"]})
    return found


def activations(root: Module) -> set[str]:
    """Names of the non-linearities in use, `linear` apart."""
    found = {module.state.get("activation") for _, module in modules(root)}
    return {name for name in found if isinstance(name, str) and name != "linear"}


def _merge(found: dict[str, Any], kwargs: Any) -> None:
    """Flatten nested `mapping_kwargs`, `synthesis_kwargs`; two levels are all there are."""
    if not isinstance(kwargs, dict):
        return
    found |= _plain(kwargs)
    for key in ("mapping_kwargs", "synthesis_kwargs"):
        inner = kwargs.get(key)
        if isinstance(inner, dict):
            found |= _plain(inner)


def _plain(values: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        key: value
        for key, value in values.items()
        if isinstance(key, str) and isinstance(value, int | float | str | bool)
    }
