"""RFC 9420 sections 4 and 7, appendix C: the tree, its hashes, and TreeKEM."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

from mifeng_crypto.labels import derive_key_pair, sign_with_label
from mifeng_crypto.mls.tree.leaf_check import check_leaf_signature
from mifeng_crypto.mls.tree.ratchet_tree import RatchetTree
from mifeng_crypto.mls.tree.tree_check import check_parent_hashes, check_unmerged_leaves
from mifeng_crypto.mls.tree.tree_edit import TreeEdit
from mifeng_crypto.mls.tree.tree_hash import node_hash, tree_hash
from mifeng_crypto.mls.tree.tree_math import (
    LeafIndex,
    NodeIndex,
    left,
    node_of,
    node_width,
    parent,
    right,
    root,
    sibling,
)
from mifeng_crypto.mls.tree.treekem import (
    PrivateKeys,
    create_path,
    decrypt_path,
    encrypt_path,
    merge_path,
)
from mifeng_crypto.mls.wire import registry
from mifeng_crypto.mls.wire.commit import UpdatePath
from mifeng_crypto.mls.wire.group_context import GroupContext
from mifeng_crypto.mls.wire.leaf_node import FromCommit, LeafNode, leaf_node_tbs
from mifeng_crypto.mls.wire.parent_node import RatchetTreeExtension
from mifeng_crypto.mls.wire.proposal import Add, ProposalByValue, Remove, Update
from mifeng_crypto.secret import Secret
from mifeng_crypto.suite import Suite
from mifeng_crypto.tls import decode, encode
from tests.conformance.case import Case, b, signature_private, suite_of


def check_tree_math(case: Case) -> None:
    n = case["n_leaves"]
    assert node_width(n) == case["n_nodes"]
    assert root(n) == case["root"]
    for x in map(NodeIndex, range(case["n_nodes"])):
        is_leaf, is_root = x % 2 == 0, x == root(n)
        assert (None if is_leaf else left(x)) == case["left"][x]
        assert (None if is_leaf else right(x)) == case["right"][x]
        assert (None if is_root else parent(x, n)) == case["parent"][x]
        assert (None if is_root else sibling(x, n)) == case["sibling"][x]


def _tree(suite: Suite, encoded: str) -> RatchetTree:
    return RatchetTree.from_wire(suite, decode(RatchetTreeExtension, b(encoded)))


def check_tree_operations(case: Case) -> None:
    suite = suite_of(case)
    before = _tree(suite, case["tree_before"])
    assert tree_hash(before) == b(case["tree_hash_before"])
    # A proposal has its type in front of it, as in a ProposalByValue.
    proposal = decode(ProposalByValue, b(case["proposal"])).proposal
    edit = TreeEdit(before)
    match proposal:
        case Add(key_package=key_package):
            edit.add([key_package.leaf_node])
        case Update(leaf_node=leaf_node):
            edit.update({LeafIndex(case["proposal_sender"]): leaf_node})
        case Remove(removed=removed):
            edit.remove([LeafIndex(removed)])
        case _:
            raise AssertionError("not a proposal that changes the tree")
    after = edit.done()
    assert encode(after.to_wire()) == b(case["tree_after"])
    assert tree_hash(after) == b(case["tree_hash_after"])
    assert encode(before.to_wire()) == b(case["tree_before"])


def check_tree_validation(case: Case) -> None:
    suite = suite_of(case)
    tree = _tree(suite, case["tree"])
    for x in map(NodeIndex, range(len(case["resolutions"]))):
        assert tree.resolution(x) == case["resolutions"][x]
        assert node_hash(tree, x) == b(case["tree_hashes"][x])
    check_unmerged_leaves(tree)
    check_parent_hashes(tree)
    for i, leaf in tree.leaves():
        check_leaf_signature(leaf, suite=suite, group_id=b(case["group_id"]), leaf_index=i)


def check_treekem(case: Case) -> None:
    """Each leaf decrypts each given path, and one path of each leaf's own making."""
    suite = suite_of(case)
    tree = _tree(suite, case["ratchet_tree"])
    members = {LeafIndex(v["index"]): _private_keys(suite, tree, v) for v in case["leaves_private"]}
    for v in case["update_paths"]:
        sender = LeafIndex(v["sender"])
        path = decode(UpdatePath, b(v["update_path"]))
        after = merge_path(tree, sender, path, added=())
        assert tree_hash(after) == b(v["tree_hash_after"])
        secrets = _secrets_of_all(case, members, after, sender, path)
        for me, (path_secret, commit_secret) in secrets.items():
            assert path_secret == b(v["path_secrets"][me])
            assert commit_secret == b(v["commit_secret"])
    for v in case["leaves_private"]:
        _check_own_path(
            case,
            tree,
            members,
            LeafIndex(v["index"]),
            signature_private(suite, v["signature_priv"]),
        )


def _private_keys(suite: Suite, tree: RatchetTree, v: Case) -> PrivateKeys:
    """The keys of a leaf, and of the nodes whose path secret it knows; they must fit the tree."""
    keys = {node_of(LeafIndex(v["index"])): Secret(b(v["encryption_priv"]))}
    for known in v["path_secrets"]:
        pair = derive_key_pair(suite, b(known["path_secret"]), "node")
        node = tree.parent(NodeIndex(known["node"]))
        assert node is not None
        assert node.encryption_key == pair.public
        keys[NodeIndex(known["node"])] = pair.private
    return keys


def _context(case: Case, after: RatchetTree) -> bytes:
    return encode(
        GroupContext(
            registry.MLS10,
            after.suite.id,
            b(case["group_id"]),
            case["epoch"],
            tree_hash(after),
            b(case["confirmed_transcript_hash"]),
            (),
        )
    )


def _secrets_of_all(
    case: Case,
    members: dict[LeafIndex, PrivateKeys],
    after: RatchetTree,
    sender: LeafIndex,
    path: UpdatePath,
) -> dict[LeafIndex, tuple[Secret, Secret]]:
    """What each member but the sender finds: its own path secret and the commit secret."""
    found = {}
    for me, keys in members.items():
        if me != sender:
            secrets = decrypt_path(
                after, me, keys, sender, path, added=(), context=_context(case, after)
            )
            found[me] = (next(iter(secrets.path_secrets.values())), secrets.commit_secret)
    return found


def _check_own_path(
    case: Case,
    tree: RatchetTree,
    members: dict[LeafIndex, PrivateKeys],
    sender: LeafIndex,
    signature_private: bytes,
) -> None:
    old = tree.member(sender)
    rng = random.Random(sender).randbytes
    sign = _leaf_signer(case, tree.suite, old, sender, signature_private)
    own = create_path(tree, sender, sign_leaf=sign, rng=rng)
    path = encrypt_path(own, sender, added=(), context=_context(case, own.tree), rng=rng)
    path = decode(UpdatePath, encode(path))
    after = merge_path(tree, sender, path, added=())
    assert tree_hash(after) == tree_hash(own.tree)
    check_parent_hashes(after)
    for _, commit_secret in _secrets_of_all(case, members, after, sender, path).values():
        assert commit_secret == own.secrets.commit_secret


def _leaf_signer(
    case: Case, suite: Suite, old: LeafNode, i: LeafIndex, private: bytes
) -> Callable[[bytes, bytes], LeafNode]:
    def sign(encryption_key: bytes, parent_hash: bytes) -> LeafNode:
        unsigned = replace(
            old, encryption_key=encryption_key, source=FromCommit(parent_hash), signature=b""
        )
        tbs = leaf_node_tbs(unsigned, b(case["group_id"]), i)
        return replace(unsigned, signature=sign_with_label(suite, private, "LeafNodeTBS", tbs))

    return sign
