"""What a client keeps of something that should not be: an alarm and its evidence
(protocol.md, "Alarms").
"""

from __future__ import annotations

from mifeng_crypto.ids import UnitId, UnixMillis
from mifeng_crypto.ledger.chain import SplitView
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.tls import Opaque, Text, Vec, struct

__all__ = ["Alarm", "Contradiction", "Evidence", "Observed", "RefusedEntries", "RefusedStatement"]


@struct(tag=1, tag_bytes=1)
class Contradiction:
    """Two heads of one sequence: somebody was shown another history."""

    split: SplitView


@struct(tag=2, tag_bytes=1)
class RefusedEntries:
    """What the server gave as the next entries of a ledger or log, the first bad one among them.

    `ledger` is `roster`, `charter` or `log`; `after` is where it stood.
    """

    ledger: Text
    after: Head
    entries: Vec[Opaque]


@struct(tag=3, tag_bytes=1)
class RefusedStatement:
    """A note or receipt of the server that does not hold; empty where there should be one."""

    statement: Opaque


@struct(tag=4, tag_bytes=1)
class Observed:
    """Nothing that the server signed: what this device has seen itself."""


Evidence = Contradiction | RefusedEntries | RefusedStatement | Observed


@struct
class Alarm:
    """Something that should not be, as a device met it.

    `rule` is the id of the broken rule, or the kind of error where there is none.
    """

    rule: Text
    time: UnixMillis
    unit_id: UnitId | None
    message: Text
    evidence: Evidence
