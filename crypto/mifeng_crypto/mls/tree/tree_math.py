r"""Where a node's relatives are (RFC 9420 appendix C): numbers only, no nodes.

                            7
                   .--------+--------.
                  3                  11                   level 2
               .--+--.             .--+--.
              1       5           9       13              level 1
             / \     / \         / \     /  \
    node    0   2   4   6       8  10   12  14            level 0
    leaf    0   1   2   3       4   5    6   7

A tree is always full: it has 2^d leaves. Leaf i is node 2 i.
"""

from __future__ import annotations

from typing import NewType

LeafIndex = NewType("LeafIndex", int)
NodeIndex = NewType("NodeIndex", int)


def node_of(leaf: LeafIndex) -> NodeIndex:
    """Return the node that is this leaf."""
    return NodeIndex(2 * leaf)


def leaf_of(node: NodeIndex) -> LeafIndex:
    """Return the leaf that is this node, which must be one (even)."""
    assert node % 2 == 0, "a parent node is no leaf"
    return LeafIndex(node // 2)


def level(x: NodeIndex) -> int:
    """Return the height above the leaves: the number of ones at the low end of `x`."""
    return (~x & (x + 1)).bit_length() - 1


def node_width(n_leaves: int) -> int:
    """Return how many nodes a tree of `n_leaves` has."""
    return 2 * n_leaves - 1


def root(n_leaves: int) -> NodeIndex:
    """Return the root of a tree of `n_leaves`."""
    return NodeIndex(n_leaves - 1)


def left(x: NodeIndex) -> NodeIndex:
    """Return the left child of a parent node."""
    k = level(x)
    assert k, "a leaf has no children"
    return NodeIndex(x ^ (1 << (k - 1)))


def right(x: NodeIndex) -> NodeIndex:
    """Return the right child of a parent node."""
    k = level(x)
    assert k, "a leaf has no children"
    return NodeIndex(x ^ (3 << (k - 1)))


def parent(x: NodeIndex, n_leaves: int) -> NodeIndex:
    """Return the parent of a node that is not the root."""
    assert x != root(n_leaves), "the root has no parent"
    k = level(x)
    return NodeIndex((x | (1 << k)) & ~(2 << k))


def sibling(x: NodeIndex, n_leaves: int) -> NodeIndex:
    """Return the other child of a node's parent."""
    assert x != root(n_leaves), "the root has no sibling"
    return NodeIndex(x ^ (2 << level(x)))


def direct_path(leaf: LeafIndex, n_leaves: int) -> tuple[NodeIndex, ...]:
    """Return the ancestors of a leaf, from its parent to the root."""
    x, k, path = 2 * leaf, 0, []
    end = n_leaves - 1
    while x != end:
        x = (x | (1 << k)) & ~(2 << k)
        k += 1
        path.append(NodeIndex(x))
    return tuple(path)


def copath_child(above: NodeIndex, leaf: LeafIndex) -> NodeIndex:
    """Return the child of `above` that is not towards `leaf`, which is below `above`."""
    k = level(above)
    assert k, "a leaf has no children"
    return NodeIndex(above ^ (1 << (k - 1)) if 2 * leaf > above else above ^ (3 << (k - 1)))


def common_ancestor(a: LeafIndex, b: LeafIndex) -> NodeIndex:
    """Return the lowest node above two different leaves."""
    k = (a ^ b).bit_length()
    assert k, "a leaf is no ancestor of itself"
    return NodeIndex((a >> k << (k + 1)) | ((1 << k) - 1))


def leaves_below(x: NodeIndex) -> range:
    """Return the leaf indexes of the subtree at `x`."""
    k = level(x)
    first = (x - (1 << k) + 1) // 2
    return range(first, first + (1 << k))


def width_for(leaves: int) -> int:
    """Return the size of the smallest full tree that holds `leaves` >= 1 leaves."""
    return 1 << (leaves - 1).bit_length()
