"""The Upscale workspace: pictures and films, larger; looked at first, then written."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QResizeEvent, QShowEvent, QUndoStack
from PySide6.QtWidgets import QFrame, QStackedWidget, QWidget

from app.jobs import Jobs
from app.link import EngineLink
from app.panels.picture import samples_folder
from app.panels.upscale_begin import Begin
from app.panels.upscale_fit import UpscaleFitPanel
from app.panels.upscale_form import UpscaleForm, folder_of
from app.panels.upscale_queue import UpscaleQueuePanel
from app.panels.upscale_view import UpscaleView
from app.upscale_items import UpscaleOrder
from app.upscale_models import UpscaleModels
from app.upscale_state import settings_of
from app.upscaling import Upscaling
from app.widgets.parts import Segments, column, icon_button, panel, row, scroll

LEFT, RIGHT, WIDER = 304, 268, 316
"""Pixels of the sides; of the right one where there is room."""
ROOMY = 1300
MODELS = (".onnx", ".pth", ".safetensors")
TABS = (
    ("form", "Enlarge", "How pictures are enlarged"),
    ("fit", "Fit", "Fit a model to your own pictures, or train one"),
)


class UpscalePage(QWidget):
    """The form at the left, the enlarged picture in the middle, the queue at the right."""

    failed = Signal(str)
    """A sentence."""

    def __init__(self, link: EngineLink, jobs: Jobs, home: Path):
        """`home`: the person's folder, for own upscalers and the queue until next time."""
        super().__init__()
        self.upscaling = Upscaling(link, self)
        self.models = UpscaleModels(link, jobs, self)
        self.form = UpscaleForm(self.upscaling, self.models)
        self.view = UpscaleView(self.upscaling)
        self.queue = UpscaleQueuePanel(link, jobs, self.order, home / "upscale-queue.json")
        self.fit = UpscaleFitPanel(link, jobs, home / "upscalers")
        self.tab = Segments(TABS, "Left side")
        self.begin = Begin(samples_folder())
        self.undo = icon_button("undo", "Undo (Ctrl+Z)")
        self.redo = icon_button("redo", "Redo (Ctrl+Shift+Z)")
        self._awaited: tuple[str, ...] = ()
        """Folders of which the first picture is to be shown."""
        self.setAcceptDrops(True)
        self._build()
        self._wire()

    def _build(self) -> None:
        head = panel()
        head.setFixedHeight(46)
        mode, original, *zooms = self.view.tools()
        line = row(self.undo, self.redo, mode, original, 1, *zooms, spacing=6)
        line.setContentsMargins(12, 0, 12, 0)
        head.setLayout(line)
        self._right = self._queue_side()
        line = row(self._left(), self.view, self._right, spacing=0)
        line.setStretch(1, 1)
        body = QWidget()
        inside = column(body, spacing=0)
        inside.addWidget(head)
        inside.addLayout(line, 1)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.begin)
        self._stack.addWidget(body)
        column(self).addWidget(self._stack)

    def _left(self) -> QFrame:
        left = panel()
        left.setFixedWidth(LEFT)
        inside = column(left, spacing=0)
        line = row(self.tab)
        line.setContentsMargins(14, 12, 14, 0)
        inside.addLayout(line)
        content = QWidget()
        side = column(content, margin=14)
        side.addWidget(self.fit)
        side.addStretch(1)
        self._sides = QStackedWidget()
        self._sides.addWidget(scroll(self.form, "Upscale form"))
        self._sides.addWidget(scroll(content, "Fit to my images"))
        inside.addWidget(self._sides, 1)
        return left

    def _queue_side(self) -> QFrame:
        right = panel()
        side = column(right)
        side.setContentsMargins(14, 12, 14, 12)
        side.addWidget(self.queue)
        return right

    def _wire(self) -> None:
        upscaling, stack = self.upscaling, self.undo_stack
        for part in (self.queue, self.fit):
            part.failed.connect(self.failed)
        self.tab.chosen.connect(self._tab)
        self.fit.made.connect(self._fitted)
        self.models.changed.connect(self.fit.refresh_models)
        self.begin.fit_asked.connect(self._begin_fit)
        self.queue.picked.connect(self._show)
        self.queue.queue.listed.connect(self._listed)
        self.form.open_asked.connect(self.take)
        self.begin.open_asked.connect(self.form.choose)
        self.begin.chosen.connect(self._show)
        self.undo.clicked.connect(stack.undo)
        self.redo.clicked.connect(stack.redo)
        stack.indexChanged.connect(self._undo_words)
        upscaling.changed.connect(self.queue.refresh)
        upscaling.source_changed.connect(self._arrange)
        upscaling.told.connect(self._tell)
        self._undo_words()
        self._listed()

    @property
    def undo_stack(self) -> QUndoStack:
        """Edit > Undo means this page's history while it is shown."""
        return self.upscaling.undo_stack

    def order(self) -> UpscaleOrder:
        """How the queue is to enlarge, now."""
        state = self.upscaling.state
        return UpscaleOrder(settings_of(state), folder_of(state), state.format, state.quality)

    # -------------------------------------------------------------- hand

    @Slot(list)
    def take(self, paths: list[str]) -> None:
        """Files and folders were chosen or dropped: into the queue, and the first is shown; models
        are added."""
        models = [path for path in paths if Path(path).suffix.lower() in MODELS]
        for path in models:
            self.models.add(path)
        paths = [path for path in paths if path not in models]
        if not paths:
            self._stack.setCurrentIndex(1)  # what is said about them stands in the form
            return
        files = [path for path in paths if not Path(path).is_dir()]
        if files:
            self._show(files[0])
        else:
            self._awaited = tuple(paths)
        self.queue.add(paths)

    @Slot(str)
    def _show(self, path: str) -> None:
        self._awaited = ()
        self.upscaling.open(path)

    @Slot()
    def _listed(self) -> None:
        """Something came into the queue: a folder's first picture, or what was left last time."""
        items = self.queue.queue.items
        if self._awaited:
            inside = (i.path for i in items if any(_below(i.path, f) for f in self._awaited))
            first = next(inside, None)
        else:
            if self.upscaling.path:
                return
            first = next((i.path for i in items if i.to_do and Path(i.path).is_file()), None)
        if first is not None:
            self._show(first)

    @Slot(str)
    def _tab(self, tab: str) -> None:
        self.tab.set_value(tab)
        self._sides.setCurrentIndex(1 if tab == "fit" else 0)

    @Slot()
    def _begin_fit(self) -> None:
        self._tab("fit")
        self._stack.setCurrentIndex(1)

    @Slot(str)
    def _fitted(self, name: str) -> None:
        """An own upscaler was trained: it is at hand, and shown."""
        self.models.refresh()
        self.form.take_model(name)

    # -------------------------------------------------------------- look

    @Slot()
    def _arrange(self) -> None:
        if self.upscaling.source is not None:
            self._stack.setCurrentIndex(1)

    @Slot()
    def _tell(self) -> None:
        """Before anything is open there is no other place for a problem."""
        if self.upscaling.problem and self._stack.currentIndex() == 0:
            self.failed.emit(self.upscaling.problem)

    @Slot()
    def _undo_words(self) -> None:
        stack = self.undo_stack
        self.undo.setEnabled(stack.canUndo())
        self.redo.setEnabled(stack.canRedo())
        self.undo.setToolTip(f"Undo: {stack.undoText()} (Ctrl+Z)" if stack.canUndo() else "Undo")
        self.redo.setToolTip(f"Redo: {stack.redoText()} (Ctrl+Shift+Z)")

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._right.setFixedWidth(WIDER if self.width() >= ROOMY else RIGHT)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.models.refresh()

    # -------------------------------------------------------------- drop

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            self.take(paths)


def _below(path: str, folder: str) -> bool:
    return Path(folder).absolute() in Path(path).absolute().parents
