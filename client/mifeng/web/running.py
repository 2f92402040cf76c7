"""One such process a user: the second `mifeng ui` asks the first for a window, and ends.

The socket takes one word and gives nothing away.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from mifeng.handover.door import connect, listening

__all__ = ["NAME", "ask_for_a_window", "serving_windows"]

NAME = "ui.sock"
WORD = b"window\n"
DONE = b"done\n"
WAIT_S = 10.0


async def ask_for_a_window(folder: Path) -> bool:
    """Ask a running process for a window; return whether there was one.

    Raises:
        StorageError: another user listens.
    """
    line = await connect(folder / NAME)
    if line is None:
        return False
    reader, writer = line
    try:
        writer.write(WORD)
        await writer.drain()
        async with asyncio.timeout(WAIT_S):
            return await reader.readline() == DONE
    except (OSError, TimeoutError):
        return False
    finally:
        writer.close()


def serving_windows(
    folder: Path, open_window: Callable[[], Awaitable[object]]
) -> AbstractAsyncContextManager[None]:
    """Open a window for whoever asks, while this is entered."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError, ValueError):
            async with asyncio.timeout(WAIT_S):
                if await reader.readline() == WORD:
                    await open_window()
                    writer.write(DONE)
                    await writer.drain()

    return listening(folder / NAME, answer)
