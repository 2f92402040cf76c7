"""Health and metrics, on a port that clients do not know."""

from __future__ import annotations

import asyncio
import os
import re
import socket
from pathlib import Path

import aiohttp
import pytest

from mifeng_crypto.errors import StorageError
from mifeng_server import sd_notify
from mifeng_server.metrics import Metrics
from tests.support.peer import founded
from tests.support.ports import free_port
from tests.support.server import RunningServer, running_server


async def _get(port: int, path: str) -> tuple[int, str]:
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"http://127.0.0.1:{port}{path}") as got,
    ):
        return got.status, await got.text()


async def test_health_readiness_and_metrics_have_their_own_port(tmp_path: Path) -> None:
    port = free_port()
    settings = f"[admin]\nport = {port}"
    async with (
        running_server(tmp_path, tls=False, settings=settings) as server,
        founded(server) as peer,
    ):
        await peer.create_unit()
        assert await _get(port, "/healthz") == (200, "ok\n")
        assert await _get(port, "/readyz") == (200, "ready\n")
        status, text = await _get(port, "/metrics")
        assert status == 200
        assert 'mifeng_log_entries_total{kind="heads"} 1.0' in text
        made = 'mifeng_requests_total{method="POST",route="/v1/units",status="200"} 1.0'
        assert made in text
        for secret in (peer.token, peer.member_id.hex(), peer.device_id.hex()):
            assert secret not in text
        assert (await peer.raw("GET", "/metrics"))[0] == 404, "clients have no metrics"
        server.house.draining = True
        assert await _get(port, "/readyz") == (503, "stopping\n")
        assert (await _get(port, "/healthz"))[0] == 200


async def test_a_database_that_does_not_answer_is_not_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    async with running_server(tmp_path, tls=False, settings=f"[admin]\nport = {port}") as server:
        await _break(server, monkeypatch)
        assert await _get(port, "/readyz") == (503, "the database does not answer\n")


async def _break(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object, **__: object) -> int:
        raise StorageError("gone")

    monkeypatch.setattr(server.house.store, "count", broken)


def test_every_metric_is_documented() -> None:
    page = Path(__file__).parents[2] / "docs" / "operating.md"
    named = set(re.findall(r"`(mifeng_\w+)`", page.read_text(encoding="utf-8")))
    families = {family.name for family in Metrics().registry.collect()}
    assert {name for name in families if name.startswith("mifeng_")} == named


async def test_systemd_hears_that_the_server_is_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(path)
        systemd.settimeout(20)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        monkeypatch.setenv("WATCHDOG_USEC", "2000000")
        monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
        assert sd_notify.notify("READY=1")
        assert systemd.recv(100) == b"READY=1"
        assert sd_notify.watchdog_s() == 1
        task = asyncio.create_task(sd_notify.watch())
        await asyncio.sleep(0)
        assert systemd.recv(100) == b"WATCHDOG=1"
        task.cancel()


def test_without_systemd_nothing_is_said() -> None:
    assert not sd_notify.notify("READY=1", {})
    assert sd_notify.watchdog_s({"WATCHDOG_USEC": "5", "WATCHDOG_PID": "1"}) == 0
