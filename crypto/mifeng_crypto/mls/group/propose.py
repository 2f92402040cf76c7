"""Proposals on their own, from inside and outside of the group (RFC 9420 sections 12.1, 12.1.8)."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from mifeng_crypto.errors import UsageError
from mifeng_crypto.mls.group.epoch import Epoch
from mifeng_crypto.mls.group.leaf import renew_leaf
from mifeng_crypto.mls.group.stage import keep_proposal
from mifeng_crypto.mls.message.authenticate import VerifiedContent, sign_content
from mifeng_crypto.mls.message.private_message import encrypt_private
from mifeng_crypto.mls.message.public_message import protect_public
from mifeng_crypto.mls.tree.leaf_check import check_leaf_extensions
from mifeng_crypto.mls.wire import registry
from mifeng_crypto.mls.wire.extension import Extension
from mifeng_crypto.mls.wire.framing import (
    External,
    FramedContent,
    Member,
    NewMemberProposal,
    ProposalContent,
)
from mifeng_crypto.mls.wire.leaf_node import FromUpdate
from mifeng_crypto.mls.wire.message import encode_message
from mifeng_crypto.mls.wire.proposal import Proposal, Update
from mifeng_crypto.rand import Rng
from mifeng_crypto.secret import Secret
from mifeng_crypto.suite import Suite


class ProposalSent(NamedTuple):
    """A proposal to send; the epoch keeps it like those of others. Store the epoch first."""

    epoch: Epoch
    message: bytes


def propose(
    epoch: Epoch,
    proposal: Proposal,
    *,
    signature_key: Secret,
    authenticated_data: bytes = b"",
    private: bool = False,
    now_s: int,
    rng: Rng,
) -> ProposalSent:
    """Propose a change that somebody else may commit. For an Update use `propose_update`.

    Raises:
        UsageError: the group is closed.
        ProtocolError: the proposal breaks a rule.
    """
    group = epoch.public
    if group.is_closed:
        raise UsageError("this group was replaced by another one: nothing is sent in it any more")
    signed = sign_content(
        group.suite,
        signature_key,
        wire_format=registry.PRIVATE_MESSAGE if private else registry.PUBLIC_MESSAGE,
        content=FramedContent(
            group.group_id,
            group.epoch,
            Member(epoch.own_leaf),
            authenticated_data,
            ProposalContent(proposal),
        ),
        context=group.context,
    )
    kept = replace(epoch, public=keep_proposal(group, VerifiedContent(signed), now_s=now_s))
    if not private:
        key = epoch.secrets.membership_key
        public = protect_public(group.suite, signed, membership_key=key, context=group.context)
        return ProposalSent(kept, encode_message(public))
    secret_tree, message = encrypt_private(
        signed,
        tree=epoch.secret_tree,
        sender_data_secret=epoch.secrets.sender_data_secret,
        rng=rng,
    )
    return ProposalSent(replace(kept, secret_tree=secret_tree), encode_message(message))


def propose_update(
    epoch: Epoch,
    *,
    signature_key: Secret,
    leaf_extensions: tuple[Extension, ...] | None = None,
    private: bool = False,
    now_s: int,
    rng: Rng,
) -> ProposalSent:
    """Propose a new leaf of one's own (section 12.1.2); the epoch keeps its private key.

    Raises:
        UsageError: the group is closed.
    """
    suite = epoch.public.suite
    pair = suite.generate_key_pair(rng=rng)
    leaf = renew_leaf(
        suite,
        signature_key,
        epoch.leaf,
        encryption_key=pair.public,
        source=FromUpdate(),
        extensions=leaf_extensions,
        group_id=epoch.public.group_id,
        leaf_index=epoch.own_leaf,
    )
    check_leaf_extensions(leaf)
    sent = propose(
        epoch,
        Update(leaf),
        signature_key=signature_key,
        private=private,
        now_s=now_s,
        rng=rng,
    )
    update_keys = {**epoch.update_keys, pair.public: pair.private}
    return ProposalSent(replace(sent.epoch, update_keys=update_keys), sent.message)


def propose_from_outside(
    suite: Suite,
    proposal: Proposal,
    *,
    group_id: bytes,
    epoch: int,
    sender: External | NewMemberProposal,
    signature_key: Secret,
    authenticated_data: bytes = b"",
) -> bytes:
    """Return a proposal of an external sender, or of somebody who asks to be added (12.1.8)."""
    content = FramedContent(group_id, epoch, sender, authenticated_data, ProposalContent(proposal))
    wire_format = registry.PUBLIC_MESSAGE
    signed = sign_content(
        suite, signature_key, wire_format=wire_format, content=content, context=None
    )
    return encode_message(protect_public(suite, signed, membership_key=None, context=None))
