"""Who may sign what in a charter, and the rules of each body (protocol.md, "Charter").

What may be signed is data, the tables below; each rule is one function that carries its id. An
author's rights are those that the roster gives at the entry's own roster head, and the charter at
its head. The rules of every ledger (LEDGER-n) are in `chain.py`.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from mifeng_crypto.errors import ProtocolError, UsageError
from mifeng_crypto.ids import MemberId, UnitId
from mifeng_crypto.ledger.chain import NeedLedgerError
from mifeng_crypto.ledger.charter_entry import (
    CharterEntryTBS,
    Close,
    Closing,
    Create,
    Grant,
    Restart,
    Revoke,
    SetPolicy,
    UnitKind,
    UnitRole,
)
from mifeng_crypto.ledger.policy import check_policy
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.ledger.roster_entry import DeviceAuthor, MemberKind
from mifeng_crypto.suite import (
    MLS_XWING,
    MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519,
    MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519,
)

if TYPE_CHECKING:
    from mifeng_crypto.ledger.charter import Charter

__all__ = [
    "MAY_CREATE",
    "MAY_MANAGE",
    "SUITES_IN_USE",
    "Standing",
    "check_body",
    "check_create",
]


class Standing(enum.Enum):
    """What makes an author one who may: a role in the workspace, or being a manager.

    The values are words: those of `Role` and `UnitRole` are numbers, and would be each other's.
    """

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    GUEST = "guest"
    UNIT_MANAGER = "manager of the unit"
    PARENT_MANAGER = "manager of the unit's parent"


_ADMINS = frozenset({Standing.OWNER, Standing.ADMIN})

MAY_CREATE: Mapping[UnitKind, frozenset[Standing]] = MappingProxyType(
    {
        UnitKind.BUSINESS: _ADMINS | {Standing.PARENT_MANAGER},
        UnitKind.CHANNEL: _ADMINS | {Standing.PARENT_MANAGER},
        UnitKind.GROUP: _ADMINS | {Standing.MEMBER},
        UnitKind.DIRECT: _ADMINS | {Standing.MEMBER},
    }
)
"""Who may create a unit of this kind."""

MAY_MANAGE: Mapping[UnitKind, frozenset[Standing]] = MappingProxyType(
    {
        UnitKind.BUSINESS: _ADMINS | {Standing.UNIT_MANAGER, Standing.PARENT_MANAGER},
        UnitKind.CHANNEL: _ADMINS | {Standing.UNIT_MANAGER, Standing.PARENT_MANAGER},
        UnitKind.GROUP: frozenset({Standing.UNIT_MANAGER}),
        UnitKind.DIRECT: frozenset({Standing.UNIT_MANAGER}),
    }
)
"""Who may sign anything but `create` for a unit of this kind; in a direct unit both are managers.
Besides, everybody may revoke himself; and whoever restarts is in the unit himself."""

SUITES_IN_USE = frozenset(
    {
        MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519,
        MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519,
        MLS_XWING,
    }
)
"""The suites that sign with Ed25519: a device's key in the roster is its key in every leaf."""


def check_create(tbs: CharterEntryTBS, roster: Roster, parent: Charter | None) -> Create:
    """CHARTER-1: the first entry is `create`; and its contents.

    Raises:
        ProtocolError: CHARTER-1 to CHARTER-3, CHARTER-7, CHARTER-12, CHARTER-16, CHARTER-17,
            POLICY-1, LEDGER-8.
        NeedLedgerError: LEDGER-9: it names a head of the parent that is not known yet.
    """
    if not isinstance(tbs.body, Create):
        raise ProtocolError("CHARTER-1", "a charter begins with `create`")
    check_parent(tbs, of=tbs.body.parent, parent=parent, before=0)
    check_may_create(tbs, tbs.body, roster, parent)
    check_suite(tbs.body)
    check_policy(tbs.body.policy)
    check_peer(tbs, tbs.body, roster)
    return tbs.body


def check_body(
    charter: Charter, tbs: CharterEntryTBS, roster: Roster, parent: Charter | None
) -> None:
    """Judge what the entry says, after its signature was verified.

    Raises:
        ProtocolError: CHARTER-n, POLICY-1.
    """
    check_is_open(charter)
    match tbs.body:
        case Create():
            raise ProtocolError("CHARTER-1", "the unit exists already; draw a new unit id")
        case Grant() as body:
            check_takes_grants(charter)
            check_may_manage(charter, tbs, roster, parent)
            check_is_known(roster, body.member_id, tbs)
            check_role(body, tbs, roster)
            check_changes_something(charter, body)
            check_cap(charter, body.member_id, tbs, roster)
        case Revoke() as body:
            check_takes_grants(charter)
            check_is_granted(charter, body)
            if body.member_id != tbs.author.member_id:
                check_may_manage(charter, tbs, roster, parent)
        case SetPolicy() as body:
            check_may_manage(charter, tbs, roster, parent)
            check_policy(body.policy)
        case Restart() as body:
            check_may_manage(charter, tbs, roster, parent)
            check_opens(charter, tbs, body)
        case Close() as body:
            check_may_manage(charter, tbs, roster, parent)
            check_may_delete(tbs, body, roster)


# ------------------------------------------------------------------ authors


def author_key(roster: Roster, tbs: CharterEntryTBS) -> bytes:
    """LEDGER-7: return the key of the author's device, as the roster had it at the entry's head."""
    author: DeviceAuthor = tbs.author
    device = roster.device(author.device_id, at=tbs.roster.sequence)
    if device is None or device.member_id != author.member_id:
        raise ProtocolError(
            "LEDGER-7", "the author's device is not in the roster; it may have been removed"
        )
    return device.signature_key


def check_roster_goes_forward(charter: Charter, tbs: CharterEntryTBS) -> None:
    """CHARTER-4: an entry names no older roster than its predecessor.

    Else somebody who has lost his rights could sign as of a time when he had them.
    """
    if tbs.roster.sequence < charter.roster_sequence_at(charter.head.sequence):
        raise ProtocolError(
            "CHARTER-4",
            "the entry was signed under an older roster than the one before it; "
            "fetch the roster and sign again",
        )


def check_parent(
    tbs: CharterEntryTBS, *, of: UnitId | None, parent: Charter | None, before: int
) -> None:
    """CHARTER-16, CHARTER-17: what an entry says of the parent is so, and goes forward.

    Args:
        tbs: the entry.
        of: the unit's parent, as its charter says.
        parent: that parent's charter, if it is known.
        before: the sequence in it that the last such entry named.

    Raises:
        ProtocolError: CHARTER-16, CHARTER-17, LEDGER-8.
        NeedLedgerError: LEDGER-9: the parent's charter is not known that far.
        UsageError: `parent` is another unit's.
    """
    if tbs.parent is None:
        return
    if of is None:
        raise ProtocolError("CHARTER-16", "the entry names a parent, and the unit has none")
    if parent is None:
        raise NeedLedgerError("parent", needed=tbs.parent.sequence, known=0)
    if parent.unit_id != of:
        raise UsageError("this is the charter of another unit than the parent")
    parent.check_has(tbs.parent)
    at = tbs.parent.sequence
    if at < max(before, 1) or parent.roster_sequence_at(at) > tbs.roster.sequence:
        raise ProtocolError(
            "CHARTER-17",
            "the entry goes by an older charter of the parent, or by an older roster than that; "
            "fetch them and sign again",
        )


def _standings(
    charter: Charter | None, tbs: CharterEntryTBS, roster: Roster, parent: Charter | None
) -> set[Standing]:
    member = roster.member(tbs.author.member_id, at=tbs.roster.sequence)
    assert member is not None, "the author's device belongs to a member"
    standings = {Standing[member.role.name]}
    if charter is not None and charter.role_of(member.member_id) is UnitRole.MANAGER:
        standings.add(Standing.UNIT_MANAGER)
    if tbs.parent is not None and parent is not None:
        at = tbs.parent.sequence
        # Anybody may create a group and manages it: that must not make him master of departments.
        is_above = parent.kind is UnitKind.BUSINESS and not parent.is_closed(at=at)
        if is_above and parent.role_of(member.member_id, at=at) is UnitRole.MANAGER:
            standings.add(Standing.PARENT_MANAGER)
    return standings


# ------------------------------------------------------------------ create


def check_may_create(
    tbs: CharterEntryTBS, body: Create, roster: Roster, parent: Charter | None
) -> None:
    """CHARTER-2: MAY_CREATE."""
    if _standings(None, tbs, roster, parent).isdisjoint(MAY_CREATE[body.kind]):
        raise ProtocolError(
            "CHARTER-2",
            "this member may not create a unit of kind {kind}; ask an admin",
            kind=body.kind.name.lower(),
        )


def check_suite(body: Create) -> None:
    """CHARTER-3: SUITES_IN_USE."""
    if body.cipher_suite not in SUITES_IN_USE:
        raise ProtocolError(
            "CHARTER-3",
            "a unit cannot have cipher suite {suite:#06x}; choose 0x0001, 0x0003 or 0xf002",
            suite=body.cipher_suite,
        )


def check_peer(tbs: CharterEntryTBS, body: Create, roster: Roster) -> None:
    """CHARTER-12: a direct unit, and no other, names a second person. And CHARTER-7."""
    if (body.peer is not None) != (body.kind is UnitKind.DIRECT) or (
        body.peer == tbs.author.member_id
    ):
        raise ProtocolError(
            "CHARTER-12", "a direct unit is one of two people, and only it names the second one"
        )
    if body.peer is not None:
        check_is_known(roster, body.peer, tbs)


# ------------------------------------------------------------------ grant and revoke


def check_may_manage(
    charter: Charter, tbs: CharterEntryTBS, roster: Roster, parent: Charter | None
) -> None:
    """CHARTER-5: MAY_MANAGE."""
    if _standings(charter, tbs, roster, parent).isdisjoint(MAY_MANAGE[charter.kind]):
        raise ProtocolError(
            "CHARTER-5",
            "this member may not manage a unit of kind {kind}; ask its manager",
            kind=charter.kind.name.lower(),
        )


def check_role(body: Grant, tbs: CharterEntryTBS, roster: Roster) -> None:
    """CHARTER-6: who is an archive gets the role archive, and nobody else does.

    Nobody reads along in silence, and no archive is taken for a colleague. Whoever is only invited
    has no kind yet, and is no archive.
    """
    member = roster.member(body.member_id, at=tbs.roster.sequence)
    is_archive = member is not None and member.kind is MemberKind.ARCHIVE
    if is_archive is not (body.role is UnitRole.ARCHIVE):
        raise ProtocolError(
            "CHARTER-6",
            "only an archive has the role archive, and it has no other one; "
            "see `mifeng people` for who is one",
        )


def check_is_known(roster: Roster, member_id: MemberId, tbs: CharterEntryTBS) -> None:
    """CHARTER-7: whoever is granted is a member, or is invited by an unused invite."""
    if not _is_known(roster, member_id, tbs):
        raise ProtocolError(
            "CHARTER-7",
            "there is no such member and no open invite for one; check the member id",
        )


def check_changes_something(charter: Charter, body: Grant) -> None:
    """CHARTER-8: a grant gives a role that the member does not have."""
    if charter.role_of(body.member_id) is body.role:
        raise ProtocolError("CHARTER-8", "the member has this role in the unit already")


def check_cap(charter: Charter, member_id: MemberId, tbs: CharterEntryTBS, roster: Roster) -> None:
    """CHARTER-9: no more people are granted than the policy's cap; who has left does not count."""
    cap = charter.policy.cap
    # An entry grants one person at most: young charters need not be counted.
    if charter.head.sequence < cap or charter.role_of(member_id) is not None:
        return
    granted = charter.members()
    if len(granted) >= cap and sum(_is_known(roster, who, tbs) for who in granted) >= cap:
        raise ProtocolError(
            "CHARTER-9",
            "the unit is full: its policy allows {cap} people; revoke somebody first",
            cap=cap,
        )


def check_is_granted(charter: Charter, body: Revoke) -> None:
    """CHARTER-10: who is revoked was granted."""
    if charter.role_of(body.member_id) is None:
        raise ProtocolError("CHARTER-10", "the member is not in this unit")


def check_takes_grants(charter: Charter) -> None:
    """CHARTER-11: a direct unit has its two people, from beginning to end."""
    if charter.kind is UnitKind.DIRECT:
        raise ProtocolError(
            "CHARTER-11", "nobody enters or leaves a unit of two; close it, or create a group"
        )


# ------------------------------------------------------------------ the unit as a whole


LONGEST_LOG = 1 << 62
"""What follows must have numbers as well: sequences are 64 bits long."""


def check_opens(charter: Charter, tbs: CharterEntryTBS, body: Restart) -> None:
    """CHARTER-13: it opens the next generation. CHARTER-14: by somebody who is in the unit."""
    if body.generation != charter.generation().number + 1:
        raise ProtocolError(
            "CHARTER-13",
            "the unit is in generation {number}, and only the next one can be opened; "
            "fetch the charter and try again",
            number=charter.generation().number,
        )
    if body.log.sequence > LONGEST_LOG:
        raise ProtocolError(
            "CHARTER-13", "no log is as long as that; fetch its head again, and sign again"
        )
    if charter.role_of(tbs.author.member_id) is None:
        raise ProtocolError(
            "CHARTER-14", "who restarts a unit is in it; let its manager do so, or grant yourself"
        )


def check_may_delete(tbs: CharterEntryTBS, body: Close, roster: Roster) -> None:
    """CHARTER-18: only an admin ends a unit so that what is live goes before its time."""
    standings = _standings(None, tbs, roster, None)
    if body.content is Closing.DELETES and standings.isdisjoint(_ADMINS):
        raise ProtocolError(
            "CHARTER-18",
            "only an admin may close a unit and delete what is in it; close it without deleting",
        )


def check_is_open(charter: Charter) -> None:
    """CHARTER-15: nothing follows `close`."""
    if charter.is_closed():
        raise ProtocolError("CHARTER-15", "the unit is closed; create a new one")


def _is_known(roster: Roster, member_id: MemberId, tbs: CharterEntryTBS) -> bool:
    at = tbs.roster.sequence
    if roster.member(member_id, at=at) is not None:
        return True
    invite = roster.invite(member_id, at=at)
    return invite is not None and tbs.time < invite.expires_at
