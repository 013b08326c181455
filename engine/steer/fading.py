"""Unit edits between two pictures, so that films and morphs do not jump. No torch."""

from __future__ import annotations

import difflib

import numpy as np

from engine.messages import Unit, UnitEdit, Vector


def units_between(
    a: tuple[UnitEdit, ...], b: tuple[UnitEdit, ...], t: float
) -> tuple[UnitEdit, ...]:
    """Unit edits at t (0..1) of the way from a to b, without a jump.

    Amounts move in straight lines; what only one side has fades by its mask; order is kept.
    """
    a, b = (tuple(edit for edit in side if edit.on) for side in (a, b))
    if a == b:
        return a
    keys = [[_same(edit) for edit in side] for side in (a, b)]
    made: list[UnitEdit] = []
    for kind, a0, a1, b0, b1 in difflib.SequenceMatcher(None, *keys, autojunk=False).get_opcodes():
        if kind == "equal":
            made += [_mean(x, y, t) for x, y in zip(a[a0:a1], b[b0:b1], strict=True)]
        else:
            made += [_faded(edit, 1.0 - t) for edit in a[a0:a1]]
            made += [_faded(edit, t) for edit in b[b0:b1]]
    return tuple(made)


def _same(edit: UnitEdit) -> tuple[tuple[Unit, ...], str, Vector | None]:
    """What two edits have in common that differ in their amount only."""
    return edit.units, edit.action, edit.mask


def _mean(a: UnitEdit, b: UnitEdit, t: float) -> UnitEdit:
    amount = (1.0 - t) * a.amount + t * b.amount
    return UnitEdit(a.units, a.action, amount, a.mask, a.name)


def _faded(edit: UnitEdit, share: float) -> UnitEdit:
    mask = np.ones((1, 1), np.float32) if edit.mask is None else edit.mask.array()
    faded = Vector.of(np.clip(mask, 0.0, 1.0) * np.float32(share))
    return UnitEdit(edit.units, edit.action, edit.amount, faded, edit.name)
