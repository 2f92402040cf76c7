"""Secret bytes that do not show themselves.

Python cannot wipe bytes; what it can do is never print them and forget them early. Whoever holds a
`Secret` holds also what the libraries made of it (a parsed private key), and nobody else does. A
key that has to be gone from memory at a known time is a `MortalKey`: a buffer, which can be wiped.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from typing import NoReturn, TypeVar

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["MortalKey", "Secret"]

T = TypeVar("T")


class Secret(bytes):
    """Bytes whose `repr` shows only their length."""

    _parsed: tuple[Callable[[bytes], object], object] | None = None

    def parsed(self, parse: Callable[[bytes], T]) -> T:
        """Return `parse(self)`, computed once and kept for as long as this very object lives.

        Parsing a private key costs as much as using it; a cache elsewhere would outlive the key.
        """
        kept = self._parsed
        if kept is not None and kept[0] == parse:
            return kept[1]  # type: ignore[return-value]  # it came from this very `parse`
        result = parse(self)
        self._parsed = (parse, result)
        return result

    def __repr__(self) -> str:
        return f"Secret({len(self)} bytes)"

    __str__ = __repr__

    def __reduce_ex__(self, protocol: object, /) -> NoReturn:
        """Stay out of pickles, and so out of caches, queues and crash reports."""
        raise TypeError("a secret is neither pickled nor deeply copied: store it on purpose")


class MortalKey:
    """An AES-256-GCM key in a buffer that `wipe` overwrites; OpenSSL cleans what it made of it."""

    __slots__ = ("_aead", "_buffer")

    def __init__(self, buffer: bytearray) -> None:
        """Take over a buffer of 32 bytes: nobody else may hold it."""
        assert len(buffer) == 32, "AES-256"
        self._buffer = buffer
        self._aead: AESGCM | None = AESGCM(buffer)

    @classmethod
    def draw(cls, rng: Callable[[int], bytes]) -> MortalKey:
        """Make a new one by an `Rng`. What that returned is wiped, if nobody else holds it."""
        drawn = rng(32)
        buffer = bytearray(drawn)
        if sys.getrefcount(drawn) == 2:
            _wipe_bytes(drawn)
        return cls(buffer)

    @property
    def is_alive(self) -> bool:
        return self._aead is not None

    def copy_into(self, target: memoryview) -> None:
        """Write the key there, to be sealed by the caller."""
        assert self.is_alive, "the key was wiped"
        target[:] = self._buffer

    def encrypt(self, nonce: bytes, data: bytes, aad: bytes) -> bytes:
        """Seal with AES-256-GCM."""
        assert self._aead is not None, "the key was wiped"
        return self._aead.encrypt(nonce, data, aad)

    def decrypt(self, nonce: bytes, data: bytes, aad: bytes) -> bytes:
        """Open with AES-256-GCM.

        Raises:
            InvalidTag: it was not sealed so.
        """
        assert self._aead is not None, "the key was wiped"
        return self._aead.decrypt(nonce, data, aad)

    def wipe(self) -> None:
        """Overwrite the key. It can never be used again."""
        self._aead = None
        self._buffer[:] = bytes(32)

    def __repr__(self) -> str:
        return "MortalKey(alive)" if self.is_alive else "MortalKey(wiped)"

    def __reduce_ex__(self, protocol: object, /) -> NoReturn:
        """Stay out of pickles."""
        raise TypeError("a key is neither pickled nor copied")


def _wipe_bytes(data: bytes) -> None:
    """Overwrite an object that is about to be freed. CPython keeps its bytes at the end of it."""
    ctypes.memset(id(data) + bytes.__basicsize__ - 1, 0, len(data))
