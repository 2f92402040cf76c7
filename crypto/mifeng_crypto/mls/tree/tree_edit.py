"""From one tree to the next (RFC 9420 sections 7.7, 12.1.1 to 12.1.3, 7.5).

A `TreeEdit` is a work-bench: it copies the tree's arrays once, takes any number of changes, and
`done` gives the new tree. The old tree is as it was, whatever happens. Whether a change is allowed
is not decided here, except that two nodes never have the same key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import count

from mifeng_crypto.mls.tree.ratchet_tree import RatchetTree
from mifeng_crypto.mls.tree.tree_math import LeafIndex, NodeIndex, direct_path, node_of
from mifeng_crypto.mls.wire.leaf_node import LeafNode
from mifeng_crypto.mls.wire.parent_node import Node, ParentNode


class TreeEdit:
    """Changes to a tree, in the order of section 12.3: update, remove, add, then the path."""

    def __init__(self, tree: RatchetTree) -> None:
        self._suite = tree.suite
        self._nodes: list[Node | None] = list(tree.nodes)
        self._hashes = list(tree.hashes)
        self._index = tree.index.copy()

    @property
    def _n_leaves(self) -> int:
        return (len(self._nodes) + 1) // 2

    def update(self, leaves: Mapping[LeafIndex, LeafNode]) -> None:
        """Replace these leaves and blank what is above them (section 12.1.2).

        Raises:
            ProtocolError: a key is in the tree twice then (see `TreeIndex.add`).
        """
        for i in leaves:
            self._put(node_of(i), None)
        for i, leaf in leaves.items():
            self._put(node_of(i), leaf)
            self._blank_above(i)

    def remove(self, leaves: Sequence[LeafIndex]) -> None:
        """Blank these leaves and what is above them, then cut the tree (section 12.1.3)."""
        for i in leaves:
            self._put(node_of(i), None)
            self._blank_above(i)
        while self._n_leaves > 1 and not any(self._nodes[self._n_leaves :]):
            # The root and its right half go; the left child, in the middle of the rest, is root.
            root = self._n_leaves - 1
            self._put(NodeIndex(root), None)
            del self._nodes[root:], self._hashes[root:]

    def add(self, leaves: Sequence[LeafNode]) -> tuple[LeafIndex, ...]:
        """Put each leaf into the leftmost blank place, extending the tree (section 12.1.1).

        Returns:
            Where each of them is.

        Raises:
            ProtocolError: a key is in the tree twice then (see `TreeIndex.add`).
        """
        places, unmerged = [], dict[NodeIndex, list[int]]()
        for leaf, i in zip(leaves, self._blank_leaves(), strict=False):
            self._put(node_of(i), leaf)
            places.append(i)
        for i in places:
            for x in direct_path(i, self._n_leaves):
                if self._nodes[x] is not None:
                    unmerged.setdefault(x, []).append(i)
        for x, new in unmerged.items():
            node = self._nodes[x]
            assert isinstance(node, ParentNode), "odd nodes are parents"
            merged = tuple(sorted((*node.unmerged_leaves, *new)))
            self._nodes[x] = ParentNode(node.encryption_key, node.parent_hash, merged)
            self._hashes[x] = None
        return tuple(places)

    def set_path(
        self, i: LeafIndex, leaf: LeafNode, parents: Mapping[NodeIndex, ParentNode]
    ) -> None:
        """Replace leaf `i` and its direct path, which is blank but for `parents` (section 7.5).

        Raises:
            ProtocolError: a key is in the tree twice then (see `TreeIndex.add`).
        """
        self._put(node_of(i), None)
        self._blank_above(i)
        self._put(node_of(i), leaf)
        for x, parent in parents.items():
            self._put(x, parent)

    def extend(self) -> None:
        """Double the tree; the new half is blank (section 7.7)."""
        more = len(self._nodes) + 1
        self._nodes += [None] * more
        self._hashes += [None] * more

    def done(self) -> RatchetTree:
        return RatchetTree(self._suite, tuple(self._nodes), self._index, self._hashes)

    # -------------------------------------------------------------- one node

    def _put(self, x: NodeIndex, node: Node | None) -> None:
        old = self._nodes[x]
        if old is not None:
            self._index.drop(old)
        if node is not None:
            self._index.add(x, node)
        self._nodes[x] = node
        self._hashes[x] = None
        if x % 2 == 0:
            for above in direct_path(LeafIndex(x // 2), self._n_leaves):
                # Where a hash is not known, none above it is: the walk may stop.
                if self._hashes[above] is None:
                    break
                self._hashes[above] = None

    def _blank_above(self, i: LeafIndex) -> None:
        for x in direct_path(i, self._n_leaves):
            if self._nodes[x] is not None:
                self._put(x, None)

    def _blank_leaves(self) -> Iterator[LeafIndex]:
        """Yield the blank leaves from the left, without end: a full tree is extended (7.7)."""
        for i in count():
            if i == self._n_leaves:
                self.extend()
            if self._nodes[2 * i] is None:
                yield LeafIndex(i)
