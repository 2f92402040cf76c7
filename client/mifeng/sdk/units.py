"""The units of an open profile: those that this device is in, and those that it has a say in."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from mifeng.core import founding
from mifeng.core.calling import called
from mifeng.core.key_packages import DEFAULT_SUITE
from mifeng.core.org import Place, tree
from mifeng.core.search import Search
from mifeng.core.titles import is_in_the_tree
from mifeng.errors import NotFoundError
from mifeng.sdk.governed import Governed
from mifeng.sdk.unit import Unit
from mifeng.sdk.values import Person, person_from
from mifeng.session import Session, charters, delivery, directory
from mifeng_crypto.api import messages as m
from mifeng_crypto.errors import MifengError, UsageError
from mifeng_crypto.ids import PROTOCOL_VERSION, MemberId, UnitId, WorkspaceId
from mifeng_crypto.ledger.card import Card
from mifeng_crypto.ledger.charter_entry import UnitKind, UnitRole
from mifeng_crypto.ledger.head import EMPTY
from mifeng_crypto.ledger.policy import Policy, Posting

__all__ = ["OrgUnit", "Units"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrgUnit:
    """A unit in the tree.

    Where this device is not in it, `unit` is None, and what is said of it stood on its card when
    one of its managers or an admin signed that; without a card, `title` is empty.

    Attributes:
        id: which.
        depth: 0 for those at the top.
        parent: under which unit it stands.
        title: what it is called.
        managers: who manages it.
        people: how many are granted; None where that is not known.
        unit: the unit itself, where this device is in it.
    """

    id: UnitId
    depth: int
    parent: UnitId | None
    title: str
    managers: tuple[Person, ...]
    people: int | None
    unit: Unit | None


class Units:
    """The part of an open profile that is about units."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def units(self) -> list[Unit]:
        """Return the units that this device is or was in, by title."""
        found = (Unit(self._session, unit_id) for unit_id in self._session.units)
        return sorted(found, key=lambda unit: (unit.title.casefold(), unit.id))

    def unit(self, name: str) -> Unit:
        """Return the unit of this title or id, or that alone begins so.

        Raises:
            NotFoundError: there is none.
            UsageError: there is more than one.
        """
        found = called(name, self.units(), name=lambda u: u.title, id_of=lambda u: u.id)
        if not found:
            raise NotFoundError(
                "there is no unit {name} here; see `mifeng unit list`, or ask to be granted",
                name=name,
            )
        if len(found) > 1:
            raise UsageError(
                "{name} could be {n} units; write more of the title, or the id",
                name=name,
                n=len(found),
            )
        return found[0]

    async def create_unit(
        self,
        title: str,
        *,
        topic: str = "",
        kind: UnitKind = UnitKind.BUSINESS,
        parent: Governed | None = None,
        policy: Policy | None = None,
        cipher_suite: int = DEFAULT_SUITE,
    ) -> Unit:
        """Open a unit, with oneself as its first manager.

        Args:
            title: its name, which only its members see.
            topic: what it is about, likewise.
            kind: how it is governed. In a channel only publishers post, unless `policy` says else.
            parent: under which unit it stands in the tree.
            policy: what it goes by; None for the workspace's default.
            cipher_suite: for good; 0xF002 (X-Wing, the default), 0x0001 or 0x0003.

        Raises:
            ProtocolError: you have no right to it, or there is no such suite for units.
            ServerProblem, TransportError: as `Unit.send`.
        """
        if not title.strip():
            raise UsageError("a unit needs a title")
        if kind is UnitKind.DIRECT:
            raise UsageError("a unit of two is opened with the other person; see `direct`")
        return await self._open(
            title=title,
            topic=topic,
            kind=kind,
            parent=parent.id if parent else None,
            policy=policy,
            suite_id=cipher_suite,
        )

    async def direct(self, person: Person) -> Unit:
        """Return the unit of oneself and one other person; open it if there is none.

        Raises:
            UsageError: that is oneself.
            ProtocolError: you have no right to it.
            ServerProblem, TransportError: as `Unit.send`.
        """
        if person.id == self._session.profile.member_id:
            raise UsageError("a unit of two needs another person than yourself")
        for unit in self.units():
            peer = unit.peer
            if unit.is_member and not unit.is_closed and peer and peer.id == person.id:
                return unit
        unit = await self._open(kind=UnitKind.DIRECT, peer=person.id)
        session = self._session
        async with session.turn(unit.id):
            await delivery.bring_about(session, unit.id)
        return unit

    async def _open(
        self,
        *,
        kind: UnitKind,
        title: str = "",
        topic: str = "",
        parent: UnitId | None = None,
        peer: MemberId | None = None,
        policy: Policy | None = None,
        suite_id: int = DEFAULT_SUITE,
    ) -> Unit:
        session = self._session
        goes_by = policy or session.known_roster.default_policy
        if policy is None and kind is UnitKind.CHANNEL:
            goes_by = dataclasses.replace(goes_by, posting=Posting.PUBLISHERS)
        state, changes = founding.create(
            session.profile,
            session.known_roster,
            title=title,
            topic=topic,
            kind=kind,
            policy=goes_by,
            suite_id=suite_id,
            parent=parent,
            peer=peer,
            above=await charters.seen(session, parent),
            now=session.now(),
            rng=session.rng,
        )
        await session.save(changes)
        await delivery.create_unit(session, state)
        if is_in_the_tree(state.charter):
            await directory.publish_titles(session)
        return Unit(session, state.unit_id)

    async def managed(self) -> list[Governed]:
        """Return the units that this member has a say in without being in them.

        Raises:
            AccessEndedError: the server does not let this device in any longer.
            TransportError: it was not reached.
        """
        session = self._session
        with session.access():
            reply = await session.api.call("units", m.UnitsReply)
        await session.follow_roster()
        return [
            Governed(session, UnitId(unit_id))
            for unit_id in reply.others
            if await charters.seen(session, UnitId(unit_id)) is not None
        ]

    async def governed(self, name: str) -> Governed:
        """Return the unit that is meant, also one that this member has only a say in, by its id.

        Raises:
            NotFoundError: there is none.
            UsageError: there is more than one.
            AccessEndedError: this device is in it no longer, and has no say in it.
            MifengError: as `managed`.
        """
        wanted = name.lower()
        try:
            own = self.unit(name)
        except NotFoundError as err:
            nothing: MifengError = err
        else:
            if own.is_member:
                return own
            wanted, nothing = own.id.hex(), own.why_not_in()
        found = [u for u in await self.managed() if wanted and u.id.hex().startswith(wanted)]
        if len(found) != 1:
            raise nothing
        return found[0]

    def org(self, query: str | None = None) -> list[OrgUnit]:
        """Return the tree of units, each behind its parent; also those that this device is not in.

        Groups and direct units are no part of it, unless their charter says so.

        Args:
            query: characters, pinyin, initials or other beginnings of the words of titles: only the
                units that it finds, the likeliest first, on this device.
        """
        places = self._org()
        if query is None:
            return places
        named = {MemberId(place.id): place for place in places if place.title}
        return [named[found] for found in Search(map(_as_card, named.values())).find(query)]

    def _org(self) -> list[OrgUnit]:
        session = self._session
        units = {
            unit_id: unit
            for unit_id, state in session.units.items()
            if (unit := Unit(session, unit_id)).is_member and is_in_the_tree(state.charter)
        }
        cards = {unit_id: card for unit_id, card in session.titles.cards.items() if card.people}
        parents = {unit_id: card.parent for unit_id, card in cards.items()}
        parents |= {unit_id: session.units[unit_id].charter.parent for unit_id in units}

        def title(unit_id: UnitId) -> str:
            if unit_id in units:
                return units[unit_id].title
            return cards[unit_id].title if unit_id in cards else ""

        def order(unit_id: UnitId) -> str:  # what is not known comes last
            return f"{title(unit_id).casefold() or chr(0x10FFFF)}\0{unit_id.hex()}"

        return [
            self._org_unit(place, parents.get(place.unit_id), title(place.unit_id), units)
            for place in tree(parents, order)
        ]

    def _org_unit(
        self, place: Place, parent: UnitId | None, title: str, units: Mapping[UnitId, Unit]
    ) -> OrgUnit:
        session, unit = self._session, units.get(place.unit_id)
        card = session.titles.cards.get(place.unit_id)
        managers, people = tuple[Person, ...](), card.people if card else None
        if unit is not None:
            members = unit.members()
            managers = tuple(m.person for m in members if m.role is UnitRole.MANAGER)
            people = len(members)
        elif card is not None:
            roster = session.known_roster
            managers = tuple(
                person_from(m, session.people)
                for m in card.managers
                if roster.member(m) or roster.invite(m)
            )
        return OrgUnit(
            id=place.unit_id,
            depth=place.depth,
            parent=parent,
            title=title,
            managers=managers,
            people=people,
            unit=unit,
        )


def _as_card(place: OrgUnit) -> Card:
    """Titles are searched as names are: each unit as the card of somebody called so."""
    return Card(
        version=PROTOCOL_VERSION,
        workspace_id=WorkspaceId(bytes(16)),
        member_id=MemberId(place.id),
        card_version=1,
        roster=EMPTY,
        name=place.title,
        title="",
        department="",
        picture=None,
    )
