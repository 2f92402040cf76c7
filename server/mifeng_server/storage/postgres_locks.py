"""Locks that hold between nodes: PostgreSQL's advisory ones, for the few names that need it.

What is only rows needs none: compare-and-swap sees to it. Blobs and the room for them cannot be
swapped, so whoever writes, destroys or reserves one holds its name in the whole cluster.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from mifeng_server.locks import TaskLocks
from mifeng_server.storage.postgres import FAILURES, connect, postgres_error

__all__ = ["PostgresLocks"]

PREFIXES = (b"file", b"quota")
FIRST_WAIT_S, LONGEST_WAIT_S = 0.01, 0.5


class PostgresLocks:
    """`Locks` between all processes that use one database, on one connection of this one."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._here = TaskLocks()
        self._connection: asyncpg.Connection | None = None
        self._one_at_a_time = asyncio.Lock()

    @asynccontextmanager
    async def of(self, name: bytes) -> AsyncIterator[None]:
        async with self._here.of(name):
            if not name.startswith(PREFIXES):
                yield
                return
            number = int.from_bytes(hashlib.sha256(name).digest()[:8], "big", signed=True)
            wait_s = FIRST_WAIT_S
            while not await self._ask("SELECT pg_try_advisory_lock($1)", number):
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, LONGEST_WAIT_S)
            try:
                yield
            finally:
                await self._ask("SELECT pg_advisory_unlock($1)", number)

    async def _ask(self, sql: str, number: int) -> bool:
        """Ask on the one connection; if it breaks, all locks of this node are gone with it."""
        async with self._one_at_a_time:
            try:
                if self._connection is None or self._connection.is_closed():
                    self._connection = await connect(self._url)
                return bool(await self._connection.fetchval(sql, number))
            except FAILURES as err:
                await self._drop()
                raise postgres_error(err) from err

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    async def close(self) -> None:
        await self._drop()
