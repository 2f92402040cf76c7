"""What the roster's entries changed, in words that people can be told (protocol.md, "What changes
in the roster"). The entries were verified when they came; here they are only read.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass

from mifeng_crypto.ids import DeviceId, MemberId, UnixMillis
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.ledger.roster_entry import (
    AddDevice,
    AddMember,
    DeviceAuthor,
    DirectoryKey,
    Found,
    Invite,
    Recover,
    RemoveMember,
    RevokeDevice,
    RevokeInvite,
    Role,
    RosterEntry,
    SetRole,
    SetServer,
)
from mifeng_crypto.tls import decode

__all__ = ["DeviceLife", "RosterChange", "lives_of", "read_changes"]

KINDS = {
    Found: "found",
    Invite: "invite",
    AddMember: "add_member",
    RemoveMember: "remove_member",
    SetRole: "set_role",
    RevokeInvite: "revoke_invite",
    AddDevice: "add_device",
    RevokeDevice: "revoke_device",
    Recover: "recover",
    SetServer: "set_server",
    DirectoryKey: "directory_key",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RosterChange:
    """One entry of the roster.

    Attributes:
        sequence: its place.
        time: when its author says that it was signed.
        kind: the body's name in protocol.md.
        author: whose key signed it; for `add_member` and `recover` that is the subject itself.
        author_device: with which device; None for an invite's or a sheet's key.
        subject: whom it is about; None for `set_server` and `directory_key`.
        device_id: which device came or went, where it is about one.
        role: which role was given or promised.
    """

    sequence: int
    time: UnixMillis
    kind: str
    author: MemberId
    author_device: DeviceId | None
    subject: MemberId | None
    device_id: DeviceId | None = None
    role: Role | None = None


def read_changes(
    entries: Iterable[bytes], roster: Roster, *, after: int = 0
) -> tuple[RosterChange, ...]:
    """Return what entries say, of which the first has the sequence `after` + 1.

    Args:
        entries: as they were signed.
        roster: at least up to the last of them.
        after: how many stand before them.
    """
    return tuple(_change(raw, roster, n) for n, raw in enumerate(entries, after + 1))


def _change(raw: bytes, roster: Roster, sequence: int) -> RosterChange:
    tbs = decode(RosterEntry, raw).tbs
    author, body = tbs.author, tbs.body
    change = RosterChange(
        sequence=sequence,
        time=tbs.time,
        kind=KINDS[type(body)],
        author=author.member_id,
        author_device=author.device_id if isinstance(author, DeviceAuthor) else None,
        subject=author.member_id,
    )
    match body:
        case Found() | AddMember() | AddDevice() | Recover():
            return dataclasses.replace(change, device_id=body.device.device_id)
        case Invite() | SetRole():
            return dataclasses.replace(change, subject=body.member_id, role=body.role)
        case RemoveMember() | RevokeInvite():
            return dataclasses.replace(change, subject=body.member_id)
        case RevokeDevice():
            device = roster.device_ever(body.device_id)
            assert device is not None, "ROSTER-17 has found it"
            return dataclasses.replace(change, subject=device.member_id, device_id=body.device_id)
        case _:
            return dataclasses.replace(change, subject=None)


# ------------------------------------------------------------------ devices


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceLife:
    """A device that was ever added to somebody's name: by what, and by what it ended, if it did."""

    device_id: DeviceId
    began: RosterChange
    ended: RosterChange | None = None


def lives_of(changes: Iterable[RosterChange], member_id: MemberId) -> tuple[DeviceLife, ...]:
    """Return every device that a member ever had, in the order in which they came."""
    lives: dict[DeviceId, DeviceLife] = {}

    def end(device_id: DeviceId, change: RosterChange) -> None:
        if lives[device_id].ended is None:
            lives[device_id] = dataclasses.replace(lives[device_id], ended=change)

    for change in changes:
        if change.subject != member_id:
            continue
        if change.kind in ("recover", "remove_member"):
            for device_id in list(lives):
                end(device_id, change)
        if change.kind == "revoke_device" and change.device_id is not None:
            end(change.device_id, change)
        elif change.device_id is not None:
            life = DeviceLife(device_id=change.device_id, began=change)
            lives[change.device_id] = life
    return tuple(lives.values())
