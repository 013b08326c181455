"""MobileNetV2 as published with torchvision's names of tensors (Sandler et al., 1801.04381)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

REPEATS = (1, 2, 3, 4, 3, 3, 1)
STRIDES = (1, 2, 2, 2, 1, 2, 1)
"""Of the first block of each stage."""


@dataclass(frozen=True)
class Config:
    """Everything that decides the shapes."""

    stem: int
    hidden: tuple[int, ...]
    """Channels inside each block."""
    outputs: tuple[int, ...]
    """Channels that each block puts out."""
    last: int
    channels: int = 3
    classes: int = 1000


def _unit(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(),
    )


class Block(nn.Module):
    """Inverted residual: expand 1x1, depthwise 3x3, project 1x1."""

    def __init__(self, inputs: int, hidden: int, outputs: int, stride: int):
        super().__init__()
        parts: list[nn.Module] = [] if hidden == inputs else [_unit(inputs, hidden, 1)]
        self.conv = nn.Sequential(
            *parts,
            _unit(hidden, hidden, 3, stride, hidden),
            nn.Conv2d(hidden, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.residual else self.conv(x)


class MobileNetV2(nn.Module):
    """(N, channels, H, W) -> logits (N, classes)."""

    def __init__(self, config: Config):
        super().__init__()
        strides: list[int] = []
        for stride, repeats in zip(STRIDES, REPEATS, strict=True):
            strides += [stride] + [1] * (repeats - 1)
        parts: list[nn.Module] = [_unit(config.channels, config.stem, 3, 2)]
        inputs = config.stem
        for hidden, outputs, stride in zip(config.hidden, config.outputs, strides, strict=True):
            parts.append(Block(inputs, hidden, outputs, stride))
            inputs = outputs
        parts.append(_unit(inputs, config.last, 1))
        self.features = nn.Sequential(*parts)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(config.last, config.classes))

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x).mean(dim=(2, 3)))
