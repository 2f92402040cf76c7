"""Text of others, made harmless for a terminal.

Control characters could move the cursor or retype what the user typed; characters that turn the
direction of writing could show a name or a file's ending backwards.
"""

from __future__ import annotations

import unicodedata

__all__ = ["printable"]

_TURNS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_LINES = frozenset("\n\t")
# Cc control, Cs surrogates, Co private use, Zl and Zp line and paragraph separators.
_HARMFUL = frozenset({"Cc", "Cs", "Co", "Zl", "Zp"})


def printable(text: str, *, lines: bool = False) -> str:
    """Return `text` with what a terminal would obey replaced by U+FFFD.

    Args:
        text: anything that somebody else wrote.
        lines: whether it may have several lines: line ends and tabs stay.
    """
    if text.isascii() and text.isprintable():
        return text
    text = text.replace("\r\n", "\n")
    return "".join(
        character if (lines and character in _LINES) or not _is_harmful(character) else "\ufffd"
        for character in text
    )


def _is_harmful(character: str) -> bool:
    return character in _TURNS or unicodedata.category(character) in _HARMFUL
