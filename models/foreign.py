"""Read a generator from somebody else's file without running anything in it.

What a file is, is decided by its content, never by its extension. What cannot be read is refused
with one sentence that says what it is and one that says what to do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from models import (
    ajbrock,
    archives,
    deduce,
    files,
    huggingface,
    nvidia,
    registry,
    rosinality,
    sniff,
    unpickler,
)
from models.errors import RefusedFile
from models.files import Card
from models.pickled import Module, TensorRef
from models.unpickler import Forbidden, Malformed

T = TypeVar("T")

_STATE_KEYS = (
    "g_ema", "G_ema", "ema", "generator", "g", "G", "params_ema", "state_dict", "model", "params",
)  # fmt: skip


def read_foreign(path: str | Path) -> tuple[Card, dict[str, np.ndarray]]:
    """Card and canonical tensors (float32) of an NVIDIA, rosinality, BigGAN or plain file."""
    path = Path(path)
    with files.open_checked(path) as file:
        refusal = sniff.refusal(file, path.name)
        if refusal:
            raise RefusedFile(refusal)
    if files.is_safetensors(path):
        state, _ = files.load_tensors(path)
        return _finish(path, state, {}, "tensors of a generator")
    return _guarded(path, _interpret)


def read_weights(path: str | Path) -> dict[str, np.ndarray]:
    """The tensors of any state dict, safetensors or pickled, by the names the file has."""
    path = Path(path)
    with files.open_checked(path) as file:
        refusal = sniff.refusal(file, path.name)
        if refusal:
            raise RefusedFile(refusal)
    if files.is_safetensors(path):
        return files.load_tensors(path)[0]
    state = _guarded(path, _largest_state)
    files.check_finite(state, path.name)
    return state


def _largest_state(data: Any, path: Path) -> dict[str, np.ndarray]:
    found = _state_dicts(data)
    if not found:
        raise RefusedFile(sniff.unknown_weights(data, path.name))
    state = max(found, key=len)
    _check_total(state, path)
    return _numbers(state)


def _guarded(path: Path, interpret: Callable[[Any, Path], T]) -> T:
    """What a pickled file holds, read without running any of it; every fault a sentence."""
    # The pickle itself, storages pickled by value inside it, and the copies that are kept.
    files.check_memory(3 * path.stat().st_size, path.name)
    with files.open_checked(path) as file:
        try:
            return interpret(archives.read_archive(file), path)
        except Forbidden as error:
            raise RefusedFile(sniff.forbidden(error, path.name)) from error
        except archives.TorchScript as error:
            raise RefusedFile(
                f"{path.name} is a TorchScript archive: a compiled program, not weights. "
                "Ask its author for the original .pkl or .pt checkpoint."
            ) from error
        except archives.NotAModelArchive as error:
            raise RefusedFile(
                f"{path.name} is a zip archive without a model in it. "
                "Unpack it and choose the model file inside."
            ) from error
        except Malformed as error:
            raise RefusedFile(
                f"{path.name} cannot be read as a model: {error}. Copy or download it again."
            ) from error
        except unpickler.FAULTS as error:
            # A structure nobody thought of: still a sentence, never a traceback.
            raise RefusedFile(
                f"{path.name} is not put together like a model. Copy or download it again.",
                repr(error)[:500],
            ) from error


def _interpret(data: Any, path: Path) -> tuple[Card, dict[str, np.ndarray]]:
    module = nvidia.find_generator(data)
    if module is not None:
        return _from_nvidia(module, path)
    for holder in _state_dicts(data):
        _check_total(holder, path)
        if rosinality.is_rosinality(holder):
            centre = data.get("latent_avg") if isinstance(data, dict) else None
            state = rosinality.canonical(holder, centre if isinstance(centre, TensorRef) else None)
            return _finish(path, state, {}, "a rosinality stylegan2-pytorch checkpoint")
        if huggingface.is_huggingface(holder):
            state, facts = huggingface.canonical(holder, path)
            return _finish(path, state, facts, "a pytorch-pretrained-BigGAN file")
        if ajbrock.is_ajbrock(holder):
            state, facts = ajbrock.canonical(holder, path.name)
            return _finish(path, state, facts, "a BigGAN-PyTorch checkpoint")
        if registry.detect(holder) is not None:
            return _finish(path, _numbers(holder), {}, "a state dict")
    raise RefusedFile(sniff.unknown_weights(data, path.name))


def _from_nvidia(module: Module, path: Path) -> tuple[Card, dict[str, np.ndarray]]:
    references = nvidia.tensors(module)
    _check_total(references, path)
    kind = registry.detect(references)
    if kind is None:
        what = "".join(c for c in module.kind[:60] if c.isprintable()) or "network"
        raise RefusedFile(
            f"{path.name} holds a `{what}` that is neither StyleGAN2 nor StyleGAN3. "
            "Choose a StyleGAN2-ADA or StyleGAN3 snapshot."
        )
    unusual = nvidia.activations(module) - {"lrelu"}
    if unusual:
        raise RefusedFile(
            f"{path.name} uses the activation {min(unusual)[:40]!r} instead of leaky ReLU. "
            "Only generators with leaky ReLU can be steered."
        )
    source = "an NVIDIA StyleGAN2-ADA" if kind.id == "stylegan2" else "an NVIDIA StyleGAN3"
    return _finish(path, _numbers(references), nvidia.arguments(module), f"{source} pickle")


def _state_dicts(data: Any) -> list[dict[str, TensorRef]]:
    """Candidate state dicts, the averaged generator's first, `module.` prefixes removed."""
    if not isinstance(data, dict):
        return []
    inner = [data[key] for key in _STATE_KEYS if isinstance(data.get(key), dict)]
    found: list[dict[str, TensorRef]] = []
    for candidate in [*inner, data]:
        state = {
            key.removeprefix("module."): value
            for key, value in candidate.items()
            if isinstance(key, str) and key.isprintable() and isinstance(value, TensorRef)
        }
        if state:
            found.append(state)
    return found


def _numbers(references: Mapping[str, TensorRef]) -> dict[str, np.ndarray]:
    return {name: reference.numpy() for name, reference in references.items()}


def _check_total(references: Mapping[str, TensorRef], path: Path) -> None:
    """Many tensors may share one storage; together they must not unfold to more than the file."""
    total = sum(reference.numel for reference in references.values())
    if total > path.stat().st_size:
        raise Malformed("it unfolds to more data than it holds")


def _finish(
    path: Path, state: Mapping[str, np.ndarray], kwargs: Mapping[str, Any], source: str
) -> tuple[Card, dict[str, np.ndarray]]:
    """Complete and check the tensors, deduce the hyper-parameters, write the card."""
    kind = registry.detect(state)
    if kind is None:
        raise RefusedFile(
            f"{path.name} holds weights, but not those of a generator Lodestone knows. "
            "Choose a StyleGAN2, StyleGAN3 or BigGAN file."
        )
    with np.errstate(over="ignore"):  # what overflows becomes infinite and is refused below
        kept = {
            name: np.asarray(array, dtype=np.float32, order="C")
            for name, array in state.items()
            if name.startswith(("mapping.", "synthesis."))
        }
    files.check_finite(kept, path.name)
    if any(a.shape != (4, 4) for n, a in kept.items() if n.endswith("resample_filter")):
        raise RefusedFile(
            f"{path.name} resamples with an unusual filter. "
            "Only the published [1, 3, 3, 1] size can be steered."
        )
    try:
        with np.errstate(all="raise"):
            hyper = kind.hyper(kept, kwargs)
    except (LookupError, ValueError, TypeError, ArithmeticError) as error:
        raise RefusedFile(
            f"{path.name} is not built like any published generator. "
            "Save it again with the code that trained it.",
            repr(error),
        ) from error
    _complete(kept, kind.id, hyper)
    name = "".join(c for c in path.stem if c.isprintable())[:80] or "model"
    card = Card(
        architecture=kind.id,
        name=name,
        hyper=hyper,
        provenance=f"Imported from {source}, {path.name}. Its licence is its author's.",
    )
    return card, kept


def _complete(state: dict[str, np.ndarray], kind: str, hyper: Mapping[str, Any]) -> None:
    """Fill in what a network may lack: noise (trained without), the truncation centre."""
    state.setdefault("mapping.w_avg", np.zeros(hyper["w_dim"], np.float32))
    if kind != "stylegan2":
        return
    for layer in deduce.stylegan2_layers(hyper):
        prefix = f"synthesis.{layer.name}"
        if layer.noise and f"{prefix}.noise_const" not in state:
            size = layer.resolution
            state[f"{prefix}.noise_const"] = np.zeros((size, size), np.float32)
            state[f"{prefix}.noise_strength"] = np.zeros((), np.float32)
