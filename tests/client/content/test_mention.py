"""Mentions are data: who is meant stands in the link, not in its label."""

from __future__ import annotations

import dataclasses
import random

from mifeng.content import Mention, Origin, mentions_in, with_names
from mifeng_crypto.ids import MemberId, UnitId, WorkspaceId
from mifeng_crypto.ledger.charter_entry import UnitRole

RNG = random.Random(8).randbytes
HERE = Origin(
    workspace_id=WorkspaceId(RNG(16)), unit_id=UnitId(RNG(16)), member_id=MemberId(RNG(16))
)
BO = Mention(member_id=MemberId(RNG(16)))
MANAGERS = Mention(role=UnitRole.MANAGER)


def test_a_person_a_role_and_all_are_found_each_once() -> None:
    links = [BO.link("Bo", HERE), MANAGERS.link("managers", HERE), Mention().link("all", HERE)]
    assert mentions_in(", ".join([*links, BO.link("Bo again", HERE)]), HERE) == (
        BO,
        MANAGERS,
        Mention(),
    )


def test_another_unit_another_workspace_and_a_plain_name_mention_nobody() -> None:
    for field, other in (("unit_id", UnitId(RNG(16))), ("workspace_id", WorkspaceId(RNG(16)))):
        elsewhere = dataclasses.replace(HERE, **{field: other})  # type: ignore[arg-type]
        assert mentions_in(Mention().link("all", elsewhere), HERE) == ()
    assert mentions_in("@Bo [@Bo](https://example.com) [@Bo](mimi://x/u/y)", HERE) == ()
    assert mentions_in(f"[@x]({HERE.room_uri}/emperor)", HERE) == ()


def test_a_reader_sees_the_name_that_he_knows_and_not_the_label() -> None:
    text = "ask " + BO.link("the boss", HERE) + " now"
    assert with_names(text, HERE, lambda _: "Bo") == "ask @Bo now"


def test_a_label_cannot_end_its_link() -> None:
    link = BO.link("x](https://evil.example)[", HERE)
    assert mentions_in(link, HERE) == (BO,)
    assert with_names(link, HERE, lambda _: "Bo") == "@Bo"


def test_who_is_meant() -> None:
    assert BO.member_id is not None
    assert BO.means(BO.member_id, UnitRole.READER)
    assert not BO.means(HERE.member_id, UnitRole.MANAGER)
    assert MANAGERS.means(HERE.member_id, UnitRole.MANAGER)
    assert not MANAGERS.means(HERE.member_id, UnitRole.MEMBER)
    assert Mention().means(HERE.member_id, None)


def test_a_text_that_mentions_without_end_is_looked_at_a_hundred_times() -> None:
    many = " ".join(Mention(member_id=MemberId(RNG(16))).link("x", HERE) for _ in range(200))
    assert len(mentions_in(many, HERE)) == 100
