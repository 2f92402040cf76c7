"""From the configuration to what the server stands on: store, blobs, shares, and other nodes."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mifeng_crypto.errors import StorageError, UsageError
from mifeng_crypto.rand import Rng
from mifeng_server.blobs.folder import FolderBlobs
from mifeng_server.config import Storage
from mifeng_server.domain.protocols import Blobs, Bus, Shares, Store
from mifeng_server.folder import Folder
from mifeng_server.storage.sqlite import open_sqlite
from mifeng_server.vault import Vault

if TYPE_CHECKING:
    from obstore.store import S3Store

__all__ = ["Ground", "check_database", "open_blobs", "open_ground", "open_store"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What `make_app` is handed. `bus` is None for a node that is alone."""

    store: Store
    blobs: Blobs
    shares: Shares
    bus: Bus | None
    node: bytes


async def open_ground(
    stack: AsyncExitStack, storage: Storage, folder: Folder, *, rng: Rng
) -> Ground:
    """Open everything; the stack closes it.

    Raises:
        UsageError: the configuration names what is not installed, or a bucket with versions.
        StorageError: something cannot be opened.
    """
    store = await open_store(storage, folder)
    stack.push_async_callback(store.close)
    bus: Bus | None = None
    node = rng(16)
    if storage.database:
        from mifeng_server.storage.postgres_bus import PostgresBus

        bus = PostgresBus(storage.database, node)
    shares = await _shares(storage, folder, rng)
    stack.push_async_callback(shares.close)
    return Ground(store=store, blobs=open_blobs(storage, folder), shares=shares, bus=bus, node=node)


def check_database(storage: Storage, folder: Folder) -> None:
    """See that there is one: SQLite would make a new one, which is another, empty workspace.

    Raises:
        StorageError: it is missing.
    """
    if not storage.database and not folder.database.exists():
        raise StorageError("{path} is missing; restore it from a backup", path=folder.database)


async def open_store(storage: Storage, folder: Folder) -> Store:
    """Open the database, and bring it to this version's schema.

    Raises:
        UsageError: PostgreSQL is asked for and its driver is not installed.
        StorageError: it cannot be opened, or belongs to a newer server.
    """
    if not storage.database:
        return await open_sqlite(folder.database)
    try:
        from mifeng_server.storage.postgres import open_postgres
    except ImportError as err:
        raise UsageError(
            "PostgreSQL needs one package more; run: pip install 'mifeng[scale]'"
        ) from err
    return await open_postgres(storage.database)


def open_blobs(storage: Storage, folder: Folder) -> Blobs:
    """Return where sealed files are; of a bucket nothing is asked yet."""
    if not storage.blobs:
        return FolderBlobs(folder.blobs)
    # What speaks to S3 takes memory and time to load, which most servers have no use for.
    from mifeng_server.blobs.objects import ObjectBlobs

    return ObjectBlobs(_bucket(storage, "blobs"))


async def _shares(storage: Storage, folder: Folder, rng: Rng) -> Shares:
    if not storage.blobs:
        return Vault(Path(folder.vault), rng=rng)
    from mifeng_server.blobs.s3 import check_bucket
    from mifeng_server.blobs.shares import ObjectShares

    vault = _bucket(storage, "vault")
    await check_bucket(vault, f"probe-{rng(8).hex()}")
    return ObjectShares(vault, rng=rng)


def _bucket(storage: Storage, part: str) -> S3Store:
    from mifeng_server.blobs.s3 import open_bucket

    return open_bucket(storage.blobs, part, endpoint=storage.s3_endpoint, region=storage.s3_region)
