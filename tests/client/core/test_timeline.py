"""What a device shows of a log: edits, reactions and answers folded in, the same everywhere."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mifeng import content
from mifeng.content.mimi import MimiContent, NullPart, SinglePart, encode_mimi
from mifeng.core.rows import Condition
from mifeng.core.timeline import EXPIRED, NEWER, Line, Timeline
from mifeng_crypto.ids import UnixMillis
from mifeng_crypto.log import EntryKind
from tests.client.core.scroll import ADA, BO, CY, UNIT, WORKSPACE, Scroll


def text_of(line: Line) -> str:
    return line.said.text if line.said else ""


def test_an_edit_changes_its_message_and_is_no_line_of_its_own() -> None:
    scroll = Scroll()
    first = scroll.post(ADA, "helo")
    scroll.post(BO, "?")
    scroll.post(ADA, "hello", replaces=first)
    lines = scroll.lines()
    assert [(line.sequence, text_of(line), line.edits) for line in lines] == [
        (1, "hello", (3,)),
        (2, "?", ()),
    ]
    assert lines[0].id == first


def test_an_edit_of_an_edit_changes_the_same_message() -> None:
    scroll = Scroll()
    first = scroll.post(ADA, "a")
    second = scroll.post(ADA, "b", replaces=first)
    scroll.post(ADA, "c", replaces=second)
    (line,) = scroll.lines()
    assert (text_of(line), line.edits) == ("c", (2, 3))


def test_a_deleted_message_has_lost_text_and_reactions_and_takes_no_more() -> None:
    scroll = Scroll()
    first = scroll.post(ADA, "secret")
    scroll.react(BO, "❤", first)
    scroll.delete(ADA, first)
    scroll.post(ADA, "again", replaces=first)
    scroll.react(BO, "❤", first)
    (line,) = scroll.lines()
    assert line.is_deleted
    assert (line.said, line.reactions, line.problem) == (None, {}, "")


@pytest.mark.parametrize("how", ["edit", "delete"])
def test_who_edits_or_deletes_anothers_message_changes_nothing_and_is_named_timeline_1(
    how: str,
) -> None:
    scroll = Scroll()
    first = scroll.post(ADA, "hers")
    if how == "edit":
        scroll.post(BO, "his", replaces=first)
    else:
        scroll.delete(BO, first)
    hers, his = scroll.lines()
    assert (text_of(hers), hers.edits, hers.is_deleted) == ("hers", (), False)
    assert (his.author, his.rule, his.said) == (BO, "TIMELINE-1", None)


def test_who_takes_anothers_reaction_back_changes_nothing_timeline_1() -> None:
    scroll = Scroll()
    first = scroll.post(ADA, "good news")
    liked = scroll.react(BO, "👍", first)
    scroll.delete(CY, liked, of_reaction=True)
    hers, invalid = scroll.lines()
    assert set(hers.reactions) == {"👍"}
    assert (invalid.author, invalid.rule) == (CY, "TIMELINE-1")


def test_reactions_are_counted_once_a_person_in_order() -> None:
    scroll = Scroll()
    first = scroll.post(ADA, "good news")
    for who in (BO, CY, BO):
        scroll.react(who, "👍", first)
    scroll.react(CY, "🎉", first)
    (line,) = scroll.lines()
    assert {emoji: list(who) for emoji, who in line.reactions.items()} == {
        "👍": [BO, CY],
        "🎉": [CY],
    }


def test_a_reaction_is_taken_back_by_whoever_gave_it() -> None:
    scroll = Scroll()
    first = scroll.post(ADA, "good news")
    liked = scroll.react(BO, "👍", first)
    scroll.react(CY, "👍", first)
    scroll.delete(BO, liked, of_reaction=True)
    (line,) = scroll.lines()
    assert list(line.reactions["👍"]) == [CY]


def test_what_one_member_reacts_with_is_bounded() -> None:
    scroll = Scroll()
    first = scroll.post(ADA, "x")
    for n in range(30):
        scroll.react(BO, f"r{n}", first)
    (line,) = scroll.lines()
    assert len(line.reactions) == 20


def test_answers_stand_under_what_they_answer_and_threads_under_their_first_message() -> None:
    scroll = Scroll()
    first = scroll.post(ADA, "question")
    scroll.post(BO, "answer", in_reply_to=first)
    scroll.post(CY, "in the thread", topic_id=first)
    timeline = scroll.fold()
    root, answer, inside = timeline.lines()
    assert root.answers == (2, 3)
    assert (answer.reply_to, timeline.root_of(inside)) == (1, 1)
    assert [text_of(line) for line in timeline.thread(1)] == ["question", "answer", "in the thread"]


def test_a_message_that_refers_to_itself_or_into_the_future_refers_to_nothing() -> None:
    scroll, later = Scroll(), bytes([1]) + bytes(31)
    scroll.post(ADA, "into the future", in_reply_to=later, topic_id=later)
    scroll.post(ADA, "an edit of nothing", replaces=later)
    scroll.react(BO, "❤", later)
    scroll.delete(BO, later)
    first, second = scroll.lines()
    assert (first.reply_to, first.answers) == (0, ())
    assert text_of(second) == "an edit of nothing"


def test_an_edit_stands_for_an_original_that_is_not_here() -> None:
    whole = Scroll()
    first = whole.post(ADA, "from before")
    whole.post(ADA, "changed", replaces=first)
    whole.post(BO, "not his", replaces=first)
    whole.post(ADA, "changed again", replaces=first)
    newcomer = Timeline(WORKSPACE, UNIT)
    newcomer.extend(whole.rows[1:])
    hers, his = newcomer.lines()
    assert (text_of(hers), hers.author, hers.edits) == ("changed again", ADA, (2, 4))
    assert (text_of(his), his.author) == ("not his", BO)


def test_the_same_message_twice_is_shown_once_and_the_second_named_timeline_2() -> None:
    scroll = Scroll()
    said = content.encode_text("once", origin=scroll.origin(ADA), rng=scroll.rng.randbytes)
    scroll.append(ADA, said)
    scroll.append(ADA, said)
    first, second = scroll.lines()
    assert (text_of(first), second.rule) == ("once", "TIMELINE-2")


def test_a_reaction_to_nothing_and_a_deletion_of_nothing_are_named_timeline_3() -> None:
    scroll = Scroll()
    bare = MimiContent(salt=bytes(16), body=NullPart())
    scroll.append(ADA, encode_mimi(bare))
    heart = SinglePart(disposition=2, content_type="text/plain", content="❤".encode())
    scroll.append(ADA, encode_mimi(MimiContent(salt=bytes(16), body=heart)))
    assert [line.rule for line in scroll.lines()] == ["TIMELINE-3", "TIMELINE-3"]


def test_a_text_does_not_take_the_place_of_a_reaction_timeline_3() -> None:
    scroll = Scroll()
    first = scroll.post(ADA, "x")
    liked = scroll.react(BO, "👍", first)
    scroll.post(BO, "I was never here", replaces=liked)
    line, invalid = scroll.lines()
    assert set(line.reactions) == {"👍"}
    assert invalid.rule == "TIMELINE-3"


def test_who_floods_changes_nothing_more_in_that_minute_timeline_4() -> None:
    scroll = Scroll()
    first = scroll.post(ADA, "0")
    for n in range(1, 400):
        scroll.post(ADA, str(n), replaces=first)
    scroll.react(BO, "👍", first)
    scroll.now += 60_000
    scroll.post(ADA, "later", replaces=first)
    line, flood = scroll.lines()
    assert (text_of(line), len(line.edits), set(line.reactions)) == ("later", 301, {"👍"})
    assert (flood.author, flood.rule) == (ADA, "TIMELINE-4")


def test_who_posts_without_end_is_read_and_calls_nobody() -> None:
    scroll = Scroll()
    for n in range(130):
        scroll.post(ADA, str(n))
    scroll.post(BO, "hello")
    lines = scroll.lines()
    assert [line.is_quiet for line in lines] == [False] * 120 + [True] * 10 + [False]
    assert all(text_of(line) for line in lines)


def test_what_is_not_known_is_shown_as_such_and_survives() -> None:
    scroll = Scroll()
    odd = SinglePart(content_type="application/vnd.future", content=b"?")
    sent = encode_mimi(MimiContent(salt=bytes(16), body=odd))
    scroll.append(ADA, sent)
    (line,) = scroll.lines()
    assert line.problem == NEWER
    assert line.said is not None
    assert encode_mimi(line.said.content) == sent


def test_what_cannot_be_read_is_shown_with_its_author_and_the_reason() -> None:
    scroll = Scroll()
    scroll.append(ADA, b"no content")
    scroll.append(BO, b"", condition=Condition.MALFORMED, reason="no good [GATE-21]")
    scroll.append(CY, b"", condition=Condition.EXPIRED)
    scroll.append(CY, b"", kind=EntryKind.COMMIT)
    damaged, refused, expired, commit = scroll.lines()
    assert (damaged.author, damaged.said) == (ADA, None)
    assert damaged.problem
    assert refused.problem == "no good [GATE-21]"
    assert expired.problem == EXPIRED
    assert not commit.is_message


def test_pages_go_back_from_the_end() -> None:
    scroll = Scroll()
    for n in range(10):
        scroll.post(ADA, str(n))
    timeline = scroll.fold()
    assert [line.sequence for line in timeline.lines(last=3)] == [8, 9, 10]
    assert [line.sequence for line in timeline.lines(last=3, before=8)] == [5, 6, 7]
    assert [line.sequence for line in timeline.lines(last=3, before=2)] == [1]


ACTS = st.lists(
    st.tuples(
        st.sampled_from((ADA, BO, CY)),
        st.sampled_from(("post", "reply", "thread", "edit", "react", "delete", "junk")),
        st.integers(0, 30),
        st.integers(0, 40_000),
    ),
    max_size=40,
)


def acted(acts: list[tuple[bytes, str, int, int]]) -> Scroll:
    """A log in which people do anything to anything that was ever said, or will never be."""
    scroll, ids = Scroll(), [bytes([1]) + bytes(31)]
    for who, act, what, later in acts:
        target = ids[what % len(ids)]
        scroll.now = UnixMillis(scroll.now + later)
        by = type(ADA)(who)
        match act:
            case "post":
                ids.append(scroll.post(by, act))
            case "reply":
                ids.append(scroll.post(by, act, in_reply_to=target))
            case "thread":
                ids.append(scroll.post(by, act, topic_id=target))
            case "edit":
                ids.append(scroll.post(by, act, replaces=target))
            case "react":
                ids.append(scroll.react(by, "❤", target))
            case "delete":
                ids.append(scroll.delete(by, target))
            case _:
                scroll.append(by, random.Random(what).randbytes(20))
    return scroll


@given(ACTS, st.integers(1, 7))
@settings(max_examples=60, deadline=None)
def test_who_was_there_and_who_catches_up_show_the_same(
    acts: list[tuple[bytes, str, int, int]], step: int
) -> None:
    scroll = acted(acts)
    whole, pieces = scroll.fold(), Timeline(WORKSPACE, UNIT)
    for at in range(0, len(scroll.rows), step):
        pieces.extend(scroll.rows[at : at + step])
        pieces.lines()
    pieces.extend(scroll.rows)
    assert pieces.lines() == whole.lines()
    for line in whole.lines():
        assert all(answer > line.sequence for answer in line.answers)


@given(ACTS)
@settings(max_examples=60, deadline=None)
def test_nobody_changes_what_another_has_said(
    acts: list[tuple[bytes, str, int, int]],
) -> None:
    scroll = acted(acts)
    by = {n: record.member_id for n, record in scroll.rows}
    for line in scroll.lines():
        assert {by[n] for n in (line.sequence, *line.edits)} == {line.author}
        if line.said is not None:
            origin = scroll.origin(line.author)
            shown = line.edits[-1] if line.edits else line.sequence
            sent = dict(scroll.rows)[shown].content
            assert line.said == content.decode(sent, origin=origin)
