"""A system notification while no page is open: what `mifeng ui --no-window` serves is not missed.

The desktop's own service shows it (Linux: `org.freedesktop.Notifications`, by D-Bus). It never says
what has come, nor from whom; there is one at a time, and pressing it opens a window.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from mifeng.text import _
from mifeng.web.keeper import cancel, started

if TYPE_CHECKING:
    from jeepney.io.asyncio import DBusRouter

__all__ = ["bell"]

log = logging.getLogger("mifeng.web.bell")
NAME = "org.freedesktop.Notifications"
PATH = "/org/freedesktop/Notifications"
TITLE = "Mifeng 密封"
BUS = "DBUS_SESSION_BUS_ADDRESS"


@asynccontextmanager
async def bell(open_window: Callable[[], Awaitable[object]]) -> AsyncIterator[Callable[[], None]]:
    """Give what says that something has come; whoever presses what is shown gets a window."""
    wanted = asyncio.Event()
    task = started(_serve(wanted, open_window))
    try:
        yield wanted.set
    finally:
        await cancel([task])


async def _serve(wanted: asyncio.Event, open_window: Callable[[], Awaitable[object]]) -> None:
    while True:
        await wanted.wait()
        wanted.clear()
        if BUS in os.environ:  # without one there is no desktop that could show anything
            try:
                await _show_all(wanted, open_window)
            except Exception as err:  # noqa: BLE001 - a desktop's fault in whatever form, and none of ours
                log.warning("the desktop shows no notifications: %s", err)


async def _show_all(wanted: asyncio.Event, open_window: Callable[[], Awaitable[object]]) -> None:
    """Show one, and the next ones in its place, as long as the desktop is there."""
    from jeepney import MatchRule  # noqa: PLC0415 - most processes never need it
    from jeepney.bus_messages import message_bus  # noqa: PLC0415
    from jeepney.io.asyncio import Proxy, open_dbus_router  # noqa: PLC0415

    async with open_dbus_router() as router:
        pressed = MatchRule(type="signal", interface=NAME, member="ActionInvoked", path=PATH)
        await Proxy(message_bus, router).AddMatch(pressed)
        shown = 0

        async def open_when_pressed() -> None:
            with router.filter(pressed) as presses:
                while True:
                    if (await presses.get()).body[0] == shown:
                        await open_window()

        listening = started(open_when_pressed())
        try:
            while True:
                shown = await _show(router, shown)
                await wanted.wait()
                wanted.clear()
        finally:
            await cancel([listening])


async def _show(router: DBusRouter, replaced: int) -> int:
    """Show one in place of another; return its number."""
    from jeepney import DBusAddress, new_method_call  # noqa: PLC0415
    from jeepney.wrappers import unwrap_msg  # noqa: PLC0415

    facts = (TITLE, replaced, "mifeng", TITLE, _("Something new has come."),
             ["default", _("Open")], {"desktop-entry": ("s", "mifeng")}, -1)  # fmt: skip
    call = new_method_call(DBusAddress(PATH, NAME, NAME), "Notify", "susssasa{sv}i", facts)
    number: int = unwrap_msg(await router.send_and_get_reply(call))[0]
    return number
