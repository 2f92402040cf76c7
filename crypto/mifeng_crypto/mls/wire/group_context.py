"""RFC 9420 section 8.1: what all members of an epoch agree on."""

from __future__ import annotations

from mifeng_crypto.mls.wire.extension import Extension
from mifeng_crypto.tls import KeepsBytes, Opaque, UInt16, UInt64, Vec, struct


@struct
class GroupContext(KeepsBytes):
    """Section 8.1."""

    version: UInt16
    cipher_suite: UInt16
    group_id: Opaque
    epoch: UInt64
    tree_hash: Opaque
    confirmed_transcript_hash: Opaque
    extensions: Vec[Extension]
