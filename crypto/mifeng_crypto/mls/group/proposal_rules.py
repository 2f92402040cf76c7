"""Which proposals may be committed together (RFC 9420 sections 12.1, 12.2, 12.4).

One function for each rule; they look at the tree before anything is applied. What only shows in
the tree afterwards (rule 12.2-12) is checked where the proposals are applied.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.mls.group.key_package import verify_key_package
from mifeng_crypto.mls.group.public_group import PublicGroup
from mifeng_crypto.mls.tree.leaf_check import (
    check_encryption_key,
    check_leaf,
    check_unique_extensions,
)
from mifeng_crypto.mls.tree.ratchet_tree import RatchetTree
from mifeng_crypto.mls.tree.tree_math import LeafIndex
from mifeng_crypto.mls.wire.framing import External, Member, NewMemberProposal, Sender
from mifeng_crypto.mls.wire.leaf_node import FromUpdate, LeafNode
from mifeng_crypto.mls.wire.proposal import (
    Add,
    ExternalInit,
    GroupContextExtensions,
    PreSharedKey,
    Proposal,
    ReInit,
    Remove,
    Update,
)
from mifeng_crypto.mls.wire.psk import PreSharedKeyID, ResumptionPsk, ResumptionPSKUsage

PATH_REQUIRED = (Update, Remove, ExternalInit, GroupContextExtensions)
"""Section 12.4: a commit of one of these brings a path."""


@dataclass(frozen=True, slots=True)
class Proposed:
    """A proposal of a commit, and who sent it: the committer, where it is by value."""

    proposal: Proposal
    sender: Sender
    by_reference: bool


# ------------------------------------------------------------------ one proposal, section 12.1


def check_proposal(
    group: PublicGroup,
    proposed: Proposed,
    *,
    continuing: ResumptionPSKUsage | None = None,
    now_s: int,
) -> None:
    """RFC9420-12.2-1: the proposal is valid by itself.

    Args:
        group: the group that it is for.
        proposed: the proposal.
        continuing: set while a group is made that replaces another, or branches off from it.
        now_s: unix seconds.

    Raises:
        ProtocolError: the rule of sections 12.1, 10.1 or 7.3 that it breaks.
    """
    check_sender_may(proposed)
    match proposed.proposal:
        case Add(key_package=key_package):
            verify_key_package(key_package, now_s=now_s)
            if key_package.cipher_suite != group.suite.id:
                raise ProtocolError("RFC9420-10.1-1", "a KeyPackage is for another cipher suite")
        case Update(leaf_node=leaf):
            check_update(group, leaf, proposed.sender)
        case Remove(removed=removed):
            check_remove(group.tree, removed)
        case PreSharedKey(psk=psk):
            check_psk(group, psk, continuing)
        case ReInit() as reinit:
            check_reinit(group, reinit)
        case GroupContextExtensions(extensions=extensions):
            check_unique_extensions(extensions)
        case ExternalInit():
            pass  # which commit may have it: rules 12.2-10 and 12.2-13


def check_sender_may(proposed: Proposed) -> None:
    """RFC9420-12.1.8-1: who is not a member proposes only what such a sender may."""
    proposal = proposed.proposal
    match proposed.sender:
        case External():
            allowed = isinstance(
                proposal, Add | Remove | PreSharedKey | ReInit | GroupContextExtensions
            )
        case NewMemberProposal():
            allowed = isinstance(proposal, Add)
        case _:
            allowed = True
    if not allowed:
        raise ProtocolError("RFC9420-12.1.8-1", "this sender may not make such a proposal")


def check_update(group: PublicGroup, leaf: LeafNode, sender: Sender) -> None:
    """RFC9420-12.1.2-1: the leaf is valid for an Update of its sender (section 7.3).

    RFC9420-7.3-7: its source is update, and its encryption key is a new one.
    """
    if not isinstance(sender, Member):
        raise ProtocolError("RFC9420-12.1.2-1", "only a member updates its leaf")
    i = LeafIndex(sender.leaf_index)
    old = group.tree.leaf(i)
    if old is None or not isinstance(leaf.source, FromUpdate):
        raise ProtocolError("RFC9420-7.3-7", "the leaf of an Update was made for something else")
    if leaf.encryption_key == old.encryption_key:
        raise ProtocolError("RFC9420-7.3-7", "an Update keeps the old encryption key")
    check_encryption_key(group.suite, leaf.encryption_key)
    check_leaf(leaf, suite=group.suite, group_id=group.group_id, leaf_index=i)


def check_remove(tree: RatchetTree, removed: int) -> None:
    """RFC9420-12.1.3-1: the removed leaf is a member's."""
    if tree.leaf(LeafIndex(removed)) is None:
        raise ProtocolError(
            "RFC9420-12.1.3-1", "a Remove names leaf {leaf}, which is blank", leaf=removed
        )


def check_psk(
    group: PublicGroup, psk: PreSharedKeyID, continuing: ResumptionPSKUsage | None
) -> None:
    """RFC9420-12.1.4-1, -2, -3: usage and length of the nonce."""
    if isinstance(psk.source, ResumptionPsk) and psk.source.usage is not continuing:
        match psk.source.usage:
            case ResumptionPSKUsage.REINIT:
                raise ProtocolError("RFC9420-12.1.4-1", "a PSK for a reinit came outside of one")
            case ResumptionPSKUsage.BRANCH:
                raise ProtocolError("RFC9420-12.1.4-2", "a PSK for a branch came outside of one")
            case ResumptionPSKUsage.APPLICATION:
                pass
    if len(psk.psk_nonce) != group.suite.hash_bytes:
        raise ProtocolError("RFC9420-12.1.4-3", "the nonce of a PSK has the wrong length")


def check_reinit(group: PublicGroup, reinit: ReInit) -> None:
    """RFC9420-12.1.5-1: the version does not go back."""
    if reinit.version < group.context.version:
        raise ProtocolError("RFC9420-12.1.5-1", "a ReInit goes back to an older version of MLS")


# ------------------------------------------------------------------ a list of them, section 12.2


def check_list(group: PublicGroup, proposals: Sequence[Proposed], committer: LeafIndex) -> None:
    """Check the proposals of a member's commit together: RFC9420-12.2-2 to 12.2-10."""
    check_committer(proposals, committer)
    check_one_change_a_leaf(proposals)
    check_clients(group, proposals)
    check_psks_differ(proposals)
    check_one_group_context_extensions(proposals)
    check_reinit_alone(proposals)
    check_no_external_init(proposals)


def check_committer(proposals: Sequence[Proposed], committer: LeafIndex) -> None:
    """RFC9420-12.2-2, 12.2-3: the committer neither updates nor removes itself by a proposal."""
    for proposed in proposals:
        match proposed.proposal:
            case Update() if proposed.sender == Member(committer):
                raise ProtocolError("RFC9420-12.2-2", "a commit holds an Update of its committer")
            case Remove(removed=removed) if removed == committer:
                raise ProtocolError("RFC9420-12.2-3", "a commit removes its committer")
            case _:
                pass


def check_one_change_a_leaf(proposals: Sequence[Proposed]) -> None:
    """RFC9420-12.2-4: no two Updates or Removes are for the same leaf."""
    changed = Counter[int]()
    for proposed in proposals:
        match proposed.proposal, proposed.sender:
            case Remove(removed=leaf), _:
                changed[leaf] += 1
            case Update(), Member(leaf_index=leaf):
                changed[leaf] += 1
            case _:
                pass
    if any(n > 1 for n in changed.values()):
        raise ProtocolError("RFC9420-12.2-4", "a commit changes one leaf by two proposals")


def check_clients(group: PublicGroup, proposals: Sequence[Proposed]) -> None:
    """RFC9420-12.2-5, 12.2-6: nobody is added twice, or while a member.

    Who has the same signature key is the same client; the application may know more.
    """
    removed = {p.proposal.removed for p in proposals if isinstance(p.proposal, Remove)}
    added = [
        p.proposal.key_package.leaf_node.signature_key
        for p in proposals
        if isinstance(p.proposal, Add)
    ]
    if len(set(added)) != len(added):
        raise ProtocolError("RFC9420-12.2-5", "a commit adds the same client twice")
    for key in added:
        i = group.find(key)
        if i is not None and i not in removed:
            raise ProtocolError("RFC9420-12.2-6", "a commit adds a client that is a member")


def check_psks_differ(proposals: Sequence[Proposed]) -> None:
    """RFC9420-12.2-7: no PreSharedKeyID is there twice."""
    psks = [p.proposal.psk for p in proposals if isinstance(p.proposal, PreSharedKey)]
    if len(set(psks)) != len(psks):
        raise ProtocolError("RFC9420-12.2-7", "a commit uses the same PSK twice")


def check_one_group_context_extensions(proposals: Sequence[Proposed]) -> None:
    """RFC9420-12.2-8: at most one GroupContextExtensions."""
    if sum(isinstance(p.proposal, GroupContextExtensions) for p in proposals) > 1:
        raise ProtocolError("RFC9420-12.2-8", "a commit replaces the group's extensions twice")


def check_reinit_alone(proposals: Sequence[Proposed]) -> None:
    """RFC9420-12.2-9: a ReInit comes alone."""
    if len(proposals) > 1 and any(isinstance(p.proposal, ReInit) for p in proposals):
        raise ProtocolError("RFC9420-12.2-9", "a commit holds a ReInit and other proposals")


def check_no_external_init(proposals: Sequence[Proposed]) -> None:
    """RFC9420-12.2-10: only an external commit holds an ExternalInit."""
    if any(isinstance(p.proposal, ExternalInit) for p in proposals):
        raise ProtocolError("RFC9420-12.2-10", "a member's commit holds an ExternalInit")


def check_external_list(proposals: Sequence[Proposed]) -> None:
    """Check the proposals of an external commit: RFC9420-12.2-13 to 12.2-15, 12.4.3.2-2."""
    kinds = Counter(type(proposed.proposal) for proposed in proposals)
    if kinds[ExternalInit] != 1:
        raise ProtocolError("RFC9420-12.2-13", "an external commit has not just one ExternalInit")
    if kinds[Remove] > 1:
        raise ProtocolError("RFC9420-12.2-14", "an external commit removes more than one member")
    if set(kinds) - {ExternalInit, Remove, PreSharedKey}:
        raise ProtocolError("RFC9420-12.2-15", "an external commit holds a forbidden proposal")
    if any(proposed.by_reference for proposed in proposals):
        raise ProtocolError("RFC9420-12.4.3.2-2", "an external commit refers to a proposal")
    check_psks_differ(proposals)


def path_required(proposals: Sequence[Proposed]) -> bool:
    """Tell whether a commit of these must bring a path (section 12.4)."""
    return not proposals or any(isinstance(p.proposal, PATH_REQUIRED) for p in proposals)
