"""What this device has that the others do not have yet: begun, on its way, or refused."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from mifeng.core import outbox
from mifeng.core.rows import draft_row, number
from mifeng.core.timeline import Timeline
from mifeng.core.unit import OutboxItem
from mifeng.errors import NotFoundError, ServerProblem
from mifeng.sdk.reading import Reading
from mifeng.sdk.values import Message
from mifeng.session import delivery
from mifeng_crypto.api.problems import ProblemCode

__all__ = ["Outgoing", "Unsent"]

CODES = {code.code: code for code in ProblemCode}


@dataclass(frozen=True, slots=True)
class Unsent:
    """A message that was kept, and that the server does not take.

    `message` has the sequence 0; None for what would be no line, such as a reaction.
    """

    number: int
    message: Message | None
    why: ServerProblem


class Outgoing(Reading):
    """The part of a unit's object that shows what has not come about yet."""

    def outgoing(self) -> list[Message]:
        """Return the messages that have not reached the server yet, in order; number 0.

        What will be no line of its own, such as a reaction, is left out.
        """
        waiting = (item for item in self._state.outbox if not item.record.refused)
        return [line for item in waiting if (line := self._as_line(item)) is not None]

    def unsent(self) -> list[Unsent]:
        """Return what the server refused after it had been kept, in order."""
        found = []
        for item in self._state.outbox:
            if item.record.refused:
                code = CODES.get(item.record.refused)
                status = code.status if code else int(item.record.refused)
                why = ServerProblem(status, code, detail=item.record.detail)
                found.append(Unsent(item.number, self._as_line(item), why))
        return found

    async def send_again(self, number: int) -> None:
        """Send once more what was refused, as it is.

        Args:
            number: of an `Unsent`.

        Raises:
            NotFoundError: nothing of that number was refused.
            ServerProblem: it is refused again; it stays.
            MifengError: as `send`.
        """
        self.check_open()
        async with self._session.turn(self.id):
            await self._session.save_unit(outbox.again(self._state, self._refused(number)))
            await delivery.deliver(self._session, self.id, mine=())
        again = next((one for one in self.unsent() if one.number == number), None)
        if again is not None:
            raise again.why

    async def discard(self, number: int) -> None:
        """Forget what was refused.

        Args:
            number: of an `Unsent`.

        Raises:
            NotFoundError: nothing of that number was refused.
        """
        async with self._session.turn(self.id):
            await self._session.save_unit(outbox.drop(self._state, self._refused(number)))

    async def draft(self, thread: int = 0) -> str:
        """Return what was begun here and not sent; empty if there is none, or its time is over.

        Args:
            thread: the sequence of what began the thread that it is for; 0 for none.
        """
        kept = await self._session.home.database.get("drafts", self.id + number(thread))
        return (kept or b"").decode()

    async def keep_draft(self, text: str, thread: int = 0) -> None:
        """Keep what was begun, for as long as a message of now is kept; an empty one goes.

        In a strict unit it is not kept: nothing is read there without the server.

        Args:
            text: what was written so far.
            thread: as for `draft`.
        """
        session = self._session
        now = session.clock.ticked(now=session.wall(), uptime_ms=0).effective
        row = draft_row(self.id, text, self.policy, now=now)
        await session.save({("drafts", self.id + number(thread)): row})

    def _refused(self, number: int) -> OutboxItem:
        for item in self._state.outbox:
            if item.number == number and item.record.refused:
                return item
        raise NotFoundError("no such message was refused; look at what there is")

    def _as_line(self, item: OutboxItem) -> Message | None:
        profile = self._session.profile
        timeline = Timeline(profile.workspace_id, self.id)
        timeline.add(1, outbox.as_if_sent(item.record, profile))
        for line in timeline.lines():
            return dataclasses.replace(self.show(line, timeline), sequence=0)
        return None
