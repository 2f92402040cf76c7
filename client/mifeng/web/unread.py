"""How far one has read in each unit, and how much there is beyond.

What was read is a number in the profile, kept by the page's own device; nobody else learns of it.
"""

from __future__ import annotations

import asyncio
import contextlib

import msgspec

from mifeng import Message, Unit, Workspace
from mifeng.core.events import NewEntry
from mifeng_crypto.ids import UnitId
from mifeng_crypto.log import EntryKind

__all__ = ["AT_FIRST", "LOOKED_BACK", "Unread"]

NOTE = "read"
LOOKED_BACK = 300
"""Entries of a unit that are looked at: nobody needs to know more exactly what is unread."""
AT_FIRST = 61
"""Of these at first, so that the page is not kept waiting: a page of a unit, and one beyond it."""
JUST_NOW = 50
"""Entries in which one that has just come is found."""


class Unread:
    """The counters of one open profile."""

    def __init__(self) -> None:
        self._read: dict[str, int] = {}
        self._counts: dict[UnitId, int] = {}
        self._calls: dict[UnitId, int] = {}
        self._asks: dict[UnitId, set[int]] = {}

    async def begin(self, me: Workspace) -> None:
        """Read how far one has read."""
        with contextlib.suppress(msgspec.DecodeError):  # nothing yet
            self._read = msgspec.json.decode(await me.note(NOTE), type=dict[str, int])

    async def count(self, me: Workspace, entries: int) -> None:
        """Look at what came since, among the last entries of each unit."""
        for unit in me.units():
            await asyncio.sleep(0)  # the page comes first
            await self._recount(me, unit, entries)

    async def _recount(self, me: Workspace, unit: Unit, entries: int = LOOKED_BACK) -> None:
        read = self.read_of(unit)
        lines, _ = await unit.newest(entries)
        for line in lines:
            self.note(line)
        theirs = [
            one
            for one in lines
            if one.sequence > read
            and one.kind == "message"
            and one.sender != me.me
            and one.notice != "history"
        ]
        self._counts[unit.id] = len(theirs)
        self._calls[unit.id] = sum(one.calls_me for one in theirs)

    def read_of(self, unit: Unit) -> int:
        """Up to which entry the unit was read."""
        return self._read.get(unit.id.hex(), 0)

    def count_of(self, unit: Unit) -> int:
        """How many messages of others lie behind it."""
        return self._counts.get(unit.id, 0)

    def note(self, line: Message) -> None:
        """Remember a line that asks this member for something, and forget one that does no more."""
        asks = (line.announcement and line.announcement.asks_me) or (
            line.approval and line.approval.waits_for_me
        )
        waiting = self._asks.setdefault(line.unit_id, set())
        (waiting.add if asks else waiting.discard)(line.sequence)

    def asks_of(self, unit: Unit) -> int:
        """How many announcements and requests wait for this member."""
        return len(self._asks.get(unit.id, ()))

    def calls_of(self, unit: Unit) -> int:
        """How many of them call oneself."""
        return self._calls.get(unit.id, 0)

    async def add(self, me: Workspace, event: NewEntry) -> bool:
        """Count an entry that has just come; return whether it is one to call somebody for."""
        if event.entry.kind is not EntryKind.MESSAGE or event.entry.member_id == me.me.id:
            return False
        unit = me.unit(event.unit_id.hex())
        lines, _ = await unit.newest(JUST_NOW)
        line = next((one for one in lines if one.sequence == event.sequence), None)
        if line is None:
            return False  # a reaction, an edit: no line of its own
        if line.notice == "history":
            return False
        self.note(line)
        self._counts[event.unit_id] = self._counts.get(event.unit_id, 0) + 1
        self._calls[event.unit_id] = self._calls.get(event.unit_id, 0) + line.calls_me
        return not line.is_quiet

    async def mark(self, me: Workspace, unit: Unit, sequence: int) -> None:
        """Say that everything up to `sequence` was read, or, going back, that it was not."""
        self._read[unit.id.hex()] = sequence
        await self._recount(me, unit)
        await me.set_note(NOTE, msgspec.json.encode(self._read))
