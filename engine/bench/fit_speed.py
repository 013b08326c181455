"""How long one fit takes on one thread: `python -m engine.bench.fit_speed` writes milliseconds as
JSON. A process of its own, because numpy reads the number of threads when it is imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from engine.bench.figure import Figure, at_most
from engine.messages import Learner
from engine.steer.population import measured
from engine.steer.solve import Examples, solve

labels, dimensions, rounds = 200, 512, 15
thread_counts = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def measures() -> Iterator[Figure]:
    done = subprocess.run(
        [sys.executable, "-m", "engine.bench.fit_speed"],
        cwd=Path(__file__).resolve().parents[2],
        env=os.environ | dict.fromkeys(thread_counts, "1"),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    for learner, taken in json.loads(done.stdout).items():
        yield at_most(
            f"fit of {labels} labels at {dimensions} dimensions with λ by leave-one-out, {learner}",
            taken,
            "ms",
            20.0,
            note="CPU time on one thread, median",
        )


def fit_time(learner: Learner) -> float:
    """Median milliseconds from points of w to a score."""
    rng = np.random.RandomState(0)
    people = measured(rng.randn(2000, dimensions) * np.linspace(2.0, 0.1, dimensions))
    taken = []
    for _ in range(rounds):
        points = rng.randn(labels, dimensions)
        answers = np.sign(points[:, 0] + 0.5 * rng.randn(labels))
        began = time.process_time()
        solve(Examples(people.rows(points), answers, np.ones(labels), np.ones(labels)), learner)
        taken.append(time.process_time() - began)
    return 1000.0 * float(np.median(taken))


if __name__ == "__main__":
    times = {learner: fit_time(learner) for learner in ("ridge", "logistic")}
    sys.stdout.write(json.dumps(times))
