"""For those who may: invites, removals and how far they are, the server's health."""

from __future__ import annotations

import time

import msgspec

from mifeng import Offboarding
from mifeng.content import printable
from mifeng.sdk.wording import change_in_words, departure_word, others_in_words
from mifeng.text import retold
from mifeng.web.calls.table import Desk, Done, OfProfile, call
from mifeng.web.facts import PersonFacts, person_facts
from mifeng_crypto.errors import UsageError
from mifeng_crypto.ledger.roster_entry import Role

__all__ = ["InviteReply", "OffboardingFacts"]

CHANGES = 200
INVITABLE = (Role.ADMIN, Role.MEMBER, Role.GUEST)


class InviteRequest(OfProfile, frozen=True, kw_only=True):
    """An invite for one person, as `admin`, `member` or `guest`."""

    role: str


class InviteReply(msgspec.Struct, kw_only=True, frozen=True):
    """The link, which holds a secret; the rows of its QR code (`1` is dark); when it expires."""

    link: str
    qr: list[str]
    expires_at: int


class InviteFacts(msgspec.Struct, kw_only=True, frozen=True):
    """An invite that nobody has used."""

    id: str
    role: str
    state: str
    expires_at: int
    issued_by: PersonFacts


class InvitesReply(msgspec.Struct, frozen=True):
    """In order of issue."""

    invites: list[InviteFacts]


class OfInvite(OfProfile, frozen=True, kw_only=True):
    """An invite, by its member id."""

    invite: str


class RemoveRequest(OfProfile, frozen=True, kw_only=True):
    """Somebody to be removed from the workspace."""

    person: str


class DepartureFacts(msgspec.Struct, kw_only=True, frozen=True):
    """A unit that a former member was in, and in words how far they are out of it."""

    unit: str
    title: str
    is_pending: bool
    told: str
    epoch: int


class OffboardingFacts(msgspec.Struct, kw_only=True, frozen=True):
    """A removal, how many units it is out of and still in, and in words what the server says."""

    person: PersonFacts
    removed_at: int
    units: list[DepartureFacts]
    out: int
    pending: int
    others: str
    is_overdue: bool


class OffboardingsReply(msgspec.Struct, frozen=True):
    """All removals, the newest first."""

    removals: list[OffboardingFacts]


class RoleRequest(OfProfile, frozen=True, kw_only=True):
    """What somebody is to be in the workspace: `owner`, `admin`, `member` or `guest`."""

    person: str
    role: str


class ChangeFacts(msgspec.Struct, kw_only=True, frozen=True):
    """An entry of the roster: what was signed, in words, and by whom."""

    at: int
    told: str
    author: PersonFacts


class ChangesReply(msgspec.Struct, frozen=True):
    """The newest first."""

    changes: list[ChangeFacts]


class AlarmFacts(msgspec.Struct, kw_only=True, frozen=True):
    """Something that should not be; its evidence is kept."""

    at: int
    rule: str
    unit: str
    message: str


class AlarmsReply(msgspec.Struct, frozen=True):
    """The newest first."""

    alarms: list[AlarmFacts]


class HealthReply(msgspec.Struct, kw_only=True, frozen=True):
    """How the server is reached, and how quickly it answers."""

    server: str
    is_online: bool
    answer_ms: int


@call
async def invite(desk: Desk, request: InviteRequest) -> InviteReply:
    """Sign an invite."""
    import segno  # noqa: PLC0415 - only here

    role = next((one for one in INVITABLE if one.name.lower() == request.role), None)
    if role is None:
        raise UsageError("an invite is for an admin, a member or a guest; choose one")
    made = await desk.me(request).invite(role)
    code = segno.make(made.link, error="l", micro=False)
    rows = ["".join(map(str, row)) for row in code.matrix_iter(border=2)]
    return InviteReply(link=made.link, qr=rows, expires_at=made.expires_at)


@call
async def invites(desk: Desk, request: OfProfile) -> InvitesReply:
    """Return the invites that nobody has used."""
    me = desk.me(request)
    return InvitesReply(
        [
            InviteFacts(
                id=one.person.id.hex(),
                role=one.role.name.lower(),
                state=one.state,
                expires_at=one.expires_at,
                issued_by=person_facts(one.issued_by, me),
            )
            for one in me.invites()
        ]
    )


@call
async def revoke_invite(desk: Desk, request: OfInvite) -> Done:
    """Make an invite void."""
    await desk.me(request).revoke_invite(request.invite)
    return Done()


@call
async def remove(desk: Desk, request: RemoveRequest) -> OffboardingFacts:
    """Remove somebody from the workspace, and see them out of their units."""
    me = desk.me(request)
    who = me.person(request.person)
    was = person_facts(who, me)
    return _facts(await me.remove(who), was)


@call
async def offboardings(desk: Desk, request: OfProfile) -> OffboardingsReply:
    """Return where former members still are."""
    me = desk.me(request)
    found = [_facts(one, person_facts(one.person, me)) for one in await me.offboarding()]
    return OffboardingsReply(sorted(found, key=lambda one: -one.removed_at))


def _facts(told: Offboarding, who: PersonFacts) -> OffboardingFacts:
    return OffboardingFacts(
        person=who,
        removed_at=told.removed_at,
        units=[
            DepartureFacts(
                unit=unit.unit_id.hex(),
                title=unit.title,
                is_pending=unit.state == "pending",
                told=departure_word(unit.state),
                epoch=unit.epoch,
            )
            for unit in told.units
        ],
        out=len(told.units) + told.others_out + told.others_pending - told.pending,
        pending=told.pending,
        others=others_in_words(told),
        is_overdue=told.is_overdue,
    )


@call
async def set_role(desk: Desk, request: RoleRequest) -> Done:
    """Give somebody another role in the workspace."""
    if request.role.upper() not in Role.__members__:
        raise UsageError("there is no such role; choose another")
    me = desk.me(request)
    await me.set_role(me.person(request.person), Role[request.role.upper()])
    return Done()


@call
async def changes(desk: Desk, request: OfProfile) -> ChangesReply:
    """Return who has come, gone, and got which device or role, as everybody's roster has it."""
    me = desk.me(request)
    found = (await me.changes())[-CHANGES:]
    return ChangesReply(
        [
            ChangeFacts(at=one.time, told=change_in_words(one), author=person_facts(one.author, me))
            for one in reversed(found)
        ]
    )


@call
async def alarms(desk: Desk, request: OfProfile) -> AlarmsReply:
    """Return what should not be, and is kept with its evidence."""
    found = await desk.me(request).alarms()
    return AlarmsReply(
        [
            AlarmFacts(
                at=one.time,
                rule=one.rule,
                unit=one.unit_id.hex() if one.unit_id else "",
                message=printable(retold(one.message, one.rule)),
            )
            for one in reversed(found)
        ]
    )


@call
async def server_health(desk: Desk, request: OfProfile) -> HealthReply:
    """Ask the server for something small, and say how long it took."""
    me = desk.me(request)
    began = time.perf_counter()
    await me.ping()
    return HealthReply(
        server=me.server,
        is_online=me.is_online,
        answer_ms=round((time.perf_counter() - began) * 1000),
    )
