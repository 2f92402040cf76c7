"""Who or what is meant by what somebody has typed: one rule for people, units and devices."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

__all__ = ["MARK", "called"]

T = TypeVar("T")
MARK = 4
"""Hexadecimal digits of an id, at least, that tell people of one name apart."""


def called(
    text: str, among: Iterable[T], *, name: Callable[[T], str], id_of: Callable[[T], bytes]
) -> list[T]:
    """Return what may be meant: by its id, its name, or the beginning of either.

    A name is what others choose: it never stands in place of an id, and hides no beginning of one.
    """
    wanted, items = text.casefold(), list(among)
    if not wanted:
        return []
    begins = [each for each in items if id_of(each).hex().startswith(wanted)]
    if whole := [each for each in begins if id_of(each).hex() == wanted]:
        return whole
    named = [each for each in items if name(each).casefold() == wanted]
    if not named:
        named = [each for each in items if name(each).casefold().startswith(wanted)]
    elif len(wanted) < MARK:
        return named
    return named + [each for each in begins if each not in named]
