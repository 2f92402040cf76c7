"""What it costs when somebody leaves: a new directory key for every device, all cards under it.

And to find people by a few letters among many.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import structlog

from bench.figure import Figure, median_ms
from bench.ledgers import profile_of
from mifeng.core.search import Search
from mifeng.home import Home
from mifeng.session import Session, directory_key
from mifeng.session.ledgers import sign_roster
from mifeng_crypto.ids import PROTOCOL_VERSION, UnixMillis
from mifeng_crypto.ledger.card import Card, seal_card, sign_card
from mifeng_crypto.ledger.roster_entry import RemoveMember
from mifeng_crypto.tls import encode
from mifeng_server.clock import SystemClock
from mifeng_server.config import Folder
from mifeng_server.domain.rows import CardRow, CounterRow, Insert, RosterRow, Write
from mifeng_server.serving import initialise
from mifeng_server.storage.sqlite import open_sqlite
from tests.e2e.people import PASSPHRASE
from tests.support.cards import crowd
from tests.support.company import Company, Person
from tests.support.server import running_server

__all__ = ["measure"]

SIZES = (1_000, 10_000)
TABLE = "A new directory key, with all cards under it (real client and server, plain HTTP)"
SEARCH = "Search among 10,000 people"
QUERIES = ("z", "zhangwei", "张伟", "zw", "wang yanfa", "gcs")
KEY = bytes(32)
ERRORS = 40


def measure() -> Iterator[Figure]:
    """Yield all figures of this section."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(ERRORS))
    yield from measure_search()
    for size in SIZES:
        seconds, sent = asyncio.run(_measure(size))
        column = f"{size:,} members, {size * 3 // 2:,} devices"
        yield Figure(table=TABLE, row="from removal to the last card", column=column,
                     value=seconds, unit="s")  # fmt: skip
        yield Figure(table=TABLE, row="sent by the remover", column=column, value=sent, unit="MB")


def measure_search() -> Iterator[Figure]:
    """Yield what a search costs."""
    index = Search(crowd(10_000))
    for query in QUERIES:
        took = median_ms(partial(index.find, query), runs=20)
        yield Figure(table=SEARCH, row=query, column="found and ordered", value=took, unit="ms",
                     target=20)  # fmt: skip


def _now() -> UnixMillis:
    return UnixMillis(SystemClock().now())


def _company(size: int) -> tuple[Company, Person]:
    company = Company("directory")
    company.now = UnixMillis(SystemClock().now() - 4 * size * 1000)
    people = [company.hire(f"P{n}") for n in range(size - 1)]
    for who in people[: size // 2]:
        company.link(who)
    return company, people[-1]


async def _measure(size: int) -> tuple[float, float]:
    company, gone = _company(size)
    with tempfile.TemporaryDirectory(prefix="mifeng-bench-") as name:
        folder = Folder(Path(name) / "server")
        await initialise(folder, "http://127.0.0.1:0", clock=SystemClock(), rng=os.urandom)
        store = await open_sqlite(folder.database)
        rows: list[Write] = [
            Insert(RosterRow(n, encode(entry))) for n, entry in enumerate(company.entries, 1)
        ]
        rows.append(Insert(CounterRow("roster", len(company.entries))))
        rows.append(Insert(CounterRow("directory", size)))
        for n, member in enumerate(company.roster.members(), 1):
            card = Card(
                PROTOCOL_VERSION, company.workspace_id, member.member_id, 1, company.roster.head,
                f"Person {n}", "Engineer", "Research", None,
            )  # fmt: skip
            signed = sign_card(card, device_id=company.ada.device_id, signing_key=company.ada.key)
            sealed = seal_card(signed, directory_key=KEY, rng=company.rng)
            rows.append(Insert(CardRow(member.member_id, 1, n, sealed, 0, 0)))
        await store.write(rows)
        await store.close()
        async with running_server(Path(name), tls=False, restart=True) as server:
            return await _remove(company, gone, server.url, Path(name))


async def _remove(company: Company, gone: Person, url: str, folder: Path) -> tuple[float, float]:
    home = await Home.create(folder / "ada", PASSPHRASE, rng=os.urandom)
    await home.database.save({("profile", b""): profile_of(company, url).encode()})
    session = await Session.load(home, now=_now, rng=os.urandom)
    try:
        await session.follow_roster()
        began = time.perf_counter()
        await sign_roster(session, RemoveMember(gone.member_id))
        await directory_key.rotate(session)
        took = time.perf_counter() - began
        roster = session.known_roster
        assert roster.directory.number == 1
        devices = sum(len(roster.devices_of(m.member_id)) for m in roster.members())
        return took, (devices * 1_220 + len(roster.members()) * 400) / 1e6
    finally:
        await session.close()
