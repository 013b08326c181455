"""What is to be enlarged, one after the other: each picture or film is a job of its own.

An item is done only when its job says so and its file is there; a failed one keeps its sentence and
the rest goes on. The list outlives the program.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from app.jobs import ACTIVE, Jobs
from app.upscale_items import (
    Clock,
    Item,
    Totals,
    free_stem,
    is_there,
    read_record,
    work,
    write_record,
)
from app.upscale_items import UpscaleOrder as UpscaleOrder
from app.upscale_looks import Looks
from engine.client import Look
from engine.messages import JobUpdate, Picture, UpscaleRequest

SAVE_AFTER = 400
"""Milliseconds between a change and its record."""


class UpscaleQueue(QObject):
    """Items in order, at most one of them in work."""

    listed = Signal()
    """Items came or went."""
    changed = Signal(int)
    """An item (its number) changed, or its picture came."""
    told = Signal()
    """Going, paused or at rest; totals."""
    failed = Signal(str)
    made = Signal(str)
    """Path of a result."""

    def __init__(
        self,
        jobs: Jobs,
        order: Callable[[], UpscaleOrder],
        record: Path | None = None,
        parent: QObject | None = None,
    ):
        """`record`: where the list is kept until next time."""
        super().__init__(parent)
        self._jobs, self._order, self._record = jobs, order, record
        self._items: dict[int, Item] = {}
        self.pictures: dict[int, Picture] = {}
        """Small ones, by the items' numbers."""
        self._next_number = 1
        self._job: int | None = None
        self._stopped: int | None = None
        """The job that was cancelled together with the rest."""
        self._current = 0
        self._going = False
        self._held = False
        self._clock = Clock()
        self.looks = Looks(self)
        self.looks.found.connect(self._found)
        self.looks.looked.connect(self._looked)
        self.looks.looked_at_result.connect(self._looked_at_result)
        self._saving = QTimer(self)
        self._saving.setSingleShot(True)
        self._saving.setInterval(SAVE_AFTER)
        self._saving.timeout.connect(self.save)
        jobs.updated.connect(self._updated)
        self._load()

    # ------------------------------------------------------------ what there is

    @property
    def items(self) -> tuple[Item, ...]:
        return tuple(self._items.values())

    def item(self, number: int) -> Item | None:
        return self._items.get(number)

    @property
    def going(self) -> bool:
        return self._going

    @property
    def paused(self) -> bool:
        return self._held

    @property
    def totals(self) -> Totals:
        items = self.items
        amounts = [work(item) for item in items]
        done = sum(
            w * (1.0 if item.state == "done" else item.fraction)
            for item, w in zip(items, amounts, strict=True)
            if item.state == "done" or item.active
        )
        counted = sum(
            w for item, w in zip(items, amounts, strict=True)
            if item.state == "done" or item.active or item.to_do
        )  # fmt: skip
        return Totals(
            len(items),
            sum(item.state == "done" for item in items),
            sum(item.state == "failed" for item in items),
            sum(item.to_do for item in items),
            done / counted if counted else 0.0,
            self._seconds_left(),
        )

    def large_of(self, item: Item) -> tuple[int, int]:
        """What becomes of it (width, height), as far as that is known; 0 while it is not."""
        if item.large[0] or not item.small[0]:
            return item.large
        scale = self._order().settings.scale
        return max(1, round(item.small[0] * scale)), max(1, round(item.small[1] * scale))

    def _seconds_left(self) -> float | None:
        if not self._going or self._held:
            return None
        current = self._items.get(self._current)
        waiting = sum(work(item) for item in self.items if item.state == "waiting")
        share = work(current) * current.fraction if current is not None else 0.0
        speed = self._clock.speed(share)
        if current is None:
            return waiting / speed if speed else None
        own = current.seconds_left
        if own is None and speed:
            own = (work(current) - share) / speed
        if own is None or (waiting and not speed):
            return None
        return own + (waiting / speed if waiting and speed else 0.0)

    # ------------------------------------------------------------ filling it

    def add(self, paths: Sequence[str]) -> None:
        """Files, and folders with all that is in them; they appear once they are found."""
        self.looks.find(tuple(paths), self._order().folder)

    @Slot(object)
    def _found(self, found: tuple[tuple[str, str], ...]) -> None:
        """(file, folder below the output folder)."""
        known = {item.path for item in self.items if item.active or item.to_do}
        new = []
        for path, place in found:
            if path not in known:
                known.add(path)
                new.append(self._put(Item(self._next_number, path, place)))
        if not new:
            return
        self._list_changed()
        self.looks.look([(item.number, item.path) for item in new])
        self._next()

    def _put(self, item: Item) -> Item:
        self._items[item.number] = item
        self._next_number = max(self._next_number, item.number + 1)
        return item

    @Slot(int, object)
    def _looked(self, number: int, look: Look) -> None:
        item = self._items.get(number)
        if item is None:
            return
        if look.picture is not None:
            self.pictures[number] = look.picture
        self._change(replace(item, small=(look.width, look.height), frames=look.frames))

    @Slot(int, object)
    def _looked_at_result(self, number: int, look: Look) -> None:
        item = self._items.get(number)
        if item is not None and item.state == "done":
            self._change(replace(item, large=(look.width, look.height)))

    def remove(self, numbers: Sequence[int]) -> None:
        """Out of the list; what is in work stays."""
        gone = [n for n in numbers if n in self._items and not self._items[n].active]
        for number in gone:
            del self._items[number]
            self.pictures.pop(number, None)
        if gone:
            self._list_changed()

    def clear_finished(self) -> None:
        """What is done or was given up goes; what failed stays to be seen."""
        over = ("done", "cancelled")
        self.remove([i.number for i in self.items if i.state in over and not i.to_do])

    # ------------------------------------------------------------ running it

    @Slot()
    def start(self) -> None:
        """Begin, or take up again what was cancelled as a whole."""
        for item in self.items:
            if item.stopped:
                self._again(item)
        self._going = True
        self._next()
        self.told.emit()

    @Slot()
    def pause(self) -> None:
        if not self._going:
            return
        self._held = True
        if self._job is not None:
            self._jobs.pause(self._job)
        self.told.emit()

    @Slot()
    def resume(self) -> None:
        self._held = False
        if self._job is not None:
            self._jobs.resume(self._job)
        self._next()
        self.told.emit()

    @Slot()
    def cancel(self) -> None:
        """Stop: what is in work is given up for now, what waits keeps waiting."""
        self._going = self._held = False
        if self._job is not None:
            self._stopped = self._job
            self._jobs.cancel(self._job)
        self.told.emit()

    def cancel_one(self, number: int) -> None:
        item = self._items.get(number)
        if item is None:
            return
        if item.active and self._job is not None:
            self._jobs.cancel(self._job)
        elif item.to_do:
            self._change(replace(item, state="cancelled", stopped=False, words=""))

    def retry(self, number: int) -> None:
        """Once more; it begins when its turn comes."""
        item = self._items.get(number)
        if item is None or item.state not in ("failed", "cancelled"):
            return
        self._again(item)
        self._going = True
        self._next()
        self.told.emit()

    @Slot()
    def retry_failed(self) -> None:
        for item in self.items:
            if item.state == "failed":
                self.retry(item.number)

    def _again(self, item: Item) -> None:
        self._change(replace(item, state="waiting", words="", stopped=False, notes=()))

    def _next(self) -> None:
        if not self._going or self._held or self._job is not None:
            return
        item = next((item for item in self.items if item.state == "waiting"), None)
        if item is None:
            self._going = False
            self.told.emit()
            return
        order = self._order()
        self._clock.begin(order.settings)
        self._current = item.number
        self._change(replace(item, state="running", words="Starting", fraction=0.0, notes=()))
        request = UpscaleRequest(
            (item.path,),
            str(Path(order.folder) / item.place),
            order.settings,
            order.format,
            order.quality,
            stem=free_stem(Path(item.path).stem, Path(order.folder) / item.place),
        )
        self._job = self._jobs.submit(request, own=True)
        if self._job is None:  # Jobs has said why.
            self._going = False
            self._end(replace(item, state="waiting"))

    @Slot(object)
    def _updated(self, update: JobUpdate) -> None:
        item = self._items.get(self._current)
        if update.job != self._job or item is None:
            return
        if update.preview is not None:
            self.pictures[item.number] = update.preview
        if update.state not in ACTIVE:
            self._finished(item, update)
            return
        paused = update.state == "paused"
        if paused:
            self._clock.rest()
        else:
            self._clock.go()
        if update.job != self._stopped:
            self._held = paused
        changed = replace(
            item,
            state="paused" if paused else "running",
            words=update.message,
            fraction=update.fraction,
            seconds_left=update.seconds_left,
            notes=update.notes,
            frame=int(dict(update.figures).get("frame", 0)),
        )
        self._change(changed, save=changed.state != item.state)
        self.told.emit()

    def _finished(self, item: Item, update: JobUpdate) -> None:
        item = replace(item, fraction=0.0, frame=0, seconds_left=None, words="", notes=update.notes)
        if update.state == "done" and is_there(update.result):
            self._clock.end(work(item))
            self._end(replace(item, state="done", result=update.result))
            self.looks.look_at_result(item.number, update.result)
            self.made.emit(update.result)
        elif update.state == "cancelled":
            stopped = update.job == self._stopped
            # Start may have been pressed again meanwhile.
            state = "waiting" if stopped and self._going else "cancelled"
            self._end(replace(item, state=state, stopped=stopped and not self._going))
        else:
            words = update.message if update.state == "failed" else _VANISHED
            self._end(replace(item, state="failed", words=words))
        self._next()
        self.told.emit()

    def _end(self, item: Item) -> None:
        self._job, self._current = None, 0
        self._clock.rest()
        self._change(item)

    # ------------------------------------------------------------ telling, keeping

    def _change(self, item: Item, save: bool = True) -> None:
        self._items[item.number] = item
        self.changed.emit(item.number)
        if save:
            self._saving.start()

    def _list_changed(self) -> None:
        self.listed.emit()
        self.told.emit()
        self._saving.start()

    @Slot()
    def save(self) -> None:
        """Write the list; a disk that refuses costs no more than the list."""
        self._saving.stop()
        if self._record is None:
            return
        try:
            write_record(self._record, self.items)
        except OSError as error:
            self.failed.emit(
                f"The queue could not be kept for next time: {error.strerror}. Free some space."
            )

    def _load(self) -> None:
        for item in read_record(self._record) if self._record is not None else ():
            self._put(item)
        self.looks.look([(item.number, item.path) for item in self.items])

    def close(self) -> None:
        self.save()
        self.looks.close()


_VANISHED = "Its file is not there, though it was written. Look at the disk, then try again."
