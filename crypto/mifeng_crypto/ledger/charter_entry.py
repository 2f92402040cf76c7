"""The bytes of a charter: a unit's signed ledger of kind, parent, policy and grants.

Structs only; who may sign what is `charter.py`. protocol.md, "Charter".
"""

from __future__ import annotations

import enum
from typing import Annotated

from mifeng_crypto.ids import MemberId, ProtocolVersion, UnitId, UnixMillis, WorkspaceId
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.ledger.policy import Policy
from mifeng_crypto.ledger.roster_entry import DeviceAuthor
from mifeng_crypto.tls import KeepsBytes, Opaque, UInt16, UInt32, Width, struct

__all__ = [
    "CharterBody",
    "CharterEntry",
    "CharterEntryTBS",
    "Close",
    "Closing",
    "Create",
    "Grant",
    "Restart",
    "Revoke",
    "SetPolicy",
    "UnitKind",
    "UnitRole",
]


class UnitKind(enum.IntEnum):
    """What a unit is for."""

    BUSINESS = 1
    GROUP = 2
    DIRECT = 3
    CHANNEL = 4


class UnitRole(enum.IntEnum):
    """What a member may do in one unit."""

    MANAGER = 1
    MEMBER = 2
    PUBLISHER = 3
    READER = 4
    ARCHIVE = 5


@struct(tag=1, tag_bytes=2)
class Create:
    """The first entry. Its author is the unit's first manager; in a direct unit, `peer` as well."""

    kind: Annotated[UnitKind, Width(1)]
    parent: UnitId | None
    peer: MemberId | None
    cipher_suite: UInt16
    policy: Policy


@struct(tag=2, tag_bytes=2)
class Grant:
    """`member_id` is in, with this role. It may be a member that is still only invited."""

    member_id: MemberId
    role: Annotated[UnitRole, Width(1)]


@struct(tag=3, tag_bytes=2)
class Revoke:
    """`member_id` is out; its leaves must be removed by the next commit."""

    member_id: MemberId


@struct(tag=4, tag_bytes=2)
class SetPolicy:
    """From here on the unit goes by this policy. Deadlines that were given stay."""

    policy: Policy


@struct(tag=5, tag_bytes=2)
class Restart:
    """The generation is over; its author opens the next one, `generation`, with a group of its own.

    `log` is the head of the old generation's log as its author knew it.
    """

    generation: UInt32
    log: Head


class Closing(enum.IntEnum):
    """What becomes of that which is live when a unit is closed."""

    KEEPS = 1
    DELETES = 2


@struct(tag=6, tag_bytes=2)
class Close:
    """The unit is over: nothing is sent in it any more.

    What is live stays readable until its deadline, or goes at once: that only an admin may sign.
    """

    content: Annotated[Closing, Width(1)]


CharterBody = Create | Grant | Revoke | SetPolicy | Restart | Close


@struct
class CharterEntryTBS(KeepsBytes):
    """What is signed, with the label `CharterEntry`.

    `roster` is the roster's head as its author knew it; it never goes back within a charter. The
    author's rights are judged by the roster at that head. `parent` is the head of the parent's
    charter as its author knew it, where the author acts as a manager of the parent.
    """

    version: ProtocolVersion
    workspace_id: WorkspaceId
    unit_id: UnitId
    previous: Head
    roster: Head
    parent: Head | None
    author: DeviceAuthor
    time: UnixMillis
    body: CharterBody


@struct
class CharterEntry(KeepsBytes):
    """An entry as it travels and is hashed: not yet verified."""

    tbs: CharterEntryTBS
    signature: Opaque
