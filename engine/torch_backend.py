"""A generator in torch: on CUDA for speed, on the CPU where a generator has no ONNX graph.

On CUDA: fp16 above the coarse layers, channels_last, one captured CUDA graph per batch shape that
ends in BGRX bytes, and pinned host memory. Imports torch.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.backend import Constants, Inputs, area_means, available_cores
from engine.messages import ModelInfo
from engine.taps import reading, tappable
from engine.trace import Trace
from engine.turning import layer_channels, turning

kept_shapes = 3
"""Batch shapes whose CUDA graph is kept; each owns its activations."""
half_blocks = 4
"""Resolutions in fp16, counted from the largest (Karras et al., ADA, arXiv 2006.06676, app. C)."""
warm_up_runs = 3


@dataclass(eq=False)
class _Graph:
    """Fixed inputs and outputs of one batch shape, and how to compute between them."""

    inputs: dict[str, Tensor]
    staging: dict[str, Tensor]
    """Pinned host copies of the inputs."""
    image: Tensor  # (N, C, H, W) float32
    bytes: Tensor  # (N, H, W, 4) uint8 BGRX
    host_bytes: Tensor
    replay: Any


class TorchBackend:
    """Owns the generator module on its device."""

    def __init__(
        self,
        generator: Any,
        info: ModelInfo,
        constants: Constants,
        cuda: bool = False,
        half: bool = True,
        graphs: bool = True,
    ):
        self._info = info
        self._constants = constants
        self._styles = sum(layer.style_count for layer in info.layers)
        self.gpu = cuda
        self._device = torch.device("cuda" if cuda else "cpu")
        self._graphs_wanted = cuda and graphs
        self._channels: Mapping[str, int] = {}
        self._graphs: OrderedDict[tuple[int, int], _Graph] = OrderedDict()
        generator = generator.eval().requires_grad_(False)
        halves = cuda and half and hasattr(generator.synthesis, "half_from")
        if halves:
            generator.synthesis.half_from = first_half_resolution(info.resolution)
        self._generator = generator.to(self._device, memory_format=torch.channels_last)
        if cuda:
            torch.backends.cudnn.benchmark = True
            # TF32 keeps 10 bits of a product: fine beside fp16, not where fp32 was asked for.
            torch.backends.cudnn.allow_tf32 = half
            self.provider = "torch CUDA fp16" if halves else "torch CUDA"
        else:
            torch.set_num_threads(available_cores())
            self.provider = "torch CPU"

    def mapping(self, z: np.ndarray, c: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            latents = torch.from_numpy(np.ascontiguousarray(z, np.float32)).to(self._device)
            classes = None
            if self._info.c_dim:
                classes = torch.from_numpy(np.ascontiguousarray(c, np.float32)).to(self._device)
            return self._generator.mapping(latents, classes).float().cpu().numpy()

    def synthesis(self, inputs: Inputs) -> np.ndarray:
        with torch.inference_mode():
            if self._graphs_wanted and not _edited(inputs):
                return self._run(inputs).image.contiguous().to("cpu", copy=True).numpy()
            return self._draw_moved(inputs).contiguous().cpu().numpy()

    def bgrx(self, inputs: Inputs, out: np.ndarray) -> None:
        with torch.inference_mode():
            if self._graphs_wanted and not _edited(inputs):
                graph = self._run(inputs)
                graph.host_bytes.copy_(graph.bytes, non_blocking=True)
                torch.cuda.current_stream().synchronize()
                np.copyto(out, graph.host_bytes.numpy())
            else:
                pixels = bgrx_bytes(self._draw_moved(inputs))
                np.copyto(out, pixels.cpu().numpy())

    def activations(self, inputs: Inputs, layer: str, grid: int) -> np.ndarray:
        """(N, C, grid, grid) float32: the layer's output, mean over equal areas."""
        read = reading(layer, self._info, grid)
        reader = Trace(self._generator.synthesis, (layer,), stop=True)
        # Traces nest: what moves this layer has moved it already.
        with torch.inference_mode(), self._moved(inputs), reader:
            self._draw(self._tensors(inputs))
        means = torch.from_numpy(area_means(read.size, grid)).to(self._device)
        return (means @ reader[layer].float() @ means.T).cpu().numpy()

    @property
    def channels(self) -> Mapping[str, int]:
        """Layer name -> channels of its output."""
        if not self._channels:
            ws = torch.zeros(1, self._info.num_ws, self._info.w_dim, device=self._device)
            names = tappable(self._info)
            self._channels = layer_channels(self._generator.synthesis, names, ws)
        return self._channels

    def warm_turns(self) -> None:
        """Nothing to open: layers are turned by hooks."""

    def _draw_moved(self, inputs: Inputs) -> Tensor:
        """Eagerly, with the activations that are to be moved."""
        with self._moved(inputs):
            image = self._generator.synthesis(**self._tensors(inputs))
        return image.float()

    def _moved(self, inputs: Inputs) -> Trace:
        """While this is open, layers put out what the inputs make of their activations."""
        return turning(
            self._generator.synthesis,
            inputs.activation_offset,
            inputs.turned,
            self._device,
            self._info.name,
        )

    def _arrays(self, inputs: Inputs) -> dict[str, np.ndarray]:
        """Every input of synthesis, defaults filled in."""
        offset = inputs.style_offset
        if offset is None:
            offset = np.zeros((len(inputs.ws), self._styles), np.float32)
        arrays = {"ws": inputs.ws, "style_offset": offset}
        if self._constants.noise.shape[1]:
            strength = inputs.noise_strength
            if strength is None:
                strength = np.ones(self._constants.noise_layers, np.float32)
            noise = self._constants.noise if inputs.noise is None else inputs.noise
            arrays |= {"noise": noise, "noise_strength": strength}
        return arrays

    def _tensors(self, inputs: Inputs) -> dict[str, Tensor]:
        return {
            name: torch.tensor(array, dtype=torch.float32, device=self._device)
            for name, array in self._arrays(inputs).items()
        }

    def _draw(self, tensors: dict[str, Tensor]) -> Tensor:
        return self._generator.synthesis(**tensors).float()

    def _run(self, inputs: Inputs) -> _Graph:
        arrays = self._arrays(inputs)
        noises = len(arrays["noise"]) if "noise" in arrays else 1
        key = (len(inputs.ws), noises)
        if key not in self._graphs:
            # Before capturing: the graphs that must go give their memory to the new one.
            while len(self._graphs) >= kept_shapes:
                self._graphs.popitem(last=False)
            self._graphs[key] = self._capture(self._tensors(inputs))
        self._graphs.move_to_end(key)
        graph = self._graphs[key]
        for name, array in arrays.items():
            np.copyto(graph.staging[name].numpy(), array)
            graph.inputs[name].copy_(graph.staging[name], non_blocking=True)
        graph.replay()
        return graph

    def _capture(self, tensors: dict[str, Tensor]) -> _Graph:
        """Record one picture's kernels: a small batch is bound by launching them one by one."""
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(warm_up_runs):
                bgrx_bytes(self._draw(tensors))
        torch.cuda.current_stream().wait_stream(side)
        recorded = torch.cuda.CUDAGraph()
        with torch.cuda.graph(recorded):
            image = self._draw(tensors)
            pixels = bgrx_bytes(image)
        staging = {
            name: torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
            for name, tensor in tensors.items()
        }
        host = torch.empty(pixels.shape, dtype=torch.uint8, pin_memory=True)
        return _Graph(tensors, staging, image, pixels, host, recorded.replay)


def _edited(inputs: Inputs) -> bool:
    """Whether activations are moved or turned: a recorded graph cannot do that."""
    return bool(inputs.activation_offset or inputs.turned)


def bgrx_bytes(image: Tensor) -> Tensor:
    """(N, C, H, W) about -1..1 -> (N, H, W, 4) uint8 B G R X, on the image's device."""
    pixels = (image * 127.5 + 128.0).clamp_(0.0, 255.0).to(torch.uint8)
    # Not by a list of indices: that copies from the host, which a CUDA graph cannot record.
    colours = image.shape[1] >= 3
    pixels = pixels[:, :3].flip(1) if colours else pixels[:, :1].expand(-1, 3, -1, -1)
    full = pixels.new_full((pixels.shape[0], 1, *pixels.shape[2:]), 255)
    return torch.cat([pixels, full], dim=1).permute(0, 2, 3, 1).contiguous()


def first_half_resolution(resolution: int) -> int:
    """The smallest resolution that computes in fp16; 4 to 16 px always stay exact."""
    return max(32, resolution >> (half_blocks - 1))
