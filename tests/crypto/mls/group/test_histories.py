"""Random histories: whatever happened, members agree and outsiders read nothing."""

from __future__ import annotations

import random

import pytest

from mifeng_crypto.errors import MifengError
from mifeng_crypto.labels import decrypt_with_label
from mifeng_crypto.mls.group import Epoch, decrypt, process_commit, stage_commit
from mifeng_crypto.mls.tree.tree_check import check_tree
from mifeng_crypto.mls.tree.tree_math import direct_path, node_of
from mifeng_crypto.suite import SUITES
from mifeng_crypto.tls import encode
from tests.crypto.mls.world import NOW_S, CountingRng, Device, World


def assert_only_own_keys(device: Device) -> None:
    """A member knows the private keys of its leaf and of nodes above it, and they fit."""
    epoch = device.now
    tree = epoch.public.tree
    above = {node_of(device.leaf), *direct_path(device.leaf, tree.n_leaves)}
    assert set(epoch.private_keys) <= above
    for x in above:
        node = tree.nodes[x]
        if x not in epoch.private_keys:
            unmerged = () if node is None else getattr(node, "unmerged_leaves", ())
            assert node is None or device.leaf in unmerged
            continue
        assert node is not None
        info = b"a test"
        sealed = device.suite.hpke_seal(node.encryption_key, info, b"for this node")
        assert device.suite.hpke_open(epoch.private_keys[x], info, *sealed) == b"for this node"


def follow(epoch: Epoch, message: bytes) -> Epoch:
    return process_commit(epoch, stage_commit(epoch.public, message, now_s=NOW_S))


def reload(device: Device) -> None:
    parts = device.now.parts(None)
    device.epoch = Epoch.from_parts({k: v for k, v in parts.items() if v is not None})


@pytest.mark.parametrize("seed", range(6))
def test_after_any_history_members_agree_and_the_removed_read_nothing(seed: int) -> None:
    chance = random.Random(seed)
    world, born = World(chance.randint(1, 9), SUITES[1]), 100
    removed: list[tuple[Device, Epoch]] = []
    for _ in range(30):
        by = chance.choice(world.members)
        others = [member for member in world.members if member is not by]
        leaving = chance.sample(others, min(len(others), chance.choice((0, 0, 0, 1, 1, 3))))
        new = [
            Device(f"device {born + i}", rng=CountingRng(born + i + 1000 * seed))
            for i in range(chance.choice((0, 0, 0, 1, 2, 5)))
        ]
        born += len(new)
        path = bool(leaving) or not new or chance.random() < 0.5
        removed += [(device, device.now) for device in leaving]
        pending = world.commit(by, add=new, remove=leaving, path=path)
        world.assert_agreement()
        context = by.now.public.context
        check_tree(by.now.public.tree, group_id=context.group_id, extensions=context.extensions)
        for member in world.members:
            assert_only_own_keys(member)
        reload(chance.choice(world.members))
        sender = chance.choice(world.members)
        message = sender.send("for members")
        for member in world.members:
            if member is not sender:
                assert member.read(message) == "for members"
        for device, epoch in removed[-3:]:
            with pytest.raises(MifengError):
                decrypt(epoch, message)
            with pytest.raises(MifengError):
                follow(epoch, pending.message)
            assert device not in world.members


def test_the_keys_of_a_removed_member_open_nothing_of_the_next_path() -> None:
    """Not only the verb: none of its private keys decrypts any ciphertext of the commit."""
    world = World(8)
    for member in world.members:
        world.commit(member)
    gone = world.members[5]
    keys = dict(gone.now.private_keys)
    pending = world.commit(world.members[0], remove=[gone])
    path, context = pending.staged.path, pending.staged.provisional_context
    assert path is not None

    for node in path.nodes:
        for sealed in node.encrypted_path_secret:
            for key in keys.values():
                with pytest.raises(MifengError):
                    decrypt_with_label(
                        gone.suite,
                        key,
                        "UpdatePathNode",
                        encode(context),
                        kem_output=sealed.kem_output,
                        ciphertext=sealed.ciphertext,
                    )
