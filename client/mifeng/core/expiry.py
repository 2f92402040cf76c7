"""What is over: hidden at its deadline, destroyed as the clock allows (protocol.md, "Expiry")."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mifeng.core.rows import (
    Changes,
    Condition,
    TimelineRecord,
    UnitStatus,
    timeline_row,
    without_content,
)
from mifeng.core.unit import Unit
from mifeng_crypto.expiry import Clock, Fate
from mifeng_crypto.ids import UnitId, UnixMillis
from mifeng_crypto.log import EntryKind
from mifeng_crypto.tls import UInt32, decode, struct

__all__ = ["ExpiredRecord", "Forgotten", "forget", "outdated", "shown", "witnessed"]


@struct
class ExpiredRecord:
    """Table `profile`, key `expired`: what has expired since its user was last told."""

    messages: UInt32
    files: UInt32

    def __bool__(self) -> bool:
        return bool(self.messages or self.files)

    def __add__(self, other: ExpiredRecord) -> ExpiredRecord:
        return ExpiredRecord(self.messages + other.messages, self.files + other.files)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What to write in place of what has expired, and how much that was."""

    changes: Changes
    count: ExpiredRecord


def shown(record: TimelineRecord, *, now: UnixMillis) -> TimelineRecord:
    """Return an entry as it may be shown at this effective time."""
    is_over = record.content or record.condition is Condition.LOCKED
    return without_content(record) if is_over and record.deadline <= now else record


def witnessed(units: Iterable[Unit]) -> UnixMillis:
    """Return the latest time that the server has stated in the logs, and senders agreed to.

    What a device has begun itself and nobody accepted yet is no witness.
    """
    told = (unit.last_accepted_at for unit in units if unit.status is not UnitStatus.CREATING)
    return UnixMillis(max(told, default=0))


def forget(units: Mapping[UnitId, Unit], rows: Iterable[tuple[bytes, bytes]]) -> Forgotten:
    """Return what becomes of the rows of `messages` whose keys are about to be destroyed.

    Of the running epoch they stay without their content: senders name them as what they had seen.
    """
    changes, count = dict[tuple[str, bytes], bytes | None](), ExpiredRecord(0, 0)
    for key, row in rows:
        record = decode(TimelineRecord, row)
        count += ExpiredRecord(1, len(record.files))
        if _is_of_running_epoch(units, key):
            left = without_content(record)
            changes["messages", key] = timeline_row(_unit_of(key), left)
        else:
            changes["messages", key] = None
    return Forgotten(changes, count)


def outdated(unit: Unit, rows: Iterable[tuple[bytes, bytes]], clock: Clock) -> Changes:
    """Return the deletion of entries that are no message, and as old as messages that are gone.

    Args:
        unit: whose timeline it is.
        rows: key and value, oldest first; nothing is looked at behind the first that stays.
        clock: this device's.
    """
    changes = dict[tuple[str, bytes], bytes | None]()
    for key, row in rows:
        record = decode(TimelineRecord, row)
        over = clock.fate(record.deadline) is Fate.DESTROYED
        if not over or _is_of_running_epoch({unit.unit_id: unit}, key):
            break
        if record.kind is not EntryKind.MESSAGE or not record.content:
            changes["messages", key] = None
    return changes


def _unit_of(key: bytes) -> UnitId:
    return UnitId(key[:16])


def _is_of_running_epoch(units: Mapping[UnitId, Unit], key: bytes) -> bool:
    unit = units.get(_unit_of(key))
    return unit is not None and int.from_bytes(key[16:], "big") >= unit.log.began
