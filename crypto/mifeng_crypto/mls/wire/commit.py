"""RFC 9420 sections 7.6 and 12.4: a commit, and the path of new keys that it brings."""

from __future__ import annotations

from mifeng_crypto.mls.wire.leaf_node import LeafNode
from mifeng_crypto.mls.wire.proposal import ProposalOrRef
from mifeng_crypto.tls import Opaque, Vec, struct


@struct
class HPKECiphertext:
    """Section 5.1.3 and 7.6."""

    kem_output: Opaque
    ciphertext: Opaque


@struct
class UpdatePathNode:
    """Section 7.6: a new public key; its path secret for each node of the copath's resolution."""

    encryption_key: Opaque
    encrypted_path_secret: Vec[HPKECiphertext]


@struct
class UpdatePath:
    """Section 7.6."""

    leaf_node: LeafNode
    nodes: Vec[UpdatePathNode]


@struct
class Commit:
    """Section 12.4."""

    proposals: Vec[ProposalOrRef]
    path: UpdatePath | None
