"""How the window feels, measured from the slider to painted pixels on the real engine.

`python -m app.bench_window --json [--area compass|picture|sound] [GENERATOR]` writes one JSON
object a line. It needs a display; `lodestone bench steer` brings one along.
"""

from __future__ import annotations

import json
import sys


def main() -> int:
    """Measure and write; 0 also when a target is missed: the figures say so."""
    # Imported here, because the engine's processes import this module too and need none of it.
    from app import bench_compass, bench_making, bench_stage

    arguments = [word for word in sys.argv[1:] if word != "--json"]
    if arguments[:1] == ["--until-picture"]:
        _write(bench_stage.until_picture(float(arguments[1]), *arguments[2:3]))
        return 0
    area = "steer"
    if arguments[:1] == ["--area"]:
        area, arguments = arguments[1], arguments[2:]
    if area in ("picture", "sound"):
        found = bench_making.measures(area)
    else:
        module = bench_compass if area == "compass" else bench_stage
        found = module.measures(arguments[0] if arguments else "")
    for figure in found:
        _write(figure)
    return 0


def _write(line: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
