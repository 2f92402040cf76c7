"""Replay roster and charters, and say of each entry who signed it by which right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mifeng_crypto.audit.report import LedgerLine, Report, UnitReport, Weight
from mifeng_crypto.errors import CodecError, CryptoError, ProtocolError
from mifeng_crypto.ids import DeviceId, MemberId, UnitId
from mifeng_crypto.ledger import roster_entry as r
from mifeng_crypto.ledger.charter import Charter
from mifeng_crypto.ledger.charter_entry import CharterEntry, Create
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.tls import decode

__all__ = ["grow_charter", "grow_roster", "replay_charter", "replay_roster"]


def grow_roster(roster: Roster | None, entry: bytes) -> Roster:
    """Append an entry, or begin with it.

    Raises:
        CodecError, CryptoError, ProtocolError: it breaks a rule.
    """
    return Roster.from_entries([entry]) if roster is None else roster.append(entry)


def replay_roster(report: Report, entries: Sequence[bytes]) -> None:
    """Verify the roster; what breaks a rule ends it there, and is a finding."""
    for n, raw in enumerate(entries, 1):
        before = report.roster
        try:
            report.roster = grow_roster(before, raw)
        except (CodecError, CryptoError, ProtocolError) as err:
            report.add(Weight.FAULT, f"roster {n}", err)
            return
        report.lines.append(_roster_line(before, decode(r.RosterEntry, raw), n))


def _roster_line(before: Roster | None, entry: r.RosterEntry, sequence: int) -> LedgerLine:
    tbs = entry.tbs
    author, body = tbs.author, tbs.body
    device = author.device_id if isinstance(author, r.DeviceAuthor) else None
    subject, detail = _subject(before, tbs)
    return LedgerLine(
        sequence=sequence,
        time=tbs.time,
        author=author.member_id,
        device=device,
        right=_roster_right(before, author, subject),
        action=_name(body),
        subject=subject,
        detail=detail,
    )


def _roster_right(before: Roster | None, author: r.Author, subject: MemberId | None) -> str:
    if before is None:
        return "founder"
    if isinstance(author, r.InviteAuthor):
        return "invite"
    if isinstance(author, r.RecoveryAuthor):
        return "recovery sheet"
    member = before.member(author.member_id)
    role = member.role.name.lower() if member else "nobody"
    return f"{role}, for himself" if subject == author.member_id else role


def _subject(before: Roster | None, tbs: r.RosterEntryTBS) -> tuple[MemberId | None, str]:
    match tbs.body:
        case r.Found() as body:
            return body.founder, body.device.device_id.hex()
        case r.Invite() | r.SetRole() as body:
            return body.member_id, body.role.name.lower()
        case r.AddMember() as body:
            return tbs.author.member_id, f"{body.kind.name.lower()} {body.device.device_id.hex()}"
        case r.RemoveMember() | r.RevokeInvite() as body:
            return body.member_id, ""
        case r.AddDevice() | r.Recover() as body:
            return tbs.author.member_id, body.device.device_id.hex()
        case r.RevokeDevice() as body:
            device = before.device(body.device_id) if before else None
            return device.member_id if device else None, body.device_id.hex()
        case r.DirectoryKey() as body:
            return None, f"key {body.number}"
        case r.SetServer() as body:
            return None, " ".join(body.server.addresses)


def grow_charter(
    charter: Charter | None, entry: bytes, roster: Roster, parents: Mapping[UnitId, Charter]
) -> Charter:
    """Append an entry, or begin with it; with the parent's charter where that is known.

    Raises:
        CodecError, CryptoError, ProtocolError: it breaks a rule.
    """
    if charter is not None:
        above = parents.get(charter.parent) if charter.parent else None
        return charter.append(entry, roster, parent=above)
    body = decode(CharterEntry, entry).tbs.body
    above = parents.get(body.parent) if isinstance(body, Create) and body.parent else None
    return Charter.from_entries([entry], roster, parent=above)


def replay_charter(
    report: Report, unit: UnitReport, entries: Sequence[bytes], parents: Mapping[UnitId, Charter]
) -> None:
    """Verify a charter; what breaks a rule ends it there, and is a finding."""
    for n, raw in enumerate(entries, 1):
        before, roster = unit.charter, report.roster
        if roster is None:
            return
        try:
            unit.charter = grow_charter(before, raw, roster, parents)
        except (CodecError, CryptoError, ProtocolError) as err:
            report.add(Weight.FAULT, f"charter {unit.unit_id.hex()} {n}", err)
            return
        unit.lines.append(_charter_line(before, decode(CharterEntry, raw), n, roster))


def _charter_line(
    before: Charter | None, entry: CharterEntry, sequence: int, roster: Roster
) -> LedgerLine:
    tbs = entry.tbs
    body, author = tbs.body, tbs.author
    member = roster.member(author.member_id, at=tbs.roster.sequence)
    rights = [f"{member.role.name.lower()} of the workspace" if member else "nobody"]
    role = before.role_of(author.member_id) if before else None
    if role is not None:
        rights.append(f"{role.name.lower()} of the unit")
    if tbs.parent is not None:
        rights.append("manager of the parent")
    subject = getattr(body, "member_id", None)
    granted = getattr(body, "role", None)
    return LedgerLine(
        sequence=sequence,
        time=tbs.time,
        author=author.member_id,
        device=DeviceId(author.device_id),
        right=", ".join(rights),
        action=_name(body),
        subject=subject,
        detail=granted.name.lower() if granted is not None else "",
    )


def _name(body: object) -> str:
    """`RemoveMember` as `remove_member`, the name in protocol.md."""
    name = type(body).__name__
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
