"""Search in what was said: characters, pinyin, words, names of files; it forgets what is over."""

from __future__ import annotations

import pytest

from mifeng.core.finder import Finder, Query, parse
from mifeng.core.timeline import Timeline
from mifeng_crypto.errors import UsageError
from mifeng_crypto.ids import UnixMillis
from tests.client.core.scroll import ADA, BO, UNIT, WORKSPACE, Scroll


def found(scroll: Scroll, query: str) -> list[str]:
    lines = Finder().find(scroll.fold(), parse(query).words)
    return [line.said.text for line in lines if line.said]


@pytest.fixture
def scroll() -> Scroll:
    scroll = Scroll()
    for text in ("项目计划已经更新", "The Quarterly plan", "重庆的会议", "Ünïcode naïve", "其他"):
        scroll.post(ADA, text)
    return scroll


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("计划", "项目计划已经更新"),
        ("xiangmu", "项目计划已经更新"),
        ("xmjh", "项目计划已经更新"),
        ("jihua gengx", "项目计划已经更新"),
        ("quart", "The Quarterly plan"),
        ("PLAN quarterly", "The Quarterly plan"),
        ("chongqing", "重庆的会议"),
        ("unicode", "Ünïcode naïve"),
    ],
)
def test_it_is_found_by_characters_pinyin_initials_and_words(
    scroll: Scroll, query: str, text: str
) -> None:
    assert found(scroll, query) == [text]


@pytest.mark.parametrize("query", ["划计", "uarterly", "iangmu", "plan missing", "mx"])
def test_what_is_not_said_is_not_found(scroll: Scroll, query: str) -> None:
    assert found(scroll, query) == []


def test_the_newest_comes_first(scroll: Scroll) -> None:
    scroll.post(BO, "another plan")
    assert found(scroll, "plan") == ["another plan", "The Quarterly plan"]


def test_what_was_edited_deleted_or_has_expired_is_found_no_more() -> None:
    scroll, finder = Scroll(), Finder()
    first, second = scroll.post(ADA, "secret one"), scroll.post(ADA, "secret two")
    scroll.post(ADA, "secret three")

    def now(timeline: Timeline) -> list[str]:
        return [line.said.text for line in finder.find(timeline, ["secret"]) if line.said]

    assert now(scroll.fold()) == ["secret three", "secret two", "secret one"]
    scroll.post(ADA, "harmless", replaces=first)
    scroll.delete(ADA, second)
    assert now(scroll.fold()) == ["secret three"]
    later = Timeline(WORKSPACE, UNIT)
    later.extend(scroll.rows[3:])
    assert now(later) == []
    assert "secret" not in repr(finder)


def test_filters_narrow_it() -> None:
    scroll = Scroll()
    scroll.post(ADA, "plan a")
    scroll.now += 1000
    scroll.post(BO, "plan b")
    timeline, finder = scroll.fold(), Finder()
    by_bo = finder.find(timeline, ["plan"], by=frozenset({BO}))
    assert [line.sequence for line in by_bo] == [2]
    before = finder.find(timeline, ["plan"], before=UnixMillis(scroll.now))
    assert [line.sequence for line in before] == [1]
    assert list(finder.find(timeline, [], has_file=True)) == []


def test_a_query_is_words_and_filters() -> None:
    assert parse('plan from:"Zhang San" in:研发 has:file before:2026-01-31 计划') == Query(
        words=("plan", "计划"),
        people=("Zhang San",),
        units=("研发",),
        has_file=True,
        before="2026-01-31",
    )


@pytest.mark.parametrize("query", ["", "  ", "has:picture", "from:", "?!"])
def test_a_query_that_asks_nothing_is_refused(query: str) -> None:
    with pytest.raises(UsageError):
        parse(query)
