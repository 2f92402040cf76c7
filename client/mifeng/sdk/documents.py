"""Announcements, polls and approvals, as an application sees them. Plain values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mifeng.content.documents import (
    Decision,
    Exported,
    HandedHistory,
    Statement,
    Template,
    UnitProfile,
)
from mifeng.content.documents.approval import (
    Amount,
    Answer,
    Choice,
    Date,
    FileHash,
    Number,
    Passage,
    PersonId,
    Range,
    Verdict,
)
from mifeng.content.documents.poll import Choose
from mifeng.core.announcement import Announced
from mifeng.core.approval import Requested
from mifeng.core.poll import Polled
from mifeng.core.timeline import Line
from mifeng.sdk.people import Person
from mifeng_crypto.ids import DeviceId, MemberId, UnixMillis

__all__ = [
    "Announcement",
    "Approval",
    "ApprovalStep",
    "DecisionMade",
    "HandedOver",
    "Poll",
    "PollChoice",
    "Show",
    "handed_over_in",
    "notice_of",
    "show_announcement",
    "show_approval",
    "show_poll",
    "value_text",
]


@dataclass(frozen=True, slots=True)
class Show:
    """Whose eyes a document is read with, and when."""

    me: MemberId
    device_id: DeviceId
    person: Callable[[MemberId], Person]
    now: UnixMillis


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """An announcement that asks to be confirmed.

    Attributes:
        title, text: what it says; the text is Markdown.
        confirmed: who has, and when, in order.
        missing: who has not, of those who could read it.
        asks_me: whether this member is to confirm and has not.
        reminded_me: whether its author has reminded this member of it.
    """

    title: str
    text: str
    confirmed: tuple[tuple[Person, dt.datetime], ...]
    missing: tuple[Person, ...]
    asks_me: bool
    reminded_me: bool


@dataclass(frozen=True, slots=True)
class PollChoice:
    """A choice, and who has chosen it. Votes are open to all members."""

    text: str
    people: tuple[Person, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """A poll, as it stands.

    Attributes:
        question: what is asked.
        choices: with their votes.
        several: whether a vote may be for more than one.
        closes_at: from when on no vote counts; None if it says none.
        is_open: whether a vote counts now.
        voters: how many may vote: those who could read it.
        voted: how many have.
        mine: the places of this member's choices, from 1 on.
    """

    question: str
    choices: tuple[PollChoice, ...]
    several: bool
    closes_at: dt.datetime | None
    is_open: bool
    voters: int
    voted: int
    mine: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ApprovalStep:
    """A step: `one`, `all` or `any` of its people, and who has approved."""

    rule: str
    people: tuple[Person, ...]
    approved: tuple[Person, ...]


@dataclass(frozen=True, slots=True)
class DecisionMade:
    """What somebody has decided, and when: `approved`, `rejected` or `withdrawn`."""

    person: Person
    verdict: str
    comment: str
    time: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A request, and what has become of it.

    Attributes:
        template: what it was made from: `leave`, `expense`, `purchase`, `free` or a unit's own.
        title: what it is called.
        answers: label and value of each field, as text.
        steps: who decides, in order.
        step: the step that is due, from 1 on; the number of steps once all are done.
        standing: `pending`, `approved`, `rejected` or `withdrawn`.
        history: what was decided, in order.
        waiting_for: whose decision is due.
        waits_for_me: whether this member's is.
        reminded_me: whether its author has reminded this member of it.
    """

    template: str
    title: str
    answers: tuple[tuple[str, str], ...]
    steps: tuple[ApprovalStep, ...]
    step: int
    standing: str
    history: tuple[DecisionMade, ...]
    waiting_for: tuple[Person, ...]
    waits_for_me: bool
    reminded_me: bool


def _time(at: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(at / 1000, dt.UTC)


def show_announcement(state: Announced, show: Show) -> Announcement:
    """Show an announcement."""
    missing = state.missing
    return Announcement(
        title=state.announcement.title,
        text=state.announcement.text,
        confirmed=tuple((show.person(who), _time(c.at)) for who, c in state.confirmed.items()),
        missing=tuple(show.person(who) for who in missing),
        asks_me=show.me in missing,
        reminded_me=show.me in missing and show.me in state.reminded,
    )


def show_poll(state: Polled, show: Show) -> Poll:
    """Show a poll."""
    poll = state.poll
    choices = tuple(
        PollChoice(
            text, tuple(show.person(who) for who, places in state.votes.items() if n in places)
        )
        for n, text in enumerate(poll.choices)
    )
    return Poll(
        question=poll.question,
        choices=choices,
        several=poll.choose is Choose.SEVERAL,
        closes_at=_time(poll.closes_at) if poll.closes_at is not None else None,
        is_open=state.is_open(show.now),
        voters=len(poll.voters),
        voted=len(state.votes),
        mine=tuple(n + 1 for n in state.votes.get(show.me, ())),
    )


def show_approval(state: Requested, show: Show, files: Mapping[bytes, str]) -> Approval:
    """Show a request; `files` are the names of those that it shows, by their hash."""
    form = state.form
    steps = tuple(
        ApprovalStep(
            step.rule.name.lower(),
            tuple(show.person(who) for who in step.approvers),
            tuple(show.person(who) for who in step.approvers if who in state.approved_in(n)),
        )
        for n, step in enumerate(form.steps)
    )
    waiting_for = state.waiting_for
    return Approval(
        template=form.template,
        title=form.title,
        answers=tuple(
            (a.field.label, value_text(a, lambda who: show.person(who).name, files))
            for a in form.answers
        ),
        steps=steps,
        step=min(state.step + 1, len(steps)),
        standing=state.standing.value,
        history=tuple(
            DecisionMade(show.person(one.by), *_verdict(one.statement), _time(one.at))
            for one in state.decided
        ),
        waiting_for=tuple(show.person(who) for who in waiting_for),
        waits_for_me=show.me in waiting_for,
        reminded_me=show.me in waiting_for and show.me in state.reminded,
    )


def _verdict(statement: Statement) -> tuple[str, str]:
    body = statement.body
    if not isinstance(body, Decision):
        return "withdrawn", ""
    return "approved" if body.verdict is Verdict.APPROVED else "rejected", body.comment


def value_text(
    answer: Answer, name_of: Callable[[MemberId], str], files: Mapping[bytes, str]
) -> str:
    """Write what was filled in; `files` are the names of those that came with it, by their hash."""
    match answer.value:
        case Passage(text):
            return text
        case Number(number):
            return number
        case Amount(currency, number):
            return f"{currency} {number}"
        case Date(day):
            return day
        case Range(first, last):
            return f"{first} – {last}"
        case Choice(place):
            return answer.field.choices[place]
        case PersonId(member_id):
            return name_of(member_id)
        case FileHash(digest):
            return files.get(digest, digest.hex())
        case _:
            return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOver:
    """Somebody has handed over what was said before others, or own new devices, came in.

    Attributes:
        messages: how many, as the giver says.
        people: whose devices got them.
        is_for_this: whether this device is one of them.
    """

    messages: int
    people: tuple[Person, ...]
    is_for_this: bool


def handed_over_in(line: Line, show: Show) -> HandedOver | None:
    """Return what a line says was handed over, if it is one of those."""
    document = line.said.document if line.said else None
    if not isinstance(document, HandedHistory):
        return None
    members = dict.fromkeys(one.member_id for one in document.receivers)
    return HandedOver(
        messages=document.messages,
        people=tuple(show.person(member_id) for member_id in members),
        is_for_this=any(one.device_id == show.device_id for one in document.receivers),
    )


def notice_of(line: Line) -> str:
    """Return the word for a line that only tells of something: `exported`, `profile`, ..."""
    match line.said.document if line.said else None:
        case HandedHistory():
            return "history"
        case Exported():
            return "exported"
        case UnitProfile():
            return "profile"
        case Template():
            return "template"
        case _:
            return ""
