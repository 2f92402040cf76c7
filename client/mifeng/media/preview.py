"""What a message says of a picture, film, sound or document beside its name, from a process of its
own: what decodes a file may be made to eat memory and time, and there it has little of either.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import msgspec

from mifeng.content.preview import NO_PREVIEW, Preview

__all__ = ["preview_of"]

LOOKED_INTO = (
    "image/",
    "video/",
    "audio/",
    "application/pdf",
    "application/vnd.openxmlformats",
)
"""What `worker.look` can say something of: a process for others would be started in vain."""
SECONDS = 20.0
"""As long as a person waits for a file to begin its way."""
LONGEST_ANSWER = 256 << 10


async def preview_of(file: Path | bytes, content_type: str) -> Preview:
    """Look into a file, or into what would be in one. Whatever goes wrong, there is an answer."""
    if not content_type.startswith(LOOKED_INTO):
        return NO_PREVIEW
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-m",
        "mifeng.media.worker",
        "" if isinstance(file, bytes) else os.fspath(file),
        content_type,
        stdin=asyncio.subprocess.PIPE if isinstance(file, bytes) else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        limit=LONGEST_ANSWER,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(SECONDS):
            answer, _ = await process.communicate(file if isinstance(file, bytes) else None)
    except TimeoutError:
        return Preview(reason="it took too long")
    finally:
        _end(process)
        await process.wait()
    try:
        return msgspec.msgpack.decode(answer, type=Preview)
    except msgspec.DecodeError:  # it ran into a limit, and was ended
        return Preview(reason="it takes too much memory or time")


def _end(process: asyncio.subprocess.Process) -> None:
    """End it with all that it has started."""
    try:
        os.killpg(process.pid, 9)
    except ProcessLookupError:
        return
