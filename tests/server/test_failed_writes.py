"""A write that fails, while what builds on it is already decided: nothing stands on air."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Sequence

import pytest

from mifeng_crypto.api import messages as m
from mifeng_crypto.ids import MemberId, UnixMillis
from mifeng_crypto.ledger.charter import sign_charter_entry
from mifeng_crypto.ledger.charter_entry import Grant, UnitRole
from mifeng_crypto.ledger.roster import sign_roster_entry
from mifeng_crypto.ledger.roster_entry import Invite, RemoveMember, Role, RosterEntry
from mifeng_crypto.log import LogEntry
from mifeng_crypto.signature import public_of
from mifeng_crypto.tls import decode, encode
from mifeng_server.domain.protocols import FullError, Store
from mifeng_server.domain.rows import Write
from tests.support.patience import until
from tests.support.peer import Peer, RefusedError, peer_of
from tests.support.server import RunningServer

Two = tuple[Peer, Peer, bytes]


class FailingOnce:
    """Stands before a store: the first write fails once it is told to; the others go through."""

    def __init__(self, store: Store, *, stored: bool) -> None:
        self._write = store.write
        self._stored = stored
        self.writes = 0
        self.may_fail = asyncio.Event()

    def write(self, batch: Sequence[Write]) -> Awaitable[None]:
        self.writes += 1
        if self.writes > 1:
            return self._write(batch)
        return self._fail(self._write(batch) if self._stored else None)

    async def _fail(self, stored: Awaitable[None] | None) -> None:
        if stored is not None:
            await stored
        await self.may_fail.wait()
        raise FullError


def _fail_once(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch, *, stored: bool
) -> FailingOnce:
    failing = FailingOnce(server.house.store, stored=stored)
    monkeypatch.setattr(server.house.store, "write", failing.write)
    return failing


async def _outcome(request: Awaitable[object]) -> str:
    try:
        await request
    except RefusedError as err:
        return err.code
    return "accepted"


@pytest.mark.parametrize("stored", [False, True])
async def test_messages_behind_one_that_failed_are_decided_again(
    two: Two, server: RunningServer, monkeypatch: pytest.MonkeyPatch, stored: bool
) -> None:
    ann, bob, unit_id = two
    before = bob.units[unit_id].log.sequence
    requests = [ann.make_message(unit_id, str(n).encode()) for n in range(5)]
    path = {"unit_id": unit_id}
    failing = _fail_once(server, monkeypatch, stored=stored)

    def send(n: int) -> Awaitable[object]:
        return ann.call("message", m.AcceptedReply, requests[n], path=path, key=str(n))

    first = asyncio.create_task(_outcome(send(0)))
    await until(lambda: failing.writes == 1)
    rest = [asyncio.create_task(_outcome(send(n))) for n in range(1, 5)]
    await until(lambda: failing.writes >= 5)  # they build on the first
    failing.may_fail.set()
    assert await first == "storage_full"
    assert await asyncio.gather(*rest) == ["accepted"] * 4
    # Whether it was stored or not: the same request again is in the log once.
    assert await _outcome(send(0)) == "accepted"
    entries = [decode(LogEntry, raw).header.sequence for raw in await ann.read_log(unit_id)]
    assert entries == list(range(1, before + 6))
    assert sorted(map(int, await bob.catch_up(unit_id))) == [0, 1, 2, 3, 4]


async def test_no_log_is_said_to_stand_where_it_is_not_durable_yet(
    two: Two, server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, bob, unit_id = two
    before = bob.units[unit_id].log.sequence
    store, held, settling, may_go_on = server.house.store, list[int](), list[int](), asyncio.Event()
    write, settle = store.write, store.settle

    def write_later(batch: Sequence[Write]) -> Awaitable[None]:
        async def later() -> None:
            held.append(len(batch))
            await may_go_on.wait()
            await write(batch)

        return later()

    async def settle_then() -> None:
        settling.append(1)
        await may_go_on.wait()
        await settle()

    monkeypatch.setattr(store, "write", write_later)
    monkeypatch.setattr(store, "settle", settle_then)
    sending = asyncio.create_task(ann.send(unit_id))
    await until(lambda: bool(held))
    asking = asyncio.create_task(bob.call("units", m.UnitsReply))
    await until(lambda: asking.done() or bool(settling))
    if asking.done():
        assert (await asking).units[0].log_sequence == before
    may_go_on.set()
    await sending
    assert (await asking).units[0].log_sequence == before + 1


async def test_no_roster_entry_follows_one_that_failed(
    founder: Peer, server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _invite(founder)
    before, founder.roster = founder.known, founder.known.append(first)
    second = _invite(founder)
    founder.roster = before
    failing = _fail_once(server, monkeypatch, stored=False)

    def send(request: m.LedgerAppendRequest) -> Awaitable[object]:
        return founder.call("roster_append", m.HeadReply, request)

    requests = [m.LedgerAppendRequest(entry=encode(entry)) for entry in (first, second)]
    lost = asyncio.create_task(_outcome(send(requests[0])))
    await until(lambda: failing.writes == 1)
    assert await _outcome(send(requests[1])) == "stale_head"
    failing.may_fail.set()
    assert await lost == "storage_full"
    assert (await founder.call("roster", m.EntriesReply)).head_sequence == 1
    for request in requests:
        await send(request)
    await founder.fetch_roster()
    assert founder.known.head.sequence == 3


async def test_a_unit_is_not_judged_by_a_removal_that_failed(
    two: Two, server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, bob, unit_id = two
    _fail_once(server, monkeypatch, stored=False).may_fail.set()
    entry = sign_roster_entry(
        ann.known, RemoveMember(bob.member_id), ann.author, ann.key, now=ann.now
    )
    request = m.LedgerAppendRequest(entry=encode(entry))
    lost = ann.call("roster_append", m.HeadReply, request)
    assert await _outcome(lost) == "storage_full"
    await ann.send(unit_id)
    await bob.catch_up(unit_id)
    await bob.send(unit_id)


def _invite(founder: Peer) -> RosterEntry:
    key = public_of(os.urandom(32))
    expires = UnixMillis(founder.now + 86_400_000)
    body = Invite(MemberId(os.urandom(16)), Role.MEMBER, key, expires)
    return sign_roster_entry(founder.known, body, founder.author, founder.key, now=founder.now)


async def test_a_removal_meets_a_grant_that_is_not_durable_yet(
    two: Two, server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, _, unit_id = two
    async with peer_of(server) as cy:
        member_id, key = await ann.invite()
        await cy.join_workspace(member_id, key, ann.known)
    await ann.fetch_roster()
    grant = sign_charter_entry(
        ann.units[unit_id].charter,
        Grant(member_id, UnitRole.MEMBER),
        ann.author,
        ann.key,
        roster=ann.known,
        now=ann.now,
    )
    store, pending, settling = server.house.store, list[asyncio.Task[None]](), list[int]()
    may_go_on, write, settle = asyncio.Event(), store.write, store.settle

    def write_later(batch: Sequence[Write]) -> Awaitable[None]:
        async def later() -> None:
            await may_go_on.wait()
            await write(batch)

        pending.append(asyncio.create_task(later()))
        return pending[-1]

    async def settle_then() -> None:
        settling.append(1)
        await asyncio.gather(*pending)
        await settle()

    monkeypatch.setattr(store, "write", write_later)
    monkeypatch.setattr(store, "settle", settle_then)
    request = m.LedgerAppendRequest(entry=encode(grant))
    granting = asyncio.create_task(
        ann.call("charter_append", m.HeadReply, request, path={"unit_id": unit_id})
    )
    await until(lambda: bool(pending))
    removing = asyncio.create_task(ann.append_roster(RemoveMember(member_id)))
    await until(lambda: bool(settling) or len(pending) > 1)
    may_go_on.set()
    await asyncio.gather(granting, removing)
    unit, roster = await server.house.unit(unit_id), await server.house.roster()
    assert unit is not None
    assert roster is not None
    assert unit.heads.roster == roster.head, "the unit goes by a roster from before the removal"
