"""Which published classifier a state dict is, from its tensors' names and shapes. No torch.

Nothing is asked for: an architecture is recognised when every tensor that it needs is there in the
right shape, so that what is built takes the weights without remainder.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from models.efficientnet_lite_shape import FEATURES, SCALES, SIDES, stages
from models.errors import LodestoneError
from models.vit_names import renamed

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
    if kind.id == "resnet":
        from models import resnet

        return resnet.ResNet(resnet.Config(**kind.config))
    if kind.id == "vgg":
        from models import vgg

        return vgg.Vgg(vgg.Config(**kind.config))
    if kind.id == "mobilenet-v2":
        from models import mobilenet

        return mobilenet.MobileNetV2(mobilenet.Config(**kind.config))
    if kind.id == "vit":
        from models import vit

        return vit.Vit(vit.Config(**kind.config))
    raise LodestoneError(f"{kind.id} is not known. Update Lodestone.")


def _kinds() -> tuple[Callable[[Shapes], Classifier | None], ...]:
    return (_efficientnet_lite, _resnet, _vgg, _mobilenet, _vit)


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


def _resnet(shapes: Shapes) -> Classifier | None:
    stem, head = shapes.get("conv1.weight", ()), shapes.get("fc.weight", ())
    if len(stem) != 4 or len(head) != 2 or "layer1.0.conv1.weight" not in shapes:
        return None
    deep = "layer1.0.conv3.weight" in shapes
    stages = range(1, 1 + len(_numbered(shapes, "layer", ".0.conv1.weight", 1)))
    first = {stage: f"layer{stage}.0.conv" for stage in stages}
    middle = shapes[f"{first[1]}2.weight"]
    config = {
        "blocks": tuple(len(_numbered(shapes, f"layer{n}.", ".conv1.weight")) for n in stages),
        "widths": tuple(shapes[f"{first[n]}1.weight"][0] for n in stages),
        "outputs": tuple(shapes[f"{first[n]}{3 if deep else 2}.weight"][0] for n in stages),
        "deep": deep,
        "groups": shapes[f"{first[1]}1.weight"][0] // middle[1] if deep else 1,
        "stem": stem[0],
        "kernel": stem[2],
        "channels": stem[1],
        "classes": head[0],
    }
    return Classifier("resnet", config, 224 if stem[2] > 3 else 32, stem[1])


def _vgg(shapes: Shapes) -> Classifier | None:
    convs = {
        int(name.split(".")[1]): shape
        for name, shape in shapes.items()
        if name.startswith("features.") and name.count(".") == 2 and name.endswith(".weight")
        if len(shape) == 4 and shape[2:] == (3, 3) and name.split(".")[1].isdigit()
    }
    heads = [shapes.get(f"classifier.{place}.weight", ()) for place in (0, 3, 6)]
    if not convs or 0 not in convs or any(len(head) != 2 for head in heads):
        return None
    norm = "features.1.running_mean" in shapes
    step = 3 if norm else 2
    groups: list[tuple[int, ...]] = [()]
    places = sorted(convs)
    for place, before in zip(places, [0, *places], strict=False):
        if place - before > step:  # a pooling lies between
            groups.append(())
        groups[-1] += (convs[place][0],)
    side = math.isqrt(heads[0][1] // groups[-1][-1])
    config = {
        "widths": tuple(groups),
        "norm": norm,
        "hidden": heads[0][0],
        "places": side,
        "channels": convs[0][1],
        "classes": heads[2][0],
    }
    return Classifier("vgg", config, channels=convs[0][1])


def _mobilenet(shapes: Shapes) -> Classifier | None:
    stem, head = shapes.get("features.0.0.weight", ()), shapes.get("classifier.1.weight", ())
    last = shapes.get("features.18.0.weight", ())
    if not (len(stem) == len(last) == 4 and len(head) == 2):
        return None
    hidden, outputs = [], []
    for place in range(1, 18):
        start = f"features.{place}.conv"
        expands = f"{start}.2.weight" in shapes and f"{start}.1.0.weight" in shapes
        inner = shapes.get(f"{start}.1.0.weight" if expands else f"{start}.0.0.weight")
        outer = shapes.get(f"{start}.2.weight" if expands else f"{start}.1.weight")
        if not inner or not outer:
            return None
        hidden.append(inner[0])
        outputs.append(outer[0])
    config = {
        "stem": stem[0],
        "hidden": tuple(hidden),
        "outputs": tuple(outputs),
        "last": last[0],
        "channels": stem[1],
        "classes": head[0],
    }
    return Classifier("mobilenet-v2", config, channels=stem[1])


def _vit(shapes: Shapes) -> Classifier | None:
    names = renamed(shapes)
    patches, places = names.get("patch_embed.proj.weight", ()), names.get("pos_embed", ())
    if len(patches) != 4 or len(places) != 3 or "cls_token" not in names:
        return None
    depth = len(_numbered(names, "blocks.", ".attn.qkv.weight"))
    grid = math.isqrt(places[1] - 1)
    if not depth or grid * grid != places[1] - 1:
        return None
    width, head = patches[0], names.get("head.weight", ())
    config = {
        "width": width,
        "depth": depth,
        # 64 numbers a head in all published sizes but the largest, which has 16 heads.
        "heads": 16 if width == 1280 else max(1, width // 64),
        "patch": patches[2],
        "grid": grid,
        "hidden": names["blocks.0.mlp.fc1.weight"][0],
        "channels": patches[1],
        "classes": head[0] if len(head) == 2 else 0,
    }
    return Classifier("vit", config, grid * patches[2], patches[1])


def _numbered(
    shapes: Shapes, start: str, end: str, first: int = 0
) -> list[tuple[str, tuple[int, ...]]]:
    """Tensors START0END, START1END … as far as they go."""
    found = []
    while (name := f"{start}{first + len(found)}{end}") in shapes:
        found.append((name, shapes[name]))
    return found
