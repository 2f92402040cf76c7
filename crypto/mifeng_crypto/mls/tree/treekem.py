"""TreeKEM (RFC 9420 sections 7.4 to 7.6): new secrets for a path, for all who should have them.

    path_secret[0] -> path_secret[1] -> ... -> path_secret[n] -> commit_secret
         |                 |                        |
       node key          node key                 root's key

A member knows the private keys of its leaf and of the non-blank nodes above it, where it is not
unmerged. They stand in a mapping by node, that is replaced and never changed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from mifeng_crypto.errors import CryptoError, ProtocolError
from mifeng_crypto.labels import (
    decrypt_with_label,
    derive_key_pair,
    derive_secret,
    encrypt_to_many_with_label,
)
from mifeng_crypto.mls.tree.leaf_check import check_encryption_key
from mifeng_crypto.mls.tree.ratchet_tree import RatchetTree
from mifeng_crypto.mls.tree.tree_edit import TreeEdit
from mifeng_crypto.mls.tree.tree_hash import parent_hash_in, path_parents
from mifeng_crypto.mls.tree.tree_math import (
    LeafIndex,
    NodeIndex,
    common_ancestor,
    copath_child,
    direct_path,
    node_of,
)
from mifeng_crypto.mls.wire.commit import HPKECiphertext, UpdatePath, UpdatePathNode
from mifeng_crypto.mls.wire.leaf_node import LeafNode
from mifeng_crypto.rand import Rng
from mifeng_crypto.secret import Secret
from mifeng_crypto.suite import Suite

PrivateKeys = Mapping[NodeIndex, Secret]


@dataclass(frozen=True, slots=True)
class PathSecrets:
    """The secrets of a path from some node up to the root, and what follows from them."""

    path_secrets: Mapping[NodeIndex, Secret]
    private_keys: PrivateKeys
    public_keys: Mapping[NodeIndex, bytes]
    commit_secret: Secret


def derive_path(suite: Suite, first: Secret, nodes: tuple[NodeIndex, ...]) -> PathSecrets:
    """Derive what belongs to `nodes`, going up, from the path secret of the lowest (section 7.4).

    For no nodes at all, `first` is itself the commit secret: `path_secret[n+1]` with n = -1.
    """
    secrets, private, public = {}, {}, {}
    path_secret = first
    for x in nodes:
        secrets[x] = path_secret
        pair = derive_key_pair(suite, path_secret, "node")
        private[x], public[x] = pair.private, pair.public
        path_secret = derive_secret(suite, path_secret, "path")
    return PathSecrets(secrets, private, public, path_secret)


# ------------------------------------------------------------------ sending


@dataclass(frozen=True, slots=True)
class OwnPath:
    """A fresh path of the committer, merged into the tree and not yet encrypted to anybody."""

    tree: RatchetTree
    leaf: LeafNode
    secrets: PathSecrets
    private_keys: PrivateKeys


def create_path(
    tree: RatchetTree, i: LeafIndex, *, sign_leaf: Callable[[bytes, bytes], LeafNode], rng: Rng
) -> OwnPath:
    """Make new keys for leaf `i` and everything above it (sections 7.4 and 7.5).

    Args:
        sign_leaf: makes the signed leaf from its new encryption key and its parent hash.
    """
    suite = tree.suite
    pair = suite.generate_key_pair(rng=rng)
    path = tree.filtered_direct_path(i)
    secrets = derive_path(suite, Secret(rng(suite.hash_bytes)), path)
    parents, leaf_parent_hash = path_parents(tree, i, secrets.public_keys)
    leaf = sign_leaf(pair.public, leaf_parent_hash)
    edit = TreeEdit(tree)
    edit.set_path(i, leaf, parents)
    return OwnPath(edit.done(), leaf, secrets, {node_of(i): pair.private, **secrets.private_keys})


def encrypt_path(
    own: OwnPath, i: LeafIndex, *, added: Collection[LeafIndex], context: bytes, rng: Rng
) -> UpdatePath:
    """Encrypt each path secret to those below its copath child (section 7.6).

    Args:
        added: new members of this very commit; they get theirs in the Welcome.
        context: the encoded provisional GroupContext.

    Raises:
        CryptoError: a member's encryption key is none of the suite's.
    """
    tree, suite = own.tree, own.tree.suite
    new = {node_of(leaf) for leaf in added}
    nodes = []
    for x, path_secret in own.secrets.path_secrets.items():
        recipients = []
        for to in tree.resolution(copath_child(x, i)):
            if to not in new:
                node = tree.nodes[to]
                assert node is not None, "a resolution has no blank nodes"
                recipients.append((node.encryption_key, path_secret))
        sealed = encrypt_to_many_with_label(suite, recipients, "UpdatePathNode", context, rng=rng)
        ciphertexts = tuple(HPKECiphertext(*one) for one in sealed)
        nodes.append(UpdatePathNode(own.secrets.public_keys[x], ciphertexts))
    return UpdatePath(own.leaf, tuple(nodes))


# ------------------------------------------------------------------ receiving


def merge_path(
    tree: RatchetTree, i: LeafIndex, path: UpdatePath, *, added: Collection[LeafIndex]
) -> RatchetTree:
    """Check a received path against the tree and put it in (sections 7.5, 7.6, 12.4.2).

    Raises:
        ProtocolError: RFC9420-7.6-1: not one node for each of the filtered direct path;
            RFC9420-7.6-2: not one ciphertext for each node of a copath's resolution;
            KEY-2: a key is none of the suite's: nobody could encrypt to it;
            RFC9420-12.4.2-8: a key of the path is in the tree already, or twice in the path;
            RFC9420-7.9.2-2: the leaf's parent hash is not that of the path.
    """
    nodes = tree.filtered_direct_path(i)
    if len(nodes) != len(path.nodes):
        raise ProtocolError(
            "RFC9420-7.6-1", f"a path has {len(path.nodes)} nodes where {len(nodes)} are due"
        )
    new = {node_of(leaf) for leaf in added}
    for x, sent in zip(nodes, path.nodes, strict=True):
        resolution = tree.resolution(copath_child(x, i))
        due = len(resolution) - len(new.intersection(resolution))
        if len(sent.encrypted_path_secret) != due:
            raise ProtocolError(
                "RFC9420-7.6-2",
                f"a path node has {len(sent.encrypted_path_secret)} ciphertexts instead of {due}",
            )
        check_encryption_key(tree.suite, sent.encryption_key)
    _check_path_keys_are_new(tree, path)
    keys = {x: sent.encryption_key for x, sent in zip(nodes, path.nodes, strict=True)}
    parents, due_hash = path_parents(tree, i, keys)
    if parent_hash_in(path.leaf_node) != due_hash:
        raise ProtocolError("RFC9420-7.9.2-2", "a leaf does not carry the parent hash of its path")
    edit = TreeEdit(tree)
    edit.set_path(i, path.leaf_node, parents)
    return edit.done()


def _check_path_keys_are_new(tree: RatchetTree, path: UpdatePath) -> None:
    """RFC9420-12.4.2-8: no public key of an UpdatePath is in the tree, nor twice in the path."""
    keys = [path.leaf_node.encryption_key, *(node.encryption_key for node in path.nodes)]
    if len(set(keys)) != len(keys) or not tree.index.encryption_keys.keys().isdisjoint(keys):
        raise ProtocolError("RFC9420-12.4.2-8", "a path brings a public key that is not new")


def decrypt_path(
    tree: RatchetTree,
    me: LeafIndex,
    private_keys: PrivateKeys,
    sender: LeafIndex,
    path: UpdatePath,
    *,
    added: Collection[LeafIndex],
    context: bytes,
) -> PathSecrets:
    """Find the one ciphertext for oneself, and derive from it what is above (section 7.5).

    Args:
        tree: the tree with the path merged.
        private_keys: those of the tree before the path.

    Raises:
        CryptoError: it does not decrypt.
        ProtocolError: RFC9420-7.5-6: the secrets do not give the public keys of the path.
    """
    nodes = tree.filtered_direct_path(sender)
    at = nodes.index(common_ancestor(me, sender))
    new = {node_of(leaf) for leaf in added}
    sealed = iter(path.nodes[at].encrypted_path_secret)
    for to in tree.resolution(copath_child(nodes[at], sender)):
        if to in new:
            continue
        ciphertext = next(sealed)
        private = private_keys.get(to)
        if private is not None:
            path_secret = decrypt_with_label(
                tree.suite,
                private,
                "UpdatePathNode",
                context,
                kem_output=ciphertext.kem_output,
                ciphertext=ciphertext.ciphertext,
            )
            if len(path_secret) != tree.suite.hash_bytes:
                raise CryptoError("a path secret has the wrong length")
            return path_from(tree, nodes[at:], Secret(path_secret))
    raise AssertionError("a member has a key of each resolution that covers it")


def path_from(tree: RatchetTree, nodes: tuple[NodeIndex, ...], path_secret: Secret) -> PathSecrets:
    """Derive the secrets of `nodes` and check that the tree has their public keys (section 7.5).

    Raises:
        ProtocolError: RFC9420-7.5-6: it has others.
    """
    derived = derive_path(tree.suite, path_secret, nodes)
    for x, public in derived.public_keys.items():
        node = tree.nodes[x]
        if node is None or node.encryption_key != public:
            raise ProtocolError(
                "RFC9420-7.5-6", "a path secret does not belong to the public keys of its path"
            )
    return derived


def still_valid(tree: RatchetTree, me: LeafIndex, private_keys: PrivateKeys) -> PrivateKeys:
    """Return the keys of nodes on the own direct path that are not blank in `tree`.

    What a proposal or a path blanked or cut off is forgotten with it (section 7.5, end).
    """
    mine = (node_of(me), *direct_path(me, tree.n_leaves))
    return {x: private_keys[x] for x in mine if x in private_keys and tree.nodes[x] is not None}
