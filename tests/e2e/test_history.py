"""What was said before a device came in: real clients, a real server, TLS."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import mifeng
from mifeng.content.documents import HandedHistory, HistoryReceiver
from mifeng.session.live import Listener
from mifeng_crypto.api.messages import ShareReply
from mifeng_crypto.api.problems import ProblemCode
from mifeng_crypto.history import HistoryPart
from mifeng_crypto.ids import FileId, UnixMillis
from mifeng_crypto.ledger.policy import History, Keep, Strict
from tests.e2e.people import PASSPHRASE, cast
from tests.e2e.test_devices import linking_to
from tests.support.patience import PATIENCE_S
from tests.support.server import running_server


async def test_a_linked_device_reads_all_that_was_there_before_it(tmp_path: Path) -> None:
    picture = tmp_path / "plan.txt"
    picture.write_bytes(b"the plan" * 5000)
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        first = await c.adas.send("one")
        await c.ben.sync()
        await c.bens.send("two", reply_to=first.sequence)
        await c.bens.react(first.sequence, "👍")
        await c.adas.upload(picture)
        await c.ben.sync()
        await c.ada.sync()
        await c.adas.edit(first.sequence, "one, edited")
        await c.ben.sync()
        async with (
            c.ben.devices.link() as offer,
            linking_to(tmp_path / "laptop", offer.link) as (new, ready),
        ):
            await offer.requested()
            assert await offer.approve(await new.code())
            assert offer.shared == 3
            await ready
            laptop = new.me
            assert laptop is not None
            await laptop.sync()
            unit = laptop.unit("Research")
            here, there = await unit.history(), await c.bens.history()
            assert [m.text for m in here] == ["one, edited", "two", "", ""]
            told = here[-1]
            assert (told.notice, told.sender) == ("history", c.ben.me)
            before = [m.sequence for m in here[:-1]]
            assert [m for m in here if m.sequence in before] == [
                m for m in there if m.sequence in before
            ]
            saved = await unit.download(here[2].files[0], tmp_path / "opened.txt")
            assert saved.read_bytes() == picture.read_bytes()
            assert await laptop.alarms() == []


async def test_newcomers_read_of_before_only_where_the_unit_lets_them(tmp_path: Path) -> None:
    file = tmp_path / "old.txt"
    file.write_bytes(b"from before")
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        await c.adas.set_policy(history=History.WINDOW)
        quiet = await c.ada.create_unit("Quiet")
        assert await quiet.grant(c.ada.person("Ben"))
        for unit in (c.adas, quiet):
            await unit.send("before")
            await unit.upload(file)
        old = (await quiet.history())[-1].files[0]
        await c.ben.sync()
        await c.bens.send("Ben, before")
        invitation = await c.ada.invite()
        async with mifeng.join(
            invitation.link, profile=tmp_path / "cy", name="Cy", passphrase=PASSPHRASE
        ) as cy:
            await c.ada.sync()
            with c.ada.events() as given:
                for unit in (c.adas, quiet):
                    assert await unit.grant(c.ada.person("Cy"))
                await c.ada._session.history.settle()
                event = await _next(given)
            assert (event.messages, event.receivers) == (3, (cy.me.id,))
            await cy.sync()
            here = await cy.unit("Research").history()
            assert [m.text for m in here] == ["before", "", "Ben, before", ""]
            assert [m.sender.name for m in here if m.sender] == ["Ada", "Ada", "Ben", "Ada"]
            assert here[-1].history is not None
            assert here[-1].history.is_for_this
            assert here[-1].history.messages == 3
            saved = await cy.unit("Research").download(here[1].files[0], tmp_path / "got.txt")
            assert saved.read_bytes() == b"from before"
            assert await cy.unit("Quiet").history() == []
            # The server gives nobody what was posted before he came, where the unit says so.
            with pytest.raises(mifeng.ServerProblem) as refused:
                await cy._session.api.call("share", ShareReply, path={"file_id": old.id})
            assert refused.value.code is ProblemCode.NOT_FOUND
            await c.ben.sync()
            told = (await c.bens.history())[-1].history
            assert told is not None
            assert (told.messages, [p.name for p in told.people]) == (3, ["Cy"])
            assert not told.is_for_this
            # What is said from here on goes on as ever, and answers what was handed over.
            await cy.unit("Research").react(here[0].sequence, "👍")
            await c.ada.sync()
            assert [r.emoji for r in (await c.adas.message(here[0].sequence)).reactions] == ["👍"]


async def _next(events: Listener) -> mifeng.HistoryGiven:
    async with asyncio.timeout(PATIENCE_S):
        async for event in events:
            if isinstance(event, mifeng.HistoryGiven):
                return event
    raise AssertionError("events do not end")


async def test_what_is_pressed_upon_a_newcomer_is_named_and_not_shown(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        await c.adas.set_policy(history=History.WINDOW)
        await c.adas.send("before")
        invitation = await c.ada.invite()
        async with mifeng.join(
            invitation.link, profile=tmp_path / "cy", name="Cy", passphrase=PASSPHRASE
        ) as cy:
            await c.ada.sync()
            await c.adas.grant(c.ada.person("Cy"))
            await c.ada.sync()
            await cy.sync()
            await c.ben.sync()
            part = HistoryPart(
                FileId(b"f" * 16),
                bytes(32),
                bytes(32),
                9,
                1,
                UnixMillis(1 << 42),
                Strict.OFF,
                1,
                2,
                2,
            )
            document = HandedHistory(
                joined=cy.unit("Research")._state.log.head,
                messages=99,
                parts=(part,),
                receivers=(HistoryReceiver(cy.me.id, cy.device_id, b"x" * 1200),),
                keys=b"k" * 64,
            )
            await c.bens._say(document)
            await cy.sync()
            here = await cy.unit("Research").history()
            assert [m.text for m in here if m.text] == ["before"]
            assert not here[-1].history
            assert "HISTORY-2" in here[-1].problem
            assert [alarm.rule for alarm in await cy.alarms()] == ["HISTORY-2"]
            rows = await cy._session.home.database.scan("history")
            assert [key[16:17] for key, _ in rows] == [b"j"]


async def test_what_was_brought_for_one_serves_the_next_and_only_what_is_new_is_brought(
    tmp_path: Path,
) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        await c.adas.set_policy(history=History.WINDOW, keep=Keep.DENIED)
        await c.adas.send("before")
        files = []
        for name in ("Cy", "Di"):
            invitation = await c.ada.invite()
            async with mifeng.join(
                invitation.link, profile=tmp_path / name, name=name, passphrase=PASSPHRASE
            ) as new:
                await c.ada.sync()
                assert await c.adas.grant(c.ada.person(name))
                await c.ada.sync()
                await new.sync()
                here = await new.unit("Research").history()
                texts = [m.text for m in here if m.notice != "history"]
                assert texts == ["before", "between"][: len(texts)]
                assert [m.history.is_for_this for m in here if m.history][-1]
            rows = await c.ada._session.home.database.scan("history")
            files.append({key for key, row in rows if key[16:17] == b"p" and row})
            assert not [key for key, _ in rows if key[16:17] == b"g"]
        assert files[0] == files[1]
