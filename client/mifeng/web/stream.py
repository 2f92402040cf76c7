"""The WebSocket: what happens, as it happens.

A browser sends no header of ours with a WebSocket, so the secret is its first frame. Whoever does
not give it soon, or reads too slowly, is cut off; the page dials again and asks for all anew.
"""

from __future__ import annotations

import asyncio
import contextlib

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from mifeng.web.door import Door
from mifeng.web.errors import RefusedError
from mifeng.web.house import House

__all__ = ["watch"]

FIRST_FRAME_S = 5.0
QUEUE = 1000
NOT_LET_IN = 4401


class Hello(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first frame."""

    secret: str


async def watch(request: web.Request, house: House, door: Door) -> web.WebSocketResponse:
    """Answer `GET /api/stream`."""
    socket = web.WebSocketResponse(heartbeat=30, max_msg_size=4096)
    await socket.prepare(request)
    if not await _is_let_in(socket, door):
        await socket.close(code=NOT_LET_IN)
        return socket
    queue = asyncio.Queue[bytes](QUEUE)
    writer = asyncio.create_task(_write(socket, queue))

    def put(said: bytes) -> None:
        try:
            queue.put_nowait(said)
        except asyncio.QueueFull:
            writer.cancel()

    unwatch = house.watch(put)
    try:
        put(b'{"kind":"hello"}')
        reader = asyncio.create_task(_read(socket))
        await asyncio.wait({reader, writer}, return_when=asyncio.FIRST_COMPLETED)
        reader.cancel()
    finally:
        unwatch()
        writer.cancel()
        await asyncio.gather(writer, return_exceptions=True)
        await socket.close(code=WSCloseCode.GOING_AWAY)
    return socket


async def _is_let_in(socket: web.WebSocketResponse, door: Door) -> bool:
    with contextlib.suppress(TimeoutError, msgspec.DecodeError, TypeError, RefusedError):
        frame = await socket.receive(FIRST_FRAME_S)
        door.check(msgspec.json.decode(frame.data, type=Hello).secret)
        return True
    return False


async def _read(socket: web.WebSocketResponse) -> None:
    """The page says nothing more; wait for its end."""
    async for frame in socket:
        if frame.type is WSMsgType.ERROR:
            return


async def _write(socket: web.WebSocketResponse, queue: asyncio.Queue[bytes]) -> None:
    with contextlib.suppress(ConnectionError):
        while True:
            await socket.send_str((await queue.get()).decode())
