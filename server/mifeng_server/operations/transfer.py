"""Copy a whole database into an empty one of another kind, row by row in the order of the keys.

What was cut off goes on after the last row that is there. At the end both sides are read again and
compared by SHA-256 over every row, so that what is said to be the same is the same.
"""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, Protocol

import msgspec
from sqlalchemy import Table

from mifeng_crypto.errors import StorageError
from mifeng_server.storage.schema import METADATA

__all__ = ["End", "postgres_end", "sqlite_end", "transfer"]

BATCH = 1000
Values = tuple[Any, ...]


class End(Protocol):
    """One of the two databases, open."""

    async def page(self, table: Table, after: Values | None) -> list[Values]:
        """Return the next rows after a key, in the order of the keys, at most `BATCH`."""
        ...

    async def last_key(self, table: Table) -> Values | None:
        """Return the greatest key; None if there is no row."""
        ...

    async def add(self, table: Table, rows: Sequence[Values]) -> None:
        """Add rows, durably."""
        ...

    async def revision(self) -> str:
        """Return which schema it has."""
        ...


async def transfer(
    source: End, target: End, *, progress: Callable[[str, int], None] = lambda _, __: None
) -> dict[str, int]:
    """Copy all tables and compare them; return how many rows each has.

    Args:
        source: nobody may write to it meanwhile, or it is a snapshot.
        target: empty, or left by a transfer from the same source that was cut off.
        progress: hears table and rows so far.

    Raises:
        StorageError: the schemas differ, the target holds something else, or the two are not the
            same in the end.
    """
    if await source.revision() != await target.revision():
        raise StorageError(
            "the two databases have different schemas; start this version's server on the old "
            "one once, then try again"
        )
    for table in METADATA.sorted_tables:
        await _check_is_a_beginning(source, target, table)
    counts = {}
    for table in METADATA.sorted_tables:
        after, done = await target.last_key(table), 0
        while rows := await source.page(table, after):
            await target.add(table, rows)
            after = _key(table, rows[-1])
            done += len(rows)
            progress(table.name, done)
        ours, theirs = await _digest(source, table), await _digest(target, table)
        if ours != theirs:
            raise StorageError(
                "the table {name} is not the same on both sides; empty the new database and "
                "begin again",
                name=table.name,
            )
        counts[table.name] = ours[0]
    return counts


def _key(table: Table, row: Values) -> Values:
    return tuple(v for c, v in zip(table.c, row, strict=True) if c.primary_key)


async def _check_is_a_beginning(source: End, target: End, table: Table) -> None:
    """See that what the target has is what the source begins with: nobody else's, and not more."""
    last = await target.last_key(table)
    if last is not None and await _digest(target, table) != await _digest(source, table, last):
        raise StorageError(
            "the new database holds something else already (table {name}); nothing was written to "
            "it; name an empty one",
            name=table.name,
        )


async def _digest(end: End, table: Table, last: Values | None = None) -> tuple[int, bytes]:
    """How many rows there are, and their hash; with `last` up to the row of this key."""
    count, digest, after = 0, hashlib.sha256(), None
    while (rows := await end.page(table, after)) and (last is None or after != last):
        keys = [_key(table, row) for row in rows]
        if last in keys:
            rows = rows[: keys.index(last) + 1]
        digest.update(msgspec.msgpack.encode(rows))
        count, after = count + len(rows), _key(table, rows[-1])
    return count, digest.digest()


def _sql(table: Table, *, mark: Callable[[int], str], collate: str) -> tuple[str, str, str, str]:
    """SELECT from the beginning, SELECT after a key, the last key, INSERT."""
    columns = ", ".join(f'"{c.name}"' for c in table.c)
    keys = [f'"{c.name}"' for c in table.primary_key.columns]
    kinds = [str(c.type) == "TEXT" for c in table.primary_key.columns]
    ordered = [k + (collate if text else "") for k, text in zip(keys, kinds, strict=True)]
    order, back = ", ".join(ordered), ", ".join(f"{k} DESC" for k in ordered)
    marks = ", ".join(mark(n) for n in range(len(keys)))
    values = ", ".join(mark(n) for n in range(len(table.c)))
    every = f'SELECT {columns} FROM "{table.name}"'
    return (
        f"{every} ORDER BY {order} LIMIT {BATCH}",
        f"{every} WHERE ({order}) > ({marks}) ORDER BY {order} LIMIT {BATCH}",
        f'SELECT {", ".join(keys)} FROM "{table.name}" ORDER BY {back} LIMIT 1',
        f'INSERT INTO "{table.name}" ({columns}) VALUES ({values})',
    )


class _Sqlite:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def page(self, table: Table, after: Values | None) -> list[Values]:
        first, following, _, _ = _sql(table, mark=lambda _: "?", collate="")
        return await self._fetch(following if after else first, after or ())

    async def last_key(self, table: Table) -> Values | None:
        found = await self._fetch(_sql(table, mark=lambda _: "?", collate="")[2], ())
        return found[0] if found else None

    async def add(self, table: Table, rows: Sequence[Values]) -> None:
        insert = _sql(table, mark=lambda _: "?", collate="")[3]

        def add() -> None:
            with self._connection:
                self._connection.executemany(insert, rows)

        await asyncio.to_thread(add)

    async def revision(self) -> str:
        found = await self._fetch("SELECT version_num FROM alembic_version", ())
        return str(found[0][0])

    async def _fetch(self, sql: str, values: Values) -> list[Values]:
        def fetch() -> list[Values]:
            return self._connection.execute(sql, values).fetchall()

        try:
            return await asyncio.to_thread(fetch)
        except sqlite3.Error as err:
            raise StorageError(
                "the database failed: {reason}; look at its disk, and try again", reason=str(err)
            ) from err


@asynccontextmanager
async def sqlite_end(path: Path) -> AsyncIterator[End]:
    """Open an SQLite database as one end."""
    connection = sqlite3.connect(path, check_same_thread=False)
    with closing(connection):
        connection.execute("PRAGMA synchronous = FULL")
        yield _Sqlite(connection)


class _Postgres:
    def __init__(self, connection: Any) -> None:  # noqa: ANN401 - asyncpg has no types
        self._connection = connection

    async def page(self, table: Table, after: Values | None) -> list[Values]:
        first, following, _, _ = _sql(table, mark=_numbered, collate=' COLLATE "C"')
        found = await self._connection.fetch(following if after else first, *(after or ()))
        return [tuple(row) for row in found]

    async def last_key(self, table: Table) -> Values | None:
        sql = _sql(table, mark=_numbered, collate=' COLLATE "C"')[2]
        found = await self._connection.fetchrow(sql)
        return tuple(found) if found else None

    async def add(self, table: Table, rows: Sequence[Values]) -> None:
        names = [c.name for c in table.c]
        await self._connection.copy_records_to_table(table.name, records=rows, columns=names)

    async def revision(self) -> str:
        return str(await self._connection.fetchval("SELECT version_num FROM alembic_version"))


def _numbered(n: int) -> str:
    return f"${n + 1}"


@asynccontextmanager
async def postgres_end(url: str, *, snapshot: bool = False) -> AsyncIterator[End]:
    """Open a PostgreSQL database as one end; with `snapshot` as it is at one moment."""
    from mifeng_server.storage.postgres import FAILURES, connect, postgres_error

    connection = await connect(url)
    try:
        if snapshot:
            await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield _Postgres(connection)
    except FAILURES as err:
        raise postgres_error(err) from err
    finally:
        connection.terminate()
