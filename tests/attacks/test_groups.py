"""Group B: MLS and the unit's log. Attacks by a server, a member, or both, judged by the gates."""

from __future__ import annotations

import dataclasses
import itertools
import time

import pytest

from mifeng_crypto import gate
from mifeng_crypto.errors import CodecError, ProtocolError
from mifeng_crypto.gate import NO_DEVICE, removes_due
from mifeng_crypto.ids import GroupId, UnixMillis
from mifeng_crypto.labels import sign_mifeng, verify_mifeng
from mifeng_crypto.ledger.charter import Charter
from mifeng_crypto.log import AuthenticatedData, EntryKind, UnitWelcome
from mifeng_crypto.mls import group as mls
from mifeng_crypto.mls.wire.extension import Extension
from mifeng_crypto.mls.wire.framing import ApplicationContent
from mifeng_crypto.mls.wire.leaf_node import Lifetime
from mifeng_crypto.suite import MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519, suite_by_id
from mifeng_crypto.tls import decode, encode
from tests.attacks.adversary import Adversary, attack
from tests.attacks.insider import Insider
from tests.attacks.stage import Stage
from tests.support.company import HOUR, Person
from tests.support.unit import CAPABILITIES, Unit, credential, key_package, leaf_extensions
from tests.vectors_own.faults_key_package import SMALL_ORDER_X25519
from tests.vectors_own.faults_message import Sealing, seal
from tests.vectors_own.mallory import Frame
from tests.vectors_own.signing import sign_key_package, sign_leaf

DAY = 24 * HOUR


@attack("one history of the log")
def test_b1_two_members_are_shown_two_logs(adversary: Adversary, stage: Stage) -> None:
    unit, bo = stage.unit, stage.unit.of(stage.bo)
    stage.company.hire("Di")
    fork = unit.server
    unit.write_heads()
    if adversary.on:
        real, view = unit.entries.pop(), unit.server
        unit.server, bo.view = fork, dataclasses.replace(bo.view, log=fork.log)
        stage.company.tick(5000)
        bo.view = dataclasses.replace(bo.view, heads=fork.heads)
        unit.append(EntryKind.HEADS, real.content, NO_DEVICE)
        unit.apply(bo, unit.entries.pop())
        unit.entries.append(real)
        unit.server = view
    content = unit.encrypt(stage.bo, b"hello from the other side")
    stage.posts(stage.bo, content, "LOG-8")


@attack("commits by members")
def test_b5_a_thief_of_a_signature_key_joins_from_outside(
    adversary: Adversary, stage: Stage
) -> None:
    # The worst case: an accomplice even hands out the GroupInfo, which the product never does.
    unit, epoch = stage.unit, stage.unit.of(stage.bo).epoch
    assert epoch is not None
    info = mls.group_info(epoch, signature_key=stage.bo.key, with_tree=True, with_external_pub=True)
    if adversary.on:
        made = mls.external_commit(
            info,
            signature_key=stage.cy.key,
            credential=credential(stage.cy),
            capabilities=CAPABILITIES,
            leaf_extensions=leaf_extensions(stage.company.now),
            remove=unit.server.standing.leaves[stage.cy.device_id],
            authenticated_data=unit.said_by_commit(stage.bo),
            now_s=stage.company.now // 1000,
            rng=stage.company.rng,
        )
        before = unit.server
        with adversary.refused("GATE-9"):
            unit.accept_commit(made.message, stage.cy.device_id)
        unit.accept_commit(made.message, stage.cy.device_id, force=True)
        stage.judge(before, ("GATE-9",), but=None)
    stage.goes_on()


@attack("the Welcome's commit")
def test_b7_a_welcome_of_the_commit_that_lost(adversary: Adversary, stage: Stage) -> None:
    unit, di = stage.unit, stage.welcome("Di")
    bundle = key_package(stage.company, di)
    loser = unit.commit(stage.bo, add=[bundle])
    winner = unit.commit(stage.ada, add=[bundle])
    unit.send_commit(stage.ada, winner)
    sequence, tree = unit.server.log.began, encode(loser.staged.after.tree.to_wire())
    right = unit.tree_of[sequence]
    if adversary.on:
        unit.tree_of[sequence] = tree
        with adversary.refused("GATE-28"):
            unit.enter(di, loser, bundle)
        assert di.device_id not in unit.members, "O3"
        unit.tree_of[sequence] = right
    unit.enter(di, winner, bundle)
    stage.goes_on()


@attack("leaves against ledgers")
def test_b8_a_ghost_in_the_tree_of_a_welcome(adversary: Adversary, stage: Stage) -> None:
    unit, di, eve = stage.unit, stage.welcome("Di"), stage.company.person("Eve")
    bundle = key_package(stage.company, di)
    added = [bundle, key_package(stage.company, eve)] if adversary.on else [bundle]
    pending = unit.commit(stage.bo, add=added)
    unit.accept_commit(pending.message, stage.bo.device_id, force=adversary.on)
    with adversary.refused("GATE-5"):
        unit.enter(di, pending, bundle)
    if adversary.on:
        assert di.device_id not in unit.members, "O3"
    else:
        stage.goes_on()


@attack("the hash of a tree")
def test_b8_a_tree_with_one_byte_changed(adversary: Adversary, stage: Stage) -> None:
    unit, di = stage.unit, stage.welcome("Di")
    bundle = key_package(stage.company, di)
    pending = unit.commit(stage.ada, add=[bundle])
    unit.send_commit(stage.ada, pending)
    sequence = unit.server.log.began
    right = unit.tree_of[sequence]
    step = len(right) // 150
    for at in range(0, len(right), step) if adversary.on else ():
        changed = bytearray(right)
        changed[at] ^= 1
        unit.tree_of[sequence] = bytes(changed)
        try:
            unit.enter(di, pending, bundle)
        except (CodecError, ProtocolError) as err:
            adversary.named(err, "CodecError", "RFC9420-12.4.3.1-4")
        else:
            adversary.succeeds()
        assert di.device_id not in unit.members, "O3"
    unit.tree_of[sequence] = right
    unit.enter(di, pending, bundle)
    stage.goes_on()


def longer_steady(unit: Unit, by: Person) -> bytes:
    """What a committer says who would have keys live longer and old leaves go sooner."""
    said = decode(AuthenticatedData, unit.said_by_commit(by))
    state = unit.of(by).view.state
    lie = dataclasses.replace(state, steady_since=UnixMillis(state.steady_since - 1))
    return encode(dataclasses.replace(said, unit=lie))


@attack("what a Welcome says of its unit")
def test_b8_a_newcomer_is_told_what_nobody_else_knows(adversary: Adversary, stage: Stage) -> None:
    unit, di = stage.unit, stage.welcome("Di")
    bundle = key_package(stage.company, di)
    said = unit.said_by_commit(stage.bo)
    told = UnitWelcome("Sales", "", longer_steady(unit, stage.bo) if adversary.on else said)
    pending = unit.commit(stage.bo, add=[bundle], said=said, welcome=told)
    unit.send_commit(stage.bo, pending)
    with adversary.refused("GATE-38"):
        unit.enter(di, pending, bundle)
    if adversary.on:
        assert di.device_id not in unit.members, "O3"
    stage.goes_on()


@attack("what a commit says of its unit")
def test_b8_a_commit_says_what_nobody_else_knows(adversary: Adversary, stage: Stage) -> None:
    unit, di = stage.unit, stage.welcome("Di")
    bundle = key_package(stage.company, di)
    said = longer_steady(unit, stage.bo) if adversary.on else unit.said_by_commit(stage.bo)
    pending = unit.commit(stage.bo, add=[bundle], said=said)
    stage.commits(stage.bo, pending, "GATE-36")
    stage.goes_on()


@attack("the life of a KeyPackage")
def test_b11_a_key_package_that_lives_too_long(adversary: Adversary, stage: Stage) -> None:
    di = stage.welcome("Di")
    life = 30 * DAY // 1000 if adversary.on else 7 * DAY // 1000
    bundle = key_package(stage.company, di, life_s=life)
    stage.commits(stage.ada, stage.unit.commit(stage.ada, add=[bundle]), "GATE-16")
    stage.goes_on()


@attack("the lifetime of a leaf")
def test_b11_a_key_package_that_has_expired(adversary: Adversary, stage: Stage) -> None:
    di = stage.welcome("Di")
    bundle = key_package(stage.company, di)
    later = stage.company.now // 1000 + (8 * DAY // 1000 if adversary.on else 0)
    with adversary.refused("RFC9420-7.3-5"):
        mls.verify_key_package(bundle.key_package, now_s=later)
    stage.goes_on()


@attack("the sender of a message")
def test_b12_a_member_posts_what_another_has_signed(adversary: Adversary, stage: Stage) -> None:
    # Whoever can read a message has its sender's ratchet, and can encrypt the signed content anew.
    # The log then names the one who posts, and the signature the other.
    content = stage.unit.encrypt(stage.bo, b"I resign")
    by = stage.cy if adversary.on else stage.bo
    if adversary.on:
        stage.posts(by, content, "GATE-22", "RFC9420-9.1-1")  # at Bo: he has used the key
    else:
        stage.posts(by, content)
    stage.goes_on()


@attack("how far a message may be ahead")
def test_b13_a_generation_that_is_far_ahead(adversary: Adversary, stage: Stage) -> None:
    insider = Insider(stage.unit, stage.bo)
    cy = stage.unit.of(stage.cy).epoch
    assert cy is not None
    for generation in (1500, 2**31, 2**32 - 1) if adversary.on else (0, 900):
        hello = ApplicationContent(b"hello")
        content = seal(insider, hello, Sealing(generation=generation))  # type: ignore[arg-type]
        start = time.process_time()
        with adversary.refused("RFC9420-15.3-1"):
            mls.decrypt(cy, content)
        assert time.process_time() - start < 2  # the steps to the last one take an hour
    stage.goes_on()


@attack("the next entry")
def test_b15_entries_out_of_order_twice_and_with_a_gap(adversary: Adversary, stage: Stage) -> None:
    unit, cy = stage.unit, stage.unit.of(stage.cy)
    start = len(unit.entries)
    held = [member for member in unit.members.values() if member is not cy]
    for text in (b"one", b"two", b"three"):
        content = unit.encrypt(stage.bo, text)
        unit.accept_message(content, stage.bo.device_id)
        for member in held:
            unit.apply(member, unit.entries[-1])
    first, second, third = unit.entries[start:]
    for entry in (second, third) if adversary.on else ():
        before = cy.epoch, cy.view, list(cy.read)
        with adversary.refused("LOG-2"):
            unit.apply(cy, entry)
        assert (cy.epoch, cy.view, cy.read) == before, "O3"
    unit.apply(cy, first)
    if adversary.on:
        with adversary.refused("LOG-2"):
            unit.apply(cy, first)
    unit.apply(cy, second)
    unit.apply(cy, third)
    assert cy.read[-3:] == [b"one", b"two", b"three"]
    stage.goes_on()


@attack("the age of the keys")
def test_b17_a_commit_without_a_path_is_no_rotation(adversary: Adversary, stage: Stage) -> None:
    unit = stage.unit
    stage.company.tick(70 * HOUR)
    if adversary.on:
        di = stage.welcome("Di")
        unit.send_commit(
            stage.bo, unit.commit(stage.bo, add=[key_package(stage.company, di)], path=False)
        )
    else:
        unit.send_commit(stage.bo, unit.commit(stage.bo))
    stage.company.tick(3 * HOUR)
    content = unit.encrypt(stage.bo, b"under keys of 73 hours")
    stage.posts(stage.bo, content, "GATE-24")
    unit.send_commit(stage.bo, unit.commit(stage.bo))
    stage.goes_on()


@attack("the epoch of a message")
def test_b18_a_removed_member_reads_nothing_of_later_epochs(
    adversary: Adversary, stage: Stage
) -> None:
    # He keeps all his keys, and is handed every byte. With the check of the epoch taken out he gets
    # no further: there are no keys to be had.
    unit, cy = stage.unit, stage.unit.of(stage.cy).epoch
    assert cy is not None
    if adversary.on:
        stage.company.fire(stage.cy)
        unit.write_heads()
    pending = unit.commit(stage.bo, remove=removes_due(unit.server))
    unit.send_commit(stage.bo, pending)
    for _ in range(3):
        with adversary.refused("RFC9420-12.4.2-1", "UsageError"):
            staged = mls.stage_commit(cy.public, pending.message, now_s=stage.company.now // 1000)
            cy = mls.process_commit(cy, staged)
        content = unit.encrypt(stage.ada, b"without Cy")
        with adversary.refused("RFC9420-12.4.2-1"):
            mls.decrypt(cy, content)
        unit.accept_message(content, stage.ada.device_id)
        unit.sync()
        pending = unit.commit(stage.bo)
        unit.send_commit(stage.bo, pending)
    if adversary.on:
        stage.goes_on()


@pytest.mark.parametrize("tag", ["confirmation", "membership"])
@attack("tags")
def test_b21_tags_that_are_cut_off(adversary: Adversary, stage: Stage, tag: str) -> None:
    insider, ada = Insider(stage.unit, stage.bo), stage.unit.of(stage.ada).epoch
    assert ada is not None
    now_s = stage.company.now // 1000
    for n in (0, 1, 8, 16, 31, 47) if adversary.on else (48,):
        frame = Frame(**{"tag" if tag == "confirmation" else "membership_tag": lambda t: t[:n]})  # type: ignore[arg-type]  # noqa: B023 - used at once
        message = insider.commit(frame=frame).message
        with adversary.refused("RFC9420-12.4.2-12", "RFC9420-6.2-1"):
            mls.process_commit(ada, mls.stage_commit(ada.public, message, now_s=now_s))
    stage.goes_on()


LABELS = ("RosterEntry", "CharterEntry", "Login", "Card")


@attack("labels")
def test_b22_a_signature_of_one_kind_for_another(adversary: Adversary, stage: Stage) -> None:
    content = b"the same bytes"
    for signed, checked in itertools.product(LABELS, LABELS):
        signature = sign_mifeng(stage.ada.key, signed, content)
        if signed == checked:
            verify_mifeng(stage.ada.device.signature_key, checked, content, signature)
        elif adversary.on:
            with adversary.refused("CryptoError"):
                verify_mifeng(stage.ada.device.signature_key, checked, content, signature)
    stage.goes_on()


@pytest.mark.parametrize("place", ["init key", "encryption key"])
@attack("HPKE keys of small order")
def test_b23_a_key_of_small_order_to_encrypt_to(
    adversary: Adversary, stage: Stage, place: str
) -> None:
    di, suite = stage.welcome("Di"), suite_by_id(MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519)
    good = key_package(stage.company, di, suite=suite.id).key_package
    for key in SMALL_ORDER_X25519.values() if adversary.on else ():
        if place == "init key":
            changed = dataclasses.replace(good, init_key=key)
        else:
            leaf = dataclasses.replace(good.leaf_node, encryption_key=key)
            changed = dataclasses.replace(good, leaf_node=sign_leaf(suite, di.key, leaf))
        signed = sign_key_package(suite, di.key, changed)
        with adversary.refused("KEY-2"):
            mls.verify_key_package(signed, now_s=stage.company.now // 1000)
    mls.verify_key_package(good, now_s=stage.company.now // 1000)
    stage.goes_on()


@attack("the group of the charter")
def test_b24_a_unit_with_a_weaker_suite_than_its_charter(
    adversary: Adversary, stage: Stage
) -> None:
    ada = stage.ada
    other = MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519
    entry = stage.company.create_entry(ada)

    charter = Charter.from_entries([entry], stage.company.roster)
    now_s = stage.company.now // 1000
    epoch = mls.create(
        suite=suite_by_id(other if adversary.on else charter.cipher_suite),
        group_id=encode(GroupId(charter.unit_id, 0)),
        signature_key=ada.key,
        credential=credential(ada),
        capabilities=CAPABILITIES,
        lifetime=Lifetime(now_s - 3600, now_s + 7 * DAY // 1000),
        leaf_extensions=leaf_extensions(stage.company.now),
        rng=stage.company.rng,
    )
    with adversary.refused("GATE-7"):
        gate.check_create(stage.company.roster, charter, epoch.public, now=stage.company.now)
    stage.goes_on()


@attack("only Add and Remove")
def test_b25_a_member_rewrites_the_groups_context(adversary: Adversary, stage: Stage) -> None:
    if adversary.on:
        epoch = stage.unit.of(stage.bo).epoch
        assert epoch is not None
        pending = mls.commit(
            epoch,
            signature_key=stage.bo.key,
            extensions=(Extension(5, encode_external_senders()),),
            leaf_extensions=leaf_extensions(stage.company.now),
            authenticated_data=stage.unit.said_by_commit(stage.bo),
            now_s=stage.company.now // 1000,
            rng=stage.company.rng,
        )
    else:
        pending = stage.unit.commit(stage.bo)
    stage.commits(stage.bo, pending, "GATE-10")
    stage.goes_on()


def encode_external_senders() -> bytes:
    return b"\x00"  # nobody: even that is for nobody to write


@attack("the epoch of a message")
def test_b26_a_message_of_an_epoch_that_is_over(adversary: Adversary, stage: Stage) -> None:
    unit = stage.unit
    content = unit.encrypt(stage.bo, b"late")
    if adversary.on:
        unit.send_commit(stage.ada, unit.commit(stage.ada))
        with adversary.refused("GATE-27"):
            unit.accept_message(content, stage.bo.device_id)
    stage.posts(stage.bo, content, "RFC9420-12.4.2-1")
    stage.goes_on()


@attack("due Removes")
def test_b28_a_commit_that_leaves_a_due_removal_out(adversary: Adversary, stage: Stage) -> None:
    unit = stage.unit
    stage.company.fire(stage.cy)
    unit.write_heads()
    due = removes_due(unit.server)
    stage.commits(stage.bo, unit.commit(stage.bo, remove=() if adversary.on else due), "GATE-13")
    if adversary.on:
        unit.send_commit(stage.bo, unit.commit(stage.bo, remove=due))
    stage.goes_on()
