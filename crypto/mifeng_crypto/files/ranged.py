"""Any part of a file, from only the chunks that hold it (C2SP chunked-encryption).

`cryptography` opens a whole stream; a range takes the same derivation, on AES-256-GCM:

    key | base nonce | commitment = HKDF-Expand(input key, LABEL | salt | context)

A part is authentic by itself. That the file is whole (the last chunk is short) and that it is the
one that the message names (its hash) is known only to whoever reads all of it with `Opener`; the
length is known beforehand from the size in the message.
"""

from __future__ import annotations

import dataclasses
import hmac

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from mifeng_crypto.errors import ProtocolError, UsageError
from mifeng_crypto.files.key import FileKey
from mifeng_crypto.files.sealed import (
    CHUNK_BYTES,
    COMMITMENT_BYTES,
    HEADER_BYTES,
    SALT_BYTES,
    SEALED_CHUNK_BYTES,
    chunk_count,
    sealed_length,
)
from mifeng_crypto.secret import MortalKey

__all__ = ["ChunkKeys", "PartialOpener", "derive_chunk_keys"]

_LABEL = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\x00"
_KEY_BYTES = 32
_NONCE_BYTES = 12


@dataclasses.dataclass(frozen=True, slots=True)
class ChunkKeys:
    """What opens the chunks of one sealed file."""

    key: MortalKey
    base_nonce: bytes

    def nonce(self, chunk: int) -> bytes:
        """Return the nonce of a chunk: the base nonce, XORed with the chunk's number."""
        number = int.from_bytes(self.base_nonce, "big") ^ chunk
        return number.to_bytes(_NONCE_BYTES, "big")


def derive_chunk_keys(key: FileKey, header: bytes) -> ChunkKeys:
    """Derive the chunks' keys from a sealed file's first 56 bytes, whose commitment is checked.

    Raises:
        ProtocolError: FILE-3, the commitment is not that of this key, unit and file.
    """
    salt, commitment = header[:SALT_BYTES], header[SALT_BYTES:HEADER_BYTES]
    length = _KEY_BYTES + _NONCE_BYTES + COMMITMENT_BYTES
    derived = bytearray(length)
    HKDFExpand(algorithm=SHA512(), length=length, info=_LABEL + salt + key.context).derive_into(
        key.key, derived
    )
    chunk_key = MortalKey(derived[:_KEY_BYTES])
    derived[:_KEY_BYTES] = bytes(_KEY_BYTES)
    if not hmac.compare_digest(derived[-COMMITMENT_BYTES:], commitment):
        raise ProtocolError(
            "FILE-3",
            "the server handed out another file, or the file of another unit; "
            "ask to have it posted again, and tell the operator",
        )
    return ChunkKeys(chunk_key, bytes(derived[_KEY_BYTES : _KEY_BYTES + _NONCE_BYTES]))


class PartialOpener:
    """Opens parts of one file of a known size.

    opener = PartialOpener(key, size=size, header=fetch(0, 56))
    plaintext = opener.open(start, stop, fetch(*opener.range(start, stop)))
    opener.wipe()       # its time is over
    """

    __slots__ = ("_keys", "_size")

    def __init__(self, key: FileKey, *, size: int, header: bytes) -> None:
        """Check the commitment, before anything is opened.

        Raises:
            ProtocolError: FILE-3.
        """
        self._keys = derive_chunk_keys(key, header)
        self._size = size

    @property
    def is_alive(self) -> bool:
        """Whether its keys are still there."""
        return self._keys.key.is_alive

    def wipe(self) -> None:
        """Overwrite its keys: it opens nothing any more."""
        self._keys.key.wipe()

    def range(self, start: int, stop: int) -> tuple[int, int]:
        """Return where in the ciphertext the chunks of plaintext `start` to `stop` lie.

        Raises:
            UsageError: this is not within the file.
        """
        if not 0 <= start < stop <= self._size:
            raise UsageError(
                "bytes {start} to {stop} are not in a file of {size} bytes",
                start=start, stop=stop, size=self._size,
            )  # fmt: skip
        first, last = start // CHUNK_BYTES, (stop - 1) // CHUNK_BYTES
        end = HEADER_BYTES + (last + 1) * SEALED_CHUNK_BYTES
        return HEADER_BYTES + first * SEALED_CHUNK_BYTES, min(end, sealed_length(self._size))

    def open(self, start: int, stop: int, ciphertext: bytes) -> bytes:
        """Return the plaintext from `start` to `stop` out of what lies in `range(start, stop)`.

        Raises:
            ProtocolError: FILE-2 (not as long as that), or FILE-4.
            UsageError: this is not within the file.
        """
        begin, end = self.range(start, stop)
        if len(ciphertext) != end - begin:
            raise ProtocolError(
                "FILE-2",
                "the server sent {got} bytes of the file instead of {expected}; try again",
                got=len(ciphertext),
                expected=end - begin,
            )
        first = start // CHUNK_BYTES
        parts = (
            self._open_chunk(first + n, ciphertext[at : at + SEALED_CHUNK_BYTES])
            for n, at in enumerate(range(0, len(ciphertext), SEALED_CHUNK_BYTES))
        )
        skip = start - first * CHUNK_BYTES
        return b"".join(parts)[skip : skip + stop - start]

    def _open_chunk(self, chunk: int, sealed: bytes) -> bytes:
        assert chunk < chunk_count(self._size), "`range` stays within the file"
        try:
            return self._keys.key.decrypt(self._keys.nonce(chunk), sealed, b"")
        except InvalidTag as err:
            raise ProtocolError(
                "FILE-4",
                "part {chunk} of the file was altered, or stands where another one should; "
                "ask to have it posted again",
                chunk=chunk,
            ) from err
