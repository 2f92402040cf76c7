"""HTTP/1.1 and WebSocket by hand: the generator must cost less than what it measures."""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from collections.abc import Callable

import msgspec

from mifeng_crypto.api.messages import StreamHello

__all__ = ["Http", "Socket", "connect_http", "connect_socket", "no_check"]


def no_check() -> ssl.SSLContext:
    """TLS to a server that is this machine."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


class Http(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self._got = bytearray()
        self._done: asyncio.Future[int] | None = None
        self.answer = b""
        """The body of the last answer."""
        self.retry_after_s: float | None = None
        """How long the last answer says to wait."""
        self.is_lost = False
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport), "it is of a stream"
        self.transport = transport

    def connection_lost(self, _: Exception | None) -> None:
        self.is_lost = True
        if self._done is not None and not self._done.done():
            self._done.set_result(0)

    def data_received(self, data: bytes) -> None:
        self._got += data
        end = self._got.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self._got[:end]).lower()
        at = head.find(b"content-length: ")
        length = int(head[at + 16 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(self._got) >= end + 4 + length and self._done is not None:
            status = int(head[9:12])
            self.answer = bytes(self._got[end + 4 : end + 4 + length])
            wait = head.partition(b"retry-after: ")[2].partition(b"\r\n")[0]
            self.retry_after_s = float(wait) if wait else None
            del self._got[: end + 4 + length]
            self._done.set_result(status)

    async def post(self, path: str, token: str, body: bytes, *, key: str = "") -> int:
        """Post a body; return the status, 0 if the line was cut."""
        return await self.ask("POST", path, token, body, key=key)

    async def ask(
        self, method: str, path: str, token: str, body: bytes = b"", *, key: str = ""
    ) -> int:
        """Send a request; return the status, 0 if the line was cut."""
        assert self.transport is not None, "it is connected"
        if self.is_lost:  # between two requests: no answer would ever come
            return 0
        self._done = asyncio.get_running_loop().create_future()
        key = key or os.urandom(8).hex()
        self.transport.write(
            f"{method} {path} HTTP/1.1\r\nHost: x\r\nMifeng-Protocol: 1\r\n"
            f"Authorization: Bearer {token}\r\nIdempotency-Key: {key}\r\n"
            f"Accept: application/msgpack\r\nContent-Type: application/msgpack\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        return await self._done


async def connect_http(port: int, context: ssl.SSLContext | None) -> Http:
    """Open a connection."""
    loop = asyncio.get_running_loop()
    _, protocol = await loop.create_connection(Http, "127.0.0.1", port, ssl=context)
    return protocol


class Socket(asyncio.Protocol):
    """A WebSocket that counts the frames that come and notes when."""

    def __init__(self, hello: bytes, heard: Callable[[float, bytes], None]) -> None:
        self._hello = hello
        self._heard = heard
        self._got = bytearray()
        self._is_open = False
        self.is_lost = False
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport), "it is of a stream"
        self.transport = transport
        transport.write(
            b"GET /v1/stream HTTP/1.1\r\nHost: x\r\nMifeng-Protocol: 1\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        if not self.opened.done():
            self.opened.set_exception(exc or ConnectionError("closed"))

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        self._got += data
        if not self._is_open:
            end = self._got.find(b"\r\n\r\n")
            if end < 0:
                return
            if not self._got.startswith(b"HTTP/1.1 101"):
                self.opened.set_exception(ConnectionError(bytes(self._got[:60]).decode()))
                return
            del self._got[: end + 4]
            self._is_open = True
            assert self.transport is not None, "it is connected"
            self.transport.write(_frame(2, self._hello))
            self.opened.set_result(None)
        while (frame := self._next()) is not None:
            kind, content = frame
            if kind == 9 and self.transport is not None:  # a ping
                self.transport.write(_frame(10, content))
            elif kind == 2:
                self._heard(now, content)

    def _next(self) -> tuple[int, bytes] | None:
        got = self._got
        if len(got) < 2:
            return None
        length, at = got[1] & 127, 2
        if length == 126:
            length, at = int.from_bytes(got[2:4], "big"), 4
        elif length == 127:
            length, at = int.from_bytes(got[2:10], "big"), 10
        if len(got) < at + length:
            return None
        frame = got[0] & 15, bytes(got[at : at + length])
        del got[: at + length]
        return frame


def _frame(kind: int, content: bytes) -> bytes:
    n = len(content)
    head = bytes([128 | kind]) + (
        bytes([128 | n]) if n < 126 else bytes([128 | 126]) + n.to_bytes(2, "big")
    )
    return head + bytes(4) + content  # a mask of zeros changes nothing


async def connect_socket(
    port: int,
    context: ssl.SSLContext | None,
    token: str,
    after: dict[str, int],
    heard: Callable[[float, bytes], None],
) -> Socket:
    """Open a WebSocket and follow units."""
    hello = msgspec.msgpack.encode(StreamHello(protocol=1, token=token, after=after))
    loop = asyncio.get_running_loop()
    _, protocol = await loop.create_connection(
        lambda: Socket(hello, heard), "127.0.0.1", port, ssl=context
    )
    await protocol.opened
    return protocol
