"""How the window feels, measured from the slider to painted pixels on the real engine.

`python -m app.bench_window --json [GENERATOR]` writes one JSON object a line.
It needs a display; `lodestone bench steer` brings one along.
"""

from __future__ import annotations

import json
import sys


def main() -> int:
    """Measure and write; 0 also when a target is missed: the figures say so."""
    # Imported here, because the engine's processes import this module too and need none of it.
    from app.bench_stage import measures, until_picture

    arguments = [word for word in sys.argv[1:] if word != "--json"]
    if arguments[:1] == ["--until-picture"]:
        _write(until_picture(float(arguments[1]), *arguments[2:3]))
        return 0
    for figure in measures(arguments[0] if arguments else ""):
        _write(figure)
    return 0


def _write(line: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
