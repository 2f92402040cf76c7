"""What a device hands over of before: parts, and the message that tells of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mifeng.content.documents import HandedHistory, HistoryReceiver
from mifeng.core.history.rows import context_of
from mifeng.core.profile import Profile
from mifeng.core.rows import Condition, GiftRecord, PartRecord, TimelineRecord
from mifeng_crypto import history
from mifeng_crypto.errors import CryptoError
from mifeng_crypto.expiry.slot import slot_of
from mifeng_crypto.history import Handed, HistoryPart
from mifeng_crypto.ids import GroupId, UnitId, UnixMillis
from mifeng_crypto.ledger.policy import Strict
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.log import EntryKind
from mifeng_crypto.mls.message.original import Original
from mifeng_crypto.rand import Rng
from mifeng_crypto.tls import decode

__all__ = ["Planned", "blob_of", "handed_over", "is_dropped", "plan"]

PART_BYTES = 4 << 20
"""Of content: a slot in which more was said has several parts."""
PART_MESSAGES = 2000
KEPT_UNNAMED_MS = 20 * 3_600_000
"""The server keeps an upload that no message names for a day."""
LEAST_MS = 600_000
"""What is over sooner is not worth the way."""


@dataclass(frozen=True, slots=True)
class Planned:
    """What becomes one part: messages of one slot and deadline that follow one another."""

    slot: int
    deadline: UnixMillis
    strict: Strict
    messages: tuple[tuple[int, TimelineRecord], ...]

    @property
    def first(self) -> int:
        return self.messages[0][0]

    @property
    def last(self) -> int:
        return self.messages[-1][0]

    def is_in(self, part: HistoryPart) -> bool:
        """Whether a part that was made earlier is what would be made of this now."""
        ours = self.slot, self.deadline, self.first, self.last, len(self.messages)
        return ours == (part.slot, part.deadline, part.first, part.last, part.messages)


def plan(rows: Iterable[tuple[int, TimelineRecord]], *, now: UnixMillis) -> list[Planned]:
    """Return the parts of what a device can hand over, oldest first: the newest, if there are many.

    The same rows give the same parts; so what was begun goes on.
    """
    handed = (
        (sequence, record)
        for sequence, record in rows
        if record.kind is EntryKind.MESSAGE
        and record.condition is Condition.READ
        and record.original
        and record.deadline > now + LEAST_MS
    )
    parts = list[Planned]()
    for (slot, deadline, strict), group in itertools.groupby(
        handed, key=lambda row: (slot_of(row[1].accepted_at), row[1].deadline, row[1].strict)
    ):
        parts += (Planned(slot, deadline, strict, some) for some in _cut(group))
    return parts[-history.MAX_PARTS :]


def _cut(
    group: Iterable[tuple[int, TimelineRecord]],
) -> Iterable[tuple[tuple[int, TimelineRecord], ...]]:
    some, size = list[tuple[int, TimelineRecord]](), 0
    for row in group:
        size += len(row[1].content)
        if some and (size > PART_BYTES or len(some) == PART_MESSAGES):
            yield tuple(some)
            some, size = [], len(row[1].content)
        some.append(row)
    yield tuple(some)


def is_dropped(record: PartRecord, *, now: UnixMillis) -> bool:
    """Whether the server may have dropped a part that no message names."""
    return record.brought_at > 0 and now - record.brought_at > KEPT_UNNAMED_MS


def blob_of(planned: Planned, group: GroupId) -> bytes:
    """Return the plaintext of a part."""
    return history.pack(
        group,
        (
            Handed(sequence, decode(Original, record.original), record.content)
            for sequence, record in planned.messages
        ),
    )


def handed_over(
    gift: GiftRecord,
    parts: Sequence[PartRecord],
    *,
    messages: int,
    unit_id: UnitId,
    profile: Profile,
    roster: Roster,
    rng: Rng,
) -> list[HandedHistory]:
    """Return what tells the receivers, a hundred at a time; the first one has to name the files.

    Who is out of the roster by now gets nothing.
    """
    listed = tuple(record.part for record in parts)
    key_and_keys = history.seal_keys([record.secret for record in parts], listed, rng=rng)
    key, keys = key_and_keys[: history.SECRET_BYTES], key_and_keys[history.SECRET_BYTES :]
    boxes = []
    for one in gift.receivers:
        device = roster.device(one.device_id)
        if device is None or device.member_id != one.member_id:
            continue
        context = context_of(
            profile.workspace_id,
            GroupId(unit_id, gift.generation),
            gift.joined,
            giver=profile.device_id,
            receiver=one.device_id,
            keys=keys,
        )
        try:
            sealed = history.seal_box(key, device.hpke_key, context)
        except CryptoError:  # who gave the roster no key gets nothing
            continue
        boxes.append(HistoryReceiver(one.member_id, one.device_id, sealed))
    most = history.MAX_RECEIVERS
    return [
        HandedHistory(gift.joined, messages, listed, tuple(boxes[at : at + most]), keys)
        for at in range(0, len(boxes), most)
    ]
