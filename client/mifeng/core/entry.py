"""A message as it comes out of the log, read: what is folded into timelines."""

from __future__ import annotations

from dataclasses import dataclass

from mifeng.content import Message
from mifeng.core.rows import TimelineRecord
from mifeng_crypto.ids import MemberId, UnixMillis

__all__ = ["Entry"]


@dataclass(frozen=True, slots=True)
class Entry:
    """Its place, the row without its content, and what it says."""

    sequence: int
    record: TimelineRecord
    said: Message

    @property
    def author(self) -> MemberId:
        return self.record.member_id

    @property
    def accepted_at(self) -> UnixMillis:
        return self.record.accepted_at
