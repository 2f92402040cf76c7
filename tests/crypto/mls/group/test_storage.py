"""A state survives store and load, and a change writes only what it changed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mifeng_crypto.errors import StorageError
from mifeng_crypto.mls.group import Epoch, PendingCommit, PublicGroup, stage_commit
from mifeng_crypto.mls.group.public_group import StoredGroup
from mifeng_crypto.tls import decode, encode
from tests.crypto.mls.world import NOW_S, CountingRng, Device, World


class Store:
    """A table of parts, as client and server have one."""

    def __init__(self) -> None:
        self.rows: dict[bytes, bytes] = {}
        self.last: Epoch | None = None

    def save(self, epoch: Epoch) -> int:
        """Write the difference to the last epoch; return how many bytes."""
        written = epoch.parts(self.last)
        self.last = epoch
        for key, value in written.items():
            if value is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = value
        return sum(len(value or b"") for value in written.values())

    def load(self) -> Epoch:
        return Epoch.from_parts(self.rows)


def test_a_member_that_is_stored_and_loaded_at_each_step_goes_on_like_the_others() -> None:
    world = World(6)
    anna, bert = world.devices[:2]
    store = Store()
    store.save(bert.now)

    def restart() -> None:
        store.save(bert.now)
        bert.epoch = store.load()
        store.last = bert.epoch
        assert store.rows == {k: v for k, v in bert.epoch.parts(None).items() if v is not None}

    messages = [anna.send(str(i)) for i in range(3)]
    for i in (2, 0, 1):
        assert bert.read(messages[i]) == str(i)
        restart()
    world.commit(anna, remove=world.members[3:6])
    restart()
    world.commit(bert)
    restart()
    world.commit(anna, add=[Device(f"new {i}", rng=CountingRng(50 + i)) for i in range(5)])
    restart()
    world.assert_agreement()
    assert anna.read(bert.send("still here")) == "still here"


def test_nothing_secret_of_an_epoch_is_left_when_the_next_is_stored() -> None:
    world = World(3)
    anna, bert, _ = world.devices
    store = Store()
    store.save(bert.now)
    old_rows = dict(store.rows)
    late = anna.send("too late")
    bert.read(anna.send("in time"))
    store.save(bert.now)
    world.commit(anna)
    store.save(bert.now)
    secret = {v for k, v in old_rows.items() if k[:1] in (b"e", b"s")}
    assert secret
    assert not secret & set(store.rows.values())
    with pytest.raises(Exception, match="RFC9420-12.4.2-1"):
        bert.read(late)


def test_a_pending_commit_survives_store_and_load() -> None:
    world = World(3)
    anna, bert, carl = world.devices
    for private in (False, True):
        pending = anna.commit(
            add=[Device("new", rng=CountingRng(77)).key_package()],
            remove=[carl.leaf],
            private=private,
        )
        again = PendingCommit.decode(pending.encode(), pending.epoch)
        assert again.message == pending.message
        assert again.welcome == pending.welcome
        assert again.staged.added == pending.staged.added
        assert again.next.parts(None) == pending.next.parts(None)
    bert.follow(anna.commit(remove=[carl.leaf]))


def test_a_server_stores_the_public_half_node_by_node() -> None:
    world = World(40)
    for member in world.members:
        world.commit(member)
    group = world.members[0].now.public
    rows = {key: value for key, value in group.parts(None).items() if value is not None}
    pending = world.commit(world.members[7])
    loaded = PublicGroup.from_parts(rows)
    after = stage_commit(loaded, pending.message, now_s=NOW_S).after
    written = after.parts(loaded)
    # The leaf and the six nodes above it.
    assert len(written) == 8  # with the context
    rows |= {key: value for key, value in written.items() if value is not None}
    assert PublicGroup.from_parts(rows).parts(None) == after.parts(None)
    assert after.context == world.members[0].now.public.context


def test_an_incomplete_store_is_named_as_such() -> None:
    world = World(2)
    rows = {k: v for k, v in world.devices[0].now.parts(None).items() if v is not None}
    for missing in (b"g", b"e"):
        with pytest.raises(StorageError, match="link this device anew"):
            Epoch.from_parts({k: v for k, v in rows.items() if k != missing})


def test_a_stored_tree_of_an_impossible_size_is_named_as_damaged() -> None:
    world = World(3)
    rows = {k: v for k, v in world.devices[0].now.public.parts(None).items() if v is not None}
    stored = decode(StoredGroup, rows[b"g"])
    for n_leaves in (0, 1, 2, 3, 5, 2**31, 2**32 - 1):
        damaged = rows | {b"g": encode(replace(stored, n_leaves=n_leaves))}
        with pytest.raises(StorageError, match="damaged"):
            PublicGroup.from_parts(damaged)
