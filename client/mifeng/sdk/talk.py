"""Saying something in a unit."""

from __future__ import annotations

from mifeng import content
from mifeng.content import Attachment, Mention, Origin, Refers
from mifeng.content.documents import (
    Document,
    Statement,
    StatementBody,
    StatementTBS,
    is_answer,
    sign_statement,
)
from mifeng.core.timeline import Line, Timeline
from mifeng.errors import NotFoundError, ReadOnlyError
from mifeng.sdk.outgoing import Outgoing
from mifeng.sdk.values import Message, Person
from mifeng.session import delivery
from mifeng_crypto.errors import ProtocolError, UsageError
from mifeng_crypto.gate import MAY_COMMENT, MAY_POST
from mifeng_crypto.ids import PROTOCOL_VERSION
from mifeng_crypto.ledger.charter_entry import UnitRole

__all__ = ["Talk", "check_own"]


class Talk(Outgoing):
    """The part of a unit's object that writes."""

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
            ReadOnlyError: one may read and react here, and not post; or not comment either.
            NotFoundError: there is no such message.
            TransportError: the server was not reached; the text is kept and goes out later.
            ServerProblem: the server refuses it; it is not kept.
            ProtocolError: CONTENT-1, it is too long.
        """
        refers = await self._refers(reply_to, thread)
        self.check_may_post(comments=refers is not None and bool(refers.topic_id))
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

    def check_may_post(self, *, comments: bool = False) -> None:
        """Raise what keeps one from posting here, or from commenting in a thread.

        Raises:
            AccessEndedError: the charter grants one no role any more.
            ReadOnlyError: one's role, by the unit's policy.
            MifengError: as `check_open`.
        """
        self.check_open()
        role = self._state.charter.role_of(self._session.profile.member_id)
        if role is None:  # the log has not brought the Remove yet
            raise self.why_not_in()
        posting = self.policy.posting
        if role in (MAY_COMMENT if comments else MAY_POST)[posting]:
            return
        if role in MAY_COMMENT[posting]:
            raise ReadOnlyError(
                "you may read here, react, confirm and answer in threads, and not begin one; "
                "ask a manager of {unit}",
                unit=self.title,
            )
        raise ReadOnlyError(
            "you may read here, react and confirm, and not post; ask a manager of {unit}",
            unit=self.title,
        )

    def _state_as(self, body: StatementBody, subject: bytes | None = None) -> Statement:
        """Sign a statement of this device in this unit.

        Raises:
            UsageError: its body exceeds a limit.
        """
        check_own(body)  # what does not fit cannot even be encoded, to be signed
        session, profile = self._session, self._session.profile
        tbs = StatementTBS(
            version=PROTOCOL_VERSION,
            workspace_id=profile.workspace_id,
            unit_id=self.id,
            member_id=profile.member_id,
            device_id=profile.device_id,
            time=session.now(),
            subject=subject,
            body=body,
        )
        return sign_statement(tbs, profile.signature_key)

    async def _say(
        self, document: Document, *attachments: Attachment, to: Line | None = None
    ) -> int:
        """Send a document, as an answer to a line or by itself."""
        if not is_answer(document):
            self.check_may_post()
        check_own(document)
        said = content.encode_work(
            document,
            *attachments,
            origin=self._origin,
            rng=self._session.rng,
            refers=Refers(in_reply_to=to.id if to else None),
        )
        return await self._send(said, tuple(attachments))

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
            line, timeline = await self._find(thread)
            if not _has_begun(line, timeline):  # what was taken back may have begun one before
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
        return self.show(line, timeline)

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


def check_own(document: Document | StatementBody) -> None:
    """Look at a document of one's own before it is sent.

    Raises:
        UsageError: it exceeds a limit (CONTENT-5), and its readers would refuse it.
    """
    try:
        document.check()
    except ProtocolError as err:
        raise UsageError(str(err.values["what"])) from err


def _has_begun(line: Line, timeline: Timeline) -> bool:
    """Whether a thread goes on from this message."""
    answers = (timeline.line(sequence) for sequence in line.answers)
    return any(one and one.said and one.said.refers.topic_id == line.id for one in answers)


def _check_can_be_answered(line: Line) -> None:
    if not line.id or line.is_deleted:
        raise UsageError("this message cannot be referred to: it is over, or was deleted")
