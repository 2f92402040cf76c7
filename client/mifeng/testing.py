"""A company for the tests of what you build: real keys, the real server, a clock that you move.

    async with mifeng.testing.company("Ada", "Ben") as c:
        await c.unit("Ada").send("hello")
        await c.sync()
        assert [m.text for m in await c.unit("Ben").history()] == ["hello"]

The server's own code runs in this process, on its memory store, over a loopback socket; profiles
lie in a temporary folder, with a passphrase that is cheap to check. It needs `mifeng[server]`.
Nothing is left when it ends, and nothing of it is fit for real secrets.
"""

from __future__ import annotations

import asyncio
import os
import socket
import tempfile
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from aiohttp import web

from mifeng.keychain import Cost, Passphrase
from mifeng.sdk import Unit, Workspace
from mifeng.session import Session, enrolment
from mifeng_crypto.ids import PROTOCOL_VERSION, UnixMillis
from mifeng_crypto.ledger.roster_entry import MemberKind
from mifeng_crypto.links import FoundLink, format_link
from mifeng_crypto.secret import Secret
from mifeng_server.app import make_app
from mifeng_server.domain.house import Doors
from mifeng_server.domain.memory import MemoryBlobs, MemoryShares, MemoryStore
from mifeng_server.domain.workspace import make_founding_token
from mifeng_server.notary import KeyNotary
from mifeng_server.opening import Ground

__all__ = ["Clock", "Company", "company"]

CHEAP = Cost(8, 1, 1)
PASSPHRASE = Passphrase("for tests only", cost=CHEAP, floor=CHEAP)
START = 1_800_000_000_000
"""A moment in 2027."""
UNIT = "Research"


class Clock:
    """The time of the server and of every device; it stands still until somebody moves it."""

    def __init__(self, now: int = START) -> None:
        self._now = now
        self._moved = asyncio.Event()

    def now(self) -> UnixMillis:
        """Unix milliseconds."""
        return UnixMillis(self._now)

    def advance(self, *, hours: float = 0, seconds: float = 0) -> None:
        """Let time pass. What is due on the server is done by the server's own tasks."""
        self._now += int((hours * 3600 + seconds) * 1000)
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    async def sleep(self, seconds: float) -> None:
        """Wait until so much time was let pass."""
        until = self._now + seconds * 1000
        while self._now < until:
            await self._moved.wait()


@dataclass
class Company:
    """People on their devices, all in one unit, which the first of them has opened.

    Attributes:
        clock: everybody's.
        people: the open profile of each, by name.
    """

    clock: Clock
    people: dict[str, Workspace] = field(default_factory=dict)
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack, repr=False)
    _folder: Path = field(default_factory=Path, repr=False)

    def __getitem__(self, name: str) -> Workspace:
        return self.people[name]

    def unit(self, name: str, title: str = UNIT) -> Unit:
        """Return a unit as somebody's device has it."""
        return self.people[name].unit(title)

    async def sync(self) -> None:
        """Let everybody catch up."""
        for me in self.people.values():
            await me.sync()

    async def add(self, name: str, *, kind: str = "person") -> Workspace:
        """Let one more in, `person` or `bot`, and into the unit."""
        owner = next(iter(self.people.values()))
        session = await enrolment.join(
            self._folder / str(len(self.people)),
            PASSPHRASE,
            (await owner.invite()).link,
            name=name,
            title="",
            device_name=name,
            keep=None,
            kind=MemberKind[kind.upper()],
            now=self.clock.now,
            rng=os.urandom,
        )
        me = await self.keep(name, session)
        await owner.sync()
        await owner.unit(UNIT).grant(me.me)
        await self.sync()
        return me

    async def keep(self, name: str, session: Session) -> Workspace:
        """Take somebody's open profile in; it is closed with the company."""
        self._stack.push_async_callback(session.close)
        self.people[name] = Workspace(session)
        return self.people[name]


@asynccontextmanager
async def company(*names: str, bots: Sequence[str] = ()) -> AsyncGenerator[Company, None]:
    """Found a company while this is entered.

    Args:
        names: its people; the first is the owner and has opened the unit "Research".
        bots: more members, of kind bot.

    Raises:
        ValueError: nobody, or a name twice.
    """
    everybody = [*names, *bots]
    if not names or len(set(everybody)) < len(everybody):
        raise ValueError("a company has one person at least, each with a name of their own")
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mifeng-test-")))
        made = Company(Clock(), _stack=stack, _folder=folder)
        if not structlog.is_configured():  # the server's requests are not what a test is about
            structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
            stack.callback(structlog.reset_defaults)
        link = await _server(stack, made.clock)
        session = await enrolment.found(
            folder / "0",
            PASSPHRASE,
            link,
            name=names[0],
            title="",
            device_name=names[0],
            keep=None,
            now=made.clock.now,
            rng=os.urandom,
        )
        owner = await made.keep(names[0], session)
        await owner.create_unit(UNIT)
        for name in names[1:]:
            await made.add(name)
        for name in bots:
            await made.add(name, kind="bot")
        yield made


async def _server(stack: AsyncExitStack, clock: Clock) -> str:
    """Start a server on memory; return its founding link."""
    store, listening = MemoryStore(), socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.bind(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    app = make_app(
        Doors((address,), None),
        Ground(
            store=store,
            blobs=MemoryBlobs(),
            shares=MemoryShares(),
            bus=None,
            node=b"",
        ),
        notary=KeyNotary(Secret(os.urandom(32))),
        clock=clock,
        rng=os.urandom,
    )
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.SockSite(runner, listening).start()
    token = await make_founding_token(store, rng=os.urandom)
    return format_link(
        FoundLink(version=PROTOCOL_VERSION, addresses=(address,), tls_pin=None, token=token)
    )
