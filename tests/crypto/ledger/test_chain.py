"""LEDGER-n: what holds for every entry of every ledger."""

from __future__ import annotations

import dataclasses

import pytest

from mifeng_crypto.errors import ProtocolError, UsageError
from mifeng_crypto.ids import DeviceId, UnixMillis, WorkspaceId
from mifeng_crypto.labels import sign_mifeng
from mifeng_crypto.ledger.chain import NeedLedgerError
from mifeng_crypto.ledger.charter import Charter
from mifeng_crypto.ledger.charter_entry import Grant, UnitRole
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.ledger.roster_entry import (
    DeviceAuthor,
    Invite,
    RemoveMember,
    Role,
    RosterEntry,
    RosterEntryTBS,
)
from mifeng_crypto.tls import encode
from tests.support.company import HOUR, Company, Person


@pytest.fixture
def company() -> Company:
    return Company()


def resigned(tbs: RosterEntryTBS, by: Person) -> RosterEntry:
    return RosterEntry(tbs, sign_mifeng(by.key, "RosterEntry", encode(tbs)))


def refused(rule: str, company: Company, entry: RosterEntry) -> None:
    """The entry is refused by this rule, and the roster is as it was."""
    before = (company.roster.head, company.roster.members(), company.roster.invites())
    with pytest.raises(ProtocolError) as error:
        company.roster.append(entry)
    assert error.value.rule == rule
    assert (company.roster.head, company.roster.members(), company.roster.invites()) == before


def test_an_entry_that_does_not_follow_the_head_is_refused_ledger_1(company: Company) -> None:
    entry = company.invite_entry(company.person("Bo"))
    company.hire("Cy")
    refused("LEDGER-1", company, entry)
    forked = dataclasses.replace(entry.tbs, previous=Head(company.roster.head.sequence, bytes(32)))
    refused("LEDGER-1", company, resigned(forked, company.ada))


def test_an_entry_of_another_version_is_refused_ledger_2(company: Company) -> None:
    entry = company.invite_entry(company.person("Bo"))
    refused("LEDGER-2", company, resigned(dataclasses.replace(entry.tbs, version=2), company.ada))


def test_an_entry_of_another_workspace_is_refused_ledger_3(company: Company) -> None:
    entry = company.invite_entry(company.person("Bo"))
    tbs = dataclasses.replace(entry.tbs, workspace_id=WorkspaceId(bytes(16)))
    refused("LEDGER-3", company, resigned(tbs, company.ada))


def test_an_entry_of_another_unit_is_refused_ledger_3(company: Company) -> None:
    one, other = company.create(), company.create()
    bo = company.hire("Bo")
    entry = company.charter_entry(other, Grant(bo.member_id, UnitRole.MEMBER), company.ada)
    with pytest.raises(ProtocolError, match="LEDGER-3"):
        company.charters[one].append(entry, company.roster)


def test_an_entry_with_an_altered_byte_is_refused_ledger_4(company: Company) -> None:
    entry = company.invite_entry(company.person("Bo"))
    for at in (0, 31, 63):
        flipped = bytearray(entry.signature)
        flipped[at] ^= 1
        refused("LEDGER-4", company, RosterEntry(entry.tbs, bytes(flipped)))
    assert isinstance(entry.tbs.body, Invite)
    richer = dataclasses.replace(entry.tbs.body, role=Role.ADMIN)
    tbs = dataclasses.replace(entry.tbs, body=richer)
    refused("LEDGER-4", company, RosterEntry(tbs, entry.signature))


def test_an_entry_signed_by_somebody_else_is_refused_ledger_4(company: Company) -> None:
    bo = company.hire("Bo", Role.ADMIN)
    entry = company.invite_entry(company.person("Cy"))
    refused("LEDGER-4", company, resigned(entry.tbs, bo))


def test_an_entry_dated_before_its_predecessor_is_refused_ledger_5(company: Company) -> None:
    entry = company.invite_entry(company.person("Bo"))
    tbs = dataclasses.replace(entry.tbs, time=UnixMillis(company.roster.time - 1))
    refused("LEDGER-5", company, resigned(tbs, company.ada))


def test_a_clock_that_is_a_little_behind_signs_at_the_time_of_the_last_entry(
    company: Company,
) -> None:
    company.tick(-HOUR)
    entry = company.invite_entry(company.person("Bo"))
    assert entry.tbs.time == company.roster.time
    company.append(entry)


@pytest.mark.parametrize("off", [-600_001, 600_001])
def test_a_new_entry_ten_minutes_from_the_server_is_refused_ledger_6(
    company: Company, off: int
) -> None:
    entry = company.invite_entry(company.person("Bo"))
    now = entry.tbs.time
    company.roster.check_on_arrival(entry, now=UnixMillis(now + 600_000))
    company.roster.check_on_arrival(entry, now=UnixMillis(now - 600_000))
    with pytest.raises(ProtocolError, match="LEDGER-6"):
        company.roster.check_on_arrival(entry, now=UnixMillis(now + off))


def test_an_author_whom_the_roster_does_not_hold_is_refused_ledger_7(company: Company) -> None:
    stranger = company.person("Eve")
    refused("LEDGER-7", company, company.invite_entry(company.person("Bo"), by=stranger))
    tbs = company.invite_entry(company.person("Bo")).tbs
    borrowed = DeviceAuthor(stranger.member_id, company.ada.device_id)
    refused("LEDGER-7", company, resigned(dataclasses.replace(tbs, author=borrowed), company.ada))


def test_a_removed_author_is_refused_ledger_7(company: Company) -> None:
    bo = company.hire("Bo", Role.ADMIN)
    company.fire(bo)
    refused("LEDGER-7", company, company.invite_entry(company.person("Cy"), by=bo))
    refused("LEDGER-7", company, company.sign(RemoveMember(company.ada.member_id), bo))


def test_a_head_of_another_history_is_refused_ledger_8(company: Company) -> None:
    company.roster.check_has(company.roster.head)
    company.roster.check_has(Head(0, bytes(32)))
    with pytest.raises(ProtocolError, match="LEDGER-8"):
        company.roster.check_has(Head(1, bytes(32)))


def test_a_head_that_is_not_known_yet_asks_for_the_ledger_ledger_9(company: Company) -> None:
    older = company.roster
    company.hire("Bo")
    with pytest.raises(NeedLedgerError, match="LEDGER-9") as error:
        older.check_has(company.roster.head)
    assert (error.value.ledger, error.value.sequence) == ("roster", 3)


def test_a_charter_whose_roster_is_not_known_yet_asks_for_it_ledger_9(company: Company) -> None:
    older = company.roster
    company.hire("Bo")
    entry = company.create_entry(company.ada)
    with pytest.raises(NeedLedgerError):
        Charter.from_entries([entry], older)
    Charter.from_entries([entry], company.roster)


def test_a_truncated_roster_lacks_a_head_that_was_seen(company: Company) -> None:
    company.hire("Bo")
    seen = company.roster.head
    truncated = Roster.from_entries(company.entries[:-1])
    with pytest.raises(NeedLedgerError):
        truncated.check_has(seen)


def test_a_roster_with_an_entry_left_out_or_swapped_is_refused(company: Company) -> None:
    company.hire("Bo")
    company.hire("Cy")
    for wrong in (
        company.entries[:2] + company.entries[3:],
        [company.entries[0], *company.entries[2:0:-1], *company.entries[3:]],
        company.entries[1:],
        [*company.entries, company.entries[-1]],
    ):
        with pytest.raises(ProtocolError):
            Roster.from_entries(wrong)


def test_two_histories_of_one_workspace_do_not_pass_for_each_other(company: Company) -> None:
    common = company.roster
    left = common.append(company.invite_entry(company.person("Bo")))
    right = common.append(company.invite_entry(company.person("Cy")))
    assert left.genesis == right.genesis
    with pytest.raises(ProtocolError, match="LEDGER-8"):
        left.check_has(right.head)


def test_asking_past_the_head_is_the_callers_mistake(company: Company) -> None:
    with pytest.raises(UsageError, match="known from entry 1 to 1, not at 2"):
        company.roster.member(company.ada.member_id, at=2)
    assert company.roster.device(DeviceId(bytes(16))) is None
