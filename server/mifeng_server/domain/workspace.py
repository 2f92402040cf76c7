"""The workspace as a whole: what a stranger may know, founding, and the roster."""

from __future__ import annotations

import hashlib

from mifeng_crypto.api.messages import (
    EntriesReply,
    FoundRequest,
    HeadReply,
    LedgerAppendRequest,
    ServerInfo,
)
from mifeng_crypto.api.problems import ProblemCode
from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.ids import PROTOCOL_VERSION, MemberId, UnixMillis
from mifeng_crypto.ledger.chain import check_clock
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.ledger.roster_entry import (
    AddDevice,
    AddMember,
    DeviceAuthor,
    DirectoryKey,
    Found,
    Invite,
    Recover,
    RemoveMember,
    RevokeDevice,
    RevokeInvite,
    RosterEntry,
    ServerIdentity,
    SetRole,
    SetServer,
)
from mifeng_crypto.rand import Rng
from mifeng_crypto.tls import decode
from mifeng_server.domain.accept import Call, Decision, Held, accept
from mifeng_server.domain.directory_boxes import forget_boxes
from mifeng_server.domain.events import DevicesRemoved, Event, RosterGrew
from mifeng_server.domain.house import LEDGERS, ROSTER_COUNTER, House
from mifeng_server.domain.key_packages import claims_lock, key_packages_lock
from mifeng_server.domain.login import Caller
from mifeng_server.domain.offboarding import forget_devices
from mifeng_server.domain.protocols import Store
from mifeng_server.domain.quota import take_room
from mifeng_server.domain.refusal import Refusal
from mifeng_server.domain.refused import refusing
from mifeng_server.domain.rows import (
    CounterRow,
    Delete,
    FoundingRow,
    GrantRow,
    Insert,
    RosterRow,
    Swap,
    Write,
)
from mifeng_server.domain.unit import Unit
from mifeng_server.domain.unit_log import move_heads

__all__ = [
    "PAGE",
    "append_roster",
    "found",
    "make_founding_token",
    "no_grant_between",
    "read_roster",
    "server_info",
    "stands_on",
]

PAGE = 500
"""Entries of a ledger in one answer."""

LEASE_MS = 86_400_000
MANY = 100_000
"""More than there are of anything that one member has."""


async def server_info(house: House, *, now: int) -> ServerInfo:
    """What a stranger may know."""
    roster = await house.roster()
    return ServerInfo(
        protocol=PROTOCOL_VERSION,
        workspace_id=roster.workspace_id if roster else None,
        genesis=roster.genesis if roster else None,
        checkpoint_key=house.notary.public_key,
        time=now,
    )


async def make_founding_token(store: Store, *, rng: Rng) -> bytes:
    """Return the token of a founding link; those before it stop working."""
    token = rng(32)
    before = await store.find(FoundingRow, order="token_hash", limit=MANY)
    writes: list[Write] = [Delete(FoundingRow, (row.token_hash,)) for row in before]
    writes.append(Insert(FoundingRow(hashlib.sha256(token).digest())))
    await store.write(writes)
    return token


async def found(house: House, key: str, body: FoundRequest, *, now: int) -> HeadReply:
    """Found the workspace, once.

    Raises:
        Refusal: already_founded, forbidden, refused, clock.
    """
    token_hash = hashlib.sha256(body.token).digest()

    async def decide(_: Held) -> Decision:
        if await house.roster() is not None:
            raise Refusal(ProblemCode.ALREADY_FOUNDED)
        if await house.store.get(FoundingRow, token_hash) is None:
            raise Refusal(ProblemCode.FORBIDDEN, "this founding link is not valid any more")
        with refusing(head_sequence=0):
            entry = decode(RosterEntry, body.entry)
            check_clock(entry.tbs.time, now=UnixMillis(now))
            roster = Roster.from_entries([entry])
            _check_server(house, roster.server)
        return Decision(
            reply=_head(roster),
            writes=(
                Delete(FoundingRow, (token_hash,), must_exist=True),
                Insert(RosterRow(1, body.entry)),
                Insert(CounterRow(ROSTER_COUNTER, 1)),
            ),
            events=(RosterGrew(),),
            roster=roster,
        )

    call = Call(token_hash, key, hashlib.sha256(body.entry).digest())
    return await accept(house, call, HeadReply, lock=LEDGERS, decide=decide)


def _check_server(house: House, server: ServerIdentity) -> None:
    """FOUND-1: what members will know the server by is what it is."""
    doors = house.doors
    pins = (doors.tls_pin,) if doors.tls_pin is not None else ()
    if (
        tuple(server.tls_pins) != pins
        or not set(server.addresses) & set(doors.addresses)
        or server.checkpoint_key not in (None, house.notary.public_key)
    ):
        raise ProtocolError(
            "FOUND-1", "the entry names another server; found it with this server's own link"
        )


def _check_announced(house: House, server: ServerIdentity) -> None:
    """FOUND-2: what is announced is true now: else whoever goes by it is not let in any more."""
    doors = house.doors
    pins = (doors.tls_pin,) if doors.tls_pin is not None else ()
    if server.checkpoint_key is not None and not house.notary.has(server.checkpoint_key):
        raise ProtocolError(
            "FOUND-2",
            "the server has no such log key; the operator makes the next one and tells it: "
            "mifeng-server rotate-key log",
        )
    if not set(pins) <= set(server.tls_pins) or not set(server.addresses) <= set(doors.addresses):
        raise ProtocolError(
            "FOUND-2",
            "every address must be one of the server's configuration, and its present TLS key must "
            "be among the announced ones: change the configuration first, or announce both keys",
        )


def stands_on(roster: Roster) -> Write:
    """What makes a batch fail that rests on a roster entry which did not become durable."""
    counter = CounterRow(ROSTER_COUNTER, roster.head.sequence)
    return Swap(counter, counter)


async def no_grant_between(
    house: House, member_id: bytes, *, now: int
) -> tuple[Insert | Swap, ...]:
    """Return what makes this batch, or that of a grant, fail if one was decided without the other.

    Ask before the member's grants are looked at, or what the member is.
    """
    token, deadline = house.rng(16), now + LEASE_MS
    return await take_room(house.store, b"grants" + member_id, token=token, deadline=deadline)


async def read_roster(house: House, *, after: int) -> EntriesReply:
    """Entries after a sequence, a page of them."""
    rows = await house.store.find(RosterRow, order="sequence", after=after, limit=PAGE)
    roster = await house.roster()
    known = roster.head.sequence if roster else 0
    last = rows[-1].sequence if rows else after
    return EntriesReply(
        entries=[row.entry for row in rows], head_sequence=known if len(rows) == PAGE else last
    )


async def append_roster(
    house: House, caller: Caller, call: Call, body: LedgerAppendRequest, *, now: int
) -> HeadReply:
    """Append one signed entry, and move the heads of the units that it concerns.

    Raises:
        Refusal: forbidden, stale_head, clock, refused.
    """

    async def decide(held: Held) -> Decision:
        roster = await house.roster()
        assert roster is not None, "there are no callers before the founding"
        with refusing(head_sequence=roster.head.sequence):
            entry = decode(RosterEntry, body.entry)
            _check_author(caller, entry)
            roster.check_on_arrival(entry, now=UnixMillis(now))
            grown = roster.append(entry)
            if isinstance(entry.tbs.body, SetServer):
                _check_announced(house, entry.tbs.body.server)
        sequence = grown.head.sequence
        writes: list[Write] = [
            Swap(CounterRow(ROSTER_COUNTER, sequence - 1), CounterRow(ROSTER_COUNTER, sequence)),
            Insert(RosterRow(sequence, body.entry)),
        ]
        if isinstance(entry.tbs.body, DirectoryKey):
            writes += await forget_boxes(house.store, roster.directory.key_hash)
        events: list[Event] = [RosterGrew()]
        units: list[Unit] = []
        subject = _subject(roster, entry)
        if subject is not None:
            await house.store.settle()  # a grant that was accepted this moment counts
            writes += await no_grant_between(house, subject, now=now)
            gone = _devices(roster, subject) - _devices(grown, subject)
            for unit in await _units_of(house, subject, held, gone):
                moved = move_heads(unit, grown, unit.charter, now=now)
                units.append(moved.unit)
                writes += moved.writes
                events += moved.events
            if gone:
                writes += await forget_devices(house.store, subject, gone)
                events.append(DevicesRemoved(gone))
        return Decision(
            reply=_head(grown),
            writes=tuple(writes),
            events=tuple(events),
            roster=grown,
            units=tuple(units),
        )

    return await accept(house, call, HeadReply, lock=LEDGERS, decide=decide)


def _head(roster: Roster) -> HeadReply:
    return HeadReply(sequence=roster.head.sequence, hash=roster.head.hash)


def _check_author(caller: Caller, entry: RosterEntry) -> None:
    """A caller sends only what it signed itself; an invite only its own admission."""
    author = entry.tbs.author
    device_id = author.device_id if isinstance(author, DeviceAuthor) else None
    if (author.member_id, device_id) != (caller.member_id, caller.device_id):
        raise Refusal(ProblemCode.FORBIDDEN, "the entry was signed by somebody else")


def _subject(roster: Roster, entry: RosterEntry) -> MemberId | None:
    """Whose role or devices the entry changes: the units with this member go by it at once."""
    match entry.tbs.body:
        case AddMember() | AddDevice() | Recover():
            return entry.tbs.author.member_id
        case RemoveMember() | SetRole() as body:
            return body.member_id
        case RevokeDevice() as body:
            device = roster.device(body.device_id)
            assert device is not None, "ROSTER-17"
            return device.member_id
        case Found() | Invite() | RevokeInvite() | SetServer() | DirectoryKey():
            return None


def _devices(roster: Roster, member_id: MemberId) -> frozenset[bytes]:
    return frozenset(device.device_id for device in roster.devices_of(member_id))


async def _units_of(
    house: House, member_id: bytes, held: Held, gone: frozenset[bytes]
) -> list[Unit]:
    """The units whose charters grant a member, locked.

    Where devices go, also against claims of their KeyPackages, and against new ones.
    """
    grants = await house.store.find(GrantRow, order="unit_id", limit=MANY, member_id=member_id)
    units = []
    if gone:  # before the units' locks, which a claim takes after its own
        for device_id in sorted(gone):
            await held.enter_async_context(house.locks.of(key_packages_lock(device_id)))
        for row in sorted(grants, key=lambda row: row.unit_id):
            await held.enter_async_context(house.locks.of(claims_lock(row.unit_id)))
    for unit_id in sorted(row.unit_id for row in grants):
        await held.enter_async_context(house.locks.of(unit_id))
        unit = await house.unit_held(unit_id)
        assert unit is not None, "a grant belongs to a unit"
        units.append(unit)
    return units
