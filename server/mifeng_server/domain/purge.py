"""What goes when its time is over; nothing else on this server deletes (protocol.md, "Expiry").

Every kind of row that can end has a `deadline` or `not_after`. Keys go first, with one write for
all of an end, then ciphertexts, then rows: what was cut off is taken up again where it was.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from mifeng_server.domain import rows
from mifeng_server.domain.destroying import BATCH, destroy, file_lock, is_file
from mifeng_server.domain.house import House
from mifeng_server.domain.protocols import Clock
from mifeng_server.domain.rows import Delete, Row, key_of
from mifeng_server.domain.slots import NAME_BYTES, slot_key, slot_name
from mifeng_server.domain.unit import ALL

__all__ = ["ENDING", "Purged", "purge", "sweep"]

DELAY_MS = 60_000
"""At the deadline nothing is served any more; what was being decided just before may still end."""
AGAIN_S = 120
FILES = 250
"""Files that are destroyed together: most of what each takes alone is waiting for the disk."""
LONG_MS = 20
"""A transaction that took longer than this is followed by a smaller one, so that a slow disk or a
busy one keeps writers no longer than a quick one does."""

ENDING: tuple[tuple[type[Row], str], ...] = (
    (rows.ContentRow, "deadline"),
    (rows.TreeRow, "deadline"),
    (rows.WelcomeRow, "deadline"),
    (rows.WelcomeBodyRow, "deadline"),
    (rows.KeyPackageRow, "not_after"),
    (rows.ClaimRow, "not_after"),
    (rows.TokenRow, "deadline"),
    (rows.SlotRow, "deadline"),
    (rows.LinkRow, "deadline"),
    (rows.IdempotencyRow, "deadline"),
    (rows.NonceRow, "deadline"),
    (rows.LeaseRow, "deadline"),
)


@dataclass(frozen=True, slots=True)
class Purged:
    """How many are gone: `keys` of shares, each with all that was sealed under it."""

    files: int
    rows: int
    keys: int = 0


async def purge(house: House, *, clock: Callable[[], int]) -> Purged:
    """Destroy everything whose deadline has passed."""

    def until() -> int:
        return clock() - DELAY_MS

    keys = await house.shares.expire(until())
    files = await _purge_files(house, until)
    more_files, count = await _purge_doomed(house)
    files += more_files
    for kind, field in ENDING:
        size = BATCH
        while due := await house.store.due(kind, field, until=until(), limit=size):
            began = clock()
            await house.store.write([Delete(kind, key) for key in due])
            count += len(due)
            size = _next_size(size, clock() - began)
    # Also if nothing went: the last time a long read may have kept what went before on the disk.
    await house.store.scrub()
    return Purged(files, count, keys)


def _next_size(size: int, took_ms: int) -> int:
    """How many rows go next, if so many took so long."""
    if took_ms > LONG_MS:
        return max(size // 2, 1)
    return min(size * 2, BATCH) if took_ms < LONG_MS // 4 else size


async def _purge_files(house: House, until: Callable[[], int]) -> int:
    count = 0
    while due := await house.store.due(rows.FileRow, "deadline", until=until(), limit=FILES):
        # A message may have named one meanwhile, which gave it more time.
        ids = [file_id for (file_id,) in due if isinstance(file_id, bytes)]
        count += await _destroy(house, ids, lambda row: row.deadline <= until())
    return count


async def _destroy(house: House, ids: list[bytes], is_over: Callable[[rows.FileRow], bool]) -> int:
    """Destroy those of these files that are over when nobody writes to them any more."""
    async with AsyncExitStack() as held:
        for file_id in ids:  # nobody else holds two of these locks
            await held.enter_async_context(house.locks.of(file_lock(file_id)))
        await house.store.settle()
        found = await house.store.among(rows.FileRow, "file_id", ids)
        over = [row for row in found if is_over(row)]
        await destroy(house, *over)
    return len(over)


async def _purge_doomed(house: House) -> tuple[int, int]:
    """Destroy what was in units that an admin closed for that: the one thing that goes early."""
    files = count = 0
    for doomed in await house.store.find(rows.DoomedRow, order="unit_id", limit=BATCH):
        unit_id = doomed.unit_id
        while found := await house.store.find(
            rows.FileRow, order="file_id", limit=FILES, unit_id=unit_id
        ):
            files += await _destroy(house, [row.file_id for row in found], lambda _: True)
        # A `heads` or commit has no deadline: they stay, so that the log can be checked.
        while due := await house.store.due(
            rows.ContentRow, "deadline", limit=BATCH, unit_id=unit_id
        ):
            await house.store.write([Delete(rows.ContentRow, key) for key in due])
            count += len(due)
        slots = await house.store.find(rows.SlotRow, order="slot", limit=ALL, unit_id=unit_id)
        await house.shares.destroy(*(slot_name(slot) for slot in slots))
        await house.store.write([Delete(rows.SlotRow, key_of(slot)) for slot in slots])
        await house.store.write([Delete(rows.DoomedRow, (unit_id,))])
    return files, count


async def sweep(house: House, clock: Clock) -> None:
    """Destroy shares and blobs that no row knows: left over by a crash. Before the port opens.

    What another node is just making has no row for a moment: with others, ask again later.
    """
    names, blobs = await _unknown(house)
    if house.store.shared and names | blobs:
        await clock.sleep(AGAIN_S)
        again = await _unknown(house)
        names, blobs = names & again[0], blobs & again[1]
    for name in names:
        await house.shares.destroy(name)
    for file_id in blobs:
        await house.blobs.delete(file_id)


async def _unknown(house: House) -> tuple[frozenset[bytes], frozenset[bytes]]:
    """The shares, and the blobs, that no row knows."""
    kept = await house.shares.names()
    slots = [name for name in kept if len(name) == NAME_BYTES]
    lost = [name for name in slots if await house.store.get(rows.SlotRow, *slot_key(name)) is None]
    names = [name for name in kept if is_file(name)]
    blobs = await house.blobs.keys()
    known = await _files(house) if names or blobs else frozenset[bytes]()
    return (
        frozenset(lost) | (frozenset(names) - known),
        frozenset(blobs) - known,
    )


async def _files(house: House) -> frozenset[bytes]:
    """The ids of all files: unit by unit, since one question for each takes long."""
    units = await house.store.find(rows.UnitRow, order="unit_id", limit=ALL)
    found = set[bytes]()
    for unit in units:
        files = await house.store.find(
            rows.FileRow, order="file_id", limit=ALL, unit_id=unit.unit_id
        )
        found.update(row.file_id for row in files)
    return frozenset(found)
