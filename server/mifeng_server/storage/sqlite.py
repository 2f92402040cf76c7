"""The store on one SQLite file: one connection that writes, a few that read, each in its thread.

WAL, so that readers and the writer do not wait for each other; `synchronous=FULL`, so that a
commit is on the disk when it returns; `secure_delete`, so that what was purged is overwritten.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import structlog

from mifeng_crypto.errors import StorageError
from mifeng_server.domain.protocols import FullError
from mifeng_server.domain.rows import KEYS, Key, Row, Write
from mifeng_server.storage.line import Line
from mifeng_server.storage.migrate import is_current, migrate_sqlite
from mifeng_server.storage.queries import (
    Parameters,
    among_query,
    bounds,
    count_query,
    due_query,
    find_query,
    get_query,
    numbered,
    total_query,
)
from mifeng_server.storage.sqlite_writes import transact
from mifeng_server.storage.tables import FIELDS
from mifeng_server.storage.writer import Writer

__all__ = ["SqliteStore", "open_sqlite"]

R = TypeVar("R", bound=Row)

log = structlog.get_logger("storage")

READERS = 4
"""Connections for reading of which nobody knows how long it takes."""

BUSY_MS = 10_000

CHECKPOINT_ROWS = 1_000
"""After so many changed rows the log is copied into the database, beside those who write. The one
that writes does what is left, once the log has `wal_autocheckpoint` pages: hardly anything."""

_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA secure_delete = ON",
    f"PRAGMA busy_timeout = {BUSY_MS}",
    "PRAGMA foreign_keys = ON",
    "PRAGMA wal_autocheckpoint = 4000",
    # A WAL that grew in a rush shrinks again when it is checkpointed.
    "PRAGMA journal_size_limit = 67108864",
)


class SqliteTransactions:
    """The one connection that writes: a transaction is one visit to its thread.

    Copying the log into the database, which takes two more waits for the disk, is done in another
    thread: `tidying`.
    """

    def __init__(self, line: Line, tidying: Line) -> None:
        self._line = line
        self._tidying = tidying
        self._copied = 0

    async def run(self, writes: Sequence[Write], *, apart: bool = False) -> None:
        parts = [[write] for write in writes] if apart else [writes]

        def write(connection: sqlite3.Connection) -> int:
            transact(connection, parts)
            return connection.total_changes

        try:
            changed = await self._line.visit(write)
        except sqlite3.Error as err:
            raise storage_error(err) from err
        if changed - self._copied >= CHECKPOINT_ROWS and not self._tidying.waiting:
            self._copied = changed
            self._tidying.visit(_copy_log).add_done_callback(_note_failure)


def storage_error(err: sqlite3.Error) -> StorageError:
    """Name what the database reported, in the driver's own words: they name no parameters."""
    code = getattr(err, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL or "disk is full" in str(err):
        return FullError()
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StorageError(
            "the database is damaged ({reason}); stop the server, and restore a backup",
            reason=str(err),
        )
    return StorageError(
        "the database failed: {reason}; look at its disk, and try again", reason=str(err)
    )


class SqliteStore:
    """`Store` on SQLite. Made by `open_sqlite`.

    Lookups by key take microseconds and share a line. Whatever may take longer has others, so that
    no lookup waits for it. In the event loop itself a lookup takes as much CPU as with the visit to
    a thread (a connection that others write beside reads its pages anew), and it is the loop that
    has no time to spare.
    """

    shared = False

    def __init__(self, connect: Callable[[], sqlite3.Connection], writing: Line) -> None:
        self._connect = connect
        self._writing = writing
        self._tidying = Line(connect)
        self._writer = Writer(SqliteTransactions(writing, self._tidying))
        self._looking = Line(connect)
        self._reading: list[Line] = []

    async def get(self, kind: type[R], *key: int | str | bytes) -> R | None:
        parameters = dict(zip(KEYS[kind], key, strict=True))
        found = await self._ask(self._looking, get_query(kind), parameters)
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
        query = find_query(
            kind, order, tuple(equal), after=after is not None, until=until is not None
        )
        found = await self._read(query, equal | bounds(after, until, limit))
        return tuple(_row(kind, values) for values in found)

    async def among(self, kind: type[R], field: str, values: Sequence[bytes], /) -> tuple[R, ...]:
        found = await self._read(among_query(kind, field, len(values)), numbered(values))
        return tuple(_row(kind, row) for row in found)

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
        return tuple(await self._read(query, equal | bounds(None, until, limit)))

    async def count(self, kind: type[Row], /, **equal: int | str | bytes) -> int:
        found = await self._read(count_query(kind, tuple(equal)), equal)
        return int(found[0][0])

    async def total(self, kind: type[Row], field: str, /, **equal: int | str | bytes) -> int:
        found = await self._read(total_query(kind, field, tuple(equal)), equal)
        return int(found[0][0])

    def write(self, batch: Sequence[Write]) -> Awaitable[None]:
        return self._writer.write(batch)

    async def settle(self) -> None:
        await self._writer.settle()

    async def scrub(self) -> None:
        """Empty the write-ahead log. While somebody reads for long (a backup) that has to wait:
        a checkpoint that waits for readers would keep the writer out for as long.
        """
        try:
            await self._tidying.visit(_empty_log)
        except sqlite3.Error as err:
            raise storage_error(err) from err

    async def close(self) -> None:
        await self._writer.close()
        for line in (self._writing, self._tidying, self._looking, *self._reading):
            await line.close()

    async def _read(self, query: str, parameters: Parameters) -> list[Key]:
        return await self._ask(self._reader(), query, parameters)

    async def _ask(self, line: Line, query: str, parameters: Parameters) -> list[Key]:
        def fetch(connection: sqlite3.Connection) -> list[Key]:
            return connection.execute(query, parameters).fetchall()

        try:
            return await line.visit(fetch)
        except sqlite3.Error as err:
            raise storage_error(err) from err

    def _reader(self) -> Line:
        """The line with the shortest queue; a new one if all have one."""
        line = min(self._reading, key=lambda line: line.waiting, default=None)
        if line is None or (line.waiting and len(self._reading) < READERS):
            line = Line(self._connect)
            self._reading.append(line)
        return line


def _row(kind: type[R], values: Key) -> R:
    return kind(**dict(zip(FIELDS[kind], values, strict=True)))


def _copy_log(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


def _note_failure(done: asyncio.Future[None]) -> None:
    if not done.cancelled() and done.exception() is not None:
        # Nothing is lost: the log has it all, and whoever writes next tries again.
        log.warning("the write-ahead log was not copied", reason=str(done.exception()))


def _empty_log(connection: sqlite3.Connection) -> None:
    _copy_log(connection)  # so that nobody waits for more than the rest
    connection.execute("PRAGMA busy_timeout = 50")
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    except sqlite3.OperationalError as err:
        if err.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise
    finally:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")


async def open_sqlite(path: Path) -> SqliteStore:
    """Open or make the database, and bring it to this version's schema.

    Raises:
        StorageError: it cannot be opened, or belongs to a newer server.
    """

    def connect() -> sqlite3.Connection:
        # sqlite3's own implicit transactions would commit before each change of the schema, so
        # that a migration that was cut off would stay half done.
        made = sqlite3.connect(path, isolation_level=None)
        for pragma in _PRAGMAS:
            made.execute(pragma)
        return made

    # The database holds nobody's plaintext, yet who talks when is nobody's business either.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    line = Line(connect)
    try:
        await line.visit(_migrate)
    except BaseException as err:
        await line.close()
        if isinstance(err, sqlite3.Error):
            raise storage_error(err) from err
        raise
    return SqliteStore(connect, line)


def _migrate(connection: sqlite3.Connection) -> None:
    named = "SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'"
    found: tuple[Any, ...] | None = None
    if connection.execute(named).fetchone():
        found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    if not is_current(found[0] if found else None):
        migrate_sqlite(connection)
