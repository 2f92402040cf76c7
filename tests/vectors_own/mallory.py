"""A member that signs, encrypts and confirms whatever it is told: one thing wrong, all else right.

It goes the way of `mls/group/commit_create.py` without the rules, and with a place to change each
value before it is signed over. What follows from the changed value is computed from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from mifeng_crypto.errors import MifengError
from mifeng_crypto.labels import sign_with_label
from mifeng_crypto.mls.group.commit_finish import CompletedCommit, complete_commit
from mifeng_crypto.mls.group.proposal_apply import Applied, apply_proposals
from mifeng_crypto.mls.group.proposal_rules import Proposed
from mifeng_crypto.mls.keys.psk import psk_secret
from mifeng_crypto.mls.message.public_message import _tbm
from mifeng_crypto.mls.tree.ratchet_tree import RatchetTree
from mifeng_crypto.mls.tree.tree_edit import TreeEdit
from mifeng_crypto.mls.tree.tree_hash import path_parents, tree_hash
from mifeng_crypto.mls.tree.tree_math import LeafIndex, NodeIndex
from mifeng_crypto.mls.tree.treekem import OwnPath, create_path, encrypt_path
from mifeng_crypto.mls.wire import registry
from mifeng_crypto.mls.wire.commit import Commit, UpdatePath
from mifeng_crypto.mls.wire.framing import (
    AuthenticatedContent,
    CommitContent,
    Content,
    FramedContent,
    FramedContentAuthData,
    Member,
    NewMemberCommit,
    PublicMessage,
    Sender,
    framed_content_tbs,
)
from mifeng_crypto.mls.wire.group_context import GroupContext
from mifeng_crypto.mls.wire.leaf_node import FromCommit, LeafNode
from mifeng_crypto.mls.wire.message import encode_message
from mifeng_crypto.mls.wire.proposal import Proposal, ProposalByReference, ProposalByValue
from mifeng_crypto.secret import Secret
from mifeng_crypto.tls import encode
from tests.vectors_own.members import Person
from tests.vectors_own.signing import sign_leaf

T = TypeVar("T")
Edit = Callable[[T], T]


def same(value: T) -> T:
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What is different about a message around its content."""

    sender: Sender | None = None
    content: Edit[FramedContent] = same
    signature_key: Secret | None = None
    label: str = "FramedContentTBS"
    signed_as: int = registry.PUBLIC_MESSAGE
    signed_in: Edit[GroupContext] = same
    signature: Edit[bytes] = same
    changed_after: Edit[FramedContent] = same
    tag: Edit[bytes] = same
    membership_key: bytes | None = None
    membership_tag: Edit[bytes] = same


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """What is different about an UpdatePath."""

    leaf: Edit[LeafNode] = same
    signature_key: Secret | None = None
    signed_for: tuple[bytes, int] | None = None
    label: str = "LeafNodeTBS"
    leaf_signed: Edit[LeafNode] = same
    keys: Edit[dict[NodeIndex, bytes]] = same
    parent_hash: Edit[bytes] = same
    secrets: Edit[dict[NodeIndex, Secret]] = same
    context: Edit[GroupContext] = same
    done: Edit[UpdatePath] = same


PLAIN, NO_PATH, AS_DUE = Frame(), None, Path()


@dataclass(frozen=True, slots=True, kw_only=True)
class Forged:
    """A commit that was made so, and what a Welcome to it needs."""

    message: bytes
    applied: Applied
    own: OwnPath | None
    completed: CompletedCommit | None


def forge_commit(
    by: Person,
    *proposals: Proposal | ProposalByReference,
    path: Path | None = AS_DUE,
    frame: Frame = PLAIN,
    base: LeafNode | None = None,
    at: LeafIndex | None = None,
    init_secret: Secret | None = None,
) -> Forged:
    """Commit anything.

    Args:
        by: the member; for an external commit, somebody with the group's public half.
        proposals: by value, or as references to what `by` received.
        path: None for no path.
        frame: around the content.
        base, at: the leaf that the path renews and where it is, if not the own one.
        init_secret: of an external commit.
    """
    epoch, suite = by.now, by.suite
    group, me = epoch.public, epoch.own_leaf if at is None else at
    sender = Member(me) if frame.sender is None else frame.sender
    listed = tuple(
        each if isinstance(each, ProposalByReference) else ProposalByValue(each)
        for each in proposals
    )
    applied = _apply(by, proposals, sender)
    tree, own, update_path = applied.tree, None, None
    commit_secret = Secret(bytes(suite.hash_bytes))
    if path is not None:
        if me >= tree.n_leaves:
            edit = TreeEdit(tree)
            edit.extend()
            tree = edit.done()
        own = _own_path(by, tree, me, epoch.leaf if base is None else base, path)
        tree, commit_secret = own.tree, own.secrets.commit_secret
        update_path = path.done(_encrypt(by, own, me, applied, path))
    content = frame.content(
        FramedContent(
            group.group_id, group.epoch, sender, b"", CommitContent(Commit(listed, update_path))
        )
    )
    signed = sign(by, content, frame)
    psks = psk_secret(suite, [(psk, bytes(32)) for psk in applied.psks])
    try:
        completed = complete_commit(
            signed,
            group,
            applied,
            tree,
            init_secret=epoch.secrets.init_secret if init_secret is None else init_secret,
            commit_secret=commit_secret,
            psk_secret=psks,
        )
        tag = completed.content.auth.confirmation_tag
        assert tag is not None, "it was just made"
    except MifengError:  # there is no next epoch
        completed, tag = None, bytes(suite.hash_bytes)
    auth = FramedContentAuthData(signed.auth.signature, frame.tag(tag))
    message = protect(by, replace(signed, auth=auth), frame)
    return Forged(message=message, applied=applied, own=own, completed=completed)


def forge_proposal(by: Person, content: Content, frame: Frame = PLAIN) -> bytes:
    """Send a proposal, or any content but a commit, as a PublicMessage."""
    group = by.now.public
    sender = Member(by.leaf) if frame.sender is None else frame.sender
    framed = frame.content(FramedContent(group.group_id, group.epoch, sender, b"", content))
    return protect(by, sign(by, framed, frame), frame)


def sign(by: Person, content: FramedContent, frame: Frame) -> AuthenticatedContent:
    """Sign as the frame says; the signature may be changed, and so may the content afterwards."""
    key = by.key if frame.signature_key is None else frame.signature_key
    context = frame.signed_in(by.now.public.context)
    tbs = framed_content_tbs(frame.signed_as, content, context)
    signature = frame.signature(sign_with_label(by.suite, key, frame.label, tbs))
    auth = FramedContentAuthData(signature, None)
    return AuthenticatedContent(registry.PUBLIC_MESSAGE, frame.changed_after(content), auth)


def protect(by: Person, signed: AuthenticatedContent, frame: Frame) -> bytes:
    """Put it into a PublicMessage with the membership tag that is due, or another."""
    message = PublicMessage(signed.content, signed.auth, None)
    if isinstance(signed.content.sender, Member):
        key = frame.membership_key or by.now.secrets.membership_key
        tag = by.suite.mac(key, _tbm(message, by.now.public.context))
        message = replace(message, membership_tag=frame.membership_tag(tag))
    return encode_message(message)


# ------------------------------------------------------------------ parts of a commit


def _apply(
    by: Person, proposals: tuple[Proposal | ProposalByReference, ...], sender: Sender
) -> Applied:
    """Apply what can be applied; a list that makes no valid tree changes nothing."""
    group, found = by.now.public, list[Proposed]()
    for each in proposals:
        if isinstance(each, ProposalByReference):
            if each.reference in group.proposals:
                received = group.proposals[each.reference]
                found.append(Proposed(received.proposal, received.sender, True))
        else:
            found.append(Proposed(each, sender, False))
    try:
        return apply_proposals(group, found)
    except (MifengError, AssertionError, KeyError):
        return apply_proposals(group, ())


def _own_path(by: Person, tree: RatchetTree, me: LeafIndex, base: LeafNode, path: Path) -> OwnPath:
    """Make a path; every key may be another, and hashes and signatures follow from it."""
    suite, group_id = by.suite, by.now.public.group_id

    def leaf(encryption_key: bytes, parent_hash: bytes) -> LeafNode:
        source = FromCommit(path.parent_hash(parent_hash))
        unsigned = path.leaf(replace(base, encryption_key=encryption_key, source=source))
        signed_group, signed_leaf = path.signed_for or (group_id, me)
        key = by.key if path.signature_key is None else path.signature_key
        return path.leaf_signed(
            sign_leaf(
                suite,
                key,
                unsigned,
                group_id=signed_group,
                leaf_index=signed_leaf,
                label=path.label,
            )
        )

    def plain(encryption_key: bytes, parent_hash: bytes) -> LeafNode:
        return replace(base, encryption_key=encryption_key, source=FromCommit(parent_hash))

    own = create_path(tree, me, sign_leaf=plain, rng=by.rng)
    keys = path.keys(dict(own.secrets.public_keys))
    parents, due_hash = path_parents(tree, me, keys)
    new = leaf(own.leaf.encryption_key, due_hash)
    try:
        edit = TreeEdit(tree)
        edit.set_path(me, new, parents)
        changed = edit.done()
    except MifengError:  # a key is there twice
        changed = own.tree
    secrets = replace(
        own.secrets, path_secrets=path.secrets(dict(own.secrets.path_secrets)), public_keys=keys
    )
    return replace(own, tree=changed, leaf=new, secrets=secrets)


def _encrypt(by: Person, own: OwnPath, me: LeafIndex, applied: Applied, path: Path) -> UpdatePath:
    group = by.now.public
    context = path.context(
        replace(
            group.context,
            epoch=group.epoch + 1,
            tree_hash=tree_hash(own.tree),
            extensions=applied.extensions,
        )
    )
    return encrypt_path(own, me, added=applied.added_leaves, context=encode(context), rng=by.rng)


def external(**changes: Any) -> Frame:  # noqa: ANN401
    """Return the frame of an external commit."""
    return Frame(sender=NewMemberCommit(), **changes)
