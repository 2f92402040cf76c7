"""Looking over all units at once: search, what waits for a decision, the feed."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import msgspec

from mifeng.content.documents import Exported, Template, UnitProfile
from mifeng.core.approval import Requested
from mifeng.core.finder import parse
from mifeng.core.timeline import Line, Timeline
from mifeng.sdk.cascade import Cascading
from mifeng.sdk.people import Person
from mifeng.sdk.unit import Unit
from mifeng.sdk.values import Message
from mifeng_crypto.errors import UsageError
from mifeng_crypto.ids import UnixMillis
from mifeng_crypto.ledger.charter_entry import UnitKind

__all__ = ["FeedSettings", "Found", "Looking"]

FEED = "feed"
"""The note in which the profile keeps what is followed."""


@dataclass(frozen=True, slots=True)
class Found:
    """A message, and where it is."""

    unit: Unit
    message: Message


class FeedSettings(msgspec.Struct, frozen=True):
    """What this device follows: ids in hex. Business units and channels are, unless `muted`."""

    followed: frozenset[str] = frozenset()
    muted: frozenset[str] = frozenset()
    muted_people: frozenset[str] = frozenset()

    def follows(self, unit: Unit) -> bool:
        """Whether what is posted in a unit is in the feed."""
        named = unit.id.hex()
        by_itself = unit.kind in (UnitKind.BUSINESS, UnitKind.CHANNEL)
        return named not in self.muted and (by_itself or named in self.followed)


class Looking(Cascading):
    """The part of an open profile that looks over all units."""

    async def note(self, name: str) -> bytes:
        """Return what `set_note` has kept, or nothing."""
        return await self._session.home.database.get("profile", _note(name)) or b""

    async def set_note(self, name: str, value: bytes) -> None:
        """Keep a small thing with the profile, sealed as all of it: how far one has read, say.

        Never what people say: notes know no expiry.
        """
        await self._session.save({("profile", _note(name)): value or None})

    # -------------------------------------------------------------- search

    async def search(self, query: str, *, last: int = 50) -> list[Found]:
        """Find messages in all units that are still live here, newest first.

        Words: Chinese characters, pinyin or initials of them, beginnings of other words, file
        names. Filters: `from:NAME`, `in:UNIT`, `has:file`, `before:2026-01-31` (a day here).

        Args:
            query: words and filters.
            last: at most so many.

        Raises:
            UsageError: a filter is none, or there is nothing to look for.
            NotFoundError: a filter names nobody, or no unit.
        """
        wanted = parse(query)
        session = self._session
        by = None
        if wanted.people:
            members = [m.member_id for m in session.known_roster.members()]
            by = frozenset(session.people.find(name, members) for name in wanted.people)
        units = [self.unit(name) for name in wanted.units] or self.units()
        before = _midnight(wanted.before) if wanted.before else None
        hits = list[tuple[Line, Timeline, Unit]]()
        for unit in units:
            timeline = await session.timelines.of(unit.id)
            found = session.timelines.finder(unit.id).find(
                timeline, wanted.words, by=by, has_file=wanted.has_file, before=before
            )
            hits += ((line, timeline, unit) for line, _ in zip(found, range(last), strict=False))
        return _newest(hits, last)

    # -------------------------------------------------------------- approvals

    async def requests(self, *, mine: bool = False, unit: Unit | None = None) -> list[Found]:
        """Return the requests whose decision by this member is due, newest first.

        Args:
            mine: what this member has asked for instead, whatever became of it.
            unit: only those of a unit; without `mine` all of them, whatever became of them.
        """
        me = self._session.profile.member_id
        found = [
            (line, timeline, where)
            for line, timeline, where in await self._all_lines()
            if isinstance(state := line.state, Requested)
            and (unit is None or where.id == unit.id)
            and (state.author == me if mine else unit is not None or me in state.waiting_for)
        ]
        return _newest(found, len(found))

    # -------------------------------------------------------------- feed

    async def feed_settings(self) -> FeedSettings:
        """Return what this device follows and mutes."""
        note = await self.note(FEED)
        return msgspec.json.decode(note, type=FeedSettings) if note else FeedSettings()

    async def followed(self) -> list[Unit]:
        """Return the units whose posts are in the feed."""
        settings = await self.feed_settings()
        return [unit for unit in self.units() if settings.follows(unit)]

    async def follow_unit(self, unit: Unit, *, on: bool = True) -> None:
        """Take a unit into the feed, or leave it out; nobody else learns of it."""
        now = await self.feed_settings()
        named = frozenset({unit.id.hex()})
        await self._set_feed(
            FeedSettings(
                followed=now.followed | named if on else now.followed - named,
                muted=now.muted - named if on else now.muted | named,
                muted_people=now.muted_people,
            )
        )

    async def mute_person(self, person: Person, *, on: bool = True) -> None:
        """Leave what somebody posts out of the feed, or take it in again."""
        now, named = await self.feed_settings(), frozenset({person.id.hex()})
        people = now.muted_people | named if on else now.muted_people - named
        await self._set_feed(msgspec.structs.replace(now, muted_people=people))

    async def feed(self, *, last: int = 50, before: dt.datetime | None = None) -> list[Found]:
        """Return what was posted in the units that are followed, newest first.

        Business units and channels are followed unless muted, other units once they are followed.
        Answers stand under what they answer (`Message.answers`), and are no posts.

        Args:
            last: at most so many.
            before: only what is older: the next page.
        """
        settings = await self.feed_settings()
        end = before.timestamp() * 1000 if before else None
        posts = list[tuple[Line, Timeline, Unit]]()
        for unit in await self.followed():
            timeline = await self._session.timelines.of(unit.id)
            found = (
                line
                for line in reversed(timeline.lines())
                if _is_post(line)
                and line.author.hex() not in settings.muted_people
                and (end is None or line.record.accepted_at < end)
            )
            posts += ((line, timeline, unit) for line, _ in zip(found, range(last), strict=False))
        return _newest(posts, last)

    async def posts_of(self, person: Person, *, last: int = 50) -> list[Found]:
        """Return what somebody has posted in shared units, newest first: a profile page."""
        found = [
            hit
            for hit in await self._all_lines()
            if hit[0].author == person.id and _is_post(hit[0])
        ]
        return _newest(found, last)

    # -------------------------------------------------------------- inside

    async def _set_feed(self, settings: FeedSettings) -> None:
        await self.set_note(FEED, msgspec.json.encode(settings))

    async def _all_lines(self) -> list[tuple[Line, Timeline, Unit]]:
        found = list[tuple[Line, Timeline, Unit]]()
        for unit in self.units():
            timeline = await self._session.timelines.of(unit.id)
            found += ((line, timeline, unit) for line in timeline.lines())
        return found


def _note(name: str) -> bytes:
    return b"note/" + name.encode()


def _newest(hits: list[tuple[Line, Timeline, Unit]], last: int) -> list[Found]:
    """Show the newest of lines of several units, by the server's time."""
    hits.sort(key=lambda hit: (hit[0].record.accepted_at, hit[2].id), reverse=True)
    return [Found(unit, unit.show(line, timeline)) for line, timeline, unit in hits[:last]]


def _is_post(line: Line) -> bool:
    """What somebody has to say: no answer, and no notice such as that of an export."""
    said = line.said
    if said is None or line.reply_to or said.refers.topic_id:
        return False
    return not isinstance(said.document, Exported | UnitProfile | Template)


def _midnight(day: str) -> UnixMillis:
    try:
        start = dt.datetime.fromisoformat(day)
    except ValueError:
        raise UsageError("{day} is no day; write it like 2026-01-31", day=day) from None
    return UnixMillis(int(start.astimezone().timestamp() * 1000))
