"""What every `Store` keeps to: memory, SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from mifeng_server.domain.memory import MemoryStore
from mifeng_server.domain.protocols import ConflictError, Store
from mifeng_server.domain.rows import (
    ContentRow,
    Delete,
    GrantRow,
    Insert,
    LogRow,
    Put,
    RosterRow,
    Swap,
    UnitRow,
)
from mifeng_server.storage.postgres import open_postgres
from mifeng_server.storage.sqlite import open_sqlite

UNIT = UnitRow(
    unit_id=b"u" * 16,
    generation=0,
    epoch=0,
    epoch_began=0,
    log_sequence=1,
    log_hash=b"h" * 32,
    accepted_at=5,
    rotated_at=5,
    steady_since=5,
    asked=b"",
    heads=b"heads",
)


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    made: Store = MemoryStore()
    if request.param == "sqlite":
        made = await open_sqlite(tmp_path / "server.db")
    elif request.param == "postgres":
        made = await open_postgres(request.getfixturevalue("postgres").new_database())
    yield made
    await made.close()


async def test_what_was_written_is_read_back_by_its_key(store: Store) -> None:
    await store.write((Insert(UNIT), Insert(GrantRow(b"u" * 16, b"m" * 16))))
    assert await store.get(UnitRow, b"u" * 16) == UNIT
    assert await store.get(GrantRow, b"u" * 16, b"m" * 16) == GrantRow(b"u" * 16, b"m" * 16)
    assert await store.get(GrantRow, b"u" * 16, b"n" * 16) is None


async def test_many_who_look_at_once_find_each_their_own(store: Store) -> None:
    grants = [GrantRow(n.to_bytes(16), b"m" * 16) for n in range(40)]
    await store.write([Insert(row) for row in (*grants, UNIT)])
    asked = [*range(40), *range(40), 99]
    found = await asyncio.gather(
        *(store.get(GrantRow, n.to_bytes(16), b"m" * 16) for n in asked),
        store.get(UnitRow, UNIT.unit_id),
    )
    assert found == [*grants, *grants, None, UNIT]


async def test_who_stops_looking_takes_nothing_from_who_looks_for_the_same(store: Store) -> None:
    await store.write((Insert(UNIT),))
    gone, waits = (asyncio.create_task(store.get(UnitRow, UNIT.unit_id)) for _ in range(2))
    await asyncio.sleep(0)
    gone.cancel()
    assert await waits == UNIT


async def test_who_looks_while_others_look_sees_what_was_written_before(store: Store) -> None:
    row = UNIT
    await store.write((Insert(row),))
    for n in range(2, 12):
        others = [asyncio.create_task(store.get(UnitRow, UNIT.unit_id)) for _ in range(3)]
        before, row = row, replace(row, log_sequence=n)
        await store.write((Swap(before, row),))
        assert await store.get(UnitRow, UNIT.unit_id) == row
        assert set(await asyncio.gather(*others)) <= {before, row}


async def test_a_conflict_undoes_its_whole_batch(store: Store) -> None:
    await store.write((Insert(RosterRow(1, b"one")),))
    with pytest.raises(ConflictError):
        await store.write(
            (
                Put(RosterRow(2, b"two")),
                Delete(RosterRow, (1,)),
                Insert(UNIT),
                Insert(RosterRow(2, b"again")),
            )
        )
    assert await store.get(RosterRow, 1) == RosterRow(1, b"one")
    assert await store.get(RosterRow, 2) is None
    assert await store.get(UnitRow, UNIT.unit_id) is None


async def test_a_swap_needs_the_old_row_exactly(store: Store) -> None:
    await store.write((Insert(UNIT),))
    second = replace(UNIT, log_sequence=2)
    await store.write((Swap(UNIT, second),))
    with pytest.raises(ConflictError):
        await store.write((Swap(UNIT, replace(UNIT, log_sequence=3)),))
    assert await store.get(UnitRow, UNIT.unit_id) == second


async def test_a_deletion_may_insist_on_its_row(store: Store) -> None:
    await store.write((Insert(RosterRow(1, b"one")),))
    await store.write((Delete(RosterRow, (1,), must_exist=True),))
    await store.write((Delete(RosterRow, (1,)),))
    with pytest.raises(ConflictError):
        await store.write((Delete(RosterRow, (1,), must_exist=True),))


async def test_batches_may_build_on_batches_that_are_still_under_way(store: Store) -> None:
    rows = [replace(UNIT, log_sequence=n) for n in range(1, 51)]
    waiting = [store.write((Insert(rows[0]),))]
    waiting += [
        store.write(
            (Swap(old, new), Insert(LogRow(old.unit_id, 0, new.log_sequence, 9, b"header")))
        )
        for old, new in pairwise(rows)
    ]
    await store.settle()
    assert await store.get(UnitRow, UNIT.unit_id) == rows[-1]
    for done in waiting:
        await done
    assert await store.count(LogRow, unit_id=UNIT.unit_id) == 49


async def test_what_builds_on_a_failed_batch_fails_too_and_nothing_else(store: Store) -> None:
    await store.write((Insert(UNIT), Insert(RosterRow(1, b"one"))))
    second, third = replace(UNIT, log_sequence=2), replace(UNIT, log_sequence=3)
    fails = store.write((Swap(UNIT, second), Insert(RosterRow(1, b"again"))))
    builds = store.write((Swap(second, third),))
    other = store.write((Insert(RosterRow(2, b"two")),))
    await other
    for lost in (fails, builds):
        with pytest.raises(ConflictError):
            await lost
    assert await store.get(UnitRow, UNIT.unit_id) == UNIT


async def test_one_row_may_be_touched_in_any_order_of_batches(store: Store) -> None:
    row, other = RosterRow(1, b"one"), RosterRow(1, b"other")
    for batch in (
        (Insert(row),),
        (Delete(RosterRow, (1,), must_exist=True),),
        (Put(other),),
        (Swap(other, row),),
        (Delete(RosterRow, (1,)), Insert(other)),
        (Put(row), Put(other)),
    ):
        last = store.write(batch)
    await last
    assert await store.get(RosterRow, 1) == other


async def test_rows_are_found_in_order_within_bounds(store: Store) -> None:
    batch = [Insert(ContentRow(b"a" * 16, 0, n, 100 - n, b"x")) for n in range(1, 21)]
    batch.append(Insert(ContentRow(b"b" * 16, 0, 7, 1, b"y")))
    await store.write(batch)
    found = await store.find(
        ContentRow, order="sequence", after=5, until=9, limit=3, unit_id=b"a" * 16
    )
    assert [row.sequence for row in found] == [6, 7, 8]
    due = await store.find(ContentRow, order="deadline", until=82, limit=10)
    assert [(row.unit_id[:1], row.deadline) for row in due] == [
        (b"b", 1),
        (b"a", 80),
        (b"a", 81),
        (b"a", 82),
    ]
    assert await store.count(ContentRow, unit_id=b"a" * 16) == 20


async def test_rows_of_several_are_found_in_one_go(store: Store) -> None:
    rows = [ContentRow(bytes([n]) * 16, 0, m, 100, b"x") for n in range(256) for m in (1, 2)]
    await store.write([Insert(row) for row in rows])
    wanted = [bytes([n]) * 16 for n in range(5, 255)]
    found = await store.among(ContentRow, "unit_id", [*wanted, b"no such unit..."])
    assert sorted(row.unit_id for row in found) == sorted(2 * wanted)
    assert set(found) <= set(rows)
    assert await store.among(ContentRow, "unit_id", [b"no such unit..."]) == ()


async def test_keys_of_what_ends_are_found_in_no_order(store: Store) -> None:
    batch = [Insert(ContentRow(b"a" * 16, 0, n, 100, b"x")) for n in range(1, 21)]
    batch.append(Insert(ContentRow(b"b" * 16, 0, 7, 101, b"y")))
    batch.append(Insert(ContentRow(b"b" * 16, 0, 8, 0, b"stays")))
    await store.write(batch)
    assert await store.due(ContentRow, "deadline", until=99, limit=10) == ()
    assert len(await store.due(ContentRow, "deadline", until=100, limit=10)) == 10
    due = await store.due(ContentRow, "deadline", until=100, limit=100)
    assert sorted(due) == [(b"a" * 16, 0, n) for n in range(1, 21)]
    assert await store.due(ContentRow, "deadline", limit=9, unit_id=b"b" * 16) == (
        (b"b" * 16, 0, 7),
    )
