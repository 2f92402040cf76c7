"""Creating a group of one (RFC 9420 section 11)."""

from __future__ import annotations

from mifeng_crypto.mls.group.epoch import Epoch, begin_epoch
from mifeng_crypto.mls.group.leaf import sign_leaf
from mifeng_crypto.mls.group.public_group import PublicGroup
from mifeng_crypto.mls.keys.key_schedule import derive_epoch_of
from mifeng_crypto.mls.keys.transcript import confirmation_tag, interim_transcript_hash
from mifeng_crypto.mls.tree.leaf_check import check_leaf_extensions, check_profiles
from mifeng_crypto.mls.tree.ratchet_tree import RatchetTree
from mifeng_crypto.mls.tree.tree_hash import tree_hash
from mifeng_crypto.mls.tree.tree_math import LeafIndex, node_of
from mifeng_crypto.mls.wire import registry
from mifeng_crypto.mls.wire.credential import Credential
from mifeng_crypto.mls.wire.extension import Extension
from mifeng_crypto.mls.wire.group_context import GroupContext
from mifeng_crypto.mls.wire.leaf_node import Capabilities, FromKeyPackage, Lifetime
from mifeng_crypto.rand import Rng
from mifeng_crypto.secret import Secret
from mifeng_crypto.suite import Suite


def create(
    *,
    suite: Suite,
    group_id: bytes,
    signature_key: Secret,
    credential: Credential,
    capabilities: Capabilities,
    lifetime: Lifetime,
    leaf_extensions: tuple[Extension, ...] = (),
    extensions: tuple[Extension, ...] = (),
    rng: Rng,
) -> Epoch:
    """Create a group with oneself as its only member, in epoch 0.

    Args:
        signature_key: the device's private signature key.
        lifetime: of the first leaf, in unix seconds; it counts until the first own commit.
        extensions: the group's.

    Raises:
        ProtocolError: RFC9420-7.3-3, 7.3-6, 13.4-2: the own capabilities do not fit the extensions.
    """
    pair = suite.generate_key_pair(rng=rng)
    leaf = sign_leaf(
        suite,
        signature_key,
        public=suite.public_signature_key(signature_key),
        encryption_key=pair.public,
        credential=credential,
        capabilities=capabilities,
        source=FromKeyPackage(lifetime),
        extensions=leaf_extensions,
    )
    check_leaf_extensions(leaf)
    tree = RatchetTree.of(suite, (leaf,))
    profiles = tree.index.profiles
    check_profiles(profiles, among=profiles, extensions=extensions)
    context = GroupContext(registry.MLS10, suite.id, group_id, 0, tree_hash(tree), b"", extensions)
    derived = derive_epoch_of(suite, Secret(rng(suite.hash_bytes)))
    tag = confirmation_tag(suite, derived[0].confirmation_key, b"")
    public = PublicGroup(
        suite=suite,
        context=context,
        tree=tree,
        interim_transcript_hash=interim_transcript_hash(suite, b"", tag),
    )
    me = LeafIndex(0)
    return begin_epoch(public, me, {node_of(me): pair.private}, derived)
