"""Who may sign what in the roster, and the rules of each body (protocol.md, "Roster").

What may be signed is data, the three tables below; each rule is one function that carries its id.
The rules of every ledger (LEDGER-n) are in `chain.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.ids import MemberId
from mifeng_crypto.ledger.policy import check_policy
from mifeng_crypto.ledger.roster_entry import (
    AddMember,
    Author,
    Device,
    DeviceAuthor,
    Found,
    Invite,
    InviteAuthor,
    MemberKind,
    RemoveMember,
    Role,
    RosterBody,
    RosterEntryTBS,
)
from mifeng_crypto.ledger.roster_tables import InviteRecord, Member
from mifeng_crypto.signature import check_public_key

if TYPE_CHECKING:
    from mifeng_crypto.ledger.roster import Roster

__all__ = ["MAX_INVITE_MS", "MAY_INVITE", "MAY_REMOVE", "SIGNED_BY", "check_body", "signing_key"]

SIGNED_BY: Mapping[type[RosterBody], type[Author]] = MappingProxyType(
    {
        Found: DeviceAuthor,
        Invite: DeviceAuthor,
        AddMember: InviteAuthor,
        RemoveMember: DeviceAuthor,
    }
)
"""Whose key signs a body: that of a device in the roster (of `found`: in the entry itself), or that
of the invite which promised the `member_id`."""

MAY_INVITE: Mapping[Role, frozenset[Role]] = MappingProxyType(
    {
        Role.OWNER: frozenset({Role.OWNER, Role.ADMIN, Role.MEMBER, Role.GUEST}),
        Role.ADMIN: frozenset({Role.ADMIN, Role.MEMBER, Role.GUEST}),
    }
)
"""Who (the key) may invite somebody into which role."""

MAY_REMOVE: Mapping[Role, frozenset[Role]] = MappingProxyType(
    {
        Role.OWNER: frozenset({Role.OWNER, Role.ADMIN, Role.MEMBER, Role.GUEST}),
        Role.ADMIN: frozenset({Role.ADMIN, Role.MEMBER, Role.GUEST}),
    }
)
"""Who (the key) may remove a member of which role; nobody the last owner."""

KINDS_IN_USE = frozenset({MemberKind.PERSON, MemberKind.BOT})

MAX_INVITE_MS = 30 * 24 * 3600 * 1000
"""A link that was lost must not stay a way in for ever."""


def signing_key(roster: Roster, tbs: RosterEntryTBS) -> bytes:
    """Return the key that must have signed the entry: its author has the standing to sign.

    Raises:
        ProtocolError: ROSTER-2, ROSTER-7, ROSTER-9, LEDGER-7.
    """
    check_kind_of_author(tbs)
    if isinstance(tbs.author, InviteAuthor):
        return open_invite(roster, tbs.author.member_id).public_key
    return author_device(roster, tbs.author)


def check_body(roster: Roster, tbs: RosterEntryTBS) -> None:
    """Judge what the entry says, after its signature was verified.

    Raises:
        ProtocolError: ROSTER-n, POLICY-1 or KEY-1.
    """
    match tbs.body:
        case Found():
            raise ProtocolError("ROSTER-1", "the workspace is founded already; ask for an invite")
        case Invite() as body:
            check_may_invite(roster, tbs.author.member_id, body.role)
            check_member_id_is_new(roster, body.member_id)
            check_key_is_new(roster, body.public_key)
            check_expiry(tbs.time, body.expires_at)
        case AddMember() as body:
            invite = open_invite(roster, tbs.author.member_id)
            check_invite_is_in_time(invite, tbs.time)
            check_kind(body.kind)
            check_device(roster, body.device)
        case RemoveMember() as body:
            check_may_remove(roster, tbs.author.member_id, body.member_id)
            check_an_owner_remains(roster, body.member_id)


def check_found(tbs: RosterEntryTBS) -> Found:
    """ROSTER-1: the first entry is `found`, by the founder's own first device; and its contents.

    Raises:
        ProtocolError: ROSTER-1, POLICY-1, KEY-1.
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
    return body


# ------------------------------------------------------------------ authors


def check_kind_of_author(tbs: RosterEntryTBS) -> None:
    """ROSTER-2: SIGNED_BY."""
    if not isinstance(tbs.author, SIGNED_BY[type(tbs.body)]):
        raise ProtocolError(
            "ROSTER-2",
            "the wrong kind of key signed this: an invite adds its own member and does nothing "
            "else, and nobody is added without an invite",
        )


def author_device(roster: Roster, author: DeviceAuthor) -> bytes:
    """LEDGER-7: return the key of the author's device."""
    device = roster.device(author.device_id)
    if device is None or device.member_id != author.member_id:
        raise ProtocolError(
            "LEDGER-7", "the author's device is not in the roster; ask for a new invite"
        )
    return device.signature_key


def open_invite(roster: Roster, member_id: MemberId) -> InviteRecord:
    """ROSTER-7: the invite exists and is unused. ROSTER-9: who issued it is still a member."""
    invite = roster.invite(member_id)
    if invite is None:
        raise ProtocolError(
            "ROSTER-7", "there is no such invite, or it was used; ask for a new link"
        )
    # Else somebody who was removed could come back with a link that he had put aside.
    if roster.member(invite.issuer) is None:
        raise ProtocolError(
            "ROSTER-9", "whoever issued this invite has left; ask somebody else for a new link"
        )
    return invite


# ------------------------------------------------------------------ invite


def _author_role(roster: Roster, member_id: MemberId) -> Role:
    member = roster.member(member_id)
    assert member is not None, "the author's device belongs to a member"
    return member.role


def check_may_invite(roster: Roster, author: MemberId, role: Role) -> None:
    """ROSTER-3: MAY_INVITE."""
    own = _author_role(roster, author)
    if role not in MAY_INVITE.get(own, frozenset()):
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
    """ROSTER-5: no key is given twice, to a device or an invite; and KEY-1: it is no weak one."""
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


def check_kind(kind: MemberKind) -> None:
    """ROSTER-10: a member is a person or a bot; archives are not in this version."""
    if kind not in KINDS_IN_USE:
        raise ProtocolError(
            "ROSTER-10",
            "a member of kind {kind} is not in this version of the protocol",
            kind=kind.name.lower(),
        )


def check_device(roster: Roster, device: Device) -> None:
    """ROSTER-11: no device id is ever given twice. And ROSTER-5, KEY-1 for its key."""
    if roster.device_ever(device.device_id) is not None:
        raise ProtocolError("ROSTER-11", "this device id is taken; draw a new one")
    check_key_is_new(roster, device.signature_key)


# ------------------------------------------------------------------ remove_member


def member_to_remove(roster: Roster, member_id: MemberId) -> Member:
    """ROSTER-12: who is removed is a member."""
    member = roster.member(member_id)
    if member is None:
        raise ProtocolError("ROSTER-12", "there is no such member, or the member was removed")
    return member


def check_may_remove(roster: Roster, author: MemberId, member_id: MemberId) -> None:
    """ROSTER-13: MAY_REMOVE."""
    own, role = _author_role(roster, author), member_to_remove(roster, member_id).role
    if role not in MAY_REMOVE.get(own, frozenset()):
        raise ProtocolError(
            "ROSTER-13",
            "a member with the role {own} may not remove one with the role {role}; ask an owner",
            own=own.name.lower(),
            role=role.name.lower(),
        )


def check_an_owner_remains(roster: Roster, member_id: MemberId) -> None:
    """ROSTER-14: the last owner stays."""
    if member_to_remove(roster, member_id).role is Role.OWNER and not any(
        m.role is Role.OWNER for m in roster.members() if m.member_id != member_id
    ):
        raise ProtocolError(
            "ROSTER-14", "the last owner cannot be removed; invite another owner first"
        )
