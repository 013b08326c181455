"""What the Inspect workspace says and decides: layers, units, edits of units. No Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import overload

import numpy as np

from engine.messages import (
    AblateRequest,
    ArtifactsRequest,
    CircuitRequest,
    DefenceRequest,
    DescribeRequest,
    DescriberRequest,
    EffectsRequest,
    NetworkInfo,
    NetworkLayer,
    ReportRequest,
    StudyRequest,
    Unit,
    UnitAction,
    UnitEdit,
    UnitOrder,
    Vector,
    VisualiseRequest,
)

ACTIONS: tuple[tuple[UnitAction, str, str], ...] = (
    ("ablate", "Turn off", "Ablate: its activation becomes 0"),
    ("boost", "Boost", "Its activation times a factor"),
    ("clamp", "Clamp", "Its activation is held at one value"),
    ("invert", "Invert", "Its activation with the other sign"),
)
"""(action, on its button, what it does)."""
DOES = {"ablate": "off", "boost": "times", "clamp": "held at", "invert": "inverted"}
ORDERS: tuple[tuple[UnitOrder, str], ...] = (
    ("selectivity", "Most selective first"),
    ("unit", "In the network's order"),
    ("label", "By their words"),
    ("score", "Best described first"),
    ("effect", "Greatest effect first"),
    ("sparsity", "Rarest first"),
    ("largest", "Strongest first"),
    ("starred", "Starred first"),
)
MASK_SIDE = 128
"""Longest side of a brush mask in an edit: finer than any layer it acts on would show."""
READY_MADE = ("efficientnet-lite0", "fredsr")
"""A classifier, where its package is installed, and the upscaler that ships."""
NETWORK_FILES = "Networks (*.safetensors *.pth *.pt *.pt2 *.onnx *.pkl);;All files (*)"

InspectJob = (
    StudyRequest
    | DescribeRequest
    | DescriberRequest
    | AblateRequest
    | CircuitRequest
    | VisualiseRequest
    | ReportRequest
    | EffectsRequest
    | ArtifactsRequest
    | DefenceRequest
)


def job_title(request: InspectJob) -> str:
    """What a job is, for a person. Short: it stands in the window's head while it runs."""
    match request:
        case StudyRequest():
            return f"Look inside {short_name(request.network)}"
        case DescribeRequest(audit=word) if word:
            return f"Audit {word[:40]}"
        case DescribeRequest():
            return "Describe units"
        case DescriberRequest():
            return f"Describer {short_name(request.out)}"
        case AblateRequest():
            return "Measure units"
        case CircuitRequest():
            return f"Circuit of {unit_words(request.target)}"
        case VisualiseRequest():
            return f"Picture of {unit_words(request.units[0])}" if request.units else "Pictures"
        case ReportRequest():
            return f"Report {short_name(request.out)}"
        case EffectsRequest():
            return "Effects of units"
        case ArtifactsRequest():
            return f"Artifacts of {short_name(request.network)}"
        case DefenceRequest():
            return f"Defend {short_name(request.network)}"


def short_name(path: str) -> str:
    """The last part of a path without its ending; a name as it is."""
    last = path.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    head, dot, tail = last.rpartition(".")
    return head if dot and tail.isalnum() and len(tail) < 12 and head else last


def unit_words(unit: Unit) -> str:
    """`b16.conv1 · 42`."""
    return f"{unit.layer} · {unit.index}"


def share_words(share: float) -> str:
    """`12 %`; never a power of ten."""
    percent = share * 100
    if 0 < percent < 0.01:
        return "under 0.01 %"
    return f"{percent:.2g} %" if percent < 99.5 else f"{percent:,.0f} %"


def count_words(count: int, one: str) -> str:
    """`1 unit`, `12,288 units`."""
    return f"{count:,} {one}{'' if count == 1 else 's'}"


# ---------------------------------------------------------------- layers


def branch_of(name: str) -> str:
    """The module that a layer lies in: `features.3` of `features.3.conv`."""
    return name.rpartition(".")[0]


def tree_of(layers: Sequence[NetworkLayer]) -> list[tuple[str, list[NetworkLayer]]]:
    """Layers by the module they lie in, in the network's order; a module's own output is among
    those that lie in it. Lone ones stand by themselves."""
    modules = {branch_of(layer.name) for layer in layers}
    groups: dict[str, list[NetworkLayer]] = {}
    for layer in layers:
        branch = layer.name if layer.name in modules else branch_of(layer.name)
        # Without a module around it, each stands by itself.
        groups.setdefault(branch or f"\n{layer.name}", []).append(layer)
    return [(branch.partition("\n")[0], inside) for branch, inside in groups.items()]


def layer_words(layer: NetworkLayer) -> str:
    """Kind and size of a layer: `64 units, 16 × 16`."""
    count = count_words(layer.units, "unit")
    if layer.kind == "vector":
        return count
    rows, columns = layer.size
    place = f"{rows * columns} tokens" if layer.kind == "tokens" else f"{rows} × {columns}"
    return f"{count}, {place}"


def first_ticks(info: NetworkInfo, most: int = 6) -> tuple[str, ...]:
    """Layers ticked at first: some of those a person would look at first, spread over the depth."""
    main = [layer.name for layer in info.layers if layer.main]
    named = main or [layer.name for layer in info.layers]
    if len(named) <= most:
        return tuple(named)
    places = np.linspace(0, len(named) - 1, most)
    return tuple(named[round(place)] for place in places)


# ---------------------------------------------------------------- edits


def new_edit(
    units: Sequence[Unit], action: UnitAction, amount: float, mask: np.ndarray | None, name: str
) -> UnitEdit:
    """`mask` (H, W) 0..1 of any size, or None for everywhere."""
    kept = amount if action in ("boost", "clamp") else 0.0
    return UnitEdit(tuple(units), action, kept, small_mask(mask), name)


@overload
def small_mask(mask: np.ndarray) -> Vector: ...
@overload
def small_mask(mask: np.ndarray | None) -> Vector | None: ...
def small_mask(mask: np.ndarray | None) -> Vector | None:
    """A painted mask (H, W) at a size that is quick to keep and send; all zeros: nowhere."""
    if mask is None:
        return None
    step = max(-(-max(mask.shape) // MASK_SIDE), 1)
    rows, columns = (side // step * step for side in mask.shape)
    blocks = mask[:rows, :columns].reshape(rows // step, step, columns // step, step)
    return Vector.of(blocks.mean((1, 3)))


def edit_words(edit: UnitEdit) -> str:
    """`red apple: off`, `3 units: times 2`."""
    who = edit.name or (
        unit_words(edit.units[0]) if len(edit.units) == 1 else count_words(len(edit.units), "unit")
    )
    does = DOES[edit.action]
    amount = f" {edit.amount:g}" if edit.action in ("boost", "clamp") else ""
    return f"{who}: {does}{amount}"


def with_edit(edits: Sequence[UnitEdit], index: int, **changes: object) -> tuple[UnitEdit, ...]:
    """The edits with one of them changed."""
    return tuple(
        replace(edit, **changes) if at == index else edit  # type: ignore[arg-type]
        for at, edit in enumerate(edits)
    )


def turned(edits: Sequence[UnitEdit]) -> int:
    """How many units are turned by edits that are on."""
    return len({unit for edit in edits if edit.on for unit in edit.units})


# ---------------------------------------------------------------- pictures


def change_map(before: np.ndarray, now: np.ndarray) -> np.ndarray:
    """(H, W) float32 0..1: mean absolute change of the colours of two (H, W, 4) uint8 pictures."""
    difference = np.abs(now[..., :3].astype(np.int16) - before[..., :3].astype(np.int16))
    return difference.mean(-1).astype(np.float32) / 255.0


def heat_pixels(change: np.ndarray, now: np.ndarray) -> np.ndarray:
    """(H, W, 4) uint8 BGRX: the picture in grey, its change glowing from dark red to white.

    Scaled to the 99.5th percentile (at least .02), so that one odd pixel does not hide the rest.
    """
    scale = max(float(np.percentile(change, 99.5)), 0.02)
    heat = np.clip(change / scale, 0.0, 1.0)[..., None]
    grey = now[..., :3].astype(np.float32).mean(-1, keepdims=True) * 0.35
    # Black body colours in BGR: red comes first, then yellow, then white.
    glow = np.clip(np.concatenate([heat * 3 - 2, heat * 2.2 - 0.7, heat * 1.6], -1), 0.0, 1.0)
    shade = np.clip(heat * 1.5, 0.0, 1.0)
    pixels = np.full((*change.shape, 4), 255, np.uint8)
    pixels[..., :3] = np.clip(grey * (1 - shade) + glow * 255 * shade, 0, 255)
    return pixels
