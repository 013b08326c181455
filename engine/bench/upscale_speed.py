"""How long 360p to 1080p takes, in one run with bicubic and a network of FSRCNN's shape.

OpenCV's weights for FSRCNN are not ours to ship, and the time does not depend on weights: the peer
has the layers of FSRCNN x3 (arXiv 1608.00367, d = 56, s = 12, m = 4, luma only) with random ones.
It runs in ONNX Runtime and, where OpenCV is installed, in OpenCV's own dnn module.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from engine.bench.figure import Figure, at_least, at_most, missing
from engine.messages import LodestoneError, UpscaleSettings
from engine.onnx_backend import cuda_device_present, open_session
from engine.upscale.enlarge import enlarge
from engine.upscale.graph import graph
from engine.upscale.opened import Upscaler, open_upscaler
from engine.upscale.shelf import heads
from engine.upscale.store import config_of
from models.files import load_model

ROUNDS = 5
SMALL, LARGER = (360, 640), (720, 1280)
SETTINGS = UpscaleSettings("fredsr", 3, device="cpu")
CUDA_TARGETS = ((SMALL, 60), (LARGER, 24))
"""Frames a second at 3 times, transfers included."""
_WIDE, _NARROW, _BETWEEN = 56, 12, 4


@dataclass(frozen=True)
class _Timed:
    wall: float
    """Median seconds."""
    cpu: float
    """Median seconds of all threads together."""


def measures() -> Iterator[Figure]:
    """On random pictures: what is in them does not matter. Some seconds."""
    if 3 not in heads("fredsr"):
        yield missing("360p to 1080p", "s", None, "the bundled upscaler is not here")
        return
    for threads in (1, 2):
        yield from _on_cpu(threads)
    yield from _on_cuda()


def _on_cpu(threads: int) -> Iterator[Figure]:
    picture = np.random.default_rng(0).integers(0, 256, (*SMALL, 3)).astype(np.uint8)
    card, state = load_model(heads("fredsr")[3])
    session = open_session(graph(config_of(card.hyper), state), threads, blocked=False)
    upscaler: Upscaler = replace(open_upscaler(SETTINGS), session=session)
    luma = picture[None, None, :, :, 1].astype(np.float32) / 255
    ready = picture.transpose(2, 0, 1)[None].astype(np.float32) / 255
    peer = fsrcnn()
    peer_session = open_session(peer, threads, blocked=False)
    works: dict[str, Callable[[], object]] = {
        "FREDSR, from bytes to bytes": lambda: enlarge(picture, upscaler, SETTINGS),
        "FREDSR, the network": lambda: session.run(None, {"picture": ready}),
        "FSRCNN's shape in ONNX Runtime": lambda: peer_session.run(None, {"luma": luma}),
        "bicubic by Pillow": lambda: _by_pillow(picture),
    }
    works |= _of_opencv(picture, luma, peer, threads)
    timed = dict(zip(works, _timed(tuple(works.values())), strict=True))
    theirs = next((n for n in works if "in OpenCV" in n), "FSRCNN's shape in ONNX Runtime")
    plain = next((n for n in works if "bicubic by OpenCV" in n), "bicubic by Pillow")
    words = f"{threads} thread{'s' * (threads > 1)}"
    for name, found in timed.items():
        facts: dict[str, Any] = {
            "peer": f"{theirs} (random weights)", "peer_value": timed[theirs].wall,
            "ratio": found.wall / timed[theirs].wall,
            "note": f"{found.cpu:.3f} CPU-seconds, {found.wall / timed[plain].wall:.0f} x {plain}",
        }  # fmt: skip
        full = f"360p to 1080p, {words}: {name}"
        if name == "FREDSR, the network" and threads == 2:
            limit = round(1.5 * timed[theirs].wall, 4)
            yield at_most(full, found.wall, "s", limit, **facts)
        else:
            yield Figure(full, found.wall, "s", **facts)


def _timed(works: Sequence[Callable[[], object]]) -> list[_Timed]:
    """A round runs all of them, so that load falls on all alike."""
    for work in works:
        work()
    taken = np.zeros((len(works), ROUNDS, 2))
    for round_ in range(ROUNDS):
        for index, work in enumerate(works):
            began = time.perf_counter(), time.process_time()
            work()
            ended = time.perf_counter(), time.process_time()
            taken[index, round_] = np.subtract(ended, began)
    return [_Timed(float(wall), float(cpu)) for wall, cpu in np.median(taken, axis=1)]


def _by_pillow(picture: np.ndarray) -> object:
    size = (picture.shape[1] * 3, picture.shape[0] * 3)
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))


def _of_opencv(
    picture: np.ndarray, luma: np.ndarray, peer: bytes, threads: int
) -> dict[str, Callable[[], object]]:
    """Nothing where OpenCV is not installed; without its dnn module where that cannot read it."""
    try:
        cv2: Any = importlib.import_module("cv2")
    except ImportError:
        return {}
    cv2.setNumThreads(threads)
    size = (picture.shape[1] * 3, picture.shape[0] * 3)

    def bicubic() -> object:
        return cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC)

    works: dict[str, Callable[[], object]] = {"bicubic by OpenCV": bicubic}
    try:
        net = cv2.dnn.readNetFromONNX(np.frombuffer(peer, np.uint8))
    except cv2.error:
        return works

    def dnn() -> object:
        net.setInput(luma)
        return net.forward()

    return works | {"FSRCNN's shape in OpenCV": dnn}


def fsrcnn() -> bytes:
    """`luma` (1, 1, H, W) -> (1, 1, 3H, 3W): random numbers in the layers of FSRCNN x3."""
    random = np.random.default_rng(0)
    kept, nodes = [], []

    def put(name: str, *shape: int) -> str:
        values = random.normal(0, 0.05, shape).astype(np.float32)
        kept.append(numpy_helper.from_array(values, name))
        return name

    def conv(x: str, name: str, out: int, inputs: int, side: int) -> str:
        weight, bias = put(f"{name}.weight", out, inputs, side, side), put(f"{name}.bias", out)
        slope, pad = put(f"{name}.slope", out, 1, 1), side // 2
        nodes.append(helper.make_node("Conv", [x, weight, bias], [f"{name}.sum"],
                                      kernel_shape=[side] * 2, pads=[pad] * 4))  # fmt: skip
        nodes.append(helper.make_node("PRelu", [f"{name}.sum", slope], [name]))
        return name

    x = conv("luma", "first", _WIDE, 1, 5)
    x = conv(x, "shrink", _NARROW, _WIDE, 1)
    for index in range(_BETWEEN):
        x = conv(x, f"map{index}", _NARROW, _NARROW, 3)
    x = conv(x, "expand", _WIDE, _NARROW, 1)
    # A 9 x 9 transposed convolution of stride 3 is nine 3 x 3 ones, interleaved: the faster form.
    weight, bias = put("last.weight", 9, _WIDE, 3, 3), put("last.bias", 9)
    nodes.append(helper.make_node("Conv", [x, weight, bias], ["phases"],
                                  kernel_shape=[3, 3], pads=[1] * 4))  # fmt: skip
    nodes.append(helper.make_node("DepthToSpace", ["phases"], ["large"], blocksize=3))
    height, width = SMALL
    ends = (("luma", (height, width)), ("large", (3 * height, 3 * width)))
    told = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, *size]) for name, size in ends
    ]
    made = helper.make_graph(nodes, "fsrcnn", told[:1], told[1:], kept)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    return model.SerializeToString()


def _on_cuda() -> Iterator[Figure]:
    """Whole frames, bytes to bytes: both ways between the machine and its card are included."""
    for (height, width), target in CUDA_TARGETS:
        name = f"CUDA: {height}p to {3 * height}p"
        try:
            if not cuda_device_present():
                raise LodestoneError("not run: no CUDA")
            settings = replace(SETTINGS, device="cuda")
            upscaler = open_upscaler(settings)
        except LodestoneError as error:
            yield missing(name, "frames/s", f">= {target}", error.sentence)
            continue
        picture = np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)
        (found,) = _timed([lambda p=picture, u=upscaler, s=settings: enlarge(p, u, s)])
        yield at_least(name, 1 / found.wall, "frames/s", target, note=upscaler.provider)
