"""Remove somebody and see it through: this device's own units at once, the others by their stewards
(protocol.md, "Offboarding").
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from mifeng.core.offboarding import (
    OVERDUE_MS,
    Departure,
    State,
    compare,
    find_commit,
    removals,
)
from mifeng.core.rows import TimelineRecord, UnitStatus
from mifeng.session.session import Session
from mifeng.session.steward import commit_due
from mifeng_crypto.api import messages as m
from mifeng_crypto.ids import MemberId, UnixMillis
from mifeng_crypto.tls import decode

__all__ = ["Report", "removed_members", "report", "see_through"]

WAIT_S = 10.0
"""How long the stewards of other units are waited for."""
LOOK_AGAIN_S = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Where a former member still is.

    Attributes:
        member_id: who.
        removed_at: when the removal was signed.
        units: each unit that the person was in and that this device may know of.
        others_out: how many other units the server says the person has left.
        others_pending: how many other units still have the person, as the server says.
        is_overdue: whether somewhere the person is still in a day after the removal.
    """

    member_id: MemberId
    removed_at: UnixMillis
    units: tuple[Departure, ...]
    others_out: int
    others_pending: int
    is_overdue: bool

    @property
    def pending(self) -> int:
        """In how many units the person still is."""
        return sum(unit.state is State.PENDING for unit in self.units) + self.others_pending


async def removed_members(session: Session) -> dict[MemberId, UnixMillis]:
    """Return who was removed, and when, by the roster."""
    return removals([entry for _, entry in await session.home.database.scan("roster")])


async def report(session: Session, member_id: MemberId, *, removed_at: UnixMillis) -> Report:
    """Ask the server, and hold it against what this device has seen.

    Raises:
        ServerProblem: forbidden: only owners and admins may ask.
        TransportError: it was not reached.
    """
    with session.access():
        reply = await session.api.call(
            "offboarding", m.OffboardingReply, path={"member_id": member_id}
        )
    commits = {}
    for unit_id in session.units:
        rows = await session.home.database.scan("messages", unit_id)
        timeline = (
            (int.from_bytes(key[len(unit_id) :], "big"), decode(TimelineRecord, row))
            for key, row in rows
        )
        commit = find_commit(timeline, member_id)
        if commit is not None:
            commits[unit_id] = commit
    units = compare(member_id, session.units, commits, reply.units, session.known_roster)
    pending = reply.others_pending or any(unit.state is State.PENDING for unit in units)
    return Report(
        member_id=member_id,
        removed_at=removed_at,
        units=units,
        others_out=reply.others_out,
        others_pending=reply.others_pending,
        is_overdue=bool(pending) and session.now() - removed_at > OVERDUE_MS,
    )


async def see_through(session: Session, member_id: MemberId) -> Report:
    """Commit in this device's units, and wait a little for the stewards of the others.

    Raises:
        ServerProblem, TransportError: the report was not to be had; the removal stands.
    """
    removed_at = (await removed_members(session))[member_id]
    loop = asyncio.get_running_loop()
    until = loop.time() + WAIT_S
    mine = [u for u, unit in session.units.items() if unit.status is UnitStatus.ACTIVE]
    while True:
        await asyncio.gather(*(commit_due(session, unit_id) for unit_id in mine))
        told = await report(session, member_id, removed_at=removed_at)
        if not told.pending or loop.time() > until:
            return told
        mine = [
            unit.unit_id
            for unit in told.units
            if unit.state is State.PENDING and unit.unit_id in session.units
        ]
        await asyncio.sleep(LOOK_AGAIN_S)
