"""What is offered to many sockets at once arrives whole and in order, or is not taken."""

from __future__ import annotations

import asyncio
import asyncio.sslproto
import os
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mifeng_server.config import Folder
from mifeng_server.tls_key import make_tls_key, ssl_context
from mifeng_server.tls_stream import Tls, offer
from tests.support.patience import PATIENCE_S
from tests.support.server import START

FRAME = os.urandom(3000)


class Ends:
    """The two ends of one connection."""

    def __init__(self) -> None:
        self.met = asyncio.Event()
        self.left = asyncio.Event()
        self.ours: asyncio.Transport | None = None

    @property
    def transport(self) -> asyncio.Transport:
        assert self.ours is not None
        return self.ours


class Server(asyncio.Protocol):
    def __init__(self, ends: Ends) -> None:
        self._ends = ends

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._ends.ours = transport
        self._ends.met.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._ends.left.set()


@pytest.fixture(params=["tls", "plain"])
async def line(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Ends, asyncio.StreamReader, asyncio.StreamWriter]]:
    ours = theirs = None
    if request.param == "tls":
        folder = Folder(tmp_path)
        make_tls_key(folder, ("127.0.0.1",), now_s=START // 1000)
        ours = ssl_context(folder.tls_cert, folder.tls_key)
        theirs = ssl.create_default_context()
        theirs.check_hostname, theirs.verify_mode = False, ssl.CERT_NONE
        monkeypatch.setattr(asyncio.sslproto, "SSLProtocol", Tls)
    ends = Ends()
    server = await asyncio.get_running_loop().create_server(
        lambda: Server(ends), "127.0.0.1", 0, ssl=ours
    )
    async with server:
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=theirs)
        await ends.met.wait()
        yield ends, reader, writer
        writer.transport.abort()
        ends.transport.abort()


async def test_what_is_offered_and_what_is_written_arrive_in_their_order(
    line: tuple[Ends, asyncio.StreamReader, asyncio.StreamWriter],
) -> None:
    ends, reader, _ = line
    sent = b""
    for n in range(20):
        piece = bytes([n]) + FRAME
        if n % 3:
            assert offer(ends.transport, piece)
        else:
            ends.transport.write(piece)
        sent += piece
    assert await asyncio.wait_for(reader.readexactly(len(sent)), PATIENCE_S) == sent


class Partial:
    """OpenSSL where a write ends with the first record."""

    def __init__(self, whole: ssl.SSLObject) -> None:
        self._whole = whole

    def write(self, data: bytes) -> int:
        return self._whole.write(memoryview(data)[: 16 << 10])

    def __getattr__(self, name: str) -> object:
        return getattr(self._whole, name)


@pytest.mark.parametrize("partly", [False, True])
async def test_what_takes_several_records_arrives_whole(
    line: tuple[Ends, asyncio.StreamReader, asyncio.StreamWriter], *, partly: bool
) -> None:
    ends, reader, _ = line
    tls = getattr(ends.transport, "_ssl_protocol", None)
    if partly and tls is not None:
        tls._sslobj = Partial(tls._sslobj)
    long = os.urandom(40_000)
    assert offer(ends.transport, long)
    assert await asyncio.wait_for(reader.readexactly(len(long)), PATIENCE_S) == long
    assert offer(ends.transport, FRAME), "what waited is gone"
    assert await asyncio.wait_for(reader.readexactly(len(FRAME)), PATIENCE_S) == FRAME


async def test_who_reads_nothing_is_offered_in_vain_and_loses_nothing(
    line: tuple[Ends, asyncio.StreamReader, asyncio.StreamWriter],
) -> None:
    ends, reader, _ = line
    taken = 0
    while offer(ends.transport, FRAME):
        taken += 1
        assert taken < 100_000, "the network takes all that there is"
    assert not offer(ends.transport, FRAME)
    assert (
        await asyncio.wait_for(reader.readexactly(taken * len(FRAME)), PATIENCE_S) == FRAME * taken
    )
    assert offer(ends.transport, b"again"), "what waited is gone"
    assert await asyncio.wait_for(reader.readexactly(5), PATIENCE_S) == b"again"


async def test_a_closed_connection_takes_nothing(
    line: tuple[Ends, asyncio.StreamReader, asyncio.StreamWriter],
) -> None:
    ends, _, writer = line
    writer.transport.abort()
    await asyncio.wait_for(ends.left.wait(), PATIENCE_S)
    assert not offer(ends.transport, FRAME)
