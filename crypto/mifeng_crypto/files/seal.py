"""Seal a file: plaintext in, ciphertext out, piece by piece, in constant memory.

Cobblestone draws its salt itself (protocol.md, "Randomness"). This file knows no disk and no
network.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Protocol

from cryptography.cobblestone import Cobblestone256Encryptor

from mifeng_crypto.errors import UsageError
from mifeng_crypto.files.key import FileKey
from mifeng_crypto.files.sealed import CHUNK_BYTES, MAX_FILE_BYTES
from mifeng_crypto.padme import padme

__all__ = ["Digest", "Sealer"]

_ZEROS = bytes(16 * CHUNK_BYTES)


class Digest(Protocol):
    """What `hashlib.sha256()` gives, as far as it is used here."""

    def update(self, data: bytes | memoryview, /) -> None: ...

    def digest(self) -> bytes: ...


class Sealer:
    """Seals one file of a known size and hashes what it puts out.

    sealer = Sealer(key, size=size)
    while piece := file.read(1 << 20):
        send(sealer.update(piece))
    for piece in sealer.finish():
        send(piece)
    sealer.digest       # SHA-256 of all that was sent
    """

    __slots__ = ("_encryptor", "_hash", "_left", "_padding")

    def __init__(self, key: FileKey, *, size: int, sha256: Digest | None = None) -> None:
        """Begin.

        Args:
            key: the file's key.
            size: of the plaintext, in bytes.
            sha256: what hashes the ciphertext, where that is to be done beside sealing.

        Raises:
            UsageError: the file is too large to be sealed.
        """
        if not 0 <= size <= MAX_FILE_BYTES:
            raise UsageError("a file may have at most 4 TiB; send it in parts")
        self._encryptor = Cobblestone256Encryptor(key.key, key.context)
        self._hash = sha256 if sha256 is not None else hashlib.sha256()
        self._left = size
        self._padding = padme(size) - size

    def update(self, plaintext: bytes) -> bytes:
        """Return the next part of the ciphertext; it may be empty.

        Raises:
            UsageError: this is more than the size that was announced.
        """
        self._take(len(plaintext))
        return self._out(self._encryptor.update(plaintext))

    def update_into(self, plaintext: bytes | memoryview, buffer: bytearray) -> memoryview:
        """Put the next part of the ciphertext into `buffer`; return that part of it.

        Memory that is used again costs less than fresh one, by as much as sealing takes.

        Args:
            plaintext: what comes next.
            buffer: of `room_for(len(plaintext))` bytes at least; what hashes the ciphertext may
                look into it as long as it likes.

        Raises:
            UsageError: this is more than the size that was announced.
        """
        self._take(len(plaintext))
        count = self._encryptor.update_into(plaintext, buffer)
        ciphertext = memoryview(buffer)[:count]
        self._hash.update(ciphertext)
        return ciphertext

    def _take(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise UsageError("the file grew while it was read; send it again when it is whole")

    def finish(self) -> Iterator[bytes]:
        """Yield the rest of the ciphertext, padding included.

        Raises:
            UsageError: there was less than the size that was announced.
        """
        if self._left:
            raise UsageError("the file shrank while it was read; send it again when it is whole")
        while self._padding:
            zeros = _ZEROS[: self._padding]
            self._padding -= len(zeros)
            yield self._out(self._encryptor.update(zeros))
        yield self._out(self._encryptor.finalize())

    def _out(self, ciphertext: bytes) -> bytes:
        self._hash.update(ciphertext)
        return ciphertext

    @property
    def digest(self) -> bytes:
        """SHA-256 of the ciphertext so far."""
        return self._hash.digest()
