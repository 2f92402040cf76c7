"""What of a content only those can judge who read it, at the moment in which it arrives.

Then the unit is as it was for the sender: its tree, its roles, its policy. What does not pass
stands in the timeline with its author and the rule, never its content (protocol.md, "Documents").
"""

from __future__ import annotations

from mifeng.content import Message, Origin, decode
from mifeng.content.documents import (
    MARK,
    Announcement,
    Document,
    HandedHistory,
    Poll,
    Statement,
    Template,
    UnitProfile,
    check_statement,
)
from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.gate import MAY_COMMENT, Ledgers, UnitView
from mifeng_crypto.ids import DeviceId, MemberId
from mifeng_crypto.ledger.charter_entry import UnitRole
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.log import Purpose

__all__ = ["check_arrival", "check_past_arrival", "own_message", "people_in"]

_MARK = MARK.encode()


def check_arrival(
    view: UnitView, content: bytes, *, purpose: Purpose, sender: MemberId, device_id: DeviceId
) -> Message | None:
    """Judge a content that the gate has let pass.

    Args:
        view: the unit before the message.
        content: what was encrypted.
        purpose: what it was sent as.
        sender: whose device signed it.
        device_id: that device.

    Returns:
        What it says, if it had to be looked at; most need not be.

    Raises:
        CodecError: it is malformed.
        ProtocolError: CONTENT-n.
    """
    if purpose is not Purpose.RESPONSE and _MARK not in content:
        return None
    origin = Origin(
        workspace_id=view.roster.workspace_id, unit_id=view.charter.unit_id, member_id=sender
    )
    message = decode(content, origin=origin)
    check_purpose(message, purpose)
    check_may_comment(view.ledgers, message, purpose, sender)
    document = message.document
    if isinstance(document, Statement):
        check_author(document, origin, device_id, view.roster)
    if document is not None:
        check_people(view, document)
        check_receivers(view.roster, document)
        check_right(view.ledgers, document, sender)
    return message


def check_past_arrival(
    ledgers: Ledgers, content: bytes, *, purpose: Purpose, sender: MemberId, device_id: DeviceId
) -> None:
    """The same for what was said before this device came in.

    All but CONTENT-7: the tree of that time is not known.

    Raises:
        CodecError: it is malformed.
        ProtocolError: CONTENT-n.
    """
    if purpose is not Purpose.RESPONSE and _MARK not in content:
        return
    roster = ledgers.roster
    origin = Origin(
        workspace_id=roster.workspace_id, unit_id=ledgers.charter.unit_id, member_id=sender
    )
    message = decode(content, origin=origin)
    check_purpose(message, purpose)
    check_may_comment(ledgers, message, purpose, sender)
    document = message.document
    if isinstance(document, Statement):
        check_author(document, origin, device_id, roster)
    if document is not None:
        check_right(ledgers, document, sender)


def own_message(view: UnitView, content: bytes, *, sender: MemberId) -> Message | None:
    """Read what this device has sent itself, where it is a document; that was checked before."""
    if _MARK not in content:
        return None
    origin = Origin(
        workspace_id=view.roster.workspace_id, unit_id=view.charter.unit_id, member_id=sender
    )
    return decode(content, origin=origin)


def people_in(view: UnitView) -> tuple[MemberId, ...]:
    """Return who is in the unit's tree, sorted: exactly those who can read what is sent now."""
    return tuple(sorted(view.standing.people))


def check_purpose(message: Message, purpose: Purpose) -> None:
    """CONTENT-4: what is sent as a response is one.

    Raises:
        ProtocolError: it is a post, by somebody who may only read.
    """
    if purpose is Purpose.RESPONSE and not (message.is_response or message.is_comment):
        raise ProtocolError(
            "CONTENT-4", "this was posted by somebody who may only read and react here"
        )


def check_may_comment(
    ledgers: Ledgers, message: Message, purpose: Purpose, sender: MemberId
) -> None:
    """CONTENT-9: whoever may not post comments where the policy says so.

    Raises:
        ProtocolError: it says otherwise.
    """
    if purpose is not Purpose.RESPONSE or not message.is_comment:
        return
    if ledgers.role_of(sender) not in MAY_COMMENT[ledgers.policy.posting]:
        raise ProtocolError("CONTENT-9", "comments are not open to everybody here")


def check_author(statement: Statement, origin: Origin, device_id: DeviceId, roster: Roster) -> None:
    """CONTENT-6: a statement is by the device that sends it, and of this unit.

    Raises:
        ProtocolError: it is another's, or was made for elsewhere.
    """
    tbs = statement.tbs
    if (tbs.unit_id, tbs.member_id, tbs.device_id) != (
        origin.unit_id,
        origin.member_id,
        device_id,
    ):
        raise ProtocolError("CONTENT-6", "a statement is by somebody else than its sender")
    check_statement(statement, roster)


def check_people(view: UnitView, document: Document) -> None:
    """CONTENT-7: the people that it names as its readers are those in the tree.

    Raises:
        ProtocolError: somebody is left out, or is named who could not read it.
    """
    named = listed_in(document)
    if named is not None and named != people_in(view):
        raise ProtocolError(
            "CONTENT-7", "the people whom this names as its readers are not those of the unit"
        )


def check_receivers(roster: Roster, document: Document) -> None:
    """HISTORY-1: a history is handed over to devices of whom it says that they are.

    Raises:
        ProtocolError: the roster never had such a device of this member.
    """
    if not isinstance(document, HandedHistory):
        return
    for one in document.receivers:
        device = roster.device_ever(one.device_id)
        if device is None or device.member_id != one.member_id:
            raise ProtocolError(
                "HISTORY-1", "a history is handed over to a device that nobody here has"
            )


def listed_in(document: Document | None) -> tuple[MemberId, ...] | None:
    """Return whom a document names as its readers, if it is of those that do."""
    match document.body if isinstance(document, Statement) else document:
        case Announcement() as body:
            return body.readers
        case Poll() as body:
            return body.voters
        case _:
            return None


def check_right(ledgers: Ledgers, document: Document, sender: MemberId) -> None:
    """CONTENT-8: what lays something down for the unit is by one of its managers.

    Raises:
        ProtocolError: it is not.
    """
    if not isinstance(document, UnitProfile | Template):
        return
    if ledgers.role_of(sender) is not UnitRole.MANAGER:
        raise ProtocolError("CONTENT-8", "only managers say what a unit is called and uses")
