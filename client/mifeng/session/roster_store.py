"""The roster from the disk: by its snapshot, or verified once more (protocol.md, "Snapshots")."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mifeng.core.roster import SNAPSHOT, SNAPSHOT_EVERY, restore, snapshot
from mifeng.core.rows import number
from mifeng_crypto.ledger.roster import Roster

if TYPE_CHECKING:
    from mifeng.session.session import Session

__all__ = ["keep", "load"]


async def load(session: Session) -> None:
    """Read the roster by its last snapshot, or verify all of it once more."""
    database = session.home.database
    stored = await database.get(*SNAPSHOT)
    if stored is not None:
        session.snapshot_at = int.from_bytes(stored[:8], "big")
        rows = await database.scan("roster", after=number(max(session.snapshot_at, 1) - 1))
        session.roster = restore(stored, [value for _, value in rows])
    if session.roster is None:
        session.snapshot_at = 0
        entries = [value for _, value in await database.scan("roster")]
        session.roster = Roster.from_entries(entries) if entries else None


async def keep(session: Session) -> None:
    """Write a snapshot where the last one lies far back."""
    roster = session.roster
    if roster is not None and roster.head.sequence >= session.snapshot_at + SNAPSHOT_EVERY:
        await session.save(snapshot(roster))
        session.snapshot_at = roster.head.sequence
