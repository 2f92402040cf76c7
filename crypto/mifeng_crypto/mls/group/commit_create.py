"""Creating a commit and its Welcome (RFC 9420 section 12.4.1).

    proposals -> rules -> apply -> path -> sign -> key schedule -> confirmation tag -> Welcome

The next epoch is in the result; it begins when the delivery service has accepted the commit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from mifeng_crypto.errors import UsageError
from mifeng_crypto.labels import encrypt_to_many_with_label
from mifeng_crypto.mls.group.commit_finish import complete_commit, encrypt_own_path
from mifeng_crypto.mls.group.epoch import Epoch, begin_epoch
from mifeng_crypto.mls.group.group_info import group_info
from mifeng_crypto.mls.group.key_package import VerifiedKeyPackage, key_package_ref
from mifeng_crypto.mls.group.leaf import renew_leaf
from mifeng_crypto.mls.group.pending import PendingCommit
from mifeng_crypto.mls.group.proposal_apply import Applied, apply_proposals
from mifeng_crypto.mls.group.proposal_rules import (
    Proposed,
    check_list,
    check_proposal,
    path_required,
)
from mifeng_crypto.mls.group.psks import NO_PSKS, PskStore, combine_psks
from mifeng_crypto.mls.group.public_group import PublicGroup
from mifeng_crypto.mls.group.stage import StagedCommit
from mifeng_crypto.mls.keys.key_schedule import welcome_key
from mifeng_crypto.mls.message.authenticate import sign_content
from mifeng_crypto.mls.message.private_message import encrypt_private
from mifeng_crypto.mls.message.public_message import protect_public
from mifeng_crypto.mls.tree.leaf_check import check_leaf_extensions, check_lifetime
from mifeng_crypto.mls.tree.tree_math import LeafIndex, NodeIndex, common_ancestor
from mifeng_crypto.mls.tree.treekem import (
    OwnPath,
    PrivateKeys,
    create_path,
    still_valid,
)
from mifeng_crypto.mls.wire import registry
from mifeng_crypto.mls.wire.commit import Commit, HPKECiphertext
from mifeng_crypto.mls.wire.extension import Extension
from mifeng_crypto.mls.wire.framing import CommitContent, FramedContent, Member
from mifeng_crypto.mls.wire.leaf_node import FromCommit, FromKeyPackage, LeafNode
from mifeng_crypto.mls.wire.message import encode_message
from mifeng_crypto.mls.wire.proposal import (
    Add,
    GroupContextExtensions,
    PreSharedKey,
    Proposal,
    ProposalByReference,
    ProposalByValue,
    ProposalOrRef,
    ReInit,
    Remove,
)
from mifeng_crypto.mls.wire.psk import PreSharedKeyID, ResumptionPSKUsage
from mifeng_crypto.mls.wire.welcome import (
    EncryptedGroupSecrets,
    GroupSecrets,
    PathSecret,
    Welcome,
)
from mifeng_crypto.rand import Rng
from mifeng_crypto.secret import Secret
from mifeng_crypto.tls import encode


def commit(
    epoch: Epoch,
    *,
    signature_key: Secret,
    add: Sequence[VerifiedKeyPackage] = (),
    remove: Sequence[LeafIndex] = (),
    references: Sequence[bytes] = (),
    psks: Sequence[PreSharedKeyID] = (),
    extensions: tuple[Extension, ...] | None = None,
    reinit: ReInit | None = None,
    continuing: ResumptionPSKUsage | None = None,
    path: bool = True,
    leaf_extensions: tuple[Extension, ...] | None = None,
    authenticated_data: bytes = b"",
    group_info_extensions: tuple[Extension, ...] = (),
    with_tree: bool = False,
    private: bool = False,
    psk_store: PskStore = NO_PSKS,
    now_s: int,
    rng: Rng,
) -> PendingCommit:
    """Make a commit; the epoch stays as it is.

    Args:
        epoch: the current one.
        signature_key: the own private signature key.
        add: new members; they are placed from the left, in this order.
        remove: the leaves of members to remove.
        references: ProposalRefs of `epoch.public.proposals` to commit.
        psks: pre-shared keys to mix in; they must be in `psk_store`.
        extensions: replaces all of the group's extensions; None leaves them.
        reinit: replace the group by another one (section 11.2); comes alone.
        continuing: only for the first commit of a group that replaces or branches off another.
        path: renew the own keys; needed with `remove` and `extensions` and without any proposal.
        leaf_extensions: replaces the own leaf's, with a path; None leaves them.
        authenticated_data: sent with the commit, signed and not encrypted.
        group_info_extensions: for those who join, and nobody else.
        with_tree: put the tree into the Welcome.
        private: send a PrivateMessage.
        psk_store: where the PSKs are.
        now_s: unix seconds; the KeyPackages must be valid now.
        rng: for all new keys.

    Raises:
        UsageError: no path where one is due, or a PSK or proposal is missing.
        ProtocolError: the commit would break a rule.
    """
    group, suite, me = epoch.public, epoch.public.suite, epoch.own_leaf
    if group.is_closed:
        raise UsageError("this group was replaced by another one: nothing is sent in it any more")
    own_proposals: list[Proposal] = [Remove(leaf) for leaf in remove]
    own_proposals += [PreSharedKey(psk) for psk in psks]
    own_proposals += [] if extensions is None else [GroupContextExtensions(extensions)]
    own_proposals += [] if reinit is None else [reinit]
    for proposal in own_proposals:
        proposed = Proposed(proposal, Member(me), False)
        check_proposal(group, proposed, continuing=continuing, now_s=now_s)
    for verified in add:
        _check_fits(epoch, verified, now_s=now_s)
        own_proposals.append(Add(verified.key_package))
    listed, proposals = _with_references(epoch, references, own_proposals)
    if not path and path_required(proposals):
        raise UsageError("this commit needs a path: pass path=True")
    check_list(group, proposals, me)
    applied = apply_proposals(group, proposals)

    own, update_path, tree = None, None, applied.tree
    commit_secret = Secret(bytes(suite.hash_bytes))
    if path:
        own = _own_path(epoch, applied, signature_key, leaf_extensions, rng=rng)
        tree, commit_secret = own.tree, own.secrets.commit_secret
        update_path = encrypt_own_path(group, me, applied, own, rng=rng)

    content = FramedContent(
        group.group_id,
        group.epoch,
        Member(me),
        authenticated_data,
        CommitContent(Commit(listed, update_path)),
    )
    wire_format = registry.PRIVATE_MESSAGE if private else registry.PUBLIC_MESSAGE
    signed = sign_content(
        suite, signature_key, wire_format=wire_format, content=content, context=group.context
    )
    psk_secret = combine_psks(suite, applied.psks, psk_store)
    done = complete_commit(
        signed,
        group,
        applied,
        tree,
        init_secret=epoch.secrets.init_secret,
        commit_secret=commit_secret,
        psk_secret=psk_secret,
    )
    signed, after = done.content, done.after
    next_epoch = begin_epoch(after, me, _private_keys(epoch, own, after), done.derived)

    if private:
        secret_tree, private_message = encrypt_private(
            signed,
            tree=epoch.secret_tree,
            sender_data_secret=epoch.secrets.sender_data_secret,
            rng=rng,
        )
        epoch, public_message = replace(epoch, secret_tree=secret_tree), None
        message = encode_message(private_message)
    else:
        public_message = protect_public(
            suite,
            signed,
            membership_key=epoch.secrets.membership_key,
            context=group.context,
        )
        message = encode_message(public_message)

    welcome = None
    if applied.added:
        info = group_info(
            next_epoch,
            signature_key=signature_key,
            extensions=group_info_extensions,
            with_tree=with_tree,
        )
        key = welcome_key(suite, done.joiner_secret, psk_secret)
        sealed = suite.aead_seal(key.key, key.nonce, b"", encode(info))
        welcome = encode_message(
            _welcome(next_epoch, applied, own, done.joiner_secret, sealed, rng=rng)
        )
    staged = StagedCommit(
        before=group,
        after=after,
        committer=me,
        commit=Commit(listed, update_path),
        content=signed,
        message=public_message,
        applied=applied,
    )
    return PendingCommit(
        message=message,
        welcome=welcome,
        staged=staged,
        epoch=epoch,
        next=next_epoch,
        now_s=now_s,
    )


# ------------------------------------------------------------------ proposals


def _with_references(
    epoch: Epoch, references: Sequence[bytes], own: Sequence[Proposal]
) -> tuple[tuple[ProposalOrRef, ...], tuple[Proposed, ...]]:
    """Return the proposals as the commit lists them, and as the rules see them."""
    listed, proposals = list[ProposalOrRef](), list[Proposed]()
    for reference in references:
        received = epoch.public.proposals.get(reference)
        if received is None:
            raise UsageError("there is no such proposal in this epoch")
        listed.append(ProposalByReference(reference))
        proposals.append(Proposed(received.proposal, received.sender, True))
    listed += [ProposalByValue(proposal) for proposal in own]
    proposals += [Proposed(proposal, Member(epoch.own_leaf), False) for proposal in own]
    return tuple(listed), tuple(proposals)


def _check_fits(epoch: Epoch, verified: VerifiedKeyPackage, *, now_s: int) -> None:
    """Check again what changes with the group and with time; the rest was verified before."""
    key_package = verified.key_package
    if key_package.cipher_suite != epoch.public.suite.id:
        raise UsageError("a KeyPackage is for another cipher suite than the group's")
    source = key_package.leaf_node.source
    assert isinstance(source, FromKeyPackage), "verified: rule 10.1-2"
    check_lifetime(source.lifetime, now_s=now_s)


# ------------------------------------------------------------------ path


def _own_path(
    epoch: Epoch,
    applied: Applied,
    signature_key: Secret,
    leaf_extensions: tuple[Extension, ...] | None,
    *,
    rng: Rng,
) -> OwnPath:
    def sign(encryption_key: bytes, parent_hash: bytes) -> LeafNode:
        leaf = renew_leaf(
            epoch.public.suite,
            signature_key,
            epoch.leaf,
            encryption_key=encryption_key,
            source=FromCommit(parent_hash),
            extensions=leaf_extensions,
            group_id=epoch.public.group_id,
            leaf_index=epoch.own_leaf,
        )
        check_leaf_extensions(leaf)
        return leaf

    return create_path(applied.tree, epoch.own_leaf, sign_leaf=sign, rng=rng)


def _private_keys(epoch: Epoch, own: OwnPath | None, after: PublicGroup) -> PrivateKeys:
    known = still_valid(after.tree, epoch.own_leaf, epoch.private_keys)
    return known if own is None else {**known, **own.private_keys}


# ------------------------------------------------------------------ Welcome, section 12.4.3.1


def _welcome(
    next_epoch: Epoch,
    applied: Applied,
    own: OwnPath | None,
    joiner: Secret,
    sealed_info: bytes,
    *,
    rng: Rng,
) -> Welcome:
    suite, me = next_epoch.public.suite, next_epoch.own_leaf
    path_secrets: Mapping[NodeIndex, Secret] = {} if own is None else own.secrets.path_secrets
    for_ancestor: dict[NodeIndex, bytes] = {}  # the same for all new members below one node
    recipients = []
    for i, key_package in applied.added:
        above = common_ancestor(i, me)
        if above not in for_ancestor:
            path_secret = path_secrets.get(above)
            for_ancestor[above] = encode(
                GroupSecrets(
                    joiner,
                    None if path_secret is None else PathSecret(path_secret),
                    applied.psks,
                )
            )
        recipients.append((key_package.init_key, for_ancestor[above]))
    sealed = encrypt_to_many_with_label(suite, recipients, "Welcome", sealed_info, rng=rng)
    secrets = tuple(
        EncryptedGroupSecrets(key_package_ref(suite, key_package), HPKECiphertext(*each))
        for (_, key_package), each in zip(applied.added, sealed, strict=True)
    )
    return Welcome(suite.id, secrets, sealed_info)
