"""A16: an archive that its colleagues do not know of."""

from __future__ import annotations

from mifeng_crypto.ledger.charter_entry import Grant, UnitRole
from mifeng_crypto.ledger.roster_entry import MemberKind, Role
from tests.attacks.adversary import Adversary, attack
from tests.attacks.stage import Stage
from tests.support.company import HOUR
from tests.support.unit import key_package

DAY = 24 * HOUR


@attack("an archive's role")
def test_a16_an_archive_is_granted_as_a_reader(adversary: Adversary, stage: Stage) -> None:
    archive, unit_id = stage.company.archive("Records"), stage.unit.unit_id
    role = UnitRole.READER if adversary.on else UnitRole.ARCHIVE
    before = stage.company.charters[unit_id]
    entry = stage.company.charter_entry(unit_id, Grant(archive.member_id, role), stage.ada)
    with adversary.refused("CHARTER-6"):
        stage.company.charters[unit_id] = before.append(entry, stage.company.roster)
    stage.goes_on()


@attack("an archive's notice")
def test_a16_an_archive_reads_along_before_anybody_has_heard_of_it(
    adversary: Adversary, stage: Stage
) -> None:
    archive = stage.company.archive("Records")
    stage.company.grant(stage.unit.unit_id, archive, UnitRole.ARCHIVE)
    stage.unit.write_heads()
    if not adversary.on:
        stage.company.tick(DAY + HOUR)
    bundle = key_package(stage.company, archive)
    pending = stage.unit.commit(stage.bo, add=[bundle])
    stage.commits(stage.bo, pending, "GATE-32")
    stage.goes_on()


@attack("entries in their time")
def test_a16_a_grant_is_dated_back_to_be_over_its_notice_at_once(
    adversary: Adversary, stage: Stage
) -> None:
    company, unit = stage.company, stage.unit
    archive = company.archive("Records")
    company.grant(unit.unit_id, archive, UnitRole.ARCHIVE)
    if adversary.on:  # with the server's help: it was kept for a day, and nobody had heard of it
        company.tick(DAY + HOUR)
    with adversary.refused("GATE-31"):
        unit.write_heads()
    if adversary.on:
        assert all(m.view.heads.charter.sequence == 3 for m in unit.members.values()), "O3"
        return
    stage.goes_on()


@attack("leaves against ledgers")
def test_a16_somebody_who_was_granted_comes_as_an_archive(
    adversary: Adversary, stage: Stage
) -> None:
    company, who = stage.company, stage.company.person("Quiet")
    company.append(company.invite_entry(who, Role.GUEST))
    company.grant(stage.unit.unit_id, who, UnitRole.READER)
    kind = MemberKind.ARCHIVE if adversary.on else MemberKind.PERSON
    company.append(company.join_entry(who, kind))
    stage.unit.write_heads()
    pending = stage.unit.commit(stage.bo, add=[key_package(company, who)])
    stage.commits(stage.bo, pending, "GATE-5")
    stage.goes_on()
