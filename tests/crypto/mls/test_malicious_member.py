"""A member with all its keys sends anything at all, correctly signed: nobody falls over.

Signatures and MACs stop every outsider long before the rules are asked. These properties put an
insider behind random content: whatever it is, the answer is one of our errors or a state that is
as good as before, never another exception, and the receiver's state stays as it was.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mifeng_crypto.errors import CodecError, MifengError, ProtocolError
from mifeng_crypto.labels import sign_with_label
from mifeng_crypto.mls.group import (
    Epoch,
    StagedCommit,
    join,
    process_commit,
    receive_proposal,
    stage_commit,
    verify_key_package,
)
from mifeng_crypto.mls.message.authenticate import sign_content, with_confirmation_tag
from mifeng_crypto.mls.message.public_message import protect_public
from mifeng_crypto.mls.tree.ratchet_tree import RatchetTree
from mifeng_crypto.mls.tree.tree_hash import tree_hash
from mifeng_crypto.mls.wire.commit import Commit, UpdatePath
from mifeng_crypto.mls.wire.framing import CommitContent, FramedContent, Member, ProposalContent
from mifeng_crypto.mls.wire.key_package import KeyPackage, key_package_tbs
from mifeng_crypto.mls.wire.leaf_node import FromKeyPackage, LeafNode, leaf_node_tbs
from mifeng_crypto.mls.wire.message import encode_message
from mifeng_crypto.mls.wire.parent_node import RatchetTreeExtension
from mifeng_crypto.mls.wire.proposal import Add, Proposal, ProposalByValue, Remove, Update
from mifeng_crypto.mls.wire.welcome import GroupInfo, group_info_tbs
from mifeng_crypto.tls import decode, encode
from tests.crypto.declared import values_of
from tests.crypto.mls.group.forge import forged_welcome
from tests.crypto.mls.world import NOW_S, CountingRng, Device, World

slow = settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])


@cache
def world() -> World:
    """Six members on a tree with keys, blank nodes and an unmerged leaf; never changed."""
    made = World(6)
    for by in (0, 3, 5):
        made.commit(made.devices[by])
    made.commit(made.devices[1], remove=[made.devices[2]])
    made.commit(made.devices[4], add=[Device("late", rng=CountingRng(50))], path=False)
    return made


@cache
def honest_commits() -> tuple[bytes, ...]:
    """The Commit structs of what the attacker could have sent."""
    by = attacker()
    new = Device("new", rng=CountingRng(60)).key_package()
    pending = [
        by.commit(),
        by.commit(add=[new], path=False),
        by.commit(add=[new], remove=[world().devices[3].leaf]),
        by.commit(remove=[world().devices[5].leaf]),
    ]
    return tuple(encode(each.staged.commit) for each in pending)


def attacker() -> Device:
    return world().devices[0]


def victim() -> Epoch:
    return world().devices[1].now


NEWCOMER = Device("newcomer", rng=CountingRng(70))
Changes = list[tuple[float, int]]
# Bytes are changed and not inserted or cut, so that most mutations still decode.
mutations = st.lists(st.tuples(st.floats(0, 0.999), st.integers(1, 255)), min_size=1, max_size=3)


def mutated(data: bytes, changes: Changes) -> bytes:
    out = bytearray(data)
    for where, difference in changes:
        out[int(where * len(out))] ^= difference
    return bytes(out)


# ------------------------------------------------------------------ signing as an insider


def signed_leaf(by: Device, leaf: LeafNode, index: int) -> LeafNode:
    """Sign a leaf with the key that it names, as far as the attacker has it."""
    tbs = leaf_node_tbs(leaf, by.now.public.group_id if by.epoch else b"", index)
    return replace(leaf, signature=sign_with_label(by.suite, by.signature_key, "LeafNodeTBS", tbs))


def signed_key_package(by: Device, key_package: KeyPackage) -> KeyPackage:
    leaf = signed_leaf(by, key_package.leaf_node, 0)
    changed = replace(key_package, leaf_node=leaf)
    tbs = key_package_tbs(changed)
    return replace(
        changed, signature=sign_with_label(by.suite, by.signature_key, "KeyPackageTBS", tbs)
    )


def signed_inside(commit: Commit) -> Commit:
    """Sign the attacker's own leaf in the path anew, so that the rules behind it are reached."""
    if commit.path is None:
        return commit
    leaf = signed_leaf(attacker(), commit.path.leaf_node, attacker().leaf)
    return Commit(commit.proposals, UpdatePath(leaf, commit.path.nodes))


def sent(content: CommitContent | ProposalContent) -> bytes:
    """Frame any content as the attacker, with a good signature and membership tag."""
    by = attacker()
    group = by.now.public
    framed = FramedContent(group.group_id, group.epoch, Member(by.leaf), b"", content)
    signed = sign_content(
        by.suite, by.signature_key, wire_format=1, content=framed, context=group.context
    )
    if isinstance(content, CommitContent):
        signed = with_confirmation_tag(signed, bytes(by.suite.hash_bytes))
    key = by.now.secrets.membership_key
    return encode_message(
        protect_public(by.suite, signed, membership_key=key, context=group.context)
    )


def assert_handled(commit: Commit) -> None:
    before = victim()
    parts = before.parts(None)
    try:
        staged: StagedCommit = stage_commit(before.public, sent(CommitContent(commit)), now_s=NOW_S)
    except ProtocolError:
        return
    finally:
        assert before.parts(None) == parts
    # All rules are kept: then the wrong confirmation tag is what is left.
    with pytest.raises(MifengError):
        process_commit(before, staged)
    assert before.parts(None) == parts


# ------------------------------------------------------------------ the properties


@slow
@given(which=st.integers(0, 3), changes=mutations)
def test_a_mutated_commit_of_a_member_is_refused_by_a_rule(which: int, changes: Changes) -> None:
    try:
        commit = decode(Commit, mutated(honest_commits()[which], changes))
    except CodecError:
        return
    assert_handled(signed_inside(commit))


def own_proposals() -> st.SearchStrategy[Proposal]:
    """Proposals that make some sense here, besides the wholly random ones."""
    new = NEWCOMER.key_package().key_package
    leaves = [leaf for _, leaf in victim().public.leaves()]
    return st.one_of(
        values_of(Proposal),
        st.integers(0, 9).map(Remove),
        st.sampled_from([Remove(2**32 - 1), Add(new), *map(Update, leaves)]),
        st.sampled_from(leaves).map(
            lambda leaf: Add(signed_key_package(NEWCOMER, replace(new, leaf_node=leaf)))
        ),
    )


@slow
@given(data=st.data())
def test_any_list_of_proposals_of_a_member_is_handled(data: st.DataObject) -> None:
    proposals = data.draw(st.lists(own_proposals(), max_size=5))
    listed = tuple(ProposalByValue(proposal) for proposal in proposals)
    path = data.draw(
        st.one_of(
            st.none(),
            st.integers(0, 3).map(lambda n: decode(Commit, honest_commits()[n]).path),
            values_of(UpdatePath),
        )
    )
    assert_handled(signed_inside(Commit(listed, path)))


@slow
@given(data=st.data())
def test_any_proposal_on_its_own_is_kept_or_refused(data: st.DataObject) -> None:
    proposal = data.draw(own_proposals())
    before = victim()
    try:
        after = receive_proposal(before.public, sent(ProposalContent(proposal)), now_s=NOW_S)
    except ProtocolError:
        return
    assert [each.proposal for each in after.proposals.values()] == [proposal]
    assert not before.public.proposals


@slow
@given(changes=mutations)
def test_a_mutated_key_package_of_its_owner_is_verified_or_refused_by_a_rule(
    changes: Changes,
) -> None:
    good = encode(NEWCOMER.key_package().key_package)
    try:
        changed = decode(KeyPackage, mutated(good, changes))
    except CodecError:
        return
    try:
        verify_key_package(signed_key_package(NEWCOMER, changed), now_s=NOW_S)
    except ProtocolError:
        return
    leaf = changed.leaf_node
    assert isinstance(leaf.source, FromKeyPackage)
    assert leaf.source.lifetime.not_before <= NOW_S <= leaf.source.lifetime.not_after


@cache
def inviting() -> tuple[Device, bytes]:
    """Somebody whom the attacker invites, and the honest tree with it."""
    new = Device("invited", rng=CountingRng(80))
    pending = attacker().commit(add=[new.key_package()], path=False)
    return new, encode(pending.next.public.tree.to_wire())


@slow
@given(changes=mutations)
def test_a_mutated_tree_in_a_members_welcome_is_refused_by_a_rule(
    changes: Changes,
) -> None:
    invited, honest = inviting()
    by = attacker()
    try:
        wire = decode(RatchetTreeExtension, mutated(honest, changes))
        hashed = tree_hash(RatchetTree.from_wire(by.suite, wire))
    except (CodecError, ProtocolError):
        hashed, wire = bytes(32), decode(RatchetTreeExtension, honest)
    info = _group_info(by, hashed)
    assert invited.bundle is not None
    with pytest.raises(MifengError):
        join(forged_welcome(invited, info), invited.bundle, tree=wire)


def _group_info(by: Device, hashed: bytes) -> bytes:
    context = replace(by.now.public.context, epoch=by.now.public.epoch + 1, tree_hash=hashed)
    info = GroupInfo(context, (), bytes(32), by.leaf, b"")
    tbs = group_info_tbs(info)
    signature = sign_with_label(by.suite, by.signature_key, "GroupInfoTBS", tbs)
    return encode(replace(info, signature=signature))


@slow
@given(data=st.data())
def test_a_damaged_store_is_noticed_or_harmless(data: st.DataObject) -> None:
    parts = {at: part for at, part in victim().parts(None).items() if part is not None}
    at = data.draw(st.sampled_from(sorted(parts)))
    damaged = data.draw(st.one_of(st.none(), mutations.map(lambda how: mutated(parts[at], how))))
    stored = {key: part for key, part in parts.items() if key != at}
    if damaged is not None:
        stored[at] = damaged
    try:
        Epoch.from_parts(stored)
    except MifengError:
        return
