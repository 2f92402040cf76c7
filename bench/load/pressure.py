"""What is measured of a server that has too much to do: ten times the load, readers that do not
read, lines that are dead, a backup that is made meanwhile.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench.load.parts import Figure, Server, fanout, hang_up, new_stage, serve, spread
from bench.load.stage import Stage
from bench.load.wire import Http, connect_http
from mifeng_server.domain.rows import FileRow, Insert, Row
from mifeng_server.storage.sqlite import open_sqlite

__all__ = ["backup", "overload", "slow"]

CALM, FLOOD = 256, 2560
"""How many wait at once: where the server is at its best, and ten times as many, of which it takes
2,000 (`limits.in_flight`) and sends the others away."""
DEVICES = 100
"""No device may have more than 128 requests under way."""
CALM_S, FLOOD_S, AFTER_S = 5.0, 10.0, 12.0


# ------------------------------------------------------------------ overload


class _Crowd:
    """Posts from so many connections, of a hundred devices in turn, and whoever is told to wait
    waits.
    """

    def __init__(self, stage: Stage, lines: list[Http]) -> None:
        self._path = f"/v1/units/{stage.unit.unit_id.hex()}/messages"
        self._callers = [*zip(lines, itertools.cycle(stage.tokens))]
        self.answers: list[tuple[float, float, int, bool]] = []
        """When each answer came, after how long, its status, and whether it says when to come."""

    async def post(self, bodies: list[bytes], seconds: float, *, n: int) -> None:
        """Post from `n` of the connections for so long."""
        until = time.perf_counter() + seconds
        await asyncio.gather(*(self._one(*who, bodies, until) for who in self._callers[:n]))

    async def _one(self, line: Http, token: str, bodies: list[bytes], until: float) -> None:
        while bodies and (began := time.perf_counter()) < until:
            status = await line.post(self._path, token, bodies.pop())
            now = time.perf_counter()
            self.answers.append((now, now - began, status, line.retry_after_s is not None))
            if status != 200:
                await asyncio.sleep(line.retry_after_s or 0.1)


def _phase(answers: list[tuple[float, float, int, bool]], seconds: float) -> Figure:
    statuses: dict[str, int] = {}
    for _, _, status, _ in answers:
        statuses[str(status)] = statuses.get(str(status), 0) + 1
    good = [took for _, took, status, _ in answers if status == 200]
    refused = [says for _, _, status, says in answers if status in (429, 503)]
    return {
        "statuses": statuses,
        "goodput_per_second": round(len(good) / seconds),
        "refused_with_retry_after": f"{sum(refused)} of {len(refused)}",
        **spread(good or [0.0]),
    }


async def _overload(stage: Stage, server: Server, rate: int) -> Iterator[Figure]:
    lines = [await connect_http(server.port, server.context) for _ in range(FLOOD)]
    crowd, figures = _Crowd(stage, lines), list[Figure]()
    for what, n, seconds in (
        ("peak", CALM, CALM_S),
        ("ten times as many", FLOOD, FLOOD_S),
        ("after it", CALM, AFTER_S),
    ):
        bodies = stage.messages(int(rate * seconds))
        crowd.answers.clear()
        began, cpu = time.perf_counter(), server.cpu_s
        await crowd.post(bodies, seconds, n=n)
        took, cpu = time.perf_counter() - began, server.cpu_s - cpu
        figure = {"what": f"overload, {what}", "waiting": n, **_phase(crowd.answers, took)}
        figure["server_cpu_ms_each"] = round(
            1000 * cpu / max(figure["statuses"].get("200", 0), 1), 3
        )
        if what == "after it":
            calm = figures[0]["p99"] / 1000
            late = [at - began for at, took, status, _ in crowd.answers
                    if status != 200 or took > 2 * calm]  # fmt: skip
            figure["recovered_after_s"] = round(max(late, default=0.0), 2)
        figures.append(figure)
    await hang_up(lines)
    peak = max(figures[0]["goodput_per_second"], 1)
    figures[1]["goodput_of_peak"] = round(figures[1]["goodput_per_second"] / peak, 2)
    # The same by what the server spends: beside other jobs, seconds say what those did meanwhile.
    calm, flood = (figures[i]["server_cpu_ms_each"] for i in (0, 1))
    figures[1]["goodput_of_peak_by_cpu"] = round(calm / flood, 2)
    return iter(figures)


def overload(rate: int = 2500) -> Iterator[Figure]:
    """SQLite, one process: as many as it can, then ten times as many, then as before.

    Args:
        rate: more messages a second than the machine accepts: they are encrypted beforehand.
    """
    stage = new_stage(DEVICES, tls=False)
    with serve(stage, tls=False) as server:
        how = {"database": "sqlite", "processes": 1, "members": DEVICES, "tls": False}
        for figure in asyncio.run(_overload(stage, server, rate)):
            yield how | figure
    shutil.rmtree(stage.folder.path.parent)


# ------------------------------------------------------------------ slow and dead readers


def slow(size: int = 1000, rate: int = 20, seconds: float = 5) -> Iterator[Figure]:
    """SQLite, one process: the same with a tenth of the members reading nothing, and without."""
    for sleepy in (0, size // 10):
        stage = new_stage(size, tls=True)
        with serve(stage, tls=True) as server:
            got = asyncio.run(fanout(stage, server, rate=rate, seconds=seconds, slow=sleepy))
            yield {"what": "slow readers", "database": "sqlite", "tls": True, "rate": rate} | got
        shutil.rmtree(stage.folder.path.parent)


# ------------------------------------------------------------------ backup


def backup() -> Iterator[Figure]:
    """SQLite, one process: a backup of BACKUP_MIB of files (10 GiB) while somebody writes."""
    size = int(os.environ.get("BACKUP_MIB", "10240"))
    rows = int(os.environ.get("BACKUP_ROWS", "200000"))
    stage = new_stage(2, tls=False)
    blobs = asyncio.run(_fill(stage, size, rows))
    to = stage.folder.path.parent / "backup"
    with serve(stage, tls=False) as server:
        for what, command in (("no backup", None), ("first backup", to), ("second backup", to)):
            got = asyncio.run(_write_meanwhile(stage, server, command))
            yield {"what": f"writers, {what}", "blobs_mib": blobs, "file_rows": rows,
                   "database_mib": stage.folder.database.stat().st_size >> 20} | got  # fmt: skip
    shutil.rmtree(stage.folder.path.parent)


async def _fill(stage: Stage, mib: int, rows: int) -> int:
    """Files of 64 MiB on the disk, and a database of a size that hurts; return how many MiB."""
    deadline = time.time_ns() // 1_000_000 + 72 * 3_600_000
    piece, made = os.urandom(4 << 20), list[Row]()
    for n in range(rows):
        whole = n < mib // 64
        file_id = os.urandom(16)
        made.append(FileRow(file_id=file_id, unit_id=stage.unit.unit_id,
                            member_id=stage.people[0].member_id, length=64 << 20 if whole else 1,
                            created_at=0, retain_until=deadline, deadline=deadline))  # fmt: skip
        if whole:
            home = stage.folder.blobs / file_id.hex()
            home.mkdir(parents=True)
            for part in range(16):
                (home / f"{part:08x}").write_bytes(piece)
    store = await open_sqlite(stage.folder.database)
    for at in range(0, rows, 2000):
        await store.write([Insert(row) for row in made[at : at + 2000]])
    await store.close()
    return mib // 64 * 64


async def _write_meanwhile(stage: Stage, server: Server, to: Path | None) -> Figure:
    """Post one message after the other for ten seconds, or while a backup is made."""
    path = f"/v1/units/{stage.unit.unit_id.hex()}/messages"
    line, taken = await connect_http(server.port, server.context), list[float]()
    began, process = time.perf_counter(), None
    if to is not None:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "mifeng_server", "backup"),
            *("--data", str(stage.folder.path), "--to", str(to)),
            stdout=subprocess.DEVNULL,
        )
    while process.returncode is None if process else time.perf_counter() - began < 10:
        (body,) = stage.messages(1)
        sent = time.perf_counter()
        assert await line.post(path, stage.tokens[0], body) == 200, "a writer is refused"
        taken.append(time.perf_counter() - sent)
        await asyncio.sleep(0.002)
    assert process is None or process.returncode == 0, "the backup failed"
    await hang_up([line])
    return {"seconds": round(time.perf_counter() - began, 1), "messages": len(taken)} | spread(
        taken
    )
