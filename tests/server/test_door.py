"""The door: who comes in too often, too slowly or too many at once."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import aiohttp
import msgspec
import pytest

from mifeng_crypto.api import messages as m
from mifeng_crypto.labels import sign_mifeng
from mifeng_crypto.tls import encode
from mifeng_server import listener
from mifeng_server.domain.limits import Limiter
from mifeng_server.domain.login import make_nonce
from mifeng_server.domain.rows import NonceRow
from mifeng_server.routes.openapi import make_document
from tests.support.patience import PATIENCE_S
from tests.support.peer import Peer, founded, pair, peer_of
from tests.support.server import ManualClock, RunningServer, running_server

HEADERS = {"Mifeng-Protocol": "1"}


async def test_who_asks_too_often_is_told_when_to_come_back(
    tmp_path: Path, clock: ManualClock
) -> None:
    settings = "[limits]\nper_device = 2\nburst_s = 3"
    async with (
        running_server(tmp_path, clock=clock, tls=False, settings=settings) as server,
        founded(server) as peer,
    ):
        codes = [await _code(peer) for _ in range(10)]
        assert codes.count("too_many_requests") > 0
        refused = await peer.refused("units")
        assert refused.headers["Retry-After"] == "1"
        clock.advance(1)
        await peer.call("units", m.UnitsReply)


async def _code(peer: Peer) -> str:
    status, raw, _ = await peer.raw("GET", "/v1/units")
    return "" if status == 200 else str(raw).partition('"code":"')[2].partition('"')[0]


async def test_an_address_that_asks_too_often_is_refused_before_it_is_looked_at(
    tmp_path: Path, clock: ManualClock
) -> None:
    settings = "[limits]\nper_address = 1\nburst_s = 5"
    async with (
        running_server(tmp_path, clock=clock, tls=False, settings=settings) as server,
        peer_of(server) as stranger,
    ):
        got = [(await stranger.raw("GET", "/v1/server"))[0] for _ in range(7)]
        assert got == [200] * 5 + [429] * 2


async def test_a_proxy_is_believed_only_if_the_operator_says_so(
    tmp_path: Path, clock: ManualClock
) -> None:
    for proxies, expected in (("", 429), ('proxies = ["127.0.0.1"]', 200)):
        settings = f"{proxies}\n[limits]\nper_address = 1\nburst_s = 3"
        folder = tmp_path / str(expected)
        folder.mkdir()
        async with (
            running_server(folder, clock=clock, tls=False, settings=settings) as server,
            peer_of(server) as stranger,
        ):
            for n in range(5):
                headers = {"X-Forwarded-For": f"203.0.113.9, 192.0.2.{n}"}
                status, _, _ = await stranger.raw("GET", "/v1/server", headers=headers)
            assert status == expected


async def test_failed_logins_are_throttled_and_a_right_one_is_not_after_a_minute(
    tmp_path: Path, clock: ManualClock
) -> None:
    settings = "[limits]\nlogins = 5"
    async with (
        running_server(tmp_path, clock=clock, tls=False, settings=settings) as server,
        founded(server) as peer,
    ):
        codes = []
        for _ in range(7):
            nonce = (await peer.call("login_nonce", m.NonceReply)).nonce
            wrong = m.LoginRequest(tbs=_tbs(peer, nonce), signature=bytes(64))
            codes.append((await peer.refused("login", wrong)).code)
        assert codes == ["unauthenticated"] * 5 + ["too_many_requests"] * 2
        clock.advance(12)
        await peer.login()


def _tbs(peer: Peer, nonce: bytes) -> bytes:
    return encode(peer.login_tbs(nonce))


async def test_a_million_nonces_crowd_nobody_out(founder: Peer, server: RunningServer) -> None:
    """LOGIN-1: none is kept until it is used."""
    nonce = (await founder.call("login_nonce", m.NonceReply)).nonce
    used = await server.house.store.count(NonceRow)
    for _ in range(20_000):
        await make_nonce(server.house, now=server.clock.now())
    assert await server.house.store.count(NonceRow) == used
    tbs = _tbs(founder, nonce)
    request = m.LoginRequest(tbs=tbs, signature=sign_mifeng(founder.key, "Login", tbs))
    await founder.call("login", m.LoginReply, request)


async def test_too_much_under_way_is_shed_with_429(
    founder: Peer, server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.house.limiter, "in_flight", 10**9)
    refused = await founder.refused("units")
    assert (refused.code, refused.headers["Retry-After"]) == ("too_many_requests", "1")


def test_whoever_is_told_to_wait_is_told_how_long_by_the_document_too() -> None:
    told = [
        response
        for methods in make_document()["paths"].values()
        for operation in methods.values()
        for status, response in operation["responses"].items()
        if status in ("429", "503")
    ]
    assert len(told) > 50
    assert all(response["headers"]["Retry-After"]["required"] for response in told)


async def test_a_failing_request_leaves_the_count_of_what_is_under_way(
    founder: Peer, server: RunningServer
) -> None:
    await founder.refused("charter", path={"unit_id": bytes(16)})
    await founder.call("units", m.UnitsReply)
    assert isinstance(server.house.limiter, Limiter)
    assert server.house.limiter.in_flight == 0


async def test_a_head_that_never_ends_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "HEAD_S", 0.3)
    async with running_server(tmp_path, tls=False) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.split(":")[2]))
        writer.write(b"GET /v1/server HTTP/1.1\r\nHost: x\r\n")
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(PATIENCE_S):
                while not reader.at_eof():
                    writer.write(b"X: y\r\n")
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(reader.read(1), 0.1)
        writer.close()


async def test_more_connections_than_allowed_are_closed_at_once(tmp_path: Path) -> None:
    settings = "[limits]\nconnections = 3"
    async with running_server(tmp_path, tls=False, settings=settings) as server:
        port = int(server.url.split(":")[2])
        open_ones = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(1), PATIENCE_S) == b""
        for _, other in [*open_ones, (reader, writer)]:
            other.close()
        async with asyncio.timeout(PATIENCE_S):
            while True:  # there is room again
                try:
                    async with aiohttp.ClientSession() as http:
                        url = f"{server.url}/v1/server"
                        async with http.get(url, headers=HEADERS) as got:
                            assert got.status == 200
                            return
                except aiohttp.ClientConnectionError:
                    await asyncio.sleep(0.05)


async def test_every_answer_says_that_it_is_no_page(founder: Peer) -> None:
    for path in ("/v1/units", "/v1/nothing", "/openapi.json"):
        _, _, headers = await founder.raw("GET", path)
        assert headers["Server"] == "mifeng"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"
        assert "Strict-Transport-Security" not in headers, "this one is plain HTTP"


async def test_a_device_that_opens_too_many_sockets_loses_its_oldest(
    server: RunningServer, tmp_path: Path
) -> None:
    async with pair(server) as (ann, _, unit_id):
        hello = m.StreamHello(protocol=1, token=ann.token, after={unit_id.hex(): 0})
        sockets = []
        for _ in range(5):
            url = server.url.replace("http", "ws") + "/v1/stream"
            socket = await ann.session.ws_connect(url, headers=HEADERS)
            await socket.send_bytes(msgspec.msgpack.encode(hello))
            first = await socket.receive(timeout=PATIENCE_S)
            assert first.type is aiohttp.WSMsgType.BINARY
            sockets.append(socket)
        while (
            last := await sockets[0].receive(timeout=PATIENCE_S)
        ).type is aiohttp.WSMsgType.BINARY:
            pass
        assert last.type is aiohttp.WSMsgType.CLOSE
        assert last.data == 1013
        for socket in sockets:
            await socket.close()
