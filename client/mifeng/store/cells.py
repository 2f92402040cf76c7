"""A file of cells that are overwritten in place: the only way in which a file forgets.

Space is written in full before it is used, so that the file system has no reason to move a cell
(protocol.md, "Vault"). A sector of a disk is written wholly or not at all, and holds four cells.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path

from mifeng.errors import DiskFullError, ProfileMissingError
from mifeng_crypto.errors import StorageError

__all__ = ["CELL_BYTES", "GROWTH_BYTES", "CellFile"]

CELL_BYTES = 128
GROWTH_BYTES = 1 << 16
EMPTY = bytes(CELL_BYTES)


class CellFile:
    """The cells of one file, by number. What `write` and `erase` did is durable after `sync`."""

    def __init__(self, file: int) -> None:
        self._file = file

    @classmethod
    def create(cls, path: Path) -> CellFile:
        """Make a file with room for the first cells.

        Raises:
            StorageError: there is one already, or the disk refuses.
        """
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            made = cls(os.open(path, flags, 0o600))
        except OSError as err:
            raise _failure(err) from err
        try:
            made.grow()
            _sync_folder(path.parent)
        except BaseException:
            made.close()
            raise
        return made

    @classmethod
    def open(cls, path: Path) -> CellFile:
        """Open one.

        Raises:
            ProfileMissingError: there is none.
            StorageError: it cannot be used.
        """
        try:
            return cls(os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC))
        except FileNotFoundError as err:
            raise ProfileMissingError(
                "{path} is missing: a profile that was restored without it cannot go on; "
                "link this device anew, or join with a new invite",
                path=path,
            ) from err
        except OSError as err:
            raise _failure(err) from err

    def read(self) -> list[bytes]:
        """Return all cells. What growing left half done is no cell yet."""
        try:
            size = os.fstat(self._file).st_size // GROWTH_BYTES * GROWTH_BYTES
            data = os.pread(self._file, size, 0)
        except OSError as err:
            raise _failure(err) from err
        return [data[at : at + CELL_BYTES] for at in range(0, len(data), CELL_BYTES)]

    def grow(self) -> int:
        """Make room, durably; return how many cells there are then.

        Raises:
            DiskFullError: nothing has changed.
        """
        try:
            size = os.fstat(self._file).st_size // GROWTH_BYTES * GROWTH_BYTES
            written = 0
            while written < GROWTH_BYTES:
                rest = bytes(GROWTH_BYTES - written)
                written += os.pwrite(self._file, rest, size + written)
            os.fsync(self._file)
        except OSError as err:
            raise _failure(err) from err
        return (size + GROWTH_BYTES) // CELL_BYTES

    def write(self, cell: int, data: bytes) -> None:
        """Overwrite a cell."""
        assert len(data) == CELL_BYTES, "a cell is overwritten in full"
        try:
            if os.pwrite(self._file, data, cell * CELL_BYTES) != CELL_BYTES:
                raise OSError(errno.EIO, "a write was cut short")
        except OSError as err:
            raise _failure(err) from err

    def erase(self, cells: Iterable[int]) -> None:
        """Overwrite cells with zeros."""
        for cell in cells:
            self.write(cell, EMPTY)

    def sync(self) -> None:
        """Return when what was written is on the disk."""
        try:
            os.fdatasync(self._file)
        except OSError as err:
            raise _failure(err) from err

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)


def _failure(err: OSError) -> StorageError:
    if err.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFullError("the disk is full: make room, then do it again; nothing was lost")
    return StorageError(
        "the disk does not take or give the profile's vault: {reason}; "
        "see whether it is failing, then do it again; nothing was lost",
        reason=err.strerror,
    )


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
