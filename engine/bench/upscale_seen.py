"""How alike two pictures look: structure and texture of a trained network's layers.

After DISTS (Ding et al., arXiv 2004.07728), which agrees with people's ratings of enlarged and
textured pictures where PSNR does not: per channel of every layer, how alike the means are
(texture: where a grain lies exactly does not matter) and how alike the maps are (structure). DISTS
looks through VGG with weights fitted to ratings, which are not ours to ship; here it is
EfficientNet-Lite0 from the picture itself to stride 16, all layers and both terms counting alike.
The network takes no part in training. 0 = the same; an enlargement of 3 times is about 0.2, and
more is worse. Measured on the 8-bit picture, as it is looked at.
"""

from __future__ import annotations

import numpy as np

from engine.train.quality import feature_network

SMALLEST = 32
"""Pixels a side that the layers need."""
_DEEPEST = 112
"""Channels of the last layer that is looked at."""
_EPSILON = 1e-6


class Seen:
    """LodestoneError where the package with the weights is not installed."""

    def __init__(self) -> None:
        self._network = feature_network()

    def layers(self, picture: np.ndarray) -> list[np.ndarray]:
        """(H, W, 3) 0..1 -> (channels, places) float64 of each layer; the first is the picture."""
        import torch
        import torch.nn.functional as F

        net = self._network
        steps = np.rint(picture.clip(0, 1) * 255).astype(np.float32)
        x = torch.from_numpy(np.ascontiguousarray(steps.transpose(2, 0, 1)))[None]
        x = (x - 127) / 128
        found = {3: x}
        with torch.inference_mode():
            x = F.relu6(net._bn0(net._conv_stem(x)))
            found[x.shape[1]] = x
            for block in net._blocks:
                x = block(x)
                if x.shape[1] > _DEEPEST:
                    break
                # Of blocks of one width the last stays.
                found[x.shape[1]] = x
        return [one[0].flatten(1).double().numpy() for one in found.values()]

    def distance(self, picture: np.ndarray, truth: np.ndarray) -> float:
        """Of pictures (H, W, 3) 0..1 of one size."""
        pairs = zip(self.layers(picture), self.layers(truth), strict=True)
        return float(np.mean([_apart(a, b) for a, b in pairs]))


def _apart(a: np.ndarray, b: np.ndarray) -> float:
    """1 - mean of the texture and structure terms (DISTS, equations 3 and 4)."""
    mean_a, mean_b = a.mean(1), b.mean(1)
    texture = (2 * mean_a * mean_b + _EPSILON) / (mean_a**2 + mean_b**2 + _EPSILON)
    both = ((a - mean_a[:, None]) * (b - mean_b[:, None])).mean(1)
    structure = (2 * both + _EPSILON) / (a.var(1) + b.var(1) + _EPSILON)
    return float(1 - (texture + structure).mean() / 2)
