"""Power cuts: what a server and a client have written and synced is recorded by strace, and every
state that a cut may leave opens, is whole, and has all that was acknowledged or sent.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import mifeng
from mifeng.core.rows import OutboxRecord, TimelineRecord
from mifeng.home import Home
from mifeng.session import Session
from mifeng_crypto.api import messages as m
from mifeng_crypto.ids import UnixMillis
from mifeng_crypto.log import EntryKind
from mifeng_crypto.tls import decode
from tests.e2e.people import PASSPHRASE
from tests.torture.process import ServerProcess, founder_of
from tests.torture.trace import Disk, Event, read_trace, strace_command

__all__ = ["Cut", "cut_client", "cut_server", "has_strace"]

MESSAGES = 60


@dataclass(frozen=True, slots=True)
class Cut:
    """What was tried."""

    states: int
    events: int
    unsynced: int
    """How many of the states had something that was not yet durable."""


def has_strace() -> bool:
    """Whether processes can be traced here."""
    return shutil.which("strace") is not None


def _replay(
    trace: Path,
    disk: Disk,
    *,
    states: int,
    seed: int,
    count: Callable[[Event], bool],
    judge: Callable[[Path, int], None],
) -> Cut:
    """Cut at moments chosen by chance; `judge` gets the files and how often `count` was true."""
    chance = random.Random(seed)
    events = list(read_trace(trace))
    ours = [n for n, event in enumerate(events) if event.path.startswith(disk.folder)]
    assert len(ours) > 50, "the trace saw nothing"
    moments = sorted(chance.choices(ours, k=states))
    counted = tried = unsynced = 0
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        for n, event in enumerate(events):
            while tried < len(moments) and moments[tried] == n:
                into = Path(folder) / "state"
                into.mkdir()
                unsynced += disk.unsynced() > 0
                disk.cut(into, chance)
                judge(into, counted)
                shutil.rmtree(into)
                tried += 1
            counted += count(event)
            disk.take(event)
    return Cut(tried, len(events), unsynced)


# ------------------------------------------------------------------ the server


async def cut_server(folder: Path, *, states: int, seed: int = 1) -> Cut:
    """Record a server that takes messages, one after the other; then cut."""
    server, trace = ServerProcess(folder / "server"), folder / "trace"
    await server.init()
    await server.start()
    headers: list[bytes] = []
    try:
        async with founder_of(server) as (peer, unit_id):
            await server.end(signal.SIGTERM)
            disk = Disk(server.folder)
            disk.load()
            await server.start(*strace_command(trace))
            for n in range(MESSAGES):
                # All requests of this process are messages: its n-th answer is the n-th message's.
                request = peer.make_message(unit_id, os.urandom(200 + 20 * n))
                reply = await peer.call(
                    "message", m.AcceptedReply, request, path={"unit_id": unit_id}
                )
                headers.append(reply.header)
            await server.end(signal.SIGTERM)
    finally:
        await server.end()

    def answered(event: Event) -> bool:
        return event.kind == "sent" and event.data.startswith(b"HTTP/1.1 200")

    def judge(state: Path, acknowledged: int) -> None:
        with closing(sqlite3.connect(state / "server.db")) as database:
            (whole,) = database.execute("PRAGMA integrity_check").fetchone()
            assert whole == "ok", whole
            (last,) = database.execute("SELECT log_sequence FROM units").fetchone()
            rows = database.execute("SELECT sequence, header FROM log ORDER BY sequence").fetchall()
        assert [n for n, _ in rows] == list(range(1, last + 1)), "the log has a gap"
        there = {bytes(header) for _, header in rows}
        lost = [n for n, header in enumerate(headers[:acknowledged]) if header not in there]
        assert not lost, f"acknowledged and lost: {lost} of {acknowledged}"

    return await asyncio.to_thread(
        lambda: _replay(trace, disk, states=states, seed=seed, count=answered, judge=judge)
    )


# ------------------------------------------------------------------ the client

SENDER = """
import asyncio, sys
import mifeng
from tests.e2e.people import PASSPHRASE

async def main():
    async with mifeng.open(sys.argv[1], passphrase=PASSPHRASE) as me:
        unit = me.unit("Research")
        for n in range(int(sys.argv[2])):
            await unit.send(f"message {n}")

asyncio.run(main())
"""


async def cut_client(folder: Path, *, states: int, seed: int = 1) -> Cut:
    """Record a client that sends, one after the other; then cut."""
    server, home, trace = ServerProcess(folder / "server"), folder / "ada", folder / "trace"
    await server.init()
    await server.start()
    try:
        async with mifeng.found(
            server.link, profile=home, name="Ada", passphrase=PASSPHRASE
        ) as ada:
            unit = await ada.create_unit("Research", cipher_suite=1)
            unit_id, device_id = unit.id, ada.device_id
        disk = Disk(home)
        disk.load()
        command = [*strace_command(trace), sys.executable, "-c", SENDER, str(home), str(MESSAGES)]
        process = await asyncio.create_subprocess_exec(*command)
        assert await process.wait() == 0
    finally:
        await server.end()

    def sent(event: Event) -> bool:
        return (
            event.kind == "sent"
            and event.data.startswith(b"POST /v1/units/")
            and (b"/messages HTTP" in event.data[:120])
        )

    def judge(state: Path, sent_so_far: int) -> None:
        state.chmod(0o700)
        kept = asyncio.run(_kept(state, unit_id, device_id))
        assert kept >= sent_so_far, f"{sent_so_far} were sent, and {kept} are kept"

    return await asyncio.to_thread(
        lambda: _replay(trace, disk, states=states, seed=seed, count=sent, judge=judge)
    )


async def _kept(profile: Path, unit_id: bytes, device_id: bytes) -> int:
    """Open a profile as a client does; return how many messages of its own it has or will send."""
    home = await Home.open(profile, PASSPHRASE, rng=os.urandom)
    try:
        session = await Session.load(home, now=lambda: UnixMillis(0), rng=os.urandom)
        await session.api.close()
        rows = await home.database.scan("messages", unit_id)
        records = [decode(TimelineRecord, row) for _, row in rows]
        mine = sum(
            record.kind is EntryKind.MESSAGE and record.device_id == device_id for record in records
        )
        waiting = [decode(OutboxRecord, row) for _, row in await home.database.scan("outbox")]
        return mine + sum(bool(record.message) for record in waiting)
    finally:
        await home.close()
