"""Cards: only who holds the directory key reads them, and only their own member writes them."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mifeng_crypto.errors import CodecError, CryptoError, ProtocolError
from mifeng_crypto.ids import PROTOCOL_VERSION, WorkspaceId
from mifeng_crypto.labels import sign_mifeng
from mifeng_crypto.ledger.card import Card, SignedCard, _cipher, open_card, seal_card
from mifeng_crypto.tls import encode
from tests.support.company import Company, Person

KEY = bytes(range(32))


def card(company: Company, who: Person, *, version: int = 1, name: str = "阿达 Ada") -> Card:
    return Card(
        PROTOCOL_VERSION, company.workspace_id, who.member_id, version, name, "工程师", "研发部"
    )


def seal(company: Company, of: Card, by: Person) -> bytes:
    return seal_card(
        of, device_id=by.device_id, signing_key=by.key, directory_key=KEY, rng=company.rng
    )


def opened(
    company: Company, sealed: bytes, who: Person, *, version: int = 1, key: bytes = KEY
) -> Card:
    return open_card(
        sealed,
        member_id=who.member_id,
        card_version=version,
        roster=company.roster,
        directory_key=key,
    )


def test_a_card_opens_to_what_was_sealed_and_shows_no_name_before() -> None:
    company = Company()
    mine = card(company, company.ada)
    sealed = seal(company, mine, company.ada)
    assert b"Ada" not in sealed
    assert opened(company, sealed, company.ada) == mine


def test_a_former_members_card_still_opens_for_the_sake_of_old_messages() -> None:
    company = Company()
    bo = company.hire("Bo")
    sealed = seal(company, card(company, bo), bo)
    company.fire(bo)
    assert opened(company, sealed, bo).name == "阿达 Ada"


def test_another_key_another_member_or_another_version_does_not_open_a_card() -> None:
    company = Company()
    bo = company.hire("Bo")
    sealed = seal(company, card(company, company.ada), company.ada)
    with pytest.raises(CryptoError):
        opened(company, sealed, company.ada, key=bytes(32))
    with pytest.raises(CryptoError):
        opened(company, sealed, bo)
    with pytest.raises(CryptoError):
        opened(company, sealed, company.ada, version=2)


@pytest.mark.parametrize("name", ["", "  ", "x" * 201, "Ada\n", "Ada\x00", "\u202eadA"])
def test_a_name_that_is_empty_too_long_or_not_printable_is_refused_card_1(name: str) -> None:
    company = Company()
    with pytest.raises(ProtocolError, match="CARD-1"):
        seal(company, card(company, company.ada, name=name), company.ada)


@pytest.mark.parametrize("name", ["\u0410nna", "\u0391da", "Li W\u0435i", "\u0411\u043e b\u043eb"])
def test_a_name_that_mixes_letters_that_look_alike_is_refused_card_4(name: str) -> None:
    company = Company()
    with pytest.raises(ProtocolError, match="CARD-4"):
        seal(company, card(company, company.ada, name=name), company.ada)
    forged = _resealed(company, card(company, company.ada, name=name), company.ada)
    with pytest.raises(ProtocolError, match="CARD-4"):
        opened(company, forged, company.ada)


@pytest.mark.parametrize(
    "name",
    ["张三 Tony", "\u0410\u043d\u043d\u0430 Weber", "José O'Neil-Ørsted", "李Lee", "שרה", "R2 D2"],
)
def test_a_name_in_any_one_alphabet_a_word_is_taken(name: str) -> None:
    company = Company()
    seal(company, card(company, company.ada, name=name), company.ada)


def test_a_card_inside_anothers_seal_is_refused_card_2() -> None:
    # Bo holds the directory key as well: he seals Ada's card, which is not his, as his own.
    company = Company()
    bo = company.hire("Bo")
    mine = card(company, bo)
    sealed = seal(company, mine, bo)
    for wrong in (
        dataclasses.replace(mine, card_version=2),
        dataclasses.replace(mine, workspace_id=WorkspaceId(bytes(16))),
        dataclasses.replace(mine, version=2),
    ):
        forged = _resealed(company, wrong, bo)
        with pytest.raises(ProtocolError, match="CARD-2"):
            opened(company, forged, bo)
    assert opened(company, sealed, bo) == mine


def _resealed(company: Company, wrong: Card, by: Person) -> bytes:
    """Seal what an honest client would not, under the seal of version 1 of `by`."""
    signed = SignedCard(wrong, by.device_id, sign_mifeng(by.key, "Card", encode(wrong)))
    nonce = company.rng(12)
    return nonce + _cipher(KEY).encrypt(
        nonce, encode(signed), by.member_id + (1).to_bytes(4, "big")
    )


def test_a_card_that_somebody_else_signed_is_refused_card_3() -> None:
    company = Company()
    bo = company.hire("Bo")
    hers = card(company, company.ada)
    with pytest.raises(ProtocolError, match="CARD-3"):
        opened(company, seal(company, hers, bo), company.ada)
    under_her_device = dataclasses.replace(bo, device_id=company.ada.device_id)
    with pytest.raises(ProtocolError, match="CARD-3"):
        opened(company, seal(company, hers, under_her_device), company.ada)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_no_card(data: bytes) -> None:
    company = Company("cards")
    with pytest.raises((CryptoError, CodecError)):
        opened(company, data, company.ada)
