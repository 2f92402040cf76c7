"""Caught up, and told of what comes next: the server's pushes as events (protocol.md, "Stream")."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Self

from mifeng.core.events import Event
from mifeng.core.rows import UnitStatus
from mifeng.errors import AccessEndedError, ServerIdentityError, ServerProblem
from mifeng.net import Stream
from mifeng.net.stream import pause_s
from mifeng.session import directory, directory_key, door, notices, readd, roster
from mifeng.session.steward import Steward
from mifeng_crypto.api import messages as m
from mifeng_crypto.errors import (
    CodecError,
    CryptoError,
    MifengError,
    ProtocolError,
    TransportError,
)
from mifeng_crypto.ids import UnitId
from mifeng_crypto.log import LogEntry
from mifeng_crypto.tls import decode

if TYPE_CHECKING:
    from mifeng.session.session import Session

__all__ = ["Listener", "Live"]


class Listener:
    """An endless iterator of events. Close it, or leave its `with`.

    Iterating raises AccessEndedError when the server does not let this device in any longer, and
    ServerIdentityError when another server answers.
    """

    def __init__(self, all_of_them: set[Listener]) -> None:
        self._queue: asyncio.Queue[Event | BaseException] = asyncio.Queue()
        self._all = all_of_them
        self._all.add(self)

    def put(self, event: Event | BaseException) -> None:
        """Hand over an event, or what ends them."""
        self._queue.put_nowait(event)

    def close(self) -> None:
        """Stop listening."""
        self._all.discard(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        event = await self._queue.get()
        if isinstance(event, BaseException):
            raise event
        return event


async def fetch_the_rest(session: Session, unit_id: UnitId, head_sequence: int) -> None:
    """Catch up to where a push says that a log stands, if it did not bring all. The caller has the
    unit's turn.
    """
    if session.units[unit_id].log.sequence < head_sequence:
        await session.catch_up(unit_id)


class Live:
    """One reader of the socket; any number of listeners to what it brings."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._stream = Stream(session.api, self._positions)
        self._listeners: set[Listener] = set()
        self._reader: asyncio.Task[None] | None = None
        self._is_live = asyncio.Event()
        self._steward = Steward(session)
        self._keeper = directory_key.Keeper(session)
        self._watch = notices.Watch(session)

    def listen(self) -> Listener:
        """Return what happens from this moment on; go live if that has not happened yet."""
        listener = Listener(self._listeners)
        self._start()
        return listener

    @property
    def is_online(self) -> bool:
        """Whether the line is up, and what came meanwhile has been caught up with."""
        return self._is_live.is_set() and self._stream.is_up

    async def wait(self) -> None:
        """Return once this device is caught up and hears what comes next.

        Raises:
            MifengError: that cannot be.
        """
        reader = self._start()
        ready = asyncio.create_task(self._is_live.wait())
        await asyncio.wait({reader, ready}, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if reader.done():
            reader.result()

    async def announce(self) -> None:
        """Hear of a unit that this device has just opened: the line knows it not yet."""
        try:
            await self._stream.announce()
        except (TransportError, OSError):
            await self._stream.hang_up()

    def tell(self, event: Event) -> None:
        """Hand an event to whoever listens."""
        for listener in self._listeners:
            listener.put(event)

    async def close(self) -> None:
        """Stop listening."""
        if self._reader is not None:
            self._reader.cancel()
            with contextlib.suppress(asyncio.CancelledError, MifengError):
                await self._reader
        await self._steward.close()
        await self._keeper.close()
        await self._watch.close()

    # -------------------------------------------------------------- inside

    def _start(self) -> asyncio.Task[None]:
        if self._reader is None or self._reader.done():
            self._reader = asyncio.create_task(self._read())
        return self._reader

    async def _read(self) -> None:
        try:
            while True:
                try:
                    await self._come_in()
                    await self._read_stream()
                except ServerIdentityError as err:
                    await roster.recognise(self._session, err)
        except MifengError as err:
            for listener in self._listeners:
                listener.put(err)
            raise

    async def _come_in(self) -> None:
        """Join first, if that was interrupted: only devices of the roster have a line."""
        session = self._session
        for attempt in itertools.count():
            try:
                await session.come_in()
            except TransportError as err:
                await asyncio.sleep(err.retry_after_s or pause_s(attempt, rng=session.rng))
            else:
                return

    async def _read_stream(self) -> None:
        pushes = self._stream.pushes()
        try:
            with self._session.access():
                async for push in pushes:
                    await self._take(push)
        finally:
            await pushes.aclose()

    async def _take(self, push: m.Push | None) -> None:
        try:
            await self._follow(push)
        except (ServerProblem, TransportError):
            await self._stream.hang_up()

    async def _follow(self, push: m.Push | None) -> None:
        session = self._session
        if push is None:  # the line is up, again
            self._is_live.clear()
            await session.sync()
            await self._stream.announce()
            self._is_live.set()
            self._watch.start()
            session.history.retry()
            return
        unit_id = UnitId(push.unit_id or b"")
        match push.kind:
            case "log" if unit_id in session.units:
                await self._take_entries(unit_id, push)
            case "roster":
                before = session.known_roster.directory.number
                await session.follow_roster()
                if session.known_roster.directory.number != before:
                    await directory.follow(session)
                self._keeper.look()
            case "charter" if unit_id in session.units:
                async with session.turn(unit_id):
                    await session.follow_charter(unit_id)
                    await door.leave_what_is_over(session, unit_id)
            case "directory":
                await directory.follow(session)
            case "keys":
                session.is_asked_for_keys = True
                await directory_key.ensure(session)
            case "steward":
                self._steward.ask(unit_id)
            case "welcomes" | "units":
                await session.join_units()
                await door.wait_where_granted(session)
                await self._stream.announce()

    async def _take_entries(self, unit_id: UnitId, push: m.Push) -> None:
        session = self._session
        async with session.turn(unit_id):
            unit = session.units.get(unit_id)
            if unit is None or unit.status is not UnitStatus.ACTIVE:
                return
            if push.generation != unit.generation:
                await session.follow_charter(unit_id)
                await door.leave_what_is_over(session, unit_id)
                return
            try:
                entries = [decode(LogEntry, entry) for entry in push.entries]
                if entries and entries[0].header.sequence <= unit.log.sequence + 1:
                    await session.apply(unit_id, entries)
                await fetch_the_rest(session, unit_id, push.head_sequence)
                session.heard_now(unit_id)
            except (AccessEndedError, CodecError, CryptoError, ProtocolError) as err:
                await readd.stand_still(session, unit_id, err)

    def _positions(self) -> Mapping[UnitId, int]:
        return {
            unit_id: unit.log.sequence
            for unit_id, unit in self._session.units.items()
            if unit.status is UnitStatus.ACTIVE
        }
