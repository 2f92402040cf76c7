"""What a member signs of a unit as a whole: open it, and change its charter.

Each verb decodes, lets the ledger's rules and the gate decide, and grows charter and log at once:
from the next entry on the unit goes by what was signed.
"""

from __future__ import annotations

from mifeng_crypto.api.messages import (
    AcceptedReply,
    HeadReply,
    LedgerAppendRequest,
    OpenUnitRequest,
)
from mifeng_crypto.api.problems import ProblemCode
from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.gate import check_create, genesis_of_log
from mifeng_crypto.ids import UnitId, UnixMillis
from mifeng_crypto.ledger.charter import GENERATION_GAP, Charter
from mifeng_crypto.ledger.charter_entry import (
    CharterEntry,
    Close,
    Closing,
    Create,
    Grant,
    Restart,
    Revoke,
    SetPolicy,
    UnitKind,
)
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.mls.group import PublicGroup
from mifeng_crypto.mls.wire.message import MLSMessage
from mifeng_crypto.mls.wire.welcome import GroupInfo
from mifeng_crypto.tls import decode
from mifeng_server.domain.accept import Call, Decision, Held, accept
from mifeng_server.domain.events import CharterGrew, Event, UnitsChanged
from mifeng_server.domain.house import LEDGERS, House
from mifeng_server.domain.login import Caller
from mifeng_server.domain.notes import with_receipt
from mifeng_server.domain.refusal import Refusal, not_found
from mifeng_server.domain.refused import refusing
from mifeng_server.domain.rows import (
    CharterRow,
    ContentRow,
    Delete,
    DoomedRow,
    GrantRow,
    Insert,
    PlaceRow,
    Put,
    StayRow,
    UnitRow,
    Write,
)
from mifeng_server.domain.sight import IN_THE_TREE, may_see_charter
from mifeng_server.domain.unit import ALL, Unit, may_take_part
from mifeng_server.domain.unit_log import begin, move_heads, succeed
from mifeng_server.domain.workspace import no_grant_between, stands_on

__all__ = ["append_charter", "create_unit", "restart_unit"]


async def create_unit(
    house: House, caller: Caller, call: Call, body: OpenUnitRequest, *, now: int
) -> AcceptedReply:
    """Open a unit: its charter, its group, and the first entry of its log.

    Raises:
        Refusal: malformed, forbidden, clock, refused.
    """

    async def decide(held: Held) -> Decision:
        roster = await _roster(house)
        with refusing():
            entry = decode(CharterEntry, body.charter_entry)
            _check_author(caller, entry)
            above = await _above(house, roster, caller, entry)
            _check_rights_now(entry, roster, above)
            charter = Charter.from_entries([entry], roster, parent=above)
            charter.check_on_arrival(entry, now=UnixMillis(now))
            await held.enter_async_context(house.locks.of(charter.unit_id))
            if await house.store.get(UnitRow, charter.unit_id) is not None:
                raise Refusal(ProblemCode.REFUSED, "there is such a unit already; draw a new id")
            public = PublicGroup.from_group_info(_group_info(body.group_info), tree=None)
            check_create(roster, charter, public, now=UnixMillis(now))
            grown = begin(charter, roster, public, genesis_of_log(body.group_info), now=now)
        unit_id, members = charter.unit_id, charter.members()
        writes: list[Write] = [
            *grown.writes,
            stands_on(roster),
            Insert(CharterRow(unit_id, 1, body.charter_entry)),
            Insert(ContentRow(unit_id, 0, 0, 0, body.group_info)),
            *(Insert(GrantRow(unit_id, member_id)) for member_id in members),
            Insert(StayRow(caller.member_id, unit_id, 0, 0)),
        ]
        for member_id in members:
            writes += await no_grant_between(house, member_id, now=now)
        if charter.kind in IN_THE_TREE:
            writes.append(Insert(PlaceRow(unit_id, charter.parent or b"")))
        return Decision(
            reply=AcceptedReply(header=grown.header, retain_until=0),
            writes=tuple(writes),
            events=(*grown.events, UnitsChanged(members)),
            units=(grown.unit,),
        )

    reply = await accept(house, call, AcceptedReply, lock=LEDGERS, decide=decide)
    return await with_receipt(house, reply)


async def _above(
    house: House, roster: Roster, caller: Caller, entry: CharterEntry
) -> Charter | None:
    """UNIT-1: a unit stands under an open business unit that its creator knows, or under none.

    Ledgers do not look at a parent unless its manager signs; a tree with holes would be of no use.
    """
    body = entry.tbs.body
    if not isinstance(body, Create) or body.parent is None:
        return None
    above = await _durable(house, body.parent)
    if (
        above is None
        or above.kind is not UnitKind.BUSINESS
        or above.is_closed()
        or not await _sees(house, roster, body.parent, caller)
    ):
        raise ProtocolError(
            "UNIT-1", "there is no such business unit to stand under; choose one that you know"
        )
    return above


async def _sees(house: House, roster: Roster, unit_id: bytes, caller: Caller) -> bool:
    unit = await house.unit(unit_id)
    return unit is not None and await may_see_charter(house, roster, unit, caller.member_id)


async def _durable(house: House, unit_id: UnitId | None) -> Charter | None:
    """Return a charter that another one is judged by. It does not grow: charters have one lock."""
    if unit_id is None:
        return None
    await house.store.settle()
    unit = await house.unit(unit_id)
    if unit is None:
        return None
    if await house.store.get(CharterRow, unit_id, unit.charter.head.sequence) is None:
        raise Refusal(ProblemCode.UNAVAILABLE, retry_after_s=1)  # its last entry was not written
    return unit.charter


async def _take(
    house: House, held: Held, unit_id: bytes, found: Unit, entry: CharterEntry
) -> tuple[Unit, Charter | None]:
    """Take a unit's lock; return the unit, and the parent's charter if its entry names one.

    The parent's comes first: it waits for the disk, which nobody does under a unit's lock.
    """
    above = await _durable(house, found.charter.parent if entry.tbs.parent else None)
    await held.enter_async_context(house.locks.of(unit_id))
    unit = await house.unit_held(unit_id)
    assert unit is not None, "units do not go away"
    return unit, above


def _group_info(raw: bytes) -> GroupInfo:
    message = decode(MLSMessage, raw).message
    if not isinstance(message, GroupInfo):
        raise ProtocolError("GATE-8", "a unit begins with a GroupInfo; this is something else")
    return message


async def append_charter(
    house: House,
    caller: Caller,
    call: Call,
    unit_id: bytes,
    body: LedgerAppendRequest,
    *,
    now: int,
) -> HeadReply:
    """Append one signed entry to a charter, and let the gate judge by it from here on.

    Raises:
        Refusal: not_found, malformed, forbidden, stale_head, clock, cap_exceeded, refused.
    """

    async def decide(held: Held) -> Decision:
        roster = await _roster(house)
        if not await _sees(house, roster, unit_id, caller):
            raise not_found()
        with refusing():
            entry = decode(CharterEntry, body.entry)
            _check_author(caller, entry)
        alone: tuple[Write, ...] = ()
        if isinstance(entry.tbs.body, Grant):
            alone = await no_grant_between(house, entry.tbs.body.member_id, now=now)
        found = await house.unit(unit_id)
        assert found is not None, "it was just seen"
        unit, above = await _take(house, held, unit_id, found, entry)
        with refusing(head_sequence=unit.charter.head.sequence):
            unit.charter.check_on_arrival(entry, now=UnixMillis(now))
            _check_rights_now(entry, roster, above)
            if isinstance(entry.tbs.body, Restart):
                raise ProtocolError("UNIT-2", "a restart comes with the group that it opens")
            charter = unit.charter.append(entry, roster, parent=above)
            grown = move_heads(unit, roster, charter, now=now)
        head = charter.head
        writes, subjects = _grant(unit_id, entry)
        events: tuple[Event, ...] = (
            *grown.events,
            CharterGrew(unit_id, frozenset(charter.members())),
            *((UnitsChanged(subjects),) if subjects else ()),
        )
        return Decision(
            reply=HeadReply(sequence=head.sequence, hash=head.hash),
            writes=(
                *grown.writes,
                stands_on(roster),
                Insert(CharterRow(unit_id, head.sequence, body.entry)),
                *writes,
                *alone,
            ),
            events=events,
            units=(grown.unit,),
        )

    return await accept(house, call, HeadReply, lock=LEDGERS, decide=decide)


async def restart_unit(
    house: House,
    caller: Caller,
    call: Call,
    unit_id: bytes,
    body: OpenUnitRequest,
    *,
    now: int,
) -> AcceptedReply:
    """End a unit's generation and open the next: charter entry and new group, all or nothing.

    Raises:
        Refusal: not_found, malformed, forbidden, stale_head, clock, refused.
    """

    async def decide(held: Held) -> Decision:
        roster = await _roster(house)
        with refusing():
            entry = decode(CharterEntry, body.charter_entry)
            _check_author(caller, entry)
        found = await house.unit(unit_id)
        if found is None or not may_take_part(roster, found, caller.member_id):
            raise not_found()
        unit, above = await _take(house, held, unit_id, found, entry)
        with refusing(head_sequence=unit.charter.head.sequence):
            unit.charter.check_on_arrival(entry, now=UnixMillis(now))
            _check_rights_now(entry, roster, above)
            charter = unit.charter.append(entry, roster, parent=above)
            _check_restart(unit, entry)
            public = PublicGroup.from_group_info(_group_info(body.group_info), tree=None)
            check_create(roster, charter, public, now=UnixMillis(now))
            genesis = genesis_of_log(body.group_info, begins=charter.generation().begins)
            grown = succeed(unit, charter, roster, public, genesis, now=now)
        generation = grown.unit.row.generation
        stays = await house.store.find(StayRow, order="member_id", limit=ALL, unit_id=unit_id)
        others = [stay.member_id for stay in stays if stay.member_id != caller.member_id]
        return Decision(
            reply=AcceptedReply(header=grown.header, retain_until=0),
            writes=(
                *grown.writes,
                stands_on(roster),
                Insert(CharterRow(unit_id, charter.head.sequence, body.charter_entry)),
                Insert(ContentRow(unit_id, generation, 0, 0, body.group_info)),
                # Nobody else is in the new tree, so nobody has to be taken out of it.
                *(Delete(StayRow, (member_id, unit_id)) for member_id in others),
                Put(StayRow(caller.member_id, unit_id, generation, 0)),
            ),
            events=(*grown.events, CharterGrew(unit_id, frozenset(charter.members()))),
            units=(grown.unit,),
        )

    reply = await accept(house, call, AcceptedReply, lock=LEDGERS, decide=decide)
    return await with_receipt(house, reply)


def _check_restart(unit: Unit, entry: CharterEntry) -> None:
    """UNIT-2: it is a `restart` that knows the whole log, or more, and no number is used twice.

    More than the server has knows whoever has seen what it lost when it was put back.
    """
    body, row = entry.tbs.body, unit.row
    if not isinstance(body, Restart):
        raise ProtocolError("UNIT-2", "a generation is opened by a restart, not by another entry")
    if not row.log_sequence <= body.log.sequence <= row.log_sequence + GENERATION_GAP:
        raise ProtocolError(
            "UNIT-2", "the unit's log has moved on; fetch its head and restart from there"
        )


def _grant(unit_id: bytes, entry: CharterEntry) -> tuple[tuple[Write, ...], tuple[bytes, ...]]:
    """How the way from members to units follows an entry, and whom it concerns."""
    match entry.tbs.body:
        case Grant() as body:
            return (Put(GrantRow(unit_id, body.member_id)),), (body.member_id,)
        case Revoke() as body:
            return (Delete(GrantRow, (unit_id, body.member_id)),), (body.member_id,)
        case Close() as body if body.content is Closing.DELETES:
            return (Insert(DoomedRow(unit_id)),), ()
        case Create() | SetPolicy() | Restart() | Close():
            return (), ()


def _check_rights_now(entry: CharterEntry, roster: Roster, above: Charter | None) -> None:
    """UNIT-3: nobody signs under a head from before his right was taken.

    Ledgers let an entry name an older head, since its author may not have heard of the newest. On
    arrival it is judged by what its author is now.
    """
    tbs = entry.tbs
    then = roster.member(tbs.author.member_id, at=tbs.roster.sequence)
    now = roster.member(tbs.author.member_id)
    same = then is not None and now is not None and then.role is now.role
    if not same or (tbs.parent is not None and (above is None or tbs.parent != above.head)):
        raise Refusal(
            ProblemCode.STALE_HEAD,
            "what you may do has changed since; look at the newest entries, and sign again",
            rule="UNIT-3",
            head_sequence=roster.head.sequence,
        )


def _check_author(caller: Caller, entry: CharterEntry) -> None:
    """A caller sends only what it signed itself."""
    author = entry.tbs.author
    if (author.member_id, author.device_id) != (caller.member_id, caller.device_id):
        raise Refusal(ProblemCode.FORBIDDEN, "the entry was signed by somebody else")


async def _roster(house: House) -> Roster:
    roster = await house.roster()
    assert roster is not None, "there are no callers before the founding"
    return roster
