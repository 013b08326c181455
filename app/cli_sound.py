"""`lodestone sound …`: new sounds from a single one."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.cli_parts import add_command, answer, checked, open_client, working
from engine.messages import (
    LodestoneError,
    SoundRecipe,
    SoundRequest,
    SoundTrainRequest,
    Span,
)


def add(commands: Any) -> None:
    """Put the group `sound` among the commands."""
    text = "New sounds from a single one."
    group = commands.add_parser("sound", help=text, description=text)
    kinds = group.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_train(kinds)
    _add_sample(kinds)
    _add_vary(kinds)
    _add_inpaint(kinds)
    _add_extend(kinds)
    _add_denoise(kinds)
    _add_morph(kinds)


def _add_train(commands: Any) -> None:
    command = add_command(commands, "train", _train, "Train a pyramid on one to four sounds.")
    command.add_argument("clips", metavar="CLIP", nargs="+")
    command.add_argument("--budget", type=float, default=600.0, metavar="SECONDS",
                         help="the more, the better (default 600)")  # fmt: skip
    command.add_argument("--rate", type=int, default=16000, metavar="HZ",
                         help="of its finest level (default 16000)")  # fmt: skip
    command.add_argument("--kind", choices=("auto", "speech", "music"), default="auto")
    _add_region(command)
    _add_holes(command, "what must not be listened to", required=False)
    command.add_argument("--name", default="", help="default: the name of the file")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    command.add_argument("-o", "--out", required=True, metavar="MODEL")


def _add_sample(commands: Any) -> None:
    command = _making(commands, "sample", _sample, "New takes, of any length.", 4)
    command.add_argument("clip", metavar="CLIP|MODEL", help="a sound or a trained pyramid")
    _add_engine(command)
    _add_variation(command)
    _add_region(command)
    _add_length(command)


def _add_vary(commands: Any) -> None:
    command = _making(commands, "vary", _vary, "Variations that keep the course of a sound.", 4)
    command.add_argument("clip", metavar="CLIP|MODEL", help="a sound or a trained pyramid")
    command.add_argument("--start-level", type=int, default=1, metavar="K",
                         help="higher keeps more (default 1)")  # fmt: skip
    _add_engine(command)
    _add_variation(command)
    _add_region(command)


def _add_inpaint(commands: Any) -> None:
    command = _making(commands, "inpaint", _inpaint, "Fill holes, with several answers.", 3)
    command.add_argument("clip", metavar="CLIP")
    _add_holes(command, "seconds that are missing; may be given more than once", required=True)
    _add_engine(command)
    _add_region(command)


def _add_extend(commands: Any) -> None:
    text = "Add the upper band that a recording lacks."
    command = _making(commands, "extend", _extend, text, 1)
    command.add_argument("clip", metavar="CLIP")
    command.add_argument("--to", type=int, default=0, metavar="HZ",
                         help="sampling rate of the result (default: as it is)")  # fmt: skip
    command.add_argument("--train", action="append", default=[], metavar="OTHER", required=True,
                         help="another recording of the source, with the band; "
                         "may be given more than once")  # fmt: skip
    _add_engine(command)


def _add_denoise(commands: Any) -> None:
    command = _making(commands, "denoise", _denoise, "Take steady noise away.", 1)
    command.add_argument("clip", metavar="CLIP")
    command.add_argument("--noise", type=checked(parse_span), action="append", default=[],
                         metavar="FROM-TO",
                         help="seconds in which only noise is heard (default: found)")  # fmt: skip
    command.add_argument("--amount", type=float, default=1.0, metavar="0..1")
    _add_engine(command)
    _add_region(command)


def _add_morph(commands: Any) -> None:
    command = _making(commands, "morph", _morph, "From one sound into another.", 1)
    command.add_argument("clip", metavar="A")
    command.add_argument("other", metavar="B")
    command.add_argument("--curve", type=checked(parse_curve), default=(), metavar='"0:0,10:1"',
                         help="SECONDS:SHARE of B (default: from A to B)")  # fmt: skip
    _add_engine(command)
    _add_region(command)
    _add_length(command)


def _making(
    commands: Any, name: str, run: Callable[[argparse.Namespace], None], text: str, count: int
) -> argparse.ArgumentParser:
    """What every command that makes sounds has in common."""
    command = add_command(commands, name, run, text)
    command.add_argument("-n", "--count", type=int, default=count, help=f"sounds ({count})")
    command.add_argument("--seed", type=int, default=0, help="of the first; the others follow")
    command.add_argument("--format", choices=("wav", "flac"), default="wav")
    command.add_argument("--depth", type=int, choices=(16, 24, 32), default=24,
                         help="bits a sample; 32 is float (default 24)")  # fmt: skip
    command.add_argument("--rate", type=int, default=0, metavar="HZ",
                         help="of the files (default: as made)")  # fmt: skip
    command.add_argument("-o", "--out", required=True, metavar="DIR")
    return command


def _add_engine(command: argparse.ArgumentParser) -> None:
    command.add_argument("--engine", choices=("auto", "grains", "pyramid"), default="auto")
    command.add_argument("--model", default="", metavar="MODEL", help="a trained pyramid's card")


def _add_variation(command: argparse.ArgumentParser) -> None:
    command.add_argument("--variation", type=float, default=1.0, metavar="0..1")


def _add_region(command: argparse.ArgumentParser) -> None:
    command.add_argument("--region", type=checked(parse_span), default=(0.0, 0.0),
                         metavar="FROM-TO", help="seconds used (default: all)")  # fmt: skip


def _add_length(command: argparse.ArgumentParser) -> None:
    command.add_argument("--seconds", type=float, default=0.0, metavar="S",
                         help="0.5 to 600 (default: as the source)")  # fmt: skip
    command.add_argument("--loop", action="store_true",
                         help="seamless: its end goes over into its beginning")  # fmt: skip


def _add_holes(command: argparse.ArgumentParser, text: str, required: bool) -> None:
    command.add_argument("--hole", type=checked(parse_span), action="append", default=[],
                         metavar="FROM-TO", required=required, help=text)  # fmt: skip


def parse_span(text: str) -> Span:
    """Seconds from `3.2-3.95`; ValueError with words."""
    parts = text.split("-")
    try:
        start, end = (float(part) for part in parts)
    except ValueError:
        raise ValueError("a span is FROM-TO in seconds, such as 3.2-3.95") from None
    if not 0 <= start < end < 1e6:
        raise ValueError(f"{text} ends before it begins; a span is FROM-TO in seconds")
    return start, end


def parse_curve(text: str) -> tuple[tuple[float, float], ...]:
    """(seconds, share) from `0:0,10:1`; ValueError with words."""
    points = []
    for part in text.split(","):
        try:
            at, share = (float(value) for value in part.split(":"))
        except ValueError:
            raise ValueError('a curve is SECONDS:SHARE,…, such as "0:0,10:1"') from None
        if not (0 <= at < 1e6 and 0 <= share <= 1):
            raise ValueError(f"{part.strip()}: seconds begin at 0, shares are 0 to 1")
        points.append((at, share))
    if [at for at, _ in points] != sorted({at for at, _ in points}):
        raise ValueError("the seconds of a curve rise from point to point")
    return tuple(points)


def _train(args: argparse.Namespace) -> None:
    start, end = args.region
    request = SoundTrainRequest(
        tuple(args.clips),
        args.out,
        name=args.name,
        seconds=args.budget,
        start=start,
        end=end,
        rate=args.rate,
        kind=args.kind,
        holes=tuple(args.hole),
        seed=args.seed,
        device=args.device,
    )
    with working(args) as bar:
        path = str(open_client(args).run(request, bar.progress))
    answer(args, {"path": path, "clips": args.clips}, f"Trained: {path}")


def _sample(args: argparse.Namespace) -> None:
    recipe = _from_clip(args, "sample")
    _make(args, replace(recipe, seconds=args.seconds, loop=args.loop, variation=args.variation))


def _vary(args: argparse.Namespace) -> None:
    recipe = _from_clip(args, "vary")
    _make(args, replace(recipe, start_level=args.start_level, variation=args.variation))


def _inpaint(args: argparse.Namespace) -> None:
    _make(args, replace(_from_clip(args, "inpaint"), holes=tuple(args.hole)))


def _extend(args: argparse.Namespace) -> None:
    recipe = SoundRecipe(args.clip, "extend", rate=args.to, others=tuple(args.train))
    _make(args, recipe)


def _denoise(args: argparse.Namespace) -> None:
    recipe = _from_clip(args, "denoise")
    _make(args, replace(recipe, noise=tuple(args.noise), amount=args.amount))


def _morph(args: argparse.Namespace) -> None:
    recipe = replace(_from_clip(args, "morph"), others=(args.other,), curve=args.curve)
    _make(args, replace(recipe, seconds=args.seconds, loop=args.loop))


def _from_clip(args: argparse.Namespace, task: Any) -> SoundRecipe:
    start, end = args.region
    if args.clip.lower().endswith(".safetensors"):
        return SoundRecipe("", task, model=args.clip, start=start, end=end)
    return SoundRecipe(args.clip, task, start=start, end=end)


def _make(args: argparse.Namespace, recipe: SoundRecipe) -> None:
    """Seeds that follow each other, one file each."""
    if args.count < 1:
        raise LodestoneError("No sounds were asked for. Ask for at least one: -n 1")
    recipe = replace(recipe, engine=args.engine, model=recipe.model or args.model)
    seeds = range(args.seed, args.seed + args.count)
    recipes = tuple(replace(recipe, seed=seed) for seed in seeds)
    names = tuple(f"{Path(args.clip).stem}-{recipe.task}-{seed}" for seed in seeds)
    request = SoundRequest(recipes, args.out, names, args.format, args.depth, args.rate)
    with working(args) as bar:
        path = str(open_client(args).run(request, bar.progress))
    files = [str(Path(path) / f"{name}.{args.format}") for name in names]
    count = len(files)
    facts = {"path": path, "sounds": count, "files": files}
    answer(args, facts, f"{count:,} {'sound' if count == 1 else 'sounds'}: {path}")
