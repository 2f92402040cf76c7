"""Files that prove what was said, to anybody who knows the workspace (protocol.md, "Proofs").

A proof holds signed statements, and the roster by whose keys they verify: no secret, and nothing of
the unit but what was said. Names in it are those that its maker knew; they prove nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mifeng.content.documents import (
    Announcement,
    Confirmation,
    Decision,
    Form,
    Statement,
    check_statement,
    hash_statement,
)
from mifeng.content.documents.approval import Verdict
from mifeng.core.announcement import Announced
from mifeng.core.approval import Requested
from mifeng_crypto.errors import CodecError, ProtocolError, UsageError
from mifeng_crypto.ids import PROTOCOL_VERSION, MemberId, ProtocolVersion, UnixMillis
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.ledger.safety_number import number_of_workspace
from mifeng_crypto.tls import Opaque, Text, Vec, decode, encode, struct

__all__ = [
    "ApprovalProof",
    "ConfirmationsProof",
    "Proven",
    "ProvenApproval",
    "ProvenDecision",
    "prove_approval",
    "prove_confirmations",
    "verify_approval",
    "verify_confirmations",
]

MAGIC = b"mifeng confirmations\n"
APPROVAL_MAGIC = b"mifeng approval\n"


@struct
class Named:
    """How a member is called, as far as the maker of the proof knew."""

    member_id: MemberId
    name: Text


@struct
class ConfirmationsProof:
    """An announcement with its confirmations, behind MAGIC."""

    version: ProtocolVersion
    roster: Vec[Opaque]
    names: Vec[Named]
    announcement: Statement
    confirmations: Vec[Statement]


@contextlib.contextmanager
def reading() -> Iterator[None]:
    """Say of whatever is wrong with a file that it proves nothing, and which rule it breaks."""
    try:
        yield
    except ProtocolError as err:
        reason = str(err).removesuffix(f" [{err.rule}]")
        raise ProtocolError(
            err.rule, "this file was changed or damaged, and proves nothing: {what}", what=reason
        ) from err


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """What a proof proves.

    Attributes:
        workspace_number: 60 digits: whoever trusts them trusts the rest.
        announcement: what was announced.
        author: by whom.
        at: when, by its author's clock.
        confirmed: who has confirmed, and when, by each one's own clock.
        missing: who could read it and has not.
        names: how people are called; nobody has signed that.
    """

    workspace_number: str
    announcement: Announcement
    author: MemberId
    at: UnixMillis
    confirmed: tuple[tuple[MemberId, UnixMillis], ...]
    missing: tuple[MemberId, ...]
    names: Mapping[MemberId, str]


@struct
class ApprovalProof:
    """A form with the decisions that counted, in order, behind APPROVAL_MAGIC."""

    version: ProtocolVersion
    roster: Vec[Opaque]
    names: Vec[Named]
    form: Statement
    decided: Vec[Statement]


@dataclass(frozen=True, slots=True)
class ProvenDecision:
    """Who has decided what, and when by his own clock."""

    by: MemberId
    verdict: str
    comment: str
    at: UnixMillis


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenApproval:
    """What a proof of an approval proves; see `Proven`."""

    workspace_number: str
    form: Form
    author: MemberId
    at: UnixMillis
    standing: str
    history: tuple[ProvenDecision, ...]
    names: Mapping[MemberId, str]


def prove_confirmations(
    state: Announced, roster: Sequence[bytes], names: Mapping[MemberId, str]
) -> bytes:
    """Return the file that proves who has confirmed an announcement.

    Args:
        state: as folded out of the log.
        roster: all entries of the roster.
        names: of the people in it.
    """
    proof = ConfirmationsProof(
        version=PROTOCOL_VERSION,
        roster=tuple(roster),
        names=tuple(Named(who, name) for who, name in names.items()),
        announcement=state.statement,
        confirmations=tuple(one.statement for one in state.confirmed.values()),
    )
    return MAGIC + encode(proof)


@reading()
def verify_confirmations(data: bytes) -> Proven:
    """Check a proof by itself: without a server, a profile or a secret.

    Raises:
        UsageError: it is no such file.
        ProtocolError: CONTENT-n, ANNOUNCE-n, LEDGER-n, ...: it proves nothing; somebody changed it.
    """
    if not data.startswith(MAGIC):
        raise UsageError("this is no file of confirmations; export one with `mifeng confirmations`")
    try:
        proof = decode(ConfirmationsProof, data[len(MAGIC) :])
    except CodecError as err:
        raise ProtocolError("CONTENT-5", "the file is damaged") from err
    if proof.version != PROTOCOL_VERSION:
        raise UsageError("this file is of another version of mifeng; check it with that one")
    roster = Roster.from_entries(proof.roster)
    announcement = proof.announcement
    check_all((announcement, *proof.confirmations), roster)
    body = announcement.body
    if not isinstance(body, Announcement):
        raise ProtocolError("CONTENT-5", "the file is about no announcement")
    confirmed = dict[MemberId, UnixMillis]()
    for one in proof.confirmations:
        check_confirms(one, announcement)
        confirmed.setdefault(one.tbs.member_id, one.tbs.time)
    author = announcement.tbs.member_id
    return Proven(
        workspace_number=number_of_workspace(roster),
        announcement=body,
        author=author,
        at=announcement.tbs.time,
        confirmed=tuple(confirmed.items()),
        missing=tuple(who for who in body.readers if who not in confirmed and who != author),
        names={named.member_id: named.name for named in proof.names},
    )


def prove_approval(
    state: Requested, roster: Sequence[bytes], names: Mapping[MemberId, str]
) -> bytes:
    """Return the file that proves what was decided of a form. The arguments are as above."""
    proof = ApprovalProof(
        version=PROTOCOL_VERSION,
        roster=tuple(roster),
        names=tuple(Named(who, name) for who, name in names.items()),
        form=state.statement,
        decided=tuple(one.statement for one in state.decided),
    )
    return APPROVAL_MAGIC + encode(proof)


@reading()
def verify_approval(data: bytes) -> ProvenApproval:
    """Check a proof of an approval by itself.

    The decisions are gone through in their order, under the rules that every device goes by. That
    none is left out at the end, nobody can see: compare the standing with what the unit shows.

    Raises:
        UsageError: it is no such file.
        ProtocolError: CONTENT-n, APPROVAL-n, LEDGER-n, ...: it proves nothing.
    """
    if not data.startswith(APPROVAL_MAGIC):
        raise UsageError("this is no file of an approval; make one with `mifeng approval export`")
    try:
        proof = decode(ApprovalProof, data[len(APPROVAL_MAGIC) :])
    except CodecError as err:
        raise ProtocolError("CONTENT-5", "the file is damaged") from err
    if proof.version != PROTOCOL_VERSION:
        raise UsageError("this file is of another version of mifeng; check it with that one")
    roster, form = Roster.from_entries(proof.roster), proof.form
    check_all((form, *proof.decided), roster)
    if not isinstance(form.body, Form):
        raise ProtocolError("CONTENT-5", "the file is about no form")
    state = Requested.of(form)
    for one in proof.decided:
        if one.tbs.unit_id != form.tbs.unit_id:
            raise ProtocolError("APPROVAL-1", "this decides another form than it names")
        state = state.decide(one, one.tbs.member_id, one.tbs.time)
    return ProvenApproval(
        workspace_number=number_of_workspace(roster),
        form=form.body,
        author=form.tbs.member_id,
        at=form.tbs.time,
        standing=state.standing.value,
        history=tuple(_decision(one) for one in proof.decided),
        names={named.member_id: named.name for named in proof.names},
    )


def _decision(statement: Statement) -> ProvenDecision:
    body, tbs = statement.body, statement.tbs
    if not isinstance(body, Decision):
        return ProvenDecision(tbs.member_id, "withdrawn", "", tbs.time)
    verdict = "approved" if body.verdict is Verdict.APPROVED else "rejected"
    return ProvenDecision(tbs.member_id, verdict, body.comment, tbs.time)


def check_all(statements: Iterable[Statement], roster: Roster) -> None:
    """CONTENT-5 and CONTENT-6 for each.

    Raises:
        ProtocolError: one is not what it should be, or was not signed by whom it names.
    """
    for statement in statements:
        statement.check()
        check_statement(statement, roster)


def check_confirms(statement: Statement, announcement: Statement) -> None:
    """ANNOUNCE-1 and ANNOUNCE-2, and that it is of the same unit.

    Raises:
        ProtocolError: it confirms something else, or is by somebody who could not read it.
    """
    tbs, about = statement.tbs, announcement.tbs
    is_same = tbs.subject == hash_statement(announcement) and tbs.unit_id == about.unit_id
    if not isinstance(tbs.body, Confirmation) or not is_same:
        raise ProtocolError("ANNOUNCE-1", "this confirms another announcement than it names")
    assert isinstance(about.body, Announcement), "the caller has looked"
    if tbs.member_id not in about.body.readers:
        raise ProtocolError("ANNOUNCE-2", "nobody confirms what he could not read")
