"""The audit of one export, and of several together (protocol.md, "Audit").

records -> roster -> charters -> logs -> what the server signed -> alarms -> Report

AUDIT-9   the receipts' entries are there for as long as the server promised
AUDIT-10  two exports of a workspace hold one history
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mifeng_crypto.audit.alarms import Known, judge_alarm
from mifeng_crypto.audit.evidence import Contradiction, RefusedEntries
from mifeng_crypto.audit.export import Export, sort_records
from mifeng_crypto.audit.ledgers import replay_charter, replay_roster
from mifeng_crypto.audit.record import AuditRecord
from mifeng_crypto.audit.report import LogReport, Report, UnitReport, Weight
from mifeng_crypto.audit.statements import Statements, chains_of, keys_of, notes_in
from mifeng_crypto.audit.unit_log import BROKEN, Followed, open_log, replay_log
from mifeng_crypto.errors import ProtocolError, UsageError
from mifeng_crypto.gate import genesis_of_log
from mifeng_crypto.ids import GroupId, UnitId
from mifeng_crypto.ledger.charter import Charter
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.ledger.receipt import Acceptance
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.log import LogEntry

__all__ = ["Audited", "audit", "compare"]


@dataclass(frozen=True, slots=True)
class Audited:
    """An export, judged; and what the server has signed in it."""

    report: Report
    statements: Statements


def audit(records: Iterable[AuditRecord]) -> Audited:
    """Judge one export.

    Raises:
        ProtocolError: AUDIT-1: it is none.
    """
    export = sort_records(records)
    head = export.head
    report = Report(head.workspace_id, head.member_id, head.exported_at)
    replay_roster(report, export.roster)
    charters: dict[UnitId, Charter] = {}
    for unit_id, entries in export.charters.items():
        unit = report.units[unit_id] = UnitReport(unit_id)
        replay_charter(report, unit, entries, charters)
        if unit.charter is not None:
            charters[unit_id] = unit.charter
    stood = _replay_logs(report, export)
    statements = Statements(head.workspace_id, keys_of(export.roster[: _length(report.roster)]))
    acceptances = _take_signed(report, export, statements)
    chains = chains_of(report)
    known = Known(_rosters(export, report), _charters(report), stood, chains)
    for alarm in export.alarms:
        judge_alarm(report, alarm, known, statements)
    statements.judge(report, chains)
    _judge_receipts(report, export, acceptances)
    report.signed = statements.count
    return Audited(report, statements)


def _length(roster: Roster | None) -> int:
    return roster.head.sequence if roster else 0


# ------------------------------------------------------------------ logs


def _replay_logs(report: Report, export: Export) -> dict[bytes, Followed]:
    """Follow every log; return where they stood at the places that alarms name."""
    asked = {
        alarm.evidence.after.sequence
        for alarm in export.alarms
        if isinstance(alarm.evidence, RefusedEntries)
    }
    stood: dict[bytes, Followed] = {}
    for group, entries in export.logs.items():
        unit_id = UnitId(group.unit_id)
        unit = report.units.setdefault(unit_id, UnitReport(unit_id))
        log = LogReport(group)
        unit.logs.append(log)
        start = _start(report, unit, group, export.foundings.get(group), entries)
        kept = replay_log(report, log, start, entries, asked)
        stood |= {at.log.hash: at for at in kept.values()}
    return stood


def _start(
    report: Report,
    unit: UnitReport,
    group: GroupId,
    group_info: bytes | None,
    entries: Sequence[LogEntry],
) -> Followed:
    """Where the log begins: with its tree, if the founding GroupInfo is the right one."""
    first = entries[0].header
    place = f"log {group.unit_id.hex()}/{group.generation} 0"
    if report.roster is not None and unit.charter is not None and group_info is not None:
        try:
            return open_log(group, group_info, report.roster, unit.charter)
        except BROKEN as err:
            report.add(Weight.FAULT, place, err)
    else:
        report.add(
            Weight.GAP,
            place,
            ProtocolError(
                "AUDIT-2",
                "ledgers or the founding GroupInfo are missing: only the chain of hashes is "
                "followed, not who was in",
            ),
        )
    before = Head(first.sequence - 1, first.previous)
    if group_info is not None and group.generation == 0 and before.sequence == 0:
        before = genesis_of_log(group_info)
    return Followed(group, before, first.accepted_at, None)


# ------------------------------------------------------------------ what was signed


def _take_signed(report: Report, export: Export, statements: Statements) -> list[Acceptance]:
    acceptances: list[Acceptance] = []
    for note in export.notes:
        try:
            statements.note(note)
        except ProtocolError as err:
            report.add(Weight.FAULT, "checkpoint", err)
    for receipt in export.receipts:
        try:
            acceptances.append(statements.receipt(receipt))
        except ProtocolError as err:
            report.add(Weight.FAULT, "receipt", err)
    for alarm in export.alarms:
        if isinstance(alarm.evidence, Contradiction):
            for note in notes_in(alarm.evidence.split.statement):
                try:
                    statements.note(note)
                except ProtocolError:
                    continue  # the alarm is judged by itself
    return acceptances


def _judge_receipts(report: Report, export: Export, acceptances: Sequence[Acceptance]) -> None:
    """AUDIT-9: what was promised to be there at the time of the export is there."""
    for acceptance in acceptances:
        entries = export.logs.get(acceptance.group)
        if entries is None or report.exported_at >= acceptance.retain_until:
            continue
        at = acceptance.sequence - entries[0].header.sequence
        entry = entries[at] if 0 <= at < len(entries) else None
        if entry is not None and not entry.content:
            place = f"log {acceptance.group.unit_id.hex()} {acceptance.sequence}"
            err = ProtocolError(
                "AUDIT-9", "the server has signed that it keeps this, and it is gone already"
            )
            report.add(Weight.FAULT, place, err)


# ------------------------------------------------------------------ what evidence is held against


def _rosters(export: Export, report: Report) -> dict[int, Roster]:
    """The roster after each entry that an alarm names, and the newest."""
    if report.roster is None:
        return {}
    asked = _asked(export, "roster")
    found, roster = {report.roster.head.sequence: report.roster}, None
    for n, entry in enumerate(export.roster[: max(asked, default=0)], 1):
        if n > report.roster.head.sequence:
            break
        roster = Roster.from_entries([entry]) if roster is None else roster.append(entry)
        if n in asked:
            found[n] = roster
    return found


def _charters(report: Report) -> dict[tuple[UnitId, int], Charter]:
    return {
        (unit_id, unit.charter.head.sequence): unit.charter
        for unit_id, unit in report.units.items()
        if unit.charter is not None
    }


def _asked(export: Export, ledger: str) -> set[int]:
    return {
        alarm.evidence.after.sequence
        for alarm in export.alarms
        if isinstance(alarm.evidence, RefusedEntries) and alarm.evidence.ledger == ledger
    }


# ------------------------------------------------------------------ several exports


def compare(one: Audited, other: Audited) -> None:
    """AUDIT-10: two exports of a workspace; what differs is a finding of the first.

    Raises:
        UsageError: they are of different workspaces.
    """
    if one.report.workspace_id != other.report.workspace_id:
        raise UsageError("these are exports of different workspaces; audit them one by one")
    ours, theirs = chains_of(one.report), chains_of(other.report)
    statements = one.statements, other.statements
    for origin in sorted(set(ours) & set(theirs)):
        a, b = ours[origin], theirs[origin]
        apart = next((n for n in sorted(set(a) & set(b)) if a[n] != b[n]), None)
        if apart is None:
            continue
        proven = all(any(s.covers(origin, chain, apart) for s in statements) for chain in (a, b))
        err = ProtocolError("AUDIT-10", "the two exports hold different histories")
        one.report.add(Weight.PROVEN if proven else Weight.FAULT, f"{origin} {apart}", err)
