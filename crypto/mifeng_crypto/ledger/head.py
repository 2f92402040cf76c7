"""Where a ledger or a log stands: a sequence and the hash of its last entry."""

from __future__ import annotations

from mifeng_crypto.tls import Bytes32, UInt64, struct

__all__ = ["EMPTY", "Head"]


@struct
class Head:
    """A position in a hash chain. Sequences count from 1; `EMPTY` stands before the first entry."""

    sequence: UInt64
    hash: Bytes32


EMPTY = Head(0, bytes(32))
