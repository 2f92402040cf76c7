"""Another TLS key: clients go on with it if an owner has named it, and with no other."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import mifeng
from mifeng_crypto.errors import ProtocolError, UsageError
from mifeng_crypto.ledger.roster_entry import Role
from mifeng_server.config import Folder, read_config
from mifeng_server.operations import keys
from mifeng_server.tls_key import make_tls_key
from tests.e2e.people import PASSPHRASE, cast
from tests.e2e.test_devices import Drawer
from tests.support.server import RunningServer, running_server


def _new_key(tmp_path: Path) -> tuple[bytes, dict[str, bytes]]:
    """Make the server's next key; return its pin, and the files."""
    spare = Folder(tmp_path / "spare")
    spare.path.mkdir(exist_ok=True)
    for path in (spare.tls_key, spare.tls_cert):
        path.unlink(missing_ok=True)
    pin = make_tls_key(spare, ("127.0.0.1",), now_s=int(time.time()))
    return pin, {path.name: path.read_bytes() for path in (spare.tls_key, spare.tls_cert)}


@contextlib.asynccontextmanager
async def restarted(
    tmp_path: Path, before: RunningServer, key: dict[str, bytes]
) -> AsyncIterator[RunningServer]:
    """The same server at the same port, with other files."""
    folder = Folder(tmp_path / "server")
    for name, data in key.items():
        (folder.path / name).write_bytes(data)
    config, port = folder.config.read_text(), before.url.rpartition(":")[2]
    folder.config.write_text(config.replace("port = 0", f"port = {port}"))
    async with running_server(tmp_path, restart=True) as server:
        assert server.url == before.url
        yield server


@contextlib.asynccontextmanager
async def again(tmp_path: Path, name: str) -> AsyncIterator[mifeng.Workspace]:
    async with mifeng.open(tmp_path / name, passphrase=PASSPHRASE) as me:
        yield me


async def test_a_key_that_an_owner_has_named_is_gone_on_with_by_everybody(tmp_path: Path) -> None:
    drawer = Drawer()
    pin, key = _new_key(tmp_path)
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        with pytest.raises(ProtocolError) as refused:
            await c.ben.set_server(tls_pins=[pin])
        assert refused.value.rule == "ROSTER-19"
        with pytest.raises(UsageError):
            await c.ada.set_server(tls_pins=[b"short"])
        with pytest.raises(UsageError):
            await c.ada.set_server(addresses=["http://chat.example.com"])
        old = await c.ada.invite()
        async with mifeng.join(
            (await c.ada.invite()).link,
            profile=tmp_path / "cem",
            name="Cem",
            keep_sheet=drawer.keep,
            passphrase=PASSPHRASE,
        ):
            pass
        # Ben does not hear of it before the key has changed.
        known = c.ada.announced_server
        assert server.pin is not None
        await c.ada.set_server(tls_pins=[server.pin, pin])
        assert c.ada.announced_server.tls_pins == (server.pin, pin)
        assert c.ada.announced_server.addresses == known.addresses
    async with restarted(tmp_path, server, key) as changed:
        assert changed.pin == pin
        async with again(tmp_path, "ada") as ada:  # knows it already
            await ada.set_server(tls_pins=[pin])
            assert ada.role is Role.OWNER
        async with again(tmp_path, "ben") as ben:  # is told by the entries after its head
            assert ben.announced_server.tls_pins == (pin,)
            assert ben._session.profile.tls_pin == pin
            await ben.unit("Research").send("still here")
        async with mifeng.join(
            old.link, profile=tmp_path / "dan", name="Dan", passphrase=PASSPHRASE
        ) as dan:  # a link from before
            assert dan._session.profile.tls_pin == pin
        async with mifeng.recover(
            drawer.sheets[0],
            profile=tmp_path / "cem2",
            keep_sheet=drawer.keep,
            passphrase=PASSPHRASE,
        ):  # a sheet from before
            pass


async def test_the_next_log_key_is_used_as_soon_as_an_owner_has_announced_it(
    tmp_path: Path,
) -> None:
    """Without an alarm of those who have not heard of it, and without a start in between."""
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        folder = Folder(server.folder)
        with pytest.raises(mifeng.ServerProblem) as refused:
            await c.ada.set_server(log_key=bytes(range(32)))
        assert refused.value.rule == "FOUND-2"
        made = keys.prepare(folder, read_config(folder), "log", clock=server.clock, rng=os.urandom)
        with pytest.raises(UsageError, match=f"mifeng server set --log-key {made}"):
            keys.switch(folder, "log", c.ada._session.known_roster)
        before = c.ada.announced_server.checkpoint_key
        await c.ada.set_server(log_key=bytes.fromhex(made))
        assert c.ben.announced_server.checkpoint_key == before
        sent = await c.bens.send("by one who has not heard of it")
        kept = await c.ben._session.home.database.scan("receipts", c.bens.id)
        assert sent.sequence in {int.from_bytes(place[-8:], "big") for place, _ in kept}
        await c.ben.sync()
        await c.ada.sync()
        keys.switch(folder, "log", c.ada._session.known_roster)
    async with running_server(tmp_path, restart=True):
        for name in ("ada", "ben"):
            async with again(tmp_path, name) as me:
                await me.sync()
                await me.unit("Research").send(f"{name}, after the switch")
                assert me.announced_server.checkpoint_key == bytes.fromhex(made)
                assert await me.alarms() == []


async def test_a_key_that_nobody_has_named_is_refused_and_nothing_changes_client_12(
    tmp_path: Path,
) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        link = (await c.ada.invite()).link
    _, key = _new_key(tmp_path)
    async with restarted(tmp_path, server, key):
        for name in ("ada", "ben"):
            with pytest.raises(mifeng.ServerIdentityError):
                async with again(tmp_path, name):
                    pass
        with pytest.raises(ProtocolError) as refused:
            async with mifeng.join(
                link, profile=tmp_path / "dan", name="Dan", passphrase=PASSPHRASE
            ):
                pass
        assert refused.value.rule == "CLIENT-12"
        assert not (tmp_path / "dan" / "profile.db").exists()


async def test_clients_follow_to_another_address_once_the_server_has_it_found_2(
    tmp_path: Path,
) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        there = server.url.replace("127.0.0.1", "localhost")
        before = len(await c.ada.changes())
        for wrong in ({"addresses": [there]}, {"tls_pins": [bytes(32)]}):
            with pytest.raises(mifeng.ServerProblem) as refused:
                await c.ada.set_server(**wrong)
            assert refused.value.rule == "FOUND-2"
        assert len(await c.ada.changes()) == before
    folder = Folder(tmp_path / "server")
    config = folder.config.read_text()
    folder.config.write_text(config.replace("addresses = [", f'addresses = ["{there}", '))
    async with restarted(tmp_path, server, {}):
        async with again(tmp_path, "ada") as ada:
            await ada.set_server(addresses=[there, server.url])
        async with again(tmp_path, "ben") as ben:
            assert ben._session.profile.addresses == (there, server.url)
            assert ben.server == there
            await ben.sync()
