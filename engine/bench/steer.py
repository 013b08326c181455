"""The measures of steering: drawing speed beside its peers and floors, films, and the window."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from engine.backend import Inputs, read_constants
from engine.bench.figure import Figure, at_least, at_most, interleaved, missing, told
from engine.bench.window import in_window
from engine.messages import LatentPart, ModelInfo, RenderRequest, SteerRequest

rounds = 9
film_frames = 1000
config_f_gmac = 143.15
"""Of StyleGAN2 config-f at 1024 px (Belousov, MobileStyleGAN, arXiv 2104.04767, table 1)."""


def measures() -> Iterator[dict[str, Any]]:
    """Every figure, as it is ready; one that fails says why and does not stop the others."""
    parts: tuple[tuple[str, Callable[[], Iterator[Figure]]], ...] = (
        ("ONNX Runtime against eager torch", _against_eager),
        (f"memory growth over {film_frames} frames", _film_memory),
        ("CUDA", _cuda),
    )
    yield from told(parts)
    yield from in_window("steer")


def _against_eager() -> Iterator[Figure]:
    """Our graph in ONNX Runtime beside per-sample weights in eager torch, 256 px, same threads."""
    import torch

    from engine.bench.reference import random_generator, synthesis
    from engine.runtime import open_runtime

    generator = random_generator(256, 16384, mapping_layers=2)
    with tempfile.TemporaryDirectory() as folder:
        info = _shelve(generator, Path(folder))
        runtime = open_runtime(info, "cpu")
        ws = np.random.RandomState(0).randn(1, info.num_ws, info.w_dim).astype(np.float32)
        tensor = torch.from_numpy(ws)
        with torch.inference_mode():
            difference = float(
                np.abs(runtime.synthesis(ws) - synthesis(generator, tensor).numpy()).max()
            )
            ours, eager, clean = interleaved(
                (
                    lambda: runtime.synthesis(ws),
                    lambda: synthesis(generator, tensor),
                    lambda: generator.synthesis(tensor),
                ),
                rounds,
            )
    yield at_least(
        "speed-up over eager torch with per-sample weights, 256 px",
        eager / ours,
        "x",
        1.4,
        peer="eager torch",
        peer_value=1000 * eager,
        ratio=eager / ours,
        note=f"{1000 * ours:.1f} ms against {1000 * eager:.1f} ms a picture "
        f"({1000 * clean:.1f} ms: our static weights in eager torch), {rounds} interleaved rounds, "
        f"{torch.get_num_threads()} threads, largest difference {difference:.1e}",
    )


def _film_memory() -> Iterator[Figure]:
    """Resident memory while a film is written, from its 20th frame on."""
    from engine import film
    from engine.progress import Progress, Report
    from engine.runtime import open_runtime

    process = psutil.Process()
    sizes: list[int] = []

    def look(report: Report) -> None:
        sizes.append(process.memory_info().rss)

    with tempfile.TemporaryDirectory() as folder:
        info = _bundled_or_random(Path(folder))
        runtime = open_runtime(info, "cpu")
        keys = tuple(SteerRequest(info.id, (LatentPart(seed=seed),)) for seed in range(10))
        request = RenderRequest(
            keys, f"{folder}/film.mp4", "mp4", 30.0, film_frames // 10, loop=True
        )
        began = time.perf_counter()
        film.run(request, Progress(look), runtime)
        taken = time.perf_counter() - began
    growth = (max(sizes[20:]) - sizes[20]) / 2**20
    yield at_most(
        f"memory growth over {film_frames} recorded frames",
        growth,
        "MB",
        200.0,
        note=f"{info.name}, {info.resolution} px, "
        f"{film_frames / taken:.0f} frames/s drawn and encoded",
    )


def _cuda() -> Iterator[Figure]:
    """StyleGAN2 config-f, 1024 px, end to end to host memory, beside what its products cost."""
    name = "StyleGAN2 config-f at 1024 px on CUDA"
    import torch

    if not torch.cuda.is_available():
        yield missing(name, "frames/s", ">= 100", "no CUDA device in this machine")
        return
    from engine.bench.reference import random_generator
    from engine.graphs import ensure_graphs
    from engine.onnx_backend import OnnxBackend
    from engine.torch_backend import TorchBackend

    generator = random_generator(1024, 32768)
    with tempfile.TemporaryDirectory() as folder:
        info = _shelve(generator, Path(folder))
        constants = read_constants(info)
        files = ensure_graphs(info)
        ort = OnnxBackend(info, files, constants, cuda=True)
        full = TorchBackend(_again(info), info, constants, cuda=True, half=False)
        half = TorchBackend(_again(info), info, constants, cuda=True)
        yield from _cuda_figures(name, info, half, full, ort)


def _cuda_figures(name: str, info: ModelInfo, half: Any, full: Any, ort: Any) -> Iterator[Figure]:
    import torch

    ws = np.random.RandomState(0).randn(1, info.num_ws, info.w_dim).astype(np.float32)
    inputs = Inputs(ws, None, None, None)
    out = np.empty((1, info.resolution, info.resolution, 4), np.uint8)
    backends = [half, full] + ([ort] if ort.gpu else [])
    works = [lambda backend=backend: backend.bgrx(inputs, out) for backend in backends]
    times = interleaved(works, 30)
    rate = matmul_rate(torch.float16)
    floor = rate / (2 * config_f_gmac * 1e9)
    yield at_least(
        name,
        1 / times[0],
        "frames/s",
        100.0,
        peer="floor: its products at the measured matrix rate",
        peer_value=floor,
        ratio=1 / times[0] / floor,
        note=f"{torch.cuda.get_device_name()}, {half.provider}, {rate / 1e12:.0f} TFLOP/s measured",
    )
    yield Figure(
        "fp16 over fp32 on CUDA", times[1] / times[0], "x",
        peer="torch CUDA fp32", peer_value=1 / times[1], ratio=times[1] / times[0],
    )  # fmt: skip
    if not ort.gpu:
        note = "ONNX Runtime could not use this CUDA"
        yield missing("torch over ONNX Runtime on CUDA", "x", None, note)
        return
    yield Figure(
        "torch over ONNX Runtime on CUDA", times[2] / times[0], "x",
        peer="ONNX Runtime CUDA", peer_value=1 / times[2], ratio=times[2] / times[0],
    )  # fmt: skip


def matmul_rate(kind: Any, size: int = 8192) -> float:
    """Floating-point operations a second of a large matrix product on the GPU, best of ten."""
    import torch

    a = torch.randn(size, size, device="cuda", dtype=kind)
    b = torch.randn(size, size, device="cuda", dtype=kind)
    best = float("inf")
    for _ in range(10):
        torch.cuda.synchronize()
        began = time.perf_counter()
        torch.mm(a, b)
        torch.cuda.synchronize()
        best = min(best, time.perf_counter() - began)
    return 2 * size**3 / best


def _shelve(generator: Any, folder: Path) -> ModelInfo:
    """The generator as a card with its graphs beside it, both in a folder that goes away."""
    from engine.export import export_onnx
    from engine.library import model_info
    from models.files import Card, save_model

    path = folder / "bench.safetensors"
    state = {name: value.numpy() for name, value in generator.state_dict().items()}
    card = save_model(path, state, Card("stylegan2", "bench", asdict(generator.config)))
    export_onnx(generator, card, folder, stem=path.stem)
    return model_info(card, path)


def _bundled_or_random(folder: Path) -> ModelInfo:
    from engine.bench.reference import random_generator
    from engine.library import Library

    for info in Library().models():
        if info.bundled:
            return info
    return replace(_shelve(random_generator(128, 2048, 2), folder), name="random weights")


def _again(info: ModelInfo) -> Any:
    from models.files import load_model
    from models.registry import build

    card, state = load_model(info.path)
    return build(card, state)
