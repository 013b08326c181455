"""`lodestone directions …`: find axes without labels, or fit one to sorted pictures."""

from __future__ import annotations

import argparse
from typing import Any, get_args, get_type_hints

from app.cli_parts import add_command, answer, open_client, working
from app.recipes import class_weights
from engine.client import from_json
from engine.messages import Direction, DiscoverRequest


def add(commands: Any) -> None:
    """Put the group `directions` among the commands."""
    text = "Find directions: without labels, or from sorted pictures."
    group = commands.add_parser("directions", help=text, description=text)
    kinds = group.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_discover(kinds)


def _add_discover(commands: Any) -> None:
    methods = get_args(get_type_hints(DiscoverRequest)["method"])
    command = add_command(commands, "discover", _discover, "Find directions without labels.")
    command.add_argument("model", metavar="MODEL")
    command.add_argument("--method", choices=methods, required=True)
    command.add_argument("--space", choices=("w", "s", "a"), default="w",
                         help="pca: what is analysed; a = activations of --layer")  # fmt: skip
    command.add_argument("--layer", default="", metavar="NAME",
                         help="such as b16.conv1: analysed, held still, or listed")  # fmt: skip
    command.add_argument("--count", type=int, default=16, help="directions wanted (default 16)")
    command.add_argument("--samples", type=int, default=10_000, help="latents looked at (pca)")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--class", dest="class_name", metavar="NAME",
                         help="name or index, or several: fox=0.7,owl=0.3")  # fmt: skip
    command.add_argument("--truncation", type=float, default=1.0, metavar="PSI")
    command.add_argument("-o", "--out", required=True, metavar="FILE.json")


def _discover(args: argparse.Namespace) -> None:
    client = open_client(args)
    with working(args) as bar:
        info = client.find(args.model, bar.progress.part(0.0, 0.0))
        request = DiscoverRequest(
            model=info.path,
            method=args.method,
            out=args.out,
            space=args.space,
            at=args.layer,
            count=args.count,
            samples=args.samples,
            seed=args.seed,
            classes=class_weights(args.class_name, info),
            truncation=args.truncation,
        )
        path = str(client.run(request, bar.progress))
    with open(path, "rb") as file:
        found: tuple[Direction, ...] = from_json(file.read())
    facts = {
        "path": path,
        "model": info.id,
        "method": args.method,
        "directions": [{"name": one.name, "space": one.space, "sigma": one.sigma} for one in found],
    }
    answer(args, facts, f"{len(found)} directions: {path}")
