"""The bytes of the roster: the workspace's signed ledger of members, devices and invites.

Structs only; who may sign what is `roster.py`. protocol.md, "Roster".
"""

from __future__ import annotations

import enum
from typing import Annotated

from mifeng_crypto.ids import DeviceId, MemberId, ProtocolVersion, UnixMillis, WorkspaceId
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.ledger.policy import Policy
from mifeng_crypto.tls import Bytes32, KeepsBytes, Opaque, Text, UInt32, Vec, Width, struct

__all__ = [
    "AddDevice",
    "AddMember",
    "Author",
    "Device",
    "DeviceAuthor",
    "DirectoryKey",
    "Found",
    "Invite",
    "InviteAuthor",
    "MemberKind",
    "Recover",
    "RecoveryAuthor",
    "RemoveMember",
    "RevokeDevice",
    "RevokeInvite",
    "Role",
    "RosterBody",
    "RosterEntry",
    "RosterEntryTBS",
    "ServerIdentity",
    "SetRole",
    "SetServer",
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
    """One installation of a client.

    `signature_key` is Ed25519, 32 bytes; `hpke_key` is X-Wing, 1,216 bytes: what is sealed to this
    device is sealed to it (`sealing.py`).
    """

    device_id: DeviceId
    signature_key: Opaque
    hpke_key: Opaque


@struct
class ServerIdentity:
    """How clients know the server: addresses, and SHA-256 of its TLS key's SubjectPublicKeyInfo.

    `checkpoint_key` is the Ed25519 key of its checkpoints; without one, it signs none.
    """

    addresses: Vec[Text]
    tls_pins: Vec[Bytes32]
    checkpoint_key: Opaque | None


@struct(tag=1, tag_bytes=1)
class DeviceAuthor:
    """Signed by this device's key, which the roster holds."""

    member_id: MemberId
    device_id: DeviceId


@struct(tag=2, tag_bytes=1)
class InviteAuthor:
    """Signed by the one-time key of the invite that promised this `member_id`."""

    member_id: MemberId


@struct(tag=3, tag_bytes=1)
class RecoveryAuthor:
    """Signed by the key of this member's recovery sheet."""

    member_id: MemberId


Author = DeviceAuthor | InviteAuthor | RecoveryAuthor


@struct(tag=1, tag_bytes=2)
class Found:
    """The genesis: the founder is the first owner; author is the founder's own first device."""

    founder: MemberId
    device: Device
    recovery_key: Opaque | None
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
    """The invited one's first device; the author is the invite.

    `recovery_key` is the Ed25519 key of the recovery sheet; without one, there is no sheet.
    """

    kind: Annotated[MemberKind, Width(1)]
    device: Device
    recovery_key: Opaque | None


@struct(tag=4, tag_bytes=2)
class RemoveMember:
    """The member and all its devices are out, for good."""

    member_id: MemberId


@struct(tag=5, tag_bytes=2)
class SetRole:
    """The member has another role in the workspace."""

    member_id: MemberId
    role: Annotated[Role, Width(1)]


@struct(tag=6, tag_bytes=2)
class RevokeInvite:
    """The unused invite of this `member_id` is void."""

    member_id: MemberId


@struct(tag=7, tag_bytes=2)
class AddDevice:
    """One more device of the author's own."""

    device: Device


@struct(tag=8, tag_bytes=2)
class RevokeDevice:
    """The device is out, for good."""

    device_id: DeviceId


@struct(tag=9, tag_bytes=2)
class Recover:
    """The author's one new device: all older ones are out, and so is the sheet that signed this."""

    device: Device
    recovery_key: Opaque


@struct(tag=10, tag_bytes=2)
class SetServer:
    """From here on clients know the server by this."""

    server: ServerIdentity


@struct(tag=11, tag_bytes=2)
class DirectoryKey:
    """From here on cards are sealed under the next directory key, of which this is the hash."""

    number: UInt32
    key_hash: Bytes32


RosterBody = (
    Found
    | Invite
    | AddMember
    | RemoveMember
    | SetRole
    | RevokeInvite
    | AddDevice
    | RevokeDevice
    | Recover
    | SetServer
    | DirectoryKey
)


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
