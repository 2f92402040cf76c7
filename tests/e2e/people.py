"""People with profiles, for stories against a real server."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import mifeng
from mifeng.keychain import Cost, Passphrase
from tests.support.server import RunningServer

__all__ = ["Cast", "cast", "colleague"]

CHEAP = Cost(64, 1, 1)
"""For tests: what a real profile would refuse."""
PASSPHRASE = Passphrase("correct horse battery staple", cost=CHEAP, floor=CHEAP)


@dataclass
class Cast:
    """Ada has founded the workspace and has a unit; Ben is in it."""

    folder: Path
    ada: mifeng.Workspace
    ben: mifeng.Workspace
    adas: mifeng.Unit
    bens: mifeng.Unit

    def home(self, name: str) -> Path:
        return self.folder / name


@contextlib.asynccontextmanager
async def cast(folder: Path, server: RunningServer) -> AsyncIterator[Cast]:
    """Found, invite, join, open a unit, grant: all by the SDK, over TLS."""
    async with mifeng.found(
        server.founding_link, profile=folder / "ada", name="Ada", passphrase=PASSPHRASE
    ) as ada:
        invitation = await ada.invite()
        async with mifeng.join(
            invitation.link, profile=folder / "ben", name="Ben", passphrase=PASSPHRASE
        ) as ben:
            unit = await ada.create_unit("Research", topic="bees")
            await ada.sync()
            assert await unit.grant(ada.person("Ben"))
            await ben.sync()
            yield Cast(folder, ada, ben, unit, ben.unit("research"))


@contextlib.asynccontextmanager
async def colleague(c: Cast, name: str) -> AsyncIterator[mifeng.Workspace]:
    """Bring in one more, who is in the unit as well; all of them have heard of it."""
    link = (await c.ada.invite()).link
    profile = c.home(name.lower())
    async with mifeng.join(link, profile=profile, name=name, passphrase=PASSPHRASE) as who:
        await c.ada.sync()
        assert await c.adas.grant(c.ada.person(name))
        for me in (c.ben, who):
            await me.sync()
        yield who
