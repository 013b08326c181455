"""A network whose units are known, and pictures to show it: colours, edges, textures, places.

One layer of hand-made 7 x 7 filters. Its colour units weigh red, green and blue, its edge units
are derivatives of a Gaussian, squared and pooled; its texture units a difference of blurs; its
place units contrast times a window; one is constant. Every picture has a few
shapes of random colours and gratings at random places, and its caption says what they are.
"""

from __future__ import annotations

import colorsys
import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

side = 96
kernel = 7
layer = "answer"
HUES = {"red": 0.0, "yellow": 58.0, "green": 120.0, "turquoise": 180.0, "blue": 230.0,
        "purple": 290.0}  # fmt: skip
COLOURS: dict[str, tuple[float, float, float]] = {
    "red": (1.0, -0.5, -0.5),
    "green": (-0.5, 1.0, -0.5),
    "blue": (-0.5, -0.5, 1.0),
    "yellow": (0.5, 0.5, -1.0),
    "turquoise": (-1.0, 0.5, 0.5),
    "purple": (0.5, -1.0, 0.5),
}
TURNED = {"vertical": 0.0, "horizontal": 90.0, "rising": 45.0, "falling": -45.0}
"""Angle of the gradient, in degrees, rows downwards."""
PLACES: dict[str, tuple[float, float, float, float]] = {
    "left": (0, 1, 0, 0.45),
    "right": (0, 1, 0.55, 1),
    "top": (0, 0.45, 0, 1),
    "bottom": (0.55, 1, 0, 1),
    "top left": (0, 0.4, 0, 0.4),
    "bottom right": (0.6, 1, 0.6, 1),
}


@dataclass(frozen=True)
class Planted:
    """Names of the units in order; "" = constant: nothing may be said of it."""

    truth: tuple[str, ...]


def write_pictures(folder: Path, count: int, seed: int) -> None:
    """`count` pictures with labels.csv."""
    rng = np.random.RandomState(seed)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "label"])
        for index in range(count):
            picture, said = _picture(rng)
            name = f"{seed}-{index:04}.png"
            Image.fromarray(picture).save(folder / name)
            writer.writerow([name, ", ".join(said)])


def _picture(rng: np.random.RandomState) -> tuple[np.ndarray, list[str]]:
    y, x = np.mgrid[:side, :side]
    out = np.full((side, side, 3), rng.uniform(0.35, 0.65), np.float32)
    out += 0.02 * rng.randn(side, side, 3)
    said: list[str] = []
    for _ in range(rng.randint(1, 4)):
        row, column, radius = rng.uniform(0, side, 2).tolist() + [rng.uniform(9, 18)]
        inside = (y - row) ** 2 + (x - column) ** 2 < radius**2
        if rng.rand() < 0.6:
            name = str(rng.choice(list(HUES)))
            hue = (HUES[name] + rng.uniform(-8, 8)) % 360 / 360
            colour = colorsys.hsv_to_rgb(hue, rng.uniform(0.75, 1), rng.uniform(0.7, 1))
            out[inside] = colour
            said.append(f"{name} disc")
        else:
            name = str(rng.choice(list(TURNED)))
            angle = np.deg2rad(TURNED[name] + rng.uniform(-8, 8))
            wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) * rng.uniform(0.5, 1.1))
            out[inside] = (0.5 + 0.45 * wave)[inside, None]
            said.append(f"{name} stripes")
    return (np.clip(out, 0, 1) * 255).astype(np.uint8), said


def write_network(path: Path) -> Planted:
    """An ONNX file: picture (N, 3, side, side) 0..1 -> `layer` (N, units, side, side)."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weights, squared, windows, truth = _units()
    pad = kernel // 2
    constants = {
        "w": weights, "sq": squared[None, :, None, None], "lin": 1 - squared[None, :, None, None],
        "win": windows[None], "half": np.full((1, 3, 1, 1), 0.5, np.float32),
        "bias": np.float32(0.02),
    }  # fmt: skip
    nodes = [
        helper.make_node("Sub", ["picture", "half"], ["centred"]),
        helper.make_node("Conv", ["centred", "w"], ["found"], pads=[pad] * 4),
        helper.make_node("Mul", ["found", "found"], ["power"]),
        helper.make_node("Mul", ["power", "sq"], ["a"]),
        helper.make_node("Mul", ["found", "lin"], ["b"]),
        helper.make_node("Add", ["a", "b"], ["both"]),
        helper.make_node(
            "AveragePool", ["both"], ["pooled"], kernel_shape=[5, 5], pads=[2] * 4
        ),  # fmt: skip
        helper.make_node("Mul", ["pooled", "win"], ["placed"]),
        helper.make_node("Sub", ["placed", "bias"], ["over"]),
        helper.make_node("Relu", ["over"], [layer]),
    ]
    given = helper.make_tensor_value_info("picture", TensorProto.FLOAT, ["n", 3, side, side])
    made = helper.make_tensor_value_info(layer, TensorProto.FLOAT, ["n", len(truth), side, side])
    stored = [numpy_helper.from_array(np.asarray(v, np.float32), k) for k, v in constants.items()]
    graph = helper.make_graph(nodes, "planted", [given], [made], stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, str(path))
    return Planted(truth)


def _units() -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[str, ...]]:
    """Filters (U, 3, k, k), which are squared (U,), windows (U, side, side), and their names."""
    y, x = np.mgrid[:kernel, :kernel] - kernel // 2
    blob = np.exp(-(x**2 + y**2) / (2 * 1.6**2))
    blob /= blob.sum()
    filters: list[np.ndarray] = []
    squared: list[bool] = []
    truth: list[str] = []
    windows: list[np.ndarray] = []
    whole = np.ones((side, side), np.float32)

    def add(name: str, weights: np.ndarray, square: bool, window: np.ndarray = whole) -> None:
        filters.append(weights)
        squared.append(square)
        truth.append(name)
        windows.append(window)

    for name, mix in COLOURS.items():
        add(name, np.array(mix)[:, None, None] * blob, False)
    for name, degrees in TURNED.items():
        add(name, _edge(x, y, blob, np.deg2rad(degrees)), True)
    centre = np.zeros_like(blob)
    centre[kernel // 2, kernel // 2] = 1.0
    contrast = np.repeat(((centre - blob) / 1.5)[None], 3, 0)
    for name, (top, bottom, left, right) in PLACES.items():
        window = np.zeros_like(whole)
        window[int(top * side) : int(bottom * side), int(left * side) : int(right * side)] = 1.0
        add(name, 3 * contrast, True, window)
    add("", np.zeros((3, kernel, kernel)), False)
    kernels, powers = np.stack(filters).astype(np.float32), np.array(squared, np.float32)
    return kernels, powers, np.stack(windows), tuple(truth)


def _edge(x: np.ndarray, y: np.ndarray, blob: np.ndarray, angle: float) -> np.ndarray:
    """An odd Gabor of some two stripes: answers to one direction much more than to others."""
    along = x * np.cos(angle) + y * np.sin(angle)
    wave = np.sin(0.8 * along) * np.exp(-(x**2 + y**2) / (2 * 2.2**2))
    return np.repeat((wave / np.abs(wave).sum())[None], 3, 0)


def said(words: str, truth: str) -> bool:
    """Is the planted name among the words of a description?"""
    found = f" {words.replace(',', ' ')} "
    if truth in ("rising", "falling"):
        return f" {truth} " in found or " diagonal" in found
    return f" {truth} " in found
