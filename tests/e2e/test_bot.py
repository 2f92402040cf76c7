"""Bots: what they hear, in which order, how they end, and what they do again after a crash."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import mifeng
from mifeng import filters
from tests.e2e.people import PASSPHRASE, Cast, cast
from tests.e2e.shell import Shell
from tests.support.patience import PATIENCE_S, until
from tests.support.server import running_server


@dataclass
class Scene:
    """Ada's unit Research has a member of kind bot, whose profile is open and whom she can hear."""

    c: Cast
    bot: mifeng.Workspace
    bots: mifeng.Unit


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        link = (await c.ada.invite()).link
        async with mifeng.join(
            link, profile=tmp_path / "bot", name="Echo", kind="bot", passphrase=PASSPHRASE
        ) as bot:
            await c.ada.sync()
            assert await c.adas.grant(c.ada.person("Echo"))
            await bot.sync()
            yield Scene(c, bot, bot.unit("Research"))


def make() -> mifeng.Bot:
    return mifeng.Bot("unused", passphrase=PASSPHRASE)


async def test_each_handler_hears_what_it_wants(scene: Scene) -> None:
    c, bot, heard = scene.c, make(), list[tuple[str, str]]()

    @bot.on_message(filters.in_unit("Research") & ~filters.from_person("Ben"))
    async def all_but_ben(it: mifeng.Happening) -> None:
        heard.append(("message", it.text))

    @bot.on_command("deploy", "roll-out")
    async def deploy(it: mifeng.Happening) -> None:
        heard.append(("command", " ".join(it.words)))
        await it.reply("deployed")

    @bot.on_mention()
    async def mention(it: mifeng.Happening) -> None:
        heard.append(("mention", it.sender.name))

    @bot.on_file(filters.matches("plan"))
    async def file(it: mifeng.Happening) -> None:
        heard.append(("file", it.files[0].name))

    async with bot.on(scene.bot):
        await c.adas.send("/Deploy web  now")
        await c.ben.sync()
        await c.bens.send("hello " + c.bens.mention(c.ben.person("Echo")))
        (c.folder / "plan.txt").write_text("x")
        await c.bens.upload(c.folder / "plan.txt", caption="the plan")
        await until(lambda: ("file", "plan.txt") in heard)
    assert heard == [
        ("message", "/Deploy web  now"),
        ("command", "web now"),
        ("mention", "Ben"),
        ("file", "plan.txt"),
    ]
    await c.ada.sync()
    answer = next(m for m in await c.adas.history() if m.text == "deployed")
    assert answer.sender is not None
    assert answer.sender.is_bot
    assert not c.ada.person("Ben").is_bot


async def test_a_handler_that_raises_is_logged_without_content_and_stops_nothing(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    bot, heard = make(), list[str]()

    @bot.on_message()
    async def clumsy(it: mifeng.Happening) -> None:
        heard.append(it.text)
        raise ValueError(it.text)

    with caplog.at_level(logging.ERROR, "mifeng.bot"):
        async with bot.on(scene.bot):
            await scene.c.adas.send("top secret")
            await scene.c.adas.send("and more")
            await until(lambda: len(heard) == 2)
    assert heard == ["top secret", "and more"]
    assert "clumsy raised ValueError" in caplog.text
    assert "secret" not in caplog.text


async def test_what_is_said_while_it_is_away_is_handled_once(scene: Scene) -> None:
    await scene.c.adas.send("before there was a bot")
    bot, heard = make(), list[str]()

    @bot.on_message()
    async def hear(it: mifeng.Happening) -> None:
        heard.append(it.text)

    async with bot.on(scene.bot):
        await scene.c.adas.send("one")
        await until(lambda: heard == ["one"])
    await scene.c.adas.send("two")
    async with bot.on(scene.bot):
        await until(lambda: heard == ["one", "two"])
        await scene.c.adas.send("three")
        await until(lambda: heard == ["one", "two", "three"])


async def test_what_was_in_hand_when_it_was_killed_is_done_again_and_answered_once(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot, again, c = make(), list[bool](), scene.c
    hangs = asyncio.Event()

    @bot.on_message()
    async def answer(it: mifeng.Happening) -> None:
        again.append(it.is_again)
        await it.reply("got it")
        if not hangs.is_set():
            hangs.set()
            await asyncio.Event().wait()

    monkeypatch.setattr("mifeng.bot.bot.GRACE_S", 0.01)
    async with bot.on(scene.bot):
        await c.adas.send("hello")
        await asyncio.wait_for(hangs.wait(), PATIENCE_S)
    async with bot.on(scene.bot):
        await until(lambda: again == [False, True])
        sent = await c.adas.send("the next")
        await until(lambda: len(again) == 3)
        await until(lambda: not scene.bots.waiting and scene.bots.sequence > sent.sequence)
    await c.ada.sync()
    assert [m.text for m in await c.adas.history()] == ["hello", "got it", "the next", "got it"]
    assert again == [False, True, False]


async def test_two_bots_do_not_talk_for_ever(scene: Scene) -> None:
    c = scene.c
    other = await c.ada.invite()
    async with mifeng.join(
        other.link, profile=c.folder / "bot2", name="Ohce", kind="bot", passphrase=PASSPHRASE
    ) as second:
        await c.ada.sync()
        assert await c.adas.grant(c.ada.person("Ohce"))
        await second.sync()
        await scene.bot.sync()
        bots = [make(), make()]
        heard = list[str]()
        for bot in bots:

            @bot.on_message()
            async def echo(it: mifeng.Happening) -> None:
                heard.append(it.sender.name)
                await it.reply(it.text)

        async with bots[0].on(scene.bot), bots[1].on(second):
            await c.adas.send("hi")
            await until(lambda: len(heard) == 2)
            last = await c.adas.send("bye")
            await until(lambda: len(heard) == 4)
            assert last.sequence
    assert set(heard) == {"Ada"}


async def test_a_command_takes_one_word() -> None:
    with pytest.raises(mifeng.UsageError, match="one word"):
        make().on_command("two words")
    with pytest.raises(mifeng.UsageError, match="one word"):
        make().on_command()


async def test_it_waits_for_its_server_and_ends_when_told(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        async with cast(tmp_path, server) as c:
            pass
        bot = mifeng.Bot(c.home("ben"), passphrase=PASSPHRASE)
        heard = asyncio.Event()

        @bot.on_message()
        async def hear(it: mifeng.Happening) -> None:
            heard.set()

        serving = asyncio.create_task(bot.serve())
        async with mifeng.open(c.home("ada"), passphrase=PASSPHRASE) as ada:
            async with asyncio.timeout(PATIENCE_S):
                while not heard.is_set():
                    await ada.unit("Research").send("are you there?")
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(heard.wait(), 0.5)
        bot.stop()
        await asyncio.wait_for(serving, PATIENCE_S)


async def test_bots_are_marked_in_lists_and_talk(tmp_path: Path, shell: Shell) -> None:
    async with running_server(tmp_path) as server:
        async with cast(tmp_path, server) as c:
            link = (await c.ada.invite()).link
            async with mifeng.join(
                link, profile=tmp_path / "bot", name="Echo", kind="bot", passphrase=PASSPHRASE
            ) as bot:
                await c.ada.sync()
                await c.adas.grant(c.ada.person("Echo"))
                await bot.sync()
                await bot.unit("Research").send("I am a program")
        assert "Echo (bot): I am a program" in (await shell.run("ben", "read", "Research")).out
        assert "Echo (bot)" in (await shell.run("ben", "people")).out
        assert "Echo (bot)" in (await shell.run("ben", "unit", "members", "Research")).out
        (told,) = (await shell.run("ben", "read", "Research", "-n", "1", "--json")).lines
        assert told["sender"]["bot"] is True
