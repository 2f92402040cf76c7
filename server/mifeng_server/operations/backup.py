"""A copy of a server while it runs: its database as it was at one moment, its files, its keys.

    backup/
      manifest.json   written last: a backup without it is none
      server.db       the database, whichever kind the server has
      blobs/          sealed files; what is there from the last time is not copied again
      mifeng-server.toml  tls.key  tls.crt  checkpoint.key

The vault is not in it, nor any share: what a backup holds can be read by nobody once its time is
over, because the keys are not there. The price: files are lost with the disk that had the vault.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec

from mifeng_crypto.errors import StorageError, UsageError
from mifeng_server.config import Config
from mifeng_server.domain.protocols import Clock
from mifeng_server.folder import Folder
from mifeng_server.operations.transfer import postgres_end, sqlite_end, transfer
from mifeng_server.storage.sqlite import open_sqlite

__all__ = ["MANIFEST", "Manifest", "backup", "read_manifest", "sha256_of"]

MANIFEST = "manifest.json"
PIECE = 1 << 20

Progress = Callable[[str, int], None]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup says of itself.

    Attributes:
        made_at: when the database was like that, Unix milliseconds.
        database_sha256: of `server.db`.
        files: how many files the database has by name; `copied` of their bytes are new.
    """

    made_at: int
    database_sha256: str
    files: int
    file_bytes: int
    copied_bytes: int


async def backup(
    folder: Folder,
    config: Config,
    target: Path,
    *,
    clock: Clock,
    progress: Progress = lambda _, __: None,
) -> Manifest:
    """Make or renew a backup.

    Raises:
        UsageError: the target holds something else.
        StorageError: something cannot be read or written.
    """
    _check_target(target, folder)
    (target / MANIFEST).unlink(missing_ok=True)
    made_at = clock.now()
    fresh = target / "server.db.new"
    fresh.unlink(missing_ok=True)
    if config.storage.database:
        await _from_postgres(config.storage.database, fresh, progress)
    else:
        await asyncio.to_thread(_from_sqlite, folder.database, fresh, progress)
    files = _file_rows(fresh)
    copied = 0
    if not config.storage.blobs:
        copied = await asyncio.to_thread(
            _copy_blobs, folder.blobs, target / "blobs", set(files), progress
        )
    for path in (folder.config, folder.tls_key, folder.tls_cert, folder.checkpoint_key):
        if path.exists():
            shutil.copyfile(path, target / path.name)
            (target / path.name).chmod(0o600)
    fresh.replace(target / "server.db")
    manifest = Manifest(
        made_at=made_at,
        database_sha256=await asyncio.to_thread(sha256_of, target / "server.db"),
        files=len(files),
        file_bytes=sum(files.values()),
        copied_bytes=copied,
    )
    _write_durably(target / MANIFEST, msgspec.json.encode(manifest))
    if folder.path.exists():
        _write_durably(folder.last_backup, msgspec.json.encode(manifest))
    return manifest


def read_manifest(path: Path) -> Manifest:
    """Read what a backup says of itself.

    Raises:
        UsageError: there is no whole backup.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except (OSError, msgspec.MsgspecError) as err:
        raise UsageError(
            "{path} is no whole backup; name the folder that `mifeng-server backup` has written",
            path=path.parent,
        ) from err


def _check_target(target: Path, folder: Folder) -> None:
    if target.resolve().is_relative_to(folder.path.resolve()):
        raise UsageError("a backup inside of the data folder dies with it; choose another place")
    there = {entry.name for entry in target.iterdir()} if target.is_dir() else set[str]()
    if (there and not there & {MANIFEST, "server.db.new", "blobs"}) or "lock" in there:
        raise UsageError("{path} holds something else; choose an empty folder", path=target)
    try:
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as err:
        raise StorageError(
            "{folder} cannot be made: {reason}", folder=target, reason=err.strerror
        ) from err


def _from_sqlite(database: Path, fresh: Path, progress: Progress) -> None:
    """Copy one snapshot of the WAL: writers go on, they only cannot reuse the log meanwhile.

    Each piece is on the disk before the next one is read: what a server syncs for a message would
    wait for all that the copy has left to be written.
    """
    if not database.exists():
        raise StorageError("{path} is missing; restore it from a backup", path=database)
    with (
        fresh.open("wb") as written,  # closed last: that lets go of what SQLite has locked of it
        closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(fresh)) as copy,
    ):
        fresh.chmod(0o600)

        def step(_: int, left: int, pages: int) -> None:
            os.fdatasync(written.fileno())
            progress("server.db", (pages - left) * page_size)

        try:
            # A read transaction of our own keeps the snapshot: without it a write between two
            # steps would start the copy over, and a busy server's would never end.
            source.execute("BEGIN")
            source.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            page_size = int(source.execute("PRAGMA page_size").fetchone()[0])
            source.backup(copy, pages=PIECE // page_size, progress=step)
            source.rollback()
            copy.execute("PRAGMA journal_mode = DELETE")
            copy.execute("PRAGMA wal_checkpoint")
        except sqlite3.Error as err:
            if "disk is full" in str(err):
                raise StorageError(
                    "{path} has no room for the backup; make room, or choose another place",
                    path=fresh.parent,
                ) from err
            raise StorageError(
                "the database failed: {reason}; look at its disk, and try again", reason=str(err)
            ) from err
    _sync(fresh)


async def _from_postgres(url: str, fresh: Path, progress: Progress) -> None:
    store = await open_sqlite(fresh)
    await store.close()
    async with postgres_end(url, snapshot=True) as source, sqlite_end(fresh) as target:
        await transfer(source, target, progress=progress)


def _file_rows(database: Path) -> dict[str, int]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        found = connection.execute("SELECT file_id, length FROM files").fetchall()
    return {file_id.hex(): length for file_id, length in found}


def _copy_blobs(source: Path, target: Path, live: set[str], progress: Progress) -> int:
    """Copy what is new, and drop what has ended: a backup keeps nothing for longer either."""
    target.mkdir(mode=0o700, exist_ok=True)
    copied = 0
    for name in sorted(entry.name for entry in target.iterdir()):
        if name not in live:
            shutil.rmtree(target / name)
    for name in sorted(live):
        for part in sorted((source / name).glob("?" * 8)) if (source / name).is_dir() else ():
            copy = target / name / part.name
            # An object never changes but for the last one, which only grows.
            if copy.exists() and copy.stat().st_size == part.stat().st_size:
                continue
            copy.parent.mkdir(mode=0o700, exist_ok=True)
            half = copy.with_suffix(".new")
            try:
                shutil.copyfile(part, half)
            except FileNotFoundError:
                continue  # recalled or expired meanwhile
            _sync(half)
            half.replace(copy)
            copied += copy.stat().st_size
            progress("blobs", copied)
    return copied


def sha256_of(path: Path) -> str:
    """Return the hash of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_durably(path: Path, data: bytes) -> None:
    half = path.with_suffix(".new")
    half.write_bytes(data)
    _sync(half)
    half.replace(path)
    _sync(path.parent)


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
