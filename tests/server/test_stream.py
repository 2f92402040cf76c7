"""The WebSocket: pushes in order, resumption by sequence, and who is shown the door."""

from __future__ import annotations

import os
import socket as socket_options
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import msgspec
import pytest

from mifeng_crypto.api import messages as m
from mifeng_crypto.ledger.roster_entry import RemoveMember, RevokeDevice
from mifeng_crypto.log import EntryKind, LogEntry
from mifeng_crypto.tls import decode
from mifeng_server.domain.house import House
from mifeng_server.domain.unit import Unit
from mifeng_server.routes import stream
from tests.support.patience import PATIENCE_S, until
from tests.support.peer import Peer
from tests.support.server import ManualClock, RunningServer

Two = tuple[Peer, Peer, bytes]
Socket = aiohttp.ClientWebSocketResponse


def _hello(peer: Peer, after: dict[bytes, int], *, protocol: int = 1) -> m.StreamHello:
    named = {unit_id.hex(): sequence for unit_id, sequence in after.items()}
    return m.StreamHello(token=peer.token, protocol=protocol, after=named)


@asynccontextmanager
async def _open(
    peer: Peer, after: dict[bytes, int], *, protocol: int = 1, json: bool = False
) -> AsyncIterator[Socket]:
    headers = {"Mifeng-Protocol": "1"}
    async with peer.session.ws_connect(f"{peer.url}/v1/stream", headers=headers) as socket:
        hello = _hello(peer, after, protocol=protocol)
        if json:
            await socket.send_str(msgspec.json.encode(hello).decode())
        else:
            await socket.send_bytes(msgspec.msgpack.encode(hello))
        yield socket


async def _next(socket: Socket) -> m.Push:
    frame = await socket.receive(timeout=PATIENCE_S)
    if frame.type is aiohttp.WSMsgType.BINARY:
        return msgspec.msgpack.decode(frame.data, type=m.Push)
    assert frame.type is aiohttp.WSMsgType.TEXT, frame
    return msgspec.json.decode(frame.data, type=m.Push)


async def _entries(socket: Socket, n: int) -> list[LogEntry]:
    entries: list[LogEntry] = []
    while len(entries) < n:
        push = await _next(socket)
        if push.kind == "log":
            entries += [decode(LogEntry, raw) for raw in push.entries]
    return entries


async def _closed(socket: Socket) -> int | None:
    while True:
        frame = await socket.receive(timeout=PATIENCE_S)
        if frame.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED):
            return socket.close_code


async def test_a_hello_full_of_made_up_units_is_not_looked_up_unit_by_unit(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, bob, unit_id = two
    asked, unit = list[bytes](), House.unit

    async def counted(house: House, wanted: bytes) -> Unit | None:
        asked.append(wanted)
        return await unit(house, wanted)

    monkeypatch.setattr(House, "unit", counted)
    made_up = {os.urandom(16): 0 for _ in range(5_000)}
    async with _open(bob, {**made_up, unit_id: bob.units[unit_id].log.sequence}) as socket:
        await ann.send(unit_id)
        await _entries(socket, 1)
    assert not made_up.keys() & set(asked)


@pytest.mark.parametrize("json", [False, True])
async def test_what_is_posted_is_pushed_in_order(two: Two, json: bool) -> None:
    ann, bob, unit_id = two
    head = bob.units[unit_id].log.sequence
    async with _open(bob, {unit_id: head}, json=json) as socket:
        for _ in range(5):
            await ann.send(unit_id)
        entries = await _entries(socket, 5)
    assert [e.header.sequence for e in entries] == list(range(head + 1, head + 6))
    assert all(e.content for e in entries)


async def test_who_was_away_is_sent_what_was_missed_and_then_goes_on_live(two: Two) -> None:
    ann, bob, unit_id = two
    for _ in range(150):
        await ann.send(unit_id)
    async with _open(bob, {unit_id: 0}) as socket:
        missed = await _entries(socket, 153)
        await ann.send(unit_id)
        missed += await _entries(socket, 1)
    assert [e.header.sequence for e in missed] == list(range(1, 155))


async def test_units_that_are_not_named_are_not_pushed_and_a_later_hello_names_them(
    two: Two,
) -> None:
    ann, bob, unit_id = two
    async with _open(bob, {}) as socket:
        await ann.send(unit_id)
        await ann.call(
            "put_card", m.CardsReply, m.Card(subject=ann.member_id, version=1, sealed=b"")
        )
        assert (await _next(socket)).kind == "directory"
        head = bob.units[unit_id].log.sequence
        await socket.send_bytes(msgspec.msgpack.encode(_hello(bob, {unit_id: head})))
        (entry,) = await _entries(socket, 1)
        assert entry.header.kind is EntryKind.MESSAGE


async def test_hints_come_for_roster_charter_welcomes_and_units(two: Two) -> None:
    ann, bob, _ = two
    async with _open(bob, {}) as socket:
        await ann.invite()
        assert (await _next(socket)).kind == "roster"
        unit_id = await ann.create_unit()
        await ann.grant(unit_id, bob.member_id)
        assert {(await _next(socket)).kind for _ in range(2)} == {"charter", "units"}
        claimed = await ann.claim(unit_id, bob.device_id)
        await ann.commit(unit_id, add=claimed, path=False)
        assert (await _next(socket)).kind == "welcomes"


async def test_a_large_entry_is_announced_and_not_pushed(two: Two) -> None:
    ann, bob, unit_id = two
    head = bob.units[unit_id].log.sequence
    async with _open(bob, {unit_id: head}) as socket:
        await ann.send(unit_id, b"x" * 100_000)
        push = await _next(socket)
        assert (push.kind, push.entries, push.head_sequence) == ("log", (), head + 1)
        await ann.send(unit_id, b"small")
        (entry,) = await _entries(socket, 1)
        assert entry.header.sequence == head + 2


async def test_a_revoked_member_is_pushed_nothing_more(two: Two) -> None:
    ann, bob, unit_id = two
    head = bob.units[unit_id].log.sequence
    async with _open(bob, {unit_id: head}) as socket:
        await ann.revoke(unit_id, bob.member_id)
        leaf = next(i for i, leaf in ann.units[unit_id].epoch.public.leaves() if i != 0)
        await ann.commit(unit_id, remove=[leaf])
        await ann.send(unit_id)
        kinds = []
        while "units" not in kinds:
            kinds.append((await _next(socket)).kind)
        await ann.send(unit_id)
        await ann.invite()
        push = await _next(socket)
        while push.kind != "roster":
            assert push.kind != "log" or push.head_sequence <= head + 1
            push = await _next(socket)


async def test_the_socket_of_a_removed_member_closes_at_once(two: Two) -> None:
    ann, bob, unit_id = two
    async with _open(bob, {unit_id: 0}) as socket:
        await _entries(socket, 1)
        await ann.append_roster(RemoveMember(bob.member_id))
        assert await _closed(socket) == 4403


async def test_the_socket_of_a_revoked_device_closes_at_once_and_no_other(two: Two) -> None:
    ann, bob, unit_id = two
    async with _open(bob, {unit_id: 0}) as socket, _open(ann, {unit_id: 0}) as own:
        await _entries(socket, 1)
        await ann.append_roster(RevokeDevice(bob.device_id))
        assert await _closed(socket) == 4403
        assert await _entries(own, 1)


async def test_a_socket_ends_with_its_token(two: Two, clock: ManualClock) -> None:
    _, bob, unit_id = two
    async with _open(bob, {unit_id: 0}) as socket:
        await _entries(socket, 1)
        clock.advance(3601)
        assert await _closed(socket) == 4401


@pytest.mark.parametrize(("protocol", "code"), [(2, 4426), (0, 4426)])
async def test_another_protocol_is_told_to_upgrade(founder: Peer, protocol: int, code: int) -> None:
    async with _open(founder, {}, protocol=protocol) as socket:
        assert await _closed(socket) == code


async def test_a_token_that_is_none_opens_no_stream(founder: Peer) -> None:
    founder.token = "wrong"
    async with _open(founder, {}) as socket:
        assert await _closed(socket) == 4401


@pytest.mark.parametrize("frame", [b"", b"\xc1", b"\x80", "{}", "not json", '{"token": 1}'])
async def test_a_frame_that_is_no_hello_closes_the_socket(
    founder: Peer, frame: bytes | str
) -> None:
    headers = {"Mifeng-Protocol": "1"}
    url = f"{founder.url}/v1/stream"
    async with founder.session.ws_connect(url, headers=headers) as socket:
        if isinstance(frame, bytes):
            await socket.send_bytes(frame)
        else:
            await socket.send_str(frame)
        assert await _closed(socket) == 1008


async def test_who_says_nothing_is_not_waited_for(
    founder: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "HELLO_TIMEOUT_S", 0.1)
    headers = {"Mifeng-Protocol": "1"}
    url = f"{founder.url}/v1/stream"
    async with founder.session.ws_connect(url, headers=headers) as socket:
        assert await _closed(socket) == 1008


async def test_a_slow_reader_is_dropped_and_resumes_by_sequence(
    two: Two, server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "SEND_TIMEOUT_S", 0.3)
    ann, bob, unit_id = two
    head = bob.units[unit_id].log.sequence
    async with _open(bob, {unit_id: head}) as socket:
        connection = socket._conn
        assert connection is not None
        assert connection.transport is not None
        connection.transport.pause_reading()
        # Else the kernel would take tens of MiB in the reader's place.
        kernel = connection.transport.get_extra_info("socket")
        kernel.setsockopt(socket_options.SOL_SOCKET, socket_options.SO_RCVBUF, 4096)
        for _ in range(120):
            await ann.send(unit_id, b"x" * 60_000)
        await until(lambda: not server.app[stream.HUB].count())
        connection.transport.abort()
    async with _open(bob, {unit_id: head}) as socket:
        entries = await _entries(socket, 120)
    assert [e.header.sequence for e in entries] == list(range(head + 1, head + 121))


async def test_a_line_that_is_dead_at_the_other_end_is_let_go(
    server: RunningServer, two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half open: nobody says that it has ended, but nobody answers a ping either."""
    _, bob, unit_id = two
    monkeypatch.setattr(stream, "HEARTBEAT_S", 0.2)
    url, headers = f"{bob.url}/v1/stream", {"Mifeng-Protocol": "1"}
    async with bob.session.ws_connect(url, headers=headers, autoping=False) as socket:
        await socket.send_bytes(msgspec.msgpack.encode(_hello(bob, {unit_id: 0})))
        while (await socket.receive(timeout=PATIENCE_S)).type is not aiohttp.WSMsgType.PING:
            pass  # from here on nothing is answered
        await until(lambda: not server.app[stream.HUB].count())
