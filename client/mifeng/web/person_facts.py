"""What the page is told of a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from mifeng.content import printable

if TYPE_CHECKING:
    from mifeng import Person, Workspace

__all__ = ["PersonFacts", "person_facts"]


class PersonFacts(msgspec.Struct, kw_only=True, frozen=True):
    """A person, or with `is_bot` a program; `role` is empty once they left, and until they join.

    `picture` is the name of their picture, if they have one; another picture has another name.
    """

    id: str
    name: str
    title: str = ""
    department: str = ""
    role: str = ""
    is_bot: bool = False
    picture: str = ""


def person_facts(person: Person, me: Workspace) -> PersonFacts:
    """Say who somebody is."""
    role = me.role_of(person)
    return PersonFacts(
        id=person.id.hex(),
        name=printable(person.name),
        title=printable(person.title),
        department=printable(person.department),
        role=role.name.lower() if role else "",
        is_bot=person.is_bot,
        picture=me.picture_name(person),
    )
