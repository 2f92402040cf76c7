"""Expiry: readable for at least the retention, gone less than two hours after it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mifeng_crypto.expiry import (
    DESTROY_WITHIN_MS,
    SLOT_MS,
    Fate,
    deadline,
    retain_until,
    slot_of,
    start_clock,
)
from mifeng_crypto.ids import UnixMillis

HOUR = 3_600_000
TIMES = st.integers(0, 2**45).map(UnixMillis)
RETENTIONS = st.integers(259_200, 31_536_000)


@given(TIMES, RETENTIONS)
def test_everything_is_kept_for_its_retention_and_gone_two_hours_later(
    accepted_at: UnixMillis, retention_s: int
) -> None:
    until = retain_until(accepted_at, retention_s)
    assert until - accepted_at >= retention_s * 1000
    assert until + DESTROY_WITHIN_MS - accepted_at < retention_s * 1000 + 2 * HOUR


@given(TIMES, TIMES, RETENTIONS)
def test_what_shares_a_slot_shares_a_deadline_and_later_is_never_earlier(
    one: UnixMillis, other: UnixMillis, retention_s: int
) -> None:
    first, second = sorted((one, other))
    assert retain_until(first, retention_s) <= retain_until(second, retention_s)
    same = slot_of(one) == slot_of(other)
    assert same is (retain_until(one, retention_s) == retain_until(other, retention_s))


def test_the_deadline_of_the_first_slot_is_as_the_design_says() -> None:
    assert slot_of(UnixMillis(0)) == slot_of(UnixMillis(SLOT_MS - 1)) == 0
    assert slot_of(UnixMillis(SLOT_MS)) == 1
    assert deadline(slot_of(UnixMillis(0)), 259_200) == (3600 + 259_200 + 1800) * 1000


# ------------------------------------------------------------------ the device's clock

START = UnixMillis(1_780_000_000_000)
DEADLINE = UnixMillis(START + 10 * HOUR)


def test_effective_time_never_goes_back() -> None:
    clock = start_clock(now=UnixMillis(START - 5 * HOUR), high_water=START)
    assert clock.effective == START
    clock = clock.ticked(now=UnixMillis(START + HOUR), uptime_ms=HOUR)
    clock = clock.ticked(now=UnixMillis(START - HOUR), uptime_ms=HOUR)
    assert clock.effective == START + HOUR


def test_a_clock_that_is_set_back_while_the_process_runs_stops_nothing() -> None:
    clock = start_clock(now=START, high_water=START)
    clock = clock.ticked(now=UnixMillis(START - 240 * HOUR), uptime_ms=10 * HOUR)
    assert clock.effective == DEADLINE
    assert clock.fate(DEADLINE) is Fate.DESTROYED


def test_a_clock_that_was_ahead_and_is_right_again_is_believed_once_the_server_agrees() -> None:
    clock = start_clock(now=UnixMillis(START + 720 * HOUR), high_water=START)
    assert clock.fate(DEADLINE) is Fate.LOCKED
    clock = clock.ticked(now=START, uptime_ms=1000)
    assert clock.fate(DEADLINE) is Fate.LOCKED
    assert clock.agreed(UnixMillis(START + 720 * HOUR)).fate(DEADLINE) is Fate.DESTROYED
    clock = clock.agreed(UnixMillis(START + 5000))
    assert clock.effective == START + 5000
    assert clock.fate(DEADLINE) is Fate.LIVE
    clock = clock.ticked(now=DEADLINE, uptime_ms=10 * HOUR + 1000)
    assert clock.fate(DEADLINE) is Fate.DESTROYED


def test_a_day_of_running_does_not_destroy_by_a_clock_that_was_corrected() -> None:
    clock = start_clock(now=UnixMillis(DEADLINE + HOUR), high_water=START)
    clock = clock.ticked(now=UnixMillis(START - 48 * HOUR), uptime_ms=25 * HOUR)
    assert clock.fate(DEADLINE) is Fate.LOCKED


def test_a_server_alone_moves_nothing_back() -> None:
    clock = start_clock(now=DEADLINE, high_water=START)
    assert clock.agreed(START).effective == DEADLINE


def test_a_clock_that_ran_on_past_the_deadline_destroys() -> None:
    clock = start_clock(now=START, high_water=START)
    assert clock.fate(DEADLINE) is Fate.LIVE
    clock = clock.ticked(now=UnixMillis(DEADLINE - 1), uptime_ms=10 * HOUR - 1)
    assert clock.fate(DEADLINE) is Fate.LIVE
    clock = clock.ticked(now=DEADLINE, uptime_ms=10 * HOUR)
    assert clock.fate(DEADLINE) is Fate.DESTROYED


def test_a_start_after_the_deadline_locks_until_a_witness_agrees() -> None:
    clock = start_clock(now=UnixMillis(DEADLINE + HOUR), high_water=START)
    assert clock.fate(DEADLINE) is Fate.LOCKED
    assert clock.told(UnixMillis(DEADLINE - 1)).fate(DEADLINE) is Fate.LOCKED
    assert clock.told(DEADLINE).fate(DEADLINE) is Fate.DESTROYED


def test_a_start_after_the_deadline_destroys_after_a_day_without_a_witness() -> None:
    clock = start_clock(now=UnixMillis(DEADLINE + HOUR), high_water=START)
    later = clock.ticked(now=UnixMillis(DEADLINE + 25 * HOUR - 1), uptime_ms=24 * HOUR - 1)
    assert later.fate(DEADLINE) is Fate.LOCKED
    later = clock.ticked(now=UnixMillis(DEADLINE + 25 * HOUR), uptime_ms=24 * HOUR)
    assert later.fate(DEADLINE) is Fate.DESTROYED


def test_a_clock_that_jumps_forward_destroys_nothing_by_itself() -> None:
    clock = start_clock(now=START, high_water=START)
    jumped = clock.ticked(now=UnixMillis(DEADLINE + HOUR), uptime_ms=60_000)
    assert jumped.fate(DEADLINE) is Fate.LOCKED


@given(TIMES)
def test_a_servers_word_alone_destroys_nothing(time: UnixMillis) -> None:
    clock = start_clock(now=START, high_water=START)
    assert clock.told(time).fate(DEADLINE) is Fate.LIVE
