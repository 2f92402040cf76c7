"""Stories of a group: who is in it reads everything, who is not reads nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mifeng_crypto.errors import MifengError, ProtocolError, UsageError
from mifeng_crypto.mls.group import decrypt, stage_commit
from mifeng_crypto.suite import SUITES
from tests.crypto.mls.world import NOW_S, CountingRng, Device, World


@pytest.mark.parametrize("suite_id", SUITES)
def test_two_members_talk_in_every_suite(suite_id: int) -> None:
    world = World(2, SUITES[suite_id])
    anna, bert = world.devices
    assert bert.read(anna.send("hello")) == "hello"
    assert anna.read(bert.send("hello back")) == "hello back"
    for by in (anna, bert):
        world.commit(by)
        world.assert_agreement()
        assert bert.read(anna.send("again")) == "again"
        assert anna.read(bert.send("and again")) == "and again"
    assert anna.now.public.epoch == 3


def test_members_come_and_go_and_everyone_can_message_everyone() -> None:
    world = World(5)
    new = [Device(f"new {i}", rng=CountingRng(100 + i)) for i in range(4)]
    world.assert_agreement()
    world.commit(world.members[3])
    world.commit(world.members[1], add=new[:2])
    world.commit(world.members[5], remove=[world.members[0], world.members[2]])
    world.commit(world.members[0], add=new[2:3], remove=[world.members[1]], path=True)
    world.commit(world.members[2], add=new[3:], path=False)
    for member in world.members:
        world.commit(member)
    world.assert_agreement()
    for sender in world.members:
        message = sender.send(sender.name)
        assert {m.read(message) for m in world.members if m is not sender} == {sender.name}


def test_a_removed_member_reads_nothing_of_the_next_epoch() -> None:
    world = World(4)
    anna, bert, carl, _ = world.devices
    before = carl.now
    pending = world.commit(anna, remove=[carl])
    staged = stage_commit(before.public, pending.message, now_s=NOW_S)
    assert staged.removes(carl.leaf)
    with pytest.raises(UsageError, match="removes this device"):
        carl.follow(pending)
    message = anna.send("without carl")
    assert bert.read(message) == "without carl"
    with pytest.raises(ProtocolError, match="RFC9420-12.4.2-1"):
        decrypt(before, message)


def test_messages_are_read_in_any_order_and_only_once() -> None:
    world = World(2)
    anna, bert = world.devices
    messages = [anna.send(str(i)) for i in range(6)]
    assert [bert.read(messages[i]) for i in (3, 0, 5, 1, 4, 2)] == list("305142")
    with pytest.raises(ProtocolError, match="RFC9420-9.1-1"):
        bert.read(messages[3])


def test_a_verb_changes_nothing_but_what_it_returns() -> None:
    world = World(3)
    anna, bert, carl = world.devices
    epoch, nodes = anna.now, anna.now.public.tree.nodes
    index = epoch.public.tree.index
    keys, encryption_keys = dict(index.signature_keys), dict(index.encryption_keys)
    private_keys = dict(epoch.private_keys)
    anna.commit(remove=[bert.leaf])
    anna.commit(add=[Device("new", rng=CountingRng(9)).key_package()])
    message = anna.send("hello")
    carl_before = carl.now
    carl.read(message)
    assert carl_before.secret_tree != carl.now.secret_tree
    assert epoch.public.tree.nodes == nodes
    assert (index.signature_keys, index.encryption_keys) == (keys, encryption_keys)
    assert epoch.private_keys == private_keys
    assert decrypt(carl_before, message).received.data == b"hello"


def test_a_failed_verb_leaves_the_state_as_it_was() -> None:
    world = World(3)
    anna, bert, carl = world.devices
    pending = bert.commit()
    broken = bytearray(pending.message)
    for at in range(0, len(broken), 7):
        broken[at] ^= 1
        with pytest.raises(MifengError):
            anna.follow(replace(pending, message=bytes(broken)))
        broken[at] ^= 1
    anna.follow(pending)
    carl.follow(pending)
    assert anna.now.epoch_authenticator == carl.now.epoch_authenticator


def test_a_commit_of_a_stale_epoch_is_refused() -> None:
    world = World(3)
    anna, bert, carl = world.devices
    late = carl.commit()
    world.commit(bert)
    with pytest.raises(ProtocolError, match="RFC9420-12.4.2-1"):
        anna.follow(late)


def test_fifty_members_follow_each_other() -> None:
    world = World(50)
    for member in world.members[::7]:
        world.commit(member)
    world.commit(world.members[11], remove=world.members[20:30])
    world.commit(world.members[2], add=[Device("new", rng=CountingRng(999))])
    world.assert_agreement()
    message = world.members[-1].send("hello from the new one")
    assert all(m.read(message) for m in world.members[:-1])
