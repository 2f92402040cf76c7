"""What is over is hidden at once, and destroyed when clock and log agree that it is."""

from __future__ import annotations

import dataclasses

import pytest

from mifeng.core import expiry
from mifeng.core.events import NewEntry
from mifeng.core.rows import Condition, TimelineRecord, number
from mifeng_crypto.expiry.slot import retain_until
from mifeng_crypto.ids import UnixMillis
from mifeng_crypto.log import EntryKind
from mifeng_crypto.tls import decode, encode
from tests.client.core.world import World


@pytest.fixture
def world() -> World:
    return World()


def said(world: World) -> TimelineRecord:
    world.ada.queue(b"for three days")
    entry = world.accept(EntryKind.MESSAGE, world.ada.seal(), world.ada)
    (event,) = world.ben.apply(entry).events
    assert isinstance(event, NewEntry)
    return event.entry


def test_a_message_is_shown_until_its_deadline_and_not_after(world: World) -> None:
    record, unit = said(world), world.ben.unit
    deadline = retain_until(record.accepted_at, unit.charter.policy.retention_s)
    assert deadline - record.accepted_at >= 72 * 3_600_000
    assert expiry.shown(record, now=UnixMillis(deadline - 1)) == record
    after = expiry.shown(record, now=deadline)
    assert (after.condition, after.content) == (Condition.EXPIRED, b"")


def test_neither_the_clock_nor_the_server_alone_destroys_anything(world: World) -> None:
    record, unit = said(world), world.ben.unit
    rows = [(world.unit_id + number(unit.log.sequence), encode(record))]
    late = UnixMillis(record.accepted_at + 80 * 3_600_000)
    assert expiry.destroy(unit, rows, now=late) == {}
    told = dataclasses.replace(unit, last_accepted_at=late)
    assert expiry.destroy(told, rows, now=record.accepted_at) == {}
    ((place, value),) = expiry.destroy(told, rows, now=late).items()
    assert place == ("messages", rows[0][0])
    assert decode(TimelineRecord, value or b"").content == b""
    assert b"three days" not in (value or b"")


def test_of_an_ended_epoch_nothing_at_all_is_kept(world: World) -> None:
    record = said(world)
    row = (world.unit_id + number(world.ben.unit.log.sequence), encode(record))
    world.ada.apply(*world.log.entries[-1:])
    commit = world.accept(EntryKind.COMMIT, world.ada.commit(), world.ada)
    world.ben.apply(commit)
    late = UnixMillis(record.accepted_at + 80 * 3_600_000)
    told = dataclasses.replace(world.ben.unit, last_accepted_at=late)
    assert expiry.destroy(told, [row], now=late) == {("messages", row[0]): None}
