"""A command on a terminal of its own: what it shows is read, what it asks is typed."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import signal
import struct
import sys
import termios
from collections.abc import AsyncIterator
from pathlib import Path

from tests.support.patience import PATIENCE_S

__all__ = ["OnScreen", "on_screen"]


class OnScreen:
    """A running command. `shown` is all that has stood on its screen."""

    def __init__(self, process: asyncio.subprocess.Process, terminal: int) -> None:
        self.shown = ""
        self._process = process
        self._terminal = terminal
        self._seen = 0

    async def wait_for(self, text: str) -> str:
        """Wait until something is shown behind what was waited for before; return what led to it.

        Raises:
            AssertionError: the command has ended, or time is up.
        """
        before = self._seen
        try:
            async with asyncio.timeout(PATIENCE_S):
                while (at := self.shown.find(text, self._seen)) < 0:
                    await self._read()
        except (TimeoutError, OSError, EOFError) as err:
            raise AssertionError(f"{text!r} is not shown:\n{self.shown}") from err
        self._seen = at + len(text)
        return self.shown[before : self._seen]

    def type(self, line: str) -> None:
        """Type a line."""
        os.write(self._terminal, line.encode() + b"\n")

    async def end(self) -> int:
        """Read to the end, and return the exit code."""
        with contextlib.suppress(OSError, EOFError):  # the terminal is gone with its last program
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    await self._read()
        return await self._process.wait()

    async def _read(self) -> None:
        data = await asyncio.to_thread(os.read, self._terminal, 65536)
        if not data:
            raise EOFError
        self.shown += data.decode(errors="replace").replace("\r\n", "\n")


@contextlib.asynccontextmanager
async def on_screen(profile: Path, *words: str, lang: str = "en") -> AsyncIterator[OnScreen]:
    """Run `mifeng` on a terminal of 120 columns; it is ended with the `with`."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 60, 120, 0, 0))

    def take_terminal() -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # so that `getpass` asks here

    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "mifeng.cli.main", "--profile", str(profile), *words),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=take_terminal,
        env={**os.environ, "MIFENG_LANG": lang, "TERM": "xterm-256color", "PYTHONUTF8": "1"},
    )
    os.close(theirs)
    try:
        yield OnScreen(process, ours)
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)
            await process.wait()
        os.close(ours)
