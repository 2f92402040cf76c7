"""The purge of 100,000 expired messages and of files while somebody writes; the client's vault."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from bench.figure import Figure, median_ms
from mifeng.store import SlotName, Vault
from mifeng_crypto.secret import Secret
from mifeng_server.domain.house import House
from mifeng_server.domain.purge import purge
from mifeng_server.domain.rows import (
    ContentRow,
    CounterRow,
    FetchRow,
    FileRow,
    Insert,
    PostingRow,
    Put,
)
from tests.support.server import ManualClock, running_server

__all__ = ["measure"]

RECORDS = 100_000
BYTES = 1_500
AT_ONCE = 5_000
PURGE_TABLE = f"Purge of {RECORDS:,} expired messages of {BYTES:,} bytes, SQLite, while one writes"
FILES = 10_000
FILES_TABLE = f"Purge of {FILES:,} expired files in a folder, SQLite, while one writes"
VAULT_TABLE = "The client's vault"


def measure() -> Iterator[Figure]:
    """Yield all figures of this section."""
    yield from asyncio.run(_purge(PURGE_TABLE, _messages, 10.0))
    yield from asyncio.run(_purge(FILES_TABLE, _files, None))
    yield from _vault()


async def _messages(house: House, _: Path) -> None:
    content = os.urandom(BYTES)
    for first in range(0, RECORDS, AT_ONCE):
        await house.store.write(
            [Insert(ContentRow(bytes(16), 0, n, 1, content)) for n in range(first, first + AT_ONCE)]
        )


async def _files(house: House, blobs: Path) -> None:
    for n in range(FILES):
        file_id = n.to_bytes(16, "big")
        (blobs / file_id.hex()).mkdir()
        (blobs / file_id.hex() / "00000000").write_bytes(bytes(BYTES))
        row = FileRow(
            file_id=file_id, unit_id=bytes(16), member_id=bytes(16), length=BYTES,
            created_at=1, retain_until=1, deadline=1,
        )  # fmt: skip
        posted, fetched = PostingRow(file_id, bytes(16), 1), FetchRow(file_id, bytes(16))
        house.store.write([Insert(row), Insert(posted), Insert(fetched)])
        if n % AT_ONCE == 0:
            await house.store.settle()
    await house.store.settle()


async def _purge(
    table: str, fill: Callable[[House, Path], Awaitable[None]], target_s: float | None
) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="mifeng-bench-") as name:
        clock = ManualClock()
        async with running_server(Path(name), clock=clock, tls=False) as server:
            await fill(server.house, server.folder / "blobs")
            waits: list[float] = []
            writing = asyncio.create_task(_write(server.house, waits))
            await asyncio.sleep(0.2)
            quiet = len(waits)
            began = time.perf_counter()
            # Not by moving the server's clock: its own purge would run beside this one.
            await purge(server.house, clock=lambda: time.time_ns() // 1_000_000)
            took = time.perf_counter() - began
            writing.cancel()
            for kind in (ContentRow, FileRow, PostingRow, FetchRow):
                assert await server.house.store.count(kind) == 0
    ordered = sorted(waits[quiet:])
    figures = [
        ("all of it", took, "s", target_s),
        ("a writer waits, median", ordered[len(ordered) // 2] * 1000, "ms", None),
        ("a writer waits, 99 %", ordered[int(len(ordered) * 0.99)] * 1000, "ms", None),
        ("a writer waits, at most", ordered[-1] * 1000, "ms", 100.0),
    ]
    return [
        Figure(table=table, row=row, column="", value=value, unit=unit, target=target)
        for row, value, unit, target in figures
    ]


async def _write(house: House, waits: list[float]) -> None:
    """Write one small row after the other, as messages come."""
    n = 0
    while True:
        n += 1
        began = time.perf_counter()
        await house.store.write([Put(CounterRow("bench", n))])
        waits.append(time.perf_counter() - began)


def _vault() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="mifeng-bench-") as name:
        path, key = Path(name) / "vault", Secret(os.urandom(32))
        vault = Vault.create(path, key, rng=os.urandom)
        names = [SlotName(bytes([n % 30]) * 16, n, n) for n in range(30 * 74)]
        vault.make(names)
        fresh = iter(range(1 << 20, 1 << 21))

        def make_and_destroy() -> None:
            name = SlotName(bytes(16), next(fresh), 1)
            vault.make([name])
            vault.destroy([name])

        yield _figure("make a key and destroy it, both synced", make_and_destroy, 20)
        vault.close()
        yield _figure(
            f"open one of {len(names):,} keys: 30 units, three days",
            lambda: Vault.open(path, key, rng=os.urandom).close(),
            5,
        )


def _figure(row: str, act: object, runs: int) -> Figure:
    assert callable(act)
    value = median_ms(act, runs=runs)
    return Figure(table=VAULT_TABLE, row=row, column="", value=value, unit="ms")
