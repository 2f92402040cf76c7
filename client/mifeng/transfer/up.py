"""A file up: sealed and sent in pieces, from wherever the server is."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import dataclasses
import hashlib
import io
import os
import re
import stat
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import IO

import aiohttp

from mifeng.content.attachment import Attachment
from mifeng.content.preview import NO_PREVIEW
from mifeng.errors import ServerProblem
from mifeng.media.kind import content_type_of
from mifeng.media.preview import preview_of
from mifeng.media.source import Source, whole
from mifeng.media.strip import stripped
from mifeng.net import Api
from mifeng.transfer.attempts import Attempts, Progress, no_progress
from mifeng_crypto.api.messages import ShareReply
from mifeng_crypto.api.problems import ProblemCode
from mifeng_crypto.errors import ProtocolError, StorageError, TransportError, UsageError
from mifeng_crypto.files.key import derive_file_key, new_file_secret, share_hash
from mifeng_crypto.files.seal import Sealer
from mifeng_crypto.files.sealed import sealed_length
from mifeng_crypto.ids import FileId, UnitId
from mifeng_crypto.rand import Rng

__all__ = ["take_back", "upload", "upload_from"]

PIECE_BYTES = 8 << 20
HELD_BYTES = 32 << 20
"""What does not lie on a disk is looked into as long as it fits into this much of memory."""
_READ_BYTES = 1 << 20
_SEND_BYTES = 256 << 10
_TUS = {"Tus-Resumable": "1.0.0"}
_AGAIN = frozenset({ProblemCode.OFFSET_MISMATCH, ProblemCode.CHECKSUM_MISMATCH})


async def upload(
    api: Api,
    *,
    unit_id: UnitId,
    path: Path,
    rng: Rng,
    progress: Progress = no_progress,
    keep_metadata: bool = False,
) -> Attachment:
    """Seal a file and bring it to the server; a message must name it within 24 h.

    Args:
        api: the server.
        unit_id: the unit to whose members it goes.
        path: the file.
        rng: randomness for its secret.
        progress: see `Progress`.
        keep_metadata: send a picture with what its camera wrote into it: place, time, device.

    Raises:
        UsageError: it is no file, it changed while it was read, or it is a picture whose data about
            place and camera cannot be taken out.
        StorageError: it cannot be read.
        ServerProblem: the server declined; `quota_exceeded` before a byte was sent.
        TransportError: it was not reached, again and again.
    """
    with _open_to_read(path) as file:
        content_type = await asyncio.to_thread(content_type_of, file)
        source = whole(file) if keep_metadata else await _stripped(file, content_type)
        attachment = await _send(
            api,
            source.read(_READ_BYTES),
            unit_id=unit_id,
            name=path.name,
            content_type=content_type,
            size=source.size,
            rng=rng,
            progress=progress,
        )
    return dataclasses.replace(attachment, preview=await preview_of(path, content_type))


async def upload_from(
    api: Api,
    file: IO[bytes],
    *,
    unit_id: UnitId,
    name: str,
    size: int,
    rng: Rng,
    progress: Progress = no_progress,
    keep_metadata: bool = False,
) -> Attachment:
    """The same with bytes that do not lie on a disk: `size` of them, read once, in order.

    What is above 32 MiB passes through, and has no preview; pictures are smaller.

    Raises:
        UsageError: there are more, or fewer; or a picture is too large to be stripped.
        MifengError: as `upload`.
    """
    head = await asyncio.to_thread(_read_all, file, min(size + 1, HELD_BYTES))
    held = io.BytesIO(head)
    content_type = content_type_of(held)
    pieces, sent, preview = _on(head, file), size, NO_PREVIEW
    if len(head) == size:
        source = whole(held) if keep_metadata else await _stripped(held, content_type)
        pieces, sent = source.read(_READ_BYTES), source.size
        preview = await preview_of(head, content_type)
    elif content_type.startswith("image/") and not keep_metadata:
        raise UsageError(
            "this picture is too large to take out where it was taken; send it smaller"
        )
    attachment = await _send(
        api,
        pieces,
        unit_id=unit_id,
        name=name,
        content_type=content_type,
        size=sent,
        rng=rng,
        progress=progress,
    )
    return dataclasses.replace(attachment, preview=preview)


def _read_all(file: IO[bytes], size: int) -> bytes:
    """A pipe gives what it has; read on until there is enough, or no more."""
    data = bytearray()
    while len(data) < size and (piece := file.read(min(size - len(data), _READ_BYTES))):
        data += piece
    return bytes(data)


def _on(head: bytes, file: IO[bytes]) -> Iterator[bytes]:
    yield head
    while piece := file.read(_READ_BYTES):
        yield piece


async def _send(
    api: Api,
    plaintext: Iterator[bytes],
    *,
    unit_id: UnitId,
    name: str,
    content_type: str,
    size: int,
    rng: Rng,
    progress: Progress,
) -> Attachment:
    length = sealed_length(size)
    file_id = await _create(api, unit_id, length, key=rng(16))
    share = (await api.call("share", ShareReply, path={"file_id": file_id})).share
    secret, named = new_file_secret(rng=rng), share_hash(share)
    key = derive_file_key(secret, share, unit_id=unit_id, file_id=file_id, named=named)
    sealer = Sealer(key, size=size)
    sending = _Upload(api=api, path=f"/v1/files/{file_id.hex()}", length=length, progress=progress)
    pieces, offset = _pieces(plaintext, sealer, name), 0
    while piece := await asyncio.to_thread(next, pieces, b""):
        await sending.send(piece, offset)
        offset += len(piece)
    return Attachment(
        file_id=file_id,
        name=name.encode(errors="replace").decode(),
        content_type=content_type,
        size=size,
        secret=secret,
        share_hash=named,
        digest=sealer.digest,
    )


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


async def _stripped(file: IO[bytes], content_type: str) -> Source:
    try:
        return await asyncio.to_thread(stripped, file, content_type)
    except OSError as err:
        raise _unreadable("the file", err) from err


@contextlib.contextmanager
def _open_to_read(path: Path) -> Iterator[IO[bytes]]:
    try:
        # Not to wait for ever where a pipe has no writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as err:
        raise _unreadable(path, err) from err
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UsageError("{path} is not a file; send files one by one", path=path)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        yield file


def _unreadable(path: str | Path, err: OSError) -> StorageError:
    return StorageError("{path} cannot be read: {reason}", path=path, reason=err.strerror)


def _pieces(source: Iterator[bytes], sealer: Sealer, name: str) -> Iterator[bytes]:
    """Yield the ciphertext in pieces of about `PIECE_BYTES`."""
    piece = bytearray()
    try:
        for plaintext in source:
            piece += sealer.update(plaintext)
            if len(piece) >= PIECE_BYTES:
                yield bytes(piece)
                piece.clear()
    except OSError as err:
        raise _unreadable(name, err) from err
    for rest in sealer.finish():
        piece += rest
        if len(piece) >= PIECE_BYTES:
            yield bytes(piece)
            piece.clear()
    yield bytes(piece)


async def _create(api: Api, unit_id: UnitId, length: int, *, key: bytes) -> FileId:
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
class _Upload:
    """One file on its way; `length` is that of the ciphertext."""

    api: Api
    path: str
    length: int
    progress: Progress

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
