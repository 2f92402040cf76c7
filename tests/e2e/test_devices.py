"""Several devices, a recovery sheet, roles: real clients, a real server, TLS."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import mifeng
from mifeng_crypto.errors import ProtocolError, UsageError
from mifeng_crypto.ledger.roster_entry import Role
from tests.e2e.people import PASSPHRASE, cast
from tests.support.patience import PATIENCE_S
from tests.support.server import running_server


class Linked:
    """A second device, and what was said on the way."""

    def __init__(self) -> None:
        self.codes: list[str] = []
        self.me: mifeng.Workspace | None = None

    async def show(self, code: str) -> None:
        self.codes.append(code)

    async def code(self) -> str:
        async with asyncio.timeout(PATIENCE_S):
            while not self.codes:
                await asyncio.sleep(0.01)
        return self.codes[0]


@contextlib.asynccontextmanager
async def linking_to(
    folder: Path, link: str, name: str = "Laptop"
) -> AsyncIterator[tuple[Linked, asyncio.Task[None]]]:
    """A new device that takes a link, in a task that ends when it is in, and keeps it open."""
    new, leave, ready = Linked(), asyncio.Event(), asyncio.get_running_loop().create_future()

    async def take() -> None:
        try:
            async with mifeng.link(
                link, profile=folder, show=new.show, device_name=name, passphrase=PASSPHRASE
            ) as me:
                new.me = me
                if not ready.done():
                    ready.set_result(None)
                await leave.wait()
        except BaseException as err:
            if not ready.done():
                ready.set_exception(err)
            raise

    task = asyncio.create_task(take())
    try:
        yield new, ready  # type: ignore[misc]
    finally:
        leave.set()
        ready.cancel()
        with contextlib.suppress(mifeng.MifengError, asyncio.CancelledError):
            await task


async def test_a_second_device_is_linked_and_reads_and_writes_as_the_first(
    tmp_path: Path,
) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        with c.ada.events() as seen:
            await c.ada._session.live.wait()
            async with (
                c.ben.devices.link() as offer,
                linking_to(tmp_path / "laptop", offer.link) as (new, ready),
            ):
                asked = await offer.requested()
                assert (asked.name, asked.system) == ("Laptop", "Linux")
                assert await offer.approve(await new.code())
                await ready
                laptop = new.me
                assert laptop is not None
                await laptop.sync()
                assert laptop.me == c.ben.me
                assert laptop.role is Role.MEMBER
                unit = laptop.unit("Research")
                await unit.send("from the laptop")
                await c.ben.sync()
                said = [m for m in await c.bens.history() if m.text == "from the laptop"]
                assert [m.sender for m in said] == [c.ben.me]
                assert laptop.safety_number(laptop.me) == c.ben.safety_number(c.ben.me)

                first, second = await laptop.devices.list()
                assert (first.how, second.how) == ("add_member", "add_device")
                assert (second.added_by, second.is_this) == (laptop.me, True)
                assert second.name == "Laptop"
                await laptop.devices.rename(second, "Old laptop")
                assert (await laptop.devices.find("old")).id == second.id
                await c.ada.sync()
                assert (await c.ada.devices.list(laptop.me))[1].name == "Old laptop"
                assert second.id == asked.id
                assert first.is_valid
                assert second.is_valid

                await c.ben.devices.revoke(second)
                with pytest.raises(mifeng.AccessEndedError):
                    await laptop.sync()
                gone = await c.ben.devices.list()
                assert [device.end for device in gone] == ["", "revoke_device"]
                assert gone[1].ended_by == c.ben.me
                await c.ada.sync()
                assert (await c.ada.devices.list(c.ben.me))[1].end == "revoke_device"
            kinds = []
            async with asyncio.timeout(PATIENCE_S):
                while "revoke_device" not in kinds:
                    event = await anext(seen)
                    if isinstance(event, mifeng.RosterChanged):
                        kinds.append(event.change.kind)
                        assert event.change.subject == c.ben.me.id
            assert kinds == ["add_device", "revoke_device"]


async def test_other_digits_add_nothing_and_use_the_link_up(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        async with (
            c.ben.devices.link() as offer,
            linking_to(tmp_path / "laptop", offer.link) as (new, ready),
        ):
            with pytest.raises(UsageError):
                await offer.approve("0000 0000 0000")
            await offer.requested()
            code = await new.code()
            with pytest.raises(ProtocolError) as refused:
                await offer.approve(code[::-1])
            assert refused.value.rule == "LINK-3"
            with pytest.raises(UsageError):
                await offer.approve(code)
            # The link is closed by now, and the new device is told so; nothing of it is left.
            with pytest.raises(mifeng.LinkSpentError):
                await ready
        assert len(await c.ben.devices.list()) == 1
        assert not (tmp_path / "laptop" / "profile.db").exists()
        await _spent(tmp_path, offer.link)


async def _spent(tmp_path: Path, link: str) -> None:
    async def show(_: str) -> None:
        raise AssertionError("there is nothing to show")

    with pytest.raises(mifeng.LinkSpentError):
        async with mifeng.link(link, profile=tmp_path / "late", show=show, passphrase=PASSPHRASE):
            pass
    assert not (tmp_path / "late" / "profile.db").exists()


async def test_each_kind_of_link_is_taken_by_its_own_command_only(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        invite = (await c.ada.invite()).link
        async with c.ben.devices.link() as offer:
            sheet = "mifeng:recover#" + offer.link.partition("#")[2]
            for enter, link, remedy in (
                (mifeng.join, offer.link, "mifeng link"),
                (mifeng.found, offer.link, "mifeng link"),
                (mifeng.found, invite, "mifeng join"),
                (mifeng.join, sheet, "damaged"),
            ):
                with pytest.raises(UsageError, match=remedy):
                    async with enter(
                        link, profile=tmp_path / "new", name="Eve", passphrase=PASSPHRASE
                    ):
                        pass
            with pytest.raises(UsageError, match="mifeng join"):
                await _spent(tmp_path, invite)


# ------------------------------------------------------------------ recovery


class Drawer:
    """Where somebody keeps recovery sheets."""

    def __init__(self) -> None:
        self.sheets: list[mifeng.RecoverySheet] = []

    async def keep(self, sheet: mifeng.RecoverySheet) -> None:
        self.sheets.append(mifeng.RecoverySheet.parse(f"text\n{sheet.link}\n\n{sheet.code}\n"))


@contextlib.asynccontextmanager
async def cem_with_a_sheet(
    tmp_path: Path, ada: mifeng.Workspace
) -> AsyncIterator[tuple[mifeng.Workspace, Drawer]]:
    drawer = Drawer()
    link = (await ada.invite()).link
    async with mifeng.join(
        link,
        profile=tmp_path / "cem",
        name="Cem",
        keep_sheet=drawer.keep,
        passphrase=PASSPHRASE,
    ) as cem:
        yield cem, drawer


async def test_a_sheet_brings_its_owner_back_and_puts_every_older_device_out(
    tmp_path: Path,
) -> None:
    async with (
        running_server(tmp_path) as server,
        cast(tmp_path, server) as c,
        cem_with_a_sheet(tmp_path, c.ada) as (cem, drawer),
    ):
        await c.ada.sync()
        assert await c.adas.grant(c.ada.person("Cem"))
        await cem.sync()
        me = cem.me.id
        (sheet,) = drawer.sheets
        with c.ada.events() as seen:
            await c.ada._session.live.wait()
            async with mifeng.recover(
                sheet,
                profile=tmp_path / "new",
                device_name="New laptop",
                keep_sheet=drawer.keep,
                passphrase=PASSPHRASE,
            ) as back:
                assert back.me.id == me
                assert [d.end for d in await back.devices.list()] == ["recover", ""]
                with pytest.raises(mifeng.AccessEndedError):
                    await cem.sync()
                async with asyncio.timeout(PATIENCE_S):
                    async for event in seen:
                        if isinstance(event, mifeng.RosterChanged):
                            break
                    assert isinstance(event, mifeng.RosterChanged)
                    assert (event.change.kind, event.change.subject) == ("recover", me)
                    while not back.units():  # Ada is online, and is asked to take the device in
                        await asyncio.sleep(0.05)
                        await back.sync()
                await back.unit("Research").send("back again")
                await c.ada.sync()
                assert [m.sender for m in await c.adas.history() if m.text] == [c.ada.person("Cem")]
                await c.ben.sync()
                for unit in (c.adas, c.bens, back.unit("Research")):
                    told = [one for line in await unit.timeline() for one in line.devices]
                    # Everybody who was there: Cem's new device has come in after that entry.
                    assert [(one.person.id, one.kind) for one in told] == (
                        [(me, "recover")] if unit in (c.adas, c.bens) else []
                    )
                with pytest.raises(mifeng.SheetSpentError):
                    async with mifeng.recover(
                        sheet,
                        profile=tmp_path / "again",
                        keep_sheet=drawer.keep,
                        passphrase=PASSPHRASE,
                    ):
                        pass
                assert not (tmp_path / "again").exists()
        assert len(drawer.sheets) == 2
        async with mifeng.recover(
            drawer.sheets[1],
            profile=tmp_path / "third",
            keep_sheet=drawer.keep,
            passphrase=PASSPHRASE,
        ) as back:
            assert back.me.id == me


async def test_without_a_sheet_or_after_a_removal_nothing_brings_back(tmp_path: Path) -> None:
    async with (
        running_server(tmp_path) as server,
        cast(tmp_path, server) as c,
        cem_with_a_sheet(tmp_path, c.ada) as (_cem, drawer),
    ):
        await c.ada.sync()
        await c.ada.remove(c.ada.person("Cem"))
        await _nobody(tmp_path, drawer)


async def _nobody(tmp_path: Path, drawer: Drawer) -> None:
    with pytest.raises(mifeng.SheetSpentError):
        async with mifeng.recover(
            drawer.sheets[0],
            profile=tmp_path / "nobody",
            keep_sheet=drawer.keep,
            passphrase=PASSPHRASE,
        ):
            pass
    assert len(drawer.sheets) == 1  # nobody writes down a sheet in vain


async def test_whoever_does_not_keep_the_sheet_has_not_joined(tmp_path: Path) -> None:
    async def lose(_: mifeng.RecoverySheet) -> None:
        raise UsageError("that is not what stands on the sheet")

    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        link = (await c.ada.invite()).link
        with pytest.raises(UsageError):
            async with mifeng.join(
                link, profile=tmp_path / "dan", name="Dan", keep_sheet=lose, passphrase=PASSPHRASE
            ):
                pass
        assert not (tmp_path / "dan").exists()
        await c.ada.sync()
        assert [p.name for p in c.ada.people()] == ["Ada", "Ben"]
        async with mifeng.join(link, profile=tmp_path / "dan", name="Dan", passphrase=PASSPHRASE):
            pass


# ------------------------------------------------------------------ roles


async def test_a_role_is_given_and_the_last_owner_stays(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        ada, ben = c.ada, c.ada.person("Ben")
        before = len(await ada.changes())
        with pytest.raises(ProtocolError) as refused:
            await ada.set_role(ada.me, Role.MEMBER)
        assert refused.value.rule == "ROSTER-14"
        with pytest.raises(ProtocolError) as refused:
            await c.ben.set_role(c.ben.me, Role.OWNER)
        assert refused.value.rule == "ROSTER-13"
        assert len(await ada.changes()) == before
        await ada.set_role(ben, Role.OWNER)
        (change,) = await ada.changes(after=before)
        assert (change.kind, change.subject, change.role) == ("set_role", ben, Role.OWNER)
        assert ada.role_of(ben) is Role.OWNER
        await ada.set_role(ada.me, Role.MEMBER)  # there is another owner now
        await c.ben.sync()
        assert (c.ben.role, ada.role) == (Role.OWNER, Role.MEMBER)
