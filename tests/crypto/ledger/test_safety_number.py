"""A number is of one founding and one set of device keys; both sides compute the same."""

from __future__ import annotations

import hashlib

import pytest

from mifeng_crypto.errors import UsageError
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.ledger.safety_number import number_of_member, number_of_workspace
from tests.support.company import Company


def test_the_number_is_what_the_page_says() -> None:
    company = Company()
    content = b"\x00\x01" + company.roster.genesis
    label = b"Mifeng 1.0 WorkspaceNumber"
    digest = hashlib.sha256(bytes([len(label)]) + label + bytes([len(content)]) + content).digest()
    number = number_of_workspace(company.roster)
    assert number == str(int.from_bytes(digest, "big"))[-60:]
    assert len(number) == 60


def test_who_reads_the_same_entries_computes_the_same_numbers() -> None:
    company = Company()
    bo = company.hire("Bo")
    theirs = Roster.from_entries(company.entries)
    assert number_of_workspace(theirs) == number_of_workspace(company.roster)
    assert number_of_member(theirs, bo.member_id) == number_of_member(company.roster, bo.member_id)
    assert number_of_member(theirs, bo.member_id) != number_of_member(theirs, company.ada.member_id)


def test_another_founding_or_another_key_has_another_number() -> None:
    one, other = Company("one"), Company("other")
    assert number_of_workspace(one.roster) != number_of_workspace(other.roster)
    member = one.ada.member_id
    before = number_of_member(one.roster, member)
    one.hire("Bo")
    assert number_of_member(one.roster, member) == before  # of her own devices alone
    one.link(one.ada)
    assert number_of_member(one.roster, member) != before


def test_who_has_no_device_has_no_number() -> None:
    company = Company()
    bo = company.hire("Bo")
    company.fire(bo)
    with pytest.raises(UsageError):
        number_of_member(company.roster, bo.member_id)
