"""Who may sign what in the roster, and the rules of each body (protocol.md, "Roster").

What may be signed is data, the two tables below; each rule is one function that carries its id.
The rules of every ledger (LEDGER-n) are in `chain.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.ids import DeviceId, MemberId
from mifeng_crypto.ledger.policy import check_policy
from mifeng_crypto.ledger.roster_entry import (
    AddDevice,
    AddMember,
    Author,
    Device,
    DeviceAuthor,
    DirectoryKey,
    Found,
    Invite,
    InviteAuthor,
    MemberKind,
    Recover,
    RecoveryAuthor,
    RemoveMember,
    RevokeDevice,
    RevokeInvite,
    Role,
    RosterBody,
    RosterEntryTBS,
    ServerIdentity,
    SetRole,
    SetServer,
)
from mifeng_crypto.ledger.roster_tables import DeviceRecord, InviteRecord, Member
from mifeng_crypto.sealing import check_hpke_key
from mifeng_crypto.signature import check_public_key

if TYPE_CHECKING:
    from mifeng_crypto.ledger.roster import Roster

__all__ = ["GOVERNS", "MAX_DEVICES", "MAX_INVITE_MS", "SIGNED_BY", "check_body", "signing_key"]

SIGNED_BY: Mapping[type[RosterBody], type[Author]] = MappingProxyType(
    {
        Found: DeviceAuthor,
        Invite: DeviceAuthor,
        AddMember: InviteAuthor,
        RemoveMember: DeviceAuthor,
        SetRole: DeviceAuthor,
        RevokeInvite: DeviceAuthor,
        AddDevice: DeviceAuthor,
        RevokeDevice: DeviceAuthor,
        Recover: RecoveryAuthor,
        SetServer: DeviceAuthor,
        DirectoryKey: DeviceAuthor,
    }
)
"""Whose key signs a body: that of a device in the roster (of `found`: in the entry itself), that of
the invite which promised the `member_id`, or that of the member's recovery sheet."""

GOVERNS: Mapping[Role, frozenset[Role]] = MappingProxyType(
    {
        Role.OWNER: frozenset({Role.OWNER, Role.ADMIN, Role.MEMBER, Role.GUEST}),
        Role.ADMIN: frozenset({Role.ADMIN, Role.MEMBER, Role.GUEST}),
        Role.MEMBER: frozenset(),
        Role.GUEST: frozenset(),
    }
)
"""Over which roles a member has a say: to invite into, to give and to take, to revoke the invites
and devices of, to remove. Everybody has one over his own devices and invites."""

MAX_INVITE_MS = 30 * 24 * 3600 * 1000
"""A link that was lost must not stay a way in for ever."""

MAX_DEVICES = 5
"""Of one member."""


def signing_key(roster: Roster, tbs: RosterEntryTBS) -> bytes:
    """Return the key that must have signed the entry: its author has the standing to sign.

    Raises:
        ProtocolError: ROSTER-2, ROSTER-7, ROSTER-9, ROSTER-18, LEDGER-7.
    """
    check_kind_of_author(tbs)
    match tbs.author:
        case InviteAuthor() as author:
            return open_invite(roster, author.member_id).public_key
        case RecoveryAuthor() as author:
            return recovery_key(roster, author.member_id)
        case DeviceAuthor() as author:
            return author_device(roster, author)


def check_body(roster: Roster, tbs: RosterEntryTBS) -> None:
    """Judge what the entry says, after its signature was verified.

    Raises:
        ProtocolError: ROSTER-n, POLICY-1, KEY-1 or KEY-3.
    """
    author = tbs.author.member_id
    match tbs.body:
        case Found():
            raise ProtocolError("ROSTER-1", "the workspace is founded already; ask for an invite")
        case Invite() as body:
            check_may_invite(roster, author, body.role)
            check_member_id_is_new(roster, body.member_id)
            check_key_is_new(roster, body.public_key)
            check_expiry(tbs.time, body.expires_at)
        case AddMember() as body:
            invite = open_invite(roster, author)
            check_invite_is_in_time(invite, tbs.time)
            check_archive(body.kind, invite.role)
            check_device(roster, body.device)
            check_recovery_key(roster, body.device, body.recovery_key)
        case RemoveMember() as body:
            check_governs(roster, author, existing_member(roster, body.member_id).role)
            check_an_owner_remains(roster, without=body.member_id)
        case SetRole() as body:
            member = existing_member(roster, body.member_id)
            check_governs(roster, author, member.role)
            check_governs(roster, author, body.role)
            check_archive(member.kind, body.role)
            check_role_changes(member, body.role)
            check_an_owner_remains(roster, without=body.member_id)
        case RevokeInvite() as body:
            invite = unused_invite(roster, body.member_id)
            if invite.issuer.member_id != author:
                check_governs(roster, author, invite.role)
        case AddDevice() | RevokeDevice() | Recover() as body:
            check_device_body(roster, author, body)
        case SetServer() as body:
            check_may_set_server(roster, author)
            check_server(body.server)
            check_checkpoint_key(body.server)
        case DirectoryKey() as body:
            check_may_rotate(roster, author)
            check_next_directory_key(roster, body)


def check_device_body(
    roster: Roster, author: MemberId, body: AddDevice | RevokeDevice | Recover
) -> None:
    """Judge what an entry says of devices.

    Raises:
        ProtocolError: ROSTER-n, KEY-1 or KEY-3.
    """
    match body:
        case AddDevice():
            check_device(roster, body.device)
            check_devices(roster, author)
        case RevokeDevice():
            device = existing_device(roster, body.device_id)
            if device.member_id != author:
                check_governs(roster, author, existing_member(roster, device.member_id).role)
            if len(roster.devices_of(device.member_id)) == 1:
                check_an_owner_remains(roster, without=device.member_id)
        case Recover():
            check_device(roster, body.device)
            check_recovery_key(roster, body.device, body.recovery_key)


def check_found(tbs: RosterEntryTBS) -> Found:
    """ROSTER-1: the first entry is `found`, by the founder's own first device; and its contents.

    Raises:
        ProtocolError: ROSTER-1, POLICY-1, KEY-1, KEY-3.
    """
    body = tbs.body
    if not isinstance(body, Found) or tbs.author != DeviceAuthor(
        body.founder, body.device.device_id
    ):
        raise ProtocolError(
            "ROSTER-1", "a roster begins with `found`, signed by the founder's first device"
        )
    check_policy(body.default_policy)
    check_public_key(body.device.signature_key)
    check_hpke_key(body.device.hpke_key)
    check_checkpoint_key(body.server)
    if body.recovery_key is not None:
        check_public_key(body.recovery_key)
        check_keys_differ(body.device, body.recovery_key)
    return body


# ------------------------------------------------------------------ authors


def check_kind_of_author(tbs: RosterEntryTBS) -> None:
    """ROSTER-2: SIGNED_BY."""
    if not isinstance(tbs.author, SIGNED_BY[type(tbs.body)]):
        raise ProtocolError(
            "ROSTER-2",
            "the wrong kind of key signed this: an invite adds its own member, a recovery sheet "
            "its member's new device, and neither does anything else",
        )


def author_device(roster: Roster, author: DeviceAuthor) -> bytes:
    """LEDGER-7: return the key of the author's device."""
    device = roster.device(author.device_id)
    if device is None or device.member_id != author.member_id:
        raise ProtocolError(
            "LEDGER-7", "the author's device is not in the roster; ask for a new invite"
        )
    return device.signature_key


def recovery_key(roster: Roster, member_id: MemberId) -> bytes:
    """ROSTER-18: return the key of the member's recovery sheet."""
    member = roster.member(member_id)
    if member is None or member.recovery_key is None:
        raise ProtocolError(
            "ROSTER-18",
            "no recovery sheet is known for this member; ask an admin for a new invite",
        )
    return member.recovery_key


def unused_invite(roster: Roster, member_id: MemberId) -> InviteRecord:
    """ROSTER-7: the invite exists and is unused."""
    invite = roster.invite(member_id)
    if invite is None:
        raise ProtocolError(
            "ROSTER-7", "there is no such invite, or it was used or revoked; ask for a new link"
        )
    return invite


def open_invite(roster: Roster, member_id: MemberId) -> InviteRecord:
    """ROSTER-7. And ROSTER-9: the device that issued it could issue it still.

    Else somebody who was removed or demoted, or who had stolen a device, could come back with a
    link that he had put aside.
    """
    invite = unused_invite(roster, member_id)
    device = roster.device(invite.issuer.device_id)
    issuer = roster.member(invite.issuer.member_id) if device is not None else None
    if issuer is None or invite.role not in GOVERNS[issuer.role]:
        raise ProtocolError(
            "ROSTER-9",
            "whoever issued this invite has left, or has lost the device or the right to it; "
            "ask for a new link",
        )
    return invite


# ------------------------------------------------------------------ invite


def _author_role(roster: Roster, member_id: MemberId) -> Role:
    member = roster.member(member_id)
    assert member is not None, "the author's device belongs to a member"
    return member.role


def check_may_invite(roster: Roster, author: MemberId, role: Role) -> None:
    """ROSTER-3: GOVERNS."""
    own = _author_role(roster, author)
    if role not in GOVERNS[own]:
        raise ProtocolError(
            "ROSTER-3",
            "a member with the role {own} may not invite somebody as {role}; ask an owner",
            own=own.name.lower(),
            role=role.name.lower(),
        )


def check_member_id_is_new(roster: Roster, member_id: MemberId) -> None:
    """ROSTER-4: no member id is ever given twice, not even after a removal."""
    if roster.was_ever_named(member_id):
        raise ProtocolError("ROSTER-4", "this member id is taken; draw a new one")


def check_key_is_new(roster: Roster, key: bytes) -> None:
    """ROSTER-5: no key is given twice, to whatever; and KEY-1: it is no weak one."""
    check_public_key(key)
    if roster.was_ever_key(key):
        raise ProtocolError("ROSTER-5", "this key is in the roster already; make a new one")


def check_expiry(time: int, expires_at: int) -> None:
    """ROSTER-6: an invite expires after it was made, and not later than MAX_INVITE_MS."""
    if not time < expires_at <= time + MAX_INVITE_MS:
        raise ProtocolError(
            "ROSTER-6",
            "an invite expires within {days} days of its making; choose a time in between",
            days=MAX_INVITE_MS // 86_400_000,
        )


# ------------------------------------------------------------------ add_member


def check_invite_is_in_time(invite: InviteRecord, time: int) -> None:
    """ROSTER-8: an invite is used before it expires."""
    if time >= invite.expires_at:
        raise ProtocolError("ROSTER-8", "this invite has expired; ask for a new link")


def check_archive(kind: MemberKind, role: Role) -> None:
    """ROSTER-10: an archive is a guest: it reads where it is granted, and decides nothing."""
    if kind is MemberKind.ARCHIVE and role is not Role.GUEST:
        raise ProtocolError(
            "ROSTER-10",
            "an archive is a guest in the workspace, and nothing else; invite it as a guest",
        )


def check_device(roster: Roster, device: Device) -> None:
    """ROSTER-11: no device id is ever given twice. ROSTER-5 and KEY-1, KEY-3 for its keys."""
    if roster.device_ever(device.device_id) is not None:
        raise ProtocolError("ROSTER-11", "this device id is taken; draw a new one")
    check_key_is_new(roster, device.signature_key)
    check_hpke_key(device.hpke_key)


def check_recovery_key(roster: Roster, device: Device, key: bytes | None) -> None:
    """ROSTER-5 and KEY-1 for the key of a recovery sheet."""
    if key is not None:
        check_key_is_new(roster, key)
        check_keys_differ(device, key)


def check_keys_differ(device: Device, recovery_key: bytes) -> None:
    """ROSTER-5, within one entry: a stolen device must not be the recovery sheet as well."""
    if device.signature_key == recovery_key:
        raise ProtocolError("ROSTER-5", "device and recovery sheet have one key; make a new one")


# ------------------------------------------------------------------ members


def existing_member(roster: Roster, member_id: MemberId) -> Member:
    """ROSTER-12: whom the entry is about is a member."""
    member = roster.member(member_id)
    if member is None:
        raise ProtocolError("ROSTER-12", "there is no such member, or the member was removed")
    return member


def check_governs(roster: Roster, author: MemberId, role: Role) -> None:
    """ROSTER-13: GOVERNS."""
    own = _author_role(roster, author)
    if role not in GOVERNS[own]:
        raise ProtocolError(
            "ROSTER-13",
            "a member with the role {own} has no say over the role {role}; ask an owner",
            own=own.name.lower(),
            role=role.name.lower(),
        )


def check_an_owner_remains(roster: Roster, *, without: MemberId) -> None:
    """ROSTER-14: if that member is an owner, there is another one, and with a device."""
    if existing_member(roster, without).role is Role.OWNER and not any(
        other.role is Role.OWNER
        and other.member_id != without
        and roster.devices_of(other.member_id)
        for other in roster.members()
    ):
        raise ProtocolError(
            "ROSTER-14",
            "the last owner stays owner, with a device; make another member an owner first",
        )


def check_role_changes(member: Member, role: Role) -> None:
    """ROSTER-15: a new role is another one."""
    if member.role is role:
        raise ProtocolError("ROSTER-15", "the member has this role already")


# ------------------------------------------------------------------ devices


def check_devices(roster: Roster, member_id: MemberId) -> None:
    """ROSTER-16: a member has MAX_DEVICES devices at most."""
    if len(roster.devices_of(member_id)) >= MAX_DEVICES:
        raise ProtocolError(
            "ROSTER-16",
            "a member has {n} devices at most; revoke one that is no longer in use",
            n=MAX_DEVICES,
        )


def existing_device(roster: Roster, device_id: DeviceId) -> DeviceRecord:
    """ROSTER-17: which device is revoked is in the roster."""
    device = roster.device(device_id)
    if device is None:
        raise ProtocolError("ROSTER-17", "there is no such device, or it was revoked")
    return device


# ------------------------------------------------------------------ the directory


def check_may_rotate(roster: Roster, author: MemberId) -> None:
    """ROSTER-21: owners and admins.

    Whoever may make a key could make one that he hands to nobody, and names would be ids again: so
    it is for those who could remove everybody anyway.
    """
    if _author_role(roster, author) not in (Role.OWNER, Role.ADMIN):
        raise ProtocolError("ROSTER-21", "the directory's key is replaced by an owner or admin")


def check_next_directory_key(roster: Roster, body: DirectoryKey) -> None:
    """ROSTER-22: the numbers go forward one by one, and no key comes again."""
    before = roster.directory
    if body.number != before.number + 1 or body.key_hash == before.key_hash:
        raise ProtocolError(
            "ROSTER-22",
            "this is not the next key of the directory; somebody else was quicker, look again",
        )


# ------------------------------------------------------------------ the server


def check_may_set_server(roster: Roster, author: MemberId) -> None:
    """ROSTER-19: only owners say who the server is."""
    if _author_role(roster, author) is not Role.OWNER:
        raise ProtocolError("ROSTER-19", "only an owner may say who the server is; ask one")


def check_server(server: ServerIdentity) -> None:
    """ROSTER-20: the server has an address, else nobody would find it again."""
    if not server.addresses:
        raise ProtocolError("ROSTER-20", "the entry names no address of the server; name one")


def check_checkpoint_key(server: ServerIdentity) -> None:
    """KEY-1, for the key of the server's checkpoints."""
    if server.checkpoint_key is not None:
        check_public_key(server.checkpoint_key)
