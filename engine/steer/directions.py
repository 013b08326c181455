"""Directions that need no labels and no training. Numpy only.

SeFa: Shen and Zhou, "Closed-Form Factorization of Latent Semantics in GANs", CVPR 2021, equations
3 to 5: the directions that move the first linear layers most are the eigenvectors of AᵀA.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from safetensors import SafetensorError, safe_open

from engine.codec import from_json
from engine.messages import Direction, Layer, LodestoneError, ModelInfo, Space, Vector
from engine.steer.latents import Generator, num_styles


class Mapped(Protocol):
    """What measuring a spread needs of a generator."""

    @property
    def info(self) -> ModelInfo: ...
    def mapping(self, z: np.ndarray, c: np.ndarray) -> np.ndarray:
        """(N, z_dim), (N, c_dim) -> (N, w_dim)."""
        ...


measured_latents = 2000
"""Latents mapped to measure a direction's σ: within 2 % of the truth."""


def factorise(
    affines: Sequence[np.ndarray], count: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The directions of w that change the styles most, and how much.

    `affines`: weights (style_count, w_dim) of the layers' affine maps. Every style channel's row is
    first scaled to unit length, as in the authors' code, so that no layer outweighs another.
    Returns (count, w_dim) unit rows and (count,) eigenvalues, both by falling eigenvalue; each row
    is turned so that its largest component is positive, which makes it the same on any machine.
    """
    rows = np.concatenate([np.asarray(a, np.float64) for a in affines])  # (ΣC, w_dim)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    rows = rows / np.where(length > 0.0, length, 1.0)
    values, vectors = np.linalg.eigh(rows.T @ rows)
    vectors = vectors.T[::-1][:count]
    largest = np.abs(vectors).argmax(axis=1)
    vectors = vectors * np.sign(vectors[np.arange(len(vectors)), largest])[:, None]
    return vectors, values[::-1][:count]


def factorised_layers(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """The layers SeFa looks at: every convolution, and the last toRGB.

    StyleGAN3's `input` turns and shifts the canvas; its four styles, at unit length, would outweigh
    what the picture shows.
    """
    last = layers[-1:] if layers and layers[-1].to_rgb else ()
    convolutions = [layer for layer in layers if not layer.to_rgb and layer.name != "input"]
    return (*convolutions, *last)


def affine_weights(path: str | Path, layers: Sequence[Layer]) -> dict[str, np.ndarray]:
    """Layer name -> affine weight (style_count, w_dim) float32, read alone from a card."""
    found: dict[str, np.ndarray] = {}
    try:
        with safe_open(str(path), framework="numpy") as card:
            for layer in layers:
                weight = card.get_tensor(f"synthesis.{layer.name}.affine.weight")
                found[layer.name] = np.asarray(weight, np.float32)
    except (OSError, SafetensorError) as error:
        raise LodestoneError(
            f"The styles of {Path(path).name} could not be read. Import the model again.",
            str(error),
        ) from error
    return found


def measure_sigma(
    directions: np.ndarray, generator: Mapped, count: int = measured_latents
) -> np.ndarray:
    """(N,): standard deviation of mapped latents along `directions` (N, w_dim) unit rows."""
    return np.linalg.norm(centred_latents(generator, count) @ directions.T, axis=0)


def centred_latents(generator: Mapped, count: int = measured_latents) -> np.ndarray:
    """(count, w_dim) float64 rows X with XᵀX the covariance of mapped latents.

    Classes take turns and each class is centred on its own mean: the spread within a class.
    """
    info = generator.info
    z = np.random.RandomState(0).randn(count, info.z_dim).astype(np.float32)
    c = np.zeros((count, info.c_dim), np.float32)
    groups = max(info.c_dim, 1)
    turn = np.arange(count) % groups
    if info.c_dim:
        c[np.arange(count), turn] = 1.0
    w = generator.mapping(z, c).astype(np.float64)
    sums = np.zeros((groups, w.shape[1]))
    np.add.at(sums, turn, w)
    sizes = np.maximum(np.bincount(turn, minlength=groups), 1)
    centred = w - (sums / sizes[:, None])[turn]
    return centred / np.sqrt(max(count - min(groups, count), 1))


def sefa(
    generator: Mapped,
    affines: Mapping[str, np.ndarray] | None = None,
    count: int = 16,
    rows: tuple[int, int] | None = None,
) -> tuple[Direction, ...]:
    """The generator's SeFa directions, named `sefa 1`, `sefa 2` …, strongest first, with σ.

    With `rows`, only layers driven by these w+ rows are looked at, and moved (the paper's layer
    groups); names then tell them: `sefa 1 @ 4-7`.
    Of a BigGAN's affine maps only what reads z counts: the directions are zero in the class.
    """
    info = generator.info
    layers = factorised_layers(info.layers)
    where = ""
    if rows is not None:
        layers = tuple(one for one in layers if rows[0] <= one.ws_index <= rows[1])
        where = f" @ {rows[0]}-{rows[1]}"
    if not layers:
        raise LodestoneError(f"{info.name} has no layers on the w rows{where[2:]}. Choose others.")
    if affines is None:
        affines = affine_weights(info.path, layers)
    free = info.w_dim - info.class_width
    vectors, values = factorise([affines[layer.name][:, :free] for layer in layers], count)
    vectors = np.pad(vectors, ((0, 0), (0, info.class_width)))  # no direction moves the class
    sigmas = measure_sigma(vectors, generator)
    return tuple(
        Direction(
            name=f"sefa {index + 1}{where}",
            space="w",
            vector=Vector.of(vector),
            sigma=float(sigma) or 1.0,
            layers=rows,
            method="sefa",
            model=info.id,
            detail=json.dumps({"eigenvalue": float(value)}),
        )
        for index, (vector, value, sigma) in enumerate(zip(vectors, values, sigmas, strict=True))
    )


def direction_from_array(
    array: np.ndarray, name: str, generator: Generator, wanted: Space | None = None
) -> Direction:
    """A bare vector as a direction of this generator: scaled to unit length, σ measured.

    The space follows from the shape; where z is as wide as w it is w, unless z is `wanted`. Of a
    w+ array the longest row gets unit length, and σ is the rows' mean, weighted by their squared
    lengths. σ is 1 in z and s.
    """
    info = generator.info
    array = np.asarray(array, np.float32)
    if array.ndim > 1 and array.shape[0] == 1:
        array = array[0]
    styles = num_styles(info)
    shapes = ((info.w_dim,), (info.num_ws, info.w_dim), (info.z_dim,), (styles,))
    names: tuple[Space, ...] = ("w", "w+", "z", "s")
    fitting: list[Space] = [
        name for name, shape in zip(names, shapes, strict=True) if shape == array.shape
    ]
    space = wanted if wanted in fitting else next(iter(fitting), None)
    lengths = np.linalg.norm(np.atleast_2d(array), axis=-1)
    if space is None or not np.isfinite(lengths).all() or not lengths.any():
        raise LodestoneError(
            f"The vector {name} of {'x'.join(map(str, array.shape))} numbers does not fit "
            f"{info.name} (w is {info.w_dim} wide). Choose one made with this generator."
        )
    sigma = 1.0
    if space in ("w", "w+"):
        sigma = _sigma_of_rows(np.atleast_2d(array), generator)
    vector = Vector.of(array / lengths.max())
    return Direction(name, space, vector, sigma or 1.0, method="file", model=info.id)


def _sigma_of_rows(array: np.ndarray, generator: Generator) -> float:
    """σ along each row of (R, w_dim), the mean weighted by the rows' squared lengths."""
    lengths = np.linalg.norm(array, axis=1)
    kept = lengths > 0.0
    unit = array[kept] / lengths[kept, None]
    return float(np.average(measure_sigma(unit, generator), weights=lengths[kept] ** 2))


def fits(direction: Direction, info: ModelInfo) -> Literal["same", "shape", "no"]:
    """`same`: of this generator, or of none in particular. `shape`: of another one (by sha256)
    whose shapes agree, so that it can be tried (`transferred`). `no`: it cannot."""
    shapes: dict[str, list[tuple[int, ...]]] = {
        "z": [(info.z_dim,)],
        "w": [(info.w_dim,)],
        "w+": [(info.num_ws, info.w_dim), (1, info.w_dim)],
        "s": [(num_styles(info),)],
        "a": [(width,) for width in _output_width(direction.at, info)],
    }
    if direction.vector.shape not in shapes[direction.space]:
        return "same" if direction.model == info.id else "no"
    return "same" if direction.model in ("", info.id) else "shape"


def _output_width(name: str, info: ModelInfo) -> list[int]:
    """Channels a layer puts out: what the next one takes in. Empty for what is no layer."""
    pairs = zip(info.layers, info.layers[1:], strict=False)
    return [after.style_count for layer, after in pairs if layer.name == name and not layer.to_rgb]


def transferred(direction: Direction, generator: Generator) -> Direction:
    """The same axis as one of this generator: σ measured here, its origin told in the detail."""
    info = generator.info
    if fits(direction, info) == "no":
        raise _stranger(direction, info)
    layers, sigma = direction.layers, direction.sigma
    if layers is not None and layers[1] >= info.num_ws:
        layers = None
    array = np.atleast_2d(direction.vector.array()).astype(np.float64)
    if direction.space in ("w", "w+"):
        sigma = _sigma_of_rows(array, generator)
    try:
        detail = json.loads(direction.detail or "{}")
    except ValueError:
        detail = {}
    told = {**(detail if isinstance(detail, dict) else {}), "transferred_from": direction.model}
    return replace(
        direction, model=info.id, sigma=sigma or 1.0, layers=layers, detail=json.dumps(told)
    )


def _stranger(direction: Direction, info: ModelInfo) -> LodestoneError:
    """Why a direction of another generator is refused, and what can be done."""
    made = f"{direction.name} was made with another generator ({direction.model[:8]})"
    if fits(direction, info) == "no":
        return LodestoneError(
            f"{made} and its shape does not fit {info.name} ({info.id[:8]}). "
            "Use the generator it was made with."
        )
    return LodestoneError(
        f"{made}, not with {info.name} ({info.id[:8]}), so it may do something else here. "
        "The shapes agree: transfer it (--transfer) to try."
    )


def find_direction(
    text: str, generator: Generator, wanted: Space | None = None, transfer: bool = False
) -> Direction:
    """A direction by SeFa name (`sefa 3`), or from a .json (Lodestone) or .npy (vector) file.

    Of a file with several, `FILE.json#3` is the third and `FILE.json#NAME` (or `#name=NAME`) the
    one of that name. One of another generator is refused, unless `transfer` insists.
    """
    file, mark = _split_mark(text)
    path = Path(file)
    if path.suffix.lower() in (".json", ".npy"):
        found = _direction_from_file(path, mark, generator, wanted)
        if fits(found, generator.info) == "same":
            return found
        if not transfer:
            raise _stranger(found, generator.info)
        return transferred(found, generator)
    name, _, number = text.strip().lower().partition(" ")
    if name != "sefa" or not number.strip().isdecimal() or int(number) < 1:
        raise LodestoneError(
            f"There is no direction {text!r:.60}. Write sefa 1, sefa 2 … or a .json or .npy file."
        )
    index = int(number)
    most = generator.info.w_dim - generator.info.class_width
    if index > most:
        raise LodestoneError(
            f"{generator.info.name} has {most} SeFa directions. Choose a smaller number."
        )
    return sefa(generator, count=index)[index - 1]


def _split_mark(text: str) -> tuple[str, str]:
    """`FILE.json#3` -> (FILE.json, 3); a file whose own name has a # keeps it."""
    if Path(text).exists():
        return text, ""
    file, _, mark = text.rpartition("#")
    return (file, mark.removeprefix("name=").strip()) if file else (text, "")


def _direction_from_file(
    path: Path, mark: str, generator: Generator, wanted: Space | None
) -> Direction:
    try:
        if path.suffix.lower() == ".npy":
            array = np.load(path, allow_pickle=False)
            return direction_from_array(array, path.stem, generator, wanted)
        read = from_json(path.read_bytes())
    except (OSError, ValueError, EOFError) as error:
        raise LodestoneError(
            f"{path.name} could not be read as a direction. Check the file.", str(error)
        ) from error
    found = read if isinstance(read, tuple) else (read,)
    if not found or not all(isinstance(one, Direction) for one in found):
        raise LodestoneError(f"{path.name} holds no directions. Choose another file.")
    return _chosen(found, mark, path)


def _chosen(found: tuple[Direction, ...], mark: str, path: Path) -> Direction:
    """The one that `mark` names: its number from 1, or its name in any case."""
    named = [one for one in found if one.name.casefold() == mark.casefold()]
    if len(named) == 1:
        return named[0]
    if mark.isdecimal() and 1 <= int(mark) <= len(found):
        return found[int(mark) - 1]
    if not mark and len(found) == 1:
        return found[0]
    names = ", ".join(f"{i + 1} {one.name}" for i, one in enumerate(found[:8]))
    more = " …" if len(found) > 8 else ""
    what = f"no direction {mark!r:.40}" if mark else f"{len(found)} directions"
    raise LodestoneError(
        f"{path.name} holds {what}. Write {path.name}#NUMBER or #NAME: {names}{more}."
    )
