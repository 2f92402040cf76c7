"""The directory's key: who may replace it, in which order, and who can open it on its way."""

from __future__ import annotations

import pytest

from mifeng_crypto.errors import CryptoError, ProtocolError
from mifeng_crypto.ledger.directory_key import (
    hash_directory_key,
    is_present_key,
    open_directory_key,
    seal_directory_key,
)
from mifeng_crypto.ledger.roster_entry import DirectoryKey, RevokeDevice, RevokeInvite, Role
from mifeng_crypto.ledger.roster_snapshot import from_snapshot, to_snapshot
from tests.support.company import Company, Person

OLD, NEW = bytes(32), bytes(range(32))


def rotate(company: Company, by: Person, key: bytes = NEW, *, number: int = 1) -> None:
    company.append(company.sign(DirectoryKey(number, hash_directory_key(key)), by))


def is_due(company: Company) -> bool:
    return company.roster.is_directory_key_due


def test_a_key_is_due_when_somebody_has_left_and_until_it_is_replaced() -> None:
    company = Company()
    bo, cy = company.hire("Bo"), company.hire("Cy")
    assert not is_due(company)
    laptop = company.link(bo)
    company.append(company.sign(RevokeDevice(laptop.device_id), bo))
    assert is_due(company)
    rotate(company, company.ada)
    assert not is_due(company)
    assert company.roster.directory == DirectoryKey(1, hash_directory_key(NEW))
    company.append(company.recover_entry(cy, company.on_new_device(cy)))
    assert is_due(company)
    rotate(company, company.ada, OLD, number=2)
    dan = company.person("Dan")
    company.append(company.invite_entry(dan))
    assert not is_due(company)
    company.append(company.sign(RevokeInvite(dan.member_id), company.ada))
    assert is_due(company), "whoever has the link has the key"
    rotate(company, company.ada, NEW, number=3)
    company.fire(bo)
    assert is_due(company)
    head = company.roster.head
    again = from_snapshot(to_snapshot(company.roster), last_entry_hash=head.hash)
    assert (again.directory, again.is_directory_key_due) == (company.roster.directory, True)


def test_who_may_not_replace_the_directorys_key_is_refused_roster_21() -> None:
    company = Company()
    bo, guest = company.hire("Bo"), company.hire("Guest", Role.GUEST)
    gone = company.hire("Gone")
    for who in (bo, guest):
        with pytest.raises(ProtocolError, match="ROSTER-21"):
            rotate(company, who)
    company.fire(gone)  # now it is due
    for who in (bo, guest):
        with pytest.raises(ProtocolError, match="ROSTER-21"):
            rotate(company, who)
    rotate(company, company.ada)
    rotate(company, company.ada, OLD, number=2)  # an owner may at any time


@pytest.mark.parametrize(("number", "key"), [(0, OLD), (1, OLD), (3, OLD), (2, NEW)])
def test_keys_go_forward_one_by_one_and_none_comes_again_roster_22(number: int, key: bytes) -> None:
    company = Company()
    rotate(company, company.ada)
    with pytest.raises(ProtocolError, match="ROSTER-22"):
        rotate(company, company.ada, key, number=number)
    rotate(company, company.ada, OLD, number=2)


def test_a_box_opens_for_its_device_only_and_for_no_other_number() -> None:
    company = Company()
    bo, cy = company.hire("Bo"), company.hire("Cy")
    rotate(company, company.ada)
    device = company.roster.device(bo.device_id)
    assert device is not None
    sealed = seal_directory_key(NEW, device, roster=company.roster, number=1)
    opened = open_directory_key(
        sealed, device_id=bo.device_id, hpke_key=bo.hpke_key, roster=company.roster
    )
    assert opened == NEW
    assert is_present_key(opened, company.roster)
    assert not is_present_key(OLD, company.roster)
    assert not is_present_key(None, company.roster)
    with pytest.raises(CryptoError):
        open_directory_key(
            sealed, device_id=cy.device_id, hpke_key=cy.hpke_key, roster=company.roster
        )
    rotate(company, company.ada, OLD, number=2)
    with pytest.raises(CryptoError):
        open_directory_key(
            sealed, device_id=bo.device_id, hpke_key=bo.hpke_key, roster=company.roster
        )


def test_a_key_whose_hash_is_not_the_rosters_is_refused_card_8() -> None:
    company = Company()
    bo = company.hire("Bo")
    rotate(company, company.ada)
    device = company.roster.device(bo.device_id)
    assert device is not None
    sealed = seal_directory_key(OLD, device, roster=company.roster, number=1)
    with pytest.raises(ProtocolError, match="CARD-8"):
        open_directory_key(
            sealed, device_id=bo.device_id, hpke_key=bo.hpke_key, roster=company.roster
        )
