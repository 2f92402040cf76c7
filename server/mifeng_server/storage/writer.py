"""The one task that writes: whatever waits becomes one transaction and one fsync (group commit).

    write() -> queue -> [batch, batch, batch] -> fold -> BEGIN .. COMMIT -> everybody is answered

If the folded transaction meets a conflict, its batches run one by one, in order, so that only
those fail that have to. If the disk fails, all batches of the transaction fail.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

import structlog

from mifeng_crypto.errors import StorageError
from mifeng_server.domain.protocols import BusyError, ConflictError
from mifeng_server.domain.rows import Write
from mifeng_server.storage.fold import NotFoldableError, fold

__all__ = ["Transactions", "Writer"]

MAX_WAITING = 8192
"""Batches in the queue: above this the server says that it is busy instead of growing."""
MAX_WRITES = 4096
"""Writes in one transaction: a reader of its answers should not wait for a hundred others' MiB."""

Waiting = tuple[Sequence[Write], "asyncio.Future[None]"]

log = structlog.get_logger("storage")


class Transactions(Protocol):
    """Runs writes in one transaction each."""

    async def run(self, writes: Sequence[Write], *, apart: bool = False) -> None:
        """Do all or nothing, durably; with `apart` each write is a statement of its own.

        Raises:
            ConflictError: an expectation was not met.
            StorageError: the database failed.
        """
        ...


class Writer:
    """Owns what writes."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions
        self._waiting: list[Waiting] = []
        self._woken = asyncio.Event()
        self._writing = False
        self._closing = False
        self._task = asyncio.create_task(self._run(), name="storage-writer")

    def write(self, batch: Sequence[Write]) -> asyncio.Future[None]:
        """Enter a batch; see `Store.write`.

        Raises:
            BusyError: the queue is full.
        """
        if self._closing:
            raise StorageError("the server is shutting down; try again when it is back")
        if len(self._waiting) >= MAX_WAITING:
            raise BusyError
        return self._enter(batch)

    def _enter(self, batch: Sequence[Write]) -> asyncio.Future[None]:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((batch, done))
        self._woken.set()
        return done

    async def settle(self) -> None:
        if self._waiting or self._writing:
            # What was entered before ends before.
            await asyncio.wait([self._enter(())])

    async def close(self) -> None:
        self._closing = True
        self._woken.set()
        await self._task

    async def _run(self) -> None:
        while self._waiting or not self._closing:
            await self._woken.wait()
            self._woken.clear()
            while self._waiting:
                self._writing = True
                await self._commit(self._take())
                self._writing = False

    def _take(self) -> list[Waiting]:
        """Take what goes into one transaction: at least one batch, in order."""
        size = n = 0
        for batch, _ in self._waiting:
            size += len(batch)
            if n and size > MAX_WRITES:
                break
            n += 1
        taken, self._waiting = self._waiting[:n], self._waiting[n:]
        return taken

    async def _commit(self, group: list[Waiting]) -> None:
        try:
            await self._transactions.run(fold(batch for batch, _ in group))
        except (NotFoldableError, ConflictError) as err:
            if len(group) > 1:
                for waiting in group:
                    await self._commit([waiting])
                return
            outcome: Exception | None = err
            if isinstance(err, NotFoldableError):
                outcome = await self._one_by_one(group[0][0])
        except StorageError as err:
            log.error("write failed", batches=len(group), reason=str(err))  # noqa: TRY400 - no trace
            outcome = err
        else:
            outcome = None
        for _, done in group:
            if done.done():
                continue  # whoever waited has gone; it was written all the same
            if outcome is None:
                done.set_result(None)
            else:
                done.set_exception(outcome)
                done.exception()  # who gave up waiting must not turn a failure into a warning

    async def _one_by_one(self, batch: Sequence[Write]) -> Exception | None:
        try:
            await self._transactions.run(batch, apart=True)
        except (ConflictError, StorageError) as err:
            return err
        return None
