"""What this device does when the server asks it to commit for a unit (protocol.md, "Stewards").

It does what it would do before sending anyway, by its own ledgers: the request says where to look,
and nothing of what to find.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from mifeng.core.rows import UnitStatus
from mifeng_crypto.errors import MifengError
from mifeng_crypto.ids import UnitId

if TYPE_CHECKING:
    from mifeng.session.session import Session

__all__ = ["Steward", "commit_due"]


class Steward:
    """Commits beside the reader of the socket: one task a unit, however often it is asked."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._tasks: dict[UnitId, asyncio.Task[None]] = {}

    def ask(self, unit_id: UnitId) -> None:
        """Begin, unless this unit is being done already."""
        unit = self._session.units.get(unit_id)
        if unit is None or unit.status is not UnitStatus.ACTIVE or unit_id in self._tasks:
            return
        task = asyncio.create_task(commit_due(self._session, unit_id))
        self._tasks[unit_id] = task
        task.add_done_callback(lambda _: self._tasks.pop(unit_id))

    async def close(self) -> None:
        """Stop; a commit on its way is on the disk, and goes on when the profile is opened next."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def look_first(session: Session, unit_id: UnitId) -> None:
    """Catch up: nobody commits on what he has not seen."""
    await session.catch_up(unit_id)


async def commit_due(session: Session, unit_id: UnitId) -> None:
    """Catch up with a unit and commit what is due there; what keeps it from that is nobody's error.

    The unit's trouble is kept where its user finds it, and somebody else may do it instead.
    """
    from mifeng.session import delivery  # noqa: PLC0415 - it drives the session

    with contextlib.suppress(MifengError):
        async with session.turn(unit_id):
            session.forget_who_had_no_keys(unit_id)
            await look_first(session, unit_id)
            if session.units[unit_id].status is UnitStatus.ACTIVE:
                await delivery.bring_about(session, unit_id, renew=True)
