"""The store on one SQLite file: one connection that writes, a few that read.

WAL, so that readers and the writer do not wait for each other; `synchronous=FULL`, so that a
commit is on the disk when it returns; `secure_delete`, so that what was purged is overwritten.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import aiosqlite
from sqlalchemy import Select, event
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from mifeng_crypto.errors import StorageError
from mifeng_server.domain.protocols import FullError
from mifeng_server.domain.rows import KEYS, Key, Row, Write
from mifeng_server.storage.migrate import migrate
from mifeng_server.storage.queries import (
    bounds,
    count_statement,
    due_statement,
    find_statement,
    get_statement,
    total_statement,
)
from mifeng_server.storage.schema import TABLES
from mifeng_server.storage.statements import run
from mifeng_server.storage.writer import Writer

__all__ = ["SqliteStore", "open_sqlite"]

R = TypeVar("R", bound=Row)
Parameters = dict[str, int | str | bytes]

READERS = 4
"""Reading connections; each is a thread."""

BUSY_MS = 10_000

_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA secure_delete = ON",
    f"PRAGMA busy_timeout = {BUSY_MS}",
    "PRAGMA foreign_keys = ON",
    # A WAL that grew in a rush shrinks again when it is checkpointed.
    "PRAGMA journal_size_limit = 67108864",
)


class SqliteTransactions:
    """The one connection that writes."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def run(self, writes: Sequence[Write], *, apart: bool = False) -> None:
        try:
            try:
                for some in [[write] for write in writes] if apart else [writes]:
                    await run(self._connection, some)
                await self._connection.commit()
            except BaseException:
                await self._connection.rollback()
                raise
        except DBAPIError as err:
            raise storage_error(err) from err


def storage_error(err: DBAPIError | sqlite3.Error) -> StorageError:
    """Name what the database reported."""
    cause = err.orig if isinstance(err, DBAPIError) else err
    if isinstance(cause, sqlite3.Error) and (
        getattr(cause, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL
        or "disk is full" in str(cause)
    ):
        return FullError()
    # The driver's own words: they name no parameters.
    code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StorageError(
            "the database is damaged ({reason}); stop the server, and restore a backup",
            reason=str(cause),
        )
    return StorageError(
        "the database failed: {reason}; look at its disk, and try again", reason=str(cause)
    )


class SqliteStore:
    """`Store` on SQLite. Made by `open_sqlite`."""

    shared = False

    def __init__(self, engine: AsyncEngine, writing: AsyncConnection) -> None:
        self._engine = engine
        self._writing = writing
        self._writer = Writer(SqliteTransactions(writing))
        self._readers: asyncio.LifoQueue[aiosqlite.Connection] = asyncio.LifoQueue()
        self._opened: list[AsyncConnection] = []

    async def get(self, kind: type[R], *key: int | str | bytes) -> R | None:
        parameters = dict(zip(KEYS[kind], key, strict=True))
        found = await self._read(_query(get_statement(TABLES[kind])), parameters)
        return _row(kind, found[0]) if found else None

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
        statement = find_statement(
            TABLES[kind], order, tuple(equal), after=after is not None, until=until is not None
        )
        found = await self._read(_query(statement), equal | bounds(after, until, limit))
        return tuple(_row(kind, values) for values in found)

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
        statement = due_statement(TABLES[kind], field, tuple(equal), until=until is not None)
        found = await self._read(_query(statement), equal | bounds(None, until, limit))
        return tuple(found)

    async def count(self, kind: type[Row], /, **equal: int | str | bytes) -> int:
        found = await self._read(_query(count_statement(TABLES[kind], tuple(equal))), equal)
        return int(found[0][0])

    async def total(self, kind: type[Row], field: str, /, **equal: int | str | bytes) -> int:
        found = await self._read(_query(total_statement(TABLES[kind], field, tuple(equal))), equal)
        return int(found[0][0])

    def write(self, batch: Sequence[Write]) -> Awaitable[None]:
        return self._writer.write(batch)

    async def settle(self) -> None:
        await self._writer.settle()

    async def scrub(self) -> None:
        """Empty the write-ahead log. While somebody reads for long (a backup) that has to wait:
        a checkpoint that waits for readers would keep the writer out for as long.
        """
        async with self._reader() as connection:
            await connection.execute_fetchall("PRAGMA busy_timeout = 50")
            try:
                await connection.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")
            except sqlite3.OperationalError as err:
                if err.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                    raise storage_error(err) from err
            finally:
                await connection.execute_fetchall(f"PRAGMA busy_timeout = {BUSY_MS}")

    async def close(self) -> None:
        await self._writer.close()
        await self._writing.close()
        for _ in self._opened:
            await self._readers.get()
        for connection in self._opened:
            await connection.close()
        await self._engine.dispose()

    async def _read(self, query: Query, parameters: Parameters) -> list[tuple[Any, ...]]:
        # Whoever gives up waiting must not leave a connection behind in the middle of something.
        return await asyncio.shield(asyncio.create_task(self._fetch(query, parameters)))

    async def _fetch(self, query: Query, parameters: Parameters) -> list[tuple[Any, ...]]:
        """Query the driver itself: one visit to its thread, where SQLAlchemy makes four."""
        async with self._reader() as connection:
            try:
                found = await connection.execute_fetchall(query.text, query.constants | parameters)
            except sqlite3.Error as err:
                raise storage_error(err) from err
            return [tuple(row) for row in found]

    @asynccontextmanager
    async def _reader(self) -> AsyncIterator[aiosqlite.Connection]:
        """Lend a reading connection that begins no transactions: it sees what is committed now."""
        if self._readers.empty() and len(self._opened) < READERS:
            connection = self._engine.connect()
            self._opened.append(connection)
            await connection.start()
            driver = (await connection.get_raw_connection()).driver_connection
            assert isinstance(driver, aiosqlite.Connection), "the engine's driver is aiosqlite"
        else:
            driver = await self._readers.get()
        try:
            yield driver
        finally:
            self._readers.put_nowait(driver)


def _row(kind: type[R], values: tuple[Any, ...]) -> R:
    return kind(**dict(zip(TABLES[kind].c.keys(), values, strict=True)))


class Query(NamedTuple):
    """SQL with parameters by name, and those of them that SQLAlchemy itself put in."""

    text: str
    constants: Parameters


@cache
def _query(statement: Select[Any]) -> Query:
    compiled = statement.compile(dialect=sqlite.dialect(paramstyle="named"))
    constants = {name: value for name, value in compiled.params.items() if value is not None}
    return Query(str(compiled), constants)


async def open_sqlite(path: Path) -> SqliteStore:
    """Open or make the database, and bring it to this version's schema.

    Raises:
        StorageError: it cannot be opened, or belongs to a newer server.
    """
    engine = create_async_engine(
        f"sqlite+aiosqlite:///{path}",
        pool_size=READERS + 1,
        hide_parameters=True,  # an error that reaches the log names no values
    )
    event.listen(engine.sync_engine, "connect", _prepare)
    event.listen(engine.sync_engine, "begin", _begin)
    # The database holds nobody's plaintext, yet who talks when is nobody's business either.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    try:
        connection = await engine.connect()
        try:
            await connection.run_sync(migrate)
            await connection.commit()
        except BaseException:
            await connection.close()
            raise
    except BaseException as err:
        await engine.dispose()
        if isinstance(err, DBAPIError):
            raise storage_error(err) from err
        raise
    return SqliteStore(engine, connection)


def _prepare(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    # sqlite3's own implicit transactions would commit before each change of the schema, so that
    # a migration that was cut off would stay half done.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _begin(connection: Any) -> None:  # noqa: ANN401 - SQLAlchemy's event gives a Connection
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql("BEGIN")
