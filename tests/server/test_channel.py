"""Frames that are made once for all sockets."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import WSMsgType
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_websocket import WebSocketWriter

from mifeng_crypto.log import EntryKind
from mifeng_server.domain.events import LogGrew
from mifeng_server.fanout.channel import Channel, on_wire
from mifeng_server.fanout.feed import Feed
from mifeng_server.fanout.hub import Hub
from tests.support.patience import PATIENCE_S

UNIT = b"u" * 16


class _Wire(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return False


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
async def test_a_frame_on_the_wire_is_the_one_that_aiohttp_would_write(size: int) -> None:
    wire = _Wire()
    writer = WebSocketWriter(BaseProtocol(asyncio.get_running_loop()), wire)
    await writer.send_frame(b"x" * size, WSMsgType.BINARY)
    await writer.send_frame(b"y" * size, WSMsgType.TEXT)
    assert on_wire(b"x" * size) + on_wire("y" * size) == wire.written


def test_a_channel_has_one_frame_for_all_that_are_at_the_same_place() -> None:
    channel = Channel(UNIT, 0)
    for sequence in (1, 2, 3):
        channel.grow(sequence, b"entry")
    one = channel.wire(1, binary=True)
    assert one is not None
    assert channel.wire(1, binary=True) is one
    assert channel.wire(1, binary=False) not in {None, one}
    assert channel.wire(3, binary=True) is None  # there is nothing to say


def test_a_channel_has_no_such_frame_where_more_than_one_is_needed() -> None:
    channel = Channel(UNIT, 0)
    for sequence in range(1, 101):
        channel.grow(sequence, b"entry")
    assert channel.wire(0, binary=True) is None
    assert channel.wire(50, binary=True) is not None


async def test_a_socket_that_takes_nothing_at_once_is_told_by_its_own_task() -> None:
    hub, taken = Hub(), list[bytes]()

    def take(frame: bytes) -> bool:
        taken.append(frame)
        return True

    quick, slow, busy = (Feed(name * 16, name * 16, binary=True) for name in (b"q", b"s", b"b"))
    quick.offer = busy.offer = take
    for feed in (quick, slow, busy):
        hub.open(feed, most=4)
        hub.follow(feed, UNIT, 0, 0)
    busy.log_grew(b"other unit")
    for sequence in (1, 2):
        hub(LogGrew(UNIT, 0, sequence, EntryKind.MESSAGE, b"entry"))
    assert taken == []  # what comes in one turn of the loop is told together
    await asyncio.sleep(0)
    channel = hub.channel(UNIT)
    assert channel is not None
    assert taken == [channel.wire(0, binary=True)]
    assert [feed.cursors[UNIT] for feed in (quick, slow, busy)] == [2, 0, 0]
    assert [UNIT in feed.dirty for feed in (quick, slow, busy)] == [False, True, True]


async def test_what_comes_while_many_were_told_waits_half_as_long_and_is_told_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mifeng_server.fanout.hub.thread_time", iter((0.0, 0.2, 0.2, 0.2)).__next__)
    hub, feed = Hub(), Feed(b"m" * 16, b"d" * 16, binary=True)
    told = list[tuple[float, int]]()
    again = asyncio.Event()
    loop = asyncio.get_running_loop()

    def take(_: bytes) -> bool:
        channel = hub.channel(UNIT)
        assert channel is not None
        told.append((loop.time(), channel.head))
        if len(told) == 1:
            loop.call_soon(more)
        else:
            again.set()
        return True

    def more() -> None:
        for sequence in (2, 3):
            hub(LogGrew(UNIT, 0, sequence, EntryKind.MESSAGE, b"entry"))

    feed.offer = take
    hub.open(feed, most=4)
    hub.follow(feed, UNIT, 0, 0)
    hub(LogGrew(UNIT, 0, 1, EntryKind.MESSAGE, b"entry"))
    async with asyncio.timeout(PATIENCE_S):
        await again.wait()
    (first, one), (second, three) = told
    assert (one, three) == (1, 3)
    assert second - first > 0.099
