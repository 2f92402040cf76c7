"""How a node that shares its store with others learns what they have written.

Sequences are the truth: a row in the store says how far roster and logs have come, and what is
missing is read from there and verified like everything else. Hints only make it come sooner.
"""

from __future__ import annotations

from dataclasses import replace

from mifeng_crypto.errors import MifengError
from mifeng_crypto.ids import UnixMillis
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.log import EntryKind, Heads, LogHeader
from mifeng_crypto.mls.group import stage_commit
from mifeng_crypto.tls import decode
from mifeng_server.domain.protocols import Store
from mifeng_server.domain.rows import (
    ContentRow,
    CounterRow,
    LogRow,
    RosterRow,
    UnitRow,
)
from mifeng_server.domain.unit import ALL, Unit, load_charter, load_unit

__all__ = ["ROSTER_COUNTER", "follow_roster", "follow_unit", "roster_sequence"]

ROSTER_COUNTER = "roster"
"""Counts the roster's entries: each append swaps it, so that none can follow one that failed."""
AGAIN = 20
"""How often a unit is read again because somebody wrote to it meanwhile."""


async def roster_sequence(store: Store) -> int:
    """How many entries the roster has in the store."""
    counter = await store.get(CounterRow, ROSTER_COUNTER)
    return counter.value if counter else 0


async def follow_roster(store: Store, roster: Roster) -> Roster:
    """Return the roster with what has come since.

    Raises:
        MifengError: it is not a continuation of this one.
    """
    rows = await store.find(RosterRow, order="sequence", after=roster.head.sequence, limit=ALL)
    return roster.extend([row.entry for row in rows])


async def follow_unit(
    store: Store, unit_id: bytes, roster: Roster, known: Unit | None
) -> Unit | None:
    """Return a unit as it is in the store.

    Args:
        store: which other nodes write to as well.
        unit_id: the unit.
        roster: not older than the unit's heads.
        known: the unit as it durably was at some time, if that is known.
    """
    for _ in range(AGAIN):
        row = await store.get(UnitRow, unit_id)
        if row is None:
            return None
        if known is not None and known.row == row:
            return known
        try:
            unit = await _caught_up(store, known, row, roster) if known is not None else None
        except MifengError:
            unit = None  # what we knew is not where this comes from
        if unit is None:
            unit = await load_unit(store, unit_id, roster)
        # Read in several steps: only if nothing was written in between it is of one moment.
        if unit is not None and await store.get(UnitRow, unit_id) == unit.row:
            return unit
        known = unit if unit is not None and unit.log.head.hash == unit.row.log_hash else known
    return await load_unit(store, unit_id, roster)


async def _caught_up(store: Store, unit: Unit, row: UnitRow, roster: Roster) -> Unit | None:
    """Apply what the log has in addition; None where that does not lead to `row`."""
    before = unit.row
    if row.generation != before.generation or row.log_sequence <= before.log_sequence:
        return None
    entries = await store.find(
        LogRow,
        order="sequence",
        after=before.log_sequence,
        until=row.log_sequence,
        limit=ALL,
        unit_id=row.unit_id,
        generation=row.generation,
    )
    for entry in entries:
        header = decode(LogHeader, entry.header)
        if header.kind is not EntryKind.MESSAGE:
            content = await store.get(ContentRow, row.unit_id, row.generation, entry.sequence)
            if content is None:
                return None
            after = await _applied(store, unit, header, content.content, roster)
            if after is None:
                return None
            unit = after
        unit = replace(unit, log=unit.log.grown(header))
    if (
        unit.log.head.sequence != row.log_sequence
        or unit.log.head.hash != row.log_hash
        or unit.public.epoch != row.epoch
        or unit.heads != decode(Heads, row.heads)
    ):
        return None
    return replace(unit, row=row)


async def _applied(
    store: Store, unit: Unit, header: LogHeader, content: bytes, roster: Roster
) -> Unit | None:
    """The unit after an entry that is no message; None for a kind that is read from scratch."""
    if header.kind is EntryKind.HEADS:
        charter = await load_charter(store, unit.unit_id, roster)
        return replace(unit, charter=charter, heads=decode(Heads, content))
    if header.kind is not EntryKind.COMMIT:
        return None
    staged = stage_commit(unit.public, content, now_s=header.accepted_at // 1000)
    view = unit.view(roster)
    row = replace(unit.row, accepted_at=UnixMillis(header.accepted_at))
    return replace(unit, row=row, public=staged.after, known=view.standing.after(staged))
