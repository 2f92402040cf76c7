"""Names that look alike are told apart, and only those."""

# ruff: noqa: RUF001 - it is about letters that look alike

from __future__ import annotations

import dataclasses

import pytest

from mifeng.core.people import People
from mifeng.core.skeleton import skeleton
from mifeng_crypto.ids import MemberId
from tests.support.cards import card


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Anna Weber", "anna  weber"),
        ("Anna", "Аnnа"),  # two Cyrillic letters
        ("Coco", "Сосо"),  # all Cyrillic
        ("Alice", "Αlice"),  # a Greek capital
        ("Ida", "lda"),
        ("Bob", "B0b"),
        ("Marn", "Mam"),
        ("José", "Jose"),
        ("O'Neil", "O’Neil"),
        ("李士", "李土"),
        ("王末", "王未"),
        ("Ann", "Ａｎｎ"),  # wide
        ("张三", "张 三"),
        ("Łukasz", "Lukasz"),
    ],
)
def test_what_looks_alike_has_one_skeleton(one: str, other: str) -> None:
    assert skeleton(one) == skeleton(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("张三", "张三丰"), ("Anna", "Anne"), ("王伟", "汪伟"), ("Ben", "Dan"), ("Анна", "Ivan")],
)
def test_what_looks_different_has_two(one: str, other: str) -> None:
    assert skeleton(one) != skeleton(other)


def people(*named: tuple[int, str]) -> People:
    cards = [card(n, name) for n, name in named]
    return People({one.member_id: one for one in cards})


def member(n: int) -> MemberId:
    return MemberId(n.to_bytes(16, "big"))


def test_namesakes_are_shown_with_as_much_of_the_id_as_it_takes() -> None:
    high = 0x3F2A << 112
    known = people((high, "张伟"), (high + (1 << 104), "张伟"), (7, "Anna"), (9, "李娜"))
    assert known.name(member(high)) == "张伟 ·3f2a00"
    assert known.name(member(high + (1 << 104))) == "张伟 ·3f2a01"
    assert known.name(member(7)) == "Anna"
    both = [member(high), member(high + (1 << 104))]
    assert known.find("张伟 ·3f2a01", both) == both[1]


def test_a_mark_goes_when_the_other_takes_another_name() -> None:
    known = people((1, "Coco"), (1 << 120, "Сосо"))
    assert known.name(member(1)) == "Coco ·0000"
    assert known.name(member(1 << 120)) == "Сосо ·0100"
    changed = dataclasses.replace(card(1 << 120, "Соня"), card_version=2)
    after = People({**known.cards, member(1 << 120): changed})
    assert after.name(member(1)) == "Coco"
