"""What was said, a page at a time; and saying something."""

from __future__ import annotations

import msgspec

from mifeng import Message, Unit
from mifeng.web.calls.table import Desk, OfUnit, call
from mifeng.web.facts import MessageFacts, message_facts
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


class TimelineReply(msgspec.Struct, kw_only=True, frozen=True):
    """Entries in order, out of those from `first` to `last`; whether there are others on either
    side; what has not been sent yet.
    """

    first: int
    last: int
    entries: list[MessageFacts]
    more_before: bool
    more_after: bool
    waiting: list[MessageFacts]


class SendRequest(OfUnit, frozen=True, kw_only=True):
    """A text, in Markdown."""

    text: str


class SendReply(msgspec.Struct, frozen=True):
    """Where it stands; 0 while it waits for the server."""

    sequence: int


@call
async def timeline(desk: Desk, request: TimelineRequest) -> TimelineReply:
    """Return a page of a unit's timeline."""
    me, unit = desk.me(request), desk.unit(request)
    found = await _page(unit, request)
    first, last = (found[0].sequence, found[-1].sequence) if found else (0, unit.sequence)
    earlier, later = await unit.timeline(first=1), await unit.timeline(last=1)
    return TimelineReply(
        first=first,
        last=last,
        entries=[message_facts(one, unit, me) for one in found if _is_shown(one)],
        more_before=bool(earlier) and earlier[0].sequence < first,
        more_after=bool(later) and last < later[0].sequence,
        waiting=[message_facts(one, unit, me) for one in unit.outgoing()],
    )


async def _page(unit: Unit, request: TimelineRequest) -> list[Message]:
    """Sequences have gaps: reactions and the like are folded into what they are about."""
    if request.after is not None:
        return await unit.timeline(after=request.after, first=PAGE)
    if request.before is not None:
        return await unit.timeline(before=request.before, last=PAGE)
    middle = request.around
    if request.at is not None:
        middle = await _sequence_at(unit, request.at)
    if middle is not None:
        return await unit.timeline(after=max(middle - PAGE // 2, 0), first=PAGE)
    return await unit.timeline(last=PAGE)


async def _sequence_at(unit: Unit, at: int) -> int:
    """Return the first entry that was accepted at or after a time, by halving."""
    earlier = await unit.timeline(first=1)
    low, high = (earlier[0].sequence if earlier else 1), unit.sequence
    while low < high:
        middle = (low + high) // 2
        entry = await unit.timeline(after=middle - 1, first=1)
        if entry and entry[0].time.timestamp() * 1000 < at:
            low = middle + 1
        else:
            high = middle
    return low


def _is_shown(entry: Message) -> bool:
    return entry.kind == "message" or (
        entry.kind == "commit" and bool(entry.added or entry.removed)
    )


@call
async def send(desk: Desk, request: SendRequest) -> SendReply:
    """Send a text. Without a server it waits, and goes out by itself."""
    if not request.text.strip():
        raise UsageError("there is nothing to send; write something")
    try:
        return SendReply((await desk.unit(request).send(request.text)).sequence)
    except TransportError:
        return SendReply(0)
