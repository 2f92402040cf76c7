"""Group E: devices, links and invites, judged by everybody's roster."""

from __future__ import annotations

import pytest

from mifeng_crypto.ids import UnixMillis
from mifeng_crypto.ledger.roster import Roster, sign_roster_entry
from mifeng_crypto.ledger.roster_entry import RemoveMember
from mifeng_crypto.tls import encode
from tests.attacks.adversary import Adversary, attack
from tests.attacks.stage import Stage
from tests.support.company import HOUR


@attack("unused invites")
def test_e3_an_invite_is_used_by_two(adversary: Adversary, stage: Stage) -> None:
    company = stage.company
    di, thief = company.person("Di"), company.person("Thief")
    company.append(company.invite_entry(di))
    company.append(company.join_entry(di))
    if adversary.on:
        stolen = type(thief)(
            thief.name, di.member_id, thief.device_id, thief.key, di.invite_key, thief.recovery_key
        )
        entry = company.join_entry(stolen)
        with adversary.refused("ROSTER-7"):
            company.append(entry)
        assert company.roster.device(thief.device_id) is None, "O3"
    stage.goes_on()


@attack("the lifetime of an invite")
def test_e3_an_invite_is_used_late(adversary: Adversary, stage: Stage) -> None:
    company, di = stage.company, stage.company.person("Di")
    company.append(company.invite_entry(di))
    company.tick(73 * HOUR if adversary.on else HOUR)
    with adversary.refused("ROSTER-8"):
        company.append(company.join_entry(di))
    if adversary.on:
        assert company.roster.member(di.member_id) is None, "O3"


@attack("the signature of an entry")
def test_e3_an_invite_is_used_without_its_key(adversary: Adversary, stage: Stage) -> None:
    # The server knows the public half, the member id, and everything that is sent.
    company, di = stage.company, stage.company.person("Di")
    company.append(company.invite_entry(di))
    server = company.person("Server")
    who = di
    if adversary.on:
        who = type(di)(
            "Server", di.member_id, server.device_id, server.key, server.key, di.recovery_key
        )
    with adversary.refused("LEDGER-4"):
        company.append(company.join_entry(who))
    stage.goes_on()


@attack("the signature of an entry")
def test_e10_the_server_forges_a_removal(adversary: Adversary, stage: Stage) -> None:
    company, di = stage.company, stage.company.hire("Di")
    key = company.person("Server").key if adversary.on else stage.ada.key
    entry = sign_roster_entry(
        company.roster, RemoveMember(di.member_id), stage.ada.author, key, now=company.tick()
    )
    with adversary.refused("LEDGER-4"):
        company.append(entry)
    assert (company.roster.member(di.member_id) is not None) is adversary.on, "O3"
    stage.goes_on()


@attack("the right to remove")
def test_e10_a_member_without_the_right_signs_a_removal(adversary: Adversary, stage: Stage) -> None:
    company, di = stage.company, stage.company.hire("Di")
    by = stage.bo if adversary.on else stage.ada
    with adversary.refused("ROSTER-13"):
        company.fire(di, by=by)
    assert (company.roster.member(di.member_id) is not None) is adversary.on, "O3"
    stage.goes_on()


@pytest.mark.parametrize("what", ["left out", "exchanged", "doubled", "of another branch"])
@attack("the place of an entry")
def test_e12_entries_of_the_roster_are_not_those_that_were_signed(
    adversary: Adversary, stage: Stage, what: str
) -> None:
    company = stage.company
    di, ed = company.person("Di"), company.person("Ed")
    branch = company.invite_entry(ed)
    for who in (di, company.person("Flo")):
        company.append(company.invite_entry(who))
    raw = [encode(entry) for entry in company.entries]
    *before, second, last = raw
    served = {
        "left out": [*before, last],
        "exchanged": [*before, last, second],
        "doubled": [*before, second, second],
        "of another branch": [*before, second, encode(branch)],
    }[what]
    with adversary.refused("LEDGER-1"):
        Roster.from_entries(served if adversary.on else raw)
    assert UnixMillis(company.now) >= company.roster.time
    stage.goes_on()
