"""A file up: sealed into the spool, and sent from there in pieces."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import stat
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import IO

from mifeng.content.attachment import Attachment
from mifeng.content.file_name import MAX_SENT_BYTES
from mifeng.content.preview import NO_PREVIEW, Preview
from mifeng.errors import NotFoundError
from mifeng.media.kind import content_type_of
from mifeng.media.preview import preview_of
from mifeng.media.source import Source, whole
from mifeng.media.strip import stripped
from mifeng.net import Api
from mifeng.transfer.ahead import in_thread
from mifeng.transfer.attempts import Progress, no_progress
from mifeng.transfer.digest import ThreadedSha256
from mifeng.transfer.sealing import READ_BYTES, sealed
from mifeng.transfer.sending import (
    PIECE_BYTES,
    Sending,
    check_whole,
    create,
    is_there,
    known,
    take_back,
)
from mifeng.transfer.spool import Spool, Written
from mifeng_crypto.api.messages import ShareReply
from mifeng_crypto.errors import MifengError, StorageError, TransportError, UsageError
from mifeng_crypto.files.key import derive_file_key, new_file_secret, share_hash
from mifeng_crypto.files.seal import Sealer
from mifeng_crypto.files.sealed import sealed_length
from mifeng_crypto.ids import FileId, UnitId
from mifeng_crypto.rand import Rng

__all__ = ["OnSealed", "lengths", "resume", "upload", "upload_from"]

OnSealed = Callable[[Attachment], Awaitable[None]]
Look = Callable[[], Awaitable[Preview]]

_GIVE_BACK_S = 5
HELD_BYTES = 32 << 20
"""What does not lie on a disk is looked into as long as it fits into this much of memory."""


def lengths(*paths: Path) -> list[int]:
    """Return how long the ciphertexts of files will be about, if all of them can be read.

    Raises:
        NotFoundError, UsageError, StorageError: as `upload`.
    """
    found = []
    for path in paths:
        with _open_to_read(path) as file:
            found.append(sealed_length(os.fstat(file.fileno()).st_size))
    return found


async def upload(
    api: Api,
    *,
    unit_id: UnitId,
    path: Path,
    rng: Rng,
    spool: Spool,
    on_sealed: OnSealed,
    progress: Progress = no_progress,
    keep_metadata: bool = False,
) -> Attachment:
    """Seal a file and bring it to the server; a message must name it within 24 h.

    Args:
        api: the server.
        unit_id: the unit to whose members it goes.
        path: the file.
        rng: randomness for its secret.
        spool: where the ciphertext waits until the server has it.
        on_sealed: told, and awaited, when all of it is there: from then on `resume` can go on.
        progress: see `Progress`.
        keep_metadata: send a picture with what its camera wrote into it: place, time, device.

    Raises:
        NotFoundError: there is no such file.
        UsageError: it is no file, it changed while it was read, or it is a picture whose data about
            place and camera cannot be taken out.
        DiskFullError: there is no room here for its ciphertext; nothing was sent.
        StorageError: it cannot be read.
        ServerProblem: the server declined; `quota_exceeded` before a byte was sent.
        TransportError: it was not reached, again and again.
    """
    with _open_to_read(path) as file:
        content_type = await asyncio.to_thread(content_type_of, file)
        source = whole(file) if keep_metadata else await _stripped(file, content_type)
        return await _send(
            api,
            source.read(READ_BYTES),
            unit_id=unit_id,
            name=path.name,
            content_type=content_type,
            size=source.size,
            rng=rng,
            look=lambda: preview_of(path, content_type),
            spool=spool,
            on_sealed=on_sealed,
            progress=progress,
        )


async def upload_from(
    api: Api,
    file: IO[bytes],
    *,
    unit_id: UnitId,
    name: str,
    size: int,
    rng: Rng,
    spool: Spool,
    on_sealed: OnSealed,
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
    pieces, sent, look = _on(head, file), size, _nothing
    if len(head) == size:
        source = whole(held) if keep_metadata else await _stripped(held, content_type)
        pieces, sent = source.read(READ_BYTES), source.size
        look = lambda: preview_of(head, content_type)  # noqa: E731 - named like what it stands for
    elif content_type.startswith("image/") and not keep_metadata:
        raise UsageError(
            "this picture is too large to take out where it was taken; send it smaller"
        )
    return await _send(
        api,
        pieces,
        unit_id=unit_id,
        name=name,
        content_type=content_type,
        size=sent,
        rng=rng,
        look=look,
        spool=spool,
        on_sealed=on_sealed,
        progress=progress,
    )


async def _nothing() -> Preview:
    return NO_PREVIEW


def _read_all(file: IO[bytes], size: int) -> bytes:
    """A pipe gives what it has; read on until there is enough, or no more."""
    data = bytearray()
    while len(data) < size and (piece := file.read(min(size - len(data), READ_BYTES))):
        data += piece
    return bytes(data)


def _on(head: bytes, file: IO[bytes]) -> Iterator[bytes]:
    yield head
    while piece := file.read(READ_BYTES):
        yield piece


async def resume(
    api: Api, attachment: Attachment, *, spool: Spool, progress: Progress = no_progress
) -> None:
    """Bring what is missing of a sealed file to the server, from wherever the server is.

    Raises:
        ServerProblem: `not_found`, `gone`: its 24 h are over.
        TransportError: the server was not reached, again and again.
        StorageError: the spool cannot be read, or a power cut has taken a part of it.
    """
    length = sealed_length(attachment.size)
    with spool.reading(attachment.file_id) as file:
        await in_thread(check_whole, file, attachment.digest)
        sending = Sending.of(api, attachment.file_id, file, length, progress)
        await sending.send(await sending.offset(), is_there, known(attachment.digest))


async def _send(
    api: Api,
    plaintext: Iterator[bytes],
    *,
    unit_id: UnitId,
    name: str,
    content_type: str,
    size: int,
    rng: Rng,
    look: Look,
    spool: Spool,
    on_sealed: OnSealed,
    progress: Progress,
) -> Attachment:
    """Seal into the spool, and send what is there already."""
    if len(name.encode(errors="replace")) > MAX_SENT_BYTES:
        raise UsageError(
            "a file's name may have at most {most} bytes; give it a shorter one",
            most=MAX_SENT_BYTES,
        )
    length = sealed_length(size)
    await in_thread(spool.check_room, length)
    file_id = await create(api, unit_id, length, key=rng(16))
    share = (await api.call("share", ShareReply, path={"file_id": file_id})).share
    secret, named = new_file_secret(rng=rng), share_hash(share)
    key = derive_file_key(secret, share, unit_id=unit_id, file_id=file_id, named=named)

    async def seal(file: IO[bytes], written: Written) -> Attachment:
        with contextlib.closing(ThreadedSha256()) as sha256:
            sealer = Sealer(key, size=size, sha256=sha256)
            pieces = sealed(_readable(plaintext, name), sealer)
            while count := await in_thread(_write, pieces, file):
                written.grow(count)
            digest = await in_thread(sha256.digest)
            written.hashed(digest)
        attachment = Attachment(
            file_id=file_id,
            name=name.encode(errors="replace").decode(),
            content_type=content_type,
            size=size,
            secret=secret,
            share_hash=named,
            digest=digest,
            preview=await look(),
        )
        await on_sealed(attachment)
        await in_thread(spool.keep, file_id)
        return attachment

    with spool.writing(file_id) as file:
        written = Written()
        sealing = asyncio.create_task(seal(file, written))
        sealing.add_done_callback(lambda _: written.end())
        try:
            sending = Sending.of(api, file_id, file, length, progress)
            await sending.send(
                0, lambda least: written.reaches(least, sealing), lambda: written.digest(sealing)
            )
            return await sealing
        except TransportError:
            # What is sealed can be sent later; what is not, would have to be sealed anew.
            await sealing
            raise
        except BaseException:
            sealing.cancel()
            await asyncio.gather(sealing, return_exceptions=True)
            if sealing.cancelled() or sealing.exception():
                await in_thread(spool.drop, file_id)
                await _give_back(api, file_id)
            raise


async def _give_back(api: Api, file_id: FileId) -> None:
    """Free the room that an upload has at the server, which would keep it for a day."""
    # If the server cannot be asked now, that day is all that is lost.
    with contextlib.suppress(MifengError, TimeoutError):
        async with asyncio.timeout(_GIVE_BACK_S):
            await take_back(api, file_id)


def _write(pieces: Iterator[bytes | memoryview], file: IO[bytes]) -> int:
    """Write what comes to about a piece; return how much it was, 0 at the end."""
    count = 0
    for piece in pieces:
        Spool.write(file, piece)
        count += len(piece)
        if count >= PIECE_BYTES:
            break
    return count


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
    except FileNotFoundError as err:
        raise NotFoundError("there is no file {path}", path=path) from err
    except OSError as err:
        raise _unreadable(path, err) from err
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UsageError("{path} is not a file; send files one by one", path=path)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        yield file


def _unreadable(path: str | Path, err: OSError) -> StorageError:
    return StorageError("{path} cannot be read: {reason}", path=path, reason=err.strerror)


def _readable(source: Iterator[bytes], name: str) -> Iterator[bytes]:
    try:
        yield from source
    except OSError as err:
        raise _unreadable(name, err) from err
