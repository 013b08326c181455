"""Training a pyramid: a budget, a kill, a hole, the smallest pictures."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from engine.backend import available_cores
from engine.messages import LodestoneError, PictureRecipe, PictureTrainRequest, Vector
from engine.picture.answers import by_pyramid
from engine.picture.pyramid import store
from engine.picture.pyramid.critic import directions, sliced
from engine.picture.pyramid.level import LevelTrainer, _spread, target
from engine.picture.pyramid.opened import finished
from engine.picture.pyramid.recipe import Recipe
from engine.picture.pyramid.record import Recorded
from engine.picture.pyramid.sample import draw, pyramid_available, sample
from engine.picture.pyramid.schedule import levels_for, steps_for
from engine.picture.pyramid.train import train
from engine.progress import Cancelled, Progress, Report
from models.files import load_model
from models.pyramid import Config

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def one_speed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of known speed, so that a second means as many steps everywhere."""
    monkeypatch.setenv("LODESTONE_HOME", str(tmp_path / "home"))
    threads, version = max(1, available_cores() - 1), torch.__version__
    speeds = {f"cpu-{threads}-32-{count}-{version}": [0.01, 1e-5] for count in (1, 2)}
    (tmp_path / "home" / "cache").mkdir(parents=True)
    (tmp_path / "home" / "cache" / "pyramid-speed.json").write_text(json.dumps(speeds))


def picture(path: Path, height: int = 24, width: int = 32, seed: int = 0) -> str:
    """Smooth stripes with grain."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = np.sin(x / 3.0 + seed) + np.cos(y / 4.0)
    pixels = 128 + 50 * waves[..., None] + random.normal(0, 12, (height, width, 3))
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)
    return str(path)


def request(tmp_path: Path, out: str = "m", **values: object) -> PictureTrainRequest:
    sources = values.pop("sources", None) or (picture(tmp_path / "a.png"),)
    plain: dict[str, object] = {"seconds": 0.7, "longest": 32, "device": "cpu"}
    return PictureTrainRequest(sources, str(tmp_path / out), **(plain | values))  # type: ignore


def layered(tmp_path: Path, out: str, **values: object) -> PictureTrainRequest:
    """A picture large enough for two levels."""
    source = picture(tmp_path / "large.png", 40, 50)
    return request(tmp_path, out, sources=(source,), longest=50, **values)


def weights(path: str) -> dict[str, np.ndarray]:
    return load_model(path)[1]


def same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


# ---------------------------------------------------------------- budget


def test_a_longer_budget_is_more_steps_and_most_time_goes_to_fine_levels() -> None:
    sizes = [(64, 96)]
    shares = levels_for(sizes, 120.0)
    few = steps_for(60.0, sizes, shares, (0.005, 2e-5), 128)
    many = steps_for(120.0, sizes, shares, (0.005, 2e-5), 128)
    assert all(a < b for a, b in zip(few[2:], many[2:], strict=True))
    assert few[0] > few[-1]
    prices = [0.005 + 2e-5 * 64 * 96 * share**2 for share in shares]
    seconds = sum(a * b for a, b in zip(many, prices, strict=True))
    assert 90 < seconds < 108


# ---------------------------------------------------------------- training


def test_training_learns_the_picture_and_draws_new_ones(tmp_path: Path) -> None:
    reports: list[Report] = []
    path = train(request(tmp_path, seconds=4.0), Progress(reports.append))
    card, _ = load_model(path)
    levels = card.training["levels"]
    assert levels[-1]["rebuild_db"] > 20
    assert levels[0]["sliced"] < levels[0]["untrained"] / 3
    assert card.parity is not None
    assert card.parity < 1e-3
    assert card.training["device"] == "CPU"
    assert any("GB of memory" in report.message for report in reports)
    assert any(report.preview is not None for report in reports)
    assert any(dict(report.figures).get("SWD") for report in reports)
    *_, (_, _, drawn) = sample(path, PictureRecipe("", seed=1))
    assert drawn.shape == (24, 32, 3)
    assert drawn.std() > 0.05
    assert not store.folder_of(Path(path)).exists()


def test_one_core_is_left_for_the_window(tmp_path: Path) -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(available_cores() + 3)
        train(request(tmp_path), Progress())
        assert torch.get_num_threads() == max(1, available_cores() - 1)
    finally:
        torch.set_num_threads(before)


def test_the_same_seed_is_the_same_pyramid(tmp_path: Path) -> None:
    one, two = (train(request(tmp_path, out), Progress()) for out in ("one", "two"))
    other = train(request(tmp_path, "other", seed=1), Progress())
    assert same(weights(one), weights(two))
    assert not same(weights(one), weights(other))


def test_a_killed_training_goes_on_and_ends_the_same_to_the_bit(tmp_path: Path) -> None:
    whole = train(layered(tmp_path, "whole", seconds=2.0), Progress())
    wanted = layered(tmp_path, "killed", seconds=2.0)
    code = (
        "from engine.messages import PictureTrainRequest\n"
        "from engine.picture.pyramid.train import train\n"
        "from engine.progress import Progress\n"
        f"train({wanted!r}, Progress())\n"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    child = subprocess.Popen([sys.executable, "-c", code], env=env)
    first = tmp_path / "killed.training" / "level-0.safetensors"
    while not first.exists() and child.poll() is None:
        time.sleep(0.005)
    time.sleep(0.05)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert first.exists()
    assert not (tmp_path / "killed.training" / "level-1.safetensors").exists()
    assert (tmp_path / "killed.training" / "plan.json").exists()
    messages: list[str] = []
    path = train(wanted, Progress(lambda report: messages.append(report.message)))
    assert any("finished before" in message for message in messages)
    assert same(weights(whole), weights(path))


def test_a_damaged_level_is_trained_again(tmp_path: Path) -> None:
    whole = train(layered(tmp_path, "whole"), Progress())
    wanted = layered(tmp_path, "cut")
    _stop_after(wanted, "Level 2")
    level = tmp_path / "cut.training" / "level-0.safetensors"
    level.write_bytes(level.read_bytes()[:100])
    assert same(weights(whole), weights(train(wanted, Progress())))


def _stop_after(wanted: PictureTrainRequest, words: str) -> None:
    progress = Progress(lambda report: progress.cancel() if words in report.message else None)
    with pytest.raises(Cancelled):
        train(wanted, progress)


def test_a_cancelled_training_can_be_drawn_and_resumed(tmp_path: Path) -> None:
    wanted = layered(tmp_path, "m")
    _stop_after(wanted, "Level 2")
    card, _ = load_model(tmp_path / "m.safetensors")
    assert len(card.hyper["amplitudes"]) == 1
    *_, (_, _, drawn) = sample(tmp_path / "m", PictureRecipe("", width=40, height=20))
    assert drawn.shape == (20, 40, 3)
    card, _ = load_model(train(wanted, Progress()))
    assert len(card.hyper["amplitudes"]) == len(card.hyper["scales"])


def test_another_picture_does_not_go_on_with_the_training_of_the_first(tmp_path: Path) -> None:
    wanted = layered(tmp_path, "m")
    _stop_after(wanted, "Level 2")
    picture(tmp_path / "large.png", 40, 50, seed=5)
    with pytest.raises(LodestoneError, match=r"large\.png is not the picture"):
        train(wanted, Progress())


# ---------------------------------------------------------------- several pictures, holes


def test_two_pictures_of_two_shapes_are_one_pyramid(tmp_path: Path) -> None:
    sources = (picture(tmp_path / "a.png"), picture(tmp_path / "b.png", 30, 20, 7))
    path = train(request(tmp_path, sources=sources, seconds=3.0), Progress())
    card, _ = load_model(path)
    assert card.class_names == ("a", "b")
    shapes = []
    for identity in ((1.0, 0.0), (0.0, 1.0)):
        *_, (_, _, drawn) = sample(path, PictureRecipe("", identity=identity))
        shapes.append(drawn.shape)
    assert shapes == [(24, 32, 3), (30, 20, 3)]


def hidden_by(path: str, mask: np.ndarray, pixels: object) -> str:
    """The picture with something else under the mask."""
    values = np.array(Image.open(path))
    values[mask > 0] = pixels
    Image.fromarray(values).save(path)
    return path


def hole() -> np.ndarray:
    mask = np.zeros((24, 32), np.float32)
    mask[6:16, 10:24] = 1.0
    return mask


def test_what_the_mask_hides_is_never_read(tmp_path: Path) -> None:
    """Not by the training, and not by the completion either: to the bit."""
    mask, found, answers = hole(), [], []
    noise = np.random.default_rng(0).integers(0, 255, (140, 3), np.uint8)
    for name, under in (("first", 0), ("second", noise)):
        path = hidden_by(picture(tmp_path / f"{name}.png"), mask, under)
        wanted = request(tmp_path, f"{name}-m", sources=(path,), mask=Vector.of(mask))
        model = train(wanted, Progress())
        found.append(weights(model))
        recipe = PictureRecipe(path, "complete", "pyramid", model, mask=Vector.of(mask))
        assert pyramid_available(recipe)
        replies = []
        for seed in range(4):
            work = draw(replace(recipe, seed=seed))
            replies.append(finished(work))
        answers.append(replies)
    assert same(*found)
    for a, b in zip(*answers, strict=True):
        assert np.array_equal(a.picture.array(), b.picture.array())
        assert (a.likeness, a.novelty) == (b.likeness, b.novelty)
    drawn = [reply.picture.array()[..., :3].astype(float) for reply in answers[0]]
    source = np.array(Image.open(tmp_path / "first.png"))[..., ::-1]
    for number, one in enumerate(drawn):
        assert np.array_equal(one[mask == 0], source[mask == 0])
        for other in drawn[:number]:
            gap = np.sqrt(np.square(one - other)[mask > 0].mean())
            assert gap > 0.2 * source[mask == 0].std()
    unmasked = request(tmp_path, "third-m", sources=(path,))
    assert not same(found[0], weights(train(unmasked, Progress())))


def test_who_has_seen_what_is_hidden_does_not_fill_it(tmp_path: Path) -> None:
    path, mask = picture(tmp_path / "a.png"), hole()
    known = train(request(tmp_path, "known", sources=(path,), mask=Vector.of(mask)), Progress())
    nosy = train(request(tmp_path, "nosy", sources=(path,)), Progress())
    recipe = PictureRecipe(path, "complete", model=known, mask=Vector.of(mask))
    assert pyramid_available(recipe)
    smaller, other = np.zeros_like(mask), np.zeros_like(mask)
    smaller[8:14, 12:22] = 1.0
    other[6:16, 9:24] = 1.0
    assert pyramid_available(replace(recipe, mask=Vector.of(smaller)))
    assert not pyramid_available(replace(recipe, mask=Vector.of(other)))
    assert not pyramid_available(replace(recipe, model=nosy))
    assert pyramid_available(replace(recipe, model=nosy, task="sample"))
    # Beyond the picture's edge nobody has seen anything.
    assert pyramid_available(replace(recipe, model=nosy, mask=None, width=48))
    assert not by_pyramid(replace(recipe, model=nosy))
    with pytest.raises(LodestoneError, match="Train one with this hole"):
        by_pyramid(replace(recipe, model=nosy, engine="pyramid"))


def test_a_picture_grows_beyond_its_edge(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png")
    model = train(request(tmp_path, sources=(path,)), Progress())
    # A size is told at `longest`; this pyramid works at 32 pixels.
    recipe = PictureRecipe(path, "complete", "pyramid", model, width=48, height=24, longest=32)
    *_, (_, _, drawn) = sample(model, recipe)
    assert drawn.shape == (24, 48, 3)
    source = np.array(Image.open(path), np.float32) / 127.5 - 1
    assert np.abs(drawn[:, 8:40] - source).max() < 1e-6
    *_, (_, _, other) = sample(model, replace(recipe, seed=1))
    assert np.abs(drawn - other)[:, :6].mean() > 0.05


def test_a_mask_over_everything_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LodestoneError, match="whole picture"):
        train(request(tmp_path, mask=Vector.of(np.ones((5, 5), np.float32))), Progress())


def test_hidden_positions_do_not_count(tmp_path: Path) -> None:
    """One step on a picture with a hole is blind to what the hole holds."""
    random = np.random.default_rng(0)
    real = random.uniform(-1, 1, (3, 30, 30)).astype(np.float32)
    known = np.ones((30, 30), bool)
    known[12:15, 12:15] = False
    states = []
    for value in (0.0, 9.0):
        filled = np.where(known, real, value).astype(np.float32)
        nothing = np.zeros_like(real)
        config = Config(((30, 30),), (1.0,), 8)
        goal = target(filled, known, nothing[None], nothing, nothing, 5, torch.device("cpu"))
        trainer = LevelTrainer(config, [goal], 1.0, Recipe(), 0, torch.device("cpu"))
        for number in range(2):
            trainer.step(number)
        states.append({k: v.numpy() for k, v in trainer.level.state_dict().items()})
        states[-1] |= {k: v.numpy() for k, v in trainer.critic.state_dict().items()}
    assert same(*states)


def test_large_levels_learn_from_windows() -> None:
    y, x = np.mgrid[:40, :52] / 5.0
    real = np.stack([np.sin(x), np.cos(y), np.sin(x + y)]).astype(np.float32)
    blurred = np.zeros_like(real) + 0.1 * real
    config = Config(((40, 52),), (1.0,), 8)
    known = np.ones((40, 52), bool)
    cpu = torch.device("cpu")
    goal = target(real, known, blurred[None], blurred, np.zeros_like(real), 5, cpu)
    trainer = LevelTrainer(config, [goal], 0.1, Recipe(window=24), 0, cpu)
    before = trainer.evaluate().rebuild_db
    seen: list[tuple[int, ...]] = []
    keep = trainer.level.register_forward_hook(lambda _m, _i, out: seen.append(tuple(out.shape)))
    trainer.run(60, lambda _share, _evaluated: None)
    keep.remove()
    assert (8, 3, 12, 12) in seen  # four windows of samples, four of the reconstruction
    assert trainer.figures.rebuild_db > before + 3


@dataclass(frozen=True)
class Two:
    a: torch.Tensor
    b: torch.Tensor | None


def test_a_step_is_recorded_once_and_then_played() -> None:
    ran: list[float] = []

    def record(work: Callable[[], None]) -> Callable[[], None]:
        return work  # plays what is in the recording's own tensors

    steps = Recorded(lambda which, batch: ran.append(which + float(batch.a.sum())), record)
    given = [Two(torch.full((2,), float(number)), None) for number in range(6)]
    for batch in given:
        steps(0, batch)
    assert ran == [0, 2, 4, 6, 8, 10]
    assert float(given[4].a[0]) == 4.0  # what was handed in stays as it was
    assert not steps.failed


def test_what_cannot_be_recorded_runs_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    ran: list[int] = []
    tried: list[int] = []

    def record(_work: Callable[[], None]) -> Callable[[], None]:
        tried.append(1)
        raise RuntimeError("operation not permitted when stream is capturing")

    steps = Recorded(lambda which, _batch: ran.append(which), record)
    for number in range(6):
        steps(number % 2, Two(torch.zeros(1), None))
    for _ in range(6):
        steps(0, Two(torch.zeros(1), None))
    assert len(ran) == 12
    assert len(tried) == 1
    assert "not permitted" in steps.failed
    assert "not permitted" in caplog.text


def test_a_large_level_is_judged_by_windows() -> None:
    assert _spread(40, 50, 64) == [(0, 0, 40, 50)]
    assert _spread(300, 100, 64) == [(0, 0, 64, 64), (0, 36, 64, 64), (236, 0, 64, 64),
                                     (236, 36, 64, 64)]  # fmt: skip


def test_the_sliced_distance_knows_its_own() -> None:
    random = torch.Generator().manual_seed(0)
    along = directions(32, random, torch.device("cpu"))
    a = torch.randn(1, 3, 30, 30, generator=random)
    assert float(sliced(a, a, along)) == 0
    assert float(sliced(a, a.flip(3)[:, :, :20], along)) < float(sliced(a, a + 1, along)) / 4


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(("height", "width"), [(8, 8), (1, 64), (64, 1)])
def test_the_smallest_pictures_train_and_draw(tmp_path: Path, height: int, width: int) -> None:
    source = picture(tmp_path / "small.png", height, width)
    path = train(request(tmp_path, sources=(source,), longest=64), Progress())
    *_, (_, _, drawn) = sample(path, PictureRecipe("", seed=3))
    assert drawn.shape == (height, width, 3)
    assert np.isfinite(drawn).all()


def test_a_constant_picture_stays_constant(tmp_path: Path) -> None:
    Image.new("RGB", (32, 24), (200, 30, 90)).save(tmp_path / "flat.png")
    wanted = request(tmp_path, sources=(str(tmp_path / "flat.png"),), seconds=4.0)
    *_, (_, _, drawn) = sample(train(wanted, Progress()), PictureRecipe("", seed=3))
    colour = np.array([200, 30, 90]) / 127.5 - 1
    assert np.abs(drawn.mean(axis=(0, 1)) - colour).max() < 0.1
    assert drawn.std(axis=(0, 1)).max() < 0.1


def test_what_cannot_be_asked_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LodestoneError, match="one to four"):
        train(request(tmp_path, sources=("a",) * 5), Progress())
    with pytest.raises(LodestoneError, match="budget"):
        train(request(tmp_path, seconds=0.0), Progress())
    with pytest.raises(LodestoneError, match="no file"):
        train(request(tmp_path, sources=(str(tmp_path / "none.png"),)), Progress())
