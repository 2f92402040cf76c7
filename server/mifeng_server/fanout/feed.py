"""One open socket: where it is in each unit's log, and what it has still to be told.

Nothing is queued here: a log is a cursor, a hint a member of a set. So a slow reader costs no
memory; it is dropped when the network does not take its frames for a while.
"""

from __future__ import annotations

from collections.abc import Callable

from mifeng_crypto.api.messages import Push
from mifeng_server.fanout.channel import encode_push

__all__ = ["Feed"]


class Feed:
    """What one device's socket is to be sent.

    Attributes:
        cursors: the last sequence sent of each followed unit's log.
        dirty: units whose log has gone on, in the order in which it did.
        hints: what is new besides.
        closed: the code to close the socket with; 0 while it may stay open.
        number: which of all feeds, in the order of opening.
        deadline: when its token expires, Unix milliseconds.
        wake: sees to it that what it has to be told is sent.
        offer: writes a whole WebSocket frame at once if the network takes it at once.
    """

    __slots__ = (
        "binary",
        "closed",
        "cursors",
        "deadline",
        "device_id",
        "dirty",
        "hints",
        "member_id",
        "number",
        "offer",
        "wake",
    )

    def __init__(
        self, member_id: bytes, device_id: bytes, *, binary: bool, deadline: int = 0
    ) -> None:
        self.member_id = member_id
        self.device_id = device_id
        self.binary = binary
        self.deadline = deadline
        self.cursors: dict[bytes, int] = {}
        self.dirty: dict[bytes, None] = {}
        self.hints: dict[Push, None] = {}
        self.closed = 0
        self.number = 0
        self.wake: Callable[[], None] = lambda: None
        self.offer: Callable[[bytes], bool] = lambda _: False

    @property
    def is_idle(self) -> bool:
        """Whether all that it was to be told has been sent."""
        return not (self.dirty or self.hints or self.closed)

    def hint(self, push: Push) -> None:
        self.hints[push] = None
        self.wake()

    def log_grew(self, unit_id: bytes) -> None:
        self.dirty[unit_id] = None
        self.wake()

    def close(self, code: int) -> None:
        self.closed = code
        self.wake()

    def take_hints(self) -> list[bytes | str]:
        """Return the frames of all hints, which count as told."""
        frames = [encode_push(push, binary=self.binary) for push in self.hints]
        self.hints.clear()
        return frames
