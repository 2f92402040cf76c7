"""The state of an approval (protocol.md, "Approvals"): the chain of steps, in the order of the log.

A decision counts if it is of somebody in the present step who has not decided there, on the hash of
this form. All others change nothing and are named: so decisions that cross come out the same on
every device.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from mifeng.content.documents import (
    Decision,
    Document,
    Form,
    Reminder,
    Statement,
    Withdrawal,
    hash_statement,
)
from mifeng.content.documents.approval import Rule, Verdict
from mifeng.core.entry import Entry
from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.ids import MemberId, UnixMillis

__all__ = ["Decided", "Requested", "Standing"]


class Standing(enum.Enum):
    """What has become of a request."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision or withdrawal that counted, and when the server accepted it."""

    statement: Statement
    at: UnixMillis

    @property
    def by(self) -> MemberId:
        return self.statement.tbs.member_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Requested:
    """A form and what was decided.

    Attributes:
        statement: the form as its author signed it.
        named: the hash by which decisions name it.
        standing: what has become of it.
        step: the step that is due, from 0 on; the number of steps once all are done.
        decided: what counted, in the order of the log.
        reminded: whom its author has reminded, and when last.
    """

    statement: Statement
    named: bytes
    standing: Standing = Standing.PENDING
    step: int = 0
    decided: tuple[Decided, ...] = ()
    reminded: Mapping[MemberId, UnixMillis] = field(default_factory=dict)

    @classmethod
    def of(cls, statement: Statement) -> Requested:
        """Nobody has decided anything yet."""
        return cls(statement=statement, named=hash_statement(statement))

    @property
    def form(self) -> Form:
        body = self.statement.body
        assert isinstance(body, Form), "`of` is given forms"
        return body

    @property
    def author(self) -> MemberId:
        return self.statement.tbs.member_id

    @property
    def waiting_for(self) -> tuple[MemberId, ...]:
        """Whose decision is due now."""
        if self.standing is not Standing.PENDING:
            return ()
        done = self.approved_in(self.step)
        return tuple(who for who in self.form.steps[self.step].approvers if who not in done)

    def take(self, document: Document, entry: Entry) -> Requested:
        """Return it with what answers it.

        Raises:
            ProtocolError: APPROVAL-n; TIMELINE-3: it is no answer to a form.
        """
        if isinstance(document, Reminder):
            if entry.author != self.author:
                raise ProtocolError("APPROVAL-6", "only who asked for it reminds or withdraws")
            people = dict.fromkeys(document.people, entry.accepted_at)
            return dataclasses.replace(self, reminded={**self.reminded, **people})
        if not isinstance(document, Statement):
            raise ProtocolError("TIMELINE-3", "this answers something else than what it names")
        return self.decide(document, entry.author, entry.accepted_at)

    def decide(self, statement: Statement, author: MemberId, at: UnixMillis) -> Requested:
        """Return it with a decision or withdrawal of this author.

        Raises:
            ProtocolError: APPROVAL-n; TIMELINE-3: it is neither.
        """
        body = statement.body
        if not isinstance(body, Decision | Withdrawal):
            raise ProtocolError("TIMELINE-3", "this answers something else than what it names")
        self._check_subject(statement)
        decided = (*self.decided, Decided(statement, at))
        if isinstance(body, Withdrawal):
            if author != self.author:
                raise ProtocolError("APPROVAL-6", "only who asked for it reminds or withdraws")
            return dataclasses.replace(self, standing=Standing.WITHDRAWN, decided=decided)
        self._check_turn(body, author)
        return _moved(dataclasses.replace(self, decided=decided), body)

    def _check_subject(self, statement: Statement) -> None:
        if statement.tbs.subject != self.named:
            raise ProtocolError("APPROVAL-1", "this decides another form than it names")
        if self.standing is not Standing.PENDING:
            raise ProtocolError("APPROVAL-2", "this form was decided or withdrawn already")

    def _check_turn(self, decision: Decision, author: MemberId) -> None:
        if decision.step != self.step:
            raise ProtocolError("APPROVAL-3", "this decision is out of turn")
        if author not in self.form.steps[self.step].approvers:
            raise ProtocolError("APPROVAL-4", "who decides here is not in this step")
        if author in self.approved_in(self.step):
            raise ProtocolError("APPROVAL-5", "the same person decides twice")

    def approved_in(self, step: int) -> set[MemberId]:
        """Who has decided in a step, and not rejected: or there would be no further one."""
        return {
            one.by
            for one in self.decided
            if isinstance(one.statement.body, Decision) and one.statement.body.step == step
        }


def _moved(request: Requested, decision: Decision) -> Requested:
    """Return it with the step that is due after a decision that counted."""
    if decision.verdict is Verdict.REJECTED:
        return dataclasses.replace(request, standing=Standing.REJECTED)
    step, approved = request.form.steps[request.step], request.approved_in(request.step)
    if step.rule is Rule.ALL and len(approved) < len(step.approvers):
        return request
    following = request.step + 1
    is_last = following == len(request.form.steps)
    standing = Standing.APPROVED if is_last else Standing.PENDING
    return dataclasses.replace(request, step=following, standing=standing)
