"""People, messages and files, as an application sees them. Plain values, read from the timeline."""

from __future__ import annotations

import dataclasses
import datetime as dt
from dataclasses import dataclass

from mifeng import content
from mifeng.content import Attachment, Origin
from mifeng.core.people import People
from mifeng.core.rows import Condition, TimelineRecord
from mifeng_crypto.errors import CodecError, ProtocolError
from mifeng_crypto.ids import MemberId, UnitId, WorkspaceId
from mifeng_crypto.ledger.charter_entry import UnitRole
from mifeng_crypto.log import EntryKind

__all__ = ["File", "Membership", "Message", "Person", "message_from", "person_from"]


@dataclass(frozen=True, slots=True)
class Person:
    """A member of the workspace; `name` is the beginning of the id where no card is known."""

    id: MemberId
    name: str
    title: str = ""
    department: str = ""

    def __str__(self) -> str:
        return self.name


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
class File:
    """A file that a message shows; `Unit.download` fetches it."""

    attachment: Attachment

    @property
    def id(self) -> bytes:
        return self.attachment.file_id

    @property
    def name(self) -> str:
        return self.attachment.name

    @property
    def size(self) -> int:
        """Bytes of the file itself."""
        return self.attachment.size

    @property
    def content_type(self) -> str:
        return self.attachment.content_type


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """An entry of a unit's log.

    Attributes:
        sequence: its place in the unit's log.
        epoch: the MLS epoch in which it was made.
        kind: `message`; or `commit` (keys or membership changed) or `heads` (ledgers moved).
        time: when the server accepted it.
        sender: who wrote it, by signature; None for `heads`, which the server writes.
        text: what it says, in Markdown, as its sender wrote it.
        files: what it shows.
        problem: why it cannot be shown; empty otherwise.
        size: bytes that the server stores for it.
        added: people whom it let in.
        removed: people whom it took out.
    """

    sequence: int
    epoch: int
    kind: str
    time: dt.datetime
    sender: Person | None
    text: str = ""
    files: tuple[File, ...] = ()
    problem: str = ""
    size: int = 0
    added: tuple[Person, ...] = ()
    removed: tuple[Person, ...] = ()


def person_from(member_id: MemberId, people: People) -> Person:
    """Return a person with the card that is known now."""
    card = people.cards.get(member_id)
    if card is None:
        return Person(member_id, people.name(member_id))
    return Person(member_id, card.name, card.title, card.department)


def message_from(
    unit_id: UnitId,
    sequence: int,
    record: TimelineRecord,
    *,
    workspace_id: WorkspaceId,
    people: People,
) -> Message:
    """Read an entry of the timeline; what is not right in it stands in `problem`."""
    known = record.member_id != bytes(16)
    message = Message(
        sequence=sequence,
        epoch=record.epoch,
        kind=record.kind.name.lower(),
        time=dt.datetime.fromtimestamp(record.accepted_at / 1000, dt.UTC),
        sender=person_from(record.member_id, people) if known else None,
        problem=record.reason,
        size=record.size,
        added=tuple(person_from(member_id, people) for member_id in record.added),
        removed=tuple(person_from(member_id, people) for member_id in record.removed),
    )
    if record.kind is not EntryKind.MESSAGE or record.condition is Condition.MALFORMED:
        return message
    if record.condition is Condition.EXPIRED:
        return dataclasses.replace(message, problem="expired")
    origin = Origin(workspace_id=workspace_id, unit_id=unit_id, member_id=record.member_id)
    try:
        said = content.decode(record.content, origin=origin)
    except (CodecError, ProtocolError) as err:
        return dataclasses.replace(message, problem=str(err))
    # A file that the sender did not name to the server has no clock, and nobody can fetch it.
    shown = tuple(File(a) for a in said.attachments if a.file_id in record.files)
    problem = "" if said.text or shown else "needs a newer client"
    return dataclasses.replace(message, text=said.text, files=shown, problem=problem)
