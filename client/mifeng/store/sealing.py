"""Each value sealed, bound to its place (protocol.md, "Sealing").

    nonce || AES-256-GCM(key, nonce, value, place)            place = table || 0x00 || row's key

Under which key depends on what may become of the value: under the store key what stays, under a
key of the vault what must be forgotten. A value that was moved, swapped or changed by a bit does
not open.
"""

from __future__ import annotations

from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mifeng.errors import ProfileDamagedError
from mifeng_crypto.rand import Rng
from mifeng_crypto.secret import Secret

__all__ = ["KEY_BYTES", "Key", "Sealer", "open_under", "seal_under"]

KEY_BYTES = 32
NONCE_BYTES = 12


class Key(Protocol):
    """What seals: AES-256-GCM under a key of its own."""

    def encrypt(self, nonce: bytes, data: bytes, aad: bytes, /) -> bytes: ...

    def decrypt(self, nonce: bytes, data: bytes, aad: bytes, /) -> bytes: ...


class Sealer:
    """Seals and opens what stays: under the store key."""

    def __init__(self, store_key: Secret, *, rng: Rng) -> None:
        self._aead = AESGCM(store_key)
        self.rng = rng

    def seal(self, table: str, key: bytes, value: bytes) -> bytes:
        """Return nonce || ciphertext."""
        return seal_under(self._aead, table, key, value, rng=self.rng)

    def open(self, table: str, key: bytes, sealed: bytes) -> bytes:
        """Return the value.

        Raises:
            ProfileDamagedError: not what was sealed for this place.
        """
        return open_under(self._aead, table, key, sealed)


def seal_under(under: Key, table: str, key: bytes, value: bytes, *, rng: Rng) -> bytes:
    """Return nonce || ciphertext."""
    nonce = rng(NONCE_BYTES)
    return nonce + under.encrypt(nonce, value, _place(table, key))


def open_under(under: Key, table: str, key: bytes, sealed: bytes) -> bytes:
    """Return the value.

    Raises:
        ProfileDamagedError: not what was sealed for this place.
    """
    try:
        return under.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _place(table, key))
    except (InvalidTag, ValueError) as err:
        raise ProfileDamagedError(
            "an entry of {table} in this profile was changed from outside; "
            "remove the profile and join again with a new invite",
            table=table,
        ) from err


def _place(table: str, key: bytes) -> bytes:
    # Injective: table names hold no zero byte.
    return table.encode() + b"\0" + key
