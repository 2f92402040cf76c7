"""The public ratchet tree as a value (RFC 9420 sections 4.1, 7.1, 12.4.3.3).

A tree never changes; `tree_edit.py` makes the next one, which shares all untouched nodes and their
hashes with it. Nothing here knows a private key.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from mifeng_crypto.errors import ProtocolError, UsageError
from mifeng_crypto.mls.tree.tree_index import TreeIndex
from mifeng_crypto.mls.tree.tree_math import (
    LeafIndex,
    NodeIndex,
    copath_child,
    direct_path,
    left,
    node_width,
    right,
    width_for,
)
from mifeng_crypto.mls.wire.leaf_node import LeafNode
from mifeng_crypto.mls.wire.parent_node import Node, ParentNode, RatchetTreeExtension
from mifeng_crypto.suite import Suite


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RatchetTree:
    """A full binary tree in the array of appendix C; a blank node is None.

    Attributes:
        nodes: 2 n - 1 of them, for n leaves, n a power of two.
        index: which keys are where.
        hashes: what is known of each node's tree hash; filled in on demand by `tree_hash.py`. It is
            a cache: it is a function of `nodes`.
    """

    suite: Suite
    nodes: tuple[Node | None, ...]
    index: TreeIndex
    hashes: list[bytes | None] = field(default_factory=list)

    def __repr__(self) -> str:
        return f"RatchetTree({len(self.index.signature_keys)} members, {self.n_leaves} leaves)"

    @property
    def n_leaves(self) -> int:
        return (len(self.nodes) + 1) // 2

    @property
    def n_members(self) -> int:
        return len(self.index.signature_keys)

    def leaf(self, i: LeafIndex) -> LeafNode | None:
        """Return the leaf with this index; None where it is blank or beyond the tree."""
        if not 0 <= i < self.n_leaves:
            return None
        node = self.nodes[2 * i]
        assert node is None or isinstance(node, LeafNode), "even nodes are leaves"
        return node

    def member(self, i: LeafIndex) -> LeafNode:
        """Return the leaf with this index.

        Raises:
            UsageError: no member has it.
        """
        leaf = self.leaf(i)
        if leaf is None:
            raise UsageError(f"leaf {i} is blank: no member of the group has it")
        return leaf

    def parent(self, x: NodeIndex) -> ParentNode | None:
        node = self.nodes[x]
        assert node is None or isinstance(node, ParentNode), "odd nodes are parents"
        return node

    def leaves(self) -> Iterator[tuple[LeafIndex, LeafNode]]:
        """Yield the members in the order of their leaves."""
        for i, node in enumerate(self.nodes[::2]):
            if isinstance(node, LeafNode):
                yield LeafIndex(i), node

    def resolution(self, x: NodeIndex) -> list[NodeIndex]:
        """Return the nodes that together cover all members below `x` (section 4.1.1)."""
        nodes, found, todo = self.nodes, list[NodeIndex](), [x]
        while todo:
            at = todo.pop()
            node = nodes[at]
            if node is not None:
                found.append(at)
                if isinstance(node, ParentNode):
                    found.extend(NodeIndex(2 * leaf) for leaf in node.unmerged_leaves)
            elif at & 1:
                low, high = at - (at & ~(at + 1)), at + (at & ~(at + 1))
                if any(nodes[low + 1 : high : 2]):
                    todo += (right(at), left(at))
                else:  # no parent below has keys: all members are there themselves
                    found += [NodeIndex(y) for y in range(low, high + 1, 2) if nodes[y]]
        return found

    def is_empty(self, x: NodeIndex) -> bool:
        """Tell whether the resolution of `x` is empty: no member is below."""
        width = x & ~(x + 1)  # from `x` to the first and to the last node below it
        return not any(self.nodes[x - width : x + width + 1])

    def filtered_direct_path(self, i: LeafIndex) -> tuple[NodeIndex, ...]:
        """Return the direct path without the nodes whose copath child is empty (section 4.1.2)."""
        path = direct_path(i, self.n_leaves)
        return tuple(x for x in path if not self.is_empty(copath_child(x, i)))

    def to_wire(self) -> RatchetTreeExtension:
        """Return the content of the ratchet_tree extension (section 12.4.3.3)."""
        last = len(self.nodes)
        while self.nodes[last - 1] is None:
            last -= 1
        return RatchetTreeExtension(self.nodes[:last])

    @classmethod
    def from_wire(cls, suite: Suite, extension: RatchetTreeExtension) -> RatchetTree:
        """Read a received tree. It is well-formed, and unverified: see `tree_check.py`.

        Raises:
            ProtocolError: RFC9420-12.4.3.3-1: it is empty or ends with a blank node;
                RFC9420-12.4.3.3-2: a leaf where a parent should be or the reverse;
                RFC9420-7.3-8, 7.3-9, 12.4.3.1-9: a key is in it twice.
        """
        nodes = extension.ratchet_tree
        if not nodes or nodes[-1] is None:
            raise ProtocolError(
                "RFC9420-12.4.3.3-1", "a ratchet tree is empty or ends with a blank node"
            )
        width = node_width(width_for(len(nodes) // 2 + 1))
        return cls.of(suite, nodes + (None,) * (width - len(nodes)))

    @classmethod
    def of(cls, suite: Suite, nodes: tuple[Node | None, ...]) -> RatchetTree:
        """Return the tree with these nodes, blank ones included; raises as `from_wire`."""
        index = TreeIndex()
        for x, node in enumerate(nodes):
            if node is None:
                continue
            if isinstance(node, ParentNode) != bool(x & 1):
                raise ProtocolError(
                    "RFC9420-12.4.3.3-2", "node {node} of a tree is of the wrong kind", node=x
                )
            index.add(NodeIndex(x), node)
        return cls(suite, nodes, index, [None] * len(nodes))
