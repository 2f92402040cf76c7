"""A unit as its charter has it: what it is, who is granted, and what may be signed about that.

Whoever manages the unit above, owners and admins have a say in business units and channels without
being in them: they see the charter, and nothing of what is said there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from mifeng.sdk.values import Archive, Membership, Person, person_from
from mifeng.session import Session, ledgers
from mifeng_crypto.ids import MemberId, UnitId
from mifeng_crypto.ledger.charter import Charter, End
from mifeng_crypto.ledger.charter_entry import (
    CharterBody,
    Close,
    Closing,
    Grant,
    Revoke,
    SetPolicy,
    UnitKind,
    UnitRole,
)
from mifeng_crypto.ledger.policy import (
    Export,
    History,
    Keep,
    Policy,
    Posting,
    Receipts,
    Strict,
    check_policy,
)
from mifeng_crypto.ledger.roster_entry import MemberKind

__all__ = ["Governed"]


class Governed:
    """A unit that this device can see the charter of. Get it from `Workspace.governed`."""

    def __init__(self, session: Session, unit_id: UnitId) -> None:
        self._session = session
        self.id = unit_id

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id.hex()})"

    @property
    def _charter(self) -> Charter:
        charter = self._session.charter(self.id)
        assert charter is not None, "whoever hands out such an object has looked"
        return charter

    @property
    def title(self) -> str:
        """What it is called; empty where this device is not in it."""
        return ""

    @property
    def kind(self) -> UnitKind:
        return self._charter.kind

    @property
    def cipher_suite(self) -> int:
        """Which keys and ciphers its group uses, for good."""
        return self._charter.cipher_suite

    @property
    def parent(self) -> UnitId | None:
        """Under which unit it stands."""
        return self._charter.parent

    @property
    def policy(self) -> Policy:
        """What its charter lays down."""
        return self._charter.policy

    @property
    def end(self) -> End | None:
        """How it was closed; None while it is open."""
        return self._charter.end()

    @property
    def closed_by(self) -> Person | None:
        """Who closed it."""
        return person_from(self.end.by, self._session.people) if self.end else None

    @property
    def is_closed(self) -> bool:
        """Whether it is over: nothing is sent in it any more."""
        return self.end is not None

    @property
    def is_member(self) -> bool:
        """Whether this device is in, as far as it knows."""
        return False

    def members(self) -> list[Membership]:
        """Who is granted, in order of their first grant."""
        people, charter, found = self._session.people, self._charter, []
        for member_id in self._granted():
            role = charter.role_of(member_id)
            if role is not None:
                found.append(Membership(person_from(member_id, people), role, is_in=None))
        return found

    def _granted(self) -> list[MemberId]:
        """Who is granted. A grant outlives whoever has left the workspace; then it means nobody."""
        roster = self._session.known_roster
        return [
            member_id
            for member_id in self._charter.members()
            if roster.member(member_id) or roster.invite(member_id)
        ]

    def archives(self) -> list[Archive]:
        """Return the archives that read along here, or will: to be shown to everybody, always."""
        charter, people, roster = self._charter, self._session.people, self._session.known_roster
        return [
            Archive(person_from(member_id, people), since)
            for member_id in charter.members()
            if (since := charter.archived_from(member_id)) is not None and roster.member(member_id)
        ]

    # -------------------------------------------------------------- signing

    async def grant(self, person: Person, role: UnitRole | None = None) -> bool:
        """Let a person in, and commit so at once where their devices have KeyPackages.

        Args:
            person: who; somebody who is only invited too.
            role: as what; None for `reader` in a channel and `member` elsewhere, and for an archive
                `archive`: it reads from a day after, and everybody is shown that.

        Returns:
            Whether a device of theirs is in now, as far as this device can know; else it is let in
            when it has been online.

        Raises:
            ProtocolError: you have no right to it.
            MifengError: as `Unit.send`.
        """
        wanted = role or self._usual_role(person)
        await self._sign(
            lambda charter: (
                None if charter.role_of(person.id) is wanted else Grant(person.id, wanted)
            )
        )
        return any(m.is_in for m in self.members() if m.person.id == person.id)

    def _usual_role(self, person: Person) -> UnitRole:
        member = self._session.known_roster.member(person.id)
        if member is not None and member.kind is MemberKind.ARCHIVE:
            return UnitRole.ARCHIVE
        return UnitRole.READER if self.kind is UnitKind.CHANNEL else UnitRole.MEMBER

    async def revoke(self, person: Person) -> None:
        """Take a person out, and commit so at once: what follows they cannot read.

        Raises:
            ProtocolError: you have no right to it.
            MifengError: as `Unit.send`.
        """
        await self._sign(lambda charter: Revoke(person.id) if charter.role_of(person.id) else None)

    async def set_policy(
        self,
        *,
        cap: int | None = None,
        key_lifetime_s: int | None = None,
        retention_s: int | None = None,
        posting: Posting | None = None,
        history: History | None = None,
        keep: Keep | None = None,
        strict: Strict | None = None,
        receipts: Receipts | None = None,
        export: Export | None = None,
    ) -> Policy:
        """Change what the unit goes by from here on; None leaves a value as it is.

        What was accepted before keeps the deadline that it was given. A lower cap turns nobody out.

        Raises:
            ProtocolError: POLICY-1: a value out of its bounds; or you have no right to it.
            MifengError: as `Unit.send`.
        """
        changes: dict[str, Any] = {
            name: value
            for name, value in {
                "cap": cap,
                "key_lifetime_s": key_lifetime_s,
                "retention_s": retention_s,
                "posting": posting,
                "history": history,
                "keep": keep,
                "strict": strict,
                "receipts": receipts,
                "export": export,
            }.items()
            if value is not None
        }

        def make(charter: Charter) -> SetPolicy | None:
            policy = dataclasses.replace(charter.policy, **changes)
            check_policy(policy)
            return None if policy == charter.policy else SetPolicy(policy)

        await self._sign(make)
        return self.policy

    async def close(self, *, delete: bool = False) -> None:
        """End the unit, for good: nothing is sent in it any more, and nothing more is signed.

        What is live stays readable until its deadline. An owner or admin may have it deleted at
        once instead, at the server and on every device that hears of it.

        Raises:
            ProtocolError: you have no right to it.
            MifengError: as `Unit.send`.
        """
        closing = Closing.DELETES if delete else Closing.KEEPS
        await self._sign(lambda charter: None if charter.is_closed() else Close(closing))

    async def _sign(self, make: Callable[[Charter], CharterBody | None]) -> None:
        async with self._session.turn(self.id):
            await ledgers.append_to_charter(self._session, self.id, make)
