"""Several nodes of one server on one PostgreSQL: what one has accepted, all go by."""

from __future__ import annotations

import asyncio
import hashlib
import os
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from mifeng_crypto.api import messages as m
from mifeng_crypto.labels import sign_mifeng
from mifeng_crypto.ledger.charter_entry import Restart
from mifeng_crypto.ledger.roster import sign_roster_entry
from mifeng_crypto.ledger.roster_entry import RemoveMember
from mifeng_crypto.log import Heads, LogEntry, LogHeader
from mifeng_crypto.mls.group import PendingCommit
from mifeng_crypto.tls import decode, encode
from mifeng_server.app import RELAY
from mifeng_server.domain.rows import GrantRow, LeaseRow, UnitRow
from mifeng_server.routes.stream import HUB
from tests.support.nodes import Nodes, initialised
from tests.support.patience import PATIENCE_S, until
from tests.support.peer import Peer, RefusedError, pair, peer_of
from tests.support.postgres import Cluster, cluster
from tests.support.server import RunningServer

HEADERS = {"Mifeng-Protocol": "1"}


@pytest.fixture(scope="module")
def postgres() -> Iterator[Cluster]:
    with cluster(fsync=True) as running:
        yield running


@dataclass(slots=True)
class Company:
    """Two nodes, two people, one unit that both are in."""

    nodes: Nodes
    one: RunningServer
    two: RunningServer
    ann: Peer
    bob: Peer
    unit_id: bytes

    def at(self, node: RunningServer, *peers: Peer) -> None:
        for peer in peers or (self.ann, self.bob):
            peer.url = node.url

    async def sequences(self) -> list[int]:
        return [decode(LogEntry, e).header.sequence for e in await self.ann.read_log(self.unit_id)]


@pytest.fixture
async def c(tmp_path: Path, postgres: Cluster) -> AsyncIterator[Company]:
    nodes = await initialised(tmp_path, postgres.new_database())
    async with nodes.node() as one, nodes.node() as two, pair(one) as (ann, bob, unit_id):
        yield Company(nodes, one, two, ann, bob, unit_id)


async def _hears(c: Company, node: RunningServer, peer: Peer) -> aiohttp.ClientWebSocketResponse:
    url = node.url.replace("http", "ws") + "/v1/stream"
    socket = await peer.session.ws_connect(url, headers=HEADERS)
    head = peer.units[c.unit_id].log.sequence
    hello = m.StreamHello(protocol=1, token=peer.token, after={c.unit_id.hex(): head})
    await socket.send_bytes(msgspec.msgpack.encode(hello))
    await until(lambda: peer.device_id in node.app[HUB].device_ids())
    return socket


async def _push(socket: aiohttp.ClientWebSocketResponse, kind: str) -> m.Push:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            message = await socket.receive()
            assert message.type is aiohttp.WSMsgType.BINARY, message
            push = msgspec.msgpack.decode(message.data, type=m.Push)
            if push.kind == kind:
                return push


async def test_a_removal_at_one_node_meets_a_grant_at_another(
    c: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with peer_of(c.one) as cy:
        member_id, key = await c.ann.invite()
        await cy.join_workspace(member_id, key, c.ann.known)
    await c.ann.fetch_roster()
    store, looked, granted = c.two.house.store, asyncio.Event(), asyncio.Event()
    find = store.find

    async def find_then(kind: Any, **more: Any) -> Any:  # noqa: ANN401 - as the store's own
        rows = await find(kind, **more)
        if kind is GrantRow and more.get("member_id") == member_id:
            looked.set()
            await granted.wait()
        return rows

    monkeypatch.setattr(store, "find", find_then)
    entry = sign_roster_entry(
        c.ann.known, RemoveMember(member_id), c.ann.author, c.ann.key, now=c.ann.now
    )
    request = m.LedgerAppendRequest(entry=encode(entry))
    admin = Peer(session=c.ann.session, url=c.two.url, clock=c.ann.clock, token=c.ann.token)
    removing = asyncio.create_task(admin.call("roster_append", m.HeadReply, request))
    await asyncio.wait_for(looked.wait(), PATIENCE_S)
    await c.ann.grant(c.unit_id, member_id)
    granted.set()
    head = await removing
    row = await c.one.house.store.get(UnitRow, c.unit_id)
    assert row is not None
    assert decode(Heads, row.heads).roster.sequence == head.sequence


async def test_a_start_at_one_node_ends_the_logins_of_the_one_before_at_all(c: Company) -> None:
    c.at(c.two)
    await c.ann.call("units", m.UnitsReply)
    before = c.ann.token
    assert hashlib.sha256(urlsafe_b64decode(before + "=")).digest() in c.two.house.tokens
    c.at(c.one)
    await c.ann.login()
    await c.ann.call(
        "start", m.StartReply, m.StartRequest(number=0, token=bytes(32), next=b"1" * 32)
    )
    ann = c.ann.device_id
    await until(lambda: ann not in [row.device_id for row in c.two.house.tokens.values()])
    c.at(c.two)
    c.ann.token = before
    assert (await c.ann.refused("units")).code == "unauthenticated"


async def test_each_message_is_accepted_wherever_it_comes_in(c: Company) -> None:
    for n in range(6):
        c.at(c.two if n % 2 else c.one)
        await c.ann.send(c.unit_id, f"{n}".encode())
        assert await c.bob.catch_up(c.unit_id) == [f"{n}".encode()]
    sequences = await c.sequences()
    assert sequences == list(range(1, len(sequences) + 1))


async def test_a_socket_at_one_node_hears_what_is_posted_at_the_other(c: Company) -> None:
    socket = await _hears(c, c.two, c.bob)
    c.at(c.one)
    for n in range(3):
        await c.ann.send(c.unit_id, f"{n}".encode())
        push = await _push(socket, "log")
        assert [decode(LogEntry, e).header.sequence for e in push.entries][-1] == push.head_sequence
    await socket.close()


async def test_a_socket_hears_in_order_what_both_nodes_accept(c: Company) -> None:
    socket = await _hears(c, c.two, c.bob)
    head = c.bob.units[c.unit_id].log.sequence
    requests = [c.ann.make_message(c.unit_id, f"{n}".encode()) for n in range(20)]

    async def send(n: int) -> None:
        peer = Peer(session=c.ann.session, url=(c.one, c.two)[n % 2].url, clock=c.ann.clock)
        peer.token = c.ann.token
        path = {"unit_id": c.unit_id}
        await peer.call("message", m.AcceptedReply, requests[n], path=path, key=f"k{n}")

    await asyncio.gather(*(send(n) for n in range(20)))
    heard: list[int] = []
    while len(heard) < 20:
        push = await _push(socket, "log")
        heard += [decode(LogEntry, entry).header.sequence for entry in push.entries]
    assert heard == list(range(head + 1, head + 21))
    assert await c.sequences() == list(range(1, head + 21))
    await socket.close()


async def test_who_is_removed_at_one_node_is_out_at_the_other_at_once(c: Company) -> None:
    socket = await _hears(c, c.two, c.bob)
    c.at(c.two)
    await c.bob.call("units", m.UnitsReply)
    c.at(c.one, c.ann)
    await c.ann.append_roster(RemoveMember(c.bob.member_id))
    assert (await c.bob.refused("units")).code == "unauthenticated"
    async with asyncio.timeout(PATIENCE_S):
        while (got := await socket.receive()).type is aiohttp.WSMsgType.BINARY:
            pass
    assert (got.type, got.data) == (aiohttp.WSMsgType.CLOSE, 4403)


async def test_who_is_taken_out_of_a_unit_at_one_node_reads_nothing_at_the_other(
    c: Company,
) -> None:
    c.at(c.two)
    await c.bob.call("log", m.LogReply, path={"unit_id": c.unit_id})
    c.at(c.one, c.ann)
    await c.ann.revoke(c.unit_id, c.bob.member_id)
    refused = await c.bob.refused("log", path={"unit_id": c.unit_id})
    assert refused.code == "not_found"


async def test_a_node_that_is_an_epoch_behind_takes_the_next_message(c: Company) -> None:
    c.at(c.two)
    await c.ann.send(c.unit_id, b"the unit is in two's memory")
    c.at(c.one)
    await c.bob.catch_up(c.unit_id)
    await c.bob.commit(c.unit_id)
    await c.ann.catch_up(c.unit_id)
    c.at(c.two)
    await c.ann.send(c.unit_id, b"of an epoch that two has not heard of")
    assert await c.bob.catch_up(c.unit_id) == [b"of an epoch that two has not heard of"]
    known = c.two.house.unit_in_use(c.unit_id)
    assert known is not None
    assert known.row.epoch == c.ann.units[c.unit_id].epoch.public.epoch


async def test_of_two_commits_at_two_nodes_one_is_accepted(c: Company) -> None:
    await c.bob.catch_up(c.unit_id)
    outcomes = []
    for _ in range(5):
        c.at(c.one, c.ann)
        c.at(c.two, c.bob)
        pending = [(p, p.make_commit(c.unit_id)) for p in (c.ann, c.bob)]
        results = await asyncio.gather(
            *(_try_commit(peer, c.unit_id, made) for peer, made in pending)
        )
        outcomes.append(sorted(results))
        for (peer, made), result in zip(pending, results, strict=True):
            await peer.catch_up(c.unit_id, made[0] if result == "accepted" else None)
    assert outcomes == [["accepted", "wrong_epoch"]] * 5


async def _try_commit(
    peer: Peer, unit_id: bytes, made: tuple[PendingCommit, m.CommitRequest]
) -> str:
    try:
        await peer.call("commit", m.AcceptedReply, made[1], path={"unit_id": unit_id})
    except RefusedError as err:
        return err.code
    return "accepted"


async def test_the_same_request_at_both_nodes_is_one(c: Company) -> None:
    before = len(await c.sequences())
    request = c.ann.make_message(c.unit_id, b"once")

    async def send(node: RunningServer) -> m.AcceptedReply:
        peer = Peer(session=c.ann.session, url=node.url, clock=c.ann.clock, token=c.ann.token)
        path = {"unit_id": c.unit_id}
        return await peer.call("message", m.AcceptedReply, request, path=path, key="same")

    replies = await asyncio.gather(*(send(node) for node in (c.one, c.two) * 4))
    assert {reply.header for reply in replies} == {replies[0].header}
    assert len(await c.sequences()) == before + 1


async def test_a_nonce_of_one_node_works_at_the_other_and_once(c: Company) -> None:
    c.at(c.two, c.ann)
    nonce = (await c.ann.call("login_nonce", m.NonceReply)).nonce
    tbs = encode(c.ann.login_tbs(nonce, origin=c.one.url))
    request = m.LoginRequest(tbs=tbs, signature=sign_mifeng(c.ann.key, "Login", tbs))
    c.at(c.one, c.ann)
    await c.ann.call("login", m.LoginReply, request)
    c.at(c.two, c.ann)
    assert (await c.ann.refused("login", request)).code == "unauthenticated"


async def test_a_steward_is_asked_where_one_is_online(c: Company) -> None:
    socket = await _hears(c, c.two, c.ann)
    c.at(c.one)
    await c.ann.revoke(c.unit_id, c.bob.member_id)
    assert (await _push(socket, "steward")).unit_id == c.unit_id
    lease = await c.one.house.store.get(LeaseRow, b"steward" + c.unit_id)
    assert lease is not None
    assert lease.holder == c.two.house.node
    await socket.close()


async def test_what_one_node_lets_a_device_spend_the_other_counts(c: Company) -> None:
    device = c.one.house.limiter.buckets["device"]
    other = c.two.house.limiter.buckets["device"]
    key, now = os.urandom(16), c.one.clock.now()
    for _ in range(900):
        device.take(key, now)
    async with asyncio.timeout(PATIENCE_S):
        while other.take(key, c.two.clock.now(), 900) == 0:
            other._full_at.pop(key)
            await asyncio.sleep(0.1)


async def test_a_node_whose_hints_are_lost_catches_up_by_itself(
    c: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(c.one.app[RELAY]._bus, "publish", lambda _: None)
    socket = await _hears(c, c.two, c.bob)
    c.at(c.one, c.ann)
    await c.ann.send(c.unit_id, b"nobody is told")
    push = await _push(socket, "log")
    assert push.head_sequence == c.ann.units[c.unit_id].log.sequence + 1
    await socket.close()


async def test_a_restarted_database_loses_nothing_and_writes_go_on(
    c: Company, postgres: Cluster
) -> None:
    accepted = 0
    for round_ in range(2):
        for _ in range(5):
            await c.ann.send(c.unit_id, b"before")
            await c.bob.catch_up(c.unit_id)
            accepted += 1
        postgres.stop("immediate")
        request = c.ann.make_message(c.unit_id, b"while it is down")
        path = {"unit_id": c.unit_id}
        with pytest.raises(RefusedError) as caught:
            await c.ann.call("message", m.AcceptedReply, request, path=path, key=f"down{round_}")
        assert caught.value.code == "unavailable"
        assert int(caught.value.headers["Retry-After"]) > 0
        postgres.start()
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    await c.ann.call(
                        "message", m.AcceptedReply, request, path=path, key=f"down{round_}"
                    )
                    break
                except RefusedError:
                    await asyncio.sleep(0.2)
        accepted += 1
        await c.bob.catch_up(c.unit_id)
        await c.ann.catch_up(c.unit_id)
    sequences = await c.sequences()
    assert sequences == list(range(1, len(sequences) + 1))


async def test_a_restart_at_one_node_is_gone_by_at_the_other(c: Company) -> None:
    socket = await _hears(c, c.two, c.bob)
    c.at(c.two)
    await c.bob.send(c.unit_id, b"before")  # both nodes have the unit in memory
    c.at(c.one)
    await c.ann.catch_up(c.unit_id)
    log = c.ann.units[c.unit_id].log.head
    request = c.ann.restart_request(c.unit_id, Restart(1, log))
    first = decode(LogHeader, (await c.ann.restart(c.unit_id, request)).header)
    await _push(socket, "units")  # it follows the old log no more, and asks anew
    await socket.close()
    c.at(c.two)
    (unit,) = (await c.bob.call("units", m.UnitsReply)).units
    assert (unit.generation, unit.log_sequence) == (1, first.sequence)
    with pytest.raises(RefusedError) as caught:
        await c.bob.send(c.unit_id, b"too late")
    assert caught.value.problem.code == "wrong_epoch"
    old = await c.bob.read_log(c.unit_id)
    assert decode(LogEntry, old[-1]).header.sequence == log.sequence + 1
