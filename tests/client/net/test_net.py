"""To whom the client speaks, and how patiently."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path
from typing import cast

import aiohttp
import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from mifeng.errors import ServerIdentityError, ServerProblem
from mifeng.net import Api, Signer
from mifeng.net.pin import check_address
from mifeng.net.stream import FIRST_PAUSE_S, LONGEST_PAUSE_S, Stream, pause_s
from mifeng_crypto.api import messages as m
from mifeng_crypto.api.problems import PROBLEM_CONTENT_TYPE, Problem, ProblemCode
from mifeng_crypto.errors import ProtocolError, TransportError, UsageError
from mifeng_crypto.ids import DeviceId, MemberId, UnixMillis, WorkspaceId
from mifeng_crypto.ledger.roster_entry import Author, DeviceAuthor, InviteAuthor
from mifeng_crypto.secret import Secret
from tests.support.server import running_server

PIN = bytes(32)
MEMBER, DEVICE = MemberId(bytes(16)), DeviceId(bytes(16))


def now() -> UnixMillis:
    return UnixMillis(1_800_000_000_000)


@pytest.mark.parametrize(
    ("address", "pin"),
    [
        ("http://example.com", None),
        ("http://127.0.0.1:1", PIN),
        ("ftp://127.0.0.1", None),
        ("https://", None),
        ("", None),
    ],
)
def test_nothing_is_said_in_the_clear_beyond_this_machine(address: str, pin: bytes | None) -> None:
    with pytest.raises(UsageError):
        check_address(address, pin)


def test_https_and_plain_loopback_are_spoken_to() -> None:
    check_address("https://example.com", PIN)
    check_address("https://example.com:8443", None)
    check_address("http://127.0.0.1:8080", None)


def test_the_pause_grows_is_bounded_and_half_of_it_is_random() -> None:
    for attempt in (0, 3, 7, 50):
        longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**attempt)
        assert pause_s(attempt, rng=bytes) == longest / 2
        assert longest / 2 < pause_s(attempt, rng=lambda n: b"\xff" * n) <= longest


async def test_the_pin_decides_before_a_byte_of_the_request_is_sent(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        async with Api([server.url], server.pin, now=now, rng=os.urandom) as api:
            assert (await api.call("server", m.ServerInfo)).protocol == 1
        async with Api([server.url], PIN, now=now, rng=os.urandom) as api:
            with pytest.raises(ServerIdentityError):
                await api.call("server", m.ServerInfo)
            with pytest.raises(ServerIdentityError):
                await api.websocket("/v1/stream")
        async with Api([server.url], None, now=now, rng=os.urandom) as api:
            with pytest.raises(ServerIdentityError):
                await api.call("server", m.ServerInfo)


async def test_an_address_that_does_not_answer_gives_way_to_the_next(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        dead = "https://127.0.0.1:9"
        async with Api([dead, server.url], server.pin, now=now, rng=os.urandom) as api:
            assert (await api.call("server", m.ServerInfo)).protocol == 1
            assert api.origin == server.url
        async with Api([dead], server.pin, now=now, rng=os.urandom) as api:
            with pytest.raises(TransportError, match="cannot be reached"):
                await api.call("server", m.ServerInfo)


async def test_a_problem_keeps_its_code_and_names_the_remedy(tmp_path: Path) -> None:
    request = m.FoundRequest(token=bytes(32), entry=b"not an entry")
    async with (
        running_server(tmp_path) as server,
        Api([server.url], server.pin, now=now, rng=os.urandom) as api,
    ):
        with pytest.raises(ServerProblem) as caught:
            await api.call("found", m.HeadReply, request)
    assert caught.value.code in {ProblemCode.FORBIDDEN, ProblemCode.MALFORMED}
    assert caught.value.code is not None
    assert caught.value.code.remedy in str(caught.value)


async def test_api_1_an_answer_that_is_not_as_declared_is_refused() -> None:
    async def nonsense(_: web.Request) -> web.Response:
        return web.Response(body=b"\xc1")

    app = web.Application()
    app.router.add_get("/v1/server", nonsense)
    async with (
        TestServer(app) as server,
        Api([f"http://127.0.0.1:{server.port}"], None, now=now, rng=os.urandom) as api,
    ):
        with pytest.raises(ProtocolError) as caught:
            await api.call("server", m.ServerInfo)
    assert caught.value.rule == "API-1"


async def test_api_1_an_answer_that_never_ends_is_not_read_to_its_end() -> None:
    async def flood(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=int(request.query["after"]))
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            while True:
                await response.write(bytes(1 << 20))
        return response

    app = web.Application()
    app.router.add_get("/v1/roster", flood)
    async with (
        TestServer(app) as server,
        Api([f"http://127.0.0.1:{server.port}"], None, now=now, rng=os.urandom) as api,
    ):
        api._token = "t"
        for status in (200, 500):
            with pytest.raises(ProtocolError) as caught:
                await api.call("roster", m.EntriesReply, query={"after": status})
            assert caught.value.rule == "API-1"


@pytest.mark.parametrize(
    ("status", "headers", "wait"),
    [
        (503, {"Retry-After": "7"}, 7.0),
        (503, {"Retry-After": "999999999"}, 300.0),
        (503, {"Retry-After": "\u00b2"}, None),
        (429, {}, None),
    ],
)
async def test_a_busy_server_is_a_transport_error_that_says_how_long_to_wait(
    status: int, headers: dict[str, str], wait: float | None
) -> None:
    code = {503: ProblemCode.UNAVAILABLE, 429: ProblemCode.TOO_MANY_REQUESTS}[status]

    async def busy(_: web.Request) -> web.Response:
        problem = Problem(type="about:blank", title="busy", status=status, code=code.code)
        return web.Response(
            body=msgspec.json.encode(problem),
            status=status,
            headers=headers,
            content_type=PROBLEM_CONTENT_TYPE,
        )

    app = web.Application()
    app.router.add_get("/v1/server", busy)
    async with (
        TestServer(app) as server,
        Api([f"http://127.0.0.1:{server.port}"], None, now=now, rng=os.urandom) as api,
    ):
        with pytest.raises(TransportError) as caught:
            await api.call("server", m.ServerInfo)
    assert caught.value.retry_after_s == wait


@pytest.mark.parametrize("is_refused", [False, True])
async def test_who_begins_to_speak_during_a_login_is_not_taken_for_who_spoke_before(
    is_refused: bool,
) -> None:
    """As a device that comes in, whose invite is spent from then on."""
    asked, goes_on = asyncio.Event(), asyncio.Event()
    invite, device = _signer(InviteAuthor(MEMBER)), _signer(DeviceAuthor(MEMBER, DEVICE))

    class Slow(Api):
        async def _answer_a_nonce(self, signer: Signer) -> str:
            if signer is device:
                return "the device's"
            asked.set()
            await goes_on.wait()
            if is_refused:
                raise ServerProblem(401, ProblemCode.UNAUTHENTICATED)
            return "the invite's"

    api = Slow(["http://127.0.0.1:1"], None, signer=invite, now=now, rng=os.urandom)
    token = asyncio.create_task(api.token())
    await asked.wait()
    api.use(device)
    goes_on.set()
    assert await token == await api.token() == "the device's"


def _signer(author: Author) -> Signer:
    return Signer(WorkspaceId(bytes(32)), author, Secret(bytes(32)))


class Broken:
    """A line that is up, and breaks when something is said on it."""

    closed = False
    close_code: int | None = None

    async def send_bytes(self, _: bytes) -> None:
        raise aiohttp.ClientConnectionResetError("Cannot write to closing transport")

    async def close(self) -> None:
        self.closed = True


async def test_a_line_that_breaks_while_a_unit_is_announced_is_not_the_end_of_it() -> None:
    async with Api(["http://127.0.0.1:1"], None, now=lambda: UnixMillis(0), rng=os.urandom) as api:
        api._token = "a token"
        stream = Stream(api, dict)
        stream._socket = cast("aiohttp.ClientWebSocketResponse", Broken())
        with pytest.raises(TransportError, match="cannot be reached"):
            await stream.announce()


async def test_a_fault_of_the_server_at_login_is_not_the_end_of_a_line() -> None:
    class Failing(Api):
        dialled = 0

        async def websocket(self, path: str) -> aiohttp.ClientWebSocketResponse:
            del path
            self.dialled += 1
            if self.dialled == 2:
                raise asyncio.CancelledError
            return cast("aiohttp.ClientWebSocketResponse", Broken())

        async def token(self) -> str:
            raise ServerProblem(500, None)

    failing = Failing(["http://127.0.0.1:1"], None, now=lambda: UnixMillis(0), rng=bytes)
    async with failing as api:
        with pytest.raises(asyncio.CancelledError):  # it has dialled again
            await anext(Stream(api, dict).pushes())
    assert failing.dialled == 2
