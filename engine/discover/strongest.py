"""The style channels that move the picture most. Imports torch."""

from __future__ import annotations

import numpy as np
import torch

from engine.discover.energy import Scene, estimated
from engine.discover.finds import Find
from engine.discover.kept import Store
from engine.discover.source import Source
from engine.messages import DiscoverRequest, LodestoneError
from engine.progress import Progress
from engine.steer.channels import channel_direction, spread
from engine.steer.latents import Resolved, num_styles

pictures = 8
"""Latents averaged over."""
probes = 16
"""Backward passes for each."""


def strongest(
    request: DiscoverRequest, source: Source, kept: Store, progress: Progress
) -> list[Find]:
    """`count` channels of the layer `at` (or of all layers), by what one σ of them changes."""
    info = source.info
    places = _places(request, source)
    sigmas = spread(source).sigma.array().astype(np.float64)
    known = kept.load()
    done, total = int(known.get("done", 0)), known.get("total", np.zeros(num_styles(info)))
    everywhere = torch.full((info.resolution, info.resolution), 1.0, device=source.device)
    everywhere = everywhere / (everywhere.numel() * info.channels)
    for index in range(done, pictures):
        part = progress.part(index / pictures, 1.0 / pictures)
        part(0.0, f"Feeling the style channels of picture {index + 1} of {pictures}")
        scene = Scene.of(_random_picture(request, source, index), source)
        total = total + estimated(scene, everywhere, probes, index, part) / pictures
        kept.save({"total": total, "done": np.array(index + 1)})
    levels = 127.5 * sigmas * np.sqrt(total)  # root mean square change of the picture for one σ
    order = places[np.argsort(-levels[places])][: request.count]
    finds: list[Find] = []
    for index in order:
        made = channel_direction(info, int(index), float(sigmas[index]))
        layer, number = made.name.split(" · ")
        facts = {"layer": layer, "channel": int(number), "levels": round(float(levels[index]), 3)}
        finds.append(Find(made.name, "s", made.vector.array(), made.sigma, None, facts))
    return finds


def _places(request: DiscoverRequest, source: Source) -> np.ndarray:
    """Indices in S of the channels to choose from."""
    first, last = request.layers or (0, source.info.num_ws - 1)
    chosen = [
        np.arange(layer.style_start, layer.style_start + layer.style_count)
        for layer in source.info.layers
        if (layer.name == request.at if request.at else layer.name != "input")
        and first <= layer.ws_index <= last
    ]
    found = np.concatenate(chosen) if chosen else np.zeros(0, int)
    if len(found) < request.count:
        where = request.at or f"the w rows {first} to {last}"
        raise LodestoneError(
            f"{where} of {source.info.name} has {len(found)} style channels. Ask for fewer."
        )
    return found


def _random_picture(request: DiscoverRequest, source: Source, index: int) -> Resolved:
    drawn = source.latents(request.seed, index, source.groups)
    w = drawn.truncated(source.truncation)[index % source.groups]
    info = source.info
    return Resolved(
        np.tile(w, (1, info.num_ws, 1)),
        np.zeros((1, num_styles(info)), np.float32),
        None,
        np.ones(sum(layer.noise for layer in info.layers), np.float32),
        {},
    )
