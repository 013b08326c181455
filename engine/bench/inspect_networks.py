"""Trace, parity and speed of networks opened to look inside."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator

import numpy as np
import psutil

from engine.bench.figure import Figure, at_least, at_most

toggles = 1000
pictures = 4


def measures() -> Iterator[Figure]:
    yield from _toggles()
    yield from _lite0()


def _toggles() -> Iterator[Figure]:
    """Edit a layer of Lite0 a thousand times; afterwards all is as before."""
    import torch

    from engine.inspect.modules import open_module
    from engine.trace import Trace

    network = open_module("efficientnet-lite0", "cpu").module
    x = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))

    def off(_name: str, output: torch.Tensor) -> torch.Tensor:
        return output * 0.0

    memory = psutil.Process().memory_info().rss
    with torch.inference_mode():
        before = network(x)
        for turn in range(toggles):
            if turn == toggles // 10:  # caches of torch itself have filled
                gc.collect()
                memory = psutil.Process().memory_info().rss
            with Trace(network, ("_blocks.5",), off):
                network(x)
        gc.collect()
        growth = (psutil.Process().memory_info().rss - memory) / 2**20
        after = network(x)
    same = float(torch.equal(before, after))
    yield at_least("toggles: output bit-identical after", same, "of 1", 1.0, note="1,000 edits")
    yield at_most("toggles: memory growth", growth, "MB", 20.0)


def _lite0() -> Iterator[Figure]:
    """Logits and speed of the kept graph beside torch as it comes, on the same pictures."""
    import torch

    from engine.inspect.modules import open_module
    from engine.inspect.networks import open_network

    opened = open_module("efficientnet-lite0", "cpu")
    graph = open_network("efficientnet-lite0", "cpu")
    random = np.random.RandomState(0)
    x = graph.prepare(list(random.randint(0, 256, (pictures, 240, 320, 3), dtype=np.uint8)))
    tensor = torch.from_numpy(x)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # processor time, then: threads that wait for each other count too
    with torch.inference_mode():
        theirs = opened.module(tensor).numpy()
        difference = float(np.abs(graph.run(x, ()).output - theirs).max())
        eager = _processor_seconds(lambda: opened.module(tensor))
        ours = _processor_seconds(lambda: graph.run(x, ()))
    torch.set_num_threads(threads)
    yield at_most("lite0: largest logit difference, ONNX - torch", difference, "", 1e-3)
    yield at_least(
        "lite0: forward against eager torch",
        eager / ours,
        "x",
        2.0,
        peer="torch eager, ms a picture",
        peer_value=1000 * eager / pictures,
        ratio=eager / ours,
        note=f"{1000 * ours / pictures:.1f} ms of processor a picture, batches of {pictures}",
    )


def _processor_seconds(work: Callable[[], object], rounds: int = 3) -> float:
    """Median; other programs do not count."""
    times = []
    for _ in range(rounds):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return float(np.median(times))
