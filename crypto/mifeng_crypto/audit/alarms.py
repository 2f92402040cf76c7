"""Look at what an alarm rests on, and whether it shows what the alarm says (protocol.md, "Audit").

AUDIT-8  the evidence of an alarm shows what it claims
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mifeng_crypto.audit.evidence import (
    Alarm,
    Contradiction,
    Observed,
    RefusedEntries,
    RefusedStatement,
)
from mifeng_crypto.audit.ledgers import grow_charter, grow_roster
from mifeng_crypto.audit.report import Report, Weight
from mifeng_crypto.audit.statements import Statements, notes_in
from mifeng_crypto.audit.unit_log import Followed, follow_entry
from mifeng_crypto.errors import CodecError, CryptoError, MifengError, ProtocolError
from mifeng_crypto.ids import UnitId
from mifeng_crypto.ledger.chain import SplitView
from mifeng_crypto.ledger.charter import Charter
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.log import AuthenticatedData, LogEntry
from mifeng_crypto.tls import decode

__all__ = ["Known", "judge_alarm"]

SECRET = ("RFC9420-", "CryptoError", "CodecError", "CLIENT-", "LEDGER-9")
"""Rules that nobody can look at without the unit's keys, or the device's own state."""


@dataclass(frozen=True, slots=True)
class Known:
    """What evidence is held against.

    Attributes:
        rosters, charters: as they were after a sequence.
        logs: where a unit's logs stood, by the head's hash.
        chains: hashes by origin.
    """

    rosters: Mapping[int, Roster]
    charters: Mapping[tuple[UnitId, int], Charter]
    logs: Mapping[bytes, Followed]
    chains: Mapping[str, Mapping[int, bytes]]


def judge_alarm(report: Report, alarm: Alarm, known: Known, statements: Statements) -> None:
    """Add the alarm to the findings, with the weight of what it rests on."""
    place = f"alarm {alarm.time}" + (f" {alarm.unit_id.hex()}" if alarm.unit_id else "")
    err = ProtocolError(alarm.rule, alarm.message.removesuffix(f" [{alarm.rule}]"))
    match alarm.evidence:
        case Contradiction() as evidence:
            weight = _weigh_split(evidence.split, known, statements)
        case RefusedEntries() as evidence:
            weight = _weigh_entries(alarm, evidence, known)
        case RefusedStatement() as evidence:
            weight = _weigh_statement(alarm, evidence, statements)
        case Observed():
            weight = Weight.CLAIMED
    if weight is None:
        err = ProtocolError("AUDIT-8", "the evidence of an alarm does not show what it claims")
        weight = Weight.CLAIMED
    report.add(weight, place, err)


# ------------------------------------------------------------------ two histories


def _weigh_split(split: SplitView, known: Known, statements: Statements) -> Weight | None:
    if split.ours.sequence != split.theirs.sequence or split.ours == split.theirs:
        return None
    signed: list[tuple[str, Head]] = []
    for note in notes_in(split.statement):
        try:
            found = statements.note(note)
        except ProtocolError:
            continue
        signed.append((found.origin, found.head))
    heads = {head for _, head in signed}
    if {split.ours, split.theirs} <= heads:
        return Weight.PROVEN
    if split.theirs in heads:
        origin = next(origin for origin, head in signed if head == split.theirs)
        chain = dict(known.chains.get(origin, {}))
        covered = statements.covers(origin, chain, split.ours.sequence)
        ours = chain.get(split.ours.sequence) == split.ours.hash
        return Weight.PROVEN if covered and ours else Weight.SHOWN
    return _weigh_said(split)


def _weigh_said(split: SplitView) -> Weight | None:
    """What a sender said that it had seen: in the clear, signed inside of what is encrypted."""
    try:
        said = decode(AuthenticatedData, split.statement)
    except CodecError:
        return Weight.CLAIMED if not split.statement else None
    named = {"roster": said.roster, "charter": said.charter, "log": said.log}.get(split.ledger)
    return Weight.CLAIMED if named == split.theirs else None


# ------------------------------------------------------------------ refused entries


def _weigh_entries(alarm: Alarm, evidence: RefusedEntries, known: Known) -> Weight | None:
    try:
        if not _replay(alarm, evidence, known):
            return Weight.CLAIMED  # where it stood is not in the export
    except (CodecError, CryptoError, ProtocolError) as err:
        return Weight.SHOWN if _rule_of(err) == alarm.rule else _if_secret(alarm)
    return _if_secret(alarm)


def _replay(alarm: Alarm, evidence: RefusedEntries, known: Known) -> bool:
    """Append the entries to what stood there; return whether that is known.

    Raises:
        CodecError, CryptoError, ProtocolError: as it should be.
    """
    at = evidence.after.sequence
    newest = max(known.rosters, default=0)
    if evidence.ledger == "roster":
        roster = known.rosters.get(at)
        if at and (roster is None or roster.head != evidence.after):
            return False
        for entry in evidence.entries:
            roster = grow_roster(roster, entry)
        return True
    if evidence.ledger == "charter" and alarm.unit_id is not None:
        charter = known.charters.get((alarm.unit_id, at))
        if not newest or (at and (charter is None or charter.head != evidence.after)):
            return False
        for entry in evidence.entries:
            charter = grow_charter(charter, entry, known.rosters[newest], {})
        return True
    stood = known.logs.get(evidence.after.hash)
    if stood is None or stood.view is None:
        return False
    for raw in evidence.entries:
        log_entry = decode(LogEntry, raw)
        if log_entry.header.sequence > stood.log.sequence:
            stood = follow_entry(stood, log_entry)
    return True


def _if_secret(alarm: Alarm) -> Weight | None:
    return Weight.CLAIMED if alarm.rule.startswith(SECRET) else None


def _rule_of(err: MifengError) -> str:
    return err.rule if isinstance(err, ProtocolError) else type(err).__name__


# ------------------------------------------------------------------ refused statements


def _weigh_statement(
    alarm: Alarm, evidence: RefusedStatement, statements: Statements
) -> Weight | None:
    if not evidence.statement or alarm.rule == "CHECKPOINT-4":
        return Weight.CLAIMED
    try:
        if alarm.rule.startswith("RECEIPT-"):
            statements.receipt(evidence.statement)
        else:
            statements.note(evidence.statement)
    except ProtocolError as err:
        return Weight.SHOWN if err.rule == alarm.rule else None
    # It is the server's own word, which the device held against what it had.
    return Weight.CLAIMED if alarm.rule in ("NOTE-1", "NOTE-2", "RECEIPT-1") else Weight.SHOWN
