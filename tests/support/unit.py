"""A unit for tests: one log, a server's view of it, and members with real MLS groups.

The server accepts only through the gate, each member applies only through the gate; a test that
wants a dishonest server leaves the server's gate out (`force`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field

from mifeng_crypto import gate
from mifeng_crypto.gate import LogPosition, UnitView
from mifeng_crypto.ids import (
    PROTOCOL_VERSION,
    DeviceId,
    FileId,
    GroupId,
    Identity,
    UnitId,
    UnixMillis,
)
from mifeng_crypto.ledger.charter import Charter
from mifeng_crypto.ledger.charter_entry import UnitKind
from mifeng_crypto.ledger.policy import DEFAULT_POLICY, Policy
from mifeng_crypto.log import (
    SET_AT_EXTENSION,
    UNIT_WELCOME_EXTENSION,
    AuthenticatedData,
    EntryKind,
    Heads,
    LogEntry,
    Purpose,
    SetAt,
    UnitState,
    UnitWelcome,
)
from mifeng_crypto.mls import group as mls
from mifeng_crypto.mls.group import Epoch, KeyPackageBundle, LeafIndex, PendingCommit
from mifeng_crypto.mls.wire.credential import BasicCredential
from mifeng_crypto.mls.wire.extension import Extension, find_extension
from mifeng_crypto.mls.wire.leaf_node import Lifetime
from mifeng_crypto.mls.wire.message import encode_message
from mifeng_crypto.mls.wire.parent_node import RatchetTreeExtension
from mifeng_crypto.suite import suite_by_id
from mifeng_crypto.tls import decode, encode
from tests.support.company import SUITE, Company, Person

__all__ = ["Unit", "key_package", "leaf_extensions"]

CAPABILITIES = mls.default_capabilities(extensions=(SET_AT_EXTENSION, UNIT_WELCOME_EXTENSION))
WEEK_S = 7 * 24 * 3600


def credential(who: Person) -> BasicCredential:
    return BasicCredential(encode(Identity(who.member_id, who.device_id)))


def leaf_extensions(now: int) -> tuple[Extension, ...]:
    return (Extension(SET_AT_EXTENSION, encode(SetAt(UnixMillis(now)))),)


def key_package(
    company: Company,
    who: Person,
    *,
    extensions: tuple[Extension, ...] | None = None,
    life_s: int = WEEK_S,
    suite: int = SUITE,
) -> KeyPackageBundle:
    """A KeyPackage of somebody's device, as an honest client makes it unless told otherwise."""
    now_s = company.now // 1000
    return mls.create_key_package(
        suite=suite_by_id(suite),
        signature_key=who.key,
        credential=credential(who),
        capabilities=CAPABILITIES,
        lifetime=Lifetime(now_s - 3600, now_s - 3600 + life_s),
        leaf_extensions=leaf_extensions(company.now) if extensions is None else extensions,
        rng=company.rng,
    )


@dataclass(slots=True)
class Member:
    """One device's own state: it believes nothing but what its gate let pass."""

    who: Person
    epoch: Epoch | None
    view: UnitView
    read: list[bytes] = field(default_factory=list)


class Unit:
    """One unit of a company: its log at the server, and its members."""

    def __init__(
        self,
        company: Company,
        by: Person | None = None,
        *,
        kind: UnitKind = UnitKind.BUSINESS,
        policy: Policy = DEFAULT_POLICY,
    ) -> None:
        self.company = company
        self.creator = by or company.ada
        self.unit_id: UnitId = company.create(self.creator, kind=kind, policy=policy)
        self.group = GroupId(self.unit_id, 0)
        self.entries: list[LogEntry] = []
        self.tree_of: dict[int, bytes] = {}
        self.pending: dict[bytes, PendingCommit] = {}
        self.sender = gate.NO_DEVICE
        epoch = self.first_epoch(self.creator)
        info = mls.group_info(epoch, signature_key=self.creator.key, with_tree=True)
        self.group_info = encode_message(info)
        begin = LogPosition.begin(gate.genesis_of_log(self.group_info))
        standing = gate.check_create(company.roster, self.charter, epoch.public, now=company.now)
        self.server = UnitView(
            roster=company.roster,
            charter=self.charter,
            heads=Heads(company.roster.head, self.charter.head),
            log=begin,
            last_accepted_at=company.now,
            rotated_at=company.now,
            steady_since=company.now,
            public=epoch.public,
            known=standing,
        )
        self.members = {self.creator.device_id: Member(self.creator, epoch, self.server)}
        self.write_heads()
        began = self.entries[0].header.accepted_at
        self.server = dataclasses.replace(self.server, rotated_at=began, steady_since=began)
        first = self.of(self.creator)
        first.view = dataclasses.replace(first.view, rotated_at=began, steady_since=began)

    @property
    def charter(self) -> Charter:
        return self.company.charters[self.unit_id]

    def first_epoch(self, by: Person) -> Epoch:
        now_s = self.company.now // 1000
        return mls.create(
            suite=suite_by_id(self.charter.cipher_suite),
            group_id=encode(self.group),
            signature_key=by.key,
            credential=credential(by),
            capabilities=CAPABILITIES,
            lifetime=Lifetime(now_s - 3600, now_s + WEEK_S),
            leaf_extensions=leaf_extensions(self.company.now),
            rng=self.company.rng,
        )

    def of(self, who: Person) -> Member:
        return self.members[who.device_id]

    # -------------------------------------------------------------- the server

    def append(self, kind: EntryKind, content: bytes, device_id: DeviceId) -> LogEntry:
        """Append to the log, without asking anybody."""
        header = gate.next_header(
            self.server.log.head,
            group=self.group,
            epoch=self.server.public.epoch,
            kind=kind,
            device_id=device_id,
            accepted_at=self.company.tick(),
            content=content,
        )
        entry = LogEntry(header, content)
        self.entries.append(entry)
        self.server = dataclasses.replace(
            self.server,
            log=self.server.log.grown(header),
            last_accepted_at=header.accepted_at,
            known=self.server.standing,
        )
        return entry

    def write_heads(self) -> None:
        """Judge by the ledgers as they are now."""
        heads = Heads(self.company.roster.head, self.charter.head)
        if self.entries and heads == self.server.heads:
            self.sync()
            return
        self.server = dataclasses.replace(
            self.server, roster=self.company.roster, charter=self.charter
        )
        gate.check_heads(self.server, heads, accepted_at=UnixMillis(self.company.now + 1000))
        self.append(EntryKind.HEADS, encode(heads), gate.NO_DEVICE)
        self.server = dataclasses.replace(self.server, heads=heads)
        self.sync()

    def accept_commit(self, content: bytes, device_id: DeviceId, *, force: bool = False) -> None:
        """Accept a commit as an honest server does; with `force`, as one that does not look."""
        now = UnixMillis(self.company.now + 1000)
        staged = mls.stage_commit(self.server.public, content, now_s=now // 1000)
        if not force:
            gate.check_commit(self.server, staged, accepted_at=now, device_id=device_id)
        standing = self.server.standing.after(staged)
        entry = self.append(EntryKind.COMMIT, content, device_id)
        rotated_at, steady = self.server.rotated_at, self.server.steady_since
        if staged.path is not None:
            rotated_at = entry.header.accepted_at
            steady = self.server.steady_after(rotated_at)
        self.server = dataclasses.replace(
            self.server,
            public=staged.after,
            known=standing,
            rotated_at=rotated_at,
            steady_since=steady,
            asked=frozenset(),
        )
        self.tree_of[entry.header.sequence] = encode(staged.after.tree.to_wire())

    def accept_message(self, content: bytes, device_id: DeviceId, *, force: bool = False) -> None:
        now = UnixMillis(self.company.now + 1000)
        if not force:
            data = gate.authenticated_data_of(self.server, content)
            gate.check_message(self.server, data, accepted_at=now, device_id=device_id, sender=None)
        self.append(EntryKind.MESSAGE, content, device_id)

    # -------------------------------------------------------------- members

    def sync(self) -> None:
        """Let every member apply what is new."""
        for member in self.members.values():
            self.catch_up(member)

    def catch_up(self, member: Member) -> None:
        for entry in self.entries[member.view.log.sequence :]:
            if member.epoch is None:
                return
            self.apply(member, entry)

    def apply(self, member: Member, entry: LogEntry) -> None:
        """One entry through one member's gate. Raises and changes nothing if it is refused."""
        header, epoch = entry.header, member.epoch
        assert epoch is not None, "a member that left applies nothing"
        view = dataclasses.replace(
            member.view,
            roster=self.company.roster,
            charter=self.charter,
            public=epoch.public,
            known=member.view.standing,
        )
        head = gate.check_chain(
            view.log.head,
            entry,
            group=self.group,
            epoch=epoch.public.epoch,
            after=view.last_accepted_at,
        )
        after = dataclasses.replace(
            view, log=view.log.grown(header), last_accepted_at=header.accepted_at
        )
        assert after.log.head == head
        at = header.accepted_at
        match header.kind:
            case EntryKind.HEADS:
                heads = decode(Heads, entry.content)
                gate.check_heads(view, heads, accepted_at=at)
                after = dataclasses.replace(after, heads=heads)
            case EntryKind.COMMIT:
                staged = mls.stage_commit(epoch.public, entry.content, now_s=at // 1000)
                gate.check_commit(view, staged, accepted_at=at, device_id=header.device_id)
                if any(i == epoch.own_leaf for i, _ in staged.removed):
                    member.epoch = None
                    return
                epoch = self.following(member, epoch, staged, entry.content)
                rotated_at = at if staged.path is not None else view.rotated_at
                after = dataclasses.replace(
                    after,
                    public=epoch.public,
                    rotated_at=rotated_at,
                    steady_since=view.steady_since
                    if staged.path is None
                    else view.steady_after(at),
                    asked=frozenset(),
                    known=view.standing.after(staged),
                )
            case EntryKind.READD:
                gate.check_readd(view, entry.content, accepted_at=at, device_id=header.device_id)
                after = dataclasses.replace(after, asked=view.asked | {header.device_id})
            case EntryKind.MESSAGE:
                if header.device_id != member.who.device_id:
                    epoch, received = mls.decrypt(epoch, entry.content)
                    gate.check_message(
                        view,
                        received.authenticated_data,
                        accepted_at=at,
                        device_id=header.device_id,
                        sender=received.sender,
                    )
                    member.read.append(received.data)
        member.epoch, member.view = epoch, after

    def following(
        self, member: Member, epoch: Epoch, staged: mls.StagedCommit, content: bytes
    ) -> Epoch:
        pending = self.pending.pop(content, None) if member.who.device_id == self.sender else None
        return pending.next if pending is not None else mls.process_commit(epoch, staged)

    def said(
        self,
        who: Person,
        *,
        files: Sequence[FileId] = (),
        time: int | None = None,
        purpose: Purpose = Purpose.POST,
        state: UnitState | None = None,
    ) -> bytes:
        """What somebody honestly says of what he has seen."""
        view = self.of(who).view
        return encode(
            AuthenticatedData(
                version=PROTOCOL_VERSION,
                roster=self.company.roster.head,
                charter=self.charter.head,
                log=view.log.head,
                time=UnixMillis(self.company.now if time is None else time),
                files=tuple(files),
                purpose=purpose,
                unit=state,
            )
        )

    def said_by_commit(
        self, who: Person, *, files: Sequence[FileId] = (), time: int | None = None
    ) -> bytes:
        """The same of a commit, which says by what the unit is judged as well."""
        return self.said(who, files=files, time=time, state=self.of(who).view.state)

    def commit(
        self,
        by: Person,
        *,
        add: Sequence[KeyPackageBundle] = (),
        remove: Sequence[LeafIndex] = (),
        path: bool = True,
        said: bytes | None = None,
        welcome: UnitWelcome | None = None,
        extensions: tuple[Extension, ...] | None = None,
    ) -> PendingCommit:
        """Make a commit; nobody has accepted it."""
        member, now = self.of(by), self.company.now
        assert member.epoch is not None, "who left does not commit"
        said = self.said_by_commit(by) if said is None else said
        tells = welcome or UnitWelcome("Sales", "", said)
        pending = mls.commit(
            member.epoch,
            signature_key=by.key,
            add=[mls.verify_key_package(bundle.key_package, now_s=now // 1000) for bundle in add],
            remove=remove,
            path=path,
            leaf_extensions=leaf_extensions(now) if extensions is None else extensions,
            authenticated_data=said,
            group_info_extensions=(Extension(UNIT_WELCOME_EXTENSION, encode(tells)),),
            now_s=now // 1000,
            rng=self.company.rng,
        )
        self.pending = {pending.message: pending}
        self.sender = by.device_id
        return pending

    def send_commit(self, by: Person, pending: PendingCommit, *, force: bool = False) -> None:
        self.accept_commit(pending.message, by.device_id, force=force)
        self.sync()

    def enter(self, who: Person, pending: PendingCommit, bundle: KeyPackageBundle) -> None:
        """Let a newcomer in by its Welcome, through its gate."""
        assert pending.welcome is not None, "somebody was added"
        sequence = self.server.log.began
        tree = decode(RatchetTreeExtension, self.tree_of[sequence])
        epoch, info = mls.join(pending.welcome, bundle, tree=tree)
        told = find_extension(info.extensions, UNIT_WELCOME_EXTENSION)
        assert told is not None, "the commit put it there"
        welcome = decode(UnitWelcome, told)
        seen = gate.read_authenticated_data(welcome.said).log
        view = gate.check_welcome(
            self.company.roster,
            self.charter,
            epoch.public,
            welcome,
            entries=self.entries[seen.sequence : sequence],
            confirmation_tag=info.confirmation_tag,
        )
        self.members[who.device_id] = Member(who, epoch, view)
        self.catch_up(self.of(who))

    def add(self, *people: Person, by: Person | None = None, path: bool = True) -> None:
        """Grant people, move the heads, commit them in, and let them join."""
        for who in people:
            self.company.grant(self.unit_id, who, by=self.creator)
        self.write_heads()
        bundles = [key_package(self.company, who) for who in people]
        sender = by or self.creator
        pending = self.commit(sender, add=bundles, path=path)
        self.send_commit(sender, pending)
        for who, bundle in zip(people, bundles, strict=True):
            self.enter(who, pending, bundle)

    def send(
        self,
        by: Person,
        data: bytes,
        *,
        said: bytes | None = None,
        force: bool = False,
    ) -> None:
        """Encrypt, have accepted, and let everybody read."""
        content = self.encrypt(by, data, said=said)
        self.accept_message(content, by.device_id, force=force)
        self.sync()

    def encrypt(self, by: Person, data: bytes, *, said: bytes | None = None) -> bytes:
        member = self.of(by)
        assert member.epoch is not None, "who left sends nothing"
        member.epoch, content, _ = mls.encrypt(
            member.epoch,
            data,
            signature_key=by.key,
            authenticated_data=self.said(by) if said is None else said,
            rng=self.company.rng,
        )
        return content

    def everyone_can_message_everyone(self) -> None:
        """How a scenario ends."""
        inside = [member for member in self.members.values() if member.epoch is not None]
        for sender in inside:
            text = f"hello from {sender.who.name}".encode()
            self.send(sender.who, text)
            for receiver in inside:
                if receiver is not sender:
                    assert receiver.read[-1] == text
