"""What was said in a unit, and hearing of what is said."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from mifeng.core.events import NewEntry, UnitLeft
from mifeng.core.rows import UnitStatus
from mifeng.core.timeline import Line, Timeline
from mifeng.core.unit import Unit as UnitState
from mifeng.errors import AccessEndedError, NotFoundError, UnitClosedError, WaitingError
from mifeng.sdk.governed import Governed
from mifeng.sdk.people import Person, person_from
from mifeng.sdk.values import Message, Reader, message_from
from mifeng_crypto.errors import MifengError

__all__ = ["Reading"]


class Reading(Governed):
    """The part of a unit's object that reads.

    Messages are named by an object of `Message`, or by their number in the unit's log.
    """

    @property
    def _state(self) -> UnitState:
        return self._session.units[self.id]

    def check_access(self) -> None:
        """Raise what keeps this unit from going on.

        Raises:
            AccessEndedError: this device is not in it any longer.
            ProtocolError: the server's log of it breaks a rule.
        """
        trouble = self._session.troubles.get(self.id)
        if trouble is not None:
            raise trouble
        if self._state.status in (UnitStatus.LEFT, UnitStatus.WAITING):
            raise self.why_not_in()

    def check_open(self) -> None:
        """Raise what keeps this unit from going on, or from taking anything more.

        Raises:
            UnitClosedError: it is over.
            MifengError: as `check_access`.
        """
        self.check_access()
        if self.is_closed:
            raise UnitClosedError("{unit} is closed; create a new unit", unit=self.title)

    def why_not_in(self) -> MifengError:
        """What to tell whoever wants something of a unit that this device is not in."""
        if self._state.status is UnitStatus.WAITING:
            return self._session.troubles.get(self.id) or WaitingError(
                "this device waits to be let into {unit} again; a member who is online does that",
                unit=self.title,
            )
        return self._session.troubles.get(self.id) or AccessEndedError(
            "you are no longer in {unit}; ask one of its managers", unit=self.title
        )

    # -------------------------------------------------------------- reading

    async def timeline(
        self,
        *,
        last: int | None = None,
        before: int | None = None,
        after: int = 0,
        first: int | None = None,
    ) -> list[Message]:
        """Return the lines that this device has: messages, and changes of members and keys.

        Edits, reactions and the like are folded into what they are about, so that numbers have
        gaps; those that break a rule are lines of their own, with a `problem`.

        Args:
            last: only so many, from the end.
            before: only those before this number: with `last`, the page above it.
            after: only those behind this number.
            first: only so many, from there on: the page below it.
        """
        timeline = await self._timeline()
        found = timeline.lines(last=last, before=before, after=after, first=first)
        return [self.show(line, timeline) for line in found]

    async def newest(self, entries: int) -> tuple[list[Message], bool]:
        """Return the lines of the last entries, at once, and whether they are as they will stay.

        A unit in which nobody has looked yet is not read to its beginning for it: lines may then
        miss what they answer further up, until `timeline` has read it all.
        """
        timeline, is_whole = await self._session.timelines.newest(self.id, entries)
        return [
            self.show(line, timeline)
            for line in timeline.lines(last=entries)
            if is_whole or line.sequence not in line.edits
        ], is_whole

    async def history(self, *, last: int | None = None) -> list[Message]:
        """Return the messages that this device has, oldest first.

        Args:
            last: only so many, from the end.
        """
        timeline = await self._timeline()
        found = [line for line in timeline.lines() if line.is_message]
        wanted = found if last is None else found[max(len(found) - last, 0) :]
        return [self.show(line, timeline) for line in wanted]

    async def message(self, number: int) -> Message:
        """Return one line, as it is now.

        Raises:
            NotFoundError: there is none of this number.
        """
        line, timeline = await self._find(number)
        return self.show(line, timeline)

    async def around(self, message: Message | int, *, span: int = 21) -> list[Message]:
        """Return a message, and the lines that stand before and behind it: to jump there.

        Args:
            message: which.
            span: how many lines in all, if there are so many.

        Raises:
            NotFoundError: there is no such message.
        """
        line, timeline = await self._find(message)
        behind = timeline.lines(after=line.sequence, first=span // 2)
        before = timeline.lines(last=span - 1 - len(behind), before=line.sequence)
        return [self.show(one, timeline) for one in (*before, line, *behind)]

    async def thread(self, message: Message | int) -> list[Message]:
        """Return a message and all that answers it or belongs to its thread, oldest first.

        Raises:
            NotFoundError: there is no such message.
        """
        line, timeline = await self._find(message)
        return [self.show(other, timeline) for other in timeline.thread(line.sequence)]

    async def messages(self, *, after: int = 0) -> AsyncGenerator[Message, None]:
        """Yield every message behind number `after`, then each new one as it arrives.

        Raises:
            AccessEndedError: this device is not in the unit any longer.
            MifengError: as `Workspace.events`.
        """
        async for line in self.follow(after=after):
            if line.kind == "message":
                yield line

    async def follow(self, *, after: int = 0) -> AsyncGenerator[Message, None]:
        """Like `messages`, with the changes of members and keys."""
        self.check_access()
        with self._session.live.listen() as events:  # first, so that nothing falls in between
            for message in await self.timeline():
                if message.sequence > after:
                    after = message.sequence
                    yield message
            async for event in events:
                if isinstance(event, UnitLeft) and event.unit_id == self.id:
                    self.check_access()
                if not isinstance(event, NewEntry) or event.unit_id != self.id:
                    continue
                if event.sequence > after:
                    after = event.sequence
                    timeline = await self._timeline()
                    line = timeline.line(event.sequence)
                    if line is not None:
                        yield self.show(line, timeline)

    async def changes(self) -> AsyncGenerator[Message, None]:
        """Yield each line that is new or has changed from now on, as it is then.

        Edits, deletions, reactions, answers and confirmations change a line.

        Raises:
            MifengError: as `follow`.
        """
        self.check_access()
        with self._session.live.listen() as events:
            before = await self._timeline()
            seen = len(before.journal)
            async for event in events:
                if isinstance(event, UnitLeft) and event.unit_id == self.id:
                    self.check_access()
                if not isinstance(event, NewEntry) or event.unit_id != self.id:
                    continue
                timeline = await self._timeline()
                if timeline is before:
                    changed = dict.fromkeys(timeline.journal[seen:])
                else:  # something has expired, and the rest was folded anew
                    changed = dict.fromkeys(
                        line.sequence
                        for line in timeline.lines()
                        if before.line(line.sequence) != line
                    )
                before, seen = timeline, len(timeline.journal)
                for sequence in changed:
                    line = timeline.line(sequence)
                    assert line is not None, "the journal names lines that are there"
                    yield self.show(line, timeline)

    # -------------------------------------------------------------- receipts

    async def mark_read(self, message: Message | int | None = None) -> None:
        """Say that all up to a message was read; None for all that is here.

        The unit is told only where its policy asks for receipts, and at most once a minute.

        Raises:
            MifengError: as `send`.
        """
        sequence = message if isinstance(message, int) else message.sequence if message else None
        read = self._state.log.sequence if sequence is None else sequence
        await self._session.timelines.receipts.mark(self.id, read)

    async def receipts(self, message: Message | int) -> tuple[list[Person], list[Person]]:
        """Return who says that he has read a message, and who that he has only received it.

        Raises:
            NotFoundError: there is no such message.
        """
        line, timeline = await self._find(message)
        read, received = list[Person](), list[Person]()
        for who, position in timeline.positions.items():
            person = person_from(who, self._session.people)
            if position.read >= line.sequence:
                read.append(person)
            elif position.delivered >= line.sequence:
                received.append(person)
        return read, received

    # -------------------------------------------------------------- inside

    async def _timeline(self) -> Timeline:
        return await self._session.timelines.of(self.id)

    def show(self, line: Line, timeline: Timeline) -> Message:
        """Return a line of this unit's timeline as a value."""
        session = self._session
        reader = Reader(
            session.profile.workspace_id,
            self.id,
            session.profile.member_id,
            session.profile.device_id,
            session.people,
            self._state.charter.role_of,
            session.now(),
        )
        return message_from(line, timeline, reader)

    async def _find(self, message: Message | int) -> tuple[Line, Timeline]:
        sequence = message if isinstance(message, int) else message.sequence
        timeline = await self._timeline()
        line = timeline.line(sequence)
        if line is None or not line.is_message:
            raise NotFoundError(
                "there is no message {n} in {unit}; see `mifeng read`",
                n=sequence,
                unit=self.title,
            )
        return line, timeline
