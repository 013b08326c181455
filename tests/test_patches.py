"""Pictures out of one picture's patches: new, of its matter, exact where nothing may change."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.messages import LodestoneError, PictureRecipe, PictureReply, Vector
from engine.picture import scores
from engine.picture.answers import draw
from engine.picture.nearest import Match, describe, exact, fit_axes, gather
from engine.picture.patches import generate
from engine.picture.plan import level_count
from engine.picture.region import filled
from engine.picture.source import resized

plain = PictureRecipe("a.png")


def landscape(height: int = 60, width: int = 80) -> np.ndarray:
    """(H, W, 3) -1..1: sky, hills and a striped field; not two places are alike."""
    y, x = np.mgrid[0:height, 0:width] / 60
    hill = 0.45 + 0.12 * np.sin(7 * x) + 0.05 * np.sin(19 * x + 1)
    field = np.sin(40 * (x + y**2)) * 0.3 + 0.2 * np.cos(13 * x * y)
    ground = np.stack([field - 0.1, field + 0.3, field - 0.5], -1)
    sky = np.stack([0.2 + 0.5 * y, 0.4 + 0.3 * y, 0.9 - 0.2 * x], -1)
    return np.where((y > hill)[..., None], ground, sky).astype(np.float32).clip(-1, 1)


def made(source: np.ndarray, recipe: PictureRecipe, naive: np.ndarray | None = None) -> np.ndarray:
    stages = list(generate(source, recipe, naive))
    shown = [(stage.level, stage.image) for stage in stages if stage.image is not None]
    assert [level for level, _ in shown] == sorted(level for level, _ in shown)
    assert shown[-1][0] == stages[-1].levels
    assert all(np.isfinite(image).all() for _, image in shown)
    return shown[-1][1]


def hole(height: int = 60, width: int = 80) -> np.ndarray:
    mask = np.zeros((height, width), np.float32)
    mask[22:40, 30:52] = 1
    return mask


def ran(work: Generator[None, None, Any]) -> Any:
    while True:
        try:
            next(work)
        except StopIteration as done:
            return done.value


def test_exact_agrees_with_brute_force_and_completeness() -> None:
    random = np.random.default_rng(0)
    queries, keys = random.standard_normal((300, 9)), random.standard_normal((200, 9))
    queries, keys = queries.astype(np.float32), keys.astype(np.float32)
    squares = ((queries[:, None] - keys[None]) ** 2).sum(-1)
    assert np.array_equal(ran(exact(queries, keys, None)), squares.argmin(1))
    weighed = squares / (0.1 + squares.min(0))
    assert np.mean(ran(exact(queries, keys, 0.1)) == weighed.argmin(1)) > 0.99


def test_patchmatch_comes_near_the_exact_answer_and_obeys() -> None:
    source, other = landscape(), landscape()[:, ::-1]
    axes = fit_axes(source, 20)
    keys, queries = describe(source, axes), describe(other, axes)
    valid = np.ones(keys.shape[:2], bool)
    valid[:, :30] = False
    random = np.random.default_rng(1)
    start = np.zeros((*queries.shape[:2], 2), int) + [3, 40]
    match = Match(queries, keys, start, valid.ravel())
    before = match.cost.mean()
    for _ in range(3):
        ran(match.improve(random, 70))
    rows = queries.reshape(-1, 20)
    flat = keys[:, 30:].reshape(-1, 20)
    best = ((rows - flat[ran(exact(rows, flat, None))]) ** 2).sum(1).mean()
    assert match.cost.mean() < best + 0.1 * (before - best)
    assert match.field[..., 1].min() >= 30


def test_votes_of_the_picture_itself_are_the_picture() -> None:
    source = landscape()
    y, x = np.mgrid[0:54, 0:74]
    field = np.stack([y, x], -1)
    assert np.allclose(gather(source, field, wrap=False), source, atol=1e-5)


def test_samples_are_new_and_of_the_same_matter() -> None:
    source = landscape()
    samples = [made(source, replace(plain, seed=seed)) for seed in range(2)]
    assert all(sample.shape == source.shape for sample in samples)
    assert np.median([scores.novelty(x, source) for x in samples]) > 0.5
    noise = np.random.default_rng(0).permuted(source, axis=0)
    worst = max(scores.coherence(x, source) for x in samples)
    assert worst < 0.3 * scores.coherence(noise, source)
    assert min(scores.likeness(x, source) for x in samples) > 0.5 > scores.likeness(noise, source)
    assert scores.diversity(samples, source) > 0.2
    assert np.array_equal(samples[0], made(source, replace(plain, seed=0)))


def test_other_sizes_and_levels() -> None:
    source = landscape()
    assert made(source, replace(plain, width=150, height=50)).shape == (50, 150, 3)
    assert made(source, replace(plain, width=20, height=9)).shape == (9, 20, 3)
    levels = level_count(60, 80)
    late = made(source, replace(plain, start_level=levels - 2, variation=0.3))
    assert scores.novelty(late, source) < scores.copy_below
    assert made(source, replace(plain, start_level=99)).shape == source.shape


def test_seamless_pictures_meet_at_their_edges() -> None:
    source = landscape()
    tile = made(source, replace(plain, wrap=True, seed=2))
    within = np.abs(np.diff(tile, axis=1)).mean()
    loose = np.abs(source[:, -1] - source[:, 0]).mean()
    across = np.abs(tile[:, -1] - tile[:, 0]).mean()
    assert across < 3 * within < 3 * loose
    wide = np.concatenate([tile, tile], 1)[:, 60:100]
    assert scores.coherence(wide, source) < 0.15


def test_only_where_it_may_vary() -> None:
    source = landscape()
    where = np.zeros((60, 80), np.float32)
    where[:, 45:] = 1
    varied = made(source, replace(plain, where=Vector.of(where)))
    assert np.abs(varied[:, :45] - source[:, :45]).max() < 1e-6
    assert np.abs(varied[:, 50:] - source[:, 50:]).mean() > 0.05


@pytest.mark.parametrize("share", [0.1, 0.75])
def test_a_painted_part_becomes_another_with_every_seed(share: float) -> None:
    source = landscape()
    y, x = np.mgrid[0:60, 0:80]
    reach = np.sqrt(share * 60 * 80 / np.pi)
    where = np.clip(1.5 - np.hypot(y - 35, x - 40) / reach, 0, 1).astype(np.float32)
    recipe = replace(plain, where=Vector.of(where))
    answers = [made(source, replace(recipe, seed=seed)) for seed in range(3)]
    inside = where > 0.9
    gaps = [rms((a - source)[inside]) / source.std() for a in answers]
    gaps += [rms((answers[a] - answers[b])[inside]) / source.std() for a, b in ((0, 1), (1, 2))]
    assert np.median(gaps) > 0.2
    for answer in answers:
        assert np.array_equal(answer[where == 0], source[where == 0])


def test_levels_vary_by_themselves() -> None:
    source = landscape()
    count = level_count(60, 80)
    none = made(source, replace(plain, levels=(0.0,) * count))
    fine = made(source, replace(plain, levels=(0.0,) * (count - 2)))
    coarse = made(source, replace(plain, levels=(1.0, *[0.0] * (count - 1))))
    assert scores.novelty(none, source) < 0.05
    assert 0.05 < scores.novelty(fine, source) < scores.novelty(coarse, source)
    assert scores.novelty(resized(fine, 15, 20), resized(source, 15, 20)) < 0.3
    assert np.array_equal(coarse, made(source, plain))
    full = made(source, replace(plain, levels=(1.0,)))
    assert scores.likeness(full, source) > 0.5
    odd = made(source, replace(plain, levels=(float("nan"), 7.0)))
    assert np.isfinite(odd).all()


def rms(gap: np.ndarray) -> float:
    return float(np.sqrt(np.mean(gap * gap)))


def test_completions_keep_the_known_differ_and_never_peek() -> None:
    source, mask = landscape(), hole()
    recipe = replace(plain, task="complete", mask=Vector.of(mask))
    answers = [made(source, replace(recipe, seed=seed)) for seed in range(4)]
    inside = mask > 0
    for answer in answers:
        assert np.array_equal(answer[~inside], source[~inside])
    gaps = [
        np.sqrt(np.mean((answers[a] - answers[b])[inside] ** 2)) / source.std()
        for a in range(4)
        for b in range(a)
    ]
    assert np.median(gaps) > 0.2
    for under in (np.float32(1), np.float32(np.nan), np.flip(source)):
        other = np.where(inside[..., None], under, source).astype(np.float32)
        assert np.array_equal(made(other, recipe), answers[0])


def test_more_canvas_is_completed_too() -> None:
    source = landscape()
    wide = made(source, replace(plain, task="complete", width=110))
    assert wide.shape == (60, 110, 3)
    assert np.array_equal(wide[:, 15:95], source)


def test_masks_that_cannot_be_meant() -> None:
    for mask, words in (
        (np.zeros((60, 80)), "covers nothing"),
        (np.ones((60, 80)), "covers the whole"),
        (np.ones((60, 40)), "another shape"),
        (np.full((60, 80), np.nan), "not a grey"),
    ):
        with pytest.raises(LodestoneError, match=words):
            made(landscape(), replace(plain, task="complete", mask=Vector.of(mask)))


def test_what_was_pasted_becomes_the_pictures_own() -> None:
    source = landscape()
    naive = source.copy()
    naive[22:40, 30:52] = [0.9, -0.9, 0.8]
    recipe = replace(plain, task="harmonise", mask=Vector.of(hole()))
    belonging = made(source, recipe, naive)
    assert np.abs(belonging[:, :24] - naive[:, :24]).max() < 1e-6
    before = scores.coherence(naive[18:44, 26:56], source)
    assert scores.coherence(belonging[18:44, 26:56], source) < 0.6 * before


def test_something_is_seen_at_once_and_answers_differ_yet_keep_the_thing() -> None:
    source, naive, inside = landscape(), landscape(), hole() > 0
    naive[inside] = landscape()[::-1][inside][:, ::-1]
    recipe = replace(plain, task="harmonise", mask=Vector.of(hole()))
    work = generate(source, recipe, naive)
    seen = next(stage.image for stage in work if stage.image is not None)
    assert rms(seen - resized(naive, *seen.shape[:2])) < 1e-6
    answers = [made(source, replace(recipe, seed=seed), naive) for seed in range(4)]
    assert unlike(answers, inside, source) > 0.1
    for answer in answers:
        assert np.corrcoef(answer.mean(-1)[inside], naive.mean(-1)[inside])[0, 1] > 0.5


def unlike(answers: list[np.ndarray], inside: np.ndarray, source: np.ndarray) -> float:
    pairs = [(a, b) for n, a in enumerate(answers) for b in answers[:n]]
    return float(np.median([rms((a - b)[inside]) for a, b in pairs]) / source.std())


def moved() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Landscape with a red disk, the disk taken to the right, its place now, and the emptied."""
    y, x = np.mgrid[0:60, 0:80]
    there, here = np.hypot(y - 32, x - 20) < 9, np.hypot(y - 32, x - 58) < 9
    source = landscape()
    source[there] = [0.9, -0.9, -0.9]
    source[31:33, 16:25] = [-1, -1, 1]
    naive = source.copy()
    naive[here] = np.roll(source, 38, 1)[here]
    return source, np.where(there[..., None], filled(naive, there), naive), here, there


@pytest.mark.parametrize("told", [True, False])
def test_a_moved_part_stays_itself_and_its_place_becomes_other_matter(told: bool) -> None:
    source, naive, here, there = moved()
    mask = (here | there).astype(np.float32)
    recipe = replace(plain, task="edit", mask=Vector.of(mask))
    if told:
        recipe = replace(recipe, hole=Vector.of(there.astype(np.float32)))
    answers = [made(source, replace(recipe, seed=seed), naive) for seed in range(4)]
    assert unlike(answers, there, source) > 0.2
    for answer in answers:
        assert rms(answer[30:34, 56:61] - naive[30:34, 56:61]) < 0.02
        red = (answer[..., 0] - answer[..., 1])[there]
        assert np.mean(red > 1) < 0.05
        assert np.abs(answer[:, 35:42] - source[:, 35:42]).max() < 1e-6


def test_what_the_picture_does_not_have_is_made_anew_in_an_edit() -> None:
    source, naive, inside = landscape(), landscape(), hole() > 0
    naive[inside] = np.random.default_rng(0).uniform(-1, 1, (int(inside.sum()), 3))
    recipe = replace(plain, task="edit", mask=Vector.of(hole()))
    answer = made(source, recipe, naive)
    before = scores.coherence(naive[18:44, 26:56], source)
    assert scores.coherence(answer[18:44, 26:56], source) < 0.6 * before
    other = replace(recipe, hole=Vector.of(np.ones((60, 40))))
    with pytest.raises(LodestoneError, match="another shape"):
        made(source, other, naive)


def test_a_painting_takes_the_pictures_matter() -> None:
    painting = np.where(np.arange(60)[:, None, None] > 20, [-0.1, 0.3, -0.5], [0.4, 0.5, 0.8])
    painting = np.broadcast_to(painting, (60, 90, 3)).astype(np.float32)
    result = made(landscape(), replace(plain, task="paint"), painting)
    assert result.shape == (60, 90, 3)
    assert scores.coherence(result, landscape()) < scores.coherence(painting, landscape())


@pytest.mark.parametrize("shape", [(8, 8), (1, 64), (64, 1), (1, 1), (40, 15)])
@pytest.mark.parametrize("kind", ["constant", "noise"])
def test_degenerate_pictures(shape: tuple[int, int], kind: str) -> None:
    source = np.full((*shape, 3), 0.25, np.float32)
    if kind == "noise":
        source = np.random.default_rng(0).uniform(-1, 1, (*shape, 3)).astype(np.float32)
    sample = made(source, plain)
    assert sample.shape == source.shape
    if kind == "constant":
        assert np.allclose(sample, 0.25, atol=1e-3)
    assert np.isfinite([scores.likeness(sample, source), scores.novelty(sample, source)]).all()
    assert made(source, replace(plain, wrap=True, width=30)).shape == (shape[0], 30, 3)


def test_filling_is_smooth_and_blind() -> None:
    ramp = np.repeat(np.linspace(-1, 1, 80, dtype=np.float32)[None, :, None], 60, 0).repeat(3, 2)
    blind = np.where(hole()[..., None] > 0, np.nan, ramp).astype(np.float32)
    assert np.abs(filled(blind, hole() > 0) - ramp).max() < 0.3


def test_replies_come_coarse_to_fine_with_scores_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(((landscape() + 1) * 127.5).astype(np.uint8)).save(path)
    work = draw(PictureRecipe(str(path)))
    partial: list[PictureReply | None] = []
    last = None
    while last is None:
        try:
            partial.append(next(work))
        except StopIteration as done:
            last = done.value
    shown = [reply for reply in partial if reply is not None]
    assert [reply.picture.width for reply in shown] == sorted(r.picture.width for r in shown)
    assert shown[0].picture.width < last.picture.width == 80
    assert all(reply.likeness is None for reply in shown)
    assert last.engine == "patches"
    assert last.novelty > 0.3
    assert 0.3 < last.likeness <= 1


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        (PictureRecipe(""), "No picture"),
        (PictureRecipe("none.png"), "no file"),
        (PictureRecipe("a.png", "blend"), "two to four"),
        (PictureRecipe("a.png", engine="pyramid"), "no trained pyramid"),
        (PictureRecipe("a.png", "paint"), "no composite"),
        (PictureRecipe("a.png", "upscale"), "above 1 to 8"),
        (PictureRecipe("a.png", "upscale", scale=float("nan")), "above 1 to 8"),
        (PictureRecipe("a.png", width=9000), "8,192"),
    ],
)
def test_recipes_that_cannot_be_drawn(recipe: PictureRecipe, words: str) -> None:
    with pytest.raises(LodestoneError, match=words):
        next(draw(recipe))
