"""One hands over to another what was said before, all in memory; what is a lie is up to tests."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from mifeng import content
from mifeng.content import Origin
from mifeng.content.documents import HandedHistory
from mifeng.core.events import NewEntry
from mifeng.core.history import taking
from mifeng.core.history.giving import Planned, blob_of, handed_over, plan
from mifeng.core.history.joining import LetIn, may_come_from
from mifeng.core.rows import (
    Changes,
    GiftRecord,
    JoinRecord,
    PartRecord,
    TakeRecord,
    TimelineRecord,
)
from mifeng_crypto import gate
from mifeng_crypto.gate import Past
from mifeng_crypto.history import HistoryPart
from mifeng_crypto.ids import DeviceId, FileId, Identity
from mifeng_crypto.ledger.charter_entry import Grant, SetPolicy, UnitRole
from mifeng_crypto.ledger.policy import History
from mifeng_crypto.ledger.roster_entry import RosterEntry
from mifeng_crypto.log import EntryKind, LogEntry
from mifeng_crypto.tls import decode
from tests.client.core.world import Desk, World
from tests.support.company import Person

__all__ = ["Handing", "Receiver"]


@dataclass
class Receiver:
    """Somebody who came in, and from whom he takes history."""

    desk: Desk
    join: JoinRecord


class Handing:
    """Ada and Ben have talked in a unit that lets newcomers read of before (or does not)."""

    def __init__(self, *, policy: History = History.WINDOW) -> None:
        self.world = World()
        self.company = self.world.company
        self.entry_of: dict[DeviceId, RosterEntry] = {}
        goes_by = dataclasses.replace(self.world.charter.policy, history=policy)
        if policy is not History.NONE:
            self.world.amend(SetPolicy(goes_by))
        self.rows: dict[DeviceId, dict[int, TimelineRecord]] = {}
        for n in range(2):
            self.say(self.world.ada, f"Ada {n}")
            self.say(self.world.ben, f"Ben {n}")

    def origin(self, desk: Desk) -> Origin:
        return Origin(
            workspace_id=self.company.workspace_id,
            unit_id=self.world.unit_id,
            member_id=desk.profile.member_id,
        )

    def say(self, by: Desk, text: str) -> None:
        self.send(by, content.encode_text(text, origin=self.origin(by), rng=self.company.rng))

    def send(self, by: Desk, said: bytes) -> dict[DeviceId, tuple[taking.Gift, ...]]:
        """Have a message accepted and read by all; return the histories that it hands to whom."""
        by.queue(said)
        entry = self.world.accept(EntryKind.MESSAGE, by.seal(), by)
        gifts = {}
        for desk in self.world.everybody:
            applied = desk.apply(entry)
            kept = self.rows.setdefault(desk.profile.device_id, {})
            kept |= {e.sequence: e.entry for e in applied.events if isinstance(e, NewEntry)}
            gifts[desk.profile.device_id] = applied.gifts
        return gifts

    # -------------------------------------------------------------- coming in

    def hire(self, name: str) -> Receiver:
        """Somebody new, granted and let in by Ada."""
        person = self.company.hire(name)
        self.world.amend(Grant(person.member_id, UnitRole.MEMBER))
        return self.let_in(person)

    def link(self, to: Person) -> Receiver:
        """Another device of somebody's own, let in by Ada."""
        other = self.company.link(to)
        self.world.heads()
        return self.let_in(other)

    def let_in(self, person: Person) -> Receiver:
        desk = self.world.admit(person)
        commit = decode(LogEntry, self.world.log.entries[-1])
        device = self.company.roster.device(person.device_id)
        assert device is not None
        entry = self.company.entries[device.added - 1]
        committer = gate.committer_of(commit, desk.unit.active_epoch.public)
        join = JoinRecord(
            generation=0,
            joined=desk.unit.log.head,
            accepted_at=commit.header.accepted_at,
            givers=may_come_from(desk.unit, committer.device_id, entry, me=desk.profile.member_id),
            heard=(),
        )
        return Receiver(desk, join)

    # -------------------------------------------------------------- giving

    def owed(self, to: Receiver) -> GiftRecord:
        who = Identity(to.desk.profile.member_id, to.desk.profile.device_id)
        commit = decode(LogEntry, self.world.log.entries[to.join.joined.sequence - 1])
        return LetIn.by_commit(self.world.ada.unit, commit.header, [who]).gift([who])

    def planned(self, by: Desk, to: Receiver) -> list[Planned]:
        rows = self.rows[by.profile.device_id]
        before = [(n, record) for n, record in rows.items() if n < to.join.joined.sequence]
        return plan(before, now=self.company.now)

    def parts(self, planned: list[Planned]) -> list[PartRecord]:
        return [
            PartRecord(
                HistoryPart(
                    file_id=FileId(bytes([n]) * 16),
                    share_hash=bytes(32),
                    digest=bytes(32),
                    size=1,
                    slot=one.slot,
                    deadline=one.deadline,
                    strict=one.strict,
                    first=one.first,
                    last=one.messages[-1][0],
                    messages=len(one.messages),
                ),
                bytes([n]) * 32,
                brought_at=self.company.now,
            )
            for n, one in enumerate(planned, 1)
        ]

    def document(self, by: Desk, to: Receiver, *, gift: GiftRecord | None = None) -> HandedHistory:
        parts = self.parts(self.planned(by, to))
        [document] = handed_over(
            gift or self.owed(to),
            parts,
            messages=sum(record.part.messages for record in parts),
            unit_id=self.world.unit_id,
            profile=by.profile,
            roster=self.company.roster,
            rng=self.company.rng,
        )
        return document

    def hand_over(
        self, by: Desk, to: Receiver, document: HandedHistory | None = None
    ) -> tuple[taking.Gift, ...]:
        """Post it, and return what the receiver is given."""
        said = content.encode_work(
            document or self.document(by, to), origin=self.origin(by), rng=self.company.rng
        )
        return self.send(by, said)[to.desk.profile.device_id]

    # -------------------------------------------------------------- taking

    def accept(self, gift: taking.Gift, to: Receiver) -> tuple[JoinRecord, list[TakeRecord]]:
        join, changes = taking.accept(gift, to.join, profile=to.desk.profile)
        return join, rows_of(changes)

    def past(self, to: Receiver) -> Past:
        entries = []
        for encoded in self.world.log.entries[: to.join.joined.sequence]:
            entry = decode(LogEntry, encoded)
            bare = entry.header.kind is not EntryKind.HEADS
            entries.append(LogEntry(entry.header, b"") if bare else entry)
        return gate.check_past(entries, group=self.world.log.group, joined=to.join.joined)

    def blob(self, by: Desk, to: Receiver) -> bytes:
        [planned] = self.planned(by, to)
        return blob_of(planned, self.world.log.group)

    def judge(self, data: bytes, take: TakeRecord, to: Receiver) -> dict[int, TimelineRecord]:
        judged = taking.judge(
            data,
            take,
            self.past(to),
            to.join,
            unit=to.desk.unit,
            roster=self.company.roster,
        )
        return dict(judged)


def rows_of(changes: Changes) -> list[TakeRecord]:
    return [decode(TakeRecord, row) for row in changes.values() if row]
