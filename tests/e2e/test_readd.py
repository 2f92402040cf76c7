"""Devices that cannot go on, and devices that were away: let in again, with what they had read."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

import mifeng
from mifeng.core import membership
from mifeng.core.events import DeviceStuck, Event
from mifeng.core.readd import CannotGoOnError
from mifeng.errors import ServerProblem, WaitingError
from mifeng.session import Session
from mifeng_crypto.api.problems import ProblemCode
from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.ids import UnitId, UnixMillis
from mifeng_server.domain.rows import ContentRow, Delete
from tests.e2e.people import PASSPHRASE, Cast, cast
from tests.support.patience import PATIENCE_S, until
from tests.support.server import ManualClock, running_server

DAY = 86_400


def texts(found: list[mifeng.Message]) -> list[str]:
    return [message.problem or message.text for message in found]


@contextlib.contextmanager
def nothing_can_be_processed() -> Iterator[None]:
    """As if every commit of a colleague had been made so that its secrets do not fit."""

    def fail(*_: object) -> None:
        raise ProtocolError("RFC9420-12.4.2-9", "the secrets are not those of the path")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mifeng.core.catch_up.mls.process_commit", fail)
        yield


async def ada_commits(c: Cast) -> None:
    """Ada sends, and renews the keys; Ben has heard of neither."""
    await c.adas.send("before")
    async with c.ada._session.turn(c.adas.id):
        session = c.ada._session
        unit = membership.commit(
            session.units[c.adas.id],
            membership.Due((), (), rotate=True),
            (),
            roster=session.known_roster,
            profile=session.profile,
            now=session.now(),
            rng=session.rng,
        )
        assert unit is not None
        await session.save_unit(unit)
    await c.ada.sync()


async def stuck(c: Cast) -> None:
    """Ben cannot process Ada's commit."""
    await ada_commits(c)
    with nothing_can_be_processed():
        await c.ben.sync()


async def test_a_device_that_cannot_process_a_commit_is_let_in_again_client_11(
    tmp_path: Path,
) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        await stuck(c)
        is_in = c.bens.is_member
        assert not is_in
        with pytest.raises(CannotGoOnError) as caught:
            c.bens.check_access()
        assert caught.value.rule == "CLIENT-11"
        assert texts(await c.bens.history()) == ["before"]  # all that came before it is read
        epoch = c.adas.epoch
        with c.ada.events():
            await until(lambda: c.adas.epoch > epoch and all(m.is_in for m in c.adas.members()))
        await c.ben.sync()
        assert c.bens.is_member
        await c.adas.send("after")
        await c.bens.send("thank you")
        await c.ada.sync()
        assert texts(await c.bens.history()) == ["before", "after", "thank you"]
        assert texts(await c.adas.history()) == ["before", "after", "thank you"]


async def test_who_is_revoked_while_he_waits_to_be_let_in_is_told_so(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        await stuck(c)
        with nothing_can_be_processed():
            await c.adas.revoke(c.ada.person("Ben"))
            await c.ben.sync()
            with pytest.raises(mifeng.AccessEndedError, match="no longer in Research"):
                c.bens.check_access()
        await c.adas.grant(c.ada.person("Ben"))
        await c.ben.sync()
        await c.bens.send("back again")


async def test_who_waits_in_a_later_generation_and_is_revoked_there_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        with monkeypatch.context() as patch:
            patch.setattr("mifeng.session.restart.delivery.bring_about", _nothing)
            await c.adas.restart()
        await c.ben.sync()
        with pytest.raises(WaitingError):
            c.bens.check_access()
        await c.adas.revoke(c.ada.person("Ben"))
        await c.ben.sync()
        with pytest.raises(mifeng.AccessEndedError, match="no longer in Research"):
            c.bens.check_access()


async def _nothing(*_: object) -> None:
    """Let nobody in."""


async def test_a_sync_goes_on_where_opening_a_unit_is_refused_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_answer = asyncio.Event()

    asked = list[UnitId]()

    async def refuse(session: Session, *_: object) -> None:
        asked.extend(session.units)
        await may_answer.wait()
        raise ServerProblem(403, ProblemCode.FORBIDDEN)

    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        monkeypatch.setattr("mifeng.session.delivery.reach", refuse)
        opening = asyncio.create_task(c.ada.create_unit("Refused"))
        await until(lambda: len(asked) == 2)
        session = c.ada._session
        syncing = asyncio.create_task(session.sync())
        await until(lambda: bool(session.turn(asked[1])._waiters))
        may_answer.set()
        with pytest.raises(ServerProblem):
            await opening
        await syncing


async def first(events: AsyncIterator[Event]) -> DeviceStuck:
    async for event in events:
        if isinstance(event, DeviceStuck):
            return event
    raise AssertionError("events do not end")


async def test_the_managers_are_told_who_made_what_cannot_be_processed(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        with c.ada.events() as events:
            await c.ada._session.live.wait()
            await stuck(c)
            async with asyncio.timeout(PATIENCE_S):
                found = await first(events)
        assert (found.member_id, found.author) == (c.ben.me.id, c.ada.me.id)
        assert found.said.rule == "RFC9420-12.4.2-9"


async def test_a_device_that_has_lost_its_keys_is_let_in_again(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        await c.adas.send("before")
        await c.ben.sync()
        invitation = await c.ada.invite()
        async with mifeng.join(
            invitation.link, profile=tmp_path / "cem", name="Cem", passphrase=PASSPHRASE
        ) as cem:
            await c.ada.sync()
            await c.adas.grant(c.ada.person("Cem"))
            await cem.sync()
            await c.adas.send("to all")
            await cem.sync()
            rows = await cem._session.home.database.scan("mls", c.adas.id)
            await cem._session.save({("mls", key): None for key, _ in rows})
        with c.ada.events():
            await c.ada._session.live.wait()
            async with mifeng.open(tmp_path / "cem", passphrase=PASSPHRASE) as cem:
                unit = cem.unit("Research")
                assert not unit.is_member
                await until(lambda: c.adas.epoch >= 3 and all(m.is_in for m in c.adas.members()))
                await cem.sync()
                await unit.send("here again")
                assert texts(await unit.history()) == ["to all", "here again"]


async def test_a_device_that_was_away_for_too_long_is_taken_out_and_let_in_again(
    tmp_path: Path,
) -> None:
    clock = ManualClock(time.time_ns() // 1_000_000)
    async with running_server(tmp_path, clock=clock) as server, cast(tmp_path, server) as c:
        for workspace in (c.ada, c.ben):
            session = workspace._session
            session._wall = session.api.now = lambda: UnixMillis(clock.now())
        await c.adas.send("on the first day")
        for day in range(8):
            clock.advance(DAY + 60)
            await c.ada.sync()
            await c.adas.send(f"day {day}")
        assert [m.is_in for m in c.adas.members()] == [True, False]
        await c.ben.sync()
        with pytest.raises(WaitingError, match="waits"):
            c.bens.check_access()
        clock.advance(120)
        await c.ada.sync()
        await c.adas.send("look who is there")
        await c.ben.sync()
        await c.bens.send("back again")
        assert texts(await c.bens.history())[-1] == "back again"


async def test_a_device_that_needs_what_the_server_has_lost_is_let_in_again(
    tmp_path: Path,
) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        await ada_commits(c)
        commit = c.adas.sequence
        await server.house.store.write([Delete(ContentRow, (c.adas.id, 0, commit))])
        await c.ben.sync()
        with pytest.raises(CannotGoOnError, match="LOG-4"):
            c.bens.check_access()
        assert [alarm.rule for alarm in await c.ben.alarms()] == ["LOG-4"]
        epoch = c.adas.epoch
        with c.ada.events():
            await until(lambda: c.adas.epoch > epoch and all(m.is_in for m in c.adas.members()))
        await c.ben.sync()
        await c.bens.send("here again")
        assert texts(await c.bens.history()) == ["before", "here again"]
