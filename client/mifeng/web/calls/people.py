"""People: finding them, what the others see of oneself, numbers to compare."""

from __future__ import annotations

import msgspec

from mifeng.web.calls.table import Desk, OfProfile, call
from mifeng.web.facts import PersonFacts, person_facts

__all__ = ["PeopleReply", "PersonReply"]


class PeopleRequest(OfProfile, frozen=True, kw_only=True):
    """`query`: characters, pinyin, initials, a position, a department; empty for everybody."""

    query: str


class PeopleReply(msgspec.Struct, frozen=True):
    """The likeliest first."""

    people: list[PersonFacts]


class OfPerson(OfProfile, frozen=True, kw_only=True):
    """Somebody; empty for the workspace itself."""

    person: str


class PersonReply(msgspec.Struct, kw_only=True, frozen=True):
    """A person, the number of their devices, and the units that one shares with them."""

    person: PersonFacts
    safety_number: str
    units: list[str]


class SafetyReply(msgspec.Struct, frozen=True):
    """Sixty digits in groups of five."""

    number: str


class CardRequest(OfProfile, frozen=True, kw_only=True):
    """What the others are to see of oneself."""

    name: str
    title: str
    department: str


@call
async def people(desk: Desk, request: PeopleRequest) -> PeopleReply:
    """Find people, on this device."""
    me = desk.me(request)
    found = me.people(request.query or None)
    return PeopleReply([person_facts(person, me) for person in found])


@call
async def person(desk: Desk, request: OfPerson) -> PersonReply:
    """Return what there is to know of somebody."""
    me = desk.me(request)
    who = me.person(request.person)
    return PersonReply(
        person=person_facts(who, me),
        safety_number=me.safety_number(who) if me.role_of(who) else "",
        units=[
            unit.id.hex()
            for unit in me.units()
            if unit.is_member and any(one.person.id == who.id for one in unit.members())
        ],
    )


@call
async def workspace_number(desk: Desk, request: OfProfile) -> SafetyReply:
    """Return the number that every device of this workspace shows."""
    return SafetyReply(desk.me(request).safety_number())


@call
async def set_card(desk: Desk, request: CardRequest) -> PersonFacts:
    """Change what the others see of oneself."""
    me = desk.me(request)
    now = await me.set_profile(
        name=request.name, title=request.title, department=request.department
    )
    return person_facts(now, me)
