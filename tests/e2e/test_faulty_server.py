"""A server that fails in the midst of its work: its 500 says nothing of what was stored."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from mifeng.errors import AccessEndedError
from mifeng.session import delivery
from mifeng.session.session import Session
from mifeng_crypto.api.problems import ProblemCode
from mifeng_crypto.errors import TransportError
from mifeng_crypto.ids import UnitId
from mifeng_crypto.ledger.charter_entry import UnitRole
from tests.attacks.evil_server import EvilServer
from tests.e2e.people import Cast, cast, colleague


@pytest.fixture
async def c(tmp_path: Path, evil: EvilServer) -> AsyncIterator[Cast]:
    async with cast(tmp_path, evil.server) as both:
        yield both


def failing(times: int) -> Callable[[Any], Any]:
    """What the server stores, and then fails to answer."""
    left = [times]

    def fail(reply: Any) -> Any:  # noqa: ANN401 - any answer
        if left[0]:
            left[0] -= 1
            raise RuntimeError("a fault of the server")
        return reply

    return fail


async def test_an_answer_of_500_is_like_one_that_was_lost(evil: EvilServer, c: Cast) -> None:
    evil.lie(c.ada, message=failing(1))
    sent = await c.adas.send("once")
    assert sent.text == "once"
    await c.ben.sync()
    assert [m.text for m in await c.bens.history()] == ["once"]
    assert await c.ada.alarms() == []


async def test_what_a_server_fails_to_answer_is_kept_and_said_once(
    evil: EvilServer, c: Cast
) -> None:
    evil.lie(c.ada, message=failing(100))
    with pytest.raises(TransportError):
        await c.adas.send("once")
    assert c.adas.waiting == 1
    evil.be_honest()
    await c.ada.sync()
    c.adas.check_access()
    assert c.adas.waiting == 0
    await c.adas.send("and again")
    await c.ben.sync()
    assert [m.text for m in await c.bens.history()] == ["once", "and again"]
    assert await c.ada.alarms() == []


async def test_what_is_kept_outlasts_that_its_author_is_out_for_a_moment(
    evil: EvilServer, c: Cast
) -> None:
    """Revoked, and granted again before anybody has committed: the same epoch, the same bytes."""
    evil.refuse(c.ben, "message", ProblemCode.UNAVAILABLE)
    with pytest.raises(TransportError):
        await c.bens.send("kept")
    evil.refuse(c.ben, "message", ProblemCode.NOT_FOUND)
    with pytest.raises(AccessEndedError):
        await c.bens.send("and this")
    assert c.bens.waiting == 2
    await c.ben.sync()
    assert c.bens.waiting == 2
    with pytest.raises(AccessEndedError):
        c.bens.check_access()
    evil.be_honest()
    await c.ben.sync()
    assert c.bens.waiting == 0
    await c.ada.sync()
    assert [m.text for m in await c.adas.history()] == ["kept", "and this"]


async def test_what_is_kept_waits_until_a_full_server_has_room(evil: EvilServer, c: Cast) -> None:
    evil.refuse(c.ada, "message", ProblemCode.STORAGE_FULL)
    with pytest.raises(TransportError, match="disk is full; the message is kept"):
        await c.adas.send("kept")
    evil.be_honest()
    await c.ada.sync()
    assert [m.text for m in await c.adas.history()] == ["kept"]


async def test_a_commit_that_a_server_fails_to_answer_takes_effect_once(
    evil: EvilServer, c: Cast
) -> None:
    epoch = c.adas.epoch
    evil.lie(c.ada, commit=failing(1))
    await c.adas.revoke(c.ada.person("Ben"))
    assert c.adas.epoch == epoch + 1
    assert [str(m.person) for m in c.adas.members()] == ["Ada"]


async def test_a_unit_whose_opening_went_unanswered_is_opened_once_by_two_who_catch_up(
    evil: EvilServer, c: Cast
) -> None:
    """The second one waits for its turn, and finds that it is done: it must not forget the unit."""
    evil.lie(c.ada, create_unit=failing(100))
    with pytest.raises(TransportError):
        await c.ada.create_unit("Garden")
    evil.be_honest()
    session = c.ada._session
    await asyncio.gather(delivery.settle(session), delivery.settle(session))
    sent = await c.ada.unit("Garden").send("first")
    assert sent.text == "first"


async def test_a_removal_that_is_taken_back_meanwhile_is_looked_at_anew_and_not_made(
    c: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The epoch is the same, and the server judges by ledgers that this device has not seen."""
    await c.adas.grant(c.ada.person("Ben"), UnitRole.MANAGER)
    async with colleague(c, "Cem") as cem:
        await c.ben.sync()
        send, first = delivery._send_commit, [True]

        async def overtaken(session: Session, unit_id: UnitId, *, is_new: bool) -> None:
            if first and first.pop():
                await c.ben.sync()
                await c.bens.grant(c.ben.person("Cem"))
            await send(session, unit_id, is_new=is_new)

        monkeypatch.setattr(delivery, "_send_commit", overtaken)
        await c.adas.revoke(c.ada.person("Cem"))
        assert first == []
        assert [str(m.person) for m in c.adas.members() if m.is_in] == ["Ada", "Ben", "Cem"]
        await cem.sync()
        await cem.unit("Research").send("still here")


async def test_a_commit_that_was_kept_until_the_ledgers_had_changed_is_made_anew(
    evil: EvilServer, c: Cast
) -> None:
    async with colleague(c, "Cem") as cem:
        await c.adas.revoke(c.ada.person("Cem"))
        epoch = c.adas.epoch
        evil.refuse(c.ada, "commit", ProblemCode.UNAVAILABLE)
        with pytest.raises(TransportError):
            await c.adas.grant(c.ada.person("Cem"))
        evil.be_honest()
        await c.adas.revoke(c.ada.person("Cem"))
        assert c.adas.epoch == epoch
        await c.adas.send("without him")
        await cem.sync()
        assert not cem.unit("Research").is_member
