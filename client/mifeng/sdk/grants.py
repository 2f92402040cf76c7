"""Who let whom into a unit, and when: read from its charter, which every client has verified."""

from __future__ import annotations

from dataclasses import dataclass

from mifeng.session import Session
from mifeng_crypto.ids import MemberId, UnitId, UnixMillis
from mifeng_crypto.ledger.charter_entry import CharterEntry, Create, Grant, Revoke
from mifeng_crypto.tls import decode

__all__ = ["Admission", "admissions"]


@dataclass(frozen=True, slots=True)
class Admission:
    """The entry by which somebody is in a unit: who signed it, and when."""

    by: MemberId
    at: UnixMillis


async def admissions(session: Session, unit_id: UnitId) -> dict[MemberId, Admission]:
    """Return by whom each of those who are granted was let in; a new role is no new admission."""
    found = dict[MemberId, Admission]()
    for _, row in await session.home.database.scan("charter", unit_id):
        tbs = decode(CharterEntry, row).tbs
        signed = Admission(tbs.author.member_id, tbs.time)
        match tbs.body:
            case Create(peer=peer):
                found[tbs.author.member_id] = signed
                if peer is not None:
                    found[peer] = signed
            case Grant(member_id=member_id):
                found.setdefault(member_id, signed)
            case Revoke(member_id=member_id):
                found.pop(member_id, None)
    return found
