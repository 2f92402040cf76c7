"""A desktop in a test: a session bus, and what shows notifications on it.

async with desktop(tmp_path) as shown:
    (await shown.next())["body"]; await shown.press()
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from jeepney import DBusAddress, MatchRule, new_method_return, new_signal
from jeepney.bus_messages import message_bus
from jeepney.io.asyncio import DBusRouter, Proxy, open_dbus_router

from mifeng.web.bell import NAME, PATH
from tests.support.patience import PATIENCE_S

__all__ = ["Shown", "desktop"]

FIELDS = ("app", "replaces", "icon", "title", "body", "actions", "hints", "timeout")
NUMBER = 7


class Shown:
    """The notifications that were shown."""

    def __init__(self, address: str, router: DBusRouter) -> None:
        self.address, self._router = address, router
        self.all = asyncio.Queue[dict[str, Any]]()

    async def next(self) -> dict[str, Any]:
        """Wait for one."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.all.get()

    async def press(self) -> None:
        """Press the one that stands there."""
        place = DBusAddress(PATH, interface=NAME)
        await self._router.send(new_signal(place, "ActionInvoked", "us", (NUMBER, "default")))

    async def serve(self) -> None:
        """Show what comes, for ever."""
        with self._router.filter(MatchRule(type="method_call", interface=NAME)) as calls:
            while True:
                call = await calls.get()
                await self._router.send(new_method_return(call, "u", (NUMBER,)))
                self.all.put_nowait(dict(zip(FIELDS, call.body, strict=True)))


@contextlib.asynccontextmanager
async def desktop(folder: Path) -> AsyncIterator[Shown]:
    """Start the bus, and serve on it."""
    daemon = shutil.which("dbus-daemon")
    if daemon is None:
        pytest.skip("dbus-daemon is missing: run scripts/ci_setup.sh")
    command = (daemon, "--session", "--nofork", "--print-address=1", f"--address=unix:dir={folder}")
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        address = (await process.stdout.readline()).decode().strip()
        async with open_dbus_router(address) as router:
            await Proxy(message_bus, router).RequestName(NAME)
            shown = Shown(address, router)
            serving = asyncio.create_task(shown.serve())
            yield shown
            serving.cancel()
    finally:
        process.terminate()
        await process.wait()
