"""Expiry: what the clock allows is destroyed, what it forbids to show is locked.

Runs when a profile is opened, before the network and the screen; after each sync, when the server
has said what time it is; and by the timer of a device that runs on (protocol.md, "Expiry").
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from mifeng.core import expiry
from mifeng.core.events import ContentExpired
from mifeng.core.expiry import ExpiredRecord
from mifeng.core.rows import Changes, number
from mifeng.session import readd, uploads
from mifeng.store import SlotName
from mifeng_crypto.errors import MifengError
from mifeng_crypto.expiry import Clock, Fate, start_clock
from mifeng_crypto.ids import UnitId, UnixMillis
from mifeng_crypto.tls import decode, encode

if TYPE_CHECKING:
    from mifeng.session.session import Session

__all__ = ["RENEW_MS", "Timer", "expire", "read_clock", "renew_state_keys", "take_notice"]

HIGH_WATER = ("profile", b"clock")
RENEWED = ("profile", b"state keys")
EXPIRED = ("profile", b"expired")

RENEW_MS = 3_600_000
"""How old a state key becomes: until then the database may remember what MLS has forgotten."""
KEEP_CLOCK_MS = 300_000
"""How far the high-water mark on the disk may be behind."""
LOOK_S = 60.0
"""How often the timer looks: a slot's keys are gone 15 minutes after the deadline at the latest."""
BATCH = 500


async def read_clock(session: Session, now: UnixMillis) -> Clock:
    """Return the clock of a profile that is being opened."""
    kept = await session.home.database.get(*HIGH_WATER)
    return start_clock(now=now, high_water=UnixMillis(int.from_bytes(kept or b"", "big")))


async def expire(session: Session, *, uptime_ms: int = 0) -> ExpiredRecord:
    """Destroy what is over, lock what may be, and return how much was destroyed.

    What was said in a unit that an admin has closed with deletion is over at once.

    First one transaction takes the rows out, then the keys are overwritten: cut off in between,
    the next call finds the keys still there and overwrites them.

    Args:
        session: the open profile.
        uptime_ms: how long the process has run, by a clock that nobody sets.

    Raises:
        StorageError: the disk refuses; what is over stays locked.
    """
    async with session.expiring:
        clock = session.clock.ticked(now=session.wall(), uptime_ms=uptime_ms)
        clock = session.clock = clock.told(expiry.witnessed(session.units.values()))
        home = session.home
        home.vault.lock(clock.effective)
        deleted = {unit.unit_id for unit in session.units.values() if unit.is_deleted}
        session.reading.expire(clock.effective, deleted)
        over = [
            name
            for name in home.vault.slots()
            if clock.fate(UnixMillis(name.deadline)) is Fate.DESTROYED or name.unit_id in deleted
        ]
        count = ExpiredRecord(0, 0)
        try:
            changes, count = await _forgotten(session, clock, over)
            await session.save(changes)
        finally:
            # Also where the disk is full or a row is damaged: to overwrite a key needs neither.
            if over:
                await asyncio.to_thread(home.vault.destroy, over)
        for name in over:
            session.timelines.forget(UnitId(name.unit_id))
        if count:
            session.tell(ContentExpired(count.messages, count.files))
        return count


async def _forgotten(
    session: Session, clock: Clock, over: list[SlotName]
) -> tuple[Changes, ExpiredRecord]:
    """What the database has instead of what is over, and how much that was."""
    changes, count = dict[tuple[str, bytes], bytes | None](), ExpiredRecord(0, 0)
    database = session.home.database
    if over:
        rows = await database.rows_of_slots("messages", frozenset(over))
        forgotten = expiry.forget(session.units, rows)
        changes |= forgotten.changes
        count = forgotten.count
        for table in ("history", "drafts"):
            rows = await database.rows_of_slots(table, frozenset(over))
            changes |= {(table, key): None for key, _ in rows}
        if count:
            changes[EXPIRED] = encode(await _notice(session) + count)
    for unit_id in {UnitId(name.unit_id) for name in over} & set(session.units):
        rows = await database.scan("messages", unit_id, first=BATCH)
        changes |= expiry.outdated(session.units[unit_id], rows, clock)
    return {**changes, **await _high_water(session, clock, always=bool(over))}, count


async def _high_water(session: Session, clock: Clock, *, always: bool) -> Changes:
    kept = int.from_bytes(await session.home.database.get(*HIGH_WATER) or b"", "big")
    ahead = clock.high_water - kept
    if ahead > KEEP_CLOCK_MS or ahead < 0 or (always and ahead):
        return {HIGH_WATER: number(clock.high_water)}
    return {}


async def _notice(session: Session) -> ExpiredRecord:
    kept = await session.home.database.get(*EXPIRED)
    return decode(ExpiredRecord, kept) if kept else ExpiredRecord(0, 0)


async def take_notice(session: Session) -> ExpiredRecord:
    """Return what has expired since this was last asked, once."""
    notice = await _notice(session)
    if notice:
        await session.save({EXPIRED: None})
    return notice


async def renew_state_keys(session: Session) -> None:
    """Replace the state keys, if the last time is an hour ago.

    Raises:
        StorageError: the disk refuses; the older keys are in use still.
    """
    kept = await session.home.database.get(*RENEWED)
    now, last = session.clock.effective, int.from_bytes(kept or b"", "big")
    if now - last < RENEW_MS and now >= last:
        return
    if last:
        await session.home.database.renew_state_keys()
    await session.save({RENEWED: number(now)})


class Timer:
    """Expires on time for as long as the profile is open."""

    def __init__(self, session: Session, *, uptime_ms: Callable[[], int]) -> None:
        """Begin.

        Args:
            session: the open profile.
            uptime_ms: a clock that nobody sets, and that goes on while the machine sleeps.
        """
        self._session = session
        self._uptime_ms = uptime_ms
        self._began = uptime_ms()
        self._task = asyncio.create_task(self._run(), name="expiry")

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            with contextlib.suppress(MifengError):  # a full disk: again in a minute
                await expire(self._session, uptime_ms=self._uptime_ms() - self._began)
                await readd.let_go(self._session)
                await renew_state_keys(self._session)
                await uploads.drop_old(self._session)

    async def close(self) -> None:
        """End."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
