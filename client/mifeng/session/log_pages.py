"""A unit's log from the server, page by page: the next one comes while this one is applied."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from mifeng.net import Api
from mifeng_crypto.api import messages as m
from mifeng_crypto.ids import UnitId

__all__ = ["LogPages"]

PAGE = 500
"""Entries of a log that are fetched, applied and saved at once, at most."""


class LogPages:
    """One catching up with the log of one generation; what was fetched in vain ends with it."""

    def __init__(self, api: Api, unit_id: UnitId, generation: int) -> None:
        self._api = api
        self._unit_id = unit_id
        self._generation = generation
        self._ahead: tuple[int, asyncio.Task[m.LogReply]] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        err: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._drop()

    async def after(self, sequence: int) -> m.LogReply:
        """Return what follows an entry, and begin to fetch what comes then.

        Raises:
            ServerProblem, TransportError, ProtocolError: as `Api.call`.
        """
        if self._ahead is not None and self._ahead[0] == sequence:
            page = await self._ahead[1]
        else:  # the first, or not all of the page before was applied
            await self._drop()
            page = await self._fetch(sequence)
        self._ahead = None
        reached = sequence + len(page.entries)
        if page.entries and reached < page.head_sequence:
            self._ahead = reached, asyncio.create_task(self._fetch(reached))
        return page

    async def _drop(self) -> None:
        """Forget what was fetched ahead, and why it was not, if so: nobody needs it."""
        if self._ahead is not None:
            _, task = self._ahead
            self._ahead = None
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _fetch(self, sequence: int) -> m.LogReply:
        return await self._api.call(
            "log",
            m.LogReply,
            path={"unit_id": self._unit_id},
            query={"generation": self._generation, "after": sequence, "limit": PAGE},
        )
