"""Ciphertext to the server by tus 1.0.0: from wherever the server is, over lines that break."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import hashlib
import re
from collections.abc import AsyncIterator
from typing import Self

import aiohttp

from mifeng.errors import ServerProblem
from mifeng.net import Api
from mifeng.transfer.attempts import Attempts, Progress
from mifeng_crypto.api.problems import ProblemCode
from mifeng_crypto.errors import ProtocolError, TransportError
from mifeng_crypto.ids import FileId, UnitId

__all__ = ["PIECE_BYTES", "Sending", "create", "take_back"]

PIECE_BYTES = 4 << 20
_SEND_BYTES = 256 << 10
_TUS = {"Tus-Resumable": "1.0.0"}
_AGAIN = frozenset({ProblemCode.OFFSET_MISMATCH, ProblemCode.CHECKSUM_MISMATCH})


async def create(api: Api, unit_id: UnitId, length: int, *, key: bytes) -> FileId:
    """Open an upload of so many bytes of ciphertext.

    Args:
        api: the server.
        unit_id: where it goes.
        length: of the ciphertext.
        key: the idempotency key: an answer that was lost opens no second one.

    Raises:
        ServerProblem: the server declined.
        TransportError: it was not reached, again and again.
    """
    headers = {**_TUS, "Upload-Length": str(length), "Idempotency-Key": key.hex()}
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


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """One file on its way; `length` is that of the ciphertext."""

    api: Api
    path: str
    length: int
    progress: Progress

    @classmethod
    def of(cls, api: Api, file_id: FileId, length: int, progress: Progress) -> Self:
        """A file by its id."""
        return cls(api=api, path=f"/v1/files/{file_id.hex()}", length=length, progress=progress)

    async def offset(self) -> int:
        """Ask how far the server has come."""
        return await self._ask_offset(0, self.length, Attempts())

    async def send(self, piece: bytes, start: int) -> None:
        """Bring one piece to the server, from wherever the server is within it."""
        at, end, attempts = start, start + len(piece), Attempts()
        while at < end:
            begin = at
            try:
                at = await self._patch(piece, begin, start)
            except (TransportError, ServerProblem) as err:
                if isinstance(err, ServerProblem) and err.code not in _AGAIN:
                    raise
                await attempts.pause(err)
                at = await self._ask_offset(start, end, attempts)
            if at > begin:
                attempts = Attempts()
        self.progress(end, self.length)

    async def _patch(self, piece: bytes, begin: int, start: int) -> int:
        rest = memoryview(piece)[begin - start :]
        digest = await asyncio.to_thread(lambda: hashlib.sha256(rest).digest())
        headers = {
            **_TUS,
            "Upload-Offset": str(begin),
            "Upload-Checksum": f"sha256 {base64.b64encode(digest).decode()}",
            "Content-Length": str(len(rest)),
            "Content-Type": "application/offset+octet-stream",
        }

        async def slices() -> AsyncIterator[bytes]:
            for at in range(begin - start, len(piece), _SEND_BYTES):
                self.progress(start + at, self.length)
                yield piece[at : at + _SEND_BYTES]

        async with self.api.raw("PATCH", self.path, headers=headers, data=slices) as response:
            return _offset(response, begin, start + len(piece))

    async def _ask_offset(self, start: int, end: int, attempts: Attempts) -> int:
        while True:
            try:
                async with self.api.raw("HEAD", self.path, headers=_TUS) as response:
                    return _offset(response, start, end)
            except TransportError as err:
                await attempts.pause(err)


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
