"""A network whose units are known, as an ONNX file, and pictures to show it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from engine.inspect.study import Study
from engine.messages import NetworkInfo, NetworkLayer
from engine.progress import Progress

SIDE = 16


def colour_network(path: Path) -> str:
    """Layers `seen` (units red, green, blue, minus red, always 1), `broken` (the same, not a number
    where red is below a half) and `answer` (means of `seen`); values are 0..1 a pixel."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weights = np.zeros((5, 3, 1, 1), np.float32)
    weights[0, 0] = weights[1, 1] = weights[2, 2] = 1.0
    weights[3, 0] = -1.0
    bias = np.float32([0, 0, 0, 0, 1])
    half = np.float32([0.5, 0, 0, 0, 0]).reshape(1, 5, 1, 1)
    constants = {"weights": weights, "bias": bias, "half": half, "one": np.float32([1.0]),
                 "eye": np.eye(5, dtype=np.float32)}  # fmt: skip
    nodes = [
        helper.make_node("Conv", ["picture", "weights", "bias"], ["colours"]),
        helper.make_node("Relu", ["colours"], ["seen"]),
        helper.make_node("Sub", ["seen", "half"], ["less"]),
        helper.make_node("Sqrt", ["less"], ["root"]),
        helper.make_node("Mul", ["root", "one"], ["broken"]),
        helper.make_node("GlobalAveragePool", ["seen"], ["means"]),
        helper.make_node("Flatten", ["means"], ["flat"]),
        helper.make_node("MatMul", ["flat", "eye"], ["answer"]),
    ]
    graph = helper.make_graph(
        nodes,
        "colours",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, ["N", 3, SIDE, SIDE])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
         for name in ("answer", "broken")],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.save(model, str(path))
    card = {"size": [SIDE, SIDE], "shorter": 0, "mean": [0, 0, 0], "scale": [255, 255, 255]}
    path.with_name(f"{path.name}.json").write_text(json.dumps({"preprocessing": card}))
    return str(path)


def coloured(folder: Path, count: int, seed: int = 0) -> np.ndarray:
    """Pictures 00.png … of random colours with a lighter spot; returns them (N, 16, 16, 3)."""
    random = np.random.RandomState(seed)
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for index in range(count):
        pixels = np.empty((SIDE, SIDE, 3), np.uint8)
        pixels[:] = random.randint(0, 256, 3)
        top, left = random.randint(0, SIDE - 4, 2)
        pixels[top : top + 4, left : left + 4] = random.randint(0, 256, 3)
        Image.fromarray(pixels).save(folder / f"{index:02}.png")
        made.append(pixels)
    return np.stack(made)


def made_study(
    folder: Path, layers: dict[str, np.ndarray], seed: int = 0, network: str = "n" * 64
) -> Study:
    """A study of activations {layer: (N, C, rows, columns)} over N pictures of one colour each."""
    from engine.inspect.exemplars import keep, new_head
    from engine.inspect.onepass import OnePass
    from engine.inspect.probes import ProbeSet

    count = len(next(iter(layers.values())))
    found = tuple(
        NetworkLayer(name, "map", values.shape[1], (values.shape[2], values.shape[3]), "Conv2d")
        for name, values in layers.items()
    )
    info = NetworkInfo(network, "made", "made", "classifier", found)
    random = np.random.RandomState(seed)
    pictures = random.randint(0, 256, (count, 1, 1, 3), np.uint8).repeat(32, 1).repeat(40, 2)
    labels = tuple("cat" if index % 2 else "dog" for index in range(count))
    probes = ProbeSet(tuple(f"{i:04}.png" for i in range(count)), labels, "digest")
    folder.mkdir(parents=True)
    np.save(folder / "pictures.npy", pictures)
    work = OnePass(folder / "pass", "key", found, count, 15)

    def look(numbers: np.ndarray) -> dict[str, np.ndarray]:
        return {name: values[numbers] for name, values in layers.items()}

    keep(folder, new_head("key", info, probes), work.run(look, Progress()), Progress())
    return Study.open(folder)
