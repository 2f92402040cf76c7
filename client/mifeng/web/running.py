"""One such process a user: the second `mifeng ui` asks the first for a window, and ends.

The socket lies in the user's own runtime folder; who may open it is the system's affair. It takes
one word and gives nothing away.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

__all__ = ["NAME", "ask_for_a_window", "serving_windows"]

NAME = "ui.sock"
WORD = b"window\n"
DONE = b"done\n"
WAIT_S = 10.0


async def ask_for_a_window(folder: Path) -> bool:
    """Ask a running process for a window; return whether there was one."""
    try:
        reader, writer = await asyncio.open_unix_connection(folder / NAME)
    except OSError:
        return False
    try:
        writer.write(WORD)
        await writer.drain()
        async with asyncio.timeout(WAIT_S):
            return await reader.readline() == DONE
    except (OSError, TimeoutError):
        return False
    finally:
        writer.close()


@contextlib.asynccontextmanager
async def serving_windows(
    folder: Path, open_window: Callable[[], Awaitable[object]]
) -> AsyncIterator[None]:
    """Open a window for whoever asks, while this is entered."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError, ValueError):
            async with asyncio.timeout(WAIT_S):
                if await reader.readline() == WORD:
                    await open_window()
                    writer.write(DONE)
                    await writer.drain()
        writer.close()

    path = folder / NAME
    path.unlink(missing_ok=True)  # of a process that was killed
    before = os.umask(0o177)
    try:
        server = await asyncio.start_unix_server(answer, path)
    finally:
        os.umask(before)
    try:
        yield
    finally:
        server.close()
        path.unlink(missing_ok=True)
