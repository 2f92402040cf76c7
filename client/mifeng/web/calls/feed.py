"""The feed: what was posted where one follows, and what somebody has posted."""

from __future__ import annotations

import datetime as dt

import msgspec

from mifeng import Workspace
from mifeng.sdk.looking import Found
from mifeng.web.calls.people import OfPerson
from mifeng.web.calls.table import Desk, Done, OfProfile, OfUnit, call
from mifeng.web.facts import MessageFacts, message_facts

__all__ = ["FeedReply"]

PAGE = 30


class FeedRequest(OfProfile, frozen=True, kw_only=True):
    """What was posted before a time (ms); 0 for the newest."""

    before: int


class FeedReply(msgspec.Struct, kw_only=True, frozen=True):
    """Posts, the newest first; the units that are followed, and the people who are muted."""

    posts: list[MessageFacts]
    followed: list[str]
    muted: list[str]
    more: bool


class PostsReply(msgspec.Struct, kw_only=True, frozen=True):
    """Posts, the newest first, and whether their author is left out of the feed."""

    posts: list[MessageFacts]
    is_muted: bool


class FollowRequest(OfUnit, frozen=True, kw_only=True):
    """Whether a unit is to be in the feed."""

    on: bool


class MuteRequest(OfPerson, frozen=True, kw_only=True):
    """Whether somebody is to be left out of the feed."""

    on: bool


@call
async def feed(desk: Desk, request: FeedRequest) -> FeedReply:
    """Return what was posted in the units that one follows."""
    me = desk.me(request)
    before = dt.datetime.fromtimestamp(request.before / 1000, dt.UTC) if request.before else None
    found = await me.feed(last=PAGE + 1, before=before)
    settings = await me.feed_settings()
    return FeedReply(
        posts=await _facts(found[:PAGE], me),
        followed=[unit.id.hex() for unit in await me.followed()],
        muted=sorted(settings.muted_people),
        more=len(found) > PAGE,
    )


@call
async def posts_of(desk: Desk, request: OfPerson) -> PostsReply:
    """Return what somebody has posted in units that one shares with them."""
    me = desk.me(request)
    found = await me.posts_of(me.person(request.person), last=PAGE)
    muted = (await me.feed_settings()).muted_people
    return PostsReply(posts=await _facts(found, me), is_muted=request.person in muted)


@call
async def follow(desk: Desk, request: FollowRequest) -> Done:
    """Take a unit into the feed, or leave it out; nobody else learns of it."""
    await desk.me(request).follow_unit(desk.unit(request), on=request.on)
    return Done()


@call
async def mute(desk: Desk, request: MuteRequest) -> Done:
    """Leave somebody out of the feed, or take them in again; nobody else learns of it."""
    me = desk.me(request)
    await me.mute_person(me.person(request.person), on=request.on)
    return Done()


async def _facts(found: list[Found], me: Workspace) -> list[MessageFacts]:
    return [await message_facts(one.message, one.unit, me) for one in found]
