"""A local socket of this user's processes: another user's never comes through, in or out.

The socket lies in a folder of mode 0700 and has mode 0600 itself; where the kernel says who is at
the other end (Linux), that is held against our own user as well.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path

from mifeng_crypto.errors import StorageError

__all__ = ["Answer", "connect", "listening"]

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def connect(
    path: Path, *, limit: int = 1 << 16
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
    """Return a line to whoever listens at a socket; None if nobody does.

    Raises:
        StorageError: it is another user who listens, or could.
    """
    try:
        for found in (path.parent.stat(), path.lstat()):
            if found.st_uid != os.getuid():
                raise StorageError("{path} belongs to somebody else; remove it", path=path)
        reader, writer = await asyncio.open_unix_connection(path, limit=limit)
    except OSError:
        return None
    if not _is_own(writer):
        writer.close()
        raise StorageError("{path} belongs to somebody else; remove it", path=path)
    return reader, writer


@contextlib.asynccontextmanager
async def listening(
    path: Path, answer: Answer, *, limit: int = 1 << 16
) -> AsyncGenerator[None, None]:
    """Answer whoever of this user's processes calls, while this is entered.

    Args:
        path: where; what a process that was killed has left there is taken away.
        answer: is given the line, which is closed behind it.
        limit: the longest line, in bytes.

    Raises:
        StorageError: the socket cannot be made.
    """

    async def at_the_door(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if _is_own(writer):
                await answer(reader, writer)
        finally:
            writer.close()

    before = os.umask(0o177)
    try:
        path.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(at_the_door, path, limit=limit)
    except OSError as err:
        raise StorageError(
            "{path} cannot be used: {err}", path=path, err=err.strerror or str(err)
        ) from err
    finally:
        os.umask(before)
    try:
        yield
    finally:
        server.close()
        path.unlink(missing_ok=True)


def _is_own(writer: asyncio.StreamWriter) -> bool:
    """Whether the other end is this user's, as far as the kernel says so."""
    kind = getattr(socket, "SO_PEERCRED", None)
    if kind is None:
        return True
    line = writer.get_extra_info("socket")
    raw = line.getsockopt(socket.SOL_SOCKET, kind, struct.calcsize("3i"))
    return bool(struct.unpack("3i", raw)[1] == os.getuid())
