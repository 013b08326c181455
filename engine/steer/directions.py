"""Directions that need no labels and no training. Numpy only.

SeFa: Shen and Zhou, "Closed-Form Factorization of Latent Semantics in GANs", CVPR 2021, equations
3 to 5: the directions that move the first linear layers most are the eigenvectors of AᵀA.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from engine.codec import from_json
from engine.messages import Direction, Layer, LodestoneError, Space, Vector
from engine.steer.latents import Generator, num_styles

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
    directions: np.ndarray, generator: Generator, count: int = measured_latents
) -> np.ndarray:
    """(N,): standard deviation of mapped latents along `directions` (N, w_dim) unit rows.

    Classes take turns and each class is centred on its own mean: σ is the spread within a class.
    """
    info = generator.info
    z = np.random.RandomState(0).randn(count, info.z_dim).astype(np.float32)
    c = np.zeros((count, info.c_dim), np.float32)
    groups = max(info.c_dim, 1)
    turn = np.arange(count) % groups
    if info.c_dim:
        c[np.arange(count), turn] = 1.0
    along = generator.mapping(z, c).astype(np.float64) @ directions.T  # (count, N)
    sums = np.zeros((groups, along.shape[1]))
    np.add.at(sums, turn, along)
    sizes = np.maximum(np.bincount(turn, minlength=groups), 1)
    centred = along - (sums / sizes[:, None])[turn]
    return np.sqrt((centred**2).sum(axis=0) / max(count - min(groups, count), 1))


def sefa(
    generator: Generator, affines: Mapping[str, np.ndarray] | None = None, count: int = 16
) -> tuple[Direction, ...]:
    """The generator's SeFa directions, named `sefa 1`, `sefa 2` …, strongest first, with σ.

    Of a BigGAN's affine maps only what reads z counts: the directions are zero in the class.
    """
    info = generator.info
    layers = factorised_layers(info.layers)
    if affines is None:
        affines = affine_weights(info.path, layers)
    free = info.w_dim - info.class_width
    vectors, values = factorise([affines[layer.name][:, :free] for layer in layers], count)
    vectors = np.pad(vectors, ((0, 0), (0, info.class_width)))  # no direction moves the class
    sigmas = measure_sigma(vectors, generator)
    return tuple(
        Direction(
            name=f"sefa {index + 1}",
            space="w",
            vector=Vector.of(vector),
            sigma=float(sigma) or 1.0,
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
        kept = lengths > 0.0
        unit = np.atleast_2d(array)[kept] / lengths[kept, None]
        sigma = float(np.average(measure_sigma(unit, generator), weights=lengths[kept] ** 2))
    vector = Vector.of(array / lengths.max())
    return Direction(name, space, vector, sigma or 1.0, method="file", model=info.id)


def find_direction(text: str, generator: Generator, wanted: Space | None = None) -> Direction:
    """A direction by SeFa name (`sefa 3`), or from a .json (Lodestone) or .npy (vector) file."""
    path = Path(text)
    if path.suffix.lower() in (".json", ".npy"):
        return _direction_from_file(path, generator, wanted)
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


def _direction_from_file(path: Path, generator: Generator, wanted: Space | None) -> Direction:
    try:
        if path.suffix.lower() == ".npy":
            array = np.load(path, allow_pickle=False)
            return direction_from_array(array, path.stem, generator, wanted)
        read = from_json(path.read_bytes())
    except (OSError, ValueError, EOFError) as error:
        raise LodestoneError(
            f"{path.name} could not be read as a direction. Check the file.", str(error)
        ) from error
    found = read[0] if isinstance(read, tuple) and len(read) == 1 else read
    if not isinstance(found, Direction):
        raise LodestoneError(
            f"{path.name} does not hold one direction. Export the direction again."
        )
    return found
