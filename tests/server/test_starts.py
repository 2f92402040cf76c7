"""A device has one running copy: where a start does not follow the last one, it is refused."""

from __future__ import annotations

from mifeng_crypto.api import messages as m
from mifeng_server.domain.rows import StartRow, TokenRow
from tests.support.peer import Peer
from tests.support.server import RunningServer

NOTHING = bytes(32)


async def start(peer: Peer, number: int, token: bytes, next_token: bytes) -> m.StartReply:
    request = m.StartRequest(number=number, token=token, next=next_token)
    return await peer.call("start", m.StartReply, request)


async def refused(peer: Peer, number: int, token: bytes, next_token: bytes) -> str | None:
    request = m.StartRequest(number=number, token=token, next=next_token)
    return (await peer.refused("start", request)).rule


async def test_each_start_follows_the_last_and_may_be_repeated(founder: Peer) -> None:
    one, two = b"1" * 32, b"2" * 32
    assert (await start(founder, 0, NOTHING, one)).time == founder.now
    await start(founder, 0, NOTHING, one)
    await start(founder, 1, one, two)
    await start(founder, 1, one, two)


async def test_a_copy_that_does_not_know_the_last_start_is_refused_start_1(founder: Peer) -> None:
    one, two, other = b"1" * 32, b"2" * 32, b"o" * 32
    await start(founder, 0, NOTHING, one)
    assert await refused(founder, 0, NOTHING, other) == "START-1"
    await start(founder, 1, one, two)
    assert await refused(founder, 1, one, other) == "START-1"
    assert await refused(founder, 0, NOTHING, one) == "START-1"
    assert await refused(founder, 2, other, one) == "START-1"
    await start(founder, 1, one, two)


async def test_a_server_that_was_put_back_believes_its_devices(
    server: RunningServer, founder: Peer
) -> None:
    await start(founder, 7, b"7" * 32, b"8" * 32)
    row = await server.house.store.get(StartRow, founder.device_id)
    assert row == StartRow(founder.device_id, 8, b"8" * 32)


async def test_a_start_ends_the_logins_of_the_one_before(
    server: RunningServer, founder: Peer
) -> None:
    await founder.login()
    await founder.login()
    assert await server.house.store.count(TokenRow, member_id=founder.member_id) >= 2
    await start(founder, 0, NOTHING, b"1" * 32)
    assert await server.house.store.count(TokenRow, member_id=founder.member_id) == 1
    await founder.call("roster", m.EntriesReply)
