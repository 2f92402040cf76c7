"""Proposals on their own, external senders, external commits, PSKs, private handshakes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mifeng_crypto.errors import ProtocolError, UsageError
from mifeng_crypto.mls.group import (
    PublicGroup,
    default_capabilities,
    external_commit,
    group_info,
    process_commit,
    propose,
    propose_from_outside,
    propose_update,
    receive_private_proposal,
    receive_proposal,
    stage_commit,
    stage_private_commit,
)
from mifeng_crypto.mls.wire import registry
from mifeng_crypto.mls.wire.credential import BasicCredential
from mifeng_crypto.mls.wire.extension import Extension, ExternalSender, ExternalSenders
from mifeng_crypto.mls.wire.framing import External, NewMemberProposal
from mifeng_crypto.mls.wire.proposal import Add, Proposal, ReInit, Remove
from mifeng_crypto.mls.wire.psk import (
    ExternalPsk,
    PreSharedKeyID,
    ResumptionPsk,
    ResumptionPSKUsage,
)
from mifeng_crypto.secret import Secret
from mifeng_crypto.tls import encode
from tests.crypto.mls.world import NOW_S, CountingRng, Device, World


def propose_to_all(world: World, by: Device, proposal: Proposal | None, *, private: bool) -> None:
    """Let everybody receive a proposal; None is an Update."""
    common = {"signature_key": by.signature_key, "private": private, "now_s": NOW_S, "rng": by.rng}
    if proposal is None:
        sent = propose_update(by.now, **common)  # type: ignore[arg-type]
    else:
        sent = propose(by.now, proposal, **common)  # type: ignore[arg-type]
    by.epoch = sent.epoch
    for member in world.members:
        if member is by:
            continue
        if private:
            member.epoch = receive_private_proposal(member.now, sent.message, now_s=NOW_S)
        else:
            public = receive_proposal(member.now.public, sent.message, now_s=NOW_S)
            member.epoch = replace(member.now, public=public)


@pytest.mark.parametrize("private", [False, True])
def test_proposals_of_others_are_committed_by_reference(private: bool) -> None:
    world = World(5)
    anna, bert, carl, dora, emil = world.devices
    new = Device("new", rng=CountingRng(55))
    propose_to_all(world, bert, None, private=private)
    propose_to_all(world, carl, Remove(emil.leaf), private=private)
    propose_to_all(world, dora, Add(new.key_package().key_package), private=private)
    with pytest.raises(UsageError, match="commit it first"):
        anna.send("too early")
    before = bert.now.leaf.encryption_key
    pending = anna.commit(references=tuple(anna.now.public.proposals), private=private)
    assert pending.staged.by_reference
    for member in (bert, carl, dora):
        if private:
            epoch, staged = stage_private_commit(member.now, pending.message, now_s=NOW_S)
        else:
            epoch = member.now
            staged = stage_commit(epoch.public, pending.message, now_s=NOW_S)
        member.epoch = process_commit(epoch, staged)
    anna.epoch = pending.next
    new.join(pending)
    world.members = [anna, bert, carl, dora, new]
    world.assert_agreement()
    assert bert.now.leaf.encryption_key != before
    assert not bert.now.update_keys
    for member in world.members:
        world.commit(member)
    world.assert_agreement()


def test_an_update_that_is_not_committed_is_forgotten() -> None:
    world = World(3)
    anna, bert, carl = world.devices
    propose_to_all(world, bert, None, private=False)
    world.commit(carl)
    assert not bert.now.update_keys
    assert not bert.now.public.proposals
    world.commit(anna)
    world.assert_agreement()


def test_an_external_sender_and_a_newcomer_propose() -> None:
    server, new = Device("server", rng=CountingRng(70)), Device("new", rng=CountingRng(71))
    public = server.suite.public_signature_key(server.signature_key)
    senders = ExternalSenders((ExternalSender(public, BasicCredential(b"server")),))
    world = World(1)
    anna = world.devices[0]
    anna.create(extensions=(Extension(registry.EXTERNAL_SENDERS, encode(senders)),))
    world.commit(anna, add=[Device("bert", rng=CountingRng(72))])
    bert = world.members[1]
    group = anna.now.public
    from_server = propose_from_outside(
        group.suite,
        Remove(bert.leaf),
        group_id=group.group_id,
        epoch=group.epoch,
        sender=External(0),
        signature_key=server.signature_key,
    )
    from_new = propose_from_outside(
        group.suite,
        Add(new.key_package().key_package),
        group_id=group.group_id,
        epoch=group.epoch,
        sender=NewMemberProposal(),
        signature_key=new.signature_key,
    )
    for message in (from_server, from_new):
        group = receive_proposal(group, message, now_s=NOW_S)
    anna.epoch = replace(anna.now, public=group)
    pending = anna.commit(references=tuple(group.proposals))
    assert stage_commit(group, pending.message, now_s=NOW_S).removes(bert.leaf)
    anna.epoch = pending.next
    new.join(pending)
    assert new.read(anna.send("welcome")) == "welcome"
    with pytest.raises(ProtocolError, match="RFC9420-6.1-1"):
        receive_proposal(
            pending.next.public,
            propose_from_outside(
                group.suite,
                Remove(new.leaf),
                group_id=group.group_id,
                epoch=pending.next.public.epoch,
                sender=External(1),
                signature_key=server.signature_key,
            ),
            now_s=NOW_S,
        )


@pytest.mark.parametrize("n", [1, 3, 4, 5])
def test_somebody_joins_and_comes_back_by_external_commits(n: int) -> None:
    world = World(n)
    new = Device("new", rng=CountingRng(80))
    for again in (False, True):
        info = group_info(
            world.members[0].now,
            signature_key=world.members[0].signature_key,
            with_tree=True,
            with_external_pub=True,
        )
        sent = external_commit(
            info,
            signature_key=new.signature_key,
            credential=BasicCredential(b"new"),
            capabilities=default_capabilities(),
            remove=new.leaf if again else None,
            now_s=NOW_S,
            rng=new.rng,
        )
        followers = [member for member in world.members if member is not new]
        for member in followers:
            staged = stage_commit(member.now.public, sent.message, now_s=NOW_S)
            assert staged.is_external
            member.epoch = process_commit(member.now, staged)
        new.epoch = sent.next
        world.members = [*followers, new]
        world.assert_agreement()
    world.commit(new)
    world.commit(world.members[0])
    world.assert_agreement()
    assert world.members[0].read(new.send("here I am")) == "here I am"


def test_psks_from_outside_and_from_an_older_epoch_enter_the_keys() -> None:
    world = World(2)
    anna, bert = world.devices
    old = ResumptionPsk(ResumptionPSKUsage.APPLICATION, anna.now.public.group_id, 1)
    other = ExternalPsk(b"from a QR code")
    store: dict[ExternalPsk | ResumptionPsk, Secret] = {
        old: anna.now.secrets.resumption_psk,
        other: Secret(b"a shared secret"),
    }
    world.commit(bert)
    psks = [PreSharedKeyID(source, anna.rng(32)) for source in (other, old)]
    pending = anna.commit(psks=psks, psk_store=store, path=False)
    staged = stage_commit(bert.now.public, pending.message, now_s=NOW_S)
    with pytest.raises(UsageError, match="pre-shared key"):
        process_commit(bert.now, staged)
    with pytest.raises(ProtocolError, match="RFC9420-12.4.2-12"):
        process_commit(bert.now, staged, psk_store={**store, other: Secret(b"another secret")})
    bert.epoch = process_commit(bert.now, staged, psk_store=store)
    anna.epoch = pending.next
    world.assert_agreement()


def test_after_a_reinit_nothing_is_sent_and_nothing_accepted() -> None:
    world = World(3)
    anna, bert, _ = world.devices
    propose_to_all(world, bert, ReInit(b"the next group", 1, 1, ()), private=False)
    pending = anna.commit(references=tuple(anna.now.public.proposals), path=False)
    bert.follow(pending)
    assert pending.staged.applied.reinit is not None
    assert PublicGroup.from_parts(
        {k: v for k, v in bert.now.public.parts(None).items() if v is not None}
    ).is_closed
    with pytest.raises(UsageError, match="replaced by another"):
        bert.send("one more")
    with pytest.raises(UsageError, match="replaced by another"):
        bert.commit()
    with pytest.raises(ProtocolError, match="RFC9420-12.4.2-13"):
        bert.follow(pending)
