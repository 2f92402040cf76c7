"""The server adds a ghost: it tries every way in, with and without a member's help, and fails.

In each story the server accepts what it wants to (`force`); what is checked is that every honest
device refuses it by the rule's name, stays as it was, and goes on once the server is honest again.
"""

from __future__ import annotations

import dataclasses

import pytest

from mifeng_crypto import gate
from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.ids import UnixMillis
from mifeng_crypto.labels import sign_mifeng
from mifeng_crypto.ledger.chain import NeedLedgerError
from mifeng_crypto.ledger.charter import sign_charter_entry
from mifeng_crypto.ledger.charter_entry import Grant, UnitRole
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.ledger.roster import Roster, sign_roster_entry
from mifeng_crypto.ledger.roster_entry import (
    AddMember,
    DeviceAuthor,
    Invite,
    InviteAuthor,
    MemberKind,
    Role,
    RosterBody,
    RosterEntry,
    RosterEntryTBS,
)
from mifeng_crypto.log import AuthenticatedData, EntryKind, Heads, LogEntry, UnitWelcome
from mifeng_crypto.mls import group as mls
from mifeng_crypto.tls import decode, encode
from tests.support.company import HOUR, Company, Person
from tests.support.unit import Member, Unit, key_package


@pytest.fixture
def company() -> Company:
    return Company("ghost")


@pytest.fixture
def unit(company: Company) -> Unit:
    """Ada, Bo and Cy are in."""
    unit = Unit(company)
    unit.add(company.hire("Bo"), company.hire("Cy"))
    return unit


def member(unit: Unit, name: str) -> Member:
    return next(m for m in unit.members.values() if m.who.name == name)


def everybody_refuses(rule: str, unit: Unit, entry: LogEntry, *, but: str = "") -> None:
    """Each device but the accomplice's refuses the entry by this rule and stays as it was."""
    honest = [m for m in unit.members.values() if m.who.name != but]
    assert honest
    for one in honest:
        before = (one.epoch, one.view, list(one.read))
        with pytest.raises(ProtocolError) as error:
            unit.apply(one, entry)
        assert error.value.rule == rule
        assert (one.epoch, one.view, one.read) == before


def forget(unit: Unit, before: gate.UnitView) -> None:
    """The server takes its last entry back, and is honest from now on."""
    unit.entries.pop()
    unit.server = before


# ------------------------------------------------------------------ by a commit


def test_an_accomplice_commits_a_ghost_in(company: Company, unit: Unit) -> None:
    ghost, bo = company.person("Ghost"), member(unit, "Bo").who
    pending = unit.commit(bo, add=[key_package(company, ghost)])
    before = unit.server
    with pytest.raises(ProtocolError, match="GATE-5"):  # an honest server
        unit.accept_commit(pending.message, bo.device_id)
    unit.accept_commit(pending.message, bo.device_id, force=True)
    everybody_refuses("GATE-5", unit, unit.entries[-1], but="Bo")
    forget(unit, before)
    unit.everyone_can_message_everyone()


def test_the_server_swaps_the_key_package_of_somebody_who_is_granted(
    company: Company, unit: Unit
) -> None:
    # An honest client is handed a KeyPackage for Di that the server made: her names, its key.
    di = company.hire("Di")
    company.grant(unit.unit_id, di)
    unit.write_heads()
    swapped = dataclasses.replace(di, key=company.person("Server").key)
    pending = unit.commit(company.ada, add=[key_package(company, swapped)])
    before = unit.server
    with pytest.raises(ProtocolError, match="GATE-5"):  # before she sends it
        gate.check_commit(
            before, pending.staged, accepted_at=company.now, device_id=company.ada.device_id
        )
    unit.accept_commit(pending.message, company.ada.device_id, force=True)
    everybody_refuses("GATE-5", unit, unit.entries[-1])
    forget(unit, before)
    unit.everyone_can_message_everyone()


def test_the_server_gives_a_member_a_second_device_of_its_own(company: Company, unit: Unit) -> None:
    ghost = dataclasses.replace(company.person("Ghost"), member_id=company.ada.member_id)
    bo = member(unit, "Bo").who
    pending = unit.commit(bo, add=[key_package(company, ghost)])
    unit.accept_commit(pending.message, bo.device_id, force=True)
    everybody_refuses("GATE-5", unit, unit.entries[-1], but="Bo")


@pytest.mark.parametrize("part", ["signature", "confirmation tag", "membership tag"])
def test_the_server_alters_a_commit(company: Company, unit: Unit, part: str) -> None:
    # It has no leaf and no key. The tags it cannot even check, but every member does.
    forged = bytearray(unit.commit(company.ada).message)
    tag = 1 + unit.server.public.suite.hash_bytes  # each behind its length
    forged[-1 - ["membership tag", "confirmation tag", "signature"].index(part) * tag] ^= 1
    if part == "signature":
        with pytest.raises(ProtocolError, match="RFC9420"):
            mls.stage_commit(unit.server.public, bytes(forged), now_s=company.now // 1000)
    entry = unit.append(EntryKind.COMMIT, bytes(forged), company.ada.device_id)
    for one in (member(unit, "Bo"), member(unit, "Cy")):
        before = (one.epoch, one.view)
        with pytest.raises(ProtocolError, match="RFC9420"):
            unit.apply(one, entry)
        assert (one.epoch, one.view) == before


def test_a_removed_member_is_kept_in_by_a_commit_that_leaves_the_removal_out(
    company: Company, unit: Unit
) -> None:
    company.fire(member(unit, "Cy").who)
    unit.write_heads()
    bo = member(unit, "Bo").who
    pending = unit.commit(bo)
    before = unit.server
    unit.accept_commit(pending.message, bo.device_id, force=True)
    everybody_refuses("GATE-13", unit, unit.entries[-1], but="Bo")
    forget(unit, before)
    unit.send_commit(bo, unit.commit(bo, remove=gate.removes_due(unit.server)))
    unit.everyone_can_message_everyone()


# ------------------------------------------------------------------ by a Welcome, or from the start


def test_a_newcomer_is_welcomed_into_a_tree_with_a_ghost(company: Company, unit: Unit) -> None:
    ghost, di, bo = company.person("Ghost"), company.hire("Di"), member(unit, "Bo").who
    company.grant(unit.unit_id, di)
    unit.write_heads()
    bundle = key_package(company, di)
    pending = unit.commit(bo, add=[bundle, key_package(company, ghost)])
    unit.accept_commit(pending.message, bo.device_id, force=True)
    with pytest.raises(ProtocolError, match="GATE-5"):
        unit.enter(di, pending, bundle)
    assert di.device_id not in unit.members


def test_a_newcomer_is_welcomed_into_a_fork_gate_28(company: Company, unit: Unit) -> None:
    # Two commits add Di; the log has one, the server hands her the other's Welcome.
    di, bo = company.hire("Di"), member(unit, "Bo").who
    company.grant(unit.unit_id, di)
    unit.write_heads()
    bundle = key_package(company, di)
    forked = unit.commit(bo, add=[bundle])
    pending = unit.commit(company.ada, add=[bundle])
    unit.send_commit(company.ada, pending)
    sequence = unit.server.log.began
    right, unit.tree_of[sequence] = (
        unit.tree_of[sequence],
        encode(forked.staged.after.tree.to_wire()),
    )
    with pytest.raises(ProtocolError, match="GATE-28"):
        unit.enter(di, forked, bundle)
    unit.tree_of[sequence] = right
    unit.enter(di, pending, bundle)
    unit.everyone_can_message_everyone()


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ("another entry", "LOG-3"),
        ("heads before the newcomer", "GATE-5"),
        ("a rotation to come", "LOG-5"),
        ("no commit", "GATE-29"),
    ],
)
def test_a_commit_says_where_the_log_stood(
    company: Company, unit: Unit, change: str, rule: str
) -> None:
    # The server lets through what all the others refuse.
    di, older = company.hire("Di"), unit.server
    company.grant(unit.unit_id, di)
    unit.write_heads()
    said = decode(AuthenticatedData, unit.said_by_commit(company.ada))
    state = said.unit
    assert state is not None
    if change == "another entry":
        said = dataclasses.replace(said, log=Head(said.log.sequence, bytes(32)))
    elif change == "heads before the newcomer":
        state = dataclasses.replace(state, heads=older.heads)
    elif change == "a rotation to come":
        state = dataclasses.replace(state, rotated_at=UnixMillis(company.now + HOUR))
    said = dataclasses.replace(said, unit=state)
    bundle = key_package(company, di)
    pending = unit.commit(company.ada, add=[bundle], said=encode(said))
    unit.accept_commit(pending.message, company.ada.device_id, force=True)
    entry = unit.entries[-1]
    if change == "no commit":
        header = dataclasses.replace(entry.header, kind=EntryKind.HEADS)
        unit.entries[-1] = LogEntry(header, entry.content)
    with pytest.raises(ProtocolError) as error:
        unit.enter(di, pending, bundle)
    assert error.value.rule == rule
    assert di.device_id not in unit.members


def test_an_entry_that_is_no_commit_leads_nobody_in_gate_29(company: Company, unit: Unit) -> None:
    message = unit.encrypt(company.ada, b"hello")
    entry = unit.append(EntryKind.MESSAGE, message, company.ada.device_id)
    as_commit = dataclasses.replace(entry.header, kind=EntryKind.COMMIT)
    for wrong in (entry, LogEntry(as_commit, entry.content), LogEntry(as_commit, b"\x00")):
        with pytest.raises(ProtocolError, match="GATE-29"):
            gate.commit_has_path(wrong)


def test_a_welcome_into_a_group_that_is_no_units_is_refused_gate_7(
    company: Company, unit: Unit
) -> None:
    public = unit.server.public
    context = dataclasses.replace(public.context, group_id=b"a group of somebody's own")
    with pytest.raises(ProtocolError, match="GATE-7"):
        gate.check_welcome(
            company.roster,
            unit.charter,
            dataclasses.replace(public, context=context),
            UnitWelcome("", "", unit.said_by_commit(company.ada)),
            entries=unit.entries[-1:],
            confirmation_tag=b"",
        )


def test_the_server_opens_a_unit_in_somebodys_name(company: Company) -> None:
    company.create()
    unit = Unit(company)
    ghost = dataclasses.replace(company.person("Ghost"), member_id=company.ada.member_id)
    public = unit.first_epoch(ghost).public
    with pytest.raises(ProtocolError, match="GATE-5"):
        gate.check_create(company.roster, unit.charter, public, now=company.now)


# ------------------------------------------------------------------ by the ledgers


def by_the_server(company: Company, body: RosterBody, *, invited: bool = False) -> RosterEntry:
    """Signed by the server's own key, in Ada's name or in an invite's."""
    server = company.person("Server")
    author = InviteAuthor(server.member_id) if invited else company.ada.author
    return sign_roster_entry(company.roster, body, author, server.key, now=company.tick())


def test_the_server_writes_itself_into_the_roster(company: Company) -> None:
    ghost = company.person("Ghost")
    invite = Invite(
        ghost.member_id, Role.ADMIN, ghost.invite_public, UnixMillis(company.now + HOUR)
    )
    with pytest.raises(ProtocolError, match="LEDGER-4"):
        company.roster.append(by_the_server(company, invite))
    own = DeviceAuthor(ghost.member_id, ghost.device_id)
    with pytest.raises(ProtocolError, match="LEDGER-7"):
        company.roster.append(
            sign_roster_entry(company.roster, invite, own, ghost.key, now=company.tick())
        )
    add = AddMember(MemberKind.PERSON, ghost.device, None)
    with pytest.raises(ProtocolError, match="ROSTER-7"):
        company.roster.append(by_the_server(company, add, invited=True))


def test_the_server_swaps_the_device_of_somebody_who_joins(company: Company) -> None:
    # It sees the add_member before anybody, and puts its own device into it.
    di, server = company.person("Di"), company.person("Server")
    company.append(company.invite_entry(di))
    entry = company.join_entry(di)
    swapped = dataclasses.replace(entry.tbs, body=AddMember(MemberKind.PERSON, server.device, None))
    with pytest.raises(ProtocolError, match="LEDGER-4"):
        company.roster.append(RosterEntry(swapped, entry.signature))
    resigned = RosterEntry(swapped, sign_mifeng(server.key, "RosterEntry", encode(swapped)))
    with pytest.raises(ProtocolError, match="LEDGER-4"):
        company.roster.append(resigned)
    company.append(entry)


def test_the_server_grants_a_real_colleague_into_a_unit(company: Company, unit: Unit) -> None:
    di, server = company.hire("Di"), company.person("Server")
    entry = sign_charter_entry(
        unit.charter,
        Grant(di.member_id, UnitRole.MEMBER),
        company.ada.author,
        server.key,
        roster=company.roster,
        now=company.tick(),
    )
    with pytest.raises(ProtocolError, match="LEDGER-4"):
        unit.charter.append(entry, company.roster)
    by_himself = sign_charter_entry(
        unit.charter,
        Grant(di.member_id, UnitRole.MEMBER),
        di.author,
        di.key,
        roster=company.roster,
        now=company.tick(),
    )
    with pytest.raises(ProtocolError, match="CHARTER-5"):
        unit.charter.append(by_himself, company.roster)


def test_the_server_founds_a_workspace_of_the_same_name(company: Company) -> None:
    # An invite names the genesis and one later head: another roster does not pass through them.
    company.hire("Bo")
    real, fake = company.roster, Company("the server's")
    tbs: RosterEntryTBS = dataclasses.replace(
        fake.entries[0].tbs, workspace_id=company.workspace_id
    )
    founded = RosterEntry(tbs, sign_mifeng(fake.ada.key, "RosterEntry", encode(tbs)))
    roster = Roster.from_entries([founded])
    assert roster.workspace_id == real.workspace_id
    assert roster.genesis != real.genesis
    with pytest.raises(ProtocolError, match="LEDGER-8"):
        real.check_has(roster.head)


# ------------------------------------------------------------------ by hiding and by forking


def test_the_server_hides_a_removal_by_serving_an_older_roster(
    company: Company, unit: Unit
) -> None:
    cy = member(unit, "Cy").who
    before = company.entries[:]
    company.fire(cy)
    seen = company.roster.head
    truncated = Roster.from_entries(before)
    assert truncated.device(cy.device_id) is not None
    with pytest.raises(NeedLedgerError):  # whoever has seen the newer head
        truncated.check_has(seen)
    unit.write_heads()
    older = Heads(truncated.head, unit.server.heads.charter)
    entry = unit.append(EntryKind.HEADS, encode(older), gate.NO_DEVICE)
    everybody_refuses("GATE-1", unit, entry)


def test_the_server_shows_two_members_two_logs(company: Company, unit: Unit) -> None:
    # Bo gets another `heads` than Ada, in the same epoch. What he sends next tells her.
    ada, bo = unit.of(company.ada), member(unit, "Bo")
    company.hire("Di")
    at_the_fork = unit.server
    unit.write_heads()
    adas_view, adas_entry = ada.view, unit.entries.pop()
    unit.server = at_the_fork
    bo.view = dataclasses.replace(bo.view, log=at_the_fork.log)
    company.tick(5_000)
    bo.view = dataclasses.replace(bo.view, heads=at_the_fork.heads)
    unit.append(EntryKind.HEADS, adas_entry.content, gate.NO_DEVICE)
    unit.apply(bo, unit.entries[-1])
    content = unit.encrypt(bo.who, b"hello from the other side")
    assert ada.view.log.head != bo.view.log.head
    unit.entries[-1] = adas_entry
    header = gate.next_header(
        adas_view.log.head,
        group=unit.group,
        epoch=unit.server.public.epoch,
        kind=EntryKind.MESSAGE,
        device_id=bo.who.device_id,
        accepted_at=company.tick(),
        content=content,
    )
    with pytest.raises(ProtocolError, match="LOG-8"):
        unit.apply(ada, LogEntry(header, content))


def test_the_server_takes_an_accepted_entry_back(company: Company, unit: Unit) -> None:
    before = unit.server
    unit.send(company.ada, b"first")
    forget(unit, before)
    entry = unit.append(EntryKind.MESSAGE, b"another first", company.ada.device_id)
    bo = member(unit, "Bo")
    with pytest.raises(ProtocolError, match="LOG-2"):
        unit.apply(bo, entry)
    following = unit.append(EntryKind.MESSAGE, b"and a second", company.ada.device_id)
    with pytest.raises(ProtocolError, match="LOG-3"):
        unit.apply(bo, following)


def test_an_honest_server_is_let_through(company: Company, unit: Unit) -> None:
    people: list[Person] = [company.hire(name) for name in ("Di", "Ed")]
    unit.add(*people, by=member(unit, "Bo").who)
    company.revoke(unit.unit_id, people[0])
    company.fire(people[1])
    unit.write_heads()
    cy = member(unit, "Cy").who
    unit.send_commit(cy, unit.commit(cy, remove=gate.removes_due(unit.server)))
    assert unit.of(people[0]).epoch is None
    assert unit.of(people[1]).epoch is None
    unit.everyone_can_message_everyone()
