"""VGG as published with torchvision's names of tensors (Simonyan & Zisserman, arXiv 1409.1556)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True)
class Config:
    """Everything that decides the shapes."""

    widths: tuple[tuple[int, ...], ...]
    """Channels of the convolutions between poolings."""
    norm: bool = False
    """With batch normalisation."""
    hidden: int = 4096
    places: int = 7
    """Rows and columns that the maps are averaged to before the classifier."""
    channels: int = 3
    classes: int = 1000


class Vgg(nn.Module):
    """(N, channels, H, W) -> logits (N, classes)."""

    def __init__(self, config: Config):
        super().__init__()
        parts: list[nn.Module] = []
        inputs = config.channels
        for group in config.widths:
            for width in group:
                parts.append(nn.Conv2d(inputs, width, 3, padding=1))
                if config.norm:
                    parts.append(nn.BatchNorm2d(width))
                parts.append(nn.ReLU())
                inputs = width
            parts.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*parts)
        self.avgpool = nn.AdaptiveAvgPool2d(config.places)
        self.classifier = nn.Sequential(
            nn.Linear(inputs * config.places**2, config.hidden), nn.ReLU(), nn.Dropout(),
            nn.Linear(config.hidden, config.hidden), nn.ReLU(), nn.Dropout(),
            nn.Linear(config.hidden, config.classes),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(x)).flatten(1))
