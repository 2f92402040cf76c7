"""People are found as their colleagues type: characters, pinyin, initials, words; and at once."""

from __future__ import annotations

import time

import pytest

from mifeng.core import search
from mifeng.core.search import Search
from tests.support.cards import card, crowd

CARDS = [
    card(n, *texts)
    for n, texts in enumerate(
        [
            ("张三", "工程师", "研发部"),
            ("张三丰", "总经理"),
            ("曾志伟", "会计", "财务部"),
            ("吕布", "保安"),
            ("单雄信", "司机"),
            ("李建国", "高级工程师", "研发部"),
            ("林一", "Engineer", "研发部"),
            ("Anna Müller", "Engineer", "Research"),
            ("José Ortega", "Sales"),
            ("Tomas Weber", "CEO"),
            ("欧阳 Tony", "市场总监"),
        ]
    )
]
NAMES = {card.member_id: card.name for card in CARDS}
SEARCH = Search(CARDS)


def found(query: str) -> list[str]:
    return [NAMES[member_id] for member_id in SEARCH.find(query)]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("张三", ["张三", "张三丰"]),
        ("三丰", ["张三丰"]),
        ("zhangsan", ["张三", "张三丰"]),
        ("Zhang San", ["张三", "张三丰"]),
        ("zhāng", ["张三", "张三丰"]),
        ("zhangsf", ["张三丰"]),
        ("zsf", ["张三丰"]),
        ("zhsf", ["张三丰"]),
        ("张sf", ["张三丰"]),
        ("jianguo", ["李建国"]),
        ("jg", ["李建国"]),
        ("zengzhiwei", ["曾志伟"]),  # as a surname; else ceng
        ("zzw", ["曾志伟"]),
        ("shanxx", ["单雄信"]),  # as a surname; else dan
        ("lvbu", ["吕布"]),
        ("lü bu", ["吕布"]),
        ("lyubu", ["吕布"]),
        ("muller", ["Anna Müller"]),
        ("MÜLLER", ["Anna Müller"]),
        ("jose", ["José Ortega"]),
        ("tw", ["Tomas Weber"]),
        ("weber", ["Tomas Weber"]),
        ("\uff37\uff45ber", ["Tomas Weber"]),  # wide, as an input method may write
        ("oytony", ["欧阳 Tony"]),
        ("caiwu", ["曾志伟"]),
        ("研发 工程师", ["张三", "李建国"]),
        ("engineer 研发", ["林一"]),
        ("yanfa li", ["李建国", "林一"]),  # a whole syllable before a part of one
        ("gongchengshi", ["张三", "李建国"]),  # the beginning of a title before its inside
        ("nobody", []),
        ("", []),
        ("  -- !", []),
    ],
)
def test_a_query_finds_whom_a_colleague_would_mean_the_likeliest_first(
    query: str, names: list[str]
) -> None:
    assert found(query) == names


def test_names_come_before_departments_and_these_before_the_inside_of_titles() -> None:
    cards = [
        card(1, "Ann", title="Head of Research"),
        card(2, "Bob", department="Research"),
        card(3, "Research Bot"),
        card(4, "The Research"),
    ]
    assert [int.from_bytes(m, "big") for m in Search(cards).find("research")] == [3, 4, 2, 1]


def test_a_hostile_title_does_not_hold_up_the_search() -> None:
    cards = [card(1, "Eve", title="a aa aaa aaaa " * 14)]
    began = time.process_time()
    assert Search(cards).find("a" * 60 + "b") == ()
    assert len(Search(cards).find("a" * 60)) == 1
    assert time.process_time() - began < 5  # else it would take years


def test_a_search_among_ten_thousand_looks_at_few_of_their_texts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    index, compare, looked = Search(crowd(10_000)), search._unfinished, list[str]()

    def counted(word: str, tokens: tuple[search.Token, ...], start: int) -> int | None:
        looked.append(word)
        return compare(word, tokens, start)

    monkeypatch.setattr(search, "_unfinished", counted)
    for query, most in (
        *(("张伟", 20), ("zw", 200), ("lf", 200), ("研发", 5), ("gcs", 100)),
        *(("z", 3_000), ("zhangwei", 3_000), ("wang yanfa", 3_000), ("l", 5_000), ("gao", 2_000)),
    ):
        looked.clear()
        assert index.find(query)
        assert len(looked) <= most, query  # there are 24,000 places where a spelling could begin
