"""Bring in 1,000 people and 30 units from a CSV file, and let all of them join.

The importer and one steward are real clients; those who join are peers that verify nothing, so that
what is measured is the importer, the server and the stewards.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import structlog

import mifeng
from bench.figure import Figure
from mifeng.core.staff_list import read_staff_list
from mifeng_crypto.ledger.roster_entry import AddMember, InviteAuthor, MemberKind
from mifeng_crypto.links import InviteLink, parse_link
from mifeng_crypto.secret import Secret
from mifeng_server.domain.rows import StayRow
from mifeng_server.domain.unit import ALL
from tests.e2e.people import PASSPHRASE
from tests.support.peer import RefusedError, peer_of
from tests.support.server import RunningServer, running_server

__all__ = ["measure"]

PEOPLE, UNITS = 1_000, 30
AT_ONCE = 16
TABLE = f"Importing {PEOPLE:,} people into {UNITS} units (one process, plain HTTP)"
ERRORS = 40


def measure() -> Iterator[Figure]:
    """Yield all figures of this section."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(ERRORS))
    yield from asyncio.run(_measure())


def _list() -> bytes:
    lines = ["id,name,title,department,unit"]
    for n in range(PEOPLE):
        unit = n % UNITS
        path = f"Company/Unit {unit}" if unit else "Company"
        lines.append(f"{n},Person {n},Engineer,Department {unit},{path}")
    return "\n".join(lines).encode()


async def _measure() -> list[Figure]:
    staff, faults = read_staff_list(_list())
    assert staff is not None, faults
    figures = list[Figure]()
    with tempfile.TemporaryDirectory(prefix="mifeng-bench-") as name:
        folder = Path(name)
        async with running_server(folder, tls=False) as server, AsyncExitStack() as stack:
            ada = await stack.enter_async_context(
                mifeng.found(
                    server.founding_link, profile=folder / "ada", name="Ada", passphrase=PASSPHRASE
                )
            )
            began, spent = time.perf_counter(), time.process_time()
            people = await ada.onboarding.carry_out(staff)
            figures.append(_figure("units, invites, cards, grants", time.perf_counter() - began))
            stack.enter_context(ada.events())
            await ada._session.live.wait()  # noqa: SLF001 - the SDK does not say so
            joining = time.perf_counter()
            gate = asyncio.Semaphore(AT_ONCE)
            await asyncio.gather(*(_join(server, one.link, gate) for one in people))
            figures.append(_figure("everybody joins", time.perf_counter() - joining))
            while await _inside(server) < PEOPLE:
                await asyncio.sleep(0.1)
            figures.append(
                _figure("from the first join to everybody in", time.perf_counter() - joining)
            )
            figures.append(_figure("all of it", time.perf_counter() - began, 60))
            figures.append(_figure("all of it, processor time of all", time.process_time() - spent))
    return figures


async def _join(server: RunningServer, text: str, gate: asyncio.Semaphore) -> None:
    link = parse_link(text)
    assert isinstance(link, InviteLink)
    async with gate, peer_of(server) as peer:
        peer.member_id, author = link.member_id, InviteAuthor(link.member_id)
        peer.roster = await server.house.roster()
        await peer.login(author=author, key=Secret(link.secret_key))
        body = AddMember(MemberKind.PERSON, peer.device, None)
        while True:
            peer.roster = await server.house.roster()
            try:
                await peer.append_roster(body, author=author, key=Secret(link.secret_key))
                break
            except RefusedError as err:
                if err.code != "stale_head":
                    raise
        await peer.login()
        await peer.publish(1)


async def _inside(server: RunningServer) -> int:
    """How many stays in units there are, but those of the importer."""
    stays = await server.house.store.find(StayRow, order="unit_id", limit=ALL)
    return len({stay.member_id for stay in stays}) - 1


def _figure(row: str, seconds: float, target: float | None = None) -> Figure:
    return Figure(table=TABLE, row=row, column="time", value=seconds, unit="s", target=target)
