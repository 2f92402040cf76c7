"""A unit's policy and the floors and ceilings that no signature can move (protocol.md,
"Policy").
"""

from __future__ import annotations

import enum
from typing import Annotated

from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.tls import UInt16, UInt32, Width, struct

__all__ = [
    "DEFAULT_POLICY",
    "Export",
    "History",
    "Keep",
    "Policy",
    "Posting",
    "Receipts",
    "Strict",
    "check_policy",
]


class Posting(enum.IntEnum):
    """Who may post; with COMMENTS the publishers, and everybody answers in their threads."""

    EVERYONE = 1
    PUBLISHERS = 2
    COMMENTS = 3


class History(enum.IntEnum):
    """What a newcomer may read of before."""

    NONE = 1
    WINDOW = 2


class Keep(enum.IntEnum):
    """Whether a live file may be posted again, which starts its clock anew."""

    ALLOWED = 1
    DENIED = 2


class Strict(enum.IntEnum):
    """Whether a share of the server also enters the slot keys of messages."""

    OFF = 1
    ON = 2


class Receipts(enum.IntEnum):
    """Whether devices tell the unit how far they have got and how far was read."""

    OFF = 1
    ON = 2


class Export(enum.IntEnum):
    """Whether whoever exports what he can read tells the unit."""

    SILENT = 1
    NOTICE = 2


@struct
class Policy:
    """What a unit's charter lays down. People, and seconds."""

    cap: UInt16
    key_lifetime_s: UInt32
    retention_s: UInt32
    leaf_lifetime_s: UInt32
    posting: Annotated[Posting, Width(1)]
    history: Annotated[History, Width(1)]
    keep: Annotated[Keep, Width(1)]
    strict: Annotated[Strict, Width(1)]
    receipts: Annotated[Receipts, Width(1)]
    export: Annotated[Export, Width(1)]


DEFAULT_POLICY = Policy(
    cap=1000,
    key_lifetime_s=259_200,
    retention_s=259_200,
    leaf_lifetime_s=604_800,
    posting=Posting.EVERYONE,
    history=History.NONE,
    keep=Keep.ALLOWED,
    strict=Strict.OFF,
    receipts=Receipts.OFF,
    export=Export.SILENT,
)

_BOUNDS = {
    "cap": (1, 1000),
    "key_lifetime_s": (3_600, 259_200),
    "retention_s": (259_200, 31_536_000),
    "leaf_lifetime_s": (604_800, 604_800),
}


def check_policy(policy: Policy) -> None:
    """Refuse a policy outside the bounds of this protocol.

    Raises:
        ProtocolError: POLICY-1.
    """
    for name, (low, high) in _BOUNDS.items():
        value = getattr(policy, name)
        if not low <= value <= high:
            raise ProtocolError(
                "POLICY-1",
                f"{name} must be from {low} to {high}, not {value}; choose a value within",
            )
