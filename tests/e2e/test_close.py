"""A unit that is closed: nothing more is sent; what was said stays, or goes if an admin says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import mifeng
from mifeng.core import outbox
from mifeng.core.events import Event
from mifeng.errors import ServerProblem, UnitClosedError
from mifeng.session import delivery
from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.ledger.charter_entry import UnitKind, UnitRole
from mifeng_server.domain.rows import ContentRow, FileRow
from mifeng_server.domain.unit import ALL
from tests.e2e.people import Cast, cast
from tests.support.patience import PATIENCE_S
from tests.support.server import RunningServer, running_server


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with running_server(tmp_path) as running:
        yield running


@pytest.fixture
async def c(tmp_path: Path, server: RunningServer) -> AsyncIterator[Cast]:
    async with cast(tmp_path, server) as people:
        yield people


async def until_closed(events: AsyncIterator[Event]) -> AsyncIterator[mifeng.UnitClosed]:
    async for event in events:
        if isinstance(event, mifeng.UnitClosed):
            yield event
            return


async def texts(unit: mifeng.Unit) -> list[str]:
    return [message.problem or message.text for message in await unit.history()]


async def test_a_closed_unit_takes_nothing_more_and_can_still_be_read(c: Cast) -> None:
    await c.adas.send("the last word")
    await c.adas.close()
    assert c.adas.is_closed
    with pytest.raises(UnitClosedError, match="create a new unit"):
        await c.adas.send("and one more")
    with pytest.raises(ServerProblem) as caught:  # Ben has not heard of it yet
        await c.bens.send("me too")
    assert caught.value.rule == "GATE-30"
    await c.ben.sync()
    assert c.bens.is_closed
    assert c.bens.closed_by == c.ben.person("Ada")
    assert await texts(c.bens) == ["the last word"]
    for act in (c.adas.grant(c.ada.person("Ben")), c.adas.set_policy(cap=5)):
        with pytest.raises(UnitClosedError):
            await act


async def test_members_are_told_that_a_unit_is_closed(c: Cast) -> None:
    with c.ben.events() as events:
        await c.ben._session.live.wait()
        await c.adas.close()
        async with asyncio.timeout(PATIENCE_S):
            told = [e async for e in until_closed(events)]
    assert [(e.unit_id, e.by, e.deletes) for e in told] == [(c.adas.id, c.ada.me.id, False)]


async def test_what_had_not_left_when_the_unit_was_closed_stays_where_it_is(c: Cast) -> None:
    session = c.ben._session
    async with session.turn(c.bens.id):
        unit, _ = outbox.queue(session.units[c.bens.id], b"never sent", now=session.now())
        await session.save_unit(unit)
    await c.adas.close()
    await c.ben.sync()
    await delivery.settle(session)
    assert c.bens.waiting == 1


async def test_an_admins_close_deletes_and_nobody_elses_does(
    c: Cast, server: RunningServer, tmp_path: Path
) -> None:
    store = server.house.store
    (tmp_path / "plan.txt").write_text("secret plan")
    await c.adas.send("to be forgotten")
    await c.adas.upload(tmp_path / "plan.txt")
    await c.ben.sync()
    file = (await c.bens.history())[-1].files[0]
    await c.adas.grant(c.ada.person("Ben"), UnitRole.MANAGER)
    await c.ben.sync()
    with pytest.raises(ProtocolError) as caught:
        await c.bens.close(delete=True)
    assert caught.value.rule == "CHARTER-18"
    await c.adas.close(delete=True)
    # At once: not served, not shown.
    with pytest.raises(ServerProblem, match="gone"):
        await c.bens.download(file, tmp_path / "out.txt")
    await c.ben.sync()
    assert await texts(c.bens) == await texts(c.adas) == ["expired", "expired"]
    for workspace in (c.ada, c.ben):
        rows = await workspace._session.home.database.scan("messages", c.adas.id)
        assert not any(b"forgotten" in row for _, row in rows)
    await server.purge()
    contents = await store.find(ContentRow, order="deadline", limit=ALL, unit_id=c.adas.id)
    assert all(row.deadline == 0 for row in contents)
    assert await store.count(FileRow, unit_id=c.adas.id) == 0
    await c.ben.sync()


async def test_without_deleting_nothing_goes_before_its_time(
    c: Cast, server: RunningServer
) -> None:
    await c.adas.send("stays")
    await c.adas.close()
    await server.purge()
    await c.ben.sync()
    assert await texts(c.bens) == ["stays"]


async def test_either_of_two_closes_their_unit(c: Cast) -> None:
    two = await c.ada.direct(c.ada.person("Ben"))
    await c.ben.sync()
    bens = c.ben.unit("Ada")
    await bens.close()
    await c.ada.sync()
    assert two.is_closed
    again = await c.ada.direct(c.ada.person("Ben"))
    assert again.id != two.id
    await again.send("a new beginning")


async def test_a_member_closes_nothing(c: Cast) -> None:
    with pytest.raises(ProtocolError) as caught:
        await c.bens.close()
    assert caught.value.rule == "CHARTER-5"
    group = await c.ben.create_unit("Friends", kind=UnitKind.GROUP)
    await group.close()


async def test_somebody_who_was_removed_is_pending_in_no_closed_unit(c: Cast) -> None:
    await c.adas.close()
    report = await c.ada.remove(c.ada.person("Ben"))
    assert report.pending == 0
