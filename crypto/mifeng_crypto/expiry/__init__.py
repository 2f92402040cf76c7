"""When what was accepted expires: pure functions of times (protocol.md, "Expiry").

slot.py    hours of acceptance, and the deadlines that follow from them
clock.py   a device's effective time, and what may be destroyed by it
"""

from mifeng_crypto.expiry.clock import Clock, Fate, start_clock
from mifeng_crypto.expiry.slot import (
    DESTROY_WITHIN_MS,
    GRACE_MS,
    SLOT_MS,
    deadline,
    retain_until,
    slot_of,
)

__all__ = [
    "DESTROY_WITHIN_MS",
    "GRACE_MS",
    "SLOT_MS",
    "Clock",
    "Fate",
    "deadline",
    "retain_until",
    "slot_of",
    "start_clock",
]
