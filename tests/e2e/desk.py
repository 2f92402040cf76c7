"""A person at a desk of their own: a process with an open profile that does what it is told.

    python -m tests.e2e.desk PROFILE

It reads `[verb, argument, ...]` as lines of JSON, and answers each with one line: what came of it,
or `{"error": ...}`. It hears of the others only when it is told to `sync`: so decisions cross.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import mifeng
from mifeng.cli.show import message_facts
from tests.e2e.people import PASSPHRASE
from tests.support.patience import PATIENCE_S

__all__ = ["Desk", "at_desk"]

ROOT = Path(__file__).parents[2]
MINE = ("waits_for_me", "asks_me", "reminded_me", "mine")
"""What of a document depends on who looks."""


class Desk:
    """The process, as its test sees it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def __call__(self, *told: Any) -> Any:  # noqa: ANN401 - JSON
        """Have something done, and return what came of it."""
        self.tell(*told)
        return await self.answer()

    def tell(self, *told: Any) -> None:  # noqa: ANN401 - JSON
        """Have something done, and do not wait for it."""
        assert self._process.stdin is not None, "it was opened with a pipe"
        self._process.stdin.write(json.dumps(told).encode() + b"\n")

    async def answer(self) -> Any:  # noqa: ANN401 - JSON
        """Return what came of what was told first and not asked for yet."""
        assert self._process.stdout is not None, "it was opened with a pipe"
        async with asyncio.timeout(PATIENCE_S):
            return json.loads(await self._process.stdout.readline())


@contextlib.asynccontextmanager
async def at_desk(profile: Path) -> AsyncIterator[Desk]:
    """Run a process on a profile while this is entered."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.e2e.desk", str(profile)),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 24,
    )
    desk = Desk(process)
    try:
        assert await desk.answer() == "open"
        yield desk
    finally:
        assert process.stdin is not None, "it was opened with a pipe"
        process.stdin.close()
        async with asyncio.timeout(PATIENCE_S):
            assert await process.wait() == 0


# ------------------------------------------------------------------ in the process


async def main(profile: Path) -> None:
    """Do as the standard input says, until it ends."""
    async with mifeng.open(profile, passphrase=PASSPHRASE) as me:
        print(json.dumps("open"), flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            verb, *told = json.loads(line)
            try:
                done = await _do(me, me.unit("Research"), verb, told)
            except mifeng.MifengError as err:
                done = {"error": str(err)}
            print(json.dumps(done), flush=True)


async def _do(me: mifeng.Workspace, unit: mifeng.Unit, verb: str, told: list[Any]) -> Any:  # noqa: ANN401 - JSON
    match verb:
        case "sync":
            return await me.sync()
        case "lines":
            return [_facts(unit, message) for message in await unit.history()]
        case "request":
            title, chain = told
            steps = [(rule, [me.person(name) for name in names]) for rule, names in chain]
            return (await unit.request("free", title, {"text": "please"}, steps)).sequence
        case "approve" | "reject" | "withdraw":
            return _facts(unit, await getattr(unit, verb)(*told))
        case "poll":
            return (await unit.ask(*told)).sequence
        case "vote" | "close_poll":
            return _facts(unit, await getattr(unit, verb)(*told))
        case _:
            raise AssertionError(f"nobody does {verb}")


def _facts(unit: mifeng.Unit, message: mifeng.Message) -> dict[str, Any]:
    """What is the same for everybody who looks at a message."""
    facts: dict[str, Any] = message_facts(unit, message)
    for document in ("announcement", "poll", "approval"):
        if facts[document]:
            facts[document] = {k: v for k, v in facts[document].items() if k not in MINE}
    return facts


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
