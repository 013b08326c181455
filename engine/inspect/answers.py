"""Questions of the Inspect workspace, answered from studies and graphs. No torch."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

from engine.messages import (
    EditSetQuestion,
    EffectQuestion,
    NameUnit,
    NetworkQuestion,
    Reply,
    UnitQuestion,
    UnitsQuestion,
)

if TYPE_CHECKING:
    from engine.studio import Studio

InspectQuestion = (
    UnitsQuestion | UnitQuestion | EffectQuestion | EditSetQuestion | NameUnit | NetworkQuestion
)


def answer(question: InspectQuestion, studio: Studio) -> Generator[Reply | None, None, Reply]:
    """None in between is a place to pause."""
    match question:
        case UnitsQuestion():
            from engine.inspect.grid import units

            return units(question)
        case UnitQuestion():
            from engine.inspect.grid import unit

            return unit(question)
        case NameUnit():
            from engine.inspect.grid import name_unit

            return name_unit(question)
        case EffectQuestion():
            from engine.inspect.effect import effect

            return effect(question, studio)
        case EditSetQuestion():
            from engine.inspect.edit_sets import as_directions

            return as_directions(question, studio)
        case NetworkQuestion():
            from engine.inspect.networks import network_reply

            return network_reply(question)
