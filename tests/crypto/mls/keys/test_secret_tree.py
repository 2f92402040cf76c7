from __future__ import annotations

import sys
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mifeng_crypto.errors import ProtocolError, StorageError, UsageError
from mifeng_crypto.mls.keys.secret_tree import (
    LAST_GENERATION,
    MAX_FORWARD,
    MAX_SKIPPED,
    KeyNonce,
    Ratchet,
    RatchetKind,
    SecretTree,
    Senders,
    Subtree,
)
from mifeng_crypto.secret import Secret
from mifeng_crypto.suite import Suite, suite_by_id

SUITE = suite_by_id(0x0001)
APP, HANDSHAKE = RatchetKind.APPLICATION, RatchetKind.HANDSHAKE
ROOT = Secret(b"r" * 32)


def fresh(n_leaves: int = 8) -> SecretTree:
    return SecretTree.create(SUITE, ROOT, n_leaves)


def secrets_in(tree: SecretTree) -> set[bytes]:
    """Every secret that a tree still holds."""
    found, todo = set[bytes](), [tree.root]
    while todo:
        match todo.pop():
            case Subtree(secret):
                found.add(secret)
            case Senders(handshake, application):
                for ratchet in (handshake, application):
                    found |= {ratchet.secret, *(kept.key for kept in ratchet.skipped)}
            case (left, right):
                todo += (left, right)
    return found


def test_sender_and_receiver_find_the_same_keys() -> None:
    sender, receiver = fresh(), fresh()
    for n in range(5):
        sender, generation, sent = sender.next(3, APP)
        assert generation == n
        receiver, got = receiver.take(3, APP, generation)
        assert got == sent
    assert sender == receiver


def test_no_two_messages_share_a_key() -> None:
    tree, seen = fresh(), set[KeyNonce]()
    for leaf in range(8):
        for kind in RatchetKind:
            for _ in range(3):
                tree, _, key = tree.next(leaf, kind)
                seen.add(key)
    assert len(seen) == 8 * 2 * 3


@given(st.permutations(range(8)))
def test_messages_may_come_in_any_order_within_the_window(order: list[int]) -> None:
    tree, sent = fresh(), fresh()
    keys = []
    for _ in range(8):
        sent, _, key = sent.next(1, APP)
        keys.append(key)
    for generation in order:
        tree, key = tree.take(1, APP, generation)
        assert key == keys[generation]
    assert tree == sent


def test_rfc9420_9_1_1_a_key_is_given_out_once() -> None:
    tree, _ = fresh().take(2, APP, 1)
    with pytest.raises(ProtocolError, match=r"RFC9420-9\.1-1"):
        tree.take(2, APP, 1)
    tree, _ = tree.take(2, APP, 0)
    with pytest.raises(ProtocolError, match=r"RFC9420-9\.1-1"):
        tree.take(2, APP, 0)


def test_a_failed_message_leaves_the_tree_as_it_was() -> None:
    tree = fresh()
    parts = tree.parts(None)
    tree.take(2, APP, 5)
    assert tree.parts(None) == parts
    assert tree == fresh()


def test_only_the_newest_skipped_keys_are_kept() -> None:
    tree, _ = fresh().take(0, APP, 2 * MAX_SKIPPED)
    tree, _ = tree.take(0, APP, MAX_SKIPPED)
    with pytest.raises(ProtocolError, match=r"RFC9420-9\.1-1"):
        tree.take(0, APP, MAX_SKIPPED - 1)


def test_rfc9420_15_3_1_a_jump_too_far_ahead_is_refused() -> None:
    fresh().take(0, APP, MAX_FORWARD)
    with pytest.raises(ProtocolError, match=r"RFC9420-15\.3-1"):
        fresh().take(0, APP, MAX_FORWARD + 1)


def test_the_last_generation_costs_nothing_to_refuse() -> None:
    tree, _ = fresh().take(0, APP, 0)
    derived = list[FrameType]()

    def watch(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code is Suite.expand.__code__:
            derived.append(frame)

    sys.setprofile(watch)
    try:
        tree.take(0, APP, 1)
        assert len(derived) == 3  # key, nonce, and the next secret
        derived.clear()
        with pytest.raises(ProtocolError, match=r"RFC9420-15\.3-1"):
            tree.take(0, APP, LAST_GENERATION)
        assert not derived
    finally:
        sys.setprofile(None)


def test_a_used_up_ratchet_asks_for_a_commit() -> None:
    ratchet = Ratchet(ROOT, LAST_GENERATION, ())
    with pytest.raises(UsageError, match="commit"):
        ratchet.take(SUITE, LAST_GENERATION)


@pytest.mark.parametrize("leaf", [8, 9, 2**32 - 1])
def test_rfc9420_6_3_2_1_a_leaf_beyond_the_tree_is_refused(leaf: int) -> None:
    with pytest.raises(ProtocolError, match=r"RFC9420-6\.3\.2-1"):
        fresh(8).take(leaf, APP, 0)


def test_a_consumed_secret_is_gone_and_the_others_are_not() -> None:
    """RFC 9420 section 9.2, its own example: D's second message comes without the first."""
    before = fresh(4)
    tree, key = before.take(3, APP, 1)
    # Kept: E and C for the others; HR0, AR2 and K0 of D. Consumed: G, F, D, AR0, AR1, K1.
    assert len(secrets_in(tree)) == 5
    assert ROOT not in secrets_in(tree)
    assert key.key not in secrets_in(tree)
    _, k0 = before.take(3, APP, 0)
    assert k0.key in secrets_in(tree)
    tree, _ = tree.take(3, APP, 0)
    assert k0.key not in secrets_in(tree)
    for leaf in range(3):
        assert tree.take(leaf, APP, 0)[1] == before.take(leaf, APP, 0)[1]
    assert tree.take(3, HANDSHAKE, 0)[1] == before.take(3, HANDSHAKE, 0)[1]


# ------------------------------------------------------------------ storage


def apply(stored: dict[bytes, bytes], parts: dict[bytes, bytes | None]) -> None:
    for at, value in parts.items():
        if value is None:
            del stored[at]
        else:
            stored[at] = value


@given(
    n_leaves=st.integers(1, 40),
    steps=st.lists(
        st.tuples(st.integers(0, 39), st.sampled_from(RatchetKind), st.integers(0, 6)), max_size=12
    ),
)
def test_a_tree_survives_being_stored_change_by_change(
    n_leaves: int, steps: list[tuple[int, RatchetKind, int]]
) -> None:
    tree, stored = fresh(n_leaves), dict[bytes, bytes]()
    apply(stored, tree.parts(None))
    for leaf, kind, generation in steps:
        before = tree
        try:
            tree, _ = tree.take(leaf % n_leaves, kind, generation)
        except ProtocolError:
            continue
        apply(stored, tree.parts(before))
    assert SecretTree.from_parts(SUITE, n_leaves, stored) == tree
    assert stored == tree.parts(None)


def test_a_message_writes_one_leaf_and_deletes_what_it_consumed() -> None:
    tree = fresh(1024)
    one, _, _ = tree.next(700, APP)
    first = one.parts(tree)
    assert len(first) == 12  # the root goes; ten siblings and a leaf come
    assert [value for value in first.values() if value is None] == [None]
    two, _, _ = one.next(700, APP)
    assert len(two.parts(one)) == 1
    assert two.parts(two) == {}


def test_a_store_with_a_hole_is_named_as_such() -> None:
    tree, _, _ = fresh(8).next(5, APP)
    parts = {at: value for at, value in tree.parts(None).items() if value is not None}
    for at in parts:
        rest = {key: value for key, value in parts.items() if key != at}
        with pytest.raises(StorageError):
            SecretTree.from_parts(SUITE, 8, rest)
