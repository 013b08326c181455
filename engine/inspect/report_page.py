"""A report as one HTML page that needs nothing else: pictures, charts and search are inside."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from html import escape

import numpy as np
from PIL import Image

from engine import paths
from engine.inspect import report_charts as charts
from engine.inspect.compare import Comparison
from engine.inspect.report_rows import Report, Row, best
from engine.inspect.shown import exemplars, shrunk
from engine.inspect.study import Study
from engine.messages import Circuit, Unit
from engine.progress import Progress

CARDS = 420
"""Units that get pictures, shared by the layers: some kilobytes each."""
LINES = 20_000
"""Units in tables; all are in the CSV."""
MATCHES = 400
"""Pairs listed of a comparison."""
_METHODS = {
    "human": "named by hand",
    "soft-wpmi": "from labels",
    "detector": "from pixels",
    "describer": "by the describer",
}
_SIDE = 80
_SHOWN = 5
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
"""The page may not ask a network for anything."""


def page(made: Report, progress: Progress) -> str:
    """The whole page."""
    name = made.study.network.name
    style, script = (
        (paths.assets() / "report" / file).read_text("utf-8") for file in ("page.css", "page.js")
    )
    body = "\n".join(_body(made, progress))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(name)}: what its units respond to</title>\n"
        f"<style>\n{style}</style>\n</head>\n<body>\n{body}\n"
        f"<script>\n{script}</script>\n</body>\n</html>\n"
    )


def _body(made: Report, progress: Progress) -> Iterator[str]:
    study = made.study
    units = sum(len(found) for found in made.layers.values())
    pictures = "pictures" if study.probes.data else "samples of its own"
    yield "<header><div>"
    yield f"<h1>{escape(study.network.name)}</h1>"
    yield (
        f"<p>{units:,} units in {_counted(len(made.layers), 'layer')}, shown "
        f"{len(study.names):,} {pictures}. {escape(study.network.preprocessing)}</p></div>"
    )
    yield (
        '<div class="tools"><input id="search" type="search" placeholder="Search names and '
        'layers" aria-label="Search names and layers"><button id="theme" type="button">'
        "Light or dark</button></div></header>"
    )
    parts = [
        *(("Circuits",) if made.circuits else ()),
        *(("Comparison",) if made.comparison else ()),
    ]
    yield (
        "<nav>"
        + "".join(
            f'<a href="#{_anchor(name)}">{escape(name)}</a>' for name in (*parts, *made.layers)
        )
        + "</nav><main>"
    )
    yield from _notes(study)
    yield from _overview(made)
    if made.circuits:
        yield from _circuits(made.circuits, study)
    if made.comparison is not None:
        yield from _comparison(made.comparison)
    left = LINES
    each = max(8, CARDS // max(1, len(made.layers)))
    for place, (layer, found) in enumerate(made.layers.items()):
        progress(0.6 + 0.4 * place / len(made.layers), f"Drawing {layer}")
        yield from _layer(study, layer, found, each, left)
        left = max(0, left - len(found))
    yield '<p id="nothing" hidden>No unit has these words.</p></main>'
    yield "<footer>Written by Lodestone. All units are in units.csv and report.json.</footer>"


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _anchor(name: str) -> str:
    return "part-" + "".join(sign if sign.isalnum() else "-" for sign in name)


def _notes(study: Study) -> Iterator[str]:
    notes = [*study.notes, *(note for layer in study.layers for note in layer.notes)]
    notes += [f"{name} was skipped: {why}" for name, why in study.skipped[:20]]
    if len(study.skipped) > 20:
        notes.append(f"{len(study.skipped) - 20:,} more files were skipped.")
    if notes:
        lines = "".join(f"<li>{escape(note)}</li>" for note in notes)
        yield f"<details><summary>{_counted(len(notes), 'note')}</summary>"
        yield f"<ul>{lines}</ul></details>"


def _overview(made: Report) -> Iterator[str]:
    rows = [row for found in made.layers.values() for row in found]
    scores = [
        row.description.score or 0.0
        for row in rows
        if row.description.words and row.description.score is not None
    ]
    yield '<section class="overview">'
    if scores:
        points = [
            (2 * (at - 0.5), sum(score >= at for score in scores) / len(rows))
            for at in np.linspace(0.5, 1.0, 26)
        ]
        yield "<figure><figcaption>Units whose name predicts pictures held out at least so well"
        yield "</figcaption>"
        yield charts.curve(points, "AUC of the name on pictures held out", "Share of units")
        yield "</figure>"
    means = {
        layer: float(np.mean([row.selectivity for row in found]))
        for layer, found in made.layers.items()
        if found
    }
    yield "<figure><figcaption>How selective the units of each layer are, on average</figcaption>"
    yield charts.bars(means, "Mean selectivity of each layer")
    yield "</figure></section>"


# ---------------------------------------------------------------- layers


def _layer(study: Study, layer: str, found: Sequence[Row], cards: int, lines: int) -> Iterator[str]:
    facts = study.layer(layer)
    size = "" if facts.size == (1, 1) else f", {facts.size[0]} x {facts.size[1]} places"
    yield f'<section class="layer" id="{_anchor(layer)}">'
    yield (
        f"<h2>{escape(layer)} <small>{escape(facts.layer.type)}, "
        f"{_counted(len(found), 'unit')}{size}</small></h2>"
    )
    yield '<div class="cards">'
    for row in best(found, cards):
        yield _card(study, row)
    yield "</div>"
    if lines:
        shown = found[:lines]
        rest = f", the first {len(shown):,}" if len(shown) < len(found) else ""
        yield f"<details><summary>All {_counted(len(found), 'unit')}{rest}</summary><table>"
        yield (
            "<thead><tr><th>Unit</th><th>Name</th><th>AUC</th><th>Largest</th><th>.99 level</th>"
            "<th>Selectivity</th><th>Sparsity</th><th>Effect</th><th>First picture</th>"
            "</tr></thead><tbody>"
        )
        yield from map(_line, shown)
        yield "</tbody></table></details>"
    yield "</section>"


def _card(study: Study, row: Row) -> str:
    words = row.description.words
    title = escape(words) if words else '<span class="quiet">no certain name</span>'
    edges, counts = study.histogram(row.unit)
    star = '<span class="star" title="starred">★</span> ' if row.said.starred else ""
    note = f'<p class="note">{escape(row.said.note)}</p>' if row.said.note else ""
    return (
        f'<article data-words="{_searched(row)}"><img src="{_pictures(study, row)}" '
        f'alt="{escape(", ".join(row.files[:_SHOWN]))}" width="{_SIDE * _SHOWN}" '
        f'height="{_SIDE}" loading="lazy"><h3>{star}{title}</h3>'
        f'<p class="facts">{row.unit.index} · {_method(row)}selective '
        f"{row.selectivity:.2f}{_effect(row)}</p>{note}"
        f"{charts.histogram(edges, counts, row.level)}</article>"
    )


def _method(row: Row) -> str:
    found = row.description
    if not found.words:
        return ""
    said = " and ".join(_METHODS.get(one, one) for one in found.method.split("+") if one)
    score = "" if found.score is None else f", AUC {found.score:.2f}"
    return f"{escape(said)}{score}{', unsure' if found.unsure else ''} · "


def _effect(row: Row) -> str:
    return "" if row.effect is None else f" · effect {row.effect:.3g}"


def _line(row: Row) -> str:
    found = row.description
    numbers = (found.score, row.largest, row.level, row.selectivity, row.sparsity, row.effect)
    cells = "".join(f"<td>{'' if one is None else f'{one:.3g}'}</td>" for one in numbers)
    return (
        f'<tr data-words="{_searched(row)}"><td>{row.unit.index}</td>'
        f"<td>{escape(found.words)}</td>{cells}<td>{escape(row.files[0] if row.files else '')}</td>"
        "</tr>"
    )


def _searched(row: Row) -> str:
    text = f"{row.unit.layer}:{row.unit.index} {row.description.words} {row.said.note}"
    return escape(text.lower(), quote=True)


def _pictures(study: Study, row: Row) -> str:
    """The leading pictures side by side, what the unit does not answer to darkened."""
    level = row.level if row.level is not None else float("nan")
    strip = Image.new("RGB", (_SIDE * _SHOWN, _SIDE), (128, 128, 128))
    for place, one in enumerate(exemplars(study, row.unit, level, _SIDE, _SHOWN)):
        rgb = np.ascontiguousarray(one.picture.array()[..., 2::-1])
        image = Image.fromarray(rgb)
        corner = (_SIDE * place + (_SIDE - image.width) // 2, (_SIDE - image.height) // 2)
        strip.paste(image, corner)
    return _address(strip)


def _address(image: Image.Image) -> str:
    data = io.BytesIO()
    image.save(data, "JPEG", quality=76)
    return f"data:image/jpeg;base64,{base64.b64encode(data.getvalue()).decode()}"


# ---------------------------------------------------------------- circuits and comparison


def _circuits(circuits: Sequence[Circuit], study: Study) -> Iterator[str]:
    order = {layer.name: place for place, layer in enumerate(study.network.layers)}
    known = {layer.name: layer.units for layer in study.layers}

    def picture(unit: Unit) -> str:
        if unit.index >= known.get(unit.layer, 0):
            return ""
        numbers = study.top(unit.layer)[1][unit.index]
        return _address(shrunk(study.pictures[numbers[0]], 64)) if numbers[0] >= 0 else ""

    yield f'<section id="{_anchor("Circuits")}"><h2>Circuits</h2>'
    for one in circuits:
        yield f"<h3>What computes {escape(one.target.layer)}:{one.target.index}</h3>"
        yield f'<div class="wide">{charts.graph(one, order, picture)}</div>'
        tests = (
            ("Only the circuit keeps", one.kept, one.random_kept),
            ("Without it is lost", one.pruned, one.random_pruned),
        )
        for words, value, chance in tests:
            if value is not None:
                beside = "" if chance is None else f" (random circuits: {100 * chance:.0f} %)"
                yield f"<p>{words} {100 * value:.0f} % of the activation{beside}.</p>"
        if one.note:
            yield f"<p>{escape(one.note)}</p>"
    yield "</section>"


def _comparison(found: Comparison) -> Iterator[str]:
    yield f'<section id="{_anchor("Comparison")}"><h2>Beside {escape(found.other)}</h2>'
    yield (
        f"<p>Units are matched by how their activations over {found.pictures:,} pictures "
        "correlate, from -1 to 1 for units that always answer alike.</p>"
    )
    yield (
        "<table><thead><tr><th>Layer</th><th>Units</th><th>Mean correlation</th><th>At least .8"
        "</th><th>Each other's partner</th><th>Named in both</th><th>Named differently</th></tr>"
        "</thead><tbody>"
    )
    for one in found.layers:
        yield (
            f"<tr><td>{escape(one.layer)}</td><td>{one.units:,}</td><td>{one.correlation:.2f}</td>"
            f"<td>{100 * one.same:.0f} %</td><td>{100 * one.mutual:.0f} %</td>"
            f"<td>{one.named:,}</td><td>{one.renamed:,}</td></tr>"
        )
    yield "</tbody></table>"
    different = sorted(
        (one for one in found.matches if one.other is not None),
        key=lambda one: (one.words.lower() == one.other_words.lower(), -one.correlation),
    )
    yield f"<details><summary>{_counted(min(len(different), MATCHES), 'pair')}</summary><table>"
    yield "<thead><tr><th>Unit</th><th>Name</th><th>Partner</th><th>Name</th><th>r</th></tr>"
    yield "</thead><tbody>"
    for one in different[:MATCHES]:
        assert one.other is not None
        yield (
            f"<tr><td>{escape(one.unit.layer)}:{one.unit.index}</td><td>{escape(one.words)}</td>"
            f"<td>{escape(one.other.layer)}:{one.other.index}</td>"
            f"<td>{escape(one.other_words)}</td><td>{one.correlation:.2f}</td></tr>"
        )
    yield "</tbody></table></details></section>"
