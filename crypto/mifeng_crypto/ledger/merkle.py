"""Merkle trees of RFC 6962 section 2.1: one root for many leaves, and a short path for each.

leaf  SHA-256(0x00 || data)        node  SHA-256(0x01 || left || right)
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from mifeng_crypto.errors import CryptoError

__all__ = ["leaf_hash", "paths_of", "root_by_path"]


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf (RFC 6962 section 2.1)."""
    return hashlib.sha256(b"\x00" + data).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def paths_of(leaves: Sequence[bytes]) -> tuple[bytes, tuple[tuple[bytes, ...], ...]]:
    """Return the root over leaf hashes, at least one, and each one's path (section 2.1.1)."""
    assert leaves, "a tree has a leaf"
    paths: list[list[bytes]] = [[] for _ in leaves]
    level: list[tuple[bytes, tuple[int, ...]]] = [(leaf, (n,)) for n, leaf in enumerate(leaves)]
    # Level by level: the last one without a neighbour goes up as it is, which is the RFC's tree.
    while len(level) > 1:
        above = []
        for i in range(0, len(level) - 1, 2):
            (left, under_left), (right, under_right) = level[i], level[i + 1]
            for n in under_left:
                paths[n].append(right)
            for n in under_right:
                paths[n].append(left)
            above.append((_node(left, right), under_left + under_right))
        if len(level) % 2:
            above.append(level[-1])
        level = above
    return level[0][0], tuple(tuple(path) for path in paths)


def root_by_path(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """Return the root to which a path leads (RFC 9162 section 2.1.3.2).

    Raises:
        CryptoError: there is no such leaf, or its path has another length.
    """
    if not 0 <= index < size:
        raise CryptoError
    found, number, last = leaf, index, size - 1
    for sibling in path:
        if last == 0:
            raise CryptoError
        if number % 2 or number == last:
            found = _node(sibling, found)
            while number and not number % 2:
                number, last = number >> 1, last >> 1
        else:
            found = _node(found, sibling)
        number, last = number >> 1, last >> 1
    if last:
        raise CryptoError
    return found
