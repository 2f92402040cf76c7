"""A proxy in front of an S3 server that does to requests and answers what lines and stores do.

async with faulty(s3.endpoint) as proxy:
    proxy.plan = lambda method, path: Fault.LOST if method == "PUT" else None
"""

from __future__ import annotations

import asyncio
import enum
import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

__all__ = ["Fault", "Faulty", "faulty"]


class Fault(enum.Enum):
    """What happens to a request."""

    ERROR = "answered 500 and not passed on"
    HANG = "never answered, and not passed on"
    LOST = "passed on and done; the line breaks before the answer"
    CUT = "passed on; the line breaks in the middle of the answer"
    CUT_UP = "the store gets only half of the body, then the line breaks"
    SLOW = "answered in small pieces"
    BENT = "one bit of the answer's body is another"
    BENT_UP = "one bit of the request's body is another"
    BARE = "answered by a store that keeps to no condition"
    VERSIONED = "answered by a store that keeps versions"


Plan = Callable[[str, str], Fault | None]
"""Method and path (with query) -> what happens."""

SLOW_PIECE, SLOW_S = 256 << 10, 0.02


@dataclass(slots=True)
class Faulty:
    """A proxy. `asked` is every request that came; `done` counts the faults."""

    upstream: str
    endpoint: str = ""
    plan: Plan = lambda _, __: None
    asked: list[str] = field(default_factory=list)
    done: dict[Fault, int] = field(default_factory=dict)

    async def answer(
        self, request: web.Request, session: aiohttp.ClientSession
    ) -> web.StreamResponse:
        """Pass a request on, or do to it what is planned."""
        self.asked.append(f"{request.method} {request.raw_path}")
        fault = self.plan(request.method, request.raw_path)
        if fault is not None:
            self.done[fault] = self.done.get(fault, 0) + 1
        if fault is Fault.ERROR:
            return web.Response(status=500, text="<Error><Code>InternalError</Code></Error>")
        if fault is Fault.HANG:
            await asyncio.sleep(3600)
        body = await request.read()
        if fault is Fault.CUT_UP:
            await self._half(request, body)
            return _hang_up(request)
        try:
            status, headers, content = await self._pass_on(request, body, fault, session)
        except aiohttp.ClientError:
            return _hang_up(request)
        if fault is Fault.LOST:
            return _hang_up(request)
        if fault is Fault.BENT:
            content = _bent(content)
        if fault in (Fault.SLOW, Fault.CUT):
            return await _in_pieces(request, status, headers, content, cut=fault is Fault.CUT)
        length = headers.get("Content-Length", "0")
        response = web.Response(status=status, headers=headers, body=content)
        if request.method == "HEAD":
            response.headers["Content-Length"] = length
        return response

    async def _pass_on(
        self,
        request: web.Request,
        body: bytes,
        fault: Fault | None,
        session: aiohttp.ClientSession,
    ) -> tuple[int, CIMultiDict[str], bytes]:
        async with session.request(
            request.method,
            URL(self.upstream + request.raw_path, encoded=True),
            data=io.BytesIO(_bent(body) if fault is Fault.BENT_UP else body) if body else None,
            headers=request.headers,
            allow_redirects=False,
        ) as got:
            said = CIMultiDict(got.headers)
            for name in ("Transfer-Encoding", "Connection", "Date", "Server"):
                said.popall(name, None)
            if fault is Fault.VERSIONED:
                said["x-amz-version-id"] = "3/L4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY"
            if fault is Fault.BARE and got.status == 412:
                return 200, CIMultiDict(ETag='"0"'), b""
            return got.status, said, await got.read()

    async def _half(self, request: web.Request, body: bytes) -> None:
        """Send the store half of a request, and hang up."""
        host, port = self.upstream.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        lines = [f"{request.method} {request.raw_path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in request.headers.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body[: len(body) // 2])
        await writer.drain()
        writer.close()


def _bent(data: bytes) -> bytes:
    at = len(data) // 2
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :] if data else data


def _hang_up(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _in_pieces(
    request: web.Request, status: int, headers: CIMultiDict[str], content: bytes, *, cut: bool
) -> web.StreamResponse:
    response = web.StreamResponse(status=status, headers=headers)
    response.headers["Content-Length"] = str(len(content))
    await response.prepare(request)
    end = len(content) // 2 if cut else len(content)
    for at in range(0, end, SLOW_PIECE):
        await response.write(content[at : min(at + SLOW_PIECE, end)])
        await asyncio.sleep(0 if cut else SLOW_S)
    if cut and request.transport is not None:
        request.transport.abort()
    return response


@asynccontextmanager
async def faulty(upstream: str) -> AsyncIterator[Faulty]:
    """Run one while this is entered."""
    proxy = Faulty(upstream)
    async with aiohttp.ClientSession(auto_decompress=False) as session:

        async def handle(request: web.Request) -> web.StreamResponse:
            return await proxy.answer(request, session)

        server = web.Application(client_max_size=64 << 20)
        server.router.add_route("*", "/{path:.*}", handle)
        runner = web.AppRunner(server, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        proxy.endpoint = f"http://{host}:{port}"
        try:
            yield proxy
        finally:
            await runner.cleanup()
