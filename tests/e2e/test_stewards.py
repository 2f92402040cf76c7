"""Real clients do what the ledgers want when the server asks them: nobody has to send first."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

import mifeng
from mifeng.core import key_packages
from mifeng.session import Session, ledgers
from mifeng_crypto.ids import UnitId
from mifeng_crypto.ledger.charter import Charter
from mifeng_crypto.ledger.charter_entry import Grant, Revoke, UnitRole
from tests.e2e.people import PASSPHRASE, cast
from tests.support.patience import until
from tests.support.server import running_server


async def only_sign(session: Session, unit_id: UnitId, body: Grant | Revoke) -> None:
    """Sign a charter entry, and leave the commit to whoever is asked."""

    def make(_: Charter) -> Grant | Revoke:
        return body

    async with session.turn(unit_id):
        await ledgers.append_to_charter(session, unit_id, make)


def session_of(workspace: mifeng.Workspace) -> Session:
    return workspace._session


async def test_somebody_who_joins_is_let_in_by_whoever_is_online(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        await only_sign(session_of(c.ada), c.adas.id, Revoke(c.ben.me.id))
        with c.ada.events():
            await until(lambda: len(c.adas.members()) == 1 and c.adas.epoch == 2)
            await only_sign(session_of(c.ada), c.adas.id, Grant(c.ben.me.id, UnitRole.MEMBER))
            await until(lambda: all(m.is_in for m in c.adas.members()) and c.adas.epoch == 3)
        await c.ben.sync()
        await c.bens.send("back")


async def test_many_who_wait_are_let_in_by_one_commit(tmp_path: Path) -> None:
    async with (
        running_server(tmp_path) as server,
        cast(tmp_path, server) as c,
        AsyncExitStack() as stack,
    ):
        ada, epoch = session_of(c.ada), c.adas.epoch
        invitations = [await c.ada.invite() for _ in range(50)]
        for invitation in invitations:
            await only_sign(ada, c.adas.id, Grant(invitation.person.id, UnitRole.MEMBER))
        for n, invitation in enumerate(invitations):
            async with mifeng.join(
                invitation.link, profile=tmp_path / f"p{n}", name=f"P{n}", passphrase=PASSPHRASE
            ):
                pass
        with c.ben.events():
            await until(lambda: sum(bool(m.is_in) for m in c.bens.members()) == 52)
        assert c.bens.epoch == epoch + 1
        last = await stack.enter_async_context(mifeng.open(tmp_path / "p49", passphrase=PASSPHRASE))
        await last.unit("Research").send("here")


async def test_two_who_do_it_at_once_agree(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        invitation = await c.ada.invite()
        async with mifeng.join(
            invitation.link, profile=tmp_path / "cem", name="Cem", passphrase=PASSPHRASE
        ) as cem:
            await c.ada.sync()
            assert await c.adas.grant(c.ada.person("Cem"))
            await cem.sync()
            epoch = c.adas.epoch
            with c.ben.events(), cem.events():
                for who in (c.ben, cem):
                    await session_of(who).live.wait()
                await only_sign(session_of(c.ada), c.adas.id, Revoke(c.ada.me.id))
                for who in (c.ben, cem):
                    session_of(who).live._steward.ask(c.adas.id)
                await until(lambda: c.bens.epoch == cem.unit("Research").epoch == epoch + 1)
                await c.bens.send("two of us")
                await until(lambda: cem.unit("Research").sequence == c.bens.sequence)
            texts = [m.text for m in await cem.unit("Research").history()]
            assert texts[-1] == "two of us"


async def test_a_key_package_that_the_gate_refuses_keeps_its_own_device_out_and_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        link = (await c.ada.invite()).link
        monkeypatch.setattr(key_packages, "set_at", lambda _now: ())  # Mallory's client
        async with mifeng.join(
            link, profile=tmp_path / "mal", name="Mallory", passphrase=PASSPHRASE
        ) as mallory:
            monkeypatch.undo()
            await c.ada.sync()
            assert not await c.adas.grant(c.ada.person("Mallory"))
            await c.adas.send("we talk on")
            await c.ben.sync()
            assert (await c.bens.history())[-1].text == "we talk on"
            await mallory.sync()
            assert mallory.units() == []
