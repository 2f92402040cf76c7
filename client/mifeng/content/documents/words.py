"""What a text in a document may be (protocol.md, "Documents"): CONTENT-5 where it is not."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Sized
from decimal import Decimal

from mifeng_crypto.errors import ProtocolError

__all__ = ["check_count", "check_line", "check_number", "check_sorted", "check_text", "malformed"]

MAX_LINE = 200
MAX_TEXT = 100_000

_HARMFUL = frozenset({"Cc", "Cs", "Co", "Zl", "Zp"})
_TURNS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,6})?")


def malformed(what: str) -> ProtocolError:
    """CONTENT-5: what a document is not."""
    return ProtocolError("CONTENT-5", "a document is not what it says: {what}", what=what)


def check_line(text: str, *, empty: bool = False) -> None:
    """One line of 1 (or 0) to 200 characters that show themselves, in their order.

    Raises:
        ProtocolError: CONTENT-5.
    """
    harmful = any(unicodedata.category(c) in _HARMFUL or c in _TURNS for c in text)
    if harmful or len(text) > MAX_LINE or (not empty and not text.strip()):
        raise malformed("a title, label or choice is 1 to 200 printable characters")


def check_text(text: str, *, empty: bool = True) -> None:
    """A text of at most 100,000 characters; it is shown like every message's.

    Raises:
        ProtocolError: CONTENT-5.
    """
    if any("\ud800" <= c <= "\udfff" for c in text):  # of what was typed in another encoding
        raise malformed("this text is not UTF-8; set the terminal's locale to UTF-8")
    if len(text) > MAX_TEXT or (not empty and not text.strip()):
        raise malformed("a text is missing, or too long")


def check_number(text: str) -> Decimal:
    """A decimal number in its one form: up to 15 digits, up to 6 behind the point.

    Raises:
        ProtocolError: CONTENT-5.
    """
    if not _NUMBER.fullmatch(text):
        raise malformed("a number has at most 15 digits, and 6 behind the point")
    return Decimal(text)


def check_count(items: Sized, least: int, most: int) -> None:
    """From `least` to `most` of them.

    Raises:
        ProtocolError: CONTENT-5.
    """
    if not least <= len(items) <= most:
        raise malformed("a list in it is too short or too long")


def check_sorted(ids: tuple[bytes, ...]) -> None:
    """Each once, in ascending order.

    Raises:
        ProtocolError: CONTENT-5.
    """
    if any(a >= b for a, b in itertools.pairwise(ids)):
        raise malformed("a list of people is sorted, and names each once")
