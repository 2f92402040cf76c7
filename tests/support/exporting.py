"""An export for an audit, out of a test's company and unit: what a member could have written."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterable, Sequence

from mifeng_crypto.audit import Audited, audit, read_records, write_records
from mifeng_crypto.audit import record as f
from mifeng_crypto.audit.evidence import Alarm
from mifeng_crypto.ids import PROTOCOL_VERSION, GroupId, UnitId, UnixMillis
from mifeng_crypto.ledger.checkpoint import sign_checkpoint
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.ledger.receipt import Acceptance, sign_receipts
from mifeng_crypto.log import LogEntry
from mifeng_crypto.tls import encode
from tests.support.company import SERVER_KEY, Company
from tests.support.unit import Unit

__all__ = ["export_of", "read_back", "receipt_for", "signed", "without_content"]


def export_of(
    company: Company,
    unit: Unit | None = None,
    *,
    entries: Sequence[LogEntry] | None = None,
    notes: Iterable[bytes] = (),
    receipts: Iterable[bytes] = (),
    alarms: Iterable[Alarm] = (),
    at: int | None = None,
) -> list[f.AuditRecord]:
    """All that Ada could export."""
    records: list[f.AuditRecord] = [
        f.ExportRecord(
            version=PROTOCOL_VERSION,
            workspace_id=company.workspace_id,
            member_id=company.ada.member_id,
            device_id=company.ada.device_id,
            exported_at=UnixMillis(company.now if at is None else at),
        ),
        *(f.RosterRecord(encode(entry)) for entry in company.entries),
        *(f.AlarmRecord(alarm) for alarm in alarms),
    ]
    if unit is not None:
        records += (
            f.CharterRecord(unit.unit_id, encode(entry))
            for entry in company.charter_entries[unit.unit_id]
        )
        records.append(f.FoundingRecord(unit.group, unit.group_info))
        records += (
            f.LogRecord(encode(entry)) for entry in (unit.entries if entries is None else entries)
        )
    records += (f.NoteRecord(note) for note in notes)
    records += (f.ReceiptRecord(receipt) for receipt in receipts)
    return records


def read_back(records: Iterable[f.AuditRecord]) -> Audited:
    """Through the file's form, and audited."""
    return audit(read_records(io.BytesIO(b"".join(write_records(records))).read))


def signed(company: Company, origin: str, head: Head) -> bytes:
    """The server's checkpoint."""
    return sign_checkpoint(origin, head, workspace_id=company.workspace_id, signing_key=SERVER_KEY)


def receipt_for(company: Company, unit_id: UnitId, head: Head, *, retain_until: int = 0) -> bytes:
    """The server's receipt."""
    acceptance = Acceptance(
        workspace_id=company.workspace_id,
        group=GroupId(unit_id, 0),
        sequence=head.sequence,
        hash=head.hash,
        retain_until=UnixMillis(retain_until),
    )
    (receipt,) = sign_receipts(
        [acceptance], workspace_id=company.workspace_id, signing_key=SERVER_KEY
    )
    return receipt


def without_content(entry: LogEntry) -> LogEntry:
    """As the server serves it once its content is gone."""
    return dataclasses.replace(entry, content=b"")
