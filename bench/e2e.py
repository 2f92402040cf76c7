"""The product as shipped, over TLS on loopback: real server, real `mifeng` processes."""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import mifeng
from bench.figure import Figure
from demo.material import make_recording
from demo.people import Person
from demo.server import RunningServer, free_port, running_server

__all__ = ["measure", "peak_mib", "timed"]

UNIT = "Bench"
MESSAGES = 200
FILE_MIB = 64
TEXT_TABLE = "Text, from `send` to the other's screen (TLS, loopback)"
FILE_TABLE = f"A file of {FILE_MIB} MiB (TLS, loopback)"
START_TABLE = "Starting"
COMMAND = str(Path(sys.executable).parent / "mifeng")


def measure() -> Iterator[Figure]:
    """Yield all figures of this section."""
    yield from asyncio.run(_measure())
    yield Figure(
        table=START_TABLE,
        row="mifeng --help",
        column="median",
        value=_help_s(),
        unit="s",
        target=0.4,
    )


async def _measure() -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="mifeng-bench-") as name:
        folder = Path(name)
        address = f"https://127.0.0.1:{free_port()}"
        async with running_server(folder, address=address) as server:
            ann, bob = Person("Ann", "", "", folder / "ann"), Person("Bob", "", "", folder / "bob")
            await ann.facts("found", server.link, "--name", ann.name)
            invite = await ann.facts("invite")
            await bob.facts("join", invite["link"], "--name", bob.name)
            await ann.facts("unit", "create", UNIT)
            await ann.facts("unit", "grant", UNIT, bob.name)
            return [*await _texts(ann, bob), *await _files(ann, bob, server)]


# ------------------------------------------------------------------ text


async def _texts(ann: Person, bob: Person) -> list[Figure]:
    """Time each message from the call that sends it to the line on the reader's screen."""
    taken = []
    async with bob.tail(UNIT) as screen, mifeng.open(ann.profile, passphrase=ann.passphrase) as me:
        unit = me.unit(UNIT)
        for number in range(MESSAGES + 20):
            text, began = f"message {number}", time.perf_counter()
            sending = asyncio.create_task(unit.send(text))
            while (await anext(screen))["text"] != text:
                pass
            if number >= 20:  # the first ones open connections
                taken.append((time.perf_counter() - began) * 1000)
            await sending
    taken.sort()
    return [
        Figure(table=TEXT_TABLE, row="p50", column="time", value=statistics.median(taken),
               unit="ms", target=25),
        Figure(table=TEXT_TABLE, row="p95", column="time", value=taken[len(taken) * 95 // 100],
               unit="ms"),
    ]  # fmt: skip


# ------------------------------------------------------------------ files


async def _files(ann: Person, bob: Person, server: RunningServer) -> list[Figure]:
    file = ann.home / "large.bin"
    make_recording(file, mebibytes=FILE_MIB)
    figures = []
    for who, column, words in (
        (ann, "upload", ("upload", UNIT, str(file))),
        (bob, "download", ("download", UNIT, file.name, "--to", str(bob.home))),
    ):
        seconds, client_mib = await asyncio.to_thread(timed, who, words)
        figures += [
            Figure(table=FILE_TABLE, row="whole command", column=column, value=seconds, unit="s"),
            Figure(table=FILE_TABLE, row="client, peak memory", column=column, value=client_mib,
                   unit="MiB RSS", target=150),
            Figure(table=FILE_TABLE, row="server, peak memory", column=column,
                   value=peak_mib(server.pid), unit="MiB RSS", target=150),
        ]  # fmt: skip
    return figures


def timed(person: Person, words: tuple[str, ...]) -> tuple[float, float]:
    """Run a command; return its duration in seconds and its peak memory in MiB."""
    began = time.perf_counter()
    with person.passphrase_pipe() as reader:
        process = subprocess.Popen(
            [COMMAND, "--json", "--profile", str(person.profile),
             "--passphrase-fd", str(reader), *words],
            stdout=subprocess.DEVNULL, pass_fds=[reader],
        )  # fmt: skip
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, peak_mib(process.pid))
        time.sleep(0.01)
    assert process.returncode == 0, f"`mifeng {words[0]}` ended with {process.returncode}"
    return time.perf_counter() - began, peak


def peak_mib(pid: int) -> float:
    """Return the peak resident memory of a running process so far; 0 where there is no /proc."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return 0.0


def _help_s() -> float:
    taken = []
    for _ in range(7):
        began = time.perf_counter()
        subprocess.run([COMMAND, "--help"], check=True, stdout=subprocess.DEVNULL)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)
