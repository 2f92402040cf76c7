"""Each unit's timeline in memory, folded from the rows when somebody looks.

A look costs the rows that are new since the last one. When something in it has expired it is
folded anew from what is left, once an hour at most: so it is what a device that starts now shows.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from mifeng.core import expiry
from mifeng.core.finder import Finder
from mifeng.core.rows import Condition, TimelineRecord, number
from mifeng.core.timeline import Timeline
from mifeng.session.receipts import Receipts
from mifeng_crypto.ids import UnitId, UnixMillis
from mifeng_crypto.log import EntryKind
from mifeng_crypto.tls import decode

if TYPE_CHECKING:
    from mifeng.session.session import Session

__all__ = ["Timelines"]

NEVER = UnixMillis(1 << 62)
ENDS = 4
"""Units of which the last rows are remembered while the rest was not asked for."""
YIELD_EVERY = 25
"""Rows that are folded before others get their turn."""


class _End(NamedTuple):
    """What the last rows of a unit say: so many of them, when its log had come so far."""

    timeline: Timeline
    rows: int
    head: int
    over_at: UnixMillis

    def holds(self, rows: int, head: int, now: UnixMillis) -> bool:
        """Whether it is still what so many rows say."""
        return rows <= self.rows and head == self.head and now < self.over_at


class Timelines:
    """The timelines of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._folded: dict[UnitId, tuple[Timeline, UnixMillis]] = {}
        self._ends: dict[UnitId, _End] = {}
        self.receipts = Receipts(session)
        self._finders: dict[UnitId, Finder] = {}
        self._turns: dict[UnitId, asyncio.Lock] = {}

    async def close(self) -> None:
        """Tell nobody anything more."""
        await self.receipts.close()

    def finder(self, unit_id: UnitId) -> Finder:
        """Return what looks through a unit's timeline."""
        return self._finders.setdefault(unit_id, Finder())

    async def of(self, unit_id: UnitId) -> Timeline:
        """Return a unit's timeline, with all that is on the disk and not over.

        It is the same object as long as nothing in it has expired.
        """
        async with self._turns.setdefault(unit_id, asyncio.Lock()):
            return await self._fold(unit_id)

    async def newest(self, unit_id: UnitId, rows: int) -> tuple[Timeline, bool]:
        """Return what a unit's last rows say, and whether that is its whole timeline.

        A unit of many thousand messages is so there at once. What an entry changes or answers
        comes before it, so a line in the last rows is as it is in the whole, but for what it
        answers further up; a change of a line further up stands for itself.
        """
        if unit_id in self._folded:
            return await self.of(unit_id), True
        session = self._session
        head, known = session.units[unit_id].log.sequence, self._ends.get(unit_id)
        if known is not None and known.holds(rows, head, session.effective()):
            return known.timeline, False
        found = await session.home.database.scan("messages", unit_id, last=rows)
        if len(found) < rows:
            return await self.of(unit_id), True
        timeline = Timeline(session.profile.workspace_id, unit_id)
        over_at = await self._extend(timeline, found)
        if unit_id not in self._folded:
            while len(self._ends) >= ENDS:
                del self._ends[next(iter(self._ends))]
            self._ends[unit_id] = _End(timeline, rows, head, over_at)
        return timeline, False

    def forget(self, unit_id: UnitId) -> None:
        """Fold anew at the next look: what was shown is gone before its time."""
        self._folded.pop(unit_id, None)
        self._ends.pop(unit_id, None)
        self._finders.pop(unit_id, None)

    async def _fold(self, unit_id: UnitId) -> Timeline:
        session = self._session
        now = session.effective()
        timeline, over_at = self._folded.get(unit_id, (None, NEVER))
        if timeline is None or now >= over_at:
            timeline = Timeline(session.profile.workspace_id, unit_id)
            over_at = NEVER
        rows = await session.home.database.scan(
            "messages", unit_id, after=unit_id + number(timeline.sequence)
        )
        over_at = min(over_at, await self._extend(timeline, rows))
        self._folded[unit_id] = timeline, over_at
        self._ends.pop(unit_id, None)
        return timeline

    async def _extend(self, timeline: Timeline, rows: list[tuple[bytes, bytes]]) -> UnixMillis:
        """Fold rows in; return when the first of them is over."""
        now, over_at = self._session.effective(), NEVER
        for n, (key, row) in enumerate(rows, 1):
            record = expiry.shown(decode(TimelineRecord, row), now=now)
            if record.kind is EntryKind.MESSAGE and record.condition is Condition.READ:
                over_at = min(over_at, record.deadline)
            timeline.add(int.from_bytes(key[len(timeline.unit_id) :], "big"), record)
            if n % YIELD_EVERY == 0:
                await asyncio.sleep(0)
        return over_at
