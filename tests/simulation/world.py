"""Five people, one server, and what happens to them in a seed's order."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import random
import warnings
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

from aiohttp import web

from mifeng import home as homes
from mifeng.core import key_packages
from mifeng.errors import AccessEndedError, InviteSpentError, ServerProblem
from mifeng.net import Api
from mifeng.sdk.unit import Unit
from mifeng.sdk.values import Person
from mifeng_crypto.api.problems import ProblemCode
from mifeng_crypto.errors import (
    MifengError,
    ProtocolError,
    StorageError,
    TransportError,
    UsageError,
)
from mifeng_crypto.suite import Suite
from mifeng_server.fanout.feed import Feed
from tests.simulation.disk import NoLock, NoVault, SimDatabase
from tests.simulation.host import Client, OwnedRng, Server
from tests.simulation.loop import SimLoop, StuckError, start_as, tasks_of
from tests.simulation.network import ClientSocket, Line, ServerSocket, SimHttp
from tests.simulation.oracles import Oracles, ViolationError

__all__ = ["NAMES", "World", "play", "simulated"]

NAMES = ("Ada", "Bo", "Chen", "Dai", "Eve")
MOST_UNITS = 3
MOST_AWAY_S = 60 * 3600
"""Time leaps no further in sum: nothing expires."""
ORDINARY = frozenset(
    {
        ProblemCode.UNAUTHENTICATED,
        ProblemCode.FORBIDDEN,
        ProblemCode.NOT_FOUND,
        ProblemCode.CLOCK,
        ProblemCode.ALREADY_FOUNDED,
    }
)


class World:
    """One run of one seed."""

    def __init__(self, seed: int, steps: int, loop: SimLoop, folder: Path) -> None:
        self.loop, self.steps = loop, steps
        self.chance = random.Random(f"what happens {seed}")
        self.oracles = Oracles()
        self.trace = hashlib.sha256()
        self.lines: list[str] = []
        self.server = Server(loop, self._dice("server"), str(seed))
        self.suite = self.chance.choice((0x0001, 0x0003, 0xF002))
        self.clients = [self._client(name, seed, folder) for name in NAMES]
        self.by_line = {client.line: client for client in self.clients}
        self.disks = {client.folder: client.disk for client in self.clients}
        self.numbers = itertools.count(1)
        self.away_s = 0.0
        self.violation: BaseException | None = None
        self.counts: dict[str, int] = {}

    def _dice(self, name: str) -> random.Random:
        return random.Random(self.chance.random())

    def _client(self, name: str, seed: int, folder: Path) -> Client:
        line = Line(self._dice(name), lambda what: self.note(f"{name}: {what}"))
        client = Client(name, self.loop, self._dice(name), line, folder / name, str(seed))
        client.disk.watch = lambda changes: self.guard(
            lambda: self.oracles.durable(client.name, changes)
        )
        self.server.lines.append(line)
        return client

    # -------------------------------------------------------------- what is written down

    def note(self, what: str) -> None:
        """Write down what happens; the trace of a seed is the same in every run."""
        line = f"{self.loop.time():12.4f} {what}"
        self.lines.append(line)
        self.trace.update(line.encode() + b"\n")

    def guard(self, look: Callable[[], None]) -> None:
        """Look; the first violation ends the run, wherever it is noticed."""
        try:
            look()
        except ViolationError as err:
            self.violation = self.violation or err

    def observe(self) -> None:
        """Hold against the oracles what everybody knows now."""
        for client in self.clients:
            self.look_at(client)
        if self.loop.failures and self.violation is None:
            self.violation = ViolationError(self.loop.failures[0])

    def look_at(self, client: Client) -> None:
        """The same for one of them."""
        session = client.session
        if session is not None:
            self.guard(lambda: self.oracles.observe(client.name, session))

    # -------------------------------------------------------------- the run

    async def run(self) -> None:
        """Play all steps, make peace, and judge."""
        link = await self.server.make_link()
        await self.server.start()
        await self.clients[0].found(link)
        for client in self.clients[1:4]:
            await self._invite(self.clients[0], client)
            await client.join(client.invite)
        await self._founded()
        for client in self.clients:
            self._go_live(client)
            client.line.trouble = self.chance.choice((0.0, 0.3, 1.0))
        for _ in range(self.steps):
            self._step()
            await asyncio.sleep(self.chance.choice((0.0, 0.05, 0.5, 3.0)))
            self.observe()
            if self.violation is not None:
                raise self.violation
        await self._peace()

    async def _founded(self) -> None:
        """A first unit with three people in it: something to begin with."""
        ada = self.clients[0].workspace
        assert ada is not None, "she has founded"
        await ada.sync()
        unit = await ada.create_unit("unit 1", cipher_suite=self.suite)
        for client in self.clients[1:3]:
            await unit.grant(ada.person(client.name))

    async def _peace(self) -> None:
        self.note("peace")
        for client in self.clients:
            client.line.up, client.line.trouble, client.clock.error_ms = True, 0.0, 0
            client.disk.crash_in = 0
        assert self.server.store is not None, "it was started"
        self.server.store.fails = False
        await asyncio.sleep(200)
        assert self.server.is_on, "it was restarted"
        for _ in range(6):
            for client in self.clients:
                if client.is_in and client.session is None:
                    await self._attempt(client, "start", client.start)
                if client.session is not None:
                    self._go_live(client)
                    await self._attempt(client, "sync", client.sync)
            await asyncio.sleep(100)
            self.observe()
        if self.violation is not None:
            raise self.violation
        sessions = {c.name: c.session for c in self.clients if c.session is not None}
        await self.oracles.judge(self.server.disk, sessions)

    def _go_live(self, client: Client) -> None:
        if client.session is not None:
            live = client.session.live
            start_as(client.owner, _quietly(live.wait))

    # -------------------------------------------------------------- one step

    def _step(self) -> None:  # noqa: C901, PLR0912 - a table of what may happen
        chance = self.chance
        client = chance.choice(self.clients)
        kind = chance.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        if client.session is None and kind not in ("server", "leap"):
            self._wake(client)
            return
        if client.session is not None and client.session.roster is None:
            kind = "sync"
        self.counts[kind] = self.counts.get(kind, 0) + 1
        match kind:
            case "send":
                self._in_a_unit(client, kind, self._send)
            case "grant" | "revoke":
                role = self._grant if kind == "grant" else self._revoke
                self._in_a_unit(client, kind, role)
            case "sync":
                self._do(client, kind, client.sync)
            case "restart":
                self._in_a_unit(client, kind, self._restart_unit)
            case "create":
                self._create(client)
            case "remove":
                self._remove(client)
            case "line":
                self._line(client)
            case "crash":
                self._crash(client)
            case "server":
                self._server()
            case "clock":
                client.clock.error_ms = chance.randint(-120_000, 120_000)
                self.note(f"{client.name}: the clock is off by {client.clock.error_ms}")
            case "leap":
                self._leap()

    def _wake(self, client: Client) -> None:
        busy = bool(tasks_of(client.owner))
        if busy:
            return
        if client.is_in:
            self._do(client, "start", lambda: self._start(client))
        elif client.invite:
            self._do(client, "join", lambda: self._join(client))
        else:
            hosts = [c for c in self.clients if c.session is not None and c is not client]
            if hosts:
                host = self.chance.choice(hosts)
                self._do(host, f"invite {client.name}", lambda: self._invite(host, client))

    async def _start(self, client: Client) -> None:
        try:
            await client.start()
        except UsageError:
            client.disk.wipe()  # never finished: as its remedy says
            return
        await client.sync()
        self._go_live(client)

    async def _join(self, client: Client) -> None:
        await client.join(client.invite)
        client.invite = ""
        self._go_live(client)

    async def _invite(self, host: Client, guest: Client) -> None:
        assert host.workspace is not None, "it runs"
        invitation = await host.workspace.invite()
        guest.invite = invitation.link

    def _in_a_unit(
        self, client: Client, what: str, act: Callable[[Client, Unit], Awaitable[None]]
    ) -> None:
        assert client.workspace is not None, "it runs"
        units = sorted((u for u in client.workspace.units() if u.is_member), key=lambda u: u.title)
        if units:
            unit = self.chance.choice(units)
            self._do(client, f"{what} in {unit.title}", lambda: act(client, unit))

    async def _send(self, client: Client, unit: Unit) -> None:
        assert client.session is not None, "it runs"
        text = f"<message {next(self.numbers)}>"
        place, member_id = (unit.generation, unit.epoch), client.session.profile.member_id
        try:
            message = await unit.send(text)
        except TransportError:
            self.oracles.kept[text.encode()] = unit.id, member_id, place
            raise
        self.note(f"{client.name}: {text} is number {message.sequence} of {unit.title}")
        self.oracles.accepted[text.encode()] = unit.id, message.sequence

    async def _restart_unit(self, client: Client, unit: Unit) -> None:
        number = unit.generation + 1
        await unit.restart()
        self.note(f"{client.name}: {unit.title} goes on in generation {number}")
        self.counts["restarted"] = self.counts.get("restarted", 0) + 1

    def _person(self, client: Client) -> Person:
        assert client.workspace is not None, "it runs"
        people = client.workspace.people()
        return self.chance.choice(people)

    async def _grant(self, client: Client, unit: Unit) -> None:
        await unit.grant(self._person(client))

    async def _revoke(self, client: Client, unit: Unit) -> None:
        await unit.revoke(self._person(client))

    def _create(self, client: Client) -> None:
        assert client.workspace is not None, "it runs"
        made = {unit_id for c in self.clients if c.session for unit_id in c.session.units}
        if len(made) < MOST_UNITS:
            title = f"unit {len(made) + 1}"
            workspace, suite = client.workspace, self.suite
            self._do(
                client, f"create {title}", lambda: workspace.create_unit(title, cipher_suite=suite)
            )

    def _remove(self, client: Client) -> None:
        assert client.workspace is not None, "it runs"
        person = self._person(client)
        workspace = client.workspace
        if person != workspace.me:
            self._do(client, "remove somebody", lambda: workspace.remove(person))

    def _line(self, client: Client) -> None:
        if client.line.up:
            client.line.cut()
            self.loop.call_later(self.chance.uniform(1, 20), self._heal, client)
        client.line.trouble = self.chance.choice((0.0, 0.3, 1.0))
        self.note(f"{client.name}: the line is {'up' if client.line.up else 'cut'}")

    def _heal(self, client: Client) -> None:
        client.line.up = True

    def _crash(self, client: Client) -> None:
        if self.chance.random() < 0.5:
            self.note(f"{client.name}: crashes")
            client.power_fails()
        else:
            client.disk.crash_in = self.chance.randint(1, 4)
            self.note(f"{client.name}: will crash at write {client.disk.crash_in}")

    def _server(self) -> None:
        store = self.server.store
        assert store is not None, "it was started"
        if not self.server.is_on or store.fails:
            return
        if self.chance.random() < 0.5:
            self.note("the server crashes")
            self.server.power_fails()
            start_as("world", self._restart())
        else:
            self.note("the server will crash at its next write")
            store.fails = True
            start_as("world", self._restart())

    async def _restart(self) -> None:
        store = self.server.store
        while self.server.is_on and self.server.store is store:
            await asyncio.sleep(0.1)
        await asyncio.sleep(self.chance.uniform(0.2, 4))
        if not self.server.is_on:
            await self.server.start()
            self.note("the server is up")

    def _leap(self) -> None:
        seconds = self.chance.choice((60, 3600, 3600 * 9, 3600 * 25))
        if self.away_s + seconds <= MOST_AWAY_S:
            self.away_s += seconds
            self.note(f"{seconds} seconds pass")
            self.loop.leap(seconds)

    # -------------------------------------------------------------- what people do

    def _do(self, client: Client, what: str, act: Callable[[], Awaitable[object]]) -> None:
        start_as(client.owner, self._attempt(client, what, act))

    async def _attempt(  # noqa: C901 - a table of how it may end
        self, client: Client, what: str, act: Callable[[], Awaitable[object]]
    ) -> None:
        """Try something; only certain ways to fail are allowed."""
        life = client.disk.life
        self.note(f"{client.name}: {what}")
        try:
            await act()
        except (TransportError, UsageError) as err:
            self.note(f"{client.name}: {what}: {type(err).__name__}")
        except InviteSpentError:
            self.note(f"{client.name}: {what}: the invite is spent")
            client.invite = ""
            client.forget()
        except AccessEndedError:
            self.note(f"{client.name}: {what}: access has ended")
            await self._has_ended(client, life)
        except StorageError:
            if life == client.disk.life:
                raise
        except ServerProblem as err:
            self.note(f"{client.name}: {what}: {err.code}")
            if err.code not in ORDINARY:
                self._fail(client, what, err)
        except ProtocolError as err:
            self.note(f"{client.name}: {what}: {err.rule}")
            if not err.rule.startswith(("ROSTER-", "CHARTER-", "LEDGER-7")):
                self._fail(client, what, err)
        except Exception as err:  # noqa: BLE001 - whatever it is, it is a finding
            if life == client.disk.life:
                self._fail(client, what, err)
        else:
            self.note(f"{client.name}: {what}: done")

    def _fail(self, client: Client, what: str, err: Exception) -> None:
        violation = ViolationError(f"{client.name}: {what}: {err!r}")
        violation.__cause__ = err
        self.violation = self.violation or violation

    async def _has_ended(self, client: Client, life: int) -> None:
        """Whoever is unknown to the server deletes the profile, to be invited again."""
        session = client.session
        if session is None or life != client.disk.life:
            return
        try:
            await session.fetch_roster()
        except ServerProblem as err:
            if err.code is ProblemCode.UNAUTHENTICATED and life == client.disk.life:
                self.note(f"{client.name}: is out")
                client.forget()
        except TransportError:
            pass


WEIGHTS = {
    "send": 40,
    "sync": 8,
    "grant": 14,
    "revoke": 6,
    "restart": 3,
    "create": 6,
    "remove": 2,
    "line": 8,
    "crash": 6,
    "server": 4,
    "clock": 2,
    "leap": 2,
}


async def _quietly(act: Callable[[], Awaitable[object]]) -> None:
    # Begun in here: a machine that crashes before its task has run leaves nothing unawaited.
    with contextlib.suppress(Exception):
        await act()


@contextlib.contextmanager
def simulated(world: World) -> Iterator[None]:
    """Put disks and wires in the place of the real ones."""
    seal = Suite.aead_seal

    def sealing(self: Suite, key: bytes, nonce: bytes, aad: bytes, plaintext: bytes) -> bytes:
        world.guard(lambda: world.oracles.sealed(key, nonce, aad, plaintext))
        return seal(self, key, nonce, aad, plaintext)

    def http(api: Api) -> SimHttp:
        assert isinstance(api.rng, OwnedRng), "clients are made in host.py"
        world.look_at(world.by_line[api.rng.line])
        return SimHttp(api.rng.line)

    database = SimpleNamespace(
        create=lambda path: SimDatabase.make(world.disks[path.parent]),
        open=lambda path: SimDatabase.open(world.disks[path.parent]),
    )
    stock = dict.fromkeys(key_packages.STOCK, 2) | {world.suite: 6}
    with (
        warnings.catch_warnings(action="ignore", category=web.NotAppKeyWarning),
        patch.object(homes, "Database", database),
        patch.object(homes, "ProfileLock", NoLock),
        patch.object(homes, "Vault", NoVault),
        patch.object(Api, "_session", http),
        patch.object(web, "WebSocketResponse", ServerSocket),
        patch.object(Suite, "aead_seal", sealing),
        patch.object(Feed, "__hash__", lambda feed: hash(feed.device_id)),
        patch.dict(key_packages.STOCK, stock, clear=True),
    ):
        yield


def play(seed: int, *, steps: int, folder: Path) -> World:
    """Play a seed; `World.violation` says what was found.

    Args:
        seed: decides everything.
        steps: how many.
        folder: an empty one, in which nothing of weight is written.
    """
    loop = SimLoop(random.Random(f"who comes next {seed}"))
    ClientSocket.made = 0
    world = World(seed, steps, loop, folder)
    with simulated(world):
        main = loop.create_task(world.run())
        try:
            loop.run_until_complete(main)
        except ViolationError as err:
            world.violation = err
        except (StuckError, AssertionError, MifengError) as err:
            world.violation = world.violation or err
        finally:
            for task in asyncio.all_tasks(loop):
                task.cancel()
            with contextlib.suppress(Exception):
                loop.run_until_complete(asyncio.sleep(0.1))
            loop.close()
    return world
