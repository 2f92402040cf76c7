"""Signing again what was changed: by the right key and label, or by wrong ones."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from mifeng_crypto.labels import sign_with_label
from mifeng_crypto.mls.wire.key_package import KeyPackage, key_package_tbs
from mifeng_crypto.mls.wire.leaf_node import LeafNode, leaf_node_tbs
from mifeng_crypto.mls.wire.welcome import GroupInfo, group_info_tbs
from mifeng_crypto.secret import Secret
from mifeng_crypto.suite import Suite


class HashRng:
    """SHA-256 in counter mode over a name: all random bytes of the vectors."""

    def __init__(self, name: str) -> None:
        self._name, self._count = name.encode(), 0

    def __call__(self, n: int, /) -> bytes:
        found = b""
        while len(found) < n:
            self._count += 1
            found += hashlib.sha256(self._name + self._count.to_bytes(8, "big")).digest()
        return found[:n]


def sign_leaf(
    suite: Suite,
    key: Secret,
    leaf: LeafNode,
    *,
    group_id: bytes = b"",
    leaf_index: int = 0,
    label: str = "LeafNodeTBS",
) -> LeafNode:
    tbs = leaf_node_tbs(replace(leaf, signature=b""), group_id, leaf_index)
    return replace(leaf, signature=sign_with_label(suite, key, label, tbs))


def sign_key_package(
    suite: Suite, key: Secret, package: KeyPackage, *, label: str = "KeyPackageTBS"
) -> KeyPackage:
    tbs = key_package_tbs(replace(package, signature=b""))
    return replace(package, signature=sign_with_label(suite, key, label, tbs))


def sign_group_info(
    suite: Suite, key: Secret, info: GroupInfo, *, label: str = "GroupInfoTBS"
) -> GroupInfo:
    tbs = group_info_tbs(replace(info, signature=b""))
    return replace(info, signature=sign_with_label(suite, key, label, tbs))


def flip(data: bytes, at: int = -1) -> bytes:
    """Change one bit."""
    changed = bytearray(data)
    changed[at] ^= 1
    return bytes(changed)
