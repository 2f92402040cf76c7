"""A network that misbehaves: bytes between client and server, dropped, delayed, doubled or bent.

    async with Proxy(server_port, port=port) as proxy:
        proxy.fault = corrupt               # from now on, for all that comes back

A fault takes what one read brought and returns what is passed on, piece by piece; None cuts the
connection. It sees TLS records, as anybody on the way does. With `tls` (a thief of the server's
key) it stands inside and sees HTTP: that is how a whole request can be played again.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Sequence
from typing import Self

__all__ = [
    "CLEAN",
    "Fault",
    "Proxy",
    "corrupt",
    "cut",
    "delayed",
    "drop",
    "duplicate",
    "reorder",
    "truncate",
]

READ_BYTES = 1 << 16
Pieces = Sequence[bytes] | None
Fault = Callable[[bytes], Pieces]


def CLEAN(data: bytes) -> Pieces:  # noqa: N802 - the fault that is none
    return (data,)


def drop(_: bytes) -> Pieces:
    return ()


def cut(_: bytes) -> Pieces:
    return None


def duplicate(data: bytes) -> Pieces:
    return (data, data)


def reorder(data: bytes) -> Pieces:
    middle = len(data) // 2
    return (data[middle:], data[:middle])


def truncate(data: bytes) -> Pieces:
    return (data[: len(data) // 2],)


def corrupt(data: bytes) -> Pieces:
    changed = bytearray(data)
    changed[len(changed) // 2] ^= 1
    return (bytes(changed),)


def delayed(data: bytes) -> Pieces:
    """One byte at a time at first: no reader may rely on what one read brings."""
    return (*(data[n : n + 1] for n in range(min(len(data), 64))), data[64:])


class Proxy:
    """Stands on `port` for a server on `upstream_port`; both on 127.0.0.1."""

    def __init__(
        self,
        upstream_port: int,
        *,
        port: int = 0,
        tls: tuple[ssl.SSLContext, ssl.SSLContext] | None = None,
    ) -> None:
        """Be ready; `tls` are the contexts to accept and to dial with, where it ends TLS."""
        self.port = port
        self.to_server: Fault = CLEAN
        self.to_client: Fault = CLEAN
        self.sent: list[bytes] = []
        self._upstream_port = upstream_port
        self._accepting = tls[0] if tls else None
        self._dialling = tls[1] if tls else None
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(
            self._connected, "127.0.0.1", self.port, ssl=self._accepting
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None, "it was entered"
        self._server.close()
        await self.hang_up()

    async def hang_up(self) -> None:
        """Cut all connections."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def replay(self, data: bytes) -> bytes:
        """Send bytes to the server once more, on a connection of their own."""
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self._upstream_port, ssl=self._dialling
        )
        writer.write(data)
        answer = b""
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(1):
                answer = await reader.read(READ_BYTES)
        writer.close()
        return answer

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "asyncio runs it as one"
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            there, back = await asyncio.open_connection(
                "127.0.0.1", self._upstream_port, ssl=self._dialling
            )
            try:
                await asyncio.gather(
                    self._pass_on(reader, back, up=True), self._pass_on(there, writer, up=False)
                )
            finally:
                back.close()
                writer.close()

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, up: bool
    ) -> None:
        try:
            while data := await reader.read(READ_BYTES):
                if up:
                    self.sent.append(data)
                pieces = (self.to_server if up else self.to_client)(data)
                if pieces is None:
                    return
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
        finally:
            writer.close()
