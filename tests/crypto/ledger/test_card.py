"""Cards: only who holds the directory key reads them, and only their own member writes them."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mifeng_crypto.errors import CodecError, CryptoError, ProtocolError
from mifeng_crypto.ids import PROTOCOL_VERSION, MemberId, UnitId, WorkspaceId
from mifeng_crypto.labels import sign_mifeng
from mifeng_crypto.ledger.card import (
    Card,
    SignedCard,
    SignedUnitCard,
    UnitCard,
    _cipher,
    open_card,
    open_unit_card,
    seal_card,
    sign_card,
    sign_unit_card,
)
from mifeng_crypto.ledger.chain import NeedLedgerError
from mifeng_crypto.ledger.charter_entry import UnitKind
from mifeng_crypto.ledger.picture import open_picture, seal_picture
from mifeng_crypto.ledger.roster_entry import Role
from mifeng_crypto.tls import encode
from tests.support.company import Company, Person

KEY = bytes(range(32))
UNIT = UnitId(b"u" * 16)


def card(company: Company, who: Person, *, version: int = 1, name: str = "阿达 Ada") -> Card:
    return Card(
        PROTOCOL_VERSION,
        company.workspace_id,
        who.member_id,
        version,
        company.roster.head,
        name,
        "工程师",
        "研发部",
        None,
    )


def seal(company: Company, of: Card, by: Person) -> bytes:
    signed = sign_card(of, device_id=by.device_id, signing_key=by.key)
    return seal_card(signed, directory_key=KEY, rng=company.rng)


def opened(
    company: Company, sealed: bytes, who: Person, *, version: int = 1, key: bytes = KEY
) -> Card:
    return open_card(
        sealed,
        member_id=who.member_id,
        card_version=version,
        roster=company.roster,
        directory_key=key,
    ).tbs


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


def _resealed(company: Company, wrong: Card, by: Person, *, of: Person | None = None) -> bytes:
    """Seal what an honest client would not, under the seal of version 1 of `of`, or of `by`."""
    signed = SignedCard(wrong, by.device_id, sign_mifeng(by.key, "Card", encode(wrong)))
    nonce = company.rng(12)
    return nonce + _cipher(SignedCard, KEY).encrypt(
        nonce, encode(signed), (of or by).member_id + (1).to_bytes(4, "big")
    )


def test_what_an_admin_signed_is_taken_and_stays_when_the_admin_has_left() -> None:
    company = Company()
    boss, bo = company.hire("Boss", Role.ADMIN), company.person("Bo")
    company.append(company.invite_entry(bo))  # a card for somebody who has not come yet
    given = card(company, bo)
    assert opened(company, seal(company, given, boss), bo) == given
    sealed = seal(company, given, boss)
    company.fire(boss)
    assert opened(company, sealed, bo) == given
    later = dataclasses.replace(card(company, bo), name="Mallory")
    with pytest.raises(ProtocolError, match="CARD-3"):  # the boss, as of now
        opened(company, _resealed(company, later, boss, of=bo), bo)


def test_a_card_signed_under_a_roster_that_is_not_known_yet_makes_us_fetch_it() -> None:
    company = Company()
    before = company.roster
    bo = company.hire("Bo")
    sealed = seal(company, card(company, bo), bo)
    with pytest.raises(NeedLedgerError):
        open_card(sealed, member_id=bo.member_id, card_version=1, roster=before, directory_key=KEY)


def unit_card(company: Company, **changes: Any) -> UnitCard:  # noqa: ANN401 - any field
    said = UnitCard(
        version=PROTOCOL_VERSION,
        workspace_id=company.workspace_id,
        unit_id=UNIT,
        card_version=1,
        roster=company.roster.head,
        kind=UnitKind.BUSINESS,
        parent=None,
        title="研发部",
        managers=(company.ada.member_id,),
        people=7,
    )
    return dataclasses.replace(said, **changes)


def opened_unit(company: Company, sealed: bytes, *, version: int = 1) -> UnitCard:
    return open_unit_card(
        sealed, unit_id=UNIT, card_version=version, roster=company.roster, directory_key=KEY
    ).tbs


def seal_unit(company: Company, said: UnitCard, by: Person) -> bytes:
    """Sign and seal, whether an honest client would or not."""
    signature = sign_mifeng(by.key, "UnitCard", encode(said))
    signed = SignedUnitCard(said, by.device_id, signature)
    return seal_card(signed, directory_key=KEY, rng=company.rng)


def test_a_units_card_opens_to_what_a_member_sealed() -> None:
    company = Company()
    said = unit_card(company)
    signed = sign_unit_card(said, device_id=company.ada.device_id, signing_key=company.ada.key)
    sealed = seal_card(signed, directory_key=KEY, rng=company.rng)
    assert opened_unit(company, sealed) == said
    with pytest.raises(CryptoError):  # it is no person's
        opened(company, sealed, dataclasses.replace(company.ada, member_id=MemberId(UNIT)))
    with pytest.raises(ProtocolError, match="CARD-2"):
        opened_unit(company, seal_unit(company, unit_card(company, version=2), company.ada))
    with pytest.raises(ProtocolError, match="CARD-1"):
        opened_unit(company, seal_unit(company, unit_card(company, title=" "), company.ada))


@pytest.mark.parametrize("kind", [UnitKind.GROUP, UnitKind.DIRECT])
def test_a_unit_that_is_in_no_tree_has_no_card_card_5(kind: UnitKind) -> None:
    company = Company()
    said = unit_card(company, kind=kind)
    with pytest.raises(ProtocolError, match="CARD-5"):
        sign_unit_card(said, device_id=company.ada.device_id, signing_key=company.ada.key)
    with pytest.raises(ProtocolError, match="CARD-5"):
        opened_unit(company, seal_unit(company, said, company.ada))
    below = dataclasses.replace(said, parent=UnitId(bytes(16)))
    assert opened_unit(company, seal_unit(company, below, company.ada)) == below


def test_a_units_card_by_a_guest_or_by_nobody_is_refused_card_6() -> None:
    company = Company()
    guest, bo = company.hire("Guest", Role.GUEST), company.hire("Bo")
    said = unit_card(company)
    assert opened_unit(company, seal_unit(company, said, bo)) == said
    stranger = dataclasses.replace(company.person("X"), device_id=bo.device_id)
    for wrong in (guest, company.person("Y"), stranger):
        with pytest.raises(ProtocolError, match="CARD-6"):
            opened_unit(company, seal_unit(company, said, wrong))


def test_another_picture_than_the_cards_is_refused_card_7() -> None:
    company = Company()
    said, sealed = seal_picture(b"a picture", rng=company.rng)
    assert open_picture(sealed, said) == b"a picture"
    other, _ = seal_picture(b"another", rng=company.rng)
    for picture, data in (
        (said, sealed[:-1] + b"\0"),
        (said, b""),
        (other, sealed),
        (dataclasses.replace(other, sealed_hash=said.sealed_hash), sealed),
    ):
        with pytest.raises(ProtocolError, match="CARD-7"):
            open_picture(data, picture)


@pytest.mark.parametrize("text", ["Z" + "\u0301" * 5, "e" + "\u20dd" * 9])
def test_a_name_that_paints_over_other_lines_is_refused_card_1(text: str) -> None:
    company = Company()
    with pytest.raises(ProtocolError, match="CARD-1"):
        seal(company, card(company, company.ada, name=text), company.ada)


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
