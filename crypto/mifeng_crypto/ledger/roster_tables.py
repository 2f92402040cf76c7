"""What a roster's entries amount to: members, invites, devices and keys, each with its past.

Whoever calls `record` has verified the entry (`roster.py`); nothing here can fail.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mifeng_crypto.ids import DeviceId, MemberId, UnixMillis
from mifeng_crypto.ledger.history import History
from mifeng_crypto.ledger.roster_entry import (
    AddMember,
    Device,
    Found,
    Invite,
    MemberKind,
    RemoveMember,
    Role,
    RosterEntryTBS,
)

__all__ = ["DeviceRecord", "InviteRecord", "Member", "RosterTables"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A member, from entry `added` on."""

    member_id: MemberId
    kind: MemberKind
    role: Role
    added: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRecord:
    """A device of a member, from entry `added` on."""

    device_id: DeviceId
    member_id: MemberId
    signature_key: bytes
    added: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InviteRecord:
    """An invite that nobody has used; it may have expired."""

    member_id: MemberId
    role: Role
    public_key: bytes
    expires_at: UnixMillis
    issuer: MemberId
    issued: int


@dataclass(frozen=True, slots=True)
class RosterTables:
    """The tables of all rosters that grew out of one another; each reads at its own sequence."""

    members: History[MemberId, Member] = field(default_factory=History)
    invites: History[MemberId, InviteRecord] = field(default_factory=History)
    devices: History[DeviceId, DeviceRecord] = field(default_factory=History)
    devices_of: History[MemberId, tuple[DeviceId, ...]] = field(default_factory=History)
    keys: History[bytes, MemberId] = field(default_factory=History)

    def until(self, sequence: int) -> RosterTables:
        """Return a copy that has seen no entry after `sequence`."""
        return RosterTables(
            self.members.until(sequence),
            self.invites.until(sequence),
            self.devices.until(sequence),
            self.devices_of.until(sequence),
            self.keys.until(sequence),
        )

    def record(self, tbs: RosterEntryTBS, sequence: int) -> None:
        """Enter what the verified entry `sequence` says."""
        author = tbs.author.member_id
        match tbs.body:
            case Found() as body:
                self._admit(sequence, body.founder, MemberKind.PERSON, Role.OWNER, body.device)
            case Invite() as body:
                invite = InviteRecord(
                    member_id=body.member_id,
                    role=body.role,
                    public_key=body.public_key,
                    expires_at=body.expires_at,
                    issuer=author,
                    issued=sequence,
                )
                self.invites.set(body.member_id, sequence, invite)
                self.keys.set(body.public_key, sequence, body.member_id)
            case AddMember() as body:
                used = self.invites.get(author, sequence)
                assert used is not None, "the rules found this invite"
                self.invites.set(author, sequence, None)
                self._admit(sequence, author, body.kind, used.role, body.device)
            case RemoveMember() as body:
                for device_id in self.devices_of.get(body.member_id, sequence) or ():
                    self.devices.set(device_id, sequence, None)
                self.devices_of.set(body.member_id, sequence, None)
                self.members.set(body.member_id, sequence, None)

    def _admit(
        self, sequence: int, member_id: MemberId, kind: MemberKind, role: Role, device: Device
    ) -> None:
        member = Member(member_id=member_id, kind=kind, role=role, added=sequence)
        record = DeviceRecord(
            device_id=device.device_id,
            member_id=member_id,
            signature_key=device.signature_key,
            added=sequence,
        )
        self.members.set(member_id, sequence, member)
        self.devices.set(device.device_id, sequence, record)
        self.devices_of.set(member_id, sequence, (device.device_id,))
        self.keys.set(device.signature_key, sequence, member_id)
