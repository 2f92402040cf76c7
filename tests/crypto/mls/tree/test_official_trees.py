"""The official tree vectors: tree-math, tree-operations, tree-validation, treekem."""

from __future__ import annotations

import pytest

from mifeng_crypto.labels import sign_with_label
from mifeng_crypto.mls.tree import tree_math
from mifeng_crypto.mls.tree.ratchet_tree import RatchetTree
from mifeng_crypto.mls.tree.tree_check import check_parent_hashes, check_tree
from mifeng_crypto.mls.tree.tree_edit import TreeEdit
from mifeng_crypto.mls.tree.tree_hash import node_hash, tree_hash
from mifeng_crypto.mls.tree.tree_math import LeafIndex, NodeIndex
from mifeng_crypto.mls.tree.treekem import (
    create_path,
    decrypt_path,
    encrypt_path,
    merge_path,
    path_from,
)
from mifeng_crypto.mls.wire.commit import UpdatePath
from mifeng_crypto.mls.wire.group_context import GroupContext
from mifeng_crypto.mls.wire.leaf_node import FromCommit, LeafNode, leaf_node_tbs
from mifeng_crypto.mls.wire.parent_node import RatchetTreeExtension
from mifeng_crypto.mls.wire.proposal import Add, ProposalByValue, Remove, Update
from mifeng_crypto.secret import Secret
from mifeng_crypto.suite import SUITES, Suite
from mifeng_crypto.tls import decode, encode
from tests.crypto.mls.vectors import Case, VectorsOf, cases

SUITE_IDS = [number for number in SUITES if number < 0xF000]


def read_tree(suite: Suite, data: str) -> RatchetTree:
    return RatchetTree.from_wire(suite, decode(RatchetTreeExtension, bytes.fromhex(data)))


def test_the_relatives_of_each_node_are_those_of_tree_math(vectors_of: VectorsOf) -> None:
    for case in cases(vectors_of, "tree-math"):
        n = case["n_leaves"]
        nodes = [NodeIndex(x) for x in range(case["n_nodes"])]
        assert tree_math.node_width(n) == case["n_nodes"]
        assert tree_math.root(n) == case["root"]
        for x in nodes:
            if x % 2:
                assert tree_math.left(x) == case["left"][x]
                assert tree_math.right(x) == case["right"][x]
            else:
                assert case["left"][x] is case["right"][x] is None
            if x != case["root"]:
                assert tree_math.parent(x, n) == case["parent"][x]
                assert tree_math.sibling(x, n) == case["sibling"][x]
            else:
                assert case["parent"][x] is case["sibling"][x] is None


def test_a_proposal_changes_a_tree_as_in_tree_operations(vectors_of: VectorsOf) -> None:
    for case in cases(vectors_of, "tree-operations"):
        suite = SUITES[case["cipher_suite"]]
        before = read_tree(suite, case["tree_before"])
        assert tree_hash(before).hex() == case["tree_hash_before"]
        edit = TreeEdit(before)
        # ProposalByValue is exactly a tagged proposal (its own tag belongs to ProposalOrRef).
        match decode(ProposalByValue, bytes.fromhex(case["proposal"])).proposal:
            case Add(key_package=key_package):
                edit.add([key_package.leaf_node])
            case Update(leaf_node=leaf):
                edit.update({LeafIndex(case["proposal_sender"]): leaf})
            case Remove(removed=removed):
                edit.remove([LeafIndex(removed)])
            case other:
                pytest.fail(f"{other} does not change a tree")
        after = edit.done()
        assert encode(after.to_wire()).hex() == case["tree_after"]
        assert tree_hash(after).hex() == case["tree_hash_after"]
        assert tree_hash(before).hex() == case["tree_hash_before"]


@pytest.mark.parametrize("suite_id", SUITE_IDS)
def test_each_tree_of_tree_validation_is_valid(vectors_of: VectorsOf, suite_id: int) -> None:
    suite = SUITES[suite_id]
    for case in cases(vectors_of, "tree-validation"):
        if case["cipher_suite"] != suite_id:
            continue
        tree = read_tree(suite, case["tree"])
        nodes = [NodeIndex(x) for x in range(len(tree.nodes))]
        assert [node_hash(tree, x).hex() for x in nodes] == case["tree_hashes"]
        assert [tree.resolution(x) for x in nodes] == case["resolutions"]
        assert [tree.is_empty(x) for x in nodes] == [not r for r in case["resolutions"]]
        check_tree(tree, group_id=bytes.fromhex(case["group_id"]), extensions=())


@pytest.mark.parametrize("suite_id", SUITE_IDS)
def test_every_member_reads_the_paths_of_treekem(vectors_of: VectorsOf, suite_id: int) -> None:
    suite = SUITES[suite_id]
    for case in cases(vectors_of, "treekem"):
        if case["cipher_suite"] == suite_id:
            play_treekem(suite, case)


def play_treekem(suite: Suite, case: Case) -> None:
    tree = read_tree(suite, case["ratchet_tree"])
    keys: dict[int, dict[NodeIndex, Secret]] = {}
    signature_keys: dict[int, Secret] = {}
    for member in case["leaves_private"]:
        me = LeafIndex(member["index"])
        signature_keys[me] = Secret(bytes.fromhex(member["signature_priv"]))
        keys[me] = {tree_math.node_of(me): Secret(bytes.fromhex(member["encryption_priv"]))}
        for known in member["path_secrets"]:
            path_secret = Secret(bytes.fromhex(known["path_secret"]))
            node = NodeIndex(known["node"])
            keys[me] |= path_from(tree, (node,), path_secret).private_keys

    def context_of(after: RatchetTree) -> bytes:
        return encode(
            GroupContext(
                1,
                suite.id,
                bytes.fromhex(case["group_id"]),
                case["epoch"],
                tree_hash(after),
                bytes.fromhex(case["confirmed_transcript_hash"]),
                (),
            )
        )

    for update in case["update_paths"]:
        sender = LeafIndex(update["sender"])
        path = decode(UpdatePath, bytes.fromhex(update["update_path"]))
        after = merge_path(tree, sender, path, added=())
        assert tree_hash(after).hex() == update["tree_hash_after"]
        check_parent_hashes(after)
        for i, expected in enumerate(update["path_secrets"]):
            if expected is None:
                continue
            found = decrypt_path(
                after,
                LeafIndex(i),
                keys[i],
                sender,
                path,
                added=(),
                context=context_of(after),
            )
            lowest = next(iter(found.path_secrets.values()))
            assert lowest.hex() == expected
            assert found.commit_secret.hex() == update["commit_secret"]

        # And a path of our own, that all others read.
        def sign(public: bytes, parent_hash: bytes, i: LeafIndex = sender) -> LeafNode:
            old = tree.member(i)
            unsigned = LeafNode(
                public,
                old.signature_key,
                old.credential,
                old.capabilities,
                FromCommit(parent_hash),
                old.extensions,
                b"",
            )
            tbs = leaf_node_tbs(unsigned, bytes.fromhex(case["group_id"]), i)
            signature = sign_with_label(suite, signature_keys[i], "LeafNodeTBS", tbs)
            return LeafNode(
                public,
                old.signature_key,
                old.credential,
                old.capabilities,
                FromCommit(parent_hash),
                old.extensions,
                signature,
            )

        own = create_path(tree, sender, sign_leaf=sign, rng=COUNTER)
        sent = encrypt_path(own, sender, added=(), context=context_of(own.tree))
        merged = merge_path(tree, sender, sent, added=())
        assert tree_hash(merged) == tree_hash(own.tree)
        check_parent_hashes(merged)
        for j, known_keys in keys.items():
            if j != sender:
                found = decrypt_path(
                    merged,
                    LeafIndex(j),
                    known_keys,
                    sender,
                    sent,
                    added=(),
                    context=context_of(merged),
                )
                assert found.commit_secret == own.secrets.commit_secret


class Counter:
    """Different bytes at each call, the same in each run."""

    def __init__(self) -> None:
        self.n = 0

    def __call__(self, n: int, /) -> bytes:
        self.n += 1
        return SUITES[1].hash(self.n.to_bytes(8, "big")).ljust(n, b"\x01")[:n]


COUNTER = Counter()
