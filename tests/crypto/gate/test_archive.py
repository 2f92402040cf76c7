"""Archives read along for all to see: not before a day has passed, and never as somebody else."""

from __future__ import annotations

import pytest

from mifeng_crypto import gate
from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.ids import UnixMillis
from mifeng_crypto.ledger.charter_entry import UnitRole
from mifeng_crypto.ledger.roster_entry import MemberKind, Role
from tests.support.company import HOUR, Company
from tests.support.unit import Unit, key_package

DAY = 24 * HOUR


@pytest.fixture
def company() -> Company:
    return Company()


def test_an_archive_is_let_in_a_day_after_its_grant_and_reads_from_there_gate_32(
    company: Company,
) -> None:
    unit, bo = Unit(company), company.hire("Bo")
    unit.add(bo)
    archive = company.archive("Records")
    company.grant(unit.unit_id, archive, UnitRole.ARCHIVE)
    unit.write_heads()
    unit.send(bo, b"before")
    since = unit.server.ledgers.archived_from(archive.member_id)
    assert since is not None
    assert gate.adds_missing(unit.server, UnixMillis(since - 1)) == ()
    assert gate.adds_missing(unit.server, since) == (archive.device_id,)
    company.tick(since - company.now - 10_000)
    pending = unit.commit(bo, add=[key_package(company, archive)])
    with pytest.raises(ProtocolError) as error:
        unit.send_commit(bo, pending)
    assert error.value.rule == "GATE-32"
    company.tick(10_000)
    bundle = key_package(company, archive)
    pending = unit.commit(bo, add=[bundle])
    unit.send_commit(bo, pending)
    unit.enter(archive, pending, bundle)
    unit.send(bo, b"after")
    assert unit.of(archive).read == [b"after"]
    # It stays: the rest goes by what is granted, and it posts nothing.
    assert gate.removes_due(unit.server) == ()
    with pytest.raises(ProtocolError) as error:
        unit.send(archive, b"I")
    assert error.value.rule == "GATE-25"


def test_a_newcomer_believes_in_no_archive_that_came_too_early_gate_32(company: Company) -> None:
    unit, bo, archive = Unit(company), company.hire("Bo"), company.archive("Records")
    company.grant(unit.unit_id, bo)
    company.grant(unit.unit_id, archive, UnitRole.ARCHIVE)
    unit.write_heads()
    bundles = [key_package(company, who) for who in (bo, archive)]
    pending = unit.commit(company.ada, add=bundles)
    unit.accept_commit(pending.message, company.ada.device_id, force=True)
    with pytest.raises(ProtocolError) as error:
        unit.enter(bo, pending, bundles[0])
    assert error.value.rule == "GATE-32"


def test_a_grant_to_somebody_invited_who_comes_as_an_archive_opens_nothing_gate_5(
    company: Company,
) -> None:
    unit, who = Unit(company), company.person("Quiet")
    company.append(company.invite_entry(who, Role.GUEST))
    company.grant(unit.unit_id, who, UnitRole.READER)
    company.append(company.join_entry(who, MemberKind.ARCHIVE))
    unit.write_heads()
    company.tick(2 * DAY)
    assert gate.adds_missing(unit.server, company.now) == ()
    pending = unit.commit(company.ada, add=[key_package(company, who)])
    with pytest.raises(ProtocolError) as error:
        unit.send_commit(company.ada, pending)
    assert error.value.rule == "GATE-5"
