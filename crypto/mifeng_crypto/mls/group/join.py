"""Joining by a Welcome (RFC 9420 section 12.4.3.1)."""

from __future__ import annotations

from typing import NamedTuple

from mifeng_crypto.errors import CodecError, CryptoError, ProtocolError
from mifeng_crypto.labels import decrypt_with_label
from mifeng_crypto.mls.group.continuation import (
    check_continuation,
    check_psk_usage,
    resumption_psk,
    resumption_secret,
)
from mifeng_crypto.mls.group.epoch import Epoch, begin_epoch
from mifeng_crypto.mls.group.key_package import KeyPackageBundle, key_package_ref
from mifeng_crypto.mls.group.psks import NO_PSKS, PskStore, combine_psks
from mifeng_crypto.mls.group.public_group import PublicGroup
from mifeng_crypto.mls.keys.key_schedule import EpochSecrets, derive_epoch, welcome_key
from mifeng_crypto.mls.keys.transcript import verify_confirmation_tag
from mifeng_crypto.mls.tree.tree_math import LeafIndex, common_ancestor, direct_path, node_of
from mifeng_crypto.mls.tree.treekem import PrivateKeys, path_from
from mifeng_crypto.mls.wire import registry
from mifeng_crypto.mls.wire.message import MLSMessage
from mifeng_crypto.mls.wire.parent_node import RatchetTreeExtension
from mifeng_crypto.mls.wire.welcome import (
    EncryptedGroupSecrets,
    GroupInfo,
    GroupSecrets,
    Welcome,
)
from mifeng_crypto.secret import Secret
from mifeng_crypto.suite import Suite, suite_by_id
from mifeng_crypto.tls import decode, encode


class Joined(NamedTuple):
    """A group that was just joined; the GroupInfo has what its sender told the new members."""

    epoch: Epoch
    group_info: GroupInfo


def join(
    welcome: bytes | Welcome,
    bundle: KeyPackageBundle,
    *,
    tree: RatchetTreeExtension | None = None,
    psk_store: PskStore = NO_PSKS,
    continues: Epoch | None = None,
) -> Joined:
    """Join the group that a Welcome is for, after verifying it in full.

    Whether the group id is new to this client (section 12.4.3.1) and whether its members are who
    they should be, is for the caller to check, before anything else is done with the result.

    Args:
        welcome: as an MLSMessage or taken out of it.
        bundle: the KeyPackage that was used up, with its keys; forget it afterwards.
        tree: the group's tree, where the Welcome does not bring it.
        psk_store: the PSKs that this client has.
        continues: the last epoch of the group that this one replaces or branches off, if it does.

    Raises:
        CodecError: the bytes are no MLSMessage.
        UsageError: there is no tree, or a PSK is missing.
        ProtocolError: not for this KeyPackage, or the group breaks a rule.
    """
    welcome = _unwrap(welcome)
    suite = suite_by_id(bundle.key_package.cipher_suite)
    secrets = _group_secrets(suite, welcome, bundle)
    usage = check_psk_usage(secrets.psks, continues)
    if continues is not None and usage is not None:
        psk_store = {**psk_store, resumption_psk(continues, usage): resumption_secret(continues)}
    joiner = secrets.joiner_secret
    psk_secret = combine_psks(suite, secrets.psks, psk_store)
    group_info = _group_info(suite, welcome, joiner, psk_secret)
    if group_info.group_context.cipher_suite != suite.id:
        raise ProtocolError("RFC9420-12.4.3.1-5", "a Welcome is for another cipher suite")
    public = PublicGroup.from_group_info(group_info, tree=tree)
    if continues is not None and usage is not None:
        check_continuation(public, continues, usage)
    me = _own_leaf(public, bundle)
    private_keys = _private_keys(public, me, LeafIndex(group_info.signer), bundle, secrets)
    derived = derive_epoch(suite, joiner, psk_secret, public.context)
    _check_confirmation_tag(public, group_info, derived[0])
    _check_keys_are_complete(public, me, private_keys)
    return Joined(begin_epoch(public, me, private_keys, derived), group_info)


def _unwrap(welcome: bytes | Welcome) -> Welcome:
    """RFC9420-6-3: the message is a Welcome of MLS 1.0."""
    if isinstance(welcome, Welcome):
        return welcome
    message = decode(MLSMessage, welcome)
    if message.version != registry.MLS10 or not isinstance(message.message, Welcome):
        raise ProtocolError("RFC9420-6-3", "this is no Welcome of MLS 1.0")
    return message.message


def _entry(suite: Suite, welcome: Welcome, bundle: KeyPackageBundle) -> EncryptedGroupSecrets:
    """RFC9420-12.4.3.1-1: the Welcome is for this KeyPackage, and of its cipher suite."""
    reference = key_package_ref(suite, bundle.key_package)
    if welcome.cipher_suite == suite.id:
        for entry in welcome.secrets:
            if entry.new_member == reference:
                return entry
    raise ProtocolError("RFC9420-12.4.3.1-1", "a Welcome is not for this KeyPackage")


def _group_secrets(suite: Suite, welcome: Welcome, bundle: KeyPackageBundle) -> GroupSecrets:
    """RFC9420-12.4.3.1-10: the group secrets decrypt, and are what they should be."""
    sealed = _entry(suite, welcome, bundle).encrypted_group_secrets
    try:
        data = decrypt_with_label(
            suite,
            bundle.init_private,
            "Welcome",
            welcome.encrypted_group_info,
            kem_output=sealed.kem_output,
            ciphertext=sealed.ciphertext,
        )
        return decode(GroupSecrets, data)
    except (CryptoError, CodecError) as err:
        raise ProtocolError("RFC9420-12.4.3.1-10", "a Welcome does not decrypt") from err


def _group_info(suite: Suite, welcome: Welcome, joiner: Secret, psk_secret: Secret) -> GroupInfo:
    """RFC9420-12.4.3.1-12: the GroupInfo decrypts, and is one."""
    key = welcome_key(suite, joiner, psk_secret)
    try:
        data = suite.aead_open(key.key, key.nonce, b"", welcome.encrypted_group_info)
        return decode(GroupInfo, data)
    except (CryptoError, CodecError) as err:
        raise ProtocolError(
            "RFC9420-12.4.3.1-12", "a Welcome's GroupInfo does not decrypt"
        ) from err


def _own_leaf(public: PublicGroup, bundle: KeyPackageBundle) -> LeafIndex:
    """RFC9420-12.4.3.1-13: the leaf of the KeyPackage is in the tree, as it is."""
    leaf = bundle.key_package.leaf_node
    me = public.find(leaf.signature_key)
    if me is None or encode(public.leaf(me)) != encode(leaf):
        raise ProtocolError("RFC9420-12.4.3.1-13", "a Welcome is for a group without this device")
    return me


def _private_keys(
    public: PublicGroup,
    me: LeafIndex,
    signer: LeafIndex,
    bundle: KeyPackageBundle,
    secrets: GroupSecrets,
) -> PrivateKeys:
    """RFC9420-12.4.3.1-14: the path secret, if there is one, gives the keys above both leaves."""
    tree, keys = public.tree, {node_of(me): bundle.leaf_private}
    if secrets.path_secret is not None:
        if signer == me:
            raise ProtocolError("RFC9420-12.4.3.1-14", "a Welcome claims to come from its receiver")
        path = tree.filtered_direct_path(signer)
        at = path.index(common_ancestor(me, signer))
        path_secret = secrets.path_secret.path_secret
        keys.update(path_from(tree, path[at:], path_secret).private_keys)
    return keys


def _check_keys_are_complete(public: PublicGroup, me: LeafIndex, keys: PrivateKeys) -> None:
    """RFC9420-12.4.3.1-17: a new member has a key of each node above it that counts it in.

    Without one, there would be commits that it could not follow (section 7.5).
    """
    for x in direct_path(me, public.tree.n_leaves):
        node = public.tree.parent(x)
        if node is not None and me not in node.unmerged_leaves and x not in keys:
            raise ProtocolError("RFC9420-12.4.3.1-17", "a Welcome lacks a path secret that is due")


def _check_confirmation_tag(
    public: PublicGroup, group_info: GroupInfo, secrets: EpochSecrets
) -> None:
    """RFC9420-12.4.3.1-15: the sender of the Welcome arrived at the same epoch."""
    confirmed, tag = public.context.confirmed_transcript_hash, group_info.confirmation_tag
    try:
        verify_confirmation_tag(public.suite, secrets.confirmation_key, confirmed, tag)
    except CryptoError as err:
        raise ProtocolError(
            "RFC9420-12.4.3.1-15", "the confirmation tag of a GroupInfo is wrong"
        ) from err
