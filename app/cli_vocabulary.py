"""`lodestone vocabulary …`: directions for words; and `render --say`, which steers by them."""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.cli_parts import add_command, answer, open_client
from app.terminal import say, say_json
from engine.client import (
    EngineClient,
    fit_vocabulary,
    from_json,
    read_annotations,
    to_json,
    write_annotations,
)
from engine.client import say as said
from engine.messages import (
    Annotation,
    Edit,
    LodestoneError,
    ModelInfo,
    Pair,
    Vocabulary,
    VocabularyQuestion,
)
from engine.project import SUFFIX, Project

few = 10
"""Below so many uses a word's direction is a guess."""
columns = ("word", "count", "reliability", "transfer", "written as")


def add(commands: Any) -> None:
    """Put the group `vocabulary` among the commands."""
    text = "Directions for the words people use for what changes."
    group = commands.add_parser("vocabulary", help=text, description=text)
    kinds = group.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_fit(kinds)
    show = add_command(kinds, "show", _show, "List the words of a vocabulary.")
    show.add_argument("file", metavar="FILE.json")


def add_say(command: argparse.ArgumentParser) -> None:
    """The options of `render` that steer by words."""
    command.add_argument("--say", metavar="WORDS", help="such as 'foggier, 2*festive - winter'")
    command.add_argument("--vocabulary", metavar="V.json",
                         help="from `lodestone vocabulary fit`, or a project")  # fmt: skip
    command.add_argument("--amount", type=float, default=2.0, metavar="SIGMAS",
                         help="how far --say goes (default 2)")  # fmt: skip
    command.add_argument("--transfer", action="store_true",
                         help="also what another generator of equal shapes made")  # fmt: skip


def said_edits(info: ModelInfo, args: argparse.Namespace) -> tuple[Edit, ...]:
    """The edit that `--say` asks for, if it does."""
    if args.say is None:
        if args.vocabulary:
            raise LodestoneError("A vocabulary is given, but no words. Add --say 'foggier'.")
        return ()
    if not args.vocabulary:
        raise LodestoneError(
            "Words need a vocabulary. Make one (lodestone vocabulary fit), then add --vocabulary."
        )
    vocabulary = _vocabulary(Path(args.vocabulary), info)
    if vocabulary.model not in ("", info.id) and not args.transfer:
        offer = "Choose the one it was made with."
        if _fits(vocabulary, info):
            offer = "Its latents are as wide; to use the words all the same, add --transfer."
        raise LodestoneError(
            f"This vocabulary was made with another generator ({vocabulary.model[:8]}), not with "
            f"{info.name} ({info.id[:8]}). {offer}"
        )
    direction = said(vocabulary, args.say)
    return (Edit(replace(direction, model=info.id), args.amount),)


def _fits(vocabulary: Vocabulary, info: ModelInfo) -> bool:
    shapes = {
        "z": (info.z_dim,),
        "w": (info.w_dim,),
        "w+": (info.num_ws, info.w_dim),
        "s": (sum(layer.style_count for layer in info.layers),),
    }
    wanted = shapes.get(vocabulary.space)
    return all(word.direction.vector.shape == wanted for word in vocabulary.words)


def _add_fit(kinds: Any) -> None:
    command = add_command(kinds, "fit", _fit, "Fit a direction to every word.")
    command.add_argument("source", metavar="PROJECT_OR_CSV",
                         help="a project, or a CSV with columns d_id and annotation")  # fmt: skip
    command.add_argument("--model", metavar="MODEL", help="the generator that was described")
    command.add_argument("--vectors", metavar="DS.npy",
                         help="the steps of the CSV, one a row (default: beside it)")  # fmt: skip
    command.add_argument("--space", choices=("z", "w", "w+", "s"), help="of the steps of the CSV")
    command.add_argument("--ridge", type=float, default=10.0, metavar="λ")
    command.add_argument("-o", "--out", required=True, metavar="V.json")
    command.add_argument("--csv", metavar="OUT.csv",
                         help="write the descriptions too, their steps beside them")  # fmt: skip


def _fit(args: argparse.Namespace) -> None:
    source = Path(args.source)
    client = open_client(args)
    info = client.find(args.model) if args.model else None
    if _is_project(source):
        pairs, notes = _records(source)
        info = info or _known(client, _described(pairs))
    else:
        pairs, notes = read_annotations(source, args.vectors, info, args.space)
    model = info.id if info else _described(pairs)
    vocabulary = fit_vocabulary(VocabularyQuestion(model, pairs, notes, args.ridge), info)
    if not vocabulary.words:
        reason = vocabulary.sentence or "There are no words in it."
        raise LodestoneError(f"{source.name} gave no vocabulary. {reason}")
    _write(Path(args.out), to_json(vocabulary))
    facts = {
        "path": args.out,
        "model": model,
        "annotations": len(notes),
        "words": [_word_facts(word) for word in vocabulary.words],
        "agreement": vocabulary.agreement,
        "sentence": vocabulary.sentence,
    }
    if args.csv:
        facts["vectors"] = str(write_annotations(args.csv, pairs, notes))
        facts["csv"] = args.csv
    sure = sum(word.count >= few for word in vocabulary.words)
    text = (
        f"{args.out}: {len(vocabulary.words)} words from {len(notes)} descriptions, "
        f"{sure} of them used {few} times or more. {vocabulary.sentence}"
    )
    answer(args, facts, text.rstrip())


def _show(args: argparse.Namespace) -> None:
    vocabulary = _vocabulary(Path(args.file), None)
    facts = [_word_facts(word) for word in vocabulary.words]
    if args.json:
        say_json({"model": vocabulary.model, "ridge": vocabulary.ridge, "words": facts})
        return
    rows: list[tuple[str, ...]] = [columns]
    for word in vocabulary.words:
        count = f"{word.count}{'?' if word.count < few else ' '}"
        trust = (_figure(word.reliability), _figure(word.transfer))
        rows.append((word.text, count, *trust, ", ".join(word.forms)))
    wide = [max(len(row[column]) for row in rows) for column in range(4)]
    for text, count, reliability, transfer, forms in rows:
        numbers = f"{count:>{wide[1]}}  {reliability:>{wide[2]}}  {transfer:>{wide[3]}}"
        say(f"{text:{wide[0]}}  {numbers}  {forms}".rstrip())
    if any(word.count < few for word in vocabulary.words):
        say(f"? used fewer than {few} times: a guess.")


def _vocabulary(path: Path, info: ModelInfo | None) -> Vocabulary:
    """From the JSON of `vocabulary fit`, or fitted now to a project's descriptions."""
    if _is_project(path):
        pairs, notes = _records(path)
        own = info if info and info.id == _described(pairs) else None
        return fit_vocabulary(VocabularyQuestion(_described(pairs), pairs, notes), own)
    try:
        found = from_json(path.read_bytes())
    except OSError as error:
        raise LodestoneError(
            f"{path.name} could not be read. Check the name.", str(error)
        ) from error
    if not isinstance(found, Vocabulary):
        raise LodestoneError(
            f"{path.name} does not hold a vocabulary. Make one: lodestone vocabulary fit"
        )
    return found


def _records(path: Path) -> tuple[tuple[Pair, ...], tuple[Annotation, ...]]:
    project = Project.open(path, read_only=True)
    try:
        return project.records("pair"), project.records("annotation")
    finally:
        project.close()


def _is_project(path: Path) -> bool:
    return path.suffix.lower() == SUFFIX


def _described(pairs: tuple[Pair, ...]) -> str:
    """Id of the generator that most pairs were made with."""
    models = Counter(pair.before.model for pair in pairs)
    return max(models, key=lambda id: models[id], default="")


def _known(client: EngineClient, id: str) -> ModelInfo | None:
    """Its generator, where it is still at hand: fitting does not need it."""
    return next((info for info in client.models() if info.id == id), None)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text + "\n", "utf-8")
    except OSError as error:
        raise LodestoneError(
            f"{path} could not be written. Choose another place.", str(error)
        ) from error


def _word_facts(word: Any) -> dict[str, Any]:
    return {
        "word": word.text,
        "count": word.count,
        "reliability": word.reliability,
        "transfer": word.transfer,
        "forms": word.forms,
    }


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
