"""How much one caller may ask for: token buckets, and what refusing sounds like.

A bucket is kept as the one moment at which it will be full again (the "theoretical arrival time" of
GCRA, ITU-T I.371): an int for each caller, and nothing runs. A caller that is forgotten had a full
bucket, unless there are more callers at once than are kept.
"""

from __future__ import annotations

import contextlib
import ipaddress
from collections import Counter, OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from mifeng_crypto.api.problems import ProblemCode
from mifeng_server.domain.refusal import Refusal

__all__ = ["Buckets", "Limiter", "Limits"]

CALLERS = 50_000
REQUEST_BYTES = 256 << 10
DEVICE_BYTES = 32 << 20
"""What one device may have under way: 128 requests, each of which counts for that much beside its
body. What waits (for a lock, or for a body that comes slowly) waits at its own device's cost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Requests a second, failed logins a minute, seconds' worth at once; how many at once."""

    per_address: int = 1_000
    per_device: int = 100
    per_member: int = 200
    logins: int = 60
    burst_s: int = 10
    streams: int = 4
    in_flight: int = 2_000


class Buckets:
    """One bucket for each key.

    Attributes:
        worth_telling: who takes less than so many a second need not be told of.
    """

    def __init__(self, per_second: float, burst: float) -> None:
        self._interval_ms = 1000 / per_second
        self._depth_ms = burst * self._interval_ms
        self.worth_telling = max(2, int(per_second / 10))
        self._full_at: OrderedDict[bytes, float] = OrderedDict()
        self._spent: dict[bytes, int] | None = None

    def take(self, key: bytes, now: int, n: int = 1) -> float:
        """Take `n` tokens, and return 0; or take none, and return in how many seconds to ask again.

        Args:
            key: whose bucket.
            now: Unix milliseconds; a clock that went back costs nobody more than one bucket.
            n: how many.
        """
        before = self._full(key, now)
        full_at = before + n * self._interval_ms
        wait_ms = full_at - now - self._depth_ms
        if wait_ms > 1e-6:
            self._put(key, before)
            return wait_ms / 1000
        self._put(key, full_at)
        if self._spent is not None:
            self._spent[key] = self._spent.get(key, 0) + n
        return 0

    def look(self, key: bytes, now: int) -> float:
        """Return what `take` of one would, and take nothing."""
        return max(self._full(key, now) + self._interval_ms - now - self._depth_ms, 0) / 1000

    def drain(self) -> dict[bytes, int]:
        """Return what was taken here since the last call, for the other nodes; without any, nobody
        calls, and nothing is counted.
        """
        spent, self._spent = self._spent, {}
        return spent or {}

    def taken_elsewhere(self, key: bytes, now: int, n: int) -> None:
        """Another node has let this caller take so many."""
        self._put(key, min(self._full(key, now) + n * self._interval_ms, now + self._depth_ms))

    def _full(self, key: bytes, now: int) -> float:
        return min(max(self._full_at.get(key, now), now), now + self._depth_ms)

    def _put(self, key: bytes, full_at: float) -> None:
        self._full_at[key] = full_at
        self._full_at.move_to_end(key)
        if len(self._full_at) > CALLERS:
            self._full_at.popitem(last=False)


@dataclass(slots=True)
class Limiter:
    """Everybody's buckets. One per process; nodes tell each other what was taken."""

    limits: Limits = field(default_factory=Limits)
    in_flight: int = 0
    under_way: Counter[bytes] = field(default_factory=Counter)
    buckets: dict[str, Buckets] = field(init=False)

    def __post_init__(self) -> None:
        limits = self.limits
        self.buckets = {
            "address": _buckets(limits.per_address, limits),
            "device": _buckets(limits.per_device, limits),
            "member": _buckets(limits.per_member, limits),
            "login": Buckets(limits.logins / 60, limits.logins),
        }

    def knock(self, address: str, now: int) -> None:
        """Let a request in that nobody has looked at yet.

        Raises:
            Refusal: too_many_requests, also where too much is under way, whoever asks.
        """
        if self.in_flight >= self.limits.in_flight:
            raise Refusal(ProblemCode.TOO_MANY_REQUESTS, "too much is under way", retry_after_s=1)
        self._take("address", prefix_of(address), now)

    def admit(self, member_id: bytes, device_id: bytes | None, now: int) -> None:
        """Let a request of a known caller go on.

        Raises:
            Refusal: too_many_requests.
        """
        self._take("device", device_id or member_id, now)
        self._take("member", member_id, now)

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Wait for a caller's bytes, or until a caller takes some: no work of this server's, so
        whoever is slow at it keeps nobody else out.
        """
        self.in_flight -= 1
        try:
            yield
        finally:
            self.in_flight += 1

    def begin(self, device: bytes, size: int = REQUEST_BYTES) -> None:
        """Count a device's request, or what came of its body, until `end`.

        Raises:
            Refusal: too_many_requests: the device has too much else under way.
        """
        if self.under_way[device] + size > DEVICE_BYTES:
            raise Refusal(ProblemCode.TOO_MANY_REQUESTS, "too much is under way", retry_after_s=1)
        self.under_way[device] += size

    def end(self, device: bytes, size: int = REQUEST_BYTES) -> None:
        """Count no longer what `begin` has counted."""
        self.under_way[device] -= size
        if not self.under_way[device]:
            del self.under_way[device]

    def may_log_in(self, address: str, now: int) -> None:
        """Whether this address has not failed too often.

        Raises:
            Refusal: too_many_requests.
        """
        _refuse("login", self.buckets["login"].look(prefix_of(address), now))

    def login_failed(self, address: str, now: int) -> None:
        self.buckets["login"].take(prefix_of(address), now)

    def _take(self, by: str, key: bytes, now: int) -> None:
        _refuse(by, self.buckets[by].take(key, now))


def _buckets(per_second: int, limits: Limits) -> Buckets:
    return Buckets(per_second, per_second * limits.burst_s)


def _refuse(by: str, wait_s: float) -> None:
    if wait_s:
        raise Refusal(
            ProblemCode.TOO_MANY_REQUESTS,
            f"too many requests by this {by}",
            retry_after_s=max(1, -int(-wait_s // 1)),
        )


@lru_cache(maxsize=4096)
def prefix_of(address: str) -> bytes:
    """An address; of IPv6 the network of 64 bits, all of which one customer has."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address.encode()
    if parsed.version == 6:
        mapped = parsed.ipv4_mapped
        return parsed.packed[:8] if mapped is None else mapped.packed
    return parsed.packed
