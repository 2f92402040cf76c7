"""The stage: one folder, the server as a process of its own, and the recording proxy before it.

clients --TLS--> proxy (the server's key) --TLS--> mifeng-server serve
                   |
                   v
                traffic/
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from demo.proxy import RecordingProxy
from demo.server import free_port, running_server
from demo.stored import Stored

__all__ = ["Stage", "stage"]


@dataclass(frozen=True, slots=True)
class Stage:
    """What is there while the play runs."""

    folder: Path
    link: str
    address: str
    stored: Stored

    @property
    def data(self) -> Path:
        """The server's data folder: database, blobs, vault."""
        return self.folder / "server"

    @property
    def server_has(self) -> list[Path]:
        """Everything that the server has or could have: its folder, its log, its traffic."""
        return [self.data, self.folder / "log", self.folder / "traffic"]


@contextlib.asynccontextmanager
async def stage(folder: Path) -> AsyncIterator[Stage]:
    """Start server and proxy; stop both in the end, whatever happened."""
    port = free_port()
    address = f"https://127.0.0.1:{port}"
    async with running_server(folder, address=address, port=0) as server:
        proxy = RecordingProxy(
            folder=folder / "traffic",
            key=server.data / "tls.key",
            certificate=server.data / "tls.crt",
            upstream_port=server.port,
        )
        await proxy.start(port)
        try:
            yield Stage(folder, server.link, address, Stored(server.data / "server.db"))
        finally:
            await proxy.stop()
