"""SQLite as an ordered map of sealed values: one `save` is one durable transaction.

A table is a map from bytes to bytes, ordered by key. What the keys and values mean is known above
(`core/rows.py`); here every value is sealed, and a step's changes are all on the disk before `save`
returns, or none is (WAL, synchronous=FULL). Keys that have to die with what they seal are in the
vault, and are made before the transaction and destroyed after it.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Collection, Coroutine, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import aiosqlite

from mifeng.errors import DiskFullError, ProfileDamagedError, ProfileMissingError
from mifeng.store.keeping import Changes, Keeper, rows_of, scope_of
from mifeng.store.sealing import Sealer
from mifeng.store.vault import SlotName, StateName, Vault
from mifeng_crypto.errors import StorageError

__all__ = ["TABLES", "Changes", "Database", "to_the_end"]

T = TypeVar("T")

TABLES = (
    "alarms",  # [unit id] hash -> what should not be, with its evidence
    "cards",  # member id -> SignedCard, verified
    "charter",  # unit id, sequence -> entry
    "drafts",  # unit id, thread -> what was begun and not sent, sealed until it expires
    "history",  # unit id, kind, ... -> what was said before somebody came in, on its way
    "imports",  # kind / the list's id -> who that is here
    "key_packages",  # KeyPackageRef -> bundle
    "messages",  # unit id, sequence -> message in the clear, sealed until it expires
    "mls",  # unit id, part -> a part of the epoch
    "outbox",  # unit id, number -> what is still to be sent
    "pending",  # unit id, part -> the commit that the log has not brought back yet
    "pins",  # origin -> the newest checkpoint
    "pictures",  # member id -> the picture that the card names, once it was fetched
    "profile",  # "" -> who this device is
    "receipts",  # unit id, generation, sequence -> the server's receipt
    "roster",  # sequence -> entry
    "unit_cards",  # unit id -> SignedUnitCard, verified
    "units",  # unit id -> where it stands
    "uploads",  # unit id, file id -> a file that is sealed and on its way
)
APPLICATION_ID = 0x4D46454E  # "MFEN"
VERSION = 9


async def to_the_end(step: Coroutine[None, None, T]) -> T:
    """Await a step that must not stop half way: whoever is cancelled hears of it when it is done.

    A change that is on the disk and not in memory, or the other way round, would be worse than to
    wait for the disk.
    """
    task = asyncio.ensure_future(step)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise


class Database:
    """The profile's database. `open` or `create` it, then `unlock` it with the store key."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._db = connection
        self._kept: tuple[Keeper, Vault] | None = None
        self._to_destroy: list[StateName] = []
        """Replaced keys that the disk has not let be overwritten yet."""
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

    def unlock(self, sealer: Sealer, vault: Vault) -> None:
        """Give it what seals and opens its values."""
        self._kept = Keeper(sealer, vault), vault

    async def close(self) -> None:
        """Close the file, once what is being saved is."""
        async with self._turn:
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
        return self._keeper.open(table, key, row[0]) if row else None

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
        opener = self._keeper
        return [(bytes(key), opener.open(table, bytes(key), value)) for key, value in rows]

    async def keys(self, table: str, first: bytes, last: bytes) -> set[bytes]:
        """Return which keys there are from `first` to `last`, without a look at their values."""
        sql = f"SELECT key FROM {_known(table)} WHERE key BETWEEN ? AND ?"
        with _translated():
            async with self._turn:
                rows = await self._db.execute_fetchall(sql, (first, last))
        return {bytes(key) for (key,) in rows}

    async def save(self, changes: Changes) -> None:
        """Apply all changes in one transaction. They are on the disk when this returns.

        Raises:
            DiskFullError: nothing was saved.
            StorageError: nothing was saved.
        """
        if changes:
            await to_the_end(self._save_in_turn(changes))

    async def _save_in_turn(self, changes: Changes) -> None:
        async with self._turn:
            await self._save(changes, self._keeper.replaced_by(changes))

    async def _save(self, changes: Changes, replace: Collection[bytes]) -> None:
        """Make the keys, write the rows, overwrite the keys that were replaced."""
        keeper, vault = self._keeper, self._vault
        kept = {scope: await self._rows_of_scope(scope) for scope in replace}
        wanted = keeper.wanted(changes, replace)
        if wanted:
            await asyncio.to_thread(vault.make, wanted)
        puts: dict[str, list[tuple[bytes, bytes]]] = {}
        drops: dict[str, list[tuple[bytes]]] = {}
        for (table, key), value in changes.items():
            if value is None:
                drops.setdefault(_known(table), []).append((key,))
            else:
                puts.setdefault(_known(table), []).append((key, keeper.seal(table, key, value)))
        for rows in kept.values():
            for (table, key), stored in rows.items():
                if (table, key) not in changes:
                    value = keeper.open(table, key, stored)
                    puts.setdefault(table, []).append((key, keeper.seal(table, key, value)))
        try:
            with _translated():
                await self._transaction(puts, drops)
        except BaseException:
            # Whether it was committed is not known: a call may be cancelled while the disk works.
            with contextlib.suppress(StorageError):
                await self._settle(replace)
            raise
        written = {
            scope: {
                (table, key): value
                for table, rows in puts.items()
                for key, value in rows
                if scope_of(table, key) == scope
            }
            for scope in replace
        }
        await self._destroy_replaced(written)

    async def _destroy_replaced(
        self, rows: Mapping[bytes, Mapping[tuple[str, bytes], bytes]]
    ) -> None:
        """Overwrite the state keys under which none of a scope's rows is.

        What the disk does not let be overwritten is tried again with the next change, and at the
        next start: what was saved is saved.
        """
        for scope, stored in rows.items():
            self._to_destroy += self._keeper.replaced(scope, stored.values())
        if self._to_destroy:
            with contextlib.suppress(StorageError):
                await asyncio.to_thread(self._vault.destroy, list(self._to_destroy))
                self._to_destroy.clear()

    async def _rows_of_scope(self, scope: bytes) -> dict[tuple[str, bytes], bytes]:
        found = dict[tuple[str, bytes], bytes]()
        for table, prefix in rows_of(scope):
            for key, stored in await self._stored(table, prefix):
                found[table, bytes(key)] = stored
        return found

    async def _stored(self, table: str, prefix: bytes) -> list[tuple[bytes, bytes]]:
        sql, values = f"SELECT key, value FROM {_known(table)}", list[bytes]()
        if prefix:
            sql += " WHERE key >= ? AND key < ?"
            values = [prefix, _end_of(prefix)]
        with _translated():
            return [(row[0], row[1]) for row in await self._db.execute_fetchall(sql, values)]

    # -------------------------------------------------------------- keys

    async def renew_state_keys(self) -> None:
        """Replace all state keys: what an older one sealed and is still in use is sealed anew.

        Raises:
            StorageError: as `save`; what was renewed before is.
        """
        for scope in self._vault.scopes():
            await to_the_end(self._renew(scope))

    async def _renew(self, scope: bytes) -> None:
        async with self._turn:
            await self._save({}, (scope,))

    async def settle_keys(self) -> None:
        """At the start: overwrite the keys that a crash has left beside those in use.

        Raises:
            StorageError: the disk refuses.
        """
        async with self._turn:
            await self._settle(self._vault.scopes())

    async def _settle(self, scopes: Collection[bytes]) -> None:
        for scope in scopes:
            if len(self._vault.states(scope)) > 1:
                rows = await self._rows_of_scope(scope)
                names = self._keeper.replaced(scope, rows.values())
                await asyncio.to_thread(self._vault.destroy, names)

    async def rows_of_slots(
        self, table: str, slots: Collection[SlotName]
    ) -> list[tuple[bytes, bytes]]:
        """Return the rows that are sealed under these slots' keys, as far as they open."""
        found = []
        async with self._turn:
            for unit_id in dict.fromkeys(name.unit_id for name in slots):
                for key, stored in await self._stored(table, unit_id):
                    if self._keeper.slot_of(key, stored) in slots:
                        found.append((key, self._keeper.open(table, key, stored)))
        return found

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

    @property
    def _keeper(self) -> Keeper:
        assert self._kept is not None, "the database has to be unlocked first"
        return self._kept[0]

    @property
    def _vault(self) -> Vault:
        assert self._kept is not None, "the database has to be unlocked first"
        return self._kept[1]


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
        raise StorageError(
            "the profile cannot be written or read ({err}); do it again, and if that does not "
            "help, restore the profile or join again",
            err=err,
        ) from err
