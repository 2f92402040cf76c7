"""RFC 9420 sections 7.1, 7.8 and 7.9: parent nodes, and what is hashed over a tree."""

from __future__ import annotations

from typing import TypeAlias

from mifeng_crypto.mls.wire.leaf_node import LeafNode
from mifeng_crypto.tls import KeepsBytes, Opaque, UInt32, Vec, struct


@struct(tag=2, tag_bytes=1)
class ParentNode(KeepsBytes):
    """Section 7.1. The tag is its NodeType (section 7.8)."""

    encryption_key: Opaque
    parent_hash: Opaque
    unmerged_leaves: Vec[UInt32]


Node: TypeAlias = LeafNode | ParentNode


@struct(tag=1, tag_bytes=1)
class LeafNodeHashInput:
    """Section 7.8."""

    leaf_index: UInt32
    leaf_node: LeafNode | None


@struct(tag=2, tag_bytes=1)
class ParentNodeHashInput:
    """Section 7.8."""

    parent_node: ParentNode | None
    left_hash: Opaque
    right_hash: Opaque


@struct
class TreeHashInput:
    """Section 7.8."""

    node: LeafNodeHashInput | ParentNodeHashInput


@struct
class ParentHashInput:
    """Section 7.9."""

    encryption_key: Opaque
    parent_hash: Opaque
    original_sibling_tree_hash: Opaque


@struct
class RatchetTreeExtension:
    """Section 12.4.3.3: the tree's nodes from left to right, without blanks at the end."""

    ratchet_tree: Vec[Node | None]
