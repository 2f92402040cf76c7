"""Lines that fail: a link that is cut in a network namespace, a server that answers 500, hangs, or
closes in the midst of a frame. Two clients in processes of their own write and listen meanwhile; in
the end both have read everything, once, in one order.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import shutil
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import mifeng
from tests.e2e.people import PASSPHRASE
from tests.torture.process import ServerProcess

__all__ = ["Heard", "break_lines", "can_make_namespaces", "cut_link"]

PATIENCE_S = 180.0
NAMES = ("Ada", "Ben")


@dataclass(frozen=True, slots=True)
class Heard:
    """What was seen.

    Attributes:
        faults: how often a line was broken, by kind.
        acknowledged: messages that the server took while it was.
        kept: messages of which the sender was told that they are kept.
        read: messages that both have read in the end.
        settled_s: how long that took once nothing broke any more.
    """

    faults: dict[str, int]
    acknowledged: int
    kept: int
    read: int
    settled_s: float


class Talker:
    """`tests.torture.talker` as a process."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.name = name
        self.sent: dict[str, int] = {}
        self.facts: dict[str, object] = {}
        self._process = process

    @classmethod
    async def start(cls, profile: Path, name: str, *wrapper: str) -> Talker:
        process = await asyncio.create_subprocess_exec(
            *(*wrapper, sys.executable, "-m", "tests.torture.talker", str(profile), name),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=1 << 24,
        )
        talker = cls(name, process)
        await talker.until("ready")
        return talker

    async def until(self, what: str) -> None:
        """Read what it says until it says that."""
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            while what not in self.facts:
                line = await self._process.stdout.readline()
                assert line, f"{self.name} ended before it was {what}"
                said = json.loads(line)
                if "sent" in said:
                    self.sent[said["sent"]] = said["sequence"]
                else:
                    self.facts |= said

    def go_on(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")

    async def end(self) -> None:
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        await self._process.wait()


async def _found(server: ServerProcess, folder: Path) -> None:
    """Ada and Ben, in a unit."""
    async with mifeng.found(
        server.link, profile=folder / "Ada", name="Ada", passphrase=PASSPHRASE
    ) as ada:
        link = (await ada.invite()).link
        async with mifeng.join(link, profile=folder / "Ben", name="Ben", passphrase=PASSPHRASE):
            unit = await ada.create_unit("Research", cipher_suite=1)
            await ada.sync()
            await unit.grant(ada.person("Ben"))


async def _play(
    talkers: Sequence[Talker], breaking: Callable[[], Awaitable[dict[str, int]]]
) -> Heard:
    """Let them talk while lines break; then hold what both have read against what was said."""
    for talker in talkers:
        talker.go_on()
    broken = await breaking()
    began = time.monotonic()
    await _all(talkers, "settled")
    took = time.monotonic() - began
    await _all(talkers, "alarms")
    return _judge(talkers, broken, took)


async def _all(talkers: Sequence[Talker], step: str) -> None:
    for talker in talkers:
        talker.go_on()
    await asyncio.gather(*(talker.until(step) for talker in talkers))


def _judge(talkers: Sequence[Talker], broken: dict[str, int], took: float) -> Heard:
    first, second = (talker.facts["read"] for talker in talkers)
    assert first == second, "they have not read the same"
    assert isinstance(first, list)
    numbers = [sequence for sequence, _, _ in first]
    assert numbers == sorted(set(numbers)), "not in order"
    assert not [problem for _, _, problem in first if problem], first
    said = {text: sequence for sequence, text, _ in first}
    assert len(said) == len(first), "something was said twice"
    kept = 0
    for talker in talkers:
        assert not talker.facts["alarms"], talker.facts["alarms"]
        for text, sequence in talker.sent.items():
            assert said.get(text) == sequence, f"{text!r} was acknowledged, and is lost"
        mine = [text for text in said if text.startswith(talker.name + " ")]
        assert mine == sorted(mine, key=lambda text: int(text.split()[1])), "out of order"
        failed = talker.facts["failed"]
        assert isinstance(failed, int)
        assert len(mine) == len(talker.sent) + failed, "something that was kept never came"
        kept += failed
    return Heard(broken, sum(len(t.sent) for t in talkers), kept, len(first), round(took, 2))


# ------------------------------------------------------------------ a link that is cut


def can_make_namespaces() -> bool:
    """Whether a network of its own can be made here."""
    return os.geteuid() == 0 and shutil.which("ip") is not None and _run_quietly("ip", "netns")


def _run_quietly(*command: str) -> bool:
    return os.system(" ".join(command) + " >/dev/null 2>&1") == 0


async def _ip(*words: str) -> None:
    process = await asyncio.create_subprocess_exec("ip", *words, stderr=asyncio.subprocess.PIPE)
    _, error = await process.communicate()
    assert process.returncode == 0, f"ip {' '.join(words)}: {error.decode()}"


@contextlib.asynccontextmanager
async def _namespace() -> AsyncIterator[tuple[str, str, str]]:
    """A network with one link to this one; its name, the link's end here, and the address here."""
    name = f"mf{os.getpid() % 100_000}"
    here, there, net = f"{name}h", f"{name}n", f"10.213.{os.getpid() % 250}"
    await _ip("netns", "add", name)
    try:
        await _ip("link", "add", here, "type", "veth", "peer", "name", there)
        await _ip("link", "set", there, "netns", name)
        await _ip("addr", "add", f"{net}.1/24", "dev", here)
        await _ip("-n", name, "addr", "add", f"{net}.2/24", "dev", there)
        await _ip("link", "set", here, "up")
        await _ip("-n", name, "link", "set", there, "up")
        yield name, here, f"{net}.1"
    finally:
        await _ip("netns", "del", name)  # and the link with it


async def cut_link(folder: Path, *, cuts: int, seed: int = 1) -> Heard:
    """Ben is in a network of his own, whose link goes down and up; Ada is beside the server."""
    chance = random.Random(seed)
    async with _namespace() as (name, here, address):
        server = ServerProcess(folder / "server")
        await server.init(f"https://{address}")
        await server.start()

        async def cutting() -> dict[str, int]:
            seen = {"this end": 0, "that end": 0}
            for _ in range(cuts):
                await asyncio.sleep(chance.uniform(0.1, 0.8))
                end = chance.choice(list(seen))
                link = ("link", "set", here) if end == "this end" else (
                    "-n", name, "link", "set", here[:-1] + "n")  # fmt: skip
                await _ip(*link, "down")
                await asyncio.sleep(chance.uniform(0.05, 1.0))
                await _ip(*link, "up")
                seen[end] += 1
            return seen

        talkers: list[Talker] = []
        try:
            await _found(server, folder)
            wrapper = ("ip", "netns", "exec", name)
            talkers.append(await Talker.start(folder / "Ada", "Ada"))
            talkers.append(await Talker.start(folder / "Ben", "Ben", *wrapper))
            return await _play(talkers, cutting)
        finally:
            for talker in talkers:
                await talker.end()
            await server.end()


# ------------------------------------------------------------------ a server that misbehaves


class Breaking:
    """A relay between clients and a server that breaks what goes through it, while it may."""

    def __init__(self, port: int, seed: int) -> None:
        self.faults = {"500": 0, "500 afterwards": 0, "hangs": 0, "closes": 0}
        self.breaks = True
        self._port = port
        self._chance = random.Random(seed)
        self._lines = set[asyncio.Task[None]]()

    async def serve(self, port: int) -> asyncio.Server:
        return await asyncio.start_server(self._take, "127.0.0.1", port)

    async def close(self) -> None:
        """Cut all lines that there are."""
        lines = list(self._lines)
        for line in lines:
            line.cancel()
        await asyncio.gather(*lines, return_exceptions=True)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._lines.add(task)
        try:
            await self._relay(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # cut, by one end or by us
        finally:
            self._lines.discard(task)
            writer.close()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        fault = self._chance.choice([*self.faults, "", "", "", ""]) if self.breaks else ""
        if fault:
            self.faults[fault] += 1
        if fault == "500":
            await reader.read(1 << 16)
            writer.write(b"HTTP/1.1 500 Internal\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            return
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            up = asyncio.create_task(_pump(reader, up_writer))
            try:
                await self._answer(fault, up_reader, writer)
            finally:
                up.cancel()
        finally:
            up_writer.close()

    async def _answer(
        self, fault: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if not fault:
            await _pump(reader, writer)
            return
        answer = await reader.read(1 << 16)
        if fault == "500 afterwards":  # it was done, and nobody is told
            writer.write(b"HTTP/1.1 500 Internal\r\nContent-Length: 0\r\n\r\n")
        elif fault == "hangs":
            await asyncio.sleep(self._chance.uniform(0.5, 3))
        else:  # in the midst of a head, a body or a frame
            for _ in range(self._chance.randint(0, 12)):
                writer.write(answer)
                await writer.drain()
                answer = await reader.read(1 << 16)
            writer.write(answer[: self._chance.randint(0, len(answer))])
        await writer.drain()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while some := await reader.read(1 << 16):
            writer.write(some)
            await writer.drain()


async def break_lines(folder: Path, *, faults: int, seed: int = 1) -> Heard:
    """Both reach the server through a relay that breaks half of all connections."""
    chance = random.Random(seed)
    server = ServerProcess(folder / "server")
    await server.init()
    await server.start(elsewhere=True)
    relay = Breaking(server.port, seed)
    relay.breaks = False
    listening = await relay.serve(int(server.url.rpartition(":")[2]))
    talkers: list[Talker] = []

    async def breaking() -> dict[str, int]:
        relay.breaks = True
        while sum(relay.faults.values()) < faults:
            await relay.close()  # lines that hold are begun anew, to be broken
            await asyncio.sleep(chance.uniform(0.1, 2))
        relay.breaks = False
        await relay.close()
        return relay.faults

    try:
        await _found(server, folder)
        talkers += [await Talker.start(folder / name, name) for name in NAMES]
        return await _play(talkers, breaking)
    finally:
        for talker in talkers:
            await talker.end()
        listening.close()
        await relay.close()
        await server.end()
