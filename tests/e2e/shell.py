"""The commands, run in this process: as quick as a function, and with the profiles of `people`."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from mifeng.cli import options
from mifeng.cli.app import app

__all__ = ["Shell", "Shown"]


@dataclass(frozen=True)
class Shown:
    """What a command has printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        assert self.code == 0, self.err
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def json(self) -> dict[str, Any]:
        (line,) = self.lines
        return line


class Shell:
    """Runs commands on the profiles in a folder. None of them may be open elsewhere."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def run(self, who: str, *words: str) -> Shown:
        arguments = options.hoist(["--profile", str(self._folder / who), *words])
        done = await asyncio.to_thread(CliRunner().invoke, app, arguments)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Shown(done.exit_code, done.stdout, done.stderr)

    async def ok(self, who: str, *words: str) -> Shown:
        """Run what must go well."""
        done = await self.run(who, *words)
        assert done.code == 0, done.err
        return done
