"""The rules that only senders from outside, private messages and odd Welcomes can break."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.labels import decrypt_with_label, encrypt_with_label
from mifeng_crypto.mls.group import (
    ExternalCommit,
    PublicGroup,
    decrypt,
    default_capabilities,
    external_commit,
    group_info,
    join,
    process_commit,
    propose,
    propose_from_outside,
    receive_proposal,
    stage_commit,
)
from mifeng_crypto.mls.group.continuation import check_continuation
from mifeng_crypto.mls.keys.secret_tree import MAX_FORWARD, RatchetKind
from mifeng_crypto.mls.message.private_message import sender_data_key
from mifeng_crypto.mls.wire import registry
from mifeng_crypto.mls.wire.commit import HPKECiphertext, UpdatePath
from mifeng_crypto.mls.wire.credential import BasicCredential
from mifeng_crypto.mls.wire.extension import Extension, ExternalSender, ExternalSenders
from mifeng_crypto.mls.wire.framing import (
    CommitContent,
    External,
    NewMemberCommit,
    NewMemberProposal,
    PrivateContentAAD,
    PrivateMessage,
    PublicMessage,
    SenderData,
    SenderDataAAD,
)
from mifeng_crypto.mls.wire.leaf_node import FromUpdate
from mifeng_crypto.mls.wire.message import MLSMessage
from mifeng_crypto.mls.wire.proposal import (
    ExternalInit,
    Proposal,
    ProposalByReference,
    Remove,
    Update,
)
from mifeng_crypto.mls.wire.psk import ResumptionPSKUsage
from mifeng_crypto.mls.wire.welcome import GroupSecrets, Welcome
from mifeng_crypto.suite import SUITES
from mifeng_crypto.tls import decode, encode
from tests.crypto.mls.group.forge import (
    forged_commit,
    forged_welcome,
    new_leaf,
    resigned_group_info,
)
from tests.crypto.mls.world import NOW_S, CountingRng, Device, World


@pytest.fixture(scope="module")
def world() -> World:
    """Three members and somebody outside who may send proposals; nobody's state changes."""
    world = World(1)
    anna = world.members[0]
    outside = Device("outside", rng=CountingRng(70))
    public = outside.suite.public_signature_key(outside.signature_key)
    senders = ExternalSenders((ExternalSender(public, BasicCredential(b"outside")),))
    anna.create(extensions=(Extension(registry.EXTERNAL_SENDERS, encode(senders)),))
    world.commit(anna, add=[Device(f"d {i}", rng=CountingRng(71 + i)) for i in range(2)])
    return world


def from_outside(world: World, proposal: Proposal, sender: External | NewMemberProposal) -> bytes:
    outside = Device("outside", rng=CountingRng(70))
    group = world.members[0].now.public
    return propose_from_outside(
        group.suite,
        proposal,
        group_id=group.group_id,
        epoch=group.epoch,
        sender=sender,
        signature_key=outside.signature_key,
    )


# ------------------------------------------------------------------ who sends what


def test_an_external_sender_may_not_propose_an_update(world: World) -> None:
    leaf = new_leaf(world.members[0], FromUpdate())
    message = from_outside(world, Update(leaf), External(0))
    with pytest.raises(ProtocolError, match="RFC9420-12.1.8-1"):
        receive_proposal(world.members[0].now.public, message, now_s=NOW_S)


def test_somebody_new_may_propose_only_an_add(world: World) -> None:
    message = from_outside(world, Remove(1), NewMemberProposal())
    with pytest.raises(ProtocolError, match="RFC9420-6.1-1"):
        receive_proposal(world.members[0].now.public, message, now_s=NOW_S)


def test_malformed_external_senders_are_no_senders() -> None:
    world = World(1)
    world.members[0].create(extensions=(Extension(registry.EXTERNAL_SENDERS, b"?"),))
    message = from_outside(world, Remove(0), External(0))
    with pytest.raises(ProtocolError, match="RFC9420-12.1.8.1-1"):
        receive_proposal(world.members[0].now.public, message, now_s=NOW_S)


def test_a_commit_is_no_proposal_and_a_proposal_no_commit(world: World) -> None:
    anna = world.members[0]
    proposal = propose(
        anna.now, Remove(1), signature_key=anna.signature_key, now_s=NOW_S, rng=anna.rng
    )
    with pytest.raises(ProtocolError, match="RFC9420-12.4.2-2"):
        stage_commit(anna.now.public, proposal.message, now_s=NOW_S)
    with pytest.raises(ProtocolError, match="RFC9420-12.1-1"):
        receive_proposal(anna.now.public, anna.commit().message, now_s=NOW_S)


# ------------------------------------------------------------------ external commits


def joining(world: World, new: Device, remove: Device | None = None) -> ExternalCommit:
    anna = world.members[0]
    info = group_info(
        anna.now, signature_key=anna.signature_key, with_tree=True, with_external_pub=True
    )
    return external_commit(
        info,
        signature_key=new.signature_key,
        credential=BasicCredential(b"new"),
        capabilities=default_capabilities(),
        remove=None if remove is None else remove.leaf,
        now_s=NOW_S,
        rng=new.rng,
    )


def path_in(sent: ExternalCommit) -> UpdatePath:
    message = decode(MLSMessage, sent.message).message
    assert isinstance(message, PublicMessage)
    assert isinstance(message.content.content, CommitContent)
    path = message.content.content.commit.path
    assert path is not None
    return path


def test_an_external_commit_may_not_update_or_refer_or_keep_its_old_key(world: World) -> None:
    anna, bert = world.members[:2]
    new = Device("new", rng=CountingRng(90))
    sent = joining(world, new)
    path, init = path_in(sent), ExternalInit(bytes(32))
    kept = propose(bert.now, Remove(2), signature_key=bert.signature_key, now_s=NOW_S, rng=bert.rng)
    group = kept.epoch.public
    (reference,) = group.proposals
    new.epoch = replace(sent.next, public=group, secrets=anna.now.secrets)
    old_key = bert.now.leaf.encryption_key
    stale = replace(path, leaf_node=replace(path.leaf_node, encryption_key=old_key))
    sender = NewMemberCommit()
    for rule, message in {
        "RFC9420-12.1.2-1": forged_commit(
            new, [init, Update(new_leaf(anna, FromUpdate()))], path, sender=sender
        ),
        "RFC9420-12.4.3.2-2": forged_commit(
            new, [init, ProposalByReference(reference)], path, sender=sender
        ),
        "RFC9420-12.2-16": forged_commit(new, [init, Remove(1)], stale, sender=sender),
    }.items():
        with pytest.raises(ProtocolError) as caught:
            stage_commit(group, message, now_s=NOW_S)
        assert caught.value.rule in (rule, "RFC9420-12.2-15"), caught.value
    short = forged_commit(new, [ExternalInit(bytes(31))], path, sender=sender)
    staged = stage_commit(bert.now.public, short, now_s=NOW_S)
    with pytest.raises(ProtocolError, match="RFC9420-8.3-1"):
        process_commit(bert.now, staged)


def test_an_external_key_that_is_none_is_refused(world: World) -> None:
    anna, new = world.members[0], Device("new", rng=CountingRng(90))
    for data in (b"?", b"\x1f" + bytes(31), b"\x20" + bytes(32)):
        info = group_info(anna.now, signature_key=anna.signature_key, with_tree=True)
        info = replace(info, extensions=(*info.extensions, Extension(registry.EXTERNAL_PUB, data)))
        with pytest.raises(ProtocolError, match="RFC9420-12.4.3.2-1"):
            external_commit(
                resigned_group_info(anna, info),
                signature_key=new.signature_key,
                credential=BasicCredential(b"new"),
                capabilities=default_capabilities(),
                now_s=NOW_S,
                rng=new.rng,
            )


# ------------------------------------------------------------------ private messages


def test_a_private_message_that_is_not_application_data_or_does_not_decrypt(world: World) -> None:
    anna, bert = world.members[:2]
    commit = anna.commit(private=True)
    with pytest.raises(ProtocolError, match="RFC9420-6.3-1"):
        decrypt(bert.now, commit.message)
    message = decode(MLSMessage, anna.send("hello")).message
    assert isinstance(message, PrivateMessage)
    broken = replace(message, ciphertext=message.ciphertext[:-1] + b"\x00")
    with pytest.raises(ProtocolError, match="RFC9420-6.3-3"):
        decrypt(bert.now, broken)
    as_commit = replace(message, content_type=9)
    with pytest.raises(ProtocolError, match="RFC9420-6.3-"):
        decrypt(bert.now, as_commit)


def test_a_plaintext_that_is_no_content_is_refused(world: World) -> None:
    anna, bert = world.members[:2]
    group, suite = anna.now.public, anna.suite
    _, generation, key = anna.now.secret_tree.next(anna.leaf, RatchetKind.APPLICATION)
    aad = PrivateContentAAD(group.group_id, group.epoch, registry.APPLICATION, b"")
    ciphertext = suite.aead_seal(key.key, key.nonce, encode(aad), b"no content")
    sender_key = sender_data_key(suite, anna.now.secrets.sender_data_secret, ciphertext)
    sender_data = suite.aead_seal(
        sender_key.key,
        sender_key.nonce,
        encode(SenderDataAAD(group.group_id, group.epoch, registry.APPLICATION)),
        encode(SenderData(anna.leaf, generation, bytes(4))),
    )
    message = PrivateMessage(
        group.group_id, group.epoch, registry.APPLICATION, b"", sender_data, ciphertext
    )
    with pytest.raises(ProtocolError, match="RFC9420-6.3-2"):
        decrypt(bert.now, message)


def test_a_generation_too_far_ahead_costs_nothing(world: World) -> None:
    for generation in (MAX_FORWARD + 1, 2**32 - 1):
        with pytest.raises(ProtocolError, match="RFC9420-15.3-1"):
            world.members[1].now.secret_tree.take(0, RatchetKind.APPLICATION, generation)


# ------------------------------------------------------------------ Welcomes


def test_a_welcome_is_refused_that_is_broken_or_of_another_suite(world: World) -> None:
    anna, new = world.members[0], Device("new", rng=CountingRng(91))
    pending = anna.commit(add=[new.key_package()])
    assert pending.welcome is not None
    assert new.bundle is not None
    tree = pending.next.public.tree.to_wire()
    welcome = decode(MLSMessage, pending.welcome).message
    assert isinstance(welcome, Welcome)
    entry = welcome.secrets[0]
    sealed = replace(entry.encrypted_group_secrets, ciphertext=bytes(80))
    broken = replace(welcome, secrets=(replace(entry, encrypted_group_secrets=sealed),))
    with pytest.raises(ProtocolError, match="RFC9420-12.4.3.1-10"):
        join(broken, new.bundle, tree=tree)
    info = group_info(pending.next, signature_key=anna.signature_key)
    other = replace(info, group_context=replace(info.group_context, cipher_suite=3))
    with pytest.raises(ProtocolError, match="RFC9420-12.4.3.1-5"):
        join(forged_welcome(new, encode(other)), new.bundle, tree=tree)
    own = replace(info, signer=pending.staged.added[0][0])
    own = resigned_group_info(new, own)
    with pytest.raises(ProtocolError, match="RFC9420-12.4.3.1-14"):
        join(forged_welcome(new, encode(own), path_secret=bytes(32)), new.bundle, tree=tree)


def test_a_welcome_that_keeps_a_due_path_secret_back_is_refused(world: World) -> None:
    anna, new = world.members[0], Device("new", rng=CountingRng(92))
    pending = anna.commit(add=[new.key_package()])
    assert pending.welcome is not None
    assert new.bundle is not None
    welcome = decode(MLSMessage, pending.welcome).message
    assert isinstance(welcome, Welcome)
    package, entry = new.bundle.key_package, welcome.secrets[0]
    sealed = entry.encrypted_group_secrets
    opened = decrypt_with_label(
        new.suite,
        new.bundle.init_private,
        "Welcome",
        welcome.encrypted_group_info,
        kem_output=sealed.kem_output,
        ciphertext=sealed.ciphertext,
    )
    secrets = replace(decode(GroupSecrets, opened), path_secret=None)
    sealed = HPKECiphertext(
        *encrypt_with_label(
            new.suite,
            package.init_key,
            "Welcome",
            welcome.encrypted_group_info,
            encode(secrets),
        )
    )
    without = replace(welcome, secrets=(replace(entry, encrypted_group_secrets=sealed),))
    with pytest.raises(ProtocolError, match="RFC9420-12.4.3.1-17"):
        join(without, new.bundle, tree=pending.next.public.tree.to_wire())


def test_a_group_that_continues_another_is_as_agreed(world: World) -> None:
    old = world.members[0].now

    def new(**changes: object) -> PublicGroup:
        context = replace(old.public.context, epoch=1)
        return replace(old.public, **({"context": context} | changes))  # type: ignore[arg-type]

    check_continuation(new(), old, ResumptionPSKUsage.BRANCH)
    with pytest.raises(ProtocolError, match="RFC9420-11.3-1"):
        check_continuation(new(suite=SUITES[3]), old, ResumptionPSKUsage.BRANCH)
    late = replace(old.public.context, epoch=2)
    with pytest.raises(ProtocolError, match="RFC9420-12.4.3.1-16"):
        check_continuation(new(context=late), old, ResumptionPSKUsage.BRANCH)
