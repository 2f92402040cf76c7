"""Which messages a handler wants. They compose: `in_unit("Ops") & ~from_person("Ada")`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from mifeng.bot.happening import Happening

__all__ = ["Filter", "calls_me", "from_person", "has_file", "in_unit", "matches", "where"]


@dataclass(frozen=True, slots=True)
class Filter:
    """A test of a message; `&`, `|` and `~` make others of it."""

    test: Callable[[Happening], bool]

    def __call__(self, happening: Happening) -> bool:
        return self.test(happening)

    def __and__(self, other: Filter) -> Filter:
        return Filter(lambda happening: self(happening) and other(happening))

    def __or__(self, other: Filter) -> Filter:
        return Filter(lambda happening: self(happening) or other(happening))

    def __invert__(self) -> Filter:
        return Filter(lambda happening: not self(happening))


def where(test: Callable[[Happening], bool]) -> Filter:
    """A filter of one's own."""
    return Filter(test)


def in_unit(title: str) -> Filter:
    """In the unit of this title, or of this id in hex."""
    return Filter(lambda happening: title in (happening.unit.title, happening.unit.id.hex()))


def from_person(name: str) -> Filter:
    """By somebody of this name, as it is shown, or of this member id in hex.

    Names are not proof of anything: where it matters who somebody is, give the id.
    """
    return Filter(lambda happening: name in (happening.sender.name, happening.sender.id.hex()))


def matches(pattern: str) -> Filter:
    """Whose text has this regular expression somewhere, whatever the case."""
    found = re.compile(pattern, re.IGNORECASE)
    return Filter(lambda happening: found.search(happening.text) is not None)


has_file = Filter(lambda happening: bool(happening.message.files))
"""With a file."""

calls_me = Filter(lambda happening: happening.message.calls_me)
"""That call this bot: by name, by its role in the unit, or with everybody else."""
