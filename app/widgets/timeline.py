"""Where a moment lies on the screen: zoom, pan, ticks. Arithmetic only, no Qt."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

SHORTEST = 0.002
"""Seconds that are seen at most zoomed in."""
_STEPS = (1, 2, 5)
_MINUTE_STEPS = (10.0, 15.0, 30.0, 60.0, 120.0, 300.0)


@dataclass(frozen=True)
class Timeline:
    """The part of a sound that is seen, `width` pixels wide."""

    seconds: float = 0.0
    """Length of the sound."""
    start: float = 0.0
    """What the left edge shows."""
    span: float = 0.0
    """Seconds that are seen; 0 = all of it."""
    width: float = 1.0

    @property
    def seen(self) -> float:
        """Seconds from the left edge to the right one, never 0."""
        return self.span or max(self.seconds, 1e-6)

    @property
    def end(self) -> float:
        return self.start + self.seen

    @property
    def fitted(self) -> bool:
        return self.span == 0.0

    @property
    def per_pixel(self) -> float:
        return self.seen / max(self.width, 1.0)

    def x_of(self, seconds: float) -> float:
        return (seconds - self.start) / self.per_pixel

    def time_at(self, x: float) -> float:
        """The moment at x, kept inside the sound."""
        return min(max(self.start + x * self.per_pixel, 0.0), self.seconds)

    def moved_to(self, start: float, span: float) -> Timeline:
        """Another part; kept inside the sound."""
        if self.seconds <= 0.0 or not (math.isfinite(start) and math.isfinite(span)):
            return replace(self, start=0.0, span=0.0)
        span = max(span, min(SHORTEST, self.seconds))
        if span <= 0.0 or span >= self.seconds * (1 - 1e-9):
            return replace(self, start=0.0, span=0.0)
        return replace(self, start=min(max(start, 0.0), self.seconds - span), span=span)

    def zoomed(self, factor: float, at: float) -> Timeline:
        """`factor` > 1 shows less; the moment `at` stays where it is, if the ends allow."""
        span = min(max(self.seen / factor, SHORTEST), max(self.seconds, SHORTEST))
        share = (at - self.start) / self.seen
        return self.moved_to(at - share * span, span)

    def panned(self, pixels: float) -> Timeline:
        """The sound moves by so many pixels to the left."""
        if self.fitted:
            return self
        return self.moved_to(self.start + pixels * self.per_pixel, self.span)

    def showing(self, at: float) -> Timeline:
        """Turned over like a page when the moment is out of sight."""
        if self.fitted or self.start <= at <= self.end:
            return self
        return self.moved_to(at - 0.05 * self.seen, self.span)

    def ticks(self, apart: float = 80.0) -> tuple[float, float]:
        """(seconds between labelled ticks, between small ones), at least `apart` pixels apart."""
        least = max(apart * self.per_pixel, 1e-9)
        if least > 5.0:
            step = next((s for s in _MINUTE_STEPS if s >= least), math.ceil(least / 300) * 300.0)
            return step, step / 5
        tens = 10.0 ** math.floor(math.log10(least))
        # The tiny share forgives what the logarithm loses.
        step = next(s * tens for s in (*_STEPS, 10) if s * tens >= least * (1 - 1e-9))
        return step, step / (4 if round(step / tens) == 2 else 5)


def clock(seconds: float, step: float = 0.01) -> str:
    """`12.5` or `1:02.50`: as many decimals as a step between moments needs."""
    decimals = min(max(0, math.ceil(-math.log10(step) - 1e-9)), 4) if step < 1.0 else 0
    seconds = round(max(seconds, 0.0), decimals)
    if seconds < 60.0:
        return f"{seconds:.{decimals}f}"
    minutes, rest = divmod(seconds, 60.0)
    wide = 3 + decimals if decimals else 2
    return f"{int(minutes)}:{rest:0{wide}.{decimals}f}"
