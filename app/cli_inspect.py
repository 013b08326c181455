"""`lodestone inspect …`: what units of a network respond to, what they do, circuits, a report."""

from __future__ import annotations

import argparse
from typing import Any

from app.cli_parts import add_command, answer, checked, open_client, working
from engine.messages import (
    AblateRequest,
    ArtifactsRequest,
    CircuitRequest,
    DefenceRequest,
    DescribeRequest,
    DescriberRequest,
    EffectsRequest,
    JobRequest,
    Probes,
    ReportRequest,
    StudyRequest,
    Unit,
    UnitEdit,
    VisualiseRequest,
)

MODEL = "a generator, efficientnet-lite0, fredsr, a pyramid, or a file of weights, .pt2 or .onnx"
DATA = "a folder or zip of pictures; a generator draws its own without"


def add(commands: Any) -> None:
    """Put the group `inspect` among the commands."""
    text = "See what a network's units do."
    group = commands.add_parser("inspect", help=text, description=text)
    kinds = group.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for adding in (
        _add_prepare, _add_exemplars, _add_describe, _add_train_describer, _add_ablate,
        _add_effects, _add_artifacts,
        _add_circuit, _add_defend, _add_visualise, _add_report,
    ):  # fmt: skip
        adding(kinds)


def parse_units(text: str) -> tuple[Unit, ...]:
    """`layer:3,17` or `layer:3-7`; ValueError with words."""
    layer, colon, numbers = text.rpartition(":")
    found: list[Unit] = []
    for part in numbers.split(","):
        first, dash, last = part.strip().partition("-")
        if not colon or not first.isdigit() or (dash and not last.isdigit()):
            raise ValueError(f"{text!r:.40} is no unit; write layer:3,17 or layer:3-7")
        end = int(last) if dash else int(first)
        if not int(first) <= end < int(first) + 100_000:
            raise ValueError(f"{part!r:.40} is no range of units")
        found += [Unit(layer, index) for index in range(int(first), end + 1)]
    return tuple(found)


def parse_unit(text: str) -> Unit:
    """`layer:17`; ValueError with words."""
    units = parse_units(text)
    if len(units) != 1:
        raise ValueError(f"{text!r:.40} is not one unit; write layer:17")
    return units[0]


def parse_layers(text: str) -> tuple[str, ...]:
    """`A,B`."""
    return tuple(name for name in map(str.strip, text.split(",")) if name)


def _add_prepare(commands: Any) -> None:
    command = add_command(commands, "prepare", _prepare, "Make a network ready to look into.")
    command.add_argument("model", metavar="MODEL", help=MODEL)


def _add_exemplars(commands: Any) -> None:
    command = add_command(commands, "exemplars", _exemplars,
                       "Find the pictures each unit responds to most.")  # fmt: skip
    command.add_argument("model", metavar="MODEL", help=MODEL)
    _add_probes(command)
    _add_layers(command)
    command.add_argument("--exemplars", type=int, default=15, metavar="N", help="kept of each unit")
    _add_out(command, "STUDY", "folder; writes exemplars.json into it")
    command.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")


def _add_describe(commands: Any) -> None:
    command = add_command(commands, "describe", _describe, "Name a study's units in words.")
    command.add_argument("study", metavar="STUDY", help="folder from `inspect exemplars`")
    _add_layers(command)
    command.add_argument("--words", default="", metavar="FILE", help="to choose from, one a line")
    command.add_argument("--describer", default="", metavar="FILE", help="a trained describer")
    command.add_argument("--image-text", default="", metavar="DIR",
                         help="an image-text model in ONNX")  # fmt: skip
    command.add_argument("--audit", default="", metavar="WORD",
                         help="only ask which units respond to a label or word")  # fmt: skip


def _add_train_describer(commands: Any) -> None:
    command = add_command(commands, "train-describer", _train_describer,
                       "Train words for regions on pictures with labels.")  # fmt: skip
    command.add_argument("data", metavar="DATA",
                         help="folder or zip with labels.csv or captions.csv")  # fmt: skip
    _add_out(command, "FILE", "the describer")
    command.add_argument("--minutes", type=float, default=10.0)
    command.add_argument("--seed", type=int, default=0)


def _add_ablate(commands: Any) -> None:
    command = add_command(commands, "ablate", _ablate, "Turn units and measure what changes.")
    command.add_argument("model", metavar="MODEL", help=MODEL)
    command.add_argument("--units", default=(), nargs="+", metavar="LAYER:3,17",
                         type=checked(parse_units))  # fmt: skip
    how = command.add_mutually_exclusive_group()
    how.add_argument("--boost", type=float, metavar="FACTOR", help="instead of switching off")
    how.add_argument("--clamp", type=float, metavar="VALUE", help="hold them at a value")
    how.add_argument("--invert", action="store_true", help="turn their sign")
    command.add_argument("--study", default="", metavar="STUDY", help="where --words are looked up")
    command.add_argument("--words", default="", metavar="TEXT",
                         help="switch off the units these words describe")  # fmt: skip
    command.add_argument("--top", type=int, default=0, metavar="N",
                         help="switch off the N units that matter most to --target, or fit --words "
                         "best")  # fmt: skip
    _add_layers(command)
    _add_probes(command)
    command.add_argument("--target", default="", metavar="CLASS", help="whose accuracy is watched")
    command.add_argument("--random", type=int, default=5, metavar="N",
                         help="sets of random units to compare with")  # fmt: skip
    _add_out(command, "OUT", "folder")


def _add_effects(commands: Any) -> None:
    command = add_command(commands, "effects", _effects,
                          "Measure what each unit of a study changes.")  # fmt: skip
    command.add_argument("study", metavar="STUDY", help="folder from `inspect exemplars`")
    _add_layers(command)
    command.add_argument("--count", type=int, default=2, metavar="N", help="pictures for each unit")
    command.add_argument("--seed", type=int, default=0)


def _add_artifacts(commands: Any) -> None:
    command = add_command(commands, "artifacts", _artifacts,
                          "Find units that spoil a generator's pictures.")  # fmt: skip
    command.add_argument("model", metavar="MODEL", help="a generator")
    command.add_argument("--data", required=True, metavar="DIR",
                         help="pictures it should resemble, such as it learnt from")  # fmt: skip
    _add_layers(command)
    command.add_argument("--count", type=int, default=8, metavar="N", help="samples compared")
    command.add_argument("--keep", type=int, default=8, metavar="N", help="units muted at most")
    command.add_argument("--seed", type=int, default=0)
    _add_out(command, "OUT", "folder; writes artifacts.json and the edit set muted.json")


def _add_circuit(commands: Any) -> None:
    command = add_command(commands, "circuit", _circuit, "Find the circuit that computes a unit.")
    command.add_argument("model", metavar="MODEL", help=MODEL)
    command.add_argument("--target", required=True, metavar="LAYER:UNIT", type=checked(parse_unit))
    command.add_argument("--examples", default="", metavar="DIR", help=DATA)
    command.add_argument("--others", default="", metavar="DIR",
                         help="pictures without the concept, for the causal test")  # fmt: skip
    command.add_argument("--count", type=int, default=0, metavar="N", help="examples at most")
    _add_layers(command)
    command.add_argument("--width", type=int, default=8, metavar="K", help="units kept of a layer")
    command.add_argument("--rounds", type=int, default=2, help="refinements layer by layer")
    command.add_argument("--random", type=int, default=20, metavar="N",
                         help="random circuits to test against")  # fmt: skip
    command.add_argument("--seed", type=int, default=0)
    _add_out(command, "OUT", "folder or .json file")


def _add_defend(commands: Any) -> None:
    command = add_command(commands, "defend", _defend,
                          "Suppress the units that an attack deceives with.")  # fmt: skip
    command.add_argument("model", metavar="MODEL", help="a classifier")
    _add_probes(command)
    command.add_argument("--attack", choices=("text", "patch"), default="text")
    command.add_argument("--words", default=[], nargs="+", metavar="WORD", help="to paste")
    command.add_argument("--width", type=int, default=8, metavar="K",
                         help="units suppressed of a layer")  # fmt: skip
    _add_out(command, "OUT", "folder or .json file")


def _add_visualise(commands: Any) -> None:
    command = add_command(commands, "visualise", _visualise, "Make a picture that units answer to.")
    command.add_argument("model", metavar="MODEL", help=MODEL)
    _add_units(command)
    command.add_argument("--steps", type=int, default=256)
    command.add_argument("--size", type=int, default=0, metavar="PIXELS",
                         help="default: what the network takes")  # fmt: skip
    command.add_argument("--seed", type=int, default=0)
    _add_out(command, "OUT", "PNG; a folder for several units")


def _add_report(commands: Any) -> None:
    command = add_command(commands, "report", _report, "Write a study as a page, JSON and CSV.")
    command.add_argument("study", metavar="STUDY", help="folder from `inspect exemplars`")
    command.add_argument("--circuits", default=[], nargs="+", metavar="FILE")
    _add_layers(command)
    command.add_argument("--compare", default="", metavar="STUDY", help="on the same pictures")
    command.add_argument("--names", default="", metavar="FILE",
                         help="a report.json: take over its names, notes, stars")  # fmt: skip
    _add_out(command, "OUT", "folder; writes report.html, report.json and units.csv")


def _add_probes(command: argparse.ArgumentParser) -> None:
    command.add_argument("--data", default="", metavar="DIR", help=DATA)
    command.add_argument("--count", type=int, default=0, metavar="N", help="pictures at most")
    command.add_argument("--seed", type=int, default=0)


def _add_layers(command: argparse.ArgumentParser) -> None:
    command.add_argument("--layers", default=(), metavar="A,B", type=checked(parse_layers),
                         help="default: those one looks at first")  # fmt: skip


def _add_units(command: argparse.ArgumentParser) -> None:
    command.add_argument("--units", required=True, nargs="+", metavar="LAYER:3,17",
                         type=checked(parse_units))  # fmt: skip


def _add_out(command: argparse.ArgumentParser, metavar: str, text: str) -> None:
    command.add_argument("-o", "--out", required=True, metavar=metavar, help=text)


def _prepare(args: argparse.Namespace) -> None:
    with working(args) as bar:
        info = open_client(args).network(args.model, bar.progress)
    units = sum(layer.units for layer in info.layers)
    facts = {"name": info.name, "id": info.id, "layers": len(info.layers), "units": units}
    text = f"{info.name} is ready: {len(info.layers)} layers, {units:,} units."
    answer(args, facts, text if not info.note else f"{text} {info.note}")


def _exemplars(args: argparse.Namespace) -> None:
    request = StudyRequest(
        args.model, _probes(args), args.layers, args.out, args.exemplars, args.device
    )
    _run(args, request, "The study is in {}.")


def _describe(args: argparse.Namespace) -> None:
    request = DescribeRequest(
        args.study, args.layers, args.words, args.describer, args.image_text, args.audit
    )
    said = "Which units respond is in {}." if args.audit else "The names are in {}."
    _run(args, request, said)


def _train_describer(args: argparse.Namespace) -> None:
    request = DescriberRequest(args.data, args.out, args.minutes * 60, args.seed)
    _run(args, request, "The describer is in {}.")


def _ablate(args: argparse.Namespace) -> None:
    request = AblateRequest(
        args.model, _edits(args), _probes(args), args.out, args.target, args.random, args.seed,
        args.top, args.layers, args.study, args.words,
    )  # fmt: skip
    _run(args, request, "The measures are in {}.")


def _edits(args: argparse.Namespace) -> tuple[UnitEdit, ...]:
    if not args.units:
        return ()
    if args.boost is not None:
        return (UnitEdit(_units(args), "boost", args.boost),)
    if args.clamp is not None:
        return (UnitEdit(_units(args), "clamp", args.clamp),)
    return (UnitEdit(_units(args), "invert" if args.invert else "ablate"),)


def _effects(args: argparse.Namespace) -> None:
    request = EffectsRequest(args.study, args.layers, args.count, args.seed)
    _run(args, request, "The effects are in {}.")


def _artifacts(args: argparse.Namespace) -> None:
    request = ArtifactsRequest(
        args.model, args.data, args.out, args.layers, args.count, args.keep, args.seed
    )
    _run(args, request, "What was found is in {}.")


def _circuit(args: argparse.Namespace) -> None:
    others = Probes(args.others) if args.others else None
    request = CircuitRequest(
        args.model, args.target, Probes(args.examples, args.count, args.seed), others, (),
        args.layers, args.width, args.rounds, args.out, args.random, args.seed,
    )  # fmt: skip
    _run(args, request, "The circuit is in {}.")


def _defend(args: argparse.Namespace) -> None:
    request = DefenceRequest(
        args.model, _probes(args), args.out, args.attack, tuple(args.words), args.width, args.seed
    )
    _run(args, request, "The figures are in {}.")


def _visualise(args: argparse.Namespace) -> None:
    request = VisualiseRequest(args.model, _units(args), args.out, args.steps, args.size, args.seed)
    _run(args, request, "Made: {}")


def _report(args: argparse.Namespace) -> None:
    request = ReportRequest(
        args.study, args.out, tuple(args.circuits), args.layers, args.compare, args.names
    )
    _run(args, request, "The report is in {}.")


def _units(args: argparse.Namespace) -> tuple[Unit, ...]:
    return tuple(unit for group in args.units for unit in group)


def _probes(args: argparse.Namespace) -> Probes:
    return Probes(args.data, args.count, args.seed)


def _run(args: argparse.Namespace, request: JobRequest, text: str) -> None:
    with working(args) as bar:
        path = str(open_client(args).run(request, bar.progress))
    answer(args, {"path": path}, text.format(path))
