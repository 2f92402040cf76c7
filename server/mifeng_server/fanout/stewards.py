"""Who is asked to commit what the ledgers want, and who next if nothing comes of it (protocol.md,
"Stewards"). One device of a unit at a time, so that they do not race; chance chooses.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import structlog

from mifeng_crypto.api.messages import Push
from mifeng_crypto.errors import StorageError
from mifeng_crypto.log import EntryKind
from mifeng_server.domain.events import Event, KeyPackagesCame, LogGrew
from mifeng_server.domain.house import House
from mifeng_server.domain.leases import take
from mifeng_server.domain.protocols import Clock
from mifeng_server.domain.rows import GrantRow
from mifeng_server.domain.stewardship import find_stewards, needs_care
from mifeng_server.domain.unit import ALL
from mifeng_server.fanout.feed import Feed
from mifeng_server.fanout.hub import Hub

__all__ = ["GATHER_S", "PATIENCE_S", "Stewards"]

GATHER_S = 0.2
"""What changes within this time becomes one commit."""
PATIENCE_S = 10
"""How long a steward has before another one is asked; doubled whenever all have been asked."""
LONGEST_PATIENCE_S = 600
LOOK_EVERY_S = 60
"""How often the age of keys is looked at."""

log = structlog.get_logger("stewards")


@dataclass(slots=True)
class _Tended:
    """A unit that is being looked after.

    Attributes:
        news: something has happened since the unit was last looked at.
        committed: a commit has come since a steward was asked.
    """

    news: asyncio.Event = field(default_factory=asyncio.Event)
    committed: asyncio.Event = field(default_factory=asyncio.Event)


class Stewards:
    """Hears of what has become durable, and hands it on to the hub. `run` it beside the server."""

    def __init__(self, hub: Hub, clock: Clock) -> None:
        self._hub = hub
        self._clock = clock
        self._tended: dict[bytes, _Tended] = {}
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue()
        self._came: asyncio.Queue[bytes] = asyncio.Queue()

    def __call__(self, event: Event, /) -> None:
        self._hub(event)
        match event:
            case LogGrew(kind=EntryKind.HEADS | EntryKind.COMMIT | EntryKind.READD):
                tended = self._tended.get(event.unit_id)
                if tended is not None and event.kind is EntryKind.COMMIT:
                    tended.committed.set()
                self.look(event.unit_id)
            case KeyPackagesCame():
                self._came.put_nowait(event.member_id)
            case _:
                pass

    def look(self, unit_id: bytes) -> None:
        """Look at a unit soon: its ledgers or tree have changed, or somebody is online now."""
        tended = self._tended.get(unit_id)
        if tended is None:
            self._tended[unit_id] = _Tended()
            self._waiting.put_nowait(unit_id)
        else:
            tended.news.set()

    async def run(self, house: House) -> None:
        """Look after all units, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._look_at_keys(house))
            tasks.create_task(self._look_at_newcomers(house))
            while True:
                tasks.create_task(self._tend(house, await self._waiting.get()))

    async def _look_at_keys(self, house: House) -> None:
        while True:
            await self._clock.sleep(LOOK_EVERY_S)
            roster = await house.roster()
            for unit_id in self._hub.followed():
                unit = house.unit_in_use(unit_id)
                if roster and unit and needs_care(unit, roster, now=self._clock.now()):
                    self.look(unit_id)

    async def _look_at_newcomers(self, house: House) -> None:
        """Whoever had no KeyPackages and has some now can be let in."""
        while True:
            member_id = await self._came.get()
            try:
                grants = await house.store.find(
                    GrantRow, order="unit_id", limit=ALL, member_id=member_id
                )
            except StorageError as err:
                log.error("a newcomer has to wait", reason=str(err))  # noqa: TRY400
                continue
            for grant in grants:
                self.look(grant.unit_id)

    async def _tend(self, house: House, unit_id: bytes) -> None:
        """Ask one device after the other until ledgers and tree agree, or nobody is online."""
        tended = self._tended[unit_id]
        try:
            await self._clock.sleep(GATHER_S)
            await self._ask_around(house, unit_id, tended)
        except StorageError as err:
            log.error("a unit waits for its steward", reason=str(err))  # noqa: TRY400
        except Exception:  # a fault in one unit must not leave the others without stewards
            log.exception("a unit has no steward until something happens in it")
        finally:
            del self._tended[unit_id]

    async def _ask_around(self, house: House, unit_id: bytes, tended: _Tended) -> None:
        asked, patience = set[bytes](), PATIENCE_S
        while True:
            tended.news.clear()
            able = await find_stewards(house, unit_id, now=self._clock.now())
            online = [f for f in self._hub.followers(unit_id) if f.device_id in able]
            if not online:
                if tended.news.is_set():
                    continue
                return
            now, for_ms = self._clock.now(), int(patience * 1000)
            others_ms = await take(house, b"steward" + unit_id, now=now, for_ms=for_ms)
            if others_ms:  # another node has asked one of its own
                await self._within(others_ms / 1000, tended.news)
                continue
            left = [feed for feed in online if feed.device_id not in asked]
            if not left:
                asked.clear()
                left, patience = online, min(2 * patience, LONGEST_PATIENCE_S)
            steward = self._choose(house, left)
            asked.add(steward.device_id)
            tended.committed.clear()
            steward.hint(Push(kind="steward", unit_id=unit_id))
            if await self._within(patience, tended.committed):
                asked.clear()
                patience = PATIENCE_S
                await self._clock.sleep(GATHER_S)

    def _choose(self, house: House, feeds: list[Feed]) -> Feed:
        feeds = sorted(feeds, key=lambda feed: feed.device_id)
        return feeds[int.from_bytes(house.rng(8), "big") % len(feeds)]

    async def _within(self, seconds: float, event: asyncio.Event) -> bool:
        waits = [
            asyncio.ensure_future(event.wait()),
            asyncio.ensure_future(self._clock.sleep(seconds)),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return event.is_set()
