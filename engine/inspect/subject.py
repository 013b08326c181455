"""A network together with the pictures or latents it is examined on. Imports torch."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.discover.source import Source as Drawing
from engine.inspect.layers import LATENT, generator_info, unknown_layer
from engine.inspect.modules import open_source
from engine.inspect.preprocessing import Preprocessing
from engine.inspect.probes import read_probes
from engine.inspect.sources import Source, find
from engine.messages import (
    LodestoneError,
    ModelInfo,
    NetworkInfo,
    Probes,
    SteerRequest,
    Unit,
    Vector,
)
from engine.messages.inspecting import LayerKind
from engine.progress import Progress
from engine.steer.latents import resolve
from engine.trace import Edit as Edit
from engine.trace import Trace

BATCH = 8
EXAMPLES = 16
"""Of a generator's samples, where no number is asked for: a circuit needs few."""

Arguments = tuple[Tensor, ...]


@dataclass(frozen=True, eq=False)
class Subject:
    """A network in eval mode, its weights frozen, and batches of what it is given."""

    module: nn.Module
    info: NetworkInfo
    batches: tuple[Arguments, ...]
    regions: tuple[Tensor | None, ...] = ()
    """Of each batch (N, 1, rows, columns) 0..1: where the concept lies; None = everywhere."""

    @property
    def kinds(self) -> Mapping[str, LayerKind]:
        return {layer.name: layer.kind for layer in self.info.layers}

    @property
    def units(self) -> Mapping[str, int]:
        return {layer.name: layer.units for layer in self.info.layers}

    def region(self, batch: int) -> Tensor | None:
        return self.regions[batch] if self.regions else None

    def order(self) -> tuple[str, ...]:
        """Layers in the order they run."""
        names = [name for name in self.kinds if name != LATENT]
        with torch.inference_mode(), Trace(self.module, names) as trace:
            self.module(*self.batches[0])
        return tuple(trace)

    def check(self, unit: Unit) -> None:
        """LodestoneError for a unit that is not there."""
        if unit.layer not in self.kinds or unit.layer == LATENT:
            raise unknown_layer(unit.layer, [name for name in self.kinds if name != LATENT])
        count = self.units[unit.layer]
        if not 0 <= unit.index < count:
            raise LodestoneError(
                f"{unit.layer} has no unit {unit.index}. Choose one from 0 to {count - 1}."
            )


def by_unit(output: Tensor, kind: LayerKind) -> Tensor:
    """What a layer puts out as (N, C, P): units, and their positions."""
    if kind == "map":
        return output.flatten(2)
    return output.transpose(1, 2) if kind == "tokens" else output.unsqueeze(-1)


def across(values: Tensor, kind: LayerKind) -> Tensor:
    """One number a unit (C,), shaped to go with what the layer puts out."""
    return values[:, None, None] if kind == "map" else values


def places(region: Tensor | None, output: Tensor, kind: LayerKind) -> Tensor | None:
    """Weights of positions (N, 1, P), of sum 1 a picture; None where all count alike."""
    if region is None or kind == "vector":
        return None
    if kind == "map":
        size = (output.shape[2], output.shape[3])
    else:
        from engine.inspect.tokens import grid_of

        size = grid_of(output.shape[1])
    small = F.adaptive_avg_pool2d(region, size).flatten(2)
    if kind == "tokens" and output.shape[1] > small.shape[2]:  # the class token is no place
        small = F.pad(small, (output.shape[1] - small.shape[2], 0))
    total = small.sum(dim=2, keepdim=True)
    even = torch.full_like(small, 1.0 / small.shape[2])
    return torch.where(total > 1e-6, small / total.clamp_min(1e-6), even)


def open_subject(
    name: str,
    probes: Probes,
    progress: Progress,
    device: str = "auto",
    regions: Sequence[Vector] = (),
) -> Subject:
    """A network with pictures of a folder, or a generator with samples of its own."""
    source = find(name)
    if source.kind == "generator":
        return _generator(source, probes, progress)
    opened = open_source(source, device)
    preprocessing = opened.preprocessing
    found = read_probes(probes, opened.info, preprocessing.shown, preprocessing.words(), progress)
    assert found.pixels is not None
    pictures = np.asarray(found.pixels)
    batches = pictures_as_batches(pictures, preprocessing, opened.device)
    masks = [_mask(one, preprocessing) for one in regions]
    return Subject(opened.module, opened.info, batches, _batched(masks, batches))


def pictures_as_batches(
    pictures: np.ndarray, preprocessing: Preprocessing, device: torch.device
) -> tuple[Arguments, ...]:
    """(N, rows, columns, 3) uint8, as the network sees them."""
    parts = (pictures[start : start + BATCH] for start in range(0, len(pictures), BATCH))
    return tuple((torch.from_numpy(preprocessing.numbers(part)).to(device),) for part in parts)


def _mask(region: Vector, preprocessing: Preprocessing) -> np.ndarray:
    """(H, W) 0..1 over the picture -> over what the network sees of it."""
    grey = np.rint(np.clip(region.array(), 0.0, 1.0) * 255.0).astype(np.uint8)
    return preprocessing.shown(np.repeat(grey[..., None], 3, axis=2))[..., 0] / np.float32(255.0)


def _batched(
    masks: Sequence[np.ndarray], batches: Sequence[Arguments]
) -> tuple[Tensor | None, ...]:
    if not masks:
        return ()
    count = sum(len(one[0]) for one in batches)
    if len(masks) != count:
        raise LodestoneError(
            f"There are {len(masks)} brushed regions for {count} examples. Brush each, or none."
        )
    whole = torch.from_numpy(np.stack(masks).astype(np.float32))[:, None]
    parts = torch.split(whole, [len(one[0]) for one in batches])
    return tuple(part.to(one[0].device) for part, one in zip(parts, batches, strict=True))


class Generator(Drawing):
    """A generator in torch, with what resolving a request needs of it."""

    def __init__(self, info: ModelInfo):
        super().__init__(info)
        self.network = generator_info(info)

    @property
    def channels(self) -> Mapping[str, int]:
        return {layer.name: layer.units for layer in self.network.layers}

    def arguments(self, requests: Sequence[SteerRequest]) -> Arguments:
        """What the synthesis takes to draw these pictures."""
        found = [resolve(one, self) for one in requests]
        if any(one.activation_offset or one.turned for one in found):
            raise LodestoneError(
                "Pictures whose units are turned already cannot be examined. Reset the edits."
            )
        parts = [
            np.concatenate([one.ws for one in found]),
            np.concatenate([one.style_offset for one in found]),
        ]
        if self.noise_const.shape[1]:
            noise = [self.noise_const if one.noise is None else one.noise for one in found]
            parts += [np.concatenate(noise), found[0].noise_strength]
        return tuple(self.tensor(part) for part in parts)


def _generator(source: Source, probes: Probes, progress: Progress) -> Subject:
    assert source.info is not None
    generator = Generator(source.info)
    if not (probes.count or probes.names or probes.requests):
        probes = dataclasses.replace(probes, count=EXAMPLES)
    found = read_probes(probes, generator.network, lambda picture: picture, "", progress)
    requests = found.requests
    starts = range(0, len(requests), BATCH)
    batches = tuple(generator.arguments(requests[start : start + BATCH]) for start in starts)
    return Subject(generator.synthesis, generator.network, batches)


def traced(
    subject: Subject, layers: Sequence[str], edit: Edit | None, progress: Progress
) -> Iterator[tuple[int, Trace]]:
    """Run every batch, no further than these layers need; yields its number and what was read."""
    for index, arguments in enumerate(subject.batches):
        progress.check()
        with Trace(subject.module, layers, edit, stop=True) as trace:
            subject.module(*arguments)
        yield index, trace


def file_in(out: str, name: str) -> Path:
    """`out` when it names a file of the same kind, else NAME in the folder `out`."""
    path = Path(out).expanduser()
    return path if path.suffix.lower() == Path(name).suffix else path / name
