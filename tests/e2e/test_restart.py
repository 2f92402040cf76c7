"""A unit that cannot go on is restarted: in its next generation, with everybody, and all it had."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

import mifeng
from mifeng import sdk
from mifeng.core import restart as core
from mifeng.core.events import Event
from mifeng.core.rows import UnitStatus
from mifeng.errors import ServerProblem, WaitingError
from mifeng.net import Api
from mifeng.session import notary, restart
from mifeng_crypto.api import messages as m
from mifeng_crypto.api.problems import ProblemCode
from mifeng_crypto.errors import ProtocolError, TransportError
from mifeng_crypto.ids import GroupId
from mifeng_crypto.ledger.charter import GENERATION_GAP
from mifeng_crypto.ledger.charter_entry import UnitRole
from mifeng_crypto.ledger.head import Head
from tests.e2e.people import Cast, cast
from tests.e2e.shell import Shell
from tests.e2e.test_readd import stuck, texts
from tests.support.patience import PATIENCE_S, until
from tests.support.server import running_server


async def begun_anew(c: Cast) -> None:
    """Ben manages and is stuck; only the author of the commit can go on, and she is away."""
    await c.adas.send("one")
    await c.ben.sync()
    await c.bens.send("two")
    await c.adas.grant(c.ada.person("Ben"), UnitRole.MANAGER)
    await stuck(c)
    await c.bens.restart()


async def test_a_unit_that_only_the_author_of_a_commit_can_follow_is_restarted(
    tmp_path: Path,
) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        await begun_anew(c)
        assert (c.bens.generation, c.bens.epoch, c.bens.is_member) == (1, 1, True)
        await c.ada.sync()
        assert (c.adas.generation, c.adas.is_member) == (1, True)
        await c.bens.send("here again")
        await c.ada.sync()
        await c.adas.send("so am I")
        await c.ben.sync()
        said = ["one", "two", "before", "here again", "so am I"]
        assert texts(await c.adas.history()) == said
        assert texts(await c.bens.history()) == said
        numbers = [message.sequence for message in await c.adas.history()]
        assert numbers == sorted(set(numbers))
        assert numbers == [message.sequence for message in await c.bens.history()]
        assert numbers[-1] > GENERATION_GAP > numbers[2]


async def test_the_generation_that_is_over_accepts_nothing_more_and_is_still_served(
    tmp_path: Path,
) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        session = c.ada._session
        old = session.units[c.adas.id]
        await c.adas.send("before")
        await c.adas.restart()
        path = {"unit_id": c.adas.id}
        request = m.MessageRequest(generation=0, message=b"anything")
        with pytest.raises(ServerProblem) as caught:
            await session.api.call("message", m.AcceptedReply, request, path=path, key=b"late")
        assert caught.value.code is ProblemCode.WRONG_EPOCH
        found = await session.api.call(
            "log", m.LogReply, path=path, query={"generation": 0, "after": old.log.sequence}
        )
        assert len(found.entries) >= 2  # the message, and the `heads` that ends it
        assert found.head_sequence < GENERATION_GAP
        await c.ben.sync()
        assert texts(await c.bens.history()) == ["before"]


async def test_a_member_who_was_away_comes_back_into_the_new_generation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        await c.ben.sync()
        await c.adas.send("while you were away")
        await c.adas.restart()
        await c.adas.send("and after")
        events: list[Event] = []
        monkeypatch.setattr(c.ben._session, "tell", events.append)
        await c.ben.sync()
        await c.bens.send("back")
        await c.ada.sync()
        said = ["while you were away", "and after", "back"]
        assert texts(await c.bens.history()) == texts(await c.adas.history()) == said
        (restarted,) = [e for e in events if isinstance(e, mifeng.UnitRestarted)]
        assert (restarted.generation, restarted.by) == (1, c.ada.me.id)
        (joined,) = [e for e in events if isinstance(e, mifeng.UnitJoined)]
        assert joined.missed == 0


async def test_who_restarted_a_unit_on_another_log_is_found_out_by_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        await c.ben.sync()
        await c.adas.send("in the log of all")
        await c.ben.sync()
        last = c.bens._state.log.head

        async def another(*_: object) -> Head:
            return Head(last.sequence, bytes(32))

        with monkeypatch.context() as patch:
            patch.setattr("mifeng.session.restart._head", another)
            await c.adas.restart()
        await c.ben.sync()
        (alarm,) = await c.ben.alarms()
        assert alarm.rule == "LOG-8"
        assert c.bens.is_member  # and goes on
        await c.bens.send("after")
        assert texts(await c.bens.history()) == ["in the log of all", "after"]


async def test_who_is_online_goes_along_without_being_asked(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        await c.adas.send("before")
        with c.ben.events():
            await c.ben._session.live.wait()
            with c.ada.events():
                await c.ada._session.live.wait()
                await c.adas.restart()
                await until(lambda: c.bens.generation == 1 and c.bens.is_member)
                await c.bens.send("along")
                await until(lambda: c.adas.sequence == c.bens.sequence)
        assert texts(await c.adas.history()) == ["before", "along"]


async def test_what_waited_goes_out_in_the_next_generation(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        async with asyncio.timeout(PATIENCE_S):
            await c.ben.sync()
            await c.adas.restart()
            with pytest.raises(WaitingError):
                await c.bens.send("sealed for a group that is over")
            assert c.bens.waiting == 1
            await c.ben.sync()
            await c.ben.sync()
        await c.ada.sync()
        assert texts(await c.adas.history()) == ["sealed for a group that is over"]


async def test_an_answer_that_was_lost_is_asked_for_again_with_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        await c.adas.send("before")
        reach = c.ada._session.api.call

        async def lost(name: str, *more: object, **others: object) -> object:
            answer = await reach(name, *more, **others)  # type: ignore[call-overload]
            if name == "restart_unit":
                raise TransportError("the line broke")
            return answer

        with monkeypatch.context() as patch:
            patch.setattr(c.ada._session.api, "call", lost)
            with pytest.raises(TransportError):
                await c.adas.restart()
        key = core.key_of(c.adas.id)
        assert await c.ada._session.home.database.get(*key) is not None
        await c.ada.sync()
        assert (c.adas.generation, c.adas.is_member) == (1, True)
        assert await c.ada._session.home.database.get(*key) is None
        await c.adas.send("after")
        await c.ben.sync()
        assert texts(await c.bens.history()) == ["before", "after"]


async def test_a_lost_answer_that_two_ask_for_at_once_begins_the_generation_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Begun twice, its keys would encrypt twice from the same number on."""
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        session = c.ada._session

        async def lost(*_: object) -> None:
            raise TransportError("the line broke")

        with monkeypatch.context() as patch:
            patch.setattr("mifeng.session.restart.delivery.reach", lost)
            with pytest.raises(TransportError):
                await c.adas.restart()
        async with session.turn(c.adas.id):
            waiting = [asyncio.create_task(restart.finish(session)) for _ in range(2)]
            await until(lambda: len(session.turn(c.adas.id)._waiters or ()) == 2)
        await asyncio.gather(*waiting)
        await c.adas.send("in the next generation")
        await c.ada.sync()
        await c.ben.sync()
        assert texts(await c.bens.history()) == ["in the next generation"]


async def test_who_has_no_right_to_it_is_told_so_and_nothing_changes(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        with pytest.raises(ProtocolError) as caught:
            await c.bens.restart()
        assert caught.value.rule == "CHARTER-5"
        await c.bens.send("as before")
        assert c.bens.generation == 0


async def test_in_a_direct_unit_either_may(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        two = await c.ada.direct(c.ada.person("Ben"))
        await two.send("hello")
        await c.ben.sync()
        bens = await c.ben.direct(c.ben.person("Ada"))
        await bens.restart()
        await bens.send("hello again")
        await c.ada.sync()
        assert texts(await two.history()) == ["hello", "hello again"]


async def test_a_unit_is_restarted_more_than_once(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        await c.adas.restart()
        await c.adas.send("in the first")
        await c.adas.restart()
        await c.adas.send("in the second")
        await c.ben.sync()
        assert c.bens.generation == 2
        assert c.ben._session.units[c.bens.id].group == GroupId(c.adas.id, 2)
        assert c.ben._session.units[c.bens.id].status is UnitStatus.ACTIVE
        await c.bens.send("I saw only this")
        await c.ada.sync()
        assert texts(await c.adas.history()) == [
            "in the first",
            "in the second",
            "I saw only this",
        ]


async def test_by_a_command_which_asks_on_a_terminal(
    tmp_path: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_server(tmp_path) as server:
        async with cast(tmp_path, server) as c:
            await c.adas.send("before")
        monkeypatch.setattr("mifeng.cli.governing._on_terminal", lambda: True)
        unasked = await shell.run("ada", "unit", "restart", "Research")
        assert unasked.code != 0, "nobody has said yes"
        assert "begins anew" in unasked.err
        done = await shell.ok("ada", "unit", "restart", "Research", "--yes", "--json")
        assert done.json["generation"] == 1
        monkeypatch.setattr("mifeng.cli.governing._on_terminal", lambda: False)
        again = await shell.ok("ada", "unit", "restart", "Research")
        assert "everybody is in" in again.out
        await shell.ok("ben", "send", "Research", "here")
        read = await shell.ok("ada", "read", "Research")
        assert "before" in read.out
        assert "here" in read.out
        refused = await shell.run("ben", "unit", "restart", "Research")
        assert refused.code != 0


async def test_a_restart_is_no_alarm_to_who_has_not_heard_of_it(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        await c.adas.send("before")
        await c.ben.sync()
        await c.adas.restart()
        await notary.follow(c.ben._session)
        assert await c.ben.alarms() == []
        await c.ben.sync()
        assert (c.bens.generation, c.bens.is_member) == (1, True)
        assert await c.ben.alarms() == []


async def test_an_auditor_follows_a_unit_through_its_generations(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        await c.adas.send("before")
        await begun_anew(c)
        await c.bens.send("after")
        await c.ada.sync()
        await c.ada.export_for_audit(tmp_path / "export")
        ada, ben = c.ada.me.id, c.ben.me.id
    (audited,) = sdk.audit_files([tmp_path / "export"])
    report = audited.report
    assert report.findings == []
    old, new = report.units[c.adas.id].logs
    assert (old.group.generation, new.group.generation) == (0, 1)
    assert [line.added for line in new.membership] == [(ben,), (ada,)]
    assert new.membership[0].sequence > GENERATION_GAP
    assert new.entries == 3  # its first `heads`, the commit that adds Ada, and what was said


class Meanwhile(Api):
    """Something happens before a request is sent, or after it was answered."""

    before: tuple[str, Callable[[], Awaitable[object]]] | None = None
    after: tuple[str, Callable[[], Awaitable[object]]] | None = None

    async def call(self, name: str, *args: Any, **named: Any) -> Any:  # noqa: ANN401 - passed on
        if self.before is not None and self.before[0] == name:
            act, self.before = self.before[1], None
            await act()
        answer = await super().call(name, *args, **named)
        if self.after is not None and self.after[0] == name:
            act, self.after = self.after[1], None
            await act()
        return answer


def meanwhile(me: mifeng.Workspace) -> Meanwhile:
    api = me._session.api
    api.__class__ = Meanwhile
    assert isinstance(api, Meanwhile)
    return api


async def test_whoever_restarts_reads_what_was_said_until_then(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        await c.ben.sync()
        meanwhile(c.ada).before = "restart_unit", lambda: c.bens.send("at the last moment")
        await c.adas.restart()
        await c.ben.sync()
        await c.bens.send("here")
        await c.ada.sync()
        assert texts(await c.adas.history()) == ["at the last moment", "here"]


async def test_a_welcome_that_a_restart_has_overtaken_is_passed_over(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        second = await c.ada.create_unit("Second")
        await c.ada.sync()
        assert await second.grant(c.ada.person("Ben"))
        meanwhile(c.ben).after = "welcomes", second.restart
        await c.ben.sync()
        assert second.id not in c.ben._session.troubles
        await c.ben.sync()
        bens = c.ben.unit("Second")
        assert (bens.is_member, bens.generation) == (True, 1)
