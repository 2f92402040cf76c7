"""Two nodes on PostgreSQL with a synchronous standby, behind a plain TCP balancer, under load:
nodes are killed and rolled, the database crashes, its standby takes over. What was acknowledged is
in the log once, in its place.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mifeng_server.clock import SystemClock
from mifeng_server.config import Storage
from mifeng_server.folder import Folder
from mifeng_server.serving import initialise
from tests.support.ports import free_port
from tests.support.postgres import Cluster, cluster
from tests.torture.kills import WRITERS, check_log, write_on
from tests.torture.process import ServerProcess, founder_of

__all__ = ["EVENTS", "Tortured", "torture_cluster"]

RECOVERY_S = 120
"""Machines that run this are busy."""


@dataclass
class Tortured:
    """What was seen: how often each event came, and how long it took until all writers went on."""

    events: dict[str, int] = field(default_factory=dict)
    acknowledged: int = 0
    longest_s: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Balancer:
    """Spreads connections over ports, one after the other; one that does not answer is left out."""

    ports: list[int] = field(default_factory=list)
    port: int = 0
    _turn: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection."""
        for _ in self.ports:
            self._turn += 1
            with contextlib.suppress(OSError):
                there = await asyncio.open_connection(
                    "127.0.0.1", self.ports[self._turn % len(self.ports)]
                )
                both = [_carry(reader, there[1]), _carry(there[0], writer)]
                await asyncio.wait(
                    [asyncio.ensure_future(one) for one in both],
                    return_when=asyncio.FIRST_COMPLETED,
                )
                there[1].transport.abort()
                break
        writer.transport.abort()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()


@asynccontextmanager
async def balancer() -> AsyncIterator[Balancer]:
    """Run one while this is entered."""
    made = Balancer()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()


@dataclass(slots=True)
class Company:
    """All that can be tortured."""

    nodes: list[ServerProcess]
    primary: Cluster
    standby: Cluster
    chance: random.Random

    async def kill_a_node(self) -> None:
        node = self.chance.choice(self.nodes)
        await node.end()
        await asyncio.sleep(self.chance.uniform(0, 0.5))
        await node.start()

    async def roll(self) -> None:
        for node in self.nodes:
            await node.end(signal.SIGTERM)
            await node.start()

    async def crash_the_database(self) -> None:
        await asyncio.to_thread(self.primary.stop, "immediate")
        await asyncio.sleep(self.chance.uniform(0, 0.5))
        await asyncio.to_thread(self.primary.start)

    async def fail_over(self) -> None:
        """The primary crashes, and its standby takes over."""
        await asyncio.to_thread(self.primary.stop, "immediate")
        await asyncio.to_thread(self.standby.promote)
        self.primary, self.standby = self.standby, self.primary

    async def rebuild(self) -> None:
        """Let a primary that was left behind come back as the standby."""
        if self.standby.process is None:
            await asyncio.to_thread(self.standby.make_standby, self.primary)


EVENTS: dict[str, Callable[[Company], Awaitable[None]]] = {
    "node killed": Company.kill_a_node,
    "rolling restart": Company.roll,
    "database crashed": Company.crash_the_database,
    "standby promoted": Company.fail_over,
}


@contextlib.contextmanager
def _databases(*, standby: bool) -> Iterator[tuple[Cluster, Cluster, str]]:
    """A primary and its standby, and the URL of a database that is on both."""
    with cluster(fsync=True) as first, cluster(fsync=True) as second:
        if standby:
            second.make_standby(first)
        name = first.new_database().rpartition("/")[2]
        hosts = f"127.0.0.1:{first.port},127.0.0.1:{second.port}" if standby else ""
        yield first, second, f"postgresql://mifeng:x@{hosts}/{name}" if hosts else first.url(name)


async def _nodes(folder: Path, url: str, front: Balancer) -> list[ServerProcess]:
    """Two nodes with the same keys, each with a port of its own, known by the balancer's."""
    address = f"http://127.0.0.1:{front.port}"
    first = folder / "node0"
    link = await initialise(
        Folder(first), address, clock=SystemClock(), rng=os.urandom, storage=Storage(database=url)
    )
    nodes = []
    for path in (first, shutil.copytree(first, folder / "node1")):
        port = free_port()
        config = Folder(path).config
        config.write_text(
            config.read_text(encoding="utf-8").replace(
                f"port = {front.port}\n", f"port = {port}\n"
            ),
            encoding="utf-8",
        )
        node = ServerProcess(path)
        node.url, node.link = f"http://127.0.0.1:{port}", link
        front.ports.append(port)
        nodes.append(node)
    return nodes


async def torture_cluster(
    folder: Path, *, rounds: int, events: tuple[str, ...] = tuple(EVENTS), seed: int = 1
) -> Tortured:
    """Let every event happen in each round while four write; then look at the log."""
    seen = Tortured()
    with _databases(standby="standby promoted" in events) as (primary, standby, url):
        async with balancer() as front:
            nodes = await _nodes(folder, url, front)
            company = Company(nodes, primary, standby, random.Random(seed))
            try:
                for node in nodes:
                    await node.start()
                await _play(company, front, rounds, events, seen)
            finally:
                for node in nodes:
                    await node.end()
    return seen


async def _play(
    company: Company, front: Balancer, rounds: int, events: tuple[str, ...], seen: Tortured
) -> None:
    door = ServerProcess(company.nodes[0].folder)
    door.url, door.link = f"http://127.0.0.1:{front.port}", company.nodes[0].link
    async with founder_of(door) as (peer, unit_id):
        ledger: dict[bytes, bytes] = {}
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as writers:
            for _ in range(WRITERS):
                writers.create_task(write_on(peer, unit_id, ledger, stop))
            for _ in range(rounds):
                for name in events:
                    await asyncio.sleep(company.chance.uniform(0.1, 0.5))
                    began = time.monotonic()
                    await EVENTS[name](company)
                    await _go_on(ledger)
                    took = round(time.monotonic() - began, 2)
                    seen.events[name] = seen.events.get(name, 0) + 1
                    seen.longest_s[name] = max(seen.longest_s.get(name, 0), took)
                    await company.rebuild()
            stop.set()
        seen.acknowledged = len(ledger)
        check_log(await peer.read_log(unit_id), ledger)


async def _go_on(ledger: dict[bytes, bytes]) -> None:
    """Return when so many more have been acknowledged that every writer has had a turn."""
    before = len(ledger)
    async with asyncio.timeout(RECOVERY_S):
        while len(ledger) < before + WRITERS:
            await asyncio.sleep(0.02)
