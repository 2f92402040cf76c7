"""The beginning of every line between a page and this process: each proves itself to the other."""

from __future__ import annotations

import msgspec
from aiohttp import WSMessageTypeError, web

from mifeng.web.door import Challenge, Door, Hello, new_challenge
from mifeng.web.errors import RefusedError
from mifeng.web.facts import encode_json

__all__ = ["FIRST_FRAME_S", "let_in"]

FIRST_FRAME_S = 5.0
MAX_FRAME = 2 << 20
"""Bytes of a call, or of a piece of a file."""
NOT_LET_IN = 4401


async def let_in(request: web.Request, door: Door) -> web.WebSocketResponse:
    """Open a line; it is closed already where its page does not prove that it is one of ours."""
    socket = web.WebSocketResponse(heartbeat=30, max_msg_size=MAX_FRAME, compress=False)
    await socket.prepare(request)
    try:
        await _meet(socket, door, request.headers["Host"])
    except (TimeoutError, WSMessageTypeError, msgspec.DecodeError, RefusedError):
        await socket.close(code=NOT_LET_IN)
    return socket


async def _meet(socket: web.WebSocketResponse, door: Door, host: str) -> None:
    challenge = new_challenge()
    await socket.send_str(encode_json(Challenge(challenge)).decode())
    said = await socket.receive_str(timeout=FIRST_FRAME_S)
    welcome = door.enter(msgspec.json.decode(said, type=Hello), challenge, host)
    await socket.send_str(encode_json(welcome).decode())
