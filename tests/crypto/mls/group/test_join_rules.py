"""Every rule for KeyPackages, GroupInfos, trees and Welcomes: one breach each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from mifeng_crypto.errors import ProtocolError, UsageError
from mifeng_crypto.mls.group import (
    PublicGroup,
    create_key_package,
    default_capabilities,
    group_info,
    join,
    verify_key_package,
)
from mifeng_crypto.mls.tree.ratchet_tree import RatchetTree
from mifeng_crypto.mls.tree.tree_hash import tree_hash
from mifeng_crypto.mls.wire.credential import BasicCredential
from mifeng_crypto.mls.wire.extension import Extension
from mifeng_crypto.mls.wire.key_package import KeyPackage
from mifeng_crypto.mls.wire.leaf_node import FromUpdate, LeafNode, Lifetime
from mifeng_crypto.mls.wire.message import encode_message
from mifeng_crypto.mls.wire.parent_node import Node, ParentNode, RatchetTreeExtension
from mifeng_crypto.mls.wire.psk import PreSharedKeyID, ResumptionPsk, ResumptionPSKUsage
from mifeng_crypto.mls.wire.welcome import GroupInfo
from mifeng_crypto.tls import encode
from tests.crypto.mls.group.forge import (
    forged_welcome,
    resigned_group_info,
    resigned_key_package,
)
from tests.crypto.mls.world import LIFETIME, NOW_S, CountingRng, Device, World

WEAK = (1).to_bytes(32, "little")


# ------------------------------------------------------------------ KeyPackages, section 10.1


def key_package_of(device: Device) -> KeyPackage:
    return create_key_package(
        suite=device.suite,
        signature_key=device.signature_key,
        credential=BasicCredential(b"x"),
        capabilities=default_capabilities(),
        lifetime=LIFETIME,
        rng=device.rng,
    ).key_package


def with_leaf(key_package: KeyPackage, **changes: Any) -> KeyPackage:  # noqa: ANN401
    return replace(key_package, leaf_node=replace(key_package.leaf_node, **changes))


UNKNOWN = (Extension(0xFABC, b""),)
TWICE = (Extension(1, b""), Extension(1, b""))
KEY_PACKAGES: dict[str, tuple[str, Callable[[KeyPackage], KeyPackage]]] = {
    "another version": ("RFC9420-10.1-1", lambda k: replace(k, version=2)),
    "an unknown suite": ("RFC9420-10.1-1", lambda k: replace(k, cipher_suite=0x0BAD)),
    "the leaf of an Update": ("RFC9420-10.1-2", lambda k: with_leaf(k, source=FromUpdate())),
    "one key for two purposes": (
        "RFC9420-10.1-4",
        lambda k: replace(k, init_key=k.leaf_node.encryption_key),
    ),
    "a weak init key": ("KEY-2", lambda k: replace(k, init_key=WEAK)),
    "a short init key": ("KEY-2", lambda k: replace(k, init_key=bytes(31))),
    "a weak encryption key": ("KEY-2", lambda k: with_leaf(k, encryption_key=WEAK)),
    "a weak signature key": ("KEY-1", lambda k: with_leaf(k, signature_key=WEAK)),
    "an unlisted extension": ("RFC9420-10-2", lambda k: replace(k, extensions=UNKNOWN)),
    "an extension twice": ("RFC9420-13.4-1", lambda k: replace(k, extensions=TWICE)),
    "an unlisted leaf extension": ("RFC9420-7.3-6", lambda k: with_leaf(k, extensions=UNKNOWN)),
}


@pytest.mark.parametrize("name", KEY_PACKAGES)
def test_a_key_package_is_refused_that_has(name: str) -> None:
    rule, change = KEY_PACKAGES[name]
    device = Device("x", rng=CountingRng(3))
    wrong = resigned_key_package(device, change(key_package_of(device)))
    with pytest.raises(ProtocolError) as caught:
        verify_key_package(wrong, now_s=NOW_S)
    assert caught.value.rule == rule


def test_a_key_package_with_a_broken_signature_is_refused() -> None:
    good = key_package_of(Device("x", rng=CountingRng(3)))
    verify_key_package(good, now_s=NOW_S)
    with pytest.raises(ProtocolError, match="RFC9420-10.1-3"):
        verify_key_package(replace(good, signature=bytes(64)), now_s=NOW_S)
    with pytest.raises(ProtocolError, match="RFC9420-7.3-2"):
        verify_key_package(with_leaf(good, signature=bytes(64)), now_s=NOW_S)


def test_a_key_package_is_good_from_its_first_second_to_its_last() -> None:
    good = key_package_of(Device("x", rng=CountingRng(3)))
    for now_s in (LIFETIME.not_before, LIFETIME.not_after):
        verify_key_package(good, now_s=now_s)
    for now_s in (LIFETIME.not_before - 1, LIFETIME.not_after + 1):
        with pytest.raises(ProtocolError, match="RFC9420-7.3-5"):
            verify_key_package(good, now_s=now_s)


# ------------------------------------------------------------------ trees, section 12.4.3.1


@pytest.fixture(scope="module")
def world() -> World:
    """Six members; all parents have keys, and the last two members are unmerged in two of them."""
    world = World(4)
    for member in world.members:
        world.commit(member)
    new = [Device(f"new {i}", rng=CountingRng(20 + i)) for i in range(2)]
    world.commit(world.members[0], add=new, path=False)
    world.commit(world.members[4])
    world.commit(world.members[1], add=[Device("last", rng=CountingRng(30))], path=False)
    return world


def info_of(world: World, nodes: tuple[Node | None, ...] | None = None) -> GroupInfo:
    """A GroupInfo of the first member, for a tree that has been changed."""
    anna = world.members[0]
    info = group_info(anna.now, signature_key=anna.signature_key)
    if nodes is None:
        return info
    tree = RatchetTree(anna.suite, nodes, anna.now.public.tree.index, [None] * len(nodes))
    context = replace(info.group_context, tree_hash=tree_hash(tree))
    return resigned_group_info(anna, replace(info, group_context=context))


def parent(node: Node | None) -> ParentNode:
    assert isinstance(node, ParentNode)
    return node


def leaf(node: Node | None) -> LeafNode:
    assert isinstance(node, LeafNode)
    return node


def unmerged(nodes: list[Node | None], x: int, leaves: tuple[int, ...]) -> None:
    nodes[x] = replace(parent(nodes[x]), unmerged_leaves=leaves)


def put(nodes: list[Node | None], x: int, node: Node | None) -> None:
    nodes[x] = node


TREES: dict[str, tuple[str, Callable[[list[Node | None]], None]]] = {
    "two members with one encryption key": ("RFC9420-7.3-9", lambda n: put(n, 2, n[0])),
    "two members with one signature key": (
        "RFC9420-7.3-8",
        lambda n: put(n, 2, replace(leaf(n[0]), encryption_key=bytes([9] * 32))),
    ),
    "a parent with the key of a leaf": (
        "RFC9420-12.4.3.1-9",
        lambda n: put(n, 1, replace(parent(n[1]), encryption_key=leaf(n[0]).encryption_key)),
    ),
    "unmerged leaves that are not sorted": ("RFC9420-7.1-1", lambda n: unmerged(n, 7, (6, 5))),
    "an unmerged leaf twice": ("RFC9420-7.1-1", lambda n: unmerged(n, 7, (6, 6))),
    "an unmerged leaf that is blank": ("RFC9420-12.4.3.1-7", lambda n: unmerged(n, 7, (6, 7))),
    "an unmerged leaf beside its parent": ("RFC9420-12.4.3.1-7", lambda n: unmerged(n, 1, (2,))),
    "an unmerged leaf beyond the tree": (
        "RFC9420-12.4.3.1-7",
        lambda n: unmerged(n, 7, (6, 2**32 - 1)),
    ),
    "a leaf that is unmerged above and merged below": (
        "RFC9420-12.4.3.1-8",
        lambda n: unmerged(n, 7, (0, 6)),
    ),
    "a parent that nobody set": (
        "RFC9420-7.9.2-1",
        lambda n: put(n, 1, replace(parent(n[1]), encryption_key=bytes([9] * 32))),
    ),
    "a parent between others that nobody set": (
        "RFC9420-7.9.2-1",
        lambda n: put(n, 7, replace(parent(n[7]), encryption_key=bytes([9] * 32))),
    ),
    "an unmerged leaf that is not said to be": (
        "RFC9420-7.9.2-1",
        lambda n: unmerged(n, 7, ()),
    ),
    "a leaf with a broken signature": (
        "RFC9420-7.3-2",
        lambda n: put(n, 12, replace(leaf(n[12]), signature=bytes(64))),
    ),
}


@pytest.mark.parametrize("name", TREES)
def test_a_tree_is_refused_that_has(name: str, world: World) -> None:
    rule, change = TREES[name]
    nodes = list(world.members[0].now.public.tree.nodes)
    change(nodes)
    wire = list(nodes)
    while wire[-1] is None:
        wire.pop()
    with pytest.raises(ProtocolError) as caught:
        PublicGroup.from_group_info(
            info_of(world, tuple(nodes)), tree=RatchetTreeExtension(tuple(wire))
        )
    assert caught.value.rule == rule


def test_a_tree_is_refused_that_is_empty_or_ends_blank_or_is_another_one(world: World) -> None:
    info, good = info_of(world), world.members[0].now.public.tree.to_wire()
    PublicGroup.from_group_info(info, tree=good)
    for rule, wrong in {
        "RFC9420-12.4.3.3-1": (*good.ratchet_tree, None, None),
        "RFC9420-12.4.3.1-4": good.ratchet_tree[:11],
    }.items():
        with pytest.raises(ProtocolError, match=rule):
            PublicGroup.from_group_info(info, tree=RatchetTreeExtension(wrong))
    nodes = good.ratchet_tree
    for swapped in ((nodes[1], *nodes[1:]), (nodes[0], nodes[0], *nodes[2:])):
        with pytest.raises(ProtocolError, match="RFC9420-12.4.3.3-2"):
            PublicGroup.from_group_info(info, tree=RatchetTreeExtension(swapped))
    with pytest.raises(ProtocolError, match="RFC9420-12.4.3.3-1"):
        PublicGroup.from_group_info(info, tree=RatchetTreeExtension(()))
    with pytest.raises(UsageError, match="pass it"):
        PublicGroup.from_group_info(info, tree=None)
    malformed = replace(info, extensions=(Extension(2, b"?"),))
    with pytest.raises(ProtocolError, match="RFC9420-12.4.3.3-1"):
        PublicGroup.from_group_info(malformed, tree=good)


def test_a_group_info_is_refused_that_no_member_signed(world: World) -> None:
    info, tree = info_of(world), world.members[0].now.public.tree.to_wire()
    for wrong in (
        replace(info, signer=1),
        replace(info, signer=7),
        replace(info, signer=2**32 - 1),
        replace(info, signature=bytes(64)),
        replace(info, extensions=(Extension(0xFABC, b"added later"),)),
    ):
        with pytest.raises(ProtocolError, match="RFC9420-12.4.3.1-3"):
            PublicGroup.from_group_info(wrong, tree=tree)
    other = replace(info, group_context=replace(info.group_context, version=2))
    with pytest.raises(ProtocolError, match="RFC9420-12.4.3.1-2"):
        PublicGroup.from_group_info(other, tree=tree)


# ------------------------------------------------------------------ Welcomes, section 12.4.3.1


def test_a_welcome_is_refused_that_is_for_somebody_else(world: World) -> None:
    anna, new, other = (
        world.members[0],
        Device("n", rng=CountingRng(61)),
        Device("o", rng=CountingRng(62)),
    )
    pending = anna.commit(add=[new.key_package()], path=False)
    other.key_package()
    assert pending.welcome is not None
    with pytest.raises(ProtocolError, match="RFC9420-12.4.3.1-1"):
        other.join(pending)
    with pytest.raises(ProtocolError, match="RFC9420-6-3"):
        new.join(replace(pending, welcome=pending.message))
    # The newcomer's own copy, each of its bytes broken in turn.
    for at in range(8, len(pending.welcome), 11):
        broken = bytearray(pending.welcome)
        broken[at] ^= 1
        with pytest.raises(Exception, match="RFC9420-|byte"):
            new.join(replace(pending, welcome=bytes(broken)))
    new.join(pending)


def welcomed(world: World, new: Device, **changes: Any) -> None:  # noqa: ANN401
    """Let `new` join by a Welcome whose secrets are none of the group's."""
    assert new.bundle is not None
    anna = world.members[0]
    pending = anna.commit(add=[verify_key_package(new.bundle.key_package, now_s=NOW_S)])
    after = pending.next
    info = group_info(after, signature_key=anna.signature_key)
    arguments: dict[str, Any] = {"info": encode(info), "tree": after.public.tree} | changes
    tree: RatchetTree = arguments.pop("tree")
    welcome = forged_welcome(new, arguments.pop("info"), **arguments)
    join(encode_message(welcome), new.bundle, tree=tree.to_wire())


def test_a_welcome_is_refused_whose_secrets_are_not_the_groups(world: World) -> None:
    new = Device("n", rng=CountingRng(61))
    new.key_package()
    with pytest.raises(ProtocolError, match="RFC9420-12.4.3.1-15"):
        welcomed(world, new)
    with pytest.raises(ProtocolError, match="RFC9420-7.5-6"):
        welcomed(world, new, path_secret=bytes(32))
    with pytest.raises(ProtocolError, match="RFC9420-12.4.3.1-12"):
        welcomed(world, new, info=b"no GroupInfo")
    without = world.members[0].now
    with pytest.raises(ProtocolError, match="RFC9420-12.4.3.1-13"):
        welcomed(
            world,
            new,
            tree=without.public.tree,
            info=encode(group_info(without, signature_key=world.members[0].signature_key)),
        )
    for usage in (ResumptionPSKUsage.REINIT, ResumptionPSKUsage.BRANCH):
        psk = PreSharedKeyID(ResumptionPsk(usage, b"old", 3), bytes(32))
        with pytest.raises(ProtocolError, match="RFC9420-12.4.3.1-11"):
            welcomed(world, new, psks=(psk,))


def test_unknown_extensions_of_a_group_info_are_ignored_and_shown(world: World) -> None:
    new = Device("n", rng=CountingRng(61))
    pending = world.members[0].commit(
        add=[new.key_package()],
        group_info_extensions=(Extension(0x0A0A, b"grease"), Extension(0xF123, b"the title")),
        with_tree=True,
    )
    assert pending.welcome is not None
    assert new.bundle is not None
    joined = join(pending.welcome, new.bundle)
    assert joined.epoch.epoch_authenticator == pending.next.epoch_authenticator
    assert Extension(0xF123, b"the title") in joined.group_info.extensions


def test_grease_in_capabilities_is_tolerated() -> None:
    world = World(1)
    anna, new = world.devices[0], Device("n", rng=CountingRng(61))
    grease = (0x0A0A, 0x1A1A)
    capabilities = replace(
        default_capabilities(),
        versions=(1, *grease),
        cipher_suites=(1, *grease),
        extensions=grease,
        proposals=grease,
        credentials=(1, *grease),
    )
    package = new.key_package(
        capabilities=capabilities,
        leaf_extensions=(Extension(0x0A0A, b"x"),),
        extensions=(Extension(0x1A1A, b"y"),),
        lifetime=Lifetime(0, 2**64 - 1),
    )
    pending = anna.commit(add=[package])
    new.join(pending)
    anna.epoch = pending.next
    assert new.read(anna.send("hello")) == "hello"
