"""The newest entries of one unit's log, and the frames made of them, once for all sockets."""

from __future__ import annotations

from collections import deque

import msgspec

from mifeng_crypto.api.messages import Push

__all__ = ["PUSHED_BYTES", "Channel", "Frame", "encode_push", "on_wire"]

RECENT = 256
"""Entries kept; who is further behind reads from the store."""
FRAME_ENTRIES = 64
PUSHED_BYTES = 65_536
"""Entries above this are not pushed but fetched."""

Frame = tuple[bytes | str, int]
"""What is sent (bytes: MessagePack, text: JSON), and the log's sequence after it."""


def encode_push(push: Push, *, binary: bool) -> bytes | str:
    """Write a frame in the form that the client's first frame had."""
    if binary:
        return msgspec.msgpack.encode(push)
    return msgspec.json.encode(push).decode()


def on_wire(frame: bytes | str) -> bytes:
    """Write the whole WebSocket frame of a server (RFC 6455 section 5.2): all sockets share it."""
    kind, content = (0x82, frame) if isinstance(frame, bytes) else (0x81, frame.encode())
    n = len(content)
    if n < 126:
        head = bytes((kind, n))
    elif n < 1 << 16:
        head = bytes((kind, 126)) + n.to_bytes(2, "big")
    else:
        head = bytes((kind, 127)) + n.to_bytes(8, "big")
    return head + content


class Channel:
    """One unit. `head` is the last entry that was pushed here, 0 before the first."""

    def __init__(self, unit_id: bytes, generation: int) -> None:
        self.unit_id = unit_id
        self.generation = generation
        self.head = 0
        self._recent: deque[bytes] = deque(maxlen=RECENT)
        self._frames: dict[tuple[int, bool], Frame] = {}
        self._wires: dict[tuple[int, bool], bytes | None] = {}

    def grow(self, sequence: int, entry: bytes) -> None:
        """Take the next entry; after a gap the channel begins anew."""
        if sequence <= self.head:
            return
        if sequence != self.head + 1:
            self._recent.clear()
        self._recent.append(entry)
        self.head = sequence
        self._frames.clear()
        self._wires.clear()

    def covers(self, after: int) -> bool:
        """Whether everything after this sequence is here."""
        return self.head - len(self._recent) <= after

    def frame(self, after: int, *, binary: bool) -> Frame:
        """Return the frame that follows `after`, which `covers` must allow."""
        made = self._frames.get((after, binary))
        if made is None:
            first = after + 1 - (self.head - len(self._recent) + 1)
            some = [
                self._recent[i] for i in range(first, min(first + FRAME_ENTRIES, len(self._recent)))
            ]
            made = self.frame_of(after, some, binary=binary)
            self._frames[after, binary] = made
        return made

    def wire(self, after: int, *, binary: bool) -> bytes | None:
        """Return the one frame, as it goes over the wire, that leads from `after` to the head; None
        if there is none.
        """
        name = after, binary
        if name not in self._wires:
            made = None
            if after < self.head and self.covers(after):
                frame, end = self.frame(after, binary=binary)
                made = on_wire(frame) if end == self.head else None
            self._wires[name] = made
        return self._wires[name]

    def frame_of(self, after: int, entries: list[bytes], *, binary: bool) -> Frame:
        """Make a frame of entries that follow `after`, as far as they fit into one."""
        pushed: list[bytes] = []
        size = 0
        for entry in entries:
            size += len(entry)
            if len(entry) > PUSHED_BYTES or (pushed and size > 4 * PUSHED_BYTES):
                break
            pushed.append(entry)
        # An entry that is too large is passed over: `head_sequence` says that there is one.
        end = after + (len(pushed) or 1)
        push = Push(
            kind="log",
            unit_id=self.unit_id,
            generation=self.generation,
            entries=tuple(pushed),
            head_sequence=max(end, self.head),
        )
        return encode_push(push, binary=binary), end
