"""The unit log: what is in an entry, and the hash chain (protocol.md, "Unit log").

The server writes these headers; clients recompute every hash. The content of a commit or message
is an MLSMessage of RFC 9420; that of `heads` is the struct `Heads`.
"""

from __future__ import annotations

import enum
from typing import Annotated

from mifeng_crypto.ids import DeviceId, FileId, GroupId, ProtocolVersion, UnixMillis
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.tls import Bytes32, KeepsBytes, Opaque, Text, UInt64, Vec, Width, struct

__all__ = [
    "SET_AT_EXTENSION",
    "UNIT_WELCOME_EXTENSION",
    "AuthenticatedData",
    "EntryKind",
    "Heads",
    "LogEntry",
    "LogHeader",
    "NeedsReadd",
    "NeedsReaddTBS",
    "Purpose",
    "SetAt",
    "UnitState",
    "UnitWelcome",
]


class EntryKind(enum.IntEnum):
    """What an entry's content is."""

    COMMIT = 1
    MESSAGE = 2
    HEADS = 3
    READD = 4


@struct
class LogHeader(KeepsBytes):
    """An entry without its content: it stays when the content has expired.

    `epoch` is the epoch in which the content was made (for `heads`: the one that it met);
    `device_id` is zero for `heads`. `previous` of the first entry is the hash of the GroupInfo
    that founded the generation.
    """

    group: GroupId
    sequence: UInt64
    epoch: UInt64
    kind: Annotated[EntryKind, Width(1)]
    device_id: DeviceId
    accepted_at: UnixMillis
    content_hash: Bytes32
    previous: Bytes32

    @property
    def epoch_after(self) -> int:
        """The group's epoch once this entry is applied: a commit begins the next one."""
        return self.epoch + (self.kind is EntryKind.COMMIT)


@struct
class LogEntry:
    """A header with its content; the content is empty once it has expired."""

    header: LogHeader
    content: Opaque


@struct
class Heads:
    """Content of a `heads` entry: from here on the gate judges by the ledgers at these heads."""

    roster: Head
    charter: Head


@struct
class UnitState:
    """By what a unit is judged beside its tree, ledgers and log: each commit says it (GATE-36).

    `heads` are those of the last `heads` entry, `rotated_at` is the acceptance time of the last
    commit with a path, and `steady_since` that of the first one after the last holiday
    (gate/age.py).
    """

    heads: Heads
    rotated_at: UnixMillis
    steady_since: UnixMillis


class Purpose(enum.IntEnum):
    """What a message is sent as: a response may be sent by whoever may read."""

    POST = 1
    RESPONSE = 2


@struct
class AuthenticatedData:
    """authenticated_data of every commit and message: what its sender had seen.

    `log` is the sender's last applied entry of this generation. `files` names the uploads that the
    message shows, so that their clock is the message's own, under the sender's signature.
    `purpose` is RESPONSE where the sender may not post; receivers hold it against the content.
    `unit` is in commits only: the state at `log`, which all members check, so that a newcomer need
    not believe whoever lets him in.
    """

    version: ProtocolVersion
    roster: Head
    charter: Head
    log: Head
    time: UnixMillis
    files: Vec[FileId]
    purpose: Annotated[Purpose, Width(1)]
    unit: UnitState | None


SET_AT_EXTENSION = 0xF0A0
"""Leaf extension (private use): `SetAt`."""


@struct
class SetAt:
    """When the keys of this leaf were made."""

    time: UnixMillis


@struct
class NeedsReaddTBS:
    """A device cannot go on in this group: it is to be removed and added again.

    `log` is the last entry that it had applied, and `stuck` the commit that it cannot process; each
    is `EMPTY` where there is none, because its state is lost. `seen` is the head of the log as the
    server shows it, in this epoch. `rule` says what is wrong with it.
    """

    version: ProtocolVersion
    group: GroupId
    epoch: UInt64
    device_id: DeviceId
    log: Head
    stuck: Head
    seen: Head
    rule: Text
    time: UnixMillis


@struct
class NeedsReadd:
    """Content of a `readd` entry, signed with the label of this name by the device's own key."""

    tbs: NeedsReaddTBS
    signature: Opaque


UNIT_WELCOME_EXTENSION = 0xF0A1
"""GroupInfo extension (private use), only inside Welcomes: `UnitWelcome`."""


@struct
class UnitWelcome:
    """What a newcomer must know of the unit: its title, and the commit's `AuthenticatedData`."""

    title: Text
    topic: Text
    said: Opaque
