"""What a unit's log is to its members, in as few lines as it takes: no keys, no bytes, no disk.

It is written from protocol.md sections 8 and 15 alone, and knows nothing of the code.
"""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Reference", "Waiting"]


@dataclass
class Waiting:
    """A text to be delivered: `epoch` is that of its bytes, None before there are any."""

    text: str
    epoch: int | None = None
    attempt: int = 0


@dataclass
class Reference:
    """One log, and how far each device has applied it.

    Entries are (`message`, device, text), (`commit`, device, "") or (`heads`, "", "").
    """

    log: list[tuple[str, str, str]] = field(default_factory=list)
    accepted: dict[tuple[str, str, int], int] = field(default_factory=dict)
    applied: dict[str, int] = field(default_factory=dict)
    outbox: dict[str, list[Waiting]] = field(default_factory=dict)
    pending: dict[str, tuple[int, int] | None] = field(default_factory=dict)
    attempts: int = 0

    def epoch_after(self, n: int) -> int:
        """How many commits are among the first n entries."""
        return sum(kind == "commit" for kind, _, _ in self.log[:n])

    @property
    def epoch(self) -> int:
        return self.epoch_after(len(self.log))

    def epoch_of(self, device: str) -> int:
        return self.epoch_after(self.applied[device])

    def read_by(self, device: str) -> list[str]:
        """The texts that a device has read, its own among them, in order."""
        return [t for kind, _, t in self.log[: self.applied[device]] if kind == "message"]

    # -------------------------------------------------------------- what a device does

    def say(self, device: str, text: str) -> None:
        self.outbox[device].append(Waiting(text))

    def seal(self, device: str) -> None:
        self.attempts += 1
        first = self.outbox[device][0]
        first.epoch, first.attempt = self.epoch_of(device), self.attempts

    def prepare(self, device: str) -> None:
        self.attempts += 1
        self.pending[device] = self.epoch_of(device), self.attempts

    def apply_next(self, device: str) -> None:
        kind, author, text = self.log[self.applied[device]]
        self.applied[device] += 1
        if kind == "message" and author == device:
            self.outbox[device] = [w for w in self.outbox[device] if w.text != text]
        if kind == "commit":
            self.pending[device] = None
            for waiting in self.outbox[device]:
                waiting.epoch = None

    # -------------------------------------------------------------- what the server does

    def accept_message(self, device: str) -> bool:
        """Whether it is accepted, now or before."""
        first = self.outbox[device][0]
        return self._accept("message", device, first.text, first.attempt, first.epoch)

    def accept_commit(self, device: str) -> bool:
        pending = self.pending[device]
        assert pending is not None
        return self._accept("commit", device, "", pending[1], pending[0])

    def _accept(self, kind: str, device: str, text: str, attempt: int, epoch: int | None) -> bool:
        if (kind, device, attempt) in self.accepted:
            return True
        if epoch != self.epoch:
            return False
        self.log.append((kind, device, text))
        self.accepted[kind, device, attempt] = len(self.log)
        return True
