"""PostgreSQL as one node uses it: what is told, what its log says, and lines that are cut."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import Connection

from mifeng_crypto.errors import StorageError
from mifeng_server.domain.protocols import ConflictError
from mifeng_server.domain.purge import purge
from mifeng_server.domain.rows import ContentRow, GrantRow, Insert, RosterRow, Swap, Write
from mifeng_server.storage import postgres as under_test
from mifeng_server.storage.migrate import migrate
from mifeng_server.storage.postgres import PostgresStore, open_postgres
from mifeng_server.storage.postgres_bus import PostgresBus
from tests.support.nodes import initialised
from tests.support.patience import PATIENCE_S
from tests.support.postgres import Cluster, cluster
from tests.support.server import ManualClock

T = TypeVar("T")

CUT = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE application_name = 'mifeng-server'"
)


@pytest.fixture(scope="module")
def postgres() -> Iterator[Cluster]:
    with cluster() as running:
        yield running


class _Line:
    """A connection on which something more is said while a notification is under way."""

    def __init__(self, bus: PostgresBus) -> None:
        self.bus, self.said = bus, asyncio.Queue[str]()

    async def add_listener(self, *_: object) -> None:
        pass

    async def execute(self, _: str, *arguments: str) -> None:
        if self.said.empty():
            self.bus.publish(b"grown")
        self.said.put_nowait(arguments[1])


async def test_what_is_said_while_the_same_is_being_told_is_told_again() -> None:
    bus = PostgresBus("", b"n" * 16)
    bus.publish(b"grown")
    line = _Line(bus)
    task = asyncio.create_task(bus._serve(line, lambda _: None))
    async with asyncio.timeout(PATIENCE_S):
        while line.said.qsize() < 2:
            await asyncio.sleep(0.01)
    task.cancel()
    first, second = line.said.get_nowait(), line.said.get_nowait()
    assert first == second


async def test_a_key_that_no_row_can_have_fails_nobody_who_asks_in_the_same_moment(
    postgres: Cluster,
) -> None:
    store = await open_postgres(postgres.new_database())
    await store.write((Insert(RosterRow(1, b"one")),))
    keys = (1, 1 << 63, -1 << 70, 1)
    found = await asyncio.gather(*(store.get(RosterRow, key) for key in keys))
    assert found == [RosterRow(1, b"one"), None, None, RosterRow(1, b"one")]
    await store.close()


async def test_when_the_line_is_cut_everybody_who_looks_is_told_and_the_next_is_served(
    postgres: Cluster,
) -> None:
    store = await open_postgres(postgres.new_database())
    await store.write((Insert(RosterRow(1, b"one")),))
    assert await store.get(RosterRow, 1) is not None  # there is a connection
    postgres.stop("immediate")
    told = await asyncio.gather(
        *(store.get(RosterRow, n % 3) for n in range(9)), return_exceptions=True
    )
    assert all(isinstance(one, StorageError) for one in told)
    postgres.start()
    assert await _insisting(lambda: store.get(RosterRow, 1)) == RosterRow(1, b"one")
    await store.close()


async def test_a_conflict_between_nodes_is_no_error_in_postgresqls_log(postgres: Cluster) -> None:
    store = await open_postgres(postgres.new_database())
    row = RosterRow(1, b"one")
    await store.write((Insert(row), Insert(RosterRow(2, b"two"))))
    before = _errors(postgres)
    late = Swap(RosterRow(1, b"older"), RosterRow(1, b"newer"))
    held = Swap(RosterRow(2, b"two"), RosterRow(2, b"changed"))
    with pytest.raises(ConflictError):
        await store.write((late, held, Insert(GrantRow(b"u" * 16, b"m" * 16))))
    assert await store.find(RosterRow, order="sequence", limit=9) == (row, RosterRow(2, b"two"))
    assert await store.count(GrantRow) == 0
    await store.close()
    assert _errors(postgres) == before


def _errors(postgres: Cluster) -> list[str]:
    log = (postgres.folder / "log").read_text(encoding="utf-8")
    return [line for line in log.splitlines() if "ERROR" in line]


async def test_a_migration_whose_line_is_cut_gives_up_its_lock_and_is_done_by_the_next(
    postgres: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.new_database()

    def cut_off(connection: Connection) -> None:
        migrate(connection)
        postgres.sql(CUT)  # all is made, nothing is committed

    monkeypatch.setattr(under_test, "migrate", cut_off)
    with pytest.raises(StorageError):
        await open_postgres(url)
    monkeypatch.undo()
    name = url.rpartition("/")[2]
    assert postgres.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", name) == "0\n"
    stores = await asyncio.gather(open_postgres(url), open_postgres(url))  # one waits for the other
    for store in stores:
        assert await store.count(RosterRow) == 0
        await store.close()


async def test_a_purge_whose_line_is_cut_destroys_what_is_due_later_and_nothing_else(
    tmp_path: Path, postgres: Cluster, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes = await initialised(tmp_path, postgres.new_database(), clock=clock)
    async with nodes.node() as one, nodes.node() as two:
        now = clock.now()
        due = [ContentRow(b"u" * 16, 0, n, now - 3_600_000, b"over") for n in range(600)]
        live = [ContentRow(b"u" * 16, 1, n, now + 3_600_000, b"live") for n in range(5)]
        await one.house.store.write([Insert(row) for row in (*due, *live)])
        write, cuts = PostgresStore.write, 0

        def cut(self: PostgresStore, batch: Sequence[Write]) -> object:
            nonlocal cuts
            cuts += 1
            if cuts == 2:  # one batch is gone, and the others are not
                postgres.sql(CUT)
            return write(self, batch)

        monkeypatch.setattr(PostgresStore, "write", cut)
        with contextlib.suppress(StorageError):  # unless it saw in time that it has to dial anew
            await purge(one.house, clock=clock.now)
        monkeypatch.undo()
        assert cuts >= 2
        # Both at once: no lock says whose turn it is, and none is needed.
        await asyncio.gather(
            _insisting(lambda: purge(one.house, clock=clock.now)),
            _insisting(lambda: purge(two.house, clock=clock.now)),
        )
        left = await _insisting(lambda: two.house.store.find(ContentRow, order="sequence", limit=9))
        assert left == tuple(live)


async def _insisting(work: Callable[[], Awaitable[T]]) -> T:
    """Do it again until it meets no line that was cut."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                return await work()
            except StorageError:
                await asyncio.sleep(0.05)
