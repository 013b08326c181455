"""The client with the real engine on a real, tiny generator: nothing here is a stand-in."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from engine.client import EngineClient
from engine.messages import (
    Edit,
    EngineStatus,
    Event,
    ExportRequest,
    Failure,
    Frame,
    ImportRequest,
    JobUpdate,
    LatentPart,
    ModelOpened,
    ModelsListed,
    SteerRequest,
    Thumbnail,
    ThumbnailsRequest,
)
from tests.test_client import Ears, live_pid
from tests.tiny import tiny_card


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A person's folder with one generator whose fast path is still to be made."""
    folder = tmp_path_factory.mktemp("Zuhause ö")
    (folder / "models").mkdir()
    tiny_card(folder / "models" / "tiny.safetensors")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LODESTONE_HOME", str(folder))
        yield folder


@pytest.fixture(scope="module")
def opened(home: Path) -> ModelOpened:
    """The tiny generator after its first opening (which exports it, in the job worker)."""
    ears = Ears()
    with EngineClient(ears) as client:
        client.open_model("tiny")
        return ears.wait(ModelOpened, seconds=120.0)


def request(opened: ModelOpened, seed: int = 1, amount: float = 0.0) -> SteerRequest:
    edits = (Edit(opened.directions[0], amount),) if amount else ()
    return SteerRequest(opened.info.id, (LatentPart(seed=seed),), edits=edits)


def uses_torch(pid: int) -> bool:
    return "libtorch" in Path(f"/proc/{pid}/maps").read_text()


def test_a_model_opens_with_directions_and_the_fast_path(opened: ModelOpened) -> None:
    assert opened.info.name == "tiny"
    assert opened.provider.startswith("ONNX Runtime")
    assert opened.directions
    assert all(direction.method == "sefa" for direction in opened.directions)


def test_live_pictures_are_those_of_the_same_engine_in_process(opened: ModelOpened) -> None:
    ears = Ears()
    with EngineClient(ears) as client:
        client.open_model("tiny")
        ears.wait(ModelOpened)
        assert not uses_torch(live_pid(client))
        frames = {}
        for amount in (0.0, 3.0):
            stamp = client.show(request(opened, amount=amount))
            frame = ears.wait(Frame, lambda f, s=stamp: f.stamp == s)
            assert frame.shape == (16, 16, 4)
            frames[amount] = client.pixels(frame).copy()
            client.release(frame)
        assert np.ptp(frames[0.0][..., :3]) > 20  # a picture, not a flat field
        assert (frames[0.0] != frames[3.0]).any()
        here = client.run(request(opened, amount=3.0))
        assert isinstance(here, np.ndarray)
        assert np.abs(here.astype(int) - frames[3.0].astype(int))[..., :3].max() <= 1
        client.thumbnails(
            ThumbnailsRequest(tuple(request(opened, seed) for seed in range(4)), 8), "gallery"
        )
        thumb = ears.wait(Thumbnail, lambda t: t.index == 3)
        assert (thumb.picture.width, thumb.picture.height) == (8, 8)


def test_latest_wins_with_a_real_generator(opened: ModelOpened) -> None:
    ears = Ears()
    holder: list[EngineClient] = []

    def heard(event: Event) -> None:
        if isinstance(event, Frame):
            holder[0].release(event)
        ears(event)

    client = EngineClient(heard)
    holder.append(client)
    with client:
        client.open_model("tiny")
        ears.wait(ModelOpened)
        last = 0
        for number in range(250):
            last = client.show(request(opened, amount=number / 50.0 + 0.01))
            time.sleep(0.008)
        ears.wait(Frame, lambda frame: frame.stamp == last, seconds=5.0)
        stamps = [frame.stamp for frame in ears.all(Frame)]
    assert stamps == sorted(set(stamps))
    assert stamps[-1] == last


def test_kill_9_brings_back_the_same_picture(opened: ModelOpened) -> None:
    ears = Ears()
    with EngineClient(ears) as client:
        client.open_model("tiny")
        ears.wait(ModelOpened)
        client.show(request(opened, seed=5, amount=2.0))
        first = ears.wait(Frame)
        before = client.pixels(first)
        os.kill(live_pid(client), signal.SIGKILL)
        ears.wait(EngineStatus, lambda s: s.state == "restarting")
        again = ears.wait(Frame, lambda f: f.memory != first.memory)
        assert (client.pixels(again) == before).all()


def test_bad_requests_are_sentences(opened: ModelOpened) -> None:
    ears = Ears()
    with EngineClient(ears) as client:
        client.open_model("no such model")
        assert "no such model" in ears.wait(Failure, lambda f: f.key == "model").sentence
        client.show(SteerRequest(opened.info.id, (LatentPart(seed=-1),)))
        assert "-1" in ears.wait(Failure, lambda f: f.key == "canvas").sentence
        client.list_models()
        assert "tiny" in [info.name for info in ears.wait(ModelsListed).models]


def test_jobs_import_and_export(home: Path, tmp_path: Path) -> None:
    tiny_card(tmp_path / "other.safetensors", "other", seed=1, c_dim=2)
    ears = Ears()
    with EngineClient(ears) as client:
        client.submit(ImportRequest(str(tmp_path / "other.safetensors"), "Andere"))
        client.submit(ExportRequest("tiny", str(tmp_path / "tiny.onnx")))
        client.submit(ImportRequest(str(tmp_path / "absent.pkl")))
        update = ears.wait(JobUpdate, lambda u: u.state == "failed", seconds=200.0)
        assert isinstance(update.request, ImportRequest)
        assert "absent.pkl" in update.message
        assert len([u for u in ears.all(JobUpdate) if u.state == "done"]) == 2
        assert (tmp_path / "tiny.onnx").stat().st_size > 1000
        client.open_model("Andere")
        assert ears.wait(ModelOpened).info.c_dim == 2
