"""The store on PostgreSQL: one connection that writes, a pool that reads, any number of nodes.

What differs from SQLite: other processes write to the same rows. Nothing is taken for granted
because it was so a moment ago: every write says what it expects (compare-and-swap), and `get` never
answers from memory. A node's own writes go through its one writer, so they are in order and share
transactions; a connection that broke is made anew for the next transaction.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Sequence
from functools import cache
from typing import Any, TypeVar

import asyncpg

from mifeng_crypto.errors import StorageError
from mifeng_server.domain.protocols import FullError
from mifeng_server.domain.rows import Key, Row, Write
from mifeng_server.storage.migrate import is_current, migrate
from mifeng_server.storage.postgres_lookups import Lookups
from mifeng_server.storage.postgres_writes import run
from mifeng_server.storage.queries import (
    Parameters,
    among_query,
    bounds,
    count_query,
    due_query,
    find_query,
    numbered,
    total_query,
)
from mifeng_server.storage.writer import Writer

__all__ = ["PostgresStore", "connect", "open_postgres", "postgres_error"]

R = TypeVar("R", bound=Row)

READERS = 8
CONNECT_S = 10
STATEMENT_S = 30
_PARAMETER = re.compile(r":(\w+)")
LOCK_OF_MIGRATIONS = 0x6D6966656E67
FAILURES = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection that breaks in the midst of an answer
    OSError,
    TimeoutError,
)


async def connect(url: str) -> asyncpg.Connection:
    """Open a connection to the node that takes writes, whichever of the URL's hosts that is.

    Raises:
        StorageError: none of them does.
    """
    try:
        return await asyncpg.connect(
            url,
            timeout=CONNECT_S,
            command_timeout=STATEMENT_S,
            target_session_attrs="read-write",
            server_settings={"application_name": "mifeng-server"},
        )
    except (*FAILURES, ValueError) as err:
        raise postgres_error(err) from err


def postgres_error(err: BaseException) -> StorageError:
    """Name what the database reported, in words that hold no values, and what helps."""
    # Messages may quote a value, in their detail; the class says what happened.
    reason = type(err).__name__
    if isinstance(err, asyncpg.PostgresError):
        reason += f" ({err.sqlstate})"
    match err:
        case asyncpg.DiskFullError():
            return FullError()
        case asyncpg.InvalidAuthorizationSpecificationError():  # a wrong password is one as well
            return StorageError(
                "PostgreSQL does not let us in ({reason}); "
                "correct the name and password in its address",
                reason=reason,
            )
        case asyncpg.InvalidCatalogNameError():
            return StorageError(
                "PostgreSQL has no database of this name ({reason}); make it first: createdb",
                reason=reason,
            )
        case asyncpg.InsufficientPrivilegeError():
            return StorageError(
                "PostgreSQL does not let this user do that ({reason}); "
                "make it the database's owner",
                reason=reason,
            )
        case asyncpg.TooManyConnectionsError():
            return StorageError(
                "PostgreSQL has no connection left ({reason}); raise its max_connections",
                reason=reason,
            )
        case asyncpg.TargetServerAttributeNotMatched() | asyncpg.ReadOnlySQLTransactionError():
            return StorageError(
                "no PostgreSQL of this address takes writes ({reason}); promote one", reason=reason
            )
        case asyncpg.ClientConfigurationError() | ValueError():
            return StorageError(
                "the database's address cannot be read ({reason}); "
                "write it like postgresql://user@host/name",
                reason=reason,
            )
        case socket.gaierror():
            return StorageError(
                "nobody knows the host in the database's address ({reason}); correct it",
                reason=reason,
            )
        case asyncpg.PostgresError():
            return StorageError(
                "the database failed: {reason}; look at its disk, and try again", reason=reason
            )
    return StorageError(
        "the database cannot be reached ({reason}); see that PostgreSQL runs and lets us in",
        reason=reason,
    )


class PostgresTransactions:
    """The one connection of this node that writes."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: asyncpg.Connection | None = None

    async def run(self, writes: Sequence[Write], *, apart: bool = False) -> None:
        connection = await self._ready()
        try:
            if not apart:
                await run(connection, writes)
                return
            async with connection.transaction():
                for write in writes:
                    await run(connection, [write])
        except FAILURES as err:
            # Whether a commit that was cut off is durable only the database knows. The request is
            # answered as failed; its repetition finds what it did by its idempotency key.
            await self.close()
            raise postgres_error(err) from err

    async def _ready(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await connect(self._url)
        return self._connection

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()


class PostgresStore:
    """`Store` on PostgreSQL. Made by `open_postgres`."""

    shared = True

    def __init__(self, url: str, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._transactions = PostgresTransactions(url)
        self._writer = Writer(self._transactions)
        self._lookups = Lookups(self._fetch)

    async def get(self, kind: type[R], *key: int | str | bytes) -> R | None:
        return await self._lookups.get(kind, key)

    async def find(
        self,
        kind: type[R],
        /,
        *,
        order: str,
        after: int | None = None,
        until: int | None = None,
        limit: int,
        **equal: int | str | bytes,
    ) -> tuple[R, ...]:
        query = find_query(
            kind, order, tuple(equal), after=after is not None, until=until is not None
        )
        found = await self._read(query, equal | bounds(after, until, limit))
        return tuple(kind(**row) for row in found)

    async def among(self, kind: type[R], field: str, values: Sequence[bytes], /) -> tuple[R, ...]:
        found = await self._read(among_query(kind, field, len(values)), numbered(values))
        return tuple(kind(**row) for row in found)

    async def due(
        self,
        kind: type[Row],
        field: str,
        /,
        *,
        until: int | None = None,
        limit: int,
        **equal: int | str | bytes,
    ) -> tuple[Key, ...]:
        query = due_query(kind, field, tuple(equal), until=until is not None)
        found = await self._read(query, equal | bounds(None, until, limit))
        return tuple(tuple(row.values()) for row in found)

    async def count(self, kind: type[Row], /, **equal: int | str | bytes) -> int:
        query = count_query(kind, tuple(equal))
        return int((await self._read(query, equal))[0][0])

    async def total(self, kind: type[Row], field: str, /, **equal: int | str | bytes) -> int:
        query = total_query(kind, field, tuple(equal))
        return int((await self._read(query, equal))[0][0])

    def write(self, batch: Sequence[Write]) -> Awaitable[None]:
        return self._writer.write(batch)

    async def settle(self) -> None:
        await self._writer.settle()

    async def scrub(self) -> None:
        """PostgreSQL's own vacuum overwrites what was deleted, in its own time."""

    async def close(self) -> None:
        await self._writer.close()
        await self._transactions.close()
        try:
            async with asyncio.timeout(CONNECT_S):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    async def _read(self, query: str, parameters: Parameters) -> list[asyncpg.Record]:
        text, names = _numbered(query)
        return await self._fetch(text, [parameters[name] for name in names])

    async def _fetch(self, text: str, arguments: Sequence[Any]) -> list[asyncpg.Record]:
        try:
            found: list[asyncpg.Record] = await self._pool.fetch(text, *arguments)
        except FAILURES as err:
            raise postgres_error(err) from err
        return found


@cache
def _numbered(text: str) -> tuple[str, tuple[str, ...]]:
    """Number the parameters, as PostgreSQL wants them, and return their names."""
    names: dict[str, None] = dict.fromkeys(_PARAMETER.findall(text))
    numbers = {name: f"${n}" for n, name in enumerate(names, 1)}
    return _PARAMETER.sub(lambda found: numbers[found[1]], text), tuple(names)


@contextlib.asynccontextmanager
async def _pool(url: str) -> AsyncIterator[asyncpg.Pool]:
    pool = await asyncpg.create_pool(
        url,
        min_size=0,
        max_size=READERS,
        timeout=CONNECT_S,
        command_timeout=STATEMENT_S,
        target_session_attrs="read-write",
        server_settings={"application_name": "mifeng-server"},
        reset=_leave,
    )
    try:
        yield pool
    except BaseException:
        pool.terminate()
        raise


async def _leave(_: asyncpg.Connection) -> None:
    """Nothing is set on a connection that reads: to reset it each time would double the trips."""


async def open_postgres(url: str) -> PostgresStore:
    """Open the database, and bring it to this version's schema.

    Raises:
        StorageError: it cannot be reached, or belongs to a newer server.
    """
    await _migrate(url)
    try:
        async with _pool(url) as pool:
            return PostgresStore(url, pool)
    except FAILURES as err:
        raise postgres_error(err) from err


async def _migrate(url: str) -> None:
    """Under a lock: nodes may start at the same time."""
    if is_current(await _schema(url)):
        return
    # Most starts have nothing to do, and need not load what does it.
    from sqlalchemy.engine import make_url  # noqa: PLC0415
    from sqlalchemy.exc import DBAPIError  # noqa: PLC0415
    from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415
    from sqlalchemy.pool import NullPool  # noqa: PLC0415

    engine = create_async_engine(
        make_url("postgresql+asyncpg://"),
        async_creator=lambda: connect(url),
        poolclass=NullPool,
        hide_parameters=True,
    )
    try:
        async with engine.connect() as connection:
            await connection.exec_driver_sql(f"SELECT pg_advisory_lock({LOCK_OF_MIGRATIONS})")
            await connection.commit()
            await connection.run_sync(migrate)
            await connection.commit()
    except DBAPIError as err:
        raised = err.orig.__cause__ if err.orig else None
        raise postgres_error(raised or err) from err
    finally:
        await engine.dispose()


async def _schema(url: str) -> str | None:
    """The schema that the database says it has; None if it says nothing."""
    connection = await connect(url)
    try:
        if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
            return None
        found: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
        return found
    except FAILURES as err:
        raise postgres_error(err) from err
    finally:
        connection.terminate()
