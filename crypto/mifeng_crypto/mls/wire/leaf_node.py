"""RFC 9420 section 7.2: a member's leaf, and the bytes that its signature covers."""

from __future__ import annotations

from typing import TypeAlias

from mifeng_crypto.mls.wire.credential import Credential
from mifeng_crypto.mls.wire.extension import Extension
from mifeng_crypto.tls import (
    KeepsBytes,
    Opaque,
    Shared,
    UInt16,
    UInt64,
    Vec,
    encode,
    struct,
    write_length,
)


@struct
class Capabilities(Shared):
    """What a client supports, beyond what all do. Unknown values are normal (section 13.5)."""

    versions: Vec[UInt16]
    cipher_suites: Vec[UInt16]
    extensions: Vec[UInt16]
    proposals: Vec[UInt16]
    credentials: Vec[UInt16]


@struct
class Lifetime:
    """When a KeyPackage's leaf may be used: unix seconds, both ends included."""

    not_before: UInt64
    not_after: UInt64


@struct(tag=1, tag_bytes=1)
class FromKeyPackage:
    """leaf_node_source key_package."""

    lifetime: Lifetime


@struct(tag=2, tag_bytes=1)
class FromUpdate:
    """leaf_node_source update."""


@struct(tag=3, tag_bytes=1)
class FromCommit:
    """leaf_node_source commit."""

    parent_hash: Opaque


LeafNodeSource: TypeAlias = FromKeyPackage | FromUpdate | FromCommit


@struct(tag=1, tag_bytes=1)
class LeafNode(KeepsBytes):
    """A leaf that holds a member. The tag is its NodeType (section 7.8)."""

    encryption_key: Opaque
    signature_key: Opaque
    credential: Credential
    capabilities: Capabilities
    source: LeafNodeSource
    extensions: Vec[Extension]
    signature: Opaque


def without_signature(encoded: bytes, signature: bytes) -> bytes:
    """Return the encoding of a struct whose last field is `signature`, without that field."""
    tail = bytearray()
    write_length(len(signature), tail)
    return encoded[: len(encoded) - len(tail) - len(signature)]


def leaf_node_tbs(leaf: LeafNode, group_id: bytes, leaf_index: int) -> bytes:
    """Return the LeafNodeTBS; group and place count only for leaves of an update or a commit."""
    tbs = without_signature(encode(leaf), leaf.signature)
    if isinstance(leaf.source, FromKeyPackage):
        return tbs
    tail = bytearray()
    write_length(len(group_id), tail)
    return tbs + bytes(tail) + group_id + leaf_index.to_bytes(4, "big")
