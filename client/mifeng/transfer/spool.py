"""The ciphertext of files on their way, in the profile's folder, until the server has all of it.

A chunk is never sealed twice: the plaintext could have changed meanwhile, and one nonce would seal
two of them. So a process that goes on where another one was ended sends what that one has sealed.
There is nothing here but ciphertext; the keys are in the vault's care.

Nothing here is synced: most files are at the server before this disk would have to write them. What
a power cut took has to be sent anew; `resume` makes sure of that by the hash.

    <file id>.sealing   no message will show it if the process ends now, unless a row knows it
    <file id>           whole, and a row knows what a message will say of it
    <file id>.lost      empty: it was not whole, and has room at the server still
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import re
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import IO

from mifeng.errors import DiskFullError
from mifeng.transfer.room import check_room_to_send
from mifeng_crypto.errors import StorageError
from mifeng_crypto.ids import FileId

__all__ = ["Spool", "Written"]

_SEALING, _LOST = ".sealing", ".lost"
_NAME = re.compile(r"([0-9a-f]{32})(|\.sealing|\.lost)")


class Spool:
    """A folder with one file for each upload."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _path(self, file_id: FileId, kind: str = "") -> Path:
        return self._folder / f"{file_id.hex()}{kind}"

    def check_room(self, length: int) -> None:
        """See that so many bytes fit, before the server is asked for room.

        Raises:
            DiskFullError: they do not.
            StorageError: the folder cannot be looked at.
        """
        with _translated():
            check_room_to_send(self._folder.parent, length)

    @contextlib.contextmanager
    def writing(self, file_id: FileId) -> Iterator[IO[bytes]]:
        """Open a new file.

        Raises:
            DiskFullError: there is no room.
            StorageError: it cannot be written.
        """
        with _translated():
            self._folder.mkdir(mode=0o700, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(self._path(file_id, _SEALING), flags, 0o600)
        with os.fdopen(descriptor, "r+b", buffering=0) as file:
            yield file

    @staticmethod
    def write(file: IO[bytes], data: bytes | memoryview) -> None:
        """Add to what is there.

        Raises:
            DiskFullError: there is no room.
            StorageError: it cannot be written.
        """
        with _translated():
            rest = memoryview(data)
            while rest:  # an unbuffered file may take a part
                rest = rest[file.write(rest) :]

    @contextlib.contextmanager
    def reading(self, file_id: FileId) -> Iterator[BufferedReader]:
        """Open what was written.

        Raises:
            StorageError: it is not there.
        """
        with _translated(), self._path(file_id).open("rb") as file:
            yield file

    def keep(self, file_id: FileId) -> None:
        """Know that it is whole. Until then no message may show it.

        Raises:
            StorageError: it cannot be kept.
        """
        with _translated():
            self._path(file_id, _SEALING).rename(self._path(file_id))

    def drop(self, file_id: FileId) -> None:
        """Delete it; no harm if there is none."""
        for kind in ("", _SEALING, _LOST):
            self._path(file_id, kind).unlink(missing_ok=True)

    def ids(self) -> frozenset[FileId]:
        """Whose whole ciphertext there is."""
        return self._ids("")

    def settle(self, known: frozenset[FileId]) -> None:
        """Free the space of what was not whole when its process ended. None may be under way.

        Args:
            known: those that were whole, because a row says so.
        """
        for file_id in self._ids(_SEALING) & known:
            self.keep(file_id)
        for file_id in self._ids(_SEALING):
            os.truncate(self._path(file_id, _SEALING), 0)
            self._path(file_id, _SEALING).rename(self._path(file_id, _LOST))

    def lost(self) -> frozenset[FileId]:
        """Whose room at the server is to be given back."""
        return self._ids(_LOST)

    def _ids(self, kind: str) -> frozenset[FileId]:
        if not self._folder.is_dir():
            return frozenset()
        # What a file system or a desktop has put there is none of ours.
        names = (path.name for path in self._folder.iterdir())
        found = (_NAME.fullmatch(name) for name in names)
        return frozenset(FileId(bytes.fromhex(one[1])) for one in found if one and one[2] == kind)


class Written:
    """How far a file in the spool has come."""

    def __init__(self) -> None:
        self._size = 0
        self._digest: bytes | None = None
        self._ended = False
        self._moved = asyncio.Event()

    def grow(self, count: int) -> None:
        """So much more is there."""
        self._size += count
        self._moved.set()

    def hashed(self, digest: bytes) -> None:
        """All of it is there, and this is its SHA-256."""
        self._digest = digest
        self._moved.set()

    def end(self) -> None:
        """There will be no more."""
        self._ended = True
        self._moved.set()

    async def reaches(self, least: int, writer: asyncio.Task[object]) -> int:
        """Wait until the file has `least` bytes, and return how many it has.

        Raises:
            Exception: what `writer` raised, if there will never be so many.
        """
        while self._size < least:
            await self._more(writer)
        return self._size

    async def digest(self, writer: asyncio.Task[object]) -> bytes:
        """Wait for the SHA-256 of all of it.

        Raises:
            Exception: what `writer` raised, if there will never be one.
        """
        while self._digest is None:
            await self._more(writer)
        return self._digest

    async def _more(self, writer: asyncio.Task[object]) -> None:
        if self._ended:
            await writer
            raise AssertionError("what is sealed has the length that was announced")
        self._moved.clear()
        await self._moved.wait()


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as err:
        if err.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise DiskFullError("the disk is full: make room, then send the file again") from err
        raise StorageError(
            "a file that is on its way cannot be kept here: {reason}", reason=err.strerror
        ) from err
