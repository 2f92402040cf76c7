"""A conversation as people have one: answers, threads, edits, reactions, mentions, captions."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import mifeng
from mifeng_crypto.ledger.charter_entry import UnitRole
from tests.e2e.people import cast
from tests.e2e.shell import Shell
from tests.support.patience import PATIENCE_S
from tests.support.server import running_server


async def test_both_see_the_same_conversation(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "b.txt").write_text("b")
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        hello = await c.adas.send(c.adas.mention(c.ada.person("Ben")) + " helo")
        await c.adas.edit(hello, "hello " + c.adas.mention(UnitRole.MEMBER))
        await c.ben.sync()
        answer = await c.bens.send("hi", reply_to=hello.sequence)
        await c.bens.send("in the thread", thread=hello.sequence)
        await c.bens.react(hello.sequence, "❤")
        await c.bens.react(hello.sequence, "👍")
        await c.bens.unreact(hello.sequence, "👍")
        await c.bens.upload(tmp_path / "a.txt", tmp_path / "b.txt", caption="both")
        await c.ada.sync()
        await c.adas.react(answer.sequence, "🎉")
        oops = await c.adas.send("oops")
        assert (await c.adas.delete(oops)).is_deleted
        await c.ben.sync()
        for me, unit in ((c.ada, c.adas), (c.ben, c.bens)):
            first, second, third, files, gone = await unit.history()
            assert (first.readable, first.is_edited) == ("hello @member", True)
            assert first.calls_me == (me is c.ben)
            assert first.is_mine == (me is c.ada)
            assert [(r.emoji, [str(p) for p in r.people]) for r in first.reactions] == [
                ("❤", ["Ben"])
            ]
            assert first.answers == (second.sequence, third.sequence)
            assert (second.reply_to, third.thread) == (first.sequence, first.sequence)
            assert [r.emoji for r in second.reactions] == ["🎉"]
            assert (files.text, [f.name for f in files.files]) == ("both", ["a.txt", "b.txt"])
            assert (gone.is_deleted, gone.text) == (True, "")
            assert [m.text for m in await unit.thread(first)][1:] == ["hi", "in the thread"]
        edited = await c.bens.edit(files.sequence, "both of them")
        assert [f.name for f in edited.files] == ["a.txt", "b.txt"]
        assert edited.text == "both of them"


async def test_only_the_author_edits_and_only_what_is_there(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        sent = await c.adas.send("hers")
        await c.ben.sync()
        with pytest.raises(mifeng.UsageError, match="somebody else"):
            await c.bens.edit(sent.sequence, "his")
        with pytest.raises(mifeng.UsageError, match="somebody else"):
            await c.bens.delete(sent.sequence)
        with pytest.raises(mifeng.NotFoundError):
            await c.bens.react(99, "❤")
        with pytest.raises(mifeng.NotFoundError, match="not reacted"):
            await c.bens.unreact(sent.sequence, "❤")
        with pytest.raises(mifeng.ProtocolError, match="CONTENT-3"):
            await c.bens.react(sent.sequence, "\x1b[2J")
        await c.adas.delete(sent)
        with pytest.raises(mifeng.UsageError, match="deleted"):
            await c.adas.edit(sent, "back again")
        with pytest.raises(mifeng.UsageError, match="deleted"):
            await c.adas.send("about nothing", thread=sent)


async def test_a_thread_goes_on_where_its_beginning_was_taken_back(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        began = await c.adas.send("began")
        await c.ben.sync()
        await c.bens.send("first", thread=began.sequence)
        await c.adas.delete(began)
        await c.adas.send("second", thread=began)
        await c.ben.sync()
        thread = await c.bens.thread(began.sequence)
        assert [line.text for line in thread] == ["", "first", "second"]


async def test_changes_are_heard_as_they_come(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        sent = await c.adas.send("one")
        await c.ben.sync()
        heard: list[tuple[int, str, int]] = []

        async def listen() -> None:
            async for line in c.bens.changes():
                heard.append((line.sequence, line.text, len(line.reactions)))
                if len(heard) == 3:
                    return

        listening = asyncio.create_task(listen())
        await c.ben._session.live.wait()
        await c.adas.edit(sent, "1")
        await c.adas.react(sent, "❤")
        last = await c.adas.send("two")
        await asyncio.wait_for(listening, PATIENCE_S)
        n = sent.sequence
        assert heard == [(n, "1", 0), (n, "1", 1), (last.sequence, "two", 0)]


async def test_by_commands(tmp_path: Path, shell: Shell) -> None:
    async with running_server(tmp_path) as server:
        async with cast(tmp_path, server) as c:
            sent = await c.adas.send("good morning")
        run = shell.run
        n = str(sent.sequence)
        replied = (await run("ben", "reply", "Research", n, "morning!", "--json")).json
        assert replied["reply_to"] == sent.sequence
        in_thread = await run("ben", "reply", "Research", n, "more", "--thread", "--json")
        assert in_thread.json["thread"] == sent.sequence
        reacted = (await run("ben", "react", "Research", n, "👍", "--json")).json
        assert [p["name"] for p in reacted["reactions"]["👍"]] == ["Ben"]
        edited = (await run("ada", "edit", "Research", n, "Good morning", "--json")).json
        assert (edited["text"], edited["is_edited"]) == ("Good morning", True)
        gone = await run("ben", "delete", "Research", str(replied["sequence"]), "--json")
        assert gone.json["is_deleted"]
        undone = await run("ben", "react", "Research", n, "👍", "--undo", "--json")
        assert undone.json["reactions"] == {}
        called = await run("ada", "send", "Research", "look", "--mention", "all", "--json")
        assert called.json["mentions"] == ["all"]
        shown = await run("ada", "read", "Research")
        assert f"#{n}  Ada: Good morning (edited)" in shown.out
        assert f"> #{n}  Ben: more" in shown.out
        assert "(deleted)" in shown.out
        thread = (await run("ada", "thread", "Research", n, "--json")).lines
        assert [m["text"] for m in thread] == ["Good morning", "", "more"]
        refused = await run("ben", "edit", "Research", n, "mine", "--json")
        assert refused.code == 2
        assert (await run("ben", "react", "Research", "99", "x", "--json")).code == 3
