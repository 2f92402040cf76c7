"""The open profile, as an application sees it."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mifeng.content.avatar import make_avatar
from mifeng.core import profile as profiles
from mifeng.core.alarms import rows_to_alarms
from mifeng.core.people import People
from mifeng.core.search import Search
from mifeng.errors import NotFoundError
from mifeng.sdk import auditing
from mifeng.sdk.changes import Change, change_from
from mifeng.sdk.devices import Devices
from mifeng.sdk.looking import Looking
from mifeng.sdk.offboarding import Offboarding
from mifeng.sdk.onboarding import Onboarding
from mifeng.sdk.unit import Unit
from mifeng.sdk.values import Expired, Person, person_from
from mifeng.session import (
    Session,
    changes,
    delivery,
    directory,
    directory_key,
    expiry,
    ledgers,
    offboarding,
    restart,
    server_identity,
)
from mifeng.session.auditing import Progress
from mifeng.session.live import Listener
from mifeng_crypto.api import messages as m
from mifeng_crypto.audit.evidence import Alarm
from mifeng_crypto.errors import ProtocolError, UsageError
from mifeng_crypto.ids import DeviceId, MemberId, UnitId, UnixMillis, WorkspaceId
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.ledger.roster_entry import (
    MemberKind,
    RemoveMember,
    RevokeInvite,
    Role,
    RosterEntry,
    ServerIdentity,
    SetRole,
)
from mifeng_crypto.ledger.roster_rules import open_invite
from mifeng_crypto.ledger.roster_tables import InviteRecord
from mifeng_crypto.ledger.safety_number import number_of_member, number_of_workspace
from mifeng_crypto.links import InviteLink, format_link

__all__ = ["Invitation", "OpenInvite", "Workspace"]


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invite. `link` holds a secret: hand it to the one whom it is for, and to nobody else."""

    link: str
    person: Person
    expires_at: UnixMillis

    def __repr__(self) -> str:
        return f"Invitation(for {self.person.id.hex()})"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenInvite:
    """An invite that nobody has used.

    Attributes:
        person: whom it would let in.
        role: as what.
        state: `open`; or `expired`; or `void`: whoever issued it could not issue it any longer.
        expires_at: unix milliseconds.
        issued_by: who signed it.
    """

    person: Person
    role: Role
    state: str
    expires_at: UnixMillis
    issued_by: Person


@dataclass(frozen=True, slots=True)
class Glance:
    """Where line, ledgers, directory and units stand: to compare with a later one."""

    is_online: bool
    roster: int
    people: People
    troubles: tuple[tuple[UnitId, str], ...]
    units: tuple[tuple[UnitId, int, UnixMillis, tuple[int, ...]], ...]


class Workspace(Looking):
    """An open profile: who this device is, its units and people."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._index: tuple[People, Roster, Search] | None = None

    def __repr__(self) -> str:
        return f"Workspace({self.id.hex()}, as {self.me.name})"

    @property
    def id(self) -> WorkspaceId:
        return self._session.profile.workspace_id

    @property
    def device_id(self) -> DeviceId:
        return self._session.profile.device_id

    @property
    def server(self) -> str:
        """The server's address."""
        return self._session.api.origin

    @property
    def me(self) -> Person:
        return person_from(self._session.profile.member_id, self._session.people)

    @property
    def role(self) -> Role | None:
        """This member's role in the workspace."""
        member = self._session.known_roster.member(self._session.profile.member_id)
        return member.role if member else None

    def role_of(self, person: Person) -> Role | None:
        """Return what a person may do in the workspace; None once they have left."""
        member = self._session.known_roster.member(person.id)
        return member.role if member else None

    async def server_time(self) -> dt.datetime:
        """Ask the server what time it has.

        Raises:
            ServerProblem, TransportError: it does not answer.
        """
        info = await self._session.api.call("server", m.ServerInfo)
        return dt.datetime.fromtimestamp(info.time / 1000, dt.UTC)

    async def ping(self) -> None:
        """Ask the server for something small.

        Raises:
            ServerProblem, TransportError: it does not answer.
        """
        await self._session.api.call("server", m.ServerInfo)

    async def sync(self) -> None:
        """Catch up with everything, and send what waits.

        Raises:
            AccessEndedError: the server does not let this device in any longer.
            TransportError: it was not reached.
        """
        await self._session.sync()
        await restart.finish(self._session)
        await delivery.settle(self._session)
        await self._session.history.settle()

    async def expired(self) -> Expired:
        """Return how much has expired on this device since this was last asked; falsy if nothing.

        It is told once: ask when you can show it.
        """
        notice = await expiry.take_notice(self._session)
        return Expired(messages=notice.messages, files=notice.files)

    def events(self) -> Listener:
        """Return an iterator of what happens from now on, in all units.

        Raises:
            AccessEndedError: the server does not let this device in any longer.
            ServerIdentityError: another server answers.
        """
        return self._session.live.listen()

    async def export_for_audit(
        self, path: Path, *units: Unit, progress: Progress | None = None
    ) -> int:
        """Write all that an auditor needs, of these units or all: no secret, and no plaintext.

        Returns:
            How many records it has.

        Raises:
            UsageError: there is such a file already.
            StorageError: it cannot be written.
        """
        wanted = [unit.id for unit in units or self.units() if unit.is_member]
        return await auditing.export(self._session, path, wanted, progress=progress)

    async def alarms(self) -> list[Alarm]:
        """Return what should not have been and was noticed, with its evidence, in order of time."""
        return rows_to_alarms(await self._session.home.database.scan("alarms"))

    async def live(self) -> None:
        """Return once this device has caught up and hears what comes next; it dials until then.

        Raises:
            AccessEndedError: the server does not let this device in any longer.
            ServerIdentityError: another server answers.
        """
        await self._session.live.wait()

    @property
    def is_online(self) -> bool:
        """Whether `events` has caught up with the server and hears what comes next."""
        return self._session.live.is_online

    def glance(self) -> Glance:
        """Return what changes without an event; a screen that sees another one looks anew."""
        session = self._session
        return Glance(
            self.is_online,
            session.roster.head.sequence if session.roster else 0,
            session.people,
            tuple((unit_id, str(err)) for unit_id, err in session.troubles.items()),
            tuple(
                (u, one.charter.head.sequence, one.rotated_at, tuple(i.number for i in one.outbox))
                for u, one in session.units.items()
            ),
        )

    @property
    def onboarding(self) -> Onboarding:
        """Brings in an organisation from a list."""
        return Onboarding(self._session, self)

    # -------------------------------------------------------------- people

    def safety_number(self, person: Person | None = None) -> str:
        """Return 60 digits in groups of five, to compare with somebody by voice or in person.

        Args:
            person: whose devices it is of; None for the workspace itself.

        Raises:
            UsageError: the person has no device: not joined yet, or gone already.
        """
        roster = self._session.known_roster
        digits = number_of_member(roster, person.id) if person else number_of_workspace(roster)
        return " ".join(digits[n : n + 5] for n in range(0, len(digits), 5))

    def people(self, query: str | None = None) -> list[Person]:
        """Return the members of the workspace, in order of entrance; or those whom a query finds.

        Args:
            query: Chinese characters, pinyin, initials or other beginnings of the words of names,
                titles and departments. The likeliest come first.
        """
        people = self._session.people
        if query is None:
            found = [member.member_id for member in self._session.known_roster.members()]
        else:
            found = list(self._search().find(query))
        return [person_from(member_id, people) for member_id in found]

    def _search(self) -> Search:
        """The index of the members' cards as they are now."""
        people, roster = self._session.people, self._session.known_roster
        if self._index is None or self._index[0] is not people or self._index[1] is not roster:
            members = (member.member_id for member in roster.members())
            cards = (people.cards[member_id] for member_id in members if member_id in people.cards)
            self._index = people, roster, Search(cards)
        return self._index[2]

    async def set_profile(
        self,
        *,
        name: str | None = None,
        title: str | None = None,
        department: str | None = None,
        picture: bytes | None = None,
    ) -> Person:
        """Change what the others see of you, and return it; None leaves it as it is.

        Args:
            name: your name.
            title: your position.
            department: your department.
            picture: a PNG, JPEG, WebP, GIF or BMP file's content, of which a small square is drawn
                anew; empty: none any more.

        Raises:
            UsageError: this is no picture, or too large a one.
            ProtocolError: CARD-1, CARD-4: a text is not one.
            ServerProblem, TransportError: it was not accepted.
        """
        if picture:
            picture = await asyncio.to_thread(make_avatar, picture)
        await directory.publish(
            self._session, name=name, title=title, department=department, picture=picture
        )
        return self.me

    def kind_of(self, person: Person) -> MemberKind | None:
        """Return what somebody is: a person, a bot or an archive; None before having joined."""
        member = self._session.known_roster.member(person.id)
        return member.kind if member else None

    def picture_name(self, person: Person) -> str:
        """Return what a person's picture goes by: another picture, another name; empty for none."""
        picture = self._session.people.picture_of(person.id)
        return picture.sealed_hash.hex()[:16] if picture else ""

    async def picture(self, person: Person) -> bytes | None:
        """Return a person's picture, a small square JPEG; None where there is none.

        Raises:
            ProtocolError: CARD-7: the server has another one than the person's card names.
            TransportError: the server was not reached.
        """
        return await directory.picture(self._session, person.id)

    def person(self, name: str) -> Person:
        """Return who is meant by a name, the beginning of one, or a member id.

        Raises:
            NotFoundError: nobody.
            UsageError: more than one.
        """
        roster, people = self._session.known_roster, self._session.people
        ids = [member.member_id for member in roster.members()]
        ids += [invite.member_id for invite in roster.invites()]
        return person_from(people.find(name, ids), people)

    async def invite(self, role: Role = Role.MEMBER) -> Invitation:
        """Sign an invite for one person, valid for 72 hours.

        Raises:
            ProtocolError: you have no right to it.
            ServerProblem, TransportError: it was not accepted.
        """
        session, made = self._session, list[tuple[RosterEntry, InviteLink]]()

        def make(roster: Roster) -> RosterEntry:
            now = session.now()
            made.append(
                profiles.invite(session.profile, roster, role=role, now=now, rng=session.rng)
            )
            return made[-1][0]

        await ledgers.append_to_roster(session, make)
        link = made[-1][1]
        record = session.known_roster.invite(link.member_id)
        assert record is not None, "it was just accepted"
        person = person_from(MemberId(link.member_id), session.people)
        return Invitation(format_link(link), person, record.expires_at)

    def invites(self) -> list[OpenInvite]:
        """Return the invites that nobody has used, in order of issue."""
        session = self._session
        roster, now = session.known_roster, session.now()
        return [
            OpenInvite(
                person=person_from(invite.member_id, session.people),
                role=invite.role,
                state=_state(invite, roster, now),
                expires_at=invite.expires_at,
                issued_by=person_from(invite.issuer.member_id, session.people),
            )
            for invite in roster.invites()
        ]

    async def revoke_invite(self, member_id: str) -> OpenInvite:
        """Make an unused invite void, named by its member id or the beginning of it.

        Raises:
            NotFoundError: there is no such invite, or it was used.
            UsageError: there is more than one.
            ProtocolError: you have no right to it.
            ServerProblem, TransportError: it was not accepted.
        """
        wanted = member_id.lower()
        found = [item for item in self.invites() if item.person.id.hex().startswith(wanted)]
        if not found or not wanted:
            raise NotFoundError(
                "there is no unused invite {member_id}; see `mifeng invites`", member_id=member_id
            )
        if len(found) > 1:
            raise UsageError(
                "{member_id} could be {n} invites; write more of it",
                member_id=member_id,
                n=len(found),
            )
        await ledgers.sign_roster(self._session, RevokeInvite(found[0].person.id))
        await directory_key.rotate(self._session)  # the link has the present one
        return found[0]

    async def set_role(self, person: Person, role: Role) -> None:
        """Give a member another role in the workspace. The last owner stays owner.

        Raises:
            ProtocolError: ROSTER-13: you have no right to it; ROSTER-14: it is the last owner's;
                ROSTER-15: that is the role already.
            ServerProblem, TransportError: it was not accepted.
        """
        await ledgers.sign_roster(self._session, SetRole(person.id, role))

    @property
    def announced_server(self) -> ServerIdentity:
        """How the roster says that the server is known: addresses, and hashes of TLS keys."""
        return self._session.known_roster.server

    async def set_server(
        self,
        *,
        addresses: Sequence[str] | None = None,
        tls_pins: Sequence[bytes] | None = None,
        log_key: bytes | None = None,
    ) -> None:
        """Say how the server is known from now on; owners only. None leaves it as it is.

        During a change name both, the old and the next: clients that are not online then find
        their way by the entry, and by nothing else.

        Args:
            addresses: all of them, `https://host:port`.
            tls_pins: all of them: SHA-256 of the keys' SubjectPublicKeyInfo.
            log_key: the key with which the server signs where logs stand, and what it accepts.

        Raises:
            UsageError: that is no address, no hash, or no key.
            ProtocolError: ROSTER-19: you are no owner.
            ServerProblem, TransportError: it was not accepted.
        """
        await server_identity.announce(
            self._session, addresses=addresses, tls_pins=tls_pins, log_key=log_key
        )

    @property
    def devices(self) -> Devices:
        """One's own devices, and the other members'."""
        return Devices(self._session)

    async def changes(self, *, after: int = 0) -> list[Change]:
        """Return what the roster says has happened, after one of its entries; all of it else.

        Who came, left, got another role, another device, or came back by a recovery sheet; when, as
        its author says, and who signed it.
        """
        found = await changes.read(self._session, after=after)
        return [change_from(change, self._session.people) for change in found]

    async def remove(self, person: Person) -> Offboarding:
        """Remove a member from the workspace, and see them out of their units.

        This device commits in its own units; the others' members who are online are waited for, a
        few seconds. Where nobody was online it is pending: see `offboarding` later. The directory
        gets a new key, so that the person cannot read what its cards say from now on.

        Raises:
            ProtocolError: you have no right to it.
            ServerProblem, TransportError: it was not accepted; or, once it was, not reported.
        """
        session = self._session
        await ledgers.sign_roster(session, RemoveMember(person.id))
        report, _ = await asyncio.gather(
            offboarding.see_through(session, person.id), directory_key.rotate(session)
        )
        return Offboarding.of(session, report)

    async def offboarding(self, name: str | None = None) -> list[Offboarding]:
        """Return where former members still are: one of them, or all.

        Raises:
            NotFoundError: nobody who was removed is called so.
            UsageError: more than one.
            ServerProblem: `forbidden`: only owners and admins may ask.
            TransportError: the server was not reached.
        """
        session = self._session
        removed = await offboarding.removed_members(session)
        wanted = list(removed) if name is None else [session.people.find(name, removed)]
        return [
            Offboarding.of(session, await offboarding.report(session, who, removed_at=removed[who]))
            for who in wanted
        ]


def _state(invite: InviteRecord, roster: Roster, now: UnixMillis) -> str:
    try:
        open_invite(roster, invite.member_id)
    except ProtocolError:
        return "void"
    return "expired" if invite.expires_at <= now else "open"
