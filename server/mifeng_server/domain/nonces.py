"""Nonces for logins, of which none is kept until it is used (protocol.md, "Login").

    nonce = time (8 bytes, Unix ms) || random (8) || HMAC-SHA256(key, time || random)[:16]

Whoever asks for a million of them crowds nobody out, and every node knows those of the others by
the key, which stands in the store. A used one is a row until it would have been too old anyway.
"""

from __future__ import annotations

from cryptography.hazmat.primitives import constant_time, hashes, hmac

from mifeng_server.domain.house import House
from mifeng_server.domain.protocols import ConflictError
from mifeng_server.domain.rows import Insert, KeyRow, NonceRow

__all__ = ["NONCE_MS", "is_ours", "make", "nonce_key", "used"]

NONCE_MS = 60_000
KEY_NAME = "nonces"
AHEAD_MS = 5_000
"""How far the clocks of two nodes may be apart."""


async def nonce_key(house: House) -> bytes:
    """Return the key, which the first node that needs it makes."""
    if house.nonce_key is None:
        found = await house.store.get(KeyRow, KEY_NAME)
        if found is None:
            found = KeyRow(KEY_NAME, house.rng(32))
            try:
                await house.store.write((Insert(found),))
            except ConflictError:  # another node was first
                found = await house.store.get(KeyRow, KEY_NAME)
                assert found is not None, "keys are never deleted"
        house.nonce_key = found.value
    return house.nonce_key


def make(key: bytes, random: bytes, *, now: int) -> bytes:
    """Return a nonce of 32 bytes.

    Args:
        key: 32 bytes.
        random: 8 bytes.
        now: Unix milliseconds.
    """
    said = now.to_bytes(8, "big") + random
    return said + _mac(key, said)


def is_ours(key: bytes, nonce: bytes, *, now: int) -> bool:
    """Whether this server gave it, within the last minute."""
    made_at = int.from_bytes(nonce[:8], "big")
    return (
        constant_time.bytes_eq(_mac(key, nonce[:16]), nonce[16:])
        and -AHEAD_MS <= now - made_at <= NONCE_MS
    )


def used(nonce: bytes, *, now: int) -> Insert:
    """The write that uses it up: it conflicts if somebody has."""
    return Insert(NonceRow(nonce, now + NONCE_MS + AHEAD_MS))


def _mac(key: bytes, said: bytes) -> bytes:
    mac = hmac.HMAC(key, hashes.SHA256())
    mac.update(said)
    return mac.finalize()[:16]
