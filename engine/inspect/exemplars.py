"""Exemplars of all units, in one pass over the probes (MILAN's protocol, arXiv 2201.11114)."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from engine.codec import to_json
from engine.disk import check_writable, why
from engine.inspect.layers import unknown_layer
from engine.inspect.networks import Network, open_network
from engine.inspect.onepass import AT_ONCE, Look, OnePass, Passed, step_of
from engine.inspect.probes import ProbeSet, read_probes
from engine.inspect.shelf import HEAD, remember, shelf
from engine.inspect.study import VERSION, Study
from engine.inspect.tally import plan
from engine.inspect.written import read_json, write_text
from engine.messages import LodestoneError, NetworkInfo, NetworkLayer, Probes, StudyRequest
from engine.progress import Progress

SHOWN = 256
"""Longest side of a generator's samples as a study keeps them."""
SAID_FROM = 1 << 30
"""Bytes of memory from which a study says what it takes."""


def study(request: StudyRequest, progress: Progress) -> str:
    """Make, finish or add layers to a study; returns its folder."""
    if not 1 <= request.exemplars <= 100:
        raise LodestoneError("A unit keeps 1 to 100 exemplars. Choose a number between.")
    network = open_network(request.network, request.device, progress)
    info = network.info
    layers = chosen_layers(info, request.layers)
    shown = getattr(network, "shown", lambda picture: picture)
    probes = read_probes(request.probes, info, shown, info.preprocessing, progress)
    key = study_key(info, probes, request.exemplars)
    folder = Path(request.out).expanduser() if request.out else shelf() / _folder_name(info, key)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        check_writable(folder)
        head = _head_of(folder, key, info, probes)
        head["probes"] = json.loads(to_json(request.probes))
        known = {entry["layer"]["value"]["name"] for entry in head["layers"]} | {*head["silent"]}
        wanted = [layer for layer in layers if layer.name not in known]
        if wanted:
            _extend(folder, head, network, probes, wanted, request.exemplars, progress)
        write_exemplars(Study.open(folder))
        remember(folder, key)
    except OSError as error:
        raise LodestoneError(f"The study in {folder} was not written: {why(error)}.") from error
    return str(folder)


def chosen_layers(info: NetworkInfo, names: Sequence[str]) -> tuple[NetworkLayer, ...]:
    """Those named; else the ones a person would look at first."""
    known = {layer.name: layer for layer in info.layers}
    for name in names:
        if name not in known:
            raise unknown_layer(name, known)
    if names:
        return tuple(known[name] for name in dict.fromkeys(names))
    return tuple(layer for layer in info.layers if layer.main) or info.layers


def study_key(info: NetworkInfo, probes: ProbeSet, exemplars: int) -> str:
    """Equal for equal weights, data, preprocessing and number of exemplars."""
    facts = [info.id, probes.digest, info.preprocessing, list(info.input), exemplars, VERSION]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _folder_name(info: NetworkInfo, key: str) -> str:
    name = re.sub(r"[^a-z0-9]+", "-", info.name.lower()).strip("-") or "network"
    return f"{name}-{key[:12]}"


def _head_of(folder: Path, key: str, info: NetworkInfo, probes: ProbeSet) -> dict[str, Any]:
    """What study.json says, or will say."""
    head = read_json(folder / HEAD, "study")
    if head is not None:
        if head.get("key") != key:
            raise LodestoneError(
                f"{folder} holds a study of something else. Choose another folder, or put that "
                "study aside."
            )
        return head
    return new_head(key, info, probes)


def new_head(key: str, info: NetworkInfo, probes: ProbeSet) -> dict[str, Any]:
    """study.json of a study without layers."""
    requests = json.loads(to_json(probes.requests)) if probes.requests else None
    return {
        "lodestone_study": VERSION,
        "key": key,
        "network": json.loads(to_json(info)),
        "digest": probes.digest,
        "names": list(probes.names),
        "labels": list(probes.labels),
        "requests": requests,
        "skipped": [list(one) for one in probes.skipped],
        "notes": list(probes.notes),
        "probes": json.loads(to_json(Probes())),
        "layers": [],
        "silent": [],
    }


def _extend(
    folder: Path, head: dict[str, Any], network: Network, probes: ProbeSet,
    layers: Sequence[NetworkLayer], exemplars: int, progress: Progress,
) -> None:  # fmt: skip
    """Tally these layers and write them into the study."""
    said = needs(layers, len(probes), exemplars)
    if said:
        progress(0.0, said)
        head["notes"] = [*head["notes"], said]
    names = tuple(layer.name for layer in layers)
    key = f"{head['key']} {names}"
    unfinished = folder / "unfinished" / hashlib.sha256(key.encode()).hexdigest()[:12]
    unfinished.mkdir(parents=True, exist_ok=True)
    work = OnePass(unfinished, key, layers, len(probes), exemplars)
    if network.info.kind == "generator":
        look = _drawing(network, probes, names, folder)
    else:
        _bring(probes, folder / "pictures.npy")
        look = _looking(network, probes, names)
    passed = work.run(look, progress)
    if not passed:
        raise LodestoneError(
            f"None of these layers ran: {', '.join(names[:5])}. Choose layers that pictures pass."
        )
    head["notes"] += [
        f"{name} never ran for these pictures: it has no exemplars." for name in work.silent
    ]
    head["silent"] = [*head["silent"], *work.silent]
    keep(folder, head, passed, progress)
    shutil.rmtree(folder / "unfinished", ignore_errors=True)


def keep(folder: Path, head: dict[str, Any], passed: Sequence[Passed], progress: Progress) -> None:
    """Write tallied layers into a study, and then the head that names them."""
    for one in passed:
        progress(1.0, f"Writing {one.layer.name}")
        head["layers"].append(_write_layer(folder, one, len(head["layers"])))
    names = [layer["name"] for layer in head["network"]["value"]["layers"]]
    head["layers"].sort(key=lambda entry: names.index(entry["layer"]["value"]["name"]))
    write_text(folder / HEAD, json.dumps(head, ensure_ascii=False))


def needs(layers: Sequence[NetworkLayer], count: int, exemplars: int) -> str:
    """What a pass takes, in a sentence, where it is much; LodestoneError where it is too much."""
    plans = [plan(one.units, *_size(one), exemplars, count) for one in layers]
    step = step_of(layers) * 4 * sum(one.units * one.rows * one.columns for one in plans)
    memory = sum(one.bytes for one in plans) + 2 * step
    disk = sum(one.units for one in plans) * count * 6
    units = sum(one.units for one in plans)
    free = psutil.virtual_memory().available
    if memory > 0.8 * free:
        raise LodestoneError(
            f"{units:,} units take about {memory / 2**30:.1f} GB of memory, but only "
            f"{free / 2**30:.1f} GB are free. Choose fewer layers at a time."
        )
    if memory + disk < SAID_FROM and units < 50_000:
        return ""
    return (
        f"{units:,} units: the pass takes about {memory / 2**30:.1f} GB of memory and "
        f"{disk / 2**30:.1f} GB of disk."
    )


def _size(layer: NetworkLayer) -> tuple[int, int]:
    return max(1, layer.size[0]), max(1, layer.size[1])


# ---------------------------------------------------------------- what the network is shown


def _looking(network: Any, probes: ProbeSet, names: Sequence[str]) -> Look:
    pixels = probes.pixels
    assert pixels is not None

    def look(numbers: np.ndarray) -> dict[str, np.ndarray]:
        parts = []
        for start in range(0, len(numbers), AT_ONCE):
            some = pixels[np.asarray(numbers[start : start + AT_ONCE])]
            parts.append(network.run(network.preprocessing.numbers(some), names).layers)
        return joined(parts)

    return look


def _drawing(network: Network, probes: ProbeSet, names: Sequence[str], folder: Path) -> Look:
    """A generator's samples: their pictures are kept as they are drawn."""
    _, rows, columns = network.info.input
    factor = max(1, -(-max(rows, columns) // SHOWN))
    shape = (len(probes), rows // factor, columns // factor, 3)
    path = folder / "pictures.npy"
    fresh = not path.is_file()
    kept = np.lib.format.open_memmap(path, "w+" if fresh else "r+", np.uint8, shape)

    def look(numbers: np.ndarray) -> dict[str, np.ndarray]:
        parts = []
        for start in range(0, len(numbers), AT_ONCE):
            some = numbers[start : start + AT_ONCE]
            run = network.sample([probes.requests[i] for i in some], names)
            kept[some] = _shrunk(run.output, factor)
            parts.append(run.layers)
        return joined(parts)

    return look


def _shrunk(pictures: np.ndarray, factor: int) -> np.ndarray:
    if factor == 1:
        return pictures
    n, rows, columns, c = pictures.shape
    down, right = rows // factor, columns // factor
    cut = pictures[:, : down * factor, : right * factor]
    areas = cut.reshape(n, down, factor, right, factor, c)
    return areas.mean(axis=(2, 4)).round().astype(np.uint8)


def joined(parts: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Several batches as one."""
    if len(parts) == 1:
        return parts[0]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _bring(probes: ProbeSet, path: Path) -> None:
    """The decoded pictures into the study: linked where the disk allows it, else copied."""
    if path.is_file() or probes.file is None:
        return
    part = path.with_name("pictures.part")
    part.unlink(missing_ok=True)
    try:
        os.link(probes.file, part)
    except OSError:
        shutil.copyfile(probes.file, part)
    os.replace(part, path)


# ---------------------------------------------------------------- what is written


def _write_layer(folder: Path, one: Passed, number: int) -> dict[str, Any]:
    """Files of a layer; returns its entry of study.json."""
    slug = re.sub(r"[^A-Za-z0-9]+", "-", one.layer.name).strip("-")[:40]
    name = f"{number:02}-{slug}" if slug else f"{number:02}"
    place = folder / "layers" / name
    place.mkdir(parents=True, exist_ok=True)
    tally = one.tally
    if one.size == (1, 1):
        tally.draw_vectors(np.asarray(one.peaks))
    arrays = tally.arrays()
    for left in ("maps", "slots", "begun"):
        del arrays[left]
    none = ~np.isfinite(tally.values)
    arrays["values"] = np.where(none, np.float32(np.nan), tally.values)
    arrays["pictures"] = np.where(none, np.int32(-1), tally.pictures)
    selectivity, sparsity, constant = standing(np.asarray(one.peaks))
    arrays |= {"selectivity": selectivity, "sparsity": sparsity}
    np.savez(place / "top.npz", **arrays)  # pyright: ignore[reportArgumentType]
    np.save(place / "maps.npy", tally.ordered_maps())
    np.save(place / "peaks.npy", one.peaks)
    np.save(place / "means.npy", one.means)
    return {
        "layer": json.loads(to_json(one.layer)),
        "folder": name,
        "size": list(one.size),
        "notes": _notes(one.layer.name, constant, tally.missing, one.peaks.shape[1]),
    }


def standing(peaks: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Selectivity and sparsity (units,) 0..1 of spatial maxima (units, N), and which are constant.

    Selectivity: (mean of the highest tenth - mean) / (mean of the highest tenth - least).
    Sparsity: share of pictures within a tenth of the range from the least.
    """
    units, count = peaks.shape
    ordered = np.sort(peaks, axis=1)  # NaN last
    there = np.isfinite(ordered).sum(axis=1)
    safe = np.where(np.isfinite(ordered), ordered, 0.0).astype(np.float64)
    least = safe[:, 0]
    last = np.maximum(there - 1, 0)
    most = np.take_along_axis(safe, last[:, None], axis=1)[:, 0]
    mean = safe.sum(axis=1) / np.maximum(there, 1)
    high = np.maximum(there // 10, 1)
    places = np.arange(count)
    leading = (places >= (there - high)[:, None]) & (places < there[:, None])
    lead = (safe * leading).sum(axis=1) / high
    span = lead - least
    constant = (there > 0) & (most <= least)
    selectivity = np.zeros(units)
    np.divide(lead - mean, span, out=selectivity, where=span > 0)
    low = (safe <= (least + 0.1 * (most - least))[:, None]) & (places < there[:, None])
    sparsity = low.sum(axis=1) / np.maximum(there, 1)
    return selectivity.astype(np.float32), sparsity.astype(np.float32), constant


def _notes(name: str, constant: np.ndarray, missing: np.ndarray, pictures: int) -> list[str]:
    notes = []
    still, lost = int(constant.sum()), int((missing > 0).sum())
    gone = int((missing >= pictures).sum())
    if still:
        are = "1 unit of {} is" if still == 1 else f"{still:,} units of {{}} are"
        notes.append(f"{are.format(name)} the same in every picture.")
    if lost:
        were = "1 unit of {} was" if lost == 1 else f"{lost:,} units of {{}} were"
        never = f"; {gone:,} never one" if gone else ""
        notes.append(
            f"{were.format(name)} not a number in some pictures, which do not count{never}."
        )
    return notes


def write_exemplars(study: Study) -> None:
    """exemplars.json: of each layer and unit the names and values of its exemplars, and a level."""
    layers: dict[str, list[dict[str, Any]]] = {}
    for layer in study.layers:
        values, pictures = study.top(layer.name)
        levels = study.levels(layer.name, 0.99)
        entries = layers[layer.name] = []
        for unit, (row, who, level) in enumerate(zip(values, pictures, levels, strict=True)):
            kept = [(study.names[i], float(v)) for i, v in zip(who, row, strict=True) if i >= 0]
            entries.append(
                {
                    "unit": unit,
                    "files": [name for name, _ in kept],
                    "values": [value for _, value in kept],
                    "level": float(level) if np.isfinite(level) else None,
                }
            )
    facts = {
        "network": study.network.name,
        "pictures": len(study.names),
        "quantile": 0.99,
        "skipped": [list(one) for one in study.skipped],
        "notes": [*study.notes, *(note for layer in study.layers for note in layer.notes)],
        "layers": layers,
    }
    write_text(study.folder / "exemplars.json", json.dumps(facts, ensure_ascii=False))
