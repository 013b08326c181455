"""Train the learnt describer on pictures with labels or captions. One job, minutes on a CPU.

MILAN learns from regions that people described. Here the pictures have tags, but nobody said
where: first the encoder learns which tags a picture has from a smooth maximum over places, which
says where each of them shows; then the captioner learns to say a tag from sets of pictures that
share it, seen through masks of where it shows. The prior learns how often what is said.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from engine.disk import check_writable, why
from engine.inspect import predict
from engine.inspect.describer.model import PAD, SPECIAL, Describer, Shape
from engine.inspect.probes import read_pictures
from engine.inspect.tags import tags
from engine.messages import DescriberRequest, LodestoneError, Probes
from engine.progress import Progress

fewest_pictures = 8
"""That share a tag before it is learnt."""
most_tags = 400
most_pictures = 20_000
shared = 6
"""Pictures of a set (15 in MILAN; as many as here are chosen on)."""
batch_pictures, batch_sets = 48, 24
first_share = 0.6
"""Of the time that the encoder takes; the captioner and the prior share the rest."""
mask_share = (0.02, 0.25)
"""Of a picture's area: a training mask is the strongest part, of a random size between these."""
fewest_steps = 20
"""Steps of each part, even when the time is shorter."""


@dataclass(frozen=True)
class Captioned:
    """Pictures (N, 3, side, side) uint8 and which of the tags each has (N, T) bool."""

    pictures: Tensor
    has: Tensor
    tags: tuple[str, ...]
    held: np.ndarray


def train(request: DescriberRequest, progress: Progress) -> str:
    """Returns the path of the describer's file."""
    out = Path(request.out).expanduser()
    out = out if out.suffix else out.with_suffix(".safetensors")
    shape = Shape()
    data = read(request.data, shape, progress)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        check_writable(out.parent)
        torch.manual_seed(request.seed)
        words = sorted({word for tag in data.tags for word in tag.split()})
        describer = Describer(shape, (*SPECIAL, *words), data.tags)
        generator = torch.Generator().manual_seed(request.seed)
        seconds = max(1.0, request.seconds)
        _learn_encoder(describer, data, seconds * first_share, generator, progress.part(0.02, 0.58))
        _learn_to_say(
            describer, data, seconds * (1 - first_share), generator, progress.part(0.6, 0.36)
        )
        figures = measure(describer, data, progress.part(0.96, 0.04))
        figures |= {"pictures": len(data.pictures), "seconds": seconds, "seed": request.seed}
        describer.save(out, figures)
    except OSError as error:
        raise LodestoneError(f"{out.name} was not written: {why(error)}.") from error
    progress(1.0, f"Right about {figures['right']:.0%} of the tags held out")
    return str(out)


def read(data: str, shape: Shape, progress: Progress) -> Captioned:
    """Pictures and the tags that enough of them share."""

    def fit(picture: np.ndarray) -> np.ndarray:
        image = Image.fromarray(picture).resize((shape.side, shape.side), Image.Resampling.BOX)
        return np.asarray(image)

    probes = read_pictures(
        Probes(data, count=most_pictures), (shape.side, shape.side), fit, "describer", progress
    )
    found = [[tag.casefold() for tag in tags(label)] for label in probes.labels]
    count = Counter(tag for one in found for tag in set(one))
    usual = len(found) - fewest_pictures
    known = [tag for tag, have in count.most_common(most_tags) if fewest_pictures <= have <= usual]
    if len(known) < 2:
        raise LodestoneError(
            f"At least two labels that {fewest_pictures} pictures share are needed to learn from, "
            f"and {data} has {len(known)}. Add labels.csv or captions.csv with file and label."
        )
    index = {tag: place for place, tag in enumerate(known)}
    has = torch.zeros(len(found), len(known), dtype=torch.bool)
    for row, one in enumerate(found):
        has[row, [index[tag] for tag in one if tag in index]] = True
    assert probes.pixels is not None
    pixels = torch.from_numpy(np.array(probes.pixels)).permute(0, 3, 1, 2).contiguous()
    return Captioned(pixels, has, tuple(known), predict.split(probes.names))


# ---------------------------------------------------------------- learning


def _learn_encoder(
    describer: Describer, data: Captioned, seconds: float, generator: torch.Generator,
    progress: Progress,
) -> None:  # fmt: skip
    """Which tags are in a picture, from the whole picture."""
    rows = torch.from_numpy(np.flatnonzero(~data.held))
    rate = data.has[rows].float().mean(0).clamp(1e-3, 1 - 1e-3)
    weight = ((1 - rate) / rate).clamp_max(20.0)
    encoder = describer.encoder

    def loss(_: int) -> Tensor:
        chosen = rows[torch.randint(len(rows), (batch_pictures,), generator=generator)]
        pictures = jittered(data.pictures[chosen].float() / 255.0, generator)
        found = encoder.present(encoder.tag_maps(encoder.pyramid(pictures)))
        wanted = data.has[chosen].float()
        return F.binary_cross_entropy_with_logits(found, wanted, pos_weight=weight)

    encoder.train()
    _descend(encoder, loss, seconds, 2e-3, progress, "Learning what shows where")
    encoder.eval()


def _learn_to_say(
    describer: Describer, data: Captioned, seconds: float, generator: torch.Generator,
    progress: Progress,
) -> None:  # fmt: skip
    """Say the tag that a set shares; and how often it is said."""
    features, members = _regions(describer, data, generator, progress.part(0.0, 0.3))
    ids = describer.ids(data.tags)
    often = torch.tensor([float(len(one)) for one in members])
    usable = torch.tensor([tag for tag, one in enumerate(members) if len(one) >= 2])

    def loss(_: int) -> Tensor:
        chosen = usable[torch.randint(len(usable), (batch_sets,), generator=generator)]
        sets: list[Tensor] = []
        for tag in chosen.tolist():
            pick = torch.randint(len(members[tag]), (shared,), generator=generator)
            sets.append(features[members[tag][pick]])
        said = describer.decoder(torch.stack(sets), ids[chosen])
        heard = torch.multinomial(often, batch_sets, True, generator=generator)
        usual = describer.prior(ids[heard])
        return _spoken(said, ids[chosen]) + _spoken(usual, ids[heard])

    both = torch.nn.ModuleList([describer.decoder, describer.prior])
    _descend(both, loss, seconds * 0.7, 2e-3, progress.part(0.3, 0.7), "Learning to say it")


def _spoken(logits: Tensor, ids: Tensor) -> Tensor:
    return F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), ignore_index=PAD)


@torch.no_grad()
def _regions(
    describer: Describer, data: Captioned, generator: torch.Generator, progress: Progress
) -> tuple[Tensor, list[Tensor]]:
    """Features under masks of where each tag shows; and which of them belong to each tag."""
    encoder = describer.encoder
    found: list[Tensor] = []
    members: list[Tensor] = []
    count = 0
    most = max(16, min(160, 12_000 // len(data.tags)))
    for tag in range(len(data.tags)):
        progress(tag / len(data.tags), "Looking where it shows")
        rows = torch.from_numpy(np.flatnonzero(~data.held & data.has[:, tag].numpy()))
        rows = rows[torch.randperm(len(rows), generator=generator)[:most]]
        for chosen in rows.split(64):
            pyramid = encoder.pyramid(data.pictures[chosen].float() / 255.0)
            maps = encoder.tag_maps(pyramid)[:, tag]
            found.append(encoder.under(pyramid, strongest_part(maps, generator)))
        members.append(torch.arange(count, count + len(rows)))
        count += len(rows)
    return torch.cat(found), members


def strongest_part(maps: Tensor, generator: torch.Generator) -> Tensor:
    """(N, h, w) -> (N, 1, h, w) 1 in the strongest places, a random share of them."""
    flat = maps.flatten(1)
    low, high = mask_share
    share = low + (high - low) * torch.rand(len(flat), generator=generator)
    keep = (share * flat.shape[1]).long().clamp_min(1)
    level = flat.sort(1, descending=True).values.gather(1, keep[:, None] - 1)
    return (flat >= level).float().view(len(flat), 1, *maps.shape[1:])


def jittered(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Moved by up to four pixels: the same picture, not the same numbers."""
    down, right = torch.randint(-4, 5, (2,), generator=generator).tolist()
    return torch.roll(pictures, (down, right), (2, 3))


def _descend(
    module: torch.nn.Module, loss: Callable[[int], Tensor], seconds: float, rate: float,
    progress: Progress, message: str,
) -> None:  # fmt: skip
    """AdamW with a rate that falls by the clock, or by steps where the time is very short."""
    optimiser = torch.optim.AdamW(module.parameters(), lr=rate, weight_decay=1e-3)
    began = time.monotonic()
    step, share = 0, 0.0
    while share < 1.0:
        for group in optimiser.param_groups:
            group["lr"] = rate * max(0.02, 1.0 - share)
        optimiser.zero_grad(set_to_none=True)
        value = loss(step)
        value.backward()
        torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimiser.step()
        step += 1
        share = min((time.monotonic() - began) / seconds, step / fewest_steps)
        if step % 5 == 0:
            progress(min(share, 1.0), message, figures=(("loss", float(value.detach())),))


# ---------------------------------------------------------------- how good it is


@torch.no_grad()
def measure(describer: Describer, data: Captioned, progress: Progress) -> dict[str, float]:
    """On pictures held out: AUC of the tags seen; how often a set's shared tag is said first.

    Sets `describer.seen`, by which tags that it cannot see are left unsaid later.
    """
    from engine.inspect.describer.decode import tell

    encoder = describer.encoder
    rows = torch.from_numpy(np.flatnonzero(data.held))[:600]
    present: list[Tensor] = []
    generator = torch.Generator().manual_seed(0)
    for chosen in rows.split(64):
        maps = encoder.tag_maps(encoder.pyramid(data.pictures[chosen].float() / 255.0))
        present.append(encoder.present(maps))
    has = data.has[rows].numpy()
    aucs = np.diagonal(predict.auc(torch.cat(present).numpy(), has))
    describer.seen = tuple(round(float(one), 4) for one in aucs)
    judged = [tag for tag in range(len(data.tags)) if has[:, tag].sum() >= 3]
    right = 0
    for place, tag in enumerate(judged):
        progress(place / len(judged), "Measuring")
        chosen = rows[torch.from_numpy(np.flatnonzero(has[:, tag]))][:shared]
        pyramid = encoder.pyramid(data.pictures[chosen].float() / 255.0)
        part = strongest_part(encoder.tag_maps(pyramid)[:, tag], generator)
        told = tell(describer, encoder.under(pyramid, part))
        right += bool(told) and told[0].words == data.tags[tag]
    return {
        "auc": float(np.mean(aucs[judged])) if judged else 0.5,
        "right": right / max(1, len(judged)),
        "tags": len(judged),
    }
