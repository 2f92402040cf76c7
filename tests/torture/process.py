"""A real server process: started, killed, wrapped by a tool; and a device that speaks to it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from mifeng_server.clock import SystemClock
from mifeng_server.folder import Folder
from mifeng_server.serving import initialise
from tests.support.peer import Peer
from tests.support.ports import free_port

__all__ = ["ServerProcess", "founder_of"]

PATIENCE_S = 60.0
"""Machines that run this are busy."""


class ServerProcess:
    """`mifeng-server serve` on a data folder, by default over plain HTTP on loopback.

    Attributes:
        url: how clients reach it.
        port: where it listens.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = ""
        self.port = 0
        self.link = ""
        self._process: asyncio.subprocess.Process | None = None

    async def init(self, address: str = "http://127.0.0.1") -> None:
        """Make the data folder of a server with this address, at a free port."""
        self.url = f"{address}:{free_port(address.partition('://')[2])}"
        self.link = await initialise(
            Folder(self.folder), self.url, clock=SystemClock(), rng=os.urandom
        )

    async def start(self, *wrapper: str, elsewhere: bool = False) -> float:
        """Start it, behind a tool if one is given; return in how many seconds it answered.

        `elsewhere`: at another port than its address says, where something stands before it.
        """
        host, _, port = self.url.partition("://")[2].rpartition(":")
        self.port, options = int(port), list[str]()
        if elsewhere:
            self.port = free_port(host)
            options = ["--port", str(self.port)]
        begin = time.monotonic()
        self._process = await asyncio.create_subprocess_exec(
            *wrapper,
            *(sys.executable, "-m", "mifeng_server", "serve", "--data", str(self.folder)),
            *options,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        while True:
            try:
                _, writer = await asyncio.open_connection(host, self.port)
            except OSError:
                assert self._process.returncode is None, "the server ended by itself"
                assert time.monotonic() - begin < PATIENCE_S, "the server does not answer"
                await asyncio.sleep(0.01)
            else:
                writer.close()
                return time.monotonic() - begin

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        assert self._process is not None, "it was started"
        return self._process.pid

    async def end(self, number: int = signal.SIGKILL) -> None:
        """Kill it, or tell it to stop; return when it is gone."""
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            os.killpg(process.pid, number)
        await process.wait()
        self._process = None


@asynccontextmanager
async def founder_of(server: ServerProcess) -> AsyncIterator[tuple[Peer, bytes]]:
    """The founder's device with a unit, over one connection."""
    connector = aiohttp.TCPConnector(limit=16)
    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        peer = Peer(session=session, url=server.url, clock=SystemClock())
        await peer.found(server.link)
        await peer.login()
        yield peer, await peer.create_unit()
