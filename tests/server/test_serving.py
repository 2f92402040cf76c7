"""A server process: made, started, stopped, started again."""

from __future__ import annotations

import sqlite3
import ssl
from pathlib import Path

import aiohttp
import pytest

from mifeng_crypto.errors import StorageError, UsageError
from mifeng_crypto.links import FoundLink, parse_link
from mifeng_server.clock import SystemClock
from mifeng_server.config import Folder
from mifeng_server.serving import initialise, serving
from tests.support.server import running_server

HEADERS = {"Mifeng-Protocol": "1"}


def _no_check() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def test_a_new_server_answers_over_tls_and_its_link_names_its_key(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, aiohttp.ClientSession() as session:
        link = parse_link(server.founding_link)
        assert isinstance(link, FoundLink)
        assert link.tls_pin == server.pin
        assert link.addresses == (server.url,)
        async with session.get(f"{server.url}/v1/server", headers=HEADERS, ssl=_no_check()) as got:
            assert got.status == 200
            assert (await got.json())["workspace_id"] is None
        folder = Folder(server.folder)
        assert folder.path.stat().st_mode & 0o777 == 0o700
        for private in (folder.tls_key, folder.database):
            assert private.stat().st_mode & 0o777 == 0o600


async def test_a_server_without_tls_listens_on_loopback(tmp_path: Path) -> None:
    async with (
        running_server(tmp_path, tls=False) as server,
        aiohttp.ClientSession() as session,
        session.get(f"{server.url}/v1/server", headers=HEADERS) as got,
    ):
        assert got.status == 200
        assert server.pin is None


@pytest.mark.parametrize(
    "address", ["https://", "ftp://x:1", "http://example.com:80", "x", "https://h:99999"]
)
async def test_an_address_that_is_none_is_refused(tmp_path: Path, address: str) -> None:
    with pytest.raises(UsageError):
        await initialise(Folder(tmp_path / "server"), address, clock=SystemClock(), rng=bytes)
    assert not (tmp_path / "server").exists()


async def test_a_folder_is_served_by_one_process_and_initialised_once(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        with pytest.raises(UsageError, match="another mifeng-server"):
            async with running_server(tmp_path, restart=True):
                pass
        with pytest.raises(UsageError, match="holds a server already"):
            async with running_server(tmp_path):
                pass
    async with running_server(tmp_path, restart=True) as again:
        assert again.pin == server.pin


async def test_a_newer_database_is_refused_by_name(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        pass
    with sqlite3.connect(server.folder / "server.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    with pytest.raises(StorageError, match="newer mifeng-server"):
        async with serving(Folder(server.folder), clock=SystemClock(), rng=bytes):
            pass
