"""Approvals in a unit: request, decide, withdraw; templates; proofs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mifeng.content import Attachment
from mifeng.content.documents import (
    Decision,
    Form,
    Reminder,
    StatementBody,
    Template,
    UnitProfile,
    Withdrawal,
)
from mifeng.content.documents.approval import Rule, Step, Verdict
from mifeng.core.approval import Requested, Standing
from mifeng.core.forms import STANDARD, answers_of
from mifeng.core.proof import prove_approval
from mifeng.core.timeline import Line
from mifeng.sdk.people import Person
from mifeng.sdk.polling import Polling
from mifeng.sdk.talk import check_own
from mifeng.sdk.values import Message
from mifeng.transfer import Progress, no_progress
from mifeng_crypto.errors import UsageError
from mifeng_crypto.ledger.charter_entry import UnitRole

__all__ = ["Approving"]


class Approving(Polling):
    """What a unit's object has of approvals."""

    async def set_profile(
        self, *, title: str | None = None, topic: str | None = None, purpose: str = ""
    ) -> Message:
        """Say what the unit is called and about from here on; managers only.

        Args:
            title: None leaves it.
            topic: None leaves it.
            purpose: a longer text, in Markdown, for the message that says so.

        Raises:
            UsageError: you are no manager of it, or a text is too long or not printable.
            MifengError: as `send`.
        """
        self._check_manages()
        state = self._state
        profile = UnitProfile(
            title=state.title if title is None else title,
            topic=state.topic if topic is None else topic,
            purpose=purpose,
        )
        return await self.message(await self._say(profile))

    async def templates(self) -> dict[str, Template]:
        """Return the templates by name: `leave`, `expense`, `purchase`, `free`, and the unit's own.

        One of the unit's lives as long as its message; its managers post it again.
        """
        found = dict(STANDARD)
        for line in (await self._timeline()).lines():
            document = line.said.document if line.said else None
            if isinstance(document, Template):
                found[document.name] = document
        return found

    async def post_template(self, template: Template) -> Message:
        """Lay down a template for this unit; managers only.

        Raises:
            UsageError: you are no manager of the unit, or it exceeds a limit.
            MifengError: as `send`.
        """
        self._check_manages()
        return await self.message(await self._say(template))

    async def request(
        self,
        template: str,
        title: str,
        fields: Mapping[str, str],
        steps: Sequence[tuple[str, Sequence[Person]]],
        *paths: str | Path,
        brought: Sequence[Attachment] = (),
        progress: Progress = no_progress,
    ) -> Message:
        """Ask for an approval.

        Args:
            template: the name of one.
            title: one line.
            fields: what is filled in, by label: an amount as `CNY 12.50`, a range as
                `2026-01-30..2026-02-02`, a choice by its text, a person by member id, a file by the
                name of one of `paths`.
            steps: who decides, in order: (`one`, `all` or `any`, the people).
            paths: files that come with it.
            brought: more of them, from `bring`.
            progress: as `upload`.

        Raises:
            UsageError: there is no such template or field, a value is none, nobody decides, or
                the form exceeds a limit.
            MifengError: as `send`.
        """
        self.check_may_post()
        known = await self.templates()
        if template not in known:
            raise UsageError(
                "there is no template {name}; see `mifeng approval templates`", name=template
            )
        chain = tuple(_step(rule, people) for rule, people in steps) or known[template].steps
        if not chain:
            raise UsageError("name who decides: one step at least, of somebody else than yourself")
        names = [*(Path(path).name for path in paths), *(one.name for one in brought)]

        def filled(*digests: bytes) -> Form:
            files = dict(zip(names, digests, strict=True))
            answers = answers_of(known[template], fields, files)
            return Form(template, title, answers, chain, digests)

        # Before a byte of a file is sent: whether it would be taken.
        check_own(self._state_as(filled(*(bytes(32) for _ in names))))
        attachments = [*await self._upload_all(paths, progress), *brought]
        form = filled(*(attachment.digest for attachment in attachments))
        return await self.message(await self._say(self._state_as(form), *attachments))

    async def approve(self, message: Message | int, comment: str = "") -> Message:
        """Approve a request in the step that is due.

        Raises:
            UsageError: it is no request, or this member's decision is not due.
            MifengError: as `send`.
        """
        return await self._decide(message, Verdict.APPROVED, comment)

    async def reject(self, message: Message | int, comment: str = "") -> Message:
        """Reject a request; that ends it.

        Raises:
            MifengError: as `approve`.
        """
        return await self._decide(message, Verdict.REJECTED, comment)

    async def withdraw(self, message: Message | int) -> Message:
        """Take a request of one's own back while it is pending.

        Raises:
            UsageError: it is none, somebody else's, or was decided already.
            MifengError: as `send`.
        """
        line, state = await self._requested(message)
        if state.author != self._session.profile.member_id:
            raise UsageError("only who asked for it reminds or withdraws")
        if state.standing is not Standing.PENDING:
            raise UsageError("this form was decided or withdrawn already")
        return await self._answer(line, state, Withdrawal())

    async def remind(self, message: Message | int) -> Message:
        """Remind whoever has not confirmed an announcement, or whose decision on a request is due.

        The reminder says nothing of what it is about.

        Raises:
            UsageError: it is neither, is somebody else's, or nobody is waited for.
            MifengError: as `send`.
        """
        line, _ = await self._find(message)
        if not isinstance(line.state, Requested):
            return await super().remind(message)
        state = line.state
        if state.author != self._session.profile.member_id:
            raise UsageError("only who asked for it reminds or withdraws")
        if not state.waiting_for:
            raise UsageError("nobody is waited for; there is nobody to remind")
        await self._say(Reminder(state.waiting_for), to=line)
        return await self.message(line.sequence)

    async def export_approval(self, message: Message | int) -> bytes:
        """Return a file that proves who has decided what of which form.

        `mifeng verify-approval` checks it without server, profile or secret.

        Raises:
            UsageError: it is no request.
        """
        _, state = await self._requested(message)
        session = self._session
        roster = [entry for _, entry in await session.home.database.scan("roster")]
        people = {state.author, *(who for s in state.form.steps for who in s.approvers)}
        names = {who: session.people.name(who) for who in sorted(people)}
        return prove_approval(state, roster, names)

    # -------------------------------------------------------------- inside

    def _check_manages(self) -> None:
        role = self._state.charter.role_of(self._session.profile.member_id)
        if role is not UnitRole.MANAGER:
            raise UsageError("only managers say what a unit is called and uses")

    async def _decide(self, message: Message | int, verdict: Verdict, comment: str) -> Message:
        line, state = await self._requested(message)
        if self._session.profile.member_id not in state.waiting_for:
            raise UsageError("your decision on this is not due; see `mifeng approval list`")
        return await self._answer(line, state, Decision(state.step, verdict, comment))

    async def _answer(self, line: Line, state: Requested, body: StatementBody) -> Message:
        await self._say(self._state_as(body, state.named), to=line)
        return await self.message(line.sequence)

    async def _requested(self, message: Message | int) -> tuple[Line, Requested]:
        line, _ = await self._find(message)
        if not isinstance(line.state, Requested):
            raise UsageError("number {n} is no request", n=line.sequence)
        return line, line.state


def _step(rule: str, people: Sequence[Person]) -> Step:
    if rule.upper() not in Rule.__members__:
        raise UsageError("a step is one, all or any of some people, not {rule}", rule=rule)
    kind, approvers = Rule[rule.upper()], tuple(sorted({person.id for person in people}))
    if (len(approvers) == 1) is not (kind is Rule.ONE):
        raise UsageError("a step is of one person, or of all or any of two or more")
    return Step(kind, approvers)
