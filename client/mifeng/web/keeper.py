"""One profile as this process keeps it: locked, or open and online.

Locking closes the profile: its key, its people and its messages leave this process, and another
process may open it. It happens when the user says so, and by itself once nobody has touched the
page for a while.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path

from mifeng import Unit, Workspace
from mifeng.content import printable
from mifeng.core.events import (
    AlarmRaised,
    Delivered,
    Event,
    HistoryTaken,
    NewEntry,
    NotDelivered,
    RosterChanged,
)
from mifeng.home import needs_passphrase
from mifeng.sdk.opening import unlock
from mifeng.text import _, explain, retold
from mifeng.web.errors import LockedError
from mifeng.web.facts import is_shown, message_facts
from mifeng.web.unread import AT_FIRST, LOOKED_BACK, Unread
from mifeng_crypto.errors import MifengError
from mifeng_crypto.ids import UnitId

__all__ = ["DRAWN_S", "Keeper", "Lending", "Tell", "cancel", "started", "uptime_s"]

Tell = Callable[[str, dict[str, object]], None]
"""What the page is told: a kind of event, and what comes with it."""

Lending = Callable[[Path, Workspace], AbstractAsyncContextManager[None]]
"""Lets the commands of this user use an open profile, while it is entered."""

CLOCK_WARNS_S = 120.0
DAY_MS = 86_400_000
DRAWN_S = 0.5
"""What the page has to draw what it was given, before the machine is busy with the rest."""
LOOK_S = 0.5
"""How often what has no event of its own is looked at: the line, the ledgers, the directory."""
FOLLOWED = 8
"""Units whose lines are pushed: those that were looked at last."""
TEND_S = 600.0
"""How often a profile that stays open is caught up with, so that what is over goes."""


def uptime_s() -> float:
    """A clock that nobody sets; where there is one, one that goes on while the machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Keeper:
    """One profile. `open` and `close` it any number of times."""

    def __init__(
        self,
        folder: Path,
        *,
        tell: Tell,
        let_go: Callable[[], object],
        lending: Lending | None = None,
        uptime_s: Callable[[], float],
    ) -> None:
        self.folder = folder
        self._uptime_s = uptime_s
        self._lending = lending
        self._tell = tell
        self._let_go = let_go
        self._open: tuple[Workspace, AsyncExitStack] | None = None
        self._needs_passphrase: bool | None = None
        self._turn = asyncio.Lock()
        self._touched = uptime_s()
        self.unread = Unread()
        self._followed: dict[UnitId, asyncio.Task[None]] = {}
        self.problem = ""
        """Why it was not opened at the start."""
        self.ended = ""
        """Why this device is let in no longer; empty while it is."""
        self.wall = time.time
        """What this device's clock shows, in seconds."""
        self.clock = ""
        """What is wrong with this device's clock; empty while nothing is."""
        self.alarm = ""
        """What should not be, of the last day; empty if there was nothing."""

    @property
    def exists(self) -> bool:
        """Whether there is a profile in the folder."""
        return (self.folder / "profile.db").exists()

    @property
    def is_open(self) -> bool:
        return self._open is not None

    @property
    def workspace(self) -> Workspace:
        """The open profile.

        Raises:
            LockedError: it is locked.
        """
        if self._open is None:
            raise LockedError("this profile is locked; unlock it first")
        return self._open[0]

    async def needs_passphrase(self) -> bool:
        """Whether it opens with a passphrase, not with the keyring.

        Raises:
            MifengError: it cannot be looked at.
        """
        if not self.is_open:
            return await needs_passphrase(self.folder)
        if self._needs_passphrase is None:  # nobody changes that while it is open
            self._needs_passphrase = await needs_passphrase(self.folder)
        return self._needs_passphrase

    async def open(self, passphrase: str | None) -> None:
        """Unlock the profile, and go online.

        Raises:
            MifengError: as `mifeng.open`, but for the server, which is not asked yet.
        """
        await self.take(unlock(self.folder, passphrase=passphrase))

    async def open_unasked(
        self, opening: AbstractAsyncContextManager[Workspace] | None = None
    ) -> None:
        """Open what needs no passphrase. Why that was not done is shown where one unlocks it."""
        try:
            if self.exists and not await self.needs_passphrase():
                opening = opening or unlock(self.folder, passphrase=None)
                await self.take(opening, needs_passphrase=False)
        except MifengError as err:
            self.problem = explain(err)
            self._tell("profiles", {})

    async def take(
        self,
        opening: AbstractAsyncContextManager[Workspace],
        *,
        needs_passphrase: bool | None = None,
    ) -> None:
        """Keep what this opens: the profile as it is, or a new one.

        Args:
            opening: opens it.
            needs_passphrase: whether it needs one, where the caller knows.
        """
        async with self._turn:
            if self._open is not None:
                return
            async with AsyncExitStack() as stack:
                me = await stack.enter_async_context(opening)
                beside = self._look(me), self._tend(me), self._warn()
                tasks = [self._count(me), self._follow(me), *beside]
                stack.push_async_callback(cancel, [started(one) for one in tasks])
                stack.push_async_callback(self._unfollow)
                if self._lending is not None:
                    await stack.enter_async_context(self._lending(self.folder, me))
                self._needs_passphrase = needs_passphrase
                self._open, self.ended, self.problem = (me, stack.pop_all()), "", ""
            self.touch()
        self._tell("profiles", {})

    async def close(self) -> None:
        """Lock the profile: nothing of it stays in this process."""
        async with self._turn:
            kept, self._open, self._needs_passphrase = self._open, None, None
            self.unread = Unread()
            self._let_go()
            if kept is not None:
                await kept[1].aclose()
        if kept is not None:
            self._tell("profiles", {})

    def touch(self) -> None:
        """Somebody is there."""
        self._touched = self._uptime_s()

    @property
    def idle_s(self) -> float:
        """For how long nobody was there."""
        return self._uptime_s() - self._touched

    async def lock_after(self, idle_s: float) -> None:
        """Lock if nobody was there for so long."""
        if self._open is not None and self.idle_s >= idle_s:
            await self.close()

    # -------------------------------------------------------------- beside

    async def _unfollow(self) -> None:
        followed, self._followed = [*self._followed.values()], {}
        await cancel(followed)

    async def settled(self) -> None:
        """Wait for an opening or closing that is under way."""
        async with self._turn:
            pass

    async def _count(self, me: Workspace) -> None:
        """What is unread takes a look into every unit: a short one while the page waits for it."""
        await self.unread.begin(me)
        await self.unread.count(me, AT_FIRST)
        self._tell("units", {})
        await asyncio.sleep(DRAWN_S)
        await self.unread.count(me, LOOKED_BACK)
        self._tell("units", {})

    async def _follow(self, me: Workspace) -> None:
        """Tell the page what happens. What ends this device's access is told, and kept."""
        try:
            with me.events() as events:
                async for event in events:
                    await self._take(me, event)
        except MifengError as err:
            self.ended = explain(err)
            self._tell("ended", {"message": self.ended})

    async def _take(self, me: Workspace, event: Event) -> None:
        if isinstance(event, NewEntry):
            calls = await self.unread.add(me, event)
            told = {"unit": event.unit_id.hex(), "sequence": event.sequence, "notify": calls}
            self._tell("entry", told)
        elif isinstance(event, RosterChanged | NotDelivered):
            self._tell("changed", {})
        elif isinstance(event, AlarmRaised):
            self._tell("alarm", {"message": event.message})
            await _quietly(self.look_for_alarms)
        elif isinstance(event, HistoryTaken):
            self._tell("renewed", {"unit": event.unit_id.hex()})
        elif not isinstance(event, Delivered):
            self._tell("units", {})

    def follow_unit(self, unit: Unit) -> None:
        """Push each line of a unit that is new or has changed, as long as few others are wanted."""
        if unit.id in self._followed:
            return
        if len(self._followed) >= FOLLOWED:
            self._followed.pop(next(iter(self._followed))).cancel()
        self._followed[unit.id] = started(self._follow_lines(self.workspace, unit))

    async def _follow_lines(self, me: Workspace, unit: Unit) -> None:
        with contextlib.suppress(MifengError):  # the unit's trouble is shown with the unit
            async for line in unit.changes():
                self.unread.note(line)
                if is_shown(line):
                    self._tell("line", {"line": await message_facts(line, unit, me)})
        self._followed.pop(unit.id, None)

    async def _look(self, me: Workspace) -> None:
        """Tell the page what has changed without an event."""
        before, catching_up = me.glance(), None
        try:
            while True:
                await asyncio.sleep(LOOK_S)
                now = me.glance()
                if now.is_online and not before.is_online:
                    catching_up = started(_quietly(me.sync))
                if now != before:
                    self._tell("changed", {})
                before = now
        finally:
            await cancel([catching_up] if catching_up else [])

    async def _warn(self) -> None:
        """What is to be set right is looked for beside, once one sees something."""
        await asyncio.sleep(LOOK_S)
        while True:
            await _quietly(self.look_at_clock)
            await _quietly(self.look_for_alarms)
            await asyncio.sleep(TEND_S)

    async def look_at_clock(self) -> None:
        """Hold this device's clock against the server's.

        Raises:
            ServerProblem, TransportError: it does not answer.
        """
        before, its = self.clock, await self.workspace.server_time()
        off = self.wall() - its.timestamp()
        told = _(
            "This device's clock and the server's are {n} min apart: set it. "
            "Beyond ten minutes nothing is accepted."
        )
        is_off = abs(off) >= CLOCK_WARNS_S
        self.clock = told.format(n=round(abs(off) / 60)) if is_off else ""
        if self.clock != before:
            self._tell("changed", {})

    async def look_for_alarms(self) -> None:
        """Find the newest alarm, if it is of the last day."""
        before, found = self.alarm, await self.workspace.alarms()
        told = _("Refused, and kept with its evidence: {message}")
        is_new = bool(found) and self.wall() * 1000 - found[-1].time < DAY_MS
        said = printable(retold(found[-1].message, found[-1].rule)) if is_new else ""
        self.alarm = told.format(message=said) if is_new else ""
        if self.alarm != before:
            self._tell("changed", {})

    async def _tend(self, me: Workspace) -> None:
        while True:
            await asyncio.sleep(TEND_S)
            await _quietly(me.sync)


async def _quietly(act: Callable[[], Awaitable[None]]) -> None:
    """Without a server this is done once it is back; the page shows that there is none."""
    with contextlib.suppress(MifengError):
        await act()


def started(work: Coroutine[None, None, None]) -> asyncio.Task[None]:
    """Do this beside; a fault of ours is reported at once, not when nobody looks any more."""
    task = asyncio.create_task(work)
    task.add_done_callback(_report)
    return task


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (fault := task.exception()) is not None:
        context = {"message": "a part of the screen has stopped", "exception": fault, "task": task}
        task.get_loop().call_exception_handler(context)


async def cancel(tasks: list[asyncio.Task[None]]) -> None:
    """End these, and wait until they have."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
