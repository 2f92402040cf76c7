"""Looking on and around: confirmations as they come, a jump to a message, pages, lists."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from pathlib import Path

import pytest

import mifeng
from mifeng.errors import ReadOnlyError
from mifeng.sdk.tables import approvals_csv
from mifeng.sdk.wording import in_words
from mifeng_crypto.ledger.charter_entry import UnitKind, UnitRole
from tests.e2e.people import PASSPHRASE, cast
from tests.e2e.shell import Shell
from tests.support.patience import PATIENCE_S
from tests.support.server import running_server


async def test_confirmations_are_shown_as_they_come(tmp_path: Path, shell: Shell) -> None:
    async with running_server(tmp_path) as server:
        async with cast(tmp_path, server) as c:
            n = str((await c.adas.announce("Drill", "At ten.")).sequence)
        watching = asyncio.create_task(
            shell.run("ada", "confirmations", "Research", n, "--watch", "--json")
        )
        async with mifeng.open(c.home("ben"), passphrase=PASSPHRASE) as ben:
            await ben.unit("Research").confirm(int(n))
        seen = [
            line["announcement"] for line in (await asyncio.wait_for(watching, PATIENCE_S)).lines
        ]
        assert [len(one["confirmed"]) for one in seen][-1] == 1
        assert seen[-1]["missing"] == []
        done = await shell.ok("ada", "confirmations", "Research", n, "--watch")
        assert "1 of 1 have confirmed." in done.out


async def test_a_jump_leads_to_a_message_and_what_stands_around_it(
    tmp_path: Path, shell: Shell
) -> None:
    async with running_server(tmp_path) as server:
        async with cast(tmp_path, server) as c:
            sent = [await c.adas.send(str(n)) for n in range(12)]
            found = await c.adas.around(sent[6], span=5)
            assert [m.text for m in found] == ["4", "5", "6", "7", "8"]
            assert [m.text for m in await c.adas.around(sent[11], span=3)] == ["9", "10", "11"]
            with pytest.raises(mifeng.NotFoundError):
                await c.adas.around(99)
        n = str(sent[2].sequence)
        lines = (
            await shell.run("ada", "read", "Research", "--around", n, "-n", "3", "--json")
        ).lines
        assert [line["text"] for line in lines] == ["1", "2", "3"]


async def test_a_page_shows_who_somebody_is_and_what_was_posted(
    tmp_path: Path, shell: Shell
) -> None:
    async with running_server(tmp_path) as server:
        async with cast(tmp_path, server) as c:
            sent = await c.bens.send("my first post")
            await c.ada.sync()
            await c.adas.send("welcome", reply_to=sent.sequence)
        page = (await shell.run("ada", "profile", "show", "Ben", "--json")).json
        assert (page["name"], page["role"], page["kind"]) == ("Ben", "member", "person")
        assert [unit["title"] for unit in page["units"]] == ["Research"]
        assert [post["text"] for post in page["posts"]] == ["my first post"]
        shown = await shell.ok("ben", "profile", "show")
        assert "my first post" in shown.out
        assert "1 answer" in shown.out
        await shell.ok("ada", "mute", "--person", "Ben")
        rows = (await shell.run("ada", "follow", "--json")).lines
        assert [row.get("followed", row.get("muted")) for row in rows] == [True, True]
        assert "not in your feed" in (await shell.ok("ada", "follow")).out


async def test_a_units_requests_are_listed_with_unit_and_names_of_files(
    tmp_path: Path, shell: Shell
) -> None:
    (tmp_path / "ticket.pdf").write_bytes(b"%PDF-1.4")
    async with running_server(tmp_path) as server:
        async with cast(tmp_path, server) as c:
            fields = {"amount": "CNY 12.50", "day": "2026-02-02", "purpose": "=1+1"}
            fields["receipt"] = "ticket.pdf"
            steps = [("one", [c.ben.person("Ada")])]
            sent = await c.bens.request("expense", "@Train", fields, steps, tmp_path / "ticket.pdf")
            assert sent.approval is not None
            assert dict(sent.approval.answers)["receipt"] == "ticket.pdf"
            await c.bens.remind(sent)
            await c.ada.sync()
            (due,) = await c.ada.requests()
            assert due.message.approval is not None
            assert due.message.approval.reminded_me
            assert "You were reminded." in "".join(in_words(due.message))
            await c.adas.approve(sent.sequence)
            assert await c.ada.requests() == []
            found = await c.ada.requests(unit=c.adas)
            (row,) = list(csv.DictReader(io.StringIO(approvals_csv(found))))
            assert (row["Unit"], row["Title"], row["Standing"]) == (
                "Research",
                "'@Train",
                "approved",
            )
            assert "Receipt: ticket.pdf" in row["Fields"]
        listed = (await shell.run("ada", "approval", "list", "--unit", "Research", "--json")).lines
        assert [one["approval"]["standing"] for one in listed] == ["approved"]
        assert "Nothing waits for you." in (await shell.ok("ada", "approval", "list")).err


async def test_what_would_be_refused_is_said_before_it_is_sent(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        ada, at = c.ben.person("Ada"), c.bens.sequence
        ask = {"text": "please"}
        for fields, steps, why in (
            ({"text": "x" * 100_001}, [("one", [ada])], "too long"),
            (ask, [("all", [ada])], "one person, or of all"),
            (ask, [("one", [c.ben.me])], "nobody approves his own form"),
            (ask, [], "name who decides"),
            (ask, [("most", [ada])], "one, all or any"),
        ):
            with pytest.raises(mifeng.UsageError, match=why):
                await c.bens.request("free", "A bicycle", fields, steps)
        money = {"amount": "CNY 1e9", "day": "2026-01-01", "purpose": "x"}
        with pytest.raises(mifeng.UsageError, match="15 digits"):
            await c.bens.request("expense", "Lunch", money, [("one", [ada])])
        with pytest.raises(mifeng.UsageError, match="2 to 50 choices"):
            await c.bens.ask("Lunch?", "noodles")
        with pytest.raises(mifeng.UsageError, match="1 to 200"):
            await c.bens.announce("two\nlines", "x")
        template = (await c.bens.templates())["free"]
        with pytest.raises(mifeng.UsageError, match="only managers"):
            await c.bens.post_template(template)
        await c.ben.sync()
        assert c.bens.sequence == at


async def test_who_may_only_read_is_told_so_before_a_file_goes_up(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        news = await c.ada.create_unit("News", kind=UnitKind.CHANNEL)
        assert await news.grant(c.ada.person("Ben"), UnitRole.READER)
        await c.ben.sync()
        theirs = c.ben.unit("News")
        for act in (
            theirs.send("x"),
            theirs.upload(tmp_path / "a.txt"),
            theirs.announce("x", "y", tmp_path / "a.txt"),
            theirs.ask("x?", "y", "z"),
        ):
            with pytest.raises(ReadOnlyError, match="ask a manager of News"):
                await act
        assert await theirs.unfinished() == []


async def test_a_template_names_people_by_name(tmp_path: Path, shell: Shell) -> None:
    async with running_server(tmp_path) as server:
        async with cast(tmp_path, server):
            pass
        path = tmp_path / "car.json"
        facts = {"name": "car", "fields": [{"label": "km", "kind": "number"}]}
        facts["steps"] = [{"rule": "one", "approvers": ["Ada"]}]
        path.write_text(json.dumps(facts))
        added = await shell.run("ada", "approval", "templates", "Research", "--add", str(path))
        assert "car" in added.out
        asked = await shell.run(
            *("ben", "approval", "request", "Research", "To Ulm", "--template", "car"),
            *("--field", "km=120", "--json"),
        )
        assert [one["name"] for one in asked.json["approval"]["waiting_for"]] == ["Ada"]


async def test_standard_fields_are_called_as_in_the_readers_language(
    tmp_path: Path, shell: Shell
) -> None:
    async with running_server(tmp_path) as server:
        async with cast(tmp_path, server):
            pass
        words = ("approval", "request", "Research", "两天", "--template", "leave", "--step", "Ada")
        fields = ("--field", "类型=年假", "--field", "日期范围=2026-02-02..2026-02-03")
        with mifeng.text.speaking("zh_CN"):
            shown = await shell.ok("ben", *words, *fields)
        assert "类型: 年假" in shown.out
        (facts,) = (await shell.run("ada", "approval", "list", "--json")).lines
        assert facts["approval"]["answers"][0] == {"label": "kind", "value": "annual"}
