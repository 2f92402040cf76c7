"""What was said before somebody came in, handed over (protocol.md, "History").

All members see who has handed how much over to whom. What opens it is sealed to the devices that it
is for, and is nobody's to keep: every device stores the document without it.
"""

from __future__ import annotations

import dataclasses
import itertools

from mifeng.content.documents.words import check_count, malformed
from mifeng_crypto.history import MAX_PARTS, MAX_RECEIVERS, HistoryPart
from mifeng_crypto.ids import DeviceId, MemberId
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.tls import Opaque, UInt32, Vec, struct

__all__ = ["HandedHistory", "HistoryReceiver"]


@struct
class HistoryReceiver:
    """A device that a history is for; `sealed` opens `HandedHistory.keys`, and is not stored."""

    member_id: MemberId
    device_id: DeviceId
    sealed: Opaque


@struct
class HandedHistory:
    """Its sender hands over what was said before these devices came in.

    `joined` is where the log stood with the commit that let them in. `messages` is how many of the
    messages in `parts` are shown as such: the others are reactions, edits and the like.
    """

    joined: Head
    messages: UInt32
    parts: Vec[HistoryPart]
    receivers: Vec[HistoryReceiver]
    keys: Opaque

    def check(self) -> None:
        """CONTENT-5.

        Raises:
            ProtocolError: it is of nothing or to nobody, or of too much or to too many.
        """
        check_count(self.parts, 1, MAX_PARTS)
        check_count(self.receivers, 1, MAX_RECEIVERS)
        if len({one.device_id for one in self.receivers}) != len(self.receivers):
            raise malformed("a history is handed over to a device once")
        if any(a.last >= b.first for a, b in itertools.pairwise(self.parts)):
            raise malformed("the parts of a history follow one another")

    def sealed_to(self, device_id: DeviceId) -> bytes | None:
        """Return the box of a device; None if this is not for it."""
        found = (one.sealed for one in self.receivers if one.device_id == device_id)
        return next(found, None)

    def without_keys(self) -> HandedHistory:
        """The same as it is stored."""
        receivers = tuple(dataclasses.replace(one, sealed=b"") for one in self.receivers)
        return dataclasses.replace(self, receivers=receivers, keys=b"")
