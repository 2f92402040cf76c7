"""A hand-over whose giver or receiver is killed in the middle goes on, and nothing comes twice."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import textwrap
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import mifeng
from mifeng_crypto.ledger.policy import History
from tests.e2e.people import PASSPHRASE
from tests.support.patience import PATIENCE_S
from tests.support.server import RunningServer, running_server

KILLED = """
    import asyncio, os, signal, sys
    import mifeng
    from mifeng.net import Api
    from tests.e2e.people import PASSPHRASE

    when, endpoint, profile, whom = sys.argv[1:]
    call, calls = Api.call, 0

    async def dying(self, name, *args, **named):
        global calls
        # The second of the parts: one is there, and others are not.
        calls += name == endpoint
        dies = name == endpoint and (endpoint != "share" or calls == 2)
        if dies and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        answer = await call(self, name, *args, **named)
        if dies and when == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    async def main():
        Api.call = dying
        async with mifeng.open(profile, passphrase=PASSPHRASE) as me:
            if whom:
                await me.unit("Research").grant(me.person(whom))
                await me.sync()

    asyncio.run(main())
"""


async def killed(when: str, endpoint: str, profile: Path, whom: str = "") -> None:
    """Open a profile in a process (and let somebody in), and be killed at a request."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", textwrap.dedent(KILLED), when, endpoint, str(profile), whom
    )
    async with asyncio.timeout(PATIENCE_S):
        assert await process.wait() == -signal.SIGKILL


@dataclass
class Scene:
    """Ada has said something in three parts, and closed her profile; Cy is in the workspace."""

    folder: Path
    said: list[str]

    @contextlib.asynccontextmanager
    async def open(self, name: str) -> AsyncIterator[mifeng.Workspace]:
        async with mifeng.open(self.folder / name, passphrase=PASSPHRASE) as workspace:
            yield workspace

    async def check_end(self) -> None:
        """Ada goes on where she was, Cy as well; both have the same, once."""
        async with self.open("ada") as ada, self.open("cy") as cy:
            for _ in range(2):
                await ada.sync()
                await cy.sync()
            theirs, here = ada.unit("Research"), cy.unit("Research")
            handed = [m for m in await theirs.history() if m.history]
            assert [m.history.messages for m in handed if m.history] == [len(self.said)]
            told = await here.history()
            assert [m.text for m in told if not m.history] == self.said
            assert [m.history.is_for_this for m in told if m.history] == [True]
            assert await cy.alarms() == []
            for workspace in (ada, cy):
                rows = await workspace._session.home.database.scan("history")
                assert [key[16:17] for key, _ in rows if key[16:17] in (b"g", b"t")] == []


@contextlib.asynccontextmanager
async def scene(folder: Path, server: RunningServer) -> AsyncIterator[Scene]:
    said = [f"message {n}" for n in range(6)]
    async with mifeng.found(
        server.founding_link, profile=folder / "ada", name="Ada", passphrase=PASSPHRASE
    ) as ada:
        unit = await ada.create_unit("Research")
        await unit.set_policy(history=History.WINDOW)
        for text in said:
            await unit.send(text)
            # Another policy is another deadline, and so another part.
            days = 3 + int(text[-1]) % 3
            await unit.set_policy(retention_s=days * 86_400)
        invitation = await ada.invite()
        async with mifeng.join(
            invitation.link, profile=folder / "cy", name="Cy", passphrase=PASSPHRASE
        ):
            pass
    yield Scene(folder, said)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("endpoint", ["share", "message"])
async def test_a_giver_who_is_killed_goes_on_and_hands_over_once(
    tmp_path: Path, endpoint: str, when: str
) -> None:
    async with running_server(tmp_path) as server, scene(tmp_path, server) as s:
        await killed(when, endpoint, tmp_path / "ada", "Cy")
        await s.check_end()


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_receiver_who_is_killed_goes_on_and_shows_it_once(
    tmp_path: Path, when: str
) -> None:
    async with running_server(tmp_path) as server, scene(tmp_path, server) as s:
        async with s.open("ada") as ada:
            await ada.unit("Research").grant(ada.person("Cy"))
            await ada.sync()
        await killed(when, "share", tmp_path / "cy")
        await s.check_end()
