"""`lodestone upscale …`: pictures, folders and films, larger."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.cli_parts import add_command, answer, checked, open_client, working
from engine.messages import (
    ImportRequest,
    UpscaleRequest,
    UpscaleSettings,
    UpscaleTrainRequest,
)

FORMATS = ("same", "png", "jpg", "webp", "tiff", "avif")
_PAIRS = {("upscale", "train"), ("upscale", "fit"), ("models", "add")}
"""Commands of two words; a folder of such a name is written ./train."""


def joined(words: Sequence[str]) -> list[str]:
    """The words of a command line with commands of two words made one."""
    if tuple(words[:2]) in _PAIRS:
        return [" ".join(words[:2]), *words[2:]]
    return list(words)


def add(commands: Any) -> None:
    """Put `upscale`, `upscale train`, `upscale fit` and `models add` among the commands."""
    _add_upscale(commands)
    command = add_command(commands, "upscale train", _train,
                          "Train FREDSR on a folder of pictures.")  # fmt: skip
    command.add_argument("--scale", type=int, choices=(2, 3, 4), default=3)
    _add_training(command)
    command = add_command(commands, "upscale fit", _train,
                          "Fit an upscaler to your own pictures.")  # fmt: skip
    command.add_argument("--model", default="fredsr", metavar="NAME|FILE", help="to begin from")
    _add_training(command)
    command = add_command(commands, "models add", _add_model,
                          "Add a generator or upscaler.")  # fmt: skip
    command.add_argument("file", metavar="FILE")
    command.add_argument("--name", default="", help="what to call it")


def _add_upscale(commands: Any) -> None:
    command = add_command(commands, "upscale", _upscale, "Enlarge pictures, folders and films.")
    command.add_argument("sources", metavar="IN", nargs="+", help="pictures, films or folders")
    command.add_argument("--model", default="fredsr", metavar="NAME|FILE",
                         help="fredsr (default), fredsr-vivid, or another upscaler")  # fmt: skip
    command.add_argument("--scale", type=float, default=3.0, metavar="1..8")
    command.add_argument("--strength", type=float, default=1.0, metavar="0..1.5",
                         help="of what the model adds to a plain enlargement")  # fmt: skip
    command.add_argument("--wrap", action="store_true", help="seamless: the edges meet")
    command.add_argument("--tile", type=checked(parse_tile), default=0, metavar="auto|N",
                         help="side of a tile, pixels (default: from free memory)")  # fmt: skip
    command.add_argument("--format", choices=FORMATS,
                         help="default: as -o says, else png; same: as each file came")  # fmt: skip
    command.add_argument("--quality", type=int, default=92, metavar="1..100",
                         help="of JPEG, WebP and AVIF")  # fmt: skip
    command.add_argument("-o", "--out", required=True, metavar="OUT",
                         help="a folder; or a file for a single picture or film")  # fmt: skip
    command.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")


def _add_training(command: argparse.ArgumentParser) -> None:
    command.add_argument("data", metavar="FOLDER", help="a folder or zip of pictures")
    command.add_argument("-o", "--out", required=True, metavar="M.safetensors")
    command.add_argument("--name", default="")
    command.add_argument("--minutes", type=float, default=10.0, help="of training (default 10)")
    command.add_argument("--vivid", action="store_true", help="sharper, less faithful")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")


def parse_tile(text: str) -> int:
    """Pixels of `N`, 0 of `auto`; ValueError with words."""
    if text.strip().lower() == "auto":
        return 0
    if not text.strip().isdigit() or int(text) < 1:
        raise ValueError("a tile is auto or its side in pixels, such as 256")
    return int(text)


def _upscale(args: argparse.Namespace) -> None:
    settings = UpscaleSettings(
        args.model, args.scale, args.strength, args.wrap, args.tile, args.device
    )
    # A file named by -o says its format itself: `same` then means as its name.
    single = len(args.sources) == 1 and Path(args.out).suffix and not Path(args.sources[0]).is_dir()
    kind = args.format or ("same" if single else "png")
    request = UpscaleRequest(tuple(args.sources), args.out, settings, kind, args.quality)
    with working(args) as bar:
        path = str(open_client(args).run(request, bar.progress))
    answer(args, {"path": path}, f"Enlarged: {path}")


def _train(args: argparse.Namespace) -> None:
    client = open_client(args)
    base = client.upscaler(args.model) if hasattr(args, "model") else ""
    request = UpscaleTrainRequest(
        args.data, args.out, args.name, getattr(args, "scale", 3), args.minutes * 60,
        args.vivid, base, args.seed, args.device,
    )  # fmt: skip
    with working(args) as bar:
        path = str(client.run(request, bar.progress))
    answer(args, {"path": path}, f"The upscaler is in {path}.")


def _add_model(args: argparse.Namespace) -> None:
    with working(args) as bar:
        path = str(open_client(args).run(ImportRequest(args.file, args.name), bar.progress))
    name = Path(path).stem
    answer(args, {"path": path, "name": name}, f"Added: {name}")
