"""Units: the tree, who is in one, letting in and taking out."""

from __future__ import annotations

import enum
from typing import TypeVar

import msgspec

from mifeng import Unit, Workspace
from mifeng.content import printable
from mifeng.errors import NotFoundError
from mifeng.text import explain
from mifeng.web.calls.table import Desk, Done, OfProfile, OfUnit, call
from mifeng.web.facts import MemberFacts, UnitFacts, governed_facts, member_facts, unit_facts
from mifeng.web.keeper import Keeper
from mifeng_crypto.errors import MifengError, UsageError
from mifeng_crypto.ids import UnitId
from mifeng_crypto.ledger.charter_entry import UnitKind, UnitRole
from mifeng_crypto.ledger.policy import Export, History, Keep, Posting, Receipts, Strict
from mifeng_crypto.ledger.roster_entry import MemberKind

__all__ = ["MembersReply", "UnitsReply", "role_named"]


class UnitsReply(msgspec.Struct, frozen=True):
    """The tree, each unit behind its parent; then those that stand in no tree."""

    units: list[UnitFacts]


class MembersReply(msgspec.Struct, frozen=True):
    """Who is in a unit, and who let each in."""

    members: list[MemberFacts]


class CreateUnitRequest(OfProfile, frozen=True, kw_only=True):
    """A new unit; `parent` is the id of one of one's own, or null."""

    title: str
    topic: str
    kind: str
    parent: str | None


class CreateUnitReply(msgspec.Struct, frozen=True):
    """The new unit's id."""

    unit: str


class GrantRequest(OfUnit, frozen=True, kw_only=True):
    """Let somebody in, or change what they may do."""

    person: str
    role: str


class GrantReply(msgspec.Struct, frozen=True):
    """Whether a device of theirs has the keys already; from when on an archive reads, else 0."""

    is_in: bool
    since: int


class PolicyRequest(OfUnit, frozen=True, kw_only=True):
    """What the unit is to go by; what is null stays."""

    cap: int | None = None
    key_lifetime_s: int | None = None
    retention_s: int | None = None
    posting: str | None = None
    history: str | None = None
    keep: str | None = None
    strict: str | None = None
    receipts: str | None = None
    export: str | None = None


class RenameRequest(OfUnit, frozen=True, kw_only=True):
    """What a unit is called, and what it is about."""

    title: str
    topic: str


class CloseRequest(OfUnit, frozen=True, kw_only=True):
    """`delete` for what was said there as well, at once; owners and admins only."""

    delete: bool


class DirectRequest(OfProfile, frozen=True, kw_only=True):
    """A unit of oneself and this person."""

    person: str


class OfMember(OfUnit, frozen=True, kw_only=True):
    """Somebody in a unit."""

    person: str


class ReadRequest(OfUnit, frozen=True, kw_only=True):
    """Everything up to `sequence` was read."""

    sequence: int


@call
async def units(desk: Desk, request: OfProfile) -> UnitsReply:
    """Return the units that this device is or was in, as a tree."""
    keeper = desk.keeper(request)
    me = keeper.workspace
    found = list[UnitFacts]()
    for place in me.org():
        parent = place.parent.hex() if place.parent else None
        if place.unit is None:
            found.append(
                UnitFacts(
                    id=place.id.hex(),
                    depth=place.depth,
                    parent=parent,
                    title=printable(place.title),
                    members=place.people or 0,
                )
            )
        else:
            found.append(_facts(keeper, me, place.id, depth=place.depth, parent=parent))
    listed = {one.id for one in found if one.sequence}
    mine = {unit.id.hex() for unit in me.units()}
    found = [one for one in found if one.id in listed or one.id not in mine]
    found += [
        _facts(keeper, me, unit.id, depth=0, parent=None)
        for unit in me.units()
        if unit.id.hex() not in listed
    ]
    return UnitsReply(found)


def _facts(
    keeper: Keeper, me: Workspace, unit_id: UnitId, *, depth: int, parent: str | None
) -> UnitFacts:
    unit = me.unit(unit_id.hex())
    problem = ""
    try:
        unit.check_access()
    except MifengError as err:
        problem = explain(err)
    return unit_facts(
        unit,
        depth=depth,
        parent=parent,
        unread=keeper.unread.count_of(unit),
        calls=keeper.unread.calls_of(unit),
        asks=keeper.unread.asks_of(unit),
        read=keeper.unread.read_of(unit),
        problem=problem,
    )


@call
async def members(desk: Desk, request: OfUnit) -> MembersReply:
    """Return who is in a unit, with who let each of them in, as the signatures say."""
    me, unit = desk.me(request), await desk.governed(request)
    let_in = await unit.admissions() if isinstance(unit, Unit) else {}
    return MembersReply(
        [member_facts(one, let_in.get(one.person.id), me) for one in unit.members()]
    )


@call
async def create_unit(desk: Desk, request: CreateUnitRequest) -> CreateUnitReply:
    """Open a unit."""
    me = desk.me(request)
    if request.kind.upper() not in UnitKind.__members__:
        raise UsageError("there is no such kind of unit; choose another")
    unit = await me.create_unit(
        request.title,
        topic=request.topic,
        kind=UnitKind[request.kind.upper()],
        parent=me.unit(request.parent) if request.parent else None,
    )
    return CreateUnitReply(unit.id.hex())


@call
async def direct(desk: Desk, request: DirectRequest) -> CreateUnitReply:
    """Open the unit of oneself and somebody, or return the one there is."""
    me = desk.me(request)
    return CreateUnitReply((await me.direct(me.person(request.person))).id.hex())


@call
async def set_policy(desk: Desk, request: PolicyRequest) -> Done:
    """Change what a unit goes by from here on."""
    unit = await desk.governed(request)
    await unit.set_policy(
        cap=request.cap,
        key_lifetime_s=request.key_lifetime_s,
        retention_s=request.retention_s,
        posting=_member(Posting, request.posting),
        history=_member(History, request.history),
        keep=_member(Keep, request.keep),
        strict=_member(Strict, request.strict),
        receipts=_member(Receipts, request.receipts),
        export=_member(Export, request.export),
    )
    return Done()


@call
async def governed(desk: Desk, request: OfUnit) -> UnitFacts:
    """Return a unit that one has a say in, without being in it."""
    unit = await desk.governed(request)
    places = (place.title for place in desk.me(request).org() if place.id == unit.id)
    return governed_facts(unit, next(places, ""))


@call
async def rename_unit(desk: Desk, request: RenameRequest) -> Done:
    """Say what a unit is called and about from here on."""
    await desk.unit(request).set_profile(title=request.title, topic=request.topic)
    return Done()


@call
async def close_unit(desk: Desk, request: CloseRequest) -> Done:
    """End a unit, for good."""
    await (await desk.governed(request)).close(delete=request.delete)
    return Done()


@call
async def restart_unit(desk: Desk, request: OfUnit) -> Done:
    """Open the next generation of a unit that cannot go on."""
    await desk.unit(request).restart()
    return Done()


@call
async def grant(desk: Desk, request: GrantRequest) -> GrantReply:
    """Let somebody in. An archive is one, whatever role is wished for."""
    me, unit = desk.me(request), await desk.governed(request)
    person, role = me.person(request.person), role_named(request.role)
    is_archive = me.kind_of(person) is MemberKind.ARCHIVE
    is_in = await unit.grant(person, None if is_archive else role)
    since = (one.since for one in unit.archives() if one.person.id == person.id)
    return GrantReply(is_in, next(since, 0))


@call
async def revoke(desk: Desk, request: OfMember) -> Done:
    """Take somebody out: what follows they cannot read."""
    await (await desk.governed(request)).revoke(desk.me(request).person(request.person))
    return Done()


@call
async def mark_read(desk: Desk, request: ReadRequest) -> Done:
    """Keep how far one has read."""
    keeper = desk.keeper(request)
    await keeper.unread.mark(keeper.workspace, desk.unit(request), request.sequence)
    return Done()


Word = TypeVar("Word", bound=enum.Enum)


def _member(kind: type[Word], name: str | None) -> Word | None:
    if name is not None and name.upper() not in kind.__members__:
        raise UsageError("a policy has no such word; choose another")
    return kind[name.upper()] if name is not None else None


def role_named(name: str) -> UnitRole:
    """Return a role in a unit.

    Raises:
        NotFoundError: there is none of this name.
    """
    if name.upper() not in UnitRole.__members__:
        raise NotFoundError("there is no such role; choose another")
    return UnitRole[name.upper()]
