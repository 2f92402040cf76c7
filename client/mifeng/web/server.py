"""The process behind the page: what answers it, and its orderly end."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from mifeng.web.calls.table import Desk
from mifeng.web.door import Door
from mifeng.web.house import House
from mifeng.web.keeper import Lending, cancel, started, uptime_s
from mifeng.web.media import Media
from mifeng.web.porch import Porch, porch
from mifeng.web.stream import watch
from mifeng.web.uploads import Uploads

__all__ = ["Screen", "furnished", "screen"]


@dataclass(frozen=True, slots=True)
class Screen:
    """A running screen: where the page is, and what is behind it."""

    porch: Porch
    house: House

    @property
    def port(self) -> int:
        return self.porch.port

    @property
    def door(self) -> Door:
        return self.porch.door

    @property
    def origin(self) -> str:
        return self.porch.origin

    def address(self) -> str:
        """Return an address that opens the page once, within a minute. It holds a secret."""
        return self.porch.address()


@asynccontextmanager
async def furnished(
    entrance: Porch,
    folders: list[Path],
    settings_file: Path,
    *,
    lending: Lending | None = None,
    uptime_s: Callable[[], float] = uptime_s,
) -> AsyncIterator[Screen]:
    """Answer the page while this is entered; all profiles are locked at the end.

    Args:
        entrance: where the page is served.
        folders: of the profiles, the first one to be shown first; they need not exist.
        settings_file: how the screen is to look.
        lending: lets the commands of this user use the profiles that are unlocked.
        uptime_s: by what one tells how long nobody was there.
    """
    house = House(folders, settings_file, lending, uptime_s)
    media, uploads = Media(), Uploads(house)
    desk = Desk(entrance, house, media, uploads)
    house.on_lock = [media.close, uploads.close]
    idle = started(house.lock_idle_ones())
    entrance.lead_to(
        {
            "/api/stream": functools.partial(watch, desk=desk, door=entrance.door),
            "/api/upload": functools.partial(uploads.take, door=entrance.door),
            "/media/{capability}": media.serve,
        }
    )
    try:
        yield Screen(entrance, house)
    finally:
        await cancel([idle])
        await house.close()


@asynccontextmanager
async def screen(
    folders: list[Path],
    settings_file: Path,
    *,
    lending: Lending | None = None,
    uptime_s: Callable[[], float] = uptime_s,
) -> AsyncIterator[Screen]:
    """Serve the page and answer it, while this is entered; the arguments are `furnished`'s."""
    async with (
        porch() as entrance,
        furnished(entrance, folders, settings_file, lending=lending, uptime_s=uptime_s) as shown,
    ):
        yield shown
