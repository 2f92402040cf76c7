"""Documents: what people do at work, as structs with a media type each (protocol.md, "Documents").

statement.py     what is signed for good: the frame of the next two
announcement.py  announcements and their confirmations
approval.py      forms, steps, decisions
poll.py          questions and votes
history.py       what was said before somebody came in
notice.py        reminders, how far one has read, the unit's profile, exports
words.py         what a text in them may be

A media type names a struct and its version; another version is another type. What a type does not
name is shown as "needs a newer client".
"""

from __future__ import annotations

from mifeng.content.documents.announcement import Announcement, Confirmation
from mifeng.content.documents.approval import Decision, Form, Template, Withdrawal
from mifeng.content.documents.history import HandedHistory, HistoryReceiver
from mifeng.content.documents.notice import Exported, Reminder, Status, UnitProfile
from mifeng.content.documents.poll import ClosePoll, Poll, Vote
from mifeng.content.documents.statement import (
    Statement,
    StatementBody,
    StatementTBS,
    check_statement,
    hash_statement,
    sign_statement,
)
from mifeng.content.documents.words import malformed
from mifeng_crypto.errors import CodecError
from mifeng_crypto.tls import decode, encode

__all__ = [
    "MARK",
    "Announcement",
    "ClosePoll",
    "Confirmation",
    "Decision",
    "Document",
    "Exported",
    "Form",
    "HandedHistory",
    "HistoryReceiver",
    "Poll",
    "Reminder",
    "Statement",
    "StatementBody",
    "StatementTBS",
    "Status",
    "Template",
    "UnitProfile",
    "Vote",
    "Withdrawal",
    "check_statement",
    "decode_document",
    "encode_document",
    "hash_statement",
    "is_answer",
    "is_document",
    "sign_statement",
    "type_of",
]

MARK = "application/vnd.mifeng."
"""What the media types of documents begin with."""

Document = (
    Statement
    | Poll
    | Vote
    | ClosePoll
    | Template
    | Reminder
    | Status
    | UnitProfile
    | Exported
    | HandedHistory
)

_BODIES: dict[str, type] = {
    "announcement": Announcement,
    "confirmation": Confirmation,
    "form": Form,
    "decision": Decision,
    "withdrawal": Withdrawal,
    "poll": Poll,
    "vote": Vote,
    "close-poll": ClosePoll,
    "template": Template,
    "reminder": Reminder,
    "status": Status,
    "unit-profile": UnitProfile,
    "exported": Exported,
    "history": HandedHistory,
}
_STATEMENTS = (Announcement, Confirmation, Form, Decision, Withdrawal)
# What also a reader may send: it answers, or tells of oneself, and posts nothing.
_RESPONSES = (Confirmation, Decision, Withdrawal, Vote, Status, Exported, HandedHistory)


_TYPES = {f"{MARK}{name};version=1": body for name, body in _BODIES.items()}
_NAMES = {body: media_type for media_type, body in _TYPES.items()}


def type_of(document: Document) -> str:
    """Return a document's media type."""
    return _NAMES[type(_body(document))]


def is_document(media_type: str) -> bool:
    """Whether a media type is one of a document that this version knows."""
    return media_type in _TYPES


def is_answer(document: Document) -> bool:
    """Whether also somebody may send it who may only read."""
    return isinstance(_body(document), _RESPONSES)


def decode_document(media_type: str, data: bytes) -> Document:
    """Read a document.

    Raises:
        ProtocolError: CONTENT-5: it is not what its type says, or exceeds a limit.
    """
    body = _TYPES[media_type]
    cls: type[Document] = Statement if body in _STATEMENTS else body
    try:
        document = decode(cls, data)
    except CodecError as err:
        raise malformed(str(err)) from err
    if type_of(document) != media_type:
        raise malformed("it is of another kind than its type")
    document.check()
    return document


def _body(document: Document) -> object:
    return document.body if isinstance(document, Statement) else document


def encode_document(document: Document) -> bytes:
    """Return the bytes of a document.

    Raises:
        ProtocolError: CONTENT-5: it exceeds a limit.
    """
    document.check()
    return encode(document)
