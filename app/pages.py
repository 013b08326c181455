"""The workspaces besides Start and Steer, each built when it is first needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

if TYPE_CHECKING:
    from app.window import MainWindow


def build(name: str, window: MainWindow) -> QWidget:
    """A workspace by its name in `app.topbar.WORKSPACES`, connected to the window."""
    makers = {
        "compass": compass,
        "picture": picture,
        "sound": sound,
        "upscale": upscale,
        "inspect": inspect,
        "train": train,
        "export": export,
        "jobs": jobs,
    }
    return makers[name](window)


def compass(window: MainWindow) -> QWidget:
    from app.panels.compass import CompassPage

    page = CompassPage(window.document, window.live, window.link, window.thumbnails)
    page.failed.connect(window.show_error)
    return page


def vocabulary(window: MainWindow) -> QWidget:
    from app.panels.vocabulary import VocabularyPage

    page = VocabularyPage(window.document, window.live, window.link, window.thumbnails)
    page.failed.connect(window.show_error)
    return page


def picture(window: MainWindow) -> QWidget:
    from app.panels.picture import PicturePage

    page = PicturePage(window.link, window.jobs, window.keeper.models_folder)
    page.failed.connect(window.show_error)
    return page


def sound(window: MainWindow) -> QWidget:
    from app.panels.sound import SoundPage

    page = SoundPage(window.link, window.jobs, window.keeper.models_folder.parent)
    page.failed.connect(window.show_error)
    page.noted.connect(window.show_note)
    return page


def upscale(window: MainWindow) -> QWidget:
    from app.panels.upscale import UpscalePage

    page = UpscalePage(window.link, window.jobs, window.keeper.models_folder.parent)
    page.failed.connect(window.show_error)
    return page


def inspect(window: MainWindow) -> QWidget:
    from app.panels.inspect import InspectPage

    window.page("steer")  # Its canvas owns the frames.
    page = InspectPage(window.document, window.live, window.link, window.thumbnails, window.jobs)
    page.failed.connect(window.show_error)
    page.noted.connect(window.show_note)
    page.result_asked.connect(window.actions_.open_result)
    return page


def train(window: MainWindow) -> QWidget:
    from app.panels.train import TrainPage

    page = TrainPage(window.jobs, window.keeper.models_folder)
    page.failed.connect(window.show_error)
    page.open_asked.connect(window.opener.open_path)
    return page


def export(window: MainWindow) -> QWidget:
    from app.panels.export import ExportPage

    page = ExportPage(window.document, window.jobs, window.steer.canvas)
    page.failed.connect(window.show_error)
    page.asked.connect(window.job_asked)
    return page


def jobs(window: MainWindow) -> QWidget:
    from app.panels.jobs import JobsPage

    page = JobsPage(window.jobs)
    page.open_asked.connect(window.actions_.open_result)
    return page
