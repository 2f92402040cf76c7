"""Wait until nothing happens any more before a `ManualClock` moves.

    quiet = Quiet(monkeypatch)
    clock.advance(10)
    await quiet()

Server and clients are in this process and loop, so it can be seen: no callback is ready, no socket
has something to be read, and no thread of a database works.
"""

from __future__ import annotations

import asyncio
from typing import Any

import aiosqlite
import pytest

from mifeng_server.storage.line import Line
from tests.support.patience import PATIENCE_S

__all__ = ["Quiet"]

LOOKS = 3
"""So often in a row it must be quiet: the kernel may hand on a socket's bytes a little later."""


class Quiet:
    """Counts what databases do from now on; to be called for quiet."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._at_work = 0
        execute: Any = aiosqlite.Connection._execute
        visit = Line.visit

        async def executed(connection: aiosqlite.Connection, *args: Any, **more: Any) -> Any:  # noqa: ANN401 - aiosqlite's
            self._at_work += 1
            try:
                return await execute(connection, *args, **more)
            finally:
                self._at_work -= 1

        def visited(line: Line, work: Any) -> asyncio.Future[Any]:  # noqa: ANN401 - the line's
            self._at_work += 1
            done = visit(line, work)
            done.add_done_callback(self._ended)
            return done

        monkeypatch.setattr(aiosqlite.Connection, "_execute", executed)
        monkeypatch.setattr(Line, "visit", visited)

    def _ended(self, _: object) -> None:
        self._at_work -= 1

    async def __call__(self) -> None:
        """Return once it is quiet."""
        loop: Any = asyncio.get_running_loop()
        looks = 0
        async with asyncio.timeout(PATIENCE_S):
            while looks < LOOKS:
                await asyncio.sleep(0.002)
                # All that was ready when the timer came has run before this line.
                await asyncio.sleep(0)
                is_quiet = not (self._at_work or loop._ready or loop._selector.select(0))
                looks = looks + 1 if is_quiet else 0
