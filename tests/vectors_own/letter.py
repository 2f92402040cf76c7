"""A Welcome in which one thing is wrong: of a group that fred may have made up from the start.

Who sends a Welcome chooses all of it: the joiner_secret, the context, the tree. So each of them
can be changed, and what follows from it (hashes, tags, signatures) is right again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from mifeng_crypto.errors import MifengError
from mifeng_crypto.labels import encrypt_with_label
from mifeng_crypto.mls.group import KeyPackageBundle, LeafIndex, key_package_ref
from mifeng_crypto.mls.keys.key_schedule import derive_epoch, welcome_key
from mifeng_crypto.mls.keys.psk import psk_secret
from mifeng_crypto.mls.keys.transcript import confirmation_tag
from mifeng_crypto.mls.tree.ratchet_tree import RatchetTree
from mifeng_crypto.mls.tree.tree_hash import tree_hash
from mifeng_crypto.mls.tree.tree_index import TreeIndex
from mifeng_crypto.mls.tree.tree_math import common_ancestor
from mifeng_crypto.mls.wire.commit import HPKECiphertext
from mifeng_crypto.mls.wire.extension import Extension
from mifeng_crypto.mls.wire.group_context import GroupContext
from mifeng_crypto.mls.wire.message import encode_message
from mifeng_crypto.mls.wire.parent_node import Node, RatchetTreeExtension
from mifeng_crypto.mls.wire.proposal import Add
from mifeng_crypto.mls.wire.psk import PreSharedKeyID
from mifeng_crypto.mls.wire.welcome import (
    EncryptedGroupSecrets,
    GroupInfo,
    GroupSecrets,
    PathSecret,
    Welcome,
)
from mifeng_crypto.secret import Secret
from mifeng_crypto.suite import Suite
from mifeng_crypto.tls import encode
from tests.vectors_own.mallory import AS_DUE, Edit, Forged, Path, forge_commit, same
from tests.vectors_own.members import Person, private_of
from tests.vectors_own.signing import sign_group_info

Nodes = list[Node | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What is different about a Welcome, in the order in which it is made."""

    nodes: Edit[Nodes] = same
    tree: Edit[Nodes] = same
    context: Edit[GroupContext] = same
    used_psks: tuple[PreSharedKeyID, ...] = ()
    listed_psks: tuple[PreSharedKeyID, ...] | None = None
    tag: Edit[bytes] = same
    extensions: tuple[Extension, ...] = ()
    signer: int | None = None
    signature_key: Secret | None = None
    label: str = "GroupInfoTBS"
    signature: Edit[bytes] = same
    info: Edit[bytes] = same
    sealed: Edit[bytes] = same
    joiner: Edit[bytes] = same
    path_secret: Edit[bytes | None] = same
    secrets: Edit[bytes] = same
    secrets_label: str = "Welcome"
    init_key: bytes | None = None
    entry: Edit[EncryptedGroupSecrets] = same
    welcome: Edit[Welcome] = same
    message: Edit[bytes] = same


PLAIN = Letter()


@dataclass(frozen=True, slots=True)
class Addition:
    """Somebody whom fred adds, and the commit by which he does."""

    by: Person
    to: KeyPackageBundle
    forged: Forged

    @classmethod
    def of(
        cls,
        by: Person,
        to: Person,
        *,
        adds: Person | None = None,
        path: Path | None = AS_DUE,
    ) -> Addition:
        """Add `to`, or `adds` in its place; the Welcome goes to `to`."""
        bundle = to.new_bundle()
        package = bundle.key_package if adds is None else adds.new_bundle().key_package
        return cls(by, bundle, forge_commit(by, Add(package), path=path))

    def write(self, how: Letter = PLAIN) -> dict[str, Any]:
        """Return the Welcome and its tree, with what its receiver has."""
        completed, suite = self.forged.completed, self.by.suite
        assert completed is not None, "the commit is valid as such"
        after, joiner = completed.after, completed.joiner_secret
        nodes = how.nodes(list(after.tree.nodes))
        context = how.context(replace(after.context, tree_hash=hash_of(suite, nodes)))
        psks = psk_secret(suite, [(psk, bytes(32)) for psk in how.used_psks])
        try:
            key = derive_epoch(suite, joiner, psks, context)[0].confirmation_key
        except MifengError:  # such a context cannot be encoded
            key = Secret(bytes(suite.hash_bytes))
        tag = how.tag(confirmation_tag(suite, key, context.confirmed_transcript_hash))
        signer = self.by.leaf if how.signer is None else how.signer
        info = sign_group_info(
            suite,
            self.by.key if how.signature_key is None else how.signature_key,
            GroupInfo(context, how.extensions, tag, signer, b""),
            label=how.label,
        )
        info = replace(info, signature=how.signature(info.signature))
        opener = welcome_key(suite, joiner, psks)
        sealed = suite.aead_seal(opener.key, opener.nonce, b"", how.info(encode(info)))
        welcome = how.welcome(self._welcome(how, joiner, how.sealed(sealed)))
        tree = how.tree(nodes)
        return {
            **private_of(self.to),
            "welcome": how.message(encode_message(welcome)).hex(),
            "ratchet_tree": encode(RatchetTreeExtension(tuple(without_end(tree)))).hex(),
        }

    def _welcome(self, how: Letter, joiner: bytes, sealed: bytes) -> Welcome:
        suite, package = self.by.suite, self.to.key_package
        path_secret = how.path_secret(self._path_secret())
        listed = how.used_psks if how.listed_psks is None else how.listed_psks
        above = None if path_secret is None else PathSecret(Secret(path_secret))
        secrets = GroupSecrets(Secret(how.joiner(joiner)), above, listed)
        to = package.init_key if how.init_key is None else how.init_key
        plain = how.secrets(encode(secrets))
        ciphertext = encrypt_with_label(suite, to, how.secrets_label, sealed, plain)
        entry = EncryptedGroupSecrets(key_package_ref(suite, package), HPKECiphertext(*ciphertext))
        return Welcome(suite.id, (how.entry(entry),), sealed)

    def _path_secret(self) -> bytes | None:
        if self.forged.own is None:
            return None
        [(to, _)] = self.forged.applied.added
        return self.forged.own.secrets.path_secrets[common_ancestor(to, self.by.leaf)]


def hash_of(suite: Suite, nodes: Nodes) -> bytes:
    """Return the tree hash of any nodes; zeros where they are none of a tree."""
    try:
        return tree_hash(RatchetTree(suite, tuple(nodes), TreeIndex(), [None] * len(nodes)))
    except (AssertionError, IndexError):
        return bytes(suite.hash_bytes)


def without_end(nodes: Nodes) -> Nodes:
    """Take the blank nodes from the end, but for one that was put there on purpose."""
    kept = list(nodes)
    while len(kept) > 1 and kept[-1] is None and len(kept) in (15, 14, 7, 3):
        kept.pop()
    return kept


def with_tree(who: Person, change: Edit[Nodes]) -> Person:
    """Return a twin of `who` in whose group the tree is another."""
    twin, public = Person(who.name), who.now.public
    nodes = tuple(change(list(public.tree.nodes)))
    twin.rng = who.rng
    tree = RatchetTree(public.suite, nodes, public.tree.index, [None] * len(nodes))
    twin.epoch = replace(who.now, public=replace(public, tree=tree))
    return twin


def leaf_of(nodes: Nodes, i: LeafIndex) -> Node:
    found = nodes[2 * i]
    assert found is not None, "somebody is there"
    return found
