"""Is everything in order? Each finding has a state, and where it is not `ok`, a remedy."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from cryptography import x509

from mifeng_crypto.errors import MifengError, StorageError
from mifeng_server.blobs.folder import FolderBlobs
from mifeng_server.clock import utc
from mifeng_server.config import Config
from mifeng_server.domain import rows
from mifeng_server.domain.protocols import Blobs, Clock, Store
from mifeng_server.domain.rows import FileRow, UnitRow
from mifeng_server.domain.unit import ALL
from mifeng_server.folder import Folder
from mifeng_server.opening import open_blobs, open_store
from mifeng_server.operations.backup import read_manifest
from mifeng_server.storage.migrate import newest_revision
from mifeng_server.text import _, explain
from mifeng_server.tls_key import ssl_context

__all__ = ["Finding", "examine"]

State = Literal["ok", "warn", "bad"]
DAY_MS = 86_400_000
LATE_MS = 15 * 60_000
"""What is due is gone from the files 15 minutes after its deadline at the latest."""
LOG_BYTES = 256 << 20
OLDEST_CLOCK_MS = 1_780_000_000_000
"""A moment in 2026: a clock before it is wrong."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, how it is, what was found, and what helps."""

    check: str
    state: State
    found: str
    remedy: str = ""


async def examine(folder: Folder, config: Config, clock: Clock) -> list[Finding]:
    """Look at everything; nothing is changed."""
    found = [*_permissions(folder), *_disk(folder)]
    if any(finding.check == "user" for finding in found):
        return found  # what cannot be read looks broken, and is not
    found += _tls(folder, config, clock)
    found += _backup(folder, clock)
    schema = _schema(folder, config)
    found.append(schema)
    if schema.state == "bad":
        return [*found, _clock(clock, 0)]
    try:
        store = await open_store(config.storage, folder)
        try:
            found += [finding async for finding in _database(store, folder, config, clock)]
        finally:
            await store.close()
    except MifengError as err:
        found.append(Finding("database", "bad", *_said(err)))
    return found


def _said(err: MifengError) -> tuple[str, str]:
    """What an error says is wrong, and what it says helps."""
    wrong, _semicolon, remedy = explain(err).replace("；", "; ").partition("; ")
    return wrong, remedy or _("Look at the log of the server.")


def _permissions(folder: Folder) -> list[Finding]:
    private = (folder.tls_key, folder.checkpoint_key, folder.database, folder.vault)
    closed = [path for path in private if path.exists() and not os.access(path, os.R_OK | os.W_OK)]
    if closed:
        names = " ".join(map(str, closed))
        remedy = _("Run this as the user who runs the server: sudo -u {owner} mifeng-server doctor")
        remedy = remedy.format(owner=_owner(closed[0]))
        return [Finding("user", "bad", names, remedy)]
    wrong = [
        path
        for path in (folder.path, *private)
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
    if wrong:
        names = " ".join(map(str, wrong))
        remedy = _("Nobody else may read them: chmod go-rwx {names}").format(names=names)
        return [Finding("permissions", "bad", names, remedy)]
    return [Finding("permissions", "ok", str(folder.path))]


def _owner(path: Path) -> str:
    try:
        return path.owner()
    except (KeyError, OSError):  # a user of another machine's, or of a container's
        return f"'#{path.stat().st_uid}'"


def _disk(folder: Folder) -> list[Finding]:
    usage = shutil.disk_usage(folder.path)
    free = f"{usage.free >> 20} MiB"
    state: State = "bad" if usage.free < 256 << 20 else "ok"
    if state == "ok" and usage.free < usage.total // 10:
        state = "warn"
    remedy = _("Make room or enlarge the disk; uploads stop first.") if state != "ok" else ""
    return [Finding("disk", state, free, remedy)]


def _tls(folder: Folder, config: Config, clock: Clock) -> list[Finding]:
    if not config.tls:
        return [Finding("tls", "ok", _("off, for a proxy on this machine"))]
    cert = Path(config.cert) if config.cert else folder.tls_cert
    key = Path(config.key) if config.key else folder.tls_key
    try:
        ssl_context(cert, key)
        ends = x509.load_pem_x509_certificate(cert.read_bytes()).not_valid_after_utc
    except (StorageError, OSError, ValueError) as err:
        remedy = _("Restore key and certificate from a backup.")
        wrong = _said(err)[0] if isinstance(err, StorageError) else str(err)
        return [Finding("tls", "bad", wrong, remedy)]
    days = (ends - datetime.fromtimestamp(clock.now() / 1000, UTC)).days
    if days < 30:
        remedy = _("Renew the certificate; with the same key all links go on working.")
        return [Finding("tls", "bad" if days < 0 else "warn", f"{ends:%Y-%m-%d}", remedy)]
    return [Finding("tls", "ok", f"{ends:%Y-%m-%d}")]


def _backup(folder: Folder, clock: Clock) -> list[Finding]:
    remedy = _("Make one, and let a timer repeat it: mifeng-server backup.")
    if not folder.last_backup.exists():
        return [Finding("backup", "warn", _("none yet"), remedy)]
    days = (clock.now() - read_manifest(folder.last_backup).made_at) / DAY_MS
    found = _("{days} days old").format(days=f"{days:.1f}")
    return [
        Finding("backup", "warn", found, remedy) if days > 7 else Finding("backup", "ok", found)
    ]


def _schema(folder: Folder, config: Config) -> Finding:
    newest = newest_revision()
    if config.storage.database:
        return Finding("schema", "ok", newest)  # opening it looks
    if not folder.database.exists():
        remedy = _("Restore it from a backup: mifeng-server restore.")
        return Finding("schema", "bad", _("there is no database"), remedy)
    try:
        with closing(sqlite3.connect(f"file:{folder.database}?mode=ro", uri=True)) as connection:
            (found,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except (sqlite3.Error, TypeError) as err:
        remedy = _("Restore it from a backup: mifeng-server restore.")
        return Finding("schema", "bad", str(err), remedy)
    if found > newest:
        return Finding("schema", "bad", found, _("Install the newer mifeng-server that wrote it."))
    if found < newest:
        remedy = _("Start this version's server once; it brings the database up to date.")
        return Finding("schema", "bad", f"{found} < {newest}", remedy)
    return Finding("schema", "ok", found)


async def _database(
    store: Store, folder: Folder, config: Config, clock: Clock
) -> AsyncIterator[Finding]:
    units = await store.find(UnitRow, order="accepted_at", limit=ALL)
    yield _clock(clock, units[-1].accepted_at if units else 0)
    wal = folder.database.with_name("server.db-wal")
    if not config.storage.database and wal.exists():
        size = wal.stat().st_size
        remedy = _("Something reads for long, a backup perhaps; restart the server if it stays.")
        yield Finding("wal", *(("warn", f"{size >> 20} MiB", remedy) if size > LOG_BYTES else
                               ("ok", f"{size >> 20} MiB")))  # fmt: skip
    late = await _late(store, clock.now())
    remedy = _("See that the server runs and what its log says about `purge failed`.")
    yield Finding("purge", "bad", late, remedy) if late else Finding("purge", "ok", _("on time"))
    try:
        yield await _blobs(store, open_blobs(config.storage, folder))
    except StorageError as err:
        remedy = _("See that the folder or bucket can be reached, and that its keys are right.")
        yield Finding("blobs", "bad", explain(err), remedy)


def _clock(clock: Clock, last: int) -> Finding:
    now = clock.now()
    shown = utc(now)
    if now < max(OLDEST_CLOCK_MS, last - 600_000):
        remedy = _("Set the clock, and keep it set: timedatectl set-ntp true. Clients refuse it.")
        return Finding("clock", "bad", shown, remedy)
    return Finding("clock", "ok", shown)


async def _late(store: Store, now: int) -> str:
    for kind in (rows.ContentRow, rows.FileRow):
        found: tuple[rows.Row, ...] = await store.find(
            kind, order="deadline", after=0, until=now - LATE_MS, limit=1
        )
        if found:
            minutes = (now - getattr(found[0], "deadline", now)) // 60_000
            return _("{minutes} minutes late").format(minutes=minutes)
    return ""


async def _blobs(store: Store, blobs: Blobs) -> Finding:
    files = await store.find(FileRow, order="deadline", limit=ALL)
    there, short = await blobs.keys(), 0
    for row in files:
        # A bucket would have to be asked for each; there it is enough that there is something.
        whole = row.file_id in there and (
            not isinstance(blobs, FolderBlobs) or await blobs.size(row.file_id) == row.length
        )
        short += bool(row.retain_until and not whole)
    unknown = len(there - {row.file_id for row in files})
    if short:
        found = _("{n} files are not whole").format(n=short)
        return Finding("blobs", "bad", found, _("Restore the blobs from a backup."))
    if unknown:
        found = _("{n} blobs that no row knows").format(n=unknown)
        return Finding("blobs", "warn", found, _("The next start of the server removes them."))
    return Finding("blobs", "ok", str(len(files)))
