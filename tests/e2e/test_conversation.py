"""The whole path over TLS: found, invite, join, unit, grant, messages both ways, removal."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import mifeng
from mifeng import content
from mifeng.core import outbox
from mifeng.core.events import NewEntry
from mifeng.session import ledgers
from mifeng_crypto.errors import MifengError
from mifeng_crypto.ids import UnixMillis
from mifeng_crypto.ledger.charter_entry import Revoke
from mifeng_server.domain import nonces
from tests.e2e.people import PASSPHRASE, cast
from tests.support.patience import PATIENCE_S
from tests.support.server import ManualClock, running_server


async def test_two_people_talk_both_ways(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        sent = await c.adas.send("Good morning")
        await c.ben.sync()
        await c.bens.send("好的, and a good day")
        await c.ada.sync()
        for unit in (c.adas, c.bens):
            said = [(str(m.sender), m.text) for m in await unit.history()]
            assert said == [("Ada", "Good morning"), ("Ben", "好的, and a good day")]
            assert {str(m.person) for m in unit.members()} == {"Ada", "Ben"}
        assert (c.bens.title, c.bens.topic) == ("Research", "bees")
        assert sent.size > 0
        assert sent.epoch == 1


async def test_whoever_opens_a_unit_while_online_hears_what_others_say_there(
    tmp_path: Path,
) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        with c.ada.events() as events:
            await c.ada._session.live.wait()
            unit = await c.ada.create_unit("Later")
            assert await unit.grant(c.ada.person("Ben"))
            await c.ben.sync()
            sent = await c.ben.unit("Later").send("here I am")
            async with asyncio.timeout(PATIENCE_S):
                async for event in events:
                    if isinstance(event, NewEntry) and event.sequence == sent.sequence:
                        assert event.unit_id == unit.id
                        break


@pytest.mark.parametrize("suite", [0x0001, 0x0003])
async def test_a_unit_has_the_suite_that_its_creator_chose(tmp_path: Path, suite: int) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        unit = await c.ada.create_unit("Chosen", cipher_suite=suite)
        assert await unit.grant(c.ada.person("Ben"))
        await unit.send("hello")
        await c.ben.sync()
        theirs = c.ben.unit("Chosen")
        assert [m.text for m in await theirs.history()] == ["hello"]
        assert unit.cipher_suite == theirs.cipher_suite == suite
        assert c.adas.cipher_suite == c.bens.cipher_suite == 0xF002


async def test_a_unit_cannot_have_another_suite(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        for other in (0x0002, 0xF001):
            with pytest.raises(MifengError, match="0x0001, 0x0003 or 0xf002"):
                await c.ada.create_unit("Odd", cipher_suite=other)


async def test_a_listener_hears_what_was_and_then_what_comes(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        await c.adas.send("one")
        heard: list[str] = []

        async def listen() -> None:
            async for message in c.bens.messages():
                heard.append(message.text)
                if len(heard) == 3:
                    return

        listening = asyncio.create_task(listen())
        async with asyncio.timeout(PATIENCE_S):
            while heard != ["one"]:
                await asyncio.sleep(0.01)
            await c.adas.send("two")
            await c.adas.send("three")
            await listening
        assert heard == ["one", "two", "three"]


async def test_who_has_given_up_the_own_role_is_told_so_before_the_log_has_brought_it(
    tmp_path: Path,
) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        revoked = Revoke(c.ada.me.id)
        async with c.ada._session.turn(c.adas.id):
            await ledgers.append_to_charter(c.ada._session, c.adas.id, lambda _: revoked)
        with pytest.raises(mifeng.AccessEndedError, match="no longer in Research"):
            await c.adas.send("am I still in?")


async def test_whoever_is_revoked_cannot_read_on(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        await c.adas.send("for both")
        await c.ben.sync()
        await c.adas.revoke(c.ada.person("Ben"))
        secret = await c.adas.send("not for Ben")
        raw = await c.adas.raw_entry(secret.sequence)
        await c.ben.sync()
        assert [m.text for m in await c.bens.history()] == ["for both"]
        with pytest.raises(mifeng.AccessEndedError, match="no longer in Research"):
            c.bens.check_access()
        with pytest.raises(mifeng.AccessEndedError):
            await c.bens.send("let me in")
        with pytest.raises(MifengError):
            c.bens.attempt(raw)
        assert not c.bens.is_member


async def test_whoever_is_removed_from_the_workspace_is_out_everywhere(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        async with cast(tmp_path, server) as c:
            await c.ada.remove(c.ada.person("Ben"))
            secret = await c.adas.send("not for Ben")
            raw = await c.adas.raw_entry(secret.sequence)
            with pytest.raises(MifengError):
                c.bens.attempt(raw)
            with pytest.raises(mifeng.AccessEndedError, match="no longer in the workspace"):
                await c.ben.sync()
        with pytest.raises(mifeng.AccessEndedError):
            async with mifeng.open(c.home("ben"), passphrase=PASSPHRASE):
                pass


async def test_whoever_is_let_in_again_reads_on_from_there(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        ben = c.ada.person("Ben")
        await c.adas.revoke(ben)
        await c.adas.send("not for Ben")
        assert await c.adas.grant(ben)
        await c.adas.send("for Ben again")
        await c.ben.sync()
        assert [m.text for m in await c.bens.history()] == ["for Ben again"]
        await c.bens.send("back")
        await c.ada.sync()
        assert (await c.adas.history())[-1].text == "back"


async def test_what_waits_to_be_sent_survives_being_taken_out_and_let_in_again(
    tmp_path: Path,
) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        session, ben = c.ben._session, c.ada.person("Ben")
        origin = content.Origin(workspace_id=c.ben.id, unit_id=c.bens.id, member_id=c.ben.me.id)
        text = content.encode_text("written on the train", origin=origin, rng=session.rng)
        unit, _ = outbox.queue(session.units[c.bens.id], text, now=session.now())
        await session.save_unit(unit)  # as `send` leaves it when the line is down
        await c.adas.revoke(ben)
        assert await c.adas.grant(ben)
        await c.ben.sync()
        await c.ada.sync()
        assert [m.text for m in await c.adas.history()] == ["written on the train"]


async def test_a_login_that_a_restart_of_the_server_cut_in_two_is_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, lost = nonces.make, list[bytes]()

    def forget_the_first(key: bytes, random: bytes, *, now: int) -> bytes:
        if not lost:
            lost.append(random)
            return kept(bytes(32), random, now=now)
        return kept(key, random, now=now)

    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        monkeypatch.setattr(nonces, "make", forget_the_first)
        c.ben._session.api.forget_token()
        await c.ben.sync()
        assert lost


async def test_a_profile_goes_on_where_it_was(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        async with cast(tmp_path, server) as c:
            await c.adas.send("before")
        async with mifeng.open(c.home("ben"), passphrase=PASSPHRASE) as ben:
            unit = ben.unit("Research")
            await unit.send("after")
            assert [m.text for m in await unit.history()] == ["before", "after"]


async def test_a_file_goes_up_and_comes_down_the_same(tmp_path: Path) -> None:
    data = bytes(range(256)) * 4096 * 3
    (tmp_path / "plan.pdf").write_bytes(data)
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        seen: list[tuple[int, int]] = []
        sent = await c.adas.upload(
            tmp_path / "plan.pdf", progress=lambda done, total: seen.append((done, total))
        )
        await c.ben.sync()
        (message,) = await c.bens.history()
        assert [f.name for f in message.files] == ["plan.pdf"]
        assert message.sequence == sent.sequence
        path = await c.bens.download(message.files[0], tmp_path / "ben")
        assert path.read_bytes() == data
        assert seen
        assert seen[-1][0] == seen[-1][1]


async def to_the_end(events: AsyncIterator[object]) -> None:
    async for _ in events:
        pass


@pytest.mark.parametrize("hours", [25, 80])
async def test_after_a_day_the_keys_are_renewed_before_the_next_message(
    tmp_path: Path, hours: int
) -> None:
    clock = ManualClock(now=time.time_ns() // 1_000_000)
    async with running_server(tmp_path, clock=clock) as server, cast(tmp_path, server) as c:
        await c.adas.send("fresh")
        epoch = c.adas.epoch
        clock.advance(3600)
        for me in (c.ada, c.ben):
            me._session._wall = me._session.api.now = lambda: UnixMillis(clock.now())
        assert (await c.adas.send("still fresh")).epoch == epoch
        clock.advance(hours * 3600)
        assert (await c.adas.send("renewed")).epoch == epoch + 1
        await c.ben.sync()
        assert [m.text for m in await c.bens.history()][-1] == "renewed"


async def test_whoever_listens_is_let_into_a_new_unit_and_hears_what_is_said_there(
    tmp_path: Path,
) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        with c.ben.events() as events:
            await c.ben._session.live.wait()
            second = await c.ada.create_unit("Second")
            await second.grant(c.ada.person("Ben"))
            await second.send("welcome")
            async with asyncio.timeout(PATIENCE_S):
                async for event in events:
                    if isinstance(event, mifeng.UnitJoined):
                        assert event.unit_id == second.id
                        break
                async for message in c.ben.unit("Second").messages():
                    assert message.text == "welcome"
                    break
            await c.ada.remove(c.ada.person("Ben"))
            with pytest.raises(mifeng.AccessEndedError):
                await asyncio.wait_for(to_the_end(events), PATIENCE_S)
