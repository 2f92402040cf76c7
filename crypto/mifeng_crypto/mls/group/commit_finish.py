"""What every committer does at the end, member or not (RFC 9420 section 12.4.1)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mifeng_crypto.mls.group.proposal_apply import Applied
from mifeng_crypto.mls.group.public_group import PublicGroup
from mifeng_crypto.mls.group.stage import next_context, next_group
from mifeng_crypto.mls.keys.key_schedule import EpochSecrets, derive_epoch, joiner_secret
from mifeng_crypto.mls.keys.transcript import confirmation_tag
from mifeng_crypto.mls.message.authenticate import with_confirmation_tag
from mifeng_crypto.mls.tree.ratchet_tree import RatchetTree
from mifeng_crypto.mls.tree.tree_hash import tree_hash
from mifeng_crypto.mls.tree.tree_math import LeafIndex
from mifeng_crypto.mls.tree.treekem import OwnPath, encrypt_path
from mifeng_crypto.mls.wire.commit import UpdatePath
from mifeng_crypto.mls.wire.framing import AuthenticatedContent
from mifeng_crypto.rand import Rng
from mifeng_crypto.secret import Secret
from mifeng_crypto.tls import encode


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletedCommit:
    """A commit with its confirmation tag, and the epoch that it begins."""

    content: AuthenticatedContent
    after: PublicGroup
    joiner_secret: Secret
    derived: tuple[EpochSecrets, Secret]


def encrypt_own_path(
    group: PublicGroup, committer: LeafIndex, applied: Applied, own: OwnPath, *, rng: Rng
) -> UpdatePath:
    """Encrypt under the provisional context: its transcript hash is still the old one."""
    provisional = replace(
        group.context,
        epoch=group.epoch + 1,
        tree_hash=tree_hash(own.tree),
        extensions=applied.extensions,
    )
    context = encode(provisional)
    return encrypt_path(own, committer, added=applied.added_leaves, context=context, rng=rng)


def complete_commit(
    signed: AuthenticatedContent,
    group: PublicGroup,
    applied: Applied,
    tree: RatchetTree,
    *,
    init_secret: Secret,
    commit_secret: Secret,
    psk_secret: Secret,
) -> CompletedCommit:
    """Run the key schedule of the next epoch, and confirm it.

    Args:
        signed: the commit, without its tag.
        group: the epoch in which it is sent.
        applied: what its proposals do.
        tree: the next epoch's.
        init_secret: of this epoch, or of an external commit.
        commit_secret: of its path; zeros without one.
        psk_secret: of its PSKs; zeros without any.
    """
    suite = group.suite
    context = next_context(group, applied, tree, signed)
    joiner = joiner_secret(suite, init_secret, commit_secret, context)
    derived = derive_epoch(suite, joiner, psk_secret, context)
    tag = confirmation_tag(suite, derived[0].confirmation_key, context.confirmed_transcript_hash)
    content = with_confirmation_tag(signed, tag)
    return CompletedCommit(
        content=content,
        after=next_group(group, context, applied, tree, tag),
        joiner_secret=joiner,
        derived=derived,
    )
