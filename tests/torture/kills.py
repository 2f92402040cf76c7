"""`kill -9` of a real server under load, at random moments: what it has acknowledged is there,
once, in its place, and it comes back.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from mifeng_crypto import gate
from mifeng_crypto.api import messages as m
from mifeng_crypto.log import EntryKind, LogEntry
from mifeng_crypto.tls import decode, encode
from tests.support.connection import RefusedError
from tests.support.peer import Peer
from tests.torture.process import ServerProcess, founder_of

__all__ = ["WRITERS", "Killed", "check_log", "kill_server", "write_on"]

WRITERS = 4
BUSY = frozenset({"too_many_requests", "unavailable"})


@dataclass
class Killed:
    """What was seen."""

    kills: int = 0
    acknowledged: int = 0
    longest_restart_s: float = 0.0
    restarts_s: list[float] = field(default_factory=list)


async def kill_server(folder: Path, *, kills: int, seed: int = 1) -> Killed:
    """Kill a server again and again while four write to it; then look at its log."""
    seen, chance = Killed(), random.Random(seed)
    server = ServerProcess(folder / "server")
    await server.init()
    await server.start()
    try:
        async with founder_of(server) as (peer, unit_id):
            ledger: dict[bytes, bytes] = {}
            stop = asyncio.Event()
            writers = [
                asyncio.create_task(write_on(peer, unit_id, ledger, stop)) for _ in range(WRITERS)
            ]
            for _ in range(kills):
                await asyncio.sleep(chance.uniform(0.02, 0.5))
                await server.end()
                seen.kills += 1
                seen.restarts_s.append(await server.start())
            before = len(ledger)
            while len(ledger) < before + WRITERS:
                await asyncio.sleep(0.02)
            stop.set()
            await asyncio.gather(*writers)
            seen.acknowledged = len(ledger)
            seen.longest_restart_s = max(seen.restarts_s, default=0.0)
            check_log(await peer.read_log(unit_id), ledger)
    finally:
        await server.end()
    return seen


async def write_on(
    peer: Peer, unit_id: bytes, ledger: dict[bytes, bytes], stop: asyncio.Event
) -> None:
    """Send message after message; each until it is acknowledged, with the same bytes and key."""
    n = 0
    while not stop.is_set():
        n += 1
        request = peer.make_message(unit_id, b"message %d" % n)
        content = hashlib.sha256(request.message).digest()
        while True:
            try:
                reply = await peer.call(
                    "message",
                    m.AcceptedReply,
                    request,
                    path={"unit_id": unit_id},
                    key=content.hex()[:32],
                )
            except (aiohttp.ClientError, TimeoutError, OSError):
                await asyncio.sleep(0.02)
            except RefusedError as err:
                if err.code not in BUSY:
                    raise
                await asyncio.sleep(0.1)
            else:
                assert content not in ledger
                ledger[content] = reply.header
                break


def check_log(raw: list[bytes], ledger: dict[bytes, bytes]) -> None:
    """Every acknowledged message is in the log once, where the answer said; the chain is whole."""
    entries = [decode(LogEntry, entry) for entry in raw]
    seen: dict[bytes, int] = {}
    previous = entries[0].header.previous
    for n, entry in enumerate(entries, 1):
        assert entry.header.sequence == n, "a gap"
        assert entry.header.previous == previous, "the chain is broken"
        previous = gate.header_hash(entry.header)
        if entry.header.kind is EntryKind.MESSAGE:
            assert entry.header.content_hash not in seen, "a message is there twice"
            assert hashlib.sha256(entry.content).digest() == entry.header.content_hash
            seen[entry.header.content_hash] = n
    for content, header in ledger.items():
        assert content in seen, "an acknowledged message is lost"
        assert encode(entries[seen[content] - 1].header) == header, "it stands in another place"
