"""Clients of the core around one log, without a server: what it would check, a hostile one skips.

`Log` makes entries as the server does. `Desk` is one device's profile and unit. Nothing is mocked:
keys, ledgers, group and gate are the real ones.
"""

from __future__ import annotations

import dataclasses

from mifeng.core import founding, joining, key_packages, membership, outbox
from mifeng.core.catch_up import Applied, apply_entries
from mifeng.core.profile import Enrolled, Profile
from mifeng.core.unit import Unit
from mifeng_crypto import gate
from mifeng_crypto.api.messages import ClaimedKeyPackage, WelcomeItem
from mifeng_crypto.ids import DeviceId, GroupId, UnitId, UnixMillis
from mifeng_crypto.ledger.charter import Charter, sign_charter_entry
from mifeng_crypto.ledger.charter_entry import CharterBody, Grant, UnitKind, UnitRole
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.ledger.policy import DEFAULT_POLICY
from mifeng_crypto.log import EntryKind, Heads, LogEntry
from mifeng_crypto.mls.group import KeyPackageBundle
from mifeng_crypto.secret import Secret
from mifeng_crypto.tls import decode, encode
from tests.support.company import SUITE, Company, Person

TITLE = "Research"


class Log:
    """One generation's log, as a server keeps it."""

    def __init__(self, group: GroupId, group_info: bytes) -> None:
        self.group = group
        self.head = gate.genesis_of_log(group_info)
        self.epoch = 0
        self.entries: list[bytes] = []

    def append(
        self, kind: EntryKind, content: bytes, *, by: DeviceId = gate.NO_DEVICE, at: UnixMillis
    ) -> bytes:
        header = gate.next_header(
            self.head,
            group=self.group,
            epoch=self.epoch,
            kind=kind,
            device_id=by,
            accepted_at=at,
            content=content,
        )
        self.head = Head(header.sequence, gate.header_hash(header))
        self.epoch += kind is EntryKind.COMMIT
        self.entries.append(encode(LogEntry(header, content)))
        return self.entries[-1]


@dataclasses.dataclass
class Desk:
    """One device."""

    company: Company
    person: Person
    profile: Profile
    unit: Unit

    @property
    def now(self) -> UnixMillis:
        return self.company.now

    def apply(self, *entries: bytes, now: UnixMillis | None = None) -> Applied:
        applied = apply_entries(
            self.unit,
            entries,
            roster=self.company.roster,
            device_id=self.person.device_id,
            now=self.company.now if now is None else now,
        )
        self.unit = applied.unit
        return applied

    def follow(self, charter: Charter) -> None:
        self.unit = dataclasses.replace(self.unit, charter=charter)

    def queue(self, content: bytes) -> None:
        self.unit, _ = outbox.queue(self.unit, content, now=self.now)

    def seal(self) -> bytes:
        item = outbox.next_item(self.unit)
        assert item is not None
        self.unit = outbox.seal(
            self.unit,
            item,
            roster=self.company.roster,
            profile=self.profile,
            now=self.now,
            rng=self.company.rng,
        )
        sealed = outbox.next_item(self.unit)
        assert sealed is not None
        return sealed.record.message

    def commit(self, *packages: ClaimedKeyPackage) -> bytes:
        due = membership.due(self.unit, self.company.roster, now=self.now)
        prepared = membership.commit(
            self.unit,
            dataclasses.replace(due, rotate=not (packages or due.remove)),
            packages,
            roster=self.company.roster,
            profile=self.profile,
            now=self.now,
            rng=self.company.rng,
        )
        assert prepared is not None
        assert prepared.pending is not None
        self.unit = prepared
        return prepared.pending.message


def profile_of(company: Company, person: Person) -> Profile:
    return Profile(
        addresses=("https://mifeng.test",),
        tls_pin=bytes(32),
        workspace_id=company.workspace_id,
        genesis=company.roster.genesis,
        anchor=company.roster.head,
        member_id=person.member_id,
        device_id=person.device_id,
        signature_key=Secret(person.key),
        hpke_key=person.hpke_key,
        directory_key=Secret(bytes(32)),
        name=person.name,
        title="",
        device_name="Test",
        stage=Enrolled(),
    )


class World:
    """Ada's unit, with Ben in it."""

    def __init__(self) -> None:
        self.company = Company("core")
        self.ben_person = self.company.hire("Ben")
        self.ada = self._create()
        self.unit_id: UnitId = self.ada.unit.unit_id
        self.charter = self.ada.unit.charter
        self.group_info = self.ada.unit.group_info
        self.log = Log(self.ada.unit.group, self.group_info)
        self.everybody = [self.ada]
        first = self.heads_only()
        self.ada.unit = founding.created(self.ada.unit, decode(LogEntry, first).header)
        self.ada.apply(first)
        self.amend(Grant(self.ben_person.member_id, UnitRole.MEMBER))
        self.ben = self.admit(self.ben_person)

    def _create(self) -> Desk:
        company = self.company
        profile = profile_of(company, company.ada)
        unit, rows = founding.create(
            profile,
            company.roster,
            title=TITLE,
            topic="",
            kind=UnitKind.BUSINESS,
            policy=DEFAULT_POLICY,
            suite_id=SUITE,
            parent=None,
            now=company.tick(),
            rng=company.rng,
        )
        self.charter_entries = [v for (table, _), v in rows.items() if table == "charter" and v]
        return Desk(company, company.ada, profile, unit)

    def amend(self, body: CharterBody) -> None:
        """Ada signs; the server writes `heads`; everybody hears of it."""
        self.charter = self.amended(body)
        for desk in self.everybody:
            desk.follow(self.charter)
        self.heads()

    def amended(self, body: CharterBody) -> Charter:
        """Ada signs, and nobody has heard of it yet."""
        entry = sign_charter_entry(
            self.charter,
            body,
            self.company.ada.author,
            self.company.ada.key,
            roster=self.company.roster,
            now=self.company.tick(),
        )
        self.charter_entries.append(encode(entry))
        return self.charter.append(entry, self.company.roster)

    def heads(self) -> None:
        entry = self.heads_only()
        for desk in self.everybody:
            desk.apply(entry)

    def heads_only(self) -> bytes:
        """The server writes `heads`; nobody has heard of it yet."""
        heads = Heads(self.company.roster.head, self.charter.head)
        return self.log.append(EntryKind.HEADS, encode(heads), at=self.company.tick())

    def ada_after(self, entry: bytes) -> Desk:
        self.ada.apply(entry)
        return self.ada

    def admit(self, person: Person) -> Desk:
        """Ada commits the addition; the newcomer joins by the Welcome."""
        company, profile = self.company, profile_of(self.company, person)
        public, rows = key_packages.make(
            profile, 1, suite_id=SUITE, now=company.now, rng=company.rng
        )
        bundle = decode(KeyPackageBundle, next(iter(rows.values())) or b"")
        claimed = ClaimedKeyPackage(device_id=person.device_id, key_package=public[0])
        self.ada.commit(claimed)
        pending = self.ada.unit.pending
        assert pending is not None
        assert pending.welcome is not None
        entry = self.log.append(
            EntryKind.COMMIT, pending.message, by=self.ada.person.device_id, at=company.tick()
        )
        item = WelcomeItem(
            welcome_id=bytes(16),
            unit_id=self.unit_id,
            generation=0,
            sequence=self.log.head.sequence,
            welcome=pending.welcome,
            tree_hash=bytes(32),
        )
        tree = encode(pending.staged.after.tree.to_wire())
        for desk in self.everybody:
            desk.apply(entry)
        opened = joining.open_welcome(item, bundle, tree)
        unit = joining.accept(
            item, opened, [decode(LogEntry, entry)], roster=company.roster, charter=self.charter
        )
        newcomer = Desk(company, person, profile, unit)
        self.everybody.append(newcomer)
        return newcomer

    def accept(self, kind: EntryKind, content: bytes, desk: Desk) -> bytes:
        """The server takes what a desk sends; nobody has heard of it yet."""
        entry = self.log.append(kind, content, by=desk.person.device_id, at=self.company.tick())
        item = outbox.next_item(desk.unit)
        if item is not None and item.record.message == content:
            desk.unit = outbox.accepted(desk.unit, item, decode(LogEntry, entry).header)
        return entry
