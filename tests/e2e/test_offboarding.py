"""One command sees somebody out of everything, by whoever is online, and says honestly how far."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

import mifeng
from mifeng.session import offboarding
from mifeng_crypto.api.problems import ProblemCode
from mifeng_crypto.ids import UnixMillis
from mifeng_crypto.ledger.charter_entry import UnitKind
from tests.e2e.people import PASSPHRASE, Cast, cast
from tests.support.server import running_server


async def join(c: Cast, stack: AsyncExitStack, name: str) -> mifeng.Workspace:
    invitation = await c.ada.invite()
    joined = await stack.enter_async_context(
        mifeng.join(invitation.link, profile=c.home(name), name=name, passphrase=PASSPHRASE)
    )
    await c.ada.sync()
    await c.ben.sync()
    return joined


async def test_units_of_the_admin_and_those_of_others_are_done_by_one_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        running_server(tmp_path) as server,
        cast(tmp_path, server) as c,
        AsyncExitStack() as stack,
    ):
        cem = await join(c, stack, "Cem")
        assert await c.adas.grant(c.ada.person("Cem"))
        group = await c.ben.create_unit("Choir", kind=UnitKind.GROUP)
        assert await group.grant(c.ben.person("Cem"))
        await cem.sync()
        person = c.ada.person("Cem")
        with c.ben.events():
            await c.ben._session.live.wait()
            done = await c.ada.remove(person)
        (unit,) = done.units
        assert (unit.unit_id, unit.title, unit.state) == (c.adas.id, "Research", "verified")
        assert (done.others_out, done.others_pending, done.pending) == (1, 0, 0)
        assert not done.is_overdue
        commit = next(entry for entry in await c.adas.timeline() if entry.removed)
        assert (unit.epoch, unit.sequence) == (commit.epoch + 1, commit.sequence)
        await c.ben.sync()
        assert (len(group.members()), group.size) == (1, 1)
        assert (len(c.adas.members()), c.adas.size) == (2, 2)
        await group.send("without Cem")
        (again,) = await c.ada.offboarding("Cem")
        assert again == done
        with pytest.raises(mifeng.ServerProblem) as refused:
            await c.ben.offboarding()
        assert refused.value.code is ProblemCode.FORBIDDEN


async def test_where_nobody_was_online_it_is_pending_and_after_a_day_an_alarm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offboarding, "WAIT_S", 0.3)
    async with (
        running_server(tmp_path) as server,
        cast(tmp_path, server) as c,
        AsyncExitStack() as stack,
    ):
        cem = await join(c, stack, "Cem")
        group = await c.ben.create_unit("Choir", kind=UnitKind.GROUP)
        assert await group.grant(c.ben.person("Cem"))
        await cem.sync()
        done = await c.ada.remove(c.ada.person("Cem"))
        assert (done.units, done.others_pending, done.pending) == ((), 1, 1)
        assert not done.is_overdue
        session = c.ada._session
        late = UnixMillis(int(time.time() * 1000) + 25 * 3_600_000)
        monkeypatch.setattr(session, "_wall", lambda: late)
        (told,) = await c.ada.offboarding()
        assert told.is_overdue
        await c.ben.sync()
        await group.send("commits first")
        (told,) = await c.ada.offboarding()
        assert (told.is_overdue, told.pending, told.others_out) == (False, 0, 1)
