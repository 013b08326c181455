"""What looking inside networks costs and finds: `lodestone bench inspect`.

Each part is a module `engine/bench/inspect_PART.py` with `measures()`; one line here adds it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any


def measures(pictures: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
    """Every figure, as it is ready.

    pictures: a folder of probes (without it, crops of what ships), a zip of drawn portraits
    (without it, their two figures are missing)
    """
    folder = next((one for one in pictures if Path(one).is_dir()), "")
    portraits = next((one for one in pictures if Path(one).is_file()), "")
    from engine.bench import (
        inspect_circuit,
        inspect_exemplars,
        inspect_networks,
        inspect_turn,
        inspect_words,
    )
    from engine.bench.figure import told

    return told(
        (
            ("networks", inspect_networks.measures),
            ("exemplars", lambda: inspect_exemplars.measures(folder)),
            ("descriptions", lambda: inspect_words.measures(portraits)),
            ("turned units", lambda: inspect_turn.measures(folder)),
            ("circuits", inspect_circuit.measures),
        )
    )
