"""Blobs in a folder of this machine, as the same numbered objects of 4 MiB as in a bucket.

    <key in hex>/00000002        durable, and counted
    <key in hex>/00000003.part   on its way; after a crash it is nothing that anybody was promised

What comes is hashed, written and synced in threads while more of it is coming: a sender waits at
the end for the last objects only. Several are synced at once, because a disk does that in about the
time of one; they get their names one after the other, so that what has a name is whole up to its
end, wherever the power was cut.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import re
import shutil
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVarTuple, Unpack

from mifeng_crypto.errors import StorageError
from mifeng_server.blobs.layout import OBJECT_BYTES, PIECE_BYTES, broken
from mifeng_server.domain.protocols import Checksum, ConflictError, FullError, Hashing

__all__ = ["FolderBlobs"]

Ts = TypeVarTuple("Ts")

KEPT_FREE_BYTES = 64 << 20
"""Messages and ledgers go on when files have filled the disk; of a small disk, a twentieth."""
_SYNCING = 4
"""Objects of one upload that are on their way to the disk at once."""
_DELETING = 8
"""Blobs that are deleted at once. Each name that goes waits for the file system's journal, which is
busy while messages are synced; but several wait for it together."""
_KEY = re.compile(r"(?:[0-9a-f]{2})+")
_OBJECT = re.compile(r"[0-9a-f]{8}")


class FolderBlobs:
    """`Blobs` in a folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        self._folder = folder

    def _home(self, key: bytes) -> Path:
        return self._folder / key.hex()

    async def append(
        self,
        key: bytes,
        offset: int,
        chunks: AsyncIterator[bytes],
        *,
        checksum: Checksum | None = None,
        hashing: Hashing | None = None,
    ) -> int:
        writing = _Writing(self._home(key), offset, checksum, hashing)
        behind = _Behind()
        keep = checksum is None
        held, size = list[bytes](), 0
        try:
            await behind.run(writing.begin)
            await behind.settle()
            async for chunk in chunks:
                held.append(chunk)
                size += len(chunk)
                if (
                    size >= PIECE_BYTES
                ):  # a visit to a thread for each chunk costs more than its hash
                    await behind.run(writing.write, held)
                    held, size = [], 0
            await behind.run(writing.write, held)
            held = []
            await behind.settle()
            if checksum is not None:
                checksum.check()
            keep = True
        finally:
            size = await asyncio.shield(_end(writing, behind, held, keep=keep))
        return size

    async def size(self, key: bytes) -> int:
        return await asyncio.to_thread(_size, self._home(key))

    async def room(self) -> int | None:
        usage = shutil.disk_usage(self._folder)
        return usage.free - min(KEPT_FREE_BYTES, usage.total // 20)

    async def read(self, key: bytes, start: int, end: int) -> AsyncIterator[bytes]:
        home = self._home(key)
        while start < end:
            number, at = divmod(start, OBJECT_BYTES)
            length = min(PIECE_BYTES, OBJECT_BYTES - at, end - start)
            yield await asyncio.to_thread(_read, home / _name(number), at, length)
            start += length

    async def delete(self, *keys: bytes) -> None:
        await asyncio.to_thread(_delete, self._folder, [self._home(key) for key in keys])

    async def keys(self) -> frozenset[bytes]:
        with _translated():
            names = await asyncio.to_thread(os.listdir, self._folder)
        return frozenset(bytes.fromhex(name) for name in names if _KEY.fullmatch(name))


async def _end(writing: _Writing, behind: _Behind, held: list[bytes], *, keep: bool) -> int:
    await behind.wait()
    return await asyncio.to_thread(writing.end, held, keep=keep)


class _Behind:
    """One call at a time in a thread, while its caller gets the next one ready."""

    def __init__(self) -> None:
        self._running: asyncio.Task[None] | None = None

    async def run(self, call: Callable[[Unpack[Ts]], None], *data: *Ts) -> None:
        """Begin a call when the one before has ended.

        Raises:
            Exception: what that one raised.
        """
        await self.settle()
        self._running = asyncio.create_task(asyncio.to_thread(call, *data))

    async def settle(self) -> None:
        """Wait for the call that runs, and raise what it raises."""
        if self._running is not None:
            await asyncio.shield(self._running)
            self._running = None

    async def wait(self) -> None:
        """Wait for the call that runs, whatever becomes of it."""
        if self._running is not None:
            await asyncio.wait({self._running})


class _Writing:
    """One append; all of it runs in threads, one call at a time."""

    def __init__(
        self, home: Path, offset: int, checksum: Checksum | None, hashing: Hashing | None
    ) -> None:
        self._home = home
        self._offset = offset
        self._checksum = checksum
        self._hashing = hashing
        self._number, filled = divmod(offset, OBJECT_BYTES)
        self._room = OBJECT_BYTES - filled
        self._file: int | None = None
        self._syncer = ThreadPoolExecutor(_SYNCING, thread_name_prefix="sync")
        self._syncing = deque[tuple[Path, Future[None]]]()
        self._held: list[Path] = []
        """Synced, and without a name until the checksum is known to be right."""
        self._failed = False
        """Something is not on the disk: nothing that would come behind it is kept."""

    def begin(self) -> None:
        """See that the blob ends where it goes on, and clear away what was broken off."""
        if (size := _size(self._home)) != self._offset:
            raise ConflictError(f"the blob has {size} bytes, not {self._offset}")
        with _translated():
            self._clear()
            if filled := self._offset % OBJECT_BYTES:
                self._go_on(_read(self._home / _name(self._number), 0, filled))

    def _go_on(self, kept: bytes) -> None:
        """Begin the last object anew with what it has; it is replaced by all of that or not."""
        file = self._open()
        try:
            self._put(kept)
        except OSError:
            self._file = None
            os.close(file)
            raise

    def write(self, chunks: list[bytes]) -> None:
        """Write what comes next."""
        with _translated():
            try:
                for data in chunks:
                    self._write(data)
            except BaseException:
                self._failed = True
                raise

    def _write(self, data: bytes) -> None:
        if self._checksum is not None:
            self._checksum.update(data)
        if self._hashing is not None:
            self._hashing.update(data)
        rest = memoryview(data)
        while rest:
            if self._file is None:
                self._open()
            now, rest = rest[: self._room], rest[self._room :]
            self._put(now)
            self._room -= len(now)
            if not self._room:
                self._complete()

    def end(self, rest: list[bytes], *, keep: bool) -> int:
        """Give names to what came, durably, or drop what has none yet; return the size."""
        try:
            if keep and not self._failed:
                self.write(rest)
            with _translated():
                if keep and self._file is not None:
                    self._complete()
                while self._syncing:
                    self._settle()
                if keep:
                    for part in self._held:
                        part.replace(part.with_suffix(""))
                    if self._home.is_dir():
                        # Whoever goes on behind something has been told that it is durable.
                        above = () if self._offset else (self._home.parent,)
                        _sync_folders(self._home, *above)
                return _size(self._home)
        finally:
            self._syncer.shutdown()
            if self._file is not None:
                os.close(self._file)
            self._clear()

    def _clear(self) -> None:
        for left in self._home.glob("*.part"):
            left.unlink(missing_ok=True)

    def _part(self) -> Path:
        return self._home / f"{_name(self._number)}.part"

    def _open(self) -> int:
        self._home.mkdir(mode=0o700, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.open(self._part(), flags, 0o600)
        return self._file

    def _put(self, data: bytes | memoryview) -> None:
        assert self._file is not None, "a part is open"
        rest = memoryview(data)
        while rest:  # a disk that is nearly full takes a part
            rest = rest[os.write(self._file, rest) :]

    def _complete(self) -> None:
        """Send an object on its way to the disk, and go on with the next one."""
        assert self._file is not None, "a part is open"
        file, part = self._file, self._part()
        self._file, self._number, self._room = None, self._number + 1, OBJECT_BYTES
        self._syncing.append((part, self._syncer.submit(_sync, file)))
        if len(self._syncing) > _SYNCING:
            self._settle()

    def _settle(self) -> None:
        """Wait until the oldest object that is on its way is on the disk, and give it its name."""
        part, synced = self._syncing.popleft()
        try:
            synced.result()
        except OSError:
            self._failed = True
            self._syncing.clear()
            raise
        if self._checksum is None:
            part.replace(part.with_suffix(""))
        else:
            self._held.append(part)


def _sync(file: int) -> None:
    try:
        os.fdatasync(file)
    finally:
        os.close(file)


def _name(number: int) -> str:
    return f"{number:08x}"


def _objects(home: Path) -> list[str]:
    """The names of a blob's objects, from the first up to the first that is missing."""
    try:
        there = sorted(path.name for path in home.iterdir() if _OBJECT.fullmatch(path.name))
    except FileNotFoundError:
        return []
    return [name for n, name in enumerate(there) if name == _name(n)]


def _size(home: Path) -> int:
    with _translated():
        return sum((home / name).stat().st_size for name in _objects(home))


def _read(path: Path, at: int, length: int) -> bytes:
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            data = os.pread(file, length, at)
        finally:
            os.close(file)
    except OSError as err:
        raise broken() from err
    if len(data) != length:
        raise broken()
    return data


def _delete(folder: Path, homes: list[Path]) -> None:
    with _translated():
        if len(homes) == 1:
            gone = [_delete_one(homes[0])]
        else:
            with ThreadPoolExecutor(_DELETING, thread_name_prefix="delete") as threads:
                gone = [*threads.map(_delete_one, homes)]
        if any(gone):
            _sync_folders(folder)


def _delete_one(home: Path) -> bool:
    """From its end: a deletion that was cut off leaves a blob that is only shorter."""
    try:
        parts = sorted(home.iterdir(), reverse=True)
    except FileNotFoundError:
        return False
    for part in parts:
        part.unlink(missing_ok=True)
    home.rmdir()
    return True


def _sync_folders(*folders: Path) -> None:
    for folder in folders:
        file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(file)
        finally:
            os.close(file)


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as err:
        if err.errno in (errno.ENOSPC, errno.EDQUOT):
            raise FullError from err
        raise StorageError("the blob store failed: {reason}", reason=err.strerror) from err
