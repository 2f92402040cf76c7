"""Never lost, never twice: what is on its way, through lost races and lost answers."""

from __future__ import annotations

import pytest

from mifeng.core import outbox
from mifeng.core.events import NewEntry
from mifeng_crypto.log import EntryKind
from tests.client.core.world import World


@pytest.fixture
def world() -> World:
    return World()


def test_after_a_lost_race_the_same_content_goes_out_in_new_bytes(world: World) -> None:
    world.ben.queue(b"me too")
    stale = world.ben.seal()
    commit = world.accept(EntryKind.COMMIT, world.ada.commit(), world.ada)
    world.ada.apply(commit)
    world.ben.apply(commit)
    item = outbox.next_item(world.ben.unit)
    assert item is not None
    assert item.record.message == b""
    fresh = world.ben.seal()
    assert fresh != stale
    assert outbox.idempotency_key(fresh) != outbox.idempotency_key(stale)
    entry = world.accept(EntryKind.MESSAGE, fresh, world.ben)
    for desk in world.everybody:
        events = desk.apply(entry).events
        assert [e.entry.content for e in events if isinstance(e, NewEntry)] == [b"me too"]
    assert world.ben.unit.outbox == ()


def test_a_message_whose_answer_was_lost_is_confirmed_by_the_log_and_not_sent_again(
    world: World,
) -> None:
    world.ben.queue(b"once")
    entry = world.accept(EntryKind.MESSAGE, world.ben.seal(), world.ben)
    commit = world.accept(EntryKind.COMMIT, world.ada_after(entry).commit(), world.ada)
    world.ben.apply(entry, commit)
    assert world.ben.unit.outbox == ()


def test_items_leave_in_order_and_keep_their_numbers(world: World) -> None:
    for n in range(3):
        world.ben.queue(b"%d" % n)
    numbers = [item.number for item in world.ben.unit.outbox]
    assert numbers == sorted(set(numbers))
    first = world.accept(EntryKind.MESSAGE, world.ben.seal(), world.ben)
    world.ben.apply(first)
    item = outbox.next_item(world.ben.unit)
    assert item is not None
    assert item.record.content == b"1"
    world.ben.queue(b"3")
    assert [i.record.content for i in world.ben.unit.outbox] == [b"1", b"2", b"3"]


def test_an_accepted_item_is_sent_until_the_log_confirms_it(world: World) -> None:
    world.ben.queue(b"x")
    item = outbox.next_item(world.ben.unit)
    assert item is not None
    assert item.state == "waiting"
    entry = world.accept(EntryKind.MESSAGE, world.ben.seal(), world.ben)
    assert outbox.next_item(world.ben.unit) is None
    assert [i.state for i in world.ben.unit.outbox] == ["sent"]
    world.ben.apply(entry)
    assert world.ben.unit.outbox == ()


def test_two_encryptions_never_use_the_same_ratchet_key(world: World) -> None:
    # The epoch moves with each encryption; going back to an older one is impossible by type.
    world.ben.queue(b"a")
    before = world.ben.unit.active_epoch
    world.ben.seal()
    assert world.ben.unit.active_epoch is not before
    assert world.ben.unit.active_epoch.parts(before)


def test_what_was_refused_waits_for_its_author_and_holds_nobody_up(world: World) -> None:
    world.ben.queue(b"too long")
    world.ben.queue(b"short")
    world.ben.seal()
    item = outbox.next_item(world.ben.unit)
    assert item is not None
    unit = outbox.refused(world.ben.unit, item, "too_large", "x" * 10_000)
    behind = outbox.next_item(unit)
    assert behind is not None
    assert behind.record.content == b"short"
    refused = unit.outbox[0]
    assert (refused.record.message, len(refused.record.detail)) == (b"", outbox.MOST_DETAIL)
    again = outbox.next_item(outbox.again(unit, refused))
    assert again is not None
    assert (again.number, again.record.refused) == (item.number, "")
