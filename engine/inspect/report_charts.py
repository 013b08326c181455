"""Charts of a report as inline SVG; colours come from the page, light or dark."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape

import numpy as np

from engine.messages import Circuit, Unit


def histogram(edges: np.ndarray, counts: np.ndarray, level: float | None) -> str:
    """Bars of how often each activation occurs (logarithmic), and where the .99 level lies."""
    wide, high = 160, 34
    heights = np.log1p(np.asarray(counts, np.float64))
    top = max(float(heights.max(initial=0.0)), 1e-9)
    step = wide / max(1, len(heights))
    bars = "".join(
        f'<rect x="{place * step:.1f}" y="{high - high * height / top:.1f}" '
        f'width="{max(0.5, step - 0.6):.1f}" height="{high * height / top:.1f}"/>'
        for place, height in enumerate(heights)
        if height > 0
    )
    line = ""
    span = float(edges[-1] - edges[0])
    if level is not None and span > 0:
        x = wide * min(max((level - float(edges[0])) / span, 0.0), 1.0)
        line = f'<line x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{high}"/>'
    said = f"Activations from {edges[0]:.3g} to {edges[-1]:.3g}"
    if level is not None:
        said += f"; .99 level at {level:.3g}"
    return (
        f'<svg class="histogram" viewBox="0 0 {wide} {high}" '
        f'preserveAspectRatio="none" role="img" aria-label="{escape(said)}">'
        f"<title>{escape(said)}</title>{bars}{line}</svg>"
    )


def bars(values: Mapping[str, float], unit: str) -> str:
    """Named bars from 0 to 1, one below the other."""
    lines = []
    for place, (name, value) in enumerate(values.items()):
        y = 22 * place
        short = name if len(name) <= 30 else f"{name[:29]}…"
        lines.append(
            f'<text x="196" y="{y + 14}" text-anchor="end">{escape(short)}</text>'
            f'<rect class="track" x="206" y="{y + 4}" width="260" height="12" rx="3"/>'
            f'<rect x="206" y="{y + 4}" width="{260 * min(max(value, 0.0), 1.0):.1f}" '
            f'height="12" rx="3"/>'
            f'<text x="476" y="{y + 14}">{value:.2f}</text>'
        )
    return (
        f'<svg class="bars" viewBox="0 0 520 {22 * max(1, len(values))}" role="img" '
        f'aria-label="{escape(unit)}">{"".join(lines)}</svg>'
    )


def curve(points: Sequence[tuple[float, float]], across: str, up: str) -> str:
    """A falling or rising line through points 0..1 by 0..1."""
    path = " ".join(
        f"{'M' if not place else 'L'}{40 + 400 * x:.1f} {170 - 150 * y:.1f}"
        for place, (x, y) in enumerate(points)
    )
    grid = "".join(
        f'<line class="grid" x1="40" x2="440" y1="{170 - 150 * y}" y2="{170 - 150 * y}"/>'
        f'<text x="34" y="{174 - 150 * y}" text-anchor="end">{100 * y:.0f} %</text>'
        for y in (0.0, 0.5, 1.0)
    )
    ticks = "".join(
        f'<text x="{40 + 400 * x:.0f}" y="188" text-anchor="middle">{0.5 + x / 2:.2f}</text>'
        for x in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    )
    return (
        f'<svg class="curve" viewBox="-14 0 474 210" role="img" aria-label="{escape(up)} by '
        f'{escape(across)}">{grid}{ticks}<path d="{path}"/>'
        f'<text x="240" y="206" text-anchor="middle">{escape(across)}</text></svg>'
    )


def graph(circuit: Circuit, order: Mapping[str, int], picture: Callable[[Unit], str]) -> str:
    """A circuit from left to right: a column a layer, thicker lines carry more.

    `picture` gives a data address for a unit's first exemplar, or nothing.
    """
    nodes = {node.unit: node for node in circuit.nodes}
    layers = sorted({unit.layer for unit in nodes}, key=lambda name: (order.get(name, 999), name))
    places: dict[Unit, tuple[int, int]] = {}
    tallest = 1
    for column, layer in enumerate(layers):
        mine = sorted((u for u in nodes if u.layer == layer), key=lambda u: -nodes[u].score)
        tallest = max(tallest, len(mine))
        for row, unit in enumerate(mine):
            places[unit] = (30 + 170 * column, 40 + 74 * row)
    largest = max((abs(edge.score) for edge in circuit.edges), default=1.0) or 1.0
    lines = "".join(
        _line(places[edge.source], places[edge.target], abs(edge.score) / largest)
        for edge in circuit.edges
        if edge.source in places and edge.target in places
    )
    heads = "".join(
        f'<text class="head" x="{30 + 170 * column}" y="20">{escape(layer[-22:])}</text>'
        for column, layer in enumerate(layers)
    )
    marks = "".join(
        _node(unit, places[unit], nodes[unit].words, unit == circuit.target, picture(unit))
        for unit in nodes
    )
    size = f"0 0 {60 + 170 * len(layers)} {60 + 74 * tallest}"
    return (
        f'<svg class="graph" viewBox="{size}" role="img" aria-label="Circuit of '
        f'{escape(circuit.target.layer)}:{circuit.target.index}">{lines}{heads}{marks}</svg>'
    )


def _line(a: tuple[int, int], b: tuple[int, int], share: float) -> str:
    (x1, y1), (x2, y2) = (a[0] + 48, a[1] + 24), (b[0], b[1] + 24)
    middle = (x1 + x2) / 2
    return (
        f'<path d="M{x1} {y1} C{middle:.0f} {y1} {middle:.0f} {y2} {x2} {y2}" '
        f'stroke-width="{0.5 + 4.5 * share:.2f}" opacity="{0.25 + 0.6 * share:.2f}"/>'
    )


def _node(unit: Unit, place: tuple[int, int], words: str, target: bool, picture: str) -> str:
    x, y = place
    name = f"{unit.layer}:{unit.index}"
    said = words if len(words) <= 15 else f"{words[:14]}…"
    image = (
        f'<image href="{picture}" x="{x}" y="{y}" width="48" height="48" '
        'preserveAspectRatio="xMidYMid slice"/>'
        if picture
        else ""
    )
    return (
        f"<g><title>{escape(f'{name} {words}'.strip())}</title>{image}"
        f'<rect class="{"target" if target else "node"}" x="{x}" y="{y}" width="48" height="48" '
        f'rx="4"/><text x="{x}" y="{y + 62}">{unit.index} {escape(said)}</text></g>'
    )
