"""Killed, cut off or outrun at any point: nothing is lost, nothing comes twice."""

from __future__ import annotations

import asyncio
import signal
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

import mifeng
from mifeng.core import outbox
from mifeng.core.rows import OutboxRecord
from mifeng.home import Home
from mifeng.net import Api
from mifeng.sdk import Unit
from mifeng_crypto.errors import TransportError
from mifeng_crypto.log import LogEntry
from mifeng_crypto.tls import decode
from tests.e2e.people import PASSPHRASE, cast
from tests.support.patience import PATIENCE_S
from tests.support.server import RunningServer, running_server

KILLED = """
    import asyncio, os, signal, sys
    import mifeng
    from mifeng.net import Api
    from tests.e2e.people import PASSPHRASE

    when, endpoint, profile, text = sys.argv[1:]
    call = Api.call

    async def enrol(verb, link):
        Api.call = dying
        async with verb(link, profile=profile, name="Cai", passphrase=PASSPHRASE):
            pass

    async def dying(self, name, *args, **named):
        if name == endpoint and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        answer = await call(self, name, *args, **named)
        if name == endpoint and when == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    async def main():
        if endpoint in ("found", "roster_append"):
            return await enrol(mifeng.found if endpoint == "found" else mifeng.join, text)
        async with mifeng.open(profile, passphrase=PASSPHRASE) as me:
            Api.call = dying
            unit = me.unit("Research")
            if endpoint == "commit":
                await unit.revoke(me.person("Ben"))
            else:
                await unit.send(text)

    asyncio.run(main())
"""


async def run_and_be_killed(when: str, endpoint: str, profile: Path, text: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", textwrap.dedent(KILLED), when, endpoint, str(profile), text
    )
    assert await process.wait() == -signal.SIGKILL


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_process_killed_while_founding_or_joining_goes_on_from_there(
    tmp_path: Path, when: str
) -> None:
    async with running_server(tmp_path) as server:
        await run_and_be_killed(when, "found", tmp_path / "ada", server.founding_link)
        async with mifeng.open(tmp_path / "ada", passphrase=PASSPHRASE) as ada:
            link = (await ada.invite()).link
            await run_and_be_killed(when, "roster_append", tmp_path / "cai", link)
            async with mifeng.open(tmp_path / "cai", passphrase=PASSPHRASE) as cai:
                # Two of one name are told apart by the beginnings of their ids.
                assert [p.name.split(" ·")[0] for p in cai.people()] == ["Cai", "Cai"]
            await ada.sync()
            assert [p.id for p in ada.people()] == [ada.me.id, cai.me.id]


def texts(messages: list[mifeng.Message]) -> list[str]:
    return [message.text for message in messages]


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_process_killed_around_sending_loses_nothing_and_says_nothing_twice(
    tmp_path: Path, when: str
) -> None:
    async with running_server(tmp_path) as server:
        async with cast(tmp_path, server) as c:
            await c.adas.send("one")
        await run_and_be_killed(when, "message", c.home("ben"), "two")
        sealed = await what_waits(c.home("ben"))
        async with mifeng.open(c.home("ben"), passphrase=PASSPHRASE) as ben:
            unit = ben.unit("Research")
            await unit.send("three")
            assert texts(await unit.history()) == ["one", "two", "three"]
            sent = next(m for m in await unit.history() if m.text == "two")
            raw = decode(LogEntry, await unit.raw_entry(sent.sequence))
            assert raw.content == sealed
        async with mifeng.open(c.home("ada"), passphrase=PASSPHRASE) as ada:
            assert texts(await ada.unit("Research").history()) == ["one", "two", "three"]


async def what_waits(profile: Path) -> bytes:
    """The bytes that the killed process had saved before it meant to send them."""
    home = await Home.open(profile, PASSPHRASE, rng=bytes)
    ((_, row),) = await home.database.scan("outbox")
    await home.close()
    return decode(OutboxRecord, row).message


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_process_killed_around_a_commit_goes_on_with_it(tmp_path: Path, when: str) -> None:
    async with running_server(tmp_path) as server:
        async with cast(tmp_path, server) as c:
            await c.adas.send("one")
        await run_and_be_killed(when, "commit", c.home("ada"), "")
        async with mifeng.open(c.home("ada"), passphrase=PASSPHRASE) as ada:
            unit = ada.unit("Research")
            await unit.send("two")
            assert [str(m.person) for m in unit.members()] == ["Ada"]
            commits = [m for m in await unit.timeline() if m.kind == "commit" and m.removed]
            assert len(commits) == 1


class Lossy(Api):
    """The server hears it, and its answer is lost; as often as told."""

    losses = 0

    async def call(self, name: str, *args: Any, **named: Any) -> Any:  # noqa: ANN401 - passed on
        answer = await super().call(name, *args, **named)
        if name == "message" and self.losses:
            self.losses -= 1
            raise TransportError("the line broke")
        return answer


def make_lossy(unit: Unit, losses: int) -> None:
    unit._session.api.__class__ = Lossy
    unit._session.api.losses = losses  # type: ignore[attr-defined]


async def test_a_lost_answer_is_asked_for_again_with_the_same_bytes(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        make_lossy(c.adas, 2)
        sent = await c.adas.send("once")
        assert sent.text == "once"
        await c.ben.sync()
        assert texts(await c.bens.history()) == ["once"]


async def test_a_message_is_kept_while_the_server_is_away(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        make_lossy(c.adas, 3)
        with pytest.raises(TransportError):
            await c.adas.send("later")
        assert c.adas.waiting == 1
        make_lossy(c.adas, 0)
        await c.ada.sync()
        assert c.adas.waiting == 0
        assert texts(await c.adas.history()) == ["later"]


async def test_whoever_loses_the_race_encrypts_anew_and_is_heard_once(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        invitation = await c.ada.invite()
        async with mifeng.join(
            invitation.link, profile=c.home("cai"), name="Cai", passphrase=PASSPHRASE
        ) as cai:
            await c.ada.sync()
            assert await c.adas.grant(c.ada.person("Cai"))  # Ben has not heard of this commit
            epoch = c.bens.epoch
            sent = await c.bens.send("did I miss something?")
            assert sent.epoch == epoch + 1
            await cai.sync()
            await c.ada.sync()
            for unit in (c.adas, c.bens, cai.unit("Research")):
                assert texts(await unit.history()) == ["did I miss something?"]


async def test_many_who_write_at_once_are_all_heard_in_one_order(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:

        async def write(unit: Unit, name: str) -> None:
            for n in range(8):
                await unit.send(f"{name}{n}")

        await asyncio.gather(write(c.adas, "a"), write(c.bens, "b"))
        await asyncio.gather(c.ada.sync(), c.ben.sync())
        mine, theirs = await c.adas.history(), await c.bens.history()
        assert texts(mine) == texts(theirs)
        assert [t for t in texts(mine) if t[0] == "a"] == [f"a{n}" for n in range(8)]
        assert [t for t in texts(mine) if t[0] == "b"] == [f"b{n}" for n in range(8)]


async def test_a_listener_survives_a_restart_of_the_server(tmp_path: Path) -> None:
    heard: list[str] = []

    async def listen(unit: Unit) -> None:
        async for message in unit.messages():
            heard.append(message.text)
            if message.text == "after":
                return

    running = running_server(tmp_path)
    server: RunningServer = await running.__aenter__()
    async with cast(tmp_path, server) as c:
        listening = asyncio.create_task(listen(c.bens))
        await c.adas.send("before")
        async with asyncio.timeout(PATIENCE_S):
            while heard != ["before"]:
                await asyncio.sleep(0.01)
            await running.__aexit__(None, None, None)
            async with running_server(tmp_path, restart=True):
                await c.adas.send("after")
                await listening
    assert heard == ["before", "after"]


def test_the_same_bytes_have_the_same_key_and_others_another() -> None:
    assert outbox.idempotency_key(b"a") == outbox.idempotency_key(b"a")
    assert outbox.idempotency_key(b"a") != outbox.idempotency_key(b"b")
