"""Locks by name, which exist only while somebody holds or awaits them."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import AbstractAsyncContextManager

__all__ = ["TaskLocks"]

Turns = deque["asyncio.Future[None]"]


class TaskLocks:
    """`Locks` between the tasks of one event loop.

    Two are taken for each message, by names that nobody else asks for at the time: that costs a
    quarter of what making an `asyncio.Lock` for each does.
    """

    def __init__(self) -> None:
        self._held: dict[bytes, Turns] = {}

    def of(self, name: bytes) -> AbstractAsyncContextManager[None]:
        return _Held(self._held, name)


class _Held(AbstractAsyncContextManager[None]):
    """Holds a lock while it is entered. Whoever leaves hands it to the next one who waits."""

    __slots__ = ("_held", "_name")

    def __init__(self, held: dict[bytes, Turns], name: bytes) -> None:
        self._held = held
        self._name = name

    async def __aenter__(self) -> None:
        waiting = self._held.get(self._name)
        if waiting is None:
            self._held[self._name] = deque()
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting.append(turn)
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled():  # it was this one's turn already
                self._hand_on()
            turn.cancel()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._hand_on()

    def _hand_on(self) -> None:
        waiting = self._held[self._name]
        while waiting:
            turn = waiting.popleft()
            if not turn.done():  # else whoever waited has gone
                turn.set_result(None)
                return
        del self._held[self._name]
