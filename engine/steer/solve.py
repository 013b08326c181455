"""Fitting a linear score to a few answers, in closed form. Numpy only.

Ridge regression on answers of ±1, and logistic regression by Newton's method (IRLS: Hastie et al.,
The Elements of Statistical Learning, 4.4.1). λ is chosen by leave-one-out, which ridge has in
closed form from the hat matrix (Golub, Heath and Wahba, Technometrics 1979): left out of its own
fit, an example is predicted at `y - a / diag(A⁻¹)`. All of it works on the n x n matrix of inner
products, so hundreds of latent dimensions cost no more than a few.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

threshold_spread = 0.3
"""Prior standard deviation of the threshold beside that of a score, which is 1. Were it free, the
side an example is left out of would lose weight and every example would be foretold wrongly."""
newton_steps = 4


@dataclass(frozen=True, eq=False)
class Examples:
    """What is learnt from. A picture is a row with `offset` 1; a pair is the difference of two
    rows, over √2 so that it varies as one does, with `offset` 0: it says nothing about where the
    boundary lies (Bradley-Terry)."""

    rows: np.ndarray
    """(n, R), of mean squared length about 1."""
    answers: np.ndarray
    """(n,) in -1..1."""
    offset: np.ndarray
    """(n,) 1 for pictures, 0 for pairs."""
    weights: np.ndarray
    """(n,) > 0, of mean about 1."""


@dataclass(frozen=True, eq=False)
class Solution:
    slope: np.ndarray
    """(R,): the score of a row is row · slope + threshold * offset."""
    threshold: float
    ridge: float
    """λ."""
    left_out: np.ndarray
    """(n,): score of each example when it is left out of the fit."""
    foretold: np.ndarray
    """(n,): the same with the threshold of the whole fit. The threshold alone would lean away from
    the side that lost an example, and answers by chance would be foretold worse than by chance."""
    examples: Examples
    certainty: np.ndarray
    """(n, n) inverse of A = K + λ/weights, for `variance`."""

    rank: int
    """Dimensions that the examples span."""

    def in_sample(self) -> np.ndarray:
        """(n,): score of each example."""
        return self.examples.rows @ self.slope + self.threshold * self.examples.offset

    def score(self, rows: np.ndarray) -> np.ndarray:
        """(N, R) pictures -> (N,)."""
        return rows @ self.slope + self.threshold

    def variance(self, rows: np.ndarray) -> np.ndarray:
        """(N,): how uncertain the score of pictures is, posterior over prior, 0..1.

        Of ridge seen as Bayesian regression (Rasmussen and Williams, Gaussian Processes for Machine
        Learning, equation 2.26).
        """
        cross = rows @ self.examples.rows.T + threshold_spread**2 * self.examples.offset
        prior = (rows * rows).sum(axis=1) + threshold_spread**2
        explained = np.einsum("ij,ij->i", cross @ self.certainty, cross)
        return np.clip(1.0 - explained / prior, 0.0, 1.0)


def ridges() -> np.ndarray:
    """(L,) the λ that are tried, relative to rows of unit length."""
    return np.logspace(-2.0, 2.0, 17)


def solve(examples: Examples, learner: Literal["ridge", "logistic"]) -> Solution:
    """Fit with the λ that predicts left-out examples best."""
    spectrum = _Spectrum.of(examples)
    tried = ridges()
    errors = spectrum.left_out_errors(tried)
    ridge = float(tried[np.argmin(errors)])
    if learner == "logistic":
        return _logistic(examples, spectrum, ridge)
    return _ridge(examples, spectrum, ridge)


def solve_ridge(examples: Examples, ridge: float) -> Solution:
    """Fit with a given λ."""
    return _ridge(examples, _Spectrum.of(examples), ridge)


@dataclass(frozen=True, eq=False)
class _Spectrum:
    """Eigenvectors of the weighted inner products: every λ costs no more than one product."""

    values: np.ndarray  # (n,)
    vectors: np.ndarray  # (n, n)
    root: np.ndarray  # (n,) of the weights
    target: np.ndarray  # (n,) vectorsᵀ (root * answers)

    @staticmethod
    def of(examples: Examples) -> _Spectrum:
        root = np.sqrt(examples.weights)
        inner = _inner(examples)
        values, vectors = np.linalg.eigh(root[:, None] * inner * root)
        return _Spectrum(
            np.maximum(values, 0.0), vectors, root, vectors.T @ (root * examples.answers)
        )

    def left_out_errors(self, tried: np.ndarray) -> np.ndarray:
        """(L,): weighted mean square of what left-out examples are missed by."""
        inverse = 1.0 / (self.values[:, None] + tried)  # (n, L)
        dual = self.vectors @ (self.target[:, None] * inverse)
        diagonal = (self.vectors * self.vectors) @ inverse
        return ((dual / diagonal) ** 2).mean(axis=0)

    def inverse(self, ridge: float) -> np.ndarray:
        """(n, n): (K + λ/weights)⁻¹."""
        scaled = self.vectors * self.root[:, None]
        return (scaled / (self.values + ridge)) @ scaled.T


def _inner(examples: Examples) -> np.ndarray:
    """K (n, n): prior covariance of the scores."""
    offset = threshold_spread * examples.offset
    return examples.rows @ examples.rows.T + np.outer(offset, offset)


def _ridge(examples: Examples, spectrum: _Spectrum, ridge: float) -> Solution:
    certainty = spectrum.inverse(ridge)
    dual = certainty @ examples.answers
    left_out = examples.answers - dual / np.diagonal(certainty)
    return _solution(examples, spectrum, dual, ridge, left_out, certainty)


def _logistic(examples: Examples, spectrum: _Spectrum, ridge: float) -> Solution:
    """Newton steps from the ridge solution; left-out scores from the last step's hat matrix.

    A soft answer between the sides counts in part to both: probability (1 + answer) / 2. λ is the
    one ridge chose, in units of the logistic's curvature at 0 (1/4, for answers of ±1: 1/2).
    """
    inner = _inner(examples)
    penalty = 0.25 * ridge
    wanted = 0.5 * (1.0 + examples.answers)
    score = inner @ (spectrum.inverse(ridge) @ examples.answers) * 2.0
    count = len(wanted)
    dual, certainty, target, curved = np.zeros(count), np.eye(count), wanted, wanted
    for _ in range(newton_steps):
        chance = 1.0 / (1.0 + np.exp(-np.clip(score, -30.0, 30.0)))
        curved = np.maximum(chance * (1.0 - chance), 1e-4)
        target = score + (wanted - chance) / curved
        certainty = np.linalg.inv(inner + np.diag(penalty / (examples.weights * curved)))
        dual = certainty @ target
        score = inner @ dual
    left_out = target - dual / np.diagonal(certainty)
    return _solution(examples, spectrum, dual, ridge, left_out, certainty)


def _solution(
    examples: Examples,
    spectrum: _Spectrum,
    dual: np.ndarray,
    ridge: float,
    left_out: np.ndarray,
    certainty: np.ndarray,
) -> Solution:
    slope = examples.rows.T @ dual
    threshold = threshold_spread**2 * float(examples.offset @ dual)
    # What the threshold loses with an example: A⁻¹ without row i is A⁻¹ - A⁻¹ᵢA⁻¹ᵢᵀ / A⁻¹ᵢᵢ.
    lost = threshold_spread**2 * (certainty @ examples.offset) * dual / np.diagonal(certainty)
    foretold = left_out + examples.offset * lost
    rank = int((spectrum.values > 1e-10 * spectrum.values[-1]).sum())
    return Solution(slope, threshold, ridge, left_out, foretold, examples, certainty, rank)
