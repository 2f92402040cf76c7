"""A day's work: a poll, an approval through its chain, search, feed, receipts, exports."""

from __future__ import annotations

import csv
import dataclasses
import datetime as dt
import io
import json
from pathlib import Path

import pytest

import mifeng
from mifeng.core.proof import APPROVAL_MAGIC, verify_approval
from mifeng.sdk.tables import approvals_csv
from mifeng_crypto.errors import MifengError
from mifeng_crypto.ledger.charter_entry import UnitKind
from mifeng_crypto.ledger.policy import Export, Receipts
from tests.e2e.people import PASSPHRASE, cast
from tests.e2e.shell import Shell
from tests.support.server import running_server


async def test_a_poll_is_counted_the_same_by_both(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        ends = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
        sent = await c.adas.ask("Lunch?", "noodles", "rice", closes_at=ends)
        await c.ben.sync()
        await c.bens.vote(sent.sequence, 1)
        await c.bens.vote(sent.sequence, 2)
        await c.ada.sync()
        await c.adas.vote(sent, 2)
        await c.ben.sync()
        for unit in (c.adas, c.bens):
            poll = (await unit.message(sent.sequence)).poll
            assert poll is not None
            assert [[str(p) for p in choice.people] for choice in poll.choices] == [
                [],
                ["Ben", "Ada"],
            ]
            assert (poll.voted, poll.voters, poll.is_open, poll.mine) == (2, 2, True, (2,))
        with pytest.raises(mifeng.UsageError, match="1 to 2"):
            await c.bens.vote(sent.sequence, 3)
        with pytest.raises(mifeng.UsageError, match="only its author"):
            await c.bens.close_poll(sent.sequence)
        await c.adas.close_poll(sent)
        await c.ben.sync()
        with pytest.raises(mifeng.UsageError, match="closed"):
            await c.bens.vote(sent.sequence, 1)


async def test_a_request_goes_through_its_chain_and_is_proven(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        invitation = await c.ada.invite()
        async with mifeng.join(
            invitation.link, profile=c.home("cai"), name="Cai", passphrase=PASSPHRASE
        ) as cai:
            await c.ada.sync()
            assert await c.adas.grant(c.ada.person("Cai"))
            await cai.sync()
            await c.ben.sync()
            ada, third = c.ben.person("Ada"), cai.unit("Research")
            fields = {"kind": "annual", "days": "2026-02-02..2026-02-03", "reason": "a wedding"}
            steps = [("one", [ada]), ("any", [ada, c.ben.person("Cai")])]
            sent = await c.bens.request("leave", "Two days off", fields, steps)
            n = sent.sequence
            await c.bens.remind(sent)
            for me in (c.ada, cai):
                await me.sync()
            (due,) = await c.ada.requests()
            assert due.message.sequence == n
            assert await cai.requests() == []
            with pytest.raises(mifeng.UsageError, match="not due"):
                await third.approve(n)
            await c.adas.approve(n, "enjoy")
            await cai.sync()
            # Two decisions that cross: neither has seen the other's.
            await third.reject(n, "no")
            crossed = await c.adas.message(n)
            assert crossed.approval is not None
            assert crossed.approval.standing == "pending"
            await c.ada.sync()
            await c.ben.sync()
            found = [await unit.message(n) for unit in (c.adas, c.bens, third)]
            states = [one.approval for one in found]
            assert {s.standing for s in states if s} == {"rejected"}
            assert {tuple((str(d.person), d.verdict) for d in s.history) for s in states if s} == {
                (("Ada", "approved"), ("Cai", "rejected"))
            }
            (mine,) = await c.ben.requests(mine=True)
            table = list(csv.reader(io.StringIO(approvals_csv([mine]))))
            assert table[1][5:7] == ["Two days off", "rejected"]
            proof = await c.bens.export_approval(n)
            proven = verify_approval(proof)
            assert (proven.standing, proven.form.title) == ("rejected", "Two days off")
            assert [one.verdict for one in proven.history] == ["approved", "rejected"]
            for at in range(len(APPROVAL_MAGIC), len(proof), 11):
                bent = proof[:at] + bytes([proof[at] ^ 1]) + proof[at + 1 :]
                try:
                    other = verify_approval(bent)
                except MifengError:
                    continue
                assert dataclasses.replace(other, names=proven.names) == proven, at


async def test_search_feed_and_profile_page(tmp_path: Path) -> None:
    (tmp_path / "项目计划.txt").write_text("plan")
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        chat = await c.ada.create_unit("Chat", kind=UnitKind.GROUP)
        await chat.send("budget in the chat")
        first = await c.adas.send("The budget is approved")
        await c.adas.upload(tmp_path / "项目计划.txt", caption="here")
        await c.ben.sync()
        await c.bens.send("thanks", reply_to=first.sequence)
        mine = await c.bens.send("my own post")
        await c.ada.sync()
        assert [f.message.text for f in await c.ada.search("budget")] == [
            "The budget is approved",
            "budget in the chat",
        ]
        (hit,) = await c.ada.search("xmjh has:file")
        assert [file.name for file in hit.message.files] == ["项目计划.txt"]
        assert [f.message.text for f in await c.ada.search("budget in:Chat")] == [
            "budget in the chat"
        ]
        assert [f.message.text for f in await c.ada.search("from:Ben")] == [
            "my own post",
            "thanks",
        ]
        assert await c.ada.search("budget before:2001-01-01") == []
        with pytest.raises(mifeng.UsageError, match="no day"):
            await c.ada.search("before:tomorrow")
        await c.adas.delete(first)
        assert [f.unit.title for f in await c.ada.search("budget")] == ["Chat"]

        feed = [f.message.text for f in await c.ada.feed()]
        assert feed == ["my own post", "here"]  # a group only once it is followed
        await c.ada.follow_unit(chat)
        assert [f.unit.title for f in await c.ada.feed()] == ["Research", "Research", "Chat"]
        await c.ada.mute_person(c.ada.person("Ben"))
        assert [f.message.text for f in await c.ada.feed()] == ["here", "budget in the chat"]
        await c.ada.follow_unit(c.adas, on=False)
        assert [f.unit.title for f in await c.ada.feed()] == ["Chat"]
        page = await c.ada.posts_of(c.ada.person("Ben"))
        assert [f.message.sequence for f in page] == [mine.sequence]


async def test_receipts_only_where_the_policy_asks_and_one_for_all(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        sent = [await c.adas.send(str(n)) for n in range(3)]
        await c.ben.sync()
        before = c.bens.sequence
        await c.bens.mark_read()
        assert c.bens.sequence == before, "nobody has asked for it"
        await c.adas.set_policy(receipts=Receipts.ON)
        await c.ben.sync()
        await c.bens.mark_read(sent[1])
        for _ in range(20):
            await c.bens.mark_read()
        await c.ada.sync()
        assert [str(p) for p in (await c.adas.receipts(sent[1]))[0]] == ["Ben"]
        assert [str(p) for p in (await c.adas.receipts(sent[2]))[1]] == ["Ben"]
        at = c.adas.sequence
        for _ in range(20):
            await c.adas.react(sent[0], "👍")
            await c.adas.unreact(sent[0], "👍")
        await c.ben.sync()
        await c.bens.mark_read()
        assert c.bens.sequence == c.adas.sequence > at, "reactions cause no receipt"


async def test_a_unit_is_called_something_else(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        said = await c.adas.set_profile(title="Bees", topic="honey", purpose="*sweet*")
        assert said.notice == "profile"
        await c.ben.sync()
        assert (c.bens.title, c.bens.topic) == ("Bees", "honey")
        with pytest.raises(mifeng.UsageError, match="only managers"):
            await c.bens.set_profile(title="Wasps")


async def test_an_export_is_told_complete_and_harmless(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("content of a")
    evil = "<script>alert(1)</script> <img src=x onerror=alert(1)> \x1b[2J"
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        await c.adas.set_policy(export=Export.NOTICE)
        await c.adas.send(evil)
        await c.adas.upload(tmp_path / "a.txt", caption="a file")
        drill = await c.adas.announce("Drill <b>", "At ten.")
        await c.ben.sync()
        await c.bens.confirm(drill.sequence)
        await c.bens.react(drill.sequence, "👍")
        await c.bens.send("got it", reply_to=drill.sequence)
        done = await c.bens.export(tmp_path / "out")
        assert (done.files, done.missing) == (1, ())
        with pytest.raises(mifeng.UsageError, match="not empty"):
            await c.bens.export(tmp_path / "out")
        lines = [
            json.loads(line)
            for line in (tmp_path / "out" / "messages.jsonl").read_text("utf-8").splitlines()
        ]
        texts = [line["text"] for line in lines if line["kind"] == "message"]
        assert evil in texts
        (path,) = [file["path"] for line in lines for file in line["files"]]
        assert (tmp_path / "out" / path).read_text() == "content of a"
        page = (tmp_path / "out" / "index.html").read_text("utf-8")
        assert "<script>" not in page
        assert "<img" not in page
        assert "\x1b" not in page
        assert "Drill &lt;b&gt;" in page
        assert "Confirmed: Ben" in page
        assert "<footer>👍 Ben</footer>" in page
        assert f'<a href="#n{drill.sequence}">' in page
        assert "(has exported what can be read here)" in page
        await c.ada.sync()
        assert [m.notice for m in await c.adas.history()][-1] == "exported"


async def test_by_commands(tmp_path: Path, shell: Shell) -> None:
    async with running_server(tmp_path) as server:
        async with cast(tmp_path, server):
            pass
        run = shell.run
        asked = (await run("ada", "poll", "ask", "Research", "Tea?", "yes", "no", "--json")).json
        n = str(asked["sequence"])
        voted = (await run("ben", "poll", "vote", "Research", n, "1", "--json")).json
        assert voted["poll"]["mine"] == [1]
        closed = await run("ada", "poll", "close", "Research", n)
        assert "yes: 1" in closed.out
        assert "Closed." in closed.out
        asked = (
            await run(
                *("ben", "approval", "request", "Research", "Screen", "--template", "purchase"),
                *("--field", "item=A screen", "--field", "amount=CNY 999.90"),
                *("--field", "reason=eyes", "--step", "Ada", "--json"),
            )
        ).json
        n = str(asked["sequence"])
        assert asked["approval"]["waiting_for"][0]["name"] == "Ada"
        waiting = (await run("ada", "approval", "list", "--json")).lines
        assert [one["sequence"] for one in waiting] == [asked["sequence"]]
        approved = await run("ada", "approval", "approve", "Research", n, "--comment", "fine")
        assert "[approved] Screen" in approved.out
        assert "Amount: CNY 999.90" in approved.out
        again = await run("ada", "approval", "reject", "Research", n)
        assert again.code == 2
        table = tmp_path / "list.csv"
        await run("ben", "approval", "list", "--mine", "--csv", str(table))
        assert "Screen" in table.read_text("utf-8-sig")
        proof = tmp_path / "approval.bin"
        assert (await run("ben", "approval", "export", "Research", n, str(proof))).code == 0
        checked = (await run("nobody", "verify-approval", str(proof), "--json")).json
        assert checked["standing"] == "approved"
        assert {"label": "amount", "value": "CNY 999.90"} in checked["answers"]
        told = await run("nobody", "audit", str(proof))
        assert "[approved] Screen" in told.out
        assert "Amount: CNY 999.90" in told.out
        audited = (await run("nobody", "audit", str(proof), "--json")).json
        assert audited == checked
        wrong = await run("ben", "approval", "request", "Research", "x", "--field", "text")
        assert wrong.code == 2
        template = tmp_path / "t.json"
        field = {"label": "car", "kind": "choice", "choices": ["red", "blue"]}
        template.write_text(json.dumps({"name": "car", "fields": [field]}))
        names = await run("ada", "approval", "templates", "Research", "--add", str(template))
        assert "car" in names.out
        hits = (await run("ada", "search", "screen", "--json")).lines
        assert [hit["sequence"] for hit in hits] == [asked["sequence"]]
        assert (await run("ada", "feed", "--json")).lines
        assert (await run("ada", "mute", "Research", "--json")).json["muted"]
        assert (await run("ada", "feed", "--json")).lines == []
        assert (await run("ada", "follow", "Research", "--json")).json["followed"]
        renamed = await run("ada", "unit", "profile", "Research", "--title", "Bees", "--json")
        assert renamed.json["title"] == "Bees"
        unsaid = await run("ada", "unit", "profile", "Bees")
        assert (unsaid.code, "--topic" in unsaid.err) == (2, True)
        seen = await run("ada", "receipts", "Bees", n, "--json")
        assert seen.json == {"read": [], "received": []}
        out = await run("ada", "export", "Bees", str(tmp_path / "out"), "--json")
        assert out.json["messages"] > 0
