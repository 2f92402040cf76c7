"""All that a device knows of one unit, as one value; and that value as rows.

The charter and the MLS epoch keep their own encodings; a step writes only what it changed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mifeng.core.rows import (
    Changes,
    OutboxRecord,
    UnitRecord,
    UnitStatus,
    number,
    part_rows,
)
from mifeng.errors import ProfileDamagedError
from mifeng_crypto.errors import UsageError
from mifeng_crypto.expiry import retain_until
from mifeng_crypto.gate import LogPosition, Standing, UnitView
from mifeng_crypto.ids import (
    PROTOCOL_VERSION,
    DeviceId,
    FileId,
    GroupId,
    MemberId,
    UnitId,
    UnixMillis,
)
from mifeng_crypto.ledger.charter import Charter
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.log import AuthenticatedData, EntryKind, Heads, Purpose, UnitState
from mifeng_crypto.mls.group import Epoch, PendingCommit
from mifeng_crypto.tls import decode, encode

__all__ = ["OutboxItem", "Unit", "changes_between", "from_rows"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxItem:
    """A message on its way."""

    number: int
    record: OutboxRecord

    @property
    def state(self) -> str:
        """`waiting`, or `sent` once the server has taken it; the log then confirms it."""
        return "sent" if self.record.accepted_sequence else "waiting"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One unit of this device. `epoch` is None only once the device has left."""

    unit_id: UnitId
    generation: int
    status: UnitStatus
    title: str
    topic: str
    charter: Charter
    heads: Heads
    log: LogPosition
    last_accepted_at: UnixMillis
    rotated_at: UnixMillis
    steady_since: UnixMillis
    group_info: bytes
    epoch: Epoch | None
    asked: frozenset[DeviceId] = frozenset()
    """The devices that cannot go on, and have said so in this epoch."""
    pending: PendingCommit | None = None
    outbox: tuple[OutboxItem, ...] = ()
    standing: Standing | None = None
    """The tree beside the ledgers as last looked at; it is checked before it is believed."""

    @property
    def group(self) -> GroupId:
        return GroupId(self.unit_id, self.generation)

    @property
    def active_epoch(self) -> Epoch:
        """The epoch.

        Raises:
            UsageError: the device has left the unit.
        """
        if self.epoch is None:
            raise UsageError("you are no longer in this unit; ask one of its managers")
        return self.epoch

    def view(self, roster: Roster) -> UnitView:
        """What the gate judges by."""
        return UnitView(
            roster=roster,
            charter=self.charter,
            heads=self.heads,
            log=self.log,
            last_accepted_at=self.last_accepted_at,
            rotated_at=self.rotated_at,
            steady_since=self.steady_since,
            asked=self.asked,
            public=self.active_epoch.public,
            known=self.standing,
        )

    @property
    def is_over(self) -> bool:
        """Whether the unit was restarted since: this generation of it is read, and not gone on in.

        As its charter says, whether or not this device has come to that place of the log.
        """
        return self.charter.generation().number > self.generation

    @property
    def is_stuck(self) -> bool:
        """Whether it waits to be let in again with keys that it may go on with after all."""
        return self.status is UnitStatus.WAITING and self.epoch is not None

    def first_deadline(self) -> UnixMillis:
        """When the first is over of what may follow the last entry that was applied."""
        policy = self.charter.policy_at(self.heads.charter.sequence)
        return retain_until(self.last_accepted_at, policy.retention_s)

    def without_keys(self, status: UnitStatus) -> Unit:
        """The unit once this device is not in its group any more: nothing of that is left."""
        return dataclasses.replace(
            self, epoch=None, pending=None, standing=None, asked=frozenset(), status=status
        )

    @property
    def is_closed(self) -> bool:
        """Whether the unit is over, as of the last `heads`."""
        return self.charter.is_closed(at=self.heads.charter.sequence)

    @property
    def is_deleted(self) -> bool:
        """Whether it is over, and all that was said in it with it."""
        return self.charter.is_deleted(at=self.heads.charter.sequence)

    def members(self) -> tuple[MemberId, ...]:
        """Who is granted, as of the last `heads`."""
        return self.charter.members(at=self.heads.charter.sequence)

    def authenticated_data(
        self,
        roster: Roster,
        *,
        files: Sequence[FileId] = (),
        purpose: Purpose = Purpose.POST,
        state: UnitState | None = None,
        now: UnixMillis,
    ) -> bytes:
        """What every commit and message says about what its sender had seen.

        Args:
            roster: as known.
            files: that a message shows.
            purpose: of a message.
            state: the unit's, in a commit.
            now: this device's time.
        """
        return encode(
            AuthenticatedData(
                version=PROTOCOL_VERSION,
                roster=roster.head,
                charter=self.charter.head,
                log=self.log.head,
                time=UnixMillis(max(now, self.last_accepted_at)),
                files=tuple(files),
                purpose=purpose,
                unit=state,
            )
        )

    def replace_item(self, item: OutboxItem) -> Unit:
        """The same with one item of the outbox changed."""
        items = tuple(item if old.number == item.number else old for old in self.outbox)
        return dataclasses.replace(self, outbox=items)

    def record(self) -> UnitRecord:
        """The row of table `units`."""
        return UnitRecord(
            generation=self.generation,
            status=self.status,
            title=self.title,
            topic=self.topic,
            heads=self.heads,
            began=Head(self.log.began, self.log.hashes[0]),
            log=self.log.head,
            last_accepted_at=self.last_accepted_at,
            rotated_at=self.rotated_at,
            steady_since=self.steady_since,
            asked=tuple(sorted(self.asked)),
            group_info=self.group_info,
        )


# ------------------------------------------------------------------ to rows and back


def changes_between(before: Unit | None, after: Unit) -> Changes:
    """Return the rows that turn the stored `before` into `after`. The charter's are its own."""
    changes: dict[tuple[str, bytes], bytes | None] = {}
    if before is None or before.record() != after.record():
        changes["units", after.unit_id] = encode(after.record())
    changes |= _epoch_rows(before, after)
    changes |= _pending_rows(before, after)
    old = {item.number: item for item in before.outbox} if before else {}
    new = {item.number: item for item in after.outbox}
    for n in old.keys() - new.keys():
        changes["outbox", after.unit_id + number(n)] = None
    for n, item in new.items():
        if old.get(n) != item:
            changes["outbox", after.unit_id + number(n)] = encode(item.record)
    return changes


def _epoch_rows(before: Unit | None, after: Unit) -> Changes:
    old = before.epoch if before else None
    if after.epoch is old:
        return {}
    if after.epoch is None:
        assert old is not None, "checked just above"
        return part_rows("mls", after.unit_id, ((name, None) for name in old.parts(None)))
    return part_rows("mls", after.unit_id, after.epoch.parts(old).items())


def _pending_rows(before: Unit | None, after: Unit) -> Changes:
    old = before.pending if before else None
    if after.pending is old:
        return {}
    return {("pending", after.unit_id): after.pending.encode() if after.pending else None}


def from_rows(
    unit_id: UnitId,
    record: bytes,
    *,
    charter: Charter,
    mls: Mapping[bytes, bytes],
    pending: bytes | None,
    timeline: Iterable[tuple[bytes, bytes]],
    outbox: Mapping[bytes, bytes],
) -> Unit:
    """Read a unit; the keys are without the unit's id.

    Args:
        unit_id: which.
        record: of table `units`.
        charter: its own, verified.
        mls: the parts of its epoch.
        pending: the commit that the log has not brought back.
        timeline: the entries of the log since the epoch began, at least.
        outbox: what is on its way.

    Raises:
        MifengError: the rows are not what `changes_between` made.
    """
    stored = decode(UnitRecord, record)
    epoch = Epoch.from_parts(mls) if mls else None
    return Unit(
        unit_id=unit_id,
        generation=stored.generation,
        status=stored.status,
        title=stored.title,
        topic=stored.topic,
        charter=charter,
        heads=stored.heads,
        log=_position(stored, timeline),
        last_accepted_at=stored.last_accepted_at,
        rotated_at=stored.rotated_at,
        steady_since=stored.steady_since,
        asked=frozenset(stored.asked),
        group_info=stored.group_info,
        epoch=epoch,
        pending=PendingCommit.decode(pending, epoch) if pending and epoch else None,
        outbox=tuple(
            OutboxItem(number=int.from_bytes(n, "big"), record=decode(OutboxRecord, item))
            for n, item in sorted(outbox.items())
        ),
    )


ENTRY_HASH_BYTES = 32
"""The first field of a `TimelineRecord`; its kind is the next byte. A start reads no more."""


def _position(stored: UnitRecord, timeline: Iterable[tuple[bytes, bytes]]) -> LogPosition:
    began = stored.began.sequence
    hashes, heads_at = {began: stored.began.hash}, began
    for key, row in timeline:
        sequence = int.from_bytes(key, "big")
        if began < sequence <= stored.log.sequence:
            hashes[sequence] = row[:ENTRY_HASH_BYTES]
            if row[ENTRY_HASH_BYTES] == EntryKind.HEADS:
                heads_at = sequence
    position = LogPosition(began, list(hashes.values()), stored.log.sequence, heads_at)
    if list(hashes) != [*range(began, stored.log.sequence + 1)] or position.head != stored.log:
        raise ProfileDamagedError(
            "entries of a unit's log are missing in this profile; join again with a new invite"
        )
    return position
