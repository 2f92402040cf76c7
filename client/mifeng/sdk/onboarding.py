"""A whole organisation from one list: units, invites, cards and grants, as often as it takes.

What was made is noted in the profile under the list's own ids, before it is sent: an import that
was interrupted goes on where it stopped, and the same list twice makes nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from mifeng.core.staff_list import Employee, Path, StaffList
from mifeng.sdk.unit import Unit
from mifeng.sdk.units import Units
from mifeng.session import Session, directory, ledgers
from mifeng.session.patience import patiently
from mifeng_crypto import signature
from mifeng_crypto.errors import UsageError
from mifeng_crypto.ids import PROTOCOL_VERSION, MemberId, UnitId, UnixMillis
from mifeng_crypto.ledger.card import Card
from mifeng_crypto.ledger.charter_entry import Grant, UnitRole
from mifeng_crypto.ledger.roster_entry import Invite
from mifeng_crypto.links import InviteLink, format_link
from mifeng_crypto.secret import Secret
from mifeng_crypto.tls import Bytes32, decode, encode, struct

__all__ = ["Imported", "Onboarding", "Plan", "Told"]

DAY_MS = 86_400_000
CARDS_AT_ONCE = 8

Told = Callable[[str, int, int], None]
"""Called with what is being made (`invites`, `units`, `cards` or `grants`), how many are done, and
how many there are."""


@struct
class _Noted:
    """Table `imports`, key `person/` and the list's id: who that is here, and how to come in."""

    member_id: MemberId
    secret_key: Bytes32
    expires_at: UnixMillis


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What carrying out a list would make; what is there already is not in it.

    Attributes:
        invites: people who get an invite.
        units: units that are opened, by their paths.
        cards: people whose card is written.
        grants: who is granted into which unit.
        known: people of the list who are members, or have an invite that is open.
    """

    invites: tuple[Employee, ...]
    units: tuple[Path, ...]
    cards: tuple[Employee, ...]
    grants: tuple[tuple[Employee, Path, UnitRole], ...]
    known: tuple[Employee, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """A person of the list, afterwards.

    Attributes:
        external_id: the list's own id.
        name: as in the list.
        member_id: who that is here.
        state: `invited`, `joined`, or `gone`: removed, or the invite was revoked.
        link: lets the person in, once; a secret. Empty unless `invited`.
        expires_at: until when.
    """

    external_id: str
    name: str
    member_id: MemberId
    state: str
    link: str
    expires_at: UnixMillis

    def __repr__(self) -> str:
        return f"Imported({self.member_id.hex()})"


class Onboarding:
    """Carries out a list, for an owner or admin. Get it from `Workspace.onboarding`."""

    def __init__(self, session: Session, units: Units) -> None:
        self._session = session
        self._units = units

    async def plan(self, staff: StaffList) -> Plan:
        """Return what carrying it out would make.

        Raises:
            UsageError: a unit of the list is known here more than once.
        """
        noted, paths = await self._noted(), self._paths()
        units = tuple(path for path in staff.units if path not in paths)
        known = tuple(one for one in staff.people if self._is_here(noted.get(one.external_id)))
        new = tuple(one for one in staff.people if one not in known)
        cards = tuple(
            one for one in staff.people if self._card(noted.get(one.external_id), one) is not None
        )
        grants = tuple(
            (one, place.path, place.role)
            for one in staff.people
            for place in one.places
            if self._lacks(paths.get(place.path), noted.get(one.external_id))
        )
        return Plan(invites=new, units=units, cards=cards, grants=grants, known=known)

    async def carry_out(
        self, staff: StaffList, *, days: int = 3, told: Told = lambda *_: None
    ) -> list[Imported]:
        """Make what is missing, and return everybody of the list with the links to hand out.

        Interrupted at any moment, it is called again with the same list.

        Args:
            staff: the list.
            days: for how long the links are good, 1 to 30.
            told: hears of the progress.

        Raises:
            ProtocolError: you have no right to it.
            ServerProblem, TransportError: something was not accepted; what was stays.
        """
        if not 1 <= days <= 30:
            raise UsageError("an invite is good for 1 to 30 days")
        await self._session.sync()
        await self._open_units(staff, told)
        await self._invite(staff, days, told)
        await self._write_cards(staff, told)
        await self._grant(staff, told)
        return await self._links(staff)

    # -------------------------------------------------------------- what is there

    async def _noted(self) -> dict[str, _Noted]:
        rows = await self._session.home.database.scan("imports", b"person/")
        return {key[7:].decode(): decode(_Noted, value) for key, value in rows}

    def _paths(self) -> dict[Path, UnitId]:
        """The units of the tree by their titles from the top down."""
        places = self._units.org()
        titles = {place.id: place for place in places}
        found = dict[Path, UnitId]()
        for place in places:
            path, at = list[str](), place
            while True:
                path.insert(0, at.title)
                if at.parent is None or at.parent not in titles or len(path) > len(places):
                    break
                at = titles[at.parent]
            if tuple(path) in found:
                raise UsageError(
                    "there are two units {unit}; give one of them another title first",
                    unit="/".join(path),
                )
            found[tuple(path)] = place.id
        return found

    def _is_here(self, noted: _Noted | None) -> bool:
        """Whether somebody is a member, was one, or has an invite that is good."""
        if noted is None:
            return False
        roster, now = self._session.known_roster, self._session.now()
        invite = roster.invite(noted.member_id)
        if invite is not None:
            return invite.expires_at > now
        # An invite that was never sent is known to nobody: it is sent now.
        return roster.was_ever_named(noted.member_id)

    def _lacks(self, unit_id: UnitId | None, noted: _Noted | None) -> bool:
        """Whether somebody has no grant; a role that was changed since stays as it is."""
        charter = self._session.charter(unit_id) if unit_id is not None else None
        if charter is None or noted is None:
            return True
        return charter.role_of(noted.member_id) is None

    def _card(self, noted: _Noted | None, one: Employee) -> Card | None:
        """The card that is to be written for somebody; a card that is there stays as it is."""
        session = self._session
        if noted is not None and noted.member_id in session.people.cards:
            return None
        return Card(
            version=PROTOCOL_VERSION,
            workspace_id=session.profile.workspace_id,
            member_id=noted.member_id if noted is not None else MemberId(bytes(16)),
            card_version=1,
            roster=session.known_roster.head,
            name=one.name,
            title=one.title,
            department=one.department,
            picture=None,
        )

    # -------------------------------------------------------------- making it

    async def _open_units(self, staff: StaffList, told: Told) -> None:
        paths = self._paths()
        missing = [path for path in staff.units if path not in paths]
        for n, path in enumerate(missing, 1):
            above = paths.get(path[:-1])
            parent = Unit(self._session, above) if above is not None else None
            paths[path] = (await self._units.create_unit(path[-1], parent=parent)).id
            told("units", n, len(missing))

    async def _invite(self, staff: StaffList, days: int, told: Told) -> None:
        session, noted = self._session, await self._noted()
        until = UnixMillis(session.now() + days * DAY_MS)
        new = [one for one in staff.people if not self._is_here(noted.get(one.external_id))]
        bodies, rows = list[Invite](), dict[tuple[str, bytes], bytes | None]()
        for one in new:
            before = noted.get(one.external_id)
            if before is None or session.known_roster.was_ever_named(before.member_id):
                secret, member_id = Secret(session.rng(32)), MemberId(session.rng(16))
            else:  # noted, and not sent any more
                secret, member_id = Secret(before.secret_key), before.member_id
            note = _Noted(member_id, secret, until)
            rows["imports", b"person/" + one.external_id.encode()] = encode(note)
            bodies.append(Invite(member_id, one.role, signature.public_of(secret), until))
        await session.save(rows)
        await ledgers.append_many_to_roster(
            session, bodies, told=lambda n: told("invites", n, len(bodies))
        )

    async def _write_cards(self, staff: StaffList, told: Told) -> None:
        noted = await self._noted()
        cards = [
            card
            for one in staff.people
            if (card := self._card(noted.get(one.external_id), one)) is not None
        ]
        await directory.write_cards(
            self._session,
            cards,
            at_once=CARDS_AT_ONCE,
            told=lambda n: told("cards", n, len(cards)),
        )

    async def _grant(self, staff: StaffList, told: Told) -> None:
        session, noted, paths = self._session, await self._noted(), self._paths()
        wanted = dict[UnitId, list[Grant]]()
        for one in staff.people:
            who = noted[one.external_id]
            if not (session.known_roster.member(who.member_id) or self._is_open(who)):
                continue  # removed meanwhile: the list does not bring anybody back
            for place in one.places:
                unit_id = paths[place.path]
                if self._lacks(unit_id, who):
                    wanted.setdefault(unit_id, []).append(Grant(who.member_id, place.role))
        total, done = sum(map(len, wanted.values())), 0

        def one_more() -> None:
            nonlocal done
            done += 1
            told("grants", done, total)

        async def grant(unit_id: UnitId, grants: Sequence[Grant]) -> None:
            async with session.turn(unit_id):
                await ledgers.append_many_to_charter(session, unit_id, grants, told=one_more)
                session.forget_who_had_no_keys(unit_id)
                if unit_id in session.units:
                    await patiently(partial(session.catch_up, unit_id))

        for unit_id, grants in wanted.items():
            await grant(unit_id, grants)
        if wanted:
            await patiently(partial(directory.publish_titles, session))

    def _is_open(self, who: _Noted) -> bool:
        invite = self._session.known_roster.invite(who.member_id)
        return invite is not None

    async def _links(self, staff: StaffList) -> list[Imported]:
        session, noted = self._session, await self._noted()
        profile, roster = session.profile, session.known_roster
        assert profile.directory_key is not None, "cards were just written"
        found = list[Imported]()
        for one in staff.people:
            who = noted[one.external_id]
            invite = roster.invite(who.member_id)
            link = ""
            if invite is not None:
                link = format_link(
                    InviteLink(
                        version=PROTOCOL_VERSION,
                        addresses=profile.addresses,
                        tls_pin=profile.tls_pin,
                        genesis=profile.genesis,
                        roster=roster.head,
                        member_id=who.member_id,
                        secret_key=who.secret_key,
                        directory_key=profile.directory_key,
                    )
                )
            found.append(
                Imported(
                    external_id=one.external_id,
                    name=one.name,
                    member_id=who.member_id,
                    state=(
                        "invited"
                        if invite is not None
                        else "joined"
                        if roster.member(who.member_id) is not None
                        else "gone"
                    ),
                    link=link,
                    expires_at=invite.expires_at if invite is not None else UnixMillis(0),
                )
            )
        return found
