"""The SHA-256 of uploads under way: of each as far as it has come, so that a whole one is checked.

They are in memory only. What this process has not seen from the beginning is read once more.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict

__all__ = ["Digests", "Running"]

IN_MEMORY = 2_000
"""Some 400 bytes each; the oldest are let go."""


class Running:
    """A hash, and of how many bytes."""

    __slots__ = ("_hash", "count")

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.count = 0

    def update(self, data: bytes, /) -> None:
        """Take in what comes next; in any thread."""
        self._hash.update(data)
        self.count += len(data)

    def digest(self) -> bytes:
        """SHA-256 of all that."""
        return self._hash.digest()


class Digests:
    """The hashes of uploads, each in one hand at a time."""

    def __init__(self) -> None:
        self._running: OrderedDict[bytes, Running] = OrderedDict()

    def take(self, file_id: bytes, offset: int) -> Running | None:
        """Return the hash of an upload's first `offset` bytes; None if it is not known here."""
        running = self._running.pop(file_id, None) if offset else Running()
        return running if running is not None and running.count == offset else None

    def keep(self, file_id: bytes, running: Running | None) -> None:
        """Put it back, for what comes next."""
        if running is not None:
            self._running[file_id] = running
        while len(self._running) > IN_MEMORY:
            self._running.popitem(last=False)
