"""Windows in tests: offscreen unless asked otherwise, the real engine, a tiny real generator.

`--headed` shows the windows on the display. Tests marked `display` start a program of their own on
a real display in any case.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from app.panels.picture import PicturePage
    from app.window import MainWindow


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--headed", action="store_true", help="show the windows on the display")


def pytest_configure(config: pytest.Config) -> None:
    # The same examples every time: what passes here passes before a merge. Look for new ones with
    # `--hypothesis-profile=fresh`.
    settings.register_profile("same", derandomize=True, deadline=None)
    settings.register_profile("fresh", deadline=None)
    settings.load_profile(config.getoption("--hypothesis-profile") or "same")
    if not config.getoption("--headed"):
        os.environ["QT_QPA_PLATFORM"] = "offscreen"


@pytest.fixture(scope="session")
def window_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A person's folder with two tiny generators, ready for fast steering."""
    home = tmp_path_factory.mktemp("home")
    # In a process of its own: torch in the window's process is what these tests guard against.
    script = (
        "import sys; from pathlib import Path; from tests.tiny import tiny_card\n"
        "from engine.client import EngineClient; from engine.messages import ImportRequest\n"
        "models = Path(sys.argv[1]) / 'models'; models.mkdir()\n"
        "tiny_card(models / 'tiny.safetensors')\n"
        "tiny_card(models / 'kinds.safetensors', name='kinds', seed=1, c_dim=3)\n"
        "client = EngineClient(lambda event: None, local=True)\n"
        "for name in ('tiny', 'kinds'):\n"
        "    client.run(ImportRequest(str(models / (name + '.safetensors'))))\n"
    )
    environment = {**os.environ, "LODESTONE_HOME": str(home)}
    subprocess.run(
        [sys.executable, "-c", script, str(home)],
        check=True,
        env=environment,
        cwd=Path(__file__).parent.parent,
        capture_output=True,
    )
    return home


@pytest.fixture
def person(window_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same two generators in a folder where nothing has happened yet."""
    home = tmp_path / "home"
    home.mkdir()
    for name in ("models", "cache"):
        (home / name).symlink_to(window_home / name, target_is_directory=True)
    monkeypatch.setenv("LODESTONE_HOME", str(home))
    return home


@pytest.fixture
def make_window(
    qtbot: QtBot, person: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], MainWindow]]:
    """Builds main windows on the real engine; closes them afterwards."""
    from PySide6.QtCore import QSettings, QStandardPaths

    from app import theme
    from app.inbox import Inbox
    from app.link import EngineLink
    from app.window import MainWindow
    from engine.client import EngineClient

    QStandardPaths.setTestModeEnabled(True)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    QSettings.setPath(
        QSettings.Format.NativeFormat, QSettings.Scope.UserScope, str(tmp_path / "settings")
    )
    made: list[MainWindow] = []

    def make() -> MainWindow:
        from PySide6.QtWidgets import QApplication

        app = QApplication.instance()
        assert isinstance(app, QApplication)
        app.setOrganizationName("lodestone-tests")
        theme.apply(app)
        inbox = Inbox()
        client = EngineClient(inbox)
        client.start()
        window = MainWindow(EngineLink(client, inbox))
        made.append(window)
        qtbot.addWidget(window)
        with qtbot.waitExposed(window):
            window.show()
        return window

    yield make
    for window in made:
        window.close()


@pytest.fixture
def window(make_window: Callable[[], MainWindow]) -> MainWindow:
    """A main window on its start page."""
    return make_window()


@pytest.fixture
def steering(window: MainWindow, qtbot: QtBot) -> MainWindow:
    """A window that shows a picture of the generator with three kinds."""
    open_model(window, qtbot, "kinds")
    return window


def open_model(window: MainWindow, qtbot: QtBot, name: str) -> None:
    """Open a generator and wait for its first painted picture."""
    window.page("steer")
    with qtbot.waitSignal(window.steer.canvas.painted, timeout=60_000):
        window.opener.open_model(name)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """120 x 80 pixels of smooth colour with a square in it."""
    import numpy as np
    from PIL import Image

    ys, xs = np.mgrid[:80, :120]
    pixels = np.stack([xs * 2, ys * 3, 255 - xs], axis=-1).astype(np.uint8)
    pixels[20:40, 30:60] = (220, 40, 30)
    path = tmp_path / "photo.png"
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def make_page(qtbot: QtBot, tmp_path: Path) -> Iterator[Callable[..., PicturePage]]:
    """Picture pages, on a quick stand-in or on the `real` engine in a thread of this process."""
    from PySide6.QtWidgets import QApplication

    from app import theme
    from app.inbox import Inbox
    from app.jobs import Jobs
    from app.link import EngineLink
    from app.panels.picture import PicturePage
    from engine.client import EngineClient

    app = QApplication.instance()
    assert isinstance(app, QApplication)
    theme.apply(app)
    links: list[EngineLink] = []

    def make(real: bool = False) -> PicturePage:
        inbox = Inbox()
        client = (
            EngineClient(inbox, local=True)
            if real
            else EngineClient(
                inbox,
                local=True,
                studio="tests.sketcher:Sketcher",
                jobs="tests.sketcher:run_job",
            )
        )
        client.start()
        link = EngineLink(client, inbox)
        links.append(link)
        page = PicturePage(link, Jobs(link), tmp_path / "models")
        page.resize(1280, 760)
        qtbot.addWidget(page)
        with qtbot.waitExposed(page):
            page.show()
        return page

    yield make
    for link in links:
        link.close()


@pytest.fixture
def page(make_page: Callable[..., PicturePage], photo: Path, qtbot: QtBot) -> PicturePage:
    """A Picture page on which all variations of the photo are drawn."""
    from tests.pages import finish

    made = make_page()
    made.open_picture(str(photo))
    finish(made, qtbot)
    return made
