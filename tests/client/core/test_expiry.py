"""What is over is hidden at once, and of what is destroyed only the place is left."""

from __future__ import annotations

import dataclasses

import pytest

from mifeng.core import expiry
from mifeng.core.events import NewEntry
from mifeng.core.expiry import ExpiredRecord
from mifeng.core.rows import Condition, TimelineRecord, UnitStatus, number, timeline_row
from mifeng.expiring import Expiring
from mifeng_crypto.expiry import start_clock
from mifeng_crypto.expiry.slot import retain_until, slot_of
from mifeng_crypto.ids import FileId, UnixMillis
from mifeng_crypto.log import EntryKind
from mifeng_crypto.tls import decode, encode
from tests.client.core.world import World

HOUR = 3_600_000


@pytest.fixture
def world() -> World:
    return World()


def said(world: World) -> TimelineRecord:
    world.ada.queue(b"for three days")
    entry = world.accept(EntryKind.MESSAGE, world.ada.seal(), world.ada)
    (event,) = world.ben.apply(entry).events
    assert isinstance(event, NewEntry)
    return event.entry


def row(world: World, record: TimelineRecord) -> tuple[bytes, bytes]:
    return world.unit_id + number(world.ben.unit.log.sequence), encode(record)


def test_a_message_is_shown_until_its_deadline_and_not_after(world: World) -> None:
    record, unit = said(world), world.ben.unit
    assert record.deadline == retain_until(record.accepted_at, unit.charter.policy.retention_s)
    assert record.deadline - record.accepted_at >= 72 * HOUR
    assert expiry.shown(record, now=UnixMillis(record.deadline - 1)) == record
    after = expiry.shown(record, now=record.deadline)
    assert (after.condition, after.content) == (Condition.EXPIRED, b"")


def test_a_message_is_stored_with_its_slot_and_what_is_left_of_it_later(world: World) -> None:
    record = said(world)
    stored = timeline_row(world.unit_id, record)
    assert isinstance(stored, Expiring)
    assert (stored.unit_id, stored.slot) == (world.unit_id, slot_of(record.accepted_at))
    assert stored.deadline == record.deadline
    assert stored == encode(record)
    assert b"three days" not in stored.rest
    assert decode(TimelineRecord, stored.rest).entry_hash == record.entry_hash


def test_of_the_running_epoch_the_place_is_left_and_of_an_ended_one_nothing(world: World) -> None:
    record = dataclasses.replace(said(world), files=(FileId(b"f" * 16),) * 2)
    old = row(world, record)
    gone = expiry.forget({world.unit_id: world.ben.unit}, [old])
    assert gone.count == ExpiredRecord(1, 2)
    ((place, value),) = gone.changes.items()
    assert place == ("messages", old[0])
    assert value is not None
    assert b"three days" not in value
    assert decode(TimelineRecord, value).entry_hash == record.entry_hash

    world.ada.apply(*world.log.entries[-1:])
    world.ben.apply(world.accept(EntryKind.COMMIT, world.ada.commit(), world.ada))
    assert expiry.forget({world.unit_id: world.ben.unit}, [old]).changes == {place: None}
    assert expiry.forget({}, [old]).changes == {place: None}


def test_commits_go_when_messages_of_their_age_are_gone(world: World) -> None:
    said(world)
    world.ada.apply(*world.log.entries[-1:])
    commits = []
    for _ in range(2):
        applied = world.ben.apply(world.accept(EntryKind.COMMIT, world.ada.commit(), world.ada))
        world.ada.apply(*world.log.entries[-1:])
        (event,) = applied.events
        assert isinstance(event, NewEntry)
        commits.append((world.unit_id + number(event.sequence), encode(event.entry)))
        late = UnixMillis(event.entry.accepted_at + 80 * HOUR)
    clock = start_clock(now=late, high_water=UnixMillis(0))
    assert expiry.outdated(world.ben.unit, commits, clock) == {}  # locked is not destroyed
    assert expiry.outdated(world.ben.unit, commits, clock.told(late)) == {
        ("messages", commits[0][0]): None  # the second one began the epoch
    }


def test_a_unit_that_nobody_accepted_yet_is_no_witness(world: World) -> None:
    unit = world.ben.unit
    assert expiry.witnessed([unit]) == unit.last_accepted_at
    begun = dataclasses.replace(unit, status=UnitStatus.CREATING)
    assert expiry.witnessed([begun]) == 0
