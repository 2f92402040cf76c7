"""Open a file: ciphertext in, verified plaintext out, piece by piece, in constant memory.

What `update` returns is authentic, but only a prefix: whoever keeps it under its final name before
`finish` has returned may keep half a file. This file knows no disk and no network.
"""

from __future__ import annotations

import hashlib
import hmac

from cryptography.cobblestone import Cobblestone256Decryptor
from cryptography.exceptions import InvalidTag

from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.files.key import FileKey
from mifeng_crypto.files.ranged import derive_chunk_keys
from mifeng_crypto.files.sealed import HEADER_BYTES, sealed_length

__all__ = ["Opener", "check_sealed_length"]


def check_sealed_length(length: int, *, size: int) -> None:
    """FILE-2: a ciphertext of `length` bytes is one of a file of `size` bytes.

    Raises:
        ProtocolError: it is not: cut short, or made longer.
    """
    expected = sealed_length(size)
    if length < expected:
        raise ProtocolError(
            "FILE-2",
            "the file is cut short: {missing} of {expected} bytes are missing; download it again",
            missing=expected - length,
            expected=expected,
        )
    if length > expected:
        raise ProtocolError(
            "FILE-2",
            "the file is {more} bytes longer than its author sent; ask to have it posted again",
            more=length - expected,
        )


class Opener:
    """Opens one file of a known size.

    opener = Opener(key, size=size, digest=digest)
    async for piece in response:
        file.write(opener.update(piece))
    file.write(opener.finish())     # raises unless all of it is what the author sent
    """

    __slots__ = ("_decryptor", "_digest", "_got", "_hash", "_header", "_key", "_left", "_size")

    def __init__(self, key: FileKey, *, size: int, digest: bytes) -> None:
        """Begin.

        Args:
            key: the file's key.
            size: of the plaintext, in bytes, as the message has it.
            digest: SHA-256 of the ciphertext, as the message has it.
        """
        self._key = key
        self._size = size
        self._digest = digest
        self._hash = hashlib.sha256()
        self._header = b""
        self._decryptor: Cobblestone256Decryptor | None = None
        self._got = 0
        self._left = size

    def update(self, ciphertext: bytes) -> bytes:
        """Return the plaintext that this part completes; it may be empty.

        Raises:
            ProtocolError: FILE-2 (too long), FILE-3, FILE-4 or FILE-5.
        """
        ready = self._take(ciphertext)
        if self._decryptor is None:
            return b""
        try:
            padded = self._decryptor.update(ready)
        except InvalidTag as err:
            raise _altered() from err
        count = self._check_padding(padded)
        return padded[:count]

    def update_into(self, ciphertext: bytes | memoryview, buffer: memoryview) -> int:
        """Put the plaintext that this part completes at the front of `buffer`; return its length.

        Memory that is used again costs less than fresh one, by as much as opening takes.

        Args:
            ciphertext: what comes next.
            buffer: of `room_for(len(ciphertext))` bytes at least.

        Raises:
            ProtocolError: FILE-2 (too long), FILE-3, FILE-4 or FILE-5.
        """
        ready = self._take(ciphertext)
        if self._decryptor is None:
            return 0
        try:
            count = self._decryptor.update_into(ready, buffer)
        except InvalidTag as err:
            raise _altered() from err
        return self._check_padding(buffer[:count])

    def _take(self, ciphertext: bytes | memoryview) -> bytes | memoryview:
        """Count and hash what came, and return what can be opened of it."""
        self._got += len(ciphertext)
        if self._got > sealed_length(self._size):
            check_sealed_length(self._got, size=self._size)
        self._hash.update(ciphertext)
        if self._decryptor is None:
            self._header += ciphertext
            if len(self._header) < HEADER_BYTES:
                return b""
            # Cobblestone checks it too, but cannot tell another file's from an altered one.
            derive_chunk_keys(self._key, self._header[:HEADER_BYTES]).key.wipe()
            self._decryptor = Cobblestone256Decryptor(self._key.key, self._key.context)
            ciphertext, self._header = self._header, b""
        return ciphertext

    def finish(self) -> bytes:
        """Return the last part of the plaintext, once all of the file is known to be authentic.

        Raises:
            ProtocolError: FILE-2 (cut short), FILE-4, FILE-5 or FILE-6.
        """
        check_sealed_length(self._got, size=self._size)
        assert self._decryptor is not None, "every sealed length has a header"
        try:
            padded = self._decryptor.finalize()
        except InvalidTag as err:
            raise _altered() from err
        rest = padded[: self._check_padding(padded)]
        if not hmac.compare_digest(self._hash.digest(), self._digest):
            raise ProtocolError(
                "FILE-6",
                "the file is not the one that the message names; ask to have it posted again",
            )
        return rest

    def _check_padding(self, padded: bytes | memoryview) -> int:
        """FILE-5: what follows the plaintext is zeros. Return how much of this is plaintext."""
        count = min(len(padded), self._left)
        self._left -= count
        zeros = bytes(padded[count:])
        if zeros.count(0) != len(zeros):
            raise ProtocolError(
                "FILE-5",
                "the file has more in it than its message says; ask its author to post it again",
            )
        return count


def _altered() -> ProtocolError:
    return ProtocolError(
        "FILE-4",
        "the file was altered on its way or at the server; download it again, "
        "and if that does not help ask to have it posted again",
    )
