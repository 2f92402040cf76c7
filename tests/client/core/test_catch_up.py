"""Whatever the server shows, a unit moves only along its one history."""

from __future__ import annotations

import dataclasses

import pytest

from mifeng.core import key_packages, membership
from mifeng.core.events import Delivered, NewEntry, UnitLeft
from mifeng.core.own_time import AheadError
from mifeng.core.readd import CannotGoOnError
from mifeng.core.rows import Condition, UnitStatus
from mifeng.core.unit import changes_between, from_rows
from mifeng_crypto import gate
from mifeng_crypto.api.messages import ClaimedKeyPackage
from mifeng_crypto.errors import ProtocolError, UsageError
from mifeng_crypto.ids import UnixMillis
from mifeng_crypto.ledger.chain import NeedLedgerError
from mifeng_crypto.ledger.charter_entry import Grant, Restart, Revoke, UnitRole
from mifeng_crypto.ledger.roster_entry import RevokeDevice
from mifeng_crypto.ledger.roster_tables import DeviceChangeKind
from mifeng_crypto.log import EntryKind, Heads, LogEntry
from mifeng_crypto.mls import group as mls
from mifeng_crypto.mls.wire.key_package import KeyPackage
from mifeng_crypto.mls.wire.message import MLSMessage, encode_message
from mifeng_crypto.tls import decode, encode
from tests.client.core.world import World, profile_of
from tests.support.company import SUITE, Person


@pytest.fixture
def world() -> World:
    return World()


def texts(events: tuple[object, ...]) -> list[bytes]:
    return [e.entry.content for e in events if isinstance(e, NewEntry)]


def say(world: World, content: bytes) -> bytes:
    world.ada.queue(content)
    return world.accept(EntryKind.MESSAGE, world.ada.seal(), world.ada)


def test_a_message_is_shown_with_its_sender_and_confirmed_to_its_author(world: World) -> None:
    entry = say(world, b"good morning")
    mine, theirs = world.ada.apply(entry), world.ben.apply(entry)
    assert any(isinstance(event, Delivered) for event in mine.events)
    assert world.ada.unit.outbox == ()
    for applied in (mine, theirs):
        shown = [e.entry for e in applied.events if isinstance(e, NewEntry)]
        assert [(r.content, r.member_id) for r in shown] == [
            (b"good morning", world.company.ada.member_id)
        ]


def test_applying_the_same_entries_again_changes_nothing(world: World) -> None:
    entries = [say(world, b"one"), say(world, b"two")]
    assert texts(world.ben.apply(*entries).events) == [b"one", b"two"]
    again = world.ben.apply(*entries)
    assert (again.events, again.changes) == ((), {})


@pytest.mark.parametrize("shown", [(1,), (0, 2)])
def test_a_log_with_a_gap_is_refused_and_nothing_moves(
    world: World, shown: tuple[int, ...]
) -> None:
    entries = [say(world, b"%d" % n) for n in range(3)]
    before = world.ben.unit
    with pytest.raises(ProtocolError) as caught:
        world.ben.apply(*(entries[n] for n in shown))
    assert caught.value.rule == "LOG-2"
    assert world.ben.unit is before


def test_a_second_history_is_refused(world: World) -> None:
    world.ben.apply(say(world, b"one"))
    world.ada.apply(*world.log.entries[-1:])
    forged = decode(LogEntry, say(world, b"two"))
    other = dataclasses.replace(forged.header, previous=bytes(32))
    with pytest.raises(ProtocolError) as caught:
        world.ben.apply(encode(dataclasses.replace(forged, header=other)))
    assert caught.value.rule == "LOG-3"


def test_a_sender_who_saw_another_log_stops_the_unit_and_is_not_shown(world: World) -> None:
    # The server shows Ada one entry and Ben another in the same place; then Ada writes.
    head, epoch = world.log.head, world.log.epoch
    world.company.hire("Cai")
    world.ada.apply(world.heads_only())
    world.log.head, world.log.epoch = head, epoch
    world.ben.apply(world.heads_only())
    with pytest.raises(ProtocolError) as caught:
        world.ben.apply(say(world, b"what I said to the other branch"))
    assert caught.value.rule in {"LOG-8", "LEDGER-8"}


def test_a_message_that_does_not_decrypt_does_not_stop_the_next(world: World) -> None:
    broken = bytearray(decode(LogEntry, say(world, b"lost")).content)
    world.log.head = world.ben.unit.log.head
    broken[-1] ^= 1
    bad = world.accept(EntryKind.MESSAGE, bytes(broken), world.ada)
    good = say(world, b"kept")
    events = world.ben.apply(bad, good).events
    shown = [e.entry for e in events if isinstance(e, NewEntry)]
    assert [r.condition for r in shown] == [Condition.MALFORMED, Condition.READ]
    assert [r.content for r in shown] == [b"", b"kept"]
    assert {r.member_id for r in shown} == {world.company.ada.member_id}


HOUR = 3_600_000


def dated(world: World, entry: bytes, *, late: int, content: bytes | None = None) -> bytes:
    """The last entry, as a server gives it that says it came so much later."""
    old = decode(LogEntry, entry)
    content = old.content if content is None else content
    world.log.head, world.log.epoch = world.ben.unit.log.head, old.header.epoch
    at = UnixMillis(old.header.accepted_at + late)
    return world.log.append(old.header.kind, content, by=old.header.device_id, at=at)


def test_a_server_that_dates_a_message_as_nobody_did_is_not_believed_by_its_author_either(
    world: World,
) -> None:
    entry = dated(world, say(world, b"now"), late=HOUR)
    for desk in (world.ada, world.ben):
        before = desk.unit.last_accepted_at
        shown = [e.entry for e in desk.apply(entry).events if isinstance(e, NewEntry)]
        assert [r.condition for r in shown] == [Condition.MALFORMED]
        assert "GATE-21" in shown[0].reason
        assert desk.unit.last_accepted_at == before


def test_who_dates_ahead_of_time_with_the_server_moves_no_other_clock_client_15(
    world: World,
) -> None:
    before, own = world.ben.unit, world.company.now
    world.company.tick(11 * 60_000)  # what the server and the sender agree on
    ahead = say(world, b"from the future")
    with pytest.raises(AheadError) as caught:
        world.ben.apply(ahead, now=own)
    assert (caught.value.rule, caught.value.sequence) == ("CLIENT-15", before.log.sequence + 1)
    assert world.ben.unit == before, "nothing has changed"
    world.ben.apply(ahead, now=UnixMillis(own + 60_000 + 1_000))
    assert world.ben.unit.log.sequence == before.log.sequence + 1, "once the clock says so"


def test_what_nobody_has_dated_moves_no_time(world: World) -> None:
    before = world.ben.unit.last_accepted_at
    for content in (b"", b"nonsense"):
        world.ben.apply(dated(world, say(world, b"lost"), late=24 * HOUR, content=content))
        assert world.ben.unit.last_accepted_at == before
    world.log.epoch = world.ben.unit.active_epoch.public.epoch
    world.ada.unit = dataclasses.replace(world.ada.unit, log=world.ben.unit.log)
    world.ben.apply(say(world, b"now"))
    assert before < world.ben.unit.last_accepted_at == world.company.now


def test_a_message_whose_content_has_expired_leaves_its_place(world: World) -> None:
    entry = decode(LogEntry, say(world, b"old"))
    applied = world.ben.apply(encode(dataclasses.replace(entry, content=b"")))
    shown = [e.entry for e in applied.events if isinstance(e, NewEntry)]
    assert [(r.condition, r.content) for r in shown] == [(Condition.EXPIRED, b"")]


def test_the_server_cannot_name_another_device_as_the_sender(world: World) -> None:
    world.ada.queue(b"mine")
    entry = world.log.append(
        EntryKind.MESSAGE,
        world.ada.seal(),
        by=world.ben.person.device_id,
        at=world.company.tick(),
    )
    shown = [e.entry for e in world.ben.apply(entry).events if isinstance(e, NewEntry)]
    assert [r.condition for r in shown] == [Condition.MALFORMED]
    assert "GATE-22" in shown[0].reason


def test_heads_that_go_back_are_refused(world: World) -> None:
    old = Heads(world.ben.unit.heads.roster, world.ben.unit.heads.charter)
    world.amend(Grant(world.company.hire("Carl").member_id, UnitRole.MEMBER))
    back = world.log.append(EntryKind.HEADS, encode(old), at=world.company.tick())
    with pytest.raises(ProtocolError) as caught:
        world.ben.apply(back)
    assert caught.value.rule == "GATE-1"


def test_heads_beyond_the_known_ledgers_ask_for_them(world: World) -> None:
    carl = world.company.hire("Carl")
    before = world.ben.unit.charter
    world.everybody.remove(world.ben)
    world.amend(Grant(carl.member_id, UnitRole.MEMBER))
    entry = world.log.entries[-1]
    assert world.ben.unit.charter is before
    with pytest.raises(NeedLedgerError) as caught:
        world.ben.apply(entry)
    assert caught.value.ledger == "charter"
    world.ben.follow(world.charter)
    assert world.ben.apply(entry).events


def test_whoever_is_removed_knows_it_and_keeps_no_keys(world: World) -> None:
    world.amend(Revoke(world.ben_person.member_id))
    commit = world.accept(EntryKind.COMMIT, world.ada.commit(), world.ada)
    world.ada.apply(commit)
    before = world.ben.unit
    applied = world.ben.apply(commit)
    assert any(isinstance(event, UnitLeft) for event in applied.events)
    assert world.ben.unit.status is UnitStatus.LEFT
    assert world.ben.unit.epoch is None
    assert before.epoch is not None
    kept = {("mls", world.unit_id + name) for name in before.epoch.parts(None)}
    assert kept <= {place for place, value in applied.changes.items() if value is None}
    with pytest.raises(UsageError):
        _ = world.ben.unit.active_epoch


def test_a_commit_that_leaves_a_removed_member_in_is_refused(world: World) -> None:
    rotation = world.ada.commit()
    world.ada.unit = dataclasses.replace(world.ada.unit, pending=None)
    world.amend(Revoke(world.ben_person.member_id))
    entry = world.accept(EntryKind.COMMIT, rotation, world.ada)
    before = world.ben.unit
    with pytest.raises(ProtocolError) as caught:
        world.ben.apply(entry)
    assert caught.value.rule == "GATE-13"
    assert world.ben.unit is before


def ghost_of(world: World) -> tuple[Person, mls.VerifiedKeyPackage]:
    """A device that no ledger names, with a perfectly good KeyPackage."""
    ghost = world.company.person("Ghost")
    profile = profile_of(world.company, ghost)
    public, _ = key_packages.make(
        profile, 1, suite_id=SUITE, now=world.company.now, rng=world.company.rng
    )
    package = decode(MLSMessage, public[0]).message
    assert isinstance(package, KeyPackage)
    return ghost, mls.verify_key_package(package, now_s=world.company.now // 1000)


def test_a_key_package_that_the_server_slips_in_is_not_used(world: World) -> None:
    ghost, verified = ghost_of(world)
    slipped = ClaimedKeyPackage(
        device_id=ghost.device_id, key_package=encode_message(verified.key_package)
    )
    for due in (membership.Due((), (), rotate=True), membership.Due((), (ghost.device_id,), True)):
        prepared = membership.commit(
            world.ada.unit,
            due,
            [slipped],
            roster=world.company.roster,
            profile=world.ada.profile,
            now=world.company.now,
            rng=world.company.rng,
        )
        assert prepared is not None
        assert prepared.pending is not None
        assert prepared.pending.staged.added == ()


def test_a_member_and_the_server_together_cannot_add_a_ghost(world: World) -> None:
    _, verified = ghost_of(world)
    hostile = mls.commit(
        world.ada.unit.active_epoch,
        signature_key=world.ada.profile.signature_key,
        add=[verified],
        path=False,
        authenticated_data=world.ada.unit.authenticated_data(
            world.company.roster,
            state=world.ada.unit.view(world.company.roster).state,
            now=world.company.now,
        ),
        now_s=world.company.now // 1000,
        rng=world.company.rng,
    )
    entry = world.accept(EntryKind.COMMIT, hostile.message, world.ada)
    before = world.ben.unit
    with pytest.raises(ProtocolError) as caught:
        world.ben.apply(entry)
    assert caught.value.rule == "GATE-5"
    assert world.ben.unit is before


def test_client_9_a_commit_in_ones_own_name_that_one_has_not_sent_is_refused(world: World) -> None:
    message = world.ada.commit()
    world.ada.unit = dataclasses.replace(world.ada.unit, pending=None)
    entry = world.accept(EntryKind.COMMIT, message, world.ada)
    before = world.ada.unit
    with pytest.raises(ProtocolError) as caught:
        world.ada.apply(entry)
    assert caught.value.rule == "CLIENT-9"
    assert world.ada.unit is before


@pytest.mark.parametrize("is_ahead", [False, True])
def test_client_10_a_message_in_ones_own_name_that_one_has_not_sent_is_refused(
    world: World, is_ahead: bool
) -> None:
    copied = world.ada.unit
    world.ada.queue(b"by the copy")
    entry = world.accept(EntryKind.MESSAGE, world.ada.seal(), world.ada)
    world.ada.unit = copied
    if not is_ahead:  # this one has used the same key meanwhile
        world.ada.queue(b"by this one")
        world.ada.seal()
    before = world.ada.unit
    with pytest.raises(ProtocolError) as caught:
        world.ada.apply(entry)
    assert caught.value.rule == "CLIENT-10"
    assert world.ada.unit is before


def test_a_unit_read_back_from_its_rows_goes_on_where_it_was(world: World) -> None:
    first = world.ben.apply(say(world, b"one"))
    rows = {**changes_between(None, world.ben.unit), **first.changes}
    world.ben.queue(b"mine")

    def parts(table: str) -> dict[bytes, bytes]:
        return {key[16:]: v for (t, key), v in rows.items() if t == table and v is not None}

    unit = from_rows(
        world.unit_id,
        rows["units", world.unit_id] or b"",
        charter=world.charter,
        mls=parts("mls"),
        pending=None,
        timeline=parts("messages").items(),
        outbox={},
    )
    assert unit.record() == world.ben.unit.record()
    assert unit.log.head == world.ben.unit.log.head
    world.ben.unit = unit
    assert texts(world.ben.apply(say(world, b"two")).events) == [b"two"]


def test_an_own_commit_takes_effect_only_when_the_log_brings_it_back(world: World) -> None:
    epoch = world.ada.unit.active_epoch.public.epoch
    message = world.ada.commit()
    assert world.ada.unit.active_epoch.public.epoch == epoch
    entry = world.accept(EntryKind.COMMIT, message, world.ada)
    world.ada.apply(entry)
    world.ben.apply(entry)
    assert world.ada.unit.pending is None
    assert [d.unit.active_epoch.public.epoch for d in world.everybody] == [epoch + 1] * 2
    assert world.ada.unit.rotated_at == world.ben.unit.rotated_at == world.company.now
    assert gate.removes_due(world.ben.unit.view(world.company.roster)) == ()


def test_what_happened_to_peoples_devices_stands_where_it_took_effect(world: World) -> None:
    company, ben = world.company, world.ben_person
    carl = company.hire("Carl")  # is in the workspace, and not in the unit
    phone = company.link(ben)
    company.link(carl)
    first = world.heads_only()
    company.append(company.sign(RevokeDevice(phone.device_id), company.ada))
    other = company.on_new_device(ben)
    company.append(company.recover_entry(ben, other))
    second = world.heads_only()
    said = [
        [(mark.member_id, mark.kind) for mark in event.entry.devices]
        for event in world.ada.apply(first, second).events
        if isinstance(event, NewEntry)
    ]
    assert said == [
        [(ben.member_id, DeviceChangeKind.ADD_DEVICE)],
        [
            (ben.member_id, DeviceChangeKind.REVOKE_DEVICE),
            (ben.member_id, DeviceChangeKind.RECOVER),
        ],
    ]


def test_a_commit_that_the_server_has_no_longer_makes_a_device_ask_to_be_added_again(
    world: World,
) -> None:
    raw = world.accept(EntryKind.COMMIT, world.ada.commit(), world.ada)
    entry, before = decode(LogEntry, raw), world.ben.unit
    gone = dataclasses.replace(entry, content=b"")
    with pytest.raises(CannotGoOnError) as caught:
        world.ben.apply(encode(gone))
    assert caught.value.cause == "LOG-4"
    assert caught.value.stuck == world.log.head
    with pytest.raises(ProtocolError, match="LOG-4"):  # what was altered is no gap
        world.ben.apply(encode(dataclasses.replace(entry, content=b"altered")))
    assert world.ben.unit is before


def test_the_heads_of_a_restart_end_a_generation_and_what_was_read_stays(world: World) -> None:
    world.ben.apply(say(world, b"before"))
    world.ben.queue(b"mine")
    world.ben.seal()
    charter = world.amended(Restart(1, world.log.head))
    heads = Heads(world.company.roster.head, charter.head)
    entry = world.log.append(EntryKind.HEADS, encode(heads), at=world.company.tick())
    before = world.ben.unit
    with pytest.raises(NeedLedgerError):
        world.ben.apply(entry)
    world.ben.follow(charter)
    applied = world.ben.apply(entry)
    unit = world.ben.unit
    assert (unit.status, unit.generation, unit.epoch) == (UnitStatus.WAITING, 0, None)
    (item,) = unit.outbox
    assert item.record.message == b"", "it is made anew for the next generation"
    assert before.epoch is not None
    gone = {key for (table, key), value in applied.changes.items() if table == "mls" and not value}
    assert gone == {unit.unit_id + part for part in before.epoch.parts(None)}
    assert not [e for e in applied.events if isinstance(e, UnitLeft)]
