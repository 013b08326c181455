"""A study: one network, one probe set, some layers, on disk. Numpy only: no torch.

A study is a folder:

    study.json          network, probes, their names, labels and recipes, layers, what was skipped
    pictures.npy        (N, rows, columns, 3) uint8: the probes as the network sees them
    layers/NN/          of each layer:
        top.npz         leading pictures of each unit, histograms, tails (`engine.inspect.levels`)
        maps.npy        (units, exemplars, rows, columns) float16: activations of those pictures
        peaks.npy       (units, N) float32: spatial maximum in every picture; NaN = not a number
        means.npy       (units, N) float16: mean over positions
    exemplars.json      names and values of the leading pictures, and the .99 levels
    descriptions.json   `Description`s, as `engine.codec` writes them
    names.json          what people said: names, stars, notes
    effects.json        {layer: {unit: mean change when ablated}}
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from engine.codec import from_json, to_json
from engine.inspect.levels import Tails
from engine.inspect.shelf import HEAD
from engine.inspect.shelf import studies_of as studies_of
from engine.inspect.written import read_json, write_text
from engine.messages import (
    Description,
    LodestoneError,
    NameUnit,
    NetworkInfo,
    NetworkLayer,
    Probes,
    SteerRequest,
    Unit,
)

VERSION = 1
NAMES = "names.json"
DESCRIPTIONS = "descriptions.json"
EFFECTS = "effects.json"
QUANTILES = (0.9, 0.999)
"""Least and largest that may be asked for."""


@dataclass(frozen=True)
class StudiedLayer:
    """A layer that was tallied."""

    layer: NetworkLayer
    folder: str
    size: tuple[int, int]
    """Rows and columns of its output for these probes."""
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.layer.name

    @property
    def units(self) -> int:
        return self.layer.units


@dataclass(frozen=True)
class Said:
    """What people said of a unit."""

    words: str = ""
    starred: bool = False
    note: str = ""


class Study:
    """Reads a study. Arrays come from memory-mapped files; nothing here changes them."""

    def __init__(self, folder: Path, head: dict[str, Any]):
        self.folder = folder
        self.key = str(head.get("key", ""))
        self.network: NetworkInfo = from_json(json.dumps(head["network"]))
        self.probes: Probes = from_json(json.dumps(head["probes"]))
        """What was asked for; `names` are those that could be used."""
        self.digest: str = head["digest"]
        """Of the probes' content: equal in studies that can be compared picture by picture."""
        self.names: tuple[str, ...] = tuple(head["names"])
        """One a picture; the order of all arrays over pictures."""
        self.labels: tuple[str, ...] = tuple(head["labels"])
        """One a picture; all empty where there are none."""
        requests = head.get("requests")
        self.requests: tuple[SteerRequest, ...] = (
            from_json(json.dumps(requests)) if requests else ()
        )
        """Recipes of a generator's samples, one a picture."""
        self.skipped: tuple[tuple[str, str], ...] = tuple(
            (name, why) for name, why in head.get("skipped", ())
        )
        """Files that could not be used, and why."""
        self.notes: tuple[str, ...] = tuple(head.get("notes", ()))
        self.layers: tuple[StudiedLayer, ...] = tuple(
            StudiedLayer(
                from_json(json.dumps(entry["layer"])),
                entry["folder"],
                (entry["size"][0], entry["size"][1]),
                tuple(entry.get("notes", ())),
            )
            for entry in head["layers"]
        )
        self._open: dict[tuple[str, str], Any] = {}

    @staticmethod
    def open(folder: str | Path) -> Study:
        """LodestoneError where there is none."""
        folder = Path(folder).expanduser()
        head = read_json(folder / HEAD, "study")
        if head is None:
            raise LodestoneError(
                f"There is no study in {folder}. Make one first: inspect exemplars."
            )
        if int(head.get("lodestone_study", 0)) > VERSION:
            raise LodestoneError("A newer Lodestone made this study. Update Lodestone first.")
        try:
            return Study(folder, head)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise LodestoneError(
                f"The study in {folder} is damaged. Make it again.", repr(error)
            ) from error

    # ---------------------------------------------------------------- layers and units

    def layer(self, name: str) -> StudiedLayer:
        """LodestoneError with the nearest names where it was not studied."""
        for found in self.layers:
            if found.name == name:
                return found
        near = difflib.get_close_matches(name, [one.name for one in self.layers], 3, 0.3)
        hint = f" Near it are {', '.join(near)}." if near else ""
        raise LodestoneError(f"{name} is no layer of this study.{hint} Choose one of its layers.")

    def checked(self, unit: Unit) -> StudiedLayer:
        """Its layer; LodestoneError where there is no such unit."""
        found = self.layer(unit.layer)
        if not 0 <= unit.index < found.units:
            raise LodestoneError(
                f"{unit.layer} has units 0 to {found.units - 1}; {unit.index} is none of them. "
                "Choose another."
            )
        return found

    # ---------------------------------------------------------------- arrays

    @cached_property
    def pictures(self) -> np.ndarray:
        """(N, rows, columns, 3) uint8, memory-mapped."""
        return self._mapped(self.folder / "pictures.npy")

    def top(self, layer: str) -> tuple[np.ndarray, np.ndarray]:
        """Values (units, K) float32, best first, and numbers of the pictures (units, K) int32.

        -1 and NaN where a unit has fewer exemplars.
        """
        return self._top(layer)["values"], self._top(layer)["pictures"]

    def maps(self, layer: str) -> np.ndarray:
        """(units, K, rows, columns) float16 of the exemplars, memory-mapped."""
        return self._array(layer, "maps.npy")

    def peaks(self, layer: str) -> np.ndarray:
        """(units, N) float32: spatial maximum in every picture, memory-mapped."""
        return self._array(layer, "peaks.npy")

    def means(self, layer: str) -> np.ndarray:
        """(units, N) float16: mean over positions in every picture, memory-mapped."""
        return self._array(layer, "means.npy")

    def missing(self, layer: str) -> np.ndarray:
        """(units,) int64: pictures in which a unit was not a number."""
        return self._top(layer)["missing"]

    def selectivity(self, layer: str) -> np.ndarray:
        """(units,) float32 0..1: how far the exemplars stand above the usual picture."""
        return self._top(layer)["selectivity"]

    def sparsity(self, layer: str) -> np.ndarray:
        """(units,) float32 0..1: share of pictures in which a unit is (nearly) silent."""
        return self._top(layer)["sparsity"]

    def histogram(self, unit: Unit) -> tuple[np.ndarray, np.ndarray]:
        """Edges (B + 1,) float32 and counts (B,) int64, over evenly spread positions of all
        pictures (all positions of small maps)."""
        top = self._top(unit.layer)
        low, high = float(top["low"][unit.index]), float(top["high"][unit.index])
        counts = top["histogram"][unit.index]
        edges = np.linspace(low, max(high, low), len(counts) + 1, dtype=np.float32)
        edges[-1] = max(edges[-1], np.nan_to_num(top["values"][unit.index, 0], nan=low))
        return edges, counts

    def level(self, unit: Unit, quantile: float = 0.99) -> float:
        """Activation at a quantile over all positions of all pictures; NaN where unknown."""
        quantile = min(max(quantile, QUANTILES[0]), QUANTILES[1])
        tails = Tails.of(self._top(unit.layer))
        if tails is None:
            peaks = np.asarray(self.peaks(unit.layer)[unit.index])
            peaks = peaks[np.isfinite(peaks)]
            return float(np.quantile(peaks, quantile)) if len(peaks) else float("nan")
        if tails.covers(unit.index, quantile):
            return tails.level(unit.index, quantile)
        # Rare: the first pictures made the tail begin too high. The histogram is coarser.
        return min(float(tails.start[unit.index]), self._roughly(unit, quantile))

    def levels(self, layer: str, quantile: float = 0.99) -> np.ndarray:
        """(units,) float64: the level of every unit."""
        count = self.layer(layer).units
        if "tail_start" not in self._top(layer):
            peaks = np.asarray(self.peaks(layer))
            if np.isfinite(peaks).all():
                return np.quantile(peaks, quantile, axis=1)
        return np.array([self.level(Unit(layer, index), quantile) for index in range(count)])

    def _roughly(self, unit: Unit, quantile: float) -> float:
        edges, counts = self.histogram(unit)
        below = np.concatenate([[0], np.cumsum(counts)])
        return float(np.interp(quantile * below[-1], below, edges))

    def _top(self, layer: str) -> dict[str, np.ndarray]:
        key = (layer, "top")
        if key not in self._open:
            with np.load(self._file(layer, "top.npz")) as arrays:
                self._open[key] = {name: arrays[name] for name in arrays.files}
        return self._open[key]

    def _array(self, layer: str, name: str) -> np.ndarray:
        if (layer, name) not in self._open:
            self._open[layer, name] = self._mapped(self._file(layer, name))
        return self._open[layer, name]

    def _file(self, layer: str, name: str) -> Path:
        return self.folder / "layers" / self.layer(layer).folder / name

    def _mapped(self, path: Path) -> np.ndarray:
        try:
            return np.load(path, mmap_mode="r")
        except (OSError, ValueError) as error:
            raise LodestoneError(
                f"{path.name} of the study in {self.folder} is missing or damaged. "
                "Make the study again.",
                repr(error),
            ) from error

    # ---------------------------------------------------------------- words

    @cached_property
    def described(self) -> dict[Unit, Description]:
        """What was found out, without what people said."""
        path = self.folder / DESCRIPTIONS
        if not path.is_file():
            return {}
        found = from_json(path.read_text("utf-8"))
        return {one.unit: one for one in found if isinstance(one, Description)}

    @cached_property
    def said(self) -> dict[Unit, Said]:
        """What people said."""
        units = (read_json(self.folder / NAMES, "list of names") or {}).get("units", {})
        return {
            Unit(layer, int(index)): Said(
                str(one.get("words", "")), bool(one.get("starred")), str(one.get("note", ""))
            )
            for layer, entries in units.items()
            for index, one in entries.items()
        }

    def description(self, unit: Unit) -> Description:
        """A person's name wins over every other."""
        return self.worded(unit, self.said.get(unit))

    def worded(self, unit: Unit, said: Said | None) -> Description:
        """What was found out about a unit, under what a person said."""
        found = self.described.get(unit, Description(unit, "", unsure=True))
        if said is None or not said.words:
            return found
        return replace(found, words=said.words, method="human", unsure=False)

    @cached_property
    def effects(self) -> dict[Unit, float]:
        """Mean change of the picture or the logits when a unit is ablated, where measured."""
        found = read_json(self.folder / EFFECTS, "list of effects") or {}
        return {
            Unit(layer, int(index)): float(value)
            for layer, entries in found.items()
            for index, value in entries.items()
        }


# ---------------------------------------------------------------- writing


def say(question: NameUnit) -> None:
    """Keep what a person said of a unit. Atomic."""
    study = Study.open(question.study)
    study.checked(question.unit)
    keep_said(study.folder, {question.unit: _changed(study.said.get(question.unit), question)})


def _changed(before: Said | None, question: NameUnit) -> Said:
    said = before or Said()
    if question.words is not None:
        said = replace(said, words=question.words.strip())
    if question.starred is not None:
        said = replace(said, starred=question.starred)
    if question.note is not None:
        said = replace(said, note=question.note.strip())
    return said


def keep_said(folder: Path, said: Mapping[Unit, Said]) -> None:
    """Write these beside, or over, what was said before."""
    path = folder / NAMES
    found = read_json(path, "list of names") or {}
    units: dict[str, dict[str, Any]] = found.setdefault("units", {})
    for unit, one in said.items():
        entries = units.setdefault(unit.layer, {})
        kept = {"words": one.words, "starred": one.starred, "note": one.note}
        entries[str(unit.index)] = {name: value for name, value in kept.items() if value}
        if one == Said():
            del entries[str(unit.index)]
    write_text(path, json.dumps(found, indent=1, ensure_ascii=False))


def keep_descriptions(folder: Path, descriptions: Iterable[Description]) -> None:
    """Replace the study's descriptions. Atomic."""
    write_text(folder / DESCRIPTIONS, to_json(tuple(descriptions)))


def keep_effects(folder: Path, effects: Mapping[Unit, float]) -> None:
    """Write these beside, or over, what was measured before. Atomic."""
    found = read_json(folder / EFFECTS, "list of effects") or {}
    for unit, value in effects.items():
        found.setdefault(unit.layer, {})[str(unit.index)] = float(value)
    write_text(folder / EFFECTS, json.dumps(found))
