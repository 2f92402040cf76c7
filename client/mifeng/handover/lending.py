"""The process that has a profile open does for others what they cannot do beside it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import secrets
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path

from mifeng.handover import frames
from mifeng.handover.door import listening
from mifeng.handover.frames import Call, Frame
from mifeng.handover.place import runtime_folder, write_new
from mifeng_crypto.errors import StorageError

__all__ = ["FILE", "Caller", "Perform", "lend"]

FILE = "call"
"""In the profile's folder: the token and the socket's path, a line each."""
GREETING_S = 10.0
AT_ONCE = 16
"""Calls that run at the same time; more of them wait."""
LONGEST_QUEUE = 64 << 20
"""Bytes of output that a caller may leave unread before its call is ended."""


class Caller:
    """Where a call's output goes. Its methods may be used from any thread."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()
        self._writer = writer
        self._reader = reader
        self._asking = asyncio.Lock()
        self._answers: list[str] = []
        self._answered = asyncio.Event()
        self.gone = asyncio.Event()

    def tell(self, frame: Frame) -> None:
        """Send a piece; whoever is gone hears nothing."""
        self._loop.call_soon_threadsafe(self._tell, frame)

    def _tell(self, frame: Frame) -> None:
        if self._writer.is_closing():
            return
        if self._writer.transport.get_write_buffer_size() > LONGEST_QUEUE:
            self.gone.set()
            return
        frames.write(self._writer, frame)

    def ask(self) -> str:
        """Return a line of the caller's standard input. For threads only: it waits."""
        assert threading.get_ident() != self._thread, (
            "the loop that is waited for would stand still"
        )
        return asyncio.run_coroutine_threadsafe(self._ask(), self._loop).result()

    async def _ask(self) -> str:
        async with self._asking:
            self._tell(Frame(asks=True))
            while not self._answers and not self.gone.is_set():
                self._answered.clear()
                await self._answered.wait()
            return self._answers.pop(0) if self._answers else ""

    async def listen(self) -> None:
        """Hear what the caller answers, until it hangs up."""
        with contextlib.suppress(StorageError):
            while (frame := await frames.read(self._reader, Frame)) is not None:
                if frame.line is not None:
                    self._answers.append(frames.unpack(frame.line))
                    self._answered.set()
        self.gone.set()
        self._answered.set()


Perform = Callable[[Call, Caller], Awaitable[int]]
"""Does what a call says, and returns its exit code."""


@contextlib.asynccontextmanager
async def lend(profile: Path, perform: Perform) -> AsyncGenerator[None, None]:
    """Do what other processes want of this open profile, while this is entered.

    Whoever can read the file in the profile's folder may call: this user. Calls that run at the
    end are ended.

    Raises:
        StorageError: socket or file cannot be made.
    """
    name = hashlib.sha256(bytes(profile.resolve())).hexdigest()[:16]
    # The kernel takes about a hundred bytes of path, a profile may lie deeper: hence not there.
    path = runtime_folder() / f"{name}.sock"
    token, calls = secrets.token_hex(32), set[asyncio.Task[None]]()
    turn = asyncio.Semaphore(AT_ONCE)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "a connection is answered in a task"
        calls.add(task)
        try:
            async with asyncio.timeout(GREETING_S):
                call = await frames.read(reader, Call)
            if call is None or not hmac.compare_digest(call.token.encode(), token.encode()):
                return
            async with turn:
                frames.write(writer, Frame())  # begun: from here on it is not to be done elsewhere
                await _attend(call, Caller(reader, writer), writer, perform)
        except (StorageError, TimeoutError, OSError):
            return  # not a caller of ours: it is not told why
        except asyncio.CancelledError:
            return  # the end of the lending
        finally:
            calls.discard(task)

    written = profile / FILE
    async with listening(path, answer, limit=frames.LONGEST):
        written.unlink(missing_ok=True)  # of a process that was killed; the lock is ours now
        write_new(written, f"{token}\n{path}\n")
        try:
            yield
        finally:
            written.unlink(missing_ok=True)
            for task in calls:
                task.cancel()
            await asyncio.gather(*calls, return_exceptions=True)


async def _attend(
    call: Call, caller: Caller, writer: asyncio.StreamWriter, perform: Perform
) -> None:
    """Do it, unless the caller hangs up before it is done."""
    hearing = asyncio.create_task(caller.listen())
    doing = asyncio.ensure_future(perform(call, caller))
    gone = asyncio.create_task(caller.gone.wait())
    try:
        await asyncio.wait({doing, gone}, return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            code = doing.result()
            await asyncio.sleep(0)  # what was told from other threads comes first
            frames.write(writer, Frame(code=code))
            await writer.drain()
    finally:
        for task in (hearing, doing, gone):
            task.cancel()
        await asyncio.gather(hearing, doing, gone, return_exceptions=True)
