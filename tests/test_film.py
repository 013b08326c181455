"""Films and picture series: exact counts and rates, bounded memory, nothing half-made."""

from __future__ import annotations

import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from engine import film
from engine.messages import LatentPart, LodestoneError, RenderRequest, SteerRequest
from engine.pictures import read_state
from engine.progress import Cancelled, Progress, Report
from engine.sinks import frame_rate, playable_frames
from engine.steer.render import render
from tests import small


def keys(count: int) -> tuple[SteerRequest, ...]:
    return tuple(SteerRequest(small.info().id, (LatentPart(seed=seed),)) for seed in range(count))


def run(request: RenderRequest, progress: Progress | None = None) -> str:
    return film.run(request, progress, small.runtime())


def decoded(path: str | Path) -> tuple[int, Fraction, list[float], np.ndarray]:
    """Frames, rate, times of the frames, first frame as RGB."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = [(float(f.time or 0.0), f) for f in container.decode(stream)]
        first = frames[0][1].to_ndarray(format="rgb24")
        rate = stream.average_rate
        assert rate is not None
        return len(frames), rate, [time for time, _ in frames], first


@pytest.mark.parametrize(
    ("fps", "exact"),
    [
        (12.5, Fraction(25, 2)),
        (23.976, Fraction(24000, 1001)),
        (29.97, Fraction(30000, 1001)),
        (30, Fraction(30)),
        (59.94, Fraction(60000, 1001)),
        (60.0, Fraction(60)),
        (7.25, Fraction(29, 4)),
        (24000 / 1001, Fraction(24000, 1001)),
    ],
)
def test_frame_rate(fps: float, exact: Fraction) -> None:
    assert frame_rate(fps) == exact


@pytest.mark.parametrize("fps", [0.0, -1.0, 1e9, float("nan")])
def test_impossible_rates(fps: float) -> None:
    with pytest.raises(LodestoneError):
        frame_rate(fps)


@pytest.mark.parametrize("kind", ["mp4", "webm"])
@pytest.mark.parametrize("fps", [12.5, 23.976, 30.0])
def test_count_and_rate_are_exact(tmp_path: Path, kind: str, fps: float) -> None:
    out = tmp_path / f"fïlm.{kind}"
    request = RenderRequest(keys(3), str(out), kind, fps, steps_between=13)  # type: ignore[arg-type]
    assert run(request) == str(out)
    count, rate, times, first = decoded(out)
    assert (count, rate) == (27, frame_rate(fps))
    expected = [float(index / rate) for index in range(27)]
    # webm keeps milliseconds.
    np.testing.assert_allclose(times, expected, atol=0.0006)
    shown = np.clip(render(keys(1)[0], small.runtime())[0] * 127.5 + 128, 0, 255)
    # 4:2:0 and a quality setting lie between; red and blue must not be swapped.
    difference = np.abs(first - shown.transpose(1, 2, 0)).mean()
    swapped = np.abs(first[..., ::-1] - shown.transpose(1, 2, 0)).mean()
    assert difference < min(30.0, swapped)
    assert os.listdir(tmp_path) == [out.name]


def test_keyframes_and_loop() -> None:
    frames = keys(3)
    open_end = RenderRequest(frames, "x", steps_between=4)
    assert film.frame_count(open_end) == 9
    assert [film.frame_at(open_end, i) for i in (0, 4, 8)] == list(frames)
    loop = RenderRequest(frames, "x", steps_between=4, loop=True)
    assert film.frame_count(loop) == 12
    last = film.frame_at(loop, 11)
    assert last not in frames
    assert film.morph(frames[2], frames[0], 0.75) == last
    assert film.frame_count(RenderRequest(frames, "x")) == 3
    with pytest.raises(LodestoneError):
        film.frame_count(RenderRequest((), "x"))


def test_npy_is_one_raw_float_array(tmp_path: Path) -> None:
    path = run(RenderRequest(keys(5), str(tmp_path), "npy"))
    array = np.load(path)
    assert (array.shape, array.dtype) == ((5, 3, 32, 32), np.dtype("<f4"))
    expected = np.concatenate([render(key, small.runtime()) for key in keys(5)])
    np.testing.assert_array_equal(array, expected)
    assert np.abs(array).max() > 1.0  # before clamping
    assert run(RenderRequest(keys(1), str(tmp_path / "b.npy"), "npy")).endswith("b.npy")
    assert len(np.load(tmp_path / "b.npy")) == 1


def test_png_series_with_names_goes_on_where_it_stopped(tmp_path: Path) -> None:
    request = RenderRequest(keys(4), str(tmp_path / "ö"), names=("a", "b", "c", "ü"))
    run(request)
    folder = tmp_path / "ö"
    assert sorted(os.listdir(folder)) == ["a.png", "b.png", "c.png", "ü.png"]
    assert [read_state(folder / f"{n}.png") for n in request.names] == list(request.frames)
    (folder / "b.png").unlink()
    (folder / "c.png").write_bytes((folder / "a.png").read_bytes())  # another picture's recipe
    before = {name: (folder / f"{name}.png").stat().st_mtime_ns for name in ("a", "ü")}
    run(request)
    assert {n: (folder / f"{n}.png").stat().st_mtime_ns for n in ("a", "ü")} == before
    assert [read_state(folder / f"{n}.png") for n in request.names] == list(request.frames)


@pytest.mark.parametrize("names", [("a", "a"), ("a",), ("../a", "b"), ("", "b"), ("a/b", "c")])
def test_bad_names(tmp_path: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(LodestoneError):
        run(RenderRequest(keys(2), str(tmp_path), names=names))


def cancel_after(count: int) -> Progress:
    progress = Progress(lambda report: reports.append(report) or maybe(report))
    reports: list[Report] = []

    def maybe(report: Report) -> None:
        if len(reports) > count:
            progress.cancel()

    return progress


def test_cancelled_film_is_a_shorter_film_beside(tmp_path: Path) -> None:
    out = tmp_path / "a.mp4"
    with pytest.raises(Cancelled):
        run(RenderRequest(keys(3), str(out), "mp4", steps_between=50), cancel_after(20))
    assert os.listdir(tmp_path) == ["a.incomplete.mp4"]
    count, rate, _, _ = decoded(tmp_path / "a.incomplete.mp4")
    assert (count, rate) == (20, 30)


def test_cancelled_at_once_leaves_nothing(tmp_path: Path) -> None:
    progress = Progress()
    progress.cancel()
    for kind in ("mp4", "webm", "npy"):
        with pytest.raises(Cancelled):
            run(RenderRequest(keys(2), str(tmp_path / f"a.{kind}"), kind), progress)  # type: ignore[arg-type]
    assert os.listdir(tmp_path) == []


def test_cancelled_array_keeps_whole_pictures(tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        run(RenderRequest(keys(9), str(tmp_path / "a.npy"), "npy"), cancel_after(3))
    assert os.listdir(tmp_path) == ["a.incomplete.npy"]
    assert np.load(tmp_path / "a.incomplete.npy").shape == (3, 3, 32, 32)


def test_cancelled_series_keeps_its_pictures(tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        run(RenderRequest(keys(9), str(tmp_path)), cancel_after(3))
    assert sorted(os.listdir(tmp_path)) == ["00000.png", "00001.png", "00002.png"]


def test_earlier_film_survives_a_cancel(tmp_path: Path) -> None:
    out = tmp_path / "a.mp4"
    run(RenderRequest(keys(2), str(out), "mp4"))
    whole = out.read_bytes()
    with pytest.raises(Cancelled):
        run(RenderRequest(keys(9), str(out), "mp4"), cancel_after(3))
    assert out.read_bytes() == whole


FULL_DISK = """
import resource, sys
from tests.test_film import keys, run
from engine.messages import LodestoneError, RenderRequest
out, kind, limit = sys.argv[1], sys.argv[2], int(sys.argv[3])
frames = keys(4)
from tests import small
small.runtime()
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
try:
    run(RenderRequest(frames, out, kind, steps_between=60))
except LodestoneError as error:
    print(error.sentence)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="RLIMIT_FSIZE")
@pytest.mark.parametrize(
    ("kind", "limit"), [("mp4", 10_000), ("webm", 12_000), ("npy", 40_000), ("png", 1_500)]
)
def test_full_disk_is_a_sentence_and_keeps_what_there_is(
    tmp_path: Path, kind: str, limit: int
) -> None:
    """A file size limit stands in for a full disk: both make the write itself fail."""
    small.info()
    out = tmp_path / ("series" if kind == "png" else f"a.{kind}")
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(out), kind, str(limit)],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1],
        env={**os.environ, "LODESTONE_TEST_SMALL": str(small.folder())},
    )  # fmt: skip
    assert "the disk is full. Free some space" in done.stdout
    if kind == "png":
        # 32 px pictures of noise need more than the limit: none is left half-written.
        assert os.listdir(out) == []
        return
    assert os.listdir(tmp_path) == [f"a.incomplete.{kind}"]
    kept = tmp_path / f"a.incomplete.{kind}"
    assert str(kept) in done.stdout
    if kind == "npy":
        assert np.load(kept).shape == (3, 3, 32, 32)
    else:
        assert playable_frames(kept) >= 10
        assert decoded(kept)[0] == playable_frames(kept)


def test_folders_that_cannot_be_written(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    for kind in ("png", "npy", "mp4", "webm"):
        for out in (blocked / "inside", Path("/proc/nowhere")):
            with pytest.raises(LodestoneError, match="could not be written"):
                run(RenderRequest(keys(1), str(out), kind))  # type: ignore[arg-type]
    assert blocked.read_text() == "in the way"


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere"
)
def test_read_only_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(LodestoneError, match="read-only"):
            run(RenderRequest(keys(1), str(tmp_path), "png"))
    finally:
        tmp_path.chmod(0o700)


def test_progress_tells_and_shows(tmp_path: Path) -> None:
    reports: list[Report] = []
    run(
        RenderRequest(keys(3), str(tmp_path / "a.mp4"), "mp4", steps_between=5),
        Progress(reports.append),
    )
    fractions = [report.fraction for report in reports]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)
    shown = [report.preview for report in reports if report.preview]
    assert shown
    assert shown[0].array().shape == (32, 32, 4)


def test_a_thousand_frames_do_not_grow(tmp_path: Path) -> None:
    import psutil

    sizes: list[int] = []
    look = Progress(lambda _report: sizes.append(psutil.Process().memory_info().rss))
    run(RenderRequest(keys(10), str(tmp_path / "a.mp4"), "mp4", steps_between=100, loop=True), look)
    assert decoded(tmp_path / "a.mp4")[0] == 1000
    assert max(sizes[20:]) - sizes[20] < 60 << 20


def test_two_generators_in_one_film_are_refused(tmp_path: Path) -> None:
    mixed = (SteerRequest("a"), SteerRequest("b"))
    with pytest.raises(LodestoneError, match="different generators"):
        film.run(RenderRequest(mixed, str(tmp_path)))


def test_from_a_card_that_is_not_on_the_shelf(tmp_path: Path) -> None:
    request = RenderRequest(keys(1), str(tmp_path), source=small.info().path)
    assert film.run(request) == str(tmp_path)
    other = RenderRequest((SteerRequest("0" * 64),), str(tmp_path), source=small.info().path)
    with pytest.raises(LodestoneError, match="not the generator"):
        film.run(other)
