"""How far one has read in each unit, and how much there is beyond.

What was read is a number in the profile, kept by the page's own device; nobody else learns of it.
"""

from __future__ import annotations

import contextlib

import msgspec

from mifeng import Unit, Workspace
from mifeng.core.events import NewEntry
from mifeng_crypto.ids import UnitId
from mifeng_crypto.log import EntryKind

__all__ = ["Unread"]

NOTE = "read"
MANY = 1000
"""Nobody needs to know exactly beyond that."""


class Unread:
    """The counters of one open profile."""

    def __init__(self) -> None:
        self._read: dict[str, int] = {}
        self._counts: dict[UnitId, int] = {}

    async def count(self, me: Workspace) -> None:
        """Look at what came since."""
        with contextlib.suppress(msgspec.DecodeError):  # nothing yet
            self._read = msgspec.json.decode(await me.note(NOTE), type=dict[str, int])
        for unit in me.units():
            if unit.sequence > self.read_of(unit):
                await self._recount(me, unit)

    async def _recount(self, me: Workspace, unit: Unit) -> None:
        entries = await unit.timeline(after=self.read_of(unit), first=MANY)
        self._counts[unit.id] = sum(
            entry.kind == "message" and entry.sender != me.me for entry in entries
        )

    def read_of(self, unit: Unit) -> int:
        """Up to which entry the unit was read."""
        return self._read.get(unit.id.hex(), 0)

    def count_of(self, unit: Unit) -> int:
        """How many messages of others lie behind it."""
        return self._counts.get(unit.id, 0)

    def add(self, me: Workspace, event: NewEntry) -> None:
        """Count an entry that has just come."""
        if event.entry.kind is EntryKind.MESSAGE and event.entry.member_id != me.me.id:
            self._counts[event.unit_id] = self._counts.get(event.unit_id, 0) + 1

    async def mark(self, me: Workspace, unit: Unit, sequence: int) -> None:
        """Say that everything up to `sequence` was read, or, going back, that it was not."""
        self._read[unit.id.hex()] = sequence
        await self._recount(me, unit)
        await me.set_note(NOTE, msgspec.json.encode(self._read))
