"""What the page is told: the SDK's objects as plain structs (docs/ui.md).

Ids are hex, times are Unix milliseconds, sizes are bytes. What somebody else wrote has gone through
`printable`; the page shows it as text and never as anything else.
"""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from mifeng.content import printable
from mifeng.errors import NotFoundError
from mifeng.sdk.wording import notice_word, remarks
from mifeng.text import explain, retold
from mifeng.web.kinds import kind_of, type_of
from mifeng.web.person_facts import PersonFacts, person_facts
from mifeng.web.work_facts import (
    AnnouncementFacts,
    ApprovalFacts,
    PollFacts,
    announcement_facts,
    approval_facts,
    poll_facts,
)
from mifeng_crypto.errors import MifengError, ProtocolError
from mifeng_crypto.expiry.slot import retain_until
from mifeng_crypto.ids import UnixMillis
from mifeng_crypto.ledger.charter_entry import UnitRole

if TYPE_CHECKING:
    from mifeng import File, Membership, Message, Person, Unit, Workspace
    from mifeng.sdk.governed import Governed
    from mifeng_crypto.ledger.policy import Policy

__all__ = [
    "ErrorFacts",
    "FileFacts",
    "MemberFacts",
    "MessageFacts",
    "PersonFacts",
    "ReactionFacts",
    "UnitFacts",
    "encode_json",
    "error_facts",
    "file_facts",
    "governed_facts",
    "is_shown",
    "member_facts",
    "message_facts",
    "person_facts",
    "unit_facts",
]

SHOWN_SMALL = ("image/png", "image/jpeg", "image/webp")
encode_json = msgspec.json.encode


class ErrorFacts(msgspec.Struct, kw_only=True, frozen=True):
    """Why something was not done, in the user's language, with its remedy."""

    error: str
    message: str
    rule: str | None = None


def error_facts(err: MifengError) -> ErrorFacts:
    """Say why something was not done."""
    return ErrorFacts(
        error=type(err).__name__,
        message=explain(err),
        rule=err.rule if isinstance(err, ProtocolError) else None,
    )


class MemberFacts(msgspec.Struct, kw_only=True, frozen=True):
    """A person in a unit; `is_in` says whether a device of theirs has the keys already."""

    person: PersonFacts
    role: str
    is_in: bool | None
    let_in_by: PersonFacts | None
    since: int


class FileFacts(msgspec.Struct, kw_only=True, frozen=True):
    """A file that a message shows. `kind` chooses the icon; what it is, its bytes will say.

    `width`, `height`, `duration_ms` and `pages` are 0 where the sender does not say; `thumbnail`
    is base64 of a small PNG, JPEG or WebP, or empty.
    """

    id: str
    name: str
    size: int
    kind: str
    width: int
    height: int
    duration_ms: int
    pages: int
    thumbnail: str


class ReactionFacts(msgspec.Struct, kw_only=True, frozen=True):
    """An emoji, and who has reacted with it, in order."""

    emoji: str
    people: list[PersonFacts]


class MessageFacts(msgspec.Struct, kw_only=True, frozen=True):
    """A line of a unit's timeline, as it is now; see `mifeng.Message`.

    `sequence` is 0 while a message has not reached the server. `reply_to` and `thread` are the
    sequences of what it answers and of what began its thread, or 0; `reply_by` said `reply_text`
    there, as far as that is still here; `answers` is how many there are. `notice` is what a line
    only tells of its author. `remarks` are what a line tells that nobody said: what was handed over
    of before, whose devices have changed.
    """

    unit: str
    sequence: int
    kind: str
    at: int
    until: int
    sender: PersonFacts | None
    text: str
    files: list[FileFacts]
    calls_me: bool
    reply_to: int
    reply_by: str
    reply_text: str
    thread: int
    answers: int
    reactions: list[ReactionFacts]
    is_edited: bool
    is_deleted: bool
    is_mine: bool
    announcement: AnnouncementFacts | None
    poll: PollFacts | None
    approval: ApprovalFacts | None
    remarks: list[str]
    problem: str
    notice: str
    added: list[PersonFacts]
    removed: list[PersonFacts]


class PolicyFacts(msgspec.Struct, kw_only=True, frozen=True):
    """What a unit's charter lays down; seconds."""

    cap: int
    key_lifetime_s: int
    retention_s: int
    posting: str
    history: str
    keep: str
    strict: str
    receipts: str
    export: str


class ArchiveFacts(msgspec.Struct, kw_only=True, frozen=True):
    """An archive that reads along, or will from `since` on."""

    name: str
    since: int


class UnitFacts(msgspec.Struct, kw_only=True, frozen=True):
    """A unit in the list at the left; `sequence` is 0 where this device has never been in it."""

    id: str
    depth: int
    parent: str | None
    title: str
    topic: str = ""
    kind: str = "business"
    role: str = ""
    is_member: bool = False
    members: int = 0
    unread: int = 0
    calls: int = 0
    asks: int = 0
    read: int = 0
    waiting: int = 0
    sequence: int = 0
    epoch: int = 0
    rotated_at: int = 0
    suite: int = 0
    problem: str = ""
    closed_by: str = ""
    archives: list[ArchiveFacts] = msgspec.field(default_factory=list)
    may_post: bool = False
    may_comment: bool = False
    may_answer: bool = False
    may_govern: bool = False
    may_rename: bool = False
    policy: PolicyFacts | None = None


def member_facts(
    membership: Membership, admission: tuple[Person, int] | None, me: Workspace
) -> MemberFacts:
    """Say who is in a unit, and who let them in."""
    by, since = admission or (None, 0)
    return MemberFacts(
        person=person_facts(membership.person, me),
        role=membership.role.name.lower(),
        is_in=membership.is_in,
        let_in_by=person_facts(by, me) if by else None,
        since=since,
    )


def file_facts(file: File) -> FileFacts:
    """Say what a message says of a file, without its secret."""
    name, preview = printable(file.name), file.attachment.preview
    thumbnail = preview.thumbnail if type_of(preview.thumbnail[:16]) in SHOWN_SMALL else b""
    return FileFacts(
        id=file.id.hex(),
        name=name,
        size=file.size,
        kind=kind_of(name),
        width=preview.width,
        height=preview.height,
        duration_ms=preview.duration_ms,
        pages=preview.pages,
        thumbnail=base64.b64encode(thumbnail).decode(),
    )


async def message_facts(
    message: Message, unit: Unit, me: Workspace, *, known: Mapping[int, Message] | None = None
) -> MessageFacts:
    """Say what is to be shown of a line; what it answers is looked for in `known`, if given."""
    at = UnixMillis(_millis(message.time))
    reply_by, reply_text = await _said_there(unit, message.reply_to or message.thread, known)
    return MessageFacts(
        unit=unit.id.hex(),
        sequence=message.sequence,
        kind=message.kind,
        at=at,
        until=retain_until(at, unit.policy.retention_s),
        sender=person_facts(message.sender, me) if message.sender else None,
        text=printable(message.text, lines=True),
        files=[file_facts(file) for file in message.files],
        calls_me=message.calls_me,
        reply_to=message.reply_to,
        reply_by=reply_by,
        reply_text=reply_text,
        thread=message.thread,
        answers=len(message.answers),
        reactions=[
            ReactionFacts(
                emoji=printable(one.emoji), people=[person_facts(who, me) for who in one.people]
            )
            for one in message.reactions
        ],
        is_edited=message.is_edited,
        is_deleted=message.is_deleted,
        is_mine=message.is_mine,
        announcement=announcement_facts(message.announcement, me) if message.announcement else None,
        poll=poll_facts(message.poll, me) if message.poll else None,
        approval=approval_facts(message.approval, me) if message.approval else None,
        remarks=remarks(message) if message.history or message.devices else [],
        problem=printable(
            retold(message.problem, message.rule) if message.rule else message.problem
        ),
        notice=notice_word(message.notice),
        added=[person_facts(person, me) for person in message.added],
        removed=[person_facts(person, me) for person in message.removed],
    )


def is_shown(entry: Message) -> bool:
    """Whether an entry is a line on the screen: a message, or what became of people and devices."""
    return (
        entry.kind == "message"
        or (entry.kind == "commit" and bool(entry.added or entry.removed))
        or bool(entry.devices)
    )


async def _said_there(
    unit: Unit, sequence: int, known: Mapping[int, Message] | None
) -> tuple[str, str]:
    """Who said what in the message that is answered, or began the thread: how it begins."""
    if not sequence:
        return "", ""
    try:
        there = known.get(sequence) if known is not None else await unit.message(sequence)
    except NotFoundError:  # it has expired meanwhile
        there = None
    if there is None or there.is_deleted:
        return "", ""
    titled = there.announcement or there.approval
    title = titled.title if titled else there.poll.question if there.poll else ""
    said = there.readable or title or ", ".join(file.name for file in there.files)
    name = there.sender.name if there.sender else "?"
    return printable(name), printable(said[:300], lines=True)


def unit_facts(
    unit: Unit,
    *,
    depth: int,
    parent: str | None,
    unread: int,
    calls: int,
    asks: int,
    read: int,
    problem: str,
) -> UnitFacts:
    """Say what the list at the left and the panel at the right show of a unit."""
    role, policy = unit.role, unit.policy
    return UnitFacts(
        id=unit.id.hex(),
        depth=depth,
        parent=parent,
        title=printable(unit.title),
        topic=printable(unit.topic),
        kind=unit.kind.name.lower(),
        role=role.name.lower() if role else "",
        is_member=unit.is_member,
        members=unit.size,
        unread=unread,
        calls=calls,
        asks=asks,
        read=read,
        waiting=unit.waiting,
        sequence=unit.sequence,
        epoch=unit.epoch,
        rotated_at=unit.rotated_at,
        suite=unit.cipher_suite,
        problem=printable(problem),
        closed_by=printable(unit.closed_by.name) if unit.closed_by else "",
        archives=[
            ArchiveFacts(name=printable(one.person.name), since=one.since)
            for one in unit.archives()
        ],
        may_post=unit.may_post and not unit.is_closed,
        may_comment=unit.may_comment,
        may_answer=unit.is_member and not unit.is_closed,
        may_govern=unit.may_govern,
        may_rename=unit.is_member and unit.role is UnitRole.MANAGER,
        policy=policy_facts(policy),
    )


def governed_facts(unit: Governed, title: str) -> UnitFacts:
    """Say what is to be shown of a unit that one has a say in, without being in it."""
    return UnitFacts(
        id=unit.id.hex(),
        depth=0,
        parent=unit.parent.hex() if unit.parent else None,
        title=printable(title),
        kind=unit.kind.name.lower(),
        members=len(unit.members()),
        suite=unit.cipher_suite,
        closed_by=printable(unit.closed_by.name) if unit.closed_by else "",
        may_govern=True,
        policy=policy_facts(unit.policy),
    )


def policy_facts(policy: Policy) -> PolicyFacts:
    """Say what a charter lays down."""
    return PolicyFacts(
        cap=policy.cap,
        key_lifetime_s=policy.key_lifetime_s,
        retention_s=policy.retention_s,
        posting=policy.posting.name.lower(),
        history=policy.history.name.lower(),
        keep=policy.keep.name.lower(),
        strict=policy.strict.name.lower(),
        receipts=policy.receipts.name.lower(),
        export=policy.export.name.lower(),
    )


def _millis(time: dt.datetime) -> int:
    return round(time.timestamp() * 1000)
