"""The socket that clients reach: TLS, and how long and how many connections may be open.

What aiohttp sees to by itself with these settings: a connection that sends no whole head of a
request is closed after `HEAD_S`; bodies are never unpacked.
"""

from __future__ import annotations

import asyncio
import asyncio.sslproto
import ssl
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from aiohttp import web

from mifeng_server.logs import AIOHTTP

__all__ = ["make_runner", "open_port"]

HEAD_S = 75
"""How long a connection may be idle, or be in the middle of a head."""
HANDSHAKE_S = 15
SHUTDOWN_S = 10
"""How long requests under way may take to end."""
READ_BYTES = 256 << 10
TLS_BUFFER_BYTES = 32 << 10
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

    asyncio.sslproto.SSLProtocol = _Tls  # type: ignore[misc]
    make: Callable[[], asyncio.BaseProtocol] = server
    seconds = HANDSHAKE_S if context else None
    return await asyncio.get_running_loop().create_server(
        accept, host, port, ssl=context, backlog=BACKLOG, ssl_handshake_timeout=seconds
    )


class _Tls(asyncio.sslproto.SSLProtocol):
    """TLS connections that read into one buffer of their loop, one after the other.

    asyncio gives each 256 KiB of its own, which most never need: a thousand idle sockets would hold
    256 MiB. What is read is passed on before the loop comes to the next connection.
    """

    # Beyond thirty attributes, the table of an object is no longer shared with others of its class,
    # and takes 1,300 bytes more: these make the rest fit.
    __slots__ = (
        "_extra",
        "_loop",
        "_ssl_buffer",
        "_ssl_buffer_view",
        "_sslcontext",
        "_transport",
        "_waiter",
        "_write_backlog",
    )

    max_size = TLS_BUFFER_BYTES

    def __init__(self, loop: asyncio.AbstractEventLoop, *args: Any, **more: Any) -> None:  # noqa: ANN401 - asyncio's own
        super().__init__(loop, *args, **more)
        if loop not in _BUFFERS:
            buffer = bytearray(READ_BYTES)
            _BUFFERS[loop] = buffer, memoryview(buffer)
        self._ssl_buffer, self._ssl_buffer_view = _BUFFERS[loop]
        # TLS takes at once what is written, so this stays short: a deque has 700 bytes when empty.
        self._write_backlog = []  # type: ignore[assignment]


_BUFFERS: WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[bytearray, memoryview]] = (
    WeakKeyDictionary()
)


class _Full(asyncio.Protocol):
    """There is no room."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport), "it is of a stream"
        transport.abort()
