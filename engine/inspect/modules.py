"""Networks as torch modules, for jobs that need gradients or edits. Imports torch."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engine.inspect.onnx_files import described, unprepared
from engine.inspect.own import open_own
from engine.inspect.preprocessing import Preprocessing, assumed, lite
from engine.inspect.sources import Source, find
from engine.messages import NetworkInfo, NetworkLayer
from models import classifiers
from models.errors import LodestoneError, RefusedFile
from models.foreign import read_weights
from models.vit_names import renamed

PASSING = ("Identity", "Dropout", "Flatten")
"""Modules that are no layer of their own."""
CONTAINERS = ("Sequential", "ModuleList", "ModuleDict")
BENDS = ("ReLU", "ReLU6", "GELU", "SiLU", "LeakyReLU", "PReLU", "Hardswish", "ELU", "Tanh", "Mish")

MAIN = (*BENDS, "FourierUnit", "HiddenConv")
"""Modules whose output is looked at first; the last two are those of Lodestone's own networks."""


@dataclass(frozen=True, eq=False)
class OpenModule:
    """A network in eval mode, its weights frozen."""

    module: nn.Module
    """(N, C, rows, columns) float32 -> output (N, classes), or whatever it puts out."""
    info: NetworkInfo
    preprocessing: Preprocessing
    device: torch.device

    def prepare(self, pictures: Sequence[np.ndarray]) -> Tensor:
        """(H, W, 3) uint8 each -> (N, C, rows, columns) on the module's device."""
        return torch.from_numpy(self.preprocessing(pictures)).to(self.device)


def open_module(name: str, device: str = "auto") -> OpenModule:
    """A classifier by name or path; generators open with `engine.inspect.drawing`."""
    return open_source(find(name), device)


def open_source(source: Source, device: str = "auto") -> OpenModule:
    if source.kind == "generator":
        raise LodestoneError(f"{source.name} is a generator; it draws and classifies nothing.")
    if source.kind == "onnx":
        return _from_onnx(source, _device(device))
    note = ""
    if source.kind == "own":
        module, preprocessing, note = open_own(source.path)
    else:
        opening = _from_program if source.kind == "program" else _from_weights
        module, preprocessing = opening(source)
    where = _device(device)
    module = module.eval().requires_grad_(False).to(where)
    info = survey(module, preprocessing, where)
    info = dataclasses.replace(info, id=source.id, name=source.name, path=source.asked)
    if info.kind == "classifier" and len(source.classes) == info.layers[-1].units:
        info = dataclasses.replace(info, classes=source.classes)
    if source.kind == "program" and source.preprocessing is None:
        note = unprepared(source)
    info = dataclasses.replace(info, note=f"{note} {info.note}".strip())
    return OpenModule(module, info, preprocessing, where)


def _device(device: str) -> torch.device:
    wanted = device != "cpu" and torch.cuda.is_available()
    return torch.device("cuda" if wanted else "cpu")


def _from_weights(source: Source) -> tuple[nn.Module, Preprocessing]:
    state = {name: np.asarray(a) for name, a in read_weights(source.path).items()}
    kind = _recognised(state)
    if kind is None:
        raise RefusedFile(
            f"{source.path.name} holds weights of a network Lodestone does not know. "
            "Save it with torch.export (.pt2) or as ONNX."
        )
    if kind.id == "vit":
        state = renamed(state)
        kind.config.update({k: v for k, v in source.facts.items() if k == "heads"})
    module = classifiers.build(kind)
    tensors = {name: torch.from_numpy(_plain(array)) for name, array in state.items()}
    # Files written before torch 1.0 lack the counters of batches, which play no part here.
    counters = {n: t for n, t in module.state_dict().items() if n.endswith("num_batches_tracked")}
    try:
        module.load_state_dict(counters | tensors)
    except RuntimeError as error:
        raise RefusedFile(
            f"{source.path.name} looks like {kind.id}, but its tensors do not fit. "
            "Copy the file again from where it came from.",
            str(error),
        ) from error
    return module, source.preprocessing or published(kind)


def _recognised(state: Mapping[str, np.ndarray]) -> classifiers.Classifier | None:
    """None where the tensors are none of a known network's."""
    try:
        return classifiers.detect({name: array.shape for name, array in state.items()})
    except (LookupError, ValueError, TypeError, ArithmeticError):
        return None  # names like a known network's, but shapes that are not


def _from_onnx(source: Source, device: torch.device) -> OpenModule:
    """As the file's kept graph, with the same layers."""
    import onnx

    from engine.inspect.networks import ensure_graph
    from engine.inspect.onnx_module import open_graph

    kept, note = ensure_graph(source)
    if note.last or note.batch:
        raise RefusedFile(
            f"{source.path.name} takes a fixed number of pictures or channels last, for which "
            "there are no gradients here. Export it for any number (N, C, H, W)."
        )
    module = open_graph(onnx.load(str(kept.graph)), source.path)
    module = module.eval().requires_grad_(False).to(device)
    return OpenModule(module, note.info, note.preprocessing, device)


def _from_program(source: Source) -> tuple[nn.Module, Preprocessing]:
    from engine.inspect.exported import open_program

    module, shape = open_program(source.path)
    if len(shape) != 4 or shape[1] not in (1, 3):
        raise RefusedFile(
            f"{source.path.name} does not take pictures (N, C, H, W). "
            "Choose a network that looks at pictures."
        )
    size = (shape[2], shape[3])
    if source.preprocessing:
        return module, source.preprocessing
    with torch.inference_mode():
        answer = module(torch.zeros(shape))
    classes = answer.shape[1] if isinstance(answer, Tensor) and answer.ndim == 2 else 0
    return module, assumed(shape[1], size, classes)


def published(kind: classifiers.Classifier) -> Preprocessing:
    """What the architecture was published with: ImageNet's mean and deviation, mostly."""
    size = (kind.side, kind.side)
    if kind.id == "efficientnet-lite":
        return lite(kind.side)
    if kind.channels != 3 or kind.side < 64:
        return assumed(kind.channels, size, 0)
    shorter = round(kind.side * 256 / 224)
    if kind.id == "vit" and kind.config["classes"]:
        half = (127.5,) * 3
        return Preprocessing(size, shorter, half, half, "bicubic")
    return Preprocessing(size, shorter)


def _plain(array: np.ndarray) -> np.ndarray:
    """Half precision computes as single."""
    kind = np.float32 if array.dtype.kind == "f" else array.dtype
    return np.array(array, kind, order="C")


@dataclass
class _Seen:
    """What one layer put out while the network was surveyed."""

    name: str
    type: str
    output: Any
    calls: int = 0


def survey(module: nn.Module, preprocessing: Preprocessing, device: torch.device) -> NetworkInfo:
    """Run two grey pictures and note what every layer puts out; who it is, is left open."""
    shape = (preprocessing.channels, *preprocessing.size)
    seen = {
        name: _Seen(name, _type_of(part), None)
        for name, part in module.named_modules(remove_duplicate=False)
        if name
    }
    output = _watched(module, seen, torch.zeros(2, *shape, device=device))
    layers = tuple(_layers(module, seen))
    silent = [one.name for one in seen.values() if not one.calls and _is_leaf(module, one.name)]
    note = f"{len(silent)} layers never run: {', '.join(silent[:4])}." if silent else ""
    return NetworkInfo(
        id="",
        name="",
        path="",
        kind="classifier" if output.ndim == 2 else "network",
        layers=layers,
        input=shape,
        preprocessing=preprocessing.words(),
        provider=f"torch {device.type.upper()}",
        note=note,
    )


def _watched(module: nn.Module, seen: dict[str, _Seen], x: Tensor) -> Tensor:
    """Forward once; every layer's output into `seen`."""

    def watch(one: _Seen) -> Any:
        def hook(_module: nn.Module, _inputs: object, output: Any) -> None:
            one.calls += 1
            one.output = output

        return hook

    handles = [
        module.get_submodule(name).register_forward_hook(watch(one)) for name, one in seen.items()
    ]
    try:
        with torch.inference_mode():
            output = module(x)
    finally:
        for handle in handles:
            handle.remove()
    if not isinstance(output, Tensor):
        raise LodestoneError("This network puts out several things; only one can be looked at.")
    return output


def _type_of(part: nn.Module) -> str:
    """Its class; of an exported program the class it was exported from."""
    exported = getattr(part, "_ty", None)
    return exported.rpartition(".")[2] if isinstance(exported, str) else type(part).__name__


def _is_leaf(module: nn.Module, name: str) -> bool:
    part = module.get_submodule(name)
    return not any(True for _ in part.children()) and _type_of(part) not in PASSING


def _layers(module: nn.Module, seen: dict[str, _Seen]) -> list[NetworkLayer]:
    """One entry for each tensor: where containers hand on a part's output, the outer one."""
    owners: dict[int, str] = {}
    for name, one in seen.items():  # outer modules come first
        usable = isinstance(one.output, Tensor) and one.output.is_floating_point()
        if not usable or one.type in PASSING or one.calls != 1:
            continue
        if one.type in CONTAINERS:
            continue
        owners.setdefault(id(one.output), name)
    kept = [seen[name] for name in seen if owners.get(id(seen[name].output)) == name]
    kept = [one for one in kept if 2 <= one.output.ndim <= 4 and one.output.shape[0] == 2]
    blocks = [one.name for one in kept if _is_block(module, one.name)]
    last = kept[-1].name if kept else ""
    found = []
    for one in kept:
        inside = any(one.name.startswith(f"{block}.") for block in blocks)
        main = one.name in blocks or one.name == last or (one.type in MAIN and not inside)
        found.append(_layer(one, main))
    return found


def _is_block(module: nn.Module, name: str) -> bool:
    """A part of several layers that is one of a row, and so has a number."""
    numbered = name.rpartition(".")[2].isdigit()
    return numbered and any(True for _ in module.get_submodule(name).children())


def _layer(one: _Seen, main: bool) -> NetworkLayer:
    kind, units, size = described(tuple(one.output.shape))
    return NetworkLayer(one.name, kind, units, size, one.type, main)
