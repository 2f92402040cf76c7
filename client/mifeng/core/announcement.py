"""Who has confirmed an announcement, and who has not (protocol.md, "Announcements").

Over exactly the people who could read it: the list in the announcement, which was held against the
tree when it arrived.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

from mifeng.content.documents import (
    Announcement,
    Confirmation,
    Document,
    Reminder,
    Statement,
    hash_statement,
)
from mifeng.core.entry import Entry
from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.ids import MemberId, UnixMillis

__all__ = ["Announced", "Confirmed"]


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A confirmation, and when the server accepted it."""

    statement: Statement
    at: UnixMillis


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """An announcement and its confirmations.

    Attributes:
        statement: as its author signed it.
        named: the hash by which confirmations name it.
        confirmed: by whom, in the order of the log.
        reminded: whom its author has reminded, and when last.
    """

    statement: Statement
    named: bytes
    confirmed: Mapping[MemberId, Confirmed] = field(default_factory=dict)
    reminded: Mapping[MemberId, UnixMillis] = field(default_factory=dict)

    @classmethod
    def of(cls, statement: Statement) -> Announced:
        """Nobody has confirmed it yet."""
        return cls(statement=statement, named=hash_statement(statement))

    @property
    def announcement(self) -> Announcement:
        body = self.statement.body
        assert isinstance(body, Announcement), "`of` is given announcements"
        return body

    @property
    def author(self) -> MemberId:
        return self.statement.tbs.member_id

    @property
    def asked(self) -> tuple[MemberId, ...]:
        """Who is to confirm: all who could read it but its author."""
        return tuple(who for who in self.announcement.readers if who != self.author)

    @property
    def missing(self) -> tuple[MemberId, ...]:
        """Who has not confirmed."""
        return tuple(who for who in self.asked if who not in self.confirmed)

    def take(self, document: Document, entry: Entry) -> Announced:
        """Return it with what answers it.

        Raises:
            ProtocolError: ANNOUNCE-n; TIMELINE-3: it is no answer to an announcement.
        """
        if isinstance(document, Statement) and isinstance(document.body, Confirmation):
            return self._confirm(document, entry)
        if isinstance(document, Reminder):
            if entry.author != self.author:
                raise ProtocolError("ANNOUNCE-3", "only its author reminds of an announcement")
            people = dict.fromkeys(document.people, entry.accepted_at)
            return dataclasses.replace(self, reminded={**self.reminded, **people})
        raise ProtocolError("TIMELINE-3", "this answers something else than what it names")

    def _confirm(self, statement: Statement, entry: Entry) -> Announced:
        if statement.tbs.subject != self.named:
            raise ProtocolError("ANNOUNCE-1", "this confirms another announcement than it names")
        if entry.author not in self.announcement.readers:
            raise ProtocolError("ANNOUNCE-2", "nobody confirms what he could not read")
        if entry.author in self.confirmed:
            return self
        given = Confirmed(statement, entry.accepted_at)
        return dataclasses.replace(self, confirmed={**self.confirmed, entry.author: given})
