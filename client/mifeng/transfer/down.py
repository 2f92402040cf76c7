"""A file down: opened as it comes, and under its name only when all of it is authentic."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import tempfile
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import aiohttp

from mifeng.content.attachment import Attachment
from mifeng.content.file_name import safe_name
from mifeng.errors import DiskFullError
from mifeng.net import Api
from mifeng.transfer.ahead import gathered, in_thread
from mifeng.transfer.attempts import Attempts, Progress, no_progress
from mifeng.transfer.room import check_room_to_save
from mifeng.transfer.synced import SyncedFile
from mifeng_crypto.api.messages import ShareReply
from mifeng_crypto.errors import ProtocolError, StorageError, TransportError, UsageError
from mifeng_crypto.files.key import FileKey, derive_file_key
from mifeng_crypto.files.open import Opener, check_sealed_length
from mifeng_crypto.files.sealed import room_for, sealed_length
from mifeng_crypto.ids import UnitId

__all__ = ["download", "file_key", "stream"]

_HELD_BYTES = 1 << 20
"""So much may wait to be opened."""
_OPEN_BYTES = 128 << 10
"""Opened at once."""


async def download(
    api: Api,
    *,
    unit_id: UnitId,
    attachment: Attachment,
    target: Path,
    overwrite: bool = False,
    progress: Progress = no_progress,
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
        DiskFullError: there is no room for it; nothing was fetched.
        StorageError: it cannot be written.
        ProtocolError: FILE-1 to FILE-6, it is not what the message names; nothing is left of it.
        ServerProblem: the server declined; `gone` when the file's time is over.
        TransportError: it was not reached, again and again.
    """
    place = _place(attachment, target, overwrite=overwrite)
    with _storing(place):
        check_room_to_save(place.parent, attachment.size)
    opener = await _opener(api, unit_id, attachment)
    sealed = _fetched(api, attachment, progress)
    with _temporary(place) as (file, temporary):
        buffer = memoryview(bytearray(room_for(_OPEN_BYTES)))

        def write(pieces: list[bytes]) -> None:
            for piece in pieces:
                for at in range(0, len(piece), _OPEN_BYTES):
                    part = memoryview(piece)[at : at + _OPEN_BYTES]
                    count = opener.update_into(part, buffer)
                    with _storing(place):
                        file.write(buffer[:count])

        def finish() -> None:
            rest = opener.finish()
            with _storing(place):
                file.write(rest)
                file.sync()
                _give_name(temporary, place, overwrite=overwrite)

        async with contextlib.aclosing(sealed) as coming:
            async for pieces in coming:
                await in_thread(write, pieces)
        await in_thread(finish)
    return place


async def stream(
    api: Api, *, unit_id: UnitId, attachment: Attachment, progress: Progress = no_progress
) -> AsyncGenerator[bytes, None]:
    """Yield the file's bytes as they come: each is authentic and in its place.

    That nothing is missing, and that it is the file that the message names, is known at the end: a
    file that turns out not to be raises there, when its bytes are out already.

    Raises:
        ProtocolError, ServerProblem, TransportError: as `download`.
    """
    opener = await _opener(api, unit_id, attachment)
    async with contextlib.aclosing(_fetched(api, attachment, progress)) as coming:
        async for pieces in coming:
            for piece in pieces:
                yield await in_thread(opener.update, piece)
    yield await in_thread(opener.finish)


async def _opener(api: Api, unit_id: UnitId, attachment: Attachment) -> Opener:
    key = await file_key(api, unit_id, attachment)
    return Opener(key, size=attachment.size, digest=attachment.digest)


async def _fetched(
    api: Api, attachment: Attachment, progress: Progress
) -> AsyncGenerator[list[bytes], None]:
    """Yield the ciphertext, over lines that break; what is not as long as that ends as it does."""
    path, length = f"/v1/files/{attachment.file_id.hex()}", sealed_length(attachment.size)
    got, attempts = 0, Attempts()
    while got < length:
        begin = got
        try:
            async with api.raw("GET", path, headers={"Range": f"bytes={begin}-"}) as response:
                _check_range(response, begin, attachment.size)
                received = gathered(_received(response), _HELD_BYTES)
                async with contextlib.aclosing(received) as coming:
                    async for pieces in coming:
                        got += sum(map(len, pieces))
                        yield pieces
                        progress(got, length)
        except TransportError as err:
            if got > begin:
                attempts = Attempts(under_way=True)
            await attempts.pause(err)
        else:
            if got == begin:
                break  # the server ends too early, without an error: FILE-2


async def _received(response: aiohttp.ClientResponse) -> AsyncGenerator[bytes, None]:
    # As it came: to join what has come meanwhile would copy all of it once more.
    async for piece, _ in response.content.iter_chunks():
        yield piece


async def file_key(api: Api, unit_id: UnitId, attachment: Attachment) -> FileKey:
    """Fetch the server's half of the file's key, and make the key.

    Raises:
        ProtocolError: FILE-1.
        ServerProblem: `gone`, `not_found`.
        TransportError: the server was not reached.
    """
    reply = await api.call("share", ShareReply, path={"file_id": attachment.file_id})
    return derive_file_key(
        attachment.secret,
        reply.share,
        unit_id=unit_id,
        file_id=attachment.file_id,
        named=attachment.share_hash,
    )


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
        raise UsageError(
            "{path} is there already; choose another name, or replace it with --force", path=place
        )


def _unnamed(folder: Path) -> tuple[int, Path] | None:
    try:
        descriptor = os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except (AttributeError, OSError):  # not every system knows it, nor every file system
        return None
    name = Path(f"/proc/self/fd/{descriptor}")
    if name.exists():
        return descriptor, name
    os.close(descriptor)
    return None


def _named(folder: Path) -> tuple[int, Path]:
    descriptor, name = tempfile.mkstemp(dir=folder, prefix=".", suffix=".part")
    return descriptor, Path(name)


@contextlib.contextmanager
def _temporary(place: Path) -> Iterator[tuple[SyncedFile, Path]]:
    """Open a new file beside `place`, readable by its owner only; it is gone at the end.

    Where the system can, it has no name, so that nothing is left of it if this process is killed;
    else it has one of its own.
    """
    with _storing(place):
        descriptor, name = _unnamed(place.parent) or _named(place.parent)
    try:
        with SyncedFile(os.fdopen(descriptor, "wb", buffering=0)) as file:
            yield file, name
    finally:
        if name.suffix:
            name.unlink(missing_ok=True)


def _link(file: Path, name: Path) -> None:
    # With a folder's descriptor, which an absolute path makes no use of: else Python would link
    # what stands in /proc, and not the file that it leads to.
    os.link(file.absolute(), name, src_dir_fd=0, follow_symlinks=True)


def _give_name(temporary: Path, place: Path, *, overwrite: bool) -> None:
    if overwrite and not temporary.suffix:
        named = place.with_name(f".{secrets.token_hex(8)}.part")
        _link(temporary, named)
        try:
            named.replace(place)
        except OSError:
            named.unlink()
            raise
        return
    if overwrite:
        temporary.replace(place)
        return
    try:
        _link(temporary, place)  # fails where there is one: no second of doubt in between
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
