"""Before anything of a request is looked at: may this address come in at all?

Whoever is refused waits a moment for the answer: that costs the server a timer, while a caller who
asks again at once would cost it more than an answer does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web

from mifeng_crypto.api.problems import ProblemCode
from mifeng_server.domain.house import House
from mifeng_server.domain.protocols import Clock
from mifeng_server.domain.refusal import Refusal

__all__ = ["CLOCK", "DEVICE", "HOUSE", "PROXIES", "address_of", "guard", "say_little"]

HOUSE = web.AppKey("house", House)
CLOCK = web.AppKey("clock", Clock)
PROXIES = web.AppKey("proxies", frozenset[str])

DEVICE = web.RequestKey("device", bytes)
"""Whose request it is, once that is known, and until it has ended."""

PENALTY_S = 0.25
STREAM = "/v1/stream"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

HEADERS = {
    "Server": "mifeng",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let a request in, or refuse it before it costs anything."""
    app = request.app
    limiter = app[HOUSE].limiter
    try:
        limiter.knock(address_of(request), app[CLOCK].now())
        if request.path == STREAM:  # it stays, and does nothing most of the time
            return await handler(request)
        limiter.in_flight += 1
        try:
            return await handler(request)
        finally:
            limiter.in_flight -= 1
            if (device := request.get(DEVICE)) is not None:
                limiter.end(device)
    except Refusal as err:
        if err.code is ProblemCode.TOO_MANY_REQUESTS or err.retry_after_s:
            await asyncio.sleep(PENALTY_S)
        raise


def address_of(request: web.Request) -> str:
    """Who is at the other end; behind a proxy that we trust, what that says last."""
    address = request.remote or ""
    if address in request.app[PROXIES]:
        forwarded = request.headers.getall("X-Forwarded-For", [])
        address = ",".join(forwarded).rpartition(",")[2].strip() or address
    return address


async def say_little(request: web.Request, response: web.StreamResponse) -> None:
    """Name no versions, and let nothing be kept, framed or guessed on the way."""
    response.headers.update(HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")
    if request.secure:
        response.headers["Strict-Transport-Security"] = "max-age=63072000"
