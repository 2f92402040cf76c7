"""RFC 9420 section 10: what a client publishes so that others can add it."""

from __future__ import annotations

from mifeng_crypto.mls.wire import registry
from mifeng_crypto.mls.wire.extension import Extension
from mifeng_crypto.mls.wire.leaf_node import LeafNode, without_signature
from mifeng_crypto.tls import KeepsBytes, Opaque, UInt16, Vec, encode, struct


@struct(tag=registry.KEY_PACKAGE, tag_bytes=2)
class KeyPackage(KeepsBytes):
    """A leaf, an init key for one Welcome, and a signature. Unverified."""

    version: UInt16
    cipher_suite: UInt16
    init_key: Opaque
    leaf_node: LeafNode
    extensions: Vec[Extension]
    signature: Opaque


def key_package_tbs(key_package: KeyPackage) -> bytes:
    """Return the KeyPackageTBS."""
    return without_signature(encode(key_package), key_package.signature)
