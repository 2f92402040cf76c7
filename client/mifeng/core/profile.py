"""Who this device is, and how it came into the workspace (protocol.md, "Client").

A profile is saved before its first request, in the stage `Founding` or `Joining`; so a crash or a
lost answer on the way in is mended by going on from there, under the same device key.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Annotated

from mifeng.core.sheet import RecoverySheet, recovery_key_of
from mifeng_crypto import signature
from mifeng_crypto.errors import UsageError
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
    Recover,
    RecoveryAuthor,
    Role,
    RosterEntry,
    ServerIdentity,
)
from mifeng_crypto.links import FoundLink, InviteLink, RecoveryLink
from mifeng_crypto.rand import Rng
from mifeng_crypto.recovery import CODE_BYTES, recovery_seed
from mifeng_crypto.sealing import hpke_public_of
from mifeng_crypto.secret import Secret
from mifeng_crypto.tls import Bytes16, Bytes32, Opaque, Text, Vec, Width, decode, encode, struct

__all__ = [
    "Enrolled",
    "Founding",
    "Joining",
    "Linking",
    "Profile",
    "Recovering",
    "add_member_entry",
    "found",
    "invite",
    "join",
    "recover",
    "recover_entry",
]

INVITE_LIFETIME_MS = 72 * 3600 * 1000


@struct(tag=1, tag_bytes=1)
class Founding:
    """The founding entry is signed and may or may not have reached the server."""

    token: Bytes32
    entry: Opaque


@struct(tag=2, tag_bytes=1)
class Joining:
    """The invite's one-time key, until the roster has this device.

    `recovery_key` is the public key of the sheet that was shown, if one was made.
    """

    invite_key: Bytes32
    recovery_key: Bytes32 | None
    kind: Annotated[MemberKind, Width(1)]


@struct(tag=3, tag_bytes=1)
class Enrolled:
    """The roster has this device."""


@struct(tag=4, tag_bytes=1)
class Linking:
    """What a DeviceLink says, until the device that showed it has answered."""

    secret: Bytes32
    commitment: Bytes32
    system: Text


@struct(tag=5, tag_bytes=1)
class Recovering:
    """The seed of the sheet that is used, and the public key of the next one, which was shown."""

    seed: Bytes32
    recovery_key: Bytes32


Stage = Founding | Joining | Enrolled | Linking | Recovering


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
    directory_key: Bytes32 | None
    name: Text
    title: Text
    device_name: Text
    stage: Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Who this device is.

    `genesis` and `anchor` come from the link: a roster that does not begin with the one and pass
    through the other is not this workspace's. A device that was recovered has no `directory_key`
    until somebody gives it one. `name` and `title` are for a first card, and empty where somebody
    who is in already has another device.
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
    directory_key: Secret | None
    name: str
    title: str
    device_name: str
    stage: Stage

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
        key = record.directory_key
        values["directory_key"] = Secret(key) if key is not None else None
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
    device_name: str,
    with_sheet: bool,
    now: UnixMillis,
    rng: Rng,
) -> tuple[Profile, RecoverySheet | None]:
    """Make the founder, its first device and the roster's first entry; and a recovery sheet.

    `checkpoint_key` is the server's, asked for over the connection that the link pins.
    """
    workspace_id = WorkspaceId(rng(16))
    member_id, device_id = MemberId(rng(16)), DeviceId(rng(16))
    signature_key, hpke_key = Secret(rng(32)), Secret(rng(32))
    code = Secret(rng(CODE_BYTES)) if with_sheet else None
    body = Found(
        founder=member_id,
        device=public_device(device_id, signature_key, hpke_key),
        recovery_key=recovery_key_of(code, member_id) if code else None,
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
    profile = Profile(
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
        device_name=device_name,
        stage=Founding(link.token, encode(entry)),
    )
    return profile, _sheet(profile, code)


def join(
    link: InviteLink,
    workspace_id: WorkspaceId,
    *,
    name: str,
    title: str,
    device_name: str,
    with_sheet: bool,
    kind: MemberKind = MemberKind.PERSON,
    rng: Rng,
) -> tuple[Profile, RecoverySheet | None]:
    """Make the device of an invited person, bot or archive, and a recovery sheet.

    `workspace_id` is checked against the roster later.
    """
    code = Secret(rng(CODE_BYTES)) if with_sheet else None
    profile = Profile(
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
        device_name=device_name,
        stage=Joining(
            link.secret_key, recovery_key_of(code, link.member_id) if code else None, kind
        ),
    )
    return profile, _sheet(profile, code)


def recover(
    link: RecoveryLink,
    code: bytes,
    workspace_id: WorkspaceId,
    *,
    device_name: str,
    rng: Rng,
) -> tuple[Profile, RecoverySheet]:
    """Make the device of somebody who comes back by a sheet, and the next sheet.

    The roster is trusted by its genesis alone: the sheet is older than all that followed.
    """
    following = Secret(rng(CODE_BYTES))
    profile = Profile(
        addresses=link.addresses,
        tls_pin=link.tls_pin,
        workspace_id=workspace_id,
        genesis=link.genesis,
        anchor=Head(1, link.genesis),
        member_id=link.member_id,
        device_id=DeviceId(rng(16)),
        signature_key=Secret(rng(32)),
        hpke_key=Secret(rng(32)),
        directory_key=None,
        name="",
        title="",
        device_name=device_name,
        stage=Recovering(
            recovery_seed(code, link.member_id), recovery_key_of(following, link.member_id)
        ),
    )
    sheet = _sheet(profile, following)
    assert sheet is not None, "there is a code"
    return profile, sheet


def _sheet(profile: Profile, code: bytes | None) -> RecoverySheet | None:
    if code is None:
        return None
    return RecoverySheet.make(
        code,
        addresses=profile.addresses,
        tls_pin=profile.tls_pin,
        genesis=profile.genesis,
        member_id=profile.member_id,
    )


def recover_entry(profile: Profile, roster: Roster, *, now: UnixMillis) -> RosterEntry:
    """Sign, with the sheet's key, the one entry that it may: this device and the next sheet."""
    assert isinstance(profile.stage, Recovering), "only a sheet signs a recover"
    return sign_roster_entry(
        roster,
        Recover(profile.public_device, profile.stage.recovery_key),
        RecoveryAuthor(profile.member_id),
        Secret(profile.stage.seed),
        now=now,
    )


def add_member_entry(profile: Profile, roster: Roster, *, now: UnixMillis) -> RosterEntry:
    """Sign, with the invite's key, the one entry that it may: this device.

    Raises:
        ProtocolError: the roster does not allow it (any longer).
    """
    assert isinstance(profile.stage, Joining), "only an invite signs an add_member"
    return sign_roster_entry(
        roster,
        AddMember(profile.stage.kind, profile.public_device, profile.stage.recovery_key),
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
        UsageError: this device does not have the directory's key.
    """
    if profile.directory_key is None:
        raise UsageError(
            "this device was not given the key of the directory yet; "
            "try again when a colleague is online"
        )
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
