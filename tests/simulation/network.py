"""What stands where aiohttp's client stands: requests and sockets that may be late, lost or twice.

The client's `Api` and `Stream` and the server's routes are the real ones; only the wire is not.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp import WSMessage, WSMsgType, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import HttpVersion11
from aiohttp.http_parser import RawRequestMessage
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

__all__ = ["ClientSocket", "Line", "ServerSocket", "SimHttp", "make_request"]

PATIENCE_S = 20.0
"""How long a client waits for an answer that was lost."""


class Line:
    """One client's way to the server.

    Attributes:
        up: whether anything gets through.
        trouble: how much goes wrong, from 0 to 1.
    """

    def __init__(self, chance: random.Random, note: Callable[[str], None]) -> None:
        self.chance = chance
        self.note = note
        self.up = True
        self.trouble = 0.0
        self.sockets: set[ClientSocket] = set()
        self.server: Callable[[web.Request], asyncio.Task[web.StreamResponse]] | None = None

    def cut(self) -> None:
        """Nothing gets through, and what was connected is so no longer."""
        self.up = False
        self.drop()

    def drop(self) -> None:
        """Break the sockets that are open."""
        for socket in sorted(self.sockets, key=lambda s: s.number):
            socket.broken()

    def strikes(self, share: float) -> bool:
        """Whether a trouble of this share happens now."""
        return self.chance.random() < self.trouble * share

    async def delay(self) -> None:
        """The way of one packet."""
        longest = 0.05 if self.chance.random() < 0.9 else 0.05 + 2 * self.trouble
        await asyncio.sleep(self.chance.uniform(0.001, longest))


class SimHttp:
    """Stands where `aiohttp.ClientSession` stands."""

    def __init__(self, line: Line) -> None:
        self.line = line

    async def close(self) -> None:
        """Nothing is kept open."""

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        data: bytes | None,
        ssl: object,
        allow_redirects: bool,
    ) -> _Response:
        del ssl, allow_redirects
        line = self.line
        await line.delay()
        if not line.up or line.server is None:
            await asyncio.sleep(line.chance.uniform(0, 1))
            raise aiohttp.ClientConnectionError("no way to the server")
        if line.strikes(0.1):
            line.note("the request is lost")
            await asyncio.sleep(line.chance.uniform(0, PATIENCE_S))
            raise TimeoutError
        path = urlsplit(url)
        target = path.path + (f"?{path.query}" if path.query else "")
        # A login is good once, by its nonce: no other request minds being repeated.
        copies = 2 if not path.path.endswith("login") and line.strikes(0.1) else 1
        answers: list[asyncio.Task[web.StreamResponse]] = []
        written: dict[asyncio.Task[web.StreamResponse], _Writer] = {}
        for copy in range(copies):
            if copy:
                line.note("the request comes twice")
                await line.delay()
            if line.server is None:
                raise aiohttp.ServerDisconnectedError
            request = make_request(method, target, headers, data)
            answers.append(line.server(request))
            written[answers[-1]] = request["written"]
        answer = line.chance.choice(answers)
        await asyncio.wait([answer], timeout=60)
        if not answer.done():
            raise TimeoutError
        if answer.cancelled():
            raise aiohttp.ServerDisconnectedError  # the server went down
        response = answer.result()
        await line.delay()
        if line.strikes(0.12) or not _is_up(line):
            line.note("the answer is lost")
            await asyncio.sleep(line.chance.uniform(0, PATIENCE_S))
            raise aiohttp.ServerDisconnectedError
        if response.status >= 500 and response.status != 503:
            raise AssertionError(f"the server failed at {method} {target}: {response.status}")
        return _Response(response, written[answer])

    async def ws_connect(
        self, url: str, *, headers: Mapping[str, str], **_: object
    ) -> ClientSocket:
        line = self.line
        await line.delay()
        if not line.up or line.server is None or line.strikes(0.1):
            await asyncio.sleep(line.chance.uniform(0, 1))
            raise aiohttp.ClientConnectionError("no way to the server")
        near = ClientSocket(line)
        request = make_request("GET", urlsplit(url).path, headers, None)
        request["far end"] = near
        line.server(request)
        return near


def _is_up(line: Line) -> bool:
    """Whether the line is up now: it may have been cut since it was looked at."""
    return line.up


class _Response:
    """What `Api` uses of `aiohttp.ClientResponse`."""

    def __init__(self, response: web.StreamResponse, written: _Writer) -> None:
        self.status = response.status
        self.headers = response.headers
        self.content_type = response.content_type
        body = bytes(written.data)
        if isinstance(response, web.Response) and isinstance(response.body, bytes):
            body = response.body
        self.content_length = len(body)
        self.content = _Body(body)

    def release(self) -> None:
        """Nothing is held."""


# ------------------------------------------------------------------ sockets


class _Pipe:
    """Frames one way, in order, each after its delay."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.frames: asyncio.Queue[WSMessage] = asyncio.Queue()
        self.last = 0.0

    def put(self, message: WSMessage) -> None:
        loop, chance = asyncio.get_running_loop(), self.line.chance
        longest = 0.05 if chance.random() < 0.9 else 0.05 + 3 * self.line.trouble
        self.last = max(self.last, loop.time()) + chance.uniform(0.0001, longest)
        loop.call_at(self.last, self.frames.put_nowait, message)


class _End:
    def __init__(self) -> None:
        self.closed = False
        self.close_code: int | None = None
        self.inbox: _Pipe
        self.outbox: _Pipe

    async def send_bytes(self, data: bytes) -> None:
        if self.closed:
            raise aiohttp.ClientConnectionResetError("the line is cut")
        self.outbox.put(WSMessage(WSMsgType.BINARY, data, None))
        await asyncio.sleep(0)

    async def receive(self) -> WSMessage:
        if self.closed:
            return WSMessage(WSMsgType.CLOSED, None, None)
        message = await self.inbox.frames.get()
        if message.type is WSMsgType.CLOSE:
            self.closed, self.close_code = True, message.data
        return message

    def __aiter__(self) -> AsyncIterator[WSMessage]:
        return self

    async def __anext__(self) -> WSMessage:
        message = await self.receive()
        if message.type in (WSMsgType.CLOSE, WSMsgType.CLOSED):
            raise StopAsyncIteration
        return message

    async def close(self, *, code: int = 1000) -> bool:
        if not self.closed:
            self.closed = True
            self.close_code = self.close_code or code
            self.outbox.put(WSMessage(WSMsgType.CLOSE, code, None))
            # Who reads at this end is told as well.
            self.inbox.frames.put_nowait(WSMessage(WSMsgType.CLOSE, code, None))
        return True


class ClientSocket(_End):
    """Stands where `aiohttp.ClientWebSocketResponse` stands."""

    made = 0

    def __init__(self, line: Line) -> None:
        super().__init__()
        ClientSocket.made += 1
        self.number = ClientSocket.made
        self.line = line
        self.inbox, self.outbox = _Pipe(line), _Pipe(line)
        line.sockets.add(self)

    def __hash__(self) -> int:
        return self.number

    def broken(self) -> None:
        """The line is cut: both ends find out, and nothing more comes."""
        self.line.sockets.discard(self)
        for pipe in (self.inbox, self.outbox):
            pipe.frames.put_nowait(WSMessage(WSMsgType.CLOSE, 1006, None))
        self.closed = True


class ServerSocket(_End):
    """Stands where `aiohttp.web.WebSocketResponse` stands."""

    status = 101

    def __init__(self, **_: object) -> None:
        super().__init__()
        self.headers = CIMultiDict[str]()

    async def prepare(self, request: web.Request) -> None:
        near: ClientSocket = request["far end"]
        self.inbox, self.outbox = near.outbox, near.inbox


def make_request(
    method: str,
    target: str,
    headers: Mapping[str, str],
    data: bytes | None,
) -> web.Request:
    """Return a request as the server's own parser would hand it over."""
    fields = CIMultiDict(headers)
    fields["Host"] = "server"
    if data is not None:
        fields["Content-Length"] = str(len(data))
    message = RawRequestMessage(
        method,
        target,
        HttpVersion11,
        CIMultiDictProxy(fields),
        (),
        should_close=False,
        compression=None,
        upgrade=False,
        chunked=False,
        url=URL(target, encoded=True),
    )
    loop = asyncio.get_running_loop()
    wire: Any = SimpleNamespace(
        ssl_context=None, peername=("client", 1), sockname=("server", 1), transport=_Transport()
    )
    task: Any = None
    body: Any = _Body(data)
    writer = _Writer()
    request = web.Request(message, body, wire, writer, task, loop)
    request["written"] = writer
    return request


class _Transport(asyncio.Transport):
    """Of a network that takes nothing past the socket: each frame waits its turn there."""

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 1

    def abort(self) -> None:
        """The client's end breaks by itself."""


class _Writer(AbstractStreamWriter):
    """Keeps what the server streams, where its socket would take it."""

    def __init__(self) -> None:
        self.data = bytearray()

    async def write(self, chunk: bytes | bytearray | memoryview) -> None:
        self.data += chunk

    async def write_eof(self, chunk: bytes = b"") -> None:
        self.data += chunk

    async def drain(self) -> None:
        """It never fills."""

    def enable_compression(self, *_: object, **__: object) -> None:
        """Nothing is compressed."""

    def enable_chunking(self) -> None:
        """Nothing is chunked."""

    async def write_headers(self, *_: object) -> None:
        """The client is handed the response itself."""

    def send_headers(self) -> None:
        """Likewise."""


class _Body:
    """What the server uses of `aiohttp.StreamReader`."""

    def __init__(self, data: bytes | None) -> None:
        self._data = data or b""
        self.total_bytes = len(self._data)

    def is_eof(self) -> bool:
        return True

    def read_nowait(self) -> bytes:
        return self._data

    async def iter_any(self) -> AsyncIterator[bytes]:
        if self._data:
            yield self._data
