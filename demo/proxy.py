"""A proxy that ends TLS with the server's own key, and writes down all that passes, decrypted.

Only somebody who has the server's private key can do this: it shows what an operator, or a thief
of the whole server, could record. Clients hide the payload of WebSocket frames from proxies by
masking (RFC 6455 section 5.3); it is unmasked here, lest the search miss it.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import ssl
from pathlib import Path
from typing import IO

__all__ = ["RecordingProxy"]

_READ_BYTES = 1 << 18


class RecordingProxy:
    """Stands on `port` for a server on `upstream_port`; both on 127.0.0.1."""

    def __init__(self, *, folder: Path, key: Path, certificate: Path, upstream_port: int) -> None:
        self._folder = folder
        self._accepting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._accepting.load_cert_chain(certificate, key)
        self._dialling = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._dialling.check_hostname = False
        self._dialling.load_verify_locations(certificate)
        self._upstream_port = upstream_port
        self._numbers = itertools.count(1)
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self, port: int) -> None:
        """Listen."""
        self._folder.mkdir()
        self._server = await asyncio.start_server(
            self._connected, "127.0.0.1", port, ssl=self._accepting, limit=_READ_BYTES
        )

    async def stop(self) -> None:
        """Close all connections; what was recorded is on the disk."""
        assert self._server is not None, "it was started"
        self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "asyncio runs it as one"
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        number = next(self._numbers)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            server_reader, server_writer = await asyncio.open_connection(
                "127.0.0.1", self._upstream_port, ssl=self._dialling, limit=_READ_BYTES
            )
            up = _Record(self._folder / f"{number:04}-from-client")
            down = _Record(self._folder / f"{number:04}-from-server")
            with up, down:
                await asyncio.gather(
                    _pass_on(reader, server_writer, up), _pass_on(server_reader, writer, down)
                )


async def _pass_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, record: _Record
) -> None:
    try:
        while data := await reader.read(_READ_BYTES):
            record.write(data)
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


class _Record:
    """One direction of one connection, in a file; masked WebSocket frames unmasked."""

    def __init__(self, path: Path) -> None:
        self._file: IO[bytes] = path.open("wb")
        self._head = bytearray()
        self._frames: bytearray | None = None

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        if self._frames:
            self._file.write(self._frames)
        self._file.close()

    def write(self, data: bytes) -> None:
        self._file.write(data)
        if self._frames is None:
            self._head = (self._head + data)[-8192:]
            _, upgrade, rest = self._head.lower().partition(b"upgrade: websocket")
            if upgrade and b"\r\n\r\n" in rest:
                after = rest.partition(b"\r\n\r\n")[2]
                self._frames = self._head[len(self._head) - len(after) :]
        else:
            self._frames += data
        while self._frames and (payload := _take_frame(self._frames)) is not None:
            self._file.write(payload)
        self._file.flush()


def _take_frame(data: bytearray) -> bytes | None:
    """Remove one frame from the front of `data`; None where it is not all there yet."""
    if len(data) < 2:
        return None
    length, at = data[1] & 0x7F, 2
    if length >= 126:
        at = 4 if length == 126 else 10
        length = int.from_bytes(data[2:at], "big")
    masked = bool(data[1] & 0x80)
    end = at + 4 * masked + length
    if len(data) < end:
        return None
    payload = bytes(data[end - length : end])
    if masked:
        mask = bytes(data[at : at + 4]) * (length // 4 + 1)
        number = int.from_bytes(payload, "big") ^ int.from_bytes(mask[:length], "big")
        payload = number.to_bytes(length, "big")
    del data[:end]
    return payload
