"""What must hold whatever the seed does. Judged by what is on disks and in the server's log only.

I1   the same sequence, the same entry, on every device; what was shown never changes
I2   one epoch, one authenticator
I3   nobody comes into a tree who is not granted; no message while somebody in it should be out
I4   no key and nonce twice with different content
I5   accepted, or kept for later, means delivered: to all, once, in order
I8   no message under keys older than the policy allows
I11  after a while of peace, nothing is left to do
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from mifeng.core.rows import Condition, OutboxRecord, TimelineRecord, UnitStatus
from mifeng.errors import AccessEndedError
from mifeng.session import Session
from mifeng.store.database import Changes
from mifeng_crypto import gate
from mifeng_crypto.ids import DeviceId, MemberId
from mifeng_crypto.ledger.charter import Charter
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.log import EntryKind, Heads, LogEntry, LogHeader
from mifeng_crypto.tls import decode
from mifeng_server.domain.memory import MemoryStore
from mifeng_server.domain.rows import CharterRow, ContentRow, LogRow, RosterRow

__all__ = ["Oracles", "ViolationError"]

TEXT = re.compile(rb"<message \d+>")
Place = tuple[bytes, int]
"""A unit and a sequence of its log, or an epoch of its group."""


class ViolationError(AssertionError):
    """Something that must hold does not."""


def check(holds: bool, what: str) -> None:
    if not holds:
        raise ViolationError(what)


@dataclass(slots=True)
class Oracles:
    """What has been seen so far; each observation is held against it."""

    entries: dict[Place, tuple[bytes, bytes]] = field(default_factory=dict)
    found: dict[bytes, Place] = field(default_factory=dict)
    authenticators: dict[Place, bytes] = field(default_factory=dict)
    trees: dict[Place, frozenset[tuple[MemberId, DeviceId]]] = field(default_factory=dict)
    nonces: dict[bytes, bytes] = field(default_factory=dict)
    accepted: dict[bytes, Place] = field(default_factory=dict)
    kept: dict[bytes, tuple[bytes, MemberId, int]] = field(default_factory=dict)

    # -------------------------------------------------------------- at each step

    def sealed(self, key: bytes, nonce: bytes, aad: bytes, plaintext: bytes) -> None:
        """I4. Keys are kept as hashes."""
        place = hashlib.sha256(key + nonce).digest()
        said = hashlib.sha256(hashlib.sha256(aad).digest() + plaintext).digest()
        check(self.nonces.setdefault(place, said) == said, "I4: a key and nonce were used twice")

    def durable(self, name: str, changes: Changes) -> None:
        """I1 and I5, of what has just become durable on a device."""
        for (table, key), value in changes.items():
            if table == "messages" and value is not None:
                self._entry(name, key[:16], int.from_bytes(key[16:], "big"), value)

    def _entry(self, name: str, unit_id: bytes, sequence: int, value: bytes) -> None:
        record = decode(TimelineRecord, value)
        where = f"{name} at {sequence} of {unit_id.hex()[:4]}"
        check(record.condition is not Condition.MALFORMED, f"I5: {where}: {record.reason}")
        if record.condition is not Condition.READ:
            return
        seen = record.entry_hash, record.content
        check(
            self.entries.setdefault((unit_id, sequence), seen) == seen,
            f"I1: {where} is another entry than others have",
        )
        text = TEXT.search(record.content)
        if text:
            place = self.found.setdefault(text.group(), (unit_id, sequence))
            check(place == (unit_id, sequence), f"I5: {where}: {text.group()!r} is there twice")

    def observe(self, name: str, session: Session) -> None:
        """I2, I3, of what a device holds in memory."""
        for unit_id, trouble in session.troubles.items():
            check(isinstance(trouble, AccessEndedError), f"I11: {name} stands still: {trouble!r}")
            del unit_id
        for unit_id, unit in session.units.items():
            if unit.epoch is None:
                continue
            place = unit_id, unit.epoch.public.epoch
            said = bytes(unit.epoch.epoch_authenticator)
            check(
                self.authenticators.setdefault(place, said) == said,
                f"I2: {name} has other keys in epoch {place[1]}",
            )
            if place in self.trees:
                continue
            leaves = (gate.identity_of(leaf) for _, leaf in unit.epoch.public.leaves())
            tree = frozenset((leaf.member_id, leaf.device_id) for leaf in leaves)
            self.trees[place] = tree
            check(len(tree) <= 1000, "I9: more than a thousand leaves")

    # -------------------------------------------------------------- at the end

    async def judge(self, disk: MemoryStore, sessions: Mapping[str, Session]) -> None:
        """All that is left to hold when peace has come."""
        for name, session in sessions.items():
            _check_quiet(name, session)
        roster = Roster.from_entries(
            [row.entry for row in await disk.find(RosterRow, order="sequence", limit=10**6)]
        )
        units = {row.unit_id for row in await disk.find(LogRow, order="sequence", limit=10**6)}
        for unit_id in sorted(units):
            log = await self._judge_log(disk, unit_id, roster)
            for name, session in sessions.items():
                await self._judge_timeline(name, session, unit_id, log)
        for text, place in self.accepted.items():
            check(self.found.get(text) == place, f"I5: accepted {text!r} is not where it was")
        for text, (unit_id, member_id, after) in self.kept.items():
            if text not in self.found and self._stayed(unit_id, member_id, after, sessions):
                raise ViolationError(f"I5: kept {text!r} never came")

    async def _judge_log(
        self, disk: MemoryStore, unit_id: bytes, roster: Roster
    ) -> dict[int, LogEntry]:
        """I3 and I8, by the server's log and ledgers alone."""
        rows = await disk.find(LogRow, order="sequence", limit=10**6, unit_id=unit_id)
        contents = await disk.find(ContentRow, order="sequence", limit=10**6, unit_id=unit_id)
        content = {row.sequence: row.content for row in contents}
        entries = await disk.find(CharterRow, order="sequence", limit=10**6, unit_id=unit_id)
        charter = Charter.from_entries([row.entry for row in entries], roster=roster)
        lifetime = charter.policy.key_lifetime_s * 1000
        log: dict[int, LogEntry] = {}
        granted: frozenset[MemberId] = frozenset()
        rotated_at = 0
        for row in rows:
            header = decode(LogHeader, row.header)
            entry = LogEntry(header, content.get(row.sequence, b""))
            log[row.sequence] = entry
            check(header.sequence == len(log), "I1: the log has a gap")
            before = self.trees.get((unit_id, header.epoch))
            if header.kind is EntryKind.HEADS:
                heads = decode(Heads, entry.content)
                granted = frozenset(
                    m
                    for m in charter.members(at=heads.charter.sequence)
                    if roster.member(m, at=heads.roster.sequence)
                )
                rotated_at = rotated_at or header.accepted_at
            elif header.kind is EntryKind.COMMIT:
                after = self.trees.get((unit_id, header.epoch + 1))
                if before is not None and after is not None:
                    new = {member for member, _ in after - before}
                    check(new <= granted, f"I3: somebody is added at {row.sequence} without grant")
                if gate.commit_has_path(entry):
                    rotated_at = header.accepted_at
            else:
                if before is not None:
                    members = {member for member, _ in before}
                    check(members <= granted, f"I3: the message at {row.sequence} goes to others")
                check(header.accepted_at - rotated_at <= lifetime, "I8: the keys are too old")
        return log

    async def _judge_timeline(
        self, name: str, session: Session, unit_id: bytes, log: Mapping[int, LogEntry]
    ) -> None:
        """I1, I5: what this device has is the log, without a gap, from where it was let in."""
        rows = await session.home.database.scan("messages", unit_id)
        last = 0
        for key, value in rows:
            sequence, record = int.from_bytes(key[16:], "big"), decode(TimelineRecord, value)
            where = f"{name} at {sequence} of {unit_id.hex()[:4]}"
            check(sequence in log, f"I1: {where} is not in the log")
            check(
                gate.header_hash(log[sequence].header) == record.entry_hash,
                f"I1: {where} is another entry than the log has",
            )
            if sequence != last + 1:
                check(self._came_in(session, unit_id, log, last, sequence), f"I5: {where}: a gap")
            last = sequence
        unit = {bytes(u): state for u, state in session.units.items()}.get(unit_id)
        if unit is None or unit.unit_id in session.troubles:
            return
        if unit.status is UnitStatus.ACTIVE:
            check(
                unit.log.sequence == len(log) == max(last, unit.log.began),
                f"I5: {name} has not all of {unit_id.hex()[:4]}",
            )

    def _came_in(
        self, session: Session, unit_id: bytes, log: Mapping[int, LogEntry], last: int, first: int
    ) -> bool:
        """Whether a commit between the two let this device in."""
        device = session.profile.device_id
        for sequence in range(last + 1, first + 1):
            epoch, kind = log[sequence].header.epoch, log[sequence].header.kind
            if kind is EntryKind.COMMIT and sequence in (first - 1, first):
                before = self.trees.get((unit_id, epoch))
                after = self.trees.get((unit_id, epoch + 1))
                if before is None or after is None:
                    return True  # nobody has looked at the right moment
                if device in {d for _, d in after} - {d for _, d in before}:
                    return True
        return False

    def _stayed(
        self, unit_id: bytes, member_id: MemberId, epoch: int, sessions: Mapping[str, Session]
    ) -> bool:
        """Whether a member was in all trees from an epoch on, and is still here."""
        session = next((s for s in sessions.values() if s.profile.member_id == member_id), None)
        units = {bytes(u): state for u, state in session.units.items()} if session else {}
        if session is None or unit_id not in units or unit_id in session.troubles:
            return False
        if units[unit_id].status is not UnitStatus.ACTIVE:
            return False
        later = [tree for (unit, e), tree in self.trees.items() if unit == unit_id and e >= epoch]
        return all(member_id in {m for m, _ in tree} for tree in later)


def _check_quiet(name: str, session: Session) -> None:
    for unit_id, unit in session.units.items():
        where = f"I11: {name} in {unit_id.hex()[:4]}"
        if unit.status is UnitStatus.LEFT or unit_id in session.troubles:
            continue
        check(unit.status is UnitStatus.ACTIVE, f"{where}: not opened")
        check(unit.pending is None, f"{where}: a commit is pending")
        check(not unit.outbox, f"{where}: {len(unit.outbox)} messages wait")
        view = unit.view(session.known_roster)
        check(not list(gate.removes_due(view)), f"{where}: somebody should be out")
        check(not list(gate.adds_missing(view, session.now())), f"{where}: somebody should be in")


def text_of(record: OutboxRecord) -> bytes | None:
    """The text that a waiting message says."""
    found = TEXT.search(record.content)
    return found.group() if found else None
