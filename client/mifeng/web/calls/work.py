"""Work in a unit: announcements, polls, requests for approval."""

from __future__ import annotations

import base64
import datetime as dt

import msgspec

from mifeng.content import printable
from mifeng.core.forms import template_from
from mifeng.sdk.tables import approvals_csv
from mifeng.sdk.wording import words_of
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
    """A form that can be filled in; `words` say what its name, labels, choices are called here."""

    name: str
    words: dict[str, str]
    fields: list[FieldFacts]


class TemplatesReply(msgspec.Struct, frozen=True):
    """The standard ones, and the unit's own."""

    templates: list[TemplateFacts]


class StepRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`one`, `all` or `any` of these people."""

    rule: str
    people: list[str]


class RequestRequest(OfUnit, frozen=True, kw_only=True):
    """A form, filled in by label, and who decides, one step after the other.

    `files` are uploads that were only brought; a field that takes one names it by its name.
    """

    template: str
    title: str
    fields: dict[str, str]
    steps: list[StepRequest]
    files: list[str] = msgspec.field(default_factory=list)


class TemplateRequest(OfUnit, frozen=True, kw_only=True):
    """A form of the unit's own, for its managers to lay down."""

    name: str
    fields: list[FieldFacts]


class ExportRequest(OfProfile, frozen=True, kw_only=True):
    """Those of one's own, or those that wait for one."""

    mine: bool


class ExportReply(msgspec.Struct, frozen=True):
    """A file to be saved; `content` is base64."""

    name: str
    content: str


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
                words=words_of(one.name),
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
    steps = [(one.rule, [me.person(who) for who in one.people]) for one in request.steps]
    brought = [desk.uploads.find(request.profile, one).brought for one in request.files]
    await desk.unit(request).request(
        request.template, request.title, request.fields, steps, brought=brought
    )
    return Done()


@call
async def add_template(desk: Desk, request: TemplateRequest) -> Done:
    """Lay down a form for a unit."""
    facts = {
        "name": request.name,
        "fields": [msgspec.structs.asdict(field) for field in request.fields],
    }
    await desk.unit(request).post_template(template_from(facts))
    return Done()


@call
async def export_approval(desk: Desk, request: OfLine) -> ExportReply:
    """Return a file that proves who has decided what; `mifeng verify-approval` checks it."""
    proof = await desk.unit(request).export_approval(request.sequence)
    return _file(f"mifeng-approval-{request.sequence}.proof", proof)


@call
async def export_requests(desk: Desk, request: ExportRequest) -> ExportReply:
    """Return requests as a table for spreadsheets."""
    found = await desk.me(request).requests(mine=request.mine)
    table = approvals_csv(found)
    return _file("mifeng-requests.csv", table.encode("utf-8-sig"))


def _file(name: str, content: bytes) -> ExportReply:
    return ExportReply(name, base64.b64encode(content).decode())


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
