"""One training step after another: warm-up as an autoencoder, then adversarially, growing.

Sources: StyleGAN2 (arXiv 1912.04958: losses, lazy R1, style mixing, EMA), Progressive GAN
(arXiv 1710.10196: low resolution first), VAE-GAN (arXiv 1512.09300: the generator as the decoder
of a small variational autoencoder, whose loss stays on every fourth step). The warm-up is what
makes a CPU training usable: it gives shapes within minutes, where the critic alone gives blobs.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from engine.train.augment import adapt, augment
from engine.train.data import PictureSet
from engine.train.networks import Critic, Encoder, smooth_halve
from models.stylegan2 import Config, Generator


@dataclass(frozen=True)
class Recipe:
    """The numbers of a training. Defaults suit a small generator."""

    batch: int = 8
    """Small: on a CPU, steps are what is scarce, and a smaller batch costs little per picture."""
    rate: float = 0.002
    r1_every: int = 16
    r1_gamma_per_pixel: float = 0.001
    """gamma = this * resolution**2 / batch; five times StyleGAN2-ADA's, for short trainings."""
    noise: bool = True
    """Noise inputs. Without them every detail comes from the latent: cleaner for flat drawings."""
    mixing: float = 0.5
    """Share of generator pictures drawn from two latents."""
    rebuild_every: int = 4
    """An autoencoder step every so many adversarial steps."""
    rebuild_weight: float = 4.0
    kl_weight: float = 0.1
    ema_pictures: float = 10_000.0
    """Half-life of the averaged generator, in pictures."""
    sketch_share: float = 0.12
    """Share of the time spent as an autoencoder."""
    grow_share: tuple[float, float] = (0.55, 0.8)
    """The resolution grows between these shares of the time."""


@dataclass
class Counts:
    """How far a training is."""

    steps: int = 0
    pictures: int = 0
    seconds: float = 0.0
    planned_seconds: float = 0.0
    p: float = 0.0
    sure: float = 0.0
    resolution: int = 0


def start_resolution(resolution: int) -> int:
    """Where growing starts: 64 px, or half of anything smaller than 128 px."""
    return max(8, min(64, resolution // 2))


def resolution_at(share: float, resolution: int, recipe: Recipe) -> int:
    """The working resolution after `share` (0..1) of the planned time."""
    first = start_resolution(resolution)
    doublings = int(math.log2(resolution // first))
    if doublings == 0 or share >= recipe.grow_share[1]:
        return resolution
    begin, end = recipe.grow_share
    if share < begin:
        return first
    done = 1 + int((share - begin) / (end - begin) * (doublings - 1) + 1e-9)
    return first * 2 ** min(done, doublings)


def fast_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 convolutions are faster than float32 here."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    check = getattr(torch.cpu, "_is_amx_tile_supported", None)
    return bool(check and check())


class Trainer:
    """Holds the networks and their optimisers; `step()` trains on one batch."""

    def __init__(
        self, config: Config, pictures: PictureSet, recipe: Recipe, seed: int, device: str
    ):
        torch.manual_seed(seed)
        self.device = torch.device(device)
        self.config, self.pictures, self.recipe = config, pictures, recipe
        self.random = torch.Generator().manual_seed(seed)
        self.generator = Generator(config)
        self._quiet_fine_blocks(start_resolution(config.resolution))
        if not recipe.noise:
            silence(self.generator)
        self.critic, self.encoder = Critic(config), Encoder(config)
        for body in (self.critic.body, self.encoder.body):
            body.start_at(start_resolution(config.resolution))
        for network in (self.generator, self.critic, self.encoder):
            network.to(self.device)
            channels_last(network)
        self.average = copy.deepcopy(self.generator).eval().requires_grad_(False)
        self.generator_adam = self._adam(self.generator.parameters(), recipe.rate)
        self.encoder_adam = self._adam(self.encoder.parameters(), recipe.rate)
        self.critic_adam = self._adam(self.critic.parameters(), recipe.rate)
        self.counts = Counts(resolution=start_resolution(config.resolution))
        self.bfloat16 = fast_bfloat16(self.device)
        self.figures: dict[str, float] = {}
        self._batches = self._shuffled()

    @staticmethod
    def _adam(parameters: Iterator[torch.nn.Parameter], rate: float) -> torch.optim.Adam:
        return torch.optim.Adam(parameters, lr=rate, betas=(0.0, 0.99), eps=1e-8)

    def _quiet_fine_blocks(self, start: int) -> None:
        """Blocks that join later paint nothing at first: growing changes no pixel."""
        with torch.no_grad():
            for resolution in self.config.resolutions:
                if resolution > start:
                    self.generator.synthesis.block(resolution).torgb.weight.zero_()

    # ------------------------------------------------------------ batches

    def _shuffled(self) -> Iterator[np.ndarray]:
        batch = self.recipe.batch
        while True:
            order = torch.randperm(len(self.pictures), generator=self.random).numpy()
            order = np.resize(order, max(batch, len(order) // batch * batch))
            yield from order.reshape(-1, batch)

    def _real(self) -> tuple[Tensor, Tensor | None]:
        """(batch, C, r, r) in -1..1 at the working resolution, and classes (batch, c_dim)."""
        rows = np.sort(next(self._batches))
        pixels = torch.from_numpy(np.ascontiguousarray(self.pictures.pixels[rows]))
        x = pixels.to(self.device).permute(0, 3, 1, 2).float() / 127.5 - 1.0
        while x.shape[2] > self.counts.resolution:
            x = smooth_halve(x)
        x = x.contiguous(memory_format=torch.channels_last)
        return x, self._one_hot(torch.from_numpy(self.pictures.classes[rows]))

    def _one_hot(self, classes: Tensor) -> Tensor | None:
        if not self.config.c_dim:
            return None
        return F.one_hot(classes, self.config.c_dim).float().to(self.device)

    def _z(self, count: int) -> Tensor:
        return torch.randn(count, self.config.z_dim, generator=self.random).to(self.device)

    def _autocast(self) -> AbstractContextManager:
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.bfloat16)

    def _draw(self, z: Tensor, c: Tensor | None, mixing: bool) -> Tensor:
        generator = self.generator
        w = generator.mapping(z, c)[:, None].expand(-1, generator.num_ws, -1)
        if mixing and torch.rand([], generator=self.random) < self.recipe.mixing:
            cut = int(torch.randint(1, generator.num_ws, [], generator=self.random))
            other = generator.mapping(self._z(len(z)), c)[:, None]
            fine = other.expand(-1, generator.num_ws - cut, -1)
            w = torch.cat([w[:, :cut], fine], dim=1)
        noise = None
        if mixing:
            noise = torch.randn(len(z), generator.num_noise, generator=self.random).to(self.device)
        with self._autocast():
            return generator.synthesis(w, noise=noise, stop=self.counts.resolution)

    # ------------------------------------------------------------ steps

    def step(self, share: float) -> None:
        """Train on one batch; `share` is the part of the planned time already used."""
        self.counts.resolution = max(
            self.counts.resolution, resolution_at(share, self.config.resolution, self.recipe)
        )
        real, c = self._real()
        if share < self.recipe.sketch_share:
            self._rebuild(real, c, weight=1.0)
        else:
            self._adversarial(real, c)
            if self.counts.steps % self.recipe.rebuild_every == 0:
                self._rebuild(real, c, weight=self.recipe.rebuild_weight)
        self.counts.steps += 1
        self.counts.pictures += len(real)
        self._follow(len(real))

    def _rebuild(self, real: Tensor, c: Tensor | None, weight: float) -> None:
        """One step as a variational autoencoder: L1, L1 of gradients, KL."""
        with self._autocast():
            mean, log_variance = self.encoder(real)
        deviation = torch.exp(0.5 * log_variance)
        drawn = self._draw(mean + deviation * self._z(len(real)), c, mixing=False)
        loss = (drawn - real).abs().mean()
        loss = loss + sum((_slope(drawn, d) - _slope(real, d)).abs().mean() for d in (2, 3))
        kl = 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance).mean()
        self.figures["rebuild"] = float(loss.detach())
        ((loss + self.recipe.kl_weight * kl) * weight).backward()
        self._apply(self.generator_adam, self.encoder_adam)

    def _adversarial(self, real: Tensor, c: Tensor | None) -> None:
        drawn = self._draw(self._z(len(real)), c, mixing=True)
        self._critic_step(real, drawn.detach(), c)
        self.critic.requires_grad_(False)
        with self._autocast():
            seen = augment(drawn, self.counts.p, self.random)
            loss = F.softplus(-self.critic(seen, c)).mean()
        loss.backward()
        self.critic.requires_grad_(True)
        self.figures["generator"] = float(loss.detach())
        self._apply(self.generator_adam)

    def _critic_step(self, real: Tensor, drawn: Tensor, c: Tensor | None) -> None:
        p = self.counts.p
        with self._autocast():
            true = self.critic(augment(real, p, self.random), c)
            false = self.critic(augment(drawn, p, self.random), c)
            loss = F.softplus(-true).mean() + F.softplus(false).mean()
        loss.backward()
        if self.counts.steps % self.recipe.r1_every == 0:
            self._r1(real, c)
        self._apply(self.critic_adam)
        self.figures["critic"] = float(loss.detach())
        sure = float(true.detach().sign().mean())
        self.counts.sure += 0.02 * (sure - self.counts.sure)
        self.counts.p = adapt(p, self.counts.sure, len(real))

    def _r1(self, real: Tensor, c: Tensor | None) -> None:
        """Gradient penalty on real pictures (Mescheder et al., arXiv 1801.04406), in float32."""
        half = max(len(real) // 2, 1)  # an unbiased estimate at half the cost
        x = real[:half].detach().requires_grad_(True)
        logits = self.critic(x, None if c is None else c[:half])
        (slope,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
        penalty = slope.square().sum(dim=(1, 2, 3)).mean()
        gamma = self.recipe.r1_gamma_per_pixel * x.shape[2] ** 2 / len(real)
        (penalty * (gamma / 2 * self.recipe.r1_every)).backward()
        self.figures["r1"] = float(penalty.detach())

    @staticmethod
    def _apply(*optimisers: torch.optim.Optimizer) -> None:
        for optimiser in optimisers:
            for group in optimiser.param_groups:
                for parameter in group["params"]:
                    if parameter.grad is not None:
                        torch.nan_to_num_(parameter.grad, nan=0.0, posinf=1e5, neginf=-1e5)
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)

    def _follow(self, count: int) -> None:
        """Exponential average of the generator (half-life grows with what was seen)."""
        half_life = min(self.recipe.ema_pictures, 0.05 * self.counts.pictures + 1.0)
        keep = 0.5 ** (count / half_life)
        pairs = zip(self.average.parameters(), self.generator.parameters(), strict=True)
        with torch.no_grad():
            for slow, fast in pairs:
                slow.lerp_(fast, 1.0 - keep)

    # ------------------------------------------------------------ state

    def state(self) -> dict:
        """Everything needed to go on later, as tensors and plain numbers."""
        return {
            "generator": self.generator.state_dict(),
            "average": self.average.state_dict(),
            "critic": self.critic.state_dict(),
            "encoder": self.encoder.state_dict(),
            "generator_adam": self.generator_adam.state_dict(),
            "critic_adam": self.critic_adam.state_dict(),
            "encoder_adam": self.encoder_adam.state_dict(),
            "random": self.random.get_state(),
            "counts": asdict(self.counts),
        }

    def load_state(self, state: dict) -> None:
        for name in ("generator", "average", "critic", "encoder"):
            getattr(self, name).load_state_dict(state[name])
        for name in ("generator_adam", "critic_adam", "encoder_adam"):
            getattr(self, name).load_state_dict(state[name])
        if not self.recipe.noise:
            silence(self.generator)
            silence(self.average)
        self.random.set_state(state["random"].cpu())
        self.counts = Counts(**state["counts"])

    @torch.no_grad()
    def centres(self, count: int = 4096) -> Tensor:
        """Mean w of the averaged generator: (w_dim,), or (c_dim, w_dim) by class."""
        z = torch.randn(count, self.config.z_dim, generator=torch.Generator().manual_seed(0))
        z = z.to(self.device)
        mapping = self.average.mapping
        if not self.config.c_dim:
            return mapping(z).mean(dim=0)
        eye = torch.eye(self.config.c_dim, device=self.device)
        return torch.stack([mapping(z, row.expand(count, -1)).mean(dim=0) for row in eye])

    @torch.no_grad()
    def samples(self, count: int, resolution: int) -> Tensor:
        """(count, C, resolution, resolution) from the averaged generator, fixed latents."""
        z = torch.randn(count, self.config.z_dim, generator=torch.Generator().manual_seed(1))
        c = self._one_hot(torch.arange(count) % max(self.config.c_dim, 1))
        w = self.average.mapping(z.to(self.device), c)
        ws = w[:, None].expand(-1, self.average.num_ws, -1)
        return self.average.synthesis(ws, stop=resolution)


def channels_last(network: torch.nn.Module) -> None:
    """Lay out convolution weights as CPUs and tensor cores like them."""
    for parameter in network.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)


def silence(generator: Generator) -> None:
    """No noise while it trains and in the finished model."""
    for name, strength in generator.named_parameters():
        if name.endswith("noise_strength"):
            strength.requires_grad_(False).zero_()


def _slope(x: Tensor, dim: int) -> Tensor:
    return x.narrow(dim, 1, x.shape[dim] - 1) - x.narrow(dim, 0, x.shape[dim] - 1)
