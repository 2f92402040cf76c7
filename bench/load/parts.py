"""What is measured of a server: how many, how fast, how much memory, and under which conditions."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from bench.load.stage import Stage, make_stage
from bench.load.wire import Http, Socket, connect_http, connect_socket, no_check
from mifeng_crypto.api.messages import Push
from mifeng_server.operations.move import move_to_postgres
from tests.support.postgres import Cluster, cluster

__all__ = [
    "PARTS",
    "Figure",
    "Server",
    "accepted",
    "fanout",
    "hang_up",
    "new_stage",
    "serve",
    "spread",
]

Figure = dict[str, Any]
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class Server:
    """A server process."""

    port: int
    process: subprocess.Popen[bytes]
    context: ssl.SSLContext | None
    started_s: float

    @property
    def rss_mib(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) / 1024

    @property
    def cpu_s(self) -> float:
        stat = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii")
        fields = stat.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS


@contextmanager
def serve(stage: Stage, *, tls: bool, copy: str = "") -> Iterator[Server]:
    """Run a server process on a stage, or on a copy of its folder as one more node."""
    folder = stage.folder.path
    if copy:
        folder = shutil.copytree(folder, folder.parent / copy)
    (folder / "port").unlink(missing_ok=True)
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "mifeng_server", "serve", "--data", str(folder), "--port", "0"],
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 60
        said = ""
        while not said and time.monotonic() < deadline:
            assert process.poll() is None, "the server does not start"
            time.sleep(0.005)
            if (folder / "port").exists():
                said = (folder / "port").read_text(encoding="ascii")
        port = int(said)
        yield Server(port, process, no_check() if tls else None, time.perf_counter() - began)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()


def spread(values: list[float]) -> Figure:
    """p50, p90, p99 and the worst, in milliseconds."""
    values = sorted(values)
    at = [values[min(len(values) - 1, len(values) * p // 100)] for p in (50, 90, 99)]
    return {
        name: round(1000 * v, 2)
        for name, v in zip(("p50", "p90", "p99", "max"), [*at, values[-1]], strict=True)
    }


async def hang_up(connections: Sequence[Http | Socket]) -> None:
    """Close connections, and let the event loop see to it."""
    for connection in connections:
        if connection.transport is not None:
            connection.transport.abort()
    async with asyncio.timeout(30):
        while not all(connection.is_lost for connection in connections):
            await asyncio.sleep(0.01)


# ------------------------------------------------------------------ accepted messages


async def accepted(
    stage: Stage, servers: list[Server], *, waiting: int, n: int, apart: bool = False
) -> Figure:
    """Post `n` messages with so many waiting; each is on the disk before it is answered.

    With `apart` the second half goes to the second unit, at the second server.
    """
    units = [stage.unit, stage.second if apart and stage.second else stage.unit]
    queues = [stage.messages(n // 2, unit=unit) for unit in units]
    paths = [f"/v1/units/{unit.unit_id.hex()}/messages" for unit in units]
    lines = [
        await connect_http(servers[i % len(servers)].port, servers[0].context)
        for i in range(waiting)
    ]
    taken: list[float] = []
    statuses: dict[int, int] = {}

    async def work(line: Http, which: int) -> None:
        while queues[which]:
            body, began = queues[which].pop(), time.perf_counter()
            status = await line.post(paths[which], stage.tokens[0], body)
            taken.append(time.perf_counter() - began)
            statuses[status] = statuses.get(status, 0) + 1

    cpu, began = sum(s.cpu_s for s in servers), time.perf_counter()
    own = time.process_time()
    if waiting == 1:
        queues[0] += queues.pop()
        queues.append([])
    await asyncio.gather(*(work(line, i % 2) for i, line in enumerate(lines)))
    took = time.perf_counter() - began
    cpu = sum(s.cpu_s for s in servers) - cpu
    own = time.process_time() - own
    await hang_up(lines)
    good = statuses.get(200, 0)
    return {
        "waiting": waiting,
        "accepted": good,
        "statuses": {str(k): v for k, v in statuses.items()},
        "per_second": round(good / took),
        "server_cpu_ms_each": round(1000 * cpu / max(good, 1), 3),
        "generator_cpu_ms_each": round(1000 * own / max(good, 1), 3),
        **spread(taken),
    }


# ------------------------------------------------------------------ fan-out


async def fanout(
    stage: Stage, server: Server, *, rate: int, seconds: float, slow: int = 0
) -> Figure:
    """All members listen, one posts at a steady rate: when has the last one heard each?

    So many of them are `slow`: they read nothing of what comes, and are not waited for.
    """
    unit_id = stage.unit.unit_id.hex()
    head = stage.unit.entries[-1].header.sequence
    heard: dict[int, list[float]] = {}
    decoder = msgspec.msgpack.Decoder(Push)
    counted = 0

    def hear(now: float, frame: bytes) -> None:
        nonlocal counted
        known = seen.get(frame)
        if known is None:
            push = decoder.decode(frame)
            if push.kind != "log":
                seen[frame] = known = ()
            else:
                last = push.head_sequence
                seen[frame] = known = tuple(range(last - len(push.entries) + 1, last + 1))
        for sequence in known:
            heard.setdefault(sequence, []).append(now)
            counted += 1

    seen: dict[bytes, tuple[int, ...]] = {}
    began = time.perf_counter()
    sockets = []
    for at in range(0, len(stage.tokens), 100):
        sockets += await asyncio.gather(
            *(
                connect_socket(server.port, server.context, token, {unit_id: head}, hear)
                for token in stage.tokens[at : at + 100]
            )
        )
    opened = time.perf_counter() - began
    for sleepy in sockets[:slow]:
        assert sleepy.transport is not None, "it is open"
        sleepy.transport.pause_reading()
    awake = len(sockets) - slow
    bodies = stage.messages(int(rate * seconds))
    n = len(bodies)
    await asyncio.sleep(2)
    line = await connect_http(server.port, server.context)
    lines = [line, *[await connect_http(server.port, server.context) for _ in range(15)]]
    sent: list[float] = []
    path = f"/v1/units/{unit_id}/messages"
    began, cpu, own = time.perf_counter(), server.cpu_s, time.process_time()

    async def post(i: int) -> None:
        for k in range(i, n, len(lines)):
            await asyncio.sleep(max(began + k / rate - time.perf_counter(), 0))
            sent.append(time.perf_counter())
            await lines[i].post(path, stage.tokens[0], bodies[k])

    await asyncio.gather(*(post(i) for i in range(len(lines))))
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(60):
            while counted < n * awake:
                await asyncio.sleep(0.05)
    took, cpu, own = time.perf_counter() - began, server.cpu_s - cpu, time.process_time() - own
    await hang_up(lines)
    sent.sort()
    firsts = sorted(heard)
    last = [max(heard[s]) - t for s, t in zip(firsts, sent, strict=False)]
    figure = {
        "sockets": len(sockets),
        "slow_readers": slow,
        "sockets_opened_in_s": round(opened, 2),
        "messages": n,
        "deliveries": counted,
        "expected": n * awake,
        "deliveries_per_second": round(counted / took),
        "server_cpu_s": round(cpu, 2),
        "generator_cpu_s": round(own, 2),
        "server_rss_mib": round(server.rss_mib, 1),
        **{f"last_reader_{k}": v for k, v in spread(last or [0.0]).items()},
    }
    await hang_up(sockets)
    return figure


async def idle(stage: Stage, server: Server, *, n: int) -> Figure:
    """Open so many WebSockets that nobody tells anything."""
    before, sockets = server.rss_mib, []
    began = time.perf_counter()
    for at in range(0, n, 50):
        sockets += await asyncio.gather(
            *(
                connect_socket(server.port, server.context, token, {}, lambda *_: None)
                for token in (stage.tokens * n)[at : at + 50]
            )
        )
    figure = {
        "sockets": n,
        "opened_in_s": round(time.perf_counter() - began, 2),
        "server_rss_mib_before": round(before, 1),
        "server_rss_mib": round(server.rss_mib, 1),
    }
    await hang_up(sockets)
    return figure


# ------------------------------------------------------------------ parts


def new_stage(size: int, *, tls: bool, units: int = 1) -> Stage:
    """Make a stage in a temporary folder; whoever uses it removes the folder's parent."""
    path = Path(tempfile.mkdtemp(prefix="mifeng-load-")) / "data"
    return make_stage(path, size, tls=tls, units=units)


def small(n: int = 4000) -> Iterator[Figure]:
    """SQLite, one process, a unit of two."""
    for tls in (True, False):
        stage = new_stage(2, tls=tls)
        with serve(stage, tls=tls) as server:
            how = {"database": "sqlite", "processes": 1, "members": 2, "tls": tls}
            yield how | {"what": "start", "seconds": round(server.started_s, 2),
                         "server_rss_mib": round(server.rss_mib, 1)}  # fmt: skip
            for waiting in (1, 16, 64):
                count = max(n // 8, 100) if waiting == 1 else n
                got = asyncio.run(accepted(stage, [server], waiting=waiting, n=count))
                yield (
                    how
                    | {"what": "accepted messages", "server_rss_mib": round(server.rss_mib, 1)}
                    | got
                )
        shutil.rmtree(stage.folder.path.parent)


def large(
    sizes: tuple[int, ...] = (100, 1000), rate: int = 100, seconds: float = 5
) -> Iterator[Figure]:
    """SQLite, one process, everybody connected."""
    for size in sizes:
        stage = new_stage(size, tls=True)
        with serve(stage, tls=True) as server:
            how = {"database": "sqlite", "processes": 1, "members": size, "tls": True}
            got = asyncio.run(fanout(stage, server, rate=rate, seconds=seconds))
            yield how | {"what": "fan-out", "rate": rate} | got
        shutil.rmtree(stage.folder.path.parent)


def idlers(n: int = 5000) -> Iterator[Figure]:
    """SQLite, one process, sockets that nobody tells anything."""
    stage = new_stage(max(n // 5, 2), tls=True)
    with serve(stage, tls=True):
        pass  # verifies the roster, once in the life of a server; from now on it has a snapshot
    with serve(stage, tls=True) as server:
        got = asyncio.run(idle(stage, server, n=n))
        yield {"what": "idle sockets", "database": "sqlite", "tls": True} | got
    shutil.rmtree(stage.folder.path.parent)


def postgres(n: int = 4000) -> Iterator[Figure]:
    """PostgreSQL with fsync, one process and two, a unit of two."""
    with cluster(fsync=True) as running:
        stage = new_stage(2, tls=False, units=2)
        asyncio.run(move_to_postgres(stage.folder, running.new_database()))
        how = {"database": "postgresql", "members": 2, "tls": False}
        with serve(stage, tls=False) as one:
            for waiting in (1, 64):
                count = max(n // 8, 100) if waiting == 1 else n
                got = asyncio.run(accepted(stage, [one], waiting=waiting, n=count))
                yield how | {"what": "accepted messages", "processes": 1} | got
            got = asyncio.run(accepted(stage, [one], waiting=64, n=n, apart=True))
            yield how | {"what": "accepted messages, two units", "processes": 1} | got
            with serve(stage, tls=False, copy="node2") as two:
                # As many wait at each as at the one before: batches are as large.
                got = asyncio.run(
                    _watched(running, accepted(stage, [one, two], waiting=128, n=2 * n, apart=True))
                )
                yield how | {"what": "accepted messages, a unit at each", "processes": 2} | got
                got = asyncio.run(accepted(stage, [one, two], waiting=64, n=n // 8))
                yield how | {"what": "accepted messages, one unit at both", "processes": 2} | got
            yield how | _strangers(running, stage, one, n=n)
        shutil.rmtree(stage.folder.path.parent)


def _strangers(running: Cluster, stage: Stage, one: Server, *, n: int) -> Figure:
    """Two servers that share nothing but the machine: what two nodes cost more than these is what
    it costs to be one server.
    """
    other = new_stage(2, tls=False, units=2)
    asyncio.run(move_to_postgres(other.folder, running.new_database()))

    async def both(stranger: Server) -> tuple[Figure, Figure]:
        return await asyncio.gather(
            accepted(stage, [one], waiting=64, n=n, apart=True),
            accepted(other, [stranger], waiting=64, n=n, apart=True),
        )

    with serve(other, tls=False) as stranger:
        asyncio.run(accepted(other, [stranger], waiting=64, n=n // 4))  # it has met its units
        got = asyncio.run(both(stranger))
    shutil.rmtree(other.folder.path.parent)
    return {
        "what": "accepted messages, two servers that share nothing",
        "processes": 2,
        "waiting": 128,
        "accepted": sum(figure["accepted"] for figure in got),
        "per_second": sum(figure["per_second"] for figure in got),
        "server_cpu_ms_each": round(sum(f["server_cpu_ms_each"] for f in got) / len(got), 3),
    }


LOCK_WAITS = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"


async def _watched(running: Cluster, load: Coroutine[Any, Any, Figure]) -> Figure:
    """Look again and again, while a load is on, whether one connection waits for another's lock."""
    looks = waits = 0
    task = asyncio.ensure_future(load)
    while not task.done():
        waits += int(await asyncio.to_thread(running.sql, LOCK_WAITS))
        looks += 1
        await asyncio.wait([task], timeout=0.05)
    return await task | {"looks": looks, "lock_waits_seen": waits}


PARTS: dict[str, Callable[[], Iterator[Figure]]] = {
    "small": small,
    "large": large,
    "idle": idlers,
    "postgres": postgres,
}
