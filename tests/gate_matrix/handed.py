"""The way in "history": somebody comes in next, and whoever lets him in hands over what is bent."""

from __future__ import annotations

from dataclasses import replace

from mifeng.core.history import taking
from mifeng.core.rows import JoinRecord, TakeRecord
from mifeng.core.unit import Unit
from mifeng_crypto import gate, history
from mifeng_crypto.expiry import retain_until
from mifeng_crypto.expiry.slot import slot_of
from mifeng_crypto.history import Handed, HistoryPart
from mifeng_crypto.ids import FileId, MemberId, UnixMillis
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.log import EntryKind, LogEntry
from mifeng_crypto.secret import Secret
from tests.gate_matrix.said import Said

__all__ = ["is_shown"]


def is_shown(
    action: str, said: Said, other: Said, entries: list[LogEntry], *, unit: Unit, roster: Roster
) -> bool:
    """Whether a newcomer believes what is handed over to him.

    Args:
        action: how it is bent.
        said: what is handed over.
        other: what is said after it, by the one who then lets the newcomer in.
        entries: the log, up to the entry that is said to be that.
        unit: of anybody who was in: the newcomer has the same charter.
        roster: everybody's.
    """
    entry = entries[-1]
    next_one = _after(entry, EntryKind.MESSAGE, other.message)
    joining = _after(next_one, EntryKind.COMMIT, b"")
    joined = Head(joining.header.sequence, gate.header_hash(joining.header))
    bare = [
        one if one.header.kind is EntryKind.HEADS else replace(one, content=b"")
        for one in (*entries, next_one, joining)
    ]
    place = (next_one if action == "post at another's place" else entry).header
    bent = b"altered" if action == "post with other words" else b""
    blob = history.pack(unit.group, [Handed(place.sequence, said.original, said.data + bent)])
    policy = unit.charter.policy
    longer = action == "post that lives longer"
    part = HistoryPart(
        file_id=FileId(bytes(16)),
        share_hash=bytes(32),
        digest=bytes(32),
        size=len(blob),
        slot=slot_of(place.accepted_at),
        deadline=UnixMillis(retain_until(place.accepted_at, policy.retention_s) + longer),
        strict=policy.strict,
        first=place.sequence,
        last=place.sequence,
        messages=1,
    )
    shown = taking.judge(
        blob,
        TakeRecord(part, Secret(bytes(32)), MemberId(bytes(16))),
        gate.check_past(bare, group=unit.group, joined=joined),
        JoinRecord(
            generation=unit.generation,
            joined=joined,
            accepted_at=joining.header.accepted_at,
            givers=(),
            heard=(),
        ),
        unit=unit,
        roster=roster,
    )
    return place.sequence in shown


def _after(entry: LogEntry, kind: EntryKind, content: bytes) -> LogEntry:
    """The next entry, by the same device."""
    header = gate.next_header(
        Head(entry.header.sequence, gate.header_hash(entry.header)),
        group=entry.header.group,
        epoch=entry.header.epoch_after,
        kind=kind,
        device_id=entry.header.device_id,
        accepted_at=entry.header.accepted_at,
        content=content,
    )
    return LogEntry(header, content)
