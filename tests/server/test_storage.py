"""SQLite as it is set up: migrations, durability, a full disk."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
from collections.abc import AsyncIterator, Awaitable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from alembic import op
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine

from mifeng_crypto.api import messages as m
from mifeng_crypto.errors import StorageError
from mifeng_server.blobs.folder import FolderBlobs
from mifeng_server.domain.protocols import BusyError, ConflictError, FullError
from mifeng_server.domain.purge import ENDING
from mifeng_server.domain.rows import FileRow, Insert, Put, RosterRow, Row
from mifeng_server.storage import sqlite, writer
from mifeng_server.storage.queries import due_query
from mifeng_server.storage.schema import METADATA
from mifeng_server.storage.sqlite import SqliteStore, open_sqlite
from mifeng_server.vault import Vault
from tests.support.peer import RefusedError, pair
from tests.support.server import ManualClock, running_server


async def test_the_migrations_make_exactly_the_schema(tmp_path: Path) -> None:
    path = tmp_path / "server.db"
    await (await open_sqlite(path)).close()
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, METADATA) == []
    engine.dispose()


async def test_an_empty_database_that_a_migration_left_half_done_is_started_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = 0
    create_index = op.create_index

    def fail_half_way(*args: object, **kwargs: object) -> None:
        nonlocal made
        made += 1
        if made == 5:
            raise KeyboardInterrupt
        create_index(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(op, "create_index", fail_half_way)
    with pytest.raises(KeyboardInterrupt):
        await open_sqlite(tmp_path / "server.db")
    monkeypatch.undo()
    store = await open_sqlite(tmp_path / "server.db")
    await store.write((Insert(RosterRow(1, b"one")),))
    await store.close()


async def test_the_database_is_set_to_be_durable_and_to_forget(tmp_path: Path) -> None:
    store = await open_sqlite(tmp_path / "server.db")
    for pragma, value in (("journal_mode", "wal"), ("synchronous", 2), ("secure_delete", 1)):
        assert await _ask(store, f"PRAGMA {pragma}") == [(value,)]
    await store.close()


async def _ask(store: SqliteStore, query: str, **bounds: int) -> list[tuple[Any, ...]]:
    """Ask the connection that writes."""
    return await store._writing.visit(lambda c: c.execute(query, bounds).fetchall())


async def test_what_ends_at_one_time_is_found_by_an_index_and_not_sorted(tmp_path: Path) -> None:
    store = await open_sqlite(tmp_path / "server.db")
    ending: tuple[tuple[type[Row], str], ...] = (*ENDING, (FileRow, "deadline"))
    for kind, field in ending:
        query = due_query(kind, field, (), until=True)
        plan = await _ask(store, f"EXPLAIN QUERY PLAN {query}", v_until=1, v_limit=1)
        steps = f"{kind.__name__}: " + " | ".join(str(row[-1]) for row in plan)
        assert "INDEX" in steps, steps
        assert "TEMP B-TREE" not in steps, steps
    await store.close()


async def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "server.db"
    path.write_bytes(os.urandom(8192))
    with pytest.raises(StorageError, match="not a database"):
        await open_sqlite(path)


async def test_who_gives_up_waiting_does_not_take_the_write_back(tmp_path: Path) -> None:
    store = await open_sqlite(tmp_path / "server.db")

    async def write() -> None:
        await store.write((Insert(RosterRow(1, b"one")),))

    task = asyncio.create_task(write())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await store.settle()
    assert await store.get(RosterRow, 1) == RosterRow(1, b"one")
    await store.close()


async def test_a_queue_that_is_full_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MAX_WAITING", 3)
    store = await open_sqlite(tmp_path / "server.db")
    waiting = [store.write((Put(RosterRow(n, b"x")),)) for n in range(3)]
    with pytest.raises(BusyError):
        store.write((Put(RosterRow(9, b"x")),))
    for done in waiting:
        await done
    await store.write((Put(RosterRow(9, b"x")),))
    await store.close()


async def test_a_closed_store_takes_nothing_more_and_loses_nothing(tmp_path: Path) -> None:
    store = await open_sqlite(tmp_path / "server.db")
    waiting = [store.write((Put(RosterRow(n, b"x")),)) for n in range(100)]
    await store.close()
    for done in waiting:
        await done
    with pytest.raises(StorageError):
        store.write((Put(RosterRow(1, b"x")),))
    with sqlite3.connect(tmp_path / "server.db") as database:
        assert database.execute("SELECT count(*) FROM roster").fetchone() == (100,)
    database.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("a small disk can be mounted by root only")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_a_full_disk_is_named_nothing_is_half_written_and_room_helps(
    small_disk: Path, clock: ManualClock
) -> None:
    async with running_server(small_disk, clock=clock, tls=False) as server, pair(server) as two:
        ann, bob, unit_id = two
        filler = small_disk / "filler"
        _fill(filler)
        path = {"unit_id": unit_id}
        requests = [ann.make_message(unit_id, bytes(60_000)) for _ in range(6)]
        refused = [
            n
            for n, request in enumerate(requests)
            if await _is_full(ann.call("message", m.AcceptedReply, request, path=path, key=str(n)))
        ]
        assert refused
        # Reading goes on, and with room everything that was refused is accepted, in order.
        before = await ann.read_log(unit_id)
        filler.unlink()
        for n in refused:
            await ann.call("message", m.AcceptedReply, requests[n], path=path, key=str(n))
        after = await ann.read_log(unit_id)
        assert len(after) == len(before) + len(refused)
        assert len(await bob.catch_up(unit_id)) == 6


async def _is_full(request: Awaitable[object]) -> bool:
    try:
        await request
    except RefusedError as err:
        return err.code == "storage_full" or pytest.fail(f"another problem: {err}")
    return False


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        for size in (65_536, 4096):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue


async def test_an_upload_that_finds_no_room_goes_on_when_there_is(
    small_disk: Path, clock: ManualClock
) -> None:
    async with running_server(small_disk, clock=clock, tls=False) as server, pair(server) as two:
        ann, _, unit_id = two
        file_id = await ann.open_upload(unit_id, 500_000)
        _fill(small_disk / "filler")
        status, raw, _ = await ann.patch(file_id, 0, bytes(500_000))
        assert (status, b"storage_full" in raw) == (507, True)
        (small_disk / "filler").unlink()
        assert (await ann.patch(file_id, 0, bytes(500_000)))[0] == 204


async def test_blobs_and_shares_on_a_full_disk_are_whole_or_absent(small_disk: Path) -> None:
    blobs, shares = FolderBlobs(small_disk / "blobs"), Vault(small_disk / "vault", rng=os.urandom)
    await shares.put(b"a" * 16, bytes(32), deadline=1)

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 65_536

    with pytest.raises(FullError):
        await blobs.append(b"k" * 16, 0, chunks())
    size = await blobs.size(b"k" * 16)
    assert b"".join([p async for p in blobs.read(b"k" * 16, 0, size)]) == b"x" * size
    _fill(small_disk / "filler")
    full = False
    kept = {b"a" * 16}
    while not full:  # what was made beforehand is used up first
        name = len(kept).to_bytes(16, "big")
        try:
            await shares.put(name, bytes(32), deadline=1)
        except FullError:
            full = True
        else:
            kept.add(name)
    assert await shares.names() == kept
    assert await shares.get(b"a" * 16) == bytes(32)
    await shares.destroy(b"a" * 16)  # to destroy needs no room
    (small_disk / "filler").unlink()
    await shares.put(b"b" * 16, bytes(32), deadline=1)


async def test_the_log_is_copied_into_the_database_beside_those_who_write(tmp_path: Path) -> None:
    store = await open_sqlite(tmp_path / "server.db")
    content = os.urandom(500)
    await store.write([Insert(RosterRow(n, content)) for n in range(600)])
    assert (tmp_path / "server.db").stat().st_size < 600 * len(content)
    await store.write([Insert(RosterRow(n, content)) for n in range(600, 1200)])
    await store._tidying.visit(lambda _: None)  # what was asked of it before is done
    assert (tmp_path / "server.db").stat().st_size > 1200 * len(content)
    await store.close()


async def test_a_log_that_cannot_be_copied_is_said_so_and_written_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: sqlite3.Connection) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(sqlite, "_copy_log", fail)
    written = structlog.testing.CapturingLogger()
    heard = structlog.make_filtering_bound_logger("info")  # whatever was configured before
    monkeypatch.setattr(sqlite, "log", structlog.wrap_logger(written, [], heard))
    store = await open_sqlite(tmp_path / "server.db")
    await store.write([Insert(RosterRow(n, b"")) for n in range(1200)])
    await asyncio.wait([store._tidying.visit(lambda _: None)])
    await asyncio.sleep(0)  # its callback
    assert [(call.method_name, call.kwargs["reason"]) for call in written.calls] == [
        ("warning", "disk I/O error")
    ]
    await store.write([Insert(RosterRow(1200, b""))])
    await store.close()


async def test_a_conflict_is_told_to_its_own_batch_only(tmp_path: Path) -> None:
    store = await open_sqlite(tmp_path / "server.db")
    batches = [store.write((Insert(RosterRow(n % 40, b"x")),)) for n in range(50)]
    outcomes = await asyncio.gather(*batches, return_exceptions=True)
    assert [isinstance(o, ConflictError) for o in outcomes] == [False] * 40 + [True] * 10
    await store.close()
