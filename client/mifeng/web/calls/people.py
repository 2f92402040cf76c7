"""People: finding them, what the others see of oneself, numbers to compare."""

from __future__ import annotations

import base64
import contextlib
import itertools

import msgspec

from mifeng import Person
from mifeng.core.search import Search
from mifeng.web.calls.table import Desk, OfProfile, OfUnit, call
from mifeng.web.facts import MessageFacts, PersonFacts, message_facts, person_facts
from mifeng_crypto.errors import UsageError
from mifeng_crypto.ids import PROTOCOL_VERSION, MemberId
from mifeng_crypto.ledger.card import Card
from mifeng_crypto.ledger.head import EMPTY

__all__ = ["PeopleReply", "PersonReply"]

MENTIONED = 12
HITS = 20


class PeopleRequest(OfProfile, frozen=True, kw_only=True):
    """`query`: characters, pinyin, initials, a position, a department; empty for everybody."""

    query: str


class PeopleReply(msgspec.Struct, frozen=True):
    """The likeliest first."""

    people: list[PersonFacts]


class MentionRequest(OfUnit, frozen=True, kw_only=True):
    """Whom one may call in a unit."""

    query: str


class HitFacts(msgspec.Struct, kw_only=True, frozen=True):
    """A unit, by its id, a person, or a message."""

    unit: str | None = None
    person: PersonFacts | None = None
    message: MessageFacts | None = None


class FindReply(msgspec.Struct, frozen=True):
    """Units, then people, then messages, the newest first."""

    hits: list[HitFacts]


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


class PictureReply(msgspec.Struct, frozen=True):
    """A small square JPEG, as base64; empty where there is none."""

    picture: str


class CardRequest(OfProfile, frozen=True, kw_only=True):
    """What the others are to see of oneself.

    `picture` is base64 of a picture's file, from which a small square is drawn; empty for none any
    more, null for the one that there is.
    """

    name: str
    title: str
    department: str
    picture: str | None = None


@call
async def people(desk: Desk, request: PeopleRequest) -> PeopleReply:
    """Find people, on this device."""
    me = desk.me(request)
    found = me.people(request.query or None)
    return PeopleReply([person_facts(person, me) for person in found])


@call
async def mentionable(desk: Desk, request: MentionRequest) -> PeopleReply:
    """Find people of a unit, by characters, pinyin or initials."""
    me, unit = desk.me(request), desk.unit(request)
    here = {one.person.id for one in unit.members()} - {me.me.id}
    found = (one for one in me.people(request.query or None) if one.id in here)
    return PeopleReply([person_facts(one, me) for one in itertools.islice(found, MENTIONED)])


@call
async def find(desk: Desk, request: PeopleRequest) -> FindReply:
    """Find units and people to go to."""
    me, units = desk.me(request), {MemberId(unit.id): unit for unit in desk.me(request).units()}
    wanted, people = list(units), list[Person]()
    if request.query:
        # Titles are searched as names are: each unit as the card of somebody called so.
        titles = (
            Card(
                version=PROTOCOL_VERSION,
                workspace_id=me.id,
                member_id=unit_id,
                card_version=1,
                roster=EMPTY,
                name=unit.title,
                title=unit.topic,
                department="",
                picture=None,
            )
            for unit_id, unit in units.items()
        )
        wanted, people = list(Search(titles).find(request.query)), me.people(request.query)
    said = list[HitFacts]()
    if request.query:
        with contextlib.suppress(UsageError):  # a filter that names nobody finds nothing
            for one in await me.search(request.query, last=HITS):
                facts = await message_facts(one.message, one.unit, me)
                said.append(HitFacts(message=facts))
    return FindReply(
        [HitFacts(unit=unit_id.hex()) for unit_id in wanted[:HITS]]
        + [HitFacts(person=person_facts(one, me)) for one in people[:HITS]]
        + said
    )


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
        name=request.name,
        title=request.title,
        department=request.department,
        picture=None if request.picture is None else base64.b64decode(request.picture),
    )
    return person_facts(now, me)


@call
async def picture(desk: Desk, request: OfPerson) -> PictureReply:
    """Return somebody's picture."""
    me = desk.me(request)
    found = await me.picture(me.person(request.person))
    return PictureReply(base64.b64encode(found or b"").decode())
