"""One opened generator: the fastest backend that works here, and falling back when it stops.

On a CPU: ONNX Runtime; torch where a generator cannot be exported. On CUDA: whichever of torch and
ONNX Runtime was faster when measured, once per model and device, and remembered in the cache
folder. Torch is imported only when it is needed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

import numpy as np

from engine import paths
from engine.backend import Backend, Constants, Inputs, Turn, check_memory, read_constants
from engine.graphs import ensure_graphs
from engine.messages import ModelInfo
from engine.onnx_backend import OnnxBackend, cuda_device_present
from engine.progress import Progress
from engine.steer.latents import Memo
from engine.taps import check_layer
from models.errors import LodestoneError
from models.files import write_atomically

T = TypeVar("T")

measured_runs = 9
"""Pictures timed for each backend; the median counts."""


class Runtime:
    """Computes one generator. Not for several threads at once."""

    def __init__(
        self,
        info: ModelInfo,
        backend: Backend,
        constants: Constants,
        on_cpu: Callable[[], Backend] | None = None,
        notice: str = "",
    ):
        self.info = info
        self.w_avg = constants.w_avg
        """(w_dim,), or (c_dim, w_dim): one truncation centre a class."""
        self.noise_const = constants.noise
        """(1, num_noise) float32, the stored noise."""
        self.notice = notice
        """A sentence when something runs otherwise than asked; empty when all is well."""
        self.memo = Memo(self)
        self._backend = backend
        self._on_cpu = on_cpu

    @property
    def provider(self) -> str:
        """What really computes, such as `ONNX Runtime CPU`."""
        return self._backend.provider

    @property
    def channels(self) -> Mapping[str, int]:
        """Layer name -> channels of its output, of layers that can be read and moved."""
        return self._backend.channels

    def warm_turns(self) -> None:
        """Get ready for pictures with turned layers, about a tenth of a second, once."""
        self._safely(lambda backend: backend.warm_turns())

    def mapping(self, z: np.ndarray, c: np.ndarray) -> np.ndarray:
        """(N, z_dim), (N, c_dim) -> (N, w_dim), not truncated."""
        return self._safely(lambda backend: backend.mapping(z, c))

    def synthesis(
        self,
        ws: np.ndarray,
        style_offset: np.ndarray | None = None,
        noise: np.ndarray | None = None,
        noise_strength: np.ndarray | None = None,
        activation_offset: Mapping[str, np.ndarray] | None = None,
        turned: Mapping[str, Turn] | None = None,
    ) -> np.ndarray:
        """ws (N, num_ws, w_dim) -> pictures (N, C, R, R) float32, about -1..1.

        `activation_offset`: layer name -> (1 or N, C), added to every position of its output.
        `turned`: layer name -> what becomes of its output instead.
        """
        inputs = self._inputs(ws, style_offset, noise, noise_strength, activation_offset, turned)
        return self._safely(lambda backend: backend.synthesis(inputs))

    def bgrx(
        self,
        ws: np.ndarray,
        style_offset: np.ndarray | None = None,
        noise: np.ndarray | None = None,
        noise_strength: np.ndarray | None = None,
        activation_offset: Mapping[str, np.ndarray] | None = None,
        turned: Mapping[str, Turn] | None = None,
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """As `synthesis`, as (N, R, R, 4) uint8 B G R X; into `out` when it is given."""
        inputs = self._inputs(ws, style_offset, noise, noise_strength, activation_offset, turned)
        if out is None:
            size = self.info.resolution
            out = np.empty((len(inputs.ws), size, size, 4), np.uint8)
        self._safely(lambda backend: backend.bgrx(inputs, out))
        return out

    def activations(
        self,
        ws: np.ndarray,
        style_offset: np.ndarray | None,
        noise: np.ndarray | None,
        noise_strength: np.ndarray | None,
        layer: str,
        grid: int = 1,
        activation_offset: Mapping[str, np.ndarray] | None = None,
        turned: Mapping[str, Turn] | None = None,
    ) -> np.ndarray:
        """(N, C * grid * grid) float32: what `layer` puts out, averaged over grid x grid areas.

        Computes no further than the layer. `grid` is 1 to 4; areas vary fastest.
        """
        inputs = self._inputs(ws, style_offset, noise, noise_strength, activation_offset, turned)
        check_layer(layer, self.info)
        found = self._safely(lambda backend: backend.activations(inputs, layer, grid))
        return found.reshape(len(found), -1)

    def _safely(self, work: Callable[[Backend], T]) -> T:
        try:
            return work(self._backend)
        except MemoryError as error:
            raise LodestoneError(
                f"There is not enough memory to draw with {self.info.name}. "
                "Close other programs or choose a smaller generator.",
                repr(error),
            ) from error
        except Exception as error:
            # A lost GPU shows itself in many classes (torch's, ONNX Runtime's, the driver's).
            if not self._backend.gpu or self._on_cpu is None or isinstance(error, LodestoneError):
                raise
            lost = self.provider
            self._backend = self._on_cpu()
            self.notice = f"{lost} stopped answering; {self.info.name} now runs on the CPU."
            return work(self._backend)

    def _inputs(
        self,
        ws: np.ndarray,
        style_offset: np.ndarray | None,
        noise: np.ndarray | None,
        noise_strength: np.ndarray | None,
        activation_offset: Mapping[str, np.ndarray] | None,
        turned: Mapping[str, Turn] | None,
    ) -> Inputs:
        given = (ws, style_offset, noise, noise_strength)
        arrays = [None if a is None else np.ascontiguousarray(a, np.float32) for a in given]
        first = arrays[0]
        if first is None or first.shape[1:] != (self.info.num_ws, self.info.w_dim):
            raise ValueError(f"ws is {np.shape(ws)}, which does not fit {self.info.name}")
        moved: dict[str, np.ndarray] = {}
        for layer, offset in (activation_offset or {}).items():
            check_layer(layer, self.info)
            moved[layer] = np.ascontiguousarray(np.atleast_2d(offset), np.float32)
        return Inputs(first, arrays[1], arrays[2], arrays[3], moved, turned or {})


def open_runtime(
    info: ModelInfo, device: str = "auto", progress: Progress | None = None, exact: bool = False
) -> Runtime:
    """Open a generator on `auto`, `cpu` or `cuda`; exports it first when that is still to do.

    CUDA asked for and absent runs on the CPU and says so in `notice`. `exact` computes in fp32
    throughout, for pictures that another program measures.
    """
    check_memory(info)
    constants = read_constants(info)
    progress = progress or Progress()

    def on_cpu() -> Backend:
        return _open_on_cpu(info, constants, progress)

    if device != "cpu" and cuda_device_present():
        opened = _open_on_cuda(info, constants, progress, exact)
        if opened is not None:
            return Runtime(info, opened, constants, on_cpu)
        notice = "The graphics card could not be used; this generator runs on the CPU."
        return Runtime(info, on_cpu(), constants, notice=notice)
    notice = ""
    if device == "cuda":
        notice = "There is no CUDA device here; this generator runs on the CPU."
    return Runtime(info, on_cpu(), constants, notice=notice)


def _open_on_cpu(info: ModelInfo, constants: Constants, progress: Progress) -> Backend:
    try:
        return OnnxBackend(info, ensure_graphs(info, progress), constants)
    except LodestoneError as error:
        if error.sentence.endswith("runs with torch instead."):
            return _torch_backend(info, constants, cuda=False)
        raise


def _open_on_cuda(
    info: ModelInfo, constants: Constants, progress: Progress, exact: bool
) -> Backend | None:
    """The faster of torch and ONNX Runtime on the GPU; None when neither can use it."""
    if exact:
        return _attempt(lambda: _torch_backend(info, constants, cuda=True, half=False))
    makers: dict[str, Callable[[], Backend]] = {
        "torch": lambda: _torch_backend(info, constants, cuda=True),
        "onnx": lambda: OnnxBackend(info, ensure_graphs(info, progress), constants, cuda=True),
    }
    known = _read_choices().get(_choice_key(info))
    if known in makers:
        backend = _attempt(makers[known])
        if backend is not None:
            return backend
    opened = {name: _attempt(make) for name, make in makers.items()}
    working = {name: backend for name, backend in opened.items() if backend is not None}
    if not working:
        return None
    times = {name: _time_backend(backend, info) for name, backend in working.items()}
    best = min(times, key=lambda name: times[name])
    if times[best] == float("inf"):
        return None
    _remember_choice(info, best)
    return working[best]


def _attempt(make: Callable[[], Backend]) -> Backend | None:
    """A backend that really uses the GPU, or None: whatever the reason, there is another one."""
    try:
        backend = make()
    except Exception:
        return None
    return backend if backend.gpu else None


def _torch_backend(info: ModelInfo, constants: Constants, cuda: bool, half: bool = True) -> Backend:
    import torch

    from engine.torch_backend import TorchBackend
    from models.files import load_model
    from models.registry import build

    if cuda and not torch.cuda.is_available():
        raise LodestoneError("This torch cannot use the graphics card.")
    card, state = load_model(info.path)
    return TorchBackend(build(card, state), info, constants, cuda, half)


def _time_backend(backend: Backend, info: ModelInfo) -> float:
    """Median seconds of one picture as bytes in host memory; infinity when it fails."""
    ws = np.zeros((1, info.num_ws, info.w_dim), np.float32)
    inputs = Inputs(ws, None, None, None)
    out = np.empty((1, info.resolution, info.resolution, 4), np.uint8)
    times = []
    try:
        for _ in range(measured_runs):
            began = time.perf_counter()
            backend.bgrx(inputs, out)
            times.append(time.perf_counter() - began)
    except Exception:
        return float("inf")
    return float(np.median(times))


def _choice_key(info: ModelInfo) -> str:
    """Model and device: another card may prefer the other backend."""
    import torch

    name = torch.cuda.get_device_name() if torch.cuda.is_available() else "cuda"
    return f"{info.id} {name}"


def _read_choices() -> dict[str, str]:
    try:
        choices = json.loads((paths.cache() / "backends.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return choices if isinstance(choices, dict) else {}


def _remember_choice(info: ModelInfo, choice: str) -> None:
    choices = _read_choices() | {_choice_key(info): choice}
    try:
        write_atomically(paths.cache() / "backends.json", json.dumps(choices, indent=1).encode())
    except LodestoneError:
        return  # A cache that cannot be kept is measured again next time.
