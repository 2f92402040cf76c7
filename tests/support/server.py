"""A real server in a test: its own data folder, a free port, TLS, and a clock that tests can move.

    async with running_server(tmp_path) as server:
        server.url, server.pin, server.founding_link

The server runs in this process and event loop, over real sockets; `server.folder` is what it has
on the disk. Entered again with the same folder (`restart=True`), it goes on from there.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from mifeng_crypto.rand import Rng
from mifeng_server.clock import SystemClock
from mifeng_server.config import Folder
from mifeng_server.domain.house import House
from mifeng_server.domain.protocols import Clock
from mifeng_server.domain.purge import Purged, purge
from mifeng_server.routes.endpoint import CLOCK, HOUSE
from mifeng_server.serving import initialise, serving
from tests.support.ports import free_port

__all__ = ["ManualClock", "RunningServer", "routes_of", "running_server"]

START = 1_800_000_000_000
"""A moment in 2027."""


class ManualClock:
    """`Clock` that stands still until somebody moves it; who sleeps wakes up on the way."""

    def __init__(self, now: int = START) -> None:
        self._now = now
        self._moved = asyncio.Event()

    def now(self) -> int:
        return self._now

    async def sleep(self, seconds: float) -> None:
        until = self._now + seconds * 1000
        while self._now < until:
            await self._moved.wait()

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += int(seconds * 1000)
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that accepts connections.

    Attributes:
        url: https://127.0.0.1:<port>, the address that is in its links.
        pin: SHA-256 of its TLS key's SubjectPublicKeyInfo.
        founding_link: works once; empty after a restart.
        folder: its data folder.
        app: what it serves.
        house: its domain, to look inside.
    """

    url: str
    pin: bytes | None
    founding_link: str
    folder: Path
    house: House
    clock: Clock
    app: web.Application

    async def purge(self) -> Purged:
        """Destroy what is due now, instead of waiting for the background task."""
        return await purge(self.house, clock=self.clock.now)


@asynccontextmanager
async def running_server(
    tmp_path: Path,
    *,
    clock: Clock | None = None,
    rng: Rng = os.urandom,
    tls: bool = True,
    restart: bool = False,
    settings: str = "",
) -> AsyncIterator[RunningServer]:
    """Run a server while this is entered.

    Args:
        tmp_path: the data folder becomes `tmp_path / "server"`.
        clock: the server's; the system's if there is none.
        rng: the server's.
        tls: without it the server speaks plain HTTP on loopback.
        restart: go on with a data folder that is there.
        settings: more lines for its configuration.
    """
    folder, clock = Folder(tmp_path / "server"), clock or SystemClock()
    link = ""
    if not restart:
        address = f"{'https' if tls else 'http'}://127.0.0.1:{free_port()}"
        link = await initialise(folder, address, clock=clock, rng=rng)
    if settings:
        with folder.config.open("a", encoding="utf-8") as file:
            file.write(f"\n{settings}\n")
    async with serving(folder, clock=clock, rng=rng) as served:
        house = served.app[HOUSE]
        assert served.app[CLOCK] is clock
        yield RunningServer(served.url, served.tls_pin, link, folder.path, house, clock, served.app)


def routes_of(server: RunningServer) -> set[tuple[str, str]]:
    """Method and path of everything that the server answers."""
    return {
        (route.method, route.resource.canonical)
        for route in server.app.router.routes()
        if route.resource is not None and not (route.method == "HEAD" and _is_get(route))
    }


def _is_get(route: web.AbstractRoute) -> bool:
    """aiohttp answers HEAD by GET where nobody says otherwise."""
    resource = route.resource
    return resource is not None and any(
        other.method == "GET" and other.handler is route.handler for other in resource
    )
