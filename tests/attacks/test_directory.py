"""Group A: who somebody seems to be. Any client signs any name; those of colleagues look at it."""

# ruff: noqa: RUF001 - it is about letters that look alike

from __future__ import annotations

import pytest

from mifeng.core.people import People
from mifeng.core.skeleton import skeleton
from mifeng_crypto.ids import PROTOCOL_VERSION
from mifeng_crypto.labels import sign_mifeng
from mifeng_crypto.ledger.card import Card, SignedCard, open_card, seal_card
from mifeng_crypto.tls import encode
from tests.attacks.adversary import Adversary, OracleError, attack
from tests.attacks.stage import Stage
from tests.support.company import Person

KEY = bytes(32)


def shown(stage: Stage, who: Person, name: str) -> Card:
    """What a colleague's client makes of a name that anybody's client has signed."""
    company = stage.company
    card = Card(
        PROTOCOL_VERSION,
        company.workspace_id,
        who.member_id,
        1,
        company.roster.head,
        name,
        "",
        "",
        None,
    )
    signed = SignedCard(card, who.device_id, sign_mifeng(who.key, "Card", encode(card)))
    sealed = seal_card(signed, directory_key=KEY, rng=company.rng)
    return open_card(
        sealed,
        member_id=who.member_id,
        card_version=1,
        roster=company.roster,
        directory_key=KEY,
    ).tbs


@pytest.mark.parametrize("name", ["Аda", "Αda", "Аdа Lovelace"])
@attack("one alphabet a word")
def test_a18_a_name_mixes_letters_that_look_alike(
    adversary: Adversary, stage: Stage, name: str
) -> None:
    with adversary.refused("CARD-4"):
        assert shown(stage, stage.bo, name if adversary.on else "Bo").name


@pytest.mark.parametrize(
    "name", ["\u202eadA", "Ada\u200b", "\u2067Ada\u2069", "A\u0301\u0301\u0301\u0301\u0301da"]
)
@attack("printable names")
def test_a18_a_name_turns_or_hides_its_letters(
    adversary: Adversary, stage: Stage, name: str
) -> None:
    with adversary.refused("CARD-1"):
        assert shown(stage, stage.bo, name if adversary.on else "Bo").name


@pytest.mark.parametrize(
    ("name", "colleagues"),
    [("Ada", "Ada"), ("ada", "Ada"), ("Сосо", "Coco"), ("王未", "王末"), ("lda", "Ida")],
)
@attack("namesakes are told apart")
def test_a18_a_name_is_a_colleagues_or_looks_so(
    adversary: Adversary, stage: Stage, name: str, colleagues: str
) -> None:
    hers = shown(stage, stage.ada, colleagues)
    his = shown(stage, stage.bo, name if adversary.on else "Bo")
    people = People({card.member_id: card for card in (hers, his)})
    names = [people.name(who.member_id) for who in (stage.ada, stage.bo)]
    if not adversary.on:
        assert names == [colleagues, "Bo"]
        return
    if skeleton(names[0]) == skeleton(names[1]) or names == [colleagues, name]:
        raise OracleError("nobody can see which of the two it is")
    for who, said in zip((stage.ada, stage.bo), names, strict=True):
        assert said.endswith(who.member_id.hex()[:4]), "O4: by what nobody can choose"
    adversary.refused_by.append("both are shown with their ids")
