"""Films keep their frames, times and sound; GIF, WebP and APNG theirs."""

from __future__ import annotations

import os
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from engine.messages import LodestoneError, UpscaleRequest, UpscaleSettings
from engine.progress import Cancelled, Progress, Report
from engine.upscale.films import exactly
from engine.upscale.run import run
from tests.upscalers import bytes_of, photo, tiny_upscaler

COUNT = 9
RATE = Fraction(30000, 1001)
SIZE = (65, 43)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> UpscaleSettings:
    # Little strength: a random network shall not hide the colours that are compared.
    model = tiny_upscaler(tmp_path_factory.mktemp("model"))
    return UpscaleSettings(model=str(model), strength=0.05)


def film(
    path: Path,
    sound: str = "aac",
    codec: str = "libx264",
    uneven: bool = False,
    count: int = COUNT,
) -> Path:
    """Nine frames of an odd size, and a quarter of a second of sound."""
    with av.open(str(path), "w") as container:
        video: Any = container.add_stream(codec, rate=RATE)
        video.width, video.height = SIZE
        video.pix_fmt = "yuv444p" if codec == "libx264" else "yuv420p"
        audio: Any = container.add_stream(sound, rate=48000) if sound else None
        if audio is not None:
            audio.layout = "stereo"
        for index in range(count):
            picture = photo(SIZE[1], SIZE[0])
            picture[10:20, 5 * (index % COUNT) : 5 * (index % COUNT) + 8] = 1
            frame = av.VideoFrame.from_ndarray(bytes_of(picture), format="rgb24")
            frame.pts = index + (index * index // 4 if uneven else 0)
            frame.time_base = 1 / RATE
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None:
            for index in range(12):
                wave = np.sin(np.arange(1024) * 0.05 + index).astype(np.float32) * 0.3
                sound_frame = av.AudioFrame.from_ndarray(
                    wave[None].repeat(2, 0), format="fltp", layout="stereo"
                )
                sound_frame.sample_rate, sound_frame.pts = 48000, index * 1024
                container.mux(audio.encode(sound_frame))
            container.mux(audio.encode(None))
    return path


def seen(path: Path) -> tuple[tuple[int, int], list[float], np.ndarray]:
    """Size, times in seconds, mean colour."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
        times = [frame.time or 0.0 for frame in frames]
        colours = [
            frame.reformat(format="rgb24", interpolation=exactly()).to_ndarray().mean((0, 1))
            for frame in frames
        ]
        return (frames[0].width, frames[0].height), times, np.mean(colours, axis=0)


def heard(path: Path) -> bytes:
    with av.open(str(path)) as container:
        packets = container.demux(container.streams.audio)
        return b"".join(bytes(packet) for packet in packets if packet.dts is not None)


@pytest.mark.parametrize(
    ("name", "sound", "codec", "uneven"),
    [
        ("a.mp4", "aac", "libx264", False),
        ("uneven.mkv", "aac", "libx264", True),
        ("w.webm", "libopus", "libvpx-vp9", False),
        ("silent.mov", "", "libx264", False),
    ],
)
def test_frames_times_and_sound_are_kept(
    name: str, sound: str, codec: str, uneven: bool, settings: UpscaleSettings, tmp_path: Path
) -> None:
    source = film(tmp_path / name, sound, codec, uneven)
    said: list[Report] = []
    request = UpscaleRequest((str(source),), str(tmp_path / "out"), settings)
    made = Path(run(request, Progress(said.append)))
    assert made == tmp_path / "out" / name
    (size, times, colours), (_, before, own) = seen(made), seen(source)
    # Odd sides: the last row and column again.
    assert size == (196, 130)
    assert len(times) == COUNT
    assert times == pytest.approx(before, abs=0.0011)
    assert np.abs(colours - own).max() < 0.6
    if sound:
        assert heard(made) == heard(source) != b""
    assert any(report.message.startswith(f"{name}: frame 5") for report in said)
    assert os.listdir(tmp_path / "out") == [name]


def test_old_kinds_become_mkv(settings: UpscaleSettings, tmp_path: Path) -> None:
    source = film(tmp_path / "old.avi", "mp3", "mpeg4")
    made = Path(run(UpscaleRequest((str(source),), str(tmp_path / "out"), settings), Progress()))
    assert made.name == "old.mkv"
    assert len(seen(made)[1]) == COUNT
    assert heard(made) == heard(source)


class Killed(BaseException):
    """As abrupt as the end of a process."""


def stopping(at: int, kill: bool = False) -> Progress:
    """Stops once frame `at` is made."""
    progress = Progress()

    def report(report: Report) -> None:
        if f"frame {at} " in report.message:
            if kill:
                raise Killed
            progress.cancel()

    progress._report = report
    return progress


@pytest.mark.parametrize("kill", [False, True])
def test_a_stopped_film_goes_on_where_it_was(
    kill: bool, settings: UpscaleSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.upscale.moving.SEGMENT_MOST", 3)
    source = film(tmp_path / "a.mkv", uneven=True)
    out = tmp_path / "out"
    request = UpscaleRequest((str(source),), str(out), settings)
    with pytest.raises((Cancelled, Killed)):
        run(request, stopping(6, kill))
    parts = out / "a.mkv.unfinished"
    assert os.listdir(out) == ["a.mkv.unfinished"]
    # A cancelled one has kept what was begun; a killed one lost that, and left crumbs.
    done = 3 if kill else 5
    assert len(list(parts.glob("*.npz"))) == (1 if kill else 2)
    if kill:
        (parts / "segment.part").write_bytes(b"half")
    said: list[Report] = []
    made = Path(run(request, Progress(said.append)))
    assert os.listdir(out) == ["a.mkv"]
    worked = [r.message for r in said if "a.mkv: frame" in r.message]
    assert len(worked) == COUNT - done
    assert any(f"going on at frame {done + 1}" in r.message for r in said)
    size, times, colours = seen(made)
    assert times == pytest.approx(seen(source)[1], abs=0.0011)
    assert heard(made) == heard(source)
    # The same as in one go.
    whole = Path(run(UpscaleRequest((str(source),), str(tmp_path / "whole"), settings), Progress()))
    assert seen(whole)[:2] == (size, times)
    assert np.abs(seen(whole)[2] - colours).max() < 0.3


def test_other_settings_and_damage_begin_anew(
    settings: UpscaleSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.upscale.moving.SEGMENT_MOST", 2)
    source = film(tmp_path / "a.mp4")
    out = tmp_path / "out"

    def stopped_and_again(again: UpscaleSettings, damage: bool) -> int:
        """Frames that had to be made."""
        with pytest.raises(Cancelled):
            run(UpscaleRequest((str(source),), str(out), settings), stopping(7))
        if damage:
            (out / "a.mp4.unfinished" / "000000002.npz").write_bytes(b"PK damaged")
        said: list[Report] = []
        run(UpscaleRequest((str(source),), str(out), again), Progress(said.append))
        assert os.listdir(out) == ["a.mp4"]
        return sum("a.mp4: frame" in report.message for report in said)

    assert stopped_and_again(settings, damage=False) == COUNT - 6
    assert stopped_and_again(settings, damage=True) == COUNT - 2
    assert stopped_and_again(replace(settings, scale=2), damage=False) == COUNT


def test_a_full_disk_costs_only_the_last_frames(
    settings: UpscaleSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = film(tmp_path / "a.mp4")
    request = UpscaleRequest((str(source),), str(tmp_path / "out"), settings)

    def full(_file: int) -> None:
        raise OSError(28, "No space left on device")

    def full_later(_source: Path, unfinished: Any, *_more: Any) -> None:
        unfinished.part.write_bytes(b"half a film")
        full(0)

    with monkeypatch.context() as patch:
        patch.setattr("engine.upscale.segments.os.fsync", full)
        with pytest.raises(LodestoneError, match="the disk is full"):
            run(request, Progress())
        assert os.listdir(tmp_path / "out") == []
    with monkeypatch.context() as patch:
        patch.setattr("engine.upscale.moving.join", full_later)
        with pytest.raises(LodestoneError, match="the disk is full"):
            run(request, Progress())
        assert os.listdir(tmp_path / "out") == ["a.mp4.unfinished"]
        assert not list(tmp_path.rglob("*.part"))
    said: list[Report] = []
    assert len(seen(Path(run(request, Progress(said.append))))[1]) == COUNT
    assert not any("a.mp4: frame" in report.message for report in said)
    assert os.listdir(tmp_path / "out") == ["a.mp4"]


def test_subtitles_stay_where_they_can(settings: UpscaleSettings, tmp_path: Path) -> None:
    words = tmp_path / "words.srt"
    words.write_text("1\n00:00:00,100 --> 00:00:00,200\nA hare.\n\n")
    source = tmp_path / "said.mkv"
    with (
        av.open(str(film(tmp_path / "a.mkv", codec="mpeg4"))) as pictures,
        av.open(str(words)) as lines,
        av.open(str(source), "w") as container,
    ):
        ins = [*pictures.streams, *lines.streams]
        outs = {stream: container.add_stream_from_template(stream) for stream in ins}
        outs[lines.streams[0]].metadata["language"] = "fin"
        for packet in [*lines.demux(), *pictures.demux()]:
            if packet.dts is not None:
                packet.stream = outs[packet.stream]
                container.mux(packet)
    said: list[Report] = []

    def made(name: str) -> Any:
        request = UpscaleRequest((str(source),), str(tmp_path / name), settings)
        return av.open(run(request, Progress(said.append)))

    with made("kept.mkv") as container:
        (stream,) = container.streams.subtitles
        assert stream.metadata["language"] == "fin"
        texts = [bytes(packet) for packet in container.demux(stream) if packet.dts is not None]
        assert texts == [b"A hare."]
    assert not any("subtitles" in report.message for report in said)
    with made("left.mp4") as container:
        assert not container.streams.subtitles
        assert container.streams.audio
    assert any("subtitles of said.mkv do not fit into a .mp4" in r.message for r in said)


def test_a_film_without_frames(settings: UpscaleSettings, tmp_path: Path) -> None:
    source = tmp_path / "empty.mkv"
    with av.open(str(source), "w") as container:
        video: Any = container.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio: Any = container.add_stream("aac", rate=48000)
        audio.layout = "mono"
        silence = np.zeros((1, 1024), np.float32)
        frame = av.AudioFrame.from_ndarray(silence, format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 48000, 0
        container.mux(audio.encode(frame))
        container.mux(audio.encode(None))
    with pytest.raises(LodestoneError, match="no frames"):
        run(UpscaleRequest((str(source),), str(tmp_path / "out"), settings), Progress())
    assert os.listdir(tmp_path / "out") == []


def test_films_that_are_none(settings: UpscaleSettings, tmp_path: Path) -> None:
    (tmp_path / "noise.mp4").write_bytes(bytes(range(256)) * 20)
    with av.open(str(tmp_path / "sound.mkv"), "w") as container:
        audio: Any = container.add_stream("aac", rate=48000)
        audio.layout = "mono"
        wave = np.zeros((1, 1024), np.float32)
        frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 48000, 0
        container.mux(audio.encode(frame))
        container.mux(audio.encode(None))
    film(tmp_path / "a.mp4")
    for name, out, words in (
        ("noise.mp4", "out", "not a film that can be read"),
        ("sound.mkv", "out", "no moving picture"),
        ("none.mp4", "out", "There is no file"),
        ("a.mp4", "a.png", "a .png file does not"),
        ("a.mp4", "a.mp4", "overwritten by its own"),
    ):
        request = UpscaleRequest((str(tmp_path / name),), str(tmp_path / out), settings)
        with pytest.raises(LodestoneError, match=words):
            run(request, Progress())
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize(("name", "kind"), [("g.gif", "GIF"), ("w.webp", "WEBP"), ("p.png", "PNG")])
def test_moving_pictures(name: str, kind: str, settings: UpscaleSettings, tmp_path: Path) -> None:
    clear = bytes_of(photo(24, 30, 4))
    clear[..., 3] = np.where(np.arange(30) < 15, 255, 0)
    frames = [Image.fromarray(np.roll(clear, 3 * i, axis=1)) for i in range(5)]
    times = [50, 80, 120, 40, 90]
    options = {"duration": times, "loop": 3, "save_all": True, "append_images": frames[1:]}
    frames[0].save(tmp_path / name, kind, disposal=2, **options)
    made = Path(run(UpscaleRequest((str(tmp_path / name),), str(tmp_path / "out"), settings,
                                   "png"), Progress()))  # fmt: skip
    assert made.name == name
    with Image.open(made) as image:
        assert (image.size, getattr(image, "n_frames", 1)) == ((90, 72), 5)
        found = []
        for index in range(5):
            image.seek(index)
            alpha = np.asarray(image.convert("RGBA"))[..., 3]
            assert 0.4 < (alpha > 127).mean() < 0.6
            found.append(image.info["duration"])
        assert found == times
        assert image.info["loop"] == 3
