"""`lodestone …`: every offline job, built from the same requests as the window.

Answers go to stdout (with --json one JSON value a line), bars and errors to stderr. Exit codes:
0 done, 1 it could not be done (one sentence says why), 2 the command was not understood.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app import cli_directions, cli_inspect, cli_picture, cli_sound, cli_upscale, cli_vocabulary
from app.cli_parts import add_command, answer, checked, open_client, working
from app.recipes import listed, parse_direction, parse_seeds, render_request, steer_film
from app.terminal import Bar, say, say_json, warn
from engine.client import Cancelled, EngineClient
from engine.messages import (
    ExportRequest,
    ImportRequest,
    LodestoneError,
    ModelInfo,
    QualityRequest,
    RenderRequest,
    TrainRequest,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    parser = build_parser()
    words = sys.argv[1:] if argv is None else list(argv)
    if not words:
        warn("lodestone: There is no display to open the window on. Try: lodestone --help")
        return 2
    args = parser.parse_args(cli_upscale.joined(words))
    try:
        args.run(args)
    except LodestoneError as error:
        warn(f"lodestone: {error.sentence}")
        return _details(error)
    except Cancelled:
        warn("lodestone: Stopped. What was finished is kept.")
        return 1
    except BrokenPipeError:
        # The reader has gone (`lodestone models | head`): nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except MemoryError as error:
        warn("lodestone: There is not enough memory. Close other programs or ask for less.")
        return _details(error)
    except Exception as error:
        name = type(error).__name__
        warn(f"lodestone: Something went wrong inside Lodestone ({name}: {error!s:.200}).")
        return _details(error)
    return 0


def _details(error: Exception) -> int:
    if os.environ.get("LODESTONE_DEBUG"):
        raise error
    return 1


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lodestone",
        description="Steer an image generator. Without a command, the window opens.",
        epilog="MODEL is a name or id from `lodestone models`, or a model file of any kind.",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for add in (_add_models, _add_import, _add_export, _add_render, _add_film, _add_train):
        add(commands)
    kinds = (cli_directions, cli_vocabulary, cli_picture, cli_sound, cli_upscale, cli_inspect)
    for kind in kinds:
        kind.add(commands)
    for add in (_add_quality, _add_bench):
        add(commands)
    return parser


def _add_models(commands: Any) -> None:
    add_command(commands, "models", _models, "List the generators at hand.")


def _add_import(commands: Any) -> None:
    command = add_command(commands, "import", _import, "Read a model file into the library.")
    command.add_argument("file", metavar="FILE")
    command.add_argument("--name", default="", help="what to call it")


def _add_export(commands: Any) -> None:
    command = add_command(commands, "export", _export, "Write a generator as ONNX.")
    command.add_argument("model", metavar="MODEL")
    command.add_argument("-o", "--out", required=True, metavar="X.onnx", type=_onnx_name)


def _add_render(commands: Any) -> None:
    command = add_command(commands, "render", _render, "Draw pictures, an array or a film.")
    command.add_argument("model", metavar="MODEL")
    command.add_argument("--seeds", default="0", type=checked(parse_seeds, keep=True),
                         help="such as 0-7 or 1,5,9 (default 0)")  # fmt: skip
    command.add_argument("--latents", metavar="Z.npy", help="latents instead of seeds, one a row")
    command.add_argument("--space", choices=("z", "w", "w+"),
                         help="space of --latents (default z) and of .npy directions")  # fmt: skip
    command.add_argument("--direction", action="append", default=[], metavar="D=SIGMAS[@A-B]",
                         type=checked(parse_direction),
                         help="'sefa 1=2.0', my.json=1.5@4-7, found.json#3=1 or v.npy=-2; "
                         "may repeat")  # fmt: skip
    cli_vocabulary.add_say(command)
    command.add_argument("--classes", metavar="C.npy", help="class weights, one row a picture")
    command.add_argument("--class", dest="class_name", metavar="NAME",
                         help="name or index, or several: fox=0.7,owl=0.3")  # fmt: skip
    command.add_argument("--truncation", type=float, default=1.0, metavar="PSI")
    command.add_argument("--cutoff", type=int, metavar="LAYERS", help="truncate only the first")
    command.add_argument("--noise", choices=("const", "random", "off"), default="const")
    command.add_argument("--noise-seed", type=int, default=0)
    command.add_argument("--noise-strength", type=float, default=1.0)
    command.add_argument("--format", choices=("png", "npy", "mp4", "webm"), default="png")
    command.add_argument("--fps", type=float, default=30.0)
    command.add_argument("--seconds", type=float,
                         help="morph through the pictures in this time; "
                         "without it every picture is one frame")  # fmt: skip
    command.add_argument("--loop", action="store_true", help="with --seconds: end at the start")
    _add_output(command, "DIR")


def _add_film(commands: Any) -> None:
    command = add_command(commands, "film", _film, "A short steer film of a generator.")
    command.add_argument("model", metavar="MODEL", nargs="?", help="default: the first bundled")
    command.add_argument("--seeds", default="0-3", type=checked(parse_seeds, keep=True))
    command.add_argument("--seconds", type=float, default=10.0)
    command.add_argument("--fps", type=float, default=30.0)
    command.add_argument("--truncation", type=float, default=0.7, metavar="PSI")
    _add_output(command, "FILE.mp4")


def _add_train(commands: Any) -> None:
    command = add_command(commands, "train", _train, "Train a generator on a folder or zip.")
    defaults = {field.name: field.default for field in dataclasses.fields(TrainRequest)}
    command.add_argument("data", metavar="FOLDER_OR_ZIP")
    command.add_argument("-o", "--out", required=True, metavar="MODEL.safetensors")
    command.add_argument("--minutes", type=float, default=defaults["minutes"])
    command.add_argument("--resolution", type=int, default=defaults["resolution"])
    command.add_argument("--size", choices=("small", "medium", "large"), default="small")
    command.add_argument("--conditional", action="store_true", help="sub-folders are classes")
    command.add_argument("--labels", default="", metavar="CSV", help="columns file and class")
    command.add_argument("--no-noise", dest="noise", action="store_false",
                         help="no noise inputs: cleaner for flat drawings")  # fmt: skip
    for name in ("name", "licence", "attribution"):
        command.add_argument(f"--{name}", default="")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")


def _add_quality(commands: Any) -> None:
    command = add_command(commands, "quality", _quality, "Measure a generator against pictures.")
    command.add_argument("model", metavar="MODEL")
    command.add_argument("data", metavar="FOLDER_OR_ZIP")
    command.add_argument("-o", "--out", required=True, metavar="DIR")
    command.add_argument("--labels", default="", metavar="CSV")
    command.add_argument("--count", type=int, default=5000)


def _add_bench(commands: Any) -> None:
    command = add_command(commands, "bench", _bench, "Measure how fast this machine is.")
    command.add_argument(
        "area",
        metavar="AREA",
        choices=("steer", "discover", "picture", "sound", "upscale", "inspect"),
        nargs="?",
        default="steer",
    )
    command.add_argument("--pictures", nargs="+", default=[], metavar="DIR",
                         help="what to measure upscale and inspect on: folders")  # fmt: skip


def _add_output(command: argparse.ArgumentParser, metavar: str) -> None:
    command.add_argument("-o", "--out", required=True, metavar=metavar)
    command.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")


def _models(args: argparse.Namespace) -> None:
    models = open_client(args).models()
    if args.json:
        say_json([_model_facts(info) for info in models])
        return
    if not models:
        say("There are no generators yet. Import one: lodestone import FILE")
    width = max((len(info.name) for info in models), default=0)
    for info in models:
        kinds = f", classes {listed(info.class_names)}" if info.class_names else ""
        where = "bundled" if info.bundled else "yours"
        say(
            f"{info.name:{width}}  {info.id[:8]}  {info.architecture}  {info.resolution} px  "
            f"{where}{kinds}"
        )


def _import(args: argparse.Namespace) -> None:
    client = open_client(args)
    with working(args) as bar:
        path = client.run(ImportRequest(args.file, args.name), bar.progress)
    info = client.find(str(path))
    answer(args, _model_facts(info), f"{info.name} is in the library ({info.id[:8]}).")


def _export(args: argparse.Namespace) -> None:
    with working(args) as bar:
        path = open_client(args).run(ExportRequest(args.model, args.out), bar.progress)
    note = json.loads(Path(str(path)).with_suffix(".onnx.json").read_text("utf-8"))
    facts = {"path": str(path), "model": note["model"], "parity": note["parity"]}
    text = f"{path}: the largest difference from torch is {note['parity']:.1e}."
    answer(args, facts, text)


def _render(args: argparse.Namespace) -> None:
    client = open_client(args)
    with working(args) as bar:
        info = client.find(args.model, bar.progress.part(0.0, 0.0))
        edits = cli_vocabulary.said_edits(info, args)
        _rendered(args, client, render_request(client, info, args, edits), bar)


def _film(args: argparse.Namespace) -> None:
    client = open_client(args)
    wanted = args.model
    if wanted is None:
        models = client.models()
        if not models:
            raise LodestoneError("There are no generators yet. Import one: lodestone import FILE")
        wanted = models[0].id
    with working(args) as bar:
        info = client.find(wanted, bar.progress.part(0.0, 0.0))
        _rendered(args, client, steer_film(client, info, args), bar)


def _rendered(
    args: argparse.Namespace, client: EngineClient, request: RenderRequest, bar: Bar
) -> None:
    path = str(client.run(request, bar.progress))
    count = len(request.frames)
    facts = {"path": path, "pictures": count, "format": request.format}
    if request.format == "png":
        facts["files"] = [str(Path(path) / f"{name}.png") for name in request.names]
    answer(args, facts, f"{count:,} {'picture' if count == 1 else 'pictures'}: {path}")


def _train(args: argparse.Namespace) -> None:
    names = {field.name for field in dataclasses.fields(TrainRequest)}
    request = TrainRequest(**{name: value for name, value in vars(args).items() if name in names})
    with working(args) as bar:
        path = str(open_client(args).run(request, bar.progress))
    answer(args, {"path": path}, f"The generator is in {path}.")


def _quality(args: argparse.Namespace) -> None:
    request = QualityRequest(args.model, args.data, args.out, args.labels, args.count)
    with working(args) as bar:
        path = str(open_client(args).run(request, bar.progress))
    answer(args, {"path": path}, f"The figures and sheets are in {path}.")


def _bench(args: argparse.Namespace) -> None:
    for figure in open_client(args).bench(args.area, args.pictures):
        if args.json:
            say_json(figure)
            continue
        mark = {True: "met", False: "MISSED", None: "not measured"}[figure["met"]]
        value = "-" if figure["value"] is None else f"{figure['value']:.4g} {figure['unit']}"
        target = "" if figure["target"] is None else f" (target {figure['target']})"
        say(f"{figure['name']}: {value}{target}: {mark}. {figure['note']}".rstrip())


def _model_facts(info: ModelInfo) -> dict[str, Any]:
    facts = dataclasses.asdict(info)
    facts.pop("layers")
    return facts


def _onnx_name(text: str) -> str:
    if not text.lower().endswith(".onnx"):
        raise argparse.ArgumentTypeError("the file name must end in .onnx")
    return text
