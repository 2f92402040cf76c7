"""Receipts: the server's signed word that it has accepted an entry of a unit's log, as what, and
for how long it keeps it (protocol.md, "Receipts").

What becomes durable together is signed together: the acceptances are the leaves of a Merkle tree
(RFC 6962), the root is signed once, and each receipt holds its own path. So a thousand receipts
cost one signature, and none tells of another unit: a sibling is a hash over a hash.

    RECEIPT-1  it is a receipt of this version, whose path fits
    RECEIPT-2  the workspace's checkpoint key signed its root
    RECEIPT-3  it states what the server answered: this entry, with this deadline
"""

from __future__ import annotations

from collections.abc import Sequence

from mifeng_crypto.errors import CodecError, CryptoError, ProtocolError
from mifeng_crypto.ids import PROTOCOL_VERSION, GroupId, ProtocolVersion, UnixMillis, WorkspaceId
from mifeng_crypto.labels import sign_mifeng, verify_mifeng
from mifeng_crypto.ledger.merkle import leaf_hash, paths_of, root_by_path
from mifeng_crypto.tls import (
    Bytes32,
    KeepsBytes,
    Opaque,
    UInt32,
    UInt64,
    Vec,
    decode,
    encode,
    struct,
)

__all__ = ["Acceptance", "Receipt", "ReceiptsTBS", "check_states", "open_receipt", "sign_receipts"]

LABEL = "Receipts"


@struct
class Acceptance(KeepsBytes):
    """What is receipted: the entry with this header hash stands at this place of this log.

    `retain_until` is the deadline of its content; 0 for what has none.
    """

    workspace_id: WorkspaceId
    group: GroupId
    sequence: UInt64
    hash: Bytes32
    retain_until: UnixMillis


@struct
class ReceiptsTBS:
    """What is signed, with the label `Receipts`: the root over `size` acceptances."""

    version: ProtocolVersion
    workspace_id: WorkspaceId
    size: UInt32
    root: Bytes32


@struct
class Receipt:
    """An acceptance, its place among those that were signed together, and the signature."""

    version: ProtocolVersion
    acceptance: Acceptance
    index: UInt32
    size: UInt32
    path: Vec[Bytes32]
    signature: Opaque


def sign_receipts(
    acceptances: Sequence[Acceptance], *, workspace_id: WorkspaceId, signing_key: bytes
) -> tuple[bytes, ...]:
    """Sign what has become durable together, all of one workspace; return encoded receipts."""
    size = len(acceptances)
    root, paths = paths_of([leaf_hash(encode(acceptance)) for acceptance in acceptances])
    tbs = ReceiptsTBS(PROTOCOL_VERSION, workspace_id, size, root)
    signature = sign_mifeng(signing_key, LABEL, encode(tbs))
    return tuple(
        encode(Receipt(PROTOCOL_VERSION, acceptance, index, size, path, signature))
        for index, (acceptance, path) in enumerate(zip(acceptances, paths, strict=True))
    )


def open_receipt(data: bytes, *, public_key: bytes) -> Acceptance:
    """Verify a receipt by the workspace's checkpoint key.

    Raises:
        ProtocolError: RECEIPT-1, RECEIPT-2.
    """
    try:
        receipt = decode(Receipt, data)
        leaf = leaf_hash(encode(receipt.acceptance))
        root = root_by_path(leaf, receipt.index, receipt.size, receipt.path)
    except (CodecError, CryptoError) as err:
        raise ProtocolError("RECEIPT-1", "this is no receipt; send again") from err
    if receipt.version != PROTOCOL_VERSION:
        raise ProtocolError("RECEIPT-1", "this receipt is of another version; update this client")
    acceptance = receipt.acceptance
    tbs = ReceiptsTBS(receipt.version, acceptance.workspace_id, receipt.size, root)
    try:
        verify_mifeng(public_key, LABEL, encode(tbs), receipt.signature)
    except CryptoError as err:
        raise ProtocolError(
            "RECEIPT-2",
            "the server's receipt is not signed by the key that the roster names; stop, and tell "
            "your administrator",
        ) from err
    return acceptance


def check_states(found: Acceptance, expected: Acceptance) -> None:
    """RECEIPT-3.

    Raises:
        ProtocolError: RECEIPT-3.
    """
    if found != expected:
        raise ProtocolError(
            "RECEIPT-3",
            "the server's receipt states another acceptance than its answer; stop, and tell your "
            "administrator",
        )
