"""The page and its door, before the rest of this process is loaded.

A browser takes its time to start and to read the page, and this process takes some to load what
stands behind it: so they do it side by side. Lines and media wait until they can be answered.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from aiohttp import web

from mifeng.web.assets import assets
from mifeng.web.door import Door
from mifeng.web.guard import ADDRESS, guarded, with_headers
from mifeng.web.running import Wish

__all__ = ["Porch", "Rooms", "porch"]

Rooms = Mapping[str, Callable[[web.Request], Awaitable[web.StreamResponse]]]
"""What stands behind the page, by its path in `BEHIND`."""

BEHIND = ("/api/stream", "/api/upload", "/media/{capability}")


class Porch:
    """A page that is served on `port` of 127.0.0.1."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.door = Door()
        self.wish: Wish | None = None
        """What the next window is opened for."""
        self._rooms: asyncio.Future[Rooms] = asyncio.get_running_loop().create_future()

    @property
    def origin(self) -> str:
        return f"http://{ADDRESS}:{self.port}"

    def address(self) -> str:
        """Return an address that opens the page once, within a minute. It holds a secret."""
        return f"{self.origin}/#{self.door.issue()}"

    def lead_to(self, rooms: Rooms) -> None:
        """Answer from now on what the page asks, and what it has asked already."""
        self._rooms.set_result(rooms)

    async def enter(self, request: web.Request) -> web.StreamResponse:
        """Answer what is not the page itself, once that can be done."""
        resource = request.match_info.route.resource
        assert resource is not None, "only routes of `BEHIND` lead here"
        rooms = await asyncio.shield(self._rooms)  # who goes away does not end it for the others
        return await rooms[resource.canonical](request)


def new_socket() -> socket.socket:
    """Return one whose port nobody is given for the next minute, should this process end."""
    return socket.socket(socket.AF_INET, socket.SOCK_STREAM)


async def _asset(request: web.Request) -> web.Response:
    asset = assets()[request.path]
    return web.Response(body=asset.body, headers={"Content-Type": asset.content_type})


@asynccontextmanager
async def porch() -> AsyncIterator[Porch]:
    """Serve the page while this is entered."""
    listening = new_socket()
    listening.bind((ADDRESS, 0))
    opened = Porch(listening.getsockname()[1])
    app = web.Application(middlewares=[guarded])
    app.on_response_prepare.append(with_headers)
    for path in assets():
        app.router.add_get(path, _asset)
    for path in BEHIND:
        app.router.add_get(path, opened.enter)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.SockSite(runner, listening).start()
        yield opened
    finally:
        await runner.cleanup()
