"""The server's halves of file keys: one small file each, outside the database and its backups.

To destroy one is to overwrite it in place, sync, and unlink it (protocol.md, "Storage").
"""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path

from mifeng_crypto.errors import StorageError
from mifeng_server.domain.protocols import FullError

__all__ = ["FolderShares"]


class FolderShares:
    """`Shares` in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, exist_ok=True)

    def _path(self, file_id: bytes) -> Path:
        return self._folder / file_id.hex()

    async def put(self, file_id: bytes, share: bytes) -> None:
        await asyncio.to_thread(self._put, file_id, share)

    def _put(self, file_id: bytes, share: bytes) -> None:
        path = self._path(file_id)
        try:
            _write(path, share, os.O_CREAT | os.O_TRUNC)
            _sync_folder(self._folder)
        except OSError as err:
            path.unlink(missing_ok=True)
            if err.errno in (errno.ENOSPC, errno.EDQUOT):
                raise FullError from err
            raise StorageError("the vault failed: {reason}", reason=err.strerror) from err

    async def get(self, file_id: bytes) -> bytes | None:
        try:
            return await asyncio.to_thread(self._path(file_id).read_bytes)
        except FileNotFoundError:
            return None

    async def destroy(self, file_id: bytes) -> None:
        await asyncio.to_thread(self._destroy, file_id)

    def _destroy(self, file_id: bytes) -> None:
        path = self._path(file_id)
        try:
            _write(path, bytes(path.stat().st_size), 0)
        except FileNotFoundError:
            return
        path.unlink()
        _sync_folder(self._folder)

    async def keys(self) -> frozenset[bytes]:
        names = await asyncio.to_thread(os.listdir, self._folder)
        return frozenset(bytes.fromhex(name) for name in names)


def _write(path: Path, data: bytes, flags: int) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | flags, 0o600)
    try:
        os.write(fd, data)
        os.fsync(fd)
    finally:
        os.close(fd)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
