"""Commits with a wrong path, tag or time (RFC 9420 sections 7.3, 7.5, 7.6, 12.4, 12.4.2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from mifeng_crypto.mls.tree.tree_math import NodeIndex
from mifeng_crypto.mls.wire.commit import HPKECiphertext, UpdatePath, UpdatePathNode
from mifeng_crypto.mls.wire.extension import Extension
from mifeng_crypto.mls.wire.leaf_node import FromKeyPackage, FromUpdate, LeafNode
from mifeng_crypto.mls.wire.proposal import (
    Add,
    GroupContextExtensions,
    PreSharedKey,
    Proposal,
    Remove,
)
from mifeng_crypto.mls.wire.psk import ExternalPsk, PreSharedKeyID
from mifeng_crypto.secret import Secret
from tests.vectors_own.faults_key_package import SMALL_ORDER_ED25519, SMALL_ORDER_X25519
from tests.vectors_own.files import Collector, Vector
from tests.vectors_own.mallory import AS_DUE, Edit, Frame, Path, forge_commit
from tests.vectors_own.members import (
    GROUP_ID,
    LIFETIME,
    UNKNOWN_EXTENSION,
    Person,
    Scene,
    group_extensions,
)
from tests.vectors_own.signing import flip

ROOT, BELOW = NodeIndex(7), NodeIndex(11)
"""The nodes of fred's filtered direct path, from the top; leaf 4 beside him is blank."""


def of_leaf(change: Edit[LeafNode]) -> Path:
    return Path(leaf=change)


def with_source(source: FromKeyPackage | FromUpdate) -> Path:
    return of_leaf(lambda leaf: replace(leaf, source=source))


def of_node(at: int, change: Edit[UpdatePathNode]) -> Path:
    """Change one node of a path after it was encrypted; the leaf's parent hash knows only keys."""

    def done(path: UpdatePath) -> UpdatePath:
        nodes = list(path.nodes)
        nodes[at] = change(nodes[at])
        return replace(path, nodes=tuple(nodes))

    return Path(done=done)


def of_ciphertext(at: int, which: int, change: Edit[HPKECiphertext]) -> Path:
    def node(sent: UpdatePathNode) -> UpdatePathNode:
        sealed = list(sent.encrypted_path_secret)
        sealed[which] = change(sealed[which])
        return replace(sent, encrypted_path_secret=tuple(sealed))

    return of_node(at, node)


def with_key(x: NodeIndex, key: bytes) -> Path:
    return Path(keys=lambda keys: keys | {x: key})


class Paths(NamedTuple):
    """Fred's commits with a path, and the control that they share."""

    scene: Scene
    collect: Collector

    @classmethod
    def of(cls, scene: Scene) -> Paths:
        control = forge_commit(scene["fred"]).message
        return cls(scene, Collector("process", {"before": [], "message": control.hex()}, "seven"))

    def __call__(self, rule: str, what: str, path: Path) -> None:
        self.collect(rule, what, message=forge_commit(self.scene["fred"], path=path).message)

    @property
    def taken_keys(self) -> dict[str, bytes]:
        """Public keys that are in the tree already."""
        fred, tree = self.scene["fred"], self.scene["fred"].now.public.tree
        root, three = tree.nodes[7], tree.nodes[3]
        assert root is not None, "members' commits set it"
        assert three is not None, "members' commits set it"
        return {
            "its old encryption key": fred.now.leaf.encryption_key,
            "another member's encryption key": self.scene["anna"].now.leaf.encryption_key,
            "a parent's key": three.encryption_key,
            "the key of a parent that it replaces": root.encryption_key,
        }


def path_leaves(scene: Scene) -> Iterator[Vector]:
    """The leaf of a path (sections 7.3, 7.9.2, 12.4.2)."""
    fred, anna, commit = scene["fred"], scene["anna"], Paths.of(scene)
    commit("12.4.2-6", "a path leaf of a KeyPackage", with_source(FromKeyPackage(LIFETIME)))
    commit("12.4.2-6", "a path leaf of an Update", with_source(FromUpdate()))
    signatures = {
        "by another key": Path(signature_key=anna.key),
        "for another group": Path(signed_for=(b"another group", fred.leaf)),
        "for another leaf": Path(signed_for=(GROUP_ID, 4)),
        "under another label": Path(label="FramedContentTBS"),
        "flipped": Path(leaf_signed=lambda leaf: replace(leaf, signature=flip(leaf.signature))),
        "empty": Path(leaf_signed=lambda leaf: replace(leaf, signature=b"")),
        "of before a change": Path(
            leaf_signed=lambda leaf: replace(leaf, extensions=(Extension(0xF102, b""),))
        ),
    }
    for what, path in signatures.items():
        commit("7.3-2", f"a path leaf with a signature {what}", path)
    for what, key in commit.taken_keys.items():
        same_key = of_leaf(lambda leaf, key=key: replace(leaf, encryption_key=key))  # type: ignore[misc]
        commit("12.4.2-8", f"a path leaf with {what}", same_key)
    for what, key in {"is empty": b"", "is zero": SMALL_ORDER_X25519["zero"]}.items():
        weak = of_leaf(lambda leaf, key=key: replace(leaf, encryption_key=key))  # type: ignore[misc]
        commit("KEY-2", f"a path leaf whose encryption key {what}", weak)
    for what, key in SMALL_ORDER_ED25519.items():
        weak = of_leaf(lambda leaf, key=key: replace(leaf, signature_key=key))  # type: ignore[misc]
        commit("KEY-1", f"a path leaf whose signature key is {what}", weak)
    taken = Path(leaf=lambda leaf: replace(leaf, signature_key=anna.public), signature_key=anna.key)
    commit("7.3-8", "a path leaf with another member's signature key", taken)
    extensions = {
        "7.3-6": (Extension(UNKNOWN_EXTENSION, b""),),
        "13.4-1": (Extension(0xF102, b"a"), Extension(0xF102, b"b")),
    }
    for rule, bad in extensions.items():
        changed = of_leaf(lambda leaf, bad=bad: replace(leaf, extensions=bad))  # type: ignore[misc]
        commit(rule, "a path leaf with a wrong extension", changed)
    able = {
        "7.2-1 that gives up MLS 1.0": {"versions": ()},
        "7.3-3 that gives up a required extension": {"extensions": (0xF101,)},
        "7.3-3 that gives up a required proposal": {"proposals": ()},
        "7.3-3 that gives up a required credential": {"credentials": (1,)},
        "7.3-4 that gives up basic credentials": {"credentials": (0xF300,)},
        "13.4-2 that gives up an extension of the group": {"extensions": (0xF100,)},
    }
    for what, less in able.items():
        changed = of_leaf(
            lambda leaf, less=less: replace(  # type: ignore[misc]
                leaf, capabilities=replace(leaf.capabilities, **less)
            )
        )
        rule, _, what = what.partition(" ")  # noqa: PLW2901 - one text, two parts
        commit(rule, f"a path leaf {what}", changed)

    commit("7.9.2-2", "an empty parent hash", Path(parent_hash=lambda _: b""))
    commit("7.9.2-2", "a parent hash flipped", Path(parent_hash=flip))
    commit("7.9.2-2", "a parent hash cut", Path(parent_hash=lambda due: due[:-1]))

    yield from commit.collect.vectors


def path_nodes(scene: Scene) -> Iterator[Vector]:
    """The nodes of a path, and their keys (sections 7.5, 7.6, 12.4.2)."""
    fred, commit = scene["fred"], Paths.of(scene)
    lengths = {
        "no nodes": lambda path: replace(path, nodes=()),
        "one node too few": lambda path: replace(path, nodes=path.nodes[1:]),
        "one node too many": lambda path: replace(path, nodes=(path.nodes[0], *path.nodes)),
    }
    for what, change in lengths.items():
        commit("7.6-1", f"a path with {what}", Path(done=change))
    fewer: dict[str, Edit[tuple[HPKECiphertext, ...]]] = {
        "no ciphertext": lambda _: (),
        "one ciphertext too few": lambda sealed: sealed[:-1],
        "one ciphertext too many": lambda sealed: (*sealed, sealed[0]),
    }
    for at in (0, 1):
        for what, cut in fewer.items():
            if at or what != "one ciphertext too few":
                path = of_node(
                    at,
                    lambda node, cut=cut: replace(  # type: ignore[misc]
                        node, encrypted_path_secret=cut(node.encrypted_path_secret)
                    ),
                )
                commit("7.6-2", f"{what} in path node {at}", path)
    for what, key in commit.taken_keys.items():
        commit("12.4.2-8", f"a path node with {what}", with_key(BELOW, key))
    twice = Path(keys=lambda keys: dict.fromkeys(keys, keys[BELOW]))
    commit("12.4.2-8", "two path nodes of one key", twice)
    for x, name in ((BELOW, "the lower"), (ROOT, "the upper")):
        for what, key in {
            "is empty": b"",
            "has 5 bytes": b"wrong",
            "is zero": SMALL_ORDER_X25519["zero"],
            "is of small order": SMALL_ORDER_X25519["a point of order 8"],
        }.items():
            commit("KEY-2", f"{name} path node whose key {what}", with_key(x, key))
    other = fred.rng(32)
    commit("7.5-6", "a key that is not of its path secret", with_key(ROOT, other))
    lied = Path(secrets=lambda secrets: secrets | {ROOT: Secret(flip(secrets[ROOT]))})
    commit("7.5-6", "a path secret that is not of its key", lied)
    own_secret = Path(secrets=lambda secrets: dict.fromkeys(secrets, secrets[BELOW]))
    commit("7.5-6", "the path secret of another node", own_secret)
    for n in (0, 31, 33):
        short = Path(secrets=lambda secrets, n=n: secrets | {ROOT: Secret(bytes(n))})  # type: ignore[misc]
        commit("7.5-7", f"a path secret of {n} bytes", short)

    yield from commit.collect.vectors


def path_ciphertexts(scene: Scene) -> Iterator[Vector]:
    """The ciphertext for carl, who reads with the key of node 3 (sections 7.5 and 7.6)."""
    fred, commit = scene["fred"], Paths.of(scene)

    def sealed(what: str, change: Edit[HPKECiphertext]) -> None:
        commit("7.5-7", f"{what} of a path secret", of_ciphertext(1, 0, change))

    sealed("a flipped ciphertext", lambda c: replace(c, ciphertext=flip(c.ciphertext)))
    sealed("a cut ciphertext", lambda c: replace(c, ciphertext=c.ciphertext[:-1]))
    sealed("an empty ciphertext", lambda c: replace(c, ciphertext=b""))
    sealed("a flipped kem_output", lambda c: replace(c, kem_output=flip(c.kem_output, 0)))
    sealed("an empty kem_output", lambda c: replace(c, kem_output=b""))
    sealed("a longer kem_output", lambda c: replace(c, kem_output=c.kem_output + b"\0"))
    sealed("a kem_output of zeros", lambda c: replace(c, kem_output=bytes(32)))
    swapped = of_node(1, lambda n: replace(n, encrypted_path_secret=n.encrypted_path_secret[::-1]))
    commit("7.5-7", "path secrets in the wrong order", swapped)
    for what, context in {
        "the old epoch": Path(context=lambda context: replace(context, epoch=context.epoch - 1)),
        "another group": Path(context=lambda context: replace(context, group_id=b"another")),
        "the old tree": Path(
            context=lambda context: replace(context, tree_hash=fred.now.public.context.tree_hash)
        ),
        "no extensions": Path(context=lambda context: replace(context, extensions=())),
    }.items():
        commit("7.5-7", f"path secrets that were encrypted for {what}", context)
    yield from commit.collect.vectors


def without_path(scene: Scene) -> Iterator[Vector]:
    """RFC 9420 section 12.4: which commits bring a path."""
    fred = scene["fred"]
    ivy = Add(Person("ivy").new_bundle().key_package)
    control = forge_commit(fred, ivy, path=None).message
    collect = Collector("process", {"before": [], "message": control.hex()}, "seven")
    extensions = GroupContextExtensions(group_extensions())
    for what, proposals in {
        "an empty commit": (),
        "a Remove": (Remove(0),),
        "a Remove and an Add": (ivy, Remove(0)),
        "GroupContextExtensions": (extensions,),
        "GroupContextExtensions and an Add": (extensions, ivy),
    }.items():
        forged = forge_commit(fred, *proposals, path=None)
        collect("12.4-1", f"{what} without a path", message=forged.message)
    yield from collect.vectors


def tags(scene: Scene) -> Iterator[Vector]:
    """The confirmation tag, last of all (section 12.4.2)."""
    fred = scene["fred"]
    control = forge_commit(fred).message
    collect = Collector("process", {"before": [], "message": control.hex()}, "seven")

    def tag(what: str, change: Edit[bytes], *proposals: Proposal, path: bool = True) -> None:
        frame = Frame(tag=change)
        how = AS_DUE if path else None
        message = forge_commit(fred, *proposals, path=how, frame=frame).message
        collect("12.4.2-12", what, message=message)

    tag("a confirmation tag flipped", flip)
    tag("a confirmation tag cut", lambda due: due[:-1])
    tag("a confirmation tag with a byte more", lambda due: due + b"\0")
    tag("an empty confirmation tag", lambda _: b"")
    tag("a confirmation tag of zeros", lambda due: bytes(len(due)))
    old = fred.now.public.context.confirmed_transcript_hash
    key = fred.now.secrets.confirmation_key
    tag("the confirmation tag of the epoch before", lambda _: fred.suite.mac(key, old))
    ivy = Add(Person("ivy").new_bundle().key_package)
    tag("a confirmation tag flipped and no path", flip, ivy, path=False)
    shared = PreSharedKey(PreSharedKeyID(ExternalPsk(b"shared"), b"n" * 32))
    tag("a confirmation tag flipped with a PSK", flip, shared)
    wrong = forge_commit(fred, path=AS_DUE, init_secret=Secret(bytes(32))).message
    collect("12.4.2-12", "another init_secret", message=wrong)
    yield from collect.vectors


def vectors(scene: Scene) -> Iterator[Vector]:
    yield from path_leaves(scene)
    yield from path_nodes(scene)
    yield from path_ciphertexts(scene)
    yield from without_path(scene)
    yield from tags(scene)
