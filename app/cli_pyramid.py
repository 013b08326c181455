"""`lodestone picture train | animate | blend`: what takes a trained pyramid."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from app.cli_parts import add_command, answer, checked, open_client, working
from engine.client import read_mask
from engine.messages import (
    LodestoneError,
    PictureRecipe,
    PictureRequest,
    PictureTrainRequest,
    Vector,
)


def add(commands: Any) -> None:
    """Put the three among the commands of the group `picture`."""
    _add_train(commands)
    _add_animate(commands)
    _add_blend(commands)


def _add_train(commands: Any) -> None:
    command = add_command(commands, "train", _train, "Train a pyramid on one to four pictures.")
    command.add_argument("pictures", metavar="PIC", nargs="+")
    _add_training(command)
    command.add_argument("--mask", metavar="MASK", help="white where the first picture is missing")
    command.add_argument("--name", default="", help="default: the name of the file")
    command.add_argument("-o", "--out", required=True, metavar="MODEL")


def _add_training(command: argparse.ArgumentParser) -> None:
    command.add_argument("--budget", type=float, default=120.0, metavar="SECONDS",
                         help="the more, the better (default 120)")  # fmt: skip
    command.add_argument("--longest", type=int, default=250, metavar="PX",
                         help="longest side of the working size (default 250)")  # fmt: skip
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")


def _train(args: argparse.Namespace) -> None:
    with working(args) as bar:
        path = _trained(args, tuple(args.pictures), args.out, bar)
    answer(args, {"path": path, "pictures": args.pictures}, f"Trained: {path}")


def _trained(args: argparse.Namespace, pictures: tuple[str, ...], out: str, bar: Any) -> str:
    mask = getattr(args, "mask", None)
    request = PictureTrainRequest(
        pictures,
        out,
        name=getattr(args, "name", ""),
        seconds=args.budget,
        longest=args.longest,
        mask=Vector.of(read_mask(mask)) if mask else None,
        seed=args.seed,
        device=args.device,
    )
    return str(open_client(args).run(request, bar.progress))


def _add_animate(commands: Any) -> None:
    command = add_command(commands, "animate", _animate, "A loop from a still.")
    command.add_argument("model", metavar="MODEL", help="a trained pyramid")
    command.add_argument("--seconds", type=float, default=4.0)
    command.add_argument("--fps", type=float, default=25.0)
    command.add_argument("--alpha", type=float, default=0.1, metavar="0..1",
                         help="how close to the picture (default 0.1)")  # fmt: skip
    command.add_argument("--beta", type=float, default=0.9, metavar="0..1",
                         help="how smooth (default 0.9)")  # fmt: skip
    command.add_argument("--start-level", type=int, default=0, metavar="K",
                         help="higher moves only finer things")  # fmt: skip
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("-o", "--out", required=True, metavar="FILE.mp4")


def _animate(args: argparse.Namespace) -> None:
    if not args.seconds > 0:
        raise LodestoneError("An animation needs a length above 0. Give --seconds 4.")
    recipe = PictureRecipe(
        "", engine="pyramid", model=_card(args.model), seed=args.seed, start_level=args.start_level
    )
    request = PictureRequest(
        (recipe,),
        args.out,
        seconds=args.seconds,
        fps=args.fps,
        alpha=args.alpha,
        beta=args.beta,
    )
    with working(args) as bar:
        path = str(open_client(args).run(request, bar.progress))
    answer(args, {"path": path, "seconds": args.seconds, "fps": args.fps}, f"Animated: {path}")


def _add_blend(commands: Any) -> None:
    text = "Melt pictures into each other: by a map, over time, or structure with texture."
    command = add_command(commands, "blend", _blend, text)
    command.add_argument("pictures", metavar="PIC|MODEL", nargs="+",
                         help="a pyramid of several pictures, or two to four pictures to "
                         "train one")  # fmt: skip
    way = command.add_mutually_exclusive_group()
    way.add_argument("--map", metavar="MAP", help="black: the first picture, white: the second")
    way.add_argument("--morph", type=int, metavar="N", help="N pictures from the first to the last")
    way.add_argument("--structure", metavar="PIC", help="a picture's name or number …")
    command.add_argument("--texture", metavar="PIC", help="… and whose matter it takes")
    _add_training(command)
    command.add_argument("-n", "--count", type=checked(_count), default=4)
    command.add_argument("-o", "--out", required=True, metavar="DIR")


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise ValueError("give a whole number above 0")
    return int(text)


def _blend(args: argparse.Namespace) -> None:
    if (args.structure is None) != (args.texture is None):
        raise LodestoneError("--structure and --texture belong together. Give both or none.")
    with working(args) as bar:
        model, share = _card(args.pictures[0]), 0.0
        if len(args.pictures) > 1:
            pictures, share = tuple(args.pictures), 0.95
            out = str(Path(args.out) / "blend.safetensors")
            Path(args.out).mkdir(parents=True, exist_ok=True)
            model = _trained(args, pictures, out, _Part(bar.progress.part(0.0, share)))
        recipes = _recipes(args, model)
        names = tuple(f"blend-{number:03d}" for number in range(len(recipes)))
        request = PictureRequest(recipes, args.out, names)
        progress = bar.progress.part(share, 1.0 - share)
        path = str(open_client(args).run(request, progress))
    files = [str(Path(path) / f"{name}.png") for name in names]
    answer(args, {"path": path, "model": model, "files": files}, f"{len(files)} pictures: {path}")


class _Part:
    """A stretch of the bar."""

    def __init__(self, progress: Any):
        self.progress = progress


def _recipes(args: argparse.Namespace, model: str) -> tuple[PictureRecipe, ...]:
    from engine.client import pyramid_names

    names = pyramid_names(model)
    count = len(names)
    if count < 2:
        raise LodestoneError("Blending takes a pyramid of two to four pictures. Train one first.")
    seeds = range(args.seed, args.seed + args.count)
    plain: dict[str, Any] = {"task": "blend", "engine": "pyramid", "model": model}
    if args.morph:
        shares = np.linspace(0.0, count - 1.0, max(2, args.morph))
        return tuple(
            PictureRecipe("", seed=args.seed, identity=_between(share, count), **plain)
            for share in shares
        )
    if args.structure is not None:
        a, b = (_one(_index(text, names), count) for text in (args.structure, args.texture))
        return tuple(PictureRecipe("", seed=s, identity=a, texture=b, **plain) for s in seeds)
    if args.map:
        grey = read_mask(args.map)
        layers = np.zeros((count, *grey.shape), np.float32)
        layers[0], layers[1] = 1.0 - grey, grey
        painted = Vector.of(layers)
        return tuple(PictureRecipe("", seed=s, identity_map=painted, **plain) for s in seeds)
    even = (1.0 / count,) * count
    return tuple(PictureRecipe("", seed=s, identity=even, **plain) for s in seeds)


def _between(place: float, count: int) -> tuple[float, ...]:
    """Weights on the way from picture to picture: 0 is the first, 1 the second …"""
    return tuple(max(0.0, 1.0 - abs(place - index)) for index in range(count))


def _one(index: int, count: int) -> tuple[float, ...]:
    return tuple(float(i == index) for i in range(count))


def _index(text: str, names: tuple[str, ...]) -> int:
    """A picture of the pyramid by its file's name, or by its number from 1."""
    stem = Path(text).stem
    if stem in names:
        return names.index(stem)
    if text.isdigit() and 1 <= int(text) <= len(names):
        return int(text) - 1
    raise LodestoneError(f"This pyramid does not know {text}. It knows {', '.join(names)}.")


def _card(model: str) -> str:
    path = Path(model)
    if path.suffix != ".safetensors" and not path.is_file():
        path = path.with_name(path.name + ".safetensors")
    return str(path)
