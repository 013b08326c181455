"""A generator, its directions, and the recipe of one picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engine.messages.values import Vector
from models.layers import Layer

Space = Literal["z", "w", "w+", "s", "a"]
"""`a`: activations of one layer."""
NoiseMode = Literal["const", "random", "off"]


UnitAction = Literal["ablate", "boost", "clamp", "invert"]


@dataclass(frozen=True)
class ModelInfo:
    """What the window knows of a generator."""

    id: str
    """sha256 over the weights (hex); equal ids draw equal pictures."""
    name: str
    path: str
    architecture: str
    """Registry id: `stylegan2`, `stylegan3-t`, `stylegan3-r`, `biggan`, `biggan-deep`."""
    resolution: int
    channels: int
    """3 colour, 1 grey."""
    z_dim: int
    w_dim: int
    c_dim: int
    num_ws: int
    layers: tuple[Layer, ...]
    class_names: tuple[str, ...] = ()
    """c_dim names; `class 0`, `class 1` … when the file gives none; empty when c_dim is 0."""
    licence: str = ""
    attribution: str = ""
    provenance: str = ""
    """One or two sentences: what it was trained on, how long, or which file it came from."""
    bundled: bool = False
    parity: float | None = None
    """Largest |ONNX - torch| over random latents, None until exported."""
    class_width: int = 0
    """So many last numbers of w are the class itself (BigGAN): a direction that is zero there
    changes no class, and means the same in all of them."""


@dataclass(frozen=True)
class Direction:
    """An axis in a latent space.

    The offset of an amount `a` is `a * sigma * vector` (vector has unit L2 norm over its last
    axis), so amounts are in standard deviations of the latents along the axis.
    """

    name: str
    space: Space
    vector: Vector
    """(w_dim,) for w, (num_ws, w_dim) for w+, (z_dim,) for z, (num_styles,) for s, (channels of
    the layer `at`,) for a."""
    sigma: float = 1.0
    layers: tuple[int, int] | None = None
    """First and last w+ row it acts on, inclusive; None for all."""
    method: str = ""
    """How it was found: `sefa`, `pca`, `compass` …"""
    model: str = ""
    """Id of the model it was found in."""
    detail: str = ""
    """Provenance as JSON: eigenvalue, images and labels it was learnt from …"""
    at: str = ""
    """Space a: name of the layer whose output is moved, all positions alike."""


@dataclass(frozen=True)
class LatentPart:
    """One source of a latent. Either a seed (`RandomState(seed).randn(1, z_dim)`) or a vector."""

    seed: int | None = None
    vector: Vector | None = None
    space: Literal["z", "w", "w+"] = "z"
    """Space of `vector`; a seed is always z."""
    weight: float = 1.0
    """Parts are averaged in w by weight; weights need not sum to 1."""
    rows: tuple[int, ...] | None = None
    """Only these rows of w+ count this part; None = all. Made by `morph` for style mixing."""


@dataclass(frozen=True)
class Edit:
    """A direction with an amount in σ."""

    direction: Direction
    amount: float


@dataclass(frozen=True, order=True)
class Unit:
    """One channel of a layer's output."""

    layer: str
    """The network's own dotted name."""
    index: int


@dataclass(frozen=True)
class UnitEdit:
    """Units turned together: their activation a becomes gain·a + offset, where the mask says."""

    units: tuple[Unit, ...]
    action: UnitAction = "ablate"
    amount: float = 0.0
    """boost: factor (2 = twice); clamp: the value, in the unit's own activation."""
    mask: Vector | None = None
    """(H, W) 0..1 of any size, over the picture: where; None = everywhere."""
    name: str = ""
    on: bool = True


@dataclass(frozen=True)
class EditSet:
    """Unit edits kept under a name, to be laid over any picture of their generator."""

    key: str
    name: str
    edits: tuple[UnitEdit, ...]
    model: str = ""
    """Id of the generator."""
    detail: str = ""
    """Where it comes from, such as `muted by the artifact finder`."""


@dataclass(frozen=True)
class SteerRequest:
    """One picture of a generator: the whole recipe."""

    model: str
    """Model id."""
    latent: tuple[LatentPart, ...] = (LatentPart(seed=0),)
    classes: tuple[float, ...] = ()
    """Class weights (c_dim,), normalised to sum 1; empty = first class (or none)."""
    mix: tuple[LatentPart, ...] = ()
    """Style mixing: the second latent B …"""
    mix_layers: tuple[int, ...] = ()
    """… and the w+ rows taken from it."""
    truncation: float = 1.0
    """psi; w' = centre + psi (w - centre)."""
    truncation_cutoff: int | None = None
    """Only w+ rows below this are truncated; None = all."""
    noise: NoiseMode = "const"
    noise_seed: int = 0
    """For `random`."""
    noise_strength: float = 1.0
    edits: tuple[Edit, ...] = ()
    units: tuple[UnitEdit, ...] = ()
    """Units turned by hand, after the edits."""


@dataclass(frozen=True)
class ThumbnailsRequest:
    """Several small pictures; they arrive one by one in `Thumbnail` events, canvas frames first."""

    requests: tuple[SteerRequest, ...]
    size: int = 96
    """Longest side, pixels."""
