"""Tree hashes and parent hashes (RFC 9420 sections 7.8 and 7.9).

A tree hash says what a subtree is; a parent hash, who set the keys of a path and to whom they were
sent. Each hash is computed once: an unchanged subtree brings its own from the tree before.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import assert_never

from mifeng_crypto.mls.tree.ratchet_tree import RatchetTree
from mifeng_crypto.mls.tree.tree_math import (
    LeafIndex,
    NodeIndex,
    copath_child,
    leaf_of,
    leaves_below,
    left,
    right,
    root,
)
from mifeng_crypto.mls.wire.leaf_node import FromCommit, FromKeyPackage, FromUpdate, LeafNode
from mifeng_crypto.mls.wire.parent_node import (
    LeafNodeHashInput,
    Node,
    ParentHashInput,
    ParentNode,
    ParentNodeHashInput,
    TreeHashInput,
)
from mifeng_crypto.tls import encode


def tree_hash(tree: RatchetTree) -> bytes:
    """Return the tree hash of the root (section 7.8)."""
    return node_hash(tree, root(tree.n_leaves))


def node_hash(tree: RatchetTree, x: NodeIndex) -> bytes:
    """Return the tree hash of the subtree at `x` (section 7.8)."""
    known = tree.hashes[x]
    if known is not None:
        return known
    if x % 2 == 0:
        found = _leaf_hash(tree, leaf_of(x), tree.leaf(leaf_of(x)))
    else:
        found = _subtree_hash(
            tree, tree.parent(x), node_hash(tree, left(x)), node_hash(tree, right(x))
        )
    tree.hashes[x] = found
    return found


def original_node_hash(tree: RatchetTree, x: NodeIndex, without: Collection[int]) -> bytes:
    """Return the tree hash at `x` as it was before the leaves `without` came (section 7.9).

    They are blank there, and in no parent's `unmerged_leaves`.
    """
    here = leaves_below(x)
    without = [i for i in without if i in here]
    if not without:
        return node_hash(tree, x)
    if x % 2 == 0:
        return _leaf_hash(tree, leaf_of(x), None)
    parent = tree.parent(x)
    if parent is not None:
        unmerged = tuple(i for i in parent.unmerged_leaves if i not in without)
        parent = ParentNode(parent.encryption_key, parent.parent_hash, unmerged)
    return _subtree_hash(
        tree,
        parent,
        original_node_hash(tree, left(x), without),
        original_node_hash(tree, right(x), without),
    )


def parent_hash(tree: RatchetTree, parent: ParentNode, sibling: NodeIndex) -> bytes:
    """Return the parent hash of `parent` with copath child `sibling` (section 7.9)."""
    original = original_node_hash(tree, sibling, parent.unmerged_leaves)
    return tree.suite.hash(
        encode(ParentHashInput(parent.encryption_key, parent.parent_hash, original))
    )


def path_parents(
    tree: RatchetTree, leaf: LeafIndex, keys: Mapping[NodeIndex, bytes]
) -> tuple[dict[NodeIndex, ParentNode], bytes]:
    """Build the parent nodes of a new path, from the root down (section 7.5).

    Args:
        tree: the tree that the path will be put into; only its copath counts.
        leaf: whose path it is.
        keys: the public keys of its filtered direct path, from the lowest node to the root.

    Returns:
        The parent nodes, and the parent hash that the leaf has to carry.
    """
    parents, above = dict[NodeIndex, ParentNode](), b""
    for x in reversed(tuple(keys)):
        parents[x] = ParentNode(keys[x], above, ())
        above = parent_hash(tree, parents[x], copath_child(x, leaf))
    return parents, above


def parent_hash_in(node: Node) -> bytes | None:
    """Return the parent hash that a node carries; None for a leaf that no commit made."""
    if isinstance(node, ParentNode):
        return node.parent_hash
    match node.source:
        case FromCommit(parent_hash=carried):
            return carried
        case FromKeyPackage() | FromUpdate():
            return None
        case _:
            assert_never(node.source)


def _leaf_hash(tree: RatchetTree, i: LeafIndex, leaf: LeafNode | None) -> bytes:
    return tree.suite.hash(encode(TreeHashInput(LeafNodeHashInput(i, leaf))))


def _subtree_hash(
    tree: RatchetTree, parent: ParentNode | None, left_hash: bytes, right_hash: bytes
) -> bytes:
    hashed = ParentNodeHashInput(parent, left_hash, right_hash)
    return tree.suite.hash(encode(TreeHashInput(hashed)))
