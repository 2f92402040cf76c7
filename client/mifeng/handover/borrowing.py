"""The process that finds its profile open elsewhere has its call done there."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TextIO

from mifeng.errors import CallBrokenOffError
from mifeng.handover import frames
from mifeng.handover.door import connect
from mifeng.handover.frames import Call, Frame
from mifeng.handover.lending import FILE
from mifeng.handover.place import read_own

__all__ = ["Terminal", "hand_over"]


@dataclass(frozen=True, slots=True)
class Terminal:
    """The caller's own input and output."""

    given: TextIO
    out: BinaryIO
    err: BinaryIO


async def hand_over(profile: Path, call: Call, terminal: Terminal) -> int | None:
    """Have a call done by the process that has the profile open; None if none lends it.

    Args:
        profile: its folder.
        call: what is to be done; its token is filled in here.
        terminal: where it is shown.

    Returns:
        The exit code.

    Raises:
        CallBrokenOffError: that process has ended, or has closed the profile, before it was done.
        StorageError: another user could listen.
    """
    told = await asyncio.to_thread(read_own, profile / FILE)
    if told is None or len(lines := told.splitlines()) != 2:
        return None
    line = await connect(Path(lines[1]), limit=frames.LONGEST)
    if line is None:
        return None
    reader, writer = line
    try:
        call.token = lines[0]
        frames.write(writer, call)
        await writer.drain()
        began = False
        while (frame := await frames.read(reader, Frame)) is not None:
            began = True
            if frame.code is not None:
                return frame.code
            await _take(frame, writer, terminal)
    except ConnectionError:
        began = True  # what has been done of it by then is not known
    finally:
        writer.close()
    if not began:
        return None
    raise CallBrokenOffError(profile)


async def _take(frame: Frame, writer: asyncio.StreamWriter, terminal: Terminal) -> None:
    for piece, file in ((frame.out, terminal.out), (frame.err, terminal.err)):
        if piece:
            file.write(piece)
            file.flush()
    if frame.asks:
        line = await asyncio.to_thread(terminal.given.readline)
        frames.write(writer, Frame(line=frames.pack(line)))
        await writer.drain()
