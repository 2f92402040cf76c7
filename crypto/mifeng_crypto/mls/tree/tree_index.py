"""Which keys and capabilities a tree holds, so that no rule has to walk all leaves.

Kept by `tree_edit.py` from tree to tree. RFC 9420 section 7.3: signature and encryption keys are
unique among the members; section 12.4.3.1: a parent's key is in no other node.
"""

from __future__ import annotations

from typing import NamedTuple

from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.mls.tree.tree_math import LeafIndex, NodeIndex, leaf_of
from mifeng_crypto.mls.wire.leaf_node import Capabilities, LeafNode
from mifeng_crypto.mls.wire.parent_node import Node, ParentNode


class Profile(NamedTuple):
    """What the rules of section 7.3 need of a leaf; most members share theirs."""

    capabilities: Capabilities
    credential_type: int


class TreeIndex:
    """Copied before it is changed, like everything in a tree; never changed after."""

    __slots__ = ("encryption_keys", "profiles", "signature_keys")

    def __init__(self) -> None:
        self.signature_keys: dict[bytes, LeafIndex] = {}
        self.encryption_keys: dict[bytes, NodeIndex] = {}
        self.profiles: dict[Profile, int] = {}

    def copy(self) -> TreeIndex:
        new = TreeIndex()
        new.signature_keys = self.signature_keys.copy()
        new.encryption_keys = self.encryption_keys.copy()
        new.profiles = self.profiles.copy()
        return new

    def add(self, x: NodeIndex, node: Node) -> None:
        """Take in a node.

        Raises:
            ProtocolError: RFC9420-7.3-9, RFC9420-12.4.3.1-9: its encryption key is there already;
                RFC9420-7.3-8: its signature key is.
        """
        if node.encryption_key in self.encryption_keys:
            rule = "12.4.3.1-9" if isinstance(node, ParentNode) else "7.3-9"
            raise ProtocolError(
                f"RFC9420-{rule}", "two nodes of the tree have the same encryption key"
            )
        if isinstance(node, LeafNode):
            if node.signature_key in self.signature_keys:
                raise ProtocolError(
                    "RFC9420-7.3-8", "two members of the group have the same signature key"
                )
            self.signature_keys[node.signature_key] = leaf_of(x)
            profile = Profile(node.capabilities, node.credential.credential_type)
            self.profiles[profile] = self.profiles.get(profile, 0) + 1
        self.encryption_keys[node.encryption_key] = x

    def drop(self, node: Node) -> None:
        """Forget a node that is in the index."""
        del self.encryption_keys[node.encryption_key]
        if isinstance(node, LeafNode):
            del self.signature_keys[node.signature_key]
            profile = Profile(node.capabilities, node.credential.credential_type)
            self.profiles[profile] -= 1
            if not self.profiles[profile]:
                del self.profiles[profile]
