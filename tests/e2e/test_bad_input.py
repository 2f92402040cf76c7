"""What goes wrong on the client's side: each has its typed error, and nothing is lost."""

from __future__ import annotations

import dataclasses
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

import mifeng
from mifeng.errors import DiskFullError, ProfileDamagedError, ProfileMissingError
from mifeng.keychain import Passphrase
from mifeng.sdk.opening import unlock
from mifeng_crypto.api.problems import ProblemCode
from mifeng_crypto.errors import ProtocolError, StorageError
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.links import FoundLink, InviteLink, format_link, parse_link
from tests.e2e.people import CHEAP, PASSPHRASE, Cast, cast
from tests.support.server import ManualClock, running_server

WRONG = Passphrase("wrong", cost=CHEAP, floor=CHEAP)


async def test_a_wrong_passphrase_opens_nothing_and_harms_nothing(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        async with cast(tmp_path, server) as c:
            pass
        with pytest.raises(mifeng.WrongPassphraseError):
            async with mifeng.open(c.home("ada"), passphrase=WRONG):
                pass
        async with mifeng.open(c.home("ada"), passphrase=PASSPHRASE) as ada:
            assert ada.me.name == "Ada"


async def test_a_second_process_on_a_profile_is_named(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        with pytest.raises(mifeng.ProfileBusyError) as caught:
            async with mifeng.open(c.home("ada"), passphrase=PASSPHRASE):
                pass
        assert caught.value.pid == os.getpid()
        assert (await c.adas.send("the first one goes on")).sequence


async def test_a_server_that_is_not_there_is_a_transport_error_and_makes_no_profile(
    tmp_path: Path,
) -> None:
    async with running_server(tmp_path) as server:
        link = server.founding_link
    with pytest.raises(mifeng.TransportError, match="cannot be reached"):
        async with mifeng.found(link, profile=tmp_path / "ada", name="Ada", passphrase=PASSPHRASE):
            pass
    assert not (tmp_path / "ada").exists()


async def test_a_server_with_another_key_is_refused_before_anything_is_sent(
    tmp_path: Path,
) -> None:
    async with running_server(tmp_path) as server:
        link = parse_link(server.founding_link)
        assert isinstance(link, FoundLink)
        other = format_link(dataclasses.replace(link, tls_pin=bytes(32)))
        with pytest.raises(mifeng.ServerIdentityError):
            async with mifeng.found(
                other, profile=tmp_path / "ada", name="Ada", passphrase=PASSPHRASE
            ):
                pass
        async with mifeng.found(
            server.founding_link, profile=tmp_path / "ada", name="Ada", passphrase=PASSPHRASE
        ) as ada:
            assert ada.me.name == "Ada"


async def test_a_damaged_link_is_said_to_be_damaged(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        for link in (server.founding_link[:-5], "mifeng:found#", "https://example.com/", ""):
            with pytest.raises(mifeng.UsageError):
                async with mifeng.found(
                    link, profile=tmp_path / "ada", name="Ada", passphrase=PASSPHRASE
                ):
                    pass
        with pytest.raises(mifeng.UsageError, match="founds"):
            async with mifeng.join(
                server.founding_link, profile=tmp_path / "ada", name="A", passphrase=PASSPHRASE
            ):
                pass


async def test_an_invite_works_once_and_a_refused_join_leaves_no_profile(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        link = (await c.ada.invite()).link
        async with mifeng.join(link, profile=c.home("cai"), name="Cai", passphrase=PASSPHRASE):
            pass
        with pytest.raises(mifeng.InviteSpentError):
            async with mifeng.join(link, profile=c.home("dan"), name="D", passphrase=PASSPHRASE):
                pass
        assert not (c.home("dan") / "profile.db").exists()


async def test_an_expired_invite_is_refused(tmp_path: Path) -> None:
    clock = ManualClock(now=real_now())
    async with running_server(tmp_path, clock=clock) as server, cast(tmp_path, server) as c:
        link = (await c.ada.invite()).link
        clock.advance(73 * 3600)
        with pytest.raises(mifeng.InviteSpentError):
            async with mifeng.join(link, profile=c.home("cai"), name="Cai", passphrase=PASSPHRASE):
                pass


def real_now() -> int:
    return time.time_ns() // 1_000_000


async def test_a_clock_that_is_off_is_named_and_the_message_goes_out_once_it_is_set(
    tmp_path: Path,
) -> None:
    clock = ManualClock(now=real_now())
    async with running_server(tmp_path, clock=clock) as server, cast(tmp_path, server) as c:
        clock.advance(20 * 60)
        with pytest.raises(mifeng.ServerProblem) as caught:
            await c.adas.send("what time is it?")
        assert caught.value.code is ProblemCode.CLOCK
        assert c.adas.waiting == 1
        wall = c.ada._session._wall
        c.ada._session._wall = lambda: type(wall())(wall() + 20 * 60 * 1000)
        await c.ada.sync()
        assert c.adas.waiting == 0
        assert [m.text for m in await c.adas.history()] == ["what time is it?"]


async def refused_link(c: Cast, **changed: object) -> str:
    link = parse_link((await c.ada.invite()).link)
    assert isinstance(link, InviteLink)
    forged = format_link(dataclasses.replace(link, **changed))  # type: ignore[arg-type]
    with pytest.raises(ProtocolError) as caught:
        async with mifeng.join(forged, profile=c.home("cai"), name="Cai", passphrase=PASSPHRASE):
            pass
    assert not (c.home("cai") / "profile.db").exists()
    return caught.value.rule


async def test_client_1_the_roster_of_another_workspace_is_refused(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        assert await refused_link(c, genesis=bytes(32)) == "CLIENT-1"


async def test_client_2_a_roster_without_the_links_head_is_refused(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        for head in (Head(3, bytes(32)), Head(1000, bytes(32))):
            assert await refused_link(c, roster=head) == "CLIENT-2"


@pytest.mark.parametrize("table", ["profile", "roster", "units", "charter", "mls", "messages"])
async def test_a_flipped_byte_in_the_store_is_named(tmp_path: Path, table: str) -> None:
    async with running_server(tmp_path) as server:
        async with cast(tmp_path, server) as c:
            await c.adas.send("x")
        raw = sqlite3.connect(c.home("ada") / "profile.db")
        with raw:
            key, value = raw.execute(f"SELECT key, value FROM {table} LIMIT 1").fetchone()
            flipped = bytearray(value)
            flipped[len(flipped) // 2] ^= 1
            raw.execute(f"UPDATE {table} SET value=? WHERE key=?", (bytes(flipped), key))
        raw.close()
        with pytest.raises(ProfileDamagedError):
            async with mifeng.open(c.home("ada"), passphrase=PASSPHRASE) as ada:
                await ada.unit("Research").timeline()


async def test_a_flipped_byte_anywhere_in_the_file_never_shows_anything_false(
    tmp_path: Path,
) -> None:
    async with running_server(tmp_path) as server:
        async with cast(tmp_path, server) as c:
            await c.adas.send("x")
        whole = (c.home("ada") / "profile.db").read_bytes()
        step = len(whole) // 40
        for at in range(0, len(whole), step):
            copy = tmp_path / "copy"
            shutil.copytree(c.home("ada"), copy)
            damaged = bytearray(whole)
            damaged[at] ^= 0x10
            (copy / "profile.db").write_bytes(damaged)
            try:
                async with mifeng.open(copy, passphrase=PASSPHRASE) as ada:
                    said = [m.text for m in await ada.unit("Research").history()]
                assert said == ["x"]  # the byte was of no consequence
            except StorageError:
                pass
            shutil.rmtree(copy)


async def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        await c.adas.send("before")
        database = c.ada._session.home.database._db
        row = await (await database.execute("PRAGMA page_count")).fetchone()
        assert row is not None
        await database.execute(f"PRAGMA max_page_count={row[0]}")
        with pytest.raises(DiskFullError):
            await c.adas.send("x" * 100_000)
        await database.execute("PRAGMA max_page_count=1000000")
        await c.ada.sync()
        await c.adas.send("after")
        await c.ben.sync()
        assert [m.text for m in await c.adas.history()] == [m.text for m in await c.bens.history()]
        assert (await c.bens.history())[-1].text == "after"


async def test_no_profile_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(ProfileMissingError):
        async with mifeng.open(tmp_path / "nobody", passphrase=PASSPHRASE):
            pass


async def test_a_name_that_is_none_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        with pytest.raises(ProtocolError) as caught:
            async with mifeng.found(
                server.founding_link, profile=tmp_path / "ada", name=" ", passphrase=PASSPHRASE
            ):
                pass
        assert caught.value.rule == "CARD-1"
        assert not (tmp_path / "ada").exists()


def test_importing_is_cheap() -> None:
    heavy = "aiohttp", "cryptography", "msgspec", "aiosqlite", "nacl", "rich", "typer"
    code = f"import sys, mifeng; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


async def test_a_profile_of_another_version_is_named_as_that(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        async with mifeng.found(
            server.founding_link, profile=tmp_path / "ada", name="Ada", passphrase=PASSPHRASE
        ) as ada:
            await ada._session.save({("profile", b""): b"of a time to come"})
        with pytest.raises(ProfileDamagedError, match="another version"):
            async with mifeng.open(tmp_path / "ada", passphrase=PASSPHRASE):
                pass


async def test_a_client_from_before_an_upgrade_is_told_so_and_keeps_what_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        await c.adas.send("before")
        with monkeypatch.context() as older:
            older.setattr("mifeng.net.api.PROTOCOL_VERSION", 0)
            with pytest.raises(mifeng.ServerProblem, match="install a newer mifeng") as caught:
                await c.adas.send("with the old client")
            assert caught.value.code is ProblemCode.UPGRADE_REQUIRED
            assert c.adas.waiting == 1
            with pytest.raises(mifeng.ServerProblem, match="install a newer mifeng"):
                await c.ada.sync()
        await c.ada.sync()
        assert [m.text for m in await c.adas.history()] == ["before", "with the old client"]


async def test_a_server_of_another_workspace_at_the_same_place_takes_nothing_away(
    tmp_path: Path,
) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        await c.adas.send("here")
    data, ada = tmp_path / "server", c.home("ada")
    shutil.move(data, tmp_path / "first")
    async with (
        running_server(tmp_path) as other,  # another company's
        mifeng.found(
            other.founding_link, profile=tmp_path / "zoe", name="Zoe", passphrase=PASSPHRASE
        ),
    ):
        pass
    for name in ("tls.key", "tls.crt", "mifeng-server.toml"):
        shutil.copy(tmp_path / "first" / name, data / name)
    async with (
        running_server(tmp_path, restart=True),
        unlock(ada, passphrase=PASSPHRASE) as me,
    ):
        with pytest.raises(mifeng.AccessEndedError, match="ask an administrator"):
            await me.sync()
        assert [m.text for m in await me.unit("Research").history()] == ["here"]
    shutil.rmtree(data)
    shutil.move(tmp_path / "first", data)
    async with (
        running_server(tmp_path, restart=True),
        mifeng.open(ada, passphrase=PASSPHRASE) as me,
    ):
        await me.unit("Research").send("still")


@pytest.mark.parametrize("name", ["vault", "profile.db"])
async def test_a_file_of_another_profile_is_named_and_shows_nothing(
    tmp_path: Path, name: str
) -> None:
    async with running_server(tmp_path) as server:
        async with cast(tmp_path, server) as c:
            await c.adas.send("here")
        mixed = tmp_path / "mixed"
        shutil.copytree(c.home("ada"), mixed)
        shutil.copy(c.home("ben") / name, mixed / name)
        with pytest.raises(StorageError, match="link|join|restore"):
            async with mifeng.open(mixed, passphrase=PASSPHRASE):
                pass
