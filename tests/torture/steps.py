"""A client that crashes at every one of its durable steps, before and after the write: it goes on
from what is on its disk, and in the end all is as if nothing had happened.

The machines are the simulation's (`tests.simulation`): real client, real server, real keys; only
the disk is one that can be told when to fail. What the AEAD was given is held against all it was
given before: no key and nonce twice with different content (oracle I4).
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from mifeng.errors import ProfileMissingError
from mifeng.sdk.unit import Unit
from mifeng_crypto.errors import MifengError, UsageError
from tests.simulation.host import Client
from tests.simulation.loop import SimLoop, start_as
from tests.simulation.network import ClientSocket
from tests.simulation.oracles import ViolationError
from tests.simulation.world import World, simulated

__all__ = ["Stepped", "count_steps", "crash_at", "crash_everywhere"]

ADA, BO = 0, 1
TEXTS = [f"<message {n}>" for n in range(1, 6)]
TRIES = 5


@dataclass(frozen=True, slots=True)
class Stepped:
    """What was tried."""

    runs: int
    steps: dict[str, int]
    """Durable steps by victim."""


class Story(World):
    """Ada founds, Bo joins; a unit, messages, out and in again, another generation. One of them
    crashes once.
    """

    victim = ADA
    at = 0
    written = False

    async def run(self) -> None:
        link = await self.server.make_link()
        await self.server.start()
        ada, bo = self.clients[ADA], self.clients[BO]
        hurt = self.clients[self.victim]
        hurt.disk.crash_in, hurt.disk.crash_written = self.at, self.written
        await self._live(ada, lambda: ada.found(link), enters=True)
        await self._do_as(ada, self._invited)
        await self._live(bo, lambda: bo.join(bo.invite), enters=True)
        await self._do_as(ada, self._created)
        await self._do_as(ada, lambda _: self._granted(ada))
        await self._do_as(bo, self._in_the_unit)
        await self._do_as(bo, lambda _: self._said(bo, TEXTS[0]))
        await self._do_as(ada, lambda _: self._said(ada, TEXTS[1]))
        await self._do_as(ada, lambda _: self._revoked(ada))
        await self._do_as(ada, lambda _: self._said(ada, TEXTS[2]))
        await self._do_as(ada, lambda _: self._granted(ada))
        await self._do_as(bo, self._in_the_unit)
        await self._do_as(bo, lambda _: self._said(bo, TEXTS[3]))
        await self._do_as(ada, self._restarted)
        await self._do_as(bo, self._in_the_unit)
        await self._do_as(bo, lambda _: self._said(bo, TEXTS[4]))
        for client in (ada, bo, ada):
            await self._do_as(client, self._synced)
        if self.violation is not None:
            raise self.violation
        sessions = {c.name: c.session for c in (ada, bo) if c.session is not None}
        await self.oracles.judge(self.server.disk, sessions)
        self._check_end(ada)

    def _check_end(self, ada: Client) -> None:
        found = sorted(self.oracles.found, key=lambda text: self.oracles.found[text])
        if [text.decode() for text in found] != TEXTS:
            raise ViolationError(f"another end than without a crash: {found}")
        members = [str(m.person) for m in self._unit(ada).members() if m.is_in]
        if sorted(members) != ["Ada", "Bo"]:
            raise ViolationError(f"another unit than without a crash: {members}")

    # -------------------------------------------------------------- the steps, each to be repeated

    async def _invited(self, ada: Client) -> None:
        assert ada.workspace is not None
        self.clients[BO].invite = (await ada.workspace.invite()).link

    async def _created(self, ada: Client) -> None:
        assert ada.workspace is not None
        await ada.workspace.sync()
        if not ada.workspace.units():
            await ada.workspace.create_unit("unit 1", cipher_suite=1)

    def _unit(self, client: Client) -> Unit:
        assert client.workspace is not None
        return client.workspace.unit("unit 1")

    async def _granted(self, ada: Client) -> None:
        assert ada.workspace is not None
        await ada.workspace.sync()
        await self._unit(ada).grant(ada.workspace.person("Bo"))

    async def _revoked(self, ada: Client) -> None:
        assert ada.workspace is not None
        await ada.workspace.sync()
        await self._unit(ada).revoke(ada.workspace.person("Bo"))

    async def _restarted(self, ada: Client) -> None:
        assert ada.workspace is not None
        await ada.workspace.sync()
        if not self._unit(ada).generation:
            await self._unit(ada).restart()
        await self._granted(ada)  # nobody is online whom the server could ask to let him in

    async def _in_the_unit(self, bo: Client) -> None:
        assert bo.workspace is not None
        for _ in range(TRIES):
            await bo.workspace.sync()
            if bo.workspace.units() and self._unit(bo).is_member:
                return
            await asyncio.sleep(1)
        raise ViolationError("Bo is not let in")

    async def _said(self, client: Client, text: str) -> None:
        assert client.workspace is not None
        await client.workspace.sync()
        if text.encode() not in self.oracles.found:
            await self._unit(client).send(text)

    async def _synced(self, client: Client) -> None:
        assert client.workspace is not None
        await client.workspace.sync()

    # -------------------------------------------------------------- crash, and come again

    async def _do_as(self, client: Client, act: Callable[[Client], Awaitable[None]]) -> None:
        await self._live(client, lambda: act(client))

    async def _live(
        self, client: Client, act: Callable[[], Awaitable[object]], *, enters: bool = False
    ) -> None:
        """Do it; whoever crashes comes up again from the disk and does it again.

        `enters`: it is to found or to join, with which a profile that is there goes on by itself.
        """
        for _ in range(TRIES):
            life = client.disk.life
            if client.session is None and client.is_in:
                with contextlib.suppress(UsageError, ProfileMissingError):
                    await self._as(client, client.start)
                if life == client.disk.life and not _runs(client):
                    client.disk.wipe()  # never finished: as its remedy says
            if client.session is not None and enters:
                if await self._as(client, client.sync):
                    return
            elif await self._as(client, act):
                return
        raise ViolationError("it does not come to an end")

    async def _as(self, client: Client, act: Callable[[], Awaitable[object]]) -> bool:
        """Run something on a machine; return whether it came to its end there."""
        life = client.disk.life
        task = start_as(client.owner, _awaited(act))
        await asyncio.wait([task])
        self.observe()
        if life != client.disk.life:
            if not task.cancelled():
                task.exception()
            return False
        if task.cancelled():
            raise ViolationError("cancelled without a crash")
        error = task.exception()
        if isinstance(error, UsageError | ProfileMissingError) and client.session is None:
            raise error
        if isinstance(error, MifengError | AssertionError):
            raise ViolationError(f"{client.name}: {error!r}") from error
        if error is not None:
            raise error
        return True


def _runs(client: Client) -> bool:
    return client.session is not None


async def _awaited(act: Callable[[], Awaitable[object]]) -> object:
    return await act()


def crash_at(victim: int, at: int, *, written: bool, seed: int = 1) -> tuple[World, int]:
    """Play the story with one crash (`at` 0: none); return the world, and the victim's writes."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    loop = SimLoop(random.Random(f"steps {seed}"))
    ClientSocket.made = 0
    with tempfile.TemporaryDirectory() as folder:
        story = Story(seed, 0, loop, Path(folder))
        story.victim, story.at, story.written = victim, at, written
        with simulated(story):
            main = loop.create_task(story.run())
            try:
                loop.run_until_complete(main)
            except (ViolationError, MifengError, AssertionError) as err:
                story.violation = story.violation or err
            finally:
                for task in asyncio.all_tasks(loop):
                    task.cancel()
                with contextlib.suppress(Exception):
                    loop.run_until_complete(asyncio.sleep(0.1))
                loop.close()
    return story, story.clients[victim].disk.writes


def count_steps(victim: int) -> int:
    """Return how many durable steps a victim takes without a crash."""
    story, writes = crash_at(victim, 0, written=False)
    if story.violation is not None:
        raise story.violation
    return writes


def crash_everywhere(*, every: int = 1, seed: int = 1) -> Stepped:
    """Crash at each (or each n-th) durable step of each, before and after the write.

    Raises:
        ViolationError: something does not hold; it says where.
    """
    runs, steps = 0, dict[str, int]()
    for victim, name in ((ADA, "Ada"), (BO, "Bo")):
        steps[name] = count_steps(victim)
        for at in range(1, steps[name] + 1, every):
            for written in (False, True):
                story, _ = crash_at(victim, at, written=written, seed=seed)
                runs += 1
                if story.violation is not None:
                    where = f"{name} at step {at}, {'after' if written else 'before'} the write"
                    raise ViolationError(f"{where}: {story.violation}") from story.violation
    return Stepped(runs, steps)
