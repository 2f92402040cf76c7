"""System calls that fail, once (in each thread) and for ever, of a real server and a real client; a
disk that is full: nothing acknowledged is lost, and once the fault is over it works again.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp

import mifeng
from mifeng_crypto.api import messages as m
from tests.e2e.people import PASSPHRASE
from tests.support.connection import RefusedError
from tests.support.peer import Peer
from tests.torture.process import ServerProcess, founder_of

__all__ = ["CALLS", "Faulted", "can_mount", "fail_call", "fail_client", "fill_client", "fill_disk"]

CALLS = {
    "pwrite64": "EIO",
    "write": "EIO",
    "fdatasync": "EIO",
    "fsync": "EIO",
    "ftruncate": "EIO",
    "openat": "EMFILE",
    "rename": "EIO",
}
"""Each call, and what it fails with."""
MESSAGES = 30
FAIR = frozenset({"internal", "unavailable", "storage_full", "too_many_requests"})
"""With what a server may answer that cannot write."""
TMPFS_BYTES = 3 << 20


@dataclass(frozen=True, slots=True)
class Faulted:
    """What was seen."""

    call: str
    acknowledged: int
    refused: int
    injected: int
    """How often the call failed."""


async def fail_call(folder: Path, call: str, *, for_ever: bool) -> Faulted:
    """Let a system call of a server fail while it takes messages; restart it; look at the log."""
    server, said = ServerProcess(folder / "server"), folder / "injected"
    await server.init()
    await server.start()
    try:
        async with founder_of(server) as (peer, unit_id):
            await server.end(signal.SIGTERM)
            when = "1+" if for_ever else "1"
            await server.start()
            async with _failing(server.pid, call, when, said):
                acknowledged, refused = await _send_all(peer, unit_id)
            if not server.is_running:
                await server.end()
                await server.start()
            headers = [*acknowledged, (await _send_until_taken(peer, unit_id)).header]
            await server.end()
            await server.start()
            await _check(peer, unit_id, headers)
    finally:
        await server.end()
    text = said.read_text(errors="replace") if said.exists() else ""
    return Faulted(call, len(acknowledged), refused, text.count("INJECTED"))


@contextlib.asynccontextmanager
async def _failing(pid: int, call: str, when: str, said: Path) -> AsyncIterator[None]:
    """Let a process's calls fail while this is entered.

    strace counts from its own beginning: it attaches to a process that is up.
    """
    tracer = await asyncio.create_subprocess_exec(
        *("strace", "-f", "-qq", "-p", str(pid), "-o", str(said)),
        *("-e", f"trace={call}", "-e", f"inject={call}:error={CALLS[call]}:when={when}"),
    )
    try:
        async with asyncio.timeout(20):
            while not _is_traced(pid):
                await asyncio.sleep(0.02)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            tracer.terminate()
        await tracer.wait()


def _is_traced(pid: int) -> bool:
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        states = [(thread / "status").read_text() for thread in threads]
    except OSError:
        return True  # it has ended, and need not be waited for
    return all("TracerPid:\t0\n" not in state for state in states)


async def _send_all(peer: Peer, unit_id: bytes) -> tuple[list[bytes], int]:
    """Send; return the headers of what was acknowledged, and how many were refused."""
    headers, refused = list[bytes](), 0
    for n in range(MESSAGES):
        request = peer.make_message(unit_id, os.urandom(2000) + b"%d" % n)
        try:
            reply = await peer.call("message", m.AcceptedReply, request, path={"unit_id": unit_id})
        except RefusedError as err:
            if err.code not in FAIR:
                raise
            refused += 1
        except (aiohttp.ClientError, TimeoutError, OSError):
            refused += 1
        else:
            headers.append(reply.header)
        if n % 10 == 0:
            refused += not await _upload(peer, unit_id)
    return headers, refused


async def _upload(peer: Peer, unit_id: bytes) -> bool:
    """Upload something, for the calls that only files need; return whether it was taken."""
    try:
        file_id = await peer.open_upload(unit_id, 5000)
        status, _, _ = await peer.patch(file_id, 0, os.urandom(5000))
    except (RefusedError, aiohttp.ClientError, TimeoutError, OSError):
        return False
    return status == 204


async def _send_until_taken(peer: Peer, unit_id: bytes) -> m.AcceptedReply:
    """The fault is over: it works again, if need be after a while."""
    for _ in range(100):
        try:
            request = peer.make_message(unit_id, b"after the fault")
            return await peer.call("message", m.AcceptedReply, request, path={"unit_id": unit_id})
        except (RefusedError, aiohttp.ClientError, TimeoutError, OSError):
            await asyncio.sleep(0.1)
    raise AssertionError("it does not work again")


async def _check(peer: Peer, unit_id: bytes, headers: list[bytes]) -> None:
    there = b"".join(await peer.read_log(unit_id))
    lost = sum(header not in there for header in headers)
    assert not lost, f"{lost} of {len(headers)} acknowledged messages are lost"


# ------------------------------------------------------------------ the client


class Writer:
    """`tests.torture.writer` as a process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.sent: dict[str, int] = {}
        self.refused: list[str] = []

    @classmethod
    async def start(cls, profile: Path) -> Writer:
        command = (sys.executable, "-m", "tests.torture.writer", str(profile), str(MESSAGES))
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        writer = cls(process)
        await writer.until("ready")
        return writer

    async def until(self, what: str) -> None:
        assert self.process.stdout is not None
        async with asyncio.timeout(120):
            while line := await self.process.stdout.readline():
                said = json.loads(line)
                if "sent" in said:
                    self.sent[said["sent"]] = said["sequence"]
                if "refused" in said:
                    self.refused.append(said["refused"])
                if what in said:
                    return
        raise AssertionError(f"the client ended before it was {what}")

    def go_on(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")

    async def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()


async def fail_client(folder: Path, call: str, *, for_ever: bool) -> Faulted:
    """Let a system call of a client fail while it sends; open its profile again; look there."""
    server, said = ServerProcess(folder / "server"), folder / "injected"
    await server.init()
    await server.start()
    try:
        await _found_alone(server, folder / "ada")
        writer = await Writer.start(folder / "ada")
        try:
            async with _failing(writer.process.pid, call, "1+" if for_ever else "1", said):
                writer.go_on()
                await writer.until("done")
        finally:
            await writer.end()
        await _check_client(folder / "ada", writer.sent)
    finally:
        await server.end()
    text = said.read_text(errors="replace") if said.exists() else ""
    return Faulted(call, len(writer.sent), len(writer.refused), text.count("INJECTED"))


async def _found_alone(server: ServerProcess, profile: Path) -> None:
    async with mifeng.found(server.link, profile=profile, name="Ada", passphrase=PASSPHRASE) as ada:
        await ada.create_unit("Research", cipher_suite=1)


async def _check_client(profile: Path, sent: dict[str, int]) -> None:
    """It opens, what was kept goes out, and everything is there once, where it was said to be."""
    async with mifeng.open(profile, passphrase=PASSPHRASE) as ada:
        await ada.sync()
        unit = ada.unit("Research")
        await unit.send("after")
        history = await unit.history()
    found = {message.text: message.sequence for message in history}
    assert len(found) == len(history), "something was said twice"
    assert not [message.problem for message in history if message.problem]
    lost = [text for text, sequence in sent.items() if found.get(text) != sequence]
    assert not lost, f"{len(lost)} of {len(sent)} acknowledged messages are lost"


async def fill_client(folder: Path) -> Faulted:
    """A client writes until a small disk is full, then goes on when there is room again."""
    server = ServerProcess(folder / "server")
    await server.init()
    await server.start()
    try:
        with _small_disk(folder / "disk") as small:
            profile, ballast = small / "ada", small / "ballast"
            await _found_alone(server, profile)
            writer = await Writer.start(profile)
            try:
                ballast.write_bytes(bytes(max(0, shutil.disk_usage(small).free - (64 << 10))))
                writer.go_on()
                await writer.until("done")
                assert writer.refused, "the disk did not become full"
                ballast.unlink()
            finally:
                await writer.end()
            await _check_client(profile, writer.sent)
    finally:
        await server.end()
    return Faulted("ENOSPC", len(writer.sent), len(writer.refused), len(writer.refused))


# ------------------------------------------------------------------ a full disk


def can_mount() -> bool:
    """Whether a small file system can be made here."""
    return os.geteuid() == 0 and shutil.which("mount") is not None


@contextlib.contextmanager
def _small_disk(folder: Path) -> Iterator[Path]:
    folder.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)
    options = f"size={TMPFS_BYTES}".encode()
    if libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", 0, options):
        raise OSError(ctypes.get_errno(), "tmpfs")
    try:
        yield folder
    finally:
        libc.umount2(os.fsencode(folder), 2)


async def fill_disk(folder: Path) -> Faulted:
    """Write until a small disk is full, then read, make room, and go on without a restart."""
    with _small_disk(folder / "disk") as small:
        server = ServerProcess(small / "server")
        await server.init()
        await server.start()
        ballast = small / "ballast"
        try:
            async with founder_of(server) as (peer, unit_id):
                free = shutil.disk_usage(small).free
                ballast.write_bytes(bytes(max(0, free - (256 << 10))))
                headers, refused = list[bytes](), 0
                for _ in range(20):
                    some, no = await _send_all(peer, unit_id)
                    headers, refused = headers + some, refused + no
                    if refused:
                        break
                assert refused, "the disk did not become full"
                await peer.read_log(unit_id)  # reading still works
                ballast.unlink()
                headers.append((await _send_until_taken(peer, unit_id)).header)
                await server.end()
                await server.start()
                await _check(peer, unit_id, headers)
        finally:
            await server.end()
    return Faulted("ENOSPC", len(headers), refused, refused)
