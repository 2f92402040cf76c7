"""A Welcome that does not hold keeps nobody outside: the device asks for another, or waits."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

import mifeng
from mifeng.core import readd
from mifeng.errors import ServerProblem
from mifeng_crypto.api.problems import ProblemCode
from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.ids import UnixMillis
from mifeng_crypto.log import AuthenticatedData, EntryKind, LogHeader, UnitWelcome
from mifeng_crypto.tls import decode, encode
from mifeng_server.domain.rows import LogRow
from tests.client.session.test_hostile_server import lie_to
from tests.e2e.people import PASSPHRASE, Cast, cast
from tests.support.patience import until
from tests.support.server import RunningServer, running_server


@contextlib.contextmanager
def ada_tells_newcomers_what_is_not_so() -> Iterator[None]:
    def lying(title: str, topic: str, said: bytes) -> UnitWelcome:
        honest = decode(AuthenticatedData, said)
        assert honest.unit is not None
        lie = dataclasses.replace(honest.unit, steady_since=UnixMillis(0))
        return UnitWelcome(title, topic, encode(dataclasses.replace(honest, unit=lie)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mifeng.core.membership.UnitWelcome", lying)
        yield


@asynccontextmanager
async def cem_is_granted(c: Cast, tmp_path: Path) -> AsyncIterator[mifeng.Workspace]:
    invitation = await c.ada.invite()
    async with mifeng.join(
        invitation.link, profile=tmp_path / "cem", name="Cem", passphrase=PASSPHRASE
    ) as cem:
        await c.ada.sync()
        yield cem


def trouble_of(cem: mifeng.Workspace, c: Cast) -> str:
    return getattr(cem._session.troubles.get(c.adas.id), "rule", "")


def wall() -> int:
    return time.time_ns() // 1_000_000


async def asked(server: RunningServer, c: Cast) -> int:
    """How often somebody said in the log that he has to be let in again."""
    rows = await server.house.store.find(LogRow, order="sequence", limit=100, unit_id=c.adas.id)
    headers = [decode(LogHeader, row.header) for row in rows]
    return sum(header.kind is EntryKind.READD for header in headers)


async def test_who_refuses_a_welcome_asks_for_another_and_is_let_in(tmp_path: Path) -> None:
    async with (
        running_server(tmp_path) as server,
        cast(tmp_path, server) as c,
        cem_is_granted(c, tmp_path) as cem,
    ):
        with ada_tells_newcomers_what_is_not_so():
            await c.adas.grant(c.ada.person("Cem"))
            assert all(member.is_in for member in c.adas.members())
        await cem.sync()
        assert trouble_of(cem, c) == "GATE-38"
        assert c.adas.id not in cem._session.units
        epoch = c.adas.epoch
        with c.ada.events():
            await until(lambda: c.adas.epoch > epoch and all(m.is_in for m in c.adas.members()))
        await cem.sync()
        await cem.unit("Research").send("in at last")
        assert trouble_of(cem, c) == ""
        await c.ada.sync()
        assert [message.text for message in await c.adas.history()] == ["in at last"]


async def test_a_welcome_waits_for_ledgers_that_the_server_withholds(tmp_path: Path) -> None:
    async with (
        running_server(tmp_path) as server,
        cast(tmp_path, server) as c,
        cem_is_granted(c, tmp_path) as cem,
    ):
        await c.ada.invite()
        await c.adas.grant(c.ada.person("Cem"))
        known = cem._session.known_roster.head.sequence
        lie_to(cem, roster=lambda r: msgspec.structs.replace(r, entries=[], head_sequence=known))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(readd, "statement", None)  # it asks nobody for what the server withholds
            for _ in range(2):
                with contextlib.suppress(ProtocolError):
                    await cem.sync()
                assert trouble_of(cem, c) == "LEDGER-9"
        lie_to(cem)
        await cem.sync()
        await cem.unit("Research").send("in at last")


async def test_a_welcome_whose_tree_is_gone_costs_that_unit_alone_client_14(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        running_server(tmp_path) as server,
        cast(tmp_path, server) as c,
        cem_is_granted(c, tmp_path) as cem,
    ):
        other = await c.ada.create_unit("Other")
        await c.adas.grant(c.ada.person("Cem"))
        await other.grant(c.ada.person("Cem"))
        call = cem._session.api.call

        async def lacks(name: str, *more: Any, **others: Any) -> Any:  # noqa: ANN401 - as `call`
            if name == "tree" and others["path"]["unit_id"] == c.adas.id:
                raise ServerProblem(404, ProblemCode.NOT_FOUND)
            return await call(name, *more, **others)

        with monkeypatch.context() as patch:
            patch.setattr(cem._session.api, "call", lacks)
            await cem.sync()
        assert trouble_of(cem, c) == "CLIENT-14"
        await cem.unit("Other").send("in here")
        assert await asked(server, c) == 1
        epoch = c.adas.epoch
        with c.ada.events():
            await until(lambda: c.adas.epoch > epoch and all(m.is_in for m in c.adas.members()))
        await cem.sync()
        await cem.unit("Research").send("in at last")


async def test_who_is_revoked_while_a_welcome_waits_has_no_trouble_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        running_server(tmp_path) as server,
        cast(tmp_path, server) as c,
        cem_is_granted(c, tmp_path) as cem,
    ):
        await c.adas.grant(c.ada.person("Cem"))
        call = cem._session.api.call

        async def too_late(name: str, *more: Any, **others: Any) -> Any:  # noqa: ANN401 - as `call`
            if name == "tree":
                await c.adas.revoke(c.ada.person("Cem"))
            return await call(name, *more, **others)

        with monkeypatch.context() as patch:
            patch.setattr(cem._session.api, "call", too_late)
            await cem.sync()
        assert trouble_of(cem, c) == "CLIENT-14"
        await cem.sync()
        assert cem._session.troubles == {}
        await c.adas.grant(c.ada.person("Cem"))
        await cem.sync()
        await cem.unit("Research").send("in at last")


async def test_who_is_let_in_badly_again_and_again_asks_now_and_then(tmp_path: Path) -> None:
    async with (
        running_server(tmp_path) as server,
        cast(tmp_path, server) as c,
        cem_is_granted(c, tmp_path) as cem,
    ):
        late = 0
        cem._session._wall = cem._session.api.now = lambda: UnixMillis(wall() + late)
        with ada_tells_newcomers_what_is_not_so():
            await c.adas.grant(c.ada.person("Cem"))
            for expected in (1, 1, 2):
                await cem.sync()
                await c.adas.send("a commit before it takes out and lets in whoever has asked")
                assert await asked(server, c) == expected
                late += 3 * 60_000
