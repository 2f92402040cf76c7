"""One person of the play: a profile, and the `mifeng` command as a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import os
import secrets
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

__all__ = ["Person", "PlayError"]

Facts = dict[str, Any]
"""A line of `--json` output."""


class PlayError(Exception):
    """The play cannot go on: a command did something else than the story says."""


@dataclasses.dataclass(slots=True)
class Person:
    """Somebody with a name, a colour on the screen, and a machine."""

    name: str
    title: str
    colour: str
    home: Path
    passphrase: str = dataclasses.field(default_factory=lambda: secrets.token_urlsafe(18))
    member_id: str = ""
    device: str = "profile"

    @property
    def profile(self) -> Path:
        """What only this person's processes touch."""
        return self.home / self.device

    def _command(self, passphrase_fd: int) -> list[str]:
        mifeng = str(Path(sys.executable).parent / "mifeng")
        profile, descriptor = str(self.profile), str(passphrase_fd)
        return [mifeng, "--json", "--profile", profile, "--passphrase-fd", descriptor]

    @contextlib.contextmanager
    def passphrase_pipe(self) -> Iterator[int]:
        """Yield a descriptor from which a process that inherits it reads the passphrase."""
        reader, writer = os.pipe()
        try:
            os.write(writer, self.passphrase.encode() + b"\n")
            os.close(writer)
            yield reader
        finally:
            os.close(reader)

    async def run(self, *words: str, exit_code: int = 0) -> list[Facts]:
        """Run `mifeng` with this profile; return the lines of its output, and of its error.

        The passphrase goes through a pipe, as a script would give it.

        Raises:
            PlayError: it ended with another exit code.
        """
        out, err = await self._run(*words, exit_code=exit_code)
        return [json.loads(line) for line in (out + err if exit_code else out).splitlines()]

    async def _run(self, *words: str, exit_code: int) -> tuple[str, str]:
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.passphrase_pipe() as reader:
            process = await asyncio.create_subprocess_exec(
                *(*self._command(reader), *words),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                pass_fds=[reader],
            )
        out, err = (data.decode() for data in await process.communicate())
        if process.returncode != exit_code:
            command = " ".join(word for word in words if not word.startswith("mifeng:"))
            raise PlayError(
                f"{self.name}: `mifeng {command}` ended with {process.returncode}, "
                f"not {exit_code}:\n{out}{err}"
            )
        return out, err

    @contextlib.asynccontextmanager
    async def tail(self, unit: str) -> AsyncIterator[AsyncIterator[Facts]]:
        """Run `mifeng tail`: yield the lines of its output as they come; end it afterwards."""
        with self.passphrase_pipe() as reader:
            process = await asyncio.create_subprocess_exec(
                *(*self._command(reader), "tail", unit),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                pass_fds=[reader],
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        assert process.stdout is not None, "a pipe"
        try:
            yield _lines(process.stdout)
        finally:
            process.terminate()
            await process.wait()

    async def facts(self, *words: str) -> Facts:
        """Run a command that prints one object."""
        lines = await self.run(*words)
        if len(lines) != 1:
            raise PlayError(f"{self.name}: `mifeng {words[0]}` printed {len(lines)} lines, not one")
        return lines[0]

    async def messages(self, unit: str) -> list[Facts]:
        """Read a unit: only what people said, not who came and went."""
        return [line for line in await self.run("read", unit) if line["kind"] == "message"]


async def _lines(stream: asyncio.StreamReader) -> AsyncIterator[Facts]:
    while line := await stream.readline():
        yield json.loads(line)
