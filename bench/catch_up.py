"""A client that was away: 1,500 commits and 10,000 messages in a unit of 1,000, from a real server
over TLS into a real profile, through the whole gate.
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.figure import Figure
from bench.load.parts import Server, serve
from bench.load.stage import Stage, write_company
from mifeng.content import Origin, encode_text
from mifeng.core.rows import UnitStatus, ledger_rows
from mifeng.core.unit import Unit as ClientUnit
from mifeng.core.unit import changes_between
from mifeng.home import Home
from mifeng.session import Session
from mifeng_crypto.ids import UnitId, UnixMillis
from mifeng_crypto.mls import group as mls
from mifeng_crypto.tls import encode
from mifeng_server.config import Folder
from mifeng_server.tls_key import read_pin
from tests.client.core.world import profile_of
from tests.e2e.people import PASSPHRASE
from tests.support import company as companies
from tests.support.company import Company, Person
from tests.support.unit import Member, Unit, key_package, leaf_extensions

__all__ = ["catch_up", "measure"]

MEMBERS, COMMITS, MESSAGES = 1000, 1500, 10_000
WRITERS = 10
BACK_MS = 8 * 3_600_000
TABLE = f"Catching up with {COMMITS:,} commits and {MESSAGES:,} messages at {MEMBERS:,} members"


def measure() -> Iterator[Figure]:
    """Yield how long it takes."""
    took, cpu = catch_up(MEMBERS, COMMITS, MESSAGES)
    yield _figure("all applied and saved", took, target=10.0)
    yield _figure("of that, the client's CPU time", cpu)


def _figure(row: str, value: float, *, target: float | None = None) -> Figure:
    return Figure(table=TABLE, row=row, column="X-Wing", value=value, unit="s", target=target)


def catch_up(members: int, commits: int, messages: int) -> tuple[float, float]:
    """Make the company, and let one who was away catch up; return seconds, and those of CPU."""
    companies.START = UnixMillis(time.time_ns() // 1_000_000 - BACK_MS)
    company = Company("catch up")
    people = [company.ada, *(company.hire(f"p{n}") for n in range(members - 1))]
    unit, away = _in_a_unit(company, people)
    _happens(unit, people, commits, messages)
    with tempfile.TemporaryDirectory(prefix="mifeng-bench-") as folder:
        data = Folder(Path(folder) / "data")
        tokens = [os.urandom(32) for _ in people]
        asyncio.run(write_company(data, company, [unit], people, tokens, tls=True))
        with serve(Stage(data, unit, people, []), tls=True) as server:
            return asyncio.run(_catch_up(unit, away, data, server, Path(folder) / "away"))


def _in_a_unit(company: Company, people: list[Person]) -> tuple[Unit, Member]:
    """The founder's unit with everybody in it, and the state of one of them."""
    unit = Unit(company)
    for n, who in enumerate(people[1:], 1):
        company.grant(unit.unit_id, who)
        if n % 200 == 0:
            unit.write_heads()  # entries are accepted soon after they were signed
    unit.write_heads()
    bundles = [key_package(company, who) for who in people[1:]]
    pending = unit.commit(company.ada, add=bundles, path=False)
    unit.send_commit(company.ada, pending)
    unit.enter(people[1], pending, bundles[0])
    return unit, unit.members.pop(people[1].device_id)


def _happens(unit: Unit, people: list[Person], commits: int, messages: int) -> None:
    """Commits by one after the other, and messages between them: made as theirs (`load.crowd`).

    They commit in an order of chance, as the server draws who is asked. In the order of the leaves,
    right after everybody was added, the same commits are 627 MB: each is encrypted to the blank
    half of the tree.
    """
    founder = unit.of(unit.creator)
    others = sorted(people[2:], key=lambda who: who.device_id)
    each = messages // commits
    for n in range(commits):
        who = others[n % len(others)]
        now = unit.company.now
        pending = mls.commit(
            _as(founder, who),
            signature_key=who.key,
            path=True,
            leaf_extensions=leaf_extensions(now),
            authenticated_data=unit.said_by_commit(unit.creator),
            now_s=now // 1000,
            rng=os.urandom,
        )
        unit.accept_commit(pending.message, who.device_id)
        unit.sync()
        for i in range(each + (n < messages % commits)):
            _write(unit, founder, people[2 + i % WRITERS])


def _write(unit: Unit, founder: Member, who: Person) -> None:
    origin = Origin(
        workspace_id=unit.company.workspace_id, unit_id=unit.unit_id, member_id=who.member_id
    )
    sealed = mls.encrypt(
        _as(founder, who),
        encode_text("What was said while she was away. " * 8, origin=origin, rng=os.urandom),
        signature_key=who.key,
        authenticated_data=unit.said(unit.creator),
        rng=os.urandom,
    )
    own = _as(founder, unit.creator).own_leaf
    founder.epoch = dataclasses.replace(sealed.epoch, own_leaf=own)
    unit.accept_message(sealed.message, who.device_id)
    founder.view = dataclasses.replace(
        founder.view, log=unit.server.log, last_accepted_at=unit.server.last_accepted_at
    )


def _as(founder: Member, who: Person) -> mls.Epoch:
    assert founder.epoch is not None, "the founder is not taken out"
    leaf = founder.view.standing.leaves[who.device_id]
    return dataclasses.replace(founder.epoch, own_leaf=leaf)


async def _catch_up(
    unit: Unit, away: Member, data: Folder, server: Server, folder: Path
) -> tuple[float, float]:
    company, unit_id, view = unit.company, UnitId(unit.unit_id), away.view
    profile = dataclasses.replace(
        profile_of(company, away.who),
        addresses=(f"https://127.0.0.1:{server.port}",),
        tls_pin=read_pin(data),
    )
    before = ClientUnit(
        unit_id=unit_id,
        generation=0,
        status=UnitStatus.ACTIVE,
        title="Sales",
        topic="",
        charter=unit.charter,
        heads=view.heads,
        log=view.log,
        last_accepted_at=view.last_accepted_at,
        rotated_at=view.rotated_at,
        steady_since=view.steady_since,
        group_info=b"",
        epoch=away.epoch,
    )
    home = await Home.create(folder, PASSPHRASE, rng=os.urandom)
    charter = [encode(entry) for entry in company.charter_entries[unit_id]]
    await home.database.save(
        {
            ("profile", b""): profile.encode(),
            **ledger_rows("roster", b"", 0, [encode(entry) for entry in company.entries]),
            **ledger_rows("charter", unit_id, 0, charter),
            **changes_between(None, before),
        }
    )
    session = await Session.load(home, now=_now, rng=os.urandom)
    try:
        began, cpu = time.perf_counter(), time.process_time()
        async with session.turn(unit_id):
            await session.catch_up(unit_id)
        took, cpu = time.perf_counter() - began, time.process_time() - cpu
        reached = session.units[unit_id].log.sequence
        assert reached == unit.server.log.sequence, "not to the head"
        rows = await home.database.scan("messages", unit_id)
        assert len(rows) == reached - view.log.sequence, "entries are missing"
    finally:
        await session.close()
    return took, cpu


def _now() -> UnixMillis:
    return UnixMillis(time.time_ns() // 1_000_000)
