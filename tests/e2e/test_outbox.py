"""What was kept and is then refused stays with its author, who sends it again or forgets it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mifeng.core.events import NotDelivered
from mifeng.errors import NotFoundError, ServerProblem
from mifeng_crypto.api.problems import ProblemCode
from mifeng_crypto.errors import TransportError
from tests.attacks.evil_server import EvilServer, evil_server
from tests.e2e.people import Cast, cast
from tests.e2e.shell import Shell


@pytest.fixture
async def c(tmp_path: Path, evil: EvilServer) -> AsyncIterator[Cast]:
    async with cast(tmp_path, evil.server) as both:
        await refused_later(evil, both)
        yield both


async def refused_later(evil: EvilServer, c: Cast) -> None:
    """Ada has written two messages while the server was busy; from now on it refuses them."""
    evil.refuse(c.ada, "message", ProblemCode.UNAVAILABLE)
    for text in ("kept", "behind it"):
        with pytest.raises(TransportError):
            await c.adas.send(text)
    evil.refuse(c.ada, "message", ProblemCode.TOO_LARGE)


async def test_what_is_refused_later_is_told_and_stays_with_the_reason(
    evil: EvilServer, c: Cast
) -> None:
    assert c.adas.waiting == 2
    with c.ada.events() as events:
        await c.ada.sync()
        told = list[NotDelivered]()
        while len(told) < 2:
            event = await anext(events)
            if isinstance(event, NotDelivered):
                told.append(event)
    assert c.adas.waiting == 0
    unsent = c.adas.unsent()
    assert [one.message and one.message.text for one in unsent] == ["kept", "behind it"]
    assert [one.why.code for one in unsent] == [ProblemCode.TOO_LARGE] * 2
    assert told == [NotDelivered(c.adas.id, one.number) for one in unsent]
    evil.be_honest()
    await c.ada.sync()
    assert len(c.adas.unsent()) == 2, "it goes nowhere by itself"


async def test_who_sends_something_else_is_not_told_that_it_was_refused(
    evil: EvilServer, c: Cast
) -> None:
    await c.ada.sync()
    evil.be_honest()
    assert (await c.adas.send("new")).text == "new"
    evil.refuse(c.ada, "message", ProblemCode.TOO_LARGE)
    with pytest.raises(ServerProblem):
        await c.adas.send("too long")
    assert len(c.adas.unsent()) == 2, "who was told has the text still: it is not kept"


async def test_what_was_refused_goes_out_again_or_is_forgotten(evil: EvilServer, c: Cast) -> None:
    await c.ada.sync()
    first, second = c.adas.unsent()
    with pytest.raises(ServerProblem):
        await c.adas.send_again(first.number)
    assert len(c.adas.unsent()) == 2
    evil.be_honest()
    await c.adas.send_again(first.number)
    await c.adas.discard(second.number)
    assert c.adas.unsent() == []
    with pytest.raises(NotFoundError):
        await c.adas.discard(second.number)
    await c.ben.sync()
    assert [m.text for m in await c.bens.history()] == ["kept"]


async def test_one_that_waits_in_place_of_another_is_seen_at_a_glance(
    evil: EvilServer, c: Cast
) -> None:
    await c.ada.sync()
    first, second = c.adas.unsent()
    await c.adas.discard(first.number)
    before = c.ada.glance()
    evil.refuse(c.ada, "message", ProblemCode.UNAVAILABLE)
    with pytest.raises(TransportError):
        await c.adas.send("another one")
    await c.adas.discard(second.number)
    assert c.ada.glance() != before


async def test_the_outbox_is_shown_and_emptied_by_the_command(tmp_path: Path, shell: Shell) -> None:
    async with evil_server(tmp_path / "evil") as evil:
        async with cast(tmp_path, evil.server) as c:
            await refused_later(evil, c)
            await c.ada.sync()
        table = (await shell.ok("ada", "outbox")).out
        assert "behind it" in table
        assert "too_large" in table
        assert "2 messages of yours were refused" in (await shell.ok("ada", "read", "Research")).out
        assert (await shell.run("ada", "outbox", "--again", "1")).code == 2
        assert (await shell.run("ada", "outbox", "Research", "--again", "3")).code == 2
        assert (await shell.run("ada", "outbox", "Research", "--again", "1")).code == 4
        evil.be_honest()
        assert (
            "Sent to Research" in (await shell.ok("ada", "outbox", "Research", "--again", "1")).out
        )
        left = (await shell.ok("ada", "outbox", "--json")).json
        assert (left["unit"], left["number"], left["text"]) == ("Research", 1, "behind it")
        await shell.ok("ada", "outbox", "Research", "--discard", "1")
        assert "Everything was sent." in (await shell.ok("ada", "outbox")).err
        assert "kept" in (await shell.ok("ben", "read", "Research")).out
