"""GATE-n for commits: what the ledgers demand, all of it, and nothing else."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from mifeng_crypto import gate
from mifeng_crypto.errors import ProtocolError, UsageError
from mifeng_crypto.gate.commit import MAX_DEVICES, MAX_KEY_PACKAGE_S, check_cap, check_devices
from mifeng_crypto.ids import FileId, Identity, MemberId, UnixMillis
from mifeng_crypto.ledger.chain import NeedLedgerError
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.ledger.policy import DEFAULT_POLICY
from mifeng_crypto.log import SET_AT_EXTENSION, AuthenticatedData
from mifeng_crypto.mls import group as mls
from mifeng_crypto.mls.group import LeafIndex, PublicGroup, StagedCommit
from mifeng_crypto.mls.tree.ratchet_tree import RatchetTree
from mifeng_crypto.mls.wire.credential import BasicCredential
from mifeng_crypto.mls.wire.extension import Extension
from mifeng_crypto.mls.wire.leaf_node import Lifetime
from mifeng_crypto.mls.wire.proposal import ProposalByReference
from mifeng_crypto.suite import suite_by_id
from mifeng_crypto.tls import decode, encode
from tests.support.company import HOUR, SUITE, Company, Person
from tests.support.unit import CAPABILITIES, Unit, credential, key_package, leaf_extensions

DAY = 24 * HOUR


@pytest.fixture
def company() -> Company:
    return Company()


@pytest.fixture
def unit(company: Company) -> Unit:
    """Ada and Bo are in; Cy and Di are colleagues outside."""
    unit = Unit(company)
    unit.add(company.hire("Bo"))
    return unit


def check(
    unit: Unit, staged: StagedCommit, *, by: Person | None = None, at: int | None = None
) -> AuthenticatedData:
    who = by or unit.creator
    return gate.check_commit(
        unit.server,
        staged,
        accepted_at=UnixMillis(unit.company.now if at is None else at),
        device_id=who.device_id,
    )


def refused(
    rule: str,
    unit: Unit,
    staged: StagedCommit,
    *,
    by: Person | None = None,
    at: int | None = None,
) -> None:
    with pytest.raises(ProtocolError) as error:
        check(unit, staged, by=by, at=at)
    assert error.value.rule == rule


def leaf_of(unit: Unit, who: Person) -> LeafIndex:
    return unit.server.standing.leaves[who.device_id]


# ------------------------------------------------------------------ what passes


def test_a_rotation_and_an_addition_pass_and_tell_what_the_sender_saw(
    company: Company, unit: Unit
) -> None:
    said = check(unit, unit.commit(company.ada).staged)
    assert said.log == unit.server.log.head
    cy = company.hire("Cy")
    company.grant(unit.unit_id, cy)
    unit.write_heads()
    assert gate.adds_missing(unit.server, company.now) == (cy.device_id,)
    for path in (True, False):
        pending = unit.commit(company.ada, add=[key_package(company, cy)], path=path)
        check(unit, pending.staged)


def test_a_commit_that_was_staged_for_another_epoch_is_the_callers_mistake(
    company: Company, unit: Unit
) -> None:
    stale = unit.commit(company.ada)
    unit.send_commit(company.ada, unit.commit(company.ada))
    with pytest.raises(UsageError, match="another epoch"):
        check(unit, stale.staged)


# ------------------------------------------------------------------ leaves against ledgers


def stranger(company: Company, unit: Unit) -> Person:
    return company.person("Eve")


def colleague_without_a_grant(company: Company, unit: Unit) -> Person:
    cy = company.hire("Cy")
    unit.write_heads()
    return cy


def granted_but_not_yet_in_heads(company: Company, unit: Unit) -> Person:
    cy = company.hire("Cy")
    company.grant(unit.unit_id, cy)
    unit.server = dataclasses.replace(unit.server, roster=company.roster, charter=unit.charter)
    return cy


def another_device_of_a_member(company: Company, unit: Unit) -> Person:
    eve = company.person("Eve")
    return dataclasses.replace(eve, member_id=company.ada.member_id)


def a_members_device_with_another_key(company: Company, unit: Unit) -> Person:
    cy = company.hire("Cy")
    company.grant(unit.unit_id, cy)
    unit.write_heads()
    return dataclasses.replace(cy, key=company.person("Eve").key)


def a_members_device_under_another_members_name(company: Company, unit: Unit) -> Person:
    cy, eve = company.hire("Cy"), company.hire("Eve")
    company.grant(unit.unit_id, cy)
    unit.write_heads()
    return dataclasses.replace(eve, member_id=cy.member_id)


def removed_from_the_workspace(company: Company, unit: Unit) -> Person:
    cy = company.hire("Cy")
    company.grant(unit.unit_id, cy)
    company.fire(cy)
    unit.write_heads()
    return cy


def revoked_in_the_unit(company: Company, unit: Unit) -> Person:
    cy = company.hire("Cy")
    company.grant(unit.unit_id, cy)
    company.revoke(unit.unit_id, cy)
    unit.write_heads()
    return cy


@pytest.mark.parametrize(
    "ghost",
    [
        stranger,
        colleague_without_a_grant,
        granted_but_not_yet_in_heads,
        another_device_of_a_member,
        a_members_device_with_another_key,
        a_members_device_under_another_members_name,
        removed_from_the_workspace,
        revoked_in_the_unit,
    ],
)
def test_who_is_not_in_the_ledgers_is_not_added_gate_5(
    company: Company, unit: Unit, ghost: Callable[[Company, Unit], Person]
) -> None:
    who = ghost(company, unit)
    refused("GATE-5", unit, unit.commit(company.ada, add=[key_package(company, who)]).staged)


def test_a_leaf_without_an_identity_is_not_added_gate_4(company: Company, unit: Unit) -> None:
    cy = company.hire("Cy")
    company.grant(unit.unit_id, cy)
    unit.write_heads()
    bundle = mls.create_key_package(
        suite=suite_by_id(SUITE),
        signature_key=cy.key,
        credential=BasicCredential(encode(Identity(cy.member_id, cy.device_id)) + b"!"),
        capabilities=CAPABILITIES,
        lifetime=Lifetime(company.now // 1000 - 60, company.now // 1000 + 600),
        leaf_extensions=leaf_extensions(company.now),
        rng=company.rng,
    )
    refused("GATE-4", unit, unit.commit(company.ada, add=[bundle]).staged)


def test_a_leaf_that_does_not_say_when_its_keys_were_made_is_refused_gate_6(
    company: Company, unit: Unit
) -> None:
    cy = company.hire("Cy")
    company.grant(unit.unit_id, cy)
    unit.write_heads()
    malformed = (Extension(SET_AT_EXTENSION, b"soon"),)
    for extensions in ((), malformed, leaf_extensions(company.now + 700_000)):
        bundle = key_package(company, cy, extensions=extensions)
        refused("GATE-6", unit, unit.commit(company.ada, add=[bundle]).staged)
        refused("GATE-6", unit, unit.commit(company.ada, extensions=extensions).staged)


# ------------------------------------------------------------------ how a unit begins


def test_a_unit_begins_with_its_own_group_gate_7(company: Company) -> None:
    unit = Unit(company)
    other = Unit(company)
    with pytest.raises(ProtocolError, match="GATE-7"):
        gate.check_create(company.roster, unit.charter, other.server.public, now=company.now)


def test_a_unit_begins_with_the_suite_of_its_charter_and_no_extensions_gate_7(
    company: Company,
) -> None:
    unit = Unit(company)
    public = unit.server.public
    for wrong in (
        dataclasses.replace(public, suite=suite_by_id(3)),
        dataclasses.replace(
            public,
            context=dataclasses.replace(public.context, extensions=(Extension(5, b""),)),
        ),
    ):
        with pytest.raises(ProtocolError, match="GATE-7"):
            gate.check_create(company.roster, unit.charter, wrong, now=company.now)


def test_a_unit_begins_in_epoch_0_with_its_creator_alone_gate_8(
    company: Company, unit: Unit
) -> None:
    grown = unit.server.public
    with pytest.raises(ProtocolError, match="GATE-8"):
        gate.check_create(company.roster, unit.charter, grown, now=company.now)
    eve = company.person("Eve")
    with pytest.raises(ProtocolError, match="GATE-8"):
        gate.check_create(
            company.roster, unit.charter, unit.first_epoch(eve).public, now=company.now
        )
    ghost = dataclasses.replace(eve, member_id=company.ada.member_id)
    with pytest.raises(ProtocolError, match="GATE-5"):
        gate.check_create(
            company.roster, unit.charter, unit.first_epoch(ghost).public, now=company.now
        )


# ------------------------------------------------------------------ the commit itself


def test_a_commit_that_is_hidden_from_the_server_is_refused_gate_9(
    company: Company, unit: Unit
) -> None:
    pending = unit.commit(company.ada)
    refused("GATE-9", unit, dataclasses.replace(pending.staged, message=None))


def test_an_external_commit_is_refused_gate_9(company: Company, unit: Unit) -> None:
    epoch = unit.of(company.ada).epoch
    assert epoch is not None
    info = mls.group_info(
        epoch, signature_key=company.ada.key, with_tree=True, with_external_pub=True
    )
    cy = company.hire("Cy")
    company.grant(unit.unit_id, cy)
    unit.write_heads()
    pending = mls.external_commit(
        info,
        signature_key=cy.key,
        credential=credential(cy),
        capabilities=CAPABILITIES,
        leaf_extensions=leaf_extensions(company.now),
        authenticated_data=unit.said_by_commit(company.ada),
        now_s=company.now // 1000,
        rng=company.rng,
    )
    staged = mls.stage_commit(unit.server.public, pending.message, now_s=company.now // 1000)
    refused("GATE-9", unit, staged, by=cy)


def test_any_proposal_but_add_and_remove_by_value_is_refused_gate_10(
    company: Company, unit: Unit
) -> None:
    epoch = unit.of(company.ada).epoch
    assert epoch is not None
    pending = mls.commit(
        epoch,
        signature_key=company.ada.key,
        extensions=(),
        authenticated_data=unit.said_by_commit(company.ada),
        now_s=company.now // 1000,
        rng=company.rng,
    )
    refused("GATE-10", unit, pending.staged)
    fine = unit.commit(company.ada).staged
    by_reference = dataclasses.replace(fine.commit, proposals=(ProposalByReference(b"ref"),))
    refused("GATE-10", unit, dataclasses.replace(fine, commit=by_reference))


def test_who_is_to_be_removed_does_not_commit_gate_11(company: Company, unit: Unit) -> None:
    bo = next(m.who for m in unit.members.values() if m.who.name == "Bo")
    cy = company.hire("Cy", by=company.ada)
    unit.add(cy)
    company.revoke(unit.unit_id, bo)
    company.revoke(unit.unit_id, cy)
    unit.write_heads()
    pending = unit.commit(bo, remove=[leaf_of(unit, cy)])
    refused("GATE-11", unit, pending.staged, by=bo)


@pytest.mark.parametrize("what", ["credential", "signature_key"])
def test_a_commit_does_not_change_its_senders_identity_or_key_gate_12(
    company: Company, unit: Unit, what: str
) -> None:
    staged = unit.commit(company.ada).staged
    eve = company.person("Eve")
    if what == "credential":
        leaf = dataclasses.replace(staged.leaf, credential=credential(eve))
    else:
        leaf = dataclasses.replace(staged.leaf, signature_key=eve.device.signature_key)
    nodes = list(staged.after.tree.nodes)
    nodes[0] = leaf
    tree = RatchetTree.of(staged.after.suite, tuple(nodes))
    after: PublicGroup = dataclasses.replace(staged.after, tree=tree)
    refused("GATE-12", unit, dataclasses.replace(staged, after=after))


def test_removals_that_are_due_are_compulsory_all_of_them_gate_13(
    company: Company, unit: Unit
) -> None:
    cy, di = company.hire("Cy"), company.hire("Di")
    unit.add(cy, di)
    company.revoke(unit.unit_id, cy)
    company.fire(di)
    unit.write_heads()
    due = gate.removes_due(unit.server)
    assert due == (leaf_of(unit, cy), leaf_of(unit, di))
    refused("GATE-13", unit, unit.commit(company.ada).staged)
    for one in due:
        refused("GATE-13", unit, unit.commit(company.ada, remove=[one]).staged)
    check(unit, unit.commit(company.ada, remove=due).staged)


def test_nobody_who_belongs_into_the_unit_is_removed_gate_14(company: Company, unit: Unit) -> None:
    bo = next(m.who for m in unit.members.values() if m.who.name == "Bo")
    refused("GATE-14", unit, unit.commit(company.ada, remove=[leaf_of(unit, bo)]).staged)
    cy = company.hire("Cy")
    unit.add(cy)
    company.revoke(unit.unit_id, cy)
    unit.write_heads()
    both = [leaf_of(unit, bo), leaf_of(unit, cy)]
    refused("GATE-14", unit, unit.commit(company.ada, remove=both).staged)


def test_a_commit_names_no_files_gate_15(company: Company, unit: Unit) -> None:
    said = unit.said_by_commit(company.ada, files=[FileId(bytes(16))])
    refused("GATE-15", unit, unit.commit(company.ada, said=said).staged)


def test_a_key_package_that_lives_too_long_is_refused_gate_16(company: Company, unit: Unit) -> None:
    cy = company.hire("Cy")
    company.grant(unit.unit_id, cy)
    unit.write_heads()
    longest = key_package(company, cy, life_s=MAX_KEY_PACKAGE_S)
    check(unit, unit.commit(company.ada, add=[longest]).staged)
    longer = key_package(company, cy, life_s=MAX_KEY_PACKAGE_S + 1)
    refused("GATE-16", unit, unit.commit(company.ada, add=[longer]).staged)


def test_no_more_people_than_the_policys_cap_are_in_the_tree_gate_17(company: Company) -> None:
    # The charter counts as well (CHARTER-9), but not an invite that has expired; and this one is
    # used after all, by an entry that is dated just before.
    unit = Unit(company, policy=dataclasses.replace(DEFAULT_POLICY, cap=2))
    late, bo = company.person("Late"), company.hire("Bo")
    company.append(company.invite_entry(late))
    company.grant(unit.unit_id, late)
    unit.write_heads()
    company.tick(72 * HOUR - 6_000)
    joined = company.join_entry(late)
    company.tick(60_000)
    company.grant(unit.unit_id, bo)
    company.append(joined)
    unit.write_heads()
    bundles = [key_package(company, who) for who in (late, bo)]
    at = company.now
    refused("GATE-17", unit, unit.commit(company.ada, add=bundles).staged, at=at)
    check(unit, unit.commit(company.ada, add=bundles[:1]).staged, at=at)


def test_a_unit_never_has_more_than_1000_people_gate_17() -> None:
    people = {MemberId(n.to_bytes(16, "big")): 1 for n in range(1001)}
    with pytest.raises(ProtocolError, match="GATE-17"):
        check_cap(people, 2000, grown=True)
    people.popitem()
    check_cap(people, 2000, grown=True)


def test_a_cap_that_was_lowered_turns_nobody_out_gate_17() -> None:
    check_cap({MemberId(bytes(16)): 1, MemberId(b"b" * 16): 1}, 1, grown=False)


def test_a_member_has_at_most_five_devices_in_a_unit_gate_18() -> None:
    ada, bo = MemberId(b"a" * 16), MemberId(b"b" * 16)
    check_devices({ada: MAX_DEVICES, bo: 1}, among=[ada, bo])
    with pytest.raises(ProtocolError, match="GATE-18"):
        check_devices({ada: MAX_DEVICES + 1, bo: 1}, among=[ada, bo])
    check_devices({ada: MAX_DEVICES + 1, bo: 1}, among=[bo])


def test_once_the_keys_have_expired_a_commit_renews_them_gate_19(
    company: Company, unit: Unit
) -> None:
    cy = company.hire("Cy")
    company.grant(unit.unit_id, cy)
    unit.write_heads()
    company.now = UnixMillis(unit.server.rotated_at + 72 * HOUR)
    bundle = key_package(company, cy)
    check(unit, unit.commit(company.ada, add=[bundle], path=False).staged)
    company.tick(1)
    assert gate.key_expired(unit.server, company.now)
    refused("GATE-19", unit, unit.commit(company.ada, add=[bundle], path=False).staged)
    check(unit, unit.commit(company.ada, add=[bundle], path=True).staged)


# ------------------------------------------------------------------ what the sender had seen


def altered(unit: Unit, **changes: object) -> bytes:
    said = decode(AuthenticatedData, unit.said_by_commit(unit.creator))
    return encode(dataclasses.replace(said, **changes))  # type: ignore[arg-type]


def test_authenticated_data_that_is_malformed_or_of_another_version_is_refused_gate_20(
    company: Company, unit: Unit
) -> None:
    for said in (
        b"",
        b"\x00",
        unit.said_by_commit(company.ada) + b"\x00",
        altered(unit, version=2),
    ):
        refused("GATE-20", unit, unit.commit(company.ada, said=said).staged)


@pytest.mark.parametrize("off", [-600_001, 600_001])
def test_a_sender_whose_clock_is_off_is_refused_gate_21(
    company: Company, unit: Unit, off: int
) -> None:
    fine = company.now + (600_000 if off > 0 else -600_000)
    check(unit, unit.commit(company.ada, said=unit.said_by_commit(company.ada, time=fine)).staged)
    said = unit.said_by_commit(company.ada, time=company.now + off)
    refused("GATE-21", unit, unit.commit(company.ada, said=said).staged)


def test_a_commit_that_the_log_gives_to_another_device_is_refused_gate_22(
    company: Company, unit: Unit
) -> None:
    bo = next(m.who for m in unit.members.values() if m.who.name == "Bo")
    refused("GATE-22", unit, unit.commit(company.ada).staged, by=bo)


def test_a_sender_who_saw_another_log_is_refused_log_8(company: Company, unit: Unit) -> None:
    head = unit.server.log.head
    said = altered(unit, log=Head(head.sequence, bytes(32)))
    refused("LOG-8", unit, unit.commit(company.ada, said=said).staged)


@pytest.mark.parametrize("ledger", ["roster", "charter"])
def test_a_sender_who_saw_another_ledger_is_refused_ledger_8(
    company: Company, unit: Unit, ledger: str
) -> None:
    said = altered(unit, **{ledger: Head(1, bytes(32))})
    refused("LEDGER-8", unit, unit.commit(company.ada, said=said).staged)


def test_a_sender_who_knows_more_of_a_ledger_makes_us_fetch_it_ledger_9(
    company: Company, unit: Unit
) -> None:
    company.hire("Cy")
    with pytest.raises(NeedLedgerError) as error:
        check(unit, unit.commit(company.ada).staged)
    assert (error.value.ledger, error.value.sequence) == (
        "roster",
        company.roster.head.sequence,
    )


# ------------------------------------------------------------------ when keys are renewed


def test_a_rotation_is_due_after_a_day_and_keys_expire_after_three(
    company: Company, unit: Unit
) -> None:
    rotated_at = unit.server.rotated_at
    assert not gate.rotation_due(unit.server, UnixMillis(rotated_at + DAY))
    assert gate.rotation_due(unit.server, UnixMillis(rotated_at + DAY + 1))
    assert not gate.key_expired(unit.server, UnixMillis(rotated_at + 3 * DAY))
    assert gate.key_expired(unit.server, UnixMillis(rotated_at + 3 * DAY + 1))
