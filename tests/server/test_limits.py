"""Token buckets: what they let through, and what they forget."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mifeng_crypto.api.problems import ProblemCode
from mifeng_server.domain import limits
from mifeng_server.domain.limits import (
    DEVICE_BYTES,
    REQUEST_BYTES,
    Buckets,
    Limiter,
    Limits,
    prefix_of,
)
from mifeng_server.domain.refusal import Refusal

NOW = 1_800_000_000_000


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    buckets = Buckets(10, burst=5)
    assert [buckets.take(b"a", NOW) for _ in range(5)] == [0] * 5
    assert buckets.take(b"a", NOW) == pytest.approx(0.1)
    assert buckets.take(b"b", NOW) == 0, "callers do not share"
    assert buckets.take(b"a", NOW + 99) > 0
    assert buckets.take(b"a", NOW + 100) == 0
    assert buckets.take(b"a", NOW + 100) > 0


@given(st.lists(st.integers(0, 400), max_size=200))
def test_no_caller_gets_more_than_burst_and_rate_allow(steps: list[int]) -> None:
    buckets, now, taken = Buckets(20, burst=7), NOW, 0
    for step in steps:
        now += step
        taken += buckets.take(b"a", now) == 0
        assert taken <= 7 + 20 * (now - NOW) / 1000 + 1e-6


@given(st.lists(st.integers(0, 400), min_size=1, max_size=50))
def test_who_waits_as_long_as_told_is_let_in(steps: list[int]) -> None:
    buckets, now = Buckets(20, burst=3), NOW
    for step in steps:
        now += step
        wait = buckets.take(b"a", now)
        if wait:
            now += int(wait * 1000) + 1
            assert buckets.take(b"a", now) == 0


def test_a_clock_that_goes_back_shuts_nobody_out() -> None:
    buckets = Buckets(10, burst=5)
    for _ in range(5):
        buckets.take(b"a", NOW)
    hour_ago = NOW - 3_600_000
    assert buckets.take(b"a", hour_ago) <= 0.1
    assert buckets.take(b"a", hour_ago + 101) == 0


def test_what_is_kept_of_callers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CALLERS", 100)
    buckets = Buckets(10, burst=5)
    for n in range(1000):
        buckets.take(n.to_bytes(4, "big"), NOW)
    assert len(buckets._full_at) == 100
    assert buckets._spent is None, "nobody asks for it"


def test_what_another_node_let_through_counts_here() -> None:
    here, there = Buckets(10, burst=5), Buckets(10, burst=5)
    assert there.drain() == {}
    for _ in range(5):
        assert there.take(b"a", NOW) == 0
    for key, n in there.drain().items():
        here.taken_elsewhere(key, NOW, n)
    assert here.take(b"a", NOW) > 0
    assert there.drain() == {}
    assert here.drain() == {}, "what was told is not told again"


def test_a_network_of_ipv6_is_one_caller_and_a_mapped_address_is_ipv4() -> None:
    assert prefix_of("2001:db8::1") == prefix_of("2001:db8::ffff:1")
    assert prefix_of("2001:db8::1") != prefix_of("2001:db8:0:1::1")
    assert prefix_of("::ffff:192.0.2.1") == prefix_of("192.0.2.1")
    assert prefix_of("fe80::1%eth0") == prefix_of("fe80::1")
    assert prefix_of("what") == b"what"


def test_the_devices_of_a_member_share_and_the_refusal_says_how_long() -> None:
    limiter = Limiter(Limits(per_device=1, per_member=1, burst_s=2))
    limiter.admit(b"m", b"one", NOW)
    limiter.admit(b"m", b"two", NOW)
    with pytest.raises(Refusal) as caught:
        limiter.admit(b"m", b"three", NOW)
    assert caught.value.code is ProblemCode.TOO_MANY_REQUESTS
    assert caught.value.retry_after_s == 1


def test_what_one_device_has_under_way_is_its_own_and_comes_back() -> None:
    limiter = Limiter()
    limiter.begin(b"one", 16 << 20)  # of a commit
    n = (DEVICE_BYTES - (16 << 20)) // REQUEST_BYTES
    for _ in range(n):
        limiter.begin(b"one")
    with pytest.raises(Refusal) as caught:
        limiter.begin(b"one")
    assert caught.value.code is ProblemCode.TOO_MANY_REQUESTS
    limiter.begin(b"two")
    limiter.end(b"one", 16 << 20)
    limiter.begin(b"one")
    for _ in range(n + 1):
        limiter.end(b"one")
    limiter.end(b"two")
    assert not limiter.under_way


def test_above_what_may_be_under_way_nobody_is_let_in() -> None:
    limiter = Limiter(Limits(in_flight=2))
    limiter.in_flight = 2
    with pytest.raises(Refusal) as caught:
        limiter.knock("192.0.2.1", NOW)
    assert caught.value.code is ProblemCode.TOO_MANY_REQUESTS
    assert caught.value.retry_after_s == 1
