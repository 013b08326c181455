"""Which published classifier a state dict is, from its tensors' names and shapes. No torch.

Nothing is asked for: an architecture is recognised when every tensor that it needs is there in the
right shape, so that what is built takes the weights without remainder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from models.efficientnet_lite_shape import FEATURES, SCALES, SIDES, stages
from models.errors import LodestoneError

if TYPE_CHECKING:
    from torch import nn

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Classifier:
    """A recognised architecture and what decides its shape."""

    id: str
    config: dict[str, Any] = field(default_factory=dict)
    side: int = 224
    """Pixels of the picture's side it was published with."""
    channels: int = 3


def detect(shapes: Shapes) -> Classifier | None:
    """None when it is none of those known."""
    found = (kind(shapes) for kind in _kinds())
    return next((one for one in found if one is not None), None)


def build(kind: Classifier) -> nn.Module:
    """The network without its weights. Imports torch."""
    if kind.id == "efficientnet-lite":
        from models.efficientnet_lite import EfficientNetLite

        return EfficientNetLite(**kind.config)
    raise LodestoneError(f"{kind.id} is not known. Update Lodestone.")


def _kinds() -> tuple[Callable[[Shapes], Classifier | None], ...]:
    return (_efficientnet_lite,)


def _efficientnet_lite(shapes: Shapes) -> Classifier | None:
    projections = [
        shape[0]
        for name, shape in _numbered(shapes, "_blocks.", "._project_conv.weight")
        if len(shape) == 4 and name
    ]
    head = shapes.get("_fc.weight", ())
    if len(head) != 2 or head[1] != FEATURES or "_blocks.0._se_reduce.weight" in shapes:
        return None
    for version in range(len(SCALES)):
        expected = [stage.channels for stage in stages(version) for _ in range(stage.blocks)]
        if projections == expected:
            config = {"version": version, "classes": head[0]}
            return Classifier("efficientnet-lite", config, SIDES[version])
    return None


def _numbered(shapes: Shapes, start: str, end: str) -> list[tuple[str, tuple[int, ...]]]:
    """Tensors START0END, START1END … as far as they go."""
    found = []
    while (name := f"{start}{len(found)}{end}") in shapes:
        found.append((name, shapes[name]))
    return found
