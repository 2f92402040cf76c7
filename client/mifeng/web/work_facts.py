"""What the page is told of announcements, polls and requests; see `mifeng.sdk.documents`."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import msgspec

from mifeng.content import printable
from mifeng.sdk.wording import label_of, standing_word
from mifeng.web.person_facts import PersonFacts, person_facts

if TYPE_CHECKING:
    from mifeng import Workspace
    from mifeng.sdk.documents import Announcement, Approval, Poll

__all__ = [
    "AnnouncementFacts",
    "ApprovalFacts",
    "PollFacts",
    "announcement_facts",
    "approval_facts",
    "poll_facts",
]


class ConfirmedFacts(msgspec.Struct, kw_only=True, frozen=True):
    """Who has confirmed an announcement, and when."""

    person: PersonFacts
    at: int


class AnnouncementFacts(msgspec.Struct, kw_only=True, frozen=True):
    """An announcement, who has confirmed it, and who of those who could read it has not."""

    title: str
    text: str
    confirmed: list[ConfirmedFacts]
    missing: list[PersonFacts]
    asks_me: bool
    reminded_me: bool


class ChoiceFacts(msgspec.Struct, kw_only=True, frozen=True):
    """A choice, and who has chosen it."""

    text: str
    people: list[PersonFacts]


class PollFacts(msgspec.Struct, kw_only=True, frozen=True):
    """A poll as it stands; `mine` are the places of one's own choices, from 1 on."""

    question: str
    choices: list[ChoiceFacts]
    several: bool
    closes_at: int
    is_open: bool
    voters: int
    voted: int
    mine: list[int]


class StepFacts(msgspec.Struct, kw_only=True, frozen=True):
    """A step: `one`, `all` or `any` of its people."""

    rule: str
    people: list[PersonFacts]
    approved: list[PersonFacts]


class DecisionFacts(msgspec.Struct, kw_only=True, frozen=True):
    """What somebody has decided, in words, and when."""

    person: PersonFacts
    verdict: str
    comment: str
    at: int


class AnswerFacts(msgspec.Struct, kw_only=True, frozen=True):
    """A field of a form, as text."""

    label: str
    value: str


class ApprovalFacts(msgspec.Struct, kw_only=True, frozen=True):
    """A request, and what has become of it; `told` is its `standing` in words."""

    template: str
    title: str
    answers: list[AnswerFacts]
    steps: list[StepFacts]
    step: int
    standing: str
    told: str
    history: list[DecisionFacts]
    waits_for_me: bool
    reminded_me: bool


def announcement_facts(shown: Announcement, me: Workspace) -> AnnouncementFacts:
    """Say what is to be shown of an announcement."""
    return AnnouncementFacts(
        title=printable(shown.title),
        text=printable(shown.text, lines=True),
        confirmed=[
            ConfirmedFacts(person=person_facts(who, me), at=_millis(at))
            for who, at in shown.confirmed
        ],
        missing=[person_facts(who, me) for who in shown.missing],
        asks_me=shown.asks_me,
        reminded_me=shown.reminded_me,
    )


def poll_facts(shown: Poll, me: Workspace) -> PollFacts:
    """Say what is to be shown of a poll."""
    return PollFacts(
        question=printable(shown.question),
        choices=[
            ChoiceFacts(
                text=printable(one.text), people=[person_facts(who, me) for who in one.people]
            )
            for one in shown.choices
        ],
        several=shown.several,
        closes_at=_millis(shown.closes_at) if shown.closes_at else 0,
        is_open=shown.is_open,
        voters=shown.voters,
        voted=shown.voted,
        mine=list(shown.mine),
    )


def approval_facts(shown: Approval, me: Workspace) -> ApprovalFacts:
    """Say what is to be shown of a request."""
    return ApprovalFacts(
        template=printable(shown.template),
        title=printable(shown.title),
        answers=[
            AnswerFacts(label=printable(label), value=printable(value, lines=True))
            for label, value in (label_of(shown.template, *answer) for answer in shown.answers)
        ],
        steps=[
            StepFacts(
                rule=step.rule,
                people=[person_facts(who, me) for who in step.people],
                approved=[person_facts(who, me) for who in step.approved],
            )
            for step in shown.steps
        ],
        step=shown.step,
        standing=shown.standing,
        told=standing_word(shown.standing),
        history=[
            DecisionFacts(
                person=person_facts(one.person, me),
                verdict=standing_word(one.verdict),
                comment=printable(one.comment, lines=True),
                at=_millis(one.time),
            )
            for one in shown.history
        ],
        waits_for_me=shown.waits_for_me,
        reminded_me=shown.reminded_me,
    )


def _millis(time: dt.datetime) -> int:
    return round(time.timestamp() * 1000)
