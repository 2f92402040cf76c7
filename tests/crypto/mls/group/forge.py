"""Signed messages that no honest client sends: each breaks the one rule that a test is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mifeng_crypto.labels import encrypt_with_label, sign_with_label
from mifeng_crypto.mls.group import key_package_ref
from mifeng_crypto.mls.group.leaf import renew_leaf
from mifeng_crypto.mls.keys.key_schedule import welcome_key
from mifeng_crypto.mls.keys.psk import psk_secret
from mifeng_crypto.mls.message.authenticate import sign_content, with_confirmation_tag
from mifeng_crypto.mls.message.public_message import protect_public
from mifeng_crypto.mls.wire.commit import Commit, HPKECiphertext, UpdatePath
from mifeng_crypto.mls.wire.extension import Extension
from mifeng_crypto.mls.wire.framing import (
    CommitContent,
    FramedContent,
    Member,
    ProposalContent,
    Sender,
)
from mifeng_crypto.mls.wire.key_package import KeyPackage, key_package_tbs
from mifeng_crypto.mls.wire.leaf_node import LeafNode, LeafNodeSource, leaf_node_tbs
from mifeng_crypto.mls.wire.message import encode_message
from mifeng_crypto.mls.wire.proposal import (
    Proposal,
    ProposalByReference,
    ProposalByValue,
    ProposalOrRef,
)
from mifeng_crypto.mls.wire.psk import PreSharedKeyID
from mifeng_crypto.mls.wire.welcome import (
    EncryptedGroupSecrets,
    GroupInfo,
    GroupSecrets,
    PathSecret,
    Welcome,
    group_info_tbs,
)
from mifeng_crypto.secret import Secret
from mifeng_crypto.tls import encode
from tests.crypto.mls.world import Device


def forged_commit(
    by: Device,
    proposals: Sequence[Proposal | ProposalByReference] = (),
    path: UpdatePath | None = None,
    *,
    sender: Sender | None = None,
    tag: bytes = bytes(32),
) -> bytes:
    """Sign any list of proposals and any path as `by`; the confirmation tag is wrong."""
    group, secrets = by.now.public, by.now.secrets
    listed: list[ProposalOrRef] = [
        each if isinstance(each, ProposalByReference) else ProposalByValue(each)
        for each in proposals
    ]
    content = FramedContent(
        group.group_id,
        group.epoch,
        Member(by.leaf) if sender is None else sender,
        b"",
        CommitContent(Commit(tuple(listed), path)),
    )
    signed = sign_content(
        by.suite, by.signature_key, wire_format=1, content=content, context=group.context
    )
    message = protect_public(
        by.suite,
        with_confirmation_tag(signed, tag),
        membership_key=secrets.membership_key,
        context=group.context,
    )
    return encode_message(message)


def forged_proposal(by: Device, proposal: Proposal) -> bytes:
    """Sign any proposal as `by`."""
    group = by.now.public
    content = FramedContent(
        group.group_id, group.epoch, Member(by.leaf), b"", ProposalContent(proposal)
    )
    signed = sign_content(
        by.suite, by.signature_key, wire_format=1, content=content, context=group.context
    )
    key = by.now.secrets.membership_key
    message = protect_public(by.suite, signed, membership_key=key, context=group.context)
    return encode_message(message)


def resigned_leaf(by: Device, leaf: LeafNode) -> LeafNode:
    """Sign a leaf again that was changed after signing."""
    tbs = leaf_node_tbs(leaf, by.now.public.group_id, by.leaf)
    signature = sign_with_label(by.suite, by.signature_key, "LeafNodeTBS", tbs)
    return replace(leaf, signature=signature)


def new_leaf(
    by: Device,
    source: LeafNodeSource,
    *,
    encryption_key: bytes | None = None,
    extensions: tuple[Extension, ...] | None = None,
) -> LeafNode:
    """Make the next leaf of `by`, with a fresh key unless another is given."""
    fresh = by.suite.generate_key_pair(rng=by.rng).public
    return renew_leaf(
        by.suite,
        by.signature_key,
        by.now.leaf,
        encryption_key=fresh if encryption_key is None else encryption_key,
        source=source,
        extensions=extensions,
        group_id=by.now.public.group_id,
        leaf_index=by.leaf,
    )


def resigned_key_package(by: Device, key_package: KeyPackage) -> KeyPackage:
    """Sign a KeyPackage again that was changed after signing; its leaf as well."""
    tbs = leaf_node_tbs(key_package.leaf_node, b"", 0)
    leaf = replace(
        key_package.leaf_node,
        signature=sign_with_label(by.suite, by.signature_key, "LeafNodeTBS", tbs),
    )
    changed = replace(key_package, leaf_node=leaf)
    signature = sign_with_label(
        by.suite, by.signature_key, "KeyPackageTBS", key_package_tbs(changed)
    )
    return replace(changed, signature=signature)


def resigned_group_info(by: Device, info: GroupInfo) -> GroupInfo:
    """Sign a GroupInfo again that was changed after signing."""
    signature = sign_with_label(by.suite, by.signature_key, "GroupInfoTBS", group_info_tbs(info))
    return replace(info, signature=signature)


def forged_welcome(
    to: Device,
    info: bytes,
    *,
    path_secret: bytes | None = None,
    psks: tuple[PreSharedKeyID, ...] = (),
) -> Welcome:
    """Send any GroupInfo to the KeyPackage of `to`, under a joiner_secret of one's own."""
    assert to.bundle is not None, f"{to.name} has no KeyPackage"
    suite, key_package = to.suite, to.bundle.key_package
    joiner = Secret(bytes(suite.hash_bytes))
    key = welcome_key(suite, joiner, psk_secret(suite, ()))
    sealed = suite.aead_seal(key.key, key.nonce, b"", info)
    above = None if path_secret is None else PathSecret(Secret(path_secret))
    secrets = GroupSecrets(joiner, above, psks)
    entry = encrypt_with_label(suite, key_package.init_key, "Welcome", sealed, encode(secrets))
    reference = key_package_ref(suite, key_package)
    return Welcome(suite.id, (EncryptedGroupSecrets(reference, HPKECiphertext(*entry)),), sealed)
