"""What the readers of BigGAN files share: taking tensors out, and the canonical tensors they make.

Spectral normalisation (Miyato et al., arXiv 1802.05957, eq. 8) is a division by the largest
singular value σ, which training estimates by power iteration. What counts is the estimate that the
original code uses to draw: it is divided out once, here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from models.errors import RefusedFile
from models.pickled import TensorRef

_WIDEST = 8192
"""Numbers of w; ten times more than any published BigGAN has."""
_LARGEST_MAP = 2**31
"""Bytes of one affine map."""


class Tensors:
    """The tensors of a state dict, each taken once, in float32."""

    def __init__(self, state: Mapping[str, TensorRef], file_name: str):
        self._state = state
        self._file_name = file_name
        self._taken: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self._state

    def shape(self, name: str) -> tuple[int, ...]:
        if name not in self._state:
            raise self.refusal(f"`{name}` is missing")
        return self._state[name].shape

    def take(self, name: str, *shape: int | None) -> np.ndarray:
        """The tensor, which must have this shape (None = any size of that dimension)."""
        found = self.shape(name)
        fits = len(found) == len(shape) and min(found, default=1) > 0
        if not fits or any(n not in (None, m) for n, m in zip(shape, found, strict=True)):
            wanted = "x".join("any" if n is None else str(n) for n in shape) or "one number"
            raise self.refusal(
                f"`{name}` is {'x'.join(map(str, found)) or 'one number'} instead of {wanted}"
            )
        self._taken.add(name)
        with np.errstate(over="ignore"):  # what overflows becomes infinite and is refused later
            return self._state[name].numpy().astype(np.float32)

    def weight(self, prefix: str, *shape: int | None) -> np.ndarray:
        """`PREFIX.weight` as it is used to draw: spectral normalisation divided out.

        torch stores `weight_orig`, u and v, and σ = uᵀWv. BigGAN-PyTorch stores `weight` and
        `u0`; it draws after one more power iteration from there: v = Wᵀu/|Wᵀu|, σ = |Wv|.
        """
        theirs = f"{prefix}.weight_orig" in self
        weight = self.take(f"{prefix}.weight_orig" if theirs else f"{prefix}.weight", *shape)
        if not theirs and f"{prefix}.u0" not in self:
            return weight
        with np.errstate(all="ignore"):  # a σ of no use is refused below
            rows = weight.reshape(len(weight), -1)
            sigma = self._torch_norm(prefix, rows) if theirs else self._other_norm(prefix, rows)
            if not np.isfinite(sigma) or sigma == 0.0:
                raise self.refusal(f"the spectral norm of `{prefix}` is {sigma}")
            return weight / np.float32(sigma)

    def _torch_norm(self, prefix: str, rows: np.ndarray) -> float:
        along = self.take(f"{prefix}.weight_u", len(rows)) @ rows
        if f"{prefix}.weight_v" not in self:  # torch before 1.1 took v from u each time
            return float(np.linalg.norm(along))
        return float(along @ self.take(f"{prefix}.weight_v", rows.shape[1]))

    def _other_norm(self, prefix: str, rows: np.ndarray) -> float:
        along = self.take(f"{prefix}.u0", 1, len(rows))[0] @ rows
        return float(np.linalg.norm(rows @ along) / np.linalg.norm(along))

    def number(self, name: str) -> np.float32:
        """A single number, whatever the dimensions it is written with."""
        shape = self.shape(name)
        return self.take(name, *(1 for _ in shape)).reshape(-1)[0]

    def refuse_others(self, *inert: str) -> None:
        """Refuse what nobody has taken, tensors whose last name is `inert` apart."""
        for name in self._state:
            if name not in self._taken and name.rpartition(".")[2] not in inert:
                raise self.refusal(f"it also has `{name[:80]}`, which the published code has not")

    def refusal(self, what: str) -> RefusedFile:
        return RefusedFile(
            f"{self._file_name} holds a BigGAN, but not as the published code saves one: {what}. "
            "Copy or download it again, or convert it with that code."
        )


@dataclass(frozen=True)
class Condition:
    """How w is laid out: z, the class's embedding, and a 1 where truncation is told."""

    z_dim: int
    embed: np.ndarray  # (embed width, c_dim)
    tells_truncation: bool = False

    def __post_init__(self) -> None:
        if self.w_dim > _WIDEST:
            raise RefusedFile(
                f"This BigGAN has latents of {self.w_dim:,} numbers, which none has. "
                "Copy or download it again."
            )

    @property
    def w_dim(self) -> int:
        return self.z_dim + len(self.embed) + self.tells_truncation

    def of_z(self, first: int, count: int) -> np.ndarray:
        """Places in w of `count` numbers of z."""
        return np.arange(first, first + count)

    def of_class(self) -> np.ndarray:
        """Places in w of the embedding."""
        return self.z_dim + np.arange(len(self.embed))

    def mapping(self) -> dict[str, np.ndarray]:
        """The canonical tensors of the mapping: embedding and one truncation centre per class."""
        centre = np.zeros((self.embed.shape[1], self.w_dim), np.float32)
        centre[:, self.of_class()] = self.embed.T
        return {"mapping.embed.weight": self.embed, "mapping.w_avg": centre}

    def affine(
        self, name: str, weights: Sequence[np.ndarray], places: np.ndarray, bias: np.ndarray
    ) -> dict[str, np.ndarray]:
        """A canonical affine map of w from maps (outputs, len(places)) of those numbers of w."""
        rows = sum(len(weight) for weight in weights)
        if 4 * rows * self.w_dim > _LARGEST_MAP:
            raise RefusedFile(
                f"This BigGAN has a layer of {rows:,} numbers, which none has. "
                "Copy or download it again."
            )
        full = np.zeros((rows, self.w_dim), np.float32)
        # Stored the field's way: what counts in drawing is the weight divided by sqrt(w_dim).
        full[:, places] = np.concatenate(weights) * np.float32(np.sqrt(self.w_dim))
        prefix = f"synthesis.{name}.affine"
        return {f"{prefix}.weight": full, f"{prefix}.bias": bias.astype(np.float32)}

    def norm(
        self, name: str, gain: np.ndarray, bias: np.ndarray, places: np.ndarray
    ) -> dict[str, np.ndarray]:
        """The affine map of a conditional normalisation; the learnt gain is around 1."""
        resting = np.repeat([1.0, 0.0], (len(gain), len(bias)))
        return self.affine(name, (gain, bias), places, resting)
