"""The store on one SQLite file: one connection that writes, a few that read.

WAL, so that readers and the writer do not wait for each other; `synchronous=FULL`, so that a
commit is on the disk when it returns; `secure_delete`, so that what was purged is overwritten.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Row as SQLRow
from sqlalchemy import Select, Table, bindparam, event, func, select
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from mifeng_server.domain.rows import KEYS, Row, Write
from mifeng_server.storage.migrate import migrate
from mifeng_server.storage.schema import TABLES
from mifeng_server.storage.writer import Writer, storage_error

__all__ = ["SqliteStore", "open_sqlite"]

R = TypeVar("R", bound=Row)

READERS = 4
"""Reading connections; each is a thread."""

_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA secure_delete = ON",
    "PRAGMA busy_timeout = 10000",
    "PRAGMA foreign_keys = ON",
    # A WAL that grew in a rush shrinks again when it is checkpointed.
    "PRAGMA journal_size_limit = 67108864",
)


class SqliteStore:
    """`Store` on SQLite. Made by `open_sqlite`."""

    def __init__(self, engine: AsyncEngine, writing: AsyncConnection) -> None:
        self._engine = engine
        self._writing = writing
        self._writer = Writer(writing)
        self._readers: asyncio.LifoQueue[AsyncConnection] = asyncio.LifoQueue()
        self._opened: list[AsyncConnection] = []

    async def get(self, kind: type[R], *key: int | str | bytes) -> R | None:
        parameters = dict(zip(KEYS[kind], key, strict=True))
        found = await self._read(_get_statement(TABLES[kind]), parameters)
        return kind(**found[0]._asdict()) if found else None

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
        statement = _find_statement(
            TABLES[kind], order, tuple(equal), after=after is not None, until=until is not None
        )
        bounds = {"v_after": after, "v_until": until, "v_limit": limit}
        found = await self._read(
            statement, equal | {k: v for k, v in bounds.items() if v is not None}
        )
        return tuple(kind(**row._asdict()) for row in found)

    async def count(self, kind: type[Row], /, **equal: int | str | bytes) -> int:
        found = await self._read(_count_statement(TABLES[kind], tuple(equal)), equal)
        return int(found[0][0])

    def write(self, batch: Sequence[Write]) -> Awaitable[None]:
        return self._writer.write(batch)

    async def settle(self) -> None:
        await self._writer.settle()

    async def scrub(self) -> None:
        async with self._reader() as connection:
            try:
                await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            except DBAPIError as err:
                raise storage_error(err) from err

    async def close(self) -> None:
        await self._writer.close()
        await self._writing.close()
        for _ in self._opened:
            await (await self._readers.get()).close()
        await self._engine.dispose()

    async def _read(
        self, statement: Select[Any], parameters: dict[str, Any]
    ) -> Sequence[SQLRow[Any]]:
        # Whoever gives up waiting must not leave a connection behind in the middle of something.
        return await asyncio.shield(asyncio.create_task(self._execute(statement, parameters)))

    async def _execute(
        self, statement: Select[Any], parameters: dict[str, Any]
    ) -> Sequence[SQLRow[Any]]:
        async with self._reader() as connection:
            try:
                result = await connection.execute(statement, parameters)
            except DBAPIError as err:
                raise storage_error(err) from err
            found: Sequence[SQLRow[Any]] = result.all()
            return found

    @asynccontextmanager
    async def _reader(self) -> AsyncIterator[AsyncConnection]:
        """Lend a reading connection that begins no transactions: it sees what is committed now."""
        if self._readers.empty() and len(self._opened) < READERS:
            connection = self._engine.connect()
            self._opened.append(connection)
            await connection.start()
            await connection.execution_options(isolation_level="AUTOCOMMIT")
        else:
            connection = await self._readers.get()
        try:
            yield connection
        finally:
            self._readers.put_nowait(connection)


@cache
def _get_statement(table: Table) -> Select[Any]:
    return select(table).where(*(c == bindparam(c.name) for c in table.primary_key.columns))


@cache
def _find_statement(
    table: Table, order: str, equal: tuple[str, ...], *, after: bool, until: bool
) -> Select[Any]:
    statement = select(table).where(*(table.c[f] == bindparam(f) for f in equal))
    if after:
        statement = statement.where(table.c[order] > bindparam("v_after"))
    if until:
        statement = statement.where(table.c[order] <= bindparam("v_until"))
    rest = [c for c in table.primary_key.columns if c.name != order and c.name not in equal]
    return statement.order_by(table.c[order], *rest).limit(bindparam("v_limit"))


@cache
def _count_statement(table: Table, equal: tuple[str, ...]) -> Select[Any]:
    counted = select(func.count()).select_from(table)
    return counted.where(*(table.c[f] == bindparam(f) for f in equal))


async def open_sqlite(path: Path) -> SqliteStore:
    """Open or make the database, and bring it to this version's schema.

    Raises:
        StorageError: it cannot be opened, or belongs to a newer server.
    """
    engine = create_async_engine(f"sqlite+aiosqlite:///{path}", pool_size=READERS + 1)
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
