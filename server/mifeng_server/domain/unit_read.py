"""What a member may read of a unit: its log, its charter, and which units there are."""

from __future__ import annotations

from collections.abc import Sequence

from mifeng_crypto.api.messages import EntriesReply, LogReply, UnitsReply, UnitSummary
from mifeng_crypto.log import EntryKind, LogEntry, LogHeader
from mifeng_crypto.tls import decode, encode
from mifeng_server.domain.house import House
from mifeng_server.domain.login import Caller
from mifeng_server.domain.refusal import not_found
from mifeng_server.domain.rows import CharterRow, ContentRow, GrantRow, LogRow
from mifeng_server.domain.sight import may_see_charter, others_to_manage
from mifeng_server.domain.unit import ALL, Unit, may_take_part
from mifeng_server.domain.workspace import PAGE

__all__ = ["list_units", "read_charter", "read_entries", "read_founding", "read_log", "unit_of"]

PAGE_BYTES = 4 << 20
BEYOND = 1 << 62
"""Past every deadline."""


async def unit_of(house: House, caller: Caller, unit_id: bytes) -> Unit:
    """Return a unit that the caller takes part in, to look at.

    Raises:
        Refusal: not_found.
    """
    roster, unit = await house.roster(), await house.unit(unit_id)
    if roster is None or unit is None or not may_take_part(roster, unit, caller.member_id):
        raise not_found()
    return unit


async def list_units(house: House, caller: Caller) -> UnitsReply:
    """The caller's units, and those that the caller has a say in from outside."""
    roster = await house.roster()
    assert roster is not None, "there are no callers before the founding"
    grants = await house.store.find(
        GrantRow, order="unit_id", limit=ALL, member_id=caller.member_id
    )
    units = [await house.unit(grant.unit_id) for grant in grants]
    # What is in memory may be ahead of the disk: no log stands where nobody can read it yet.
    await house.store.settle()
    return UnitsReply(
        units=[
            UnitSummary(
                unit_id=unit.unit_id,
                generation=unit.row.generation,
                epoch=unit.row.epoch,
                charter_sequence=unit.charter.head.sequence,
                log_sequence=unit.row.log_sequence,
            )
            for unit in units
            if unit is not None and may_take_part(roster, unit, caller.member_id)
        ],
        others=await others_to_manage(house, roster, caller.member_id),
        roster_sequence=roster.head.sequence,
    )


async def read_charter(house: House, caller: Caller, unit_id: bytes, *, after: int) -> EntriesReply:
    """Charter entries after a sequence, a page of them.

    Raises:
        Refusal: not_found.
    """
    roster, unit = await house.roster(), await house.unit(unit_id)
    if (
        roster is None
        or unit is None
        or not await may_see_charter(house, roster, unit, caller.member_id)
    ):
        raise not_found()
    rows = await house.store.find(
        CharterRow, order="sequence", after=after, limit=PAGE, unit_id=unit_id
    )
    last = rows[-1].sequence if rows else after
    known = unit.charter.head.sequence if len(rows) == PAGE else last
    return EntriesReply(entries=[row.entry for row in rows], head_sequence=known)


async def read_founding(house: House, caller: Caller, unit_id: bytes, *, generation: int) -> bytes:
    """The GroupInfo (MLSMessage) whose hash stands before a generation's first entry.

    Raises:
        Refusal: not_found.
    """
    await unit_of(house, caller, unit_id)
    row = await house.store.get(ContentRow, unit_id, generation, 0)
    if row is None:
        raise not_found()
    return row.content


async def read_log(
    house: House,
    caller: Caller,
    unit_id: bytes,
    *,
    generation: int,
    after: int,
    limit: int,
    bare: bool = False,
    now: int,
) -> LogReply:
    """Log entries after a sequence: as many as were asked for, or fit, at least one.

    With `bare` only `heads` have their content: the rest is to see how the log leads on.

    Raises:
        Refusal: not_found.
    """
    unit = await unit_of(house, caller, unit_id)
    if generation > unit.row.generation:
        raise not_found()
    entries, head = await read_entries(
        house, unit_id, generation, after, min(limit or PAGE, PAGE), bare=bare, now=now
    )
    if not entries:
        # Who knows more than there is has to learn it: this server was put back to an older state.
        head = min(after, await _reached(house, unit, generation, after))
    return LogReply(entries=entries, head_sequence=head)


async def _reached(house: House, unit: Unit, generation: int, sequence: int) -> int:
    """A sequence that a log has reached: of one that is over, this one if it has it."""
    if generation == unit.row.generation:
        return unit.row.log_sequence
    found = await house.store.get(LogRow, unit.unit_id, generation, sequence)
    return sequence if found is not None else 0


async def read_entries(
    house: House,
    unit_id: bytes,
    generation: int,
    after: int,
    limit: int,
    *,
    bare: bool = False,
    now: int,
) -> tuple[list[bytes], int]:
    """Return encoded entries, and up to where the log can be read at the moment.

    The content of those whose deadline has passed is empty; of all messages, once an admin has
    closed the unit so.
    """
    found = await house.store.find(
        LogRow,
        order="sequence",
        after=after,
        limit=limit + 1,
        unit_id=unit_id,
        generation=generation,
    )
    if not found:
        return [], after
    # One more was asked for: so that "there is more" is said only of what is on the disk.
    headers: list[LogRow] = []
    size = 0
    for row in found[:limit]:
        size += 0 if bare else row.size
        if headers and size > PAGE_BYTES:
            break
        headers.append(row)
    if bare:
        return await _bare(house, headers), found[-1].sequence
    contents = await house.store.find(
        ContentRow,
        order="sequence",
        after=after,
        until=headers[-1].sequence,
        limit=limit,
        unit_id=unit_id,
        generation=generation,
    )
    unit = await house.unit(unit_id)
    until = BEYOND if unit is not None and unit.charter.is_deleted() else now
    live = {c.sequence: c.content for c in contents if not c.deadline or c.deadline > until}
    entries = [
        encode(LogEntry(decode(LogHeader, row.header), live.get(row.sequence, b"")))
        for row in headers
    ]
    return entries, found[-1].sequence


async def _bare(house: House, rows: Sequence[LogRow]) -> list[bytes]:
    """Return entries without content, but of `heads`: those have what the gate goes by."""
    entries = []
    for row in rows:
        header, content = decode(LogHeader, row.header), b""
        if header.kind is EntryKind.HEADS:
            place = row.unit_id, row.generation, row.sequence
            found = await house.store.get(ContentRow, *place)
            content = found.content if found is not None else b""
        entries.append(encode(LogEntry(header, content)))
    return entries
