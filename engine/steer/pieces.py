"""Text of any script, cut into words, numbers, emoji and marks. No library, no language."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

longest_word = 40
"""Characters; what is longer is cut."""


def is_word(piece: str) -> bool:
    return _kind(piece[0]) != ""


def is_number(piece: str) -> bool:
    return piece.replace(".", "", 1).isdecimal()


def pieces(text: str) -> Iterator[str]:
    """Words, numbers, emoji and single marks of text, in lower case; words are cut to 40."""
    text = unicodedata.normalize("NFKC", text).lower().replace("’", "'")
    piece, kind, joined = "", "", False
    for index, sign in enumerate(text):
        own = _kind(sign)
        if piece and _continues(piece, kind, sign, own, joined, text[index + 1 : index + 2]):
            joined = sign == "\u200d"
            if len(piece) < longest_word:
                piece += sign
            continue
        if piece:
            yield piece
        piece, kind, joined = "", own, False
        if own in ("word", "emoji") or (sign == "." and text[index + 1 : index + 2].isdecimal()):
            piece, kind = sign, own or "word"
        elif not sign.isspace() and own != "mark":
            yield sign
    if piece:
        yield piece


def _continues(piece: str, kind: str, sign: str, own: str, joined: bool, after: str) -> bool:
    if own == "mark" or joined:
        return own != ""
    if kind == "emoji":
        # Two letters of a flag belong together.
        return own == "emoji" and _is_flag(sign) and len(piece) == 1 and _is_flag(piece)
    if own == "word":
        return True
    within = (sign == "'" and after.isalpha()) or (sign == "." and after.isdecimal())
    return within and (sign == "'" or piece.isdecimal())


def _is_flag(sign: str) -> bool:
    return "\U0001f1e6" <= sign <= "\U0001f1ff"


def _kind(sign: str) -> str:
    """`word`, `emoji`, `mark` (belongs to what is before it), or empty."""
    if sign.isascii():
        return "word" if sign.isalnum() else ""
    category = unicodedata.category(sign)
    if category[0] == "M" or sign in "\u200c\u200d" or "\U0001f3fb" <= sign <= "\U0001f3ff":
        return "mark"
    if category[0] in "LN":
        return "word"
    return "emoji" if category == "So" and sign >= "\u2190" else ""
