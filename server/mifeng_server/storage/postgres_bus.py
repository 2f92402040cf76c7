"""Hints between nodes by LISTEN and NOTIFY, in batches, outside every transaction that writes.

(A NOTIFY inside a transaction makes commits wait for one another.) A hint may be lost, doubled or
late; whoever listens is told when some may have been lost. What is said when a connection breaks is
lost: the others look for themselves.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import Callable

import asyncpg
import msgspec
import structlog

from mifeng_crypto.errors import StorageError
from mifeng_server.domain.protocols import Hints
from mifeng_server.storage.postgres import FAILURES, connect

__all__ = ["PostgresBus"]

CHANNEL = "mifeng"
GATHER_S = 0.02
"""How soon after one notification there is the next: what is said meanwhile goes together."""
MOST_BYTES = 5_500
"""In base64 that is below the 8,000 bytes that a notification may have."""
AGAIN_S = 1
MOST_WAITING = 20_000
IDLE_S = 15
"""How often a silent connection is asked whether it lives."""

log = structlog.get_logger("bus")


class PostgresBus:
    """`Bus` between the processes that use one database."""

    def __init__(self, url: str, node: bytes) -> None:
        self._url = url
        self._node = node
        self._waiting: dict[bytes, None] = {}
        self._woken = asyncio.Event()

    def publish(self, hint: bytes) -> None:
        if len(self._waiting) < MOST_WAITING:
            self._waiting[hint] = None
            self._woken.set()

    async def run(self, take: Callable[[Hints], None]) -> None:
        while True:
            try:
                connection = await connect(self._url)
            except StorageError as err:
                log.warning("no hints from other nodes", reason=str(err))
                await asyncio.sleep(AGAIN_S)
                continue
            try:
                await self._serve(connection, take)
            except FAILURES as err:
                log.warning("no hints from other nodes", reason=type(err).__name__)
            finally:
                connection.terminate()
            await asyncio.sleep(AGAIN_S)

    async def _serve(self, connection: asyncpg.Connection, take: Callable[[Hints], None]) -> None:
        def heard(_: object, __: int, ___: str, payload: str) -> None:
            with contextlib.suppress(ValueError, msgspec.MsgspecError):
                node, *hints = msgspec.msgpack.decode(base64.b64decode(payload), type=list[bytes])
                if node != self._node:
                    take(hints)

        await connection.add_listener(CHANNEL, heard)
        take(None)  # what was said before nobody heard here
        while True:
            try:
                async with asyncio.timeout(IDLE_S):
                    await self._woken.wait()
            except TimeoutError:
                await connection.execute("SELECT 1")
                continue
            self._woken.clear()
            while self._waiting:
                payload, hints = self._next()
                # Before it is said: who has something of the same kind to say meanwhile says more.
                for hint in hints:
                    del self._waiting[hint]
                await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, payload)
            await asyncio.sleep(GATHER_S)

    def _next(self) -> tuple[str, list[bytes]]:
        """One notification of what waits, as much as fits; at least one hint."""
        size, hints = 0, list[bytes]()
        for hint in self._waiting:
            size += len(hint) + 5
            if hints and size > MOST_BYTES:
                break
            hints.append(hint)
        said = msgspec.msgpack.encode([self._node, *hints])
        return base64.b64encode(said).decode(), hints
