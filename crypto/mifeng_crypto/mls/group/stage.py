"""From a received commit to what it would change, without a secret (RFC 9420 section 12.4.2).

    message -> epoch, signature -> proposals and their rules -> apply -> path -> StagedCommit

A server decides on a StagedCommit; a member lets its gate decide on it, and then processes it
(commit_process.py), where membership tag, path secrets and confirmation tag are checked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mifeng_crypto.errors import CodecError, CryptoError, ProtocolError
from mifeng_crypto.labels import ref_hash
from mifeng_crypto.mls.group.proposal_apply import Applied, apply_proposals
from mifeng_crypto.mls.group.proposal_rules import (
    Proposed,
    check_external_list,
    check_list,
    check_proposal,
    path_required,
)
from mifeng_crypto.mls.group.public_group import PublicGroup, ReceivedProposal
from mifeng_crypto.mls.keys.transcript import confirmed_transcript_hash, interim_transcript_hash
from mifeng_crypto.mls.message.authenticate import VerifiedContent
from mifeng_crypto.mls.message.public_message import verify_public
from mifeng_crypto.mls.tree.leaf_check import (
    check_encryption_key,
    check_leaf,
    check_profiles,
    profile_of,
)
from mifeng_crypto.mls.tree.ratchet_tree import RatchetTree
from mifeng_crypto.mls.tree.tree_edit import TreeEdit
from mifeng_crypto.mls.tree.tree_hash import tree_hash
from mifeng_crypto.mls.tree.tree_math import LeafIndex
from mifeng_crypto.mls.tree.treekem import merge_path
from mifeng_crypto.mls.wire import registry
from mifeng_crypto.mls.wire.commit import Commit, UpdatePath
from mifeng_crypto.mls.wire.extension import ExternalSenders, find_extension
from mifeng_crypto.mls.wire.framing import (
    AuthenticatedContent,
    CommitContent,
    External,
    FramedContent,
    Member,
    NewMemberCommit,
    NewMemberProposal,
    ProposalContent,
    PublicMessage,
)
from mifeng_crypto.mls.wire.group_context import GroupContext
from mifeng_crypto.mls.wire.key_package import KeyPackage
from mifeng_crypto.mls.wire.leaf_node import FromCommit, LeafNode
from mifeng_crypto.mls.wire.message import MLSMessage
from mifeng_crypto.mls.wire.proposal import Add, ProposalByReference
from mifeng_crypto.tls import decode, encode


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedCommit:
    """A commit that keeps all rules that can be checked without a secret, and what it changes.

    Attributes:
        before, after: the group's public half in the two epochs.
        committer: its leaf, for an external commit the one that it takes.
        commit: as it was sent.
        content: as it was signed.
        message: the PublicMessage that carried it; None for a PrivateMessage.
        applied: what its proposals do, before its path.
    """

    before: PublicGroup
    after: PublicGroup
    committer: LeafIndex
    commit: Commit
    content: AuthenticatedContent
    message: PublicMessage | None
    applied: Applied

    @property
    def added(self) -> tuple[tuple[LeafIndex, KeyPackage], ...]:
        """The new members and where they are."""
        return self.applied.added

    @property
    def removed(self) -> tuple[tuple[LeafIndex, LeafNode], ...]:
        """The removed members and where they were."""
        return self.applied.removed

    @property
    def updated(self) -> tuple[tuple[LeafIndex, LeafNode], ...]:
        """The leaves that Update proposals replace; the committer's own is not among them."""
        return self.applied.updated

    @property
    def path(self) -> UpdatePath | None:
        return self.commit.path

    @property
    def leaf(self) -> LeafNode:
        """The committer's leaf in the new epoch."""
        return self.after.leaf(self.committer)

    @property
    def is_external(self) -> bool:
        return isinstance(self.content.content.sender, NewMemberCommit)

    @property
    def by_reference(self) -> bool:
        """Whether any of its proposals came in an earlier message."""
        return any(isinstance(p, ProposalByReference) for p in self.commit.proposals)

    @property
    def authenticated_data(self) -> bytes:
        return self.content.content.authenticated_data

    def removes(self, i: LeafIndex) -> bool:
        """Tell whether this commit removes the member at `i`."""
        return any(i == leaf for leaf, _ in self.removed)

    @property
    def provisional_context(self) -> GroupContext:
        """Section 12.4.1: the new context, but with the old confirmed transcript hash."""
        confirmed = self.before.context.confirmed_transcript_hash
        return replace(self.after.context, confirmed_transcript_hash=confirmed)


# ------------------------------------------------------------------ the verbs


def stage_commit(
    group: PublicGroup, message: bytes | MLSMessage | PublicMessage, *, now_s: int
) -> StagedCommit:
    """Check a commit that came as a PublicMessage.

    Args:
        now_s: unix seconds, for the lifetimes of KeyPackages; of a commit in a log, the time at
            which the log accepted it.

    Raises:
        CodecError: the bytes are no MLSMessage.
        ProtocolError: not a commit of this group and epoch, or it breaks a rule.
    """
    public = public_message(message)
    verified = verify_public_message(group, public)
    return stage_verified(group, verified, message=public, now_s=now_s)


def receive_proposal(
    group: PublicGroup, message: bytes | MLSMessage | PublicMessage, *, now_s: int
) -> PublicGroup:
    """Take in a proposal that came as a PublicMessage, for a later commit (section 12.1).

    Raises:
        CodecError: the bytes are no MLSMessage.
        ProtocolError: not a proposal for this group and epoch, or it breaks a rule.
    """
    verified = verify_public_message(group, public_message(message))
    return keep_proposal(group, verified, now_s=now_s)


def keep_proposal(group: PublicGroup, verified: VerifiedContent, *, now_s: int) -> PublicGroup:
    """Keep a verified proposal under its ProposalRef (section 5.2)."""
    content = verified.content
    if not isinstance(content.content, ProposalContent):
        raise ProtocolError("RFC9420-12.1-1", "this message holds no proposal")
    received = ReceivedProposal(content.content.proposal, content.sender)
    check_proposal(group, Proposed(received.proposal, received.sender, True), now_s=now_s)
    reference = ref_hash(group.suite, "MLS 1.0 Proposal Reference", encode(verified.authenticated))
    return replace(group, proposals={**group.proposals, reference: received})


# ------------------------------------------------------------------ message and sender, section 6


def public_message(message: bytes | MLSMessage | PublicMessage) -> PublicMessage:
    """Unwrap a PublicMessage.

    Raises:
        CodecError: the bytes are no MLSMessage.
        ProtocolError: RFC9420-6-3: it is something else, or of another version.
    """
    if isinstance(message, bytes):
        message = decode(MLSMessage, message)
    if isinstance(message, MLSMessage):
        if message.version != registry.MLS10 or not isinstance(message.message, PublicMessage):
            raise ProtocolError("RFC9420-6-3", "this is no PublicMessage of MLS 1.0")
        return message.message
    return message


def check_group_and_epoch(group: PublicGroup, group_id: bytes, epoch: int) -> None:
    """RFC9420-6-2: the message is for this group. RFC9420-12.4.2-1: it is for this epoch.

    RFC9420-12.4.2-13: after a ReInit nothing more is sent.
    """
    if group.is_closed:
        raise ProtocolError("RFC9420-12.4.2-13", "the group was replaced by another one")
    if group_id != group.group_id:
        raise ProtocolError("RFC9420-6-2", "the message is for another group")
    if epoch != group.epoch:
        raise ProtocolError(
            "RFC9420-12.4.2-1",
            "the message is for epoch {epoch}, and the group is in {current}",
            epoch=epoch,
            current=group.epoch,
        )


def verify_public_message(group: PublicGroup, message: PublicMessage) -> VerifiedContent:
    """Check group, epoch and the signature of whoever the message says it is from.

    Raises:
        ProtocolError: RFC9420-6-2, 12.4.2-1, 6.1-1, 6.1-2.
    """
    check_group_and_epoch(group, message.content.group_id, message.content.epoch)
    signature_key = _signature_key(group, message.content)
    try:
        return verify_public(
            group.suite, message, signature_key=signature_key, context=group.context
        )
    except CryptoError as err:
        raise ProtocolError("RFC9420-6.1-2", "the signature of a message does not verify") from err


def _signature_key(group: PublicGroup, content: FramedContent) -> bytes:
    """RFC9420-6.1-1: the sender is somebody whose key is known here (section 6.1)."""
    match content.sender, content.content:
        case Member(leaf_index=i), _:
            leaf = group.tree.leaf(LeafIndex(i))
            if leaf is not None:
                return leaf.signature_key
        case External(sender_index=i), ProposalContent():
            senders = _external_senders(group)
            if i < len(senders.external_senders):
                return senders.external_senders[i].signature_key
        case NewMemberCommit(), CommitContent(commit=Commit(path=UpdatePath(leaf_node=new))):
            return new.signature_key
        case NewMemberProposal(), ProposalContent(proposal=Add(key_package=key_package)):
            return key_package.leaf_node.signature_key
        case _:
            pass
    raise ProtocolError("RFC9420-6.1-1", "a message is from nobody who may send it")


def _external_senders(group: PublicGroup) -> ExternalSenders:
    """RFC9420-12.1.8.1-1: the extension, if there is one, decodes."""
    data = find_extension(group.context.extensions, registry.EXTERNAL_SENDERS)
    if data is None:
        return ExternalSenders(())
    try:
        return decode(ExternalSenders, data)
    except CodecError as err:
        raise ProtocolError(
            "RFC9420-12.1.8.1-1", "the external_senders extension is malformed"
        ) from err


# ------------------------------------------------------------------ the commit, section 12.4.2


def stage_verified(
    group: PublicGroup, verified: VerifiedContent, *, message: PublicMessage | None, now_s: int
) -> StagedCommit:
    """Check a commit whose signature verified, and apply it.

    Raises:
        ProtocolError: it breaks a rule.
    """
    content = verified.content
    if not isinstance(content.content, CommitContent):
        raise ProtocolError("RFC9420-12.4.2-2", "this message holds no commit")
    commit = content.content.commit
    proposals = resolve_proposals(group, commit, content)
    # The list first: to compare proposals is cheap, to verify one may take two signatures.
    if isinstance(content.sender, Member):
        check_list(group, proposals, LeafIndex(content.sender.leaf_index))
    else:
        check_external_list(proposals)
    for proposed in proposals:
        if not proposed.by_reference:
            check_proposal(group, proposed, now_s=now_s)
    _check_path_is_there(commit, proposals)
    applied = apply_proposals(group, proposals)
    if isinstance(content.sender, Member):
        committer = LeafIndex(content.sender.leaf_index)
    else:
        committer = leftmost_blank(applied.tree)
        _check_resync_key_is_new(applied, commit)
    tree = applied.tree
    if commit.path is not None:
        tree = _apply_path(group, applied, committer, commit.path)
    context = next_context(group, applied, tree, verified.authenticated)
    tag = verified.auth.confirmation_tag
    assert tag is not None, "a decoded commit has a confirmation tag"
    return StagedCommit(
        before=group,
        after=next_group(group, context, applied, tree, tag),
        committer=committer,
        commit=commit,
        content=verified.authenticated,
        message=message,
        applied=applied,
    )


def resolve_proposals(
    group: PublicGroup, commit: Commit, content: FramedContent
) -> tuple[Proposed, ...]:
    """Look up what a commit names.

    Raises:
        ProtocolError: RFC9420-12.4-2: it names a proposal that did not arrive.
    """
    found = []
    for each in commit.proposals:
        if isinstance(each, ProposalByReference):
            received = group.proposals.get(each.reference)
            if received is None:
                raise ProtocolError("RFC9420-12.4-2", "a commit names a proposal that is missing")
            found.append(Proposed(received.proposal, received.sender, True))
        else:
            found.append(Proposed(each.proposal, content.sender, False))
    return tuple(found)


def _check_path_is_there(commit: Commit, proposals: Sequence[Proposed]) -> None:
    """RFC9420-12.4-1: an empty commit, and one that removes somebody, brings new secrets."""
    if commit.path is None and path_required(proposals):
        raise ProtocolError("RFC9420-12.4-1", "a commit brings no path where one is due")


def _check_resync_key_is_new(applied: Applied, commit: Commit) -> None:
    """RFC9420-12.2-16: a joiner that removes its old leaf does not keep its encryption key."""
    for _, old in applied.removed:
        if commit.path is not None and commit.path.leaf_node.encryption_key == old.encryption_key:
            raise ProtocolError("RFC9420-12.2-16", "an external commit keeps an old encryption key")


def leftmost_blank(tree: RatchetTree) -> LeafIndex:
    """Return where an external joiner goes (section 12.4.2); n_leaves for a full tree."""
    places = tree.nodes[::2]
    return LeafIndex(places.index(None) if None in places else tree.n_leaves)


def with_place(tree: RatchetTree, i: LeafIndex) -> RatchetTree:
    """Return the tree, extended if it has no leaf `i` (section 12.4.2)."""
    if i < tree.n_leaves:
        return tree
    edit = TreeEdit(tree)
    edit.extend()
    return edit.done()


def _apply_path(
    group: PublicGroup, applied: Applied, committer: LeafIndex, path: UpdatePath
) -> RatchetTree:
    """Check the committer's new leaf, and merge the path (sections 7.3, 7.5, 12.4.2)."""
    leaf = path.leaf_node
    if not isinstance(leaf.source, FromCommit):
        raise ProtocolError("RFC9420-12.4.2-6", "the leaf of a path was made for something else")
    check_encryption_key(group.suite, leaf.encryption_key)
    check_leaf(leaf, suite=group.suite, group_id=group.group_id, leaf_index=committer)
    tree = with_place(applied.tree, committer)
    tree = merge_path(tree, committer, path, added=applied.added_leaves)
    check_profiles(
        (profile_of(leaf),),
        among=tree.index.profiles,
        extensions=applied.extensions,
    )
    return tree


def next_context(
    group: PublicGroup, applied: Applied, tree: RatchetTree, commit: AuthenticatedContent
) -> GroupContext:
    """Return the context of the epoch that a commit begins (section 8.2), tag or no tag."""
    return replace(
        group.context,
        epoch=group.epoch + 1,
        tree_hash=tree_hash(tree),
        confirmed_transcript_hash=confirmed_transcript_hash(
            group.suite, group.interim_transcript_hash, commit
        ),
        extensions=applied.extensions,
    )


def next_group(
    group: PublicGroup, context: GroupContext, applied: Applied, tree: RatchetTree, tag: bytes
) -> PublicGroup:
    """Return the public half of the epoch that a commit with this confirmation tag begins."""
    confirmed = context.confirmed_transcript_hash
    return PublicGroup(
        suite=group.suite,
        context=context,
        tree=tree,
        interim_transcript_hash=interim_transcript_hash(group.suite, confirmed, tag),
        reinit=applied.reinit,
    )
