"""The job: find directions without labels, and write them with where they came from.

Every search keeps what it has finished beside the file (`OUT.json.search`) and goes on from it when
the same is asked again. Imports torch only for the methods that draw.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import time
from typing import TYPE_CHECKING

from engine import paths
from engine.discover.finds import Find, as_direction
from engine.discover.kept import Kept
from engine.discover.written import check_place, write_directions
from engine.library import Library
from engine.messages import (
    Direction,
    DiscoverRequest,
    LodestoneError,
    ModelInfo,
)
from engine.progress import Progress
from engine.steer.directions import affine_weights, sefa
from engine.steer.latents import num_styles
from engine.taps import tappable

if TYPE_CHECKING:
    from engine.discover.source import Source


def discover(request: DiscoverRequest, progress: Progress) -> str:
    """Path of the JSON file: a tuple of `Direction`s."""
    path = check_place(request.out)
    info = Library(paths.home()).find(request.model, progress.part(0.0, 0.0))
    check_request(request, info)
    progress(0.0, f"Opening {info.name}")
    kept = Kept(path, _text(request, info))
    directions = _search(request, info, kept, progress)
    write_directions(path, directions)
    kept.clear()
    progress(1.0, f"{len(directions)} directions found")
    return str(path)


def _search(
    request: DiscoverRequest, info: ModelInfo, kept: Kept, progress: Progress
) -> tuple[Direction, ...]:
    from engine.discover.source import Source

    source = Source(info, request.classes, request.truncation)
    began = time.time()
    if request.method == "sefa":
        return _sefa(request, source, began)
    progress = progress.part(0.01, 0.98)
    finds: list[Find]
    if request.method == "pca":
        from engine.discover.pca import pca

        finds = pca(request, source, kept, progress)
    elif request.method == "selective":
        from engine.discover.selective import selective

        finds = selective(request, source, kept, progress)
    else:
        from engine.discover.strongest import strongest

        finds = strongest(request, source, kept, progress)
    return tuple(as_direction(find, request, info.id, began) for find in finds)


def _sefa(request: DiscoverRequest, source: Source, began: float) -> tuple[Direction, ...]:
    """SeFa of all layers, of the rows `layers`, or of the layer `at` alone."""
    info = source.info
    affines = affine_weights(info.path, info.layers)
    rows = request.layers
    if request.at:
        row = next(layer.ws_index for layer in info.layers if layer.name == request.at)
        rows = (row, row)
    found = sefa(source, affines, request.count, rows)
    return tuple(
        dataclasses.replace(
            one, detail=json.dumps({"created": round(began, 1), **json.loads(one.detail)})
        )
        for one in found
    )


def check_request(request: DiscoverRequest, info: ModelInfo) -> None:
    """Refuse, in words, what cannot be looked for."""
    if request.method not in ("sefa", "pca", "selective", "styles"):
        raise LodestoneError(
            f"There is no search {request.method!r:.40}. Choose sefa, pca, selective or styles."
        )
    if not 0.0 < request.truncation <= 2.0:
        raise LodestoneError(
            f"A truncation of {request.truncation:g} leaves nothing to compare. Choose 0.1 to 1."
        )
    if not 0 <= request.seed < 2**32:
        raise LodestoneError("A seed is a whole number from 0 to 4294967295. Choose another.")
    if request.layers is not None and not 0 <= request.layers[0] <= request.layers[1] < info.num_ws:
        raise LodestoneError(f"{info.name} has the w rows 0 to {info.num_ws - 1}. Choose others.")
    _check_layer(request, info)
    _check_count(request, info)


def _check_layer(request: DiscoverRequest, info: ModelInfo) -> None:
    if request.method == "pca" and request.space not in ("w", "s", "a"):
        raise LodestoneError(
            f"{request.space} has no principal axes of its own. Analyse w, s or activations."
        )
    activations = request.method == "selective" or request.space == "a"
    able = tappable(info) if activations else tuple(layer.name for layer in info.layers)
    if not request.at:
        if request.method == "pca" and request.space == "a":
            raise LodestoneError(f"Say whose activations are analysed: one of {', '.join(able)}.")
        return
    if request.at not in able:
        near = difflib.get_close_matches(request.at, able, n=3, cutoff=0.4) or able[:3]
        what = "no activations" if request.at in {one.name for one in info.layers} else "no layer"
        raise LodestoneError(
            f"{info.name} has {what} {request.at!r:.40}. The nearest are {', '.join(near)}."
        )


def _check_count(request: DiscoverRequest, info: ModelInfo) -> None:
    most = info.w_dim - info.class_width
    if request.method == "styles":
        most = num_styles(info)
    elif request.method == "pca" and request.space == "s" and request.at:
        most = min(most, next(one for one in info.layers if one.name == request.at).style_count)
    if not 1 <= request.count <= most:
        raise LodestoneError(
            f"{request.count:,} directions cannot be found: {info.name} has 1 to {most:,}. "
            "Ask for another number."
        )
    least = 2 * request.count + (0 if any(request.classes) else info.c_dim)
    if request.method == "pca" and request.samples < least:
        raise LodestoneError(
            f"{request.samples:,} samples are too few for {request.count} components. "
            f"Take {least:,} or more; 10,000 are usual."
        )


def _text(request: DiscoverRequest, info: ModelInfo) -> str:
    """Everything that decides the result, whatever the file is called."""
    fields = {**dataclasses.asdict(request), "model": info.id}
    del fields["out"]
    return json.dumps(fields, sort_keys=True)
