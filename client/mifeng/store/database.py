"""SQLite as an ordered map of sealed values: one `save` is one durable transaction.

A table is a map from bytes to bytes, ordered by key. What the keys and values mean is known above
(`core/records.py`); here every value is sealed, and a step's changes are all on the disk before
`save` returns, or none is (WAL, synchronous=FULL).
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path

import aiosqlite

from mifeng.errors import DiskFullError, ProfileDamagedError, ProfileMissingError
from mifeng.store.sealing import Sealer
from mifeng_crypto.errors import StorageError

__all__ = ["TABLES", "Changes", "Database"]

Changes = Mapping[tuple[str, bytes], bytes | None]
"""(table, key) -> the new value, or None to delete."""

TABLES = (
    "alarms",  # hash -> what should not be, with its evidence
    "cards",  # member id -> Card, verified
    "charter",  # unit id, sequence -> entry
    "key_packages",  # KeyPackageRef -> bundle
    "messages",  # unit id, sequence -> message in the clear, sealed like all
    "mls",  # unit id, part -> a part of the epoch
    "outbox",  # unit id, number -> what is still to be sent
    "pending",  # unit id, part -> the commit that the log has not brought back yet
    "pins",  # origin -> the newest checkpoint
    "profile",  # "" -> who this device is
    "receipts",  # unit id, generation, sequence -> the server's receipt
    "roster",  # sequence -> entry
    "units",  # unit id -> where it stands
)
APPLICATION_ID = 0x4D46454E  # "MFEN"
VERSION = 2


class Database:
    """The profile's database. `open` or `create` it, then `unlock` it with the store key."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._db = connection
        self._sealer: Sealer | None = None
        # Nobody reads what is not yet committed: one connection, one user at a time.
        self._turn = asyncio.Lock()

    @classmethod
    async def create(cls, path: Path) -> Database:
        """Make an empty database.

        Raises:
            StorageError: a file is there already, or the disk refuses.
        """
        if path.exists():
            raise StorageError(
                "there is a profile in {path} already; use it, or choose another folder",
                path=path.parent,
            )
        path.touch(mode=0o600)
        database = cls(await _connect(path))
        with _translated():
            await database._db.executescript(
                f"PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={VERSION};"
                "CREATE TABLE header (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"
                + "".join(
                    f"CREATE TABLE {table} (key BLOB PRIMARY KEY, value BLOB NOT NULL)"
                    " WITHOUT ROWID;"
                    for table in TABLES
                )
            )
        return database

    @classmethod
    async def open(cls, path: Path) -> Database:
        """Open an existing database.

        Raises:
            ProfileMissingError: there is none.
            ProfileDamagedError: it is not one of ours, or not whole.
            StorageError: it was written by a newer version.
        """
        if not path.exists():
            raise ProfileMissingError(
                "there is no profile in {path}; join with an invite first", path=path.parent
            )
        connection = await _connect(path)
        try:
            with _translated():
                application = await _pragma(connection, "application_id")
                version = await _pragma(connection, "user_version")
            if application != APPLICATION_ID:
                raise ProfileDamagedError(
                    "{path} is not a profile's database; restore the file or join again", path=path
                )
            if version > VERSION:
                raise StorageError("this profile is of a newer version; update this client")
            if version < VERSION:
                raise StorageError(
                    "this profile was made by a version from before the first release; "
                    "remove it, and join again with a new invite"
                )
        except BaseException:
            await connection.close()
            raise
        return cls(connection)

    def unlock(self, sealer: Sealer) -> None:
        """Give it what seals and opens its values."""
        self._sealer = sealer

    async def close(self) -> None:
        """Close the file."""
        await self._db.close()

    # -------------------------------------------------------------- in the clear

    async def header(self, name: str) -> bytes | None:
        """Return what must be read before unlocking: how the store key is wrapped."""
        with _translated():
            async with self._db.execute("SELECT value FROM header WHERE name=?", (name,)) as rows:
                row = await rows.fetchone()
        return bytes(row[0]) if row else None

    async def put_header(self, name: str, value: bytes) -> None:
        """Write such a value, durably."""
        with _translated():
            await self._db.execute("INSERT OR REPLACE INTO header VALUES (?, ?)", (name, value))

    # -------------------------------------------------------------- sealed

    async def get(self, table: str, key: bytes) -> bytes | None:
        """Return one value, or None.

        Raises:
            ProfileDamagedError: it was changed from outside.
        """
        sql = f"SELECT value FROM {_known(table)} WHERE key=?"
        with _translated():
            async with self._turn, self._db.execute(sql, (key,)) as rows:
                row = await rows.fetchone()
        return self._opener().open(table, key, row[0]) if row else None

    async def scan(
        self,
        table: str,
        prefix: bytes = b"",
        *,
        after: bytes = b"",
        first: int | None = None,
        last: int | None = None,
    ) -> list[tuple[bytes, bytes]]:
        """Return the rows whose key begins with `prefix`, in order of their keys.

        Args:
            table: one of TABLES.
            prefix: what their keys begin with.
            after: only keys behind this one.
            first: only so many, from the beginning.
            last: only so many, from the end.

        Raises:
            ProfileDamagedError: one was changed from outside.
        """
        low = max(prefix, after)
        sql = f"SELECT key, value FROM {_known(table)} WHERE key >= ? AND key > ?"
        values: list[bytes | int] = [low, after]
        if prefix.strip(b"\xff"):
            sql += " AND key < ?"
            values.append(_end_of(prefix))
        sql += " ORDER BY key" if last is None else " ORDER BY key DESC"
        limit = first if last is None else last
        if limit is not None:
            sql += " LIMIT ?"
            values.append(limit)
        with _translated():
            async with self._turn:
                rows = list(await self._db.execute_fetchall(sql, values))
        if last is not None:
            rows.reverse()
        opener = self._opener()
        return [(bytes(key), opener.open(table, bytes(key), value)) for key, value in rows]

    async def save(self, changes: Changes) -> None:
        """Apply all changes in one transaction. They are on the disk when this returns.

        Raises:
            DiskFullError: nothing was saved.
            StorageError: nothing was saved.
        """
        if not changes:
            return
        sealer = self._opener()
        puts: dict[str, list[tuple[bytes, bytes]]] = {}
        drops: dict[str, list[tuple[bytes]]] = {}
        for (table, key), value in changes.items():
            if value is None:
                drops.setdefault(_known(table), []).append((key,))
            else:
                puts.setdefault(_known(table), []).append((key, sealer.seal(table, key, value)))
        with _translated():
            async with self._turn:
                await self._transaction(puts, drops)

    async def _transaction(
        self,
        puts: Mapping[str, list[tuple[bytes, bytes]]],
        drops: Mapping[str, list[tuple[bytes]]],
    ) -> None:
        await self._db.execute("BEGIN IMMEDIATE")
        try:
            for table, gone in drops.items():
                await self._db.executemany(f"DELETE FROM {table} WHERE key=?", gone)
            for table, rows in puts.items():
                await self._db.executemany(f"INSERT OR REPLACE INTO {table} VALUES (?, ?)", rows)
            await self._db.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):  # a full disk has rolled back by itself
                await self._db.execute("ROLLBACK")
            raise

    def _opener(self) -> Sealer:
        assert self._sealer is not None, "the database has to be unlocked first"
        return self._sealer


async def _connect(path: Path) -> aiosqlite.Connection:
    with _translated():
        connection = await aiosqlite.connect(path, isolation_level=None)
        try:
            # What was overwritten or deleted is zeroed, and read back only if its page is sane.
            await connection.executescript(
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;"
                "PRAGMA cell_size_check=ON; PRAGMA trusted_schema=OFF; PRAGMA mmap_size=0;"
            )
        except BaseException:
            await connection.close()
            raise
        return connection


async def _pragma(connection: aiosqlite.Connection, name: str) -> int:
    async with connection.execute(f"PRAGMA {name}") as rows:
        row = await rows.fetchone()
    return int(row[0]) if row else 0


def _known(table: str) -> str:
    assert table in TABLES, f"{table} is no table of a profile"
    return table


def _end_of(prefix: bytes) -> bytes:
    """The first key that lies behind all that begin with `prefix`."""
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes([stem[-1] + 1])


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as err:
        code = getattr(err, "sqlite_errorcode", 0) & 0xFF  # without the reason within the kind
        if code == sqlite3.SQLITE_FULL:
            raise DiskFullError(
                "the disk is full: make room, then do it again; nothing was lost"
            ) from err
        if code == sqlite3.SQLITE_IOERR:  # a disk that is full shows itself so when a file is made
            raise StorageError(
                "the disk does not take or give the profile: see whether it is full or failing, "
                "then do it again; nothing was lost"
            ) from err
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise ProfileDamagedError(
                "the profile's database is damaged; remove the profile and join again"
            ) from err
        raise StorageError("the profile cannot be written or read: {err}", err=err) from err
