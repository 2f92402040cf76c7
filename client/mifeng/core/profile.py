"""Who this device is, and how it came into the workspace (protocol.md, "Client").

A profile is saved before its first request, in the stage `Founding` or `Joining`; so a crash or a
lost answer on the way in is mended by going on from there, under the same device key.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from mifeng_crypto import signature
from mifeng_crypto.ids import (
    PROTOCOL_VERSION,
    DeviceId,
    Identity,
    MemberId,
    UnixMillis,
    WorkspaceId,
)
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.ledger.policy import DEFAULT_POLICY
from mifeng_crypto.ledger.roster import Roster, sign_roster_entry
from mifeng_crypto.ledger.roster_entry import (
    AddMember,
    Device,
    DeviceAuthor,
    Found,
    Invite,
    InviteAuthor,
    MemberKind,
    Role,
    RosterEntry,
    ServerIdentity,
)
from mifeng_crypto.links import FoundLink, InviteLink
from mifeng_crypto.rand import Rng
from mifeng_crypto.sealing import hpke_public_of
from mifeng_crypto.secret import Secret
from mifeng_crypto.tls import Bytes16, Bytes32, Opaque, Text, Vec, decode, encode, struct

__all__ = [
    "Enrolled",
    "Founding",
    "Joining",
    "Profile",
    "add_member_entry",
    "found",
    "invite",
    "join",
]

INVITE_LIFETIME_MS = 72 * 3600 * 1000


@struct(tag=1, tag_bytes=1)
class Founding:
    """The founding entry is signed and may or may not have reached the server."""

    token: Bytes32
    entry: Opaque


@struct(tag=2, tag_bytes=1)
class Joining:
    """The invite's one-time key, until the roster has this device."""

    invite_key: Bytes32


@struct(tag=3, tag_bytes=1)
class Enrolled:
    """The roster has this device."""


@struct
class ProfileRecord:
    """The profile as it is stored."""

    addresses: Vec[Text]
    tls_pin: Bytes32 | None
    workspace_id: Bytes16
    genesis: Bytes32
    anchor: Head
    member_id: Bytes16
    device_id: Bytes16
    signature_key: Bytes32
    hpke_key: Bytes32
    directory_key: Bytes32
    name: Text
    title: Text
    stage: Founding | Joining | Enrolled


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Who this device is.

    `genesis` and `anchor` come from the link: a roster that does not begin with the one and pass
    through the other is not this workspace's.
    """

    addresses: tuple[str, ...]
    tls_pin: bytes | None
    workspace_id: WorkspaceId
    genesis: bytes
    anchor: Head
    member_id: MemberId
    device_id: DeviceId
    signature_key: Secret
    hpke_key: Secret
    directory_key: Secret
    name: str
    title: str
    stage: Founding | Joining | Enrolled

    @property
    def author(self) -> DeviceAuthor:
        return DeviceAuthor(self.member_id, self.device_id)

    @property
    def identity(self) -> bytes:
        """What stands in the credential of this device's leaves."""
        return encode(Identity(self.member_id, self.device_id))

    @property
    def public_device(self) -> Device:
        return public_device(self.device_id, self.signature_key, self.hpke_key)

    def enrolled(self) -> Profile:
        """The same, once the roster has the device."""
        return dataclasses.replace(self, stage=Enrolled())

    def encode(self) -> bytes:
        """Return the bytes to store."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return encode(ProfileRecord(**values))

    @classmethod
    def decode(cls, data: bytes) -> Profile:
        """Read what `encode` made.

        Raises:
            CodecError: something else.
        """
        record = decode(ProfileRecord, data)
        values = {f.name: getattr(record, f.name) for f in dataclasses.fields(cls)}
        values["signature_key"] = Secret(record.signature_key)
        values["hpke_key"] = Secret(record.hpke_key)
        values["directory_key"] = Secret(record.directory_key)
        return cls(**values)


def public_device(device_id: DeviceId, signature_key: bytes, hpke_key: bytes) -> Device:
    """Return what the roster is told of a device with these private keys."""
    return Device(device_id, signature.public_of(signature_key), hpke_public_of(hpke_key))


def found(
    link: FoundLink,
    checkpoint_key: bytes,
    *,
    name: str,
    title: str,
    now: UnixMillis,
    rng: Rng,
) -> Profile:
    """Make the founder, its first device and the roster's first entry.

    `checkpoint_key` is the server's, asked for over the connection that the link pins.
    """
    workspace_id = WorkspaceId(rng(16))
    member_id, device_id = MemberId(rng(16)), DeviceId(rng(16))
    signature_key, hpke_key = Secret(rng(32)), Secret(rng(32))
    body = Found(
        founder=member_id,
        device=public_device(device_id, signature_key, hpke_key),
        recovery_key=None,
        default_policy=DEFAULT_POLICY,
        server=ServerIdentity(
            link.addresses, (link.tls_pin,) if link.tls_pin else (), checkpoint_key
        ),
    )
    entry = sign_roster_entry(
        None,
        body,
        DeviceAuthor(member_id, device_id),
        signature_key,
        now=now,
        workspace_id=workspace_id,
    )
    roster = Roster.from_entries([entry])
    return Profile(
        addresses=link.addresses,
        tls_pin=link.tls_pin,
        workspace_id=workspace_id,
        genesis=roster.genesis,
        anchor=roster.head,
        member_id=member_id,
        device_id=device_id,
        signature_key=signature_key,
        hpke_key=hpke_key,
        directory_key=Secret(rng(32)),
        name=name,
        title=title,
        stage=Founding(link.token, encode(entry)),
    )


def join(
    link: InviteLink, workspace_id: WorkspaceId, *, name: str, title: str, rng: Rng
) -> Profile:
    """Make the device of an invited person. `workspace_id` is checked against the roster later."""
    return Profile(
        addresses=link.addresses,
        tls_pin=link.tls_pin,
        workspace_id=workspace_id,
        genesis=link.genesis,
        anchor=link.roster,
        member_id=link.member_id,
        device_id=DeviceId(rng(16)),
        signature_key=Secret(rng(32)),
        hpke_key=Secret(rng(32)),
        directory_key=Secret(link.directory_key),
        name=name,
        title=title,
        stage=Joining(link.secret_key),
    )


def add_member_entry(profile: Profile, roster: Roster, *, now: UnixMillis) -> RosterEntry:
    """Sign, with the invite's key, the one entry that it may: this device.

    Raises:
        ProtocolError: the roster does not allow it (any longer).
    """
    assert isinstance(profile.stage, Joining), "only an invite signs an add_member"
    return sign_roster_entry(
        roster,
        AddMember(MemberKind.PERSON, profile.public_device, None),
        InviteAuthor(profile.member_id),
        Secret(profile.stage.invite_key),
        now=now,
    )


def invite(
    profile: Profile, roster: Roster, *, role: Role, now: UnixMillis, rng: Rng
) -> tuple[RosterEntry, InviteLink]:
    """Sign an invite and make its link.

    Raises:
        ProtocolError: this member may not invite.
    """
    secret_key, member_id = Secret(rng(32)), MemberId(rng(16))
    body = Invite(
        member_id=member_id,
        role=role,
        public_key=signature.public_of(secret_key),
        expires_at=UnixMillis(now + INVITE_LIFETIME_MS),
    )
    entry = sign_roster_entry(roster, body, profile.author, profile.signature_key, now=now)
    link = InviteLink(
        version=PROTOCOL_VERSION,
        addresses=profile.addresses,
        tls_pin=profile.tls_pin,
        genesis=profile.genesis,
        roster=roster.append(entry).head,
        member_id=member_id,
        secret_key=secret_key,
        directory_key=profile.directory_key,
    )
    return entry, link
