"""Values as rows of the store: (table, key) -> bytes. What a row holds is declared here once.

Keys sort as their numbers do: identifiers as they are, sequences as eight bytes, big endian.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

from mifeng.expiring import Expiring
from mifeng_crypto.expiry.slot import retain_until, slot_of
from mifeng_crypto.history import HistoryPart
from mifeng_crypto.ids import DeviceId, FileId, Identity, MemberId, UnitId, UnixMillis
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.ledger.policy import Policy, Strict
from mifeng_crypto.ledger.roster_tables import DeviceChangeKind
from mifeng_crypto.log import EntryKind, Heads
from mifeng_crypto.tls import (
    Bytes32,
    Opaque,
    Text,
    UInt32,
    UInt64,
    Vec,
    Width,
    encode,
    struct,
)

__all__ = [
    "Changes",
    "Condition",
    "DeviceRemark",
    "GiftRecord",
    "JoinRecord",
    "OutboxRecord",
    "PartRecord",
    "TakeRecord",
    "TimelineRecord",
    "UnitRecord",
    "UnitStatus",
    "UploadRecord",
    "draft_row",
    "ledger_rows",
    "number",
    "part_rows",
    "timeline_row",
    "without_content",
]

Changes = Mapping[tuple[str, bytes], bytes | None]
"""What a step changes: a new value for a (table, key), or None to delete it."""


class UnitStatus(enum.IntEnum):
    """Where this device stands with a unit.

    `WAITING`: it is to be let in again, or into the next generation. Where it has keys still, only
    the server says that it cannot go on with them.
    """

    CREATING = 1
    ACTIVE = 2
    LEFT = 3
    WAITING = 4


@struct
class UnitRecord:
    """Table `units`, key unit_id. `began` is the commit that began the epoch."""

    generation: UInt32
    status: Annotated[UnitStatus, Width(1)]
    title: Text
    topic: Text
    heads: Heads
    began: Head
    log: Head
    last_accepted_at: UnixMillis
    rotated_at: UnixMillis
    steady_since: UnixMillis
    asked: Vec[DeviceId]
    group_info: Opaque


class Condition(enum.IntEnum):
    """What became of an entry here."""

    READ = 1
    MALFORMED = 2
    EXPIRED = 3
    LOCKED = 4
    """In a strict unit: it cannot be read before the server has given its share."""


@struct
class DeviceRemark:
    """What entry `sequence` of the roster has changed of the devices of somebody in the unit."""

    sequence: UInt64
    member_id: MemberId
    kind: Annotated[DeviceChangeKind, Width(1)]


@struct
class TimelineRecord:
    """Table `messages`, key unit_id || sequence: an entry of the unit log as this device saw it.

    `entry_hash` is that of its header, by which senders name what they had seen. `size` is what
    the server stores for it, in bytes. `deadline` is that of its content, by the policy that the
    unit went by when it was accepted: no later policy moves it. `content` is MIMI content, `files`
    are those whose clock is the message's. `reason` says why an entry could not be read. `added`
    and `removed` are the people whom a commit brought or took: with their first device, or their
    last; `devices` is what a `heads` tells of the devices of the unit's people.
    """

    entry_hash: Bytes32
    kind: Annotated[EntryKind, Width(1)]
    condition: Annotated[Condition, Width(1)]
    epoch: UInt64
    accepted_at: UnixMillis
    deadline: UnixMillis
    member_id: MemberId
    device_id: DeviceId
    size: UInt32
    content: Opaque
    files: Vec[FileId]
    reason: Text
    added: Vec[MemberId]
    removed: Vec[MemberId]
    strict: Annotated[Strict, Width(1)] = Strict.OFF
    """Whether the unit was strict when it was accepted."""
    devices: Vec[DeviceRemark] = ()
    original: Opaque = b""
    """An `Original`: with the content it is what its author signed and sent (history)."""


@struct
class OutboxRecord:
    """Table `outbox`, key unit_id || number.

    `content` stays the same through every attempt, and with it the client message id (the MIMI
    salt in it). `message` is empty until it is encrypted, and again after a lost race; `original`
    is what makes it again. `refused` is the server's code if it does not take the message, as it
    is, and `detail` what it said of that: such an item waits for its author.
    """

    content: Opaque
    files: Vec[FileId]
    created_at: UnixMillis
    epoch: UInt64
    message: Opaque
    accepted_sequence: UInt64
    original: Opaque = b""
    refused: Text = ""
    detail: Text = ""


@struct
class JoinRecord:
    """Table `history`, key unit_id || "j": how this device came into the unit last.

    `joined` is where the log stood with the commit that let it in. Of what was said before, it
    takes what `givers` hand over: the device that linked it, and, where the unit's policy lets
    newcomers read that, the one that made that commit. `heard` are those that have.
    """

    generation: UInt32
    joined: Head
    accepted_at: UnixMillis
    givers: Vec[DeviceId]
    heard: Vec[DeviceId]


@struct
class GiftRecord:
    """Table `history`, key unit_id || "g" || sequence of the joining: what this device owes."""

    generation: UInt32
    joined: Head
    accepted_at: UnixMillis
    receivers: Vec[Identity]


@struct
class PartRecord:
    """Table `history`, key unit_id || "p" || first: a part that this device has at the server.

    It can be read as long as the messages in it, and serves whoever comes in until then.
    `brought_at` is when it was brought there, 0 once a message names it.
    """

    part: HistoryPart
    secret: Bytes32
    brought_at: UnixMillis


@struct
class TakeRecord:
    """Table `history`, key unit_id || "t" || of the message || first: a part to fetch."""

    part: HistoryPart
    secret: Bytes32
    giver: MemberId


def without_content(record: TimelineRecord) -> TimelineRecord:
    """Return what is left of a message that has expired. Of its files their number is left."""
    return dataclasses.replace(record, condition=Condition.EXPIRED, content=b"", original=b"")


def timeline_row(unit_id: UnitId, record: TimelineRecord) -> bytes:
    """Return an entry as it is stored; with content, it can be read until its deadline."""
    if not record.content:
        return encode(record)
    rest, is_strict = without_content(record), record.strict is Strict.ON
    if is_strict:
        rest = dataclasses.replace(rest, condition=Condition.LOCKED, reason=LOCKED)
    return Expiring.of(
        encode(record),
        rest=encode(rest),
        unit_id=unit_id,
        slot=slot_of(record.accepted_at),
        deadline=record.deadline,
        strict=is_strict,
    )


def draft_row(unit_id: UnitId, text: str, policy: Policy, *, now: UnixMillis) -> bytes | None:
    """Return what was begun as it is stored, with the deadline of what is accepted now.

    None for nothing, and in a strict unit: there nothing is read without the server, so it is not
    kept at all.
    """
    if not text or policy.strict is Strict.ON:
        return None
    return Expiring.of(
        text.encode(),
        rest=b"",
        unit_id=unit_id,
        slot=slot_of(now),
        deadline=retain_until(now, policy.retention_s),
    )


@struct
class UploadRecord:
    """Table `uploads`, key unit_id || file_id: a file that is sealed and on its way.

    What a message will say of it; no message shows it yet.
    """

    name: Text
    content_type: Text
    size: UInt64
    secret: Bytes32
    share_hash: Bytes32
    digest: Bytes32
    width: UInt64
    height: UInt64
    duration_ms: UInt64
    pages: UInt64
    thumbnail: Opaque
    thumbnail_type: Text
    created_at: UnixMillis


LOCKED = "this unit is strict: connect to the server to read this"


def number(n: int) -> bytes:
    """Return a sequence as it stands in keys."""
    return n.to_bytes(8, "big")


def ledger_rows(table: str, prefix: bytes, before: int, entries: Sequence[bytes]) -> Changes:
    """Return the rows of ledger entries whose first has the sequence `before` + 1."""
    return {(table, prefix + number(before + i)): entry for i, entry in enumerate(entries, 1)}


def part_rows(
    table: str, unit_id: UnitId, parts: Iterable[tuple[bytes, bytes | None]]
) -> dict[tuple[str, bytes], bytes | None]:
    """Return the rows of an MLS state's changed parts."""
    return {(table, unit_id + name): value for name, value in parts}
