"""The bytes of the roster: the workspace's signed ledger of members, devices and invites.

Structs only; who may sign what is `roster.py`. protocol.md, "Roster".
"""

from __future__ import annotations

import enum
from typing import Annotated

from mifeng_crypto.ids import DeviceId, MemberId, ProtocolVersion, UnixMillis, WorkspaceId
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.ledger.policy import Policy
from mifeng_crypto.tls import Bytes32, KeepsBytes, Opaque, Text, Vec, Width, struct

__all__ = [
    "AddMember",
    "Author",
    "Device",
    "DeviceAuthor",
    "Found",
    "Invite",
    "InviteAuthor",
    "MemberKind",
    "RemoveMember",
    "Role",
    "RosterBody",
    "RosterEntry",
    "RosterEntryTBS",
    "ServerIdentity",
]


class MemberKind(enum.IntEnum):
    """What a member is."""

    PERSON = 1
    BOT = 2
    ARCHIVE = 3


class Role(enum.IntEnum):
    """What a member may do in the workspace; the first founder is its owner."""

    OWNER = 1
    ADMIN = 2
    MEMBER = 3
    GUEST = 4


@struct
class Device:
    """One installation of a client. `signature_key` is Ed25519, 32 bytes."""

    device_id: DeviceId
    signature_key: Opaque


@struct
class ServerIdentity:
    """How clients know the server: addresses, and SHA-256 of its TLS key's SubjectPublicKeyInfo."""

    addresses: Vec[Text]
    tls_pins: Vec[Bytes32]


@struct(tag=1, tag_bytes=1)
class DeviceAuthor:
    """Signed by this device's key, which the roster holds."""

    member_id: MemberId
    device_id: DeviceId


@struct(tag=2, tag_bytes=1)
class InviteAuthor:
    """Signed by the one-time key of the invite that promised this `member_id`."""

    member_id: MemberId


Author = DeviceAuthor | InviteAuthor


@struct(tag=1, tag_bytes=2)
class Found:
    """The genesis: the founder is the first owner; author is the founder's own first device."""

    founder: MemberId
    device: Device
    default_policy: Policy
    server: ServerIdentity


@struct(tag=2, tag_bytes=2)
class Invite:
    """A promise: whoever holds the secret of `public_key` may become `member_id`, once."""

    member_id: MemberId
    role: Annotated[Role, Width(1)]
    public_key: Opaque
    expires_at: UnixMillis


@struct(tag=3, tag_bytes=2)
class AddMember:
    """The invited one's first device; the author is the invite."""

    kind: Annotated[MemberKind, Width(1)]
    device: Device


@struct(tag=4, tag_bytes=2)
class RemoveMember:
    """The member and all its devices are out, for good."""

    member_id: MemberId


RosterBody = Found | Invite | AddMember | RemoveMember


@struct
class RosterEntryTBS(KeepsBytes):
    """What is signed, with the label `RosterEntry`."""

    version: ProtocolVersion
    workspace_id: WorkspaceId
    previous: Head
    author: Author
    time: UnixMillis
    body: RosterBody


@struct
class RosterEntry(KeepsBytes):
    """An entry as it travels and is hashed: not yet verified."""

    tbs: RosterEntryTBS
    signature: Opaque
