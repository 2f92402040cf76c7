"""Time travel: content goes at its deadline, not before, and from the disk as well."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import sqlite3
from contextlib import AbstractAsyncContextManager

import pytest

from mifeng_crypto.api import messages as m
from mifeng_crypto.ledger.policy import DEFAULT_POLICY
from mifeng_crypto.log import EntryKind, LogEntry
from mifeng_crypto.tls import decode
from mifeng_server.app import PURGE_EVERY_S
from mifeng_server.domain import purge as purge_module
from mifeng_server.domain.destroying import BATCH, file_lock
from mifeng_server.domain.purge import LONG_MS, _next_size
from mifeng_server.domain.rows import ContentRow, FileRow, IdempotencyRow, KeyPackageRow, TokenRow
from tests.support.patience import PATIENCE_S
from tests.support.peer import Peer
from tests.support.server import ManualClock, RunningServer

Two = tuple[Peer, Peer, bytes]


async def test_a_message_is_served_until_its_deadline_and_its_header_for_ever(
    server: RunningServer, two: Two, clock: ManualClock
) -> None:
    ann, bob, unit_id = two
    request = ann.make_message(unit_id)
    reply = await ann.call("message", m.AcceptedReply, request, path={"unit_id": unit_id})
    clock.advance((reply.retain_until - ann.now) / 1000 - 1)
    assert ann.now < reply.retain_until
    await server.purge()
    await bob.login()
    assert decode(LogEntry, (await bob.read_log(unit_id))[-1]).content == request.message

    clock.advance(1)
    entry = decode(LogEntry, (await bob.read_log(unit_id))[-1])
    assert entry.content == b""
    assert entry.header.kind is EntryKind.MESSAGE
    sequence = entry.header.sequence
    assert await server.house.store.get(ContentRow, unit_id, 0, sequence) is not None

    clock.advance(61)
    await server.purge()
    assert await server.house.store.get(ContentRow, unit_id, 0, sequence) is None
    again = decode(LogEntry, (await bob.read_log(unit_id))[-1])
    assert again.header == entry.header
    async with asyncio.timeout(PATIENCE_S):
        # The server's own purge may be at it as well, and then one of the two has to wait.
        while _holds(server, request.message):
            await server.purge()


def _holds(server: RunningServer, message: bytes) -> bool:
    """Whether a message is still somewhere in the database's files."""
    return any(message[-64:] in path.read_bytes() for path in server.folder.glob("server.db*"))


async def test_what_a_long_read_kept_on_the_disk_goes_with_the_next_purge(
    server: RunningServer, two: Two, clock: ManualClock
) -> None:
    ann, _, unit_id = two
    request = ann.make_message(unit_id)
    reply = await ann.call("message", m.AcceptedReply, request, path={"unit_id": unit_id})
    with contextlib.closing(sqlite3.connect(server.folder / "server.db")) as reading:
        reading.execute("BEGIN")
        reading.execute("SELECT * FROM contents").fetchall()
        clock.advance((reply.retain_until - ann.now) / 1000 + 61)
        await server.purge()
        assert await server.house.store.due(ContentRow, "deadline", limit=9) == ()
        assert _holds(server, request.message)
    async with asyncio.timeout(PATIENCE_S):
        while _holds(server, request.message):
            await server.purge()


async def test_commits_and_heads_stay(server: RunningServer, two: Two, clock: ManualClock) -> None:
    ann, bob, unit_id = two
    await ann.commit(unit_id)
    clock.advance(365 * 86_400)
    await server.purge()
    await bob.login()
    assert all(decode(LogEntry, raw).content for raw in await bob.read_log(unit_id))
    await bob.catch_up(unit_id)


async def test_a_longer_policy_keeps_longer_and_none_keeps_shorter(
    server: RunningServer, founder: Peer, clock: ManualClock
) -> None:
    short = await founder.create_unit()
    long = await founder.create_unit(dataclasses.replace(DEFAULT_POLICY, retention_s=864_000))
    three = (await founder.send(short)).retain_until
    ten = (await founder.send(long)).retain_until
    assert ten - three == 7 * 86_400_000
    assert three - founder.now >= 3 * 86_400_000


async def test_the_purge_runs_by_itself(
    server: RunningServer, two: Two, clock: ManualClock
) -> None:
    ann, _, unit_id = two
    await ann.send(unit_id)
    clock.advance(4 * 86_400)
    async with asyncio.timeout(PATIENCE_S):
        while await server.house.store.find(
            ContentRow, order="deadline", after=0, limit=1, unit_id=unit_id
        ):
            clock.advance(PURGE_EVERY_S)
            await asyncio.sleep(0.02)


async def test_what_nobody_can_use_any_more_goes_too(
    server: RunningServer, two: Two, clock: ManualClock
) -> None:
    _, bob, _ = two
    store = server.house.store
    assert await store.count(TokenRow)
    assert await store.count(KeyPackageRow, device_id=bob.device_id)
    clock.advance(8 * 86_400)
    await server.purge()
    assert await store.count(TokenRow) == 0
    assert await store.count(KeyPackageRow, device_id=bob.device_id) == 0
    # What was answered for ledgers and commits is remembered as long as they live.
    assert await store.count(IdempotencyRow)


def test_a_transaction_that_took_long_is_followed_by_a_smaller_one() -> None:
    sizes = [BATCH]
    for took_ms in (LONG_MS, LONG_MS + 1, LONG_MS + 1, LONG_MS // 4, 1, 1, 1):
        sizes.append(_next_size(sizes[-1], took_ms))
    half, quarter = BATCH // 2, BATCH // 4
    assert sizes == [BATCH, BATCH, half, quarter, quarter, 2 * quarter, 4 * quarter, BATCH]


async def test_many_files_go_together_and_one_that_is_still_written_is_waited_for(
    server: RunningServer, two: Two, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, bob, unit_id = two
    monkeypatch.setattr(purge_module, "FILES", 3)
    files = [await ann.upload(unit_id, b"sealed" * 100) for _ in range(7)]
    kept = await bob.upload(unit_id, b"sealed" * 100)
    await bob.send(unit_id, files=(kept,))
    house, later = server.house, clock.now() + 24 * 3_600_000 + 61_000
    of, asked = house.locks.of, asyncio.Event()

    def asking(name: bytes) -> AbstractAsyncContextManager[None]:
        if name == file_lock(files[0]):
            asked.set()
        return of(name)

    async with of(file_lock(files[0])):
        monkeypatch.setattr(house.locks, "of", asking)
        purging = asyncio.create_task(
            purge_module.purge(house, clock=lambda: later)
        )  # not the server's own
        await asked.wait()
        assert await house.store.get(FileRow, files[0]) is not None
    purged = await purging
    assert purged.files == 7
    assert await house.blobs.keys() == {kept}
    assert await house.store.count(FileRow) == 1
