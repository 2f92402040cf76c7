"""Each value sealed under the store key, bound to its place (protocol.md, "Client").

AES-256-GCM with a random nonce in front. The table and the row's key are authenticated with it: a
value that was moved, swapped or changed by a bit does not open.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mifeng.errors import ProfileDamagedError
from mifeng_crypto.rand import Rng
from mifeng_crypto.secret import Secret

__all__ = ["KEY_BYTES", "Sealer"]

KEY_BYTES = 32
NONCE_BYTES = 12


class Sealer:
    """Seals and opens values of rows."""

    def __init__(self, store_key: Secret, *, rng: Rng) -> None:
        self._aead = AESGCM(store_key)
        self._rng = rng

    def seal(self, table: str, key: bytes, value: bytes) -> bytes:
        """Return nonce || ciphertext."""
        nonce = self._rng(NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, value, _place(table, key))

    def open(self, table: str, key: bytes, sealed: bytes) -> bytes:
        """Return the value.

        Raises:
            ProfileDamagedError: not what was sealed for this place.
        """
        try:
            nonce, ciphertext = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
            return self._aead.decrypt(nonce, ciphertext, _place(table, key))
        except (InvalidTag, ValueError) as err:
            raise ProfileDamagedError(
                "an entry of {table} in this profile was changed from outside; "
                "remove the profile and join again with a new invite",
                table=table,
            ) from err


def _place(table: str, key: bytes) -> bytes:
    # Injective: table names hold no zero byte.
    return table.encode() + b"\0" + key
