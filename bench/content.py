"""What was said, ten thousand times: folding, a page, search, opening; a cascade to fifty units."""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from functools import partial
from itertools import islice
from pathlib import Path

import structlog

import mifeng
from bench.figure import Figure, median_ms
from bench.offboarding import give_keys, grant_all, now, open_client, seed
from mifeng.core.finder import Finder, parse
from mifeng.core.timeline import Line, Timeline
from mifeng_crypto.ids import UnixMillis
from tests.client.core.scroll import ADA, BO, Scroll
from tests.e2e.people import PASSPHRASE, cast
from tests.support.company import Company
from tests.support.server import running_server

__all__ = ["measure"]

MESSAGES = 10_000
UNITS, PEOPLE = 50, 20
ERRORS = 40
WORDS = (
    *("项目", "计划", "会议", "预算", "已经", "更新", "明天", "下午"),
    *("budget", "plan", "meeting", "release", "quarterly", "review"),
)


def measure() -> Iterator[Figure]:
    """Yield all figures of this section."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(ERRORS))
    yield from _in_memory()
    yield from asyncio.run(_of_a_profile())
    yield Figure(
        table="An announcement to a tree of units (one process, plain HTTP)",
        row=f"{UNITS} units of {PEOPLE} people",
        column="cascade",
        value=asyncio.run(_cascade()),
        unit="s",
        target=5,
    )


def _text(rng: random.Random) -> str:
    return " ".join(rng.choices(WORDS, k=12))


def _figure(row: str, value: float, unit: str, target: float | None = None) -> Figure:
    return Figure(
        table=f"{MESSAGES:,} live messages in one unit",
        row=row,
        column="",
        value=value,
        unit=unit,
        target=target,
    )


def _in_memory() -> Iterator[Figure]:
    rng, scroll = random.Random(7), Scroll()
    ids = [scroll.post((ADA, BO)[n % 2], _text(rng)) for n in range(MESSAGES * 9 // 10)]
    for n in range(MESSAGES // 10):
        scroll.now += 1_000
        scroll.react(BO, "👍", ids[n])
    timeline = scroll.fold()
    yield _figure("fold all of them", median_ms(scroll.fold, runs=3), "ms")
    finder = Finder()
    list(finder.find(timeline, ["x"]))  # reads the texts once
    for query in ("预算", "budget plan", "xiangmu", "xmjh", "nowhere"):
        words = parse(query).words
        taken = median_ms(partial(_newest, finder, timeline, words), runs=9)
        yield _figure(f"search for {query}, the newest 50", taken, "ms", 20)


def _newest(finder: Finder, timeline: Timeline, words: tuple[str, ...]) -> list[Line]:
    return list(islice(finder.find(timeline, words), 50))


async def _of_a_profile() -> list[Figure]:
    rng, figures = random.Random(7), list[Figure]()
    with tempfile.TemporaryDirectory(prefix="mifeng-bench-") as name:
        folder = Path(name)
        async with running_server(folder, tls=False) as server:
            async with cast(folder, server) as c:
                for _ in range(MESSAGES):
                    await c.adas.send(_text(rng))
                await c.ben.sync()
            began = time.perf_counter()
            async with mifeng.open(folder / "ben", passphrase=PASSPHRASE) as ben:
                with ben.events():
                    await ben._session.live.wait()  # noqa: SLF001 - the SDK does not say so
                    figures.append(_figure("open and LIVE", time.perf_counter() - began, "s", 2))
                unit = ben.unit("Research")
                for row in ("the first page (folds)", "a page of 60", "a page of 60 in the middle"):
                    began = time.perf_counter()
                    await unit.timeline(
                        last=60, before=MESSAGES // 2 if row.endswith("middle") else None
                    )
                    target = None if "folds" in row else 10
                    taken = (time.perf_counter() - began) * 1000
                    figures.append(_figure(row, taken, "ms", target))
                await ben.search("warm")
                for query in ("xmjh budget", "nowhere"):
                    began = time.perf_counter()
                    await ben.search(query)
                    taken = (time.perf_counter() - began) * 1000
                    figures.append(_figure(f"Workspace.search for {query}", taken, "ms", 20))
    return figures


async def _cascade() -> float:
    company = Company("cascade")
    company.now = UnixMillis(now() - 4 * PEOPLE * 1000)
    people = [company.hire(f"P{n}") for n in range(PEOPLE - 1)]
    company.now = now()
    with tempfile.TemporaryDirectory(prefix="mifeng-bench-") as name:
        folder = Path(name)
        await seed(folder / "server", company)
        async with (
            running_server(folder, tls=False, restart=True) as server,
            AsyncExitStack() as stack,
        ):
            ada = await open_client(stack, folder, company, company.ada, server)
            await give_keys(server, company, people, each=UNITS)
            top = await ada.create_unit("Top")
            units = [top, *[await ada.create_unit(f"U{n}", parent=top) for n in range(UNITS - 1)]]
            for unit in units:
                await grant_all(server, people, unit)
                await unit.grant(ada.person(people[-1].member_id.hex()))
            began = time.perf_counter()
            done = await ada.announce(top, "To all", "Please read and confirm.")
            taken = time.perf_counter() - began
            assert len(done.posted) == UNITS, done.left_out
            assert all(
                len(m.announcement.missing) == PEOPLE - 1 for _, m in done.posted if m.announcement
            )
    return taken
