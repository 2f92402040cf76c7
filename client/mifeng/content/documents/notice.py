"""Short documents: a reminder, how far one has read, what the unit is called, an export.

None of them has anything in it that is not needed to say just that (protocol.md, "Notices").
"""

from __future__ import annotations

from mifeng.content.documents.words import (
    check_count,
    check_line,
    check_sorted,
    check_text,
    malformed,
)
from mifeng_crypto.ids import MemberId
from mifeng_crypto.tls import Text, UInt64, Vec, struct

__all__ = ["Exported", "Reminder", "Status", "UnitProfile"]

MAX_PEOPLE = 1000


@struct
class Reminder:
    """Asks people for what the message that it answers asks of them; it says nothing of that."""

    people: Vec[MemberId]

    def check(self) -> None:
        """CONTENT-5.

        Raises:
            ProtocolError: there are none, too many, or one twice.
        """
        check_count(self.people, 1, MAX_PEOPLE)
        check_sorted(self.people)


@struct
class Status:
    """How far this member has got in the unit's log: received, and read. Never back."""

    delivered: UInt64
    read: UInt64

    def check(self) -> None:
        """CONTENT-5.

        Raises:
            ProtocolError: more was read than received.
        """
        if self.read > self.delivered:
            raise malformed("nobody reads what he has not received")


@struct
class UnitProfile:
    """What the unit is called and about from here on; `purpose` is a longer text, in Markdown."""

    title: Text
    topic: Text
    purpose: Text

    def check(self) -> None:
        """CONTENT-5.

        Raises:
            ProtocolError: a text is too long, or missing.
        """
        check_line(self.title)
        check_line(self.topic, empty=True)
        check_text(self.purpose)


@struct
class Exported:
    """Its sender has exported what can be read here."""

    def check(self) -> None:
        """There is nothing in it."""
