"""Between nodes: what has become durable here is told to the others, and what they tell is checked.

A hint says that there is something, never what: a node reads it in the store. Whether hints come or
not, each node looks for itself every few seconds at what its sockets follow.
"""

from __future__ import annotations

import asyncio

import msgspec
import structlog

from mifeng_crypto.errors import MifengError, StorageError
from mifeng_crypto.log import LogEntry
from mifeng_crypto.tls import decode
from mifeng_server.domain import events
from mifeng_server.domain.events import (
    CharterGrew,
    DevicesRemoved,
    DeviceStarted,
    DirectoryChanged,
    Event,
    LogGrew,
    RosterGrew,
)
from mifeng_server.domain.house import House
from mifeng_server.domain.protocols import Bus, Clock, Hints, Notify
from mifeng_server.domain.rows import UnitRow
from mifeng_server.domain.unit_read import read_entries
from mifeng_server.fanout.hub import Hub

__all__ = ["Relay"]

LOOK_EVERY_S = 5
PAGE = 64
RECENT = 256
MOST_BYTES = 4_000
KINDS = {
    kind.__name__: kind
    for kind in vars(events).values()
    if isinstance(kind, type) and hasattr(kind, "__dataclass_fields__")
}
SPENT = "spent"

log = structlog.get_logger("relay")


class Relay:
    """`Notify` of a node among others. `run` it beside the server."""

    def __init__(self, bus: Bus, hub: Hub, clock: Clock, onward: Notify) -> None:
        self._bus = bus
        self._hub = hub
        self._clock = clock
        self._onward = onward
        self._house: House | None = None
        self._due: dict[bytes, None] = {}
        self._charters: dict[bytes, None] = {}
        self._look_at_all = False
        self._woken = asyncio.Event()

    def __call__(self, event: Event, /) -> None:
        """Take note of what has become durable here."""
        self._bus.publish(_hint(event))
        if isinstance(event, LogGrew) and self._has_gap(event):
            # Another node has written in between: all of it is read, in its order.
            self._due[event.unit_id] = None
            self._woken.set()
        else:
            self._onward(event)

    def _has_gap(self, event: LogGrew) -> bool:
        channel = self._hub.channel(event.unit_id)
        return channel is not None and channel.head > 0 and event.sequence > channel.head + 1

    async def run(self, house: House) -> None:
        """Tell and listen, until cancelled."""
        self._house = house
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._bus.run(self._take))
            tasks.create_task(self._read_for_ever(house))
            tasks.create_task(self._tell_what_was_spent(house))

    # -------------------------------------------------------------- hearing

    def _take(self, hints: Hints) -> None:
        if hints is None:
            self._look_at_all = True
            if self._house is not None:
                self._house.forget_tokens()
        for hint in hints or ():
            try:
                self._heard(hint)
            except (ValueError, TypeError, msgspec.MsgspecError):
                log.warning("a hint of another version was passed over")
                self._look_at_all = True
        self._woken.set()

    def _heard(self, hint: bytes) -> None:
        name, said = msgspec.msgpack.decode(hint, type=tuple[str, msgspec.Raw])
        if name == SPENT:
            self._spend(said)
        elif name == "LogGrew":
            self._due[msgspec.msgpack.decode(said, type=bytes)] = None
        elif name == "CharterGrew":
            self._charters[msgspec.msgpack.decode(said, type=bytes)] = None
        elif name == "DevicesRemoved" or name not in KINDS:
            self._look_at_all = True  # who is out is asked of the roster
        else:
            event: Event = msgspec.msgpack.decode(said, type=KINDS[name])
            if isinstance(event, DeviceStarted) and self._house is not None:
                self._house.forget_tokens(event.device_id)
            self._onward(event)

    def _spend(self, said: bytes | msgspec.Raw) -> None:
        assert self._house is not None, "it runs"
        by, spent = msgspec.msgpack.decode(said, type=tuple[str, dict[bytes, int]])
        buckets = self._house.limiter.buckets.get(by)
        if buckets is not None:
            for key, n in spent.items():
                buckets.taken_elsewhere(key, self._clock.now(), n)

    async def _read_for_ever(self, house: House) -> None:
        asyncio.get_running_loop().call_later(LOOK_EVERY_S, self._look_again)
        while True:
            await self._woken.wait()
            self._woken.clear()
            try:
                if self._look_at_all:
                    self._look_at_all = False
                    await self._look(house)
                while self._charters:
                    await self._read_charter(house, next(iter(self._charters)))
                while self._due:
                    await self._read_log(house, next(iter(self._due)))
            except StorageError as err:
                log.warning("other nodes' entries come late", reason=str(err))
                await asyncio.sleep(1)
                self._look_at_all = True
                self._woken.set()
            except MifengError:
                log.exception("what another node wrote cannot be read")

    def _look_again(self) -> None:
        self._look_at_all = True
        self._woken.set()
        asyncio.get_running_loop().call_later(LOOK_EVERY_S, self._look_again)

    async def _look(self, house: House) -> None:
        """Find out all that hints would have said about what is followed here."""
        before = await house.roster()
        roster = await house.freshen()
        if roster is not before:
            self._onward(RosterGrew())
            self._onward(DirectoryChanged())
        if roster is not None:
            gone = {d for d in self._hub.device_ids() if roster.device(d) is None}  # type: ignore[arg-type]
            if gone:
                self._onward(DevicesRemoved(frozenset(gone)))
        for unit_id in self._hub.followed():
            channel = self._hub.channel(unit_id)
            row = await house.store.get(UnitRow, unit_id)
            if row is not None and channel is not None and row.log_sequence > channel.head:
                known = house.unit_in_use(unit_id)
                if known is None or row.heads != known.row.heads:
                    self._charters[unit_id] = None
                self._due[unit_id] = None

    async def _read_charter(self, house: House, unit_id: bytes) -> None:
        self._charters.pop(unit_id, None)
        if not self._hub.followers(unit_id):
            return
        unit = await house.unit(unit_id)
        if unit is not None:
            self._onward(CharterGrew(unit_id, frozenset(unit.charter.members())))

    async def _read_log(self, house: House, unit_id: bytes) -> None:
        """Hand the hub what it lacks of a log, in order."""
        self._due.pop(unit_id, None)
        channel = self._hub.channel(unit_id)
        if channel is None:
            return
        row = await house.store.get(UnitRow, unit_id)
        if row is None:
            return
        if row.generation != channel.generation:
            self._hub.unfollow_unit(unit_id)  # its clients ask anew, for the next one
            return
        cursors = [f.cursors.get(unit_id, 0) for f in self._hub.followers(unit_id)]
        begin = channel.head or min(cursors, default=row.log_sequence)
        after = max(begin, row.log_sequence - RECENT)
        while after < row.log_sequence:
            entries, _ = await read_entries(
                house, unit_id, row.generation, after, PAGE, now=self._clock.now()
            )
            if not entries:
                return
            for entry in entries:
                header = decode(LogEntry, entry).header
                after = header.sequence
                self._onward(LogGrew(unit_id, row.generation, after, header.kind, entry))

    # -------------------------------------------------------------- rate limits

    async def _tell_what_was_spent(self, house: House) -> None:
        """Who asks much here has asked the others as well."""
        while True:
            for by, buckets in house.limiter.buckets.items():
                spent = {key: n for key, n in buckets.drain().items() if n >= buckets.worth_telling}
                while spent:
                    some = dict(list(spent.items())[:100])
                    for key in some:
                        del spent[key]
                    self._bus.publish(msgspec.msgpack.encode((SPENT, (by, some))))
            await asyncio.sleep(1)


def _hint(event: Event) -> bytes:
    name = type(event).__name__
    said = event.unit_id if isinstance(event, LogGrew | CharterGrew) else event
    hint = msgspec.msgpack.encode((name, said))
    # What does not fit (a Welcome for a thousand) is found by looking.
    return hint if len(hint) <= MOST_BYTES else msgspec.msgpack.encode(("all", None))
