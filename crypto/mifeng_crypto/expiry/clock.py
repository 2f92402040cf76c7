"""A device's effective time, and what may be destroyed by it (protocol.md, "Expiry").

A device's clock may be wrong in both directions. Set back, it must not bring expired content back:
so effective time never goes back. Set forward, it must not destroy what is still live: so a key
past its deadline is locked at once, and destroyed only when something besides the wall clock says
so too. A server's word alone destroys nothing: the device's own time must have passed as well.

    effective < D                                   LIVE
    effective >= D, and nothing else says so        LOCKED     not used, not yet destroyed
    effective >= D, and one of these                DESTROYED
        the process ran on past D since a start before it
        a time that the server or a member signed is past D
        the process has run for 24 h
"""

from __future__ import annotations

import dataclasses
import enum
from dataclasses import dataclass

from mifeng_crypto.ids import UnixMillis

__all__ = ["UPTIME_SUFFICES_MS", "Clock", "Fate", "start_clock"]

UPTIME_SUFFICES_MS = 24 * 3_600_000


class Fate(enum.Enum):
    """What a deadline means for the keys that it governs."""

    LIVE = "live"
    LOCKED = "locked"
    DESTROYED = "destroyed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """What a device knows of time. All in Unix milliseconds, except `uptime_ms`.

    Attributes:
        high_water: the latest effective time; kept on disk.
        started_at: the effective time at which this process began.
        uptime_ms: how long it has run since, by the monotonic clock.
        witnessed: the latest time that the server or a member has stated; 0 if none yet.
    """

    high_water: UnixMillis
    started_at: UnixMillis
    uptime_ms: int
    witnessed: UnixMillis

    def ticked(self, *, now: UnixMillis, uptime_ms: int) -> Clock:
        """Return the clock at a later moment, whatever the wall clock says."""
        return dataclasses.replace(
            self,
            high_water=max(self.high_water, now),
            uptime_ms=max(self.uptime_ms, uptime_ms),
        )

    def told(self, time: UnixMillis) -> Clock:
        """Return the clock after the server or a member stated a time."""
        return dataclasses.replace(self, witnessed=max(self.witnessed, time))

    @property
    def effective(self) -> UnixMillis:
        """The time to judge by."""
        return self.high_water

    def fate(self, deadline: UnixMillis) -> Fate:
        """Return what has to become of the keys of this deadline."""
        if self.effective < deadline:
            return Fate.LIVE
        ran_on = self.started_at < deadline <= self.started_at + self.uptime_ms
        if ran_on or self.witnessed >= deadline or self.uptime_ms >= UPTIME_SUFFICES_MS:
            return Fate.DESTROYED
        return Fate.LOCKED


def start_clock(*, now: UnixMillis, high_water: UnixMillis) -> Clock:
    """Begin with the wall clock and the high-water mark that the last process left."""
    start = max(now, high_water)
    return Clock(high_water=start, started_at=start, uptime_ms=0, witnessed=UnixMillis(0))
