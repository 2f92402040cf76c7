"""What is over: hidden at its deadline, destroyed once the log has moved past it as well.

protocol.md, "Expiry". A clock that runs ahead hides, and destroys nothing by itself; a server's
word alone destroys nothing either: only both together do.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from mifeng.core.rows import Changes, Condition, TimelineRecord
from mifeng.core.unit import Unit
from mifeng_crypto.ids import UnixMillis
from mifeng_crypto.log import EntryKind
from mifeng_crypto.tls import decode, encode

__all__ = ["destroy", "shown"]


def shown(record: TimelineRecord, *, now: UnixMillis) -> TimelineRecord:
    """Return an entry as it may be shown now."""
    return _without_content(record) if _is_over(record, now) else record


def destroy(unit: Unit, rows: Iterable[tuple[bytes, bytes]], *, now: UnixMillis) -> Changes:
    """Return the rows of `messages` that go, or have to lose their content.

    Of the running epoch the rows stay: senders name them as what they had seen.

    Args:
        unit: whose timeline it is.
        rows: key and value.
        now: this device's time.
    """
    witnessed = UnixMillis(min(now, unit.last_accepted_at))
    changes = dict[tuple[str, bytes], bytes | None]()
    for key, row in rows:
        record = decode(TimelineRecord, row)
        if record.deadline > witnessed and not unit.is_deleted:
            continue
        if int.from_bytes(key[len(unit.unit_id) :], "big") < unit.log.began:
            changes["messages", key] = None
        elif record.content:
            changes["messages", key] = encode(_without_content(record))
    return changes


def _is_over(record: TimelineRecord, now: UnixMillis) -> bool:
    is_message = record.kind is EntryKind.MESSAGE and record.condition is Condition.READ
    return is_message and record.deadline <= now


def _without_content(record: TimelineRecord) -> TimelineRecord:
    return dataclasses.replace(record, condition=Condition.EXPIRED, content=b"", files=())
