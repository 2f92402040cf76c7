"""What a roster's entries amount to: members, invites, devices and keys, each with its past.

Whoever calls `record` has verified the entry (`roster.py`); nothing here can fail.
"""

from __future__ import annotations

import bisect
import dataclasses
import enum
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

from mifeng_crypto.ids import DeviceId, MemberId, UnixMillis
from mifeng_crypto.ledger.history import History
from mifeng_crypto.ledger.roster_entry import (
    AddDevice,
    AddMember,
    Device,
    DeviceAuthor,
    DirectoryKey,
    Found,
    Invite,
    MemberKind,
    Recover,
    RemoveMember,
    RevokeDevice,
    RevokeInvite,
    Role,
    RosterEntryTBS,
    SetRole,
    SetServer,
)

__all__ = [
    "DeviceChange",
    "DeviceChangeKind",
    "DeviceRecord",
    "InviteRecord",
    "Member",
    "RosterTables",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A member, from entry `added` on. `recovery_key` is that of its recovery sheet, if any."""

    member_id: MemberId
    kind: MemberKind
    role: Role
    added: int
    recovery_key: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRecord:
    """A device of a member, from entry `added` on."""

    device_id: DeviceId
    member_id: MemberId
    signature_key: bytes
    hpke_key: bytes
    added: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InviteRecord:
    """An invite that nobody has used; it may have expired."""

    member_id: MemberId
    role: Role
    public_key: bytes
    expires_at: UnixMillis
    issuer: DeviceAuthor
    issued: int


class DeviceChangeKind(enum.IntEnum):
    """What has changed about the devices of somebody who was and is a member."""

    ADD_DEVICE = 1
    REVOKE_DEVICE = 2
    RECOVER = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceChange:
    """What entry `sequence` has changed about a member's devices."""

    sequence: int
    member_id: MemberId
    kind: DeviceChangeKind


@dataclass(frozen=True, slots=True)
class RosterTables:
    """The tables of all rosters that grew out of one another; each reads at its own sequence."""

    members: History[MemberId, Member] = field(default_factory=History)
    invites: History[MemberId, InviteRecord] = field(default_factory=History)
    devices: History[DeviceId, DeviceRecord] = field(default_factory=History)
    devices_of: History[MemberId, tuple[DeviceId, ...]] = field(default_factory=History)
    keys: History[bytes, MemberId] = field(default_factory=History)
    _moves: list[tuple[int, DeviceId]] = field(init=False)
    """Which devices came or went with which entry, in order."""

    def __post_init__(self) -> None:
        moves = sorted(
            (since, device_id)
            for device_id, values in self.devices.values.items()
            for since, _ in values
        )
        object.__setattr__(self, "_moves", moves)

    def device_changes(self, after: int, until: int) -> Iterator[DeviceChange]:
        """Go through what the entries behind `after`, up to `until`, say of members' devices.

        Whoever comes in or goes with all devices is not named: that is no change of a member.
        """
        first = bisect.bisect_right(self._moves, after, key=lambda move: move[0])
        last = bisect.bisect_right(self._moves, until, key=lambda move: move[0])
        moved = itertools.groupby(self._moves[first:last], key=lambda move: move[0])
        for sequence, moves in moved:
            device_id = next(moves)[1]
            device = self.devices.last(device_id, sequence)
            assert device is not None, "what has moved was there"
            who = device.member_id
            if not self.members.get(who, sequence - 1) or not self.members.get(who, sequence):
                continue
            if self.members.since(who, sequence) == sequence:  # with the key of the next sheet
                kind = DeviceChangeKind.RECOVER
            elif self.devices.get(device_id, sequence) is not None:
                kind = DeviceChangeKind.ADD_DEVICE
            else:
                kind = DeviceChangeKind.REVOKE_DEVICE
            yield DeviceChange(sequence=sequence, member_id=who, kind=kind)

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
        author = tbs.author
        match tbs.body:
            case Found() as body:
                founder = Member(
                    member_id=body.founder,
                    kind=MemberKind.PERSON,
                    role=Role.OWNER,
                    added=sequence,
                    recovery_key=body.recovery_key,
                )
                self._set_member(sequence, founder)
                self._add_device(sequence, body.founder, body.device)
            case Invite() as body:
                assert isinstance(author, DeviceAuthor), "the rules let only devices invite"
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
                used = self.invites.get(author.member_id, sequence)
                assert used is not None, "the rules found this invite"
                self.invites.set(author.member_id, sequence, None)
                member = Member(
                    member_id=author.member_id,
                    kind=body.kind,
                    role=used.role,
                    added=sequence,
                    recovery_key=body.recovery_key,
                )
                self._set_member(sequence, member)
                self._add_device(sequence, author.member_id, body.device)
            case RemoveMember() as body:
                self._drop_devices(sequence, body.member_id)
                self.members.set(body.member_id, sequence, None)
            case SetRole() as body:
                member = self._member(body.member_id, sequence)
                self._set_member(sequence, dataclasses.replace(member, role=body.role))
            case RevokeInvite() as body:
                self.invites.set(body.member_id, sequence, None)
            case AddDevice() as body:
                self._add_device(sequence, author.member_id, body.device)
            case RevokeDevice() as body:
                self._drop_device(sequence, body.device_id)
            case Recover() as body:
                member = self._member(author.member_id, sequence)
                self._drop_devices(sequence, author.member_id)
                self._set_member(
                    sequence, dataclasses.replace(member, recovery_key=body.recovery_key)
                )
                self._add_device(sequence, author.member_id, body.device)
            case SetServer() | DirectoryKey():
                pass  # `Roster.server`, `Roster.directory`

    def _member(self, member_id: MemberId, sequence: int) -> Member:
        member = self.members.get(member_id, sequence)
        assert member is not None, "the rules found this member"
        return member

    def _set_member(self, sequence: int, member: Member) -> None:
        self.members.set(member.member_id, sequence, member)
        if member.recovery_key is not None:
            self.keys.set(member.recovery_key, sequence, member.member_id)

    def _add_device(self, sequence: int, member_id: MemberId, device: Device) -> None:
        record = DeviceRecord(
            device_id=device.device_id,
            member_id=member_id,
            signature_key=device.signature_key,
            hpke_key=device.hpke_key,
            added=sequence,
        )
        others = self.devices_of.get(member_id, sequence) or ()
        self.devices.set(device.device_id, sequence, record)
        self._moves.append((sequence, device.device_id))
        self.devices_of.set(member_id, sequence, (*others, device.device_id))
        self.keys.set(device.signature_key, sequence, member_id)

    def _drop_device(self, sequence: int, device_id: DeviceId) -> None:
        record = self.devices.get(device_id, sequence)
        assert record is not None, "the rules found this device"
        own = self.devices_of.get(record.member_id, sequence) or ()
        self.devices.set(device_id, sequence, None)
        self._moves.append((sequence, device_id))
        self.devices_of.set(
            record.member_id, sequence, tuple(other for other in own if other != device_id)
        )

    def _drop_devices(self, sequence: int, member_id: MemberId) -> None:
        for device_id in self.devices_of.get(member_id, sequence) or ():
            self.devices.set(device_id, sequence, None)
            self._moves.append((sequence, device_id))
        self.devices_of.set(member_id, sequence, None)
