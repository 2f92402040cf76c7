"""Uploads by tus 1.0.0: core, creation, checksum, expiration, termination.

The bodies are raw; everything else is as with every endpoint. A stock client talks to this, given
the headers of a login; what it would say of the file (`Upload-Metadata`) is refused: names and
types of files are for the unit's members, not for the server.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import re
from collections.abc import AsyncIterator
from email.utils import formatdate

from aiohttp import hdrs, web

from mifeng_crypto.api.endpoints import Access
from mifeng_crypto.api.problems import ProblemCode
from mifeng_server.domain import uploads
from mifeng_server.domain.accept import Call
from mifeng_server.domain.login import Caller
from mifeng_server.domain.refusal import Refusal
from mifeng_server.routes.endpoint import (
    CLOCK,
    HOUSE,
    check_protocol,
    device_of,
    digest_of,
    find_caller,
    idempotency_key,
    path_id,
)

__all__ = ["add_tus_routes"]

TUS_VERSION = "1.0.0"
PIECE_TIMEOUT_S = 60
CHECKED_BYTES = 16 << 20
"""A piece with a checksum is held in memory where the store is a bucket; this is the longest."""
ALGORITHMS = ("sha256", "sha1")
"""sha1 is what every tus client has. It guards against faults of lines, not against people."""
ORIGINAL = "Mifeng-Original"
"""Of a part of a history: the sequence of a message in it, with which it ends."""
_OFFSET_TYPE = "application/offset+octet-stream"
_SHA256 = re.compile(r"(?:^|[ ,])sha-256=:([A-Za-z0-9+/]{43}=):")
_NUMBER = re.compile(r"[0-9]{1,16}")


def add_tus_routes(app: web.Application) -> None:
    """Add the five requests of tus."""
    app.router.add_post("/v1/units/{unit_id:[0-9a-f]{32}}/files", _open)
    app.router.add_route("OPTIONS", "/v1/files", _options)
    # aiohttp would answer HEAD by GET, which is something else in tus.
    app.router.add_head("/v1/files/{file_id:[0-9a-f]{32}}", _head)
    app.router.add_patch("/v1/files/{file_id:[0-9a-f]{32}}", _append)
    app.router.add_delete("/v1/files/{file_id:[0-9a-f]{32}}", _take_back)


async def _options(request: web.Request) -> web.Response:
    """What of tus there is."""
    check_protocol(request)
    headers = {
        "Tus-Resumable": TUS_VERSION,
        "Tus-Version": TUS_VERSION,
        "Tus-Extension": "creation,checksum,expiration,termination",
        "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
        "Tus-Max-Size": str(uploads.MAX_FILE_BYTES),
    }
    return web.Response(status=204, headers=headers)


async def _caller(request: web.Request) -> Caller:
    check_protocol(request)
    caller = await find_caller(request, Access.DEVICE)
    assert caller is not None, "a device is asked for"
    if request.headers.get("Tus-Resumable") != TUS_VERSION:
        raise Refusal(ProblemCode.MALFORMED, "say Tus-Resumable: 1.0.0")
    return caller


def _number(request: web.Request, header: str) -> int:
    text = request.headers.get(header, "")
    if not _NUMBER.fullmatch(text):
        raise Refusal(ProblemCode.MALFORMED, f"{header} must be a number")
    return int(text)


async def _open(request: web.Request) -> web.Response:
    caller = await _caller(request)
    length = _number(request, "Upload-Length")
    if request.headers.get("Upload-Metadata"):
        raise Refusal(
            ProblemCode.MALFORMED, "send no Upload-Metadata: the message names the file, sealed"
        )
    if request.can_read_body and await request.content.read(1):
        raise Refusal(ProblemCode.MALFORMED, "the bytes come with PATCH")
    original = _number(request, ORIGINAL) if ORIGINAL in request.headers else 0
    digest = digest_of(request, length) if not original else digest_of(request, [length, original])
    call = Call(device_of(caller), idempotency_key(request), digest)
    house, now = request.app[HOUSE], request.app[CLOCK].now()
    unit_id = path_id(request, "unit_id")
    opened = await uploads.open_upload(
        house, caller, call, unit_id, length, original=original, now=now
    )
    seen = await uploads.see(house, caller, opened.file_id, now=now)
    headers = {"Location": f"/v1/files/{opened.file_id.hex()}", **_how_far(seen)}
    return web.Response(status=201, headers=headers)


def _how_far(seen: uploads.Seen) -> dict[str, str]:
    """How much there is; and until when the rest may come, while it is not all there."""
    headers = {"Upload-Offset": str(seen.offset), "Tus-Resumable": TUS_VERSION}
    if seen.offset < seen.row.length:
        headers["Upload-Expires"] = formatdate(seen.row.deadline / 1000, usegmt=True)
    return headers


async def _head(request: web.Request) -> web.Response:
    caller = await _caller(request)
    now = request.app[CLOCK].now()
    seen = await uploads.see(request.app[HOUSE], caller, path_id(request, "file_id"), now=now)
    return web.Response(headers={"Upload-Length": str(seen.row.length), **_how_far(seen)})


async def _append(request: web.Request) -> web.Response:
    caller = await _caller(request)
    if request.content_type != _OFFSET_TYPE or hdrs.CONTENT_ENCODING in request.headers:
        raise Refusal(ProblemCode.UNSUPPORTED_MEDIA_TYPE, f"send {_OFFSET_TYPE}, not encoded")
    offset, checksum = _number(request, "Upload-Offset"), _checksum(request)
    seen = await uploads.append(
        request.app[HOUSE],
        caller,
        path_id(request, "file_id"),
        offset,
        _pieces(request, offset),
        checksum=checksum,
        digest=_digest(request),
        clock=request.app[CLOCK].now,
    )
    return web.Response(status=204, headers=_how_far(seen))


async def _take_back(request: web.Request) -> web.Response:
    """Termination: an upload is given up; a file that a message shows is recalled."""
    caller = await _caller(request)
    house, now = request.app[HOUSE], request.app[CLOCK].now()
    await uploads.take_back(house, caller, path_id(request, "file_id"), now=now)
    return web.Response(status=204, headers={"Tus-Resumable": TUS_VERSION})


class _Named:
    """The checksum that a sender names: `Checksum` of one piece."""

    def __init__(self, algorithm: str, digest: bytes) -> None:
        self._hash = hashlib.new(algorithm)
        self._digest = digest
        self._left = CHECKED_BYTES

    def update(self, data: bytes, /) -> None:
        self._left -= len(data)
        if self._left < 0:
            raise Refusal(
                ProblemCode.TOO_LARGE, f"at most {CHECKED_BYTES} bytes come under one checksum"
            )
        self._hash.update(data)

    def check(self) -> None:
        if self._hash.digest() != self._digest:
            raise Refusal(ProblemCode.CHECKSUM_MISMATCH)


def _checksum(request: web.Request) -> _Named | None:
    """Return the checksum of the piece that comes, if the sender names one.

    Raises:
        Refusal: malformed: an algorithm that is not offered, or no digest of it.
    """
    text = request.headers.get("Upload-Checksum")
    if text is None:
        return None
    algorithm, _, encoded = text.partition(" ")
    try:
        digest = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        digest = b""
    if algorithm not in ALGORITHMS or len(digest) != hashlib.new(algorithm).digest_size:
        raise Refusal(
            ProblemCode.MALFORMED, f"Upload-Checksum is {' or '.join(ALGORITHMS)}, and base64"
        )
    return _Named(algorithm, digest)


def _digest(request: web.Request) -> bytes | None:
    """Return the SHA-256 of the whole upload, if the sender names it (RFC 9530, Repr-Digest).

    Raises:
        Refusal: malformed.
    """
    text = request.headers.get("Repr-Digest", "")
    if "sha-256=" not in text:
        return None  # of algorithms that one does not know nothing is to be said
    found = _SHA256.search(text)
    if found is None:
        raise Refusal(ProblemCode.MALFORMED, "Repr-Digest is sha-256=:base64: (RFC 9530)")
    return base64.b64decode(found[1])


async def _pieces(request: web.Request, offset: int) -> AsyncIterator[bytes]:
    if offset + (request.content_length or 0) > uploads.MAX_FILE_BYTES:
        raise Refusal(ProblemCode.TOO_LARGE)
    limiter = request.app[HOUSE].limiter
    while True:
        try:
            with limiter.aside():
                async with asyncio.timeout(PIECE_TIMEOUT_S):
                    # As it came: to join what has come meanwhile would copy all of it once more.
                    piece, ended = await request.content.readchunk()
        except TimeoutError:
            raise Refusal(ProblemCode.MALFORMED, "the bytes stopped coming") from None
        if piece:
            yield piece
        elif not ended or request.content.at_eof():  # not the end of a chunk, but of the body
            return
