"""The records of an export, by what they are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from mifeng_crypto.audit import record as f
from mifeng_crypto.audit.evidence import Alarm
from mifeng_crypto.errors import CodecError, ProtocolError
from mifeng_crypto.ids import GroupId, UnitId
from mifeng_crypto.log import LogEntry
from mifeng_crypto.tls import decode

__all__ = ["Export", "sort_records"]


@dataclass(slots=True)
class Export:
    """A file, read."""

    head: f.ExportRecord
    roster: list[bytes] = field(default_factory=list)
    charters: dict[UnitId, list[bytes]] = field(default_factory=dict)
    foundings: dict[GroupId, bytes] = field(default_factory=dict)
    logs: dict[GroupId, list[LogEntry]] = field(default_factory=dict)
    notes: list[bytes] = field(default_factory=list)
    receipts: list[bytes] = field(default_factory=list)
    alarms: list[Alarm] = field(default_factory=list)

    def take(self, record: f.AuditRecord) -> None:
        """Put a record where it belongs.

        Raises:
            ProtocolError: AUDIT-1.
        """
        match record:
            case f.RosterRecord():
                self.roster.append(record.entry)
            case f.CharterRecord():
                self.charters.setdefault(record.unit_id, []).append(record.entry)
            case f.FoundingRecord():
                self.foundings[record.group] = record.group_info
            case f.LogRecord():
                entry = _log_entry(record.entry)
                self.logs.setdefault(entry.header.group, []).append(entry)
            case f.NoteRecord():
                self.notes.append(record.note)
            case f.ReceiptRecord():
                self.receipts.append(record.receipt)
            case f.AlarmRecord():
                self.alarms.append(record.alarm)
            case f.ExportRecord() | f.EndRecord():
                raise _damaged()


def sort_records(records: Iterable[f.AuditRecord]) -> Export:
    """Read all records of a file.

    Raises:
        ProtocolError: AUDIT-1.
    """
    rest = iter(records)
    head = next(rest, None)
    if not isinstance(head, f.ExportRecord):
        raise _damaged()
    export = Export(head)
    for record in rest:
        export.take(record)
    return export


def _log_entry(raw: bytes) -> LogEntry:
    try:
        return decode(LogEntry, raw)
    except CodecError as err:
        raise _damaged() from err


def _damaged() -> ProtocolError:
    return ProtocolError("AUDIT-1", "this export was cut off or damaged; make it again")
