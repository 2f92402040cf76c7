"""One day before a file is over, whoever has not fetched it is told, once.

Whether one has, also with another device, is what the server says (`readers`).
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from mifeng.core import notices
from mifeng.core.events import FileEnding
from mifeng.core.notices import Ending
from mifeng.errors import ServerProblem
from mifeng_crypto.api import messages as m
from mifeng_crypto.api.problems import ProblemCode
from mifeng_crypto.errors import MifengError
from mifeng_crypto.ids import UnitId

if TYPE_CHECKING:
    from mifeng.session.session import Session

__all__ = ["Watch", "not_fetched"]

NOTICED = ("profile", b"noticed")
"""Which files somebody was told about: their ids, one behind the other."""
FIRST_S = 10.0
"""Before the first look, which goes through all that is live in all units: the beginning belongs to
whoever waits for the screen."""
LOOK_S = 600.0
ID_BYTES = 16


async def not_fetched(session: Session, unit_id: UnitId) -> list[Ending]:
    """Return the files of a unit that end within a day, and that this member has not fetched.

    Raises:
        TransportError, ServerProblem: the server cannot be asked.
    """
    timeline = await session.timelines.of(unit_id)
    me = session.profile.member_id
    found = notices.ending(timeline, me=me, now=session.effective())
    return [one for one in found if not await _is_fetched(session, one)]


async def _is_fetched(session: Session, one: Ending) -> bool:
    try:
        reply = await session.api.call(
            "readers", m.ReadersReply, path={"file_id": one.attachment.file_id}
        )
    except ServerProblem as err:
        if err.code in (ProblemCode.NOT_FOUND, ProblemCode.GONE):
            return True  # there is nothing to fetch any more
        raise
    return session.profile.member_id in reply.member_ids


class Watch:
    """Tells of files that end, for as long as the device is online."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, once."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="notices")

    async def _run(self) -> None:
        await asyncio.sleep(FIRST_S)
        while True:
            with contextlib.suppress(MifengError):  # the line, or the disk: again in ten minutes
                await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Tell of what ends within a day and was not told yet."""
        session = self._session
        kept = await session.home.database.get(*NOTICED) or b""
        before = {kept[at : at + ID_BYTES] for at in range(0, len(kept), ID_BYTES)}
        now = dict[bytes, FileEnding]()
        for unit_id in list(session.units):
            for one in await not_fetched(session, unit_id):
                file, sequence = one.attachment, one.line.sequence
                now[file.file_id] = FileEnding(
                    unit_id, sequence, file.file_id, file.name, one.until
                )
        if now.keys() != before:  # saved, then told: not twice
            await session.save({NOTICED: b"".join(sorted(now)) or None})
        for file_id in now.keys() - before:
            session.tell(now[file_id])

    async def close(self) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
