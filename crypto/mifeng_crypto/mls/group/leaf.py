"""Making leaves (RFC 9420 section 7.2): what a client says of itself, signed."""

from __future__ import annotations

from mifeng_crypto.labels import sign_with_label
from mifeng_crypto.mls.tree.tree_math import LeafIndex
from mifeng_crypto.mls.wire import registry
from mifeng_crypto.mls.wire.credential import Credential
from mifeng_crypto.mls.wire.extension import Extension
from mifeng_crypto.mls.wire.leaf_node import (
    Capabilities,
    LeafNode,
    LeafNodeSource,
    leaf_node_tbs,
)
from mifeng_crypto.suite import SUITES, Suite

FIRST = LeafIndex(0)


def default_capabilities(
    *, extensions: tuple[int, ...] = (), proposals: tuple[int, ...] = ()
) -> Capabilities:
    """Return what this engine supports: all its suites, basic and X.509 credentials.

    Args:
        extensions: types beyond the defaults that the application understands.
        proposals: types beyond the defaults that the application understands.
    """
    return Capabilities(
        (registry.MLS10,), tuple(SUITES), extensions, proposals, (registry.BASIC, registry.X509)
    )


def sign_leaf(
    suite: Suite,
    signature_key: bytes,
    *,
    public: bytes,
    encryption_key: bytes,
    credential: Credential,
    capabilities: Capabilities,
    source: LeafNodeSource,
    extensions: tuple[Extension, ...],
    group_id: bytes = b"",
    leaf_index: LeafIndex = FIRST,
) -> LeafNode:
    """Make a leaf; group and place count only for those of an update or a commit.

    Args:
        signature_key: the private key; `public` is its public one.
    """

    def leaf(signature: bytes) -> LeafNode:
        return LeafNode(
            encryption_key, public, credential, capabilities, source, extensions, signature
        )

    tbs = leaf_node_tbs(leaf(b""), group_id, leaf_index)
    return leaf(sign_with_label(suite, signature_key, "LeafNodeTBS", tbs))


def renew_leaf(
    suite: Suite,
    signature_key: bytes,
    old: LeafNode,
    *,
    encryption_key: bytes,
    source: LeafNodeSource,
    extensions: tuple[Extension, ...] | None,
    group_id: bytes,
    leaf_index: LeafIndex,
) -> LeafNode:
    """Make the leaf that replaces `old` in a group; `extensions` None keeps the old ones."""
    return sign_leaf(
        suite,
        signature_key,
        public=old.signature_key,
        encryption_key=encryption_key,
        credential=old.credential,
        capabilities=old.capabilities,
        source=source,
        extensions=old.extensions if extensions is None else extensions,
        group_id=group_id,
        leaf_index=leaf_index,
    )
