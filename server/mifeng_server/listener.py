"""The socket that clients reach: TLS, and how long and how many connections may be open.

What aiohttp sees to by itself with these settings: a connection that sends no whole head of a
request is closed after `HEAD_S`; bodies are never unpacked.
"""

from __future__ import annotations

import asyncio
import asyncio.sslproto
import ssl
from collections.abc import Callable

from aiohttp import web

from mifeng_server.logs import AIOHTTP
from mifeng_server.tls_stream import READ_BYTES, Tls

__all__ = ["make_runner", "open_port"]

HEAD_S = 75
"""How long a connection may be idle, or be in the middle of a head."""
HANDSHAKE_S = 15
SHUTDOWN_S = 10
"""How long requests under way may take to end."""
BACKLOG = 4096
"""Connections that wait for the process: all of a company may come back in the same second."""


def make_runner(app: web.Application) -> web.AppRunner:
    """Return what serves an application."""
    return web.AppRunner(
        app,
        access_log=None,
        logger=AIOHTTP,
        shutdown_timeout=SHUTDOWN_S,
        keepalive_timeout=HEAD_S,
        auto_decompress=False,
        lingering_time=5,
        read_bufsize=READ_BYTES,
    )


async def open_port(
    runner: web.AppRunner, host: str, port: int, *, context: ssl.SSLContext | None, most: int
) -> asyncio.Server:
    """Accept connections, at most so many at once; the rest are closed before a byte is read.

    Raises:
        OSError: the port cannot be had.
    """
    server = runner.server
    assert server is not None, "the runner is set up"

    def accept() -> asyncio.BaseProtocol:
        full = len(server.connections) >= most
        return _Full() if full else make()

    asyncio.sslproto.SSLProtocol = Tls  # type: ignore[misc]
    make: Callable[[], asyncio.BaseProtocol] = server
    seconds = HANDSHAKE_S if context else None
    return await asyncio.get_running_loop().create_server(
        accept, host, port, ssl=context, backlog=BACKLOG, ssl_handshake_timeout=seconds
    )


class _Full(asyncio.Protocol):
    """There is no room."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport), "it is of a stream"
        transport.abort()
