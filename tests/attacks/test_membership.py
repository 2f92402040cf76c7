"""Group A: who is in. Attacks on roster, charter and identity, judged by the members' gates."""

from __future__ import annotations

import dataclasses
import itertools

import pytest

from mifeng_crypto.gate import NO_DEVICE, removes_due
from mifeng_crypto.ids import PROTOCOL_VERSION, UnixMillis, WorkspaceId
from mifeng_crypto.labels import sign_mifeng
from mifeng_crypto.ledger.roster import Roster, sign_roster_entry
from mifeng_crypto.ledger.roster_entry import (
    AddDevice,
    Device,
    Invite,
    Recover,
    RecoveryAuthor,
    Role,
    RosterBody,
    RosterEntry,
)
from mifeng_crypto.log import AuthenticatedData, EntryKind
from mifeng_crypto.mls import group as mls
from mifeng_crypto.mls.wire.proposal import (
    Add,
    GroupContextExtensions,
    PreSharedKey,
    Proposal,
    ReInit,
)
from mifeng_crypto.mls.wire.psk import ExternalPsk, PreSharedKeyID
from mifeng_crypto.signature import SMALL_ORDER_Y
from mifeng_crypto.tls import decode, encode
from tests.attacks.adversary import Adversary, attack
from tests.attacks.insider import Insider
from tests.attacks.stage import Stage
from tests.support.company import HOUR, Person
from tests.support.unit import credential, key_package
from tests.vectors_own.mallory import Path

ORDER = 2**252 + 27742317777372353535851937790883648493
"""L, of Ed25519."""


def appended(stage: Stage, entry: RosterEntry, *rules: str) -> None:
    """What every client does with an entry that the server hands out."""
    head, members = stage.company.roster.head, stage.company.roster.members()
    with stage.adversary.refused(*rules):
        stage.company.append(entry)
    if stage.adversary.on:
        assert stage.company.roster.head == head, "O3"
        assert stage.company.roster.members() == members, "O3"


def forged(stage: Stage, body: RosterBody, key: Person) -> RosterEntry:
    """An entry in Ada's name."""
    roster = stage.company.roster
    return sign_roster_entry(roster, body, stage.ada.author, key.key, now=stage.company.tick())


@attack("the signature of an entry")
def test_a1_the_server_signs_an_invite_for_itself(adversary: Adversary, stage: Stage) -> None:
    eve = stage.company.person("Eve")
    expires = UnixMillis(stage.company.now + HOUR)
    body = Invite(eve.member_id, Role.MEMBER, eve.invite_public, expires)
    appended(stage, forged(stage, body, eve if adversary.on else stage.ada), "LEDGER-4")
    stage.goes_on()


@attack("the right to invite")
def test_a1_somebody_without_the_right_signs_an_invite(adversary: Adversary, stage: Stage) -> None:
    eve, author = stage.company.person("Eve"), stage.bo if adversary.on else stage.ada
    appended(stage, stage.company.invite_entry(eve, by=author), "ROSTER-3")
    stage.goes_on()


@attack("the workspace of an entry")
def test_a1_an_entry_of_another_workspace(adversary: Adversary, stage: Stage) -> None:
    entry = stage.company.invite_entry(stage.company.person("Eve"))
    if adversary.on:
        entry = resigned(stage, entry, workspace_id=WorkspaceId(bytes(16)))
    appended(stage, entry, "LEDGER-3")
    stage.goes_on()


@attack("the version of an entry")
def test_a1_an_entry_of_another_version(adversary: Adversary, stage: Stage) -> None:
    entry = stage.company.invite_entry(stage.company.person("Eve"))
    if adversary.on:
        entry = resigned(stage, entry, version=PROTOCOL_VERSION + 1)
    appended(stage, entry, "LEDGER-2")
    stage.goes_on()


def resigned(stage: Stage, entry: RosterEntry, **changes: object) -> RosterEntry:
    """The entry with something changed, and Ada's true signature over it."""
    tbs = dataclasses.replace(entry.tbs, **changes)  # type: ignore[arg-type]
    return RosterEntry(tbs, sign_mifeng(stage.ada.key, "RosterEntry", encode(tbs)))


@attack("leaves against ledgers")
def test_a2_a_commit_adds_somebody_whom_no_ledger_names(adversary: Adversary, stage: Stage) -> None:
    who = stage.company.person("Eve") if adversary.on else stage.welcome("Di")
    bundle = key_package(stage.company, who)
    pending = stage.unit.commit(stage.bo, add=[bundle])
    stage.commits(stage.bo, pending, "GATE-5")
    stage.goes_on()


@attack("leaves against ledgers")
def test_a3_the_server_gives_a_member_another_device(adversary: Adversary, stage: Stage) -> None:
    who = dataclasses.replace(stage.company.person("Ada"), member_id=stage.ada.member_id)
    if not adversary.on:
        who = stage.company.link(stage.ada)
        stage.unit.write_heads()
    pending = stage.unit.commit(stage.bo, add=[key_package(stage.company, who)])
    stage.commits(stage.bo, pending, "GATE-5")
    stage.goes_on()


@attack("the signature of an entry")
def test_a3_the_server_writes_another_device_into_the_roster(
    adversary: Adversary, stage: Stage
) -> None:
    ghost = stage.company.person("Ghost")
    entry = forged(stage, AddDevice(ghost.device), ghost if adversary.on else stage.ada)
    appended(stage, entry, "LEDGER-4")
    stage.goes_on()


@attack("heads go forward")
def test_a6_the_server_goes_back_to_a_roster_with_a_removed_member(
    adversary: Adversary, stage: Stage
) -> None:
    older = stage.unit.server.heads
    stage.company.fire(stage.cy)
    stage.unit.write_heads()
    bo, unit = stage.bo, stage.unit
    unit.send_commit(bo, unit.commit(bo, remove=removes_due(unit.server)))
    if adversary.on:
        stage.enters(EntryKind.HEADS, encode(older), NO_DEVICE, "GATE-1")
    stage.goes_on()


@attack("one history of the roster")
def test_a7_two_rosters_from_a_stolen_admin_key(adversary: Adversary, stage: Stage) -> None:
    # Bo is shown a branch in which the thief has let Eve in. What he sends next tells everybody.
    company, unit = stage.company, stage.unit
    branch = company.roster.append(company.invite_entry(company.person("Eve")))
    company.append(company.invite_entry(company.person("Di")))
    unit.write_heads()
    said = decode(AuthenticatedData, unit.said(stage.bo))
    if adversary.on:
        said = dataclasses.replace(said, roster=branch.head)
    content = unit.encrypt(stage.bo, b"which branch are you on?", said=encode(said))
    stage.posts(stage.bo, content, "LEDGER-8")
    stage.goes_on()


@pytest.mark.parametrize("what", ["another key", "another device", "another member"])
@attack("leaves against ledgers")
def test_a8_a_key_package_of_somebody_else_under_a_true_name(
    adversary: Adversary, stage: Stage, what: str
) -> None:
    di, eve = stage.welcome("Di"), stage.company.person("Eve")
    changes = {
        "another key": {"key": eve.key},
        "another device": {"device_id": eve.device_id},
        "another member": {"member_id": stage.ada.member_id},
    }[what]
    who = dataclasses.replace(di, **changes) if adversary.on else di  # type: ignore[arg-type]
    pending = stage.unit.commit(stage.ada, add=[key_package(stage.company, who)])
    stage.commits(stage.ada, pending, "GATE-5")
    stage.goes_on()


@pytest.mark.parametrize("what", ["GroupContextExtensions", "PreSharedKey", "ReInit"])
@attack("only Add and Remove")
def test_a9_a_member_commits_more_than_add_and_remove(
    adversary: Adversary, stage: Stage, what: str
) -> None:
    insider = Insider(stage.unit, stage.bo)
    honest = stage.unit.commit(stage.bo)
    message = forge(insider, what) if adversary.on else honest.message
    before = stage.unit.server
    with adversary.refused("GATE-10"):
        stage.unit.accept_commit(message, stage.bo.device_id)  # the server asks the same gate
    if adversary.on:
        assert stage.unit.server == before, "O3"
        stage.unit.accept_commit(message, stage.bo.device_id, force=True)
        stage.judge(before, ("GATE-10",), but=stage.bo)
    stage.goes_on()


def forge(insider: Insider, what: str) -> bytes:

    made: dict[str, Proposal] = {
        "GroupContextExtensions": GroupContextExtensions(()),
        "PreSharedKey": PreSharedKey(PreSharedKeyID(ExternalPsk(b"psk"), bytes(48))),
        "ReInit": ReInit(b"another group", 1, 0xF002, ()),
    }
    return insider.commit(made[what], path=None if what == "ReInit" else Path()).message


@attack("no other Removes")
def test_a9_a_member_removes_somebody_who_belongs(adversary: Adversary, stage: Stage) -> None:
    leaf = stage.unit.server.standing.leaves[stage.cy.device_id]
    remove = [leaf] if adversary.on else []
    pending = stage.unit.commit(stage.bo, remove=remove)
    stage.commits(stage.bo, pending, "GATE-14")
    stage.goes_on()


@attack("the committer belongs")
def test_a9_a_former_member_commits(adversary: Adversary, stage: Stage) -> None:
    unit = stage.unit
    by = stage.cy if adversary.on else stage.bo
    stage.company.fire(stage.cy)
    unit.write_heads()
    if adversary.on:
        pending = unit.commit(by)
        stage.commits(by, pending, "GATE-11")
    unit.send_commit(stage.bo, unit.commit(stage.bo, remove=removes_due(unit.server)))
    stage.goes_on()


@attack("the signature of an entry")
def test_a10_every_public_key_of_a_roster_is_swapped(adversary: Adversary, stage: Stage) -> None:
    # One at a time, wherever one stands, for a key of the server's.
    company, server = stage.company, stage.company.person("Server")
    raw = [encode(entry) for entry in company.entries]
    people = [stage.ada, stage.bo, stage.cy]
    keys = {p.device.signature_key for p in people} | {p.invite_public for p in people}
    keys |= {p.recovery_public for p in people}
    swapped = 0
    for (n, entry), key in itertools.product(enumerate(raw), sorted(keys)):
        if key not in entry:
            continue
        swapped += 1
        changed = entry.replace(key, server.device.signature_key if adversary.on else key)
        with adversary.refused("LEDGER-4"):
            Roster.from_entries([*raw[:n], changed, *raw[n + 1 :]])
    assert swapped >= 3 * 3 - 1
    stage.goes_on()


WEAK = sorted(
    {
        (y | sign << 255).to_bytes(32, "little")
        for y in {y + k * (2**255 - 19) for y in SMALL_ORDER_Y for k in (0, 1)} | set(SMALL_ORDER_Y)
        if y < 2**255
        for sign in (0, 1)
    }
)


@pytest.mark.parametrize("place", ["device", "invite"])
@attack("weak keys in the roster")
def test_a11_a_key_of_small_order(adversary: Adversary, stage: Stage, place: str) -> None:
    company = stage.company
    assert len(WEAK) >= 10
    for key in WEAK:
        eve = company.person("Eve")
        if place == "invite":
            public = key if adversary.on else eve.invite_public
            expires = UnixMillis(company.now + HOUR)
            body: RosterBody = Invite(eve.member_id, Role.MEMBER, public, expires)
        else:
            public = key if adversary.on else eve.device.signature_key
            body = AddDevice(Device(eve.device_id, public, eve.device.hpke_key))
        with adversary.refused("KEY-1"):
            company.roster.append(company.sign(body, stage.ada))
    stage.goes_on()


@attack("the signature of an entry")
def test_a12_another_form_of_a_true_signature(adversary: Adversary, stage: Stage) -> None:
    # S + L is the same signature to a careless verifier, and another entry to the hash chain.
    entry = stage.company.invite_entry(stage.company.person("Di"))
    if adversary.on:
        s = int.from_bytes(entry.signature[32:], "little") + ORDER
        mauled = entry.signature[:32] + s.to_bytes(32, "little")
        entry = dataclasses.replace(entry, signature=mauled)
    appended(stage, entry, "LEDGER-4")
    stage.goes_on()


@attack("nobody is in a tree twice")
def test_a13_a_device_is_added_twice(adversary: Adversary, stage: Stage) -> None:
    # No rule of ours: RFC 9420 gives a signature key one leaf, and a device has one key.
    insider = Insider(stage.unit, stage.bo)
    who = stage.cy if adversary.on else stage.welcome("Di")
    bundle = key_package(stage.company, who)
    if not adversary.on:
        stage.unit.send_commit(stage.bo, stage.unit.commit(stage.bo, add=[bundle]))
        stage.goes_on()
        return
    message = insider.commit(Add(bundle.key_package)).message
    with adversary.refused("RFC9420-12.2-6"):
        mls.stage_commit(stage.unit.server.public, message, now_s=stage.company.now // 1000)
    stage.goes_on()


@pytest.mark.parametrize("what", ["name", "key"])
@attack("the committer's identity")
def test_a15_a_member_becomes_somebody_else_by_a_commit(
    adversary: Adversary, stage: Stage, what: str
) -> None:
    insider, eve = Insider(stage.unit, stage.bo), stage.company.person("Eve")
    path = Path()
    if adversary.on and what == "name":
        path = Path(leaf=lambda leaf: dataclasses.replace(leaf, credential=credential(stage.ada)))
    elif adversary.on:
        path = Path(
            leaf=lambda leaf: dataclasses.replace(leaf, signature_key=eve.device.signature_key),
            signature_key=eve.key,
        )
    if not adversary.on:
        stage.unit.send_commit(stage.bo, stage.unit.commit(stage.bo))
    else:
        before = stage.unit.server
        stage.unit.accept_commit(insider.commit(path=path).message, stage.bo.device_id, force=True)
        stage.judge(before, ("GATE-12",), but=stage.bo)
    stage.goes_on()


@attack("nothing while a Remove is due")
def test_a19_the_server_withholds_the_commit_that_removes(
    adversary: Adversary, stage: Stage
) -> None:
    unit = stage.unit
    stage.company.fire(stage.cy)
    unit.write_heads()
    if not adversary.on:
        unit.send_commit(stage.bo, unit.commit(stage.bo, remove=removes_due(unit.server)))
    content = unit.encrypt(stage.ada, b"not for Cy")
    stage.posts(stage.ada, content, "GATE-23")
    if adversary.on:
        unit.send_commit(stage.bo, unit.commit(stage.bo, remove=removes_due(unit.server)))
    stage.goes_on()


@attack("the signature of an entry")
def test_a20_the_server_recovers_a_member_onto_its_own_device(
    adversary: Adversary, stage: Stage
) -> None:
    server = stage.company.on_new_device(stage.cy)
    entry = stage.company.recover_entry(stage.cy, server)
    if adversary.on:
        entry = sign_roster_entry(
            stage.company.roster,
            Recover(server.device, server.recovery_public),
            RecoveryAuthor(stage.cy.member_id),
            server.key,
            now=stage.company.tick(),
        )
    appended(stage, entry, "LEDGER-4")
    if adversary.on:
        stage.goes_on()


@attack("new member ids")
def test_a20_a_member_id_is_given_to_somebody_else(adversary: Adversary, stage: Stage) -> None:
    eve = stage.company.person("Eve")
    if adversary.on:
        eve = dataclasses.replace(eve, member_id=stage.cy.member_id)
    appended(stage, stage.company.invite_entry(eve), "ROSTER-4")
    stage.goes_on()
