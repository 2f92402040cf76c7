"""The file that an auditor gets: a mark, then records, each behind its length (protocol.md,
"Audit"). It can be written and read from front to back, whatever its size.

    AUDIT-1  it is such a file, whole, and of this version
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from mifeng_crypto.audit.evidence import Alarm
from mifeng_crypto.errors import CodecError, ProtocolError
from mifeng_crypto.ids import (
    PROTOCOL_VERSION,
    DeviceId,
    GroupId,
    MemberId,
    ProtocolVersion,
    UnitId,
    UnixMillis,
    WorkspaceId,
)
from mifeng_crypto.tls import Opaque, UInt64, decode, encode, struct

__all__ = [
    "AlarmRecord",
    "AuditRecord",
    "CharterRecord",
    "EndRecord",
    "ExportRecord",
    "FoundingRecord",
    "LogRecord",
    "NoteRecord",
    "ReceiptRecord",
    "RecordWriter",
    "RosterRecord",
    "read_records",
    "write_records",
]

MARK = b"mifeng audit 1\n"
LONGEST_RECORD = 16 << 20
"""A commit has 8 MiB at most."""


@struct(tag=1, tag_bytes=1)
class ExportRecord:
    """The first record: whose export this is, and when it was made by the device's time."""

    version: ProtocolVersion
    workspace_id: WorkspaceId
    member_id: MemberId
    device_id: DeviceId
    exported_at: UnixMillis


@struct(tag=2, tag_bytes=1)
class RosterRecord:
    """The next entry of the roster."""

    entry: Opaque


@struct(tag=3, tag_bytes=1)
class CharterRecord:
    """The next entry of a unit's charter; a parent's stand before its children's."""

    unit_id: UnitId
    entry: Opaque


@struct(tag=4, tag_bytes=1)
class FoundingRecord:
    """The GroupInfo (MLSMessage) that founded a generation."""

    group: GroupId
    group_info: Opaque


@struct(tag=5, tag_bytes=1)
class LogRecord:
    """The next entry of a generation's log, a LogEntry."""

    entry: Opaque


@struct(tag=6, tag_bytes=1)
class NoteRecord:
    """A checkpoint that this device has pinned."""

    note: Opaque


@struct(tag=7, tag_bytes=1)
class ReceiptRecord:
    """A receipt that this device has kept."""

    receipt: Opaque


@struct(tag=8, tag_bytes=1)
class AlarmRecord:
    """An alarm that this device has kept."""

    alarm: Alarm


@struct(tag=9, tag_bytes=1)
class EndRecord:
    """The last record: how many stand before it."""

    records: UInt64


AuditRecord = (
    ExportRecord
    | RosterRecord
    | CharterRecord
    | FoundingRecord
    | LogRecord
    | NoteRecord
    | ReceiptRecord
    | AlarmRecord
    | EndRecord
)


@struct
class _Framed:
    """What is in a frame, so that the codec sees the union."""

    record: AuditRecord


class RecordWriter:
    """Makes the file piece by piece: `begin`, `add` for each record, `end`."""

    def __init__(self) -> None:
        self.records = 0

    def begin(self) -> bytes:
        return MARK

    def add(self, record: AuditRecord) -> bytes:
        self.records += 1
        return _frame(record)

    def end(self) -> bytes:
        return _frame(EndRecord(self.records))


def write_records(records: Iterable[AuditRecord]) -> Iterator[bytes]:
    """Yield the file piece by piece: the mark, each record, and the end."""
    writer = RecordWriter()
    yield writer.begin()
    for record in records:
        yield writer.add(record)
    yield writer.end()


def _frame(record: AuditRecord) -> bytes:
    content = encode(_Framed(record))
    return len(content).to_bytes(4, "big") + content


def read_records(read: Callable[[int], bytes]) -> Iterator[AuditRecord]:
    """Yield the records of a file, without the end.

    Args:
        read: returns so many of the next bytes, fewer only at the end.

    Raises:
        ProtocolError: AUDIT-1.
    """
    if read(len(MARK)) != MARK:
        raise ProtocolError("AUDIT-1", "this is no export for an audit; make one with audit-export")
    n = 0
    while True:
        size = int.from_bytes(_exactly(read, 4), "big")
        if size > LONGEST_RECORD:
            raise _damaged()
        try:
            record: AuditRecord = decode(_Framed, _exactly(read, size)).record
        except CodecError as err:
            raise _damaged() from err
        if isinstance(record, EndRecord):
            if record.records != n or read(1):
                raise _damaged()
            return
        if isinstance(record, ExportRecord) is not (n == 0):
            raise _damaged()
        if isinstance(record, ExportRecord) and record.version != PROTOCOL_VERSION:
            raise ProtocolError("AUDIT-1", "this export is of another version; update this client")
        n += 1
        yield record


def _exactly(read: Callable[[int], bytes], n: int) -> bytes:
    data = read(n)
    if len(data) != n:
        raise _damaged()
    return data


def _damaged() -> ProtocolError:
    return ProtocolError("AUDIT-1", "this export was cut off or damaged; make it again")
