"""People are found as their colleagues type: characters, pinyin, initials, words; and at once."""

from __future__ import annotations

import time

import pytest

from mifeng.core.search import Search
from mifeng_crypto.ids import PROTOCOL_VERSION, MemberId, WorkspaceId
from mifeng_crypto.ledger.card import Card
from mifeng_crypto.ledger.head import EMPTY
from tests.support.rng import SeededRng


def card(n: int, name: str, title: str = "", department: str = "") -> Card:
    return Card(
        version=PROTOCOL_VERSION,
        workspace_id=WorkspaceId(bytes(16)),
        member_id=MemberId(n.to_bytes(16, "big")),
        card_version=1,
        roster=EMPTY,
        name=name,
        title=title,
        department=department,
        picture=None,
    )


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
    assert time.process_time() - began < 0.5


def test_ten_thousand_people_are_searched_in_twenty_milliseconds() -> None:
    rng = SeededRng("search")

    def one_of(characters: str, n: int) -> str:
        return "".join(
            characters[int.from_bytes(rng(2), "big") % len(characters)] for _ in range(n)
        )

    families = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗高"
    given = "伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超兰霞平刚桂文辉玲华飞建国志"
    departments = ["研发部", "财务部", "市场部", "Research", "Human Resources"]
    cards = [
        card(n, one_of(families, 1) + one_of(given, 2), "高级工程师", departments[n % 5])
        for n in range(10_000)
    ]
    search = Search(cards)
    for query in ("z", "zhangwei", "张伟", "zw", "研发", "wang yanfa", "gcs", "l", "lf", "gao"):
        best = 1.0
        for _ in range(3):
            began = time.process_time()
            assert search.find(query)
            best = min(best, time.process_time() - began)
        assert best < 0.02, query
