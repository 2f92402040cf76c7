"""A group is replaced by another, and branches off (RFC 9420 sections 11.2 and 11.3)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mifeng_crypto.errors import ProtocolError, UsageError
from mifeng_crypto.mls.group import (
    Epoch,
    PendingCommit,
    branch_group,
    default_capabilities,
    join,
    reinit_group,
)
from mifeng_crypto.mls.wire.credential import BasicCredential
from mifeng_crypto.mls.wire.proposal import ReInit
from mifeng_crypto.suite import SUITES
from tests.crypto.mls.world import LIFETIME, NOW_S, CountingRng, Device, World


def joined(device: Device, pending: PendingCommit, continues: Epoch | None) -> Epoch:
    assert device.bundle is not None
    assert pending.welcome is not None
    tree = pending.next.public.tree.to_wire()
    return join(pending.welcome, device.bundle, tree=tree, continues=continues).epoch


def closed_world(suite_id: int) -> World:
    world = World(3)
    world.commit(world.devices[0], reinit=ReInit(b"the next", 1, suite_id, ()), path=False)
    return world


def moved(world: World, suite_id: int, without: int = 0) -> tuple[list[Device], PendingCommit]:
    """Let the first member make the new group, with new keys for its suite."""
    suite = SUITES[suite_id]
    new = [
        Device(device.name, suite=suite, rng=CountingRng(40 + i))
        for i, device in enumerate(world.devices)
    ]
    pending = reinit_group(
        world.devices[0].now,
        add=[device.key_package() for device in new[1 : len(new) - without]],
        signature_key=new[0].signature_key,
        credential=BasicCredential(new[0].name.encode()),
        capabilities=default_capabilities(),
        lifetime=LIFETIME,
        now_s=NOW_S,
        rng=new[0].rng,
    )
    return new, pending


@pytest.mark.parametrize("suite_id", SUITES)
def test_a_group_moves_to_another_suite(suite_id: int) -> None:
    world = closed_world(suite_id)
    with pytest.raises(UsageError, match="replaced by another"):
        world.devices[1].commit()
    new, pending = moved(world, suite_id)
    for device, old in zip(new[1:], world.devices[1:], strict=True):
        epoch = joined(device, pending, old.now)
        assert epoch.epoch_authenticator == pending.next.epoch_authenticator
        assert epoch.public.context.group_id == b"the next"


def test_a_new_group_that_is_not_the_agreed_one_is_refused() -> None:
    world = closed_world(1)
    new, pending = moved(world, 1)
    bert, old = new[1], world.devices[1].now
    with pytest.raises(ProtocolError, match="RFC9420-12.4.3.1-11"):
        joined(bert, pending, None)
    for other in (ReInit(b"another", 1, 1, ()), ReInit(b"the next", 1, 3, ())):
        expected = replace(old, public=replace(old.public, reinit=other))
        with pytest.raises(ProtocolError, match="RFC9420-11.2-1"):
            joined(bert, pending, expected)
    with pytest.raises(UsageError, match="not replaced"):
        joined(bert, pending, replace(old, public=replace(old.public, reinit=None)))
    new, pending = moved(world, 1, without=1)
    with pytest.raises(ProtocolError, match="RFC9420-11.2-2"):
        joined(new[1], pending, old)


def test_a_group_is_replaced_only_after_a_reinit() -> None:
    with pytest.raises(UsageError, match="commit a ReInit first"):
        moved(World(3), 1)


def branch(by: Device, add: list[Device]) -> PendingCommit:
    return branch_group(
        by.now,
        group_id=b"a branch",
        add=[device.key_package() for device in add],
        signature_key=by.signature_key,
        lifetime=LIFETIME,
        now_s=NOW_S,
        rng=by.rng,
    )


def test_some_members_branch_off() -> None:
    world = World(4)
    anna, bert, carl, dora = world.devices
    pending = branch(anna, [bert, carl])
    for device in (bert, carl):
        epoch = joined(device, pending, device.now)
        assert epoch.epoch_authenticator == pending.next.epoch_authenticator
    world.commit(dora)
    with pytest.raises(ProtocolError, match="RFC9420-12.4.3.1-11"):
        joined(bert, pending, bert.now)  # of another epoch than the branch
    assert bert.read(anna.send("the old group goes on")) == "the old group goes on"


def test_a_branch_with_a_stranger_is_refused() -> None:
    world = World(3)
    anna, bert, _ = world.devices
    pending = branch(anna, [bert, Device("a stranger", rng=CountingRng(90))])
    with pytest.raises(ProtocolError, match="RFC9420-11.3-2"):
        joined(bert, pending, bert.now)
