"""A study as files for others: one page, JSON and CSV; and what comes back of them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from engine.codec import from_json
from engine.disk import check_writable, why
from engine.inspect.compare import compare
from engine.inspect.grid import opened
from engine.inspect.report_page import page
from engine.inspect.report_rows import Report, Row, rows
from engine.inspect.study import Said, Study, keep_descriptions, keep_said
from engine.inspect.written import read_json, write_text
from engine.messages import Circuit, Description, LodestoneError, ReportRequest, Unit
from engine.progress import Progress

VERSION = 1
COLUMNS = (
    "layer", "unit", "words", "method", "score", "unsure", "starred", "note", "largest", "level",
    "selectivity", "sparsity", "effect", "exemplars",
)  # fmt: skip


def report(request: ReportRequest, progress: Progress) -> str:
    """Write report.html, report.json and units.csv; returns the path of the page."""
    if request.names:
        take_over(Path(request.names).expanduser(), request.study)
    out = Path(request.out).expanduser()
    progress(0.0, "Reading the study")
    table, _ = opened(request.study)
    study = table.study
    names = request.layers or tuple(layer.name for layer in study.layers)
    layers: dict[str, tuple[Row, ...]] = {}
    for place, name in enumerate(names):
        progress(0.5 * place / len(names), f"Reading {name}")
        layers[name] = rows(table, name)
    circuits = tuple(read_circuit(Path(path).expanduser()) for path in request.circuits)
    comparison = None
    if request.compare:
        progress(0.5, "Comparing")
        comparison = compare(study, Study.open(request.compare), names)
    made = Report(study, layers, circuits, comparison)
    try:
        out.mkdir(parents=True, exist_ok=True)
        check_writable(out)
        write_text(out / "report.json", json.dumps(facts(made), ensure_ascii=False, indent=1))
        write_text(out / "units.csv", "\ufeff" + table_text(made))
        progress(0.6, "Drawing the page")
        write_text(out / "report.html", page(made, progress))
    except OSError as error:
        raise LodestoneError(f"The report in {out} was not written: {why(error)}.") from error
    return str(out / "report.html")


# ---------------------------------------------------------------- JSON and CSV


def facts(made: Report) -> dict[str, Any]:
    """What report.json says."""
    study = made.study
    found: dict[str, Any] = {
        "lodestone_report": VERSION,
        "network": study.network.name,
        "network_id": study.network.id,
        "preprocessing": study.network.preprocessing,
        "probes": study.probes.data or "samples of the generator",
        "pictures": len(study.names),
        "skipped": [list(one) for one in study.skipped],
        "notes": [*study.notes, *(note for layer in study.layers for note in layer.notes)],
        "layers": {name: [_entry(row) for row in rows] for name, rows in made.layers.items()},
        "circuits": [asdict(circuit) for circuit in made.circuits],
    }
    if made.comparison is not None:
        found["comparison"] = asdict(made.comparison)
    return found


def _entry(row: Row) -> dict[str, Any]:
    found = row.description
    return {
        "unit": row.unit.index,
        "words": found.words,
        "method": found.method,
        "score": found.score,
        "unsure": found.unsure,
        "evidence": [list(one) for one in found.evidence],
        "starred": row.said.starred,
        "note": row.said.note,
        "largest": row.largest,
        "level": row.level,
        "selectivity": row.selectivity,
        "sparsity": row.sparsity,
        "effect": row.effect,
        "exemplars": [list(one) for one in zip(row.files, row.values, strict=True)],
    }


def table_text(made: Report) -> str:
    """CSV, one line a unit."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for layer, found in made.layers.items():
        for row in found:
            entry = _entry(row)
            kept = " | ".join(row.files)
            values = [entry[column] for column in COLUMNS[2:-1]]
            writer.writerow([layer, row.unit.index, *map(_cell, values), _cell(kept)])
    return text.getvalue()


def _cell(value: Any) -> Any:
    """Text that a spreadsheet does not take for a formula."""
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t")):
        return f"'{value}"
    if isinstance(value, bool):
        return "yes" if value else ""
    return "" if value is None else value


def read_circuit(path: Path) -> Circuit:
    """A circuit.json; LodestoneError for anything else."""
    try:
        found = from_json(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise LodestoneError(f"There is no circuit {path}. Check the name.", repr(error)) from error
    if not isinstance(found, Circuit):
        raise LodestoneError(f"{path.name} holds no circuit. Choose a circuit.json.")
    return found


# ---------------------------------------------------------------- back again


def take_over(path: Path, study: str | Path) -> int:
    """Names, notes, stars and descriptions of a report.json into a study of the same network.

    What people named in the study stays where the report says nothing. Returns how many units the
    report spoke of.
    """
    found = read_json(path, "report")
    if found is None:
        raise LodestoneError(f"There is no report {path}. Choose a report.json.")
    target = Study.open(study)
    if "lodestone_report" not in found or not isinstance(found.get("layers"), dict):
        raise LodestoneError(f"{path.name} is no report of Lodestone. Choose a report.json.")
    if int(found["lodestone_report"]) > VERSION:
        raise LodestoneError("A newer Lodestone wrote this report. Update Lodestone first.")
    said: dict[Unit, Said] = {}
    described = dict(target.described)
    try:
        for layer, entries in found["layers"].items():
            known = {one.name: one.units for one in target.layers}.get(layer, 0)
            for entry in entries:
                if entry["unit"] < known:
                    _take(Unit(layer, int(entry["unit"])), entry, said, described)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise LodestoneError(
            f"{path.name} is damaged. Choose another, or write the report again.", repr(error)
        ) from error
    if not said and not any(entry for entry in found["layers"].values()):
        raise LodestoneError(f"{path.name} speaks of no unit. Choose another report.")
    keep_said(target.folder, {unit: _merged(target.said.get(unit), one)
                              for unit, one in said.items()})  # fmt: skip
    if described != target.described:
        keep_descriptions(target.folder, described.values())
    return len(set(said) | set(described))


def _take(
    unit: Unit, entry: Mapping[str, Any], said: dict[Unit, Said],
    described: dict[Unit, Description],
) -> None:  # fmt: skip
    human = entry["method"] == "human"
    mine = Said(str(entry["words"]) if human else "", bool(entry["starred"]), str(entry["note"]))
    if mine != Said():
        said[unit] = mine
    if entry["words"] and not human:
        score = entry["score"]
        described[unit] = Description(
            unit,
            str(entry["words"]),
            str(entry["method"]),
            None if score is None else float(score),
            tuple((str(word), float(value)) for word, value in entry["evidence"]),
            bool(entry["unsure"]),
        )


def _merged(before: Said | None, new: Said) -> Said:
    old = before or Said()
    return Said(new.words or old.words, new.starred or old.starred, new.note or old.note)
