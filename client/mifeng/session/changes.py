"""What the roster says has happened, from the disk."""

from __future__ import annotations

from mifeng.core.changes import RosterChange, read_changes
from mifeng.core.rows import number
from mifeng.session.session import Session

__all__ = ["read"]


async def read(session: Session, *, after: int = 0) -> tuple[RosterChange, ...]:
    """Return the changes of the roster after a sequence, in order."""
    rows = await session.home.database.scan("roster", after=number(after))
    return read_changes((value for _, value in rows), session.known_roster, after=after)
