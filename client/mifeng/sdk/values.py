"""People, messages and files, as an application sees them. Plain values, read from the timeline."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mifeng.content import Attachment, Mention, Origin, with_names
from mifeng.content.file_name import shortened
from mifeng.content.preview import Preview
from mifeng.core.announcement import Announced
from mifeng.core.approval import Requested
from mifeng.core.people import People
from mifeng.core.poll import Polled
from mifeng.core.timeline import Line, Timeline
from mifeng.sdk.documents import (
    Announcement,
    Approval,
    HandedOver,
    Poll,
    Show,
    handed_over_in,
    notice_of,
    show_announcement,
    show_approval,
    show_poll,
)
from mifeng.sdk.people import Person, person_from
from mifeng_crypto.ids import DeviceId, MemberId, UnitId, UnixMillis, WorkspaceId
from mifeng_crypto.ledger.charter_entry import UnitRole
from mifeng_crypto.log import EntryKind, NeedsReadd
from mifeng_crypto.tls import decode

__all__ = [
    "Archive",
    "DeviceChange",
    "Expired",
    "File",
    "Membership",
    "Message",
    "Person",
    "Reaction",
    "Reader",
    "SharedFile",
    "message_from",
    "person_from",
]


@dataclass(frozen=True, slots=True)
class Membership:
    """A person in a unit.

    `is_in` says whether the group has a device of theirs already; None where that is not known,
    because this device is not in it itself.
    """

    person: Person
    role: UnitRole
    is_in: bool | None


@dataclass(frozen=True, slots=True)
class Archive:
    """Something that keeps what is said in a unit, from `since` on."""

    person: Person
    since: UnixMillis


@dataclass(frozen=True, slots=True)
class DeviceChange:
    """Somebody who is in a unit has another device, or one less.

    Attributes:
        person: whose.
        kind: `add_device`; `revoke_device`; or `recover`: back by the recovery sheet, on a new
            device, and all older ones are out.
        change: the roster's entry that says so; `Workspace.changes` has its author and time.
    """

    person: Person
    kind: str
    change: int


@dataclass(frozen=True, slots=True)
class File:
    """A file that a message shows; `Unit.download` fetches it.

    Attributes:
        attachment: what the message says of it.
        until: when that message will be gone; None while no message shows it.
    """

    attachment: Attachment
    until: dt.datetime | None = None

    @property
    def id(self) -> bytes:
        return self.attachment.file_id

    @property
    def name(self) -> str:
        """What its sender calls it; of a name that fills a screen the beginning and the end."""
        return shortened(self.attachment.name)

    @property
    def size(self) -> int:
        """Bytes of the file itself."""
        return self.attachment.size

    @property
    def content_type(self) -> str:
        """By its content, as its sender's device saw it."""
        return self.attachment.content_type

    @property
    def preview(self) -> Preview:
        """Size in pixels, duration, pages and a small picture, where they are known."""
        return self.attachment.preview


@dataclass(frozen=True, slots=True)
class SharedFile:
    """A live file of a unit.

    Attributes:
        file: the file.
        message: the message that shows it last: its clock is the file's.
        until: when it will be gone.
        readers: who has fetched it, as the server says; None where it was not asked.
    """

    file: File
    message: Message
    until: dt.datetime
    readers: tuple[Person, ...] | None = None


@dataclass(frozen=True, slots=True)
class Reaction:
    """An emoji, and who has reacted with it, in order."""

    emoji: str
    people: tuple[Person, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A line of a unit's timeline, as it is now.

    Attributes:
        unit_id: where it is.
        sequence: its place in the unit's log; it is called by it.
        epoch: the MLS epoch in which it was made.
        kind: `message`; or `commit` (keys or membership changed), `heads` (ledgers moved), `readd`
            (a device of the sender's cannot go on, and is to be let in again).
        time: when the server accepted it.
        sender: who wrote it, by signature; None for `heads`, which the server writes.
        id: the MIMI message id.
        text: what it says, in Markdown, as its sender wrote it; see `readable`.
        readable: the same with the names of who is mentioned, as this device knows them.
        files: what it shows.
        until: when its content will be gone.
        mentions: whom it calls, by name; `calls_me` whether that is this member.
        reply_to: the sequence of the message that it answers; 0 if none that is here.
        thread: the sequence of the first message of its thread; 0 if it is in none.
        answers: the sequences of those that answer it or belong to its thread.
        reactions: with whom.
        is_edited, is_deleted: by its sender; nobody else can.
        is_mine: whether this member wrote it.
        is_quiet: its sender floods the unit: it is shown, and should notify nobody.
        announcement, poll, approval: what it is, if it is one; then it has no `text`.
        notice: what it only tells of: `exported`, `profile` (the unit is called something else),
            `template` or `history`; else empty.
        history: what was handed over, if it tells of that.
        problem: why it cannot be shown; empty otherwise. `rule` is the rule that it breaks.
        size: bytes that the server stores for it.
        added: people whom it let in.
        removed: people whom it took out.
        devices: of a `heads`, what has become of the devices of people in the unit.
        stuck: of a `readd`, the sequence of the commit that the device cannot process; 0 if it has
            lost its keys.
        author: who made that commit.
    """

    unit_id: UnitId
    sequence: int
    epoch: int
    kind: str
    time: dt.datetime
    sender: Person | None
    id: bytes = b""
    text: str = ""
    readable: str = ""
    files: tuple[File, ...] = ()
    until: dt.datetime | None = None
    mentions: tuple[str, ...] = ()
    calls_me: bool = False
    reply_to: int = 0
    thread: int = 0
    answers: tuple[int, ...] = ()
    reactions: tuple[Reaction, ...] = ()
    is_edited: bool = False
    is_deleted: bool = False
    is_mine: bool = False
    is_quiet: bool = False
    announcement: Announcement | None = None
    poll: Poll | None = None
    approval: Approval | None = None
    notice: str = ""
    history: HandedOver | None = None
    problem: str = ""
    rule: str = ""
    size: int = 0
    added: tuple[Person, ...] = ()
    removed: tuple[Person, ...] = ()
    devices: tuple[DeviceChange, ...] = ()
    stuck: int = 0
    author: Person | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired:
    """What is over, and has been destroyed on this device; falsy if that is nothing."""

    messages: int
    files: int

    def __bool__(self) -> bool:
        return bool(self.messages or self.files)


@dataclass(frozen=True, slots=True)
class Reader:
    """Whose eyes a timeline is read with: who this is, and whom this device knows by name.

    `role_of` gives a member's role in the unit, or None; `now` is the device's time.
    """

    workspace_id: WorkspaceId
    unit_id: UnitId
    me: MemberId
    device_id: DeviceId
    people: People
    role_of: Callable[[MemberId], UnitRole | None]
    now: UnixMillis

    def person(self, member_id: MemberId) -> Person:
        """A person with the card that is known now."""
        return person_from(member_id, self.people)

    def name_of(self, mention: Mention) -> str:
        """How a mention is read."""
        if mention.member_id is not None:
            return self.people.name(mention.member_id)
        return mention.role.name.lower() if mention.role else "all"


def message_from(line: Line, timeline: Timeline, reader: Reader) -> Message:
    """Show a line to a reader."""
    record = line.record
    known = record.member_id != bytes(16)
    message = Message(
        unit_id=reader.unit_id,
        sequence=line.sequence,
        epoch=record.epoch,
        kind=record.kind.name.lower(),
        time=dt.datetime.fromtimestamp(record.accepted_at / 1000, dt.UTC),
        sender=reader.person(record.member_id) if known else None,
        problem=line.problem,
        rule=line.rule,
        size=record.size,
        added=tuple(reader.person(member_id) for member_id in record.added),
        removed=tuple(reader.person(member_id) for member_id in record.removed),
        devices=tuple(
            DeviceChange(reader.person(one.member_id), one.kind.name.lower(), one.sequence)
            for one in record.devices
        ),
    )
    if record.kind is EntryKind.READD and record.content:
        stuck = decode(NeedsReadd, record.content).tbs.stuck.sequence
        found = timeline.line(stuck)
        author = reader.person(found.record.member_id) if found is not None else None
        return dataclasses.replace(message, stuck=stuck, author=author)
    if not line.is_message:
        return message
    message = dataclasses.replace(
        message,
        id=line.id,
        reply_to=line.reply_to,
        answers=line.answers,
        reactions=tuple(
            Reaction(emoji, tuple(reader.person(who) for who in people))
            for emoji, people in line.reactions.items()
        ),
        is_edited=bool(line.edits),
        is_deleted=line.is_deleted,
        is_mine=record.member_id == reader.me,
        is_quiet=line.is_quiet,
        until=dt.datetime.fromtimestamp(record.deadline / 1000, dt.UTC),
    )
    said = line.said
    if said is None:
        return message
    origin = Origin(
        workspace_id=reader.workspace_id, unit_id=reader.unit_id, member_id=record.member_id
    )
    role = reader.role_of(reader.me) if said.mentions else None
    return dataclasses.replace(
        message,
        text=said.text,
        readable=with_names(said.text, origin, reader.name_of),
        # A file that the sender did not name to the server has no clock: nobody can fetch it.
        files=tuple(File(a, message.until) for a in said.attachments if a.file_id in line.files),
        mentions=tuple(reader.name_of(mention) for mention in said.mentions),
        calls_me=any(mention.means(reader.me, role) for mention in said.mentions),
        thread=timeline.root_of(line),
        notice=notice_of(line),
        **_document(line, reader),
    )


def _document(line: Line, reader: Reader) -> dict[str, Any]:
    show = Show(reader.me, reader.device_id, reader.person, reader.now)
    match line.state:
        case Announced() as state:
            return {"announcement": show_announcement(state, show)}
        case Polled() as state:
            return {"poll": show_poll(state, show)}
        case Requested() as state:
            names = {a.digest: a.name for a in line.said.attachments} if line.said else {}
            return {"approval": show_approval(state, show, names)}
        case _:
            return {"history": handed_over_in(line, show)}
