"""Welcomes to groups that are not what they should be (RFC 9420 sections 7, 12.4.3, 12.4.3.1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from mifeng_crypto.mls.group import group_info
from mifeng_crypto.mls.wire import registry
from mifeng_crypto.mls.wire.credential import Certificate, X509Credential
from mifeng_crypto.mls.wire.extension import Extension, RequiredCapabilities
from mifeng_crypto.mls.wire.leaf_node import LeafNode
from mifeng_crypto.mls.wire.message import encode_message
from mifeng_crypto.mls.wire.parent_node import Node, ParentNode
from mifeng_crypto.mls.wire.psk import (
    ExternalPsk,
    PreSharedKeyID,
    ResumptionPsk,
    ResumptionPSKUsage,
)
from mifeng_crypto.mls.wire.welcome import GroupInfo
from mifeng_crypto.tls import encode
from tests.vectors_own.faults_key_package import SMALL_ORDER_ED25519
from tests.vectors_own.files import Collector, Vector
from tests.vectors_own.letter import Addition, Letter, Nodes, with_tree
from tests.vectors_own.mallory import Edit, forge_commit
from tests.vectors_own.members import (
    BASIC_ONLY,
    GROUP_ID,
    UNKNOWN_EXTENSION,
    Person,
    Scene,
    group_extensions,
)
from tests.vectors_own.signing import flip, sign_group_info, sign_leaf

GINA, IVY = 6, 4
SHARED = PreSharedKeyID(ExternalPsk(b"shared"), b"n" * 32)


class Letters:
    """Fred's Welcomes to ivy, all but one of which are refused."""

    def __init__(self, scene: Scene) -> None:
        self.addition = Addition.of(scene["fred"], Person("ivy"))
        self.collect = Collector("join", self.addition.write())

    def __call__(self, rule: str, what: str, how: Letter) -> None:
        self.collect(rule, what, **self.addition.write(how))


def secrets(scene: Scene) -> Iterator[Vector]:
    """Whether it is for this client, decrypts, and brings the keys."""
    letter = Letters(scene)
    other = Person("somebody else").new_bundle().key_package
    letter("12.4.3.1-1", "another KeyPackageRef", Letter(entry=change("new_member", flip)))
    letter(
        "12.4.3.1-1", "an empty KeyPackageRef", Letter(entry=change("new_member", lambda _: b""))
    )
    letter("12.4.3.1-1", "no secrets", Letter(welcome=lambda w: replace(w, secrets=())))
    for number in (0, 2, 3, 0xFFFF):
        suite = Letter(welcome=lambda w, number=number: replace(w, cipher_suite=number))  # type: ignore[misc]
        letter("12.4.3.1-1", f"cipher suite {number}", suite)

    wrong = {
        "secrets flipped": Letter(entry=sealed("ciphertext", flip)),
        "secrets cut": Letter(entry=sealed("ciphertext", lambda c: c[:-1])),
        "empty secrets": Letter(entry=sealed("ciphertext", lambda _: b"")),
        "kem_output flipped": Letter(entry=sealed("kem_output", lambda c: flip(c, 0))),
        "an empty kem_output": Letter(entry=sealed("kem_output", lambda _: b"")),
        "a kem_output of zeros": Letter(entry=sealed("kem_output", lambda c: bytes(len(c)))),
        "secrets for somebody else": Letter(init_key=other.init_key),
        "secrets for the key of the leaf": Letter(
            init_key=letter.addition.to.key_package.leaf_node.encryption_key
        ),
        "secrets under another label": Letter(secrets_label="UpdatePathNode"),
        "another GroupInfo beside the secrets": Letter(
            welcome=lambda w: replace(w, encrypted_group_info=flip(w.encrypted_group_info))
        ),
        "a byte behind the secrets": Letter(secrets=lambda plain: plain + b"\0"),
        "half of the secrets": Letter(secrets=lambda plain: plain[:30]),
        "secrets of nothing": Letter(secrets=lambda _: b""),
    }
    for what, how in wrong.items():
        letter("12.4.3.1-10", what, how)
    for usage in (ResumptionPSKUsage.REINIT, ResumptionPSKUsage.BRANCH):
        psk = PreSharedKeyID(ResumptionPsk(usage, GROUP_ID, 1), b"n" * 32)
        letter("12.4.3.1-11", f"a PSK for {usage.name}", Letter(used_psks=(psk,)))
    infos = {
        "another joiner_secret": Letter(joiner=flip),
        "a joiner_secret of zeros": Letter(joiner=lambda joiner: bytes(len(joiner))),
        "an empty joiner_secret": Letter(joiner=lambda _: b""),
        "a sealed GroupInfo flipped": Letter(sealed=flip),
        "an empty GroupInfo": Letter(sealed=lambda _: b""),
        "a byte behind the GroupInfo": Letter(info=lambda info: info + b"\0"),
        "half of a GroupInfo": Letter(info=lambda info: info[: len(info) // 2]),
        "a PSK that was not used": Letter(listed_psks=(SHARED,)),
        "a PSK that is not listed": Letter(used_psks=(SHARED,), listed_psks=()),
    }
    for what, how in infos.items():
        letter("12.4.3.1-12", what, how)
    letter("7.5-6", "a path secret flipped", Letter(path_secret=edit(flip)))
    letter("7.5-6", "an empty path secret", Letter(path_secret=lambda _: b""))
    letter("7.5-6", "a path secret of zeros", Letter(path_secret=lambda _: bytes(32)))
    own = letter.addition.forged.own
    assert own is not None, "fred's commit has a path"
    root = own.secrets.path_secrets[7]  # type: ignore[index]
    letter("7.5-6", "the path secret of the root", Letter(path_secret=lambda _: root))
    letter("12.4.3.1-17", "no path secret", Letter(path_secret=lambda _: None))
    for what, message in {
        "a Welcome cut": Letter(message=lambda data: data[:-1]),
        "a byte behind a Welcome": Letter(message=lambda data: data + b"\0"),
        "a Welcome of nothing": Letter(message=lambda _: b""),
    }.items():
        letter("codec", what, message)
    version = Letter(message=lambda data: b"\0\2" + data[2:])
    letter("6-3", "a Welcome of version 2", version)
    commit = forge_commit(scene["fred"]).message
    letter("6-3", "a commit for a Welcome", Letter(message=lambda _: commit))
    yield from letter.collect.vectors


def edit(change: Edit[bytes]) -> Edit[bytes | None]:
    def apply(value: bytes | None) -> bytes | None:
        assert value is not None, "there is one to change"
        return change(value)

    return apply


def change(name: str, how: Edit[bytes]) -> Edit:  # type: ignore[type-arg]
    return lambda value: replace(value, **{name: how(getattr(value, name))})


def sealed(name: str, how: Edit[bytes]) -> Edit:  # type: ignore[type-arg]
    part = change(name, how)
    return lambda entry: replace(entry, encrypted_group_secrets=part(entry.encrypted_group_secrets))


def infos(scene: Scene) -> Iterator[Vector]:
    """What the GroupInfo says, and who signed it."""
    letter, anna = Letters(scene), scene["anna"]
    for version in (0, 2, 0xFFFF):
        context = change_context(version=version)
        letter("12.4.3.1-2", f"a group of version {version}", context)
    for number in (0, 2, 3, 0xF002, 0xFFFF):
        context = change_context(cipher_suite=number)
        letter("12.4.3.1-5", f"a group of cipher suite {number}", context)
    signers = {
        "signed by another member": Letter(signature_key=anna.key),
        "that names another signer": Letter(signer=anna.leaf),
        "signed by a blank leaf": Letter(signer=7),
        "signed by a leaf beyond the tree": Letter(signer=8),
        "signed by the last possible leaf": Letter(signer=2**32 - 1),
        "with a signature flipped": Letter(signature=flip),
        "with an empty signature": Letter(signature=lambda _: b""),
        "with a signature under another label": Letter(label="FramedContentTBS"),
    }
    for what, how in signers.items():
        letter("12.4.3.1-3", f"a GroupInfo {what}", how)
    hashes = {"flipped": flip, "cut": lambda due: due[:-1], "of nothing": lambda _: b""}
    for what, how_hash in hashes.items():
        wrong = Letter(
            context=lambda c, how_hash=how_hash: replace(c, tree_hash=how_hash(c.tree_hash))  # type: ignore[misc]
        )
        letter("12.4.3.1-4", f"a tree hash {what}", wrong)
    letter("12.4.3.1-4", "a tree without its last member", Letter(tree=lambda nodes: nodes[:11]))
    moved = Letter(tree=lambda nodes: [nodes[4], *nodes[1:4], nodes[0], *nodes[5:]])
    letter("12.4.3.1-4", "a tree with two members exchanged", moved)
    tags = {
        "flipped": flip,
        "cut": lambda due: due[:-1],
        "of nothing": lambda _: b"",
        "of zeros": lambda due: bytes(len(due)),
    }
    for what, how_tag in tags.items():
        letter("12.4.3.1-15", f"a confirmation tag {what}", Letter(tag=how_tag))
    used = Extension(0xF101, b"")
    twice = change_context(extensions=(*group_extensions(), used))
    letter("13.4-1", "an extension of the group twice", twice)
    letter("13.4-1", "an extension of the GroupInfo twice", Letter(extensions=(used, used)))
    unknown = change_context(extensions=(Extension(UNKNOWN_EXTENSION, b""),))
    letter("13.4-2", "an extension of the group that is not supported", unknown)
    for what, needs in {
        "extension": RequiredCapabilities((UNKNOWN_EXTENSION,), (), ()),
        "proposal": RequiredCapabilities((), (0xF2FF,), ()),
        "credential": RequiredCapabilities((), (), (0xF3FF,)),
    }.items():
        required = Extension(registry.REQUIRED_CAPABILITIES, encode(needs))
        letter(
            "7.3-3", f"a required {what} that nobody has", change_context(extensions=(required,))
        )
    malformed = Extension(registry.REQUIRED_CAPABILITIES, b"\1")
    letter("11.1-1", "required_capabilities cut", change_context(extensions=(malformed,)))
    garbage = Extension(registry.RATCHET_TREE, b"\xff")
    letter("12.4.3.3-1", "a ratchet_tree extension of garbage", Letter(extensions=(garbage,)))
    yield from letter.collect.vectors


def change_context(**changes: object) -> Letter:
    return Letter(context=lambda context: replace(context, **changes))  # type: ignore[arg-type]


def trees(scene: Scene) -> Iterator[Vector]:
    """The structure of the tree; its hash and the signature over that are right."""
    letter = Letters(scene)

    def tree(rule: str, what: str, change: Edit[Nodes]) -> None:
        letter(rule, what, Letter(nodes=change))

    def parent(x: int, **changes: object) -> Edit[Nodes]:
        def apply(nodes: Nodes) -> Nodes:
            found = nodes[x]
            assert isinstance(found, ParentNode), "a parent that is not blank"
            return put(nodes, x, replace(found, **changes))  # type: ignore[arg-type]

        return apply

    letter("12.4.3.3-1", "a tree of no nodes", Letter(tree=lambda _: []))
    letter("12.4.3.3-1", "a tree of one blank node", Letter(tree=lambda _: [None]))
    letter("12.4.3.3-1", "a tree that ends blank", Letter(tree=lambda nodes: [*nodes, None]))
    tree("12.4.3.3-2", "a leaf for a parent", borrowed(1, 0))
    tree("12.4.3.3-2", "a parent for a leaf", borrowed(0, 3))
    for what, unmerged in {"twice": (1, 1), "in falling order": (1, 0)}.items():
        tree("7.1-1", f"unmerged leaves {what}", parent(3, unmerged_leaves=unmerged))
    for what, x, leaf in (
        ("blank", 11, 7),
        ("not below", 3, 5),
        ("beyond the tree", 7, 8),
        ("the last possible one", 7, 2**32 - 1),
    ):
        tree("12.4.3.1-7", f"an unmerged leaf that is {what}", parent(x, unmerged_leaves=(leaf,)))
    what = "a leaf that is unmerged only further up"
    tree("12.4.3.1-8", what, parent(7, unmerged_leaves=(2,)))
    letter_of_root = parent(7, unmerged_leaves=(1, 3))
    tree("12.4.3.1-8", "two leaves of which one is unmerged only further up", letter_of_root)

    for x in (3, 5, 9, 11):
        parent_hash = parent(x, parent_hash=bytes(32))
        tree("7.9.2-1", f"another parent hash in node {x}", parent_hash)
    for x in (3, 5, 7, 9, 11):
        key = parent(x, encryption_key=Person("key").rng(32))
        tree("7.9.2-1", f"another key in node {x}", key)
    tree("7.9.2-1", "a parent hash in the root", parent(7, parent_hash=bytes(32)))
    tree("7.9.2-1", "a newcomer who is not listed as unmerged", parent(3, unmerged_leaves=()))
    fresh = Person("key").rng(32)
    with_hana = placed(1, ParentNode(fresh, b"", (1,)))
    tree("7.9.2-1", "a parent that nobody set above an unmerged leaf", with_hana)
    tree("7.9.2-1", "a parent that nobody set", placed(13, ParentNode(fresh, b"", ())))
    tree("7.9.2-1", "a node that nobody chains to", placed(5, None))
    for what, (x, y) in {
        "a leaf's key in a parent": (3, 0),
        "a parent's key in another parent": (5, 3),
        "the root's key in a parent": (11, 7),
    }.items():
        tree("12.4.3.1-9", what, borrowed(x, y, "encryption_key"))
    tree("7.3-8", "two leaves with one signature key", borrowed(12, 0, "signature_key"))
    tree("7.3-9", "two leaves with one encryption key", borrowed(12, 0, "encryption_key"))
    yield from letter.collect.vectors


def put(nodes: Nodes, x: int, node: Node | None) -> Nodes:
    return [*nodes[:x], node, *nodes[x + 1 :]]


def placed(x: int, node: Node | None) -> Edit[Nodes]:
    return lambda nodes: put(nodes, x, node)


def borrowed(x: int, y: int, field: str | None = None) -> Edit[Nodes]:
    """Put node `y`, or one field of it, to `x` as well."""

    def apply(nodes: Nodes) -> Nodes:
        here, there = nodes[x], nodes[y]
        if field is None:
            return put(nodes, x, there)
        assert here is not None, "there is one to change"
        return put(nodes, x, replace(here, **{field: getattr(there, field)}))

    return apply


def leaves(scene: Scene) -> Iterator[Vector]:
    """A member whose leaf is invalid, in a tree that fred's path covers: all hashes are right."""
    gina, fred = scene["gina"], scene["fred"]
    good = gina.now.leaf
    letter = Letters(scene)

    def signed(leaf: LeafNode, **how: object) -> LeafNode:
        arguments = {"key": gina.key, "group_id": GROUP_ID, "leaf_index": GINA} | how
        return sign_leaf(gina.suite, leaf=leaf, **arguments)  # type: ignore[arg-type]

    def member(rule: str, what: str, leaf: LeafNode) -> None:
        evil = with_tree(fred, lambda nodes: put(nodes, 2 * GINA, leaf))
        letter.collect(rule, what, **Addition.of(evil, Person("ivy")).write())

    def able(rule: str, what: str, **less: object) -> None:
        changed = replace(good, capabilities=replace(BASIC_ONLY, **less))  # type: ignore[arg-type]
        member(rule, f"a member {what}", signed(changed))

    for what, leaf in {
        "flipped": replace(good, signature=flip(good.signature)),
        "by another member": signed(good, key=fred.key),
        "for another group": signed(good, group_id=b"another group"),
        "for another leaf": signed(good, leaf_index=5),
        "under another label": signed(good, label="KeyPackageTBS"),
    }.items():
        member("7.3-2", f"a member with a leaf signature {what}", leaf)
    for what, key in SMALL_ORDER_ED25519.items():
        member("KEY-1", f"a member whose key is {what}", signed(replace(good, signature_key=key)))
    unknown = (Extension(UNKNOWN_EXTENSION, b""),)
    what = "a member with an extension that it does not support"
    member("7.3-6", what, signed(replace(good, extensions=unknown)))
    twice = (Extension(0xF102, b""),) * 2
    member("13.4-1", "a member with an extension twice", signed(replace(good, extensions=twice)))
    able("7.2-1", "that does not support MLS 1.0", versions=())
    able("7.3-3", "without a required extension", extensions=(0xF101,))
    able("7.3-3", "without a required proposal", proposals=())
    able("7.3-3", "without a required credential", credentials=(1,))
    able("7.3-4", "that does not support basic credentials", credentials=(0xF300,))
    able("13.4-2", "without an extension of the group", extensions=(0xF100,))
    certificate = X509Credential((Certificate(b"a certificate"),))
    strange = replace(good, credential=certificate, capabilities=BASIC_ONLY)
    member("7.3-4", "a member with a credential that it does not support", signed(strange))
    yield from letter.collect.vectors


def own_places(scene: Scene) -> Iterator[Vector]:
    """Groups in which the receiver is not where it should be."""
    fred, letter = scene["fred"], Letters(scene)

    def join(rule: str, what: str, addition: Addition, how: Letter | None = None) -> None:
        letter.collect(rule, what, **addition.write(*(() if how is None else (how,))))

    jim = Addition.of(fred, Person("ivy"), adds=Person("jim"))
    join("12.4.3.1-13", "a group without the receiver", jim)
    twin = Person("ivy")
    join(
        "12.4.3.1-13",
        "a group with another leaf of the receiver",
        Addition.of(fred, twin, adds=twin),
    )
    ivy = Person("ivy")
    by_herself = Letter(signer=IVY, signature_key=ivy.key)
    join("12.4.3.1-14", "a Welcome from its receiver", Addition.of(fred, ivy), by_herself)
    yield from letter.collect.vectors


def group_infos(scene: Scene) -> Iterator[Vector]:
    """GroupInfos as a server takes them, with their trees apart."""
    fred = scene["fred"]
    tree = encode(fred.now.public.tree.to_wire())
    good = group_info(fred.now, signature_key=fred.key)
    control = {"message": encode_message(good).hex(), "tree": tree.hex()}
    collect = Collector("group_info", control)

    def info(rule: str, what: str, changed: GroupInfo, *, sign: bool = True) -> None:
        signed = sign_group_info(fred.suite, fred.key, changed) if sign else changed
        collect(rule, what, message=encode_message(signed))

    def context(**changes: object) -> GroupInfo:
        return replace(good, group_context=replace(good.group_context, **changes))  # type: ignore[arg-type]

    info("12.4.3.1-2", "a GroupInfo of version 2", context(version=2))
    info("12.4.3.1-2", "a GroupInfo of an unknown suite", context(cipher_suite=0x0A0A))
    info("12.4.3.1-4", "a GroupInfo of another tree", context(tree_hash=bytes(32)))
    info("12.4.3.1-3", "a GroupInfo signed for another leaf", replace(good, signer=0))
    info("12.4.3.1-3", "a GroupInfo signed by nobody", replace(good, signer=4))
    flipped = replace(good, signature=flip(good.signature))
    info("12.4.3.1-3", "a GroupInfo with a signature flipped", flipped, sign=False)
    info("12.4.3.1-3", "a GroupInfo changed after signing", context(epoch=1), sign=False)
    grease = Extension(0x0A0A, b"")
    info(
        "13.4-1", "a GroupInfo with an extension twice", replace(good, extensions=(grease, grease))
    )
    info("13.4-2", "a GroupInfo of an unknown extension", context(extensions=(grease,)))
    bad_tree = encode(fred.now.public.tree.to_wire())[:-1]
    collect("codec", "a tree cut", tree=bad_tree)
    collect("codec", "a byte behind a tree", tree=tree + b"\0")
    yield from collect.vectors


def vectors(scene: Scene) -> Iterator[Vector]:
    for part in (secrets, infos, trees, leaves, own_places, group_infos):
        yield from part(scene)
