"""Announcements: who has confirmed, over exactly those who could read it."""

from __future__ import annotations

from mifeng.content.documents import Announcement, Confirmation, Reminder, Statement, hash_statement
from mifeng.core.announcement import Announced
from mifeng.core.timeline import Line
from mifeng_crypto.ids import MemberId
from tests.client.core.scroll import ADA, BO, CY, Scroll

DI = MemberId(b"\x0d" * 16)


def announced(scroll: Scroll) -> tuple[bytes, Statement]:
    body = Announcement("Fire drill", "At *ten*.", (ADA, BO, CY), ())
    statement = scroll.statement(ADA, body)
    return scroll.say(ADA, statement), statement


def confirm(scroll: Scroll, by: MemberId, to: bytes, subject: bytes) -> None:
    scroll.say(by, scroll.statement(by, Confirmation(), subject), to)


def state_of(line: Line) -> Announced:
    assert isinstance(line.state, Announced)
    return line.state


def test_who_confirms_is_counted_once_and_its_author_is_not_asked() -> None:
    scroll = Scroll()
    named, statement = announced(scroll)
    assert state_of(scroll.lines()[0]).missing == (BO, CY)
    for who in (BO, BO):
        confirm(scroll, who, named, hash_statement(statement))
    (line,) = scroll.lines()
    state = state_of(line)
    assert (list(state.confirmed), state.missing) == ([BO], (CY,))


def test_who_confirms_another_announcement_than_he_answers_is_named_announce_1() -> None:
    scroll = Scroll()
    named, _ = announced(scroll)
    confirm(scroll, BO, named, bytes(32))
    line, invalid = scroll.lines()
    assert state_of(line).confirmed == {}
    assert (invalid.author, invalid.rule) == (BO, "ANNOUNCE-1")


def test_who_confirms_what_he_could_not_read_is_named_announce_2() -> None:
    scroll = Scroll()
    named, statement = announced(scroll)
    confirm(scroll, DI, named, hash_statement(statement))
    line, invalid = scroll.lines()
    assert state_of(line).confirmed == {}
    assert (invalid.author, invalid.rule) == (DI, "ANNOUNCE-2")


def test_only_the_author_reminds_announce_3() -> None:
    scroll = Scroll()
    named, _ = announced(scroll)
    scroll.say(BO, Reminder((CY,)), named)
    scroll.say(ADA, Reminder((BO, CY)), named)
    line, invalid = scroll.lines()
    assert set(state_of(line).reminded) == {BO, CY}
    assert (invalid.author, invalid.rule) == (BO, "ANNOUNCE-3")


def test_a_confirmation_of_a_plain_message_is_named_and_of_one_that_is_over_is_nothing() -> None:
    scroll = Scroll()
    plain = scroll.post(ADA, "hello")
    confirm(scroll, BO, plain, bytes(32))
    confirm(scroll, BO, bytes([1]) + bytes(31), bytes(32))
    _, invalid = scroll.lines()
    assert invalid.rule == "TIMELINE-3"


def test_an_announcement_is_not_edited_and_deleted_only_by_its_author() -> None:
    scroll = Scroll()
    named, _ = announced(scroll)
    scroll.post(ADA, "something else", replaces=named)
    scroll.delete(BO, named)
    line, edited, deleted = scroll.lines()
    assert (edited.rule, deleted.rule) == ("TIMELINE-3", "TIMELINE-1")
    assert state_of(line).announcement.text == "At *ten*."
    scroll.delete(ADA, named)
    assert scroll.lines()[0].is_deleted
