"""What a person says for good: signed by a device, and verified by whoever has the roster.

A message is authentic to those who receive it. A statement is that to anybody it is shown to later,
without a key of the unit: so who has confirmed or approved what can be exported and checked.
"""

from __future__ import annotations

from mifeng.content.documents.announcement import Announcement, Confirmation
from mifeng.content.documents.approval import Decision, Form, Withdrawal
from mifeng.content.documents.words import malformed
from mifeng_crypto.errors import CryptoError, ProtocolError
from mifeng_crypto.ids import (
    PROTOCOL_VERSION,
    DeviceId,
    MemberId,
    ProtocolVersion,
    UnitId,
    UnixMillis,
    WorkspaceId,
)
from mifeng_crypto.labels import hash_mifeng, sign_mifeng, verify_mifeng
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.tls import Bytes32, Opaque, encode, struct

__all__ = [
    "Statement",
    "StatementBody",
    "StatementTBS",
    "check_statement",
    "hash_statement",
    "sign_statement",
]

LABEL = "Statement"

StatementBody = Announcement | Confirmation | Form | Decision | Withdrawal


@struct
class StatementTBS:
    """What is signed. `subject` is the hash of the statement that it answers."""

    version: ProtocolVersion
    workspace_id: WorkspaceId
    unit_id: UnitId
    member_id: MemberId
    device_id: DeviceId
    time: UnixMillis
    subject: Bytes32 | None
    body: Announcement | Confirmation | Form | Decision | Withdrawal


@struct
class Statement:
    """A body, and its author's signature."""

    tbs: StatementTBS
    signature: Opaque

    @property
    def body(self) -> StatementBody:
        return self.tbs.body

    def check(self) -> None:
        """CONTENT-5: its body's; and what answers has a subject, what begins has none.

        Raises:
            ProtocolError: it is not so.
        """
        begins = isinstance(self.tbs.body, Announcement | Form)
        if self.tbs.version != PROTOCOL_VERSION or begins != (self.tbs.subject is None):
            raise malformed("a statement answers one statement, or begins")
        body = self.tbs.body
        if isinstance(body, Form) and any(self.tbs.member_id in s.approvers for s in body.steps):
            raise malformed("nobody approves his own form")
        self.tbs.body.check()


def sign_statement(tbs: StatementTBS, signing_key: bytes) -> Statement:
    """Sign with a device's key."""
    return Statement(tbs, sign_mifeng(signing_key, LABEL, encode(tbs)))


def hash_statement(statement: Statement) -> bytes:
    """Return the hash by which others name it as their subject."""
    return hash_mifeng(LABEL, encode(statement))


def check_statement(statement: Statement, roster: Roster) -> None:
    """CONTENT-6: a device signed it that the roster has, or had, for its member.

    Raises:
        ProtocolError: nobody of this workspace said so.
    """
    tbs = statement.tbs
    device = roster.device_ever(tbs.device_id)
    if (
        device is None
        or device.member_id != tbs.member_id
        or (roster.workspace_id != tbs.workspace_id)
    ):
        raise ProtocolError("CONTENT-6", "a statement is by a device that the roster does not have")
    try:
        verify_mifeng(device.signature_key, LABEL, encode(tbs), statement.signature)
    except CryptoError:
        raise ProtocolError(
            "CONTENT-6", "a statement was changed, or is not by whom it names"
        ) from None
