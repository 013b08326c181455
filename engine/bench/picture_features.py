"""Fréchet-lite distance: how alike two pictures look to the early layers of a trained network.

Fréchet distance (arXiv 1706.08500) between the 96 channels after the first expansion of
EfficientNet-Lite0 (stride 2), every position a sample, as SinGAN's SIFID does with Inception;
divided by the source's variance. 0 = alike; blurred or noisy .05, another picture .4.
"""

from __future__ import annotations

import numpy as np

from engine.train.quality import feature_network, frechet


class EarlyFeatures:
    """LodestoneError where the package with the weights is not installed."""

    def __init__(self) -> None:
        self._network = feature_network()

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        """(H, W, 3) -1..1 -> (N, 96) float64."""
        import torch

        with torch.inference_mode():
            x = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1), np.float32))
            return self._network.early(x[None])[0].flatten(1).T.double().numpy()

    def distance(self, picture: np.ndarray, source: np.ndarray) -> float:
        """Of pictures (H, W, 3) of any sizes."""
        a, b = self(picture), self(source)
        return frechet(a, b) / max(float(np.trace(np.cov(b, rowvar=False))), 1e-12)
