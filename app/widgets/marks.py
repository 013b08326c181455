"""What is marked in a sound: a region, spans, a curve. Arithmetic only, no Qt."""

from __future__ import annotations

from collections.abc import Sequence

from engine.messages import Span

Points = tuple[tuple[float, float], ...]
"""(seconds, 0..1), in order."""
LEAST = 0.005
"""Seconds of the shortest region or span."""


def between(a: float, b: float, seconds: float) -> Span:
    """Two ends in any order as a span inside the sound, at least LEAST long."""
    low, high = sorted((min(max(a, 0.0), seconds), min(max(b, 0.0), seconds)))
    if high - low < LEAST:
        low = min(low, max(seconds - LEAST, 0.0))
        high = min(low + LEAST, seconds)
    return low, high


def joined(spans: Sequence[Span]) -> tuple[Span, ...]:
    """In order; what overlaps or touches becomes one."""
    out: list[Span] = []
    for start, end in sorted(spans):
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], end))
        elif end > start:
            out.append((start, end))
    return tuple(out)


def inside(spans: Sequence[Span], seconds: float) -> tuple[Span, ...]:
    """What of them lies in the sound."""
    kept = [(max(start, 0.0), min(end, seconds)) for start, end in spans]
    return joined([span for span in kept if span[1] > span[0]])


def at(spans: Sequence[Span], moment: float) -> int:
    """Index of the span that holds the moment; -1 for none."""
    return next((i for i, (start, end) in enumerate(spans) if start <= moment <= end), -1)


def shifted(span: Span, by: float, seconds: float) -> Span:
    """Moved as a whole, stopped by the ends of the sound."""
    by = min(max(by, -span[0]), seconds - span[1])
    return span[0] + by, span[1] + by


def with_point(points: Points, point: tuple[float, float]) -> tuple[Points, int]:
    """One more point, and its index."""
    index = sum(1 for seconds, _ in points if seconds <= point[0])
    return (*points[:index], point, *points[index:]), index


def with_moved(points: Points, index: int, to: tuple[float, float], seconds: float) -> Points:
    """A point elsewhere, between its neighbours; 0..1 in height."""
    low = points[index - 1][0] if index > 0 else 0.0
    high = points[index + 1][0] if index + 1 < len(points) else seconds
    moved = (min(max(to[0], low), high), min(max(to[1], 0.0), 1.0))
    return (*points[:index], moved, *points[index + 1 :])


def without(items: Sequence, index: int) -> tuple:
    return (*items[:index], *items[index + 1 :])


def height_at(points: Points, moment: float) -> float:
    """The curve there: straight between points, level beyond the ends."""
    if not points:
        return 0.0
    before = [p for p in points if p[0] <= moment]
    after = [p for p in points if p[0] > moment]
    if not before or not after:
        return (after[0] if after else before[-1])[1]
    (t0, v0), (t1, v1) = before[-1], after[0]
    return v0 + (v1 - v0) * (moment - t0) / max(t1 - t0, 1e-9)
