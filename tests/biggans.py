"""BigGAN files as their authors' code writes them, and what that code would draw from them.

Written from the descriptions of both formats. The drawing works on the raw tensors, one operation
after the other: spectral norms, tables and gains as they are, nothing folded.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

State = dict[str, Tensor]
Norm = Callable[[str, Tensor, Tensor], Tensor]
Conv = Callable[[str, Tensor], Tensor]


class _Maker:
    """Random tensors under names; nothing is zero or one, so that nothing hides."""

    def __init__(self, seed: int):
        self.random = torch.Generator().manual_seed(seed)
        self.state: State = {}

    def randn(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self.random)

    def put(self, name: str, *shape: int, scale: float = 1.0, around: float = 0.0) -> None:
        self.state[name] = around + scale * self.randn(*shape)

    def variance(self, name: str, *shape: int) -> None:
        self.state[name] = 0.5 + torch.rand(*shape, generator=self.random)


def doubled(x: Tensor) -> Tensor:
    return x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)


def attended(x: Tensor, kernels: Sequence[Tensor], gamma: Tensor) -> Tensor:
    """Non-local block, position by position."""
    theta, phi, g, o = kernels
    count, _, height, width = x.shape
    queries = F.conv2d(x, theta).reshape(count, -1, height * width)
    keys = F.max_pool2d(F.conv2d(x, phi), 2).reshape(count, -1, height * width // 4)
    values = F.max_pool2d(F.conv2d(x, g), 2).reshape(count, -1, height * width // 4)
    seen = torch.stack(
        [
            (torch.softmax(keys.mul(queries[:, :, p : p + 1]).sum(1), 1)[:, None] * values).sum(2)
            for p in range(height * width)
        ],
        dim=2,
    )
    return x + gamma * F.conv2d(seen.reshape(count, -1, height, width), o)


def scaled(x: Tensor, gain: Tensor, bias: Tensor) -> Tensor:
    return x * gain.reshape(-1, x.shape[1], 1, 1) + bias.reshape(-1, x.shape[1], 1, 1)


# ---------------------------------------------------------------- pytorch-pretrained-BigGAN


@dataclass(frozen=True)
class HuggingFace:
    """A BigGAN-deep of that package: 16 px, a non-local block before its third block."""

    z_dim: int = 6
    classes: int = 5
    width: int = 8
    layers: tuple[tuple[bool, int, int], ...] = (
        (False, 2, 2), (True, 2, 1), (False, 1, 1), (True, 1, 1),
    )  # fmt: skip
    attention: int = 2
    steps: int = 51
    eps: float = 1e-4

    def state(self) -> State:
        make = _Maker(1)
        condition = 2 * self.z_dim
        make.put("embeddings.weight", self.z_dim, self.classes)
        first = 16 * self.width * self.layers[0][1]
        self._spectral(make, "generator.gen_z", first, condition)
        index = 0
        for number, (_, inputs, outputs) in enumerate(self.layers):
            if number == self.attention:
                self._attention(make, f"generator.layers.{index}", self.width * inputs)
                index += 1
            self._block(make, f"generator.layers.{index}", self.width * inputs, outputs, condition)
            index += 1
        self._table(make, "generator.bn", self.width)
        make.put("generator.bn.weight", self.width, scale=0.3, around=1.0)
        make.put("generator.bn.bias", self.width, scale=0.3)
        self._spectral(make, "generator.conv_to_rgb", self.width, self.width, 3, 3)
        return make.state

    def _block(self, make: _Maker, name: str, inputs: int, outputs: int, condition: int) -> None:
        hidden = inputs // 4
        ends = (inputs, hidden, hidden, hidden, self.width * outputs)
        for number, size in enumerate((1, 3, 3, 1)):
            norm = f"{name}.bn_{number}"
            self._table(make, norm, ends[number])
            for part in ("scale", "offset"):
                self._spectral(make, f"{norm}.{part}", ends[number], condition, bias=False)
            self._spectral(
                make, f"{name}.conv_{number}", ends[number + 1], ends[number], size, size
            )

    def _attention(self, make: _Maker, name: str, channels: int) -> None:
        make.put(f"{name}.gamma", 1, around=0.8, scale=0.1)
        for part, outputs, inputs in (
            ("theta", channels // 8, channels),
            ("phi", channels // 8, channels),
            ("g", channels // 2, channels),
            ("o_conv", channels, channels // 2),
        ):
            self._spectral(make, f"{name}.snconv1x1_{part}", outputs, inputs, 1, 1, bias=False)

    def _table(self, make: _Maker, name: str, channels: int) -> None:
        make.put(f"{name}.running_means", self.steps, channels, scale=0.5)
        make.variance(f"{name}.running_vars", self.steps, channels)

    def _spectral(self, make: _Maker, name: str, *shape: int, bias: bool = True) -> None:
        make.put(f"{name}.weight_orig", *shape)
        weight = make.state[f"{name}.weight_orig"].reshape(shape[0], -1)
        left, _, right = torch.linalg.svd(weight, full_matrices=False)
        # Not quite the singular vectors, as after training.
        for part, vector in (("u", left[:, 0]), ("v", right[0])):
            moved = vector + 0.02 * make.randn(len(vector))
            make.state[f"{name}.weight_{part}"] = moved / moved.norm()
        if bias:
            make.put(f"{name}.bias", shape[0], scale=0.2)

    def write(self, folder: Path, zipped: bool = True, config: bool = True) -> Path:
        path = folder / "pytorch_model.bin"
        torch.save(self.state(), path, _use_new_zipfile_serialization=zipped)
        if config:
            told = {
                "output_dim": 16,
                "z_dim": self.z_dim,
                "class_embed_dim": self.z_dim,
                "channel_width": self.width,
                "num_classes": self.classes,
                "layers": self.layers,
                "attention_layer_position": self.attention,
                "eps": self.eps,
                "n_stats": self.steps,
            }
            (folder / "config.json").write_text(json.dumps(told))
        return path

    def draw(self, z: Tensor, c: Tensor, truncation: float) -> Tensor:
        """Pictures (N, 3, 16, 16); z is as it comes, the statistics are those of `truncation`."""
        state = self.state()
        condition = torch.cat([z, c @ state["embeddings.weight"].T], dim=1)

        def weight(name: str) -> Tensor:
            stored = state[f"{name}.weight_orig"]
            rows = stored.reshape(len(stored), -1)
            return stored / (state[f"{name}.weight_u"] @ rows @ state[f"{name}.weight_v"])

        def conv(name: str, x: Tensor) -> Tensor:
            kernel = weight(name)
            return F.conv2d(x, kernel, state[f"{name}.bias"], padding=kernel.shape[2] // 2)

        def at(table: Tensor) -> Tensor:
            place = truncation * (self.steps - 1)
            low = min(int(place), self.steps - 2)
            return torch.lerp(table[low], table[low + 1], place - low)

        def norm(name: str, x: Tensor) -> Tensor:
            mean, var = at(state[f"{name}.running_means"]), at(state[f"{name}.running_vars"])
            x = (x - mean[None, :, None, None]) / (var[None, :, None, None] + self.eps).sqrt()
            if f"{name}.weight" in state:
                return F.relu(scaled(x, state[f"{name}.weight"], state[f"{name}.bias"]))
            gain = 1 + condition @ weight(f"{name}.scale").T
            return F.relu(scaled(x, gain, condition @ weight(f"{name}.offset").T))

        x = condition @ weight("generator.gen_z").T + state["generator.gen_z.bias"]
        x = x.reshape(len(z), 4, 4, -1).permute(0, 3, 1, 2)
        index = 0
        for number, (up, _, outputs) in enumerate(self.layers):
            name = f"generator.layers.{index}"
            if number == self.attention:
                parts = [weight(f"{name}.snconv1x1_{p}") for p in ("theta", "phi", "g", "o_conv")]
                x = attended(x, parts, state[f"{name}.gamma"])
                index += 1
                name = f"generator.layers.{index}"
            h = norm(f"{name}.bn_1", conv(f"{name}.conv_0", norm(f"{name}.bn_0", x)))
            x = x[:, : self.width * outputs]
            h, x = (doubled(h), doubled(x)) if up else (h, x)
            h = conv(f"{name}.conv_2", norm(f"{name}.bn_2", conv(f"{name}.conv_1", h)))
            x = x + conv(f"{name}.conv_3", norm(f"{name}.bn_3", h))
            index += 1
        return torch.tanh(conv("generator.conv_to_rgb", norm("generator.bn", x))[:, :3])


# ---------------------------------------------------------------- BigGAN-PyTorch


@dataclass(frozen=True)
class Brock:
    """A generator of that code: 16 px (deep: 8 px), a non-local block behind its first block."""

    deep: bool = False
    chunked: bool = True
    shared: bool = True
    spectral: bool = True
    converted: bool = False
    """As the converter of TensorFlow weights writes it: no `sv0`, another epsilon."""
    norms: str = "stored"
    """`stored`, `bn.stored` (its own batch norm) or `bn.running` (the synchronised one)."""
    counter: float = 0.0
    """How many batches the statistics of its own batch norm are sums of."""
    classes: int = 5
    embed: int = 4
    chunk: int = 3

    channels: tuple[int, ...] = (16, 16, 8)

    @property
    def z_dim(self) -> int:
        return self.chunk * (1 if self.deep or not self.chunked else len(self.channels))

    def state(self) -> State:
        make = _Maker(2)
        if self.shared:
            make.put("shared.weight", self.classes, self.embed)
        inputs = self.chunk + self.embed if self.deep else self.chunk
        self._linear(make, "linear", 16 * self.channels[0], inputs)
        for block, (inputs, outputs) in enumerate(
            zip(self.channels, self.channels[1:], strict=False)
        ):
            name = f"blocks.{block}.0"
            hidden = inputs // 4
            ends = (
                [inputs, hidden, hidden, hidden, outputs]
                if self.deep
                else [inputs, outputs, outputs]
            )
            sizes = (1, 3, 3, 1) if self.deep else (3, 3)
            for number, size in enumerate(sizes):
                self._norm(make, f"{name}.bn{number + 1}", ends[number])
                self._linear(
                    make, f"{name}.conv{number + 1}", ends[number + 1], ends[number], size, size
                )
            if not self.deep:
                self._linear(make, f"{name}.conv_sc", outputs, inputs, 1, 1)
        width = self.channels[1]
        make.state["blocks.0.1.gamma"] = torch.tensor(0.7)
        for part, outputs, inputs in (
            ("theta", width // 8, width), ("phi", width // 8, width),
            ("g", width // 2, width), ("o", width, width // 2),
        ):  # fmt: skip
            self._linear(make, f"blocks.0.1.{part}", outputs, inputs, 1, 1, bias=False)
        make.put("output_layer.0.gain", self.channels[-1], scale=0.3, around=1.0)
        make.put("output_layer.0.bias", self.channels[-1], scale=0.3)
        self._statistics(make, "output_layer.0", self.channels[-1])
        self._linear(make, "output_layer.2", 3, self.channels[-1], 3, 3)
        return make.state

    def _norm(self, make: _Maker, name: str, channels: int) -> None:
        read = self.embed + (self.chunk if self.deep or self.chunked else 0)
        for part in ("gain", "bias"):
            if self.shared:
                self._linear(make, f"{name}.{part}", channels, read, bias=False)
            else:
                make.put(f"{name}.{part}.weight", self.classes, channels)
        self._statistics(make, name, channels)

    def _statistics(self, make: _Maker, name: str, channels: int) -> None:
        times = self.counter or 1.0
        make.put(f"{name}.{self.norms}_mean", channels, scale=0.5 * times)
        make.variance(f"{name}.{self.norms}_var", channels)
        make.state[f"{name}.{self.norms}_var"] *= times
        if self.norms == "bn.stored":
            make.state[f"{name}.bn.accumulation_counter"] = torch.tensor([self.counter])

    def _linear(self, make: _Maker, name: str, *shape: int, bias: bool = True) -> None:
        make.put(f"{name}.weight", *shape, scale=1.0 if self.spectral else 0.1)
        if self.spectral:
            make.put(f"{name}.u0", 1, shape[0])
            if not self.converted:
                make.put(f"{name}.sv0", 1)
        if bias:
            make.put(f"{name}.bias", shape[0], scale=0.2)

    def write(self, path: Path, prefix: str = "") -> Path:
        torch.save({f"{prefix}{name}": value for name, value in self.state().items()}, path)
        return path

    def draw(self, z: Tensor, c: Tensor) -> Tensor:
        """Pictures (N, 3, R, R); c are class weights (N, classes)."""
        state = self.state()
        chunks = list(z.split(self.chunk, dim=1))

        def weight(name: str) -> Tensor:
            stored = state[f"{name}.weight"]
            if f"{name}.u0" not in state:
                return stored
            rows = stored.reshape(len(stored), -1)
            v = F.normalize(state[f"{name}.u0"] @ rows)
            u = F.normalize(v @ rows.T)
            return stored / (v @ rows.T @ u.T)

        def conv(name: str, x: Tensor) -> Tensor:
            kernel = weight(name)
            bias = state.get(f"{name}.bias")
            return F.conv2d(x, kernel, bias, padding=kernel.shape[2] // 2)

        def plain(name: str, x: Tensor) -> Tensor:
            times = self.counter or 1.0
            mean = state[f"{name}.{self.norms}_mean"] / times
            var = state[f"{name}.{self.norms}_var"] / times
            return F.batch_norm(x, mean, var, eps=1e-4 if self.converted else 1e-5)

        def norm(name: str, x: Tensor, read: Tensor) -> Tensor:
            if self.shared:
                gain, bias = (read @ weight(f"{name}.{part}").T for part in ("gain", "bias"))
            else:
                gain, bias = (c @ state[f"{name}.{part}.weight"] for part in ("gain", "bias"))
            return F.relu(scaled(plain(name, x), 1 + gain, bias))

        seen = c @ state["shared.weight"] if self.shared else c
        reads = [seen] * (len(self.channels) - 1)
        if self.deep:
            reads = [torch.cat([seen, z], dim=1)] * len(reads)
        elif self.chunked:
            reads = [torch.cat([seen, chunk], dim=1) for chunk in chunks[1:]]
        x = (reads[0] if self.deep else chunks[0]) @ weight("linear").T + state["linear.bias"]
        x = x.reshape(len(z), -1, 4, 4)
        for block, read in enumerate(reads):
            x = self._block(block, x, read, norm, conv)
            if block == 0:
                parts = [weight(f"blocks.0.1.{part}") for part in ("theta", "phi", "g", "o")]
                x = attended(x, parts, state["blocks.0.1.gamma"])
        x = scaled(
            plain("output_layer.0", x), state["output_layer.0.gain"], state["output_layer.0.bias"]
        )
        return torch.tanh(conv("output_layer.2", F.relu(x)))

    def _block(self, block: int, x: Tensor, read: Tensor, norm: Norm, conv: Conv) -> Tensor:
        name = f"blocks.{block}.0"
        h = norm(f"{name}.bn1", x, read)
        if not self.deep:
            h = norm(f"{name}.bn2", conv(f"{name}.conv1", doubled(h)), read)
            return conv(f"{name}.conv2", h) + conv(f"{name}.conv_sc", doubled(x))
        h = norm(f"{name}.bn2", conv(f"{name}.conv1", h), read)
        x = x[:, : self.channels[block + 1]]
        if block % 2 == 1:
            h, x = doubled(h), doubled(x)
        h = norm(f"{name}.bn3", conv(f"{name}.conv2", h), read)
        return conv(f"{name}.conv4", norm(f"{name}.bn4", conv(f"{name}.conv3", h), read)) + x


def one_hot(classes: int, picked: Sequence[int]) -> Tensor:
    return torch.eye(classes)[list(picked)]


def latents(count: int, z_dim: int) -> Tensor:
    return torch.from_numpy(np.random.RandomState(3).randn(count, z_dim).astype(np.float32))


def without(state: Mapping[str, Tensor], *names: str) -> State:
    return {name: value for name, value in state.items() if name not in names}
