"""The runtime: what really runs, falling back, and no surprises with memory."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from engine import runtime as module
from engine.backend import Inputs, available_cores, check_memory, read_constants, to_bgrx
from engine.onnx_backend import OnnxBackend, cuda_device_present, open_session
from engine.runtime import Runtime, open_runtime
from engine.torch_backend import TorchBackend, bgrx_bytes, first_half_resolution
from models.errors import LodestoneError
from tests import small


def some_ws(batch: int = 1, seed: int = 0) -> np.ndarray:
    return np.random.RandomState(seed).randn(batch, 8, 20).astype(np.float32)


def torch_runtime() -> Runtime:
    constants = read_constants(small.info())
    backend = TorchBackend(small.generator(), small.info(), constants)
    return Runtime(small.info(), backend, constants)


def test_onnx_is_the_choice_on_a_cpu() -> None:
    assert small.runtime().provider == "ONNX Runtime CPU"
    assert small.runtime().notice == ""
    made = small.generator()
    np.testing.assert_array_equal(small.runtime().w_avg, made.w_avg.numpy())
    np.testing.assert_array_equal(small.runtime().noise_const, made.noise_const().numpy())


def test_both_backends_draw_the_same() -> None:
    ours, theirs = small.runtime(), torch_runtime()
    assert theirs.provider == "torch CPU"
    z = np.random.RandomState(1).randn(3, 24).astype(np.float32)
    c = np.eye(3, dtype=np.float32)
    np.testing.assert_allclose(ours.mapping(z, c), theirs.mapping(z, c), atol=1e-5)
    random = np.random.RandomState(2)
    noise = random.randn(1, ours.noise_const.shape[1]).astype(np.float32)
    styles = sum(layer.style_count for layer in small.info().layers)
    offset = 0.3 * random.randn(3, styles).astype(np.float32)
    strength = random.rand(7).astype(np.float32)
    for rest in ((), (offset,), (offset, noise), (offset, None, strength), (None, noise, strength)):
        a, b = ours.synthesis(some_ws(3), *rest), theirs.synthesis(some_ws(3), *rest)
        assert a.shape == (3, 3, 32, 32)
        assert np.abs(a - b).max() < 1e-4
        pixels = ours.bgrx(some_ws(3), *rest).astype(int) - theirs.bgrx(some_ws(3), *rest)
        assert np.abs(pixels).max() <= 1


def test_bound_buffers_forget_nothing_and_leak_nothing() -> None:
    """Inputs given once must not stay in the buffers of the next picture."""
    runtime = small.runtime()
    plain = runtime.synthesis(some_ws())
    styles = sum(layer.style_count for layer in small.info().layers)
    noise = np.ones((1, runtime.noise_const.shape[1]), np.float32)
    moved = runtime.synthesis(some_ws(), np.ones((1, styles), np.float32), noise, np.zeros(7))
    assert np.abs(moved - plain).max() > 0.1
    np.testing.assert_array_equal(runtime.synthesis(some_ws()), plain)
    for batch in (2, 3, 4, 5, 6, 1):
        found = runtime.synthesis(np.repeat(some_ws(), batch, 0))
        np.testing.assert_allclose(found, np.repeat(plain, batch, 0), atol=1e-5)


def test_bgrx_writes_into_the_given_buffer() -> None:
    buffer = np.zeros((2, 32, 32, 4), np.uint8)
    runtime = small.runtime()
    assert runtime.bgrx(some_ws(), out=buffer[1:]) is not None
    assert not buffer[0].any()
    image = runtime.synthesis(some_ws())[0]
    expected = np.clip(image * 127.5 + 128, 0, 255).astype(np.uint8)
    np.testing.assert_array_equal(buffer[1, ..., :3], expected[::-1].transpose(1, 2, 0))
    assert (buffer[1, ..., 3] == 255).all()


def test_grey_pictures_fill_all_colours() -> None:
    import torch

    image = np.linspace(-1.5, 1.5, 64, dtype=np.float32).reshape(1, 1, 8, 8)
    out = np.empty((1, 8, 8, 4), np.uint8)
    to_bgrx(image, out)
    assert (out[..., :3] == out[..., :1]).all()
    assert out[0, 0, 0, 0] == 0
    assert out[0, -1, -1, 0] == 255
    np.testing.assert_array_equal(bgrx_bytes(torch.from_numpy(image)).numpy(), out)


def test_wrong_shape_is_caught() -> None:
    with pytest.raises(ValueError, match="ws"):
        small.runtime().synthesis(np.zeros((1, 7, 20)))


@pytest.mark.skipif(cuda_device_present(), reason="there is a CUDA device")
def test_cuda_asked_for_and_absent_runs_on_the_cpu_and_says_so(
    capfd: pytest.CaptureFixture[str],
) -> None:
    runtime = open_runtime(small.info(), "cuda")
    assert runtime.provider == "ONNX Runtime CPU"
    assert runtime.notice == "There is no CUDA device here; this generator runs on the CPU."
    assert runtime.synthesis(some_ws()).shape == (1, 3, 32, 32)
    # Even when the driver claims a device, a provider that cannot load must not shout.
    session = open_session(str(small.folder() / "small.mapping.onnx"), 1, cuda=True)
    assert session.get_providers() == ["CPUExecutionProvider"]
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(cuda_device_present(), reason="there is a CUDA device")
def test_a_cuda_provider_that_cannot_load_is_not_claimed(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    if "CUDAExecutionProvider" not in ort.get_available_providers():
        pytest.skip("this ONNX Runtime was built without CUDA")
    monkeypatch.setattr("engine.onnx_backend.cuda_device_present", lambda: True)
    monkeypatch.setattr(module, "cuda_device_present", lambda: True)
    runtime = open_runtime(small.info(), "auto")
    assert runtime.provider == "ONNX Runtime CPU"
    assert "runs on the CPU" in runtime.notice
    assert capfd.readouterr().err == ""


class DyingGpu:
    """Draws twice, then disappears as a GPU does."""

    provider = "torch CUDA fp16"
    gpu = True

    def __init__(self, error: Exception):
        self._error = error
        self._left = 2
        self._inner = OnnxBackend(
            small.info(),
            module.ensure_graphs(small.info()),
            read_constants(small.info()),
        )

    def synthesis(self, inputs: Inputs) -> np.ndarray:
        self._left -= 1
        if self._left < 0:
            raise self._error
        return self._inner.synthesis(inputs)

    def mapping(self, z: np.ndarray, c: np.ndarray) -> np.ndarray:
        return self._inner.mapping(z, c)

    def bgrx(self, inputs: Inputs, out: np.ndarray) -> None:
        raise self._error


@pytest.mark.parametrize(
    "error", [RuntimeError("CUDA error: device-side assert"), OSError("driver shut down")]
)
def test_a_gpu_that_disappears_falls_back_and_says_so(error: Exception) -> None:
    constants = read_constants(small.info())
    runtime = Runtime(small.info(), DyingGpu(error), constants, lambda: small.runtime()._backend)
    expected = small.runtime().synthesis(some_ws())
    for _ in range(4):
        np.testing.assert_array_equal(runtime.synthesis(some_ws()), expected)
    assert runtime.provider == "ONNX Runtime CPU"
    assert runtime.notice == "torch CUDA fp16 stopped answering; small now runs on the CPU."


def test_cpu_errors_are_not_hidden() -> None:
    dying = DyingGpu(RuntimeError("wrong"))
    dying.gpu = False
    runtime = Runtime(small.info(), dying, read_constants(small.info()), lambda: dying)
    with pytest.raises(RuntimeError, match="wrong"):
        runtime.bgrx(some_ws())


def test_too_large_a_model_is_refused_before_allocating(monkeypatch: pytest.MonkeyPatch) -> None:
    check_memory(small.info())
    layer = dataclasses.replace(small.info().layers[-1], resolution=2**20)
    huge = dataclasses.replace(small.info(), layers=(layer,))
    with pytest.raises(LodestoneError, match=r"GB of memory.*free"):
        open_runtime(huge)
    with pytest.raises(LodestoneError, match="no longer"):
        open_runtime(dataclasses.replace(small.info(), path="/no/such.safetensors"))


def test_cuda_choice_is_measured_once_and_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LODESTONE_HOME", str(tmp_path))
    info, constants = small.info(), read_constants(small.info())
    made: list[str] = []
    timed: list[str] = []

    class Fake:
        gpu = True

        def __init__(self, provider: str):
            self.provider = provider
            made.append(provider)

        def bgrx(self, inputs: Inputs, out: np.ndarray) -> None:
            timed.append(self.provider)
            if self.provider == "torch":
                sum(range(200_000))

    monkeypatch.setattr(module, "_torch_backend", lambda *_, **__: Fake("torch"))
    monkeypatch.setattr(module, "OnnxBackend", lambda *_, **__: Fake("onnx"))
    first = module._open_on_cuda(info, constants, module.Progress(), exact=False)
    assert first is not None
    assert first.provider == "onnx"
    assert set(timed) == {"torch", "onnx"}
    timed.clear()
    made.clear()
    again = module._open_on_cuda(info, constants, module.Progress(), exact=False)
    assert again is not None
    assert (again.provider, made, timed) == ("onnx", ["onnx"], [])
    (tmp_path / "cache" / "backends.json").write_text("[broken")
    assert module._open_on_cuda(info, constants, module.Progress(), exact=False) is not None


def test_unexportable_generator_runs_with_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise LodestoneError("It cannot be ONNX. It runs with torch instead.")

    monkeypatch.setattr(module, "ensure_graphs", refuse)
    runtime = open_runtime(small.info(), "cpu")
    assert runtime.provider == "torch CPU"
    expected = small.runtime().synthesis(some_ws())
    assert np.abs(runtime.synthesis(some_ws()) - expected).max() < 1e-4


def test_drawing_needs_no_torch() -> None:
    info = small.info()
    code = (
        "import sys\n"
        "from engine.library import Library\n"
        "from engine.messages import SteerRequest\n"
        "from engine.runtime import open_runtime\n"
        "from engine.steer.directions import sefa\n"
        "from engine.steer.render import render\n"
        f"runtime = open_runtime(Library().find({info.path!r}))\n"
        "assert render(SteerRequest(runtime.info.id), runtime).std() > 0.1\n"
        "assert len(sefa(runtime)) == 16\n"
        "assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_small_facts() -> None:
    assert 1 <= available_cores() <= 4096
    assert [first_half_resolution(n) for n in (16, 64, 256, 512, 1024)] == [32, 32, 32, 64, 128]


@pytest.mark.gpu
@pytest.mark.skipif(not cuda_device_present(), reason="needs a CUDA device")
def test_cuda_draws_what_the_cpu_draws() -> None:
    constants = read_constants(small.info())
    expected = small.runtime().synthesis(some_ws(2))
    exact = TorchBackend(small.generator(), small.info(), constants, cuda=True, half=False)
    half = TorchBackend(small.generator(), small.info(), constants, cuda=True)
    inputs = Inputs(some_ws(2), None, None, None)
    assert np.abs(exact.synthesis(inputs) - expected).max() < 1e-3
    assert np.abs(half.synthesis(inputs) - expected).max() < 0.1
    out = np.empty((2, 32, 32, 4), np.uint8)
    for backend in (exact, half):
        backend.bgrx(inputs, out)
        assert np.abs(out.astype(int) - small.runtime().bgrx(some_ws(2))).mean() < 1.5
