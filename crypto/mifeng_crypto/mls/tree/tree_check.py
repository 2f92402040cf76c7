"""Everything to verify in a received tree (RFC 9420 sections 7.9.2 and 12.4.3.1).

A new member trusts a tree only after this; whoever follows commits from there on need not repeat
it, because each commit's own checks keep the tree valid.
"""

from __future__ import annotations

from itertools import pairwise

from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.mls.tree.leaf_check import check_leaf, check_profiles
from mifeng_crypto.mls.tree.ratchet_tree import RatchetTree
from mifeng_crypto.mls.tree.tree_hash import parent_hash, parent_hash_in
from mifeng_crypto.mls.tree.tree_math import (
    LeafIndex,
    NodeIndex,
    direct_path,
    leaves_below,
    left,
    level,
    right,
)
from mifeng_crypto.mls.wire.extension import Extension
from mifeng_crypto.mls.wire.parent_node import ParentNode


def check_tree(tree: RatchetTree, *, group_id: bytes, extensions: tuple[Extension, ...]) -> None:
    """Verify a received tree in full; that keys are unique was checked when it was read.

    Raises:
        ProtocolError: with the id of the rule that it breaks, one of sections 7.3, 7.9.2, 12.4.3.1.
    """
    check_unmerged_leaves(tree)
    check_parent_hashes(tree)
    profiles = tree.index.profiles
    check_profiles(profiles, among=profiles, extensions=extensions)
    for i, leaf in tree.leaves():
        check_leaf(leaf, suite=tree.suite, group_id=group_id, leaf_index=i)


def check_unmerged_leaves(tree: RatchetTree) -> None:
    """RFC9420-7.1-1, 12.4.3.1-7, 12.4.3.1-8, for every entry of every parent node."""
    for x, node in enumerate(tree.nodes):
        if not isinstance(node, ParentNode):
            continue
        unmerged = node.unmerged_leaves
        if any(a >= b for a, b in pairwise(unmerged)):
            raise ProtocolError("RFC9420-7.1-1", "a list of unmerged leaves is not sorted")
        below = leaves_below(NodeIndex(x))
        for i in unmerged:
            if i not in below or tree.leaf(LeafIndex(i)) is None:
                raise ProtocolError(
                    "RFC9420-12.4.3.1-7", "an unmerged leaf is blank or not below its parent"
                )
            _check_unmerged_on_the_way(tree, LeafIndex(i), NodeIndex(x))


def _check_unmerged_on_the_way(tree: RatchetTree, i: LeafIndex, up_to: NodeIndex) -> None:
    """RFC9420-12.4.3.1-8: an unmerged leaf is so in each non-blank node below that one."""
    for x in direct_path(i, tree.n_leaves)[: level(up_to) - 1]:
        between = tree.parent(x)
        if between is not None and i not in between.unmerged_leaves:
            raise ProtocolError(
                "RFC9420-12.4.3.1-8", "a leaf is unmerged above a node where it is merged"
            )


def check_parent_hashes(tree: RatchetTree) -> None:
    """RFC9420-7.9.2-1: each non-blank parent is chained to a leaf by exactly one parent hash.

    Top down: for each parent P, exactly one D in the resolution of one of its children carries P's
    parent hash, and below that child all of P's unmerged leaves are the rest of the resolution.
    """
    for x, node in enumerate(tree.nodes):
        if isinstance(node, ParentNode):
            here = NodeIndex(x)
            one, other = left(here), right(here)
            if _chains(tree, node, one, other) + _chains(tree, node, other, one) != 1:
                raise ProtocolError(
                    "RFC9420-7.9.2-1", "a parent node was set by nobody: no parent hash covers it"
                )


def _chains(tree: RatchetTree, parent: ParentNode, child: NodeIndex, sibling: NodeIndex) -> int:
    """Count the nodes below `child` whose parent hash is valid with respect to `parent`."""
    below = leaves_below(child)
    unmerged = {2 * i for i in parent.unmerged_leaves if i in below}
    resolution = tree.resolution(child)
    candidates = [x for x in resolution if x not in unmerged]
    # Exactly one node is left when the unmerged leaves are taken out of the resolution.
    if len(candidates) != 1 or len(resolution) != len(unmerged) + 1:
        return 0
    node = tree.nodes[candidates[0]]
    assert node is not None, "a resolution has no blank nodes"
    carried = parent_hash_in(node)
    return int(carried is not None and carried == parent_hash(tree, parent, sibling))
