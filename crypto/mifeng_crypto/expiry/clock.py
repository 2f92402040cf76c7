"""A device's effective time, and what may be destroyed by it (protocol.md, "Expiry").

A device's clock may be wrong in both directions. Set back, it must not bring expired content back:
so effective time never goes back by itself. Set forward, it must not destroy what is still live: so
a key past its deadline is locked at once, and destroyed only when something besides the wall clock
says so too. A server's word alone destroys nothing: the device's own time must have passed as well.

    effective < D                                   LIVE
    effective >= D, and nothing else says so        LOCKED     not used, not yet destroyed
    effective >= D, and one of these                DESTROYED
        the process ran on past D since a start before it
        a time that the server or a member stated is past D
        the process has run for 24 h, and its clock still is past D

A clock that was ahead and has been corrected is believed when the server states the same time: what
was locked by it is then live again.
"""

from __future__ import annotations

import dataclasses
import enum
from dataclasses import dataclass

from mifeng_crypto.ids import UnixMillis

__all__ = ["AGREE_MS", "UPTIME_SUFFICES_MS", "Clock", "Fate", "start_clock"]

UPTIME_SUFFICES_MS = 24 * 3_600_000
AGREE_MS = 600_000
"""Two clocks that are no further apart than this show the same time (GATE-21)."""


class Fate(enum.Enum):
    """What a deadline means for the keys that it governs."""

    LIVE = "live"
    LOCKED = "locked"
    DESTROYED = "destroyed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """What a device knows of time. All in Unix milliseconds, except `uptime_ms`.

    Attributes:
        wall: what the device's clock shows.
        high_water: the latest effective time; kept on disk.
        started_at: the effective time at which this process began.
        uptime_ms: how long it has run since, by the monotonic clock.
        witnessed: the latest time that the server or a member has stated; 0 if none yet.
    """

    wall: UnixMillis
    high_water: UnixMillis
    started_at: UnixMillis
    uptime_ms: int
    witnessed: UnixMillis

    def ticked(self, *, now: UnixMillis, uptime_ms: int) -> Clock:
        """Return the clock at a later moment, whatever the wall clock says."""
        uptime_ms = max(self.uptime_ms, uptime_ms)
        ran = UnixMillis(self.started_at + uptime_ms)
        return dataclasses.replace(
            self, wall=now, high_water=max(self.high_water, now, ran), uptime_ms=uptime_ms
        )

    def told(self, time: UnixMillis) -> Clock:
        """Return the clock after the server or a member stated a time, of whenever."""
        return dataclasses.replace(self, witnessed=max(self.witnessed, time))

    def agreed(self, server: UnixMillis) -> Clock:
        """Return the clock after the server stated what time it is now.

        If this device's clock shows the same, but was ahead before, it is believed now: effective
        time is theirs. A server alone moves nothing back.
        """
        if abs(self.wall - server) > AGREE_MS:
            return self.told(server)
        agreed = max(self.wall, server, self.witnessed)
        if self.high_water <= agreed + AGREE_MS:
            return self.told(server)
        return dataclasses.replace(
            self,
            high_water=agreed,
            started_at=UnixMillis(min(self.started_at, agreed - self.uptime_ms)),
            witnessed=max(self.witnessed, server),
        )

    @property
    def effective(self) -> UnixMillis:
        """The time to judge by."""
        return self.high_water

    def fate(self, deadline: UnixMillis) -> Fate:
        """Return what has to become of the keys of this deadline."""
        if self.effective < deadline:
            return Fate.LIVE
        ran_on = self.started_at < deadline <= self.started_at + self.uptime_ms
        waited = self.uptime_ms >= UPTIME_SUFFICES_MS and self.wall >= deadline
        if ran_on or waited or self.witnessed >= deadline:
            return Fate.DESTROYED
        return Fate.LOCKED


def start_clock(*, now: UnixMillis, high_water: UnixMillis) -> Clock:
    """Begin with the wall clock and the high-water mark that the last process left."""
    start = max(now, high_water)
    return Clock(wall=now, high_water=start, started_at=start, uptime_ms=0, witnessed=UnixMillis(0))
