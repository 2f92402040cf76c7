"""The process behind the page: its socket, its application, its orderly end."""

from __future__ import annotations

import asyncio
import functools
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from mifeng.web.assets import assets
from mifeng.web.calls.table import Desk
from mifeng.web.door import Door
from mifeng.web.guard import ADDRESS, guarded, with_headers
from mifeng.web.house import House
from mifeng.web.keeper import Lending
from mifeng.web.media import Media
from mifeng.web.stream import watch
from mifeng.web.uploads import Uploads

__all__ = ["Screen", "make_app", "screen"]


@dataclass(frozen=True, slots=True)
class Screen:
    """A running screen: `port` on 127.0.0.1, and what is behind it."""

    port: int
    house: House
    door: Door

    @property
    def origin(self) -> str:
        return f"http://{ADDRESS}:{self.port}"

    def address(self) -> str:
        """Return an address that opens the page once, within a minute. It holds a secret."""
        return f"{self.origin}/#{self.door.issue()}"


def make_app(house: House, door: Door) -> web.Application:
    """Put the parts together."""
    app = web.Application(middlewares=[guarded])
    media, uploads = Media(), Uploads(house)
    desk = Desk(house, media, uploads)
    house.on_lock = [media.close, uploads.close]
    app.on_response_prepare.append(with_headers)
    for path in assets():
        app.router.add_get(path, _asset)
    app.router.add_get("/api/stream", functools.partial(watch, desk=desk, door=door))
    app.router.add_get("/api/upload", functools.partial(uploads.take, door=door))
    app.router.add_get("/media/{capability}", media.serve)
    return app


def new_socket() -> socket.socket:
    """Return one whose port nobody is given for the next minute, should this process end."""
    return socket.socket(socket.AF_INET, socket.SOCK_STREAM)


async def _asset(request: web.Request) -> web.Response:
    asset = assets()[request.path]
    return web.Response(body=asset.body, headers={"Content-Type": asset.content_type})


@asynccontextmanager
async def screen(
    folders: list[Path], settings_file: Path, *, lending: Lending | None = None
) -> AsyncIterator[Screen]:
    """Serve the page while this is entered; all profiles are locked at the end.

    Args:
        folders: of the profiles, the first one to be shown first; they need not exist.
        settings_file: how the screen is to look.
        lending: lets the commands of this user use the profiles that are unlocked.
    """
    house, door = House(folders, settings_file, lending), Door()
    listening = new_socket()
    listening.bind((ADDRESS, 0))
    runner = web.AppRunner(make_app(house, door), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    idle = asyncio.create_task(house.lock_idle_ones())
    try:
        await web.SockSite(runner, listening).start()
        yield Screen(listening.getsockname()[1], house, door)
    finally:
        idle.cancel()
        await house.close()
        await runner.cleanup()
