"""Read the roster from the disk: by the last snapshot, and what came after it entry by entry."""

from __future__ import annotations

from mifeng_crypto.errors import CodecError
from mifeng_crypto.ledger.roster import Roster, hash_entry
from mifeng_crypto.ledger.roster_entry import RosterEntry
from mifeng_crypto.ledger.roster_snapshot import from_snapshot, to_snapshot
from mifeng_crypto.tls import decode
from mifeng_server.domain.protocols import Store
from mifeng_server.domain.rows import Put, RosterRow, RosterSnapshotRow

__all__ = ["SNAPSHOT_EVERY", "load_roster"]

NAME = "roster"
PAGE = 1000
SNAPSHOT_EVERY = 1000
"""A start that has to verify more entries than this keeps what it found."""


async def load_roster(store: Store) -> Roster | None:
    """Return the roster; None before the workspace is founded.

    Raises:
        ProtocolError: an entry on the disk breaks a rule.
    """
    roster = await _restored(store)
    known = roster.head.sequence if roster else 0
    entries = await _entries_after(store, known)
    if roster is not None:
        roster = roster.extend(entries)
    elif entries:
        roster = Roster.from_entries(entries)
    if roster is not None and len(entries) > SNAPSHOT_EVERY:
        row = RosterSnapshotRow(NAME, roster.head.sequence, to_snapshot(roster))
        await store.write((Put(row),))
    return roster


async def _restored(store: Store) -> Roster | None:
    """The snapshot, if it is whole and ends in the entry that the roster has there."""
    kept = await store.get(RosterSnapshotRow, NAME)
    last = await store.get(RosterRow, kept.sequence) if kept is not None else None
    if kept is None or last is None:
        return None
    try:
        entry_hash = hash_entry(decode(RosterEntry, last.entry))
        return from_snapshot(kept.snapshot, last_entry_hash=entry_hash)
    except CodecError:
        return None


async def _entries_after(store: Store, after: int) -> list[bytes]:
    entries: list[bytes] = []
    while True:
        rows = await store.find(RosterRow, order="sequence", after=after, limit=PAGE)
        entries += [row.entry for row in rows]
        if len(rows) < PAGE:
            return entries
        after = rows[-1].sequence
