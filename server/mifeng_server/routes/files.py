"""Files down by Range (RFC 9110 section 14): bodies are raw. Up is in tus.py."""

from __future__ import annotations

import re

import structlog
from aiohttp import hdrs, web

from mifeng_crypto.api.endpoints import Access
from mifeng_crypto.api.messages import ReadersReply, ShareReply
from mifeng_crypto.api.problems import ProblemCode
from mifeng_crypto.errors import StorageError
from mifeng_server.domain import uploads, welcomes
from mifeng_server.domain.login import Caller
from mifeng_server.domain.refusal import Refusal
from mifeng_server.routes.endpoint import (
    CLOCK,
    HOUSE,
    Asked,
    Function,
    check_protocol,
    find_caller,
    path_id,
)

__all__ = ["FUNCTIONS", "add_file_routes"]

log = structlog.get_logger("files")

_RANGE = re.compile(r"bytes=([0-9]{0,16})-([0-9]{0,16})")


def add_file_routes(app: web.Application) -> None:
    """Add what is read as raw bytes."""
    app.router.add_get("/v1/files/{file_id:[0-9a-f]{32}}", _read, allow_head=False)
    app.router.add_get(
        "/v1/units/{unit_id:[0-9a-f]{32}}/trees/{tree_hash:[0-9a-f]{2,128}}", _read_tree
    )


async def _caller(request: web.Request) -> Caller:
    check_protocol(request)
    caller = await find_caller(request, Access.DEVICE)
    assert caller is not None, "a device is asked for"
    return caller


def _range(request: web.Request, length: int) -> tuple[int, int] | None:
    """Return start and end of the one range that is asked for; None for all.

    Raises:
        Refusal: malformed: no bytes in it, or more than one.
    """
    text = request.headers.get(hdrs.RANGE)
    if text is None:
        return None
    match = _RANGE.fullmatch(text.strip())
    first, last = match.groups() if match else ("", "")
    if first:
        start, end = int(first), min(int(last) + 1, length) if last else length
    elif last:
        start, end = max(length - int(last), 0), length
    else:
        start = end = 0
    if start >= end:
        raise Refusal(ProblemCode.MALFORMED, "the range must be one, and within the file")
    return start, end


async def _read(request: web.Request) -> web.StreamResponse:
    caller = await _caller(request)
    house, file_id = request.app[HOUSE], path_id(request, "file_id")
    seen = await uploads.see(house, caller, file_id, now=request.app[CLOCK].now())
    if seen.offset != seen.row.length and seen.row.retain_until:
        # It was whole when a message named it.
        log.error("a file is not whole on the disk; restore it from a backup")
        raise Refusal(ProblemCode.INTERNAL, "a part of this file is missing on the server's disk")
    if seen.offset != seen.row.length:
        raise Refusal(ProblemCode.OFFSET_MISMATCH, "this upload is not finished")
    response, start, end = _ranged(request, seen.row.length)
    pieces = house.blobs.read(file_id, start, end)
    first = await anext(pieces)  # while there can still be an answer if it fails
    await response.prepare(request)
    limiter = house.limiter
    try:
        with limiter.aside():
            await response.write(first)
        async for piece in pieces:
            with limiter.aside():
                await response.write(piece)
    except StorageError as err:
        # The head is out: a problem would be taken for the file's next bytes.
        log.error("a file broke off", reason=str(err))  # noqa: TRY400 - the reason says it all
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionAbortedError from err
    await response.write_eof()
    return response


def _ranged(request: web.Request, length: int) -> tuple[web.StreamResponse, int, int]:
    wanted = _range(request, length)
    start, end = wanted or (0, length)
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Type": "application/octet-stream",
        "Content-Length": str(end - start),
    }
    if wanted:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{length}"
    return web.StreamResponse(status=206 if wanted else 200, headers=headers), start, end


async def _read_tree(request: web.Request) -> web.StreamResponse:
    caller = await _caller(request)
    unit_id, tree_hash = path_id(request, "unit_id"), path_id(request, "tree_hash")
    tree = await welcomes.read_tree(request.app[HOUSE], caller, unit_id, tree_hash)
    response, start, end = _ranged(request, len(tree))
    await response.prepare(request)
    with request.app[HOUSE].limiter.aside():
        await response.write(tree[start:end])
    await response.write_eof()
    return response


async def _share(asked: Asked) -> ShareReply:
    return await uploads.read_share(asked.house, asked.device, asked.path["file_id"], now=asked.now)


async def _readers(asked: Asked) -> ReadersReply:
    return await uploads.readers(asked.house, asked.device, asked.path["file_id"], now=asked.now)


FUNCTIONS: dict[str, Function] = {"readers": _readers, "share": _share}
