"""A unit's log for tests of what is folded out of it: contents in, rows in order out."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from mifeng import content
from mifeng.content import Origin, Refers
from mifeng.content.documents import Document, Statement, StatementBody, StatementTBS
from mifeng.core.rows import Condition, TimelineRecord
from mifeng.core.timeline import Line, Timeline
from mifeng_crypto.ids import DeviceId, MemberId, UnitId, UnixMillis, WorkspaceId
from mifeng_crypto.log import EntryKind

__all__ = ["ADA", "BO", "CY", "UNIT", "WORKSPACE", "Scroll"]

ADA, BO, CY = (MemberId(bytes([n]) * 16) for n in (0xA, 0xB, 0xC))
WORKSPACE, UNIT = WorkspaceId(b"w" * 16), UnitId(b"u" * 16)


@dataclass
class Scroll:
    """What the log brought to one device. `now` is the server's time, in milliseconds."""

    rows: list[tuple[int, TimelineRecord]] = field(default_factory=list)
    now: int = 1_700_000_000_000
    rng: random.Random = field(default_factory=lambda: random.Random(7))

    def origin(self, by: MemberId) -> Origin:
        return Origin(workspace_id=WORKSPACE, unit_id=UNIT, member_id=by)

    def append(
        self,
        by: MemberId,
        said: bytes,
        *,
        kind: EntryKind = EntryKind.MESSAGE,
        condition: Condition = Condition.READ,
        reason: str = "",
    ) -> int:
        """Append a content, whatever it is; return its sequence."""
        sequence = len(self.rows) + 1
        record = TimelineRecord(
            entry_hash=bytes(32),
            kind=kind,
            condition=condition,
            epoch=1,
            accepted_at=UnixMillis(self.now),
            deadline=UnixMillis(self.now + 272_000_000),
            member_id=by,
            device_id=DeviceId(by),
            size=len(said),
            content=said,
            files=(),
            reason=reason,
            added=(),
            removed=(),
        )
        self.rows.append((sequence, record))
        return sequence

    def post(self, by: MemberId, text: str, **refers: bytes) -> bytes:
        """Append a text; return its message id."""
        said = content.encode_text(
            text, origin=self.origin(by), rng=self.rng.randbytes, refers=Refers(**refers)
        )
        return self.named(by, said)

    def react(self, by: MemberId, emoji: str, to: bytes) -> bytes:
        said = content.encode_reaction(emoji, to, origin=self.origin(by), rng=self.rng.randbytes)
        return self.named(by, said)

    def delete(self, by: MemberId, what: bytes, *, of_reaction: bool = False) -> bytes:
        said = content.encode_nothing(
            what,
            in_reply_to=None,
            of_reaction=of_reaction,
            origin=self.origin(by),
            rng=self.rng.randbytes,
        )
        return self.named(by, said)

    def say(self, by: MemberId, document: Document, to: bytes | None = None) -> bytes:
        """Append a document, which answers the message with the id `to`; return its own id."""
        said = content.encode_work(
            document,
            origin=self.origin(by),
            rng=self.rng.randbytes,
            refers=Refers(in_reply_to=to),
        )
        return self.named(by, said)

    def statement(
        self, by: MemberId, body: StatementBody, subject: bytes | None = None
    ) -> Statement:
        """A statement whose signature nobody looks at: that is done when it arrives."""
        tbs = StatementTBS(
            version=1,
            workspace_id=WORKSPACE,
            unit_id=UNIT,
            member_id=by,
            device_id=DeviceId(by),
            time=UnixMillis(self.now),
            subject=subject,
            body=body,
        )
        return Statement(tbs, b"")

    def named(self, by: MemberId, said: bytes) -> bytes:
        self.append(by, said)
        return content.decode(said, origin=self.origin(by)).id

    def fold(self) -> Timeline:
        timeline = Timeline(WORKSPACE, UNIT)
        timeline.extend(self.rows)
        return timeline

    def lines(self) -> list[Line]:
        return self.fold().lines()
