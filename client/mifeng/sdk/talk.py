"""What is said in a unit: reading, writing, and hearing of it."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncGenerator

from mifeng import content
from mifeng.content import Attachment, Mention, Origin, Refers
from mifeng.core.events import NewEntry, UnitLeft
from mifeng.core.outbox import as_if_sent
from mifeng.core.rows import UnitStatus
from mifeng.core.timeline import Line, Timeline
from mifeng.core.unit import Unit as UnitState
from mifeng.errors import AccessEndedError, NotFoundError, UnitClosedError
from mifeng.sdk.governed import Governed
from mifeng.sdk.values import Message, Person, Reader, message_from
from mifeng.session import delivery
from mifeng_crypto.errors import MifengError, UsageError
from mifeng_crypto.ledger.charter_entry import UnitRole

__all__ = ["Talk", "no_progress"]


def no_progress(_done: int, _total: int) -> None:
    """The default of `progress`: nobody looks."""


class Talk(Governed):
    """The base of `Unit`: all that is about messages.

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
        if self._state.status is UnitStatus.LEFT:
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
        return [self._show(line, timeline) for line in found]

    async def history(self, *, last: int | None = None) -> list[Message]:
        """Return the messages that this device has, oldest first.

        Args:
            last: only so many, from the end.
        """
        timeline = await self._timeline()
        found = [line for line in timeline.lines() if line.is_message]
        wanted = found if last is None else found[max(len(found) - last, 0) :]
        return [self._show(line, timeline) for line in wanted]

    async def message(self, number: int) -> Message:
        """Return one line, as it is now.

        Raises:
            NotFoundError: there is none of this number.
        """
        line, timeline = await self._find(number)
        return self._show(line, timeline)

    async def thread(self, message: Message | int) -> list[Message]:
        """Return a message and all that answers it or belongs to its thread, oldest first.

        Raises:
            NotFoundError: there is no such message.
        """
        line, timeline = await self._find(message)
        return [self._show(other, timeline) for other in timeline.thread(line.sequence)]

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
                        yield self._show(line, timeline)

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
                    yield self._show(line, timeline)

    def outgoing(self) -> list[Message]:
        """Return the messages that have not reached the server yet, in order; number 0.

        What will be no line of its own, such as a reaction, is left out.
        """
        profile = self._session.profile
        found = []
        for item in self._state.outbox:
            timeline = Timeline(profile.workspace_id, self.id)
            timeline.add(1, as_if_sent(item.record, profile))
            found += [
                dataclasses.replace(self._show(line, timeline), sequence=0)
                for line in timeline.lines()
            ]
        return found

    # -------------------------------------------------------------- writing

    async def send(
        self,
        text: str,
        *,
        reply_to: Message | int | None = None,
        thread: Message | int | None = None,
    ) -> Message:
        """Send a text, in Markdown. When this returns, the server has it on its disk.

        Args:
            text: what to say; `mention` writes whom it calls.
            reply_to: the message that it answers.
            thread: any message of the thread in which it is to stand, or the one that begins it.

        Raises:
            AccessEndedError: this device is not in the unit any longer.
            NotFoundError: there is no such message.
            TransportError: the server was not reached; the text is kept and goes out later.
            ServerProblem: the server refuses it; it is not kept.
            ProtocolError: CONTENT-1, it is too long.
        """
        refers = await self._refers(reply_to, thread)
        rng = self._session.rng
        said = content.encode_text(text, origin=self._origin, rng=rng, refers=refers)
        return await self._post(said)

    async def edit(self, message: Message | int, text: str) -> Message:
        """Change what one has said, and return the line as it is then. Its files stay.

        Raises:
            UsageError: it is somebody else's, or no text.
            MifengError: as `send`.
        """
        line, _ = await self._own(message)
        said = line.said
        if said is None or not said.is_known:
            raise UsageError("only texts and files are edited; send a new message")
        refers = Refers(
            replaces=line.id, in_reply_to=said.refers.in_reply_to, topic_id=said.refers.topic_id
        )
        told = {"origin": self._origin, "rng": self._session.rng, "refers": refers}
        kept = said.attachments
        await self._send(
            content.encode_file(*kept, caption=text, **told)  # type: ignore[arg-type]
            if kept
            else content.encode_text(text, **told)  # type: ignore[arg-type]
        )
        return await self.message(line.sequence)

    async def delete(self, message: Message | int) -> Message:
        """Take back what one has said: from then on nobody is shown it.

        Raises:
            UsageError: it is somebody else's.
            MifengError: as `send`.
        """
        line, _ = await self._own(message)
        await self._take_back(line.id, None, of_reaction=False)
        return await self.message(line.sequence)

    async def react(self, message: Message | int, emoji: str) -> Message:
        """React to a message, and return it as it is then.

        Raises:
            ProtocolError: CONTENT-3, it is no emoji or word.
            MifengError: as `send`.
        """
        line, _ = await self._find(message)
        _check_can_be_answered(line)
        said = content.encode_reaction(emoji, line.id, origin=self._origin, rng=self._session.rng)
        await self._send(said)
        return await self.message(line.sequence)

    async def unreact(self, message: Message | int, emoji: str) -> Message:
        """Take one's reaction back.

        Raises:
            NotFoundError: there is none.
            MifengError: as `send`.
        """
        line, timeline = await self._find(message)
        ids = timeline.reaction_ids(line.sequence, self._session.profile.member_id, emoji)
        if not ids:
            raise NotFoundError("you have not reacted so; see `mifeng read`")
        await self._take_back(ids[0], line.id, of_reaction=True)
        return await self.message(line.sequence)

    def mention(self, who: Person | UnitRole | None = None) -> str:
        """Return the Markdown that calls somebody in a text.

        Args:
            who: a person; everybody with a role in the unit; or None for all.
        """
        if isinstance(who, Person):
            return Mention(member_id=who.id).link(who.name, self._origin)
        label = who.name.lower() if who is not None else "all"
        return Mention(role=who).link(label, self._origin)

    # -------------------------------------------------------------- inside

    async def _timeline(self) -> Timeline:
        return await self._session.timelines.of(self.id)

    def _show(self, line: Line, timeline: Timeline) -> Message:
        session = self._session
        reader = Reader(
            session.profile.workspace_id,
            self.id,
            session.profile.member_id,
            session.people,
            self._state.charter.role_of,
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

    async def _own(self, message: Message | int) -> tuple[Line, Timeline]:
        line, timeline = await self._find(message)
        if line.author != self._session.profile.member_id:
            raise UsageError("this message is somebody else's; only its author can do that")
        _check_can_be_answered(line)
        return line, timeline

    async def _refers(
        self, reply_to: Message | int | None, thread: Message | int | None
    ) -> Refers | None:
        if reply_to is None and thread is None:
            return None
        answered, topic = None, b""
        if reply_to is not None:
            line, _ = await self._find(reply_to)
            _check_can_be_answered(line)
            answered = line.id
            topic = line.said.refers.topic_id if line.said else b""
        if thread is not None:
            line, _ = await self._find(thread)
            _check_can_be_answered(line)
            topic = (line.said.refers.topic_id if line.said else b"") or line.id
        return Refers(in_reply_to=answered, topic_id=topic)

    async def _take_back(
        self, named: bytes, in_reply_to: bytes | None, *, of_reaction: bool
    ) -> None:
        said = content.encode_nothing(
            named,
            in_reply_to=in_reply_to,
            of_reaction=of_reaction,
            origin=self._origin,
            rng=self._session.rng,
        )
        await self._send(said)

    async def _post(self, said: bytes, files: tuple[Attachment, ...] = ()) -> Message:
        """Send what is a line of its own, and return that."""
        sequence = await self._send(said, files)
        timeline = await self._timeline()
        line = timeline.line(sequence)
        assert line is not None, "what was delivered is in the timeline"
        return self._show(line, timeline)

    async def _send(self, said: bytes, files: tuple[Attachment, ...] = ()) -> int:
        self.check_open()
        ids = tuple(attachment.file_id for attachment in files)
        return await delivery.post(self._session, self.id, said, files=ids)

    @property
    def _origin(self) -> Origin:
        profile = self._session.profile
        return Origin(
            workspace_id=profile.workspace_id, unit_id=self.id, member_id=profile.member_id
        )


def _check_can_be_answered(line: Line) -> None:
    if not line.id or line.is_deleted:
        raise UsageError("this message cannot be referred to: it is over, or was deleted")
