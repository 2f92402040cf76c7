"""What all endpoints have in common: version, login, body, limits, idempotency key, answer.

A declared endpoint and a function make a handler; the function sees no HTTP.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec
from aiohttp import hdrs, web

from mifeng_crypto.api.endpoints import Access, Endpoint
from mifeng_crypto.api.problems import ProblemCode
from mifeng_crypto.ids import PROTOCOL_VERSION
from mifeng_server.domain.accept import Call
from mifeng_server.domain.house import House
from mifeng_server.domain.login import Caller, authenticate
from mifeng_server.domain.refusal import Refusal, not_found
from mifeng_server.routes.door import CLOCK, DEVICE, HOUSE, address_of

__all__ = [
    "CLOCK",
    "HOUSE",
    "JSON",
    "KEY_HEADER",
    "MESSAGE_PACK",
    "PROTOCOL_HEADER",
    "Asked",
    "check_plain",
    "check_protocol",
    "device_of",
    "digest_of",
    "find_caller",
    "idempotency_key",
    "make_handler",
    "path_id",
]

JSON = "application/json"
MESSAGE_PACK = "application/msgpack"
PROTOCOL_HEADER = "Mifeng-Protocol"
KEY_HEADER = "Idempotency-Key"
BODY_TIMEOUT_S = 60
MAX_NUMBER = 2**53

_DECODERS: dict[str, Callable[..., msgspec.Struct]] = {
    JSON: msgspec.json.decode,
    MESSAGE_PACK: msgspec.msgpack.decode,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request, checked as far as its declaration goes."""

    house: House
    now: int
    caller: Caller | None
    body: msgspec.Struct | None
    path: dict[str, bytes]
    query: dict[str, int]
    key: str
    digest: bytes
    address: str

    @property
    def device(self) -> Caller:
        """The calling device."""
        assert self.caller is not None, "the endpoint's access says so"
        return self.caller

    @property
    def call(self) -> Call:
        """This request for `accept`."""
        return Call(self.device.device_id or self.device.member_id, self.key, self.digest)


Function = Callable[[Asked], Awaitable[msgspec.Struct | None]]


def check_protocol(request: web.Request) -> None:
    """Refuse other versions before anything else is looked at."""
    if request.headers.get(PROTOCOL_HEADER) != str(PROTOCOL_VERSION):
        raise Refusal(
            ProblemCode.UPGRADE_REQUIRED,
            f"this server speaks version {PROTOCOL_VERSION}: say so in {PROTOCOL_HEADER}",
        )


async def find_caller(request: web.Request, access: Access) -> Caller | None:
    """Return who calls, if the endpoint wants to know.

    Raises:
        Refusal: unauthenticated; forbidden for an invite where a device is needed;
            too_many_requests.
    """
    if access is Access.ANYBODY:
        return None
    scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if scheme.lower() != "bearer":
        raise Refusal(ProblemCode.UNAUTHENTICATED)
    app = request.app
    house, now = app[HOUSE], app[CLOCK].now()
    caller = await authenticate(house, token.strip(), now=now)
    house.limiter.admit(caller.member_id, caller.device_id, now)
    device = caller.device_id or caller.member_id
    house.limiter.begin(device)
    request[DEVICE] = device
    if access is Access.DEVICE:
        device_of(caller)
    return caller


def device_of(caller: Caller) -> bytes:
    """Return the calling device.

    Raises:
        Refusal: forbidden: it is an invite or a recovery sheet, which may only read the roster and
            let its one device in.
    """
    if caller.device_id is None:
        raise Refusal(
            ProblemCode.FORBIDDEN, "this login may only read the roster and let its device in"
        )
    return caller.device_id


def _query(request: web.Request, endpoint: Endpoint) -> dict[str, int]:
    unknown = set(request.query) - set(endpoint.query)
    if unknown:
        raise Refusal(ProblemCode.MALFORMED, f"unknown in the query: {min(unknown)[:40]!r}")
    return {name: _query_number(request, name) for name in endpoint.query if name in request.query}


def _query_number(request: web.Request, name: str) -> int:
    text = request.query[name]
    if not (text.isascii() and text.isdigit()) or len(text) > 16 or int(text) > MAX_NUMBER:
        raise Refusal(ProblemCode.MALFORMED, f"`{name}` must be a number")
    return int(text)


def make_handler(
    endpoint: Endpoint, function: Function
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Return what aiohttp calls for this endpoint."""

    async def handle(request: web.Request) -> web.StreamResponse:
        check_protocol(request)
        caller = await find_caller(request, endpoint.access)
        query = _query(request, endpoint) if request.query_string else {}
        body = await _read_body(request, endpoint)
        app = request.app
        asked = Asked(
            house=app[HOUSE],
            now=app[CLOCK].now(),
            caller=caller,
            body=body,
            path={name: path_id(request, name) for name in request.match_info},
            query=query,
            key=idempotency_key(request) if endpoint.mutates else "",
            digest=digest_of(request, body),
            address=address_of(request),
        )
        return _response(request, await function(asked))

    return handle


def path_id(request: web.Request, name: str) -> bytes:
    """Read an identifier from the path.

    Raises:
        Refusal: not_found: it is not in lower-case hex.
    """
    text = request.match_info[name]
    try:
        value = bytes.fromhex(text)
    except ValueError:
        raise not_found() from None
    if value.hex() != text:
        raise not_found()
    return value


def idempotency_key(request: web.Request) -> str:
    """Read the key that every change comes with.

    Raises:
        Refusal: malformed.
    """
    key = request.headers.get(KEY_HEADER, "")
    if not (0 < len(key) <= 64 and key.isascii() and key.isprintable()):
        raise Refusal(ProblemCode.MALFORMED, f"{KEY_HEADER} must have 1 to 64 ASCII characters")
    return key


def digest_of(request: web.Request, body: msgspec.Struct | int | list[int] | None) -> bytes:
    """What the same key must come with again: method, path and content, in whichever form."""
    asked = (request.method, request.path, body)
    return hashlib.sha256(msgspec.msgpack.encode(asked)).digest()


def check_plain(request: web.Request) -> None:
    """A body that unpacks itself could be any size: nothing here needs it."""
    if hdrs.CONTENT_ENCODING in request.headers:
        raise Refusal(ProblemCode.UNSUPPORTED_MEDIA_TYPE, "send the body without Content-Encoding")


async def _read_body(request: web.Request, endpoint: Endpoint) -> msgspec.Struct | None:
    check_plain(request)
    if (request.content_length or 0) > endpoint.limit_bytes:
        raise Refusal(ProblemCode.TOO_LARGE, f"at most {endpoint.limit_bytes} bytes")
    data = await _whole(request, endpoint.limit_bytes)
    if endpoint.request is None:
        if data:
            raise Refusal(ProblemCode.MALFORMED, "this request has no body")
        return None
    decoder = _DECODERS.get(request.content_type)
    if decoder is None:
        raise Refusal(ProblemCode.UNSUPPORTED_MEDIA_TYPE)
    try:
        return decoder(data, type=endpoint.request)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as err:
        raise Refusal(ProblemCode.MALFORMED, str(err)) from err


async def _whole(request: web.Request, most: int) -> bytes:
    """Read a body to its end."""
    content = request.content
    if content.is_eof() and content.total_bytes <= most:  # a short one comes with the head
        return content.read_nowait()
    data, limiter, device = bytearray(), request.app[HOUSE].limiter, request.get(DEVICE)
    try:
        with limiter.aside():
            async with asyncio.timeout(BODY_TIMEOUT_S):
                async for piece in content.iter_any():
                    if device is not None:
                        limiter.begin(device, len(piece))
                    data += piece
                    if len(data) > most:
                        raise Refusal(ProblemCode.TOO_LARGE, f"at most {most} bytes")
    except TimeoutError:
        raise Refusal(ProblemCode.MALFORMED, "the body did not come in time") from None
    finally:
        if device is not None:
            limiter.end(device, len(data))
    return bytes(data)


def _response(request: web.Request, reply: msgspec.Struct | None) -> web.Response:
    if reply is None:
        return web.Response(status=204)
    if MESSAGE_PACK in request.headers.get(hdrs.ACCEPT, ""):
        return web.Response(body=msgspec.msgpack.encode(reply), content_type=MESSAGE_PACK)
    return web.Response(body=msgspec.json.encode(reply), content_type=JSON)
