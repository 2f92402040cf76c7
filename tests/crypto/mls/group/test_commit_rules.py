"""Every rule for commits and their proposals: one breach each, and the rule that names it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from mifeng_crypto.errors import MifengError, ProtocolError
from mifeng_crypto.labels import encrypt_with_label
from mifeng_crypto.mls.group import (
    create_key_package,
    default_capabilities,
    external_commit,
    group_info,
    process_commit,
    receive_public_proposal,
    stage_commit,
)
from mifeng_crypto.mls.wire import registry
from mifeng_crypto.mls.wire.commit import HPKECiphertext, UpdatePath
from mifeng_crypto.mls.wire.credential import BasicCredential, Certificate, X509Credential
from mifeng_crypto.mls.wire.extension import Extension, RequiredCapabilities
from mifeng_crypto.mls.wire.framing import (
    ApplicationContent,
    CommitContent,
    External,
    FramedContentAuthData,
    Member,
    NewMemberCommit,
    PublicMessage,
)
from mifeng_crypto.mls.wire.leaf_node import Capabilities, FromCommit, FromUpdate, Lifetime
from mifeng_crypto.mls.wire.message import MLSMessage, encode_message
from mifeng_crypto.mls.wire.proposal import (
    Add,
    ExternalInit,
    GroupContextExtensions,
    PreSharedKey,
    Proposal,
    ProposalByReference,
    ReInit,
    Remove,
    Update,
)
from mifeng_crypto.mls.wire.psk import (
    ExternalPsk,
    PreSharedKeyID,
    ResumptionPsk,
    ResumptionPSKUsage,
)
from mifeng_crypto.tls import decode, encode
from tests.crypto.mls.group.forge import forged_commit, forged_proposal, new_leaf, resigned_leaf
from tests.crypto.mls.world import LIFETIME, NOW_S, CountingRng, Device, World


@pytest.fixture(scope="module")
def world() -> World:
    """Five members on a tree with eight leaves; nobody's state changes in these tests."""
    world = World(5)
    for member in world.members:
        world.commit(member)
    return world


def newcomer(seed: int = 1, **changes: Any) -> Add:  # noqa: ANN401 - passed on
    """An Add; its KeyPackage may break rules, which `Device.key_package` would refuse."""
    device = Device("new", rng=CountingRng(1000 + seed))
    arguments: dict[str, Any] = {
        "suite": device.suite,
        "signature_key": device.signature_key,
        "credential": BasicCredential(b"new"),
        "capabilities": default_capabilities(),
        "lifetime": LIFETIME,
        "rng": device.rng,
    }
    return Add(create_key_package(**(arguments | changes)).key_package)


def refuse(world: World, rule: str, message: bytes) -> None:
    """All others refuse the message for this rule, at the first step or at the second."""
    for member in world.members[1:]:
        with pytest.raises(ProtocolError) as caught:
            process_commit(member.now, stage_commit(member.now.public, message, now_s=NOW_S))
        assert caught.value.rule == rule, caught.value


PSK_NONCE = bytes(32)
NARROW = Capabilities((1,), (1,), (), (), (registry.X509,))


def psk(source: ExternalPsk | ResumptionPsk, nonce: bytes = PSK_NONCE) -> PreSharedKey:
    return PreSharedKey(PreSharedKeyID(source, nonce))


def resumption(usage: ResumptionPSKUsage) -> ResumptionPsk:
    return ResumptionPsk(usage, b"a group", 0)


def extension(number: int, data: bytes = b"") -> Extension:
    return Extension(number, data)


REQUIRES_MORE = extension(
    registry.REQUIRED_CAPABILITIES, encode(RequiredCapabilities((0xFABC,), (), ()))
)

Proposals = Callable[[World], Sequence[Proposal | ProposalByReference]]

BREACHES: dict[str, tuple[str, Proposals]] = {
    "an Update of the committer": (
        "RFC9420-12.2-2",
        lambda w: [Update(new_leaf(w.members[0], FromUpdate()))],
    ),
    "a Remove of the committer": ("RFC9420-12.2-3", lambda _: [Remove(0)]),
    "two Removes of one leaf": ("RFC9420-12.2-4", lambda _: [Remove(1), Remove(1)]),
    "the same client added twice": ("RFC9420-12.2-5", lambda _: [newcomer(1), newcomer(1)]),
    "a client added that is a member": (
        "RFC9420-12.2-6",
        lambda w: [Add(w.members[2].key_package().key_package)],
    ),
    "the same PSK twice": (
        "RFC9420-12.2-7",
        lambda _: [psk(ExternalPsk(b"x")), psk(ExternalPsk(b"x"))],
    ),
    "two GroupContextExtensions": (
        "RFC9420-12.2-8",
        lambda _: [GroupContextExtensions(()), GroupContextExtensions(())],
    ),
    "a ReInit and something else": (
        "RFC9420-12.2-9",
        lambda _: [ReInit(b"next", 1, 1, ()), Remove(1)],
    ),
    "an ExternalInit of a member": ("RFC9420-12.2-10", lambda _: [ExternalInit(b"x")]),
    "a Remove of a blank leaf": ("RFC9420-12.1.3-1", lambda _: [Remove(6)]),
    "a Remove beyond the tree": ("RFC9420-12.1.3-1", lambda _: [Remove(2**32 - 1)]),
    "a PSK for a reinit": (
        "RFC9420-12.1.4-1",
        lambda _: [psk(resumption(ResumptionPSKUsage.REINIT))],
    ),
    "a PSK for a branch": (
        "RFC9420-12.1.4-2",
        lambda _: [psk(resumption(ResumptionPSKUsage.BRANCH))],
    ),
    "a PSK with a short nonce": (
        "RFC9420-12.1.4-3",
        lambda _: [psk(ExternalPsk(b"x"), bytes(31))],
    ),
    "a ReInit to an older version": ("RFC9420-12.1.5-1", lambda _: [ReInit(b"next", 0, 1, ())]),
    "a Remove without a path": ("RFC9420-12.4-1", lambda _: [Remove(1)]),
    "new extensions without a path": ("RFC9420-12.4-1", lambda _: [GroupContextExtensions(())]),
    "nothing and no path": ("RFC9420-12.4-1", lambda _: []),
    "a reference to nothing": ("RFC9420-12.4-2", lambda _: [ProposalByReference(bytes(32))]),
    "an extension twice": (
        "RFC9420-13.4-1",
        lambda _: [GroupContextExtensions((extension(1), extension(1)))],
    ),
    "a KeyPackage that is expired": (
        "RFC9420-7.3-5",
        lambda _: [newcomer(lifetime=Lifetime(0, NOW_S - 1))],
    ),
    "a KeyPackage that is not yet valid": (
        "RFC9420-7.3-5",
        lambda _: [newcomer(lifetime=Lifetime(NOW_S + 1, NOW_S + 2))],
    ),
    "a newcomer with a credential that nobody else supports": (
        "RFC9420-7.3-4",
        lambda _: [newcomer(credential=X509Credential((Certificate(b"x"),)), capabilities=NARROW)],
    ),
    "a newcomer that does not support MLS 1.0": (
        "RFC9420-7.2-1",
        lambda _: [newcomer(capabilities=replace(NARROW, versions=()))],
    ),
}


@pytest.mark.parametrize("name", BREACHES)
def test_a_commit_is_refused_that_holds(name: str, world: World) -> None:
    rule, proposals = BREACHES[name]
    refuse(world, rule, forged_commit(world.members[0], proposals(world)))


# ------------------------------------------------------------------ the path


def path_of(world: World) -> UpdatePath:
    """A good path of the first member, to be spoilt."""
    path = world.members[0].commit().staged.path
    assert path is not None
    return path


def spoil_node(path: UpdatePath, at: int, **changes: Any) -> UpdatePath:  # noqa: ANN401
    nodes = list(path.nodes)
    nodes[at] = replace(nodes[at], **changes)
    return replace(path, nodes=tuple(nodes))


def test_a_path_of_another_length_is_refused(world: World) -> None:
    path = path_of(world)
    shorter, longer = path.nodes[:-1], (*path.nodes, path.nodes[-1])
    for nodes in (shorter, longer, ()):
        wrong = replace(path, nodes=nodes)
        refuse(world, "RFC9420-7.6-1", forged_commit(world.members[0], path=wrong))


def test_a_path_node_with_another_number_of_ciphertexts_is_refused(world: World) -> None:
    path = path_of(world)
    sealed = path.nodes[0].encrypted_path_secret
    for wrong in ((), sealed * 2):
        spoilt = spoil_node(path, 0, encrypted_path_secret=wrong)
        refuse(world, "RFC9420-7.6-2", forged_commit(world.members[0], path=spoilt))


def test_a_path_with_a_key_that_is_in_the_tree_is_refused(world: World) -> None:
    tree, path = world.members[0].now.public.tree, path_of(world)
    for key in tree.index.encryption_keys:
        spoilt = spoil_node(path, 0, encryption_key=key)
        refuse(world, "RFC9420-12.4.2-8", forged_commit(world.members[0], path=spoilt))
    twice = spoil_node(path, 0, encryption_key=path.nodes[1].encryption_key)
    refuse(world, "RFC9420-12.4.2-8", forged_commit(world.members[0], path=twice))


def test_a_path_with_a_key_that_nobody_can_encrypt_to_is_refused(world: World) -> None:
    anna, path = world.members[0], path_of(world)
    for wrong in (bytes(32), (1).to_bytes(32, "little"), bytes(31), b""):
        refuse(world, "KEY-2", forged_commit(anna, path=spoil_node(path, -1, encryption_key=wrong)))


def test_an_update_whose_leaf_is_wrong_is_not_kept(world: World) -> None:
    anna, bert = world.members[:2]
    old = anna.now.leaf.encryption_key
    for rule, leaf in (
        ("RFC9420-7.3-7", new_leaf(anna, FromCommit(b""))),
        ("RFC9420-7.3-7", new_leaf(anna, FromUpdate(), encryption_key=old)),
        ("RFC9420-7.3-2", replace(new_leaf(anna, FromUpdate()), signature=bytes(64))),
        ("KEY-2", new_leaf(anna, FromUpdate(), encryption_key=bytes(32))),
    ):
        message = forged_proposal(anna, Update(leaf))
        with pytest.raises(ProtocolError, match=rule):
            receive_public_proposal(bert.now, message, now_s=NOW_S)


def test_a_path_whose_leaf_is_wrong_is_refused(world: World) -> None:
    anna, path = world.members[0], path_of(world)
    leaf = path.leaf_node
    assert isinstance(leaf.source, FromCommit)
    weak = (1).to_bytes(32, "little")
    for rule, wrong in {
        "RFC9420-7.9.2-2": replace(leaf, source=FromCommit(bytes(32))),
        "RFC9420-12.4.2-6": replace(leaf, source=FromUpdate()),
        "RFC9420-7.3-6": replace(leaf, extensions=(extension(0xFABC),)),
        "RFC9420-13.4-1": replace(leaf, extensions=(extension(1), extension(1))),
        "RFC9420-7.2-1": replace(leaf, capabilities=replace(NARROW, versions=(7,))),
        "RFC9420-7.3-4": replace(leaf, capabilities=NARROW),
        "RFC9420-7.3-8": replace(leaf, signature_key=world.members[1].now.leaf.signature_key),
        "KEY-1": replace(leaf, signature_key=weak),
        "KEY-2": replace(leaf, encryption_key=weak),
    }.items():
        signed = resigned_leaf(anna, wrong)
        expected = "RFC9420-7.3-2" if rule == "RFC9420-7.3-8" else rule  # it cannot be signed
        refuse(world, expected, forged_commit(anna, path=replace(path, leaf_node=signed)))
    unsigned = replace(path, leaf_node=replace(leaf, signature=bytes(64)))
    refuse(world, "RFC9420-7.3-2", forged_commit(anna, path=unsigned))


def test_new_group_extensions_that_a_member_does_not_support_are_refused(world: World) -> None:
    anna, path = world.members[0], path_of(world)
    for rule, wrong in {
        "RFC9420-13.4-2": extension(0xFABC),
        "RFC9420-7.3-3": REQUIRES_MORE,
        "RFC9420-11.1-1": extension(registry.REQUIRED_CAPABILITIES, b"?"),
    }.items():
        proposals = [GroupContextExtensions((wrong,))]
        refuse(world, rule, forged_commit(anna, proposals, path))


def test_a_path_that_was_encrypted_wrongly_is_refused(world: World) -> None:
    """To the second member: once nothing that decrypts, once another path secret."""
    anna, bert = world.members[:2]
    staged = anna.commit().staged
    assert staged.path is not None
    garbage = HPKECiphertext(bytes(31) + b"\x09", bytes(48))
    for rule in ("RFC9420-7.5-7", "RFC9420-7.5-6"):
        if rule == "RFC9420-7.5-6":
            other = encrypt_with_label(
                anna.suite,
                bert.now.leaf.encryption_key,
                "UpdatePathNode",
                encode(staged.provisional_context),
                bytes(32),
            )
            garbage = HPKECiphertext(*other)
        message = forged_commit(
            anna, path=spoil_node(staged.path, 0, encrypted_path_secret=(garbage,))
        )
        found = stage_commit(bert.now.public, message, now_s=NOW_S)
        with pytest.raises(ProtocolError, match=rule):
            process_commit(bert.now, found)


# ------------------------------------------------------------------ the message around it


def test_a_commit_with_a_wrong_confirmation_tag_is_refused(world: World) -> None:
    refuse(world, "RFC9420-12.4.2-12", forged_commit(world.members[0], path=path_of(world)))


def public(message: bytes) -> PublicMessage:
    found = decode(MLSMessage, message).message
    assert isinstance(found, PublicMessage)
    return found


def test_a_message_that_is_not_what_it_says_is_refused(world: World) -> None:
    anna = world.members[0]
    good = public(anna.commit().message)
    content, auth = good.content, good.auth
    unsigned = FramedContentAuthData(bytes(64), auth.confirmation_tag)
    for rule, wrong in {
        "RFC9420-6-2": replace(good, content=replace(content, group_id=b"other")),
        "RFC9420-12.4.2-1": replace(good, content=replace(content, epoch=content.epoch + 1)),
        "RFC9420-6.1-1": replace(good, content=replace(content, sender=Member(6))),
        "RFC9420-6.1-2": replace(good, auth=unsigned),
        "RFC9420-6.2-1": replace(good, membership_tag=bytes(32)),
    }.items():
        refuse(world, rule, encode_message(wrong))
    beyond = replace(content, sender=Member(2**32 - 1))
    refuse(world, "RFC9420-6.1-1", encode_message(replace(good, content=beyond)))
    outside = PublicMessage(replace(content, sender=External(0)), auth, None)
    refuse(world, "RFC9420-6.1-1", encode_message(outside))
    refuse(world, "RFC9420-6-3", anna.send("no commit"))
    unencrypted = replace(
        good,
        content=replace(content, content=ApplicationContent(b"hello")),
        auth=FramedContentAuthData(auth.signature, None),
    )
    refuse(world, "RFC9420-6-1", encode_message(unencrypted))


# ------------------------------------------------------------------ external commits


def test_an_external_commit_keeps_its_own_rules(world: World) -> None:
    anna, new = world.members[0], Device("new", rng=CountingRng(5))
    info = group_info(
        anna.now, signature_key=anna.signature_key, with_tree=True, with_external_pub=True
    )
    sent = external_commit(
        info,
        signature_key=new.signature_key,
        credential=BasicCredential(b"new"),
        capabilities=default_capabilities(),
        now_s=NOW_S,
        rng=new.rng,
    )
    content = public(sent.message).content.content
    assert isinstance(content, CommitContent)
    path, init = content.commit.path, ExternalInit(bytes(32))
    new.epoch = replace(sent.next, public=anna.now.public, secrets=anna.now.secrets)
    breaches: dict[str, list[Proposal | ProposalByReference]] = {
        "RFC9420-12.2-13": [init, init],
        "RFC9420-12.2-14": [init, Remove(1), Remove(2)],
        "RFC9420-12.2-15": [init, newcomer()],
        "RFC9420-12.2-7": [init, psk(ExternalPsk(b"x")), psk(ExternalPsk(b"x"))],
        "RFC9420-12.4-2": [init, ProposalByReference(bytes(32))],
    }
    for rule, proposals in breaches.items():
        message = forged_commit(new, proposals, path, sender=NewMemberCommit())
        refuse(world, rule, message)
    refuse(world, "RFC9420-12.2-13", forged_commit(new, [], path, sender=NewMemberCommit()))
    refuse(world, "RFC9420-6.1-1", forged_commit(new, [init], None, sender=NewMemberCommit()))


def test_undecodable_bytes_are_a_typed_error_at_once(world: World) -> None:
    anna, bert = world.members[:2]
    message = anna.commit().message
    for data in (b"", b"\x00", bytes(1000), message[:-1], message + b"\x00", b"\xff" * 64):
        with pytest.raises(MifengError):
            stage_commit(bert.now.public, data, now_s=NOW_S)
