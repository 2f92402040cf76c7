"""A server moves from SQLite to PostgreSQL; what stands in the way is named, and left as it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from sqlalchemy import Table

from mifeng_crypto.errors import StorageError, UsageError
from mifeng_server.config import Folder, read_config
from mifeng_server.operations import move, transfer
from mifeng_server.operations.inspect import stats
from mifeng_server.storage.postgres import open_postgres
from tests.support.nodes import initialised
from tests.support.peer import pair
from tests.support.postgres import Cluster, cluster
from tests.support.server import ManualClock, running_server


@pytest.fixture(scope="module")
def postgres() -> Iterator[Cluster]:
    with cluster() as running:
        yield running


async def test_a_server_moves_to_postgresql_with_every_row(
    tmp_path: Path, postgres: Cluster, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.new_database()
    async with (
        running_server(tmp_path, clock=clock, tls=False) as server,
        pair(server) as (ann, bob, unit_id),
    ):
        for n in range(5):
            await ann.send(unit_id, f"{n}".encode())
            await bob.catch_up(unit_id)
        folder = Folder(server.folder)
        with pytest.raises(UsageError, match="stop that one"):
            await move.move_to_postgres(folder, url)
        token = ann.token
    # Cut off after each batch: run again it goes on, and no row is there twice.
    monkeypatch.setattr(transfer, "BATCH", 7)
    end, added = transfer._Postgres, list[int]()
    add = end.add

    async def cut_off(self: transfer._Postgres, table: Table, rows: list[tuple[object]]) -> None:
        await add(self, table, rows)
        added.append(len(rows))
        raise StorageError("the line is cut")

    monkeypatch.setattr(end, "add", cut_off)
    for _ in range(4):
        with pytest.raises(StorageError, match="cut"):
            await move.move_to_postgres(folder, url)
    assert folder.database.exists(), "it is where it was"
    monkeypatch.setattr(end, "add", add)
    counts = await move.move_to_postgres(folder, url)
    assert counts["log"] >= 8
    assert read_config(folder).storage.database == url
    async with running_server(tmp_path, clock=clock, tls=False, restart=True) as moved:
        ann.url, ann.token = moved.url, token
        async with aiohttp.ClientSession() as session:
            ann.session = session
            await ann.send(unit_id, b"over there")
            entries = await ann.read_log(unit_id)
    assert len(entries) > counts["log"]


async def test_a_move_that_is_not_the_same_in_the_end_is_refused(
    tmp_path: Path, postgres: Cluster, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_server(tmp_path, clock=clock, tls=False) as server, pair(server):
        folder = Folder(server.folder)
    add = transfer._Postgres.add

    async def bend(self: transfer._Postgres, table: Table, rows: list[tuple[object]]) -> None:
        if table.name == "roster":
            rows = [(rows[0][0], b"bent"), *rows[1:]]  # type: ignore[list-item]
        await add(self, table, rows)

    monkeypatch.setattr(transfer._Postgres, "add", bend)
    with pytest.raises(StorageError, match="roster"):
        await move.move_to_postgres(folder, postgres.new_database())
    assert folder.database.exists()


async def test_a_database_that_holds_something_else_is_left_as_it_is(
    tmp_path: Path, postgres: Cluster, clock: ManualClock
) -> None:
    url = postgres.new_database()
    other = await initialised(tmp_path / "other", url, clock=clock)
    async with other.node() as theirs:
        async with pair(theirs) as (ann, _, unit_id):
            await ann.send(unit_id, b"ours")
        before = await stats(theirs.house.store)
    async with running_server(tmp_path, clock=clock, tls=False) as server, pair(server):
        folder = Folder(server.folder)
    with pytest.raises(StorageError, match="holds something else already"):
        await move.move_to_postgres(folder, url)
    with pytest.raises(UsageError, match="holds a workspace already"):
        await initialised(tmp_path / "third", url, clock=clock)
    assert not (tmp_path / "third" / "first").exists()
    store = await open_postgres(url)
    assert await stats(store) == before
    await store.close()
    assert folder.database.exists()


async def test_tables_of_another_program_are_named_and_left(
    tmp_path: Path, postgres: Cluster, clock: ManualClock
) -> None:
    url = postgres.new_database()
    name = url.rpartition("/")[2]
    postgres.sql("CREATE TABLE units (title text)", name)
    with pytest.raises(StorageError, match="another program"):
        await initialised(tmp_path, url, clock=clock)
    assert postgres.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", name) == "1\n"


async def test_what_postgresql_refuses_is_said_with_its_remedy(
    tmp_path: Path, postgres: Cluster, clock: ManualClock
) -> None:
    url = postgres.new_database()
    postgres.sql("CREATE ROLE guest LOGIN")
    address = url.replace("//mifeng", "//guest")
    for wrong, words in (
        (address, "make it the database's owner"),
        (url.replace("//mifeng", "//nobody"), "correct the name and password"),
        (postgres.url("nothing"), "make it first: createdb"),
        ("postgresql://mifeng@nowhere.invalid/x", "nobody knows the host"),
        ("postgresql://mifeng@127.0.0.1:port/x", "write it like"),
        ("postgresql://mifeng@127.0.0.1:1/x", "see that PostgreSQL runs"),
    ):
        with pytest.raises(StorageError, match=words):
            await initialised(tmp_path / "tried", wrong, clock=clock)
    # None of these has left anything in the way of the right one.
    await initialised(tmp_path / "tried", url, clock=clock)


async def test_a_folder_without_its_database_is_not_served_as_a_new_one(
    tmp_path: Path, clock: ManualClock
) -> None:
    async with running_server(tmp_path, clock=clock, tls=False) as server:
        folder = Folder(server.folder)
    folder.database.unlink()
    with pytest.raises(StorageError, match="restore it from a backup"):
        async with running_server(tmp_path, clock=clock, tls=False, restart=True):
            pass
