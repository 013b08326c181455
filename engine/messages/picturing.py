"""One picture as a generator: what is asked of it, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engine.messages.values import Picture, Vector

PictureTask = Literal["sample", "complete", "harmonise", "edit", "paint", "upscale", "blend"]
"""`sample` also retargets (another size) and tiles (`wrap`); outpainting is `complete`."""
PictureEngine = Literal["auto", "patches", "pyramid"]


@dataclass(frozen=True)
class PictureRecipe:
    """Everything that decides one new picture."""

    source: str
    """Path of the picture it is made from."""
    task: PictureTask = "sample"
    engine: PictureEngine = "auto"
    """auto: the pyramid once it is trained, else patches."""
    model: str = ""
    """Path of a trained pyramid's card."""
    seed: int = 0
    width: int = 0
    """Pixels; 0 = as the source at its working size."""
    height: int = 0
    start_level: int = 0
    """0 = the coarsest: everything is new; higher keeps more of the source's layout."""
    variation: float = 1.0
    """How freely the first level begins, 0..1."""
    where: Vector | None = None
    """(H, W) 0..1 of any size: where to vary; None = everywhere."""
    mask: Vector | None = None
    """(H, W) 0..1: the hole (complete), or what was pasted (harmonise, edit)."""
    hole: Vector | None = None
    """edit: (H, W) 0..1, the places that parts left empty; None = found by looking."""
    naive: str = ""
    """Path of the composite, edit or painting that is to become the picture's own matter."""
    others: tuple[str, ...] = ()
    """blend: paths of pictures B, C, D; A is the source."""
    identity: tuple[float, ...] = ()
    """blend: weights of A, B … everywhere, sum 1 …"""
    identity_map: Vector | None = None
    """… or (K, H, W): weights by place."""
    texture: tuple[float, ...] = ()
    """blend: identity of the fine levels where it differs (structure of A, texture of B)."""
    levels: tuple[float, ...] = ()
    """Variation of every level, coarse first, 0..1; missing ones are 1. () = `variation` alone."""
    scale: float = 1.0
    """upscale: how many times larger, above 1 to 8."""
    wrap: bool = False
    """Seamless: left meets right, top meets bottom."""
    longest: int = 250
    """Longest side of the working size, pixels."""


@dataclass(frozen=True)
class PictureQuestion:
    """Draw it, coarse levels first. Answered by several `PictureReply`s."""

    recipe: PictureRecipe


@dataclass(frozen=True)
class MatterQuestion:
    """Where in the source does the matter of this patch come from?"""

    source: str
    patch: Picture
    """Cut out of the made picture at its own size, 7 x 7 pixels or more."""
    count: int = 6
    longest: int = 250


@dataclass(frozen=True)
class MatterReply:
    """The source's nearest patches, nearest first, none overlapping a nearer one by half."""

    places: tuple[tuple[int, int], ...]
    """(left, top) in pixels of the working size."""
    distances: tuple[float, ...]
    """RMS difference, 0..1 of the full range."""
    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class PictureReply:
    picture: Picture
    level: int
    levels: int
    """Levels in all; the last reply has level == levels."""
    engine: str = ""
    """`patches` or `pyramid`: which one answered."""
    note: str = ""
    """A sentence, such as the working size of a very large picture."""
    likeness: float | None = None
    """0..1, from the patch distance to the source; only with the last level."""
    novelty: float | None = None
    """RMSE to the source / its standard deviation; below .25 is a copy."""


@dataclass(frozen=True)
class PictureTrainRequest:
    """Train a pyramid on one to four pictures (job). Finished levels are kept and resumed."""

    sources: tuple[str, ...]
    out: str
    """Where the card (.safetensors) goes; levels and ONNX lie beside it."""
    name: str = ""
    seconds: float = 120.0
    """Time budget: the quality dial."""
    longest: int = 250
    mask: Vector | None = None
    """Hole (complete): its pixels are never looked at."""
    seed: int = 0
    device: str = "auto"


@dataclass(frozen=True)
class PictureRequest:
    """Recipes to files (job)."""

    recipes: tuple[PictureRecipe, ...]
    out: str
    """Folder for PNG files; a file ending .mp4 for an animation."""
    names: tuple[str, ...] = ()
    seconds: float = 0.0
    """> 0: an animation of this length, looping exactly, from the first recipe."""
    fps: float = 25.0
    alpha: float = 0.1
    """Animation: how close to the source's own latent it stays …"""
    beta: float = 0.9
    """… and how smooth its motion is (SinGAN, supplementary)."""
