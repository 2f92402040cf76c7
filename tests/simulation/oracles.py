"""What must hold whatever the seed does. Judged by what is on disks and in the server's log only.

I1   the same sequence, the same entry, on every device; what was shown never changes; between two
     generations of a unit is the gap that its charter says
I2   one generation and epoch, one authenticator
I3   nobody comes into a tree who is not granted; no message while somebody in it should be out
I4   no key and nonce twice with different content
I5   accepted, or kept for later, means delivered: to all, once, in order; whoever was in a
     generation that is over to its end has read it to its end
I8   no message under keys older than the policy allows
I11  after a while of peace, nothing is left to do by itself
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from mifeng.core.rows import Condition, OutboxRecord, TimelineRecord, UnitStatus
from mifeng.errors import AccessEndedError
from mifeng.session import Session
from mifeng.store.database import Changes
from mifeng_crypto import gate
from mifeng_crypto.errors import MifengError, ProtocolError
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
"""A unit and a sequence of its log."""
Era = tuple[int, int]
"""A generation of a unit, and an epoch of its group."""
Leaves = frozenset[tuple[MemberId, DeviceId]]


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
    authenticators: dict[tuple[bytes, Era], bytes] = field(default_factory=dict)
    trees: dict[tuple[bytes, Era], Leaves] = field(default_factory=dict)
    nonces: dict[bytes, bytes] = field(default_factory=dict)
    accepted: dict[bytes, Place] = field(default_factory=dict)
    kept: dict[bytes, tuple[bytes, MemberId, Era]] = field(default_factory=dict)

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
        for trouble in session.troubles.values():
            # Who is revoked while a Welcome waits finds nothing behind it (CLIENT-14), until the
            # Welcomes are asked for again: in peace that has happened.
            passes = isinstance(trouble, AccessEndedError) or rule_of(trouble) == "CLIENT-14"
            check(passes, f"I11: {name} stands still: {trouble!r}")
        for unit_id, unit in session.units.items():
            if unit.epoch is None:
                continue
            place = unit_id, (unit.generation, unit.epoch.public.epoch)
            said = bytes(unit.epoch.epoch_authenticator)
            check(
                self.authenticators.setdefault(place, said) == said,
                f"I2: {name} has other keys in generation and epoch {place[1]}",
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
        roster = Roster.from_entries(
            [row.entry for row in await disk.find(RosterRow, order="sequence", limit=10**6)]
        )
        units = {row.unit_id for row in await disk.find(LogRow, order="sequence", limit=10**6)}
        deserted = set[bytes]()
        for unit_id in sorted(units):
            entries = await disk.find(CharterRow, order="sequence", limit=10**6, unit_id=unit_id)
            charter = Charter.from_entries([row.entry for row in entries], roster=roster)
            log = await self._judge_log(disk, unit_id, roster, charter)
            if self._is_deserted(log[max(log)].header, roster, charter):
                deserted.add(unit_id)
            for name, session in sessions.items():
                await self._judge_timeline(name, session, unit_id, log)
        for name, session in sessions.items():
            _check_quiet(name, session, deserted)
        for text, place in self.accepted.items():
            check(self.found.get(text) == place, f"I5: accepted {text!r} is not where it was")
        for text, (unit_id, member_id, after) in self.kept.items():
            if text not in self.found and self._stayed(unit_id, member_id, after, sessions):
                raise ViolationError(f"I5: kept {text!r} never came")

    async def _judge_log(
        self, disk: MemoryStore, unit_id: bytes, roster: Roster, charter: Charter
    ) -> dict[int, LogEntry]:
        """I3 and I8, by the server's log and ledgers alone."""
        rows = await disk.find(LogRow, order="sequence", limit=10**6, unit_id=unit_id)
        contents = await disk.find(ContentRow, order="sequence", limit=10**6, unit_id=unit_id)
        content = {row.sequence: row.content for row in contents if row.sequence}
        lifetime = charter.policy.key_lifetime_s * 1000
        log: dict[int, LogEntry] = {}
        granted: frozenset[MemberId] = frozenset()
        rotated_at, last, generation = 0, 0, 0
        for row in rows:
            header = decode(LogHeader, row.header)
            entry = LogEntry(header, content.get(row.sequence, b""))
            log[row.sequence] = entry
            if header.group.generation != generation:
                generation, rotated_at = header.group.generation, 0
                check(last < charter.generations[generation].begins, "I1: a number is used twice")
                last = charter.generations[generation].begins
            check(header.sequence == last + 1, "I1: the log has a gap")
            last = header.sequence
            before = self.trees.get((unit_id, (generation, header.epoch)))
            if header.kind is EntryKind.HEADS:
                heads = decode(Heads, entry.content)
                granted = frozenset(
                    m
                    for m in charter.members(at=heads.charter.sequence)
                    if roster.member(m, at=heads.roster.sequence)
                )
                rotated_at = rotated_at or header.accepted_at
            elif header.kind is EntryKind.COMMIT:
                after = self.trees.get((unit_id, (generation, header.epoch + 1)))
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

    def _is_deserted(self, last: LogHeader, roster: Roster, charter: Charter) -> bool:
        """Whether nobody who belongs into a unit is in its group: the last who was in was removed
        before the others were let in, and they wait until a manager or an admin restarts it.
        """
        place = bytes(charter.unit_id), (last.group.generation, last.epoch_after)
        tree = self.trees.get(place)
        return tree is not None and not any(
            charter.role_of(member) and roster.member(member) for member, _ in tree
        )

    async def _judge_timeline(
        self, name: str, session: Session, unit_id: bytes, log: Mapping[int, LogEntry]
    ) -> None:
        """I1, I5: what this device has is the log, without a gap, from where it was let in."""
        rows = await session.home.database.scan("messages", unit_id)
        last, numbers = 0, sorted(log)
        follows = dict(zip([0, *numbers], numbers, strict=False))
        for key, value in rows:
            sequence, record = int.from_bytes(key[16:], "big"), decode(TimelineRecord, value)
            where = f"{name} at {sequence} of {unit_id.hex()[:4]}"
            check(sequence in log, f"I1: {where} is not in the log")
            check(
                gate.header_hash(log[sequence].header) == record.entry_hash,
                f"I1: {where} is another entry than the log has",
            )
            if follows.get(last) != sequence:
                between = [log[n].header for n in numbers if last < n <= sequence]
                check(self._came_in(session, unit_id, between), f"I5: {where}: a gap")
                self._check_read_to_the_end(where, session, unit_id, log, last)
            last = sequence
        unit = {bytes(u): state for u, state in session.units.items()}.get(unit_id)
        if unit is None or unit.unit_id in session.troubles:
            return
        if unit.status is UnitStatus.ACTIVE:
            check(
                unit.log.sequence == numbers[-1] == max(last, unit.log.began),
                f"I5: {name} has not all of {unit_id.hex()[:4]}",
            )

    def _came_in(self, session: Session, unit_id: bytes, between: Sequence[LogHeader]) -> bool:
        """Whether the last of these, or the one before, let this device in, or it has opened it."""
        device = session.profile.device_id
        for header in between[-2:]:
            generation = header.group.generation
            before = self.trees.get((unit_id, (generation, header.epoch)))
            after = self.trees.get((unit_id, (generation, header.epoch + 1)))
            if header.kind is EntryKind.COMMIT:
                if before is None or after is None:
                    return True  # nobody has looked at the right moment
                if device in {d for _, d in after} - {d for _, d in before}:
                    return True
            elif generation and header.epoch == 0 and device in {d for _, d in before or ()}:
                return True
        return False

    def _check_read_to_the_end(
        self,
        where: str,
        session: Session,
        unit_id: bytes,
        log: Mapping[int, LogEntry],
        last: int,
    ) -> None:
        """I5, of what is left out after entry `last`: a device that was in leaves out nothing."""
        if last not in log:
            return
        generation = log[last].header.group.generation
        ends = max(n for n, e in log.items() if e.header.group.generation == generation)
        tree = self.trees.get((unit_id, (generation, log[ends].header.epoch)), frozenset())
        was_in_to_the_end = last < ends and session.profile.device_id in {d for _, d in tree}
        if was_in_to_the_end and not self._was_out(unit_id, generation, session, log, last):
            raise ViolationError(f"I5: {where}: generation {generation} is read to {last} only")

    def _was_out(
        self,
        unit_id: bytes,
        generation: int,
        session: Session,
        log: Mapping[int, LogEntry],
        last: int,
    ) -> bool:
        """Whether some tree of a generation from an entry on is without this device, or unknown."""
        first = log[last].header.epoch
        ends = max(e.header.epoch for e in log.values() if e.header.group.generation == generation)
        trees = [self.trees.get((unit_id, (generation, n))) for n in range(first, ends + 1)]
        device = session.profile.device_id
        return any(tree is None or device not in {d for _, d in tree} for tree in trees)

    def _stayed(
        self, unit_id: bytes, member_id: MemberId, era: Era, sessions: Mapping[str, Session]
    ) -> bool:
        """Whether a member was in all trees from then on, and is still here.

        In a generation that was opened later: in all from the one that let it in.
        """
        session = next((s for s in sessions.values() if s.profile.member_id == member_id), None)
        units = {bytes(u): state for u, state in session.units.items()} if session else {}
        if session is None or unit_id not in units or unit_id in session.troubles:
            return False
        if units[unit_id].status is not UnitStatus.ACTIVE:
            return False
        later = sorted(
            (e, tree) for (u, e), tree in self.trees.items() if u == unit_id and e >= era
        )
        is_in = [(e[0], any(m == member_id for m, _ in tree)) for e, tree in later]
        return all(
            now or (generation > era[0] and (generation, True) not in is_in[:i])
            for i, (generation, now) in enumerate(is_in)
        )


def rule_of(trouble: MifengError) -> str:
    """The rule that an error names, if it does."""
    return trouble.rule if isinstance(trouble, ProtocolError) else ""


def _check_quiet(name: str, session: Session, deserted: AbstractSet[bytes]) -> None:
    for trouble in session.troubles.values():
        check(isinstance(trouble, AccessEndedError), f"I11: {name} stands still: {trouble!r}")
    for unit_id, unit in session.units.items():
        where = f"I11: {name} in {unit_id.hex()[:4]}"
        if unit.status is UnitStatus.LEFT or unit_id in session.troubles:
            continue
        if unit.status is UnitStatus.WAITING and unit_id in deserted:
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
