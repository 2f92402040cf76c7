"""Random bytes that are the same in every run."""

from __future__ import annotations

import hashlib

__all__ = ["SeededRng"]


class SeededRng:
    """An `Rng`: SHA-256 in counter mode over a seed."""

    def __init__(self, seed: str) -> None:
        self._seed = seed.encode()
        self._counter = 0

    def __call__(self, n: int, /) -> bytes:
        out = b""
        while len(out) < n:
            self._counter += 1
            out += hashlib.sha256(self._seed + self._counter.to_bytes(8, "big")).digest()
        return out[:n]
