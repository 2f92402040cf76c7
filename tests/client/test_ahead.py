"""What comes while its consumer is busy is handed over at once, in order, and never too much."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator

import pytest

from mifeng.transfer.ahead import gathered


async def test_what_came_while_its_consumer_was_busy_comes_at_once_and_in_order() -> None:
    asked = 0
    full, go_on = asyncio.Event(), asyncio.Event()

    async def pieces() -> AsyncGenerator[bytes, None]:
        nonlocal asked
        for n in range(9):
            asked = n
            if n == 5:
                full.set()
            if n == 1:
                await go_on.wait()
            yield bytes([n])

    coming = gathered(pieces(), 3)
    async with contextlib.aclosing(coming) as got:
        assert await anext(got) == [b"\x00"]
        go_on.set()
        while asked < 3:
            await asyncio.sleep(0)
        for _ in range(100):
            await asyncio.sleep(0)
        assert asked == 3, "no more is fetched than may wait"
        assert await anext(got) == [b"\x01", b"\x02", b"\x03"]
        rest = [piece async for many in got for piece in many]
    assert rest == [bytes([n]) for n in range(4, 9)]
    assert full.is_set()


async def test_what_came_before_an_error_is_handed_over_first() -> None:
    async def pieces() -> AsyncGenerator[bytes, None]:
        yield b"a"
        yield b"b"
        raise ConnectionResetError

    got = list[bytes]()

    async def collect() -> None:
        async with contextlib.aclosing(gathered(pieces(), 10)) as coming:
            async for many in coming:
                got.extend(many)

    with pytest.raises(ConnectionResetError):
        await collect()
    assert got == [b"a", b"b"]


async def test_whoever_stops_early_ends_what_fetches() -> None:
    ended = asyncio.Event()

    async def pieces() -> AsyncGenerator[bytes, None]:
        try:
            while True:
                yield b"x"
        finally:
            ended.set()

    async with contextlib.aclosing(gathered(pieces(), 10)) as coming:
        await anext(coming)
    assert ended.is_set()
