"""Ledgers and the gate: replaying a roster, one new entry, and judging in a unit of 1,000."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from bench.figure import Figure, median_ms
from mifeng.core.profile import Enrolled, Profile
from mifeng.core.roster import snapshot
from mifeng.core.rows import ledger_rows
from mifeng.home import Home
from mifeng.session import Session
from mifeng_crypto import gate
from mifeng_crypto.ids import UnixMillis
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.mls.group import StagedCommit
from mifeng_crypto.secret import Secret
from mifeng_crypto.tls import encode
from mifeng_server.domain.roster_load import load_roster
from mifeng_server.domain.rows import Insert, RosterRow
from mifeng_server.storage.sqlite import open_sqlite
from tests.e2e.people import PASSPHRASE
from tests.support.company import Company, Person
from tests.support.unit import Unit, key_package

__all__ = ["measure", "profile_of"]

MEMBERS = 10_000
SECOND_DEVICES = 5_000
PEOPLE = 1_000
LEDGER_TABLE = f"A roster of {MEMBERS:,} members and {MEMBERS + SECOND_DEVICES:,} devices"
GATE_TABLE = f"The gate, in a unit of {PEOPLE:,} people"


class Brisk(Company):
    """Signs a thousand entries within a second: they are to be accepted at once."""

    def tick(self, ms: int = 1) -> UnixMillis:
        return super().tick(ms)


def measure() -> Iterator[Figure]:
    """Yield all figures of this section."""
    company = Brisk("bench")
    people = [company.hire(f"P{n}") for n in range(MEMBERS - 1)]
    for who in people[: SECOND_DEVICES + 1]:
        company.link(who)
    yield from _roster(company)
    yield from asyncio.run(_disk(company))
    yield from _gate(company, people[: PEOPLE - 1])


def _roster(company: Company) -> Iterator[Figure]:
    entries = [encode(entry) for entry in company.entries]
    roster = Roster.from_entries(entries)
    following = encode(company.invite_entry(company.person("New")))
    yield _figure(
        LEDGER_TABLE, "replay and verify", lambda: Roster.from_entries(entries), 3000, runs=3
    )
    yield _figure(LEDGER_TABLE, "append one entry", lambda: roster.append(following), 1)


async def _disk(company: Company) -> list[Figure]:
    """Measure starts: a client's profile and a server's database, without and with a snapshot."""
    entries = [encode(entry) for entry in company.entries]
    figures = list[Figure]()
    with tempfile.TemporaryDirectory(prefix="mifeng-bench-") as name:
        home = await Home.create(Path(name) / "profile", PASSPHRASE, rng=os.urandom)
        await home.database.save({("profile", b""): profile_of(company).encode()})
        await home.database.save(ledger_rows("roster", b"", 0, entries))

        async def load() -> None:
            session = await Session.load(home, now=lambda: company.now, rng=os.urandom)
            assert session.known_roster.head == company.roster.head
            await session.api.close()

        figures.append(await _timed("a client reads it all", load, 3000))
        await home.database.save(snapshot(company.roster))
        figures.append(await _timed("a client, from its snapshot", load, 300))
        await home.close()

        store = await open_sqlite(Path(name) / "server.db")
        await store.write([Insert(RosterRow(n, entry)) for n, entry in enumerate(entries, 1)])

        async def start() -> None:
            roster = await load_roster(store)
            assert roster is not None
            assert roster.head == company.roster.head

        figures.append(await _timed("a server reads it all, and keeps a snapshot", start, runs=1))
        figures.append(await _timed("a server, from its snapshot", start, 300))
        await store.close()
    return figures


def profile_of(
    company: Company, address: str = "https://mifeng.test", *, of: Person | None = None
) -> Profile:
    """Return what somebody's device has of itself; Ada's by default."""
    ada = of or company.ada
    return Profile(
        addresses=(address,),
        tls_pin=None if address.startswith("http:") else bytes(32),
        workspace_id=company.workspace_id,
        genesis=company.roster.genesis,
        anchor=Head(1, company.roster.genesis),
        member_id=ada.member_id,
        device_id=ada.device_id,
        signature_key=ada.key,
        hpke_key=ada.hpke_key,
        directory_key=Secret(bytes(32)),
        name=ada.name,
        title="",
        device_name="Test",
        stage=Enrolled(),
    )


async def _timed(
    row: str, act: Callable[[], Awaitable[None]], target: float | None = None, *, runs: int = 3
) -> Figure:
    taken = []
    for _ in range(runs):
        began = time.perf_counter()
        await act()
        taken.append((time.perf_counter() - began) * 1000)
    value = sorted(taken)[len(taken) // 2]
    return Figure(
        table=LEDGER_TABLE, row=row, column="median", value=value, unit="ms", target=target
    )


def _gate(company: Company, people: list[Person]) -> Iterator[Figure]:
    unit = Unit(company)
    for who in people:
        company.grant(unit.unit_id, who)
    unit.write_heads()
    pending = unit.commit(company.ada, add=[key_package(company, who) for who in people])
    before, device_id = unit.server, company.ada.device_id

    def check(view: gate.UnitView, staged: StagedCommit) -> Callable[[], object]:
        return lambda: gate.check_commit(view, staged, accepted_at=company.now, device_id=device_id)

    yield _figure(GATE_TABLE, "a commit that adds all the others", check(before, pending.staged))
    unit.send_commit(company.ada, pending)
    full = unit.server
    yield _figure(GATE_TABLE, "a rotation", check(full, unit.commit(company.ada).staged))
    said = unit.said(company.ada)
    yield _figure(
        GATE_TABLE,
        "a message",
        lambda: gate.check_message(
            full, said, accepted_at=company.now, device_id=device_id, sender=None
        ),
    )
    yield _figure(
        GATE_TABLE,
        "every leaf, after `heads`",
        lambda: dataclasses.replace(full, known=None).standing,
    )


def _figure(
    table: str,
    row: str,
    act: Callable[[], object],
    target: float | None = None,
    *,
    runs: int = 15,
) -> Figure:
    value = median_ms(act, runs=runs)
    return Figure(table=table, row=row, column="median", value=value, unit="ms", target=target)
