"""One such process a user: the second `mifeng ui` hands its wish over to the first, and ends.

The socket takes one line, a `Wish`, and gives nothing away.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import msgspec

from mifeng.handover.door import connect, listening

__all__ = ["NAME", "Wish", "handed_over", "taking_wishes"]

NAME = "ui.sock"
DONE = b"done\n"
WAIT_S = 10.0


class Wish(msgspec.Struct, frozen=True, omit_defaults=True):
    """What `mifeng ui` was started for.

    Attributes:
        profile: the folder of the profile to be shown, whole.
        link: a link to begin with: an invite, or what another device shows.
        window: whether a window is to be opened.
    """

    profile: str
    link: str = ""
    window: bool = True


async def handed_over(folder: Path, wish: Wish) -> bool:
    """Hand a wish over to a process that runs already; return whether there is one.

    Raises:
        StorageError: another user listens.
    """
    line = await connect(folder / NAME)
    if line is None:
        return False
    reader, writer = line
    try:
        writer.write(msgspec.json.encode(wish) + b"\n")
        await writer.drain()
        async with asyncio.timeout(WAIT_S):
            return await reader.readline() == DONE
    except (OSError, TimeoutError):
        return False
    finally:
        writer.close()


def taking_wishes(
    folder: Path, fulfil: Callable[[Wish], Awaitable[object]]
) -> AbstractAsyncContextManager[None]:
    """Do what others were started for, while this is entered."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError, ValueError):
            async with asyncio.timeout(WAIT_S):
                await fulfil(msgspec.json.decode(await reader.readline(), type=Wish))
                writer.write(DONE)
                await writer.drain()

    return listening(folder / NAME, answer)
