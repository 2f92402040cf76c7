"""Work in a unit: announcements."""

from __future__ import annotations

import msgspec

from mifeng.content import printable
from mifeng.web.calls.table import Desk, Done, OfUnit, call
from mifeng.web.calls.timeline import OfLine

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
