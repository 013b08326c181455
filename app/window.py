"""The main window: workspaces, menus, drag and drop, messages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QMimeData, QTimer, Slot
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDragLeaveEvent, QDropEvent
from PySide6.QtWidgets import QFileDialog, QMainWindow, QStackedWidget, QWidget

from app import pages
from app.actions import Actions
from app.commands import Commands
from app.document import Document
from app.finding import Finding
from app.finding_voice import FindingVoice
from app.history import Histories
from app.jobs import Jobs, title
from app.keeper import Keeper
from app.link import EngineLink
from app.live import Live
from app.opening import OPENABLE, Opener
from app.panels.start import StartPage
from app.panels.tile import KEY as TILE
from app.settings import load_geometry, load_preferences, save_geometry
from app.sound_state import KEY as TAKE
from app.thumbnails import Thumbnails
from app.topbar import NEED_MODEL, TopBar
from app.upscale_state import KEY as UPSCALE
from app.widgets.bars import MessageBar
from app.widgets.parts import column
from engine.messages import (
    ChannelsRequest,
    DiscoverRequest,
    EngineStatus,
    Failure,
    ImportRequest,
    JobUpdate,
    ModelInfo,
    ModelOpened,
    ModelsListed,
    PictureTrainRequest,
    SoundTrainRequest,
    SteerRequest,
    TrainRequest,
)

FOUND_BY_CARDS = (DiscoverRequest, ChannelsRequest)
"""Jobs whose results show themselves."""


class MainWindow(QMainWindow):
    """Builds the parts, connects them, and stays out of the way."""

    def __init__(self, link: EngineLink):
        super().__init__()
        self.link = link
        self.preferences = load_preferences()
        self.document = Document(self)
        self.live = Live(self.document, link, self)
        self.jobs = Jobs(link, self)
        self.thumbnails = Thumbnails(link, self)
        self.opener = Opener(self.document, link, self)
        self.keeper = Keeper(self.document, self)
        self.finding = Finding(self.document, self.jobs, lambda: self.keeper.folder, self)
        self.commands = Commands(self)
        undo, redo = (self.commands.actions[name] for name in ("edit.undo", "edit.redo"))
        self.histories = Histories(self.document.undo_stack, undo, redo, self)
        self.actions_ = Actions(self)
        self.voice = FindingVoice(self)
        self._pages: dict[str, QWidget] = {}
        self._has: list[str] | None = None
        self._trouble = False
        self._build()
        self._wire()
        self._restore()
        self._refresh()

    def _build(self) -> None:
        self.setWindowTitle("Lodestone")
        self.setMinimumSize(1024, 680)
        self.setAcceptDrops(True)
        self.top = TopBar(self.jobs)
        self.commands.fill(self.top.menus)
        self.setMenuWidget(self.top)
        body = QWidget()
        layout = column(body, spacing=0)
        self.bar = MessageBar()
        holder = QWidget()
        inside = column(holder)
        inside.setContentsMargins(48, 12, 48, 0)
        inside.addWidget(self.bar)
        self._bar_holder = holder
        holder.hide()
        self.stack = QStackedWidget()
        layout.addWidget(holder)
        layout.addWidget(self.stack, 1)
        self.setCentralWidget(body)
        self.start = StartPage(self.thumbnails)
        self._add("start", self.start)

    def _add(self, name: str, page: QWidget) -> QWidget:
        self._pages[name] = page
        self.stack.addWidget(page)
        return page

    def page(self, name: str) -> QWidget:
        """A workspace, made when it is first needed: the window is visible sooner."""
        if name == "steer":
            return self.steer
        if name == "vocabulary":
            return self.words
        return self._pages.get(name) or self._add(name, pages.build(name, self))

    @property
    def steer(self):  # noqa: ANN201 - SteerWorkspace, imported when first needed
        """The Steer workspace."""
        from app.panels.steer import SteerWorkspace

        made = self._pages.get("steer")
        if not isinstance(made, SteerWorkspace):
            made = SteerWorkspace(
                self.document, self.live, self.link, self.thumbnails, self.finding
            )
            self._add("steer", made)
            self.voice.join(made)
            made.area.bar.acted.connect(self._act)
            made.snapshots.chosen.connect(self._refresh)
            self.live.forget()
            self.document.announce()
        return made

    @property
    def words(self) -> Any:  # VocabularyPage, imported when first needed
        """The Vocabulary workspace."""
        return self._pages.get("vocabulary") or self._add("vocabulary", pages.vocabulary(self))

    def _wire(self) -> None:
        link, opener = self.link, self.opener
        self.commands.run.connect(self.actions_.run)
        self.top.workspace.connect(self.go)
        self.bar.dismissed.connect(self._bar_holder.hide)
        self.bar.acted.connect(self._act)
        link.listed.connect(self._listed)
        link.status.connect(self._status)
        link.failure.connect(self._failure)
        link.opened.connect(self._provider)
        opener.leaving.connect(self.keeper.close)
        opener.arrived.connect(self._arrived)
        opener.failed.connect(self.show_error)
        opener.working.connect(self.top.meter.set_status)
        opener.data_chosen.connect(self._train_on)
        opener.project_chosen.connect(self.actions_.open_project)
        opener.photo_chosen.connect(self.actions_.open_photo)
        opener.sound_chosen.connect(self.actions_.open_sound)
        opener.film_chosen.connect(self.actions_.open_film)
        self.live.failed.connect(self.show_error)
        self.live.recovered.connect(self._recovered)
        self.live.latency.connect(self.top.meter.add)
        self.jobs.failed.connect(self.show_error)
        self.jobs.finished.connect(self._finished)
        self.jobs.finished.connect(self.keeper.note_job)
        self.keeper.failed.connect(self.show_error)
        self.keeper.renamed.connect(self._retitle)
        self.document.changed.connect(self._changed)
        self.start.open_model.connect(self._open_from_start)
        self.start.open_file.connect(self.actions_.choose_file)
        self.start.open_recent.connect(self.actions_.open_project)
        self.start.train.connect(self._to_train)

    def _restore(self) -> None:
        self.resize(1280, 800)
        stored = load_geometry("window")
        if stored is not None:
            self.restoreGeometry(stored)
        self.go("start")
        self.link.client.list_models()
        # Built while the person looks at the start page, so that opening is instant.
        QTimer.singleShot(250, self._prepare)

    @Slot()
    def _prepare(self) -> None:
        self.page("steer")
        self.start.set_recent(self.keeper.recent())

    # -------------------------------------------------------------- workspaces

    @property
    def workspace(self) -> str:
        """Name of the workspace that is shown."""
        shown = self.stack.currentWidget()
        return next((name for name, page in self._pages.items() if page is shown), "start")

    @Slot(str)
    def go(self, name: str) -> None:
        if name in NEED_MODEL and self.document.info is None:
            name = "start"
        page = self.page(name)
        self.stack.setCurrentWidget(page)
        self.histories.show(page)
        self.top.set_workspace(name)
        if name == "start":
            self.start.set_recent(self.keeper.recent())
        self._refresh()

    @Slot()
    def _to_train(self) -> None:
        self.go("train")

    @Slot(str)
    def _train_on(self, path: str) -> None:
        self.go("train")
        page = self.page("train")
        set_data = getattr(page, "set_data", None)
        if set_data is not None:
            set_data(path)

    @Slot(object, object)
    def _open_from_start(self, info: ModelInfo, request: SteerRequest) -> None:
        self.page("steer")
        self.opener.open_model(info.id, request)

    @Slot()
    def _arrived(self) -> None:
        self.go("steer")
        self.bar.dismiss()
        self._retitle("")
        self.live.refresh()
        self.steer.canvas.setFocus()
        self._refresh()

    @Slot(str)
    def _retitle(self, _name: str) -> None:
        info = self.document.info
        name = self.keeper.name or (info.name if info is not None else "")
        self.setWindowTitle(f"{name} — Lodestone" if name else "Lodestone")

    @Slot(object, object)
    def _changed(self, old: object, new: object) -> None:
        self._refresh()

    @Slot()
    def _refresh(self) -> None:
        state = self.document.state
        has = []
        if self.document.info is not None:
            has.append("model")
        if state.snapshots:
            has.append("snapshot")
        if len(state.snapshots) >= 2:
            has.append("two")
        if has != self._has:
            self._has = has
            self.commands.enable(has)
            self.top.set_has_model(self.document.info is not None)
            self.histories.tell()

    # -------------------------------------------------------------- engine

    @Slot(object)
    def _listed(self, listed: ModelsListed) -> None:
        self.start.set_models(listed.models)

    @Slot(object)
    def _provider(self, opened: ModelOpened) -> None:
        self.top.meter.restart()
        self.top.meter.set_provider(opened.provider)

    @Slot(object)
    def _status(self, status: EngineStatus) -> None:
        if status.provider:
            self.top.meter.set_provider(status.provider)
        if status.state == "starting":
            self.top.meter.set_status(status.message or "starting …")
        elif status.state == "ready":
            self.top.meter.set_status("")
            if self._trouble:
                self._trouble = False
                self._message_bar().dismiss()
            if status.message:
                self.show_note(status.message)
        elif status.state in ("restarting", "failed"):
            if "steer" in self._pages:
                self.steer.canvas.keep()
            self._trouble = True
            self.top.meter.set_status("restarting …" if status.state == "restarting" else "stopped")
            self.show_error(status.message)

    @Slot(object)
    def _failure(self, failure: Failure) -> None:
        # The canvas, the opener, the tiles and the takes have their own ears.
        if failure.key.startswith(TILE):
            self.start.set_asleep(failure.key)
        elif failure.key not in ("canvas", "model", TAKE) and not failure.key.startswith(UPSCALE):
            self.show_error(failure.sentence)

    @Slot()
    def _recovered(self) -> None:
        self._message_bar().dismiss()

    # -------------------------------------------------------------- messages

    def _message_bar(self) -> MessageBar:
        return self.steer.area.bar if self.workspace == "steer" else self.bar

    @Slot(str)
    def show_error(self, sentence: str, action: str = "", text: str = "") -> None:
        bar = self._message_bar()
        self._bar_holder.setVisible(bar is self.bar)
        bar.show_error(sentence, action, text)

    def show_note(
        self, sentence: str, action: str = "", text: str = "", seconds: float = 8
    ) -> None:
        bar = self._message_bar()
        self._bar_holder.setVisible(bar is self.bar)
        bar.show_note(sentence, action, text, seconds)

    @Slot(str)
    def _act(self, action: str) -> None:
        verb, _, rest = action.partition(":")
        if verb == "open":
            self.opener.open_path(rest)
        elif not self.voice.act(verb):
            self.go(rest)

    # -------------------------------------------------------------- jobs

    @Slot(int)
    def job_asked(self, job: int) -> None:
        known = self.jobs.get(job)
        if known is not None:
            self.show_note(f"{title(known.request)} is being written.", "go:jobs", "Show jobs")

    @Slot(object)
    def _finished(self, update: JobUpdate) -> None:
        self.page("jobs")
        name = title(update.request)
        if isinstance(update.request, ImportRequest):
            self.link.client.list_models()
        elif update.job in self.jobs.own:
            return
        elif update.state == "failed":
            self.show_error(update.message or f"{name} failed.", "go:jobs", "Show jobs")
        elif update.job in self.jobs.quiet or isinstance(update.request, FOUND_BY_CARDS):
            return
        elif update.state == "done":
            if isinstance(update.request, (PictureTrainRequest, SoundTrainRequest)):
                sound = isinstance(update.request, SoundTrainRequest)
                place = "sound" if sound else "picture"
                if self.workspace != place:
                    self.show_note(f"{name}: trained.", f"go:{place}", "Show it", 60)
            elif isinstance(update.request, TrainRequest):
                self.link.client.list_models()
                self.show_note(f"{name}: ready.", f"open:{update.result}", "Steer it", 60)
            else:
                self.show_note(f"{name}: written to {update.result}", seconds=12)

    # -------------------------------------------------------------- drop, close

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if _path_of(event.mimeData()):
            event.acceptProposedAction()
            self.start.set_hot(True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self.start.set_hot(False)

    def dropEvent(self, event: QDropEvent) -> None:
        self.start.set_hot(False)
        path = _path_of(event.mimeData())
        if path:
            event.acceptProposedAction()
            self.opener.open_path(path)

    def choose(self, caption: str, filters: str = OPENABLE) -> str:
        """A file chosen by the person, or an empty string."""
        path, _ = QFileDialog.getOpenFileName(self, caption, "", filters)
        return path

    def closeEvent(self, event: QCloseEvent) -> None:
        save_geometry("window", self.saveGeometry())
        self.keeper.close()
        self.hide()
        for page in self._pages.values():
            page.close()
        self.link.close()
        event.accept()


def _path_of(mime: QMimeData) -> str:
    """The first local file of a drag."""
    paths = [url.toLocalFile() for url in mime.urls() if url.isLocalFile()]
    return str(Path(paths[0])) if paths else ""
