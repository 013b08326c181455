"""A network that reads pasted words is deceived by them, until the units that read are held."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from engine.bench.planted import PLAIN, plant
from engine.bench.spurious import reading_classifier
from engine.inspect.attacks import pasted_words, word_label
from engine.inspect.defence import defend
from engine.inspect.modules import OpenModule
from engine.messages import DefenceRequest, LodestoneError, Probes
from engine.progress import Progress

CLASSES = ("disc", "ring", "bars")
SIDE = 48


def shapes(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(N, SIDE, SIDE, 3) uint8 of three shapes in all colours, and their numbers."""
    random = np.random.RandomState(seed)
    ys, xs = np.mgrid[:SIDE, :SIDE]
    pictures, labels = [], np.arange(count) % 3
    for label in labels:
        colour, back = random.randint(0, 256, 3), random.randint(60, 200)
        y, x = random.randint(16, SIDE - 16, 2)
        far = np.hypot(ys - y, xs - x)
        kind = (far < 12, (far < 12) & (far > 6), (far < 14) & ((ys // 4) % 2 == 0))[label]
        picture = np.full((SIDE, SIDE, 3), back) + random.randint(-25, 26, (SIDE, SIDE, 3))
        picture[kind] = colour
        pictures.append(picture.clip(0, 255).astype(np.uint8))
    return np.stack(pictures), labels


def test_half_of_what_words_take_is_given_back() -> None:
    opened = reading_classifier(*shapes(240, 0), CLASSES)
    pictures, labels = shapes(96, 1)
    request = DefenceRequest("reader", Probes(), "", words=CLASSES)
    found = defend(opened, pictures, [CLASSES[i] for i in labels], request, Progress())
    assert found.truth == "labels"
    assert found.clean - found.attacked > 0.2
    assert found.recovered is not None
    assert found.recovered >= 0.5
    assert found.clean_defended >= found.clean - 0.1
    assert found.edits


def test_pasted_words_cover_a_part_and_tell_no_truth() -> None:
    pictures = np.full((30, 60, 80, 3), 90, np.uint8)
    random = np.random.RandomState(0)
    said = pasted_words(pictures, ("apple", "cherry"), random, ["apple"] * 30)
    assert said.shape == pictures.shape
    assert (pictures == 90).all()
    covered = (said != 90).any(axis=3).mean(axis=(1, 2))
    assert (covered > 0.05).all()
    assert (covered < 0.5).all()
    cherry = np.asarray(word_label("cherry", 40))
    assert abs((said != 90).any(axis=3).sum() / 30 - cherry[..., 0].size) < cherry[..., 0].size / 4


def test_too_few_pictures_are_refused() -> None:
    planted = plant(0)
    opened = OpenModule(
        nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        replace(planted.examples.info, kind="classifier"),
        PLAIN,
        torch.device("cpu"),
    )
    with pytest.raises(LodestoneError, match="8 pictures"):
        defend(opened, shapes(3, 0)[0], [""] * 3, DefenceRequest("", Probes(), ""), Progress())
    drawing = replace(opened, info=planted.examples.info)
    with pytest.raises(LodestoneError, match="no classes"):
        defend(drawing, shapes(9, 0)[0], [""] * 9, DefenceRequest("", Probes(), ""), Progress())
