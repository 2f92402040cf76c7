"""Blobs in a folder. What `obstore` lacks there: its `put` leaves syncing to the system."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore.store import LocalStore

from mifeng_server.blobs.objects import ObjectBlobs

if TYPE_CHECKING:  # there is no such name when it runs
    from obstore import ObjectMeta

__all__ = ["FolderBlobs"]


KEPT_FREE_BYTES = 64 << 20
"""Messages and ledgers go on when files have filled the disk; of a small disk, a twentieth."""


class FolderBlobs(ObjectBlobs):
    """`Blobs` in a folder of this machine."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        super().__init__(LocalStore(folder, automatic_cleanup=True))
        self._folder = folder

    async def put(self, name: str, data: bytes, before: ObjectMeta | None) -> None:
        await super().put(name, data, before)
        path = self._folder / name
        await asyncio.to_thread(_sync, (path, path.parent, self._folder))

    async def _put(self, name: str, data: bytes, _: ObjectMeta | None) -> None:
        # Without conditions: one process has the folder, and lets one task at a time write a blob.
        await obstore.put_async(self._store, name, data, use_multipart=False)

    async def room(self) -> int | None:
        usage = shutil.disk_usage(self._folder)
        return usage.free - min(KEPT_FREE_BYTES, usage.total // 20)

    async def delete(self, key: bytes) -> None:
        await super().delete(key)
        await asyncio.to_thread(_sync, (self._folder,))


def _sync(paths: Iterable[Path]) -> None:
    for path in paths:
        fd = os.open(path, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
