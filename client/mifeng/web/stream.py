"""A page's line: its calls, their answers, and what happens, as it happens.

Whoever reads too slowly is cut off; the page dials again and asks for all anew. The page speaks
first: nothing is told before that. A call goes on to its end also when its page has gone.
"""

from __future__ import annotations

import asyncio
import contextlib

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from mifeng.text import _
from mifeng.web.calls.table import Desk, answer
from mifeng.web.door import Door
from mifeng.web.facts import ErrorFacts, encode_json, error_facts
from mifeng.web.house import Watcher
from mifeng.web.line import let_in
from mifeng_crypto.errors import MifengError

__all__ = ["Answer", "Ask", "watch"]

QUEUE = 1000
"""What may wait to be read before a line is cut."""
MAX_CALLS = 100
"""Calls of one page at a time; more wait."""


class Ask(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A call: its number, its name, and what it takes."""

    call: int
    name: str
    facts: msgspec.Raw


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """To the call of this number: what it gives, or why it was not done."""

    answer: int
    reply: msgspec.Struct | None = None
    problem: ErrorFacts | None = None


async def watch(request: web.Request, desk: Desk, door: Door) -> web.WebSocketResponse:
    """Answer `GET /api/stream`."""
    socket = await let_in(request, door)
    if socket.closed:
        return socket
    queue = asyncio.Queue[bytes](QUEUE)
    writer = asyncio.create_task(_write(socket, queue))

    def put(said: bytes) -> None:
        try:
            queue.put_nowait(said)
        except asyncio.QueueFull:
            writer.cancel()

    reader = asyncio.create_task(_read(socket, desk, put))
    try:
        await asyncio.wait({reader, writer}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        reader.cancel()
        writer.cancel()
        await asyncio.gather(reader, writer, return_exceptions=True)
        await socket.close(code=WSCloseCode.GOING_AWAY)
    return socket


async def _read(socket: web.WebSocketResponse, desk: Desk, put: Watcher) -> None:
    with contextlib.ExitStack() as stack, contextlib.suppress(msgspec.DecodeError):
        room = asyncio.Semaphore(MAX_CALLS)
        frame = await socket.receive()
        stack.callback(desk.house.watch(put))
        while frame.type is WSMsgType.TEXT:
            asked = msgspec.json.decode(frame.data, type=Ask)
            await room.acquire()
            desk.house.errand(_perform(desk, asked, put)).add_done_callback(
                lambda _: room.release()
            )
            frame = await socket.receive()


async def _perform(desk: Desk, asked: Ask, put: Watcher) -> None:
    try:
        said = Answer(asked.call, reply=await answer(desk, asked.name, asked.facts))
    except MifengError as err:
        said = Answer(asked.call, problem=error_facts(err))
    except Exception:
        text = _("Something is wrong inside Mifeng; the terminal that it runs in says what.")
        put(encode_json(Answer(asked.call, problem=ErrorFacts(error="Fault", message=text))))
        raise
    put(encode_json(said))


async def _write(socket: web.WebSocketResponse, queue: asyncio.Queue[bytes]) -> None:
    with contextlib.suppress(ConnectionError):
        while True:
            await socket.send_str((await queue.get()).decode())
