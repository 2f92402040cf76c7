"""A charter, verified: what a unit is, and who is in it in which role (protocol.md, "Charter").

    bytes -> CharterEntry (unverified) -> Charter.append: rules and signature -> Charter (verified)

A charter is judged together with the roster. It only grows and can be asked about any of its past:
`at` is the sequence after which the answer held. A member whom the roster has removed keeps his
grant here; the gate asks both. Which entries are refused is `charter_rules.py`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass

from mifeng_crypto.errors import UsageError
from mifeng_crypto.ids import PROTOCOL_VERSION, MemberId, UnitId, UnixMillis, WorkspaceId
from mifeng_crypto.labels import hash_mifeng, sign_mifeng
from mifeng_crypto.ledger import chain, charter_rules
from mifeng_crypto.ledger.chain import Chain
from mifeng_crypto.ledger.charter_entry import (
    CharterBody,
    CharterEntry,
    CharterEntryTBS,
    Close,
    Closing,
    Create,
    Grant,
    Restart,
    Revoke,
    SetPolicy,
    UnitKind,
    UnitRole,
)
from mifeng_crypto.ledger.head import EMPTY, Head
from mifeng_crypto.ledger.history import History
from mifeng_crypto.ledger.policy import Policy
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.ledger.roster_entry import DeviceAuthor
from mifeng_crypto.tls import decode, encode

__all__ = [
    "ARCHIVE_NOTICE_MS",
    "GENERATION_GAP",
    "Charter",
    "End",
    "Generation",
    "hash_entry",
    "sign_charter_entry",
]

LABEL = "CharterEntry"

GENERATION_GAP = 10_000
"""Numbers that are left out before a unit's next generation."""
ARCHIVE_NOTICE_MS = 24 * 3_600_000
"""How long everybody knows of an archive before it reads anything."""


@dataclass(frozen=True, slots=True)
class Generation:
    """One MLS group in the life of a unit, from charter entry `since` on.

    Attributes:
        number: 0, and one more with each `restart`.
        opener: who opens it: the author of `create` or `restart`.
        before: the head of the old generation's log as its opener knew it; `EMPTY` for the first.
    """

    number: int
    opener: MemberId
    since: int
    before: Head

    @property
    def begins(self) -> int:
        """The sequence that its log's first entry follows: a unit's numbers are never used twice.

        Between two generations is a gap, for entries that others have of the old one and whoever
        opens the new one has not.
        """
        return self.before.sequence + GENERATION_GAP if self.number else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How a unit was closed: by whom, when, in which entry; and whether what is live goes."""

    by: MemberId
    time: UnixMillis
    since: int
    deletes: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Charter:
    """A verified charter, up to its head. Shares its tables like `Roster`."""

    workspace_id: WorkspaceId
    unit_id: UnitId
    kind: UnitKind
    parent: UnitId | None
    cipher_suite: int
    creator: MemberId
    _chain: Chain
    _roles: History[MemberId, UnitRole]
    _roster_sequences: tuple[int, ...]
    _policies: tuple[tuple[int, Policy], ...]
    _generations: tuple[Generation, ...]
    _end: End | None
    _parent_sequence: int

    # -------------------------------------------------------------- growing

    @classmethod
    def from_entries(
        cls,
        entries: Iterable[bytes | CharterEntry],
        roster: Roster,
        *,
        parent: Charter | None = None,
    ) -> Charter:
        """Verify a whole charter, from its first entry on.

        Args:
            entries: all of them, in order.
            roster: at least up to the heads that they name.
            parent: the charter of the unit's parent; needed where one of its managers signed.

        Raises:
            UsageError: there is no entry.
            CodecError: something that is not an entry.
            ProtocolError: LEDGER-n, CHARTER-n, POLICY-1.
            NeedLedgerError: LEDGER-9: an entry names a head of roster or parent not known yet.
        """
        rest = iter(entries)
        first = next(rest, None)
        if first is None:
            raise UsageError("a charter has at least one entry; the unit does not exist yet")
        return cls._created(_decoded(first), roster, parent).extend(rest, roster, parent=parent)

    def extend(
        self,
        entries: Iterable[bytes | CharterEntry],
        roster: Roster,
        *,
        parent: Charter | None = None,
    ) -> Charter:
        """Verify and append entries, all or none.

        Raises:
            CodecError: something that is not an entry.
            ProtocolError: as `append`.
        """
        charter = self
        for entry in entries:
            charter = charter.append(entry, roster, parent=parent)
        return charter

    def append(
        self, entry: bytes | CharterEntry, roster: Roster, *, parent: Charter | None = None
    ) -> Charter:
        """Verify and append one entry.

        Raises:
            CodecError: it is no entry.
            ProtocolError: LEDGER-n, CHARTER-n.
            NeedLedgerError: LEDGER-9: it names a head of roster or parent that is not known yet.
        """
        entry = _decoded(entry)
        tbs = entry.tbs
        _check_head_of(entry, roster)
        chain.check_belongs(self.unit_id, tbs.unit_id)
        chain.check_place(self._chain, tbs.previous)
        charter_rules.check_roster_goes_forward(self, tbs)
        _check_author(entry, roster)
        chain.check_time(self._chain, tbs.time)
        charter_rules.check_parent(tbs, of=self.parent, parent=parent, before=self._parent_sequence)
        charter_rules.check_body(self, tbs, roster, parent)
        return self._with(entry)

    def check_on_arrival(self, entry: CharterEntry, *, now: UnixMillis) -> None:
        """Judge a new entry by the server's clock, besides `append`; old entries never are.

        Raises:
            ProtocolError: LEDGER-6.
        """
        chain.check_clock(entry.tbs.time, now=now)

    # -------------------------------------------------------------- asking

    @property
    def head(self) -> Head:
        return self._chain.head

    @property
    def time(self) -> UnixMillis:
        """The last entry's time."""
        return UnixMillis(self._chain.time)

    def hash_at(self, sequence: int) -> bytes:
        """Return the hash of entry `sequence`.

        Raises:
            NeedLedgerError: LEDGER-9: the charter is not known that far.
        """
        return self._chain.hash_at(sequence)

    def check_has(self, head: Head) -> None:
        """Refuse a head that is not in this charter's history.

        Raises:
            ProtocolError: LEDGER-8: it is of another history.
            NeedLedgerError: LEDGER-9: the charter is not known that far.
        """
        self._chain.check_has(head)

    def roster_sequence_at(self, sequence: int) -> int:
        """Return up to which roster entry the author of entry `sequence` knew."""
        return self._roster_sequences[sequence - 1]

    def time_at(self, sequence: int) -> UnixMillis:
        """Return the time of entry `sequence`."""
        return UnixMillis(self._chain.times[sequence])

    @property
    def policy(self) -> Policy:
        """The policy at the head."""
        return self._policies[-1][1]

    def policy_at(self, sequence: int) -> Policy:
        """Return the policy after entry `sequence`."""
        at = self._chain.at(sequence)
        since, newest = self._policies[-1]
        if since <= at:  # nearly always
            return newest
        return next(policy for since, policy in reversed(self._policies) if since <= at)

    @property
    def generations(self) -> tuple[Generation, ...]:
        """The unit's generations, each at the place of its number."""
        return self._generations

    def generation(self, *, at: int | None = None) -> Generation:
        """Return the unit's generation."""
        sequence = self._chain.at(at)
        return next(made for made in reversed(self._generations) if made.since <= sequence)

    def end(self, *, at: int | None = None) -> End | None:
        """Return how the unit was closed; None while it is open."""
        return self._end if self._end and self._end.since <= self._chain.at(at) else None

    def is_closed(self, *, at: int | None = None) -> bool:
        """Whether the unit is over."""
        return self.end(at=at) is not None

    def is_deleted(self, *, at: int | None = None) -> bool:
        """Whether the unit is over, and all that was said in it with it."""
        end = self.end(at=at)
        return end is not None and end.deletes

    def role_of(self, member_id: MemberId, *, at: int | None = None) -> UnitRole | None:
        """Return the role that was granted to a member, if any."""
        return self._roles.get(member_id, self._chain.at(at))

    def granted_since(self, member_id: MemberId) -> int:
        """Return since which entry a member has been granted without a break; 0 if it is not."""
        return self._roles.unbroken(member_id, self._chain.sequence)

    def archived_from(self, member_id: MemberId, *, at: int | None = None) -> UnixMillis | None:
        """Return from when on an archive may be let in; None if this member is none here.

        A day after the `heads` with its grant, so that nobody is archived before having heard of
        it. That entry is no further from the grant's own time than clocks may be apart (GATE-31).
        """
        sequence = self._chain.at(at)
        if self._roles.get(member_id, sequence) is not UnitRole.ARCHIVE:
            return None
        granted = self.time_at(self._roles.since(member_id, sequence))
        return UnixMillis(granted + ARCHIVE_NOTICE_MS + chain.CLOCK_TOLERANCE_MS)

    def members(self, *, at: int | None = None) -> tuple[MemberId, ...]:
        """Return all who are granted, in order of their first grant."""
        return tuple(member_id for member_id, _ in self._roles.items(self._chain.at(at)))

    # -------------------------------------------------------------- applying

    @classmethod
    def _created(cls, entry: CharterEntry, roster: Roster, parent: Charter | None) -> Charter:
        tbs, empty = entry.tbs, chain.empty_chain("charter")
        _check_head_of(entry, roster)
        chain.check_place(empty, tbs.previous)
        _check_author(entry, roster)
        body = charter_rules.check_create(tbs, roster, parent)
        roles: History[MemberId, UnitRole] = History()
        roles.set(tbs.author.member_id, 1, UnitRole.MANAGER)
        if body.peer is not None:
            roles.set(body.peer, 1, UnitRole.MANAGER)
        return cls(
            workspace_id=tbs.workspace_id,
            unit_id=tbs.unit_id,
            kind=body.kind,
            parent=body.parent,
            cipher_suite=body.cipher_suite,
            creator=tbs.author.member_id,
            _chain=empty.grown(hash_entry(entry), tbs.time),
            _roles=roles,
            _roster_sequences=(tbs.roster.sequence,),
            _policies=((1, body.policy),),
            _generations=(Generation(0, tbs.author.member_id, 1, EMPTY),),
            _end=None,
            _parent_sequence=tbs.parent.sequence if tbs.parent else 0,
        )

    def _with(self, entry: CharterEntry) -> Charter:
        """Return the charter with a verified entry."""
        tbs, before, roles, entry_hash = entry.tbs, self._chain, self._roles, hash_entry(entry)
        known, shared = before.goes_on_with(entry_hash), before.is_newest
        grown = before.grown(entry_hash, tbs.time)
        if not known:
            roles = roles if shared else roles.until(before.sequence)
            _record(roles, tbs.body, grown.sequence)
        body, policies, generations = tbs.body, self._policies, self._generations
        if isinstance(body, SetPolicy):
            policies = (*policies, (grown.sequence, body.policy))
        if isinstance(body, Restart):
            made = Generation(body.generation, tbs.author.member_id, grown.sequence, body.log)
            generations = (*generations, made)
        end = self._end
        if isinstance(body, Close):
            end = End(
                by=tbs.author.member_id,
                time=tbs.time,
                since=grown.sequence,
                deletes=body.content is Closing.DELETES,
            )
        return dataclasses.replace(
            self,
            _chain=grown,
            _roles=roles,
            _roster_sequences=(*self._roster_sequences, tbs.roster.sequence),
            _policies=policies,
            _generations=generations,
            _end=end,
            _parent_sequence=tbs.parent.sequence if tbs.parent else self._parent_sequence,
        )


def _record(roles: History[MemberId, UnitRole], body: CharterBody, sequence: int) -> None:
    match body:
        case Grant():
            roles.set(body.member_id, sequence, body.role)
        case Revoke():
            roles.set(body.member_id, sequence, None)
        case SetPolicy() | Restart() | Close():
            pass  # `Charter._with`
        case Create():
            raise AssertionError("the rules refuse a second `create`")


def hash_entry(entry: CharterEntry) -> bytes:
    """Return the hash by which the next entry names this one."""
    return hash_mifeng(LABEL, encode(entry))


def sign_charter_entry(
    charter: Charter | None,
    body: CharterBody,
    author: DeviceAuthor,
    signing_key: bytes,
    *,
    roster: Roster,
    now: UnixMillis,
    unit_id: UnitId | None = None,
    parent: Charter | None = None,
) -> CharterEntry:
    """Make the charter's next entry. `append` says whether it is one.

    Args:
        charter: what it follows; None for `create`, which gives the new `unit_id` instead.
        body: what it says.
        author: the device that says so.
        signing_key: its Ed25519 seed.
        roster: as its author knows it: at its head the author's rights are judged.
        now: this device's time; an entry is never dated before its predecessor.
        unit_id: of a unit that is being created.
        parent: the parent's charter, where the author acts as its manager.

    Raises:
        UsageError: there is neither a charter nor a unit id.
    """
    unit = charter.unit_id if charter else unit_id
    if unit is None:
        raise UsageError("an entry follows a charter, or creates a unit with a new id")
    tbs = CharterEntryTBS(
        version=PROTOCOL_VERSION,
        workspace_id=roster.workspace_id,
        unit_id=unit,
        previous=charter.head if charter else EMPTY,
        roster=roster.head,
        parent=parent.head if parent else None,
        author=author,
        time=UnixMillis(max(now, charter.time)) if charter else now,
        body=body,
    )
    return CharterEntry(tbs, sign_mifeng(signing_key, LABEL, encode(tbs)))


def _decoded(entry: bytes | CharterEntry) -> CharterEntry:
    return decode(CharterEntry, entry) if isinstance(entry, bytes) else entry


def _check_head_of(entry: CharterEntry, roster: Roster) -> None:
    chain.check_version(entry.tbs.version)
    chain.check_belongs(roster.workspace_id, entry.tbs.workspace_id)
    roster.check_has(entry.tbs.roster)


def _check_author(entry: CharterEntry, roster: Roster) -> None:
    key = charter_rules.author_key(roster, entry.tbs)
    chain.check_signature(key, LABEL, encode(entry.tbs), entry.signature)
