"""From a backup to a data folder, and the proof: everything in it is read and verified as at start.

    database whole (SHA-256, integrity) -> schema -> roster, every charter and unit -> every log's
    chain of hashes -> every named file's bytes -> what is due is destroyed

Only then the folder may be served.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from mifeng_crypto.errors import MifengError, StorageError, UsageError
from mifeng_crypto.gate import header_hash
from mifeng_crypto.log import LogHeader
from mifeng_crypto.tls import decode
from mifeng_server.blobs.folder import FolderBlobs
from mifeng_server.config import read_config
from mifeng_server.domain.house import Doors, House
from mifeng_server.domain.protocols import Clock, Store
from mifeng_server.domain.purge import purge, sweep
from mifeng_server.domain.roster_load import load_roster
from mifeng_server.domain.rows import FileRow, LogRow, UnitRow
from mifeng_server.domain.unit import ALL, load_unit
from mifeng_server.folder import Folder, all_or_nothing
from mifeng_server.locks import TaskLocks
from mifeng_server.notary import KeyNotary, read_checkpoint_key
from mifeng_server.operations.backup import MANIFEST, Manifest, read_manifest, sha256_of
from mifeng_server.storage.sqlite import open_sqlite
from mifeng_server.vault import Vault

__all__ = ["Proof", "prove_backup", "restore"]

PAGE = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What was found whole.

    Attributes:
        made_at: when the backup was made, Unix milliseconds.
        files_damaged: files that a message names and whose bytes are not all there.
        files_unopenable: files whose share is not in this folder's vault: nobody can open them.
        purged: files and rows that were due and are gone now.
    """

    made_at: int
    roster_entries: int
    units: int
    log_entries: int
    files: int
    files_damaged: int
    files_unopenable: int
    purged: int


async def restore(
    source: Path,
    folder: Folder,
    *,
    clock: Clock,
    vault: Path | None = None,
    progress: Callable[[str, int], None] = lambda _, __: None,
) -> Proof:
    """Make a data folder of a backup, and prove it.

    Args:
        source: the backup.
        folder: absent or empty.
        clock: what is due by it is destroyed.
        vault: the vault file of the lost server, if it was saved apart.
        progress: hears what is being done.

    Raises:
        UsageError: the source is no whole backup, or there is a server in the folder.
        StorageError: something in it is damaged. Whatever is raised, the folder is left empty.
    """
    manifest = read_manifest(source / MANIFEST)
    if folder.path.exists() and any(folder.path.iterdir()):
        raise UsageError(
            "{folder} holds a server already; choose another folder, or remove it first",
            folder=folder.path,
        )
    folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    with all_or_nothing(folder.path):
        return await _restored(
            source, folder, manifest, clock=clock, vault=vault, progress=progress
        )


async def _restored(
    source: Path,
    folder: Folder,
    manifest: Manifest,
    *,
    clock: Clock,
    vault: Path | None,
    progress: Callable[[str, int], None],
) -> Proof:
    await asyncio.to_thread(_copy, source, folder, progress)
    if vault is not None:
        await asyncio.to_thread(shutil.copyfile, vault, folder.vault)
        folder.vault.chmod(0o600)
    await asyncio.to_thread(_check_database, folder.database, manifest.database_sha256)
    in_bucket = bool(read_config(Folder(source), {}).storage.blobs)
    proof = await _prove(folder, manifest.made_at, clock, progress, in_bucket=in_bucket)
    # Last: a folder with a configuration is a whole one. The database is SQLite now.
    text = (source / folder.config.name).read_text(encoding="utf-8")
    text = re.sub(r"(?m)^database\s*=.*\n", "", text)
    # A server deletes from its bucket what its database does not know: beside the cluster that goes
    # on, that would be all that came after the backup.
    text = re.sub(r"(?m)^(blobs\s*=.*)$", BUCKET_NOTE + r"# \1", text)
    folder.config.write_text(text, encoding="utf-8")
    return proof


BUCKET_NOTE = "# Take the # away once no other server uses this bucket any more.\n"


async def prove_backup(
    source: Path, *, clock: Clock, progress: Callable[[str, int], None] = lambda _, __: None
) -> Proof:
    """Restore into a folder that is thrown away: the backup is as good as this.

    Raises:
        UsageError, StorageError: as `restore`.
    """
    with tempfile.TemporaryDirectory(prefix="mifeng-restore-", dir=source.parent) as name:
        return await restore(source, Folder(Path(name)), clock=clock, progress=progress)


def _copy(source: Path, folder: Folder, progress: Callable[[str, int], None]) -> None:
    try:
        for name in ("server.db", "tls.key", "tls.crt", "checkpoint.key"):
            if (source / name).exists():
                shutil.copyfile(source / name, folder.path / name)
                (folder.path / name).chmod(0o600)
        done = 0
        for part in sorted((source / "blobs").glob("*/*")):
            copy = folder.blobs / part.parent.name / part.name
            copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                os.link(part, copy)  # objects are replaced, never written to
            except OSError:
                shutil.copyfile(part, copy)
            done += part.stat().st_size
            progress("blobs", done)
    except OSError as err:
        raise StorageError(
            "{folder} cannot be made: {reason}", folder=folder.path, reason=err.strerror
        ) from err


def _check_database(path: Path, sha256: str) -> None:
    if not path.exists() or sha256_of(path) != sha256:
        raise StorageError("the backup's database is not what was written; use another backup")
    with closing(sqlite3.connect(path)) as connection:
        (found,) = connection.execute("PRAGMA integrity_check").fetchone()
    if found != "ok":
        raise StorageError("the backup's database is damaged: {reason}", reason=found)


async def _prove(
    folder: Folder,
    made_at: int,
    clock: Clock,
    progress: Callable[[str, int], None],
    *,
    in_bucket: bool,
) -> Proof:
    store = await open_sqlite(folder.database)
    shares = Vault(folder.vault, rng=os.urandom)
    try:
        roster = await load_roster(store)
        units = await store.find(UnitRow, order="unit_id", limit=ALL) if roster else ()
        entries = 0
        for n, row in enumerate(units, 1):
            assert roster is not None, "there are units"
            await load_unit(store, row.unit_id, roster)
            entries += await _check_log(store, row)
            progress("units", n)
        house = House(
            store=store,
            blobs=FolderBlobs(folder.blobs),
            shares=shares,
            locks=TaskLocks(),
            notify=lambda _: None,
            notary=KeyNotary(read_checkpoint_key(folder)),
            rng=os.urandom,
            doors=Doors((), None),
        )
        purged = await purge(house, clock=clock.now)
        await sweep(house, clock)
        files = await store.find(FileRow, order="deadline", limit=ALL)
        # What is in a bucket was not in the backup, and is not looked for in this folder.
        named = [row for row in files if row.retain_until and not in_bucket]
        damaged = [r for r in named if await house.blobs.size(r.file_id) != r.length]
        lost = [r for r in named if await shares.get(r.file_id) is None]
    except MifengError as err:
        if isinstance(err, StorageError):
            raise
        raise StorageError("the backup's database is damaged: {reason}", reason=str(err)) from err
    finally:
        await shares.close()
        await store.close()
    return Proof(
        made_at=made_at,
        roster_entries=roster.head.sequence if roster else 0,
        units=len(units),
        log_entries=entries,
        files=len(named),
        files_damaged=len(damaged),
        files_unopenable=len(lost),
        purged=purged.files + purged.rows,
    )


async def _check_log(store: Store, row: UnitRow) -> int:
    """Follow the chain of hashes of the present generation; return how many entries it has."""
    count, after, previous = 0, 0, None
    while True:
        rows = await store.find(
            LogRow,
            order="sequence",
            after=after,
            limit=PAGE,
            unit_id=row.unit_id,
            generation=row.generation,
        )
        for found in rows:
            header = decode(LogHeader, found.header)
            # A later generation's numbers go on behind those of the one before.
            is_first = previous is None and (found.sequence == 1) is (row.generation == 0)
            if not is_first and (found.sequence != after + 1 or previous != header.previous):
                raise StorageError("a unit's log has a gap; use another backup")
            count, after, previous = count + 1, found.sequence, header_hash(header)
        if len(rows) < PAGE:
            break
    if after != row.log_sequence or previous not in (None, row.log_hash):
        raise StorageError("a unit's log has a gap; use another backup")
    return count
