"""The people of the matrix in one unit, what each of them can make, and each way in.

Everything is the product's: the client's own core, the server's gate, the auditor's replay. Only
what is malicious is forged (`tests.vectors_own.mallory`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

from mifeng.core import joining, key_packages
from mifeng.core.catch_up import apply_entries
from mifeng.core.membership import set_at
from mifeng.core.rows import Condition, TimelineRecord
from mifeng.core.unit import Unit, changes_between, from_rows
from mifeng_crypto import gate
from mifeng_crypto.api.messages import WelcomeItem
from mifeng_crypto.audit.unit_log import Followed, follow_entry, open_log
from mifeng_crypto.errors import CodecError, CryptoError, MifengError, ProtocolError
from mifeng_crypto.ids import DeviceId, UnixMillis
from mifeng_crypto.ledger.charter import Charter, sign_charter_entry
from mifeng_crypto.ledger.charter_entry import Grant, Restart, Revoke, UnitRole
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.ledger.roster_entry import RevokeDevice
from mifeng_crypto.log import (
    UNIT_WELCOME_EXTENSION,
    EntryKind,
    Heads,
    LogEntry,
    UnitWelcome,
)
from mifeng_crypto.mls import group as mls
from mifeng_crypto.mls.group import Epoch, KeyPackageBundle, LeafIndex, stage_commit
from mifeng_crypto.mls.wire.credential import BasicCredential
from mifeng_crypto.mls.wire.extension import Extension
from mifeng_crypto.mls.wire.framing import FramedContent
from mifeng_crypto.mls.wire.key_package import KeyPackage
from mifeng_crypto.mls.wire.leaf_node import LeafNode
from mifeng_crypto.mls.wire.message import MLSMessage
from mifeng_crypto.mls.wire.proposal import (
    Add,
    ExternalInit,
    GroupContextExtensions,
    PreSharedKey,
    Proposal,
    ReInit,
    Remove,
)
from mifeng_crypto.mls.wire.psk import ExternalPsk, PreSharedKeyID
from mifeng_crypto.secret import Secret
from mifeng_crypto.suite import Suite
from mifeng_crypto.tls import decode, encode
from tests.client.core.world import Desk, World, profile_of
from tests.gate_matrix.handed import is_shown
from tests.gate_matrix.matrix import MESSAGES, Cell
from tests.gate_matrix.said import Said, Sayer, time_of
from tests.support.company import SUITE, Person
from tests.support.rng import SeededRng
from tests.vectors_own.mallory import Frame, Path, forge_commit

__all__ = ["Scene", "scene"]

NEVER_BEHIND = UnixMillis(1 << 62)
"""A device's time by which no entry comes too early: that is no matter of the gate."""
ROLES = {
    "member": UnitRole.MEMBER,
    "publisher": UnitRole.PUBLISHER,
    "reader": UnitRole.READER,
    "victim": UnitRole.MEMBER,
    "revoked": UnitRole.MEMBER,
    "removed": UnitRole.MEMBER,
}


@dataclass(frozen=True)
class Forger:
    """A desk, as the forgers want a member."""

    now: Epoch
    key: Secret
    rng: SeededRng

    @property
    def suite(self) -> Suite:
        return self.now.public.suite

    @property
    def leaf(self) -> LeafIndex:
        return self.now.own_leaf


class Scene:
    """One state of the unit. Nothing here changes once it is made."""

    def __init__(self, state: str) -> None:
        world = self.world = World()
        company = self.company = world.company
        self.group_info = world.group_info
        self.desks = {"manager": world.ada}
        self._let_in_the_archive()
        for name, role in ROLES.items():
            person = company.hire(name)
            world.amend(Grant(person.member_id, role))
            self.desks[name] = world.admit(person)
        other = company.link(self.desks["member"].person)
        world.heads()
        self.desks["former device"] = world.admit(other)
        before = {name: desk.unit.active_epoch for name, desk in self.desks.items()}
        self.sayer = Sayer(self._take_out("removed"), before)
        self.early = self.desks["victim"].unit
        self.early_log = len(world.log.entries)
        self.granted, self.stranger = company.hire("granted"), company.hire("stranger")
        self.ghost = company.person("ghost")
        world.amend(Grant(self.granted.member_id, UnitRole.MEMBER))
        if state == "due":
            company.append(company.sign(RevokeDevice(other.device_id), self.desks["member"].person))
            world.amend(Revoke(self.desks["revoked"].person.member_id))
        self.charter = world.charter
        self.public = world.ada.unit.view(company.roster)
        self.bundles = {
            who.device_id: self._key_package(who)
            for who in (self.granted, self.stranger, self.ghost, self.desks["member"].person)
        }
        self.content: Callable[[str, str], bytes] = cache(self._content)
        self.said: Callable[[str, str], Said] = cache(
            lambda actor, action: self.sayer.say(actor, self.desks[actor], action)
        )

    def _let_in_the_archive(self) -> None:
        """A day after its grant, as it must be."""
        archive = self.company.archive("archive")
        self.world.amend(Grant(archive.member_id, UnitRole.ARCHIVE))
        self.company.tick(25 * 3_600_000)
        self.desks["archive"] = self.world.admit(archive)

    def _take_out(self, name: str) -> Head:
        """Return where the log stood before."""
        world, gone = self.world, self.desks[name]
        world.everybody.remove(gone)
        world.amend(Revoke(gone.person.member_id))
        message = world.ada.commit()
        ended = world.log.head
        entry = world.log.append(
            EntryKind.COMMIT, message, by=world.ada.person.device_id, at=self.company.tick()
        )
        for desk in world.everybody:
            desk.apply(entry)
        return ended

    def _key_package(self, who: Person) -> KeyPackageBundle:
        profile = profile_of(self.company, who)
        _, rows = key_packages.make(
            profile, 1, suite_id=SUITE, now=self.company.now, rng=self.company.rng
        )
        return decode(KeyPackageBundle, next(iter(rows.values())) or b"")

    # -------------------------------------------------------------- what they make

    def _content(self, actor: str, action: str) -> bytes:
        if actor == "outsider":
            return self._from_outside()
        if action in MESSAGES:
            return self.said(actor, action).message
        desk = self.desks[actor]
        roster = self.company.roster
        state = desk.unit.view(roster).state
        said = desk.unit.authenticated_data(roster, state=state, now=self.company.now)
        proposals, path = self._forged(desk, action)

        def content(made: FramedContent) -> FramedContent:
            return replace(made, authenticated_data=said)

        forger = Forger(desk.unit.active_epoch, desk.person.key, self.company.rng)
        made = forge_commit(forger, *proposals, path=path, frame=Frame(content=content))  # type: ignore[arg-type]
        return made.message

    def _forged(self, desk: Desk, action: str) -> tuple[list[Proposal], Path | None]:
        leaves = desk.unit.view(self.company.roster).standing.leaves
        mine = desk.person.device_id
        other = next(
            self.desks[n].person.device_id
            for n in ("publisher", "member")
            if self.desks[n].person.device_id != mine
        )
        due = [Remove(leaf) for leaf in desk.unit.view(self.company.roster).standing.due]

        def fresh(change: Callable[[LeafNode], LeafNode]) -> Callable[[LeafNode], LeafNode]:
            extensions = set_at(self.company.now)
            return lambda leaf: change(replace(leaf, extensions=extensions))

        path = Path(leaf=fresh(lambda leaf: leaf))
        somebody = BasicCredential(desk.person.member_id + self.ghost.device_id)
        forged: dict[str, tuple[list[Proposal], Path | None]] = {
            "rotate": ([], path),
            "rotate without a path": ([], None),
            "add the granted": ([self._add(self.granted)], path),
            "add somebody not granted": ([self._add(self.stranger)], path),
            "add somebody not in the roster": ([self._add(self.ghost)], path),
            "add twice": ([self._add(self.desks["member"].person)], path),
            "remove who belongs": ([Remove(leaves[other])], path),
            "rewrite the group context": ([GroupContextExtensions(())], path),
            "use a PSK": ([PreSharedKey(PreSharedKeyID(ExternalPsk(b"psk"), bytes(48)))], path),
            "reinitialise": ([ReInit(b"another group", 1, SUITE, ())], None),
            "initialise from outside": ([ExternalInit(b"\x00" * 32)], path),
            "become somebody else": (
                [],
                Path(leaf=fresh(lambda leaf: replace(leaf, credential=somebody))),
            ),
            "change the own key": (
                [],
                Path(
                    leaf=fresh(
                        lambda leaf: replace(leaf, signature_key=self.ghost.device.signature_key)
                    ),
                    signature_key=self.ghost.key,
                ),
            ),
        }
        if due:
            forged["remove who is due"] = ([*due], path)
            forged["remove who is due and who belongs"] = ([*due, Remove(leaves[other])], path)
        return forged[action]

    def _add(self, who: Person) -> Add:
        return Add(self.bundles[who.device_id].key_package)

    def _from_outside(self) -> bytes:
        ada, who = self.world.ada, self.stranger
        info = mls.group_info(
            ada.unit.active_epoch,
            signature_key=ada.person.key,
            with_tree=True,
            with_external_pub=True,
        )
        made = mls.external_commit(
            info,
            signature_key=who.key,
            credential=BasicCredential(who.member_id + who.device_id),
            capabilities=key_packages.CAPABILITIES,
            leaf_extensions=set_at(self.company.now),
            authenticated_data=ada.unit.authenticated_data(
                self.company.roster, now=self.company.now
            ),
            now_s=self.company.now // 1000,
            rng=self.company.rng,
        )
        return made.message

    # -------------------------------------------------------------- the entry

    def device_of(self, actor: str) -> DeviceId:
        person = self.stranger if actor == "outsider" else self.desks[actor].person
        return person.device_id

    def now(self, action: str = "") -> UnixMillis:
        """When an entry is accepted."""
        return UnixMillis(time_of(action, self.company.now) + 1000)

    def entry(
        self,
        actor: str,
        content: bytes,
        kind: EntryKind,
        *,
        epochs_back: int = 0,
        action: str = "",
    ) -> LogEntry:
        """As a server that does not look would put it into the log."""
        log = self.world.log
        header = gate.next_header(
            log.head,
            group=log.group,
            epoch=log.epoch - epochs_back,
            kind=kind,
            device_id=self.device_of(actor),
            accepted_at=self.now(action),
            content=content,
        )
        return LogEntry(header, content)

    # -------------------------------------------------------------- the ways in

    def refused_by(self, cell: Cell) -> str:
        """Play a cell; return the rule that refuses, empty if it gets in."""
        try:
            return "" if self._enter(cell) else "shown as malformed"
        except ProtocolError as err:
            return err.rule
        except (CodecError, CryptoError) as err:
            return type(err).__name__

    def _enter(self, cell: Cell) -> bool:
        if cell.way == "Welcome":
            return self._by_welcome(cell)
        entry = self.logged(cell)
        victim = self.desks["victim"]
        match cell.way:
            case "server":
                return self._at_the_server(cell, entry, self.public)
            case "live":
                return self._by_client(victim.unit, [encode(entry)])
            case "catch-up":
                missed = self.world.log.entries[self.early_log :]
                early = replace(self.early, charter=self.charter)
                return self._by_client(early, [*missed, encode(entry)])
            case "reopened":
                return self._by_client(self._reopened(victim.unit), [encode(entry)])
            case "audit":
                return self._by_auditor(entry)
            case "restart":
                return self._at_the_server(cell, entry, self._restarted())
            case "history":
                return self._by_history(cell, entry)
        raise AssertionError(cell.way)

    def logged(self, cell: Cell) -> LogEntry:
        """What a server puts into the log that is in league with the actor."""
        is_message = cell.action in MESSAGES and cell.action != "post that is a commit by the log"
        actor = cell.actor
        if cell.action == "post in another's name":
            actor = "publisher" if actor != "publisher" else "manager"
        return self.entry(
            actor,
            self.content(cell.actor, cell.action),
            EntryKind.MESSAGE if is_message else EntryKind.COMMIT,
            epochs_back=cell.action == "post in the epoch before",
            action=cell.action,
        )

    def _at_the_server(self, cell: Cell, entry: LogEntry, view: gate.UnitView) -> bool:
        device_id, at = self.device_of(cell.actor), entry.header.accepted_at
        if entry.header.kind is EntryKind.MESSAGE:
            data = gate.authenticated_data_of(view, entry.content)
            gate.check_message(view, data, accepted_at=at, device_id=device_id, sender=None)
        else:
            staged = stage_commit(view.public, entry.content, now_s=at // 1000)
            gate.check_commit(view, staged, accepted_at=at, device_id=device_id)
        return True

    def _by_client(self, unit: Unit, entries: list[bytes]) -> bool:
        return self.shown_by(unit, entries).condition is Condition.READ

    def shown_by(self, unit: Unit, entries: list[bytes]) -> TimelineRecord:
        """Return how a client shows the last of some entries."""
        before = unit.record()
        applied = apply_entries(
            unit,
            entries,
            roster=self.company.roster,
            device_id=self.device_of("victim"),
            now=NEVER_BEHIND,
        )
        last = applied.unit.log.sequence
        (record,) = [
            event.entry
            for event in applied.events
            if getattr(event, "sequence", 0) == last and hasattr(event, "entry")
        ]
        assert unit.record() == before, "a step changes nothing of what it began with"
        return record

    def _reopened(self, unit: Unit) -> Unit:
        rows = changes_between(None, unit)
        timeline = self._timeline(unit)

        def parts(table: str) -> dict[bytes, bytes]:
            return {key[16:]: v for (t, key), v in rows.items() if t == table and v is not None}

        return from_rows(
            unit.unit_id,
            rows["units", unit.unit_id] or b"",
            charter=unit.charter,
            mls=parts("mls"),
            pending=None,
            timeline=timeline,
            outbox={},
        )

    def _timeline(self, unit: Unit) -> list[tuple[bytes, bytes]]:
        """The rows that the victim's steps have saved since it was early."""
        early = replace(self.early, charter=self.charter)
        missed = self.world.log.entries[self.early_log :]
        applied = apply_entries(
            early,
            missed,
            roster=self.company.roster,
            device_id=self.device_of("victim"),
            now=NEVER_BEHIND,
        )
        assert applied.unit.log.head == unit.log.head
        return [
            (key[16:], value)
            for (table, key), value in applied.changes.items()
            if table == "messages" and value is not None
        ]

    def _by_auditor(self, entry: LogEntry) -> bool:
        follow_entry(self.followed, entry)
        return True

    @property
    def followed(self) -> Followed:
        """Where an auditor stands who has replayed the log."""
        if not hasattr(self, "_followed"):
            at = open_log(self.world.log.group, self.group_info, self.company.roster, self.charter)
            for raw in self.world.log.entries:
                at = follow_entry(at, decode(LogEntry, raw))
            self._followed = at
        return self._followed

    def _restarted(self) -> gate.UnitView:
        """The old generation's view, after a `restart` and its `heads`."""
        ada = self.company.ada
        body = Restart(generation=1, log=self.world.log.head)
        entry = sign_charter_entry(
            self.charter, body, ada.author, ada.key, roster=self.company.roster, now=self.now()
        )
        charter: Charter = self.charter.append(entry, self.company.roster)
        heads = Heads(self.company.roster.head, charter.head)
        return dataclasses.replace(self.public, charter=charter, heads=heads, known=None)

    def _by_history(self, cell: Cell, entry: LogEntry) -> bool:
        before = [decode(LogEntry, raw) for raw in self.world.log.entries]
        other = self.said("publisher", "post")
        content = self.content(cell.actor, cell.action)
        # Of a commit nobody has an Original: its giver makes do with another's.
        is_message = cell.action in MESSAGES
        said = self.said(cell.actor, cell.action) if is_message else replace(other, data=content)
        unit, roster = self.desks["victim"].unit, self.company.roster
        return is_shown(cell.action, said, other, [*before, entry], unit=unit, roster=roster)

    def _by_welcome(self, cell: Cell) -> bool:
        """The granted one is welcomed by a commit that does the action beside adding him."""
        desk = self.desks[cell.actor]
        people = {
            "add the granted": [self.granted],
            "add somebody not granted": [self.granted, self.stranger],
            "add somebody not in the roster": [self.granted, self.ghost],
        }[cell.action]
        unit, roster = desk.unit, self.company.roster
        state = unit.view(roster).state
        said = unit.authenticated_data(roster, state=state, now=self.company.now)
        tells = UnitWelcome(unit.title, "", said)
        packages: list[KeyPackage] = [self.bundles[who.device_id].key_package for who in people]
        pending = mls.commit(
            unit.active_epoch,
            signature_key=desk.profile.signature_key,
            add=[mls.verify_key_package(p, now_s=self.now() // 1000) for p in packages],
            remove=(),
            path=True,
            leaf_extensions=set_at(self.company.now),
            authenticated_data=said,
            group_info_extensions=(Extension(UNIT_WELCOME_EXTENSION, encode(tells)),),
            now_s=self.now() // 1000,
            rng=self.company.rng,
        )
        assert pending.welcome is not None
        entry = self.entry(cell.actor, pending.message, EntryKind.COMMIT)
        item = WelcomeItem(
            welcome_id=bytes(16),
            unit_id=self.world.unit_id,
            generation=0,
            sequence=entry.header.sequence,
            welcome=pending.welcome,
            tree_hash=bytes(32),
        )
        tree = encode(pending.staged.after.tree.to_wire())
        opened = joining.open_welcome(item, self.bundles[self.granted.device_id], tree)
        joining.accept(item, opened, [entry], roster=roster, charter=self.charter)
        return True


@cache
def scene(state: str) -> Scene:
    """Return the scene of a state, made once."""
    return Scene(state)


def is_mls_message(raw: bytes) -> bool:
    """Whether something decodes as an MLSMessage: what is forged is well-formed."""
    try:
        decode(MLSMessage, raw)
    except MifengError:
        return False
    return True
