"""The takes: new ones and those that were starred; dragged out, renamed, deleted."""

from __future__ import annotations

import shutil
from pathlib import Path

from PySide6.QtCore import QTemporaryDir, Signal, Slot
from PySide6.QtWidgets import QStackedWidget, QWidget

from app.panels.sound_heard import Heard
from app.sound_asking import Take
from app.sound_state import COPY, Kept, clock
from app.sounding import Sounding
from app.widgets.parts import Segments, column, label, row
from app.widgets.takelist import Line, TakeList
from engine.client import write_sound
from engine.messages import LodestoneError

NO_COPY = ("inpaint", "extend", "denoise")
"""Tasks whose result is the source itself, for the most part."""


class Takes(QWidget):
    """Two lists, one of them in front; `heard` is what is chosen."""

    failed = Signal(str)

    def __init__(self, sounding: Sounding, heard: Heard):
        super().__init__()
        self._sounding, self._heard = sounding, heard
        self._folder = QTemporaryDir()
        self.which = Segments(
            (
                ("new", "New", "What has just been made"),
                ("kept", "Starred", "Starred takes: they are here again next time"),
            ),
            "Takes",
        )
        self.new = TakeList("New takes", self.new_file)
        self.kept = TakeList("Starred takes", self.kept_file)
        self.hint = label("Star a take and it stays here.", "dim", wrap=True)
        self._build()
        self._wire()

    def _build(self) -> None:
        self._stack = QStackedWidget()
        for part in (self.new, self.kept):
            self._stack.addWidget(part)
        layout = column(self, spacing=6)
        layout.addLayout(row(self.which))
        layout.addWidget(self.hint)
        layout.addWidget(self._stack, 1)
        self.setMinimumHeight(150)

    def _wire(self) -> None:
        self.which.chosen.connect(self._show)
        self.new.chosen.connect(self._heard.choose_new)
        self.new.star_asked.connect(self._sounding.keep)
        self.new.delete_asked.connect(self._sounding.drop)
        self.new.renamed.connect(self._name_new)
        self.kept.chosen.connect(self._choose_kept)
        self.kept.star_asked.connect(self._let_go)
        self.kept.delete_asked.connect(self._let_go)
        self.kept.renamed.connect(self._name_kept)
        self._heard.changed.connect(self.refresh)
        self._sounding.changed.connect(self.refresh)
        self._sounding.arrived.connect(self.refresh)
        self.refresh()

    # -------------------------------------------------------------- hand

    @Slot(str)
    def _show(self, which: str) -> None:
        self._stack.setCurrentWidget(self.kept if which == "kept" else self.new)
        self.refresh()

    @Slot(int, str)
    def _name_new(self, index: int, name: str) -> None:
        """A take that is given a name is worth keeping."""
        take = self._sounding.takes[index]
        starred = self._sounding.starred(take.recipe)
        if starred is not None:
            self._sounding.rename(starred.key, name)
        elif name.strip() and name.strip() != take.title:
            self._sounding.keep(index, name.strip())

    def _at(self, index: int) -> Kept:
        """The newest stands first."""
        return self._sounding.state.kept[::-1][index]

    @Slot(int)
    def _choose_kept(self, index: int) -> None:
        self._heard.choose_kept(self._at(index).key)

    @Slot(int)
    def _let_go(self, index: int) -> None:
        self._sounding.let_go(self._at(index).key)

    @Slot(int, str)
    def _name_kept(self, index: int, name: str) -> None:
        self._sounding.rename(self._at(index).key, name)

    # -------------------------------------------------------------- look

    @Slot()
    def refresh(self) -> None:
        state, takes, heard = self._sounding.state, self._sounding.takes, self._heard
        lines = [self._new_line(take) for take in takes]
        self.new.set_lines(lines, heard.index if heard.take is not None else -1)
        kept = state.kept[::-1]
        place = next((i for i, one in enumerate(kept) if one.key == heard.key), -1)
        self.kept.set_lines([_kept_line(one) for one in kept], place)
        self.which.button("new").setText(f"New  {len(takes)}" if takes else "New")
        self.which.button("kept").setText(f"Starred  {len(kept)}" if kept else "Starred")
        self.hint.setVisible(self.which.value == "kept" and not kept)

    def _new_line(self, take: Take) -> Line:
        starred = self._sounding.starred(take.recipe)
        name = starred.name if starred is not None else take.title
        if take.failed:
            words = take.failed
        elif take.done and take.samples is not None:
            words = clock(take.samples.shape[1] / take.rate)
        elif take.reply is not None:
            words = f"level {take.reply.level} of {take.reply.levels}"
        else:
            words = f"{take.share * 100:.0f} %" if take.share else "waiting"
        copied = take.reply is not None and take.done and is_copy(take)
        parts = [name, words, "nearly a copy" if copied else "", "starred" if starred else ""]
        return Line(
            name,
            words,
            take.outline,
            1.0 if take.failed else take.fraction,
            starred is not None,
            "copy" if copied else "",
            ", ".join(part for part in parts if part),
        )

    # -------------------------------------------------------------- out

    def new_file(self, index: int) -> str:
        """A take as a file for whoever it is dropped on; empty while it is not finished."""
        take = self._sounding.takes[index]
        if not take.done or take.samples is None:
            return ""
        path = Path(self._folder.path()) / f"{file_name(self._heard.name_of(take))}.wav"
        try:
            return str(write_sound(path, take.samples, take.rate, recipe=take.recipe))
        except LodestoneError as error:
            self.failed.emit(error.sentence)
            return ""

    def kept_file(self, index: int) -> str:
        kept = self._at(index)
        path = Path(self._folder.path()) / f"{file_name(kept.name)}.wav"
        try:
            shutil.copyfile(self._sounding.shelf.sound(kept.key), path)
        except OSError as error:
            self.failed.emit(f"{kept.name} could not be copied: {error.strerror}. Try again.")
            return ""
        return str(path)


def _kept_line(kept: Kept) -> Line:
    words = f"{clock(kept.seconds)} · {Path(kept.recipe.source).stem}"
    return Line(kept.name, words, kept.outline, 1.0, True, "", f"{kept.name}, {words}, starred")


def is_copy(take: Take) -> bool:
    """Half a second of it is the source's own, where it should be new."""
    reply = take.reply
    return (
        reply is not None
        and reply.copy is not None
        and reply.copy > COPY
        # Grains are the source's own by their nature: that is said once, beside the engine.
        and reply.engine != "grains"
        and take.recipe.task not in NO_COPY
    )


def file_name(name: str) -> str:
    """A name that every system takes."""
    safe = "".join(c if c.isalnum() or c in " -_.()" else "-" for c in name).strip(" .")
    return safe or "Take"
