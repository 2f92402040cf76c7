"""Announcements from post to proof, by people and by commands; in a unit and in a tree of them."""

from __future__ import annotations

from pathlib import Path

import pytest

import mifeng
from mifeng.core.proof import MAGIC, verify_confirmations
from mifeng_crypto.errors import MifengError
from mifeng_crypto.ledger.charter_entry import UnitKind, UnitRole
from tests.e2e.people import cast
from tests.e2e.shell import Shell
from tests.support.server import running_server


async def test_an_announcement_is_confirmed_reminded_and_proven(tmp_path: Path) -> None:
    (tmp_path / "plan.txt").write_text("out by the back door")
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        sent = await c.adas.announce("Fire drill", "At *ten*.", tmp_path / "plan.txt")
        assert sent.announcement is not None
        assert [str(p) for p in sent.announcement.missing] == ["Ben"]
        assert not sent.announcement.asks_me
        await c.adas.remind(sent)
        await c.ben.sync()
        theirs = await c.bens.message(sent.sequence)
        assert theirs.announcement is not None
        assert theirs.announcement.asks_me
        assert theirs.announcement.reminded_me
        assert [file.name for file in theirs.files] == ["plan.txt"]
        with pytest.raises(mifeng.UsageError, match="only its author"):
            await c.bens.remind(sent.sequence)
        done = await c.bens.confirm(sent.sequence)
        assert done.announcement is not None
        assert not done.announcement.asks_me
        await c.ada.sync()
        now = (await c.adas.message(sent.sequence)).announcement
        assert now is not None
        assert ([str(p) for p, _ in now.confirmed], now.missing) == (["Ben"], ())
        with pytest.raises(mifeng.UsageError, match="nobody to remind"):
            await c.adas.remind(sent)

        proof = await c.adas.export_confirmations(sent)
        proven = verify_confirmations(proof)
        assert proven.announcement.title == "Fire drill"
        assert [who for who, _ in proven.confirmed] == [c.ben.me.id]
        assert proven.missing == ()
        assert proven.workspace_number == c.ada.safety_number().replace(" ", "")


async def test_a_proof_with_any_byte_changed_proves_nothing(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        sent = await c.adas.announce("Fire drill", "At ten.")
        await c.ben.sync()
        await c.bens.confirm(sent.sequence)
        await c.ada.sync()
        proof = await c.adas.export_confirmations(sent)
        honest = verify_confirmations(proof)
        for at in range(len(MAGIC), len(proof), 7):
            bent = proof[:at] + bytes([proof[at] ^ 1]) + proof[at + 1 :]
            try:
                proven = verify_confirmations(bent)
            except MifengError:
                continue
            # What nobody has signed are names, and they prove nothing.
            assert proven.names != honest.names, at
            assert (proven.confirmed, proven.missing) == (honest.confirmed, honest.missing)
        with pytest.raises(mifeng.UsageError, match="no file of confirmations"):
            verify_confirmations(b"something else")


async def test_readers_of_a_channel_confirm_and_react_and_do_not_post(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        channel = await c.ada.create_unit("News", kind=UnitKind.CHANNEL)
        assert await channel.grant(c.ada.person("Ben"), UnitRole.READER)
        sent = await channel.announce("We have moved", "Fifth floor.")
        await c.ben.sync()
        theirs = c.ben.unit("News")
        await theirs.confirm(sent.sequence)
        await theirs.react(sent.sequence, "🎉")
        with pytest.raises(MifengError, match="GATE-25|may read here"):
            await theirs.send("nice")
        await c.ada.sync()
        now = await channel.message(sent.sequence)
        assert now.announcement is not None
        assert [str(p) for p, _ in now.announcement.confirmed] == ["Ben"]
        assert [r.emoji for r in now.reactions] == ["🎉"]


async def test_a_cascade_posts_where_one_may_and_lists_the_rest(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        top = await c.ada.create_unit("Top")
        left = await c.ada.create_unit("Left", parent=top)
        await c.ada.create_unit("Left of left", parent=left)
        right = await c.ada.create_unit("Right", parent=top)
        await right.grant(c.ada.person("Ben"), UnitRole.MANAGER)
        await c.ben.sync()
        below = await c.ben.create_unit("Below right", parent=c.ben.unit("Right"))
        await c.ben.unit("Right").grant(c.ben.person("Ada"), UnitRole.READER)
        await c.ada.sync()
        done = await c.ada.announce(top, "To all", "below me")
        assert [unit.title for unit, _ in done.posted] == ["Top", "Left", "Left of left"]
        (reader, why) = done.left_out[0]
        assert (reader.title, why) == ("Right", "you may read here and not post")
        assert below.id in {place.id for place, _ in done.left_out} or len(done.left_out) == 1


async def test_by_commands(tmp_path: Path, shell: Shell) -> None:
    async with running_server(tmp_path) as server:
        async with cast(tmp_path, server):
            pass
        run = shell.run
        sent = (await run("ada", "announce", "Research", "Drill", "At ten.", "--json")).json
        n = str(sent["sequence"])
        assert [p["name"] for p in sent["announcement"]["missing"]] == ["Ben"]
        shown = await run("ben", "read", "Research")
        assert "** Drill **" in shown.out
        assert "Please confirm." in shown.out
        reminded = await run("ada", "remind", "Research", n)
        assert "Reminded 1 person." in reminded.out
        confirmed = (await run("ben", "confirm", "Research", n, "--json")).json
        assert confirmed["announcement"]["asks_me"] is False
        proof = tmp_path / "proof.bin"
        table = await run("ada", "confirmations", "Research", n, "--export", str(proof))
        assert "1 of 1 have confirmed." in table.out
        checked = (await run("nobody", "verify-confirmations", str(proof), "--json")).json
        assert (len(checked["confirmed"]), checked["missing"]) == (1, [])
        proof.write_bytes(proof.read_bytes()[:-9] + bytes(9))
        assert (await run("nobody", "verify-confirmations", str(proof))).code == 7
        refused = await run("ada", "confirm", "Research", "1")
        assert refused.code in (2, 3)
        cascaded = await run("ada", "announce", "Research", "All", "x", "--cascade", "--json")
        assert cascaded.lines[0]["announcement"]["title"] == "All"
