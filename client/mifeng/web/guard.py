"""Which requests are answered at all, and the headers of every answer.

Any page in the browser, and any program of any user of this machine, can reach a port on
127.0.0.1. So a request counts only if it names this port as its host (a name that somebody points
to 127.0.0.1 does not), and comes from this page if it comes from a page. What may be had so is the
page itself, media by a path that nobody can guess, and lines, on which nothing is said before both
sides have proved that they share a key (line.py). Each check is a function of its own, so that a
test can take it out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from mifeng.web.errors import RefusedError

__all__ = ["ADDRESS", "guarded", "with_headers"]

ADDRESS = "127.0.0.1"

PAGE_POLICY = (
    "default-src 'none'; "
    "script-src 'self'; "
    "style-src 'self'; "
    "img-src 'self' blob:; "
    "media-src 'self'; "
    "connect-src 'self'; "
    "manifest-src 'none'; "
    "base-uri 'none'; "
    "form-action 'none'; "
    "frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; "
    "trusted-types 'none'"
)
HEADERS = {
    "Content-Security-Policy": PAGE_POLICY,
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


def check_host(request: web.Request) -> None:
    """Refuse whoever came by another name: DNS rebinding.

    Raises:
        RefusedError: the host is not this address and port.
    """
    socket = request.transport.get_extra_info("sockname") if request.transport else None
    if socket is None or request.headers.get("Host") != f"{ADDRESS}:{socket[1]}":
        raise RefusedError("this address is for this machine's own page only")


def check_origin(request: web.Request, *, must: bool) -> None:
    """Refuse what another page's script sends; `must`: a WebSocket always says whose it is.

    Raises:
        RefusedError: the origin is another.
    """
    origin = request.headers.get("Origin")
    if (origin is None and must) or origin not in (None, f"http://{request.headers['Host']}"):
        raise RefusedError("this request comes from another page")


def check_site(request: web.Request) -> None:
    """Refuse what the browser says another site has caused; only the page itself may be opened.

    Raises:
        RefusedError: it was not caused by this page, nor by the user.
    """
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    opens_the_page = request.path == "/" and request.headers.get("Sec-Fetch-Dest") == "document"
    if site != "same-origin" and not opens_the_page:
        raise RefusedError("this request comes from another page")


@web.middleware
async def guarded(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Check a request, answer it, and turn an error into one that the page can show."""
    try:
        check_host(request)
        check_origin(request, must=request.path.startswith("/api/"))
        check_site(request)
        return await handler(request)
    except RefusedError as err:
        from mifeng.web.facts import (  # noqa: PLC0415 - the page is there before all of this is
            encode_json,
            error_facts,
        )

        body = encode_json(error_facts(err))
        return web.Response(status=403, body=body, content_type="application/json")
    except web.HTTPException as err:
        return web.Response(status=err.status, headers=HEADERS)


async def with_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Give every answer the headers, unless it has stricter ones of its own."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.pop("Server", None)
