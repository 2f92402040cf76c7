"""Tell systemd how things stand (sd_notify(3)): one datagram to the socket that it names."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Mapping

__all__ = ["notify", "watch", "watchdog_s"]


def notify(state: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Say `READY=1`, `STOPPING=1` and the like; return whether anybody listens."""
    address = environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    # A leading @ stands for the NUL of an abstract socket.
    path = "\0" + address[1:] if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
        out.connect(path)
        out.sendall(state.encode())
    return True


def watchdog_s(environ: Mapping[str, str] = os.environ) -> float:
    """How often systemd wants to hear that the process lives; 0 for never."""
    for_us = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    micros = environ.get("WATCHDOG_USEC", "")
    return int(micros) / 2_000_000 if for_us and micros.isdigit() else 0


async def watch() -> None:
    """Say so, until cancelled: an event loop that stands still says nothing."""
    every = watchdog_s()
    while every:
        notify("WATCHDOG=1")
        await asyncio.sleep(every)
