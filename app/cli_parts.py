"""What the commands of the command line share."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from app.terminal import Bar, say, say_json
from engine.client import Cancelled, EngineClient


def add_command(
    commands: Any, name: str, run: Callable[[argparse.Namespace], None], text: str
) -> argparse.ArgumentParser:
    """One command with its help; every one can answer in JSON."""
    command = commands.add_parser(name, help=text, description=text)
    command.set_defaults(run=run)
    command.add_argument("--json", action="store_true", help="answer in JSON")
    return command


def open_client(args: argparse.Namespace) -> EngineClient:
    return EngineClient(lambda _event: None, local=True, device=getattr(args, "device", "auto"))


@contextmanager
def working(args: argparse.Namespace) -> Iterator[Bar]:
    """A bar, and Ctrl-C as the cancel button: once to finish neatly, twice to leave at once."""
    with Bar(quiet=args.json) as bar:

        def stop(_signal: int, _frame: Any) -> None:
            if bar.progress.cancelled:
                raise KeyboardInterrupt
            bar.progress.cancel()

        before = signal.signal(signal.SIGINT, stop)
        try:
            yield bar
        except KeyboardInterrupt:
            raise Cancelled from None
        finally:
            signal.signal(signal.SIGINT, before)


def answer(args: argparse.Namespace, facts: dict[str, Any], text: str) -> None:
    """Facts for a program, a sentence for a person."""
    if args.json:
        say_json(facts)
    else:
        say(text)


def checked(parse: Callable[[str], Any], keep: bool = False) -> Callable[[str], Any]:
    """An argparse type whose ValueError becomes a usage error with its own words."""

    def convert(text: str) -> Any:
        try:
            value = parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error
        return text if keep else value

    return convert
