"""`mifeng-server` as a process of its own, in a folder of its own."""

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

__all__ = ["RunningServer", "free_port", "running_server", "serve_on"]

_START_TIMEOUT_S = 20
_SERVE = (sys.executable, "-m", "mifeng_server", "serve", "--data")


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that was initialised and runs. `address` is what its links say."""

    data: Path
    address: str
    link: str
    port: int
    pid: int


@contextlib.asynccontextmanager
async def running_server(
    folder: Path, *, address: str, port: int | None = None
) -> AsyncIterator[RunningServer]:
    """Initialise and start a server in `folder`; stop it in the end, whatever happened.

    Args:
        folder: for `server/`, its data, and `log/`.
        address: where its links point to.
        port: where it listens, if not there; 0 for any.

    Raises:
        PlayError: it did not start.
    """
    data, log = folder / "server", folder / "log" / "server.log"
    log.parent.mkdir(parents=True)
    link = await _init(data, address)
    other = () if port is None else ("--port", str(port))
    with log.open("wb") as out:
        server = await asyncio.create_subprocess_exec(
            *_SERVE, str(data), *other, stdout=out, stderr=out, start_new_session=True
        )
    try:
        found = await _port_of(server, data / "port", log)
        yield RunningServer(data, address, link, found, server.pid)
    finally:
        if server.returncode is None:
            server.send_signal(signal.SIGTERM)
            await server.wait()


def serve_on(folder: Path) -> int:
    """Start the server in `folder` once more and leave it; return its process id.

    Raises:
        PlayError: it did not start.
    """
    data, log = folder / "server", folder / "log" / "server.log"
    port = data / "port"
    port.unlink(missing_ok=True)
    with log.open("ab") as out:
        server = subprocess.Popen(
            [*_SERVE, str(data)], stdout=out, stderr=out, start_new_session=True
        )
    deadline = time.monotonic() + _START_TIMEOUT_S
    while server.poll() is None and time.monotonic() < deadline:
        if port.exists():
            return server.pid
        time.sleep(0.05)
    raise PlayError(f"the server did not start again:\n{log.read_text()}")


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
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
        if file.exists() and (text := file.read_text().strip()):
            return int(text)
        await asyncio.sleep(0.05)
    raise PlayError(f"the server did not start:\n{log.read_text()}")
