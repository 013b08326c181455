"""Colours, edges, textures and places, without labels."""

from __future__ import annotations

import numpy as np
import pytest

from engine.inspect import detectors
from engine.inspect.choose import Shown, choose
from engine.inspect.regions import RegionTally, masks

SIDE = 96
y, x = np.mgrid[:SIDE, :SIDE]


def grey(values: np.ndarray) -> np.ndarray:
    return np.repeat(np.clip(values, 0, 255)[..., None], 3, axis=2).astype(np.uint8)


def plain(colour: tuple[int, int, int]) -> np.ndarray:
    return np.tile(np.array(colour, np.uint8), (SIDE, SIDE, 1))


def everywhere(picture: np.ndarray) -> dict[str, float]:
    found = detectors.look([picture]).features()[0, :, detectors.WHERE.index("everywhere")]
    return dict(zip(detectors.NAMES, found.tolist(), strict=True))


@pytest.mark.parametrize(
    ("name", "colour"),
    [
        ("red", (230, 20, 30)), ("orange", (255, 140, 0)), ("yellow", (240, 225, 40)),
        ("green", (30, 160, 60)), ("turquoise", (30, 200, 200)), ("blue", (30, 60, 220)),
        ("purple", (150, 30, 200)), ("pink", (250, 110, 190)), ("brown", (120, 70, 30)),
        ("black", (12, 12, 12)), ("grey", (128, 128, 128)), ("white", (252, 252, 252)),
    ],
)  # fmt: skip
def test_a_plain_colour_is_called_by_its_name(name: str, colour: tuple[int, int, int]) -> None:
    found = everywhere(plain(colour))
    colours = detectors.NAMES[:12]
    assert max(colours, key=lambda one: found[one]) == name


@pytest.mark.parametrize(
    ("name", "picture"),
    [
        ("vertical edges", grey(127 + 120 * np.sin(x / 3))),
        ("horizontal edges", grey(127 + 120 * np.sin(y / 3))),
        ("rising diagonals", grey(127 + 120 * np.sin((x + y) / 4))),
        ("falling diagonals", grey(127 + 120 * np.sin((x - y) / 4))),
    ],
)
def test_stripes_are_told_by_how_they_run(name: str, picture: np.ndarray) -> None:
    found = everywhere(picture)
    assert max(detectors.EDGES, key=lambda one: found[one]) == name


def test_fine_is_finer_than_coarse() -> None:
    fine = everywhere(grey(127 + 90 * np.sin(x * 2.6) * np.sin(y * 2.6)))
    coarse = everywhere(grey(127 + 90 * np.sin(x / 5) * np.sin(y / 5)))
    empty = everywhere(grey(np.full((SIDE, SIDE), 127)))
    assert fine["fine texture"] > 2 * coarse["fine texture"]
    assert coarse["coarse texture"] > 2 * fine["coarse texture"]
    assert empty["plain areas"] > 2 * max(fine["plain areas"], coarse["plain areas"])


def test_a_place_counts_what_is_there() -> None:
    picture = plain((128, 128, 128))
    picture[:30, :30] = (230, 20, 30)
    red = detectors.look([picture]).features()[0, detectors.NAMES.index("red")]
    at = dict(zip(detectors.WHERE, red.tolist(), strict=True))
    assert at["top left"] > 0.3
    assert at["bottom right"] == 0
    assert at["somewhere"] > 0.9


def test_a_mask_is_where_the_map_passes_the_level() -> None:
    small = np.zeros((1, 7, 7), np.float32)
    small[0, 1, 5] = 4.0
    found = masks(small, 2.0).reshape(detectors.grid, detectors.grid)
    rows, columns = np.nonzero(found)
    assert 2 <= rows.mean() * 7 / 24 <= 3 or 1 <= rows.mean() * 7 / 24 <= 2
    assert 5 <= columns.mean() * 7 / 24 <= 6
    large = np.zeros((1, 48, 48), np.float32)
    large[0, :24] = 3.0
    assert masks(large, 2.0).mean() == pytest.approx(0.5)
    # below the level everywhere: still the part near its largest
    assert 0 < masks(small, 9.0).mean() < 0.1


def test_regions_say_what_is_inside_and_where() -> None:
    rng = np.random.RandomState(0)
    pictures: list[np.ndarray] = []
    for _ in range(40):
        picture = plain((128, 128, 128))
        row, column = rng.randint(0, 72, 2)
        picture[row : row + 24, column : column + 24] = (40, 60, 220)
        pictures.append(picture)
    seen = detectors.look(pictures)
    blue = seen.maps[:, detectors.NAMES.index("blue")].astype(np.float32)
    tally = RegionTally(seen, 3)
    chosen = np.arange(8)
    tally.add(0, chosen, (blue[chosen].reshape(8, -1) > 0.5).astype(np.float32))
    corner = np.tile(detectors.window("bottom left").ravel(), (8, 1))
    tally.add(1, chosen, corner)
    tally.judge(1, corner)
    found = tally.regions()  # unit 2 has no exemplars
    contrast = dict(zip(detectors.NAMES, found.contrast[0].tolist(), strict=True))
    assert max(contrast, key=lambda one: contrast[one]) == "blue"
    assert contrast["blue"] > 5
    assert contrast["red"] < 3
    assert found.place(1) == "bottom left"
    at = [name for name, *_ in detectors.PLACES].index("bottom left")
    assert found.foretold[1, at] == pytest.approx(1.0)
    assert found.place(2) == ""
    assert not found.contrast[2].any()


def test_a_unit_that_is_always_active_in_one_place_is_named_by_it() -> None:
    rng = np.random.RandomState(0)
    pictures = [plain(tuple(rng.randint(0, 255, 3))) for _ in range(40)]  # type: ignore[arg-type]
    seen = detectors.look(pictures)
    tally = RegionTally(seen, 2)
    everywhere_mask = np.ones((8, detectors.grid**2), np.float32)
    right = np.tile(detectors.window("right").ravel(), (8, 1))
    for unit, mask in enumerate((right, everywhere_mask)):
        tally.add(unit, np.arange(8), mask)
        tally.judge(unit, mask)
    held = np.arange(40) % 5 > 2
    values = (9.0 + 0.01 * rng.rand(40, 2)).astype(np.float32)
    found = choose(values, np.full(2, 5.0), Shown(held, None, seen.features()), tally.regions())
    assert found[0].words == "right"
    assert not found[0].unsure
    assert found[1].unsure
