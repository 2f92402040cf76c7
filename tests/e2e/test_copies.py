"""One running copy of a device: what was restored or copied says so, and sends nothing."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

import mifeng
from mifeng.errors import ProfileMissingError, ProfileRestoredError
from mifeng.session.live import Listener
from tests.e2e.people import PASSPHRASE, cast
from tests.support.patience import PATIENCE_S
from tests.support.server import running_server


async def test_a_restored_profile_is_refused_before_it_sends(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        async with cast(tmp_path, server) as c:
            await c.adas.send("one")
        shutil.copytree(c.home("ada"), tmp_path / "backup")
        async with mifeng.open(c.home("ada"), passphrase=PASSPHRASE) as ada:
            await ada.unit("Research").send("two")
        with pytest.raises(ProfileRestoredError, match="link this device anew"):
            async with mifeng.open(tmp_path / "backup", passphrase=PASSPHRASE):
                pass
        async with mifeng.open(c.home("ada"), passphrase=PASSPHRASE) as ada:
            said = [message.text for message in await ada.unit("Research").history()]
            assert said == ["one", "two"]


async def _to_the_end(events: Listener) -> None:
    async for _ in events:
        pass


async def test_a_profile_of_which_a_copy_begins_stops(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        with c.ada.events() as events:
            await c.ada._session.live.wait()
            shutil.copytree(c.home("ada"), tmp_path / "copy")
            async with mifeng.open(tmp_path / "copy", passphrase=PASSPHRASE) as copy:
                await copy.unit("Research").send("by the copy")
            with pytest.raises(ProfileRestoredError):
                await asyncio.wait_for(_to_the_end(events), PATIENCE_S)
        with pytest.raises(ProfileRestoredError):
            await c.adas.send("by the original")


async def test_a_database_without_its_vault_opens_nothing(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        async with cast(tmp_path, server) as c:
            await c.adas.send("one")
        (c.home("ada") / "vault").unlink()
        with pytest.raises(ProfileMissingError, match="restored without it"):
            async with mifeng.open(c.home("ada"), passphrase=PASSPHRASE):
                pass
