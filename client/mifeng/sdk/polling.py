"""Polls of a unit: ask, vote, close."""

from __future__ import annotations

import datetime as dt

from mifeng.content.documents import ClosePoll, Vote
from mifeng.content.documents import Poll as PollBody
from mifeng.content.documents.poll import MAX_CHOICES, Choose
from mifeng.core.arrival import people_in
from mifeng.core.poll import Polled
from mifeng.core.timeline import Line
from mifeng.sdk.announcing import Announcing
from mifeng.sdk.values import Message
from mifeng_crypto.errors import UsageError
from mifeng_crypto.ids import UnixMillis

__all__ = ["Polling"]


class Polling(Announcing):
    """What a unit's object has of polls."""

    async def ask(
        self,
        question: str,
        *choices: str,
        several: bool = False,
        closes_at: dt.datetime | None = None,
    ) -> Message:
        """Ask everybody who is in the unit now. Who votes for what is known to all members.

        Args:
            question: one line.
            choices: two to fifty.
            several: whether a vote may be for more than one.
            closes_at: from when on no vote counts; None for no such time.

        Raises:
            UsageError: a text is too long or not printable, a choice is there twice, or there are
                fewer than two or more than fifty.
            MifengError: as `send`.
        """
        if not 2 <= len(choices) <= MAX_CHOICES:
            raise UsageError("a poll has 2 to {most} choices", most=MAX_CHOICES)
        body = PollBody(
            question=question,
            choices=tuple(choices),
            choose=Choose.SEVERAL if several else Choose.ONE,
            closes_at=UnixMillis(int(closes_at.timestamp() * 1000)) if closes_at else None,
            voters=people_in(self._state.view(self._session.known_roster)),
        )
        return await self.message(await self._say(body))

    async def vote(self, message: Message | int, *choices: int) -> Message:
        """Vote in a poll; the last vote counts, and one for nothing takes it back.

        Args:
            message: the poll.
            choices: their places, from 1 on.

        Raises:
            UsageError: it is no poll, is closed, or these are none of its choices.
            MifengError: as `send`.
        """
        line, state = await self._polled(message)
        if not state.is_open(self._session.now()):
            raise UsageError("this poll is closed")
        if self._session.profile.member_id not in state.poll.voters:
            raise UsageError("this was asked before you came in; you have no vote")
        places = sorted({choice - 1 for choice in choices})
        too_many = state.poll.choose is Choose.ONE and len(places) > 1
        if too_many or any(not 0 <= place < len(state.poll.choices) for place in places):
            raise UsageError(
                "choose one of 1 to {n}; or several, if the poll says so", n=len(state.poll.choices)
            )
        await self._say(Vote(tuple(places)), to=line)
        return await self.message(line.sequence)

    async def close_poll(self, message: Message | int) -> Message:
        """End a poll of one's own.

        Raises:
            UsageError: it is none, or somebody else's.
            MifengError: as `send`.
        """
        line, state = await self._polled(message)
        if state.author != self._session.profile.member_id:
            raise UsageError("only its author closes a poll")
        if state.closed_at is None:
            await self._say(ClosePoll(), to=line)
        return await self.message(line.sequence)

    async def _polled(self, message: Message | int) -> tuple[Line, Polled]:
        line, _ = await self._find(message)
        if not isinstance(line.state, Polled):
            raise UsageError("number {n} is no poll", n=line.sequence)
        return line, line.state
