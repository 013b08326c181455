"""Low-pass filters of StyleGAN3 (arXiv 2106.12423, appendix C.2). Numpy only."""

from __future__ import annotations

import numpy as np


def lowpass(taps: int, cutoff: float, width: float, rate: float, radial: bool) -> np.ndarray | None:
    """Kaiser-windowed low-pass of gain 1: (taps,), or (taps, taps) when radial; None if 1 tap.

    cutoff and transition width in cycles per picture width, rate in samples per picture width.
    """
    if taps == 1:
        return None
    window = np.kaiser(taps, kaiser_beta(taps, width / (rate / 2)))
    x = (np.arange(taps) - (taps - 1) / 2) / rate
    if not radial:
        kernel = np.sinc(2 * cutoff * x) * window
        return kernel / kernel.sum()
    radius = np.hypot(*np.meshgrid(x, x))
    kernel = bessel_j1(2 * np.pi * cutoff * radius) / (np.pi * radius)
    kernel = kernel * np.outer(window, window)
    return kernel / kernel.sum()


def kaiser_beta(taps: int, width: float) -> float:
    """Kaiser's formula; width is the transition relative to the Nyquist frequency."""
    attenuation = 2.285 * (taps - 1) * np.pi * width + 7.95
    if attenuation > 50:
        return 0.1102 * (attenuation - 8.7)
    if attenuation > 21:
        return 0.5842 * (attenuation - 21) ** 0.4 + 0.07886 * (attenuation - 21)
    return 0.0


def bessel_j1(x: np.ndarray) -> np.ndarray:
    """Bessel function of the first kind, order 1, by its integral; the rule of equal steps
    converges exponentially for a periodic integrand (error below 1e-12 for |x| < 100)."""
    angles = (np.arange(256) + 0.5) * (np.pi / 256)
    x = np.asarray(x, np.float64)[..., None]
    return np.cos(angles - x * np.sin(angles)).mean(axis=-1)
