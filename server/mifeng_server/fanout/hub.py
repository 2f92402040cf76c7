"""From events to feeds: who has to be told what. Knows neither sockets nor the store."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from time import thread_time

from mifeng_crypto.api.messages import Push
from mifeng_server.domain.events import (
    BoxesCame,
    CharterGrew,
    DevicesRemoved,
    DeviceStarted,
    DirectoryChanged,
    Event,
    KeysWanted,
    LogGrew,
    RosterGrew,
    UnitsChanged,
    WelcomesCame,
)
from mifeng_server.fanout.channel import Channel
from mifeng_server.fanout.feed import Feed

__all__ = ["Hub"]

ROSTER = Push(kind="roster")
DIRECTORY = Push(kind="directory")
KEYS = Push(kind="keys")
KEY_HOLDERS = 3
"""So many are asked for the directory's key: one of them will have it."""
WELCOMES = Push(kind="welcomes")
UNITS = Push(kind="units")

REMOVED = 4403
UNAUTHENTICATED = 4401
"""Close code: the device is in the roster no more."""
TOO_MANY = 1013
"""Close code: the device has opened too many others since."""
GOING_AWAY = 1001
"""Close code (RFC 6455 section 7.4.1): the server stops."""


REST = 0.5
"""Nothing more is told for this part of the CPU time that telling has just taken."""


class Hub:
    """All open feeds of this process. Calling it with an event is `Notify`."""

    def __init__(self) -> None:
        self._by_member: defaultdict[bytes, set[Feed]] = defaultdict(set)
        self._by_unit: defaultdict[bytes, set[Feed]] = defaultdict(set)
        self._channels: dict[bytes, Channel] = {}
        self._grown: dict[bytes, None] = {}
        self._opened = 0
        self._tell_at = 0.0

    def open(self, feed: Feed, *, most: int) -> None:
        """Take a feed; of one device at most so many, the oldest gives way."""
        same = [f for f in self._feeds_of(feed.member_id) if f.device_id == feed.device_id]
        for old in sorted(same, key=lambda f: f.number)[: max(len(same) - most + 1, 0)]:
            old.close(TOO_MANY)
        self._opened += 1
        feed.number = self._opened
        self._by_member[feed.member_id].add(feed)

    def device_ids(self) -> frozenset[bytes]:
        """Return the devices that have a feed here."""
        return frozenset(feed.device_id for feed in self._everybody())

    def unfollow_unit(self, unit_id: bytes) -> None:
        """Tell nobody of this log any more, and those who followed it to ask for their units."""
        for feed in self.followers(unit_id):
            self._unfollow(feed, unit_id)
            feed.hint(UNITS)

    def count(self) -> int:
        """How many feeds are open."""
        return sum(map(len, self._by_member.values()))

    def follow(self, feed: Feed, unit_id: bytes, generation: int, after: int) -> None:
        """Tell this feed of a unit's log after a sequence."""
        self._by_unit[unit_id].add(feed)
        self._channels.setdefault(unit_id, Channel(unit_id, generation))
        feed.cursors[unit_id] = after

    def drop(self, feed: Feed) -> None:
        _discard(self._by_member, feed.member_id, feed)
        self.unfollow_all(feed)

    def unfollow_all(self, feed: Feed) -> None:
        for unit_id in list(feed.cursors):
            self._unfollow(feed, unit_id)

    def _unfollow(self, feed: Feed, unit_id: bytes) -> None:
        feed.cursors.pop(unit_id, None)
        feed.dirty.pop(unit_id, None)
        _discard(self._by_unit, unit_id, feed)
        if unit_id not in self._by_unit:
            self._channels.pop(unit_id, None)

    def followed(self) -> list[bytes]:
        """Return the units that somebody follows."""
        return list(self._by_unit)

    def followers(self, unit_id: bytes) -> list[Feed]:
        """Return the feeds that follow a unit."""
        return list(self._by_unit.get(unit_id, ()))

    def channel(self, unit_id: bytes) -> Channel | None:
        return self._channels.get(unit_id)

    def expire(self, now: int) -> None:
        """Close the feeds whose token has expired."""
        for feed in self._everybody():
            if feed.deadline <= now and not feed.closed:
                feed.close(UNAUTHENTICATED)

    def close(self) -> None:
        """Close every feed: the server stops."""
        for feed in self._everybody():
            feed.close(GOING_AWAY)

    def _everybody(self) -> list[Feed]:
        return [feed for feeds in self._by_member.values() for feed in feeds]

    def _feeds_of(self, member_id: bytes) -> list[Feed]:
        return list(self._by_member.get(member_id, ()))

    def __call__(self, event: Event, /) -> None:
        match event:
            case LogGrew():
                self._log_grew(event)
            case CharterGrew():
                self._charter_grew(event)
            case RosterGrew():
                self._hint(self._everybody(), ROSTER)
            case DirectoryChanged():
                self._hint(self._everybody(), DIRECTORY)
            case KeysWanted() | BoxesCame():
                self._keys_move(event)
            case WelcomesCame():
                called = set(event.device_ids)
                feeds = [feed for feed in self._everybody() if feed.device_id in called]
                self._hint(feeds, WELCOMES)
            case UnitsChanged():
                for member_id in event.member_ids:
                    self._hint(self._feeds_of(member_id), UNITS)
            case DevicesRemoved():
                self._close(event.device_ids, REMOVED)
            case DeviceStarted():
                self._close(frozenset((event.device_id,)), UNAUTHENTICATED)

    def _close(self, device_ids: frozenset[bytes], code: int) -> None:
        for feed in self._everybody():
            if feed.device_id in device_ids:
                feed.close(code)

    def _hint(self, feeds: list[Feed], push: Push) -> None:
        for feed in feeds:
            feed.hint(push)

    def _log_grew(self, event: LogGrew) -> None:
        channel = self._channels.get(event.unit_id)
        if channel is None:
            return
        if event.generation != channel.generation:
            self.unfollow_unit(event.unit_id)  # its clients ask anew, for the next one
            return
        channel.grow(event.sequence, event.entry)
        if not self._grown:  # what becomes durable together is told together
            loop = asyncio.get_running_loop()
            if self._tell_at > loop.time():
                loop.call_at(self._tell_at, self._tell)
            else:
                loop.call_soon(self._tell)
        self._grown[event.unit_id] = None

    def _tell(self) -> None:
        """Send everybody what is new, all of them the same bytes; a socket that cannot take them at
        once, or has something else to be told first, sees to it by itself.

        Then it rests: most of what a frame costs does not depend on how many entries are in it, so
        what comes meanwhile shares frames, and a thousand sockets leave time for other work. Few
        sockets, or entries that come now and then, do not wait.
        """
        began = thread_time()
        grown, self._grown = self._grown, {}
        for unit_id in grown:
            channel = self._channels.get(unit_id)
            if channel is None:
                continue
            for feed in self.followers(unit_id):
                wire = channel.wire(feed.cursors[unit_id], binary=feed.binary)
                if wire is not None and feed.is_idle and feed.offer(wire):
                    feed.cursors[unit_id] = channel.head
                else:
                    feed.log_grew(unit_id)
        rest = REST * (thread_time() - began)
        self._tell_at = asyncio.get_running_loop().time() + rest

    def _keys_move(self, event: KeysWanted | BoxesCame) -> None:
        if isinstance(event, BoxesCame):
            feeds = [f for f in self._everybody() if f.device_id in event.device_ids]
            self._hint(feeds, DIRECTORY)
            return
        able = [f for f in self._everybody() if f.device_id != event.device_id]
        self._hint(able[:KEY_HOLDERS], KEYS)

    def _charter_grew(self, event: CharterGrew) -> None:
        for feed in list(self._by_unit.get(event.unit_id, ())):
            if feed.member_id not in event.members:
                self._unfollow(feed, event.unit_id)
        for member_id in event.members & self._by_member.keys():
            for feed in self._feeds_of(member_id):
                feed.hint(Push(kind="charter", unit_id=event.unit_id))


def _discard(sets: defaultdict[bytes, set[Feed]], key: bytes, feed: Feed) -> None:
    feeds = sets.get(key)
    if feeds is not None:
        feeds.discard(feed)
        if not feeds:
            del sets[key]
