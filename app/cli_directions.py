"""`lodestone directions …`: find axes without labels, or fit one to sorted pictures."""

from __future__ import annotations

import argparse
import json
import os
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args, get_type_hints

from app.cli_parts import add_command, answer, checked, open_client, working
from app.recipes import class_weights
from engine.client import EngineClient, from_json, read_labels, to_json
from engine.messages import (
    Axis,
    Direction,
    DiscoverRequest,
    LodestoneError,
    ModelInfo,
    Space,
    SteerRequest,
)


def add(commands: Any) -> None:
    """Put the group `directions` among the commands."""
    text = "Find directions: without labels, or from sorted pictures."
    group = commands.add_parser("directions", help=text, description=text)
    kinds = group.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_discover(kinds)
    _add_fit(kinds)


def _add_discover(commands: Any) -> None:
    methods = get_args(get_type_hints(DiscoverRequest)["method"])
    command = add_command(commands, "discover", _discover, "Find directions without labels.")
    command.add_argument("model", metavar="MODEL")
    command.add_argument("--method", choices=methods, required=True)
    command.add_argument("--space", choices=("w", "s", "a"), default="w",
                         help="pca: what is analysed; a = activations of --layer")  # fmt: skip
    command.add_argument("--layer", default="", metavar="NAME",
                         help="such as b16.conv1: analysed, held still, or listed")  # fmt: skip
    command.add_argument("--count", type=int,
                         help="directions wanted (16; selective: 4 a layer)")  # fmt: skip
    command.add_argument("--criterion", choices=("visible", "plain"), default="visible",
                         help="selective: show as much as possible, or change the layer "
                         "as little as possible")  # fmt: skip
    command.add_argument("--samples", type=int, default=10_000, help="latents looked at (pca)")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--class", dest="class_name", metavar="NAME",
                         help="name or index, or several: fox=0.7,owl=0.3")  # fmt: skip
    command.add_argument("--truncation", type=float, default=1.0, metavar="PSI")
    command.add_argument("-o", "--out", required=True, metavar="FILE.json")


def _discover(args: argparse.Namespace) -> None:
    client = open_client(args)
    count = args.count
    if count is None:
        count = 4 if args.method == "selective" else 16
    with working(args) as bar:
        info = client.find(args.model, bar.progress.part(0.0, 0.0))
        request = DiscoverRequest(
            model=info.path,
            method=args.method,
            out=args.out,
            space=args.space,
            at=args.layer,
            count=count,
            samples=args.samples,
            seed=args.seed,
            classes=class_weights(args.class_name, info),
            truncation=args.truncation,
            criterion=args.criterion,
        )
        path = str(client.run(request, bar.progress))
    with open(path, "rb") as file:
        found: tuple[Direction, ...] = from_json(file.read())
    facts = {
        "path": path,
        "model": info.id,
        "method": args.method,
        "directions": [
            {"name": one.name, "space": one.space, "sigma": one.sigma, **json.loads(one.detail)}
            for one in found
        ],
    }
    answer(args, facts, f"{len(found)} directions: {path}")


# ---------------------------------------------------------------- fit


def _add_fit(commands: Any) -> None:
    command = add_command(commands, "fit", _fit, "Fit a direction to sorted pictures.")
    command.add_argument("model", metavar="MODEL")
    command.add_argument("--labels", required=True, metavar="LABELS.csv",
                         help="columns seed,label (more, less or skip), "
                         "or seed_a,seed_b,answer (a, b, same or skip)")  # fmt: skip
    command.add_argument("--space", choices=get_args(Space), default="w",
                         help="where the direction lies; a = activations of --layer")  # fmt: skip
    command.add_argument("--layer", default="", metavar="NAME", help="for --space a: b16.conv1 …")
    command.add_argument("--layers", type=checked(_layer_range), metavar="A-B",
                         help="rows of w+ the direction acts on (default all)")  # fmt: skip
    command.add_argument("--as-w", action="store_true",
                         help="with --space a: write what comes with it in w")  # fmt: skip
    command.add_argument("--name", default="", help="default: the name of the table")
    command.add_argument("--learner", choices=("ridge", "logistic"), default="ridge")
    command.add_argument("--truncation", type=float, default=1.0, metavar="PSI",
                         help="of the pictures that were sorted")  # fmt: skip
    command.add_argument("--class", dest="class_name", metavar="NAME",
                         help="of the pictures that were sorted")  # fmt: skip
    command.add_argument("--fixed", action="append", default=[], metavar="FILE.json",
                         help="stay orthogonal to this direction; may repeat")  # fmt: skip
    command.add_argument("-o", "--out", required=True, metavar="FILE.json")


def _layer_range(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d+)(?:-(\d+))?", text)
    if not found or int(found[2] or found[1]) < int(found[1]):
        raise ValueError(f"{text!r} is not a range of layers; write 4-7")
    return int(found[1]), int(found[2] or found[1])


def _fit(args: argparse.Namespace) -> None:
    client = open_client(args)
    with working(args) as bar:
        info = client.find(args.model, bar.progress.part(0.0, 0.0))
        axis = _sorted_axis(client, info, args)
        fit = client.fit(info, axis)
        if fit.direction is None:
            raise LodestoneError(fit.sentence)
        direction = client.in_w(info, fit.direction, axis) if args.as_w else fit.direction
        _write(args.out, to_json(direction, indent=1))
    more, less = (sum(label.answer == side for label in axis.labels) for side in ("more", "less"))
    facts = {
        "path": args.out,
        "model": info.id,
        "name": direction.name,
        "space": direction.space,
        "sigma": direction.sigma,
        "more": more,
        "less": less,
        "pairs": len(axis.pairs),
        "accuracy": fit.accuracy,
        "ridge": fit.ridge,
        "residual": fit.residual,
        "sentence": fit.sentence,
    }
    told = "" if fit.accuracy is None else f" {fit.accuracy:.0%} of the answers are foretold."
    answer(args, facts, f"{direction.name}: {args.out}.{told} {fit.sentence}".rstrip())


def _sorted_axis(client: EngineClient, info: ModelInfo, args: argparse.Namespace) -> Axis:
    """What the labels of the table say, as the window would keep it."""
    if (args.space == "a") != bool(args.layer):
        raise LodestoneError("--space a and --layer NAME belong together. Give both or none.")
    if args.as_w and args.space != "a":
        raise LodestoneError("--as-w is for --space a. Leave it away.")
    template = SteerRequest(
        model=info.id,
        classes=class_weights(args.class_name, info),
        truncation=args.truncation,
    )
    now = time.time()
    labels, pairs = read_labels(args.labels, template)
    return Axis(
        key="fit",
        name=args.name or Path(args.labels).stem,
        model=info.id,
        template=template,
        space=args.space,
        at=args.layer,
        layers=args.layers,
        learner=args.learner,
        labels=tuple(replace(label, created=now) for label in labels),
        pairs=tuple(replace(pair, created=now) for pair in pairs),
        fixed=tuple(client.direction(info, file) for file in args.fixed),
        created=now,
    )


def _write(path: str, text: str) -> None:
    """Whole or not at all: an older file stays until the new one is complete."""
    beside = Path(f"{path}.part")
    try:
        beside.write_text(text, "utf-8")
        os.replace(beside, path)
    except OSError as error:
        raise LodestoneError(
            f"{path} could not be written. Choose another place.", str(error)
        ) from error
