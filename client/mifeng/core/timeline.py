"""One readable timeline out of a unit's log: edits, reactions and answers folded in (protocol.md,
"Timeline").

    entries, in the order of the log -> lines, each as it is now

The fold looks at nothing but the entries and their order, and each entry is folded once: so every
device has the same lines, whether it was there or catches up. References go by message id, a hash
that covers content, sender and unit; they reach back only, so that none can be circular. What
breaks a rule changes nothing: it is a line of its own, with its author and the rule.
"""

from __future__ import annotations

import bisect
import dataclasses
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mifeng.content import Message, Origin, decode
from mifeng.content.documents import (
    Announcement,
    ClosePoll,
    Confirmation,
    Decision,
    Document,
    Form,
    Poll,
    Reminder,
    Statement,
    Status,
    Vote,
    Withdrawal,
)
from mifeng.core.announcement import Announced
from mifeng.core.approval import Requested
from mifeng.core.entry import Entry
from mifeng.core.poll import Polled
from mifeng.core.rows import Condition, TimelineRecord
from mifeng_crypto.errors import CodecError, ProtocolError
from mifeng_crypto.ids import FileId, MemberId, UnitId, WorkspaceId
from mifeng_crypto.log import EntryKind

__all__ = ["EXPIRED", "NEWER", "Line", "Position", "State", "Timeline"]

EXPIRED = "expired"
NEWER = "needs a newer client"
RESPONSES_A_MINUTE = 300
"""Of one member: reactions, edits and the like. What comes above changes nothing (TIMELINE-4)."""
POSTS_A_MINUTE = 120
"""Of one member: what comes above is shown and calls nobody (`Line.is_quiet`)."""
REACTIONS_OF_ONE = 20
"""Different reactions of one member to one message."""
MINUTE = 60_000

ANSWERS = (Confirmation, Reminder, Vote, ClosePoll, Decision, Withdrawal)
"""Documents that are folded into what they answer."""

Reactions = Mapping[str, Mapping[MemberId, int]]


State = Announced | Polled | Requested
"""What has become of a document that others answer."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far a member says that the log was received, and read."""

    delivered: int
    read: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What stands at one place of the timeline, as it is now.

    Attributes:
        sequence: of the entry that put it there.
        id: the message id by which others refer to it; empty if they cannot.
        record: that entry, without its content.
        said: what it says now; None for what is no message, cannot be shown, or was deleted.
        files: those whose clock is this message's; others that it shows cannot be fetched.
        problem: why it is not shown: EXPIRED, NEWER, or what is wrong with it; else empty.
        rule: the id of the rule that it breaks, if that is what is wrong.
        reply_to: the line that it answers; 0 if none, or none that is here.
        edits: the entries that have changed it.
        is_deleted: whether its author has taken it back.
        reactions: for each emoji who has reacted so, in order, with the entry.
        answers: the lines that answer it or belong to its thread.
        is_quiet: whether its author writes so much that nobody is to be called by it.
        state: of an announcement, a poll or a form: who has answered what.
    """

    sequence: int
    record: TimelineRecord
    id: bytes = b""
    said: Message | None = None
    files: frozenset[FileId] = frozenset()
    problem: str = ""
    rule: str = ""
    reply_to: int = 0
    edits: tuple[int, ...] = ()
    is_deleted: bool = False
    reactions: Reactions = field(default_factory=dict)
    answers: tuple[int, ...] = ()
    is_quiet: bool = False
    state: State | None = None

    @property
    def author(self) -> MemberId:
        return self.record.member_id

    @property
    def is_message(self) -> bool:
        return self.record.kind is EntryKind.MESSAGE


@dataclass(slots=True)
class _Pace:
    """How much a member has posted and answered in the current minute of the log."""

    minute: int = -1
    posts: int = 0
    responses: int = 0


@dataclass(slots=True)
class Timeline:
    """The lines of one unit. `add` each entry once, in order."""

    workspace_id: WorkspaceId
    unit_id: UnitId
    sequence: int = 0
    """The last entry that was folded in."""
    positions: dict[MemberId, Position] = field(default_factory=dict)
    """How far others say that they have received and read, where the unit's policy asks it."""
    journal: list[int] = field(default_factory=list)
    """The lines that were new or changed, as it happened: whoever looks on remembers how far."""
    _lines: dict[int, Line] = field(default_factory=dict)
    _order: list[int] = field(default_factory=list)
    _by_id: dict[bytes, int] = field(default_factory=dict)
    _orphans: dict[tuple[bytes, MemberId], int] = field(default_factory=dict)
    """Messages of which only an edit is here: by what it replaces, and its author."""
    _reactions: dict[bytes, tuple[int, MemberId, str]] = field(default_factory=dict)
    _reacted: dict[tuple[int, MemberId, str], list[bytes]] = field(default_factory=dict)
    _paces: dict[MemberId, _Pace] = field(default_factory=dict)

    # -------------------------------------------------------------- asking

    def __len__(self) -> int:
        return len(self._order)

    def line(self, sequence: int) -> Line | None:
        """Return the line that an entry put there."""
        return self._lines.get(sequence)

    def lines(
        self,
        *,
        last: int | None = None,
        before: int | None = None,
        after: int = 0,
        first: int | None = None,
    ) -> list[Line]:
        """Return lines, oldest first.

        Args:
            last: only so many, from the end.
            before: only those before this sequence.
            after: only those behind this sequence.
            first: only so many, from the beginning.
        """
        start = bisect.bisect_right(self._order, after)
        end = len(self._order) if before is None else bisect.bisect_left(self._order, before)
        if first is not None:
            end = min(end, start + first)
        if last is not None:
            start = max(start, end - last)
        return [self._lines[sequence] for sequence in self._order[start:end]]

    def thread(self, sequence: int) -> list[Line]:
        """Return a message and all that answers it or belongs to its thread."""
        line = self._lines.get(sequence)
        if line is None:
            return []
        return [line, *(self._lines[answer] for answer in line.answers)]

    def root_of(self, line: Line) -> int:
        """Return the first message of a line's thread; 0 if it is in none, or that is not here."""
        topic = line.said.refers.topic_id if line.said else b""
        return self._by_id.get(topic, 0) if topic else 0

    def reaction_ids(self, sequence: int, member_id: MemberId, emoji: str) -> list[bytes]:
        """Return the ids of the messages by which a member has reacted so to a line."""
        return list(self._reacted.get((sequence, member_id, emoji), ()))

    # -------------------------------------------------------------- folding

    def extend(self, entries: Iterable[tuple[int, TimelineRecord]]) -> None:
        """Fold in entries that follow; those that were folded are passed over."""
        for sequence, record in entries:
            if sequence > self.sequence:
                self.add(sequence, record)

    def add(self, sequence: int, record: TimelineRecord) -> None:
        """Fold in the next entry."""
        assert sequence > self.sequence, "the log has one order, and each entry is folded once"
        self.sequence = sequence
        light = dataclasses.replace(record, content=b"", original=b"")
        line = Line(sequence=sequence, record=light)
        if record.kind is not EntryKind.MESSAGE:
            self._put(line)
        elif record.condition is not Condition.READ:
            problem = EXPIRED if record.condition is Condition.EXPIRED else record.reason
            self._put(dataclasses.replace(line, problem=problem, rule=_rule_in(problem)))
        else:
            origin = Origin(
                workspace_id=self.workspace_id, unit_id=self.unit_id, member_id=record.member_id
            )
            try:
                self._take(Entry(sequence, light, decode(record.content, origin=origin)))
            except (CodecError, ProtocolError) as err:
                rule = err.rule if isinstance(err, ProtocolError) else ""
                self._put(dataclasses.replace(line, problem=str(err), rule=rule))

    def _take(self, entry: Entry) -> None:
        said = entry.said
        if self._is_known(said.id):
            raise ProtocolError("TIMELINE-2", "a message is there twice; the first one counts")
        replaces, document = said.refers.replaces, said.document
        is_answer = said.reaction or isinstance(document, Status) or _answers(document)
        if replaces is None and not is_answer:
            if said.is_nothing:
                raise ProtocolError("TIMELINE-3", "a message without content deletes nothing")
            self._post(entry)
        elif not self._floods(entry):
            if isinstance(document, Status):
                self._move(entry, document)
            elif document is not None:
                self._answer(entry, document)
            elif replaces is None:
                self._react(entry)
            elif replaces in self._reactions:
                self._take_back(entry, replaces)
            else:
                self._replace(entry, replaces)

    # -------------------------------------------------------------- posts

    def _post(self, entry: Entry) -> None:
        said, refers = entry.said, entry.said.refers
        pace = self._pace(entry)
        pace.posts += 1
        self._by_id[said.id] = entry.sequence
        answered = self._by_id.get(refers.in_reply_to or b"", 0)
        line = Line(
            sequence=entry.sequence,
            record=entry.record,
            id=said.id,
            said=said,
            files=frozenset(entry.record.files),
            problem="" if said.is_known else NEWER,
            reply_to=answered if answered != entry.sequence else 0,
            is_quiet=pace.posts > POSTS_A_MINUTE,
            state=_state_of(entry),
        )
        above = {line.reply_to, self._by_id.get(refers.topic_id, 0)} - {0, entry.sequence}
        for sequence in sorted(above):
            root = self._lines[sequence]
            self._set(dataclasses.replace(root, answers=(*root.answers, entry.sequence)))
        self._put(line)

    # -------------------------------------------------------------- edits and deletes

    def _replace(self, entry: Entry, replaces: bytes) -> None:
        said, author = entry.said, entry.author
        sequence = self._by_id.get(replaces) or self._orphans.get((replaces, author))
        if sequence is None:
            self._without_original(entry, replaces)
            return
        line = self._lines[sequence]
        check_own(line.author, author)
        if line.is_deleted:
            return
        if said.is_nothing:
            if isinstance(line.state, Requested):
                raise ProtocolError("TIMELINE-3", "a form is withdrawn, and not deleted")
            line = dataclasses.replace(
                line,
                said=None,
                files=frozenset(),
                problem="",
                is_deleted=True,
                reactions={},
                state=None,
            )
        else:
            _check_is_editable(line, said)
            line = dataclasses.replace(
                line,
                said=said,
                files=line.files | frozenset(entry.record.files),
                edits=(*line.edits, entry.sequence),
            )
        self._by_id[said.id] = line.sequence
        self._set(line)

    def _without_original(self, entry: Entry, replaces: bytes) -> None:
        """The original is over, or from before this device was in: the edit stands for it."""
        said = entry.said
        if said.is_nothing or said.reaction:
            return
        self._orphans[replaces, entry.author] = self._by_id[said.id] = entry.sequence
        self._put(
            Line(
                sequence=entry.sequence,
                record=entry.record,
                id=said.id,
                said=said,
                files=frozenset(entry.record.files),
                problem="" if said.is_known else NEWER,
                edits=(entry.sequence,),
            )
        )

    # -------------------------------------------------------------- reactions

    def _react(self, entry: Entry) -> None:
        to = entry.said.refers.in_reply_to
        if to is None:
            raise ProtocolError("TIMELINE-3", "a reaction is to a message")
        sequence = self._by_id.get(to)
        if sequence is None or self._lines[sequence].is_deleted:
            return
        line, emoji, author = self._lines[sequence], entry.said.reaction, entry.author
        people = line.reactions.get(emoji, {})
        if author not in people:
            if sum(author in who for who in line.reactions.values()) >= REACTIONS_OF_ONE:
                return
            people = {**people, author: entry.sequence}
        self._reactions[entry.said.id] = held = sequence, author, emoji
        self._reacted.setdefault(held, []).append(entry.said.id)
        self._set(dataclasses.replace(line, reactions={**line.reactions, emoji: people}))

    def _take_back(self, entry: Entry, replaces: bytes) -> None:
        held = sequence, member, emoji = self._reactions[replaces]
        if not entry.said.is_nothing and not entry.said.reaction:
            raise ProtocolError("TIMELINE-3", "a reaction is taken back, or is another one")
        check_own(member, entry.author)
        for named in self._reacted.pop(held):
            del self._reactions[named]
        line = self._lines[sequence]
        if line.is_deleted:
            return
        left = {m: at for m, at in line.reactions.get(emoji, {}).items() if m != member}
        reactions = {e: who for e, who in line.reactions.items() if e != emoji}
        if left:
            reactions = {e: left if e == emoji else who for e, who in line.reactions.items()}
        self._set(dataclasses.replace(line, reactions=reactions))
        if entry.said.reaction:
            self._react(entry)

    # -------------------------------------------------------------- answers to documents

    def _answer(self, entry: Entry, document: Document) -> None:
        to = entry.said.refers.in_reply_to
        if to is None:
            raise ProtocolError("TIMELINE-3", "this answers something else than what it names")
        sequence = self._by_id.get(to)
        if sequence is None or self._lines[sequence].is_deleted:
            return
        line = self._lines[sequence]
        if line.state is None:
            raise ProtocolError("TIMELINE-3", "this answers something else than what it names")
        state = line.state.take(document, entry)
        self._set(dataclasses.replace(line, state=state))

    def _move(self, entry: Entry, status: Status) -> None:
        check_is_there(status, entry.sequence)
        before = self.positions.get(entry.author, Position(0, 0))
        self.positions[entry.author] = Position(
            max(before.delivered, status.delivered), max(before.read, status.read)
        )

    # -------------------------------------------------------------- small words

    def _put(self, line: Line) -> None:
        self._order.append(line.sequence)
        self._set(line)

    def _set(self, line: Line) -> None:
        self._lines[line.sequence] = line
        self.journal.append(line.sequence)

    def _is_known(self, named: bytes) -> bool:
        return named in self._by_id or named in self._reactions

    def _pace(self, entry: Entry) -> _Pace:
        pace = self._paces.setdefault(entry.author, _Pace())
        minute = entry.accepted_at // MINUTE
        if pace.minute != minute:
            pace.minute, pace.posts, pace.responses = minute, 0, 0
        return pace

    def _floods(self, entry: Entry) -> bool:
        """TIMELINE-4: nobody keeps everybody's screen busy by changing what is there.

        Returns:
            Whether to pass it over: only the first that is too much is shown, as such.

        Raises:
            ProtocolError: this is the first.
        """
        pace = self._pace(entry)
        pace.responses += 1
        if pace.responses == RESPONSES_A_MINUTE + 1:
            raise ProtocolError(
                "TIMELINE-4", "too much in too short a time; what follows changes nothing"
            )
        return pace.responses > RESPONSES_A_MINUTE


def check_own(author: MemberId, by: MemberId) -> None:
    """TIMELINE-1: only who has said something changes it.

    Raises:
        ProtocolError: it is somebody else's.
    """
    if author != by:
        raise ProtocolError(
            "TIMELINE-1", "only its author edits or deletes a message; nothing was changed"
        )


def check_is_there(status: Status, sequence: int) -> None:
    """TIMELINE-3: what somebody says to have received stands before that.

    Raises:
        ProtocolError: it does not.
    """
    if status.delivered >= sequence:
        raise ProtocolError("TIMELINE-3", "nobody receives what is not there yet")


def _rule_in(reason: str) -> str:
    """Return the id behind an error's sentence; what was refused on arrival is kept as that."""
    named = _RULE.search(reason)
    return named[1] if named else ""


_RULE = re.compile(r" \[([A-Z0-9]+-[0-9A-Za-z.-]+)\]$")


def _answers(document: Document | None) -> bool:
    body = document.body if isinstance(document, Statement) else document
    return isinstance(body, ANSWERS)


def _state_of(entry: Entry) -> State | None:
    document = entry.said.document
    match document.body if isinstance(document, Statement) else document:
        case Announcement():
            assert isinstance(document, Statement), "an announcement is in one"
            return Announced.of(document)
        case Form():
            assert isinstance(document, Statement), "a form is in one"
            return Requested.of(document)
        case Poll() as poll:
            return Polled(poll=poll, author=entry.author)
        case _:
            return None


def _check_is_editable(line: Line, said: Message) -> None:
    """TIMELINE-3: a text or file is edited by one; a document is not edited at all.

    Raises:
        ProtocolError: it is not so.
    """
    before = line.said
    if (
        before is None
        or not said.is_known
        or said.reaction
        or not (before.text or before.attachments)
        or before.document is not None
    ):
        raise ProtocolError("TIMELINE-3", "only texts and files are edited; post the rest anew")
