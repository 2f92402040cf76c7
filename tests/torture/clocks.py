"""Clocks that jump, of a server and of two clients, by minutes and by years, forward and back: what
fails has a name, what was acknowledged and is live stays, and once the clocks are right it goes on.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from mifeng_crypto.errors import MifengError
from mifeng_crypto.ids import UnixMillis
from tests.e2e.people import cast
from tests.support.server import ManualClock, running_server

__all__ = ["Jumped", "jump_clocks"]

MINUTE, HOUR, YEAR = 60, 3600, 365 * 86_400
JUMPS = (-10 * YEAR, -3 * HOUR, -20 * MINUTE, -MINUTE, MINUTE, 20 * MINUTE, 5 * HOUR, 10 * YEAR)
SERVER_JUMPS = (-20 * MINUTE, -MINUTE, MINUTE, 20 * MINUTE)
"""A server that was years ahead has told it to everybody, in entries that cannot be taken back."""


@dataclass
class Jumped:
    """What was seen. `refused` counts errors by their kind."""

    jumps: int = 0
    acknowledged: int = 0
    refused: dict[str, int] = field(default_factory=dict)


class Clocks:
    """True time, and by how many milliseconds each one is wrong."""

    def __init__(self) -> None:
        self.true = time.time_ns() // 1_000_000
        self.error = {"server": 0, "Ada": 0, "Ben": 0}

    def now(self, whose: str) -> UnixMillis:
        return UnixMillis(max(self.true + self.error[whose], 0))


class ServerClock(ManualClock):
    """The server's, which may be wrong."""

    def __init__(self, clocks: Clocks) -> None:
        super().__init__(clocks.true)
        self.clocks = clocks

    def now(self) -> int:
        return self.clocks.now("server")


async def jump_clocks(folder: Path, *, jumps: int, seed: int = 1) -> Jumped:
    """Let one of the three clocks jump, write and read, and put it right; again and again."""
    seen, chance, clocks = Jumped(), random.Random(seed), Clocks()
    said: dict[str, int] = {}
    async with (
        running_server(folder, clock=ServerClock(clocks)) as server,
        cast(folder, server) as c,
    ):
        units = {"Ada": (c.ada, c.adas), "Ben": (c.ben, c.bens)}
        for name, (workspace, _) in units.items():
            session = workspace._session
            session._wall = session.api.now = partial(clocks.now, name)

        async def speak(name: str, text: str) -> None:
            try:
                said[text] = (await units[name][1].send(text)).sequence
            except MifengError as err:
                kind = type(err).__name__
                seen.refused[kind] = seen.refused.get(kind, 0) + 1

        async def read(name: str) -> list[str]:
            workspace, unit = units[name]
            await workspace.sync()
            unit.check_access()
            return [message.text for message in await unit.history()]

        for n in range(jumps):
            clocks.true += 5_000
            whose = chance.choice(list(clocks.error))
            by = chance.choice(SERVER_JUMPS if whose == "server" else JUMPS)
            clocks.error[whose] = by * 1000
            for name in units:
                await speak(name, f"{name} {n}")
            clocks.error[whose] = 0
            seen.jumps += 1
            if whose == "server" and by > 0:  # what it has accepted is dated so, for good
                clocks.true += by * 1000
            for workspace, _ in units.values():
                await workspace.sync()  # what was kept goes out now
            ada, ben = [await read(name) for name in units]
            assert ada == ben, f"after jump {n} of {whose} by {by} s they do not read the same"
            missing = [text for text in said if text not in ada]
            assert not missing, f"after jump {n} of {whose} by {by} s: lost {missing}"
            assert len(set(ada)) == len(ada), "something was said twice"
        seen.acknowledged = len(said)
        for name in units:
            clocks.true += 5_000
            text = f"{name}, in the end"
            await units[name][1].send(text)
            assert text in await read(name)
        alarms = [alarm.rule for who in (c.ada, c.ben) for alarm in await who.alarms()]
        assert not alarms, alarms
    return seen
