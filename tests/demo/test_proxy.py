"""The recording proxy: clients find the server's key, and the record has the plaintext."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer, unused_port

from demo.proxy import RecordingProxy
from mifeng.net.pin import SpkiPin
from mifeng_server.config import Folder
from mifeng_server.tls_key import make_tls_key


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


async def _echo(request: web.Request) -> web.StreamResponse:
    if request.headers.get("Upgrade") == "websocket":
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            await socket.send_bytes(message.data[::-1])
        return socket
    return web.Response(body=(await request.read())[::-1])


async def test_what_passes_is_recorded_in_the_clear_under_the_servers_own_key(
    folder: Folder,
) -> None:
    pin = make_tls_key(folder, ("127.0.0.1",), now_s=1_700_000_000)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(folder.tls_cert, folder.tls_key)
    app = web.Application(client_max_size=1 << 24)
    app.router.add_route("*", "/", _echo)
    server = TestServer(app)
    await server.start_server(ssl=serving)
    proxy = RecordingProxy(
        folder=folder.path / "traffic", key=folder.tls_key, certificate=folder.tls_cert,
        upstream_port=server.port or 0,
    )  # fmt: skip
    port = unused_port()
    await proxy.start(port)
    large = b"large " * 200_000
    try:
        async with ClientSession() as session:
            url, ssl_ = f"https://127.0.0.1:{port}/", SpkiPin(pin)
            async with session.post(url, data=b"a secret request", ssl=ssl_) as reply:
                assert await reply.read() == b"tseuqer terces a"
            async with session.ws_connect(url, ssl=ssl_) as socket:
                for frame in (b"a secret frame", large):
                    await socket.send_bytes(frame)
                    assert await socket.receive_bytes() == frame[::-1]
    finally:
        await proxy.stop()
        await server.close()
    recorded = b"".join(file.read_bytes() for file in sorted((folder.path / "traffic").iterdir()))
    for said in (b"a secret request", b"tseuqer terces a", b"a secret frame", large, large[::-1]):
        assert said in recorded
