"""The words of a set of exemplars: beam search, then pointwise mutual information.

MILAN (arXiv 2201.11114, equation 3): of the `beam` likeliest descriptions under p(d | E), the one
of largest `log p(d | E) - λ log p(d)`. What is said of everything loses.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.inspect.describer.model import END, PAD, START, Describer

beam = 50
prior_weight = 0.2
"""λ, as MILAN has it."""
least_likely = 3.0
"""Log of how much less likely than the likeliest a description may be. MILAN's beam of 50 holds
none such out of thousands of words; of a small vocabulary it holds every fragment, and what nobody
ever says has the least p(d)."""


@dataclass(frozen=True)
class Told:
    """A description and its log probabilities."""

    words: str
    given: float
    """log p(d | E)."""
    usual: float
    """log p(d)."""

    @property
    def score(self) -> float:
        return self.given - prior_weight * self.usual


@torch.no_grad()
def tell(describer: Describer, exemplars: Tensor) -> list[Told]:
    """Of one set of exemplars (K, features): the beam's descriptions, best first."""
    ended = _beam(describer, exemplars[None])
    if not ended:
        return []
    texts = [" ".join(describer.words[word] for word in words) for words, _ in ended]
    usual = prior(describer, texts)
    found = [
        Told(text, given, one)
        for text, (_, given), one in zip(texts, ended, usual, strict=True)
        if text
    ]
    likeliest = max((one.given for one in found), default=0.0)
    found = [one for one in found if one.given >= likeliest - least_likely]
    return sorted(found, key=lambda one: -one.score)


@torch.no_grad()
def prior(describer: Describer, texts: list[str]) -> list[float]:
    """log p(d) of each."""
    ids = describer.ids(texts)
    logs = torch.log_softmax(describer.prior(ids), -1)
    chosen = logs.gather(2, ids[:, 1:, None])[..., 0]
    return (chosen * (ids[:, 1:] != PAD)).sum(1).tolist()


def _beam(describer: Describer, exemplars: Tensor) -> list[tuple[list[int], float]]:
    decoder = describer.decoder
    state = decoder.start(exemplars)
    alive: list[list[int]] = [[]]
    logs = torch.zeros(1)
    last = torch.tensor([START])
    ended: list[tuple[list[int], float]] = []
    for place in range(describer.shape.longest):
        wide = exemplars.expand(len(alive), -1, -1)
        logits, state = decoder.step(wide, last, state)
        logits[:, [PAD, START]] = -torch.inf
        if place == describer.shape.longest - 1:
            logits[:, [word for word in range(logits.shape[1]) if word != END]] = -torch.inf
        total = logs[:, None] + torch.log_softmax(logits, 1)
        flat = total.flatten()
        best = flat.topk(min(beam, len(flat)))
        rows, words = best.indices // logits.shape[1], best.indices % logits.shape[1]
        going: list[int] = []
        before = alive
        alive = []
        for index, (row, word) in enumerate(zip(rows.tolist(), words.tolist(), strict=True)):
            if not torch.isfinite(best.values[index]):
                continue
            if word == END:
                ended.append((before[row], float(best.values[index])))
            else:
                going.append(index)
                alive.append([*before[row], word])
        if not alive or len(ended) >= beam:
            break
        logs, last = best.values[going], words[going]
        state = (state[0][rows[going]], state[1][rows[going]])
    return ended
