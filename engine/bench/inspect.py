"""What looking inside networks costs and finds: `lodestone bench inspect`.

Each part is a module `engine/bench/inspect_PART.py` with `measures()`; one line here adds it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def measures() -> Iterator[dict[str, Any]]:
    """Every figure, as it is ready."""
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
            ("exemplars", inspect_exemplars.measures),
            ("descriptions", inspect_words.measures),
            ("turned units", inspect_turn.measures),
            ("circuits", inspect_circuit.measures),
        )
    )
