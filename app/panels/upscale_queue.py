"""The queue of pictures and films to be enlarged: start, pause, cancel, try again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import Qt, QUrl, Signal, Slot
from PySide6.QtGui import (
    QCloseEvent,
    QDesktopServices,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QImage,
)
from PySide6.QtWidgets import QFileDialog, QProgressBar, QSizePolicy, QStackedWidget, QWidget

from app.jobs import Jobs, time_left
from app.link import EngineLink
from app.upscale_items import Item
from app.upscale_queue import UpscaleOrder, UpscaleQueue
from app.widgets.parts import column, icon_button, image_of, label, push, row, section
from app.widgets.upscale_row import Row
from app.widgets.upscale_rows import UpscaleRows

FILES = (
    "Pictures and films (*.png *.jpg *.jpeg *.webp *.tif *.tiff *.avif *.bmp *.gif *.apng *.mp4 "
    "*.m4v *.mov *.mkv *.webm *.avi);;All files (*)"
)
HINT = "Drop pictures, films or whole folders here.\nThey are enlarged one after the other."
ACTIONS = {
    "waiting": ("cancel",),
    "running": ("cancel",),
    "paused": ("cancel",),
    "done": ("open", "remove"),
    "failed": ("retry", "remove"),
    "cancelled": ("retry", "remove"),
}


class UpscaleQueuePanel(QWidget):
    """A list and its buttons; what it does is `UpscaleQueue`'s."""

    picked = Signal(str)
    """Path of the picture or film that the person points at."""
    made = Signal(str)
    """Path of a result."""
    failed = Signal(str)

    def __init__(
        self,
        link: EngineLink,
        jobs: Jobs,
        order: Callable[[], UpscaleOrder],
        record: Path | None = None,
    ):
        """`record`: where the list is kept until next time."""
        super().__init__()
        self.link = link
        self.queue = UpscaleQueue(jobs, order, record, self)
        self._images: dict[int, tuple[object, QImage]] = {}
        self.setAcceptDrops(True)
        self._make()
        self._build()
        self._wire()
        self._list()
        self._tell()

    def _make(self) -> None:
        self.rows = UpscaleRows("Queue", self._image)
        self.begin = push("Start", "Enlarge everything in the list", primary=True)
        self.stop = push("Cancel", "Stop. What is finished is kept; Start goes on with the rest.")
        self.again = push("Retry failed", "Try what failed once more")
        self.clear = push("Clear finished", "Take what is done out of the list; files stay")
        self.add_files = icon_button("plus", "Add pictures or films")
        self.add_folder = icon_button("folder", "Add a folder")
        for button in (self.stop, self.again, self.clear, self.begin):
            button.setProperty("compact", True)
        self.totals = label("", "dim")
        self.totals.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.progress = QProgressBar()
        self.progress.setRange(0, 1000)
        self.progress.setTextVisible(False)
        self.progress.setFixedHeight(6)
        self.progress.setAccessibleName("Progress of the queue")
        self.hint = label(HINT, "dim", wrap=True)
        self.hint.setAlignment(Qt.AlignmentFlag.AlignCenter)

    def _build(self) -> None:
        layout = column(self, spacing=6)
        layout.addLayout(row(section("Queue"), 1, self.add_files, self.add_folder, spacing=2))
        buttons = row(self.begin, self.stop, spacing=6)
        buttons.setStretch(0, 1)
        layout.addLayout(buttons)
        layout.addWidget(self.totals)
        layout.addWidget(self.progress)
        self.stack = QStackedWidget()
        self.stack.addWidget(self.hint)
        self.stack.addWidget(self.rows)
        layout.addWidget(self.stack, 1)
        layout.addLayout(row(1, self.again, self.clear, spacing=6))

    def _wire(self) -> None:
        queue = self.queue
        queue.listed.connect(self._list)
        queue.changed.connect(self._changed)
        queue.told.connect(self._tell)
        queue.made.connect(self.made)
        queue.failed.connect(self.failed)
        self.begin.clicked.connect(self._begin)
        self.stop.clicked.connect(queue.cancel)
        self.again.clicked.connect(queue.retry_failed)
        self.clear.clicked.connect(queue.clear_finished)
        self.add_files.clicked.connect(self._choose_files)
        self.add_folder.clicked.connect(self._choose_folder)
        self.rows.chosen.connect(self._chosen)
        self.rows.acted.connect(self._act)

    def add(self, paths: Sequence[str]) -> None:
        """Files and folders, to the end of the list."""
        self.queue.add(paths)

    @Slot()
    def refresh(self) -> None:
        """Another scale: other sizes are to be expected."""
        for item in self.queue.items:
            if item.to_do:
                self.rows.set_row(self._row(item))

    # ------------------------------------------------------------ showing

    @Slot()
    def _list(self) -> None:
        items = self.queue.items
        numbers = {item.number for item in items}
        self._images = {n: image for n, image in self._images.items() if n in numbers}
        self.rows.set_rows([self._row(item) for item in items])
        self.stack.setCurrentWidget(self.rows if items else self.hint)

    @Slot(int)
    def _changed(self, number: int) -> None:
        item = self.queue.item(number)
        before = self.rows.row(number)
        if item is None or before is None:
            return
        self.rows.set_row(self._row(item))
        if item.active and before.fraction < 0:
            self.rows.show_row(number)

    def _row(self, item: Item) -> Row:
        state, tone = _state(item)
        active = item.active
        words = item.words if item.state == "failed" else " ".join(item.notes)
        words = "\n".join(part for part in (_progress(item) if active else "", words) if part)
        return Row(
            item.number,
            item.name,
            _sizes(item, self.queue.large_of(item)),
            state,
            tone,
            item.fraction if active else -1.0,
            words,
            ACTIONS[item.state],
        )

    def _image(self, number: int) -> QImage | None:
        picture = self.queue.pictures.get(number)
        if picture is None:
            return None
        kept = self._images.get(number)
        if kept is None or kept[0] is not picture:
            kept = self._images[number] = (picture, image_of(picture))
        return kept[1]

    @Slot()
    def _tell(self) -> None:
        queue, totals = self.queue, self.queue.totals
        parts = [f"{totals.done:,} of {totals.count:,} done" if totals.count else ""]
        parts.append(f"{totals.failed:,} failed" if totals.failed else "")
        if queue.going:
            parts.append("paused" if queue.paused else time_left(totals.seconds_left))
        self.totals.setText("  ·  ".join(part for part in parts if part))
        self.totals.setVisible(totals.count > 0)
        self.totals.setToolTip(self.totals.text())
        self.progress.setValue(round(totals.fraction * 1000))
        self.progress.setVisible(queue.going)
        self.begin.setText(self._verb())
        self.begin.setAccessibleName(f"{self.begin.text()} the queue")
        self.begin.setEnabled(queue.going or totals.to_do > 0)
        self.stop.setVisible(queue.going)
        self.again.setVisible(totals.failed > 0)
        self.clear.setVisible(totals.done > 0 or totals.count > totals.to_do + totals.failed)

    def _verb(self) -> str:
        if self.queue.going:
            return "Resume" if self.queue.paused else "Pause"
        return "Resume" if any(item.stopped for item in self.queue.items) else "Start"

    # ------------------------------------------------------------ hand

    @Slot()
    def _begin(self) -> None:
        if not self.queue.going:
            self.queue.start()
        elif self.queue.paused:
            self.queue.resume()
        else:
            self.queue.pause()

    @Slot(int)
    def _chosen(self, number: int) -> None:
        item = self.queue.item(number)
        if item is not None:
            self.picked.emit(item.path)

    @Slot(str, int)
    def _act(self, action: str, number: int) -> None:
        item = self.queue.item(number)
        if item is None:
            return
        if action == "cancel":
            self.queue.cancel_one(number)
        elif action == "retry":
            self.queue.retry(number)
        elif action == "remove":
            self.queue.remove([number])
        else:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(Path(item.result).parent)))

    @Slot()
    def _choose_files(self) -> None:
        paths, _ = QFileDialog.getOpenFileNames(self, "Enlarge pictures and films", "", FILES)
        if paths:
            self.add(paths)

    @Slot()
    def _choose_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Enlarge a folder")
        if path:
            self.add([path])

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        event.accept()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            self.add(paths)

    def closeEvent(self, event: QCloseEvent) -> None:
        self.queue.close()
        event.accept()


def _state(item: Item) -> tuple[str, str]:
    """Its word, and the tone of it."""
    if item.state == "running":
        return f"{item.fraction * 100:.0f} %", "busy"
    words = {
        "waiting": ("waiting", ""),
        "paused": ("paused", ""),
        "done": ("done", "good"),
        "failed": ("failed", "bad"),
        "cancelled": ("cancelled", ""),
    }
    return words[item.state]


def _progress(item: Item) -> str:
    """`frame 12 of 48  ·  20 s left`."""
    many = f" of {item.frames:,}" if item.frames >= item.frame else ""
    frame = f"frame {item.frame:,}{many}" if item.frame and item.frames != 1 else ""
    left = time_left(item.seconds_left) if item.state == "running" else ""
    return "  ·  ".join(part for part in (frame, left) if part)


def _sizes(item: Item, large: tuple[int, int]) -> str:
    """`640 × 360 → 1,920 × 1,080`, as far as it is known."""
    if not item.small[0]:
        return ""
    before = f"{item.small[0]:,} × {item.small[1]:,}"
    return f"{before} → {large[0]:,} × {large[1]:,}" if item.state != "failed" else before
