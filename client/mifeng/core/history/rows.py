"""The rows of table `history`, and what the key of a hand-over is bound to."""

from __future__ import annotations

from mifeng.core.rows import PartRecord, TakeRecord, number
from mifeng.expiring import Expiring
from mifeng_crypto.history import HistoryContext, keys_hash
from mifeng_crypto.ids import PROTOCOL_VERSION, DeviceId, GroupId, UnitId, WorkspaceId
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.ledger.policy import Strict
from mifeng_crypto.tls import encode

__all__ = ["context_of", "gift_key", "join_key", "part_key", "part_row", "take_key"]


def join_key(unit_id: UnitId) -> bytes:
    """The key of a `JoinRecord`."""
    return unit_id + b"j"


def gift_key(unit_id: UnitId, joined: int) -> bytes:
    """The key of a `GiftRecord`."""
    return unit_id + b"g" + number(joined)


def part_key(unit_id: UnitId, first: int) -> bytes:
    """The key of a `PartRecord`."""
    return unit_id + b"p" + number(first)


def take_key(unit_id: UnitId, handed: int, first: int) -> bytes:
    """The key of a `TakeRecord`; `handed` is the sequence of the message that names the part."""
    return unit_id + b"t" + number(handed) + number(first)


def part_row(unit_id: UnitId, record: PartRecord | TakeRecord) -> bytes:
    """Return a part as it is stored: its secret goes with the messages in it."""
    part = record.part
    return Expiring.of(
        encode(record),
        rest=b"",
        unit_id=unit_id,
        slot=part.slot,
        deadline=part.deadline,
        strict=part.strict is Strict.ON,
    )


def context_of(
    workspace_id: WorkspaceId,
    group: GroupId,
    joined: Head,
    *,
    giver: DeviceId,
    receiver: DeviceId,
    keys: bytes,
) -> HistoryContext:
    """What a box is bound to."""
    return HistoryContext(
        version=PROTOCOL_VERSION,
        workspace_id=workspace_id,
        group=group,
        joined=joined,
        giver=giver,
        receiver=receiver,
        keys_hash=keys_hash(keys),
    )
