"""ResNet, ResNeXt and wide ResNet as published with torchvision's names of tensors.

He et al., *Deep Residual Learning* (arXiv 1512.03385), with the stride of a bottleneck on its 3x3
convolution. Every activation is a module of its own, so that each can be looked into.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True)
class Config:
    """Everything that decides the shapes."""

    blocks: tuple[int, ...]
    """Of each stage."""
    widths: tuple[int, ...]
    """Channels inside the blocks of each stage."""
    outputs: tuple[int, ...]
    """Channels that the blocks of each stage put out."""
    deep: bool = False
    """Bottlenecks of three convolutions rather than blocks of two."""
    groups: int = 1
    stem: int = 64
    kernel: int = 7
    """Of the stem; 3 = for small pictures: no stride and no pooling."""
    channels: int = 3
    classes: int = 1000


def _conv(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)


class Block(nn.Module):
    """y = relu(f(x) + x), or + a projection of x where shapes differ."""

    def __init__(self, inputs: int, width: int, outputs: int, stride: int, config: Config):
        super().__init__()
        self.deep = config.deep
        if config.deep:
            self.conv1 = _conv(inputs, width, 1)
            self.conv2 = _conv(width, width, 3, stride, config.groups)
            self.conv3 = _conv(width, outputs, 1)
            self.bn3 = nn.BatchNorm2d(outputs)
            self.relu2 = nn.ReLU()
        else:
            self.conv1 = _conv(inputs, width, 3, stride)
            self.conv2 = _conv(width, outputs, 3)
        self.bn1 = nn.BatchNorm2d(self.conv1.out_channels)
        self.relu1 = nn.ReLU()
        self.bn2 = nn.BatchNorm2d(self.conv2.out_channels)
        self.downsample: nn.Module | None = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                _conv(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs)
            )
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x)))))
        if self.deep:
            y = self.bn3(self.conv3(self.relu2(y)))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    """(N, channels, H, W) -> logits (N, classes)."""

    def __init__(self, config: Config):
        super().__init__()
        large = config.kernel > 3
        self.conv1 = nn.Conv2d(
            config.channels, config.stem, config.kernel, 2 if large else 1, config.kernel // 2,
            bias=False,
        )  # fmt: skip
        self.bn1 = nn.BatchNorm2d(config.stem)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, 2, 1) if large else nn.Identity()
        inputs = config.stem
        self.stages = len(config.blocks)
        for index, count in enumerate(config.blocks):
            width, outputs = config.widths[index], config.outputs[index]
            blocks = []
            for place in range(count):
                stride = 2 if index and not place else 1
                blocks.append(Block(inputs, width, outputs, stride, config))
                inputs = outputs
            self.add_module(f"layer{index + 1}", nn.Sequential(*blocks))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(inputs, config.classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for index in range(self.stages):
            x = self.get_submodule(f"layer{index + 1}")(x)
        return self.fc(self.avgpool(x).flatten(1))
