"""Cards of people who do not exist."""

from __future__ import annotations

from mifeng_crypto.ids import PROTOCOL_VERSION, MemberId, WorkspaceId
from mifeng_crypto.ledger.card import Card
from mifeng_crypto.ledger.head import EMPTY
from tests.support.rng import SeededRng

__all__ = ["card", "crowd"]

FAMILIES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗高"
GIVEN = "伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超兰霞平刚桂文辉玲华飞建国志"
DEPARTMENTS = ("研发部", "财务部", "市场部", "Research", "Human Resources")


def card(n: int, name: str, title: str = "", department: str = "") -> Card:
    """Return the card of the member whose id is `n`."""
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


def crowd(size: int) -> list[Card]:
    """Return the cards of so many people with Chinese names, the same each time."""
    rng = SeededRng("search")

    def one_of(characters: str, n: int) -> str:
        return "".join(
            characters[int.from_bytes(rng(2), "big") % len(characters)] for _ in range(n)
        )

    return [
        card(n, one_of(FAMILIES, 1) + one_of(GIVEN, 2), "高级工程师", DEPARTMENTS[n % 5])
        for n in range(size)
    ]
