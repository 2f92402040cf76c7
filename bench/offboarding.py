"""How long it takes to see one member out of many full units whose stewards are online.

The admin is in none of them: each commit is made by a member whom the server asks. A few of the
people are real clients; the others are in the ledgers, the trees and the keys, and not online.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import structlog

import mifeng
from bench.figure import Figure
from bench.ledgers import profile_of
from mifeng.home import Home
from mifeng.session import Session
from mifeng_crypto.ids import UnixMillis
from mifeng_crypto.ledger.charter import sign_charter_entry
from mifeng_crypto.ledger.charter_entry import Grant, UnitKind, UnitRole
from mifeng_crypto.mls.group import key_package_ref
from mifeng_crypto.mls.wire.message import encode_message
from mifeng_crypto.suite import suite_by_id
from mifeng_crypto.tls import encode
from mifeng_server.clock import SystemClock
from mifeng_server.config import Folder
from mifeng_server.domain.rows import (
    CharterRow,
    CounterRow,
    GrantRow,
    Insert,
    KeyPackageRow,
    RosterRow,
    Write,
)
from mifeng_server.serving import initialise
from mifeng_server.storage.sqlite import open_sqlite
from tests.e2e.people import PASSPHRASE
from tests.support.company import SUITE, Company, Person
from tests.support.server import RunningServer, running_server
from tests.support.unit import key_package

__all__ = ["give_keys", "grant_all", "measure", "now", "open_client", "seed"]

UNITS = 20
PEOPLE = 1_000
STEWARDS = 3
DAY_MS = 86_400_000
ERRORS = 40


def measure() -> Iterator[Figure]:
    """Yield all figures of this section."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(ERRORS))
    took, spent = asyncio.run(_measure())
    for row, value, target in (("", took, 5), (", processor time of all", spent, None)):
        yield Figure(
            table="Offboarding, from `remove` to the last unit's commit (one process, plain HTTP)",
            row=f"{UNITS} units, {STEWARDS} stewards online in each{row}",
            column=f"{PEOPLE:,} people each",
            value=value,
            unit="s",
            target=target,
        )


def now() -> UnixMillis:
    """This machine's time."""
    return UnixMillis(SystemClock().now())


async def _measure() -> tuple[float, float]:
    company = Company("offboarding")
    company.now = UnixMillis(now() - 4 * PEOPLE * 1000)
    people = [company.hire(f"P{n}") for n in range(PEOPLE)]
    company.now = now()
    with tempfile.TemporaryDirectory(prefix="mifeng-bench-") as name:
        folder = Path(name)
        await seed(folder / "server", company)
        async with (
            running_server(folder, tls=False, restart=True) as server,
            AsyncExitStack() as stack,
        ):
            ada = await open_client(stack, folder, company, company.ada, server)
            gone, *stewards = [
                await open_client(stack, folder, company, who, server)
                for who in people[: STEWARDS + 1]
            ]
            await give_keys(server, company, people[STEWARDS + 1 :], each=UNITS)
            for n in range(UNITS):
                unit = await stewards[0].create_unit(f"Unit {n}", kind=UnitKind.GROUP)
                await grant_all(server, people, unit)
                await unit.grant(stewards[0].person(people[-1].member_id.hex()))
            for one in (gone, *stewards):
                await one.sync()
            for steward in stewards:
                stack.enter_context(steward.events())
                await steward._session.live.wait()  # noqa: SLF001 - the SDK does not say so
            await ada.sync()
            began, spent = time.perf_counter(), time.process_time()
            report = await ada.remove(gone.me)
            while report.pending or report.others_out != UNITS:  # it waits ten seconds at most
                await asyncio.sleep(0.1)
                (report,) = await ada.offboarding()
            took, spent = time.perf_counter() - began, time.process_time() - spent
    return took, spent


async def seed(folder: Path, company: Company) -> None:
    """Let the server begin with this company's roster."""
    place = Folder(folder)
    await initialise(place, "http://127.0.0.1:0", clock=SystemClock(), rng=os.urandom)
    store = await open_sqlite(place.database)
    rows: list[Write] = [
        Insert(RosterRow(n, encode(entry))) for n, entry in enumerate(company.entries, 1)
    ]
    rows.append(Insert(CounterRow("roster", len(company.entries))))
    await store.write(rows)
    await store.close()


async def open_client(
    stack: AsyncExitStack, folder: Path, company: Company, who: Person, server: RunningServer
) -> mifeng.Workspace:
    """Open a client of somebody who is in the roster already."""
    home = await Home.create(folder / who.name, PASSPHRASE, rng=os.urandom)
    profile = profile_of(company, server.url, of=who)
    await home.database.save({("profile", b""): profile.encode()})
    session = await Session.load(home, now=now, rng=os.urandom)
    stack.push_async_callback(session.close)
    await session.sync()
    return mifeng.Workspace(session)


async def give_keys(
    server: RunningServer, company: Company, people: list[Person], *, each: int
) -> None:
    """Store so many KeyPackages for each of those who are not online."""
    suite = suite_by_id(SUITE)
    for _ in range(each):
        rows: list[Write] = []
        for who in people:
            package = key_package(company, who).key_package
            rows.append(
                Insert(
                    KeyPackageRow(
                        ref=key_package_ref(suite, package),
                        device_id=who.device_id,
                        suite=SUITE,
                        not_after=company.now + 6 * DAY_MS,
                        key_package=encode_message(package),
                    )
                )
            )
        await server.house.store.write(rows)


async def grant_all(server: RunningServer, people: list[Person], unit: mifeng.Unit) -> None:
    """Put the grants of everybody but the last into the charter at once, signed by its creator."""
    session = unit._session  # noqa: SLF001 - there is no other way to a thousand grants in a second
    charter = session.charter(unit.id)
    assert charter is not None, "it was just opened"
    rows: list[Write] = []
    for who in people[:-1]:
        if charter.role_of(who.member_id) is not None:
            continue
        entry = sign_charter_entry(
            charter,
            Grant(who.member_id, UnitRole.MEMBER),
            session.profile.author,
            session.profile.signature_key,
            roster=session.known_roster,
            now=now(),
        )
        charter = charter.append(entry, session.known_roster)
        rows.append(Insert(CharterRow(unit.id, charter.head.sequence, encode(entry))))
        rows.append(Insert(GrantRow(unit.id, who.member_id)))
    await server.house.store.write(rows)
    held = await server.house.unit(unit.id)
    assert held is not None, "it was just opened"
    server.house.forget(None, (held,))
