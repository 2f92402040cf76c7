"""Slots and deadlines (protocol.md, "Expiry").

    accepted_at      slot ends              deadline D        all is destroyed
         |--- < 1 h ---|---- retention ---- + 30 min |--- 15 min ---|

Hence readable for at least the retention, and gone less than retention + 2 h after acceptance.
"""

from __future__ import annotations

from typing import NewType

from mifeng_crypto.ids import UnixMillis

__all__ = [
    "DESTROY_WITHIN_MS",
    "GRACE_MS",
    "SLOT_MS",
    "Slot",
    "deadline",
    "retain_until",
    "slot_of",
]

Slot = NewType("Slot", int)
"""An hour of acceptance, counted from the Unix epoch: the grain of expiry."""

SLOT_MS = 3_600_000
GRACE_MS = 1_800_000
"""Between the end of the retention and the deadline: so that clocks may differ a little."""
DESTROY_WITHIN_MS = 900_000
"""After the deadline nothing is served or decrypted; by then bytes and keys are destroyed."""


def slot_of(accepted_at: UnixMillis) -> Slot:
    """Return the slot in which something was accepted."""
    return Slot(accepted_at // SLOT_MS)


def deadline(slot: Slot, retention_s: int) -> UnixMillis:
    """Return when everything accepted in a slot stops being served and decrypted."""
    return UnixMillis((slot + 1) * SLOT_MS + retention_s * 1000 + GRACE_MS)


def retain_until(accepted_at: UnixMillis, retention_s: int) -> UnixMillis:
    """Return the deadline of what was accepted then; nothing deletes it earlier."""
    return deadline(slot_of(accepted_at), retention_s)
