"""The server reads its roster by a snapshot, and never trusts one that does not fit its entries."""

from __future__ import annotations

import dataclasses

import pytest

from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.tls import encode
from mifeng_server.domain import roster_load
from mifeng_server.domain.memory import MemoryStore
from mifeng_server.domain.roster_load import load_roster
from mifeng_server.domain.rows import Insert, Put, RosterRow, RosterSnapshotRow
from tests.support.company import Company


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roster_load, "SNAPSHOT_EVERY", 3)


async def stored(company: Company, store: MemoryStore | None = None, known: int = 0) -> MemoryStore:
    store = store or MemoryStore()
    for n, entry in enumerate(company.entries[known:], known + 1):
        await store.write((Insert(RosterRow(n, encode(entry))),))
    return store


async def test_a_start_keeps_what_it_verified_and_the_next_one_verifies_only_what_is_new(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    company = Company()
    company.hire("Bo")
    company.hire("Cy")
    store = await stored(company)
    first = await load_roster(store)
    assert first is not None
    assert first.head == company.roster.head
    verified, append = list[int](), Roster.append

    def counted(self: Roster, entry: bytes) -> Roster:
        verified.append(self.head.sequence + 1)
        return append(self, entry)

    company.hire("Di")
    await stored(company, store, known=5)
    monkeypatch.setattr(Roster, "append", counted)
    second = await load_roster(store)
    assert second is not None
    assert (second.head, verified) == (company.roster.head, [6, 7])
    assert second.members() == company.roster.members()


async def test_a_damaged_snapshot_or_one_of_other_entries_is_passed_over() -> None:
    company = Company()
    company.hire("Bo")
    company.hire("Cy")
    store = await stored(company)
    await load_roster(store)
    row = await store.get(RosterSnapshotRow, "roster")
    assert row is not None
    for wrong in (
        dataclasses.replace(row, snapshot=row.snapshot[:-1] + b"\0"),
        dataclasses.replace(row, sequence=row.sequence - 1),
        dataclasses.replace(row, sequence=row.sequence + 1),
    ):
        await store.write((Put(wrong),))
        roster = await load_roster(store)
        assert roster is not None
        assert roster.head == company.roster.head


async def test_before_the_founding_there_is_no_roster() -> None:
    assert await load_roster(MemoryStore()) is None
