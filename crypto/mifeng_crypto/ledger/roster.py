"""The roster, verified: who is in the workspace, with which devices and rights (protocol.md,
"Roster").

    bytes -> RosterEntry (unverified) -> Roster.append: rules and signature -> Roster (verified)

A roster only grows and can be asked about any of its past: `at` is the sequence after which the
answer held. Which entries are refused is `roster_rules.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mifeng_crypto.errors import UsageError
from mifeng_crypto.ids import (
    PROTOCOL_VERSION,
    DeviceId,
    MemberId,
    UnixMillis,
    WorkspaceId,
)
from mifeng_crypto.labels import hash_mifeng, sign_mifeng
from mifeng_crypto.ledger import chain, roster_rules
from mifeng_crypto.ledger.chain import Chain
from mifeng_crypto.ledger.head import EMPTY, Head
from mifeng_crypto.ledger.policy import Policy
from mifeng_crypto.ledger.roster_entry import (
    AddMember,
    Author,
    DirectoryKey,
    Recover,
    RemoveMember,
    RevokeDevice,
    RevokeInvite,
    RosterBody,
    RosterEntry,
    RosterEntryTBS,
    ServerIdentity,
    SetServer,
)
from mifeng_crypto.ledger.roster_tables import (
    DeviceChange,
    DeviceRecord,
    InviteRecord,
    Member,
    RosterTables,
)
from mifeng_crypto.tls import decode, encode

__all__ = ["DeviceRecord", "InviteRecord", "Member", "Roster", "hash_entry", "sign_roster_entry"]

LABEL = "RosterEntry"
FIRST_DIRECTORY_KEY = DirectoryKey(0, bytes(32))
KNEW_THE_KEY = (RemoveMember, RevokeDevice, Recover, RevokeInvite)
"""After these somebody has the directory's key who does not belong here: a link has it as well."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Roster:
    """A verified roster, up to its head.

    Rosters that grew out of one another share their tables, in which every value is kept with the
    entry from which it holds: growing costs no copy, and an older roster does not see the newer
    values.

    Attributes:
        genesis: the hash of the first entry; it names the workspace to whoever was invited.
        server: how clients know the server.
        directory: the present key of the directory: its number, and its hash. The first one, number
            0, is the founder's and has no hash here: it travels in links.
        is_directory_key_due: whether somebody has left who knows it.
    """

    workspace_id: WorkspaceId
    genesis: bytes
    default_policy: Policy
    server: ServerIdentity
    directory: DirectoryKey
    is_directory_key_due: bool
    _chain: Chain
    _tables: RosterTables

    # -------------------------------------------------------------- growing

    @classmethod
    def from_entries(cls, entries: Iterable[bytes | RosterEntry]) -> Roster:
        """Verify a whole roster, from its first entry on.

        Raises:
            UsageError: there is no entry.
            CodecError: something that is not an entry.
            ProtocolError: LEDGER-n, ROSTER-n, POLICY-1, KEY-1.
        """
        rest = iter(entries)
        first = next(rest, None)
        if first is None:
            raise UsageError("a roster has at least one entry; the workspace is not founded yet")
        return cls._founded(_decoded(first)).extend(rest)

    def extend(self, entries: Iterable[bytes | RosterEntry]) -> Roster:
        """Verify and append entries, all or none.

        Raises:
            CodecError: something that is not an entry.
            ProtocolError: as `append`.
        """
        roster = self
        for entry in entries:
            roster = roster.append(entry)
        return roster

    def append(self, entry: bytes | RosterEntry) -> Roster:
        """Verify and append one entry.

        Raises:
            CodecError: it is no entry.
            ProtocolError: LEDGER-n, ROSTER-n, KEY-1.
        """
        entry = _decoded(entry)
        tbs = entry.tbs
        chain.check_version(tbs.version)
        chain.check_belongs(self.workspace_id, tbs.workspace_id)
        chain.check_place(self._chain, tbs.previous)
        key = roster_rules.signing_key(self, tbs)
        chain.check_signature(key, LABEL, encode(tbs), entry.signature)
        chain.check_time(self._chain, tbs.time)
        roster_rules.check_body(self, tbs)
        return self._with(entry)

    def check_on_arrival(self, entry: RosterEntry, *, now: UnixMillis) -> None:
        """Judge a new entry by the server's clock, besides `append`; old entries never are.

        Raises:
            ProtocolError: LEDGER-6; ROSTER-8.
        """
        chain.check_clock(entry.tbs.time, now=now)
        if isinstance(entry.tbs.body, AddMember):
            invite = roster_rules.open_invite(self, entry.tbs.author.member_id)
            roster_rules.check_invite_is_in_time(invite, now)

    # -------------------------------------------------------------- asking

    @property
    def head(self) -> Head:
        return self._chain.head

    @property
    def time(self) -> UnixMillis:
        """The last entry's time."""
        return UnixMillis(self._chain.time)

    def time_at(self, sequence: int) -> UnixMillis:
        """Return the time of entry `sequence`, which is known."""
        return UnixMillis(self._chain.times[sequence])

    def hash_at(self, sequence: int) -> bytes:
        """Return the hash of entry `sequence`.

        Raises:
            NeedLedgerError: LEDGER-9: the roster is not known that far.
        """
        return self._chain.hash_at(sequence)

    def check_has(self, head: Head) -> None:
        """Refuse a head that is not in this roster's history.

        Raises:
            ProtocolError: LEDGER-8: it is of another history.
            NeedLedgerError: LEDGER-9: the roster is not known that far.
        """
        self._chain.check_has(head)

    def member(self, member_id: MemberId, *, at: int | None = None) -> Member | None:
        """Return the member, if it is one at that sequence."""
        return self._tables.members.get(member_id, self._chain.at(at))

    def members(self, *, at: int | None = None) -> tuple[Member, ...]:
        """Return all members, in order of entrance."""
        return tuple(member for _, member in self._tables.members.items(self._chain.at(at)))

    def device(self, device_id: DeviceId, *, at: int | None = None) -> DeviceRecord | None:
        """Return the device, if it is valid at that sequence."""
        return self._tables.devices.get(device_id, self._chain.at(at))

    def devices_of(self, member_id: MemberId, *, at: int | None = None) -> tuple[DeviceRecord, ...]:
        """Return a member's valid devices; none if it is no member."""
        sequence = self._chain.at(at)
        found = (
            self._tables.devices.get(device_id, sequence)
            for device_id in self._tables.devices_of.get(member_id, sequence) or ()
        )
        return tuple(device for device in found if device is not None)

    def invite(self, member_id: MemberId, *, at: int | None = None) -> InviteRecord | None:
        """Return the unused invite that promises this `member_id`."""
        return self._tables.invites.get(member_id, self._chain.at(at))

    def invites(self, *, at: int | None = None) -> tuple[InviteRecord, ...]:
        """Return all unused invites, in order of issue."""
        return tuple(invite for _, invite in self._tables.invites.items(self._chain.at(at)))

    def device_ever(self, device_id: DeviceId) -> DeviceRecord | None:
        """Return the device, even if it is valid no more: for what it signed when it was."""
        return self._tables.devices.last(device_id, self._chain.sequence)

    def devices_ever(self, member_id: MemberId) -> tuple[DeviceRecord, ...]:
        """Return all devices that a member has or had, in order of entrance."""
        devices, at = self._tables.devices, self._chain.sequence
        found = (devices.last(device_id, at) for device_id in devices.values)
        return tuple(one for one in found if one is not None and one.member_id == member_id)

    def device_changes(self, *, after: int, until: int) -> tuple[DeviceChange, ...]:
        """Return what entries behind `after`, up to `until`, have changed of members' devices.

        Its cost is that of the changes, however long the roster is.
        """
        return tuple(self._tables.device_changes(after, self._chain.at(until)))

    def was_ever_named(self, member_id: MemberId) -> bool:
        """Whether this `member_id` was ever promised or given."""
        at = self._chain.sequence
        tables = self._tables
        return (
            tables.invites.last(member_id, at) is not None
            or tables.members.last(member_id, at) is not None
        )

    def was_ever_key(self, key: bytes) -> bool:
        """Whether a device, an invite or a recovery sheet ever had this public key."""
        return self._tables.keys.last(key, self._chain.sequence) is not None

    # -------------------------------------------------------------- snapshots

    def tables_at_head(self) -> RosterTables:
        """Return the tables without what a later roster has entered; to be read only."""
        return self._tables if self._chain.is_newest else self._tables.until(self._chain.sequence)

    @classmethod
    def restored(
        cls,
        *,
        workspace_id: WorkspaceId,
        default_policy: Policy,
        server: ServerIdentity,
        directory: DirectoryKey,
        is_directory_key_due: bool,
        chain: Chain,
        tables: RosterTables,
    ) -> Roster:
        """Put a roster together from what was verified before (`roster_snapshot.py`)."""
        return cls(
            workspace_id=workspace_id,
            genesis=chain.hash_at(1),
            default_policy=default_policy,
            server=server,
            directory=directory,
            is_directory_key_due=is_directory_key_due,
            _chain=chain,
            _tables=tables,
        )

    # -------------------------------------------------------------- applying

    @classmethod
    def _founded(cls, entry: RosterEntry) -> Roster:
        tbs, empty = entry.tbs, chain.empty_chain("roster")
        chain.check_version(tbs.version)
        chain.check_place(empty, tbs.previous)
        body = roster_rules.check_found(tbs)
        chain.check_signature(body.device.signature_key, LABEL, encode(tbs), entry.signature)
        genesis = hash_entry(entry)
        tables = RosterTables()
        tables.record(tbs, 1)
        return cls(
            workspace_id=tbs.workspace_id,
            genesis=genesis,
            default_policy=body.default_policy,
            server=body.server,
            directory=FIRST_DIRECTORY_KEY,
            is_directory_key_due=False,
            _chain=empty.grown(genesis, tbs.time),
            _tables=tables,
        )

    def _with(self, entry: RosterEntry) -> Roster:
        """Return the roster with a verified entry."""
        before, tables, entry_hash = self._chain, self._tables, hash_entry(entry)
        known, shared = before.goes_on_with(entry_hash), before.is_newest
        grown = before.grown(entry_hash, entry.tbs.time)
        if not known:
            tables = tables if shared else tables.until(before.sequence)
            tables.record(entry.tbs, grown.sequence)
        body = entry.tbs.body
        server = body.server if isinstance(body, SetServer) else self.server
        is_new_key = isinstance(body, DirectoryKey)
        return Roster(
            workspace_id=self.workspace_id,
            genesis=self.genesis,
            default_policy=self.default_policy,
            server=server,
            directory=body if isinstance(body, DirectoryKey) else self.directory,
            is_directory_key_due=isinstance(body, KNEW_THE_KEY)
            or (self.is_directory_key_due and not is_new_key),
            _chain=grown,
            _tables=tables,
        )


def hash_entry(entry: RosterEntry) -> bytes:
    """Return the hash by which the next entry names this one."""
    return hash_mifeng(LABEL, encode(entry))


def sign_roster_entry(
    roster: Roster | None,
    body: RosterBody,
    author: Author,
    signing_key: bytes,
    *,
    now: UnixMillis,
    workspace_id: WorkspaceId | None = None,
) -> RosterEntry:
    """Make the roster's next entry. `append` says whether it is one.

    Args:
        roster: what it follows; None for `found`, which gives the `workspace_id` instead.
        body: what it says.
        author: who says so.
        signing_key: the author's Ed25519 seed.
        now: this device's time; an entry is never dated before its predecessor.
        workspace_id: of a workspace that is being founded.

    Raises:
        UsageError: there is neither a roster nor a workspace id.
    """
    workspace = roster.workspace_id if roster else workspace_id
    if workspace is None:
        raise UsageError("an entry follows a roster, or founds the workspace with a new id")
    tbs = RosterEntryTBS(
        version=PROTOCOL_VERSION,
        workspace_id=workspace,
        previous=roster.head if roster else EMPTY,
        author=author,
        time=UnixMillis(max(now, roster.time)) if roster else now,
        body=body,
    )
    return RosterEntry(tbs, sign_mifeng(signing_key, LABEL, encode(tbs)))


def _decoded(entry: bytes | RosterEntry) -> RosterEntry:
    return decode(RosterEntry, entry) if isinstance(entry, bytes) else entry
