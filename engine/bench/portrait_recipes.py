"""What the recipe of a drawn portrait says, as a caption: known attributes to measure words by.

Recipes are those of DiceBear's "Adventurer" (Lisa Wischofsky, CC BY 4.0): a `labels.jsonl` in the
zip, one JSON object a picture.
"""

from __future__ import annotations

import colorsys
import csv
import io
import json
import zipfile
from pathlib import Path
from typing import Any

SKINS = {"#f2d3b1": "pale skin", "#ecad80": "tan skin", "#9e5622": "brown skin",
         "#763900": "dark skin"}  # fmt: skip


def caption(recipe: dict[str, Any]) -> str:
    """`long hair, orange hair, glasses, dark skin, blue background`."""
    hair = str(recipe.get("hair", ""))
    parts = ["long hair" if hair.startswith("long") else "short hair"] if hair else []
    parts += [f"{colour_name(recipe['hairColor'])} hair"] if "hairColor" in recipe else []
    parts += [SKINS[recipe["skinColor"]]] if recipe.get("skinColor") in SKINS else []
    parts += [name for name in ("glasses", "earrings") if recipe.get(name)]
    parts += [str(recipe["features"])] if recipe.get("features") else []
    back = recipe.get("primaryBackgroundColor")
    parts += [f"{colour_name(back)} background"] if back else []
    return ", ".join(parts)


def colour_name(code: str) -> str:
    """`#ab2a18` -> red: a word for a colour."""
    red, green, blue = (int(code[at : at + 2], 16) / 255 for at in (1, 3, 5))
    hue, saturation, value = colorsys.rgb_to_hsv(red, green, blue)
    degrees = hue * 360
    if value < 0.2:
        return "black"
    if saturation < 0.12:
        return "white" if value > 0.85 else "grey"
    if value < 0.65 and (degrees < 50 or degrees > 340):
        return "brown"
    if saturation < 0.4 and value < 0.85 and degrees < 60:
        return "fair"
    names = ((18, "red"), (42, "orange"), (68, "yellow"), (165, "green"), (200, "turquoise"),
             (255, "blue"), (310, "purple"), (345, "pink"), (361, "red"))  # fmt: skip
    return next(name for end, name in names if degrees < end)


def unpack(archive: Path, folder: Path, count: int, start: int = 0) -> None:
    """`count` of the portraits into a folder with `captions.csv`."""
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive) as packed:
        recipes = [json.loads(line) for line in packed.read("labels.jsonl").splitlines() if line]
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(["file", "caption"])
        for recipe in recipes[start : start + count]:
            name = str(recipe["file"])
            (folder / name).write_bytes(packed.read(name))
            writer.writerow([name, caption(recipe)])
    (folder / "captions.csv").write_text(text.getvalue(), encoding="utf-8")
