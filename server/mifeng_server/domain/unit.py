"""A unit as the server holds it: where its log stands, its charter, and its group's public half."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mifeng_crypto.gate import LogPosition, Standing, UnitView, header_hash
from mifeng_crypto.ids import DeviceId, GroupId, UnitId, UnixMillis
from mifeng_crypto.ledger.charter import Charter
from mifeng_crypto.ledger.charter_entry import CharterEntry, Create
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.log import Heads, LogHeader
from mifeng_crypto.mls.group import PublicGroup
from mifeng_crypto.tls import decode
from mifeng_server.domain.protocols import Store
from mifeng_server.domain.rows import CharterRow, LogRow, PartRow, UnitRow

__all__ = ["Unit", "load_charter", "load_unit", "may_take_part"]

ALL = 1 << 24
"""More than a unit has of anything that is read at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A value: each decision makes the next one."""

    row: UnitRow
    heads: Heads
    charter: Charter
    public: PublicGroup
    log: LogPosition
    known: Standing | None = None

    def view(self, roster: Roster) -> UnitView:
        """What the gate judges by."""
        return UnitView(
            roster=roster,
            charter=self.charter,
            heads=self.heads,
            log=self.log,
            last_accepted_at=UnixMillis(self.row.accepted_at),
            rotated_at=UnixMillis(self.row.rotated_at),
            steady_since=UnixMillis(self.row.steady_since),
            asked=self.asked,
            public=self.public,
            known=self.known,
        )

    @property
    def asked(self) -> frozenset[DeviceId]:
        """The devices that cannot go on, and have said so in this epoch."""
        ids = self.row.asked
        return frozenset(DeviceId(ids[i : i + 16]) for i in range(0, len(ids), 16))

    @property
    def unit_id(self) -> bytes:
        return self.row.unit_id

    @property
    def group(self) -> GroupId:
        return GroupId(UnitId(self.row.unit_id), self.row.generation)


async def load_unit(store: Store, unit_id: bytes, roster: Roster) -> Unit | None:
    """Read a unit from what is durable; its ledger is verified again, its tree is not."""
    row = await store.get(UnitRow, unit_id)
    if row is None:
        return None
    parts = await store.find(PartRow, order="part", limit=ALL, unit_id=unit_id)
    return Unit(
        row=row,
        heads=decode(Heads, row.heads),
        charter=await load_charter(store, unit_id, roster),
        public=PublicGroup.from_parts({part.part: part.value for part in parts}),
        log=await _load_log(store, row),
    )


async def load_charter(store: Store, unit_id: bytes, roster: Roster) -> Charter:
    """Read and verify a unit's charter; with its parent's, where a manager of that one signed."""
    rows = await store.find(CharterRow, order="sequence", limit=ALL, unit_id=unit_id)
    entries = [decode(CharterEntry, row.entry) for row in rows]
    parent, above = parent_of(entries), None
    if parent is not None and any(entry.tbs.parent is not None for entry in entries):
        above = await load_charter(store, parent, roster)
    return Charter.from_entries(entries, roster, parent=above)


def parent_of(entries: Sequence[CharterEntry]) -> UnitId | None:
    """Return the unit under which a charter's stands, from its first entry."""
    created = entries[0].tbs.body if entries else None
    return created.parent if isinstance(created, Create) else None


async def _load_log(store: Store, row: UnitRow) -> LogPosition:
    """The hashes of the entries since the epoch began: senders say which they had applied."""
    found = await store.find(
        LogRow,
        order="sequence",
        after=row.epoch_began - 1,
        limit=ALL,
        unit_id=row.unit_id,
        generation=row.generation,
    )
    headers = [decode(LogHeader, entry.header) for entry in found]
    first, *rest = headers
    if first.sequence == row.epoch_began:
        position = LogPosition.begin(Head(row.epoch_began, header_hash(first)))
    else:  # the generation's first epoch: no commit began it
        position, rest = LogPosition.begin(Head(row.epoch_began, first.previous)), headers
    for header in rest:
        position = position.grown(header)
    return position


def may_take_part(roster: Roster, unit: Unit, member_id: bytes) -> bool:
    """Whether the ledgers, as they stand now, have this member in the unit."""
    return (
        roster.member(member_id) is not None  # type: ignore[arg-type]  # any 16 bytes may be asked
        and unit.charter.role_of(member_id) is not None  # type: ignore[arg-type]
    )
