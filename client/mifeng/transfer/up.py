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
from mifeng.content.preview import NO_PREVIEW, Preview
from mifeng.media.kind import content_type_of
from mifeng.media.preview import preview_of
from mifeng.media.source import Source, whole
from mifeng.media.strip import stripped
from mifeng.net import Api
from mifeng.transfer.attempts import Progress, no_progress
from mifeng.transfer.digest import ThreadedSha256
from mifeng.transfer.sending import PIECE_BYTES, Sending, create
from mifeng.transfer.spool import Spool
from mifeng_crypto.api.messages import ShareReply
from mifeng_crypto.errors import StorageError, TransportError, UsageError
from mifeng_crypto.files.key import derive_file_key, new_file_secret, share_hash
from mifeng_crypto.files.seal import Sealer
from mifeng_crypto.files.sealed import sealed_length
from mifeng_crypto.ids import UnitId
from mifeng_crypto.rand import Rng

__all__ = ["OnSealed", "resume", "upload", "upload_from"]

OnSealed = Callable[[Attachment], Awaitable[None]]
Look = Callable[[], Awaitable[Preview]]

HELD_BYTES = 32 << 20
"""What does not lie on a disk is looked into as long as it fits into this much of memory."""
_READ_BYTES = 1 << 20


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
        UsageError: it is no file, it changed while it was read, or it is a picture whose data about
            place and camera cannot be taken out.
        StorageError: it cannot be read.
        ServerProblem: the server declined; `quota_exceeded` before a byte was sent.
        TransportError: it was not reached, again and again.
    """
    with _open_to_read(path) as file:
        content_type = await asyncio.to_thread(content_type_of, file)
        source = whole(file) if keep_metadata else await _stripped(file, content_type)
        return await _send(
            api,
            source.read(_READ_BYTES),
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
        pieces, sent = source.read(_READ_BYTES), source.size
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
    while len(data) < size and (piece := file.read(min(size - len(data), _READ_BYTES))):
        data += piece
    return bytes(data)


def _on(head: bytes, file: IO[bytes]) -> Iterator[bytes]:
    yield head
    while piece := file.read(_READ_BYTES):
        yield piece


async def resume(
    api: Api, attachment: Attachment, *, spool: Spool, progress: Progress = no_progress
) -> None:
    """Bring what is missing of a sealed file to the server, from wherever the server is.

    Raises:
        ServerProblem: `not_found`, `gone`: its 24 h are over.
        TransportError: the server was not reached, again and again.
        StorageError: the spool cannot be read.
    """
    sending = Sending.of(api, attachment.file_id, sealed_length(attachment.size), progress)
    offset = await sending.offset()
    with spool.reading(attachment.file_id) as file:
        file.seek(offset)
        while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
            await sending.send(piece, offset)
            offset += len(piece)
    if offset < sending.length:
        raise StorageError("a part of the file that is on its way is missing here; send it again")


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
    """Seal into the spool, and send what is there already: two pieces ahead, not more."""
    length = sealed_length(size)
    file_id = await create(api, unit_id, length, key=rng(16))
    share = (await api.call("share", ShareReply, path={"file_id": file_id})).share
    secret, named = new_file_secret(rng=rng), share_hash(share)
    key = derive_file_key(secret, share, unit_id=unit_id, file_id=file_id, named=named)
    sha256 = ThreadedSha256()
    sealer = Sealer(key, size=size, sha256=sha256)
    ahead = asyncio.Queue[bytes](maxsize=2)

    async def seal() -> Attachment:
        with contextlib.closing(sha256), spool.writing(file_id) as file:
            pieces = _pieces(plaintext, sealer, name)
            while piece := await asyncio.to_thread(next, pieces, b""):
                await asyncio.to_thread(file.write, piece)
                await ahead.put(piece)
            await asyncio.to_thread(spool.sync, file)
        attachment = Attachment(
            file_id=file_id,
            name=name.encode(errors="replace").decode(),
            content_type=content_type,
            size=size,
            secret=secret,
            share_hash=named,
            digest=sealer.digest,
            preview=await look(),
        )
        await on_sealed(attachment)
        return attachment

    sealing = asyncio.create_task(seal())
    try:
        await _send_behind(Sending.of(api, file_id, length, progress), sealing, ahead)
        return await sealing
    except TransportError:
        # What is sealed can be sent later; what is not, would have to be sealed anew.
        await _seal_to_the_end(sealing, ahead)
        raise
    except BaseException:
        sealing.cancel()
        await asyncio.gather(sealing, return_exceptions=True)
        if sealing.cancelled() or sealing.exception():
            spool.drop(file_id)
        raise


async def _send_behind(
    sending: Sending, sealing: asyncio.Task[Attachment], ahead: asyncio.Queue[bytes]
) -> None:
    offset = 0
    while offset < sending.length:
        coming = asyncio.create_task(ahead.get())
        await asyncio.wait({coming, sealing}, return_when=asyncio.FIRST_COMPLETED)
        if not coming.done():
            if ahead.empty():
                coming.cancel()
                await sealing  # raises why there is no more
                raise AssertionError("what is sealed has the length that was announced")
            await asyncio.wait({coming})
        piece = coming.result()
        await sending.send(piece, offset)
        offset += len(piece)


async def _seal_to_the_end(sealing: asyncio.Task[Attachment], ahead: asyncio.Queue[bytes]) -> None:
    while not sealing.done():
        coming = asyncio.create_task(ahead.get())
        await asyncio.wait({coming, sealing}, return_when=asyncio.FIRST_COMPLETED)
        coming.cancel()
    await sealing


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
    """Yield the ciphertext in pieces of `PIECE_BYTES`, and a last one."""
    piece = bytearray()
    try:
        for plaintext in source:
            piece += sealer.update(plaintext)
            yield from _whole(piece)
    except OSError as err:
        raise _unreadable(name, err) from err
    for rest in sealer.finish():
        piece += rest
        yield from _whole(piece)
    yield bytes(piece)


def _whole(piece: bytearray) -> Iterator[bytes]:
    """Take off what is a whole piece: the server keeps a file in parts of the same size."""
    while len(piece) > PIECE_BYTES:
        yield bytes(memoryview(piece)[:PIECE_BYTES])
        del piece[:PIECE_BYTES]
