"""The WebSocket: the client says who it is, the server pushes (protocol.md, "Stream")."""

from __future__ import annotations

import asyncio

import msgspec
import structlog
from aiohttp import WSMessage, WSMsgType, web

from mifeng_crypto.api.messages import StreamHello
from mifeng_crypto.ids import PROTOCOL_VERSION
from mifeng_server.domain.login import Caller, authenticate
from mifeng_server.domain.refusal import Refusal
from mifeng_server.domain.rows import GrantRow
from mifeng_server.domain.unit import ALL, may_take_part
from mifeng_server.domain.unit_read import read_entries
from mifeng_server.fanout.channel import FRAME_ENTRIES
from mifeng_server.fanout.feed import Feed
from mifeng_server.fanout.hub import Hub
from mifeng_server.fanout.stewards import Stewards
from mifeng_server.routes.endpoint import CLOCK, HOUSE, check_protocol
from mifeng_server.tls_stream import offer

__all__ = ["HUB", "STEWARDS", "add_stream_route"]

HUB = web.AppKey("hub", Hub)
STEWARDS = web.AppKey("stewards", Stewards)

HELLO_TIMEOUT_S = 10
SEND_TIMEOUT_S = 20
HEARTBEAT_S = 30
MAX_FRAME_BYTES = 1 << 20

UNAUTHENTICATED, REMOVED, UPGRADE, SLOW, MALFORMED = 4401, 4403, 4426, 1013, 1008
"""Close codes. 1013 and 1008 are of RFC 6455; the others begin with 4 and end like the status."""


log = structlog.get_logger("stream")


class _CloseError(Exception):
    """The socket has to be closed with this code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def add_stream_route(app: web.Application) -> None:
    """Add the WebSocket."""
    app.router.add_get("/v1/stream", _stream)


async def _stream(request: web.Request) -> web.WebSocketResponse:
    check_protocol(request)
    socket = web.WebSocketResponse(
        heartbeat=HEARTBEAT_S, max_msg_size=MAX_FRAME_BYTES, compress=False
    )
    await socket.prepare(request)
    assert request.transport is not None, "it has just spoken"
    socket.headers.clear()  # they are sent, and 2 KiB for each socket
    try:
        await _serve(request.app, socket, request.transport)
    except _CloseError as err:
        await _close(socket, err.code)
    return socket


async def _close(socket: web.WebSocketResponse, code: int) -> None:
    try:
        async with asyncio.timeout(1):
            await socket.close(code=code)
    except TimeoutError:
        pass  # whoever does not read does not hear why


async def _serve(
    app: web.Application, socket: web.WebSocketResponse, transport: asyncio.BaseTransport
) -> None:
    hub = app[HUB]
    try:
        async with asyncio.timeout(HELLO_TIMEOUT_S):
            hello, binary = _hello(await socket.receive())
    except TimeoutError:
        raise _CloseError(MALFORMED) from None
    caller = await _who(app, hello)
    assert caller.device_id is not None, "an invite has no stream"
    feed = Feed(caller.member_id, caller.device_id, binary=binary, deadline=caller.deadline)
    sender = _Sender(app, feed, socket, transport)
    feed.wake, feed.offer = sender.wake, sender.offer
    hub.open(feed, most=app[HOUSE].limiter.limits.streams)
    try:
        await _follow(app, feed, hello)
        del hello, caller  # it may be days until this ends
        await _receive(app, feed, socket)
    finally:
        hub.drop(feed)
        sender.stop()


class _Sender:
    """What writes to one socket. There is a task only while something has to wait for the store or
    the network: most sockets are idle most of the time, and there are many.
    """

    __slots__ = ("_app", "_feed", "_socket", "_task", "_transport")

    def __init__(
        self,
        app: web.Application,
        feed: Feed,
        socket: web.WebSocketResponse,
        transport: asyncio.BaseTransport,
    ) -> None:
        assert isinstance(transport, asyncio.Transport), "it is of a stream"
        self._app = app
        self._feed = feed
        self._socket = socket
        self._transport = transport
        self._task: asyncio.Task[None] | None = None

    def offer(self, frame: bytes) -> bool:
        """Write a whole frame if the network takes it at once.

        Past aiohttp, which would pack and check it for each socket anew. It writes its own frames
        whole as well, so that none falls into another.
        """
        return offer(self._transport, frame)

    def wake(self) -> None:
        """Send what the feed has to be told."""
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        try:
            await _send(self._app, self._feed, self._socket)
        except _CloseError as err:
            self._app[HUB].drop(self._feed)
            await _close(self._socket, err.code)
            self._transport.abort()  # whoever reads nothing would keep it open
        except ConnectionError:
            pass  # who receives hears of it
        except Exception:
            log.exception("a stream failed")
            self._transport.abort()
        finally:
            self._task = None


def _hello(message: WSMessage) -> tuple[StreamHello, bool]:
    """Read a client's frame, and whether it wants binary frames back."""
    try:
        if message.type is WSMsgType.BINARY:
            return msgspec.msgpack.decode(message.data, type=StreamHello), True
        if message.type is WSMsgType.TEXT:
            return msgspec.json.decode(message.data, type=StreamHello), False
    except (msgspec.MsgspecError, RecursionError):
        pass
    raise _CloseError(MALFORMED)


async def _who(app: web.Application, hello: StreamHello) -> Caller:
    if hello.protocol != PROTOCOL_VERSION:
        raise _CloseError(UPGRADE)
    try:
        caller = await authenticate(app[HOUSE], hello.token, now=app[CLOCK].now())
    except Refusal:
        raise _CloseError(UNAUTHENTICATED) from None
    if caller.device_id is None:
        raise _CloseError(UNAUTHENTICATED)
    return caller


async def _follow(app: web.Application, feed: Feed, hello: StreamHello) -> None:
    """Follow the units that the client names, as far as its member is in them, and no others."""
    house, hub = app[HOUSE], app[HUB]
    try:
        after = {bytes.fromhex(unit_id): sequence for unit_id, sequence in hello.after.items()}
    except ValueError:
        raise _CloseError(MALFORMED) from None
    hub.unfollow_all(feed)
    # A frame has room for thousands of ids; only what may be the member's is looked up.
    grants = await house.store.find(GrantRow, order="unit_id", limit=ALL, member_id=feed.member_id)
    granted = {grant.unit_id for grant in grants}
    for unit_id, sequence in after.items():
        if unit_id not in granted:
            continue
        unit, roster = await house.unit(unit_id), await house.roster()
        # Nothing is awaited from here on: a revocation comes before or after.
        if unit and roster and may_take_part(roster, unit, feed.member_id):
            hub.follow(feed, unit_id, unit.row.generation, sequence)
            if sequence < unit.row.log_sequence:
                feed.log_grew(unit_id)
            app[STEWARDS].look(unit_id)


async def _receive(app: web.Application, feed: Feed, socket: web.WebSocketResponse) -> None:
    """Take later hellos, which replace what is followed, until the client goes."""
    async for message in socket:
        hello, _ = _hello(message)
        caller = await _who(app, hello)
        try:
            app[HOUSE].limiter.admit(feed.member_id, feed.device_id, app[CLOCK].now())
        except Refusal:
            raise _CloseError(SLOW) from None
        if (caller.member_id, caller.device_id) != (feed.member_id, feed.device_id):
            raise _CloseError(UNAUTHENTICATED)
        await _follow(app, feed, hello)


async def _send(app: web.Application, feed: Feed, socket: web.WebSocketResponse) -> None:
    """Send until there is nothing left."""
    while not feed.is_idle:
        if feed.closed:
            raise _CloseError(feed.closed)
        for frame in feed.take_hints():
            await _put(socket, frame)
        for unit_id in list(feed.dirty):
            await _send_log(app, feed, unit_id, socket)


async def _send_log(
    app: web.Application, feed: Feed, unit_id: bytes, socket: web.WebSocketResponse
) -> None:
    """Send one frame of a log; the unit stays dirty until the cursor is at the head."""
    house, hub, now = app[HOUSE], app[HUB], app[CLOCK].now()
    channel, cursor = hub.channel(unit_id), feed.cursors.get(unit_id)
    if channel is None or cursor is None:
        feed.dirty.pop(unit_id, None)
        return
    if cursor < channel.head and channel.covers(cursor):
        frame, end = channel.frame(cursor, binary=feed.binary)
    else:
        entries, _ = await read_entries(
            house, unit_id, channel.generation, cursor, FRAME_ENTRIES, now=now
        )
        if not entries:
            feed.dirty.pop(unit_id, None)
            return
        frame, end = channel.frame_of(cursor, entries, binary=feed.binary)
    if feed.cursors.get(unit_id) != cursor:
        return  # a new hello has come meanwhile, or a revocation
    feed.cursors[unit_id] = end
    if end == channel.head:
        feed.dirty.pop(unit_id, None)
    await _put(socket, frame)


async def _put(socket: web.WebSocketResponse, frame: bytes | str) -> None:
    """Send a frame; whoever does not take it for a while is too slow."""
    try:
        async with asyncio.timeout(SEND_TIMEOUT_S):
            if isinstance(frame, bytes):
                await socket.send_bytes(frame)
            else:
                await socket.send_str(frame)
    except TimeoutError:
        raise _CloseError(SLOW) from None
