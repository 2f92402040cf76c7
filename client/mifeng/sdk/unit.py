"""One unit, as an application sees it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from mifeng.core.rows import UnitStatus
from mifeng.errors import AccessEndedError, UnitClosedError
from mifeng.sdk.exporting import Exporting
from mifeng.sdk.grants import admissions
from mifeng.sdk.values import Membership, Person, person_from
from mifeng.session import delivery, ledgers, restart
from mifeng_crypto.api import messages as m
from mifeng_crypto.errors import UsageError
from mifeng_crypto.gate import identity_of
from mifeng_crypto.gate.message import MAY_COMMENT, MAY_POST
from mifeng_crypto.ids import MemberId, UnixMillis
from mifeng_crypto.ledger.charter import Charter
from mifeng_crypto.ledger.charter_entry import CharterBody, UnitKind, UnitRole
from mifeng_crypto.ledger.charter_rules import MAY_MANAGE, Standing
from mifeng_crypto.log import EntryKind, LogEntry
from mifeng_crypto.mls import group as mls
from mifeng_crypto.tls import decode

__all__ = ["Unit"]


class Unit(Exporting):
    """A unit that this device is in, or was. Get it from `Workspace.unit`."""

    @property
    def title(self) -> str:
        """What it is called; a direct unit by the other person."""
        peer = self.peer
        return self._state.title if peer is None else peer.name

    @property
    def peer(self) -> Person | None:
        """In a direct unit, the other person."""
        charter, me = self._charter, self._session.profile.member_id
        if charter.kind is not UnitKind.DIRECT:
            return None
        other = next(member_id for member_id in charter.members() if member_id != me)
        return person_from(other, self._session.people)

    @property
    def topic(self) -> str:
        return self._state.topic

    @property
    def epoch(self) -> int:
        """The MLS epoch; -1 once this device has left."""
        return self._state.epoch.public.epoch if self._state.epoch else -1

    @property
    def generation(self) -> int:
        """How often the unit was restarted, as far as this device has followed."""
        return self._state.generation

    @property
    def rotated_at(self) -> UnixMillis:
        """When its keys were made."""
        return self._state.rotated_at

    @property
    def role(self) -> UnitRole | None:
        """What oneself may do here."""
        return self._state.charter.role_of(self._session.profile.member_id)

    @property
    def sequence(self) -> int:
        """The last entry of the log that this device has applied."""
        return self._state.log.sequence

    @property
    def is_member(self) -> bool:
        """Whether this device is in, as far as it knows."""
        return self._state.status is UnitStatus.ACTIVE and not isinstance(
            self._session.troubles.get(self.id), AccessEndedError
        )

    @property
    def waiting(self) -> int:
        """How many messages have not reached the server yet."""
        return sum(not item.record.refused for item in self._state.outbox)

    @property
    def may_post(self) -> bool:
        """Whether one's role lets one write here, by the unit's policy."""
        is_open = self.is_member and not self.is_closed
        return is_open and self.role in MAY_POST[self.policy.posting]

    @property
    def may_comment(self) -> bool:
        """Whether one may at least write in threads here."""
        is_open = self.is_member and not self.is_closed
        return is_open and self.role in MAY_COMMENT[self.policy.posting]

    @property
    def may_govern(self) -> bool:
        """Whether one may let people in and take them out here."""
        roster, me = self._session.known_roster, self._session.profile.member_id
        member = roster.member(me)
        standings = {Standing[member.role.name]} if member else set[Standing]()
        if self.role is UnitRole.MANAGER:
            standings.add(Standing.UNIT_MANAGER)
        return self.is_member and not standings.isdisjoint(MAY_MANAGE[self.kind])

    @property
    def size(self) -> int:
        """How many people are granted, as `members` lists them."""
        return len(self._granted())

    async def admissions(self) -> dict[MemberId, tuple[Person, UnixMillis]]:
        """Return who let each of the members in, and when, as their signatures say."""
        found = await admissions(self._session, self.id)
        people = self._session.people
        return {who: (person_from(one.by, people), one.at) for who, one in found.items()}

    def members(self) -> list[Membership]:
        """Who is granted, in order of their first grant."""
        present: set[MemberId] = set()
        if self._state.epoch is not None:
            for _, leaf in self._state.epoch.public.leaves():
                present.add(identity_of(leaf).member_id)
        return [
            dataclasses.replace(membership, is_in=membership.person.id in present)
            for membership in super().members()
        ]

    # -------------------------------------------------------------- signing

    async def _sign(self, make: Callable[[Charter], CharterBody | None]) -> None:
        self.check_open()
        session = self._session
        async with session.turn(self.id):
            await ledgers.append_to_charter(session, self.id, make)
            session.forget_who_had_no_keys(self.id)
            await session.catch_up(self.id)
            await delivery.bring_about(session, self.id)

    async def restart(self) -> None:
        """Open the unit's next generation, where this one cannot go on; everybody is let in anew.

        Nothing is lost: what was said stays readable until its time is over. Managers may do so,
        also with a device that cannot go on itself; in a direct unit either of the two.

        Raises:
            UnitClosedError: it is over.
            UsageError: somebody has just done so.
            ProtocolError: you have no right to it.
            MifengError: as `send`.
        """
        if self.is_closed:
            raise UnitClosedError("{unit} is closed; create a new unit", unit=self.title)
        await restart.restart(self._session, self.id)

    # -------------------------------------------------------------- for audits

    async def raw_entry(self, sequence: int) -> bytes:
        """Fetch an entry of the log as the server has it: an encoded LogEntry.

        Raises:
            MifengError: as `send`.
        """
        reply = await self._session.api.call(
            "log",
            m.LogReply,
            path={"unit_id": self.id},
            query={"generation": self._state.generation, "after": sequence - 1, "limit": 1},
        )
        return reply.entries[0]

    def attempt(self, raw_entry: bytes) -> bytes:
        """Try to decrypt an entry that somebody handed over, with all keys that this device has.

        Nothing is saved, and nothing of it is shown by the other functions.

        Returns:
            The content, if the keys are there.

        Raises:
            UsageError: this device has no keys of this unit any longer.
            ProtocolError, CryptoError: it cannot be decrypted here.
        """
        entry = decode(LogEntry, raw_entry)
        if entry.header.kind is not EntryKind.MESSAGE:
            raise UsageError("this entry is no message; take another one")
        return mls.decrypt(self._state.active_epoch, entry.content).received.data
