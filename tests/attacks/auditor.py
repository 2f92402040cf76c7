"""O6: what a victim has kept can be looked at by somebody who has no secret and no server."""

from __future__ import annotations

import tempfile
from pathlib import Path

import mifeng
from mifeng import sdk
from mifeng_crypto.audit import Audited, Weight
from mifeng_crypto.audit.evidence import Alarm, RefusedEntries
from mifeng_crypto.ids import UnixMillis
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.log import LogEntry
from mifeng_crypto.tls import encode
from tests.support.exporting import export_of, read_back
from tests.support.unit import Unit

__all__ = ["check_refused_entry", "passes_audit"]

WITHOUT_KEYS = {Weight.PROVEN, Weight.SHOWN}


async def passes_audit(who: mifeng.Workspace) -> Audited:
    """Export and audit: each alarm is there with its weight, and all else is in order."""
    alarms = await who.alarms()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "export"
        await who.export_for_audit(path)
        (audited,) = sdk.audit_files([path])
    report = audited.report
    found = [(finding.rule, finding.weight) for finding in report.findings]
    for alarm in alarms:
        weights = [weight for rule, weight in found if rule == alarm.rule]
        assert weights, f"O6: {alarm.rule} is not in the audit: {found}"
        if isinstance(alarm.evidence, RefusedEntries) and alarm.rule.startswith(
            ("LEDGER-", "LOG-")
        ):
            assert WITHOUT_KEYS & set(weights), f"O6: {alarm.rule} is not shown: {found}"
    assert {rule for rule, _ in found} <= {alarm.rule for alarm in alarms}, found
    return audited


def check_refused_entry(unit: Unit, entry: LogEntry, rule: str) -> None:
    """The same, of an entry that every member of a test's unit refuses."""
    company, entries = unit.company, unit.entries[:-1]
    after = Head(entry.header.sequence - 1, entry.header.previous)
    evidence = RefusedEntries("log", after, (encode(entry),))
    alarm = Alarm(rule, UnixMillis(company.now), unit.unit_id, "refused", evidence)
    report = read_back(export_of(company, unit, entries=entries, alarms=[alarm])).report
    found = [(finding.rule, finding.weight) for finding in report.findings]
    assert found, f"O6: {rule}"
    if rule.startswith("GATE-"):
        assert found == [(rule, Weight.SHOWN)] or rule in NEED_KEYS, f"O6: {rule}: {found}"
    else:
        assert found[0][0] in (rule, "AUDIT-8"), f"O6: {rule}: {found}"


NEED_KEYS = {"GATE-22"}
"""Of a message only whoever decrypts it knows who signed."""
