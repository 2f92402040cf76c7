"""People, as an application sees them."""

from __future__ import annotations

from dataclasses import dataclass

from mifeng.core.people import People
from mifeng_crypto.ids import MemberId

__all__ = ["Person", "person_from"]


@dataclass(frozen=True, slots=True)
class Person:
    """A member of the workspace; `name` is the beginning of the id where no card is known.

    Where somebody else's name looks the same, the beginning of the id is part of it: `张伟 ·3f2a`.
    """

    id: MemberId
    name: str
    title: str = ""
    department: str = ""
    is_bot: bool = False
    """Whether this is a program: it said so when it joined, for good."""

    def __str__(self) -> str:
        return self.name


def person_from(member_id: MemberId, people: People) -> Person:
    """Return a person with the card that is known now."""
    card, name, is_bot = (
        people.cards.get(member_id),
        people.name(member_id),
        member_id in people.bots,
    )
    if card is None:
        return Person(member_id, name, is_bot=is_bot)
    return Person(member_id, name, card.title, card.department, is_bot)
