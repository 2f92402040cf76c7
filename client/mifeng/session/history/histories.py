"""What a session owes to others, and has still to fetch: done beside all else, in one turn."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mifeng.core.catch_up import Applied
from mifeng.core.rows import Changes, GiftRecord
from mifeng.session.history import giving, noting, taking
from mifeng_crypto.errors import MifengError, StorageError, TransportError
from mifeng_crypto.ids import DeviceId

if TYPE_CHECKING:
    from mifeng.session.session import Session

__all__ = ["Histories"]

CLOSE_S = 10.0
"""For so long a profile that is being closed waits for what has been begun."""


class Histories:
    """What a session owes to others, and has still to fetch."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._turn = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._has_more = False
        """Whether something to be done has come since this was last begun with."""
        self.given: dict[DeviceId, int] = {}
        """How many messages each device was given since the profile was opened."""

    async def noted(self, applied: Applied) -> Changes:
        """Return what has to be remembered of entries, in the transaction that saves them.

        What is refused of a history that was handed over is an alarm, and nothing of it is kept.
        """
        changes = await noting.noted(self._session, applied)
        self._has_more |= bool(changes)
        return changes

    def look(self) -> None:
        """Begin with what has come since the last time, beside all else."""
        if self._has_more and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._run(), name="history")

    def retry(self) -> None:
        """Begin with all that is to be done: the server is reached again."""
        self._has_more = True
        self.look()

    async def _run(self) -> None:
        with contextlib.suppress(MifengError):  # the disk: with the next line again
            while self._has_more:
                await self.settle()

    async def settle(self) -> None:
        """Hand over all that is owed, and fetch all that was handed over to this device.

        What the server does not let be done, or a unit that stands still, waits for the next time.

        Raises:
            StorageError: the disk refuses.
        """
        async with self._turn:
            self._has_more = False
            with contextlib.suppress(TransportError):
                for unit_id, takes in (await taking.waiting(self._session)).items():
                    with _patience():
                        await taking.take(self._session, unit_id, takes)
                for unit_id, gift in await giving.owed(self._session):
                    with _patience():
                        self._count(gift, await giving.give(self._session, unit_id, gift))

    async def close(self) -> None:
        """Let what has been begun come to its end, for a while."""
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=CLOSE_S)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _count(self, gift: GiftRecord, messages: int) -> None:
        for who in gift.receivers:
            self.given[who.device_id] = self.given.get(who.device_id, 0) + messages


@contextlib.contextmanager
def _patience() -> Iterator[None]:
    """One unit that cannot go on does not keep the others from it."""
    try:
        yield
    except (StorageError, TransportError):
        raise
    except MifengError:
        pass
