"""From the words of the command line to the requests the window would build."""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

import numpy as np

from engine.client import EngineClient, morph
from engine.messages import (
    Edit,
    LatentPart,
    LodestoneError,
    ModelInfo,
    RenderRequest,
    SteerRequest,
    Vector,
)

most_seeds = 1_000_000
listed_classes = 8
"""Names told in a sentence; of more classes, those near to what was typed."""
sweep = 2.5
"""σ to either side in a steer film."""

DirectionWords = tuple[str, float, tuple[int, int] | None]


def parse_seeds(text: str) -> list[int]:
    """`0-7,12` -> [0, 1 … 7, 12]. Raises ValueError."""
    seeds: list[int] = []
    for piece in text.split(","):
        found = re.fullmatch(r"\s*(\d+)(?:\s*-\s*(\d+))?\s*", piece)
        if not found:
            raise ValueError(f"{piece!r} is not a seed; write 0-7 or 1,5,9")
        first, last = int(found[1]), int(found[2] or found[1])
        if last < first or last >= 2**32 or len(seeds) + last - first >= most_seeds:
            raise ValueError(f"{piece!r} is not a range of seeds (0 to 4294967295)")
        seeds += range(first, last + 1)
    return seeds


def parse_direction(text: str) -> DirectionWords:
    """`sefa 1=2.0@4-7` -> ("sefa 1", 2.0, (4, 7)). Raises ValueError."""
    found = re.fullmatch(
        r"(.+)=\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(?:@(\d+)(?:-(\d+))?)?", text
    )
    if not found:
        raise ValueError(f"{text!r} is not NAME=AMOUNT or NAME=AMOUNT@FIRST-LAST")
    layers = None
    if found[3]:
        layers = (int(found[3]), int(found[4] or found[3]))
        if layers[1] < layers[0]:
            raise ValueError(f"the layers of {text!r} run backwards")
    return found[1].strip(), float(found[2]), layers


def render_request(
    client: EngineClient, info: ModelInfo, args: Namespace, said: tuple[Edit, ...] = ()
) -> RenderRequest:
    """What `lodestone render` asks for; `said` are the edits that words ask for."""
    latents, names = _latents(args, info)
    classes = _classes(args, info, len(latents))
    edits = tuple(_edit(client, info, words, args) for words in args.direction) + said
    frames = tuple(
        SteerRequest(
            model=info.id,
            latent=(latent,),
            classes=weights,
            truncation=args.truncation,
            truncation_cutoff=args.cutoff,
            noise=args.noise,
            noise_seed=args.noise_seed,
            noise_strength=args.noise_strength,
            edits=edits,
        )
        for latent, weights in zip(latents, classes, strict=True)
    )
    if args.seconds is not None:
        frames, names = film_frames(frames, args.fps, args.seconds, args.loop), ()
    kind: Literal["png", "npy", "mp4", "webm"] = args.format
    return RenderRequest(
        frames=frames,
        out=args.out,
        format=kind,
        fps=args.fps,
        names=names if kind == "png" else (),
        device=args.device,
        source=info.path,
    )


def film_frames(
    keys: Sequence[SteerRequest], fps: float, seconds: float, loop: bool
) -> tuple[SteerRequest, ...]:
    """Exactly fps * seconds frames through the keyframes, evenly; a loop ends before its start."""
    count = round(fps * seconds)
    if count < 1:
        raise LodestoneError("This film would have no frames. Give it more seconds.")
    stretches = len(keys) if loop else len(keys) - 1
    frames: list[SteerRequest] = []
    for index in range(count):
        place = index * stretches / (count if loop else max(count - 1, 1))
        key = min(int(place), max(stretches - 1, 0))
        frames.append(morph(keys[key], keys[(key + 1) % len(keys)], place - key))
    return tuple(frames)


def steer_film(client: EngineClient, info: ModelInfo, args: Namespace) -> RenderRequest:
    """A tour of the generator: from seed to seed, swinging along a SeFa direction at each."""
    keys: list[SteerRequest] = []
    for index, seed in enumerate(parse_seeds(args.seeds)):
        direction = client.direction(info, f"sefa {index % min(info.w_dim, 8) + 1}")
        still = SteerRequest(
            info.id,
            (LatentPart(seed=seed),),
            classes=_one_hot(index % info.c_dim, info) if info.c_dim else (),
            truncation=args.truncation,
        )
        keys += [still]
        keys += [replace(still, edits=(Edit(direction, a),)) for a in (sweep, -sweep)]
    return RenderRequest(
        frames=film_frames(keys, args.fps, args.seconds, loop=True),
        out=args.out,
        format="webm" if args.out.lower().endswith(".webm") else "mp4",
        fps=args.fps,
        device=args.device,
        source=info.path,
    )


def _latents(args: Namespace, info: ModelInfo) -> tuple[list[LatentPart], tuple[str, ...]]:
    if args.latents is None:
        seeds = parse_seeds(args.seeds)
        return [LatentPart(seed=seed) for seed in seeds], tuple(f"seed{seed:04}" for seed in seeds)
    array = _load(args.latents)
    space = args.space or "z"
    width = info.z_dim if space == "z" else info.w_dim
    shapes = {"z": (width,), "w": (width,), "w+": (info.num_ws, width)}
    wanted = shapes[space]
    if array.shape == wanted:
        array = array[None]
    if array.ndim == 3 and array.shape[1] == 1 and space != "w+":
        array = array[:, 0]
    if array.shape[1:] != wanted or not len(array):
        raise LodestoneError(
            f"{Path(args.latents).name} is {'x'.join(map(str, array.shape))}, but {space} of "
            f"{info.name} wants Nx{'x'.join(map(str, wanted))}. Choose --space or another file."
        )
    if not np.isfinite(array).all():
        raise LodestoneError(f"{Path(args.latents).name} holds numbers that are not finite.")
    parts = [LatentPart(vector=Vector.of(row), space=space) for row in array]
    return parts, tuple(f"{index:05}" for index in range(len(parts)))


def _classes(args: Namespace, info: ModelInfo, count: int) -> list[tuple[float, ...]]:
    """Class weights of each picture; empty means the first class."""
    if args.classes is None and args.class_name is None:
        return [()] * count
    if not info.c_dim:
        raise LodestoneError(f"{info.name} has no classes. Leave the class away.")
    if args.classes is None:
        return [class_weights(args.class_name, info)] * count
    array = _load(args.classes)
    if array.ndim == 1 and (len(array) != info.c_dim or np.issubdtype(array.dtype, np.integer)):
        indices = array.astype(int)
        if ((indices < 0) | (indices >= info.c_dim) | (indices != array)).any():
            raise LodestoneError(f"{info.name} has the classes 0 to {info.c_dim - 1}.")
        array = np.eye(info.c_dim)[indices]
    array = array.reshape(-1, array.shape[-1]) if array.ndim != 2 else array
    if len(array) == 1:
        array = np.repeat(array, count, axis=0)
    if array.shape != (count, info.c_dim):
        raise LodestoneError(
            f"{Path(args.classes).name} is {'x'.join(map(str, array.shape))}, but {count} pictures "
            f"of {info.name} want {count}x{info.c_dim}."
        )
    return [tuple(float(weight) for weight in row) for row in array]


def class_weights(name: str | None, info: ModelInfo) -> tuple[float, ...]:
    """Weights of a class by name or index, or of several: `fox=0.7,owl=0.3`; empty for None."""
    if name is None:
        return ()
    if not info.c_dim:
        raise LodestoneError(f"{info.name} has no classes. Leave the class away.")
    weights = [0.0] * info.c_dim
    if _class_index(name, info) is not None or not set(name) & set(",="):
        weights[_known_class(name, info)] = 1.0
        return tuple(weights)
    for part in name.split(","):
        one, equals, amount = part.rpartition("=")
        weights[_known_class((one if equals else part).strip(), info)] += (
            _class_amount(amount) if equals else 1.0
        )
    return tuple(weights)


def listed(names: Sequence[str]) -> str:
    """The first few names, and how many there are when those are not all."""
    text = ", ".join(names[:listed_classes])
    return text if len(names) <= listed_classes else f"{text} … ({len(names):,} in all)"


def _class_amount(text: str) -> float:
    try:
        amount = float(text)
    except ValueError:
        amount = -1.0
    if not 0.0 <= amount < float("inf"):
        raise LodestoneError(
            f"{text!r:.40} is no weight of a class. Write such as fox=0.7,owl=0.3."
        )
    return amount


def _class_index(text: str, info: ModelInfo) -> int | None:
    names = [name.casefold() for name in info.class_names]
    if text.casefold() in names:
        return names.index(text.casefold())
    return int(text) if text.isdecimal() and int(text) < info.c_dim else None


def _known_class(text: str, info: ModelInfo) -> int:
    index = _class_index(text, info)
    if index is not None:
        return index
    names = info.class_names
    if len(names) <= listed_classes:
        told = f"Its classes are: {', '.join(names)}."
    else:
        # `cat` should find `tabby cat`, and `golden retreiver` the Golden Retriever.
        near = [name for name in names if text.casefold() in name.casefold()]
        near.sort(key=lambda name: text.casefold() not in name.casefold().split())
        plain = {name.casefold(): name for name in names}
        near += [plain[name] for name in get_close_matches(text.casefold(), plain, listed_classes)]
        near = list(dict.fromkeys(near))[:listed_classes]
        told = f"Near to it: {', '.join(near) or 'none'}. By number it takes 0 to {len(names) - 1}."
    raise LodestoneError(f"{info.name} has no class {text!r:.40}. {told}")


def _one_hot(index: int, info: ModelInfo) -> tuple[float, ...]:
    return tuple(float(index == other) for other in range(info.c_dim))


def _edit(client: EngineClient, info: ModelInfo, words: DirectionWords, args: Namespace) -> Edit:
    text, amount, layers = words
    space = "z" if args.space == "z" else None
    direction = client.direction(info, text, space, args.transfer)
    if layers is not None:
        if layers[1] >= info.num_ws:
            raise LodestoneError(f"{info.name} has the layers 0 to {info.num_ws - 1}.")
        direction = replace(direction, layers=layers)
    return Edit(direction, amount)


def _load(name: str) -> np.ndarray:
    path = Path(name)
    try:
        array = np.load(path, allow_pickle=False)
    except FileNotFoundError as error:
        raise LodestoneError(f"There is no file {path}. Check the name.", repr(error)) from error
    except (OSError, ValueError, EOFError) as error:
        raise LodestoneError(
            f"{path.name} is not a numpy array of numbers (.npy). Save it with numpy.save.",
            repr(error),
        ) from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu" or array.ndim == 0:
        raise LodestoneError(f"{path.name} does not hold an array of numbers.")
    return array
