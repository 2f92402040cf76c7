"""A company for tests: people with real keys who sign real entries into a real roster."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass

from mifeng_crypto import signature
from mifeng_crypto.ids import DeviceId, MemberId, UnitId, UnixMillis, WorkspaceId
from mifeng_crypto.ledger.charter import Charter, sign_charter_entry
from mifeng_crypto.ledger.charter_entry import (
    CharterBody,
    CharterEntry,
    Create,
    Grant,
    Revoke,
    UnitKind,
    UnitRole,
)
from mifeng_crypto.ledger.policy import DEFAULT_POLICY, Policy
from mifeng_crypto.ledger.roster import Roster, sign_roster_entry
from mifeng_crypto.ledger.roster_entry import (
    AddDevice,
    AddMember,
    Device,
    DeviceAuthor,
    Found,
    Invite,
    InviteAuthor,
    MemberKind,
    Recover,
    RecoveryAuthor,
    RemoveMember,
    Role,
    RosterBody,
    RosterEntry,
    ServerIdentity,
)
from mifeng_crypto.sealing import hpke_public_of
from mifeng_crypto.secret import Secret
from mifeng_crypto.suite import MLS_XWING
from tests.support.rng import SeededRng

__all__ = ["HOUR", "SERVER_KEY", "START", "Company", "Person"]

START = UnixMillis(1_780_000_000_000)
HOUR = 3_600_000
SUITE = MLS_XWING
SERVER_KEY = Secret(b"\x55" * 32)
"""What the server of a test's company signs with."""


@dataclass(frozen=True, slots=True)
class Person:
    """A member's first device, and the one-time key by which it came."""

    name: str
    member_id: MemberId
    device_id: DeviceId
    key: Secret
    invite_key: Secret
    recovery_key: Secret

    @classmethod
    def make(cls, name: str, rng: SeededRng) -> Person:
        keys = Secret(rng(32)), Secret(rng(32)), Secret(rng(32))
        return cls(name, MemberId(rng(16)), DeviceId(rng(16)), *keys)

    @property
    def author(self) -> DeviceAuthor:
        return DeviceAuthor(self.member_id, self.device_id)

    @property
    def device(self) -> Device:
        return Device(self.device_id, signature.public_of(self.key), hpke_public_of(self.hpke_key))

    @property
    def hpke_key(self) -> Secret:
        return Secret(hashlib.sha256(self.key).digest())

    @property
    def invite_public(self) -> bytes:
        return signature.public_of(self.invite_key)

    @property
    def recovery_public(self) -> bytes:
        return signature.public_of(self.recovery_key)


class Company:
    """A workspace in which Ada is the owner. Each verb signs, appends and remembers the entry."""

    def __init__(self, seed: str = "company") -> None:
        self.rng = SeededRng(seed)
        self.now = START
        self.ada = self.person("Ada")
        self.workspace_id = WorkspaceId(self.rng(16))
        self.entries = [self.found_entry()]
        self.roster = Roster.from_entries(self.entries)
        self.charters: dict[UnitId, Charter] = {}
        self.charter_entries: dict[UnitId, list[CharterEntry]] = {}

    def person(self, name: str) -> Person:
        return Person.make(name, self.rng)

    def tick(self, ms: int = 1000) -> UnixMillis:
        self.now = UnixMillis(self.now + ms)
        return self.now

    # -------------------------------------------------------------- the roster

    def found_entry(self) -> RosterEntry:
        body = Found(
            founder=self.ada.member_id,
            device=self.ada.device,
            recovery_key=self.ada.recovery_public,
            default_policy=DEFAULT_POLICY,
            server=ServerIdentity(
                ("https://mifeng.test",), (bytes(32),), signature.public_of(SERVER_KEY)
            ),
        )
        return sign_roster_entry(
            None, body, self.ada.author, self.ada.key, now=self.now, workspace_id=self.workspace_id
        )

    def sign(self, body: RosterBody, by: Person) -> RosterEntry:
        return sign_roster_entry(self.roster, body, by.author, by.key, now=self.tick())

    def append(self, entry: RosterEntry) -> None:
        self.roster = self.roster.append(entry)
        self.entries.append(entry)

    def invite_entry(
        self, who: Person, role: Role = Role.MEMBER, *, by: Person | None = None
    ) -> RosterEntry:
        body = Invite(who.member_id, role, who.invite_public, UnixMillis(self.now + 72 * HOUR))
        return self.sign(body, by or self.ada)

    def join_entry(self, who: Person, kind: MemberKind = MemberKind.PERSON) -> RosterEntry:
        return sign_roster_entry(
            self.roster,
            AddMember(kind, who.device, who.recovery_public),
            InviteAuthor(who.member_id),
            who.invite_key,
            now=self.tick(),
        )

    def hire(self, name: str, role: Role = Role.MEMBER, *, by: Person | None = None) -> Person:
        who = self.person(name)
        self.append(self.invite_entry(who, role, by=by))
        self.append(self.join_entry(who))
        return who

    def archive(self, name: str) -> Person:
        """Let in an archive, which is a guest."""
        who = self.person(name)
        self.append(self.invite_entry(who, Role.GUEST))
        self.append(self.join_entry(who, MemberKind.ARCHIVE))
        return who

    def fire(self, who: Person, *, by: Person | None = None) -> None:
        self.append(self.sign(RemoveMember(who.member_id), by or self.ada))

    def link(self, who: Person) -> Person:
        """Add a device; return the same person on it."""
        other = self.on_new_device(who)
        self.append(self.sign(AddDevice(other.device), who))
        return other

    def on_new_device(self, who: Person) -> Person:
        other = self.person(who.name)
        return dataclasses.replace(
            who, device_id=other.device_id, key=other.key, recovery_key=other.recovery_key
        )

    def recover_entry(self, who: Person, other: Person) -> RosterEntry:
        """Recover `who` onto the device of `other`, which also has the next recovery key."""
        return sign_roster_entry(
            self.roster,
            Recover(other.device, other.recovery_public),
            RecoveryAuthor(who.member_id),
            who.recovery_key,
            now=self.tick(),
        )

    # -------------------------------------------------------------- units

    def create_entry(
        self,
        by: Person,
        *,
        kind: UnitKind = UnitKind.BUSINESS,
        policy: Policy = DEFAULT_POLICY,
        suite: int = SUITE,
        peer: Person | None = None,
        parent: UnitId | None = None,
        as_manager: bool = False,
    ) -> CharterEntry:
        return sign_charter_entry(
            None,
            Create(kind, parent, peer.member_id if peer else None, suite, policy),
            by.author,
            by.key,
            roster=self.roster,
            now=self.tick(),
            unit_id=UnitId(self.rng(16)),
            parent=self.charters[parent] if parent and as_manager else None,
        )

    def create(
        self,
        by: Person | None = None,
        *,
        kind: UnitKind = UnitKind.BUSINESS,
        policy: Policy = DEFAULT_POLICY,
        peer: Person | None = None,
        parent: UnitId | None = None,
        as_manager: bool = False,
    ) -> UnitId:
        """Create a unit; `as_manager`: by the right of the parent's manager."""
        entry = self.create_entry(
            by or self.ada,
            kind=kind,
            policy=policy,
            peer=peer,
            parent=parent,
            as_manager=as_manager,
        )
        above = self.charters[parent] if parent else None
        charter = Charter.from_entries([entry], self.roster, parent=above)
        self.charters[charter.unit_id] = charter
        self.charter_entries[charter.unit_id] = [entry]
        return charter.unit_id

    def charter_entry(
        self, unit_id: UnitId, body: CharterBody, by: Person, *, as_manager: bool = False
    ) -> CharterEntry:
        return sign_charter_entry(
            self.charters[unit_id],
            body,
            by.author,
            by.key,
            roster=self.roster,
            now=self.tick(),
            parent=self.above(unit_id) if as_manager else None,
        )

    def above(self, unit_id: UnitId) -> Charter | None:
        """The charter of a unit's parent."""
        parent = self.charters[unit_id].parent
        return self.charters[parent] if parent else None

    def grant(
        self,
        unit_id: UnitId,
        who: Person,
        role: UnitRole = UnitRole.MEMBER,
        *,
        by: Person | None = None,
    ) -> None:
        self.amend(unit_id, Grant(who.member_id, role), by or self.ada)

    def revoke(self, unit_id: UnitId, who: Person, *, by: Person | None = None) -> None:
        self.amend(unit_id, Revoke(who.member_id), by or self.ada)

    def amend(
        self, unit_id: UnitId, body: CharterBody, by: Person, *, as_manager: bool = False
    ) -> None:
        entry = self.charter_entry(unit_id, body, by, as_manager=as_manager)
        charter = self.charters[unit_id]
        self.charters[unit_id] = charter.append(entry, self.roster, parent=self.above(unit_id))
        self.charter_entries[unit_id].append(entry)
