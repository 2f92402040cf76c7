"""What was said, a page at a time; saying something, and what one does with what was said."""

from __future__ import annotations

import asyncio
import bisect

import msgspec

from mifeng import Message, Unit, Workspace
from mifeng.text import explain
from mifeng.web.calls.table import Desk, Done, OfUnit, call
from mifeng.web.facts import MessageFacts, is_shown, message_facts
from mifeng.web.keeper import DRAWN_S
from mifeng.web.unread import AT_FIRST, LOOKED_BACK
from mifeng_crypto.errors import TransportError, UsageError

__all__ = ["TimelineReply", "TimelineRequest"]

PAGE = 60


class TimelineRequest(OfUnit, frozen=True, kw_only=True):
    """A page of a unit: before a sequence, behind one, around one, or around a time (ms).

    With none of them: the newest page.
    """

    before: int | None = None
    after: int | None = None
    around: int | None = None
    at: int | None = None


class UnsentFacts(msgspec.Struct, frozen=True):
    """What the server does not take, and why: in the reader's language."""

    number: int
    text: str
    why: str


class TimelineReply(msgspec.Struct, kw_only=True, frozen=True):
    """Lines in order; whether there are others on either side; what has not been sent yet, and
    what the server has refused.
    """

    entries: list[MessageFacts]
    more_before: bool
    more_after: bool
    waiting: list[MessageFacts]
    unsent: list[UnsentFacts]


class OfUnsent(OfUnit, frozen=True, kw_only=True):
    """What was refused, by its number."""

    number: int


class OfLine(OfUnit, frozen=True, kw_only=True):
    """A line, by its sequence."""

    sequence: int


class ThreadReply(msgspec.Struct, frozen=True):
    """The message that began it, and all that answers it."""

    entries: list[MessageFacts]


class MentionFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A text has `shown` where it calls this person."""

    shown: str
    person: str


class SendRequest(OfUnit, frozen=True, kw_only=True):
    """A text, in Markdown; `reply_to` and `thread` are sequences, or 0."""

    text: str
    mentions: list[MentionFacts] = msgspec.field(default_factory=list)
    reply_to: int = 0
    thread: int = 0


class EditRequest(OfLine, frozen=True, kw_only=True):
    """Another text for a message of one's own."""

    text: str
    mentions: list[MentionFacts] = msgspec.field(default_factory=list)


class ReactRequest(OfLine, frozen=True, kw_only=True):
    """An emoji, or a short word."""

    emoji: str


class OfDraft(OfUnit, frozen=True, kw_only=True):
    """What was begun in a unit; or in a thread of it, by its first message's sequence."""

    thread: int


class KeepDraftRequest(OfDraft, frozen=True, kw_only=True):
    """How far one has come; empty once it was sent."""

    text: str


class DraftReply(msgspec.Struct, frozen=True):
    """What was begun; empty for nothing."""

    text: str


class SendReply(msgspec.Struct, frozen=True):
    """Where it stands; 0 while it waits for the server."""

    sequence: int


@call
async def timeline(desk: Desk, request: TimelineRequest) -> TimelineReply:
    """Return a page of a unit's timeline, and from then on push what changes in it."""
    me, unit = desk.me(request), desk.unit(request)
    if request.before is request.after is request.at is None:
        lines, is_whole = await unit.newest(LOOKED_BACK if request.around else AT_FIRST)
        start = _start_of_page(lines, request.around)
        if not is_whole and start > 0:
            return await _at_once(desk, request, lines, start)
    desk.keeper(request).follow_unit(unit)
    return await _whole(me, unit, request)


def _start_of_page(lines: list[Message], around: int | None) -> int:
    """Where in the newest lines a page begins; 0 where they are too few for it."""
    end = len(lines)
    if around is not None:
        end = bisect.bisect_left(lines, around, key=lambda line: line.sequence) + PAGE // 2
    return max(min(end, len(lines)) - PAGE, 0)


async def _at_once(
    desk: Desk, request: TimelineRequest, lines: list[Message], start: int
) -> TimelineReply:
    """Return a page before the unit is read to its beginning, which goes on beside."""
    me, unit = desk.me(request), desk.unit(request)
    known = {line.sequence: line for line in lines}
    page = lines[start : start + PAGE]
    is_end = start + PAGE >= len(lines)
    entries = [await message_facts(one, unit, me, known=known) for one in page if is_shown(one)]

    async def read_on() -> None:
        await asyncio.sleep(DRAWN_S)
        if not desk.keeper(request).is_open:
            return
        desk.keeper(request).follow_unit(unit)
        # What has come meanwhile as well: the unit's lines are pushed only from here on.
        first = None if is_end else len(page)
        whole = await unit.timeline(after=page[0].sequence - 1, first=first)
        if [await message_facts(one, unit, me) for one in whole if is_shown(one)] != entries:
            desk.house.tell(request.profile, "renewed", {"unit": request.unit})

    desk.house.errand(read_on())
    return TimelineReply(
        entries=entries,
        more_before=True,
        more_after=not is_end,
        waiting=[await message_facts(one, unit, me, known=known) for one in unit.outgoing()],
        unsent=_unsent(unit),
    )


async def _whole(me: Workspace, unit: Unit, request: TimelineRequest) -> TimelineReply:
    found = await _page(unit, request)
    first, last = (found[0].sequence, found[-1].sequence) if found else (0, unit.sequence)
    return TimelineReply(
        entries=[await message_facts(one, unit, me) for one in found if is_shown(one)],
        more_before=bool(await unit.timeline(last=1, before=first)) if found else False,
        more_after=bool(await unit.timeline(first=1, after=last)) if found else False,
        waiting=[await message_facts(one, unit, me) for one in unit.outgoing()],
        unsent=_unsent(unit),
    )


async def _page(unit: Unit, request: TimelineRequest) -> list[Message]:
    if request.after is not None:
        return await _filled(unit, after=request.after)
    if request.before is not None:
        return await _filled(unit, before=request.before)
    middle = request.around
    if request.at is not None:
        middle = await _sequence_at(unit, request.at)
    if middle is None:
        return await _filled(unit, before=unit.sequence + 1)
    above = await unit.timeline(last=PAGE // 2, before=middle)
    return above + await unit.timeline(first=PAGE // 2, after=middle - 1)


async def _filled(unit: Unit, *, before: int = 0, after: int = 0) -> list[Message]:
    """A page on one side; where nothing in it is shown (changes of keys), the next ones, too."""
    found = list[Message]()
    while sum(map(is_shown, found)) < PAGE // 2:
        more = (
            await unit.timeline(last=PAGE, before=found[0].sequence if found else before)
            if before
            else await unit.timeline(first=PAGE, after=found[-1].sequence if found else after)
        )
        if not more:
            break
        found = more + found if before else found + more
    return found


async def _sequence_at(unit: Unit, at: int) -> int:
    """Return the first line that was accepted at or after a time, by halving."""
    earliest = await unit.timeline(first=1)
    low, high = (earliest[0].sequence if earliest else 1), unit.sequence
    while low < high:
        middle = (low + high) // 2
        found = await unit.timeline(after=middle - 1, first=1)
        if found and found[0].time.timestamp() * 1000 < at:
            low = found[0].sequence + 1
        else:
            high = middle
    return low


@call
async def thread(desk: Desk, request: OfLine) -> ThreadReply:
    """Return a message and all that answers it or belongs to its thread."""
    me, unit = desk.me(request), desk.unit(request)
    found = await unit.thread(request.sequence)
    return ThreadReply([await message_facts(one, unit, me) for one in found])


@call
async def send(desk: Desk, request: SendRequest) -> SendReply:
    """Send a text. Without a server it waits, and goes out by itself."""
    me, unit = desk.me(request), desk.unit(request)
    text = _with_mentions(request.text, request.mentions, unit, me)
    try:
        sent = await unit.send(
            text, reply_to=request.reply_to or None, thread=request.thread or None
        )
        return SendReply(sent.sequence)
    except TransportError:
        return SendReply(0)


def _unsent(unit: Unit) -> list[UnsentFacts]:
    return [
        UnsentFacts(one.number, (one.message and one.message.text) or "", explain(one.why))
        for one in unit.unsent()
    ]


@call
async def send_again(desk: Desk, request: OfUnsent) -> Done:
    """Send once more what was refused."""
    await desk.unit(request).send_again(request.number)
    return Done()


@call
async def discard(desk: Desk, request: OfUnsent) -> Done:
    """Forget what was refused."""
    await desk.unit(request).discard(request.number)
    return Done()


@call
async def draft(desk: Desk, request: OfDraft) -> DraftReply:
    """Return what was begun and not sent."""
    return DraftReply(await desk.unit(request).draft(request.thread))


@call
async def keep_draft(desk: Desk, request: KeepDraftRequest) -> Done:
    """Keep what was begun, so that another page goes on with it."""
    await desk.unit(request).keep_draft(request.text, request.thread)
    return Done()


@call
async def edit(desk: Desk, request: EditRequest) -> Done:
    """Change what one has said."""
    me, unit = desk.me(request), desk.unit(request)
    await unit.edit(request.sequence, _with_mentions(request.text, request.mentions, unit, me))
    return Done()


@call
async def delete(desk: Desk, request: OfLine) -> Done:
    """Take back what one has said."""
    await desk.unit(request).delete(request.sequence)
    return Done()


@call
async def react(desk: Desk, request: ReactRequest) -> Done:
    """React to a message."""
    await desk.unit(request).react(request.sequence, request.emoji)
    return Done()


@call
async def unreact(desk: Desk, request: ReactRequest) -> Done:
    """Take one's reaction back."""
    await desk.unit(request).unreact(request.sequence, request.emoji)
    return Done()


def _with_mentions(text: str, mentions: list[MentionFacts], unit: Unit, me: Workspace) -> str:
    """Write the names that call somebody as mentions, the longest first."""
    if not text.strip():
        raise UsageError("there is nothing to send; write something")
    for one in sorted(mentions, key=lambda one: -len(one.shown)):
        text = text.replace(one.shown, unit.mention(me.person(one.person)))
    return text
