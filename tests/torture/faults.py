"""System calls of a real server that fail, once (in each thread) and for ever, and a disk that is
full: nothing acknowledged is lost, and once the fault is over it works again.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from mifeng_crypto.api import messages as m
from tests.support.connection import RefusedError
from tests.support.peer import Peer
from tests.torture.process import ServerProcess, founder_of

__all__ = ["CALLS", "Faulted", "can_mount", "fail_call", "fill_disk"]

CALLS = {
    "pwrite64": "EIO",
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
            # strace counts from its own beginning: it attaches when the server is up.
            await server.start()
            pid = server.pid
            tracer = await asyncio.create_subprocess_exec(
                *("strace", "-f", "-qq", "-p", str(pid), "-o", str(said)),
                *("-e", f"trace={call}", "-e", f"inject={call}:error={CALLS[call]}:when={when}"),
            )
            await asyncio.sleep(0.5)
            acknowledged, refused = await _send_all(peer, unit_id)
            with contextlib.suppress(ProcessLookupError):
                tracer.terminate()
            await tracer.wait()
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
