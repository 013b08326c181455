"""The pyramid of one picture: sizes, graphs, drawing, loops."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.client import pyramid_memory
from engine.messages import LodestoneError, PictureRecipe, PictureRequest, Vector
from engine.picture.pyramid.animate import animate
from engine.picture.pyramid.enlarge import faithful
from engine.picture.pyramid.export import config_of, difference, export, graph_path
from engine.picture.pyramid.graph import level_graph
from engine.picture.pyramid.grid import (
    fitted,
    level_count,
    level_size,
    pad,
    resize,
    resize_known,
    scales,
)
from engine.picture.pyramid.opened import open_pyramid
from engine.picture.pyramid.sample import coloured, draw, pyramid_available, sample
from engine.picture.pyramid.store import pyramid_names
from engine.picture.pyramid.walk import Loop, walk
from engine.progress import Progress
from models.files import Card, save_model
from models.pyramid import Config, Level, levels_of


def make(path: Path, pictures: int = 1, layers: int = 3) -> Path:
    """An untrained pyramid of three levels whose levels do visibly something."""
    sizes = ((24, 32), (28, 20), (16, 16), (20, 20))[:pictures]
    amplitudes = (1.0, 0.2, 0.1)
    config = Config(sizes, (0.4, 0.65, 1.0), 6, layers, amplitudes)
    random = torch.Generator().manual_seed(4)
    state: dict[str, np.ndarray] = {}
    for index in range(3):
        level = Level(config)
        level.start(random)
        with torch.no_grad():
            level.convs[-1].weight.mul_(4.0)  # type: ignore[operator]
        state |= {f"levels.{index}.{k}": v.numpy() for k, v in level.state_dict().items()}
    for k, size in enumerate(sizes):
        shape = (3, *level_size(size, 0.4))
        state[f"latents.{k}"] = np.random.default_rng(90 + k).standard_normal(shape, np.float32)
    names = tuple("abcd"[:pictures])
    card = Card("pyramid", "tiny", asdict(config), class_names=names)
    save_model(path, state, card)
    return path


@pytest.fixture
def model(tmp_path: Path) -> str:
    return str(make(tmp_path / "m.safetensors"))


@pytest.fixture
def pair(tmp_path: Path) -> str:
    return str(make(tmp_path / "pair.safetensors", 2))


def last(model: str, **values: object) -> np.ndarray:
    recipe = PictureRecipe("", model=model, **values)  # type: ignore[arg-type]
    *_, (level, levels, picture) = sample(model, recipe)
    assert level == levels
    assert np.isfinite(picture).all()
    assert np.abs(picture).max() <= 1.0
    return picture


# ---------------------------------------------------------------- sizes and borders


def test_levels_go_from_small_to_whole() -> None:
    shares = scales([(64, 96)], 18, level_count([(64, 96)], 18, 0.7))
    assert shares[-1] == 1.0
    assert list(shares) == sorted(shares)
    assert 17 <= min(level_size((64, 96), shares[0])) <= 19
    assert len(shares) == 5


@pytest.mark.parametrize("size", [(8, 8), (1, 64), (64, 1), (1, 1)])
def test_the_smallest_pictures_have_levels(size: tuple[int, int]) -> None:
    shares = scales([size], 18, level_count([size], 18, 0.7))
    assert shares[-1] == 1.0
    assert all(min(level_size(size, share)) >= 1 for share in shares)


def test_pictures_are_never_enlarged_to_work_on() -> None:
    assert fitted((30, 20), 250) == (30, 20)
    assert fitted((3000, 2000), 250) == (250, 167)


def test_memory_is_told_before_training() -> None:
    need, free = pyramid_memory((250, 167), 250)
    assert 0.4e9 < need < 1e9
    assert free > 0
    assert pyramid_memory((8000, 6000), 1000)[0] > pyramid_memory((8000, 6000), 500)[0] > need
    assert pyramid_memory((6000, 8000), 500, 3)[0] > pyramid_memory((8000, 6000), 500)[0]
    # A small picture is not enlarged, so a larger working size takes no more.
    assert pyramid_memory((250, 167), 1000)[0] == need


def test_resampling_keeps_flat_and_smooth_pictures() -> None:
    flat = np.full((3, 9, 13), 0.3, np.float32)
    assert np.allclose(resize(flat, (21, 5)), 0.3, atol=1e-5)
    line = np.linspace(-1, 1, 60, dtype=np.float32)[None, None].repeat(4, 1)
    there_and_back = resize(resize(line, (4, 30)), (4, 60))
    assert np.abs(there_and_back - line)[..., 4:-4].max() < 1e-3


def test_what_wraps_has_no_seam() -> None:
    wave = np.sin(np.arange(24) / 24 * 2 * np.pi).astype(np.float32)[None, None].repeat(3, 1)
    larger = resize(wave, (3, 48), wrap=True)[0, 0]
    assert abs(larger[0] - larger[-1]) < 0.15
    rolled = resize(np.roll(wave, 12, -1), (3, 48), wrap=True)[0, 0]
    assert np.allclose(np.roll(larger, 24), rolled, atol=1e-5)


def test_hidden_pixels_reach_no_level() -> None:
    random = np.random.default_rng(0)
    picture = random.uniform(-1, 1, (3, 40, 40)).astype(np.float32)
    known = np.ones((40, 40), bool)
    known[10:22, 12:30] = False
    other = np.where(known, picture, 77.0).astype(np.float32)
    for size in ((40, 40), (27, 27), (11, 11)):
        a, seen = resize_known(picture, known, size)
        b, _ = resize_known(other, known, size)
        assert np.array_equal(a, b)
        assert not seen.all()
        assert seen.any()


def test_padding_goes_on_wraps_or_is_empty() -> None:
    row = np.arange(3, dtype=np.float32)[None]
    assert pad(row, 1)[1].tolist() == [0, 0, 1, 2, 2]
    assert pad(row, 1, wrap=True)[1].tolist() == [2, 0, 1, 2, 0]
    assert pad(row, 1, empty=True).sum() == row.sum()
    assert pad(row[:, :1], 5).shape == (11, 11)


# ---------------------------------------------------------------- graphs


@pytest.mark.parametrize("pictures", [1, 3])
def test_graphs_draw_what_torch_draws_at_any_size(tmp_path: Path, pictures: int) -> None:
    path = make(tmp_path / "m.safetensors", pictures)
    pyramid = open_pyramid(path)
    from models.files import load_model

    card, state = load_model(path)
    parity = export(card, state, path)
    assert parity < 1e-4
    assert graph_path(path, 2).is_file()
    config = config_of(card.hyper)
    assert config.pictures == pictures
    wrong = levels_of(config, state)[0]
    with torch.no_grad():
        wrong.convs[0].weight.add_(0.05)  # type: ignore[operator]
    assert difference(level_graph(card.hyper, state, 0), wrong, config) > 1e-3
    assert pyramid.levels == 3


def test_a_level_draws_exactly_what_its_margin_surrounds() -> None:
    config = Config(((8, 8),), (1.0,), 4, 3)
    level = Level(config)
    level.start(torch.Generator().manual_seed(0))
    maps = torch.randn(1, 3, 7 + 6, 11 + 6)
    whole = level(maps, torch.zeros_like(maps))
    assert whole.shape == (1, 3, 7, 11)
    part = maps[:, :, 2:, 3:]
    assert torch.allclose(level(part, torch.zeros_like(part)), whole[:, :, 2:, 3:], atol=1e-6)


def test_one_picture_needs_no_identity_and_several_do() -> None:
    one, three = Config(((8, 8),), (1.0,)), Config(((8, 8),) * 3, (1.0,))
    assert (one.inputs, three.inputs) == (3, 6)
    assert Level(three).convs[0].in_channels == 6
    with pytest.raises(ValueError, match="one to four"):
        Config(((8, 8),) * 5, (1.0,))


# ---------------------------------------------------------------- drawing


def test_every_level_is_shown_and_the_last_has_the_size_asked_for(model: str) -> None:
    drawn = list(sample(model, PictureRecipe("", model=model, width=50, height=19)))
    assert [level for level, _, _ in drawn] == [1, 2, 3]
    assert drawn[-1][2].shape == (19, 50, 3)
    assert drawn[0][2].shape == (8, 20, 3)
    assert last(model).shape == (24, 32, 3)


def test_a_seed_is_a_picture(model: str) -> None:
    assert np.array_equal(last(model, seed=3), last(model, seed=3))
    assert not np.allclose(last(model, seed=3), last(model, seed=4), atol=1e-2)


def test_no_variation_gives_the_coarse_levels_back(model: str) -> None:
    drawn = next(sample(model, PictureRecipe("", model=model, variation=0.0)))[2]
    own = open_pyramid(model).rebuilt()[0].clip(-1, 1).transpose(1, 2, 0)
    assert np.allclose(drawn, own, atol=1e-5)


def test_a_later_start_keeps_more(model: str) -> None:
    own = open_pyramid(model).rebuilt()[-1].clip(-1, 1).transpose(1, 2, 0)
    gaps = [np.abs(last(model, start_level=k) - own).mean() for k in range(3)]
    assert gaps[0] > gaps[1] > gaps[2] > 0


def test_every_level_has_its_own_variation(model: str) -> None:
    own = open_pyramid(model).rebuilt()[-1].clip(-1, 1).transpose(1, 2, 0)
    assert np.allclose(last(model, levels=(0.0, 0.0, 0.0)), own, atol=1e-5)
    fine = last(model, levels=(0.0, 0.0, 1.0), variation=0.3)
    coarse = last(model, levels=(1.0, 0.0, 0.0))
    assert 0 < np.abs(fine - own).mean() < np.abs(coarse - own).mean()
    # What is not named varies as always.
    assert np.array_equal(last(model, levels=(0.4,)), last(model, levels=(0.4, 1.0, 1.0)))
    assert np.array_equal(last(model, levels=(0.4,)), last(model, variation=0.4))


def test_tiles_are_the_whole_and_leave_pauses(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pyramid = open_pyramid(model)
    random = np.random.default_rng(0)
    below, noise = random.standard_normal((2, 3, 29, 45)).astype(np.float32)
    whole = pyramid.draw(2, below, noise)
    monkeypatch.setattr("engine.picture.pyramid.opened.TILE", 16)
    assert len(list(pyramid.drawing(2, below, noise))) == 6
    assert np.allclose(pyramid.draw(2, below, noise), whole, atol=1e-5)
    assert np.allclose(
        pyramid.draw(2, below, noise, wrap=True)[:, 10:20, 10:20], whole[:, 10:20, 10:20], atol=1e-5
    )


def test_a_picture_is_enlarged_by_the_finest_level(model: str, tmp_path: Path) -> None:
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    recipe = PictureRecipe(str(tmp_path / "a.png"), "upscale", "pyramid", model, scale=2.0)
    drawn = list(sample(model, recipe))
    # The levels of this pyramid are 1.54 times apart: twice is two steps.
    assert [(level, levels) for level, levels, _ in drawn] == [(1, 2), (2, 2)]
    assert drawn[-1][2].shape == (40, 60, 3)
    *_, (_, _, bent) = sample(model, replace(recipe, scale=1.5))
    assert bent.shape == (30, 45, 3)
    for scale in (1.0, 9.0, float("nan")):
        with pytest.raises(LodestoneError, match="1 to 8 times"):
            list(sample(model, replace(recipe, scale=scale)))


def test_what_is_enlarged_is_the_source_when_made_small_again() -> None:
    random = np.random.default_rng(0)
    source = resize(random.uniform(-1, 1, (3, 8, 10)).astype(np.float32), (16, 20))
    picture = resize(source, (32, 40)) + random.normal(0, 0.3, (3, 32, 40)).astype(np.float32)
    before, after = (
        np.abs(resize(one, (16, 20)) - source).mean()
        for one in (picture, faithful(picture, source))
    )
    assert after < before / 4


def test_only_where_it_is_painted_varies(model: str) -> None:
    where = np.zeros((24, 32), np.float32)
    where[:, 20:] = 1.0
    own = open_pyramid(model).rebuilt()[-1].clip(-1, 1).transpose(1, 2, 0)
    drawn = last(model, where=Vector.of(where))
    assert np.allclose(drawn[:, :16], own[:, :16], atol=1e-5)
    assert np.abs(drawn[:, 24:] - own[:, 24:]).mean() > 0.05


def test_a_tile_does_not_know_where_it_begins(model: str) -> None:
    """Rolled noise gives the rolled picture: there is no edge anywhere."""
    pyramid = open_pyramid(model)
    random = np.random.default_rng(0)
    below, noise = random.standard_normal((2, 3, 16, 20)).astype(np.float32)
    straight = pyramid.draw(1, below, noise, None, wrap=True)
    rolled = pyramid.draw(1, np.roll(below, 7, -1), np.roll(noise, 7, -1), None, wrap=True)
    assert np.allclose(np.roll(straight, 7, -1), rolled, atol=1e-5)


def test_a_morph_begins_and_ends_at_the_pictures_and_never_jumps(pair: str) -> None:
    still = {"task": "blend", "variation": 0.0, "levels": (0.0,) * 16, "width": 32, "height": 24}
    way = [last(pair, identity=(1 - t, t), **still) for t in (0.0, 0.25, 0.49, 0.51, 0.75, 1.0)]
    own = open_pyramid(pair)
    assert np.allclose(way[0], np.clip(own.rebuilt(0)[-1], -1, 1).transpose(1, 2, 0), atol=1e-5)
    assert np.abs(way[3] - way[2]).mean() < 0.1 * np.abs(way[5] - way[0]).mean()


def test_identity_is_a_place_and_a_level(pair: str) -> None:
    a, b = last(pair, identity=(1.0, 0.0)), last(pair, identity=(0.0, 1.0), width=32, height=24)
    assert not np.allclose(a, b, atol=1e-2)
    layers = np.zeros((2, 24, 32), np.float32)
    layers[0, :, :16], layers[1, :, 16:] = 1.0, 1.0
    halves = last(pair, identity_map=Vector.of(layers), width=32, height=24)
    assert np.abs(halves[:, :6] - a[:, :6]).mean() < np.abs(halves[:, :6] - b[:, :6]).mean()
    assert np.abs(halves[:, 26:] - b[:, 26:]).mean() < np.abs(halves[:, 26:] - a[:, 26:]).mean()
    fused = list(sample(pair, PictureRecipe("", identity=(1.0, 0.0), texture=(0.0, 1.0))))
    plain = list(sample(pair, PictureRecipe("", identity=(1.0, 0.0))))
    own = open_pyramid(pair).rebuilt()[0].transpose(1, 2, 0)
    # A's structure, not another one like it.
    assert np.abs(fused[0][2] - own).mean() < np.abs(plain[0][2] - own).mean() / 2
    free = list(
        sample(pair, PictureRecipe("", identity=(1.0, 0.0), texture=(0.0, 1.0), levels=(1.0,)))
    )
    assert np.array_equal(free[0][2], plain[0][2])
    assert not np.allclose(fused[-1][2], plain[-1][2], atol=1e-3)
    assert pyramid_names(pair) == ("a", "b")


def test_colours_are_taken_over_in_their_own_order() -> None:
    random = np.random.default_rng(0)
    picture = random.standard_normal((3, 9, 12)).astype(np.float32)
    like = random.uniform(0.2, 0.4, (3, 20, 20)).astype(np.float32)
    found = coloured(picture, like)
    assert np.array_equal(found[1].ravel().argsort(), picture[1].ravel().argsort())
    assert np.allclose(found.mean(axis=(1, 2)), like.mean(axis=(1, 2)), atol=0.01)
    assert found.min() >= like.min()


def test_a_map_of_the_wrong_pictures_is_refused(pair: str) -> None:
    layers = Vector.of(np.ones((3, 4, 4), np.float32))
    with pytest.raises(LodestoneError, match="2 pictures"):
        last(pair, identity_map=layers)


def test_a_hole_is_filled_and_nothing_else(model: str, tmp_path: Path) -> None:
    from PIL import Image

    from engine.picture.source import read_source

    pixels = np.random.default_rng(0).integers(0, 255, (24, 32, 3), np.uint8)
    mask = np.zeros((24, 32), np.float32)
    mask[8:16, 10:20] = 1.0
    answers = []
    for value in (0, 255):
        pixels[mask > 0] = value
        Image.fromarray(pixels).save(tmp_path / f"{value}.png")
        source = str(tmp_path / f"{value}.png")
        for seed in (0, 1):
            recipe = PictureRecipe(source, "complete", seed=seed, mask=Vector.of(mask))
            *_, (_, _, drawn) = sample(model, recipe)
            answers.append(drawn)
    real = read_source(source, 32).pixels
    assert all(np.array_equal(a[mask == 0], real[mask == 0]) for a in answers)
    assert np.array_equal(answers[0], answers[2])
    assert np.abs(answers[0] - answers[1])[mask > 0].mean() > 0.05


def test_replies_stream_and_the_last_has_scores(model: str, tmp_path: Path) -> None:
    from PIL import Image

    noise = np.random.default_rng(0).integers(0, 255, (24, 32, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")
    recipe = PictureRecipe(str(tmp_path / "a.png"), model=model)
    assert pyramid_available(recipe)
    assert not pyramid_available(PictureRecipe("", model=str(tmp_path / "none")))
    work, replies = draw(recipe), []
    while True:
        try:
            replies.append(next(work))
        except StopIteration as done:
            final = done.value
            break
    levels = [reply.level for reply in replies if reply is not None]
    assert levels == [1, 2, 3]
    assert final.engine == "pyramid"
    assert final.level == final.levels
    assert 0 <= final.likeness <= 1
    assert final.novelty > 0


def test_drawing_needs_no_torch(model: str) -> None:
    code = (
        "import sys\nfrom engine.messages import PictureRecipe\n"
        "from engine.picture.pyramid.sample import sample\n"
        f"list(sample({model!r}, PictureRecipe('')))\nassert 'torch' not in sys.modules\n"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    subprocess.run([sys.executable, "-c", code], check=True, env=env)


def test_a_generator_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_model(path, {"a": np.zeros(3, np.float32)}, Card("stylegan2", "other", {}))
    with pytest.raises(LodestoneError, match="another kind"):
        open_pyramid(path)
    with pytest.raises(LodestoneError, match="no file"):
        open_pyramid(tmp_path / "missing.safetensors")


def test_weights_that_do_not_fit_the_card_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    hyper = {"sizes": [[8, 8]], "scales": [1.0], "width": 4, "layers": 3, "amplitudes": [1.0]}
    save_model(path, {"a": np.zeros(3, np.float32)}, Card("pyramid", "m", hyper))
    with pytest.raises(LodestoneError, match="damaged"):
        open_pyramid(path)


# ---------------------------------------------------------------- loops


def test_a_loop_ends_where_it_began_and_moves_smoothly() -> None:
    loop = Loop((3, 5, 5), 40, 0.1, 0.9, (0,))
    frames = np.stack([loop.at(i) for i in range(41)])
    assert np.allclose(frames[40], frames[0], atol=1e-6)
    steps = np.abs(np.diff(frames, axis=0)).mean(axis=(1, 2, 3))
    assert steps.min() > 0
    assert steps.max() < 3 * np.median(steps)


def test_alpha_and_beta_do_what_they_say() -> None:
    def moved(alpha: float, beta: float) -> float:
        loop = Loop((3, 9, 9), 50, alpha, beta, (0,))
        return float(np.mean([np.abs(loop.at(i)).mean() for i in range(50)]))

    assert moved(0.6, 0.9) < moved(0.1, 0.9)
    rough, smooth = (Loop((3, 9, 9), 50, 0.1, beta, (0,)) for beta in (0.0, 0.95))

    def roughness(loop: Loop) -> float:
        values = np.stack([loop.at(i) for i in range(50)])
        speed = np.diff(values, axis=0)
        return float(np.abs(np.diff(speed, axis=0)).mean() / np.abs(speed).mean())

    assert roughness(smooth) < roughness(rough)


def test_a_film_loops_and_has_even_sides(model: str, tmp_path: Path) -> None:
    frames = list(walk(model, 1.0, 8.0, seed=2, size=(21, 30)))
    assert len(frames) == 8
    assert frames[0].shape == (21, 30, 3)
    steps = [np.abs(a - b).mean() for a, b in zip(frames, frames[1:] + frames[:1], strict=True)]
    assert max(steps) < 4 * min(steps)
    recipe = PictureRecipe("", model=model, width=31, height=21)
    out = tmp_path / "loop.mp4"
    animate(PictureRequest((recipe,), str(out), seconds=1.0, fps=8.0), Progress())
    import av

    with av.open(str(out)) as film:
        shown = list(film.decode(video=0))
    assert len(shown) == 8
    assert (shown[0].width, shown[0].height) == (32, 22)


def test_an_animation_of_no_length_is_refused(model: str) -> None:
    with pytest.raises(LodestoneError, match="length"):
        list(walk(model, 0.0))
