"""Two devices of one person: what they say to each other, and what each of them refuses."""

from __future__ import annotations

import dataclasses

import pytest

from mifeng_crypto import linking
from mifeng_crypto.errors import CryptoError, ProtocolError
from mifeng_crypto.ids import PROTOCOL_VERSION
from mifeng_crypto.ledger.chain import NeedLedgerError
from mifeng_crypto.ledger.roster_entry import AddDevice
from mifeng_crypto.linking import LinkRequest, Mailbox
from tests.support.company import Company, Person

NONCE = bytes(range(32))


@pytest.fixture
def company() -> Company:
    return Company()


def _request(company: Company, new: Person) -> LinkRequest:
    return LinkRequest(
        PROTOCOL_VERSION, company.roster.genesis, new.member_id, new.device, "Laptop", "Linux"
    )


def _refuses(rule: str) -> pytest.RaisesExc[ProtocolError]:
    return pytest.RaisesExc(ProtocolError, check=lambda err: err.rule == rule)


def test_a_request_for_another_link_is_refused_link_1(company: Company) -> None:
    good = _request(company, company.on_new_device(company.ada))

    def check(request: LinkRequest) -> None:
        linking.check_request(
            request, genesis=company.roster.genesis, member_id=company.ada.member_id
        )

    check(good)
    for wrong in (
        {"version": 2},
        {"genesis": bytes(32)},
        {"member_id": bytes(16)},
        *({name: text} for name in ("name", "system") for text in ("", " ", "a\x1bb", "x" * 65)),
    ):
        with _refuses("LINK-1"):
            check(dataclasses.replace(good, **wrong))  # type: ignore[arg-type]


def test_a_nonce_that_was_chosen_later_is_refused_link_2() -> None:
    commitment = linking.commit_to(NONCE)
    linking.check_nonce(NONCE, commitment)
    with _refuses("LINK-2"):
        linking.check_nonce(bytes(32), commitment)


def test_other_digits_add_nothing_link_3(company: Company) -> None:
    request = _request(company, company.on_new_device(company.ada))
    code = linking.code_of(request, NONCE)
    assert len(code.replace(" ", "")) == 12
    linking.check_code(request, NONCE, f" {code.replace(' ', '-')}\n")
    for said in ("", "0000 0000 0000", code[:-1], code + "0"):
        with _refuses("LINK-3"):
            linking.check_code(request, NONCE, said)


def test_the_digits_are_of_every_field_of_the_request_and_of_the_nonce(company: Company) -> None:
    request = _request(company, company.on_new_device(company.ada))
    other = company.on_new_device(company.ada).device
    device = request.device
    changed = [
        dataclasses.replace(request, device=dataclasses.replace(device, **{field.name: value}))
        for field in dataclasses.fields(device)
        for value in [getattr(other, field.name)]
    ]
    changed += [dataclasses.replace(request, name="Desk"), dataclasses.replace(request, system="x")]
    codes = [linking.code_of(one, NONCE) for one in [request, *changed]]
    assert len({*codes, linking.code_of(request, bytes(32))}) == len(changed) + 2


def test_a_letter_opens_with_the_links_secret_and_as_what_it_is() -> None:
    box, rng = Mailbox(NONCE), Company().rng
    sealed = box.seal("request", b"keys", rng=rng)
    assert Mailbox(NONCE).open("request", sealed) == b"keys"
    assert Mailbox(bytes(32)).id != box.id
    for other, part, data in (
        (Mailbox(bytes(32)), "request", sealed),
        (box, "grant", sealed),
        (box, "request", sealed[:-1]),
        (box, "request", b""),
    ):
        with pytest.raises(CryptoError):
            other.open(part, data)


def test_a_grant_by_anybody_else_is_refused_link_4(company: Company) -> None:
    ada, ben = company.ada, company.hire("Ben")
    new = company.on_new_device(ada)
    request, before = _request(company, new), company.roster
    company.append(company.sign(AddDevice(new.device), ada))

    def grant(by: Person, asked: LinkRequest = request) -> linking.SignedLinkGrant:
        sealed = linking.seal_grant(
            dataclasses.replace(asked, device=new.device),
            company.roster,
            directory_key=NONCE,
            device_id=by.device_id,
            signing_key=by.key,
        )
        there = dataclasses.replace(asked, device=new.device)
        return linking.open_grant(sealed, there, new.hpke_key)

    good = grant(ada)
    linking.check_grant(good, request, company.roster)
    assert good.tbs.directory_key == NONCE
    with pytest.raises(NeedLedgerError):
        linking.check_grant(good, request, before)
    bad = [
        grant(ben),  # another member
        grant(new),  # the new device itself, whose key is not an approval
        dataclasses.replace(good, device_id=ben.device_id),
        dataclasses.replace(good, signature=bytes(64)),
        dataclasses.replace(good, tbs=dataclasses.replace(good.tbs, directory_key=bytes(32))),
        grant(ada, dataclasses.replace(request, name="Desk")),  # for another request
    ]
    for wrong in bad:
        with _refuses("LINK-4"):
            linking.check_grant(wrong, request, company.roster)
    swapped = dataclasses.replace(request, device=company.on_new_device(ada).device)
    with _refuses("LINK-4"):
        linking.check_grant(good, swapped, company.roster)


def test_a_grant_opens_at_its_own_device_for_its_own_request_only(company: Company) -> None:
    new = company.on_new_device(company.ada)
    request = _request(company, new)
    sealed = linking.seal_grant(
        request,
        company.roster,
        directory_key=None,
        device_id=company.ada.device_id,
        signing_key=company.ada.key,
    )
    for asked, key in (
        (request, company.ada.hpke_key),
        (dataclasses.replace(request, name="Desk"), new.hpke_key),
    ):
        with pytest.raises(CryptoError):
            linking.open_grant(sealed, asked, key)
