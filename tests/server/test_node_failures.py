"""Nodes that die or restart, and a database whose standby takes over: nothing acknowledged is lost,
nothing is there twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.load.parts import Server, hang_up, serve
from bench.load.stage import Stage, make_stage
from bench.load.wire import Http, connect_http
from mifeng_server.domain.rows import LogRow
from mifeng_server.operations.move import move_to_postgres
from mifeng_server.storage.postgres import open_postgres
from tests.support.patience import PATIENCE_S
from tests.support.postgres import Cluster, cluster

N = 30


@pytest.fixture(scope="module")
def postgres() -> Iterator[Cluster]:
    with cluster(fsync=True) as running:
        yield running


async def _post_all(stage: Stage, ports: list[int], on_half: object = None) -> int:
    """Post N messages, one after the other, each until some node accepts it; return how many."""
    path, lines = f"/v1/units/{stage.unit.unit_id.hex()}/messages", dict[int, Http]()
    accepted = 0
    for n, body in enumerate(stage.messages(N)):
        if n == N // 2 and callable(on_half):
            on_half()
        deadline, turn = time.monotonic() + 90, n
        while True:
            port = ports[turn % len(ports)]
            turn += 1
            status = 0
            with contextlib.suppress(OSError):
                if port not in lines:
                    lines[port] = await connect_http(port, None)
                async with asyncio.timeout(PATIENCE_S):
                    status = await lines[port].post(path, stage.tokens[0], body, key=f"k{n}")
            if status == 200:
                accepted += 1
                break
            lines.pop(port, None)
            assert status in (0, 429, 503), status
            assert time.monotonic() < deadline, "nobody accepts it"
            await asyncio.sleep(0.1)
    await hang_up(list(lines.values()))
    return accepted


async def _entries(url: str, stage: Stage) -> list[int]:
    store = await open_postgres(url)
    rows = await store.find(LogRow, order="sequence", limit=10_000, unit_id=stage.unit.unit_id)
    await store.close()
    return [row.sequence for row in rows]


def _moved(tmp_path: Path, url: str) -> Stage:
    stage = make_stage(tmp_path / "data", 2, tls=False)
    asyncio.run(move_to_postgres(stage.folder, url))
    return stage


def test_a_node_that_dies_in_the_midst_loses_and_doubles_nothing(
    tmp_path: Path, postgres: Cluster
) -> None:
    url = postgres.new_database()
    stage = _moved(tmp_path, url)
    before = len(stage.unit.entries)
    with serve(stage, tls=False) as one, serve(stage, tls=False, copy="node2") as two:
        got = asyncio.run(_post_all(stage, [one.port, two.port], one.process.kill))
    assert got == N
    assert asyncio.run(_entries(url, stage)) == list(range(1, before + N + 1))


def test_a_rolling_restart_loses_and_doubles_nothing(tmp_path: Path, postgres: Cluster) -> None:
    url = postgres.new_database()
    stage = _moved(tmp_path, url)
    before = len(stage.unit.entries)
    with serve(stage, tls=False) as one, contextlib.ExitStack() as later:
        ports = [one.port]

        def roll() -> None:
            two: Server = later.enter_context(serve(stage, tls=False, copy="node2"))
            ports.append(two.port)
            one.process.terminate()

        assert asyncio.run(_post_all(stage, ports, roll)) == N
    assert asyncio.run(_entries(url, stage)) == list(range(1, before + N + 1))


def test_a_standby_that_takes_over_has_all_that_was_acknowledged(tmp_path: Path) -> None:
    with cluster(fsync=True) as first, cluster(fsync=True) as second:
        second.make_standby(first)
        name = first.new_database().rpartition("/")[2]
        url = f"postgresql://mifeng:x@127.0.0.1:{first.port},127.0.0.1:{second.port}/{name}"
        stage = _moved(tmp_path, url)
        before = len(stage.unit.entries)

        def fail_over() -> None:
            first.stop("immediate")
            second.promote()

        with serve(stage, tls=False) as node:
            assert asyncio.run(_post_all(stage, [node.port], fail_over)) == N
        assert asyncio.run(_entries(second.url(name), stage)) == list(range(1, before + N + 1))
    shutil.rmtree(tmp_path / "data", ignore_errors=True)
