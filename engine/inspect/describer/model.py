"""The networks of the learnt describer, and its file.

MILAN (arXiv 2201.11114, section 3): a captioner p(d | E) over a set of exemplars with masks, and a
language model p(d). There a ResNet-101 pretrained on ImageNet, an LSTM of 512 with attention over
15 exemplars and an LSTM prior of 512 learn from 50,000 sentences that people wrote. Here the
encoder is small and learns, with the rest, from the artist's own captioned pictures.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.errors import LodestoneError

KEY = "lodestone_describer"
VERSION = 1
PAD, START, END = 0, 1, 2
SPECIAL = ("", "<start>", "<end>")


@dataclass(frozen=True)
class Shape:
    """Sizes; MILAN's in brackets."""

    side: int = 64
    """Pixels of an exemplar (224)."""
    channels: tuple[int, ...] = (24, 40, 64, 96)
    """Of the encoder's stages, each half as large as the one before (ResNet-101)."""
    embedding: int = 48
    """Of a word (128)."""
    hidden: int = 128
    """Of the decoder and the prior (512)."""
    longest: int = 8
    """Words of a description."""


class Encoder(nn.Module):
    """Pictures -> pyramid features under a mask, and which tags are where."""

    def __init__(self, shape: Shape, tags: int):
        super().__init__()
        stages: list[nn.Module] = []
        before = 3
        for channels in shape.channels:
            stages.append(
                nn.Sequential(
                    nn.Conv2d(before, channels, 3, 2, 1, bias=False),
                    nn.BatchNorm2d(channels),
                    nn.ReLU(),
                    nn.Conv2d(channels, channels, 3, 1, 1, bias=False),
                    nn.BatchNorm2d(channels),
                    nn.ReLU(),
                )
            )
            before = channels
        self.stages = nn.ModuleList(stages)
        self.tags = nn.Conv2d(shape.channels[-1] + shape.channels[-2], tags, 1)

    def pyramid(self, pictures: Tensor) -> list[Tensor]:
        """(N, 3, side, side) 0..1 -> a map of each stage."""
        found: list[Tensor] = []
        x = pictures * 2.0 - 1.0
        for stage in self.stages:
            x = stage(x)
            found.append(x)
        return found

    def tag_maps(self, pyramid: Sequence[Tensor]) -> Tensor:
        """(N, tags, h, w): evidence for each tag at each place of the last stage but one."""
        fine, coarse = pyramid[-2], pyramid[-1]
        raised = F.interpolate(coarse, fine.shape[2:], mode="bilinear", align_corners=False)
        return self.tags(torch.cat([fine, raised], 1))

    @staticmethod
    def present(maps: Tensor) -> Tensor:
        """(N, tags, h, w) -> (N, tags) logits: a smooth maximum over places."""
        flat = maps.flatten(2)
        return torch.logsumexp(2.0 * flat, 2) / 2.0 - 0.5 * float(torch.tensor(flat.shape[2]).log())

    @staticmethod
    def under(pyramid: Sequence[Tensor], masks: Tensor) -> Tensor:
        """Masks (N, 1, h, w) 0..1 -> (N, sum of channels): each stage's mean inside (MILAN)."""
        found: list[Tensor] = []
        for features in pyramid:
            inside = F.interpolate(masks, features.shape[2:], mode="area")
            total = inside.sum((2, 3)).clamp_min(1e-4)
            found.append((features * inside).sum((2, 3)) / total)
        return torch.cat(found, 1)


class Decoder(nn.Module):
    """Show, attend and tell (arXiv 1502.03044), over exemplars instead of places."""

    def __init__(self, shape: Shape, words: int):
        super().__init__()
        features = sum(shape.channels)
        self.embed = nn.Embedding(words, shape.embedding, padding_idx=PAD)
        self.begin = nn.Linear(features, 2 * shape.hidden)
        self.key = nn.Linear(features, shape.hidden)
        self.query = nn.Linear(shape.hidden, shape.hidden)
        self.weigh = nn.Linear(shape.hidden, 1)
        self.gate = nn.Linear(shape.hidden, features)
        self.cell = nn.LSTMCell(shape.embedding + features, shape.hidden)
        self.say = nn.Linear(shape.hidden, words)

    def start(self, exemplars: Tensor) -> tuple[Tensor, Tensor]:
        """(B, K, features) -> hidden and cell state."""
        hidden, cell = self.begin(exemplars.mean(1)).chunk(2, 1)
        return torch.tanh(hidden), torch.tanh(cell)

    def step(
        self, exemplars: Tensor, word: Tensor, state: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """The last word (B,) -> logits of the next (B, words), and the new state."""
        hidden, _ = state
        energy = self.weigh(torch.tanh(self.key(exemplars) + self.query(hidden)[:, None]))
        seen = (torch.softmax(energy, 1) * exemplars).sum(1) * torch.sigmoid(self.gate(hidden))
        state = self.cell(torch.cat([self.embed(word), seen], 1), state)
        return self.say(state[0]), state

    def forward(self, exemplars: Tensor, words: Tensor) -> Tensor:
        """Teacher-forced logits (B, L - 1, words) for `words` (B, L) from START to END."""
        state = self.start(exemplars)
        found: list[Tensor] = []
        for place in range(words.shape[1] - 1):
            logits, state = self.step(exemplars, words[:, place], state)
            found.append(logits)
        return torch.stack(found, 1)


class Prior(nn.Module):
    """p(d): what is said anyway, whatever the exemplars are."""

    def __init__(self, shape: Shape, words: int):
        super().__init__()
        self.embed = nn.Embedding(words, shape.embedding, padding_idx=PAD)
        self.lstm = nn.LSTM(shape.embedding, shape.hidden, batch_first=True)
        self.say = nn.Linear(shape.hidden, words)

    def forward(self, words: Tensor) -> Tensor:
        return self.say(self.lstm(self.embed(words[:, :-1]))[0])


class Describer(nn.Module):
    def __init__(self, shape: Shape, words: Sequence[str], tags: Sequence[str]):
        super().__init__()
        self.shape, self.words, self.tags = shape, tuple(words), tuple(tags)
        self.seen: tuple[float, ...] = (1.0,) * len(tags)
        """AUC of each tag on pictures held out of the training."""
        self.encoder = Encoder(shape, len(tags))
        self.decoder = Decoder(shape, len(words))
        self.prior = Prior(shape, len(words))

    def ids(self, texts: Sequence[str]) -> Tensor:
        """(B, L) from START to END, filled up with PAD; unknown words go."""
        known = {word: index for index, word in enumerate(self.words)}
        rows = [
            [START, *[known[word] for word in text.split() if word in known]][: self.shape.longest]
            + [END]
            for text in texts
        ]
        length = max(map(len, rows))
        return torch.tensor([row + [PAD] * (length - len(row)) for row in rows])

    def save(self, path: Path, training: Mapping[str, float]) -> None:
        """One safetensors file whose header says what it is. Atomic."""
        from safetensors.torch import save_file

        head = {
            "version": VERSION, "shape": asdict(self.shape), "words": self.words,
            "tags": self.tags, "seen": self.seen, "training": dict(training),
        }  # fmt: skip
        part = path.with_name(path.name + ".part")
        try:
            state = {name: value.contiguous() for name, value in self.state_dict().items()}
            save_file(state, part, metadata={KEY: json.dumps(head)})
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    @staticmethod
    def open(path: Path) -> Describer:
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(str(path.expanduser()), "pt") as file:
                head = json.loads((file.metadata() or {})[KEY])
                if head["version"] > VERSION:
                    raise LodestoneError(
                        f"A newer Lodestone made {path.name}. Update Lodestone first."
                    )
                shape = Shape(**(head["shape"] | {"channels": tuple(head["shape"]["channels"])}))
                made = Describer(shape, head["words"], head["tags"])
                made.seen = tuple(head["seen"])
                made.load_state_dict({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
        except (OSError, KeyError, TypeError, ValueError, RuntimeError, SafetensorError) as error:
            raise LodestoneError(
                f"{path.name} is no describer. Train one first: inspect train-describer.",
                repr(error),
            ) from error
        return made.eval()
