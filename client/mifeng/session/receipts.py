"""How far this member has read, told to a unit whose policy asks for it (protocol.md, "Notices").

One position for all that was read, at most once a minute, and only when there is something of
others beyond the last one: what anybody sends cannot make this device answer.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from mifeng import content
from mifeng.content import Origin
from mifeng.content.documents import Status
from mifeng.core.timeline import Position, Timeline
from mifeng_crypto.errors import MifengError
from mifeng_crypto.ids import UnitId
from mifeng_crypto.ledger.policy import Receipts as Asked

if TYPE_CHECKING:
    from mifeng.session.session import Session

__all__ = ["PAUSE_S", "Receipts", "position"]

PAUSE_S = 60.0
"""Between two statuses of one device in one unit."""


class Receipts:
    """What this device has to tell the units of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._sent: dict[UnitId, tuple[float, Position]] = {}
        self._waiting: dict[UnitId, asyncio.Task[None]] = {}
        self._read: dict[UnitId, int] = {}

    async def mark(self, unit_id: UnitId, read: int) -> None:
        """Everything up to `read` was shown to this member."""
        unit = self._session.units[unit_id]
        if unit.charter.policy.receipts is not Asked.ON:
            return
        self._read[unit_id] = max(read, self._read.get(unit_id, 0))
        if unit_id in self._waiting:
            return
        last, _ = self._sent.get(unit_id, (-PAUSE_S, None))
        pause = last + PAUSE_S - asyncio.get_running_loop().time()
        if pause <= 0:
            await self._send(unit_id)
        else:
            self._waiting[unit_id] = asyncio.create_task(self._later(unit_id, pause))

    async def close(self) -> None:
        """Tell nothing more."""
        for task in self._waiting.values():
            task.cancel()
        await asyncio.gather(*self._waiting.values(), return_exceptions=True)

    async def _later(self, unit_id: UnitId, pause: float) -> None:
        await asyncio.sleep(pause)
        del self._waiting[unit_id]
        with contextlib.suppress(MifengError):  # the next one says it too
            await self._send(unit_id)

    async def _send(self, unit_id: UnitId) -> None:
        from mifeng.session import delivery  # noqa: PLC0415 - it drives what owns this

        session, me = self._session, self._session.profile.member_id
        timeline = await session.timelines.of(unit_id)
        now = position(timeline, self._read[unit_id], me=me)
        _, told = self._sent.get(unit_id, (0.0, timeline.positions.get(me, Position(0, 0))))
        if (now.delivered, now.read) <= (told.delivered, told.read):
            return
        self._sent[unit_id] = asyncio.get_running_loop().time(), now
        origin = Origin(workspace_id=session.profile.workspace_id, unit_id=unit_id, member_id=me)
        status = Status(now.delivered, now.read)
        said = content.encode_work(status, origin=origin, rng=session.rng)
        await delivery.post(session, unit_id, said)


def position(timeline: Timeline, read: int, *, me: bytes) -> Position:
    """Return how far the posts of others were received, and read up to `read`."""
    posts = [line.sequence for line in timeline.lines() if line.is_message and line.author != me]
    delivered = posts[-1] if posts else 0
    return Position(delivered, max((n for n in posts if n <= read), default=0))
