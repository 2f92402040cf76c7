"""A log against this device's own time, which no server moves (protocol.md, section 14)."""

from __future__ import annotations

from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.ids import UnixMillis
from mifeng_crypto.ledger.chain import CLOCK_TOLERANCE_MS
from mifeng_crypto.log import LogHeader

__all__ = ["AheadError", "check_time"]


class AheadError(ProtocolError):
    """CLIENT-15: an entry is dated more than ten minutes past this device's own time.

    Either the device's clock is wrong, or the server and a member push time forward together: what
    they date so would live longer than it may. The unit waits, and nothing is lost by that.

    Attributes:
        sequence: the entry's.
    """

    def __init__(self, header: LogHeader, now: UnixMillis) -> None:
        super().__init__(
            "CLIENT-15",
            "this device's clock is {minutes} min behind the time at which the server says that it "
            "accepted an entry; set it, or tell your administrator if it is right",
            minutes=(header.accepted_at - now) // 60_000,
        )
        self.sequence = header.sequence


def check_time(header: LogHeader, *, now: UnixMillis) -> None:
    """CLIENT-15: an entry that moves a unit's time leads no more than ten minutes past one's own.

    Raises:
        AheadError: it does.
    """
    if header.accepted_at > now + CLOCK_TOLERANCE_MS:
        raise AheadError(header, now)
