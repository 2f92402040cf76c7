"""Ciphertext to the server by tus 1.0.0: from wherever the server is, over lines that break.

It is read from the spool as it goes out. Of a piece that broke off the server keeps nothing, since
its checksum cannot be known; so pieces are small where lines are slow or break, and grow where they
are quick, because the server syncs at the end of each.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import hashlib
import os
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import IO, Self

import aiohttp

from mifeng.errors import ServerProblem
from mifeng.net import Api
from mifeng.transfer.ahead import ahead, in_thread
from mifeng.transfer.attempts import Attempts, Progress
from mifeng_crypto.api.problems import ProblemCode
from mifeng_crypto.errors import ProtocolError, StorageError, TransportError
from mifeng_crypto.ids import FileId, UnitId

__all__ = ["PIECE_BYTES", "Piece", "Sending", "create", "take_back"]

PIECE_BYTES = 4 << 20
"""The least that goes at once, and what the server keeps a file in."""
MOST_BYTES = 4 * PIECE_BYTES
"""What a server takes under one checksum."""
QUICK_S = 1.0
"""A piece that took less may be followed by one of twice its size."""
_READ_BYTES = 1 << 20
_SEND_BYTES = 128 << 10
_TUS = {"Tus-Resumable": "1.0.0"}
_AGAIN = frozenset({ProblemCode.OFFSET_MISMATCH, ProblemCode.CHECKSUM_MISMATCH})


async def create(
    api: Api, unit_id: UnitId, length: int, *, key: bytes, original: int = 0
) -> FileId:
    """Open an upload of so many bytes of ciphertext.

    Args:
        api: the server.
        unit_id: where it goes.
        length: of the ciphertext.
        key: the idempotency key: an answer that was lost opens no second one.
        original: of a part of a history, the sequence of a message in it.

    Raises:
        ServerProblem: the server declined.
        TransportError: it was not reached, again and again.
    """
    headers = {**_TUS, "Upload-Length": str(length), "Idempotency-Key": key.hex()}
    if original:
        headers["Mifeng-Original"] = str(original)
    path = f"/v1/units/{unit_id.hex()}/files"
    attempts = Attempts()
    while True:
        try:
            async with api.raw("POST", path, headers=headers) as response:
                location = response.headers.get("Location", "")
        except TransportError as err:
            await attempts.pause(err)
            continue
        found = re.fullmatch(r"(?:https?://[^/]+)?/v1/files/([0-9a-f]{32})", location)
        if found is None:
            raise ProtocolError("API-1", "the server did not say where the file goes")
        return FileId(bytes.fromhex(found[1]))


@dataclasses.dataclass(frozen=True, slots=True)
class Piece:
    """A part of the ciphertext, from `start` up to `end`, and its SHA-256."""

    start: int
    end: int
    digest: bytes


@dataclasses.dataclass(slots=True, kw_only=True)
class Sending:
    """One file on its way.

    Attributes:
        api: the server.
        path: of the upload there.
        file: the ciphertext in the spool, as far as it is written.
        length: of all the ciphertext.
        progress: see `Progress`.
        piece_bytes: how much goes at once at present.
    """

    api: Api
    path: str
    file: IO[bytes]
    length: int
    progress: Progress
    piece_bytes: int = PIECE_BYTES

    @classmethod
    def of(
        cls, api: Api, file_id: FileId, file: IO[bytes], length: int, progress: Progress
    ) -> Self:
        """A file by its id."""
        path = f"/v1/files/{file_id.hex()}"
        return cls(api=api, path=path, file=file, length=length, progress=progress)

    async def offset(self) -> int:
        """Ask how far the server has come."""
        return await self._ask_offset(0, self.length, Attempts())

    async def send(self, start: int, reaches: Callable[[int], Awaitable[None]]) -> None:
        """Bring everything from `start` on to the server.

        While a piece is under way the next one is waited for and hashed.

        Args:
            start: where the server is.
            reaches: waits until the ciphertext is written up to there.

        Raises:
            ServerProblem, TransportError, ProtocolError: it does not get through.
            MifengError: by `reaches`.
        """
        async with contextlib.aclosing(ahead(self._pieces(start, reaches))) as pieces:
            async for piece in pieces:
                await self._send(piece)

    async def _pieces(
        self, start: int, reaches: Callable[[int], Awaitable[None]]
    ) -> AsyncGenerator[Piece, None]:
        while start < self.length:
            end = min(start + self.piece_bytes, self.length)
            await reaches(end)
            yield await in_thread(self._piece, start, end)
            start = end

    def _piece(self, start: int, end: int) -> Piece:
        sha256 = hashlib.sha256()
        for at in range(start, end, _READ_BYTES):
            sha256.update(self._read(at, min(at + _READ_BYTES, end)))
        return Piece(start, end, sha256.digest())

    def _read(self, start: int, end: int) -> bytes:
        try:
            data = os.pread(self.file.fileno(), end - start, start)
        except OSError as err:
            raise _lost() from err
        if len(data) != end - start:
            raise _lost()
        return data

    async def _send(self, piece: Piece) -> None:
        """Bring one piece to the server, from wherever the server is within it."""
        start, end, attempts = piece.start, piece.end, Attempts()
        while True:
            began = time.monotonic()
            try:
                at = await self._patch(piece)
            except (TransportError, ServerProblem) as err:
                if isinstance(err, ServerProblem) and err.code not in _AGAIN:
                    raise
                self.piece_bytes = PIECE_BYTES
                await attempts.pause(err)
                at = await self._ask_offset(start, end, attempts)
            else:
                if time.monotonic() - began < QUICK_S:
                    self.piece_bytes = min(2 * self.piece_bytes, MOST_BYTES)
            if at > piece.start:
                attempts = Attempts()
            if at == end:
                break
            piece = await in_thread(self._piece, at, min(at + self.piece_bytes, end))
        self.progress(end, self.length)

    async def _patch(self, piece: Piece) -> int:
        headers = {
            **_TUS,
            "Upload-Offset": str(piece.start),
            "Upload-Checksum": f"sha256 {base64.b64encode(piece.digest).decode()}",
            "Content-Length": str(piece.end - piece.start),
            "Content-Type": "application/offset+octet-stream",
        }

        async def slices() -> AsyncIterator[bytes | memoryview]:
            done = piece.start
            while done < piece.end:
                end = min(done + _READ_BYTES, piece.end)
                data = memoryview(await in_thread(self._read, done, end))
                for at in range(0, len(data), _SEND_BYTES):
                    self.progress(done, self.length)
                    yield data[at : at + _SEND_BYTES]
                    done += len(data[at : at + _SEND_BYTES])

        async with self.api.raw("PATCH", self.path, headers=headers, data=slices) as response:
            return _offset(response, piece.start, piece.end)

    async def _ask_offset(self, start: int, end: int, attempts: Attempts) -> int:
        while True:
            try:
                async with self.api.raw("HEAD", self.path, headers=_TUS) as response:
                    return _offset(response, start, end)
            except TransportError as err:
                await attempts.pause(err)


def _lost() -> StorageError:
    return StorageError("a part of the file that is on its way is missing here; send it again")


def _offset(response: aiohttp.ClientResponse, start: int, end: int) -> int:
    """Read how far the server has come; it can only be within what it was sent."""
    text = response.headers.get("Upload-Offset", "")
    if not text.isdecimal() or not start <= int(text) <= end:
        raise ProtocolError("API-1", "the server has lost a part of the file; send the file again")
    return int(text)


async def take_back(api: Api, file_id: FileId) -> None:
    """Give an upload up, or recall a file; no harm if there is none any more.

    Raises:
        ServerProblem: `forbidden`: somebody else posted it.
        TransportError: the server was not reached.
    """
    try:
        async with api.raw("DELETE", f"/v1/files/{file_id.hex()}", headers=_TUS):
            return
    except ServerProblem as err:
        if err.code not in (ProblemCode.NOT_FOUND, ProblemCode.GONE):
            raise
