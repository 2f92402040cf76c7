"""Where a ledger or a log stands: how many entries, and the last's hash (protocol.md, "Ledgers").
"""

from __future__ import annotations

from mifeng_crypto.tls import Bytes32, UInt64, struct

__all__ = ["EMPTY", "Head"]


@struct
class Head:
    """A position in a hash chain. Sequences count from 1; `EMPTY` stands before the first entry."""

    sequence: UInt64
    hash: Bytes32


EMPTY = Head(0, bytes(32))
