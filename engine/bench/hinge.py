"""The peer: Latent Compass' learner, as its released code trains it (arXiv 2012.14283)."""

from __future__ import annotations

import numpy as np


def hinge_sgd(points: np.ndarray, answers: np.ndarray, most: int = 50_000) -> np.ndarray:
    """(D,) weights of a linear layer after `most` full-batch steps on the hinge loss.

    Once every example is beyond its margin the gradient is exactly zero, and the remaining steps
    would change nothing: they are left out.
    """
    count, width = points.shape
    rng = np.random.RandomState(0)
    bound = 1.0 / np.sqrt(width)
    weights, bias = rng.uniform(-bound, bound, width), rng.uniform(-bound, bound)
    signed = points.astype(np.float64) * answers[:, None]
    for _ in range(most):
        short = signed @ weights + answers * bias < 1.0
        if not short.any():
            break
        weights += 0.01 / count * (short @ signed)
        bias += 0.01 / count * float(answers[short].sum())
    return weights
