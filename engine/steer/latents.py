"""From a request to the arrays a generator's synthesis takes. Numpy only.

Order: seeds and z vectors (+ z edits) → mapping with the class → weighted mean in w → style mixing
rows → truncation → w and w+ edits on their rows → s edits as style offsets, a edits as offsets of
activations → units turned by hand.
"""

from __future__ import annotations

from collections import OrderedDict, abc
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import numpy as np

from engine.backend import Turn
from engine.messages import Direction, Edit, LatentPart, LodestoneError, ModelInfo, SteerRequest
from engine.steer.turns import turns
from engine.taps import check_layer

K = TypeVar("K", bound=Hashable)

largest_seed = 2**32 - 1


class Generator(Protocol):
    """What resolving needs of a runtime."""

    @property
    def info(self) -> ModelInfo: ...
    @property
    def w_avg(self) -> np.ndarray:
        """(w_dim,), or (c_dim, w_dim): one centre a class."""
        ...

    @property
    def noise_const(self) -> np.ndarray:
        """(1, num_noise) float32."""
        ...

    @property
    def channels(self) -> abc.Mapping[str, int]:
        """Layer name -> channels of its output."""
        ...

    def mapping(self, z: np.ndarray, c: np.ndarray) -> np.ndarray:
        """(N, z_dim), (N, c_dim) -> (N, w_dim)."""
        ...


Mapping = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Resolved:
    """The synthesis inputs of one picture, float32."""

    ws: np.ndarray  # (1, num_ws, w_dim)
    style_offset: np.ndarray  # (1, num_styles)
    noise: np.ndarray | None  # (1, num_noise); None = the stored noise
    noise_strength: np.ndarray  # (num_noise_layers,) times the layers' own strengths
    activation_offset: dict[str, np.ndarray]  # layer name -> (1, C); empty when none is moved
    turned: dict[str, Turn] = field(default_factory=dict)
    """Layer name -> how its output is turned; such a layer is not in `activation_offset`."""


def seed_latent(seed: int, z_dim: int) -> np.ndarray:
    """(1, z_dim) float32: what the whole field draws for this seed."""
    if not 0 <= seed <= largest_seed:
        raise LodestoneError(
            f"{seed} cannot be a seed. Choose a whole number from 0 to {largest_seed}."
        )
    return np.random.RandomState(seed).randn(1, z_dim).astype(np.float32)


class Memo:
    """Remembers mapped latents and drawn noise, so that a moved slider costs only synthesis."""

    def __init__(
        self, generator: Generator, mapped: int = 1024, noises: int = 2, room: int = 1 << 26
    ):
        self._generator = generator
        self._mapped: OrderedDict[bytes, np.ndarray] = OrderedDict()
        self._noises: OrderedDict[tuple[int, int], np.ndarray] = OrderedDict()
        self._most = (mapped, noises)
        self._kept: OrderedDict[Hashable, np.ndarray] = OrderedDict()
        self._room = room
        """Bytes that `keep` may hold."""
        self.turns: dict[str, tuple[Hashable, Turn]] = {}
        """Layer -> what decides its turn, and the turn: those of the last picture."""

    def mapping(self, z: np.ndarray, c: np.ndarray) -> np.ndarray:
        """(1, z_dim), (1, c_dim) -> (1, w_dim)."""
        key = z.tobytes() + c.tobytes()
        if key not in self._mapped:
            self._mapped[key] = self._generator.mapping(z, c)
        return _newest(self._mapped, key, self._most[0])

    def noise(self, seed: int, size: int) -> np.ndarray:
        """(1, size); a large generator's noise takes longer to draw than its picture on a GPU."""
        if (seed, size) not in self._noises:
            self._noises[seed, size] = draw_noise(seed, size)
        return _newest(self._noises, (seed, size), self._most[1])

    def kept(self, key: Hashable) -> np.ndarray | None:
        """What was given to `keep`, if it is still there."""
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def keep(self, key: Hashable, value: np.ndarray) -> np.ndarray:
        """Keep a derived array; those not asked for longest make room."""
        before = self._kept.pop(key, None)
        self._room += before.nbytes if before is not None else 0
        self._kept[key] = value
        self._room -= value.nbytes
        while self._room < 0 and len(self._kept) > 1:
            self._room += self._kept.popitem(last=False)[1].nbytes
        return value


def class_weights(classes: Sequence[float], c_dim: int) -> np.ndarray:
    """(c_dim,) of sum 1; nothing given (or all zero) means the first class."""
    if c_dim == 0:
        return np.zeros(0, np.float32)
    if len(classes) not in (0, c_dim):
        raise LodestoneError(
            f"This picture asks for {len(classes)} classes, but the generator has {c_dim}. "
            "Choose the classes again."
        )
    weights = np.asarray(classes, dtype=np.float64)
    if not len(classes) or not weights.any():
        weights = np.eye(1, c_dim)[0]
    total = weights.sum()
    if not np.isfinite(total) or total <= 0.0:
        raise LodestoneError("The class weights must be positive numbers. Set them again.")
    return (weights / total).astype(np.float32)


def resolve(request: SteerRequest, generator: Generator, memo: Memo | None = None) -> Resolved:
    """The synthesis inputs of `request`, from `memo` where it has been there before."""
    info = generator.info
    c = class_weights(request.classes, info.c_dim)
    z_offset = _z_offset(request.edits, info)
    drawn = memo.mapping if memo else generator.mapping
    ws = _mean_of_parts(request.latent, info, c, z_offset, drawn)  # (num_ws, w_dim)
    if request.mix and request.mix_layers:
        rows = [row for row in request.mix_layers if 0 <= row < info.num_ws]
        ws[rows] = _mean_of_parts(request.mix, info, c, z_offset, drawn, rows)[rows]
    ws = _truncated(ws, request, generator.w_avg, c)
    for edit in request.edits:
        if edit.direction.space in ("w", "w+"):
            ws += _w_offset(edit, info)
    offset = np.zeros(num_styles(info), np.float32)
    for edit in request.edits:
        if edit.direction.space == "s":
            offset += style_step(edit, info)
    noise, strength = _noise(request, info, generator, memo.noise if memo else draw_noise)
    moved = _activation_offset(request.edits, info)
    turned: dict[str, Turn] = {}
    if request.units:
        turned = turns(request.units, moved, info, generator.channels, memo)
        moved = {layer: push for layer, push in moved.items() if layer not in turned}
    return Resolved(ws[None].astype(np.float32), offset[None], noise, strength, moved, turned)


def _newest(memory: OrderedDict[K, np.ndarray], key: K, most: int) -> np.ndarray:
    memory.move_to_end(key)
    while len(memory) > most:
        memory.popitem(last=False)
    return memory[key]


def num_styles(info: ModelInfo) -> int:
    return sum(layer.style_count for layer in info.layers)


def draw_noise(seed: int, size: int) -> np.ndarray:
    """(1, size) float32 of unit variance, the same for the same seed."""
    return np.random.RandomState(seed % (largest_seed + 1)).randn(1, size).astype(np.float32)


def _mean_of_parts(
    parts: tuple[LatentPart, ...],
    info: ModelInfo,
    c: np.ndarray,
    z_offset: np.ndarray,
    mapping: Mapping,
    needed: Sequence[int] | None = None,
) -> np.ndarray:
    """(num_ws, w_dim): the weighted mean of the parts, row by row."""
    total = np.zeros((info.num_ws, 1))
    mean = np.zeros((info.num_ws, info.w_dim))
    for part in parts:
        weight = np.full((info.num_ws, 1), part.weight)
        if part.rows is not None:
            weight[[row for row in range(info.num_ws) if row not in part.rows]] = 0.0
        total += weight
        mean += weight * _part_in_w(part, info, c, z_offset, mapping)
    rows = slice(None) if needed is None else needed
    if not parts or (np.abs(total[rows]) < 1e-9).any():
        raise _weightless()
    return mean / np.where(total == 0.0, 1.0, total)


def _part_in_w(
    part: LatentPart, info: ModelInfo, c: np.ndarray, z_offset: np.ndarray, mapping: Mapping
) -> np.ndarray:
    """(num_ws or 1, w_dim)."""
    if part.vector is not None and part.space != "z":
        w = part.vector.array()
        shapes = ((info.w_dim,), (1, info.w_dim), (info.num_ws, info.w_dim))
        if w.shape not in shapes:
            raise _unfit("latent", w.shape, info)
        return w.reshape(-1, info.w_dim)
    return mapping(_z_of_part(part, info) + z_offset, c[None])


def _z_of_part(part: LatentPart, info: ModelInfo) -> np.ndarray:
    """(1, z_dim) of a seed or a vector in z."""
    if part.vector is None:
        if part.seed is None:
            raise LodestoneError("This picture has no seed. Type one.")
        return seed_latent(part.seed, info.z_dim)
    if part.vector.array().size != info.z_dim:
        raise _unfit("latent", part.vector.shape, info)
    return part.vector.array().reshape(1, info.z_dim)


def latent_z(request: SteerRequest, info: ModelInfo) -> np.ndarray:
    """(z_dim,) float32: the picture's z with its z edits; of several parts the weighted mean.

    Parts that come from w have no z, which is a LodestoneError.
    """
    total, weights = np.zeros(info.z_dim), 0.0
    for part in request.latent:
        if part.vector is not None and part.space != "z":
            raise LodestoneError(
                "A picture made in w has no z to compare. Look for the direction in w."
            )
        total += part.weight * _z_of_part(part, info)[0]
        weights += part.weight
    if abs(weights) < 1e-9:
        raise _weightless()
    return (total / weights + _z_offset(request.edits, info)[0]).astype(np.float32)


def _truncated(
    ws: np.ndarray, request: SteerRequest, w_avg: np.ndarray, c: np.ndarray
) -> np.ndarray:
    if request.truncation == 1.0:
        return ws
    centre = c @ w_avg if w_avg.ndim == 2 else w_avg
    cutoff = len(ws) if request.truncation_cutoff is None else max(request.truncation_cutoff, 0)
    ws = ws.copy()
    ws[:cutoff] = centre + request.truncation * (ws[:cutoff] - centre)
    return ws


def _rows(direction: Direction, info: ModelInfo) -> np.ndarray:
    """(num_ws,) bool: the w+ rows a direction acts on."""
    first, last = direction.layers or (0, info.num_ws - 1)
    index = np.arange(info.num_ws)
    return (index >= first) & (index <= last)


def _step(edit: Edit) -> np.ndarray:
    return edit.amount * edit.direction.sigma * edit.direction.vector.array()


def _z_offset(edits: tuple[Edit, ...], info: ModelInfo) -> np.ndarray:
    offset = np.zeros((1, info.z_dim), np.float32)
    for edit in edits:
        if edit.direction.space == "z":
            if edit.direction.vector.array().size != info.z_dim:
                raise _unfit("direction", edit.direction.vector.shape, info)
            offset += _step(edit).reshape(1, -1)
    return offset


def _w_offset(edit: Edit, info: ModelInfo) -> np.ndarray:
    """(num_ws, w_dim)."""
    step = _step(edit)
    if step.shape not in ((info.w_dim,), (1, info.w_dim), (info.num_ws, info.w_dim)):
        raise _unfit("direction", step.shape, info)
    return _rows(edit.direction, info)[:, None] * step.reshape(-1, info.w_dim)


def style_step(edit: Edit, info: ModelInfo) -> np.ndarray:
    """(num_styles,): what an edit in s adds to the styles, zero outside the direction's layers."""
    step = _step(edit).reshape(-1)
    if step.size != num_styles(info):
        raise _unfit("direction", step.shape, info)
    rows = _rows(edit.direction, info)
    kept = np.zeros_like(step)
    for layer in info.layers:
        if rows[layer.ws_index]:
            own = slice(layer.style_start, layer.style_start + layer.style_count)
            kept[own] = step[own]
    return kept


def _activation_offset(edits: tuple[Edit, ...], info: ModelInfo) -> dict[str, np.ndarray]:
    """Layer name -> (1, C), summed over the edits; layers that stay where they are left out."""
    moved: dict[str, np.ndarray] = {}
    for edit in edits:
        if edit.direction.space != "a":
            continue
        layer = edit.direction.at
        check_layer(layer, info)
        step = _step(edit).reshape(1, -1)
        if layer in moved and moved[layer].shape != step.shape:
            raise _unfit("direction", step.shape[1:], info)
        moved[layer] = moved.get(layer, 0.0) + step
    return {layer: offset for layer, offset in moved.items() if offset.any()}


def joined_activations(found: Sequence[Resolved]) -> dict[str, np.ndarray]:
    """Layer name -> (N, C) of several pictures drawn together; zeros where one moves nothing."""
    widths = {
        layer: offset.shape[1] for one in found for layer, offset in one.activation_offset.items()
    }
    return {
        layer: np.concatenate(
            [one.activation_offset.get(layer, np.zeros((1, width), np.float32)) for one in found]
        )
        for layer, width in widths.items()
    }


def _noise(
    request: SteerRequest,
    info: ModelInfo,
    generator: Generator,
    draw: Callable[[int, int], np.ndarray],
) -> tuple[np.ndarray | None, np.ndarray]:
    strength = 0.0 if request.noise == "off" else request.noise_strength
    layers = sum(layer.noise for layer in info.layers)
    size = generator.noise_const.shape[1]
    noise = None
    if request.noise == "random" and size:
        noise = draw(request.noise_seed, size)
    return noise, np.full(layers, strength, np.float32)


def _unfit(what: str, shape: tuple[int, ...], info: ModelInfo) -> LodestoneError:
    return LodestoneError(
        f"This {what} of {'x'.join(map(str, shape))} numbers does not fit {info.name}, "
        f"whose w is {info.w_dim} and z {info.z_dim} wide. Choose one made with this generator."
    )


def _weightless() -> LodestoneError:
    return LodestoneError(
        "The weights of this picture's seeds sum to zero. Give one of them a weight."
    )
