"""A file that is put on the disk while more of it comes: nobody waits for all of it at the end."""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import IO, Self

__all__ = ["SyncedFile"]

SYNC_BYTES = 32 << 20
"""What is written between two syncs, if the disk is quick enough."""


class SyncedFile:
    """An unbuffered file that is written from front to back. Use it in `with`.

    Raises:
        OSError: by every method: it cannot be written; also of what was written before.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self._behind = ThreadPoolExecutor(1, thread_name_prefix="sync")
        self._syncing: Future[None] | None = None
        self._written = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, at: TracebackType | None
    ) -> None:
        self._behind.shutdown()  # the descriptor may be another file's when it is closed
        self.file.close()

    def write(self, data: bytes | memoryview) -> None:
        """Add to what is there."""
        rest = memoryview(data)
        while rest:  # an unbuffered file may take a part
            rest = rest[self.file.write(rest) :]
        self._written += len(data)
        if self._written >= SYNC_BYTES and (self._syncing is None or self._syncing.done()):
            self._settle()
            self._written = 0
            self._syncing = self._behind.submit(os.fdatasync, self.file.fileno())

    def sync(self) -> None:
        """Put all of it on the disk."""
        self._settle()
        os.fsync(self.file.fileno())

    def _settle(self) -> None:
        """Wait for the sync that runs: an error is told once, and to whoever synced."""
        if self._syncing is not None:
            syncing, self._syncing = self._syncing, None
            syncing.result()
