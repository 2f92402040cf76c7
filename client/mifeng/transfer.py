"""Files up and down: streamed, sealed and opened on the way, in constant memory.

    upload    create (tus) -> share -> key -> seal 8 MiB -> PATCH -> ... -> Attachment
    download  share -> key -> GET with Range -> open -> temporary file -> all verified -> its name

A connection that breaks is taken up again where the server is (HEAD), or where we are (Range). A
piece of ciphertext is kept until the server has it and never made twice: the plaintext could have
changed in between, and the same nonce must not seal two plaintexts.

The share and the file key stay in memory. The API is protocol.md, "Files"; tus is 1.0.0.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import dataclasses
import errno
import functools
import hashlib
import mimetypes
import os
import re
import stat
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import IO

import aiohttp

from mifeng.content.attachment import Attachment
from mifeng.content.file_name import safe_name
from mifeng.errors import DiskFullError, ServerProblem
from mifeng.net import Api
from mifeng_crypto.api.messages import ShareReply
from mifeng_crypto.api.problems import ProblemCode
from mifeng_crypto.errors import ProtocolError, StorageError, TransportError, UsageError
from mifeng_crypto.files.key import FileKey, derive_file_key, new_file_secret, share_hash
from mifeng_crypto.files.open import Opener, check_sealed_length
from mifeng_crypto.files.seal import Sealer
from mifeng_crypto.files.sealed import sealed_length
from mifeng_crypto.ids import FileId, UnitId
from mifeng_crypto.rand import Rng

__all__ = ["Progress", "download", "upload", "upload_from"]

Progress = Callable[[int, int], None]
"""Called with bytes of ciphertext done, and in all."""

PIECE_BYTES = 8 << 20
_READ_BYTES = 1 << 20
_SEND_BYTES = 256 << 10
_TUS = {"Tus-Resumable": "1.0.0"}
_AGAIN = frozenset({ProblemCode.OFFSET_MISMATCH, ProblemCode.CHECKSUM_MISMATCH})
# Attempts that bring nothing further, and the pauses before them in seconds.
_PAUSES_S = (0.2, 0.5, 1.0, 2.0, 5.0)


def _no_progress(_done: int, _total: int) -> None:
    """Nobody looks."""


# ------------------------------------------------------------------ up


async def upload(
    api: Api, *, unit_id: UnitId, path: Path, rng: Rng, progress: Progress = _no_progress
) -> Attachment:
    """Seal a file and bring it to the server; a message must name it within 24 h.

    Raises:
        UsageError: it is no file, or it changed while it was read.
        StorageError: it cannot be read.
        ServerProblem: the server declined.
        TransportError: it was not reached, again and again.
    """
    with _open_to_read(path) as file:
        size = os.fstat(file.fileno()).st_size
        return await upload_from(
            api, file, unit_id=unit_id, name=path.name, size=size, rng=rng, progress=progress
        )


async def upload_from(
    api: Api,
    file: IO[bytes],
    *,
    unit_id: UnitId,
    name: str,
    size: int,
    rng: Rng,
    progress: Progress = _no_progress,
) -> Attachment:
    """The same with bytes that need not lie on a disk: `size` of them, read once, in order.

    Raises:
        UsageError: there are more, or fewer.
        MifengError: as `upload`.
    """
    length = sealed_length(size)
    file_id = await _create(api, unit_id, length, key=rng(16))
    share = (await api.call("share", ShareReply, path={"file_id": file_id})).share
    secret, named = new_file_secret(rng=rng), share_hash(share)
    key = derive_file_key(secret, share, unit_id=unit_id, file_id=file_id, named=named)
    sealer = Sealer(key, size=size)
    sending = _Upload(api=api, path=f"/v1/files/{file_id.hex()}", length=length, progress=progress)
    pieces, offset = _pieces(file, sealer), 0
    while piece := await asyncio.to_thread(next, pieces, b""):
        await sending.send(piece, offset)
        offset += len(piece)
    name = name.encode(errors="replace").decode()
    return Attachment(
        file_id=file_id,
        name=name,
        content_type=mimetypes.guess_type(name)[0] or "application/octet-stream",
        size=size,
        secret=secret,
        share_hash=named,
        digest=sealer.digest,
    )


@contextlib.contextmanager
def _open_to_read(path: Path) -> Iterator[IO[bytes]]:
    try:
        # Not to wait for ever where a pipe has no writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as err:
        raise StorageError(
            "{path} cannot be read: {reason}", path=path, reason=err.strerror
        ) from err
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UsageError("{path} is not a file; send files one by one", path=path)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        yield file


def _pieces(file: IO[bytes], sealer: Sealer) -> Iterator[bytes]:
    """Yield the ciphertext in pieces of about `PIECE_BYTES`."""
    piece = bytearray()
    try:
        while plaintext := file.read(_READ_BYTES):
            piece += sealer.update(plaintext)
            if len(piece) >= PIECE_BYTES:
                yield bytes(piece)
                piece.clear()
    except OSError as err:
        raise StorageError(
            "{path} cannot be read: {reason}", path=file.name, reason=err.strerror
        ) from err
    for rest in sealer.finish():
        piece += rest
        if len(piece) >= PIECE_BYTES:
            yield bytes(piece)
            piece.clear()
    yield bytes(piece)


async def _create(api: Api, unit_id: UnitId, length: int, *, key: bytes) -> FileId:
    headers = {**_TUS, "Upload-Length": str(length), "Idempotency-Key": key.hex()}
    path = f"/v1/units/{unit_id.hex()}/files"
    attempts = _Attempts()
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
        at, end, attempts = start, start + len(piece), _Attempts()
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
                attempts = _Attempts()
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

    async def _ask_offset(self, start: int, end: int, attempts: _Attempts) -> int:
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


# ------------------------------------------------------------------ down


async def download(
    api: Api,
    *,
    unit_id: UnitId,
    attachment: Attachment,
    target: Path,
    overwrite: bool = False,
    progress: Progress = _no_progress,
) -> Path:
    """Fetch, verify and open a file; return where it is.

    Nothing is under its final name before all of it is known to be what its author sent.

    Args:
        api: the server.
        unit_id: the unit in which the message was.
        attachment: what the message says of the file.
        target: a folder, in which it gets the author's name made safe; or the file to write.
        overwrite: whether a file that is there may be replaced.
        progress: see `Progress`.

    Raises:
        UsageError: there is such a file already, or no such folder.
        StorageError: it cannot be written.
        ProtocolError: FILE-1 to FILE-6, it is not what the message names; nothing is left of it.
        ServerProblem: the server declined; `gone` when the file's time is over.
        TransportError: it was not reached, again and again.
    """
    place = _place(attachment, target, overwrite=overwrite)
    reply = await api.call("share", ShareReply, path={"file_id": attachment.file_id})
    key = derive_file_key(
        attachment.secret,
        reply.share,
        unit_id=unit_id,
        file_id=attachment.file_id,
        named=attachment.share_hash,
    )
    with _temporary(place) as (file, temporary):
        await _fetch(api, attachment, key, functools.partial(_write, place, file), progress)
        with _storing(place):
            await asyncio.to_thread(os.fsync, file.fileno())
            _give_name(temporary, place, overwrite=overwrite)
    return place


async def _fetch(
    api: Api,
    attachment: Attachment,
    key: FileKey,
    write: Callable[[bytes], None],
    progress: Progress,
) -> None:
    opener = Opener(key, size=attachment.size, digest=attachment.digest)
    path, length = f"/v1/files/{attachment.file_id.hex()}", sealed_length(attachment.size)
    got, attempts = 0, _Attempts()
    while got < length:
        begin = got
        try:
            async with api.raw("GET", path, headers={"Range": f"bytes={begin}-"}) as response:
                _check_range(response, begin, attachment.size)
                async for piece in response.content.iter_chunked(_READ_BYTES):
                    await asyncio.to_thread(write, opener.update(piece))
                    got += len(piece)
                    progress(got, length)
        except TransportError as err:
            if got > begin:
                attempts = _Attempts()
            await attempts.pause(err)
        else:
            if got == begin:
                break  # the server ends too early, without an error: FILE-2
    await asyncio.to_thread(write, opener.finish())


def _check_range(response: aiohttp.ClientResponse, begin: int, size: int) -> None:
    """FILE-2, before anything is fetched: the answer is of the file's one length, from `begin`."""
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", response.headers.get("Content-Range", ""))
    if response.status != 206 or found is None or int(found[1]) != begin:
        raise ProtocolError("API-1", "the server sent another part of the file than was asked for")
    check_sealed_length(int(found[2]), size=size)


def _place(attachment: Attachment, target: Path, *, overwrite: bool) -> Path:
    place = target / safe_name(attachment.name) if target.is_dir() else target
    _check_place(place, overwrite=overwrite)
    return place


def _check_place(place: Path, *, overwrite: bool) -> None:
    if not place.parent.is_dir():
        raise UsageError("there is no folder {path}; make it first", path=place.parent)
    if place.is_dir() or (os.path.lexists(place) and not overwrite):
        raise UsageError("{path} is there already; choose another name", path=place)


@contextlib.contextmanager
def _temporary(place: Path) -> Iterator[tuple[IO[bytes], Path]]:
    """Open a new file beside `place`, readable by its owner only; it is gone at the end."""
    with _storing(place):
        descriptor, name = tempfile.mkstemp(dir=place.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            yield file, Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _write(place: Path, file: IO[bytes], data: bytes) -> None:
    rest = memoryview(data)
    with _storing(place):
        while rest:  # an unbuffered file may take a part
            rest = rest[file.write(rest) :]


def _give_name(temporary: Path, place: Path, *, overwrite: bool) -> None:
    if overwrite:
        temporary.replace(place)
        return
    try:
        os.link(temporary, place)  # fails where there is one: no second of doubt in between
    except FileExistsError:
        _check_place(place, overwrite=False)
    except OSError:  # a file system without links
        _check_place(place, overwrite=False)
        temporary.rename(place)


@contextlib.contextmanager
def _storing(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as err:
        if err.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise DiskFullError(
                "the disk is full: make room, then download the file again"
            ) from err
        raise StorageError(
            "{path} cannot be written: {reason}", path=place, reason=err.strerror
        ) from err


# ------------------------------------------------------------------ again


class _Attempts:
    """Counts attempts that brought nothing further."""

    def __init__(self) -> None:
        self._pauses = iter(_PAUSES_S)

    async def pause(self, error: TransportError | ServerProblem) -> None:
        """Wait before the next attempt; raise `error` if there have been enough."""
        pause_s = next(self._pauses, None)
        if pause_s is None:
            raise error
        await asyncio.sleep(max(pause_s, error.retry_after_s or 0))
