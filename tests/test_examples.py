"""The examples do what they say; all but one in a company of `mifeng.testing`."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp.test_utils import TestClient, TestServer

import mifeng
from examples import confirm_reminder, drop_folder, echo_bot, webhook_bridge
from mifeng.testing import company
from tests.e2e.people import PASSPHRASE, cast
from tests.support.patience import PATIENCE_S
from tests.support.server import running_server

ROOT = Path(__file__).parent.parent
WORD = "correct horse battery staple"
TOKEN = "a token of some length"


async def until(is_so: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await is_so():
            await asyncio.sleep(0.05)


async def test_the_echo_bot_says_it_back() -> None:
    async with company("Ada", bots=["Echo"]) as c, echo_bot.make("", None).on(c["Echo"]):
        await c.unit("Ada").send("hello")
        await c.unit("Ada").send("/ping")

        async def answered() -> bool:
            await c["Ada"].sync()
            return len(await c.unit("Ada").history()) == 4

        await until(answered)
        said = [(m.sender.is_bot, m.text) for m in await c.unit("Ada").history() if m.sender]
    assert said.count((True, "hello")) == 1
    assert said.count((True, "pong")) == 1


async def test_the_reminder_reminds_those_who_are_missing() -> None:
    async with company("Ada", "Ben") as c:
        sent = await c.unit("Ada").announce("Fire drill", "Read this.")
        await c.sync()
        day = dt.timedelta(hours=24)
        soon = sent.time + dt.timedelta(hours=1)
        assert await confirm_reminder.remind(c["Ada"], "Research", after=day, now=soon) == []
        later = sent.time + day
        assert await confirm_reminder.remind(c["Ada"], "Research", after=day, now=later) == [
            sent.sequence
        ]
        await c.sync()
        await c.unit("Ben").confirm(sent.sequence)
        await c.sync()
        assert await confirm_reminder.remind(c["Ada"], "Research", after=day, now=later) == []


async def test_the_drop_folder_posts_what_is_put_into_it(tmp_path: Path) -> None:
    async with company("Ada", bots=["Drop"]) as c:
        (tmp_path / "first.txt").write_text("1")
        (tmp_path / ".half").write_text("not yet")
        stop = asyncio.Event()
        watching = asyncio.create_task(drop_folder.watch(c.unit("Drop"), tmp_path, stop))

        async def posted(n: int) -> bool:
            return len(list((tmp_path / "posted").glob("*"))) == n

        await until(lambda: posted(1))
        (tmp_path / ".half").rename(tmp_path / "second.txt")
        await until(lambda: posted(2))
        stop.set()
        await asyncio.wait_for(watching, PATIENCE_S)
        await c["Ada"].sync()
        names = [m.files[0].name for m in await c.unit("Ada").history()]
    assert names == ["first.txt", "second.txt"]


async def test_the_bridge_takes_what_has_the_token() -> None:
    async with company("Ada", bots=["Bridge"]) as c:
        app = webhook_bridge.make_app(c.unit("Bridge"), TOKEN)
        async with TestClient(TestServer(app)) as client:
            right = {"Authorization": f"Bearer {TOKEN}"}
            assert (await client.post("/", json={"text": "x"})).status == 401
            assert (await client.post("/", data=b"{", headers=right)).status == 400
            assert (await client.post("/", json=["x"], headers=right)).status == 400
            done = await client.post("/", json={"text": "disk is full"}, headers=right)
            assert done.status == 201
        await c["Ada"].sync()
        assert [m.text for m in await c.unit("Ada").history()] == ["disk is full"]


async def test_notifier_and_echo_bot_as_processes(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir(mode=0o700)
    async with running_server(tmp_path) as server:
        async with cast(tmp_path, server) as c:
            invitation = await c.ada.invite()
            async with mifeng.join(
                invitation.link, profile=c.home("bot"), name="Bot", kind="bot", passphrase=WORD
            ) as bot:
                await c.ada.sync()
                assert await c.adas.grant(c.ada.person("Bot"))
                await bot.sync()
        notify = await _example(tmp_path, "ci_notifier.py", str(c.home("bot")), "Research")
        _, err = await asyncio.wait_for(notify.communicate(b"2 failed, 40 passed\n"), PATIENCE_S)
        assert notify.returncode == 0, err
        echo = await _example(tmp_path, "echo_bot.py", str(c.home("bot")))

        async def is_lent() -> bool:
            return (c.home("bot") / "call").exists()

        await until(is_lent)
        send = [sys.executable, "-m", "mifeng.cli.main", "--profile", str(c.home("bot"))]
        sent = await asyncio.to_thread(
            subprocess.run,
            [*send, "send", "Research", "by hand, beside the bot"],
            env=_environment(tmp_path),
            capture_output=True,
            check=False,
        )
        assert sent.returncode == 0, sent.stderr
        echo.send_signal(signal.SIGTERM)
        _, err = await asyncio.wait_for(echo.communicate(), PATIENCE_S)
        assert echo.returncode == 0, err
        async with mifeng.open(c.home("ada"), passphrase=PASSPHRASE) as ada:
            said = [m.text for m in await ada.unit("Research").history()]
    assert said == ["```\n2 failed, 40 passed\n```", "by hand, beside the bot"]


def _environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "XDG_RUNTIME_DIR": str(folder / "run"), "MIFENG_LANG": "en"}


async def _example(folder: Path, name: str, *words: str) -> asyncio.subprocess.Process:
    read, write = os.pipe()
    os.write(write, f"{WORD}\n".encode())
    os.close(write)
    try:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            str(ROOT / "examples" / name),
            *words,
            "--passphrase-fd",
            str(read),
            pass_fds=[read],
            env=_environment(folder),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    finally:
        os.close(read)
