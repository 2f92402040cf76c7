"""The stage: one folder, the server as a process of its own, and the recording proxy before it.

clients --TLS--> proxy (the server's key) --TLS--> mifeng-server serve
                   |
                   v
                traffic/
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from demo.people import PlayError
from demo.proxy import RecordingProxy
from demo.stored import Stored

__all__ = ["Stage", "serve_on", "stage"]

_START_TIMEOUT_S = 20


@dataclass(frozen=True, slots=True)
class Stage:
    """What is there while the play runs."""

    folder: Path
    link: str
    address: str
    pid: int
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
    data, address = folder / "server", f"https://127.0.0.1:{_free_port()}"
    (folder / "log").mkdir(parents=True)
    link = await _init(data, address)
    log = (folder / "log" / "server.log").open("wb")
    with log:
        server = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "mifeng_server", "serve", "--data", str(data), "--port", "0"),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        port = await _port_of(server, data / "port", folder / "log" / "server.log")
        proxy = RecordingProxy(
            folder=folder / "traffic",
            key=data / "tls.key",
            certificate=data / "tls.crt",
            upstream_port=port,
        )
        await proxy.start(int(address.rpartition(":")[2]))
        try:
            yield Stage(folder, link, address, server.pid, Stored(data / "server.db"))
        finally:
            await proxy.stop()
    finally:
        if server.returncode is None:
            server.send_signal(signal.SIGTERM)
            await server.wait()


def serve_on(folder: Path) -> int:
    """Start the server alone, at the address that is in the links; return its process id.

    Raises:
        PlayError: it did not start.
    """
    data, log = folder / "server", folder / "log" / "server.log"
    (data / "port").unlink(missing_ok=True)
    with log.open("ab") as out:
        command = [sys.executable, "-m", "mifeng_server", "serve", "--data", str(data)]
        server = subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True)
    deadline = time.monotonic() + _START_TIMEOUT_S
    while server.poll() is None and time.monotonic() < deadline:
        if "https://" in log.read_text().rpartition("Stopping")[2]:
            return server.pid
        time.sleep(0.05)
    raise PlayError(f"the server did not start again:\n{log.read_text()}")


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


async def _init(data: Path, address: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "mifeng_server", "init", "--data", str(data)),
        *("--address", address),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    if process.returncode:
        raise PlayError(f"`mifeng-server init` failed:\n{err.decode()}")
    return out.decode().strip()


async def _port_of(server: asyncio.subprocess.Process, file: Path, log: Path) -> int:
    for _ in range(_START_TIMEOUT_S * 20):
        if server.returncode is not None:
            break
        if file.exists() and (text := file.read_text()).strip():
            return int(text)
        await asyncio.sleep(0.05)
    raise PlayError(f"the server did not start:\n{log.read_text()}")
