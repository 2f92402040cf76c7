"""Joining by an external commit (RFC 9420 section 12.4.3.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from mifeng_crypto.errors import CodecError, CryptoError, ProtocolError, UsageError
from mifeng_crypto.mls.group.commit_finish import complete_commit, encrypt_own_path
from mifeng_crypto.mls.group.epoch import Epoch, begin_epoch
from mifeng_crypto.mls.group.leaf import sign_leaf
from mifeng_crypto.mls.group.proposal_apply import apply_proposals
from mifeng_crypto.mls.group.proposal_rules import Proposed, check_external_list, check_proposal
from mifeng_crypto.mls.group.psks import NO_PSKS, PskStore, combine_psks
from mifeng_crypto.mls.group.public_group import PublicGroup
from mifeng_crypto.mls.group.stage import leftmost_blank, with_place
from mifeng_crypto.mls.keys.key_schedule import external_init
from mifeng_crypto.mls.message.authenticate import sign_content
from mifeng_crypto.mls.message.public_message import protect_public
from mifeng_crypto.mls.tree.leaf_check import check_leaf_extensions, check_profiles, profile_of
from mifeng_crypto.mls.tree.tree_math import LeafIndex
from mifeng_crypto.mls.tree.treekem import create_path
from mifeng_crypto.mls.wire import registry
from mifeng_crypto.mls.wire.commit import Commit
from mifeng_crypto.mls.wire.credential import Credential
from mifeng_crypto.mls.wire.extension import Extension, ExternalPub, find_extension
from mifeng_crypto.mls.wire.framing import CommitContent, FramedContent, NewMemberCommit
from mifeng_crypto.mls.wire.leaf_node import Capabilities, FromCommit, LeafNode
from mifeng_crypto.mls.wire.message import encode_message
from mifeng_crypto.mls.wire.parent_node import RatchetTreeExtension
from mifeng_crypto.mls.wire.proposal import (
    ExternalInit,
    PreSharedKey,
    Proposal,
    ProposalByValue,
    Remove,
)
from mifeng_crypto.mls.wire.psk import PreSharedKeyID
from mifeng_crypto.mls.wire.welcome import GroupInfo
from mifeng_crypto.rand import Rng
from mifeng_crypto.secret import Secret
from mifeng_crypto.tls import decode


class ExternalCommit(NamedTuple):
    """The MLSMessage to send, and the epoch that begins when it is accepted."""

    message: bytes
    next: Epoch


def external_commit(
    group_info: GroupInfo,
    *,
    tree: RatchetTreeExtension | None = None,
    signature_key: Secret,
    credential: Credential,
    capabilities: Capabilities,
    leaf_extensions: tuple[Extension, ...] = (),
    remove: LeafIndex | None = None,
    psks: Sequence[PreSharedKeyID] = (),
    psk_store: PskStore = NO_PSKS,
    authenticated_data: bytes = b"",
    now_s: int,
    rng: Rng,
) -> ExternalCommit:
    """Add oneself to a group that published its external key.

    Args:
        group_info: with external_pub; verified here in full.
        tree: the group's tree, where the GroupInfo does not bring it.
        signature_key: the own private signature key.
        credential: who this is.
        capabilities: what this client supports.
        leaf_extensions: of the new leaf.
        remove: an old leaf of one's own that goes ("resync").
        psks: pre-shared keys to mix in; they must be in `psk_store`.
        psk_store: where the PSKs are.
        authenticated_data: sent along, signed.
        now_s: unix seconds.
        rng: for all new keys.

    Raises:
        UsageError: the group published no external key, there is no tree, or a PSK is missing.
        ProtocolError: the group, or the commit, breaks a rule.
    """
    group = PublicGroup.from_group_info(group_info, tree=tree)
    suite = group.suite
    init_secret, kem_output = _external_init(group, group_info, rng=rng)
    proposals: list[Proposal] = [ExternalInit(kem_output)]
    proposals += [] if remove is None else [Remove(remove)]
    proposals += [PreSharedKey(psk) for psk in psks]
    sender = NewMemberCommit()
    proposed = [Proposed(proposal, sender, False) for proposal in proposals]
    for each in proposed:
        check_proposal(group, each, now_s=now_s)
    check_external_list(proposed)
    applied = apply_proposals(group, proposed)
    me = leftmost_blank(applied.tree)

    def sign(encryption_key: bytes, parent_hash: bytes) -> LeafNode:
        leaf = sign_leaf(
            suite,
            signature_key,
            public=suite.public_signature_key(signature_key),
            encryption_key=encryption_key,
            credential=credential,
            capabilities=capabilities,
            source=FromCommit(parent_hash),
            extensions=leaf_extensions,
            group_id=group.group_id,
            leaf_index=me,
        )
        check_leaf_extensions(leaf)
        return leaf

    own = create_path(with_place(applied.tree, me), me, sign_leaf=sign, rng=rng)
    check_profiles(
        (profile_of(own.leaf),), among=own.tree.index.profiles, extensions=applied.extensions
    )
    path = encrypt_own_path(group, me, applied, own, rng=rng)
    listed = tuple(ProposalByValue(proposal) for proposal in proposals)
    content = FramedContent(
        group.group_id, group.epoch, sender, authenticated_data, CommitContent(Commit(listed, path))
    )
    wire_format = registry.PUBLIC_MESSAGE
    signed = sign_content(
        suite, signature_key, wire_format=wire_format, content=content, context=group.context
    )
    done = complete_commit(
        signed,
        group,
        applied,
        own.tree,
        init_secret=init_secret,
        commit_secret=own.secrets.commit_secret,
        psk_secret=combine_psks(suite, applied.psks, psk_store),
    )
    message = protect_public(suite, done.content, membership_key=None, context=group.context)
    following = begin_epoch(done.after, me, own.private_keys, done.derived)
    return ExternalCommit(encode_message(message), following)


def _external_init(group: PublicGroup, group_info: GroupInfo, *, rng: Rng) -> tuple[Secret, bytes]:
    """RFC9420-12.4.3.2-1: the group's external key is there and is one (section 8.3)."""
    data = find_extension(group_info.extensions, registry.EXTERNAL_PUB)
    if data is None:
        raise UsageError("this GroupInfo does not allow external commits")
    try:
        return external_init(group.suite, decode(ExternalPub, data).external_pub, rng=rng)
    except (CodecError, CryptoError) as err:
        raise ProtocolError("RFC9420-12.4.3.2-1", "a group's external key is malformed") from err
