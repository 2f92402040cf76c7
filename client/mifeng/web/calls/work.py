"""Work in a unit: announcements, polls, requests for approval."""

from __future__ import annotations

import datetime as dt

import msgspec

from mifeng.content import printable
from mifeng.web.calls.table import Desk, Done, OfProfile, OfUnit, call
from mifeng.web.calls.timeline import OfLine
from mifeng.web.facts import MessageFacts, message_facts
from mifeng_crypto.errors import UsageError

__all__ = ["AnnounceReply"]


class AnnounceRequest(OfUnit, frozen=True, kw_only=True):
    """An announcement; `below` for the units below as well."""

    title: str
    text: str
    below: bool


class LeftOutFacts(msgspec.Struct, kw_only=True, frozen=True):
    """A unit below that it did not reach, and why."""

    title: str
    reason: str


class AnnounceReply(msgspec.Struct, kw_only=True, frozen=True):
    """In how many units it is, and where it is not."""

    posted: int
    left_out: list[LeftOutFacts]


@call
async def announce(desk: Desk, request: AnnounceRequest) -> AnnounceReply:
    """Post what everybody who can read it is to confirm."""
    me, unit = desk.me(request), desk.unit(request)
    if not request.below:
        await unit.announce(request.title, request.text)
        return AnnounceReply(posted=1, left_out=[])
    done = await me.announce(unit, request.title, request.text)
    return AnnounceReply(
        posted=len(done.posted),
        left_out=[
            LeftOutFacts(title=printable(place.title or place.id.hex()[:8]), reason=reason)
            for place, reason in done.left_out
        ],
    )


@call
async def confirm(desk: Desk, request: OfLine) -> Done:
    """Confirm that an announcement was read."""
    await desk.unit(request).confirm(request.sequence)
    return Done()


@call
async def remind(desk: Desk, request: OfLine) -> Done:
    """Remind those whose confirmation is missing, without a word of what it is about."""
    await desk.unit(request).remind(request.sequence)
    return Done()


class PollRequest(OfUnit, frozen=True, kw_only=True):
    """A question with two to fifty choices; `closes_at` is 0 for no end."""

    question: str
    choices: list[str]
    several: bool
    closes_at: int


class VoteRequest(OfLine, frozen=True, kw_only=True):
    """The places of the choices, from 1 on; none takes a vote back."""

    choices: list[int]


class FieldFacts(msgspec.Struct, kw_only=True, frozen=True):
    """A field of a form; its kind is the word of `FieldKind` in small letters."""

    label: str
    kind: str
    required: bool
    choices: list[str]


class TemplateFacts(msgspec.Struct, kw_only=True, frozen=True):
    """A form that can be filled in."""

    name: str
    fields: list[FieldFacts]


class TemplatesReply(msgspec.Struct, frozen=True):
    """The standard ones, and the unit's own."""

    templates: list[TemplateFacts]


class RequestRequest(OfUnit, frozen=True, kw_only=True):
    """A form, filled in by label, and who decides: one person after the other."""

    template: str
    title: str
    fields: dict[str, str]
    approvers: list[str]


class DecideRequest(OfLine, frozen=True, kw_only=True):
    """`approve`, `reject`, or, of a request of one's own, `withdraw`."""

    decision: str
    comment: str


class RequestsReply(msgspec.Struct, kw_only=True, frozen=True):
    """Requests that wait for one's own decision, and those that one has sent, newest first."""

    waiting: list[MessageFacts]
    mine: list[MessageFacts]


@call
async def ask_poll(desk: Desk, request: PollRequest) -> Done:
    """Ask everybody who is in the unit now."""
    closes = dt.datetime.fromtimestamp(request.closes_at / 1000, dt.UTC)
    await desk.unit(request).ask(
        request.question,
        *request.choices,
        several=request.several,
        closes_at=closes if request.closes_at else None,
    )
    return Done()


@call
async def vote(desk: Desk, request: VoteRequest) -> Done:
    """Vote; the last vote counts."""
    await desk.unit(request).vote(request.sequence, *request.choices)
    return Done()


@call
async def close_poll(desk: Desk, request: OfLine) -> Done:
    """End a poll of one's own."""
    await desk.unit(request).close_poll(request.sequence)
    return Done()


@call
async def templates(desk: Desk, request: OfUnit) -> TemplatesReply:
    """Return the forms that can be filled in here."""
    found = await desk.unit(request).templates()
    return TemplatesReply(
        [
            TemplateFacts(
                name=printable(one.name),
                fields=[
                    FieldFacts(
                        label=printable(field.label),
                        kind=field.kind.name.lower(),
                        required=bool(field.required),
                        choices=[printable(choice) for choice in field.choices],
                    )
                    for field in one.fields
                ],
            )
            for one in found.values()
        ]
    )


@call
async def request_approval(desk: Desk, request: RequestRequest) -> Done:
    """Ask for an approval."""
    me = desk.me(request)
    steps = [("one", [me.person(who)]) for who in request.approvers]
    await desk.unit(request).request(request.template, request.title, request.fields, steps)
    return Done()


@call
async def decide(desk: Desk, request: DecideRequest) -> Done:
    """Decide a request that waits for one, or take one's own back."""
    unit = desk.unit(request)
    match request.decision:
        case "approve":
            await unit.approve(request.sequence, request.comment)
        case "reject":
            await unit.reject(request.sequence, request.comment)
        case "withdraw":
            await unit.withdraw(request.sequence)
        case _:
            raise UsageError("a request is approved, rejected or withdrawn; choose one")
    return Done()


@call
async def requests(desk: Desk, request: OfProfile) -> RequestsReply:
    """Return what waits for one's own decision, and what one has sent."""
    me = desk.me(request)
    waiting, mine = await me.requests(), await me.requests(mine=True)
    return RequestsReply(
        waiting=[await message_facts(one.message, one.unit, me) for one in waiting],
        mine=[await message_facts(one.message, one.unit, me) for one in mine],
    )
