"""What comes while its consumer is busy: line, processor and disk all work at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import TypeVar, TypeVarTuple, Unpack

__all__ = ["gathered", "in_thread"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


async def gathered(
    pieces: AsyncGenerator[bytes, None], most: int
) -> AsyncGenerator[list[bytes], None]:
    """Yield what `pieces` yields: all at once that has come while its consumer was busy.

    Each visit to a thread costs as much as some 100 KiB that are hashed there.

    Args:
        pieces: what comes.
        most: no more is fetched while so many bytes wait.
    """
    held, came, taken, ended = list[bytes](), asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def fill() -> None:
        try:
            async for piece in pieces:
                held.append(piece)
                came.set()
                while sum(map(len, held)) >= most:
                    taken.clear()
                    await taken.wait()
        finally:
            ended.set()
            came.set()

    filling = asyncio.create_task(fill())
    try:
        while held or not ended.is_set():
            await came.wait()
            came.clear()
            got = held.copy()
            held.clear()
            taken.set()
            if got:
                yield got
        await filling
    finally:
        filling.cancel()
        await asyncio.gather(filling, return_exceptions=True)
        await pieces.aclose()


async def in_thread(call: Callable[[Unpack[Ts]], T], *args: *Ts) -> T:
    """Call in a thread. Whoever is cancelled meanwhile waits for its end: it uses what is ours."""
    running = asyncio.create_task(asyncio.to_thread(call, *args))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait({running})
        raise
