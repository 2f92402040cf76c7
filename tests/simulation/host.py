"""The machines: a server and clients that crash and start again from what was durable."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

from mifeng.home import Home
from mifeng.keychain import Cost, Passphrase
from mifeng.sdk.workspace import Workspace
from mifeng.session import Session, enrolment
from mifeng_crypto.errors import TransportError
from mifeng_crypto.ids import PROTOCOL_VERSION, UnixMillis
from mifeng_crypto.links import FoundLink, format_link
from mifeng_crypto.secret import Secret
from mifeng_server.app import make_app
from mifeng_server.domain.house import Doors
from mifeng_server.domain.memory import MemoryBlobs, MemoryShares, MemoryStore
from mifeng_server.domain.workspace import make_founding_token
from mifeng_server.notary import KeyNotary
from mifeng_server.opening import Ground
from tests.simulation.disk import Disk, SimStore
from tests.simulation.loop import SimLoop, start_as, tasks_of
from tests.simulation.network import Line
from tests.support.rng import SeededRng

__all__ = ["Client", "OwnedRng", "Server", "SimClock"]

ADDRESS = "http://127.0.0.1:1"
START_MS = 1_800_000_000_000
SOURCE = Passphrase("simulated", Cost(8, 1, 1), Cost(8, 1, 1))


class SimClock:
    """The wall clock of one machine: the loop's time and an error of its own."""

    def __init__(self, loop: SimLoop) -> None:
        self.loop = loop
        self.error_ms = 0

    def now(self) -> UnixMillis:
        return UnixMillis(START_MS + int(self.loop.time() * 1000) + self.error_ms)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Server:
    """The real server on a simulated store."""

    def __init__(self, loop: SimLoop, chance: random.Random, seed: str) -> None:
        self.chance = chance
        self.clock = SimClock(loop)
        self.rng = SeededRng(f"{seed} server")
        self.checkpoint_key = Secret(self.rng(32))
        self.disk = MemoryStore()
        self.blobs, self.shares = MemoryBlobs(), MemoryShares()
        self.lines: list[Line] = []
        self.store: SimStore | None = None
        self.app: web.Application | None = None

    async def make_link(self) -> str:
        """Initialise the server; return the founding link."""
        token = await make_founding_token(self.disk, rng=self.rng)
        link = FoundLink(version=PROTOCOL_VERSION, addresses=(ADDRESS,), tls_pin=None, token=token)
        return format_link(link)

    async def start(self) -> None:
        """Come up from what is durable."""
        self.store = SimStore(self.disk, self.chance, self.power_fails)
        self.app = make_app(
            Doors((ADDRESS,), None),
            Ground(
                store=self.store,
                blobs=self.blobs,
                shares=self.shares,
                bus=None,
                node=b"",
            ),
            notary=KeyNotary(self.checkpoint_key),
            clock=self.clock,
            rng=self.rng,
        )
        self.app.freeze()
        await start_as("server", self.app.startup())
        for line in self.lines:
            line.server = self._serve

    def _serve(self, request: web.Request) -> asyncio.Task[web.StreamResponse]:
        assert self.app is not None, "a line leads to a server that runs"
        return start_as("server", self.app._handle(request))

    def power_fails(self) -> None:
        """Stop at once, in the midst of whatever it is."""
        if self.store is not None:
            self.store.is_on = False
        self.app = None
        for line in self.lines:
            line.server = None
            line.drop()
        for task in tasks_of("server"):
            task.cancel()

    @property
    def is_on(self) -> bool:
        return self.app is not None


class Client:
    """One person's device. It has a profile (`is_in`) or none, and runs or does not."""

    def __init__(  # noqa: PLR0917 - a machine has that many parts
        self, name: str, loop: SimLoop, chance: random.Random, line: Line, folder: Path, seed: str
    ) -> None:
        self.name = name
        self.chance = chance
        self.line = line
        self.folder = folder
        self.seed = seed
        self.clock = SimClock(loop)
        self.disk = Disk(chance, self.power_fails)
        self.lives = 0
        self.session: Session | None = None
        self.invite = ""

    @property
    def owner(self) -> str:
        return f"{self.name} {self.disk.life}"

    @property
    def is_in(self) -> bool:
        """Whether there is a profile."""
        return self.disk.header is not None

    @property
    def workspace(self) -> Workspace | None:
        return Workspace(self.session) if self.session is not None else None

    def _rng(self) -> SeededRng:
        self.lives += 1
        return OwnedRng(self.line, f"{self.seed} {self.name} {self.lives}")

    def power_fails(self) -> None:
        """Stop at once: nothing more is written or sent."""
        owner = self.owner
        self.disk.life += 1
        self.disk.crash_in = 0
        self.session = None
        self.line.drop()
        for task in tasks_of(owner):
            task.cancel()

    def forget(self) -> None:
        """Delete the profile: it was removed, or never came to be."""
        self.power_fails()
        self.disk.wipe()

    async def found(self, link: str) -> None:
        """Found the workspace."""
        await self._enter(enrolment.found, link)

    async def join(self, link: str) -> None:
        """Join by an invite."""
        await self._enter(enrolment.join, link)

    async def _enter(self, enter: Callable[..., Awaitable[Session]], link: str) -> None:
        life = self.disk.life
        try:
            session = await enter(
                self.folder,
                SOURCE,
                link,
                name=self.name,
                title="",
                device_name=self.name,
                keep=None,
                now=self.clock.now,
                rng=self._rng(),
            )
        except TransportError:
            raise
        except Exception:
            if life == self.disk.life:
                self.disk.wipe()
            raise
        self._up(session, life)

    async def start(self) -> None:
        """Open the profile as it was left."""
        life = self.disk.life
        rng = self._rng()
        home = await Home.open(self.folder, SOURCE, rng=rng)
        self._up(await Session.load(home, now=self.clock.now, rng=rng), life)

    def _up(self, session: Session, life: int) -> None:
        if life == self.disk.life:
            self.session = session

    async def sync(self) -> None:
        """Catch up, and send what waits."""
        assert self.session is not None, "it runs"
        await Workspace(self.session).sync()


class OwnedRng(SeededRng):
    """Randomness that says by which line its owner speaks: the wire finds it by that."""

    def __init__(self, line: Line, seed: str) -> None:
        super().__init__(seed)
        self.line = line
