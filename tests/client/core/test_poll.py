"""Polls: each voter's last vote before the end counts, over exactly those who could read it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mifeng.content.documents import ClosePoll, Poll, Vote
from mifeng.content.documents.poll import Choose
from mifeng.core.poll import Polled
from mifeng.core.timeline import Line, Timeline
from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.ids import MemberId, UnixMillis
from tests.client.core.scroll import ADA, BO, CY, UNIT, WORKSPACE, Scroll

DI = MemberId(b"\x0d" * 16)


def asked(scroll: Scroll, *, several: bool = False, closes_in: int | None = None) -> bytes:
    closes_at = UnixMillis(scroll.now + closes_in) if closes_in is not None else None
    choose = Choose.SEVERAL if several else Choose.ONE
    return scroll.say(ADA, Poll("Lunch?", ("noodles", "rice", "soup"), choose, closes_at, PEOPLE))


PEOPLE = (ADA, BO, CY)


def state_of(line: Line) -> Polled:
    assert isinstance(line.state, Polled)
    return line.state


def rules(scroll: Scroll) -> list[str]:
    return [line.rule for line in scroll.lines()[1:]]


def test_the_last_vote_of_each_counts_and_an_empty_one_takes_it_back() -> None:
    scroll = Scroll()
    named = asked(scroll)
    for who, choices in ((ADA, (0,)), (BO, (1,)), (BO, (2,)), (CY, (0,)), (CY, ())):
        scroll.say(who, Vote(choices), named)
    (line,) = scroll.lines()
    assert state_of(line).counts() == (1, 0, 1)
    assert set(state_of(line).votes) == {ADA, BO}


def test_several_choices_count_where_several_may_be_chosen() -> None:
    scroll = Scroll()
    scroll.say(BO, Vote((0, 2)), asked(scroll, several=True))
    assert state_of(scroll.lines()[0]).counts() == (1, 0, 1)


def test_a_vote_after_the_end_is_named_poll_1() -> None:
    scroll = Scroll()
    named = asked(scroll, closes_in=1000)
    scroll.now += 999
    scroll.say(BO, Vote((0,)), named)
    scroll.now += 1
    scroll.say(CY, Vote((0,)), named)
    scroll.say(BO, Vote((1,)), named)
    assert state_of(scroll.lines()[0]).counts() == (1, 0, 0)
    assert rules(scroll) == ["POLL-1", "POLL-1"]


def test_a_vote_of_somebody_who_could_not_read_it_is_named_poll_2() -> None:
    scroll = Scroll()
    scroll.say(DI, Vote((0,)), asked(scroll))
    assert state_of(scroll.lines()[0]).counts() == (0, 0, 0)
    assert rules(scroll) == ["POLL-2"]


def test_a_vote_for_no_choice_or_for_too_many_is_named_poll_3() -> None:
    scroll = Scroll()
    named = asked(scroll)
    scroll.say(BO, Vote((3,)), named)
    scroll.say(BO, Vote((0, 1)), named)
    assert state_of(scroll.lines()[0]).counts() == (0, 0, 0)
    assert rules(scroll) == ["POLL-3", "POLL-3"]


def test_only_its_author_closes_a_poll_poll_4() -> None:
    scroll = Scroll()
    named = asked(scroll)
    scroll.say(BO, ClosePoll(), named)
    scroll.say(BO, Vote((0,)), named)
    scroll.say(ADA, ClosePoll(), named)
    scroll.say(CY, Vote((0,)), named)
    state = state_of(scroll.lines()[0])
    assert (state.counts(), state.closed_at) == ((1, 0, 0), scroll.now)
    assert rules(scroll) == ["POLL-4", "POLL-1"]


BAD = {
    "no question": Poll(" ", ("a", "b"), Choose.ONE, None, PEOPLE),
    "one choice": Poll("?", ("a",), Choose.ONE, None, PEOPLE),
    "a choice twice": Poll("?", ("a", "a"), Choose.ONE, None, PEOPLE),
    "too many choices": Poll("?", tuple(map(str, range(51))), Choose.ONE, None, PEOPLE),
    "a choice that moves the cursor": Poll("?", ("a", "\x1b[2J"), Choose.ONE, None, PEOPLE),
    "people out of order": Poll("?", ("a", "b"), Choose.ONE, None, (BO, ADA)),
    "nobody": Poll("?", ("a", "b"), Choose.ONE, None, ()),
}


@pytest.mark.parametrize("poll", BAD.values(), ids=BAD)
def test_a_poll_beyond_its_limits_is_not_made_and_not_read(poll: Poll) -> None:
    with pytest.raises(ProtocolError, match="CONTENT-5"):
        Scroll().say(ADA, poll)


VOTES = st.lists(
    st.tuples(st.sampled_from((ADA, BO, CY, DI)), st.sets(st.integers(0, 3)), st.integers(0, 400)),
    max_size=20,
)


@given(VOTES, st.integers(1, 4))
@settings(max_examples=50, deadline=None)
def test_every_device_counts_the_same(
    votes: list[tuple[MemberId, set[int], int]], step: int
) -> None:
    scroll = Scroll()
    named = asked(scroll, closes_in=2000)
    for who, choices, later in votes:
        scroll.now += later
        scroll.say(who, Vote(tuple(sorted(choices))), named)
    pieces = Timeline(WORKSPACE, UNIT)
    for at in range(0, len(scroll.rows), step):
        pieces.extend(scroll.rows[at : at + step])
    assert pieces.lines() == scroll.lines()
    state = state_of(scroll.lines()[0])
    assert sum(state.counts()) == len(state.votes) <= len(PEOPLE)
