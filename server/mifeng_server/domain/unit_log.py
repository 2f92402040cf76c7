"""How a unit's log grows: one more entry, and everything that belongs to it in one batch
(protocol.md, "Unit log").
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from mifeng_crypto.gate import (
    NO_DEVICE,
    LogPosition,
    Standing,
    check_heads,
    next_header,
    steady_after,
)
from mifeng_crypto.ids import DeviceId, UnixMillis
from mifeng_crypto.ledger.charter import Charter
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.log import EntryKind, Heads, LogEntry
from mifeng_crypto.mls.group import PublicGroup, StagedCommit
from mifeng_crypto.tls import encode
from mifeng_server.domain.events import LogGrew
from mifeng_server.domain.rows import (
    ContentRow,
    Delete,
    Insert,
    LogRow,
    PartRow,
    Put,
    Swap,
    UnitRow,
    Write,
)
from mifeng_server.domain.unit import Unit

__all__ = [
    "Grown",
    "accepted_at",
    "begin",
    "grow",
    "grow_by_commit",
    "grow_by_readd",
    "move_heads",
    "succeed",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grown:
    """A unit with one more entry, and what has to be written and told for it."""

    unit: Unit
    header: bytes
    writes: tuple[Write, ...]
    events: tuple[LogGrew, ...]


def accepted_at(unit: Unit, now: int) -> UnixMillis:
    """The time of an entry that is accepted now: a log's times never go back."""
    return UnixMillis(max(now, unit.row.accepted_at))


def grow(
    unit: Unit,
    kind: EntryKind,
    content: bytes,
    *,
    device_id: bytes,
    now: int,
    deadline: int = 0,
    known: Standing | None = None,
) -> Grown:
    """Append an entry.

    Args:
        unit: as it stands.
        kind: what the content is.
        content: the entry's bytes.
        device_id: whose it is.
        now: the server's time.
        deadline: when the content goes; 0 for never.
        known: the tree beside the ledgers, where it was looked at.
    """
    row = unit.row
    header = next_header(
        unit.log.head,
        group=unit.group,
        epoch=row.epoch,
        kind=kind,
        device_id=DeviceId(device_id),
        accepted_at=accepted_at(unit, now),
        content=content,
    )
    log = unit.log.grown(header)
    new_row = _moved(row, log.head, header.accepted_at)
    place = (row.unit_id, row.generation, header.sequence)
    encoded = encode(header)
    return Grown(
        unit=Unit(
            row=new_row,
            heads=unit.heads,
            charter=unit.charter,
            public=unit.public,
            log=log,
            known=known or unit.known,
        ),
        header=encoded,
        writes=(
            Swap(row, new_row),
            Insert(LogRow(*place, len(content), encoded)),
            Insert(ContentRow(*place, deadline, content)),
        ),
        events=(LogGrew(*place, kind, encode(LogEntry(header, content))),),
    )


def _moved(row: UnitRow, head: Head, accepted_at: int) -> UnitRow:
    """Return a unit's row after one more entry: `replace` takes three times as long."""
    return UnitRow(
        unit_id=row.unit_id,
        generation=row.generation,
        epoch=row.epoch,
        epoch_began=row.epoch_began,
        log_sequence=head.sequence,
        log_hash=head.hash,
        accepted_at=accepted_at,
        rotated_at=row.rotated_at,
        steady_since=row.steady_since,
        asked=row.asked,
        heads=row.heads,
    )


def grow_by_commit(
    unit: Unit, content: bytes, staged: StagedCommit, known: Standing, *, device_id: bytes, now: int
) -> Grown:
    """Append a commit, and go on in the epoch that it begins."""
    grown = grow(unit, EntryKind.COMMIT, content, device_id=device_id, now=now)
    row = grown.unit.row
    new_row = replace(
        row,
        epoch=staged.after.epoch,
        epoch_began=row.log_sequence,
        rotated_at=row.rotated_at if staged.path is None else row.accepted_at,
        steady_since=row.steady_since
        if staged.path is None
        else steady_after(
            UnixMillis(row.accepted_at),
            rotated_at=UnixMillis(row.rotated_at),
            steady_since=UnixMillis(row.steady_since),
        ),
        asked=b"",
    )
    after = replace(grown.unit, row=new_row, public=staged.after, known=known.after(staged))
    return _with_row(grown, unit.row, after, part_writes(unit.unit_id, staged.after, staged.before))


def grow_by_readd(
    unit: Unit, content: bytes, known: Standing, *, device_id: bytes, now: int
) -> Grown:
    """Append a device's word that it cannot go on; the next commit removes it."""
    grown = grow(unit, EntryKind.READD, content, device_id=device_id, now=now, known=known)
    row = replace(grown.unit.row, asked=grown.unit.row.asked + device_id)
    return _with_row(grown, unit.row, replace(grown.unit, row=row))


def _with_row(grown: Grown, before: UnitRow, unit: Unit, more: tuple[Write, ...] = ()) -> Grown:
    """Return what was grown with another row after it: a batch touches a row once."""
    rest = tuple(write for write in grown.writes if not isinstance(write, Swap))
    return replace(grown, unit=unit, writes=(Swap(before, unit.row), *rest, *more))


def part_writes(
    unit_id: bytes, public: PublicGroup, previous: PublicGroup | None
) -> tuple[Write, ...]:
    """What has to be written for a new epoch of the public group."""
    return tuple(
        Delete(PartRow, (unit_id, part)) if value is None else Put(PartRow(unit_id, part, value))
        for part, value in public.parts(previous).items()
    )


def move_heads(unit: Unit, roster: Roster, charter: Charter, *, now: int) -> Grown:
    """Append `heads`: from here on the gate judges by these ledgers.

    Raises:
        ProtocolError: GATE-2: the charter's new entry does not know the roster that judges.
    """
    heads = Heads(roster.head, charter.head)
    moved = replace(unit, charter=charter)
    check_heads(moved.view(roster), heads, accepted_at=accepted_at(unit, now))
    content = encode(heads)
    grown = grow(moved, EntryKind.HEADS, content, device_id=NO_DEVICE, now=now)
    row = replace(grown.unit.row, heads=content)
    return _with_row(grown, unit.row, replace(grown.unit, row=row, heads=heads))


def begin(
    charter: Charter,
    roster: Roster,
    public: PublicGroup,
    genesis: Head,
    *,
    now: int,
    before: Unit | None = None,
) -> Grown:
    """Open a generation's log with its first `heads`; `before` is the unit in the one before."""
    heads = Heads(roster.head, charter.head)
    row = UnitRow(
        unit_id=charter.unit_id,
        generation=charter.generation().number,
        epoch=0,
        epoch_began=genesis.sequence,
        log_sequence=genesis.sequence,
        log_hash=genesis.hash,
        accepted_at=now,
        rotated_at=now,
        steady_since=now,
        asked=b"",
        heads=encode(heads),
    )
    unit = Unit(
        row=row, heads=heads, charter=charter, public=public, log=LogPosition.begin(genesis)
    )
    grown = grow(unit, EntryKind.HEADS, row.heads, device_id=NO_DEVICE, now=now)
    rest = tuple(write for write in grown.writes if not isinstance(write, Swap))
    parts = part_writes(unit.unit_id, public, before.public if before else None)
    last = grown.unit.row
    first = Swap(before.row, last) if before else Insert(last)
    return replace(grown, writes=(first, *rest, *parts))


def succeed(
    unit: Unit, charter: Charter, roster: Roster, public: PublicGroup, genesis: Head, *, now: int
) -> Grown:
    """End a generation with a last `heads`, and open the next one, which its charter now names.

    Raises:
        ProtocolError: GATE-2: as `move_heads`.
    """
    ended = move_heads(unit, roster, charter, now=now)
    opened = begin(charter, roster, public, genesis, now=ended.unit.row.accepted_at, before=unit)
    last = tuple(write for write in ended.writes if not isinstance(write, Swap))
    return replace(opened, writes=(*opened.writes, *last), events=(*ended.events, *opened.events))
