"""SHA-256 of a file on its way, in a thread of its own: it takes longer than sealing does."""

from __future__ import annotations

import hashlib
import queue
import threading

__all__ = ["IN_USE", "ThreadedSha256"]

AHEAD = 3
"""Pieces that wait to be hashed."""
IN_USE = AHEAD + 2
"""So many pieces are in somebody's hands at most: those that wait, the one that is being hashed,
and the one that comes next. Whoever makes them in as many buffers, in turn, overwrites nothing."""


class ThreadedSha256:
    """Like `hashlib.sha256()`, but `update` returns at once. `close` it, or ask for the digest."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._waiting = queue.Queue[bytes | memoryview | None](maxsize=AHEAD)
        # A daemon: an upload that is given up must not keep the process.
        self._thread = threading.Thread(target=self._run, name="sha256", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while (piece := self._waiting.get()) is not None:
            self._hash.update(piece)

    def update(self, data: bytes | memoryview, /) -> None:
        """Hash this, soon."""
        self._waiting.put(data)

    def digest(self) -> bytes:
        """Wait for all of it, and return the hash; nothing is hashed afterwards."""
        self.close()
        return self._hash.digest()

    def close(self) -> None:
        """End the thread, when all that was put in is hashed."""
        if self._thread.is_alive():
            self._waiting.put(None)
            self._thread.join()
