"""`lodestone picture …`: new pictures from a single one."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from app import cli_pyramid
from app.cli_parts import add_command, answer, checked, open_client, working
from engine.client import read_mask
from engine.messages import LodestoneError, PictureRecipe, PictureRequest, Vector


def add(commands: Any) -> None:
    """Put the group `picture` among the commands."""
    text = "New pictures from a single one."
    group = commands.add_parser("picture", help=text, description=text)
    kinds = group.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_sample(kinds)
    _add_complete(kinds)
    _add_harmonize(kinds)
    _add_edit(kinds)
    _add_paint(kinds)
    _add_upscale(kinds)
    cli_pyramid.add(kinds)


def _add_sample(commands: Any) -> None:
    command = _drawing(commands, "sample", _sample, "Variations of a picture.")
    command.add_argument("picture", metavar="PIC|MODEL", help="a picture or a trained pyramid")
    command.add_argument("--start-level", type=int, default=0, metavar="K",
                         help="0: everything is new; higher keeps the layout")  # fmt: skip
    command.add_argument("--variation", type=float, default=1.0, metavar="0..1")
    command.add_argument("--where", metavar="MASK", help="white where it may vary")
    command.add_argument("--wrap", action="store_true", help="seamless: the edges meet")


def _add_complete(commands: Any) -> None:
    command = _drawing(commands, "complete", _complete, "Fill a hole, with several answers.")
    command.add_argument("picture", metavar="PIC")
    command.add_argument("--mask", required=True, metavar="MASK", help="white where it is missing")


def _add_harmonize(commands: Any) -> None:
    command = _drawing(commands, "harmonize", _harmonise, "Make what was pasted belong.", 1)
    command.add_argument("naive", metavar="NAIVE", help="the picture with something pasted")
    command.add_argument("--mask", required=True, metavar="MASK", help="white where it was pasted")
    command.add_argument("--background", required=True, metavar="PIC", help="the picture without")
    _add_level(command)


def _add_edit(commands: Any) -> None:
    command = _drawing(commands, "edit", _edit, "Heal what was cut and moved.", 1)
    command.add_argument("naive", metavar="NAIVE", help="the picture after cutting and moving")
    command.add_argument("--mask", required=True, metavar="MASK", help="white where it was edited")
    command.add_argument("--source", required=True, metavar="PIC", help="the picture before")
    _add_level(command)


def _add_paint(commands: Any) -> None:
    command = _drawing(commands, "paint", _paint, "A painting, in the matter of a picture.", 1)
    command.add_argument("naive", metavar="PAINTING")
    command.add_argument("--source", required=True, metavar="PIC", help="whose matter it becomes")
    _add_level(command)


def _add_upscale(commands: Any) -> None:
    text = "Enlarge a picture by its own patches, or by a pyramid that was trained on it."
    command = _drawing(commands, "upscale", _upscale, text, 1, 4096)
    command.add_argument("picture", metavar="PIC")
    command.add_argument("--scale", type=float, default=2.0, metavar="S",
                         help="how many times larger, above 1 to 8 (default 2)")  # fmt: skip


def _add_level(command: argparse.ArgumentParser) -> None:
    command.add_argument("--start-level", type=int, default=0, metavar="K",
                         help="higher stays closer to what was made (default: chosen)")  # fmt: skip


def _drawing(
    commands: Any,
    name: str,
    run: Callable[[argparse.Namespace], None],
    text: str,
    count: int = 4,
    longest: int = 250,
) -> argparse.ArgumentParser:
    """What every command that draws has in common."""
    command = add_command(commands, name, run, text)
    command.add_argument("--engine", choices=("auto", "patches", "pyramid"), default="auto")
    command.add_argument("--model", default="", metavar="MODEL", help="a trained pyramid's card")
    command.add_argument("-n", "--count", type=int, default=count, help=f"pictures ({count})")
    if name == "upscale":
        command.set_defaults(size=(0, 0))
    else:
        command.add_argument("--size", type=checked(parse_size), default=(0, 0), metavar="WxH")
    command.add_argument("--longest", type=int, default=longest, metavar="PX",
                         help=f"longest side at which it is read (default {longest})")  # fmt: skip
    command.add_argument("--seed", type=int, default=0, help="of the first; the others follow")
    command.add_argument("-o", "--out", required=True, metavar="DIR")
    return command


def parse_size(text: str) -> tuple[int, int]:
    """Width and height from `WxH`; ValueError with words."""
    parts = text.lower().replace("×", "x").split("x")
    if len(parts) != 2 or not all(part.strip().isdigit() and int(part) > 0 for part in parts):
        raise ValueError("a size is WIDTHxHEIGHT in pixels, such as 500x250")
    return int(parts[0]), int(parts[1])


def _sample(args: argparse.Namespace) -> None:
    model = args.picture if args.picture.lower().endswith(".safetensors") else args.model
    source = "" if model == args.picture else args.picture
    recipe = PictureRecipe(
        source,
        model=model,
        start_level=args.start_level,
        variation=args.variation,
        where=_mask(args.where) if args.where else None,
        wrap=args.wrap,
    )
    _draw(args, recipe, Path(args.picture).stem)


def _complete(args: argparse.Namespace) -> None:
    _draw(args, PictureRecipe(args.picture, "complete", mask=_mask(args.mask)))


def _harmonise(args: argparse.Namespace) -> None:
    _draw(args, _from_naive(args, args.background, "harmonise"), Path(args.naive).stem)


def _edit(args: argparse.Namespace) -> None:
    _draw(args, _from_naive(args, args.source, "edit"), Path(args.naive).stem)


def _paint(args: argparse.Namespace) -> None:
    recipe = PictureRecipe(args.source, "paint", naive=args.naive, start_level=args.start_level)
    _draw(args, recipe, Path(args.naive).stem)


def _upscale(args: argparse.Namespace) -> None:
    _draw(args, PictureRecipe(args.picture, "upscale", scale=args.scale))


def _from_naive(args: argparse.Namespace, source: str, task: Any) -> PictureRecipe:
    level = args.start_level
    return PictureRecipe(source, task, naive=args.naive, mask=_mask(args.mask), start_level=level)


def _mask(path: str) -> Vector:
    return Vector.of(read_mask(path))


def _draw(args: argparse.Namespace, recipe: PictureRecipe, stem: str = "") -> None:
    """Seeds that follow each other, one file each."""
    if args.count < 1:
        raise LodestoneError("No pictures were asked for. Ask for at least one: -n 1")
    width, height = args.size
    recipe = replace(
        recipe, engine=args.engine, width=width, height=height, longest=args.longest
    )  # fmt: skip
    seeds = range(args.seed, args.seed + args.count)
    recipes = tuple(replace(recipe, seed=seed, model=recipe.model or args.model) for seed in seeds)
    stem = stem or Path(recipe.source).stem
    names = tuple(f"{stem}-{recipe.task}-{seed}" for seed in seeds)
    with working(args) as bar:
        request = PictureRequest(recipes, args.out, names)
        path = str(open_client(args).run(request, bar.progress))
    files = [str(Path(path) / f"{name}.png") for name in names]
    count = len(files)
    facts = {"path": path, "pictures": count, "files": files}
    answer(args, facts, f"{count:,} {'picture' if count == 1 else 'pictures'}: {path}")
