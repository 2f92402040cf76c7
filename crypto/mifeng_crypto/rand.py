"""Randomness as a parameter: whoever needs random bytes is handed an `Rng`.

The outermost layer (a session, a server, a test) makes the one it hands down. The ephemeral keys
inside `cryptography`'s HPKE and the salt inside its Cobblestone are the two named exceptions
(protocol.md, "Randomness").
"""

from __future__ import annotations

from typing import Protocol

__all__ = ["Rng"]


class Rng(Protocol):
    """A source of uniformly random bytes, fit for keys."""

    def __call__(self, n: int, /) -> bytes:
        """Return `n` fresh random bytes."""
        ...
