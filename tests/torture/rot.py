"""Flipped bits, and files that end early: one byte of one file of a profile, or of a server's
folder, is another one, or the rest of it is gone. What is shown then is authentic; what cannot be
is refused, with an error that has a name and a remedy.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import mifeng
from mifeng.home import Home
from mifeng.sdk import Workspace
from mifeng.session import Session
from mifeng_crypto.errors import MifengError
from mifeng_crypto.ids import UnixMillis
from mifeng_server.clock import SystemClock
from mifeng_server.config import Folder
from mifeng_server.serving import serving
from tests.e2e.people import PASSPHRASE, cast
from tests.support.server import running_server

__all__ = ["Rotten", "rot_client", "rot_server"]

REMEDY = re.compile(
    r"link|join|restore|backup|passphrase|invite|start|again|administrator|remove|choose"
    r"|correct |use that one|fetch|operator|run:|update|write it"
)
"""Every message says what to do; these are the words in which."""
SILENT = ("lock", "port")
"""Files that say nothing."""

Shown = dict[int, tuple[str, str]]
"""What is read: sequence -> who, and what."""


@dataclass
class Rotten:
    """What was seen: how many bytes of which files, and what came of it.

    Attributes:
        whole: all was shown, as it was said.
        less: what was shown is authentic, and something is missing.
        named: refused, by the kind of error.
    """

    flipped: dict[str, int] = field(default_factory=dict)
    whole: int = 0
    less: int = 0
    named: dict[str, int] = field(default_factory=dict)

    def judge(self, where: str, shown: Shown, said: Shown) -> None:
        """Nothing is shown that was not said so."""
        for sequence, what in shown.items():
            assert said.get(sequence) == what, f"{where}: {what} is shown at {sequence}"
        self.whole += shown == said
        self.less += shown != said

    def refused(self, where: str, err: MifengError) -> None:
        """It has a name, and says what to do."""
        kind = type(err).__name__
        self.named[kind] = self.named.get(kind, 0) + 1
        assert REMEDY.search(str(err)), f"{where}: {kind} names no remedy: {err}"


def _flips(folder: Path, states: int, seed: int) -> Iterator[tuple[str, int, int]]:
    """Files, places and bits: every file gets its share, each at its beginning as well.

    Bit 0: the file ends there.
    """
    chance = random.Random(seed)
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name not in SILENT)
    for n in range(states):
        path = files[n % len(files)]
        size = path.stat().st_size
        if size:
            nth = n // len(files)
            at = nth % min(size, 100) if nth % 3 == 0 else chance.randrange(size)
            bit = 0 if nth % 7 == 6 else 1 << chance.randrange(8)
            yield str(path.relative_to(folder)), at, bit


def _flip(path: Path, at: int, bit: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= bit
    path.write_bytes(content if bit else content[:at])


async def _read(workspace: Workspace) -> Shown:
    found: Shown = {}
    for unit in workspace.units():
        for message in await unit.history():
            if not message.problem:
                found[message.sequence] = str(message.sender), message.text
    return found


# ------------------------------------------------------------------ a profile


async def rot_client(folder: Path, *, states: int, seed: int = 1) -> Rotten:
    """Open a profile of which one byte is another one, and read, without a server."""
    seen = Rotten()
    async with running_server(folder) as server, cast(folder, server) as c:
        for n in range(12):
            await c.adas.send(f"from Ada {n}")
            await c.bens.send(f"from Ben {n}")
        await c.ben.sync()
    said = await _open(c.home("ben"))
    assert len(said) == 24
    for name, at, bit in _flips(c.home("ben"), states, seed):
        copy = folder / "copy"
        shutil.copytree(c.home("ben"), copy)
        _flip(copy / name, at, bit)
        seen.flipped[name] = seen.flipped.get(name, 0) + 1
        where = f"{name} at {at}, bit {bit}"
        try:
            shown = await _open(copy)
        except MifengError as err:
            seen.refused(where, err)
        else:
            seen.judge(where, shown, said)
        shutil.rmtree(copy)
    return seen


async def _open(profile: Path) -> Shown:
    home = await Home.open(profile, PASSPHRASE, rng=os.urandom)
    try:
        session = await Session.load(home, now=lambda: UnixMillis(0), rng=os.urandom)
        try:
            return await _read(Workspace(session))
        finally:
            await session.timelines.close()
            await session.api.close()
    finally:
        await home.close()


# ------------------------------------------------------------------ a server


async def rot_server(folder: Path, *, states: int, seed: int = 1) -> Rotten:
    """Start a server of which one byte is another one, and read from it what is new, and a file."""
    seen = Rotten()
    async with running_server(folder) as server, cast(folder, server) as c:
        (folder / "plan.txt").write_bytes(b"the plan" * 10_000)
        await c.adas.upload(folder / "plan.txt", caption="the plan")
        for n in range(12):
            await c.adas.send(f"from Ada {n}")
        ben = c.home("ben")
        shutil.copytree(ben, folder / "as it was")
        said = await _read(c.ada)
    data = folder / "server"
    for name, at, bit in _flips(data, states, seed):
        copy, profile = folder / "copy", folder / "profile"
        shutil.copytree(data, copy)
        shutil.copytree(folder / "as it was", profile)
        _flip(copy / name, at, bit)
        kind = "blobs" if name.startswith("blobs") else name
        seen.flipped[kind] = seen.flipped.get(kind, 0) + 1
        where = f"{name} at {at}, bit {bit}"
        try:
            async with asyncio.timeout(120):
                shown = await _visit(Folder(copy), profile, folder / "got")
        except MifengError as err:
            seen.refused(where, err)
        else:
            seen.judge(where, shown, said)
        for left in (copy, profile):
            shutil.rmtree(left)
        (folder / "got").unlink(missing_ok=True)
    return seen


async def _visit(data: Folder, profile: Path, got: Path) -> Shown:
    """Start, let Ben read all that is new and fetch the file, and stop."""
    async with (
        serving(data, clock=SystemClock(), rng=os.urandom),
        mifeng.open(profile, passphrase=PASSPHRASE) as ben,
    ):
        await ben.sync()
        unit = ben.unit("Research")
        unit.check_access()
        for message in await unit.history():
            for file in message.files:
                await unit.download(file, got)
                assert got.read_bytes() == b"the plan" * 10_000, "another file is given out"
        return await _read(ben)
