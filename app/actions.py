"""What the commands do. Each method is named after its command's id, with `_` for `.`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QUrl, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QDockWidget, QFileDialog

from app.commands import ShortcutPage
from app.persist import preset_to_json
from app.state import opened
from app.widgets.palette import CommandPalette
from engine.messages import LodestoneError

if TYPE_CHECKING:
    from app.widgets.canvas import Canvas
    from app.widgets.loupe_view import LoupeView
    from app.window import MainWindow


class Actions(QObject):
    """The verbs of the window."""

    def __init__(self, window: MainWindow):
        super().__init__(window)
        self._window = window
        self._palette: CommandPalette | None = None

    @Slot(str)
    def run(self, command: str) -> None:
        """Run a command of the table by id."""
        menu, _, verb = command.partition(".")
        if menu == "go":
            self._window.go(verb)
        else:
            getattr(self, f"{menu}_{verb}")()

    # -------------------------------------------------------------- file

    @Slot()
    def choose_file(self) -> None:
        path = self._window.choose("Open")
        if path:
            self._window.opener.open_path(path)

    def file_open(self) -> None:
        self.choose_file()

    def file_new_project(self) -> None:
        window = self._window
        path, _ = QFileDialog.getSaveFileName(
            window,
            "New project",
            str(window.keeper.folder / "untitled.lodestone"),
            "Lodestone project (*.lodestone)",
        )
        if path:
            window.keeper.create(_suffixed(path, ".lodestone"))
            if window.document.info is None:
                window.go("start")

    def file_save_copy(self) -> None:
        window = self._window
        path, _ = QFileDialog.getSaveFileName(
            window,
            "Save a copy",
            str(window.keeper.folder / "copy.lodestone"),
            "Lodestone project (*.lodestone)",
        )
        if path and window.keeper.copy_to(_suffixed(path, ".lodestone")):
            window.show_note(f"A copy was written to {path}")

    def file_save_preset(self) -> None:
        window = self._window
        request = window.live.request
        if request is None:
            return
        path, _ = QFileDialog.getSaveFileName(
            window, "Save preset", f"seed-{window.document.state.seed}.json", "Preset (*.json)"
        )
        if path:
            self.write_preset(_suffixed(path, ".json"))

    def write_preset(self, path: str) -> None:
        """Write the shown picture's recipe as a preset."""
        window = self._window
        request = window.live.request
        if request is None:
            return
        try:
            Path(path).write_text(preset_to_json(window.document.state, request), "utf-8")
        except OSError as error:
            window.show_error(
                f"The preset was not written: {error.strerror}. Choose another place."
            )
            return
        window.show_note(f"Preset written to {path}")

    def file_save_picture(self) -> None:
        from app.panels.export import picture_request

        window = self._window
        request = window.live.request
        if request is None:
            return
        path, _ = QFileDialog.getSaveFileName(
            window, "Save picture", f"seed-{window.document.state.seed}.png", "PNG (*.png)"
        )
        if path:
            window.jobs.submit(picture_request(request, _suffixed(path, ".png")))

    def file_close_window(self) -> None:
        self._window.close()

    @Slot(str)
    def open_project(self, path: str) -> None:
        """A project file: its state returns."""
        window = self._window
        try:
            state = window.keeper.open(path)
        except LodestoneError as error:
            window.show_error(error.sentence)
            return
        if state is not None and state.model:
            window.opener.open_state(state, window.keeper.model_path(state.model))
        else:
            window.go("start")
            window.show_note("This project is empty. Choose a generator to begin.")

    @Slot(str)
    def open_result(self, path: str) -> None:
        """A job's result: generators open here, files with the system's programs."""
        window = self._window
        if path.endswith(".safetensors"):
            window.opener.open_path(path)
        elif not QDesktopServices.openUrl(QUrl.fromLocalFile(path)):
            window.show_note(f"It lies at {path}")

    @Slot(str)
    def open_photo(self, path: str) -> None:
        """A picture that is no recipe becomes a generator of its own kind."""
        from app.panels.picture import PicturePage

        self._window.go("picture")
        page = self._window.page("picture")
        if isinstance(page, PicturePage):
            page.open_picture(path)

    @Slot(str)
    def open_sound(self, path: str) -> None:
        """A recording becomes a generator of its own kind."""
        from app.panels.sound import SoundPage

        self._window.go("sound")
        page = self._window.page("sound")
        if isinstance(page, SoundPage):
            page.open_sound(path)

    @Slot(str)
    def open_film(self, path: str) -> None:
        """A film is to be enlarged: nothing else is done with one."""
        from app.panels.upscale import UpscalePage

        self._window.go("upscale")
        page = self._window.page("upscale")
        if isinstance(page, UpscalePage):
            page.take([path])

    # -------------------------------------------------------------- edit

    def edit_undo(self) -> None:
        self._window.histories.undo()

    def edit_redo(self) -> None:
        self._window.histories.redo()

    def edit_reset_directions(self) -> None:
        self._window.document.reset_directions()

    def edit_reset_all(self) -> None:
        document = self._window.document
        if document.info is None:
            return
        fresh = opened(document.info, tuple(card.direction for card in document.state.cards))
        cards = tuple(replace(card, amount=0.0) for card in document.state.cards)
        kept = replace(
            fresh,
            cards=cards,
            snapshots=document.state.snapshots,
            axes=document.state.axes,
            pairs=document.state.pairs,
            annotations=document.state.annotations,
            edit_sets=document.state.edit_sets,
            ridge=document.state.ridge,
        )
        document.edit(
            "Reset everything", replace(kept, morph=replace(document.state.morph, on=False))
        )

    # -------------------------------------------------------------- view

    def view_fit(self) -> None:
        self._picture().fit()

    def view_one_to_one(self) -> None:
        self._picture().one_to_one()

    def view_zoom_in(self) -> None:
        self._picture().zoom_in()

    def view_zoom_out(self) -> None:
        self._picture().zoom_out()

    def _picture(self) -> Canvas | LoupeView:
        """What is looked at."""
        loupe = getattr(getattr(self._window.stack.currentWidget(), "view", None), "loupe", None)
        return loupe or self._window.steer.canvas

    def view_compare(self) -> None:
        canvas = self._window.steer.canvas
        canvas.set_comparing(not canvas.comparing)

    def view_latent(self) -> None:
        _toggle(self._window.steer.latent_dock)

    def view_directions(self) -> None:
        _toggle(self._window.steer.directions_dock)

    def view_play(self) -> None:
        _toggle(self._window.steer.play_dock)

    def view_full_screen(self) -> None:
        window = self._window
        if window.isFullScreen():
            window.showNormal()
        else:
            window.showFullScreen()

    # -------------------------------------------------------------- steer

    def steer_random_seed(self) -> None:
        self._window.steer.latent.random_seed()

    def steer_next_seed(self) -> None:
        document = self._window.document
        document.set_seed(document.state.seed + 1, "seed")

    def steer_previous_seed(self) -> None:
        document = self._window.document
        document.set_seed(document.state.seed - 1, "seed")

    def steer_snapshot(self) -> None:
        self._window.steer.take_snapshot()

    def steer_find(self) -> None:
        if self._window.workspace != "steer":
            self._window.go("steer")
            self._window.steer.set_finding(True)
        else:
            self._window.steer.toggle_find()

    def steer_by_words(self) -> None:
        self._window.go("vocabulary")
        self._window.words.show_words()

    def steer_wander(self) -> None:
        self._window.steer.wander.toggle()

    def steer_morph_a(self) -> None:
        self._morph_to(0.0)

    def steer_morph_b(self) -> None:
        self._morph_to(1.0)

    def _morph_to(self, t: float) -> None:
        document = self._window.document
        document.change("Morph", morph=replace(document.state.morph, on=True, t=t))

    # -------------------------------------------------------------- help

    def help_palette(self) -> None:
        if self._palette is None:
            self._palette = CommandPalette(self._window)
            self._palette.chosen.connect(self._window.commands.run)
        entries = [e for e in self._window.commands.entries() if e[0] != "help.palette"]
        self._palette.open_with(entries)

    def help_shortcuts(self) -> None:
        page = ShortcutPage(self._window)
        page.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        page.open()

    def help_about(self) -> None:
        from app.panels.about import AboutPage

        info = self._window.document.info
        if info is not None:
            AboutPage(self._window, info).open()


def _toggle(dock: QDockWidget) -> None:
    dock.setVisible(not dock.isVisible())


def _suffixed(path: str, suffix: str) -> str:
    return path if path.lower().endswith(suffix) else path + suffix
