"""The layers of a generator as a network to look into. No torch."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from engine.messages import LodestoneError, ModelInfo, NetworkInfo, NetworkLayer

LATENT = "mapping"
"""The layer that puts out w."""


def generator_info(info: ModelInfo) -> NetworkInfo:
    """What the window knows of a generator, as a network; from its card alone."""
    channels = _channels(info)
    layers = [NetworkLayer(LATENT, "vector", info.w_dim, type="latent w", main=False)]
    for layer in info.layers:
        if layer.name in channels:
            side = layer.resolution
            units = channels[layer.name]
            layers.append(NetworkLayer(layer.name, "map", units, (side, side), "synthesis layer"))
    return NetworkInfo(
        id=info.id,
        name=info.name,
        path=info.path,
        kind="generator",
        layers=tuple(layers),
        input=(info.channels, info.resolution, info.resolution),
        classes=info.class_names,
        note=info.provenance,
    )


def _channels(info: ModelInfo) -> dict[str, int]:
    """Channels that each layer puts out, as the exporter noted them in the graph's head."""
    import onnx

    from engine.graphs import ensure_graphs
    from engine.taps import read_channels

    model = onnx.load(str(ensure_graphs(info).synthesis))
    return read_channels({prop.key: prop.value for prop in model.metadata_props})


def unknown_layer(name: str, known: Iterable[str]) -> LodestoneError:
    """What to say of a layer that is not there: the nearest that are."""
    names = [one for one in known if one]
    near = difflib.get_close_matches(name, names, 4, 0.3) or names[:4]
    if not near:
        return LodestoneError(f"There is no layer {name!r:.60}: this network has none by name.")
    return LodestoneError(
        f"There is no layer {name!r:.60}. The nearest are {', '.join(near)}: choose one of them."
    )
