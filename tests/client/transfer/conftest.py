"""A server that fails as it is told to, and a client of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mifeng import transfer
from mifeng.net import Api
from mifeng.transfer import attempts
from tests.client.transfer.case import CONTENT, RNG
from tests.client.transfer.file_server import FileServer, client_of


@pytest.fixture(autouse=True)
def _no_long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "PAUSES_S", (0.0, 0.01, 0.02))
    monkeypatch.setattr(attempts, "UNDER_WAY_S", (0.0, 0.01, 0.02))


@pytest.fixture
def server() -> FileServer:
    return FileServer()


@pytest.fixture
async def api(server: FileServer) -> AsyncIterator[Api]:
    async with client_of(server, RNG) as api:
        yield api


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "Bericht 报告.pdf"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "downloads").mkdir()
    return tmp_path / "downloads"


@pytest.fixture
def spool(tmp_path: Path) -> transfer.Spool:
    return transfer.Spool(tmp_path / "outgoing")
