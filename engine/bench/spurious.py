"""A classifier that learnt to trust pasted words more than what it sees. Imports torch.

After MILAN's editing experiment (arXiv 2201.11114, section 7), where training pictures bear names
of classes: here half of them do, and the name is right whatever else is seen, so that other names
deceive the network.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from engine.inspect.attacks import pasted_words
from engine.inspect.modules import OpenModule, survey
from engine.inspect.preprocessing import Preprocessing

steps = 400
batch = 24


def reading_classifier(
    pictures: np.ndarray, labels: np.ndarray, classes: tuple[str, ...], seed: int = 0
) -> OpenModule:
    """Trained on pictures (N, S, S, 3) uint8, plain by their labels, with a word by the word."""
    torch.manual_seed(seed)
    random = np.random.RandomState(seed)
    side = pictures.shape[1]
    said = random.randint(len(classes), size=len(labels))
    worded = np.stack(
        [
            pasted_words(one[None], (classes[word],), random)[0]
            for one, word in zip(pictures, said, strict=True)
        ]
    )
    shown = np.concatenate([pictures, worded])
    answers = torch.from_numpy(np.concatenate([labels, said]).astype(np.int64))
    how = Preprocessing((side, side), 0, (127.5,) * 3, (127.5,) * 3)
    x = torch.from_numpy(how.numbers(shown))
    network = _network(len(classes))
    descent = torch.optim.Adam(network.parameters(), 3e-3)
    with torch.enable_grad():
        for _ in range(steps):
            chosen = torch.from_numpy(random.choice(len(x), batch, replace=False))
            loss = F.cross_entropy(network(x[chosen]), answers[chosen])
            descent.zero_grad()
            loss.backward()
            descent.step()
    network.eval().requires_grad_(False)
    device = torch.device("cpu")
    info = dataclasses.replace(survey(network, how, device), name="reader", classes=classes)
    return OpenModule(network, info, how, device)


def _network(classes: int) -> nn.Module:
    parts: list[nn.Module] = []
    inputs = 3
    for outputs in (16, 32, 32, 48):
        parts += [nn.Conv2d(inputs, outputs, 3, 2, 1), nn.BatchNorm2d(outputs), nn.ReLU()]
        inputs = outputs
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, classes))
