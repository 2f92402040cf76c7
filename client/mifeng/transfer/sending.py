"""Ciphertext to the server by tus 1.0.0: from wherever the server is, over lines that break.

It is read from the spool as it goes out. Of a piece that broke off the server keeps what it got.
What it has told at the end of a piece is on its disk: so pieces are small where lines are slow or
break, and grow where they are quick, because both sides wait for the disk at the end of each. None
waits for more to be sealed than the least of them. With the last one the server is told the SHA-256
of all of them, and says whether that is what it has.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import os
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from io import BufferedReader
from typing import IO, Self

import aiohttp

from mifeng.errors import ServerProblem
from mifeng.net import Api
from mifeng.transfer.ahead import in_thread
from mifeng.transfer.attempts import Attempts, Progress
from mifeng_crypto.api.problems import ProblemCode
from mifeng_crypto.errors import ProtocolError, StorageError, TransportError
from mifeng_crypto.files.sealed import MAX_FILE_BYTES, sealed_length
from mifeng_crypto.ids import FileId, UnitId

__all__ = ["PIECE_BYTES", "Sending", "check_whole", "create", "is_there", "known", "take_back"]

PIECE_BYTES = 4 << 20
"""The least that goes at once, and what the server keeps a file in."""
MOST_BYTES = 16 * PIECE_BYTES
QUICK_S = 1.0
"""A piece that took less may be followed by one of twice its size."""
_READ_BYTES = 1 << 20
_SEND_BYTES = 128 << 10
_TUS = {"Tus-Resumable": "1.0.0"}


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

    async def send(
        self,
        start: int,
        reaches: Callable[[int], Awaitable[int]],
        digest: Callable[[], Awaitable[bytes]],
    ) -> None:
        """Bring everything from `start` on to the server.

        Args:
            start: where the server is.
            reaches: waits until the ciphertext is written up to there, and says how far it is.
            digest: waits for the SHA-256 of all of it.

        Raises:
            ServerProblem, TransportError, ProtocolError: it does not get through.
            MifengError: by `reaches`.
        """
        at, attempts = start, Attempts()
        while True:  # also if the server has it all: whether it is this one was not said yet
            end = self._end_of_piece(at, await reaches(min(at + PIECE_BYTES, self.length)))
            whole = await digest() if end == self.length else None
            began = time.monotonic()
            try:
                there = await self._patch(at, end, whole)
            except (TransportError, ServerProblem) as err:
                if isinstance(err, ServerProblem) and err.code is not ProblemCode.OFFSET_MISMATCH:
                    raise
                self.piece_bytes = PIECE_BYTES
                await attempts.pause(err)
                there = await self._ask_offset(at, end, attempts)
            else:
                if there == self.length:
                    self.progress(there, self.length)
                    return
                if time.monotonic() - began < QUICK_S:
                    self.piece_bytes = min(2 * self.piece_bytes, MOST_BYTES)
            if there > at:
                attempts = Attempts(under_way=True)
            at = there

    def _end_of_piece(self, start: int, written: int) -> int:
        end = min(start + self.piece_bytes, written, self.length)
        # Else the server would write the beginning of an object once more.
        return end if end == self.length else end - end % PIECE_BYTES

    def _read(self, start: int, end: int) -> bytes:
        try:
            data = os.pread(self.file.fileno(), end - start, start)
        except OSError as err:
            raise _lost() from err
        if len(data) != end - start:
            raise _lost()
        return data

    async def _patch(self, start: int, end: int, digest: bytes | None) -> int:
        headers = {
            **_TUS,
            "Upload-Offset": str(start),
            "Content-Length": str(end - start),
            "Content-Type": "application/offset+octet-stream",
        }
        if digest is not None:
            headers["Repr-Digest"] = f"sha-256=:{base64.b64encode(digest).decode()}:"

        async def slices() -> AsyncIterator[bytes | memoryview]:
            done = start
            while done < end:
                data = memoryview(await in_thread(self._read, done, min(done + _READ_BYTES, end)))
                for at in range(0, len(data), _SEND_BYTES):
                    self.progress(done, self.length)
                    yield data[at : at + _SEND_BYTES]
                    done += len(data[at : at + _SEND_BYTES])

        async with self.api.raw("PATCH", self.path, headers=headers, data=slices) as response:
            return _offset(response, start, end)

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


def check_whole(file: BufferedReader, digest: bytes) -> None:
    """See that a file in the spool is what was sealed, before any of it is sent.

    Raises:
        StorageError: it is not, or cannot be read.
    """
    try:
        found = hashlib.file_digest(file, "sha256").digest()
    except OSError as err:
        raise _lost() from err
    if found != digest:
        raise _lost()


async def is_there(_least: int) -> int:
    """All of the ciphertext is written already, however long it is."""
    return sealed_length(MAX_FILE_BYTES)


def known(digest: bytes) -> Callable[[], Awaitable[bytes]]:
    """Return what says this SHA-256 at once."""

    async def say() -> bytes:
        return digest

    return say


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
