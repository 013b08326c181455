"""CUDA graphs: a training step recorded once and played again, without its hundreds of launches.

The networks are tiny, so on a graphics card launching a step's kernels takes longer than running
them. Shapes never change within a level, so the step is recorded per picture (`torch.cuda.graph`),
its inputs copied to where the recording reads them. What cannot be recorded runs as it is.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import torch
from torch import Tensor

log = logging.getLogger("lodestone")

WARM = 3
"""Steps that run as they are first, as recording needs it: they choose kernels and make states."""

Work = Callable[[], None]


def cuda_graph(work: Work) -> Work:
    """Record `work` (it does not run); returns what plays it."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    return graph.replay


class Recorded:
    """`learn(which, batch)`, recorded for each `which` after a few calls.

    `batch` is a dataclass of tensors; their shapes stay the same for one `which`. `record` raises
    RuntimeError when it cannot: then every step runs as it is, and the log says why.
    """

    def __init__(
        self, learn: Callable[[int, Any], None], record: Callable[[Work], Work] = cuda_graph
    ):
        self._learn, self._record = learn, record
        self._calls: dict[int, int] = {}
        self._plays: dict[int, tuple[Any, Work]] = {}
        self.failed = ""
        """Why steps are not recorded; empty while they are."""

    def __call__(self, which: int, batch: Any) -> None:
        calls = self._calls[which] = self._calls.get(which, 0) + 1
        if self.failed or calls <= WARM:
            self._learn(which, batch)
            return
        if which not in self._plays and not self._recorded(which, batch):
            self._learn(which, batch)
            return
        kept, play = self._plays[which]
        for field in fields(batch):
            value = getattr(batch, field.name)
            if isinstance(value, Tensor):
                getattr(kept, field.name).copy_(value)
        play()

    def _recorded(self, which: int, batch: Any) -> bool:
        values = {field.name: getattr(batch, field.name) for field in fields(batch)}
        copies = {name: v.clone() for name, v in values.items() if isinstance(v, Tensor)}
        kept = replace(batch, **copies)
        try:
            self._plays[which] = (kept, self._record(lambda: self._learn(which, kept)))
        except RuntimeError as error:
            self.failed = str(error)
            log.warning("Training steps are not recorded (CUDA graphs): %s", error)
            return False
        return True
