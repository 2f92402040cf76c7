"""The server's vault: shares, sealed under keys that die with them (protocol.md, "Storage").

One file of cells, made in full beforehand, overwritten in place and synced. A cell holds the key of
an end, or a share that is sealed under one; the end of a share is its deadline, rounded up to ten
minutes. What has ended dies with one write, however much of it there is. Nothing of this is
anywhere else: not in the database, its write-ahead log, or a backup of it.

To overwrite in place is what destroys, so no cell is ever moved, and the file only grows. That
holds on file systems that write where they are told to (ext4, xfs), not on those that copy first
(btrfs, ZFS).
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import threading
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mifeng_crypto.errors import CodecError, StorageError
from mifeng_crypto.rand import Rng
from mifeng_crypto.tls import Bytes16, Bytes32, Opaque, UInt64, decode, encode, struct
from mifeng_server.domain.protocols import FullError

__all__ = ["GRAIN_MS", "Vault", "end_of"]

GRAIN_MS = 600_000
"""With the purge every minute all is gone 15 minutes after its deadline; and retentions of whole
hours have one key an hour."""

CELL_BYTES = 128
FREE = bytes(CELL_BYTES)
"""A disk writes a sector of 512 bytes wholly or not at all; four cells fill one."""
GROWTH_BYTES = 1 << 20
MAGIC = b"mifeng-server vault 1\n".ljust(CELL_BYTES, b"\0")
NONCE_BYTES = 12


@struct(tag=1, tag_bytes=1)
class EndKey:
    """The key of all shares that end then."""

    end: UInt64
    key: Bytes32
    checksum: Bytes16


@struct(tag=2, tag_bytes=1)
class SealedShare:
    """A share, sealed under the key of its end."""

    end: UInt64
    name: Opaque
    nonce: Opaque
    sealed: Opaque


@struct
class Cell:
    """What stands in a cell that is not free, behind its length in one byte."""

    content: EndKey | SealedShare


def end_of(deadline: int) -> int:
    """Return when the key of a share with this deadline is destroyed."""
    return -(-deadline // GRAIN_MS) * GRAIN_MS


class Vault:
    """`Shares` in one file. One process has it open: that which serves the folder."""

    def __init__(self, path: Path, *, rng: Rng) -> None:
        """Open it, or make it.

        Raises:
            StorageError: it cannot be used, or is something else.
        """
        self._rng = rng
        self._turn = threading.Lock()
        self._keys: dict[int, tuple[AESGCM, int]] = {}
        """End -> its key, and the cell of that."""
        self._names: dict[int, set[bytes]] = {}
        """End -> the names of the shares under it."""
        self._cells: dict[bytes, dict[int, int]] = {}
        """Name -> end -> cell."""
        self._free: list[int] = []
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            self._file = os.open(path, flags, 0o600)
        except OSError as err:
            raise StorageError("the vault failed: {reason}", reason=err.strerror) from err
        try:
            self._read(path)
        except OSError as err:
            os.close(self._file)
            raise _failure(err) from err
        except BaseException:
            os.close(self._file)
            raise

    # -------------------------------------------------------------- Shares

    async def put(self, name: bytes, share: bytes, *, deadline: int) -> None:
        await asyncio.to_thread(self._put, name, share, end_of(deadline))

    async def get(self, name: bytes) -> bytes | None:
        return await asyncio.to_thread(self._get, name)

    async def destroy(self, *names: bytes) -> None:
        if any(name in self._cells for name in names):
            await asyncio.to_thread(self._destroy, names)

    async def expire(self, until: int) -> int:
        if not any(end <= until for end in self._keys):
            return 0
        return await asyncio.to_thread(self._expire, until)

    async def names(self) -> frozenset[bytes]:
        return frozenset(self._cells)

    async def close(self) -> None:
        with self._turn:
            os.close(self._file)

    # -------------------------------------------------------------- in a thread

    def _put(self, name: bytes, share: bytes, end: int) -> None:
        nonce, new_key = self._rng(NONCE_BYTES), self._rng(32)
        with self._turn:
            taken = []
            try:
                aead, key_cell = self._keys.get(end, (AESGCM(new_key), -1))
                sealed = aead.encrypt(nonce, share, _place(end, name))
                cells: list[EndKey | SealedShare] = [SealedShare(end, name, nonce, sealed)]
                if key_cell < 0:
                    cells.append(EndKey(end, new_key, _checksum(end, new_key)))
                for cell in cells:
                    taken.append(self._take())
                    self._write(taken[-1], _encode(cell))
                os.fdatasync(self._file)
            except OSError as err:
                self._free += taken
                raise _failure(err) from err
            self._keys[end] = aead, taken[-1] if key_cell < 0 else key_cell
            self._names.setdefault(end, set()).add(name)
            replaced = self._cells.setdefault(name, {}).pop(end, None)
            self._cells[name][end] = taken[0]
            if replaced is not None:
                self._wipe([replaced])

    def _get(self, name: bytes) -> bytes | None:
        with self._turn:
            cells = self._cells.get(name)
            if not cells:
                return None
            end = max(cells)
            try:
                content = _decode(os.pread(self._file, CELL_BYTES, cells[end] * CELL_BYTES))
            except OSError as err:
                raise _failure(err) from err
            aead = self._keys[end][0]
        if isinstance(content, SealedShare):
            try:
                return aead.decrypt(content.nonce, content.sealed, _place(end, name))
            except (InvalidTag, ValueError):
                pass
        raise StorageError(
            "a share in the vault is damaged; restore the vault from its copy, "
            "or post the file again"
        )

    def _destroy(self, names: tuple[bytes, ...]) -> None:
        with self._turn:
            gone = [cell for name in names for cell in self._cells.get(name, {}).values()]
            self._wipe(gone)
            for name in names:
                for end in self._cells.pop(name, {}):
                    self._names[end].discard(name)

    def _expire(self, until: int) -> int:
        with self._turn:
            ended = [end for end in self._keys if end <= until]
            self._wipe([self._keys[end][1] for end in ended])
            for end in ended:
                del self._keys[end]
                for name in self._names.pop(end, ()):
                    # What it holds is noise from now on, and is overwritten by what comes next.
                    self._free.append(self._cells[name].pop(end))
                    if not self._cells[name]:
                        del self._cells[name]
            return len(ended)

    # -------------------------------------------------------------- the file

    def _read(self, path: Path) -> None:
        size = os.fstat(self._file).st_size
        if size == 0:
            self._grow()
            self._write(0, MAGIC)
            os.fsync(self._file)
            _sync_folder(path.parent)
            return
        data = path.read_bytes()
        if data[:CELL_BYTES] != MAGIC:
            raise StorageError("{path} is no vault of this server; restore the file", path=path)
        found: list[tuple[int, SealedShare]] = []
        torn = []
        whole = size // GROWTH_BYTES * GROWTH_BYTES  # growing may have been cut off
        for n in range(1, whole // CELL_BYTES):
            raw = data[n * CELL_BYTES : (n + 1) * CELL_BYTES]
            if raw == FREE:
                self._free.append(n)
                continue
            content = _decode(raw)
            if isinstance(content, EndKey):
                self._keys[content.end] = AESGCM(content.key), n
            elif isinstance(content, SealedShare):
                found.append((n, content))
            else:
                self._free.append(n)
                torn.append(n)
        for n, share in found:
            if share.end not in self._keys:
                self._free.append(n)
                continue
            self._names.setdefault(share.end, set()).add(share.name)
            self._cells.setdefault(share.name, {})[share.end] = n
        self._free.sort(reverse=True)
        if torn:  # a write that a power cut has cut: it was not acknowledged, or was destroying
            self._wipe(torn, release=False)

    def _take(self) -> int:
        if not self._free:
            self._grow()
        return self._free.pop()

    def _grow(self) -> None:
        size = os.fstat(self._file).st_size // GROWTH_BYTES * GROWTH_BYTES
        written = 0
        while written < GROWTH_BYTES:
            rest = bytes(GROWTH_BYTES - written)
            written += os.pwrite(self._file, rest, size + written)
        os.fsync(self._file)
        first = max(size // CELL_BYTES, 1)
        self._free += range((size + GROWTH_BYTES) // CELL_BYTES - 1, first - 1, -1)

    def _write(self, cell: int, data: bytes) -> None:
        assert len(data) == CELL_BYTES, "a cell is overwritten in full"
        if os.pwrite(self._file, data, cell * CELL_BYTES) != CELL_BYTES:
            raise OSError(errno.EIO, "a write was cut short")

    def _wipe(self, cells: list[int], *, release: bool = True) -> None:
        """Overwrite cells, durably; only then are they free.

        Raises:
            StorageError: they may still be there; call again.
        """
        try:
            for cell in cells:
                self._write(cell, bytes(CELL_BYTES))
            os.fdatasync(self._file)
        except OSError as err:
            raise _failure(err) from err
        if release:
            self._free += cells


def _encode(content: EndKey | SealedShare) -> bytes:
    data = encode(Cell(content))
    return (bytes([len(data)]) + data).ljust(CELL_BYTES, b"\0")


def _decode(cell: bytes) -> EndKey | SealedShare | None:
    """What a cell holds; None if it is free, or was not written in full."""
    length = cell[0] if cell else 0
    if length == 0 or any(cell[length + 1 :]) or not any(cell[length - 7 : length + 1]):
        return None  # a tag or checksum stands at the end, and is written last
    try:
        content = decode(Cell, cell[1 : length + 1]).content
    except CodecError:
        return None
    if isinstance(content, EndKey) and content.checksum != _checksum(content.end, content.key):
        return None
    return content


def _checksum(end: int, key: bytes) -> bytes:
    """Says that a key is whole. It is no secret's shadow: the key stands beside it."""
    return hashlib.sha256(b"Mifeng 1.0 EndKey" + end.to_bytes(8, "big") + key).digest()[:16]


def _place(end: int, name: bytes) -> bytes:
    return end.to_bytes(8, "big") + name


def _failure(err: OSError) -> StorageError:
    if err.errno in (errno.ENOSPC, errno.EDQUOT):
        return FullError()
    return StorageError("the vault failed: {reason}", reason=err.strerror)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
