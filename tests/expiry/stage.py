"""A server and devices on one clock; each device may show a time that is wrong by any amount."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import mifeng
from mifeng.sdk import opening
from mifeng.session import Session, expiry
from mifeng_crypto.ids import UnixMillis
from tests.e2e.people import PASSPHRASE
from tests.support.server import ManualClock, RunningServer, running_server

__all__ = ["HOUR", "Device", "Stage", "stage"]

HOUR = 3600


@dataclasses.dataclass
class Device:
    """A profile, and while it is open the workspace. `is_off_by` seconds is its clock wrong."""

    name: str
    folder: Path
    clock: ManualClock
    is_off_by: float = 0
    workspace: mifeng.Workspace | None = None
    opened_at: int = 0
    _stack: contextlib.AsyncExitStack = dataclasses.field(default_factory=contextlib.AsyncExitStack)

    def now(self) -> UnixMillis:
        return UnixMillis(self.clock.now() + int(self.is_off_by * 1000))

    async def enter(
        self, entering: contextlib.AbstractAsyncContextManager[mifeng.Workspace]
    ) -> mifeng.Workspace:
        """Open by `entering`, with this device's clock."""
        self.opened_at = self.clock.now()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(opening, "_now", self.now)
            self.workspace = await self._stack.enter_async_context(entering)
        return self.workspace

    async def open(self, *, online: bool = True) -> mifeng.Workspace:
        """Open the profile, and with `online` catch up."""
        way = mifeng.open if online else opening.unlock
        return await self.enter(way(self.folder, passphrase=PASSPHRASE))

    async def close(self) -> None:
        """Switch it off."""
        await self._stack.aclose()
        self.workspace = None

    @property
    def session(self) -> Session:
        assert self.workspace is not None, "it is open"
        return self.workspace._session

    @property
    def unit(self) -> mifeng.Unit:
        assert self.workspace is not None, "it is open"
        return self.workspace.unit("Research")

    async def tick(self) -> None:
        """What the timer does once a minute."""
        await expiry.expire(self.session, uptime_ms=self.clock.now() - self.opened_at)
        await expiry.renew_state_keys(self.session)

    async def sync(self) -> None:
        assert self.workspace is not None, "it is open"
        await self.workspace.sync()

    async def texts(self) -> list[str]:
        """What it shows."""
        return [m.text for m in await self.unit.history() if m.text]


@dataclasses.dataclass
class Stage:
    """Ada has a unit with Ben and Cy in it; all three are online."""

    folder: Path
    clock: ManualClock
    server: RunningServer
    devices: dict[str, Device]

    @property
    def ada(self) -> Device:
        return self.devices["Ada"]

    @property
    def ben(self) -> Device:
        return self.devices["Ben"]

    @property
    def cy(self) -> Device:
        return self.devices["Cy"]

    def at(self, moment: int) -> None:
        """Let the time come, in Unix milliseconds."""
        if moment > self.clock.now():
            self.clock.advance((moment - self.clock.now()) / 1000)
            # Milliseconds are whole: what is lost in the division is made good.
            self.clock._now = moment


@contextlib.asynccontextmanager
async def stage(folder: Path, *, names: tuple[str, ...] = ("Ben", "Cy")) -> AsyncIterator[Stage]:
    """Set it up; everything is closed at the end."""
    clock = ManualClock()
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(running_server(folder, clock=clock, tls=False))
        devices = {name: Device(name, folder / name, clock) for name in ("Ada", *names)}
        for device in devices.values():
            stack.push_async_callback(device.close)
        ada = devices["Ada"]
        await ada.enter(
            mifeng.found(
                server.founding_link, profile=ada.folder, name="Ada", passphrase=PASSPHRASE
            )
        )
        assert ada.workspace is not None
        unit = await ada.workspace.create_unit("Research")
        for name in names:
            device = devices[name]
            link = (await ada.workspace.invite()).link
            await device.enter(
                mifeng.join(link, profile=device.folder, name=name, passphrase=PASSPHRASE)
            )
            await ada.sync()
            await unit.grant(ada.workspace.person(name))
            await device.sync()
        yield Stage(folder, clock, server, devices)
